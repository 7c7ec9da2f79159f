"""A clock that was far ahead and is set back: what was recorded in its future is over, and is not waited for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.domain.lanes import START_WITHIN, LaneKind
from bot.services import flying
from bot.services.quarantine import Quarantine
from bot.services.rules import Limits
from bot.services.watching import Activity, Doing
from tests.services import lane_office
from tests.services.doubts import CALLS, resumed, seed
from tests.services.lane_office import MEMBERS, check, opened, programme_of, variables
from tests.services.office import HURRY, Door, members, paying
from tests.support.calendar import Calendar
from tests.support.patience import eventually, until


@pytest.mark.parametrize("programme", CALLS)
@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_a_doubt_that_was_recorded_in_the_future_is_settled_by_one_resume(
    programme: str, fault: str, door: Door
) -> None:
    ids = members(4)
    door.calendar.days = 400
    async with door.open() as office:
        await seed(office, programme, ids)
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, "kind": fault})
        assert await office.states(await office.send(paying(ids), programme)) == "UUUU"
        await office.sandbox.faults()
    door.calendar.days = 0
    assert (await resumed(door))[0] == {"applied": 4}


@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_a_balance_that_was_told_in_the_future_does_not_outlive_what_was_paid_since(
    fault: str, door: Door
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await seed(office, "drip-credentials", [one])
        door.calendar.days = 1
        await office.send(paying([one]))
        door.calendar.days = 0
        await office.send(paying([one]), confirm={"again": True})
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": fault})
        batch_id = await office.send(paying([one]), confirm={"again": True})
        assert await office.states(batch_id) == "U"
        await office.sandbox.faults()
    assert (await resumed(door))[0] == {"applied": 3}


async def test_a_lane_that_is_free_in_the_future_only_is_free_once_nobody_can_be_carrying_a_call_out(
    door: Door,
) -> None:
    ids = members(2)
    door.calendar.days = 400
    async with opened(door, LaneKind.RING, ids) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-after-apply"})
        assert await office.states(await office.send(paying(ids[:1]), MEMBERS)) == "A"
        door.calendar.days = 0
        door.calendar.speed = HURRY
        assert await office.states(await office.send(paying(ids[1:]), MEMBERS)) == "A"
        await check(office)


async def test_a_clock_that_was_set_back_for_a_while_frees_no_lane_earlier(door: Door) -> None:
    """As where a machine has to learn the time anew after every start."""
    ids = members(2)
    async with opened(door, LaneKind.RING, ids):
        pass
    long = {**variables(LaneKind.RING, door), "BURSAR_SETTLE_AFTER": "600"}
    async with door.open(**long) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-after-apply"})
        assert await office.states(await office.send(paying(ids[:1]), MEMBERS)) == "A"
        second = (await office.confirm(await office.draft(paying(ids[1:]), MEMBERS))).batch_id
    for door.calendar.days in (-400, 0):
        async with door.open(**long) as office:
            activity = office.app.services.dispatcher.activity

            async def doing(ask: Callable[[int], Activity] = activity) -> Doing:
                return ask(second).doing

            await eventually(doing, lambda found: found is Doing.WAITING_FOR_LANE)
            assert 500 < (activity(second).until or 0.0) - door.calendar.now() <= 605
            assert await office.states(second) == "P"


@pytest.mark.parametrize("kind", LaneKind)
@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_a_doubt_on_a_lane_is_settled_although_its_sends_would_be_alive_in_the_future(
    kind: LaneKind, fault: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flying, "MOST_SENDS", 1)
    ids = members(3)
    door.calendar.days = 400
    async with opened(door, kind, ids) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": fault})
        batch_id = await office.send(paying(ids), programme_of(kind))
        assert await office.states(batch_id) == "UUU"
    door.calendar.days = 0
    assert await lane_office.resumed(door, kind, speed=HURRY) == {"applied": 3}


def test_what_was_written_down_before_a_look_is_not_over_because_the_clock_is_set_back_during_it() -> None:
    calendar = Calendar()
    calendar.days = 400
    quarantine = Quarantine(calendar, 60.0)
    dead_at = calendar.now() + START_WITHIN + 60.0
    before = quarantine.cutoff()
    calendar.days = 0
    assert before.free_at(dead_at) > before.passed
    after = quarantine.cutoff()
    assert after.free_at(dead_at) > after.passed


async def test_a_batch_that_was_recorded_in_the_future_waits_for_its_start_and_no_longer(door: Door) -> None:
    ids = members(2)
    door.calendar.days = 400
    async with door.open(dispatching=False) as office:
        await seed(office, "drip-credentials", ids)
        preview = await office.draft(paying(ids))
        batch_id = (await office.confirm(preview, limits=Limits(start_delay_seconds=30))).batch_id
    door.calendar.days = 0
    async with door.open() as office:
        activity = office.app.services.dispatcher.activity

        async def doing() -> Doing:
            return activity(batch_id).doing

        await eventually(doing, lambda found: found is Doing.WAITING_TO_START)
        assert 20 < (activity(batch_id).until or 0.0) - door.calendar.now() <= 30
        assert await office.states(batch_id) == "PP"
        door.calendar.let_pass(30)
        office.app.services.dispatcher.wake()
        await office.quiet()
        assert await office.states(batch_id) == "AA"


async def test_a_job_that_was_accepted_in_the_future_is_waited_for_as_long_as_any_other(door: Door) -> None:
    ids = members(2)
    door.calendar.days = 400
    async with door.open() as office:
        await seed(office, "gameball", ids)
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, "kind": "job-never-finishes"})
        batch_id = (await office.confirm(await office.draft(paying(ids), "gameball"))).batch_id

        async def accepted() -> bool:
            return bool(await office.app.ledger.claims.jobs())

        await until(accepted)
    door.calendar.days = 0
    async with door.open(BURSAR_JOB_WAIT="1") as office:
        await office.quiet()
        assert "".join(sorted(await office.states(batch_id))) == "AU"
