"""Turns, waiting, stopping: what the table of single batches cannot say."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest

from bot.domain.model import PauseKind, Programme
from bot.services.watching import Doing
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, rig
from tests.support.patience import PATIENCE

ITEMS = programme_of("items", per_call=2)


def neighbour(programme: Programme = ITEMS, **meets: object) -> partial[Neighbour]:
    return partial(Neighbour, programme, **meets)  # type: ignore[arg-type]  # by keyword


# --- turns --------------------------------------------------------------------------------------------------------


async def test_two_batches_of_one_account_take_turns(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        large = await it.record(range(1, 9))
        small = await it.record([21, 22])
        it.start()
        await it.quiet(small)
        assert await it.states(small) == "AA"
        assert "P" in await it.states(large)
        await it.quiet()
        assert await it.states(large) == "A" * 8


async def test_two_programmes_of_one_account_never_call_at_the_same_time(tmp_path: Path) -> None:
    members = programme_of("whole", per_call=2)
    async with rig(tmp_path / "a.db", neighbour(rest="slow:3"), neighbour(members, rest="slow:3")) as it:
        first = await it.record([1, 2], programme=ITEMS.name)
        second = await it.record([11, 12], programme=members.name)
        it.start()
        await it.quiet()
        (one,), (other,) = (found.truth.at for found in it.neighbours.values())
        assert abs(one - other) >= 3
        assert [await it.states(batch) for batch in (first, second)] == ["AA", "AA"]


async def test_two_accounts_call_side_by_side(tmp_path: Path) -> None:
    elsewhere = programme_of("items", account="b" * 24, name="drip-credentials-events")
    async with rig(tmp_path / "a.db", neighbour(rest="slow:3"), neighbour(elsewhere, rest="slow:3")) as it:
        await it.record([1, 2], programme=ITEMS.name)
        await it.record([1, 2], programme=elsewhere.name)
        it.start()
        await it.quiet()
        (one,), (other,) = (found.truth.at for found in it.neighbours.values())
        assert abs(one - other) < 1


async def test_a_batch_recorded_while_another_is_sent_gets_its_turn(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        first = await it.record(range(1, 9))
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 2)
        second = await it.record([21])
        await it.quiet(first, second)
        assert (await it.states(first), await it.states(second)) == ("A" * 8, "A")


# --- waiting to start -----------------------------------------------------------------------------------------------


async def test_nothing_is_called_inside_the_start_delay(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2], delay=10.0)
        recorded = it.clock.now()
        it.start()
        await it.clock.sleep(9.9)
        assert it.neighbour.truth.calls == []
        activity = it.dispatcher.activity(batch_id)
        assert (activity.doing, activity.until) == (Doing.WAITING_TO_START, recorded + 10)
        await it.quiet()
        assert it.neighbour.truth.at[0] >= recorded + 10


async def test_stop_inside_the_start_delay_sends_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2], delay=10.0)
        it.start()
        await it.clock.sleep(5)
        steered = await it.batches.stop(batch_id, STAFF)
        await it.quiet(batch_id)
        await it.clock.sleep(60)
        assert (steered.changed, steered.awards) == (True, 2)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("CC", "stopped")
        assert it.neighbour.truth.calls == []


async def test_a_clock_that_is_set_back_delays_a_batch_and_does_not_lose_it(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(turn_seconds=1.0)) as it:
        batch_id = await it.record([1, 2], delay=10.0)
        it.start()
        await it.clock.sleep(10.5)
        it.clock.set_ahead(-5.0)  # while the limiter is waited for
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AA"


# --- pausing and stopping a batch ------------------------------------------------------------------------------------


async def test_a_pause_that_the_service_asks_for_does_not_undo_a_stop(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["key"])) as it:
        batch_id = await it.record([1, 2])

        async def stop_in_between(_: int) -> None:
            if it.neighbour.truth.calls and await it.state(batch_id) == "open":
                await it.batches.stop(batch_id, STAFF)

        it.database.at_step = stop_in_between
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("CC", "stopped")
        assert it.told.pauses == []  # nobody has to act on a stopped batch


async def test_a_key_that_is_refused_is_told_once_and_after_a_resume_all_is_sent(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["key"])) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        await it.clock.sleep(3600)
        ((batch, pause),) = it.told.pauses
        assert (batch.id, batch.pause, pause.kind) == (batch_id, pause, PauseKind.KEY)
        assert len(it.neighbour.truth.calls) == 1
        await it.batches.resume(batch_id, STAFF)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAA"


# --- stopping the dispatcher ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meets",
    [{"turn_seconds": 5000.0}, {"rest": "away"}, {"rest": "429:5000"}],
    ids=["limiter", "service away", "asked to wait"],
)
async def test_stopping_does_not_wait_for_what_is_waited_for(meets: dict[str, object], tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(**meets), patient=True) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.clock.sleep(1000)
        before = it.clock.now()
        await it.stop()
        assert it.clock.now() - before < 1
        assert await it.states(batch_id) == "PP"


async def test_stopping_does_not_wait_for_a_question_about_a_job(tmp_path: Path) -> None:
    class Slow(Neighbour):
        async def follow(self, job_id: str, items: object) -> object:  # type: ignore[override]  # it never answers
            await self._clock.sleep(5000)
            raise AssertionError("nobody waits that long")

    async with rig(tmp_path / "a.db", partial(Slow, programme_of("jobs"))) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.clock.sleep(10)
        before = it.clock.now()
        await it.stop()
        assert it.clock.now() - before < 1
        assert await it.states(batch_id) == "SS"


async def test_a_dispatcher_that_is_stopped_before_it_runs_calls_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2])
        it.dispatcher.stop()
        it.start()
        await it.stop()
        assert (await it.states(batch_id), it.neighbour.truth.calls) == ("PP", [])


# --- the limiter ----------------------------------------------------------------------------------------------------


async def test_nothing_sits_in_sending_while_the_limiter_is_waited_for(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(turn_seconds=60.0)) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        for _ in range(20):
            await it.clock.sleep(7)
            assert "S" not in await it.states(batch_id)
        await it.quiet()
        assert await it.states(batch_id) == "AAAA"


async def test_nobody_waits_for_the_limiter_to_learn_that_nothing_is_left(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(turn_seconds=60.0)) as it:
        await it.record([1, 2])
        began = it.clock.now()
        it.start()
        await it.quiet()
        assert it.neighbour.turns == 1
        assert it.clock.now() - began < 61


async def test_what_a_setting_changes_while_the_limiter_is_waited_for_is_looked_at_afresh(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(turn_seconds=60.0)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.clock.sleep(30)
        activity = it.dispatcher.activity(batch_id)
        assert activity.doing is Doing.WAITING_FOR_LIMIT
        assert activity.until is not None
        it.dispatcher.wake()
        await it.quiet()
        assert await it.states(batch_id) == "AA"
        assert it.neighbour.turns == 2


# --- doubts ---------------------------------------------------------------------------------------------------------


async def test_a_doubt_holds_back_the_recipient_in_every_batch_until_it_is_settled(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-after"])) as it:
        first = await it.record([1, 2])
        it.start()
        await it.quiet(first)
        second = await it.record([2, 3])
        await it.quiet(first, second)
        assert (await it.states(first), await it.states(second)) == ("UU", "PA")
        assert await it.state(second) == "open"
        doubts = await it.batches.doubts(first, STAFF)
        for doubt in doubts:
            ids = [award.id for award in doubt.awards]
            await it.batches.resolve(first, ids, _landed(), STAFF, reason="seen in the dashboard")
        await it.quiet()
        assert (await it.states(first), await it.states(second)) == ("AA", "AA")
        assert await it.applied(second) == "11"


def _landed() -> object:
    from bot.domain.model import Decision

    return Decision.LANDED


# --- whoever watches -------------------------------------------------------------------------------------------------


async def test_a_watcher_that_breaks_costs_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["ok", "key"])) as it:

        def broken(*_: object) -> None:
            raise RuntimeError("a card could not be drawn")

        it.told.changed = it.told.paused = broken  # type: ignore[method-assign, assignment]  # broken on purpose
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.state(batch_id)) == ("AAPP", "paused:key")
        assert "could not be told" in caplog.text


async def test_many_wakes_make_no_calls_and_few_reads(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        before = it.database.steps
        for _ in range(1000):
            it.dispatcher.wake(batch_id)
        await it.quiet()
        assert len(it.neighbour.truth.calls) == 1
        assert it.database.steps - before < 50


async def test_several_can_wait_for_quiet_at_the_same_time(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batches = [await it.record([number]) for number in range(1, 9)]
        it.start()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(it.dispatcher.until_quiet([one]) for one in [*batches, *batches]))
        assert [await it.states(batch) for batch in batches] == ["A"] * 8


async def test_an_idle_dispatcher_does_nothing_at_all(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        await it.record([1])
        it.start()
        await it.quiet()
        steps, cpu = it.database.steps, time.process_time()
        await it.clock.sleep(7 * 24 * 3600)
        assert it.database.steps == steps
        assert time.process_time() - cpu < 1


# --- the command line's own batch -----------------------------------------------------------------------------------


async def test_only_the_batches_that_were_named_are_sent_where_that_is_asked(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(), only_woken=True) as it:
        left_by_others = await it.record([1, 2], wake=False)
        own = await it.record([11, 12])
        it.start()
        await it.quiet()
        assert await it.states(own) == "AA"
        assert await it.states(left_by_others) == "PP"


async def test_a_job_of_another_batch_is_followed_without_sending_the_rest_of_it(tmp_path: Path) -> None:
    jobs = programme_of("jobs", per_call=2)
    async with rig(tmp_path / "a.db", neighbour(jobs, job_seconds=30.0, turn_seconds=5.0)) as it:
        other = await it.record([1, 2, 3, 4])
        it.start()
        await it.until(lambda: len(it.neighbour.jobs) == 1)
        await it.stop()
        assert await it.states(other) == "SSPP"
        clock, found = it.clock, it.neighbour
    async with rig(tmp_path / "a.db", lambda **_: found, clock=clock, only_woken=True) as it:
        own = await it.record([11, 12])
        it.start()
        await it.quiet(own)
        await it.clock.sleep(60)
        assert (await it.states(own), await it.states(other)) == ("AA", "AAPP")
