"""The calls of one account that are under way. Each is seen to its end, whatever happens to who began it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any

from bot.domain.lanes import Plan
from bot.domain.model import Batch
from bot.errors import LedgerError
from bot.providers.base import Provider
from bot.services.sending import Observer
from bot.services.watching import Activity, Doing
from bot.services.work import Work

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Flight(Observer):
    """One call, from before its intent until its outcome is recorded."""

    work: Work
    provider: Provider
    plan: Plan
    number: int
    """Of the call among those of its batch, in the order in which they began."""
    tell: Callable[[Batch, LedgerError], None]
    """Told once, when the ledger has not taken the outcome for long."""
    changed: Callable[[int], None]
    """Told the batch, when what goes on with it has changed."""
    again: int | None = None
    """A call in doubt whose award is sent once more, see ``make_call``."""
    is_claimed: bool = False
    """The intent is committed."""
    is_decided: asyncio.Event = field(default_factory=asyncio.Event)
    """It is, or it is clear that it will not be: there was nothing to send."""
    is_unrecorded: bool = False
    """The ledger does not take its outcome (yet)."""
    has_told: bool = False

    @property
    def batch_id(self) -> int:
        return self.work.batch.id

    def claimed(self) -> None:
        self.is_claimed = True
        self.is_decided.set()

    def repeated(self) -> None:
        self.work.activity = Activity(Doing.SENDING_AGAIN)
        self.changed(self.batch_id)

    def unrecorded(self, error: LedgerError, *, lasting: bool) -> None:
        self.is_unrecorded = True
        if lasting and not self.has_told:
            self.has_told = True
            self.tell(self.work.batch, error)


class Flights:
    """How many there may be, and what is left of them when they end."""

    def __init__(self, landed: Callable[[Flight], None]) -> None:
        """``landed`` hears of every end."""
        self._landed = landed
        self._tasks: dict[asyncio.Task[None], Flight] = {}
        self._failed: list[BaseException] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def any_of(self, batch_ids: Collection[int] | None) -> bool:
        """Whether a call of one of these batches (any when ``None``) is under way."""
        return any(batch_ids is None or flight.batch_id in batch_ids for flight in self._tasks.values())

    def but(self, flight: Flight) -> list[Flight]:
        """The others."""
        return [other for other in self._tasks.values() if other is not flight]

    def have_room(self, work: Work, provider: Provider, plan: Plan) -> bool:
        """Whether one more call may begin beside those under way.

        Awards of calls that are under way together have no recipient in common (``Claims.claim``), so that each call is
        judged by evidence of its own. Two kinds of programme can have two names for one recipient, so they take turns.
        A batch begins with one at a time, and again after a call that failed, so that trouble adds few doubts. And
        nothing new is begun while the ledger does not take what is known already.
        """
        flights = self._tasks.values()
        if not flights or self._failed:
            return not self._failed
        kind = provider.programme.kind
        if any(flight.is_unrecorded or flight.provider.programme.kind is not kind for flight in flights):
            return False
        if sum(flight.batch_id == work.batch.id for flight in flights) >= work.calls_at_once:
            return False
        return len(flights) < min(_most(provider, plan), *(_most(flight.provider, flight.plan) for flight in flights))

    def take_off(self, flight: Flight, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let a call go. Nobody cancels it."""
        task = asyncio.ensure_future(call)
        self._tasks[task] = flight
        task.add_done_callback(self._land)
        return task

    async def all_decided(self, but: Flight | None = None) -> None:
        """Return when the intent of each (``but`` this one) is written, or it is clear that none will be."""
        for flight in [*self._tasks.values()]:
            if flight is not but:
                await flight.is_decided.wait()

    def _land(self, task: asyncio.Task[None]) -> None:
        flight = self._tasks.pop(task)
        flight.is_decided.set()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._failed.append(error)
        self._landed(flight)

    def raise_failure(self) -> None:
        """Raise what a call ended with that its batch is not to blame for (``LedgerError``)."""
        if self._failed:
            raise self._failed.pop(0)

    async def all_landed(self) -> None:
        """Return when no call is under way; what they failed with is logged."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        while self._failed:
            log.error("the call that was waited for failed", exc_info=self._failed.pop(0))


def _most(provider: Provider, plan: Plan) -> int:
    """Calls that may go together: without lanes as many as the service tells apart, else one on each lane."""
    return provider.calls_at_once if plan.kind is None else min(provider.calls_at_once, plan.calls_at_once)
