"""Signals in real processes, and ``resume`` of what they left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bot.clock import SystemClock
from bot.console.early import TOGETHER
from bot.ledger.ledger import Ledger
from tests.console.conftest import Shell
from tests.console.support import ROOT, Done, environment, finished, line_that, members, payout, start
from tests.support.nursery import AnyProcess
from tests.support.patience import PATIENCE, until
from tests.support.sandbox import Sandbox

HELD = {"match": {"method": "PATCH"}, "kind": "held"}
LONG = {"BURSAR_HTTP_TIMEOUT": "600"}
"""For a call that is held until the test lets it go."""


async def under_way(shell: Shell, file: Path, *options: str, **variables: str) -> AnyProcess:
    arguments = ("bulk", str(file), "--yes", "--json", *options)
    return await start(*arguments, directory=shell.directory, variables={**shell.variables, **LONG, **variables})


async def writes(sandbox: Sandbox, path: str) -> list[dict[str, Any]]:
    return [call for call in await sandbox.calls() if call["path"].endswith(path) and call["method"] != "GET"]


CREDENTIALS = "/credentials/transaction"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_first_signal_awaits_the_call_in_flight_and_keeps_the_rest_planned(
    shell: Shell, sandbox: Sandbox, number: signal.Signals, status: int
):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 3000})
    file = payout(shell.directory / "p.csv", 6)
    process = await under_way(shell, file, "--programme", "drip-credentials", DRIP_CREDENTIALS_BATCH_SIZE="2")
    await line_that(process, "Recorded as batch 1.")
    await until(lambda: _began(sandbox))
    process.send_signal(number)
    done = await finished(process)
    assert done.status == status, done.err
    assert "Stopping" in done.err
    counts = done.json["counts"]
    assert (counts["applied"], counts["planned"], counts["unknown"], counts["sending"]) == (2, 4, 0, 0)
    assert done.json["exit_status"] == status
    await sandbox.faults()
    rest = await shell("resume", "--json")
    assert rest.status == 0, rest.err
    assert (rest.json["batch"], rest.json["counts"]["applied"]) == ("1", 6)
    totals = await sandbox.totals(recipients=True)
    assert [count for count, _ in totals["drip"][sandbox.drip["currency_id"]]["recipients"].values()] == [1] * 6


async def _began(sandbox: Sandbox) -> bool:
    return bool(await sandbox.played()) and (await sandbox.totals())["drip"] != {} and await _applied(sandbox) > 0


async def _applied(sandbox: Sandbox) -> int:
    return len(await sandbox.applied("drip"))


async def test_a_signal_is_the_status_also_when_every_award_is_final_by_then(shell: Shell, sandbox: Sandbox):
    await sandbox.faults(HELD)
    process = await under_way(shell, payout(shell.directory / "p.csv", 2), "--programme", "drip-credentials")
    await line_that(process, "Recorded as batch 1.")
    await until(lambda: _began(sandbox))
    process.send_signal(signal.SIGTERM)
    await line_that(process, "Stopping")
    await sandbox.faults()
    done = await finished(process)
    assert (done.status, done.json["counts"]["applied"]) == (143, 2)


async def test_two_signals_at_one_moment_are_one(shell: Shell, sandbox: Sandbox):
    """As ``timeout`` sends them."""
    await sandbox.faults(HELD)
    process = await under_way(shell, payout(shell.directory / "p.csv", 2), "--programme", "drip-credentials")
    await line_that(process, "Recorded as batch 1.")
    await until(lambda: _began(sandbox))
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        process.send_signal(number)
    await line_that(process, "Stopping")
    await sandbox.faults()
    done = await finished(process)
    assert (done.status in (130, 143), done.json["counts"]["applied"]) == (True, 2)


async def test_the_second_signal_leaves_at_once_and_the_row_is_in_doubt(shell: Shell, sandbox: Sandbox):
    await sandbox.faults(HELD)
    process = await under_way(shell, payout(shell.directory / "p.csv", 2), "--programme", "drip-credentials")
    await line_that(process, "Recorded as batch 1.")
    await until(lambda: _began(sandbox))
    process.send_signal(signal.SIGINT)
    await line_that(process, "Stopping")
    process.send_signal(signal.SIGTERM)
    done = await finished(process)
    assert (done.status, done.out) == (143, "")
    await sandbox.faults()
    rest = await shell("resume", "--no-wait", "--json")
    assert (rest.status, rest.json["counts"]["unknown"]) == (4, 2)
    assert [(doubt["batch"], doubt["line"]) for doubt in rest.json["doubts"]] == [("1", 2), ("1", 3)]
    assert all(doubt["why"] for doubt in rest.json["doubts"])
    assert "in doubt" in rest.err
    assert len(await writes(sandbox, CREDENTIALS)) == 1


async def test_a_signal_before_the_command_has_begun_has_the_same_status(shell: Shell):
    slow = shell.directory / "slow" / "dotenv.py"  # in the place of what the settings import
    slow.parent.mkdir()
    slow.write_text("import sys, time; print('importing', file=sys.stderr, flush=True); time.sleep(60)")
    file = payout(shell.directory / "p.csv", 2)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "bulk", str(file), "--programme", "drip-members", "--yes"),
        env={"PYTHONPATH": f"{slow.parent}{os.pathsep}{ROOT}"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        assert await process.stderr.readline() == b"importing\n"
        process.terminate()
        assert await process.wait() == 143


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["bulk", "resume"])
async def test_a_signal_before_the_command_has_begun_is_told_in_its_object(
    shell: Shell, sandbox: Sandbox, command: str, number: signal.Signals, status: int
):
    await (await Ledger.open(shell.directory / "bursar.db", SystemClock())).close()
    process, go_on = await importing(shell, command)
    for one in (signal.SIGSTOP, number, number, signal.SIGCONT):  # as `timeout` sends it
        process.send_signal(one)
    go_on.touch()
    done = await finished(process)
    assert (done.status, done.json["exit_status"], done.json["batch"]) == (status, status, None), done.err
    assert sum(done.json["counts"].values()) == 0
    assert await sandbox.calls() == []


async def test_a_second_signal_before_the_command_has_begun_leaves_at_once(shell: Shell):
    process, _ = await importing(shell, "bulk")
    process.send_signal(signal.SIGINT)
    with suppress(ProcessLookupError):
        async with asyncio.timeout(PATIENCE):
            while process.returncode is None:
                await asyncio.sleep(TOGETHER)
                process.send_signal(signal.SIGTERM)
    done = await finished(process)
    assert (done.status, done.out) == (143, "")


async def test_a_signal_before_resume_has_begun_leaves_batches_as_they_are(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "403"})
    file = payout(shell.directory / "p.csv", 2)
    assert (await shell("bulk", file, "--programme", "drip-credentials", "--yes")).status == 6
    await sandbox.faults()
    for asked in ("--stop", "--paused"):
        process, go_on = await importing(shell, "resume", asked, "1")
        process.send_signal(signal.SIGINT)
        go_on.touch()
        done = await finished(process)
        assert (done.status, done.json["counts"]["planned"]) == (130, 2), done.err
        assert [batch["state"] for batch in done.json["batches"]] == ["paused"]


async def test_a_signal_before_resume_has_begun_is_its_status_without_a_ledger_too(shell: Shell):
    process, go_on = await importing(shell, "resume")
    process.send_signal(signal.SIGTERM)
    go_on.touch()
    done = await finished(process)
    assert (done.status, done.json["exit_status"], done.json["batches"]) == (143, 143, [])


async def importing(shell: Shell, command: str, *options: str) -> tuple[asyncio.subprocess.Process, Path]:
    """A command with ``--json`` that does not get beyond an import before a file is there."""
    directory = shell.directory / "slow"
    directory.mkdir(exist_ok=True)
    go_on = directory / "go-on"
    go_on.unlink(missing_ok=True)
    (directory / "dotenv.py").write_text(
        "import importlib, os, sys, time\n"
        "print('importing', file=sys.stderr, flush=True)\n"
        f"while not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n"
        f"sys.path.remove({str(directory)!r})\n"
        "del sys.modules['dotenv']\n"
        "sys.modules['dotenv'] = importlib.import_module('dotenv')\n"
    )
    file = payout(shell.directory / "p.csv", 2)
    more = (str(file), "--programme", "drip-credentials", "--yes") if command == "bulk" else options
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", command, *more, "--json"),
        cwd=shell.directory,
        env=environment({**shell.variables, "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await line_that(process, "importing")
    return process, go_on


async def test_a_signal_before_anything_is_recorded_sends_nothing(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"path": "/members/search"}, "kind": "held"})
    process = await under_way(shell, payout(shell.directory / "p.csv", 2), "--programme", "drip-members")

    async def asked() -> bool:
        return bool((await sandbox.played())["script"][0]["played"])

    await until(asked)
    process.send_signal(signal.SIGINT)
    done = await finished(process)
    assert (done.status, done.json["batch"], done.json["error"]["kind"]) == (130, None, "stopped")
    assert await shell.awards() == []


async def test_resume_sends_what_a_kill_left_planned_and_settles_what_was_under_way(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH", "nth": [2]}, "kind": "held"})
    file = payout(shell.directory / "p.csv", 6)
    process = await under_way(shell, file, "--programme", "drip-credentials", DRIP_CREDENTIALS_BATCH_SIZE="2")
    await line_that(process, "Recorded as batch 1.")

    async def second_call() -> bool:
        return await _applied(sandbox) >= 4  # the third one may have been carried out beside it

    await until(second_call)
    process.kill()
    await finished(process)
    await sandbox.faults()
    rest = await shell("resume", "--no-wait", "--json")
    counts = rest.json["counts"]
    # The third call may have been under way beside the second one when the process was killed.
    assert (rest.status, counts["planned"], counts["applied"] + counts["unknown"]) == (4, 0, 6)
    assert counts["unknown"] in (2, 4)
    rest = await shell("resume", "--json")
    assert (rest.status, rest.json["counts"]["applied"], rest.json["doubts"]) == (0, 6, [])
    assert await _applied(sandbox) == 6


class TestResume:
    async def test_without_a_ledger_there_is_nothing_to_do(self, shell: Shell):
        done = await shell("resume", "--json")
        assert (done.status, done.json["batch"], done.json["batches"]) == (0, None, [])
        assert not (shell.directory / "bursar.db").exists()

    async def test_with_everything_done_there_is_nothing_to_do(self, shell: Shell):
        await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "gameball", "--yes")
        done = await shell("resume")
        assert (done.status, done.out) == (0, "Nothing is unfinished.\n")

    async def test_a_paused_batch_is_left_alone_and_told(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH"}, "kind": "403"})
        file = payout(shell.directory / "p.csv", 2)
        assert (await shell("bulk", file, "--programme", "drip-credentials", "--yes")).status == 6
        await sandbox.faults()
        done = await shell("resume", "--json")
        assert (done.status, done.json["counts"]["planned"]) == (6, 2)
        assert "It is paused. " in done.err
        assert await _applied(sandbox) == 0

    async def test_a_job_that_goes_on_is_followed_to_its_end_unless_told_not_to_wait(
        self, shell: Shell, sandbox: Sandbox
    ):
        await sandbox.switches(gameball={"job_delay": 6.0})
        process = await under_way(shell, payout(shell.directory / "p.csv", 2), "--programme", "gameball")
        await line_that(process, "Recorded as batch 1.")

        async def accepted() -> bool:
            return any(award["state"] == "sending" for award in await shell.awards()) and bool(
                [call for call in await sandbox.calls("gameball") if call["method"] == "GET"]
            )

        await until(accepted)
        process.kill()
        await finished(process)
        waiting = await shell("resume", "--no-wait", "--json")
        assert (waiting.status, waiting.json["counts"]["sending"]) == (6, 2)
        done = await shell("resume", "--json")
        assert (done.status, done.json["counts"]["applied"]) == (0, 2)
        assert len([call for call in await sandbox.calls("gameball") if call["method"] == "POST"]) == 1

    async def test_it_says_until_when_it_waits_for_evidence_and_settles_the_doubt(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"})
        file = payout(shell.directory / "p.csv", 2)
        assert (await shell("bulk", file, "--programme", "drip-members", "--yes")).status == 4
        assert (await shell("resume", "--no-wait")).status == 4
        waits = {**shell.variables, "BURSAR_SETTLE_AFTER": "600"}
        process = await start("resume", directory=shell.directory, variables=waits)
        await line_that(process, "what is in doubt is read back at")
        process.terminate()
        assert (await finished(process)).status == 143
        done = await shell("resume")
        assert (done.status, done.out) == (0, "Batch 1 (drip-members): 2 applied.\n")
        assert await _applied(sandbox) == 2

    async def test_of_many_doubts_it_lists_the_first_and_counts_the_rest(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH"}, "kind": "reset-after-apply"})
        await shell("bulk", payout(shell.directory / "p.csv", 25), "--programme", "drip-credentials", "--yes")
        done = await shell("resume", "--no-wait")
        assert done.status == 4
        assert "25 awards are in doubt and not sent again:" in done.out
        assert (done.out.count("\n  award "), "… and 5 more: " in done.out) == (20, True)
        assert len((await shell("resume", "--no-wait", "--json")).json["doubts"]) == 25

    async def test_it_says_what_it_did_to_people(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH"}, "kind": "reset-after-apply"})
        await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "drip-credentials", "--yes")
        await sandbox.outside(service="drip", type="discord-id", value=members(1)[0], amount=3)
        done: Done = await shell("resume")
        assert done.status == 4
        assert "Batch 1 (drip-credentials): 1 unknown." in done.out
        assert "1 award is in doubt and not sent again:" in done.out
        assert "award 1" in done.out


def test_the_json_of_both_commands_has_the_same_counts():
    from bot.console import bulk, resume

    one, other = bulk.failure({"message": "x"}, 2), resume.failure({"message": "x"}, 2)
    assert one["counts"] == other["counts"]
    assert json.dumps(one)
