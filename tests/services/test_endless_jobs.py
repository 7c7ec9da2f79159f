"""Jobs that say for ever that they run: stopped, and what they did is found by other evidence. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.domain.calls import Item, Outcome, OutcomeKind
from bot.domain.retrying import PAUSE_AFTER_UNCLEAR
from bot.providers.base import JobReport, JobState
from bot.services.standing import Standing
from bot.services.watching import Doing
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig
from tests.services.virtual import VirtualClock
from tests.support.patience import PATIENCE

JOB_WAIT, SETTLE_AFTER = 60.0, 20.0


def endless(**options: Any) -> partial[Neighbour]:
    return partial(Neighbour, programme_of("jobs"), **{"job_ending": "never", **options})


async def settled(it: Rig, *batch_ids: int) -> None:
    async with asyncio.timeout(PATIENCE):
        await it.dispatcher.until_quiet(batch_ids or None, settled=True)


async def test_a_job_that_never_ends_is_stopped_and_what_it_left_is_sent_again(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", endless(), settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "UUU"
        assert it.neighbour.truth.stops == 0
        assert it.clock.now() - it.neighbour.truth.at[0] == pytest.approx(JOB_WAIT, abs=1)
        await it.clock.sleep(SETTLE_AFTER + 1)
        assert it.neighbour.truth.stops == 1
        it.neighbour.job_ending = "done"
        judged = len(it.neighbour.truth.judged)
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        assert len(it.neighbour.truth.calls) == 2
        assert len(it.neighbour.truth.judged) == judged + 1
        # What was under way when it stopped had its time to land.
        assert it.neighbour.truth.at[1] - it.neighbour.truth.at[0] >= JOB_WAIT + 2 * SETTLE_AFTER


async def test_the_wait_doubles_with_every_job_that_was_stopped(tmp_path: Path) -> None:
    """A service that takes its time is waited for longer and longer, so that it gets there some day."""
    async with rig(tmp_path / "a.db", endless(), settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.until(lambda: it.neighbour.truth.stops == 2, every=1.0)
        first, second = it.neighbour.truth.at
        assert it.clock.now() - second == pytest.approx(2 * JOB_WAIT + SETTLE_AFTER, abs=2)
        it.neighbour.job_ending = "done"
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        assert second > first


async def test_a_job_that_does_not_stop_is_left_to_a_person_and_asked_about_on(tmp_path: Path) -> None:
    job = endless(stops_jobs=False)
    async with rig(tmp_path / "a.db", job, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        it.neighbour.judges = ["unread"] * 100
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert await it.states(batch_id) == "UUU"
        assert len(it.neighbour.truth.calls) == 1
        stops, polls = it.neighbour.truth.stops, it.neighbour.truth.polls
        assert stops == 8
        await it.clock.sleep(1000)
        assert it.neighbour.truth.stops == stops
        assert it.neighbour.truth.polls > polls
        next(iter(it.neighbour.jobs.values())).ending = "done"
        await it.clock.sleep(1000)
        assert await it.states(batch_id) == "AAA"


async def test_without_settling_no_job_is_stopped(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", endless(), job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        await it.clock.sleep(2000)
        assert it.neighbour.truth.stops == 0


async def test_a_job_that_cannot_be_asked_about_is_not_stopped(tmp_path: Path) -> None:
    job = endless(follows=["raise"] * 50)
    async with rig(tmp_path / "a.db", job, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        it.neighbour.judges = ["unread"] * 100
        await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert it.neighbour.truth.stops == 0


async def test_a_machine_that_stands_by_neither_asks_about_a_job_nor_stops_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    standing = Standing(clock)
    limits: dict[str, Any] = {"settle_after_seconds": SETTLE_AFTER, "job_wait": JOB_WAIT, "standing": standing}
    async with rig(tmp_path / "a.db", endless(), clock=clock, patient=True, **limits) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.until(lambda: it.neighbour.truth.polls > 0)
        standing.close("Another machine gives signs of life.")
        polls = it.neighbour.truth.polls
        await it.clock.sleep(10 * JOB_WAIT)
        assert (it.neighbour.truth.polls, it.neighbour.truth.stops) == (polls, 0)
        assert await it.states(batch_id) == "SSS", "nothing is decided"
        assert it.dispatcher.activity(batch_id).doing is Doing.STANDING_BY
        await it.quiet(batch_id)
        standing.open()
        await it.until(lambda: it.neighbour.truth.stops == 1)
        assert it.neighbour.truth.polls > polls


async def test_a_job_is_not_stopped_by_a_machine_that_lost_its_lead_while_it_asked(tmp_path: Path) -> None:
    clock = VirtualClock()
    standing = Standing(clock)

    class Losing(Neighbour):
        """Where another machine takes over while the last question before a stop is under way."""

        async def follow(self, *given: Any) -> Any:
            report = await super().follow(*given)
            if self._clock.now() - self.truth.at[0] >= JOB_WAIT + SETTLE_AFTER:
                standing.close("Another machine took over.")
            return report

    losing = partial(Losing, programme_of("jobs"), job_ending="never")
    limits: dict[str, Any] = {"settle_after_seconds": SETTLE_AFTER, "job_wait": JOB_WAIT, "standing": standing}
    async with rig(tmp_path / "a.db", losing, clock=clock, patient=True, **limits) as it:
        await it.record([1, 2, 3])
        it.start()
        await it.until(lambda: standing.refusal() is not None)
        await standing.until_idle()
        await it.clock.sleep(10 * JOB_WAIT)
        assert it.neighbour.truth.stops == 0


class Silent(Neighbour):
    """Where every job ends at once, has done nothing, and says so of no award."""

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        self.truth.polls += 1
        return JobReport(JobState.FINISHED, {}, "failed", told=True)


async def test_jobs_that_end_without_a_word_are_not_made_for_ever(tmp_path: Path) -> None:
    silent = partial(Silent, programme_of("jobs"))
    async with rig(tmp_path / "a.db", silent, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("PPP", "paused:unclear")
        assert len(it.neighbour.truth.calls) == PAUSE_AFTER_UNCLEAR
        ((_, pause),) = it.told.pauses
        assert pause.message == "8 jobs in a row ended without a word about any of their awards"
        await it.batches.resume(batch_id, STAFF)
        await settled(it)
        assert await it.state(batch_id) == "paused:unclear"
        assert len(it.neighbour.truth.calls) == 2 * PAUSE_AFTER_UNCLEAR


async def test_a_job_that_names_an_award_ends_the_count_of_those_without_a_word(tmp_path: Path) -> None:
    class NowAndThen(Silent):
        async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
            report = await super().follow(job_id, items)
            if int(job_id) % (PAUSE_AFTER_UNCLEAR - 1):
                return report
            self._apply(items[:1])
            return replace(report, outcomes={items[0].award_id: Outcome(OutcomeKind.APPLIED)})

    silent = partial(NowAndThen, programme_of("jobs"))
    async with rig(tmp_path / "a.db", silent, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert await it.states(batch_id) == "AAA"
        assert set(it.neighbour.truth.applied.values()) == {1}
        assert it.told.pauses == []


@pytest.mark.parametrize("kept_after", [SETTLE_AFTER, JOB_WAIT - 5])
async def test_a_job_that_is_not_known_while_it_waits_is_not_made_again(kept_after: float, tmp_path: Path) -> None:
    """It was accepted; where its status is kept only once it begins, nobody knows it until then."""

    class Late(Neighbour):
        async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
            if self._clock.now() - self.truth.at[0] < kept_after:
                self.truth.polls += 1
                return JobReport(JobState.LOST, {})
            return await super().follow(job_id, items)

    late = partial(Late, programme_of("jobs"), job_seconds=JOB_WAIT - 1)
    async with rig(tmp_path / "a.db", late, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        assert len(it.neighbour.truth.calls) == 1


async def test_a_job_that_is_never_known_is_lost_once_the_wait_for_it_is_over(tmp_path: Path) -> None:
    class Gone(Neighbour):
        async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
            if job_id != "1":
                return await super().follow(job_id, items)
            self.jobs[job_id].ending = "never"  # nothing was done for it
            return JobReport(JobState.LOST, {})

    gone = partial(Gone, programme_of("jobs"))
    async with rig(tmp_path / "a.db", gone, settle_after_seconds=SETTLE_AFTER, job_wait=JOB_WAIT) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        first, second = it.neighbour.truth.at
        assert second - first == pytest.approx(JOB_WAIT + SETTLE_AFTER, abs=1)
