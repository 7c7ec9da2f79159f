"""Accepted Gameball jobs, asked about until they end. Following a job can never pay anybody; a job that does not end is
asked to stop. While another machine may be at work neither is done."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.clock import Ages, Clock
from bot.domain.calls import Job, Outcome, OutcomeKind
from bot.domain.judging import Doubted, Judged, Judgement
from bot.domain.model import Pause
from bot.domain.retrying import delay_before_look, delay_before_poll
from bot.ledger.ledger import Ledger
from bot.providers.base import JobReport, JobState, Provider
from bot.services.standing import Standing

log = logging.getLogger(__name__)

STOPS_MAX: Final = 8
"""How often a job that does not end is asked to stop: four minutes in all."""
MAY_BE_LESS: Final = "It was reported as done, but the service may have taken less: it takes no more than there is."
LONGEST_WAIT: Final = 3600.0
"""Seconds that a service may ask to be left alone: whoever asks for more means something else than this job."""
_SAID: Final = frozenset({OutcomeKind.APPLIED, OutcomeKind.REJECTED})
LOST: Final = "the service no longer knows the job, so its report on these rows is gone"
TOO_LONG: Final = "the service asks not to be asked about the job for longer than it is waited for; it is, later"
ELSEWHERE: Final = "the settings no longer point to the account of this job, so it cannot be asked about"


@dataclass(slots=True)
class _Asked:
    """What is remembered of a job between questions. Lost with the process, and nothing depends on it."""

    next_poll: float  # monotonic seconds
    polls: int = 0
    given_up: bool = False
    stops: int = 0
    """How often the service was asked to stop it."""
    told: bool = False
    """The service said last that it has not ended."""
    named: bool = False
    """Its report named an award as done or refused."""


class Follower:
    """The jobs of one account."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        account: str,
        changed: Callable[[int], None],
        paused: Callable[[int, Pause], Awaitable[None]],
        heard: Callable[[int, bool], None],
        standing: Standing,
        *,
        job_wait_seconds: float,
        stop_after_seconds: float | None,
    ) -> None:
        """``changed`` hears of every batch whose awards a job settled, ``paused`` why a batch's jobs do not answer,
        ``heard`` of a job of a batch that named awards as done or refused, and of one that ended without.
        ``standing``: asked before every question, and before a job is asked to stop.

        ``stop_after_seconds``: how long after the wait for a job is over the service is asked to stop it; ``None``:
        never.
        """
        self._ledger = ledger
        self._clock = clock
        self._ages = Ages(clock)
        self._account = account
        self._changed = changed
        self._paused = paused
        self._heard = heard
        self._standing = standing
        self._job_wait = job_wait_seconds
        self._stop_after = stop_after_seconds
        self._jobs: Sequence[Job] = ()
        self._version = 1
        self._version_read = 0
        self._asked: dict[int, _Asked] = {}
        self.recording = False
        """The ledger may know already what nobody was told yet."""

    async def jobs(self) -> Sequence[Job]:
        """The account's jobs that are not over."""
        while self._version_read != self._version:
            version = self._version
            jobs = await self._ledger.claims.jobs(self._account)
            # A job that was accepted while the ledger was read may be missing from what was read.
            if version == self._version:
                self._jobs, self._version_read = jobs, version
        return self._jobs

    def forget(self) -> None:
        """The jobs in the ledger may have changed."""
        self._version += 1

    def follows(self, batch_id: int) -> bool:
        """Whether a job of the batch is still asked about, as far as was last read."""
        return any(job.batch_id == batch_id for job in self._jobs)

    async def in_flight(self) -> int:
        """Jobs that may still end soon; those that nobody waits for any more do not count."""
        return sum(1 for job in await self.jobs() if not self._is_given_up(job))

    async def settled(self, batch_id: int) -> bool:
        """Whether no job of the batch is waited for: each is over, or was given up."""
        return all(self._is_given_up(job) for job in await self.jobs() if job.batch_id == batch_id)

    async def stopped(self, batch_id: int) -> bool:
        """Whether no job of the batch is going to be stopped, nor was asked to be and has not been heard of since."""
        return not any(self._may_stop(job) for job in await self.jobs() if job.batch_id == batch_id)

    async def poll_due(self, provider_of: Callable[[int], Awaitable[Provider | None]]) -> float | None:
        """Ask about every job that is due; seconds until the next one is, ``None`` when there is no job, or while
        another machine may be at work: the end of that is told.

        ``provider_of`` gives a batch's provider, or ``None`` while the settings point elsewhere.
        """
        waits = []
        for job in await self.jobs():
            if self._standing.refusal() is not None:
                return None
            asked = self._asked.setdefault(job.attempt_id, _Asked(self._clock.monotonic() + self._first_wait(job)))
            with self._standing.calling():  # whoever takes over waits for what this decides
                is_due = asked.next_poll <= self._clock.monotonic()
                is_over = is_due and await self._is_over(job, asked, provider_of)
            if is_over:
                del self._asked[job.attempt_id]
            else:
                waits.append(max(0.0, asked.next_poll - self._clock.monotonic()))
        return min(waits, default=None)

    async def _is_over(self, job: Job, asked: _Asked, provider_of: Callable[[int], Awaitable[Provider | None]]) -> bool:
        """Ask once, record what was said, and set the time of the next question unless the job is over."""
        provider = await provider_of(job.batch_id)
        report = JobReport(JobState.RUNNING, {}, ELSEWHERE) if provider is None else await _ask(provider, job)
        if self._age(job) <= self._job_wait:
            report = _not_yet_over(report)
        if provider is not None and job.may_take_less:
            report = replace(report, outcomes={**report.outcomes, **await _really_taken(provider, job, report)})
        finished = report.state is not JobState.RUNNING
        detail = report.detail or (LOST if report.state is JobState.LOST else None)
        if finished or report.outcomes:
            await self._record(job, report, finished=finished, detail=detail)
        asked.named = asked.named or any(one.kind in _SAID for one in report.outcomes.values())
        if finished or asked.named:
            self._heard(job.batch_id, asked.named)
        if finished:
            log.info("job %s of batch %d: %s", job.job_id, job.batch_id, report.state.value)
            self._jobs = [one for one in self._jobs if one.attempt_id != job.attempt_id]
            return True
        asked.polls += 1
        asked.told = report.told
        if provider is not None and self._may_stop(job) and self._seconds_until_stop(job) <= 0:
            await self._stop(job, asked, provider)
        wait = min(report.wait_seconds or 0.0, LONGEST_WAIT)
        asked.next_poll = self._clock.monotonic() + max(self._poll_wait(job, asked), wait)
        await self._judge_delay(job, asked, report, reachable=provider is not None)
        return False

    async def _stop(self, job: Job, asked: _Asked, provider: Provider) -> None:
        """Ask the service to stop it. Whether it does, its next answer says; what it did, other evidence tells."""
        if self._standing.refusal() is not None:
            return  # another machine may have taken over while the job was asked about
        asked.stops += 1
        if await self._ledger.claims.ask_to_stop(job):
            log.warning("job %s of batch %d does not end; Gameball is asked to stop it", job.job_id, job.batch_id)
            try:
                await provider.stop(job.job_id)
            except Exception:
                log.exception("job %s of batch %d could not be asked to stop", job.job_id, job.batch_id)

    def _may_stop(self, job: Job) -> bool:
        """Whether the service, which says that it knows the job and that it has not ended, is asked (again)."""
        asked = self._asked.get(job.attempt_id)
        return self._stop_after is not None and asked is not None and asked.told and asked.stops < STOPS_MAX

    def _seconds_until_stop(self, job: Job) -> float:
        """The wait doubles with every job of the batch that was stopped: a slow service is not a dead one."""
        assert self._stop_after is not None  # else it never is
        return self._job_wait * 2.0 ** min(job.stopped_before, 10) + self._stop_after - self._age(job)

    def _poll_wait(self, job: Job, asked: _Asked) -> float:
        if asked.stops:
            return delay_before_look(asked.stops)
        wait = delay_before_poll(asked.polls, self._age(job), self._job_wait)
        return min(wait, max(0.0, self._seconds_until_stop(job)) + 0.001) if self._may_stop(job) else wait

    async def _record(self, job: Job, report: JobReport, *, finished: bool, detail: str | None) -> None:
        self.recording = True
        try:
            await self._ledger.claims.record_job(job, report.outcomes, finished=finished, detail=detail)
            self.forget()
            self._changed(job.batch_id)
        finally:
            self.recording = False

    async def _judge_delay(self, job: Job, asked: _Asked, report: JobReport, *, reachable: bool) -> None:
        """Stop waiting for a job that takes too long or that only a person can make answer. It is still asked about."""
        if self._age(job) > self._job_wait:
            waited = f"the job was not finished after {self._job_wait:.0f} seconds; it is still asked about"
            await self._give_up(job, asked, waited)
        elif self._age(job) + (report.wait_seconds or 0.0) > self._job_wait:
            await self._give_up(job, asked, TOO_LONG)
        elif report.pause is not None:
            await self._give_up(job, asked, report.pause.message)
        elif not reachable:
            await self._give_up(job, asked, ELSEWHERE)
        if report.pause is not None:
            await self._paused(job.batch_id, report.pause)

    async def _give_up(self, job: Job, asked: _Asked, why: str) -> None:
        if not asked.given_up:
            await self._ledger.claims.give_up_waiting(job, why)
            asked.given_up = True
            self._changed(job.batch_id)

    def _is_given_up(self, job: Job) -> bool:
        asked = self._asked.get(job.attempt_id)
        return asked is not None and asked.given_up

    def _first_wait(self, job: Job) -> float:
        wait = delay_before_poll(0, 0.0, self._job_wait)
        return min(wait, max(0.0, wait - self._age(job)))

    def _age(self, job: Job) -> float:
        return self._ages.age(job.accepted_at / 1000)


