"""What the worker of an account remembers of each batch between calls. Lost with the process; nothing depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Ages, Clock
from bot.domain.calls import Verdict
from bot.domain.lanes import Plan
from bot.domain.model import Batch, PauseKind
from bot.domain.retrying import delay_after_not_sent, delay_after_unclear, is_away
from bot.domain.states import BatchState
from bot.providers.base import Provider
from bot.services.sending import CallResult
from bot.services.watching import IDLE, Activity, Doing


@dataclass(slots=True)
class Work:
    """One batch at work."""

    batch: Batch
    ages: Ages
    news: int = 0
    """Counts what was heard about the batch. A decision that took time holds only if nothing was heard meanwhile."""
    started: bool = False
    idle: bool = False
    """Nothing can be done until something is heard."""
    beside: bool = False
    """Nothing can be done until a call that is under way has ended."""
    away: bool = False
    """The service cannot be reached, and has not been for a while."""
    not_sent: int = 0
    unclear: int = 0
    untold: int = 0
    """Jobs in a row that ended without a word about any of their awards."""
    clear: int = 0
    """Calls in a row that were answered, one way or the other."""
    begun: int = 0
    """Calls so far."""
    surveyed: int = 0
    """Up to which call recipients were looked through for some whose balances are not known (``foresight``)."""
    goes_to_some: bool = False
    """Whether there are some, and few enough to be asked about."""
    troubled_at: int = 0
    """How many had begun when one was last noted that reached nobody."""
    next_call: float = 0.0
    """Monotonic seconds."""
    activity: Activity = IDLE
    provider: Provider | None = None
    plan: Plan | None = None
    """How its calls are proved; chosen together with ``provider``."""
    told: PauseKind | None = None
    """Why people have been told that it is paused; calls beside each other often say the same."""

    @property
    def is_open(self) -> bool:
        """Whether calls may be made for the batch."""
        return self.batch.state is BatchState.OPEN

    @property
    def calls_at_once(self) -> int:
        """Calls that may be under way together: the first goes alone, and each clear answer allows one more. A key that
        is refused or a service in trouble is so met by one call, and a person can still stop nearly everything."""
        return 1 + self.clear

    def hear(self) -> None:
        """There may be something to do."""
        self.news += 1
        self.idle = self.beside = False

    def hear_landing(self) -> None:
        """A call of the account has ended: whoever waits for that, or is just being looked at, looks again."""
        self.news += 1
        if self.beside:
            self.idle = self.beside = False

    def begin_anew(self) -> None:
        """A person or a setting changed something: what went wrong before counts no more."""
        self.hear()
        self.away = False
        self.not_sent = self.unclear = self.untold = self.clear = 0
        self.next_call = 0.0
        self.provider = None
        self.plan = None
        self.told = None

    def rest(self, heard: int, *, beside: bool = False) -> None:
        """Nothing more to do, as judged when ``heard`` was the count of ``news``; ``beside`` calls that are under way,
        whose end may change that."""
        if not beside:
            self.activity = IDLE
        self.idle = self.news == heard
        self.beside = self.idle and beside

    def starts_at(self) -> float:
        """When the window ends in which Stop costs nothing (Unix seconds)."""
        starts_at = self.batch.starts_at / 1000
        return self.ages.no_later(starts_at, starts_at - self.batch.recorded_at / 1000)

    def seconds_until_start(self, clock: Clock) -> float:
        """Seconds left of that."""
        return max(0.0, self.starts_at() - clock.now())

    def seconds_until_call(self, clock: Clock, *, patient: bool) -> float | None:
        """0 when a call may be made; ``None`` when only news can change anything."""
        if self.idle or not self.is_open or (self.away and not patient):
            return None
        return max(self.seconds_until_start(clock), self.next_call - clock.monotonic())

    def doing(self, clock: Clock) -> Activity:
        """What is going on with the batch."""
        if self.is_open and self.seconds_until_start(clock) > 0:
            return Activity(Doing.WAITING_TO_START, until=self.starts_at())
        if self.activity is IDLE and self.is_open and not self.idle:
            return Activity(Doing.SENDING, detail="waiting for its turn")
        return self.activity

    def begin(self) -> int:
        """A call begins; its number."""
        self.begun += 1
        self.activity = Activity(Doing.SENDING)
        return self.begun

    def count_job(self, named: bool) -> None:
        """Note that a job has ``named`` awards as done or refused, or that one ended without."""
        self.untold = 0 if named else self.untold + 1

    def count(self, number: int, result: CallResult, verdict: Verdict, clock: Clock) -> None:
        """Note how the call of this number ended, and from it when the next one may be made."""
        if self.activity.doing is Doing.SENDING_AGAIN:
            self.activity = Activity(Doing.SENDING)
        if result is not CallResult.NOT_SENT:
            self.not_sent = 0
        elif number > self.troubled_at:
            self.not_sent += 1
            self.troubled_at = self.begun  # that others beside it reach nobody either is no further news
        self.unclear = self.unclear + 1 if result is CallResult.UNCLEAR else 0
        self.clear = self.clear + 1 if result is CallResult.CLEAR and verdict.pause is None else 0
        delay = delay_after_unclear(self.unclear)
        asked = verdict.wait_seconds
        if asked is not None:
            # The service is there and said when to come back.
            self.not_sent = 0
            delay = max(delay, asked)
            self.activity = Activity(Doing.WAITING_FOR_LIMIT, until=clock.now() + delay)
        elif self.not_sent:
            delay = delay_after_not_sent(self.not_sent)
            self.activity = Activity(Doing.AWAY, until=clock.now() + delay, detail=verdict.detail)
        self.away = is_away(self.not_sent)
        self.next_call = max(self.next_call, clock.monotonic() + delay)
