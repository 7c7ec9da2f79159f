"""An in-process service with a truth of its own: how often each award was applied, whatever it answered."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Self

from bot.clock import Clock, milliseconds
from bot.domain.calls import Item, Outcome, OutcomeKind, Verdict
from bot.domain.judging import Doubted, Judged, Judgement, Judgements
from bot.domain.model import Destination, Pause, PauseKind, Programme, ProviderKind, Recipient, Unit
from bot.domain.probing import Leg, Purse
from bot.domain.shown import Shown
from bot.providers.base import (
    FEW_READS,
    NOTHING_READ,
    Currency,
    Finding,
    Foresight,
    JobReport,
    JobState,
    Pace,
    Reads,
    Resolution,
)

KINDS = {
    "items": ProviderKind.DRIP_CREDENTIALS,
    "whole": ProviderKind.DRIP_MEMBERS,
    "jobs": ProviderKind.GAMEBALL,
}
"""How a service answers: item by item, all or nothing, or by a job."""

PAUSES = {"key": PauseKind.KEY, "access": PauseKind.ACCESS, "currency": PauseKind.CURRENCY, "quota": PauseKind.QUOTA}


def programme_of(style: str, *, account: str = "a" * 24, per_call: int = 3, name: str | None = None) -> Programme:
    """A programme whose service answers in this style."""
    kind = KINDS[style]
    currency = None if kind is ProviderKind.GAMEBALL else "c" * 24
    template = "{discord_id}" if kind is ProviderKind.GAMEBALL else None
    return Programme(name or kind.value, Destination(kind, account, currency, Unit.POINTS, template), per_call)


@dataclass(slots=True)
class Job:
    """An accepted job: what it will do, and when."""

    items: tuple[Item, ...]
    ends_at: float
    ending: str
    applied: bool = False


@dataclass(slots=True)
class Truth:
    """The books of the service."""

    applied: Counter[int] = field(default_factory=Counter)
    """By award id, how often it landed."""
    calls: list[tuple[int, ...]] = field(default_factory=list)
    """The awards of every call that was tried, in order."""
    at: list[float] = field(default_factory=list)
    """When each call was tried."""
    judged: list[tuple[int, ...]] = field(default_factory=list)
    """The awards of every look at evidence, in order."""
    inspected: int = 0
    polls: int = 0
    stops: int = 0


class Neighbour:
    """Implements ``bot.providers.base.Provider``. What each call meets comes from ``script``, then from ``rest``."""

    def __init__(
        self,
        programme: Programme,
        clock: Clock,
        *,
        ledger_path: Path | None = None,
        script: Iterable[str] = (),
        rest: str = "ok",
        bad: Iterable[int] = (),
        shows_bad: bool = True,
        follows: Iterable[str] = (),
        judges: Iterable[str] = (),
        job_seconds: float = 1.0,
        job_ending: str = "done",
        turn_seconds: float = 0.0,
        stops_jobs: bool = True,
        calls_at_once: int = 1,
        admits_at_once: int = 1000,
        truth: Truth | None = None,
    ) -> None:
        """``bad``: numbers of recipients (see ``rig.recipient``) that the service refuses. ``shows_bad``: whether a
        read finds them. ``follows``: what each question about a job meets. ``turn_seconds``: what the limiter takes.
        ``admits_at_once``: calls that it has room for."""
        self._programme = programme
        self._clock = clock
        self._ledger_path = ledger_path
        self.script = list(script)
        self.rest = rest
        self.bad = {str(number) for number in bad}
        self.shows_bad = shows_bad
        self.follows = list(follows)
        self.judges = list(judges)
        self.job_seconds = job_seconds
        self.job_ending = job_ending
        self.turn_seconds = turn_seconds
        self.stops_jobs = stops_jobs
        self.calls_at_once = calls_at_once
        self.admits_at_once = admits_at_once
        self.truth = truth or Truth()
        self.jobs: dict[str, Job] = {}
        self.flying = 0
        self.most_flying = 0
        self._flying_to: set[str] = set()
        self.turns = 0

    # --- what has to be there -----------------------------------------------------------------------------------

    @property
    def programme(self) -> Programme:
        return self._programme

    def knowing(self, shown: Shown) -> Self:
        return self

    @property
    def pace(self) -> Pace:
        return Pace("as fast as it gets", 1000, 1.0, None)

    @property
    def waiting_until(self) -> float | None:
        return self._clock.now() + self.turn_seconds if self.turn_seconds else None

    def admits(self, calls: int) -> bool:
        return calls <= self.admits_at_once

    @property
    def needs_lookup(self) -> bool:
        return False

    def lookup_calls(self, recipients: int) -> int:
        return 0

    def reads_ahead(self, awards: int, newcomers: int, calls: int, reads: Reads = FEW_READS) -> int:
        return 0

    def target(self, recipient: Recipient) -> str | None:
        return recipient.value

    def build(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
        assert not legs, "it has no lanes"
        return "\n".join([token, *(f"{item.target} {item.amount}" for item in items)]).encode()

    async def wait_for_turn(self) -> None:
        self.turns += 1
        await self._clock.sleep(self.turn_seconds)

    async def resolve(self, recipients: Sequence[Recipient], *, patient: bool = True) -> Resolution:
        raise NotImplementedError

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        return None

    async def accounts(self, recipients: Sequence[Recipient]) -> Mapping[str, str]:
        return {}

    async def places(self, places: Sequence[Purse]) -> Sequence[int | None]:
        return [None] * len(places)

    async def missing(self, places: Sequence[Purse], items: Sequence[Item]) -> Sequence[Purse]:
        return ()

    def is_alone(self, doubted: Doubted) -> bool:
        return True

    async def look_ahead(
        self, items: Sequence[Item], known: Collection[int], mark: int | None, reads: Reads = FEW_READS
    ) -> Foresight:
        return NOTHING_READ

    async def judge(self, doubted: Doubted) -> Judgements:
        """What the books say; ``judges`` (a script) may keep it from being read."""
        await self._clock.sleep(0.01)
        self.truth.judged.append(tuple(item.award_id for item in doubted.items))
        meets = self.judges.pop(0) if self.judges else "ok"
        if meets == "raise":
            raise RuntimeError("a defect while judging")
        if doubted.job_open:
            meets = "unread"  # what is not there yet may still come
        return Judgements({item.award_id: self._judged(item, meets) for item in doubted.items})

    def _judged(self, item: Item, meets: str) -> Judged:
        if meets != "ok":
            return Judged(Judgement.CANNOT_TELL, meets, {"now": None}, again=meets == "unread")
        landed = self.truth.applied[item.award_id] > 0
        return Judged(Judgement.LANDED if landed else Judgement.NOT_LANDED, "the books say so", {"now": 1})

    async def currencies(self) -> Sequence[Currency]:
        return ()

    async def examine(self) -> Sequence[Finding]:
        return ()

    # --- calls --------------------------------------------------------------------------------------------------

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        self._check_intent(body, items)
        assert self.flying < self.calls_at_once, "too many write calls to one account at the same time"
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        targets = [item.target for item in items]
        assert not self._flying_to & set(targets), "two calls under way have a recipient in common"
        self._flying_to |= set(targets)
        self.truth.calls.append(tuple(item.award_id for item in items))
        self.truth.at.append(self._clock.now())
        try:
            meets, _, parameter = (self.script.pop(0) if self.script else self.rest).partition(":")
            if meets == "held":  # by the rate limit
                await self._clock.sleep(float(parameter))
                if begin_by is not None and self._clock.now() > begin_by:
                    return Verdict(_each(items, OutcomeKind.NOT_SENT), None, "kept back for too long")
                meets = "lost-after"
            sent_at = milliseconds(self._clock.now())
            verdict = await self._met(meets, float(parameter or 0), items)
            return replace(verdict, evidence={**verdict.evidence, "sent_at": sent_at})
        finally:
            self.flying -= 1
            self._flying_to -= set(targets)

    async def _met(self, meets: str, number: float, items: Sequence[Item]) -> Verdict:
        await self._clock.sleep(number if meets == "slow" else 0.01)
        if meets in ("ok", "slow"):
            return self._carried_out(items)
        if meets in ("missing", "short"):
            first, *others = items
            self._apply(items)
            told = _each(others, OutcomeKind.APPLIED)
            return Verdict(told if meets == "short" else told | _each([first], OutcomeKind.UNKNOWN), 200)
        if meets == "lost-after":
            self._apply(items)
            return Verdict(_each(items, OutcomeKind.UNKNOWN), None, "the answer was lost")
        if meets == "lost-before":
            return Verdict(_each(items, OutcomeKind.UNKNOWN), None, "the call was lost")
        if meets == "busy":
            return Verdict(_each(items, OutcomeKind.UNKNOWN), 503, "busy", wait_seconds=number)
        if meets == "away":
            return Verdict(_each(items, OutcomeKind.NOT_SENT), None, "no connection")
        if meets == "429":
            return Verdict(_each(items, OutcomeKind.NOT_SENT), 429, "too fast", wait_seconds=number)
        if meets in PAUSES:
            pause = Pause(PAUSES[meets], f"the service says: {meets}")
            return Verdict(_each(items, OutcomeKind.NOT_SENT), 401, pause.message, pause=pause)
        if meets == "raise-after":
            self._apply(items)
        raise RuntimeError(f"a defect: {meets}")

    def _carried_out(self, items: Sequence[Item]) -> Verdict:
        bad = [item for item in items if self._is_bad(item)]
        if self._programme.kind is ProviderKind.DRIP_MEMBERS and bad:
            return Verdict(_each(items, OutcomeKind.NOT_SENT), 400, "one of them is bad", refused_whole=True)
        if self._programme.kind is ProviderKind.GAMEBALL:
            job_id = str(len(self.jobs) + 1)
            self.jobs[job_id] = Job(tuple(items), self._clock.now() + self.job_seconds, self.job_ending)
            return Verdict(_each(items, OutcomeKind.ACCEPTED), 200, "accepted", job_id=job_id)
        self._apply(item for item in items if item not in bad)
        return Verdict(self._told(items), 200)

    async def inspect(self, items: Sequence[Item]) -> Mapping[int, str]:
        self.truth.inspected += 1
        return {item.award_id: "not a member" for item in items if self.shows_bad and self._is_bad(item)}

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        self.truth.polls += 1
        await self._clock.sleep(0.01)
        meets = self.follows.pop(0) if self.follows else "ok"
        if meets == "raise":
            raise RuntimeError("a defect while following")
        if meets == "429":
            return JobReport(JobState.RUNNING, {}, "too fast", wait_seconds=40.0)
        if meets == "429 for a week":
            return JobReport(JobState.RUNNING, {}, "too fast", wait_seconds=7 * 24 * 3600.0)
        if meets == "unknown":
            return JobReport(JobState.LOST, _each(items, OutcomeKind.UNKNOWN), "not there")
        if meets == "undone":
            first = {self.jobs[job_id].items[0].award_id: Outcome(OutcomeKind.APPLIED)}
            some = {**_each(items, OutcomeKind.UNKNOWN), **first}
            return JobReport(JobState.FINISHED, some, "completed", told=True, undone=True)
        if meets == "key":
            return JobReport(JobState.RUNNING, {}, "401", pause=Pause(PauseKind.KEY, "the key is refused"))
        job = self.jobs[job_id]
        if meets == "running" or self._clock.now() < job.ends_at or job.ending == "never":
            return JobReport(JobState.RUNNING, {}, "running", told=True)
        self._end(job)
        if job.ending in ("lost", "stopped"):
            return JobReport(JobState.LOST, {}, told=job.ending == "stopped")
        report = self._told(items)
        if job.ending == "partial":
            report = {award_id: one for award_id, one in report.items() if award_id != job.items[0].award_id}
        return JobReport(JobState.FINISHED, report, "completed")

    async def stop(self, job_id: str) -> None:
        """A job that never ends is carried out in part, and stops."""
        self.truth.stops += 1
        if self.stops_jobs:
            job = self.jobs[job_id]
            job.ending, job.ends_at = "stopped", self._clock.now()

    def settle(self) -> None:
        """Jobs whose time has come have happened, whether anybody asked or not."""
        for job in self.jobs.values():
            if self._clock.now() >= job.ends_at and job.ending != "never":
                self._end(job)

    def _end(self, job: Job) -> None:
        if not job.applied:
            job.applied = True
            items = job.items[:1] if job.ending == "stopped" else job.items
            self._apply(item for item in items if not self._is_bad(item))

    def _apply(self, items: Iterable[Item]) -> None:
        for item in items:
            self.truth.applied[item.award_id] += 1

    def _is_bad(self, item: Item) -> bool:
        return str(int(item.target[-6:])) in self.bad

    def _told(self, items: Sequence[Item]) -> dict[int, Outcome]:
        refused = Outcome(OutcomeKind.REJECTED, "no such member")
        return {
            item.award_id: refused if self._is_bad(item) else Outcome(OutcomeKind.APPLIED, balance=item.amount)
            for item in items
        }

    def _check_intent(self, body: bytes, items: Sequence[Item]) -> None:
        """Nothing leaves that is not committed as being sent, in exactly these bytes."""
        if self._ledger_path is None:
            return
        with sqlite3.connect(f"file:{self._ledger_path}?mode=ro", uri=True) as connection:
            for item in items:
                state, digest, attempt = connection.execute(
                    "SELECT a.state, t.body_sha256, t.state FROM awards a JOIN attempts t ON t.id = a.attempt_id"
                    " WHERE a.id = ?",
                    (item.award_id,),
                ).fetchone()
                assert (state, attempt) == ("sending", "open")
                assert digest == sha256(body).hexdigest()
        connection.close()
        targets = [item.target for item in items]
        assert len(targets) == len(set(targets)), "one recipient twice in one call"


def _each(items: Iterable[Item], kind: OutcomeKind) -> dict[int, Outcome]:
    return {item.award_id: Outcome(kind, None if kind is OutcomeKind.APPLIED else kind.value) for item in items}