def _not_yet_over(report: JobReport) -> JobReport:
    """Of a job that is still waited for. One that the service does not know (any more) may be waiting where its status
    is not kept; one whose own counts say that not all of it is done may go on. Once it counts as over, the list would
    be taken to prove that it did nothing."""
    if report.state is JobState.LOST and not report.told:
        return replace(report, state=JobState.RUNNING, outcomes={})
    if report.state is JobState.FINISHED and report.undone:
        applied = {one: told for one, told in report.outcomes.items() if told.kind is OutcomeKind.APPLIED}
        return replace(report, state=JobState.RUNNING, outcomes=applied)
    return report


async def _ask(provider: Provider, job: Job) -> JobReport:
    try:
        return await provider.follow(job.job_id, job.items)
    except Exception:
        # A defect of ours in reading an answer must not stop the account; it ends like a service that does not answer.
        log.exception("job %s of batch %d could not be asked about", job.job_id, job.batch_id)
        return JobReport(JobState.RUNNING, {}, "an internal error kept Bursar from reading the answer about the job")


async def _really_taken(provider: Provider, job: Job, report: JobReport) -> Mapping[int, Outcome]:
    """What the evidence says of deductions that the report names as done. The report does not say how much was taken,
    but that they landed is settled by it, whatever the evidence is."""
    done = {award_id for award_id, outcome in report.outcomes.items() if outcome.kind is OutcomeKind.APPLIED}
    items = tuple(item for item in job.items if item.amount < 0 and item.award_id in done)
    found: Mapping[int, Judged] = {}
    if items and job.mark is not None:  # without it there is no saying how long the list is
        doubted = Doubted(job.attempt_id, job.batch_id, job.token, 0, items, mark=job.mark)
        try:
            found = (await provider.judge(doubted)).awards
        except Exception:
            log.exception("what job %s of batch %d took could not be read", job.job_id, job.batch_id)
    landed = {one: judged for one, judged in found.items() if judged.judgement is Judgement.LANDED}
    return {
        item.award_id: Outcome(OutcomeKind.APPLIED, landed[item.award_id].detail, landed[item.award_id].balance)
        if item.award_id in landed
        else Outcome(OutcomeKind.APPLIED, MAY_BE_LESS)
        for item in items
    }
