"""``doctor --probe``: nothing without a named account and a yes; a table or JSON; 0 or 1."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.ledger._lock import DriverLock
from tests.console.conftest import Shell
from tests.console.support import write_csv
from tests.support.sandbox import Sandbox

OWN, OTHER = "a" * 24, "b" * 24
MEMBER = ("doctor", "--probe", "--drip-member", OWN, "--second-drip-member", OTHER)


@pytest.fixture(autouse=True)
async def accounts(sandbox: Sandbox) -> None:
    """As in earnest: only who is there is there."""
    await sandbox.switches(drip={"open": False}, gameball={"open": False})
    await sandbox.seed(
        members=[{"drip_id": OWN, "balance": 3}, {"drip_id": OTHER, "balance": 0}],
        credentials=[{"type": "discord-id", "value": "175000000000000001", "balance": 0}],
        customers=[{"id": "ada", "balance": 30}],
    )


async def writes(sandbox: Sandbox) -> list[str]:
    return [call["path"] for call in await sandbox.calls() if call["method"] != "GET"]


async def left(sandbox: Sandbox) -> dict[str, int]:
    sums: dict[str, int] = {}
    for service in ("drip", "gameball"):
        for change in await sandbox.applied(service):
            sums[change["recipient"]] = sums.get(change["recipient"], 0) + change["effect"]
    return {who: amount for who, amount in sums.items() if amount}


async def test_all_three_are_probed_and_everything_is_taken_back(shell: Shell, sandbox: Sandbox):
    more = ("--credential", "discord-id:175000000000000001", "--customer", "ada", "--yes", "--json")
    done = await shell(*MEMBER, *more)
    assert done.status == 0, done.out + done.err
    assert done.json["ok"] is True
    values = {one["programme"]: {a["name"]: a["value"] for a in one["answers"]} for one in done.json["probe"]}
    assert values["drip-members"]["overdraft"] == "refused-whole"
    assert values["drip-credentials"]["order"] == "given"
    assert values["gameball"]["unit"] == "points"
    assert "fails for all (probed " in done.json["promises"]["drip-members"]
    assert await left(sandbox) == {}
    found = (await shell("doctor", "--json")).json["findings"]
    told = {finding["topic"]: finding["message"] for finding in found}
    assert told["drip-members"] == done.json["promises"]["drip-members"]
    assert "Not probed" not in told["gameball"] + told["drip-credentials"]


async def test_people_get_a_table(shell: Shell):
    done = await shell(*MEMBER, "--yes")
    assert done.status == 0, done.err
    (line,) = [line for line in done.out.splitlines() if "a deduction below zero" in line]
    assert line.endswith("  refused-whole")
    assert "Everything was taken back." in done.out


async def test_doctor_says_that_nothing_was_probed(shell: Shell):
    findings = (await shell("doctor", "--json")).json["findings"]
    (card,) = [finding for finding in findings if finding["topic"] == "drip-members"]
    assert card["message"].startswith("Not probed (doctor --probe), so Bursar assumes the worst")


async def test_a_unit_that_the_probe_contradicts_fails_the_doctor(shell: Shell, sandbox: Sandbox):
    await sandbox.switches(gameball={"unit": "money"})
    done = await shell("doctor", "--probe", "--customer", "ada", "--yes", "--json")
    assert done.status == 0, done.err
    assert "found money" in done.json["promises"]["gameball"]
    told = await shell("doctor")
    assert told.status == 1
    assert "correct GAMEBALL_AMOUNT_UNIT" in told.out


async def test_the_unit_can_be_found_out_before_it_is_set(shell: Shell):
    done = await shell("doctor", "--probe", "--customer", "ada", "--yes", "--json", GAMEBALL_AMOUNT_UNIT="")
    assert done.status == 0, done.err
    assert {a["name"]: a["value"] for a in done.json["probe"][0]["answers"]}["unit"] == "points"


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "--probe", "--yes"),
        ("doctor", "--drip-member", OWN),
        ("doctor", "--yes"),
        ("doctor", "--probe", "--yes", "--drip-member", "ada"),
        ("doctor", "--probe", "--yes", "--drip-member", OWN, "--second-drip-member", OWN.upper()),
        ("doctor", "--probe", "--yes", "--drip-member", OWN, "--second-currency", "gems"),
        ("doctor", "--probe", "--yes", "--credential", "175000000000000001"),
        ("doctor", "--probe", "--yes", "--credential", "custom:me"),
        ("doctor", "--probe", "--yes", "--credential", "drip-id:" + OWN),
        ("doctor", "--probe", "--yes", "--customer", " "),
        ("doctor", "--probe", "--yes", "--customer", "ada", "--evidence"),
        ("doctor", "--probe", "--yes", "--customer", "ada", "--account", "elsewhere"),
    ],
)
async def test_wrong_usage_probes_nothing(shell: Shell, sandbox: Sandbox, arguments: tuple[str, ...]):
    done = await shell(*arguments)
    assert done.status == 1
    assert done.err
    assert await writes(sandbox) == []


async def test_a_wrong_setting_probes_nothing(shell: Shell):
    done = await shell(*MEMBER, "--yes", "--json", BURSAR_JOB_WAIT="15m")
    assert (done.status, done.json["exit_status"]) == (1, 1)
    assert "BURSAR_JOB_WAIT" in done.json["error"]["message"]


async def test_without_a_yes_and_a_terminal_nothing_is_probed(shell: Shell, sandbox: Sandbox):
    done = await shell(*MEMBER, "--json")
    assert done.status == 1
    assert "--yes" in done.json["error"]["message"]
    assert done.err.startswith("Nothing was probed: ")
    assert await writes(sandbox) == []


async def test_an_account_with_an_award_in_doubt_is_not_probed(shell: Shell, sandbox: Sandbox):
    file = write_csv(shell.directory / "p.csv", "drip_id,amount", f"{OWN},5")
    await sandbox.faults({"method": "PATCH", "nth": 1, "kind": "reset-after-apply"})
    assert (await shell("bulk", file, "--programme", "drip-members", "--yes", BURSAR_SETTLE_AFTER="600")).status == 4
    before = await writes(sandbox)
    done = await shell(*MEMBER, "--yes")
    assert done.status == 1
    assert "in doubt" in done.err
    assert await writes(sandbox) == before


async def test_what_is_left_behind_is_said_and_the_status_is_1(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"method": "PATCH", "nth": 2, "kind": "422"})
    done = await shell(*MEMBER, "--yes")
    assert done.status == 1
    assert f"! The test call for new-balance changed {OWN}" in done.out
    assert "Something is left to look at" in done.out
    assert await left(sandbox) == {OWN: 1}


async def test_a_login_is_tied_to_the_account_of_the_credential_and_one_that_stays_is_named(
    shell: Shell, sandbox: Sandbox
):
    await sandbox.seed(members=[{"discord_id": "175000000000000002", "balance": 0}])
    await sandbox.switches(drip={"tells_linked": True})
    probe = ("doctor", "--probe", "--credential", "discord-id:175000000000000002", "--yes")
    done = await shell(*probe)
    assert done.status == 0, done.out + done.err
    (line,) = [line for line in done.out.splitlines() if "is the account told of a login" in line]
    assert line.endswith("  told")
    await sandbox.switches(drip={"forbidden": ["DELETE"]})
    done = await shell(*probe)
    assert done.status == 1
    assert "! The test call for linked-login made the login wallet:0x" in done.out


async def test_keys_are_never_shown(shell: Shell):
    done = await shell(*MEMBER, "--yes", "--json", DRIP_API_KEY="not-the-right-secret")
    assert done.status == 1
    assert json.loads(done.out)["probe"][0]["trouble"]
    assert "not-the-right-secret" not in done.out + done.err


GEMS = "second_currency_id"


async def ring(shell: Shell, sandbox: Sandbox) -> Shell:
    """A ring of two private balances on one account."""
    gems = sandbox.drip[GEMS]
    return replace(shell, variables={**shell.variables, "DRIP_RING": f"{OWN}:{gems},{OTHER}:{gems}"})


async def finding(shell: Shell, *arguments: str) -> dict[str, str]:
    """What doctor says of the ring."""
    found = (await shell("doctor", *arguments, "--json")).json["findings"]
    return next(one for one in found if one["topic"] == f"drip-members ring {OWN[:8]}")


async def promise(shell: Shell) -> str:
    """What doctor says that the programme can promise."""
    found = (await shell("doctor", "--json")).json["findings"]
    return next(one["message"] for one in found if one["topic"] == "drip-members")


async def test_a_ring_is_set_up_by_the_doctor_and_shown(shell: Shell, sandbox: Sandbox):
    shell = await ring(shell, sandbox)
    assert (await finding(shell))["message"] == "never set up"
    unproved = await finding(shell, "--evidence")
    assert unproved["health"] == "warning"
    assert "not in force: no probe has shown" in unproved["message"]
    gems = sandbox.drip[GEMS]
    probed = await shell("doctor", "--probe", "--drip-member", OWN, "--second-currency", gems, "--yes", "--json")
    assert probed.status == 0, probed.out + probed.err
    assert "the same call is simply sent again" in probed.json["promises"]["drip-members"]
    shown = await finding(shell)
    assert (shown["health"], shown["message"]) == ("ok", "in force, and where this ledger expects it")
    again = await finding(shell, "--evidence")
    assert again["message"].startswith("set up and in force.")
    assert await left(sandbox) == {OWN: 1}  # the ring's point, once
    await sandbox.outside(service="drip", drip_id=OTHER, currency=gems, amount=1)
    broken = await finding(shell)
    assert (broken["health"], broken["message"][:9]) == ("failed", "disturbed")
    promised = await promise(shell)
    assert "the same call is simply sent again" not in promised
    assert "No call is made for now: the operator's check accounts" in promised
    assert "one point in all" in (await finding(shell, "--evidence"))["message"]
    await sandbox.outside(service="drip", drip_id=OWN, currency=gems, amount=-1)
    anew = await finding(shell, "--evidence")
    assert (anew["health"], anew["message"][:20]) == ("ok", "set up and in force.")
    assert "It was disturbed before: the accounts hold 0, 1, and this ledger expects 1, 0" in anew["message"]
    assert "the same call is simply sent again" in await promise(shell)


async def test_evidence_without_a_place_says_what_to_set(shell: Shell):
    done = await shell("doctor", "--evidence")
    assert done.status == 1
    assert "DRIP_RING, DRIP_WITNESS and DRIP_TWINS name no place" in done.out


async def test_evidence_is_not_set_up_while_a_bot_has_the_ledger(shell: Shell, sandbox: Sandbox):
    shell = await ring(shell, sandbox)
    assert (await finding(shell, "--evidence"))["health"] == "warning"
    lock = DriverLock.take(shell.directory / "bursar.db")
    try:
        found = (await shell("doctor", "--evidence", "--json")).json["findings"]
    finally:
        lock.release()
    assert found[0]["message"].startswith("nothing was set up: ")


async def test_nothing_is_recorded_in_a_unit_that_the_probe_contradicts(shell: Shell, sandbox: Sandbox):
    await sandbox.switches(gameball={"unit": "money"})
    assert (await shell("doctor", "--probe", "--customer", "ada", "--yes")).status == 0
    before = await writes(sandbox)
    payout = write_csv(shell.directory / "payout.csv", "customer_id,amount", "ada,10")
    done = await shell("bulk", payout, "--programme", "gameball", "--yes", "--json")
    assert done.status == 2
    assert "found money: correct GAMEBALL_AMOUNT_UNIT" in done.json["error"]["message"]
    assert done.json["batch"] is None
    assert await writes(sandbox) == before
    assert (await shell("bulk", payout, "--programme", "gameball", "--yes", GAMEBALL_AMOUNT_UNIT="money")).status == 0
