"""Doubts settled by evidence, beside the stand-ins: what the ledger claims in the end is what their books say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bot.domain.lanes import LaneKind
from bot.ledger.verifying import verify
from bot.providers.base import Health
from bot.services import foresight, settling
from tests.services.doubts import CALLS, FAULTS, resumed, seed
from tests.services.lane_office import CREDENTIALS, check, credentials, lay, variables
from tests.services.office import HURRY, IN_A_HURRY, MOD, Door, members, paying, speed_beside
from tests.support.patience import until


@pytest.mark.parametrize("programme", CALLS)
@pytest.mark.parametrize("name", FAULTS)
async def test_after_one_resume_every_award_is_final_and_the_books_agree(programme: str, name: str, door: Door) -> None:
    ids = members(14)
    async with door.open() as office:
        await seed(office, programme, ids)
        if programme == "drip-credentials":
            await office.send(paying(ids, 7), programme)  # from here on their balances are known
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, **FAULTS[name]})
        batch_id = await office.send(paying(ids), programme, confirm={"again": True})
        await office.sandbox.faults()
        doubted = (await office.states(batch_id)).count("U")
    assert doubted
    states, events = await resumed(door, speed=speed_beside(FAULTS[name]))
    assert states == {"applied": len(all_of(programme, ids))}
    assert {"evidence-applied", "evidence-not-landed"} & set(events)


def all_of(programme: str, ids: list[str]) -> list[str]:
    """One award for everybody, and for credentials the one before."""
    return ids * (2 if programme == "drip-credentials" else 1)


@pytest.mark.parametrize("applied", [True, False])
async def test_a_job_that_was_lost_while_nobody_asked_is_settled_by_one_resume(applied: bool, door: Door) -> None:
    ids = members(8)
    async with door.open() as office:
        await seed(office, "gameball", ids)
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, "kind": "job-lost", "applied": applied})
        await office.confirm(await office.draft(paying(ids), "gameball"))

        async def accepted() -> bool:
            return bool(await office.app.ledger.claims.jobs())

        await until(accepted)
    door.calendar.days += 1
    states, events = await resumed(door)
    assert states == {"applied": 8}
    assert ("evidence-applied" if applied else "evidence-not-landed") in events


OUTSIDE: dict[str, dict[str, Any]] = {
    "drip-credentials": {"service": "drip", "type": "discord-id"},
    "drip-members": {"service": "drip"},
}


@pytest.mark.parametrize("programme", OUTSIDE)
@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_a_balance_that_others_moved_is_left_to_a_person_with_its_numbers(
    programme: str, fault: str, door: Door
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await seed(office, programme, [one])
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, "kind": fault})
        batch_id = await office.send(paying([one]), programme)
        (award,) = await office.awards(batch_id)
        assert award.state.value == "unknown"
        whose = {"drip_id": award.target} if programme == "drip-members" else {"value": one}
        await office.sandbox.outside(**OUTSIDE[programme], **whose, amount=3)
    states, events = await resumed(door)
    assert states == {"unknown": 1}
    assert not [kind for kind in events if kind.startswith("evidence")]
    async with door.open(dispatching=False) as office:
        (doubt,) = await office.app.services.batches.doubts(batch_id, MOD)
        numbers = doubt.numbers[award.id]
        assert (numbers.before, numbers.expected) == (40, 50)
        assert numbers.now == (53 if fault == "reset-after-apply" else 43)


async def test_one_quiet_member_decides_about_a_call_in_which_another_one_moved(door: Door) -> None:
    ids = members(5)
    async with door.open() as office:
        await seed(office, "drip-members", ids)
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": "reset-before-apply"})
        batch_id = await office.send(paying(ids), "drip-members")
        for award in (await office.awards(batch_id))[:4]:
            await office.sandbox.outside(service="drip", drip_id=award.target, amount=3)
    assert (await resumed(door))[0] == {"applied": 5}


async def test_members_that_contradict_each_other_are_left_to_a_person(door: Door) -> None:
    ids = members(5)
    async with door.open() as office:
        await seed(office, "drip-members", ids)
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": "reset-before-apply"})
        batch_id = await office.send(paying(ids), "drip-members")
        award = (await office.awards(batch_id))[0]
        await office.sandbox.outside(service="drip", drip_id=award.target, amount=award.amount)
    assert (await resumed(door))[0] == {"unknown": 5}


async def test_a_credential_without_a_known_balance_is_left_to_a_person(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "LONGEST_READ_SECONDS", 0.0)
    ids = members(6)  # more than are asked about in any case
    async with door.open() as office:
        await seed(office, "drip-credentials", ids)
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": "reset-after-apply"})
        await office.send(paying(ids))
    assert (await resumed(door))[0] == {"unknown": 6}


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        ({"kind": "job-lost"}, {"applied": 8}),
        ({"kind": "job-lost", "applied": False}, {"applied": 8}),
        ({"kind": "job-partial"}, {"applied": 8}),
        ({"kind": "job-partial", "applied": False}, {"applied": 8}),
        ({"kind": "stopped"}, {"applied": 8}),
        # It says for ever that it still runs and may pay the rest at any time, so it is stopped first.
        ({"kind": "job-never-finishes"}, {"applied": 8}),
    ],
    ids=lambda value: "-".join(map(str, value.values())),
)
async def test_what_a_job_did_is_found_in_the_list_of_transactions(
    fault: dict[str, Any], states: dict[str, int], door: Door
) -> None:
    ids = members(8)
    door.calendar.speed = HURRY
    async with door.open(BURSAR_JOB_WAIT="2") as office:
        await seed(office, "gameball", ids)
        await office.sandbox.outside(service="gameball", customer=ids[0], amount=5, reason="a purchase")
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, **fault})
        await office.send(paying(ids), "gameball")
    assert (await resumed(door, BURSAR_JOB_WAIT="2"))[0] == states


async def test_a_deduction_that_was_capped_has_landed_and_says_how_much_was_taken(door: Door) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await seed(office, "gameball", [one])
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, "kind": "reset-after-apply"})
        await office.send(paying([one], -100), "gameball")
    assert (await resumed(door))[0] == {"applied": 1}
    async with door.open(dispatching=False) as office:
        (award,) = await office.awards()
        assert award.detail == "It landed in part: 40 of 100 were taken."


@pytest.mark.parametrize("cut", [0, 20])
async def test_a_transaction_that_may_be_ours_with_its_token_cut_off_is_never_paid_again(cut: int, door: Door) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await office.sandbox.switches(gameball={"reason_cut": cut})
        await seed(office, "gameball", [one])
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, "kind": "reset-after-apply"})
        await office.send(paying([one]), "gameball", reason="The winner of the long summer contest")
    assert (await resumed(door))[0] == {"unknown": 1}


async def test_reads_that_fail_decide_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "LOOKS", 2)
    ids = members(3)
    async with door.open() as office:
        await seed(office, "drip-members", ids)
        rule = {"match": {**CALLS["drip-members"], "nth": 1}, "kind": "reset-before-apply"}
        reads = {"match": {"method": "GET", "path": "/members/search", "every": 1}, "kind": "500"}
        await office.sandbox.faults(rule)
        await office.send(paying(ids), "drip-members")
        await office.sandbox.faults(reads)
    assert (await resumed(door))[0] == {"unknown": 3}
    async with door.open() as office:
        await office.sandbox.faults()
    assert (await resumed(door))[0] == {"applied": 3}


@pytest.mark.parametrize("programme", CALLS)
async def test_a_campaign_of_faults_and_resumes_leaves_no_doubt(programme: str, door: Door) -> None:
    ids = members(120)
    async with door.open(**IN_A_HURRY) as office:
        await seed(office, programme, ids)
        if programme == "drip-credentials":
            await office.send(paying(ids, 7), programme)
        await office.sandbox.faults(campaign={"rate": 0.3})
        door.calendar.speed = HURRY
        await office.send(paying(ids), programme, confirm={"again": True})
        await office.sandbox.faults()
    states, _ = await resumed(door, **IN_A_HURRY)
    assert states == {"applied": len(all_of(programme, ids))}


@pytest.mark.parametrize("programme", CALLS)
async def test_neither_do_faults_that_reads_meet_as_well_and_that_last(programme: str, door: Door) -> None:
    """The look-up, the reads before calls, the calls, and what ``resume`` does; of people who were not paid before."""
    ids = members(120)
    async with door.open(**IN_A_HURRY) as office:
        await seed(office, programme, ids)
        await office.sandbox.faults(campaign={"rate": 0.3, "seed": 5})
        door.calendar.speed = HURRY
        await office.send(paying(ids), programme)
    states, _ = await resumed(door, **IN_A_HURRY)
    assert set(states) <= {"applied", "unknown"}
    assert states["applied"] >= (0.99 if programme == "drip-credentials" else 1) * len(ids)


@pytest.mark.parametrize("twins", [False, True], ids=["by balances", "by twins"])
@pytest.mark.parametrize("status", ["400", "404"])
async def test_of_a_credentials_call_that_is_refused_for_one_row_the_others_are_paid(
    status: str, twins: bool, door: Door
) -> None:
    """Its refusal proves nothing at first. What then is found not to have landed goes in halves, until it is alone."""
    ids = members(8)
    lanes = variables(LaneKind.TWINS, door) if twins else {}
    async with door.open(settling=True, **lanes) as office:
        await credentials(office, ids[:-1])
        assert not twins or await lay(office.app, CREDENTIALS) == [Health.OK]
        door.calendar.speed = HURRY
        await office.sandbox.switches(drip={"unknown_credential": status})
        batch_id = await office.send(paying(ids), CREDENTIALS)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "AAAAAAAR"
        assert await office.state(batch_id) == "finished"
        assert (await office.awards(batch_id))[-1].detail == (
            "Drip refused it: nobody is known there under this id (Credential not found)."
        )
        await check(office)
        assert (await verify(office.app.ledger.database)).bad is None


async def test_in_a_stopped_batch_a_refused_call_that_did_not_land_is_cancelled(door: Door) -> None:
    ids = members(12)
    async with door.open() as office:
        await credentials(office, ids[1:])
        await office.sandbox.switches(drip={"unknown_credential": "404"})
        await office.sandbox.faults({"match": {**CALLS[CREDENTIALS], "nth": 2}, "kind": "401"})
        batch_id = await office.send(paying(ids), CREDENTIALS)
        assert (await office.states(batch_id), await office.state(batch_id)) == ("U" * 10 + "PP", "paused:key")
        await office.app.services.batches.stop(batch_id, MOD)
    assert (await resumed(door))[0] == {"cancelled": 12}


async def test_credentials_that_are_not_there_are_still_known_not_to_be_when_they_are_sent_again(door: Door) -> None:
    there, *others = members(4)
    async with door.open() as office:
        await seed(office, "drip-credentials", [there])
        await office.send(paying([there]), "drip-credentials")  # so that the key is seen to find who is there
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": [1, 2]}, "kind": "502"})
        await office.send(paying(others), "drip-credentials")
    assert (await resumed(door))[0] == {"applied": 1, "rejected": 3}


NO_ANSWER = ["html-200", "broken-json", "empty-200", "deep-200", "cut-body"]


@pytest.mark.parametrize("kind", NO_ANSWER)
@pytest.mark.parametrize("programme", CALLS)
async def test_an_answer_to_a_look_that_cannot_be_read_is_asked_for_again(
    programme: str, kind: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOKS", 2)
    ids = members(3)
    async with door.open() as office:
        await seed(office, programme, ids)
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, "kind": "reset-before-apply"})
        await office.send(paying(ids), programme)
        reads = {"method": "GET"}
        await office.sandbox.faults({"match": reads, "kind": kind})
    assert (await resumed(door, speed=5 * HURRY))[0] == {"unknown": 3}
    async with door.open(dispatching=False) as office:
        await office.sandbox.faults({"match": {**reads, "nth": [1, 2, 3]}, "kind": kind})
    assert (await resumed(door))[0] == {"applied": 3}


@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
@pytest.mark.parametrize(("access", "left"), [("granted", "applied"), ("hidden", "unknown")])
async def test_newcomers_are_paid_again_only_if_the_key_is_seen_to_find_who_is_there(
    fault: str, access: str, left: str, door: Door
) -> None:
    ids = members(8)
    async with door.open() as office:
        await office.sandbox.switches(drip={"auto_create": True, "credentials_access": access})
        await office.send(paying(ids[:4]))
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": fault})
        await office.send(paying(ids[4:]))
        await office.sandbox.faults()
    assert (await resumed(door))[0] == Counter(["applied"] * 4 + [left] * 4)
