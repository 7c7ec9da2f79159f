"""Calls on rings, witnesses and twins, beside the stand-ins: what the ledger claims in the end is in their books."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.lanes import LaneKind
from bot.providers.base import Health
from bot.services.laying import standings
from bot.services.proving import plan_of
from bot.services.watching import Doing
from tests.services.lane_office import (
    CREDENTIALS,
    LONG_ENOUGH,
    MEMBERS,
    OTHER,
    OWN,
    PATHS,
    PROVED,
    check,
    lay,
    looks_at_places,
    opened,
    people,
    programme_of,
    resumed,
    rows_of,
    variables,
)
from tests.services.office import HURRY, IN_A_HURRY, Door, file_of, members, paying, speed_beside
from tests.support.patience import eventually

# Not with those of ``doubts``: a call that is carried out in part leaves a doubt on a ring too, which a look settles.
FAULTS: dict[str, dict[str, Any]] = {
    "lost before it was carried out": {"kind": "reset-before-apply"},
    "lost after it was carried out": {"kind": "reset-after-apply"},
    "carried out late": {"kind": "apply-late", "after": 0.6},
    "502 after carrying it out": {"kind": "502", "applied": True},
    "502 before carrying it out": {"kind": "502", "applied": False},
    "503 before carrying it out": {"kind": "503", "applied": False, "retry_after": 1},
    "answer cut": {"kind": "cut-body"},
    "answer cut, nothing carried out": {"kind": "cut-body", "applied": False},
    "cut in its head": {"kind": "cut-headers"},
    "no status line": {"kind": "garbage-status"},
    "no JSON": {"kind": "broken-json"},
    "a web page": {"kind": "html-200"},
    "nothing in it": {"kind": "empty-200"},
    "other types": {"kind": "wrong-types"},
    "no success": {"kind": "success-false", "applied": True},
    "no success, and nothing done": {"kind": "success-false", "applied": False},
    "partial answer": {"kind": "partial-answer"},
    "redirected": {"kind": "redirect"},
    "rate limit": {"kind": "429"},
    "408": {"kind": "408", "applied": True},
    "504": {"kind": "504", "applied": False},
    "500": {"kind": "500", "applied": True},
}


@pytest.mark.parametrize("name", FAULTS)
async def test_on_a_ring_no_fault_leaves_a_doubt_and_nobody_waits_for_a_resume(name: str, door: Door) -> None:
    ids = members(14)
    async with opened(door, LaneKind.RING, ids) as office:
        rule = {"match": {"method": "PATCH", "path": PATHS[MEMBERS], "nth": 1}, **FAULTS[name]}
        await office.sandbox.faults(rule)
        door.calendar.speed = speed_beside(FAULTS[name])
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "A" * 14
        await check(office)


@pytest.mark.parametrize("kind", [LaneKind.WITNESS, LaneKind.TWINS])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_witness_settles_a_call_after_the_quarantine(kind: LaneKind, name: str, door: Door) -> None:
    ids, programme = members(14), programme_of(kind)
    async with opened(door, kind, ids) as office:
        if kind is LaneKind.TWINS:
            await office.send(paying(ids, 7), programme)  # from here on their balances are known
        await office.sandbox.faults({"match": {"method": "PATCH", "path": PATHS[programme], "nth": 1}, **FAULTS[name]})
        await office.send(paying(ids), programme, confirm={"again": True})
        await office.sandbox.faults()
    states = await resumed(door, kind, speed=speed_beside(FAULTS[name]))
    assert states == {"applied": 14 * (1 if kind is LaneKind.WITNESS else 2)}


async def test_a_call_carries_98_awards_and_passes_the_point_on(door: Door) -> None:
    ids = members(200)
    async with opened(door, LaneKind.RING, ids, DRIP_MEMBERS_BATCH_SIZE="100") as office:
        preview = await office.draft(paying(ids), MEMBERS)
        assert preview.schedule.calls == 3
        recorded = await office.confirm(preview)
        await office.quiet()
        seed, *calls = await rows_of(office)
        assert seed == [(OWN, 1)]
        assert [len(call) for call in calls] == [100, 100, 6]
        assert [(call[0], call[-1]) for call in calls] == [
            ((OWN, -1), (OTHER, 1)),
            ((OTHER, -1), (OWN, 1)),
            ((OWN, -1), (OTHER, 1)),
        ]
        assert await office.states(recorded.batch_id) == "A" * 200
        assert await looks_at_places(office) == 3  # two when it was set up, one before the first call: none for a call


async def test_the_words_of_the_card_and_of_doctor_follow_the_evidence(door: Door) -> None:
    ids = members(1)
    async with opened(door, LaneKind.RING, ids) as office:
        programme = office.app.services.programmes.get(MEMBERS)
        promise = office.app.services.promises
        assert "the same call is simply sent again" in (await promise.of(programme.destination)).text
        account = programme.destination.account
        await office.app.ledger.capabilities.store(account, programme.kind, "overdraft", "allowed", {})
        assert (await plan_of(office.app.ledger, programme)).kind is None
        assert "settled by balances" in (await promise.of(programme.destination)).text
        (finding,) = await standings(office.app.ledger, office.app.services.programmes.provider(programme))
        assert finding.health is Health.WARNING
        assert "not in force: no probe has shown that an overdraft refuses a whole call" in finding.message


async def test_without_a_proved_ring_the_witness_is_in_force(door: Door) -> None:
    both = {**variables(LaneKind.RING, door), **variables(LaneKind.WITNESS, door)}
    async with door.open(**both) as office:
        await people(office, [])
        assert await lay(office.app, MEMBERS, overdraft="allowed") == [Health.WARNING, Health.OK]
        plan = await plan_of(office.app.ledger, office.app.services.programmes.get(MEMBERS))
        assert (plan.kind, plan.calls_at_once) == (LaneKind.WITNESS, 1)


async def test_a_ring_that_was_never_set_up_in_this_ledger_is_not_in_force(door: Door) -> None:
    async with door.open(**variables(LaneKind.RING, door)) as office:
        await people(office, members(3))
        programme = office.app.services.programmes.get(MEMBERS)
        for name, value in PROVED[MEMBERS].items():
            account = programme.destination.account
            await office.app.ledger.capabilities.store(account, programme.kind, name, value, {})
        assert (await plan_of(office.app.ledger, programme)).kind is None
        await office.send(paying(members(3)), MEMBERS)
        assert [len(call) for call in await rows_of(office)] == [3]


async def test_a_bad_row_of_a_call_on_a_ring_is_found_and_the_others_are_paid(door: Door) -> None:
    ids = members(6)
    async with opened(door, LaneKind.RING, ids) as office:
        rows = [(one, -1000 if one == ids[2] else 10) for one in ids]
        batch_id = await office.send("\n".join(["discord_id,amount", *(f"{a},{b}" for a, b in rows)]).encode(), MEMBERS)
        assert await office.states(batch_id) == "AARAAA"
        await check(office)


async def test_a_deduction_that_is_refused_alone_on_a_ring_is_the_awards_own_fault(door: Door) -> None:
    ids = members(1)
    async with opened(door, LaneKind.RING, ids) as office:
        batch_id = await office.send(paying(ids, -1000), MEMBERS)
        assert await office.states(batch_id) == "R"


async def test_when_no_answer_comes_at_all_the_next_start_looks_at_once_and_sends_again(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids, **LONG_ENOUGH) as office:
        every = {"match": {"method": "PATCH", "every": 1}, "kind": "reset-before-apply"}
        await office.sandbox.faults(every)
        door.calendar.speed = HURRY
        batch_id = await office.send(paying(ids), MEMBERS, confirm={})
        assert await office.states(batch_id) == "UUU"
        assert len(await office.writes()) == 6 + 1  # and the one that set the ring up
        await office.sandbox.faults()
    assert await resumed(door, LaneKind.RING, **LONG_ENOUGH) == {"applied": 3}
    async with door.open(dispatching=False, **variables(LaneKind.RING, door)) as office:
        kinds = [event.kind for event in await office.app.ledger.queries.events(batch_id)]
        assert "evidence-applied" in kinds  # not planned again, but sent again as it was
        assert len(await office.writes()) == 8


async def test_a_call_in_doubt_that_is_sent_again_says_so_while_its_answer_is_waited_for(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids, **LONG_ENOUGH) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "every": 1}, "kind": "reset-before-apply"})
        door.calendar.speed = HURRY
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "UUU"
        await office.sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 1000})
    door.calendar.speed = 1.0
    async with door.open(settling=True, **variables(LaneKind.RING, door), **LONG_ENOUGH) as office:
        dispatcher = office.app.services.dispatcher

        async def does() -> Doing:
            return dispatcher.activity(batch_id).doing

        await eventually(does, lambda doing: doing is Doing.SENDING_AGAIN)
        assert batch_id in office.told.changes
        await dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "AAA"


async def test_two_rings_are_two_lanes(door: Door) -> None:
    ids = members(30)
    async with opened(door, LaneKind.RING, ids, lanes=2) as office:
        plan = await plan_of(office.app.ledger, office.app.services.programmes.get(MEMBERS))
        assert plan.calls_at_once == 2
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "A" * 30


async def test_a_call_that_waits_for_its_answer_is_never_judged_however_short_the_quarantine(door: Door) -> None:
    """Its lane could be looked at while the answer takes a second."""
    ids = members(3)
    async with opened(door, LaneKind.WITNESS, ids, settling=True, BURSAR_SETTLE_AFTER="0.01") as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "slow", "ms": 1000})
        batch_id = (await office.confirm(await office.draft(paying(ids), MEMBERS))).batch_id

        async def states() -> str:
            office.app.services.dispatcher.wake()  # look at everything afresh
            return await office.states(batch_id)

        await eventually(states, lambda now: now == "SSS")
        reads = await looks_at_places(office)
        await eventually(states, lambda now: now != "SSS")
        await office.quiet()
        assert await office.states(batch_id) == "AAA"
        assert await looks_at_places(office) == reads
        assert len([call for call in await office.writes() if "transaction" in call["path"]]) == 2  # and its setting up
        await check(office)


@pytest.mark.parametrize("kind", [LaneKind.RING, LaneKind.WITNESS])
async def test_with_30_percent_faults_one_resume_ends_every_member_row(kind: LaneKind, door: Door) -> None:
    """The faults stay while it is resumed."""
    ids = members(150)
    door.calendar.speed = HURRY
    async with opened(door, kind, ids, **IN_A_HURRY) as office:
        await office.sandbox.faults(campaign={"rate": 0.3, "match": {"path": "/transaction"}})
        batch_id = await office.send(paying(ids), MEMBERS)
        await check(office)
        if kind is LaneKind.RING:
            assert (await office.states(batch_id)).count("A") >= 140  # nearly nothing is left for the resume
    assert await resumed(door, kind, speed=HURRY, **IN_A_HURRY) == {"applied": 150}


async def test_with_30_percent_faults_one_resume_ends_the_rows_of_credentials_nobody_knew(door: Door) -> None:
    """Half of them belong to accounts, a few exist nowhere, and no balance is in the ledger. The faults stay."""
    ids = members(200)
    door.calendar.speed = HURRY
    async with door.open(**IN_A_HURRY) as office:
        await office.sandbox.seed(
            members=[{"discord_id": one, "balance": 40} for one in ids[:100]],
            credentials=[{"type": "discord-id", "value": one, "balance": 40} for one in ids[100:190]],
        )
        await office.sandbox.switches(drip={"plan": "enterprise"})
        await office.sandbox.faults(campaign={"rate": 0.3, "match": {"path": "/transaction"}})
        await office.send(paying(ids), CREDENTIALS)
    states = await resumed(door, LaneKind.TWINS, lanes=0, speed=HURRY, **IN_A_HURRY)
    assert states["unknown"] <= 2, states
    assert (states["applied"] + states["rejected"], states["rejected"]) == (200 - states["unknown"], 10)


@pytest.mark.parametrize(("fault", "stale"), [("reset-before-apply", True), ("reset-after-apply", False)])
async def test_a_point_that_seems_to_have_moved_on_is_no_proof_while_reads_may_lag(
    fault: str, stale: bool, door: Door
) -> None:
    """On a ring of two it was there before the call before, too. The service itself refuses what it has carried out."""
    paid, lost = members(3), members(3, first=3)
    async with opened(door, LaneKind.RING, [*paid, *lost], **LONG_ENOUGH) as office:
        await office.sandbox.switches(drip={"stale_reads": stale})
        await office.send(paying(paid), MEMBERS)
        await office.sandbox.faults({"match": {"method": "PATCH", "every": 1}, "kind": fault})
        door.calendar.speed = HURRY
        batch_id = await office.send(paying(lost), MEMBERS)
        assert await office.states(batch_id) == "UUU"
        await office.sandbox.faults()
    assert await resumed(door, LaneKind.RING, **LONG_ENOUGH) == {"applied": 6}


async def test_nor_is_it_where_the_service_refuses_the_call_for_a_row_of_its_own(door: Door) -> None:
    paid, lost = members(3), members(3, first=3)
    async with opened(door, LaneKind.RING, [*paid, *lost], **LONG_ENOUGH) as office:
        await office.sandbox.switches(drip={"stale_reads": True})
        await office.send(paying(paid), MEMBERS)
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"})
        door.calendar.speed = HURRY
        batch_id = await office.send(file_of([(lost[0], 10), (lost[1], -999_999), (lost[2], 7)]), MEMBERS)
        assert await office.states(batch_id) == "UUU"
        await office.sandbox.switches(drip={"stale_reads": False})
        await office.sandbox.faults()
    assert await resumed(door, LaneKind.RING, speed=HURRY, **LONG_ENOUGH) == {"applied": 5, "rejected": 1}
