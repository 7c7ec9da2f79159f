"""A clock that is set ahead: nothing that was given up is taken for dead any earlier, on a lane either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot import checkpoints
from bot.domain.lanes import LaneKind
from bot.ledger._lock import DriverLock
from bot.services.quarantine import Quarantine
from bot.services.watching import Doing
from tests.services.doubts import CALLS, seed
from tests.services.lane_office import MEMBERS, check, opened, rows_of, variables
from tests.services.office import IN_A_HURRY, Door, Office, members, paying
from tests.support.calendar import Calendar
from tests.support.patience import eventually, until

SOMEBODY = "c" * 24


@asynccontextmanager
async def opened_for_long_lives(door: Door, ids: list[str]) -> AsyncIterator[Office]:
    """The program on a ring, where a request can live for a minute after it was given up."""
    async with opened(door, LaneKind.RING, ids):
        pass  # set up with the short life of these tests, since nothing leaves before that is over
    async with door.open(**variables(LaneKind.RING, door), BURSAR_SETTLE_AFTER="60") as office:
        yield office


async def test_a_clock_that_is_set_ahead_frees_no_lane_earlier(door: Door) -> None:
    """A lost send may be alive that the next call would bring the point to."""
    ids = members(2)
    async with opened_for_long_lives(door, ids) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-after-apply"})
        first = await office.send(paying(ids[:1]), MEMBERS)
        assert await office.states(first) == "A"
        door.calendar.days += 1
        second = (await office.confirm(await office.draft(paying(ids[1:]), MEMBERS))).batch_id
        activity, waits = office.app.services.dispatcher.activity, Doing.WAITING_FOR_LANE
        await eventually(lambda: office.states(second), lambda s: s != "P" or activity(second).doing is waits)
        assert await office.states(second) == "P"
        assert 50 < (activity(second).until or 0.0) - door.calendar.now() <= 60
        door.calendar.let_pass(60)
        office.app.services.dispatcher.wake()
        await office.quiet()
        assert await office.states(second) == "A"
        await check(office)


async def test_a_clock_that_is_set_ahead_while_a_call_is_sent_again_makes_no_lost_send_dead(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first send is carried out late, and by then it can be; the second one is refused before that."""

    def set_ahead(name: str) -> None:
        if name == "again-recorded":
            door.calendar.days = 1

    async with opened_for_long_lives(door, []) as office:
        await office.sandbox.seed(members=[{"drip_id": SOMEBODY, "balance": 40}])
        late = {"kind": "apply-late", "after": 4.0, "answer": "reset"}
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, **late})
        monkeypatch.setattr(checkpoints, "handler", set_ahead)
        batch_id = await office.send(paying([SOMEBODY], -50, "drip_id,amount"), MEMBERS)
        monkeypatch.undo()
        assert door.calendar.days == 1
        assert await office.states(batch_id) == "U"
        await office.sandbox.outside(service="drip", drip_id=SOMEBODY, amount=100)
        await eventually(lambda: rows_of(office), lambda calls: len(calls) == 2)  # its setting up, and the call
        assert await office.states(batch_id) == "U"
    async with door.open(settling=True, **variables(LaneKind.RING, door)) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "A"


@pytest.mark.parametrize("programme", CALLS)
async def test_a_clock_that_is_set_ahead_while_nothing_runs_lets_no_doubt_be_judged_earlier(
    programme: str, door: Door
) -> None:
    """The call is carried out after the next start, which would find that it is long over and did not land."""
    ids = members(3)
    late = {"kind": "apply-late", "after": 2.0, "answer": "reset"}
    async with door.open(**IN_A_HURRY) as office:
        await seed(office, programme, ids)
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, **late})
        assert await office.states(await office.send(paying(ids), programme)) == "UUU"
        await office.sandbox.faults()
        (call,) = await office.writes()

    async def carried_out() -> bool:
        booked = await door.sandbox.applied("gameball" if programme == "gameball" else "drip")
        return call["id"] in {one["call"] for one in booked}

    door.calendar.days = 1
    async with door.open(settling=True, **IN_A_HURRY) as office:
        await until(carried_out)
        assert await office.states(1) == "UUU"
        door.calendar.let_pass(office.app.settings.settle_after)
        office.app.services.dispatcher.wake()
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(1) == "AAA"
        await office.check_books()


@pytest.mark.parametrize("first", [600.0, 60.0])
def test_a_process_that_judges_no_doubts_shortens_nobody_s_quarantine(first: float, tmp_path: Path) -> None:
    """Whether it sees first that the clock was set ahead, or later."""
    calendar = Calendar()

    def started(seconds: float) -> float:
        lock = DriverLock.take(tmp_path / "bursar.db")
        try:
            return Quarantine(calendar, seconds, lock).left()
        finally:
            lock.release()

    assert started(600) == 0
    calendar.days = 1
    assert first - 1 < started(first) <= first
    calendar.let_pass(61)
    assert started(60) == 0
    assert 538 < started(600) <= 539
