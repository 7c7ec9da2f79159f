"""A ledger that cannot be written for a while, or at all; and what a start finds after a crash."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bot.errors import LedgerError
from tests.ledger.making import next_call
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import Rig, rig

ITEMS = programme_of("items", per_call=2)
FULL = LedgerError("the disk that holds it is full")


def neighbour(**meets: object) -> partial[Neighbour]:
    return partial(Neighbour, ITEMS, **meets)  # type: ignore[arg-type]  # by keyword


class Disk:
    """A disk that is full from the first call on, for so many writes."""

    def __init__(self, it: Rig, writes: float) -> None:
        self.it = it
        self.left = writes
        self.begun = False

    def __call__(self) -> None:
        self.begun = self.begun or bool(self.it.neighbour.truth.calls)
        if self.begun and self.left > 0:
            self.left -= 1
            raise FULL


async def test_an_outcome_is_kept_until_the_ledger_takes_it(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.database.before_write = Disk(it, 5)
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAAA", "1111")
        assert it.neighbour.truth.at[1] - it.neighbour.truth.at[0] > 15  # nothing else was sent meanwhile


async def test_an_outcome_that_can_never_be_recorded_is_a_doubt_at_the_next_start(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.database.before_write = Disk(it, float("inf"))
        it.start()
        await it.quiet()
        assert it.running is not None
        with pytest.raises(LedgerError, match="full"):
            await it.running
        assert await it.states(batch_id) == "SSPP"
        assert len(it.neighbour.truth.calls) == 1
        clock, found = it.clock, it.neighbour
    async with rig(tmp_path / "a.db", lambda **_: found, clock=clock) as it:
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("UUAA", "1111")


async def test_a_claim_that_cannot_be_written_sends_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        second = await it.record([3, 4], wake=False)

        def full() -> None:
            raise FULL

        it.database.before_write = full
        it.dispatcher.wake(second)
        await it.quiet()
        assert it.running is not None
        with pytest.raises(LedgerError):
            await it.running
        assert (await it.states(batch_id), await it.states(second)) == ("AA", "PP")
        assert len(it.neighbour.truth.calls) == 1


async def test_a_patient_dispatcher_outlives_a_full_disk(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(), patient=True) as it:
        it.start()
        await it.quiet()
        batch_id = await it.record([1, 2, 3, 4], wake=False)
        fails = 6

        def full() -> None:
            nonlocal fails
            if fails:
                fails -= 1
                raise FULL

        it.database.before_write = full
        it.dispatcher.wake(batch_id)
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAAA", "1111")


async def test_a_start_that_cannot_recover_says_so_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        await it.record([1, 2])

        def full() -> None:
            raise FULL

        it.database.before_write = full
        it.start()
        await it.quiet()
        assert it.running is not None
        with pytest.raises(LedgerError, match="full"):
            await it.running
        assert it.neighbour.truth.calls == []


async def test_an_outcome_that_the_ledger_refuses_is_a_doubt_and_no_other_batch_suffers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        first = await it.record([1, 2])
        second = await it.record([3, 4])
        broken = [True]

        def refuses() -> None:
            if it.neighbour.truth.calls and broken:
                broken.pop()
                raise AssertionError("the verdict does not fit")

        it.database.before_write = refuses
        it.start()
        await it.quiet()
        assert (await it.states(first), await it.applied(first)) == ("UU", "11")
        assert await it.states(second) == "AA"
        assert "cannot be recorded as it is" in caplog.text


async def test_what_was_in_flight_at_a_crash_is_in_doubt_and_the_rest_is_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2, 3, 4])
        claim = await next_call(it.ledger, batch_id, 2, it.neighbour.build)
        assert claim is not None
        clock = it.clock
    async with rig(tmp_path / "a.db", neighbour(), clock=clock) as it:
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("UUAA", "0011")
        assert await it.state(batch_id) == "finished"
        assert "awards in doubt: 2" in caplog.text


async def test_a_read_that_shows_the_bad_rows_may_break(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Neighbour):
        async def inspect(self, items: object) -> object:  # type: ignore[override]  # it never answers
            raise RuntimeError("a defect while inspecting")

    async with rig(tmp_path / "a.db", partial(Broken, programme_of("whole", per_call=4), bad=[2])) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("ARAA", "1011")  # found by halving


async def test_a_cache_of_members_that_cannot_be_written_costs_no_outcome(tmp_path: Path) -> None:
    whole = programme_of("whole", per_call=4)
    async with rig(tmp_path / "a.db", partial(Neighbour, whole, bad=[2])) as it:
        batch_id = await it.record([1, 2, 3, 4])
        failed = []

        def once() -> None:
            if it.neighbour.truth.inspected and not failed:
                failed.append(True)
                raise FULL

        it.database.before_write = once
        await it.ledger.members.remember(whole.destination.account, {"discord-id:x": "d" * 24})
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "ARAA"
        assert failed


async def test_a_patient_dispatcher_keeps_an_outcome_for_as_long_as_the_disk_is_full_and_says_so(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path / "a.db", neighbour(), patient=True) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.database.before_write = Disk(it, 12)
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAAA", "1111")
        assert it.neighbour.truth.at[1] - it.neighbour.truth.at[0] > 60  # nothing else was sent meanwhile
        ((batch, pause),) = it.told.pauses
        assert batch.id == batch_id
        assert "cannot be written down, so nothing more is sent: the disk that holds it is full" in pause.message


async def test_an_outcome_that_was_stored_although_the_disk_said_no_is_not_stored_twice(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(), patient=True) as it:
        batch_id = await it.record([1, 2])
        stored = it.ledger.claims.record_outcome
        failed = False

        async def says_no_once(*given: object, **named: object) -> None:
            nonlocal failed
            await stored(*given, **named)  # type: ignore[arg-type]  # handed on as they came
            if not failed:
                failed = True
                raise FULL

        it.ledger.claims.record_outcome = says_no_once  # type: ignore[method-assign]  # the disk's late answer
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AA", "11")
