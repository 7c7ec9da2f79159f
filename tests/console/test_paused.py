"""Going on with paused batches from the shell: those that are named, and no other."""

from __future__ import annotations

import pytest

from tests.console.conftest import Shell, driver
from tests.console.support import payout
from tests.support.sandbox import Sandbox


@pytest.fixture
async def paused(shell: Shell, sandbox: Sandbox) -> Shell:
    """Batches 1 and 2, of two awards each, paused by a key that may not pay."""
    await sandbox.switches(drip={"forbidden": ["PATCH "]})
    for number in (1, 2):
        file = payout(shell.directory / f"{number}.csv", 2, first=number * 10)
        assert (await shell("bulk", file, "--programme", "drip-credentials", "--yes")).status == 6
    return shell


async def states(shell: Shell) -> list[str]:
    return [award["state"] for award in await shell.awards()]


async def test_a_paused_batch_is_left_alone_and_its_way_on_is_named(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    done = await paused("resume")
    assert done.status == 6
    assert "Batch 1 (drip-credentials): 2 planned.\n  It is paused. The key may not do this at Drip" in done.out
    assert "`bursar resume --paused 1`, or `/batch resume` in Discord, goes on with it." in done.out
    assert await states(paused) == ["planned"] * 4


async def test_a_pause_is_told_once(shell: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": ["PATCH "]})
    done = await shell("bulk", payout(shell.directory / "p.csv", 2), "--programme", "drip-credentials", "--yes")
    assert (done.status, done.out.count("The key may not do this at Drip")) == (6, 1)
    assert "paused" not in done.err and "key" not in done.err


async def test_only_the_batch_that_is_named_goes_on(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    done = await paused("resume", "--paused", "2")
    assert (done.status, await states(paused)) == (6, ["planned", "planned", "applied", "applied"])
    done = await paused("resume", "--paused", "2")
    assert (done.status, "\nNothing was resumed: " in done.err) == (5, True), "it is finished"
    done = await paused("resume", "--paused", "2", "--paused", "1")
    assert done.status == 0
    assert "Nothing was resumed" not in done.err
    assert "Batch 2 is left as it is: " in done.err
    assert await states(paused) == ["applied"] * 4
    assert (await paused("verify")).status == 0


async def test_a_batch_whose_pause_has_not_been_put_right_is_paused_again(paused: Shell):
    done = await paused("resume", "--paused", "1")
    assert (done.status, await states(paused)) == (6, ["planned"] * 4)
    assert "It is paused. The key may not do this at Drip" in done.out
    assert "The key may not do this at Drip" not in done.err


async def test_a_slip_in_one_number_resumes_none(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    done = await paused("resume", "--paused", "1", "--paused", "9")
    assert (done.status, "\nNothing was resumed: " in done.err) == (2, True)
    assert (await paused("resume")).status == 6
    assert await states(paused) == ["planned"] * 4, "it is paused still"


@pytest.mark.parametrize(("named", "said"), [("9", "there is no batch 9 here"), ("x", "takes a batch's number")])
async def test_a_number_that_names_no_batch_is_wrong_usage(paused: Shell, named: str, said: str):
    done = await paused("resume", "--paused", named)
    assert (done.status, await states(paused)) == (2, ["planned"] * 4)
    assert "\nNothing was resumed: " in done.err and said in done.err
    assert "`bursar resume` alone names the batches that are paused, or not over." in done.err


async def test_a_batch_is_stopped_from_the_shell_for_good(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    done = await paused("resume", "--stop", "1", "--paused", "2")
    assert (done.status, await states(paused)) == (0, ["cancelled", "cancelled", "applied", "applied"]), done.err
    assert "Batch 1 is stopped. 2 awards cancelled, never sent." in done.err
    again = await paused("resume", "--stop", "1")
    assert (again.status, "Batch 1 was stopped before." in again.err) == (0, True)
    over = await paused("resume", "--stop", "2")
    assert (over.status, "Nothing was resumed: batch 2 is finished" in over.err) == (5, True)
    assert (await paused("resume", "--stop", "x")).status == 2
    assert (await paused("verify")).status == 0


async def test_where_one_of_several_cannot_be_stopped_none_is(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    assert (await paused("resume", "--paused", "2")).status == 6
    done = await paused("resume", "--stop", "1", "--stop", "2", "--json")
    assert (done.status, await states(paused)) == (5, ["planned", "planned", "applied", "applied"])
    assert done.json["error"]["message"].endswith(" None of the 2 batches was stopped.")
    empty = await paused("resume", "--stop", "1", "--release", " ")
    assert (empty.status, await states(paused)) == (2, ["planned", "planned", "applied", "applied"])
    twice = await paused("resume", "--stop", "1", "--stop", "1")
    assert (twice.status, twice.err.count("is stopped."), "before" in twice.err) == (0, 1, False)


async def test_what_was_stopped_is_told_also_where_nothing_can_go_on(paused: Shell, sandbox: Sandbox):
    await sandbox.switches(drip={"forbidden": []})
    assert (await paused("resume", "--paused", "2")).status == 6
    done = await paused("resume", "--stop", "1", "--paused", "2")
    assert (done.status, await states(paused)) == (0, ["cancelled", "cancelled", "applied", "applied"]), done.err
    assert "Batch 1 is stopped." in done.err
    assert "Batch 2 is left as it is: batch 2 is finished" in done.err
    assert "Nothing was resumed" not in done.err


async def test_what_is_in_doubt_in_a_batch_that_was_stopped_is_not_sent_again(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"service": "drip", "path": "/transaction", "kind": "reset-before-apply"})
    file = payout(shell.directory / "d.csv", 2)
    assert (await shell("bulk", file, "--programme", "drip-members", "--yes")).status == 4
    await sandbox.faults()
    done = await shell("resume", "--stop", "1")
    assert (done.status, await states(shell)) == (6, ["cancelled", "cancelled"]), done.err + done.out
    assert await sandbox.applied("drip") == []


@pytest.mark.parametrize("wish", [["--stop", "1"], ["--paused", "1"], ["--release", "over"]])
async def test_a_wish_is_not_passed_over_where_there_is_no_ledger(shell: Shell, wish: list[str]):
    assert (await shell("resume")).status == 0
    done = await shell("resume", *wish)
    assert (done.status, done.out) == (2, "")
    assert "Nothing was resumed: there is no ledger at " in done.err


async def test_beside_a_running_bot_the_way_to_the_same_in_discord_is_named(shell: Shell):
    async with driver(shell):
        said = {
            ("--stop", "1"): "stop the batch there, by `/batch stop`",
            ("--paused", "1"): "with a paused batch after `/batch resume`",
            ("--release", "over"): "released by the button on its card",
            (): "look at /batch list",
        }
        for wish, hint in said.items():
            done = await shell("resume", *wish)
            assert (done.status, hint in done.err) == (5, True), done.err


async def test_a_batch_that_is_to_go_on_and_to_be_stopped_is_left_as_it_is(paused: Shell):
    done = await paused("resume", "--stop", "1", "--stop", "2", "--paused", "2")
    assert (done.status, await states(paused)) == (2, ["planned"] * 4)
    assert "Nothing was resumed: batch 2 stands behind --paused and behind --stop." in done.err
