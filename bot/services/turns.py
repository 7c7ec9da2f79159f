"""Whose turn it is at an account: which of its batches makes the next call, and what has to be so before it does.

Nothing is claimed here and nothing is sent. A batch that may not go on is paused, or waits: the next has its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bot.clock import Clock
from bot.domain.lanes import Plan
from bot.domain.model import Pause, PauseKind
from bot.domain.retrying import PAUSE_AFTER_UNCLEAR
from bot.errors import LedgerError
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.comparing import Comparer
from bot.services.concluding import Concluder
from bot.services.flights import Flights
from bot.services.following import Follower
from bot.services.foresight import look_ahead
from bot.services.gate import Gate
from bot.services.standing import Standing
from bot.services.watching import Activity, Doing
from bot.services.work import Work

JOBS_IN_FLIGHT_MAX: Final = 10
"""Accepted and unfinished jobs of one account, above which no further one is posted: how many run side by side is not
documented, and rows of posted jobs can no longer be stopped."""

LOOK_AGAIN_SECONDS: Final = 0.25
"""How often a batch that waits for jobs to end looks whether there is room."""


class Turns:
    """One account's."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        standing: Standing,
        work: Mapping[int, Work],
        flights: Flights,
        follower: Follower,
        gate: Gate,
        comparer: Comparer,
        concluder: Concluder,
        *,
        reopened: Callable[[], None],
        patient: bool,
    ) -> None:
        """``work``: the account's batches at work, by id. ``reopened`` hears when batches of other accounts were
        paused."""
        self._ledger = ledger
        self._clock = clock
        self._standing = standing
        self._work = work
        self._flights = flights
        self._follower = follower
        self._gate = gate
        self._comparer = comparer
        self._concluder = concluder
        self._reopened = reopened
        self._patient = patient
        self._last = 0

    async def next(self) -> Work | None:
        """The next batch that may make a call, in turn, so that a small batch never waits behind a large one."""
        for batch_id in sorted(self._work, key=lambda batch_id: (batch_id <= self._last, batch_id)):
            work = self._work.get(batch_id)  # may have gone while another one was looked at
            if work is None or work.idle:
                continue
            if not work.is_open:
                await self._concluder.rest_closed(work)
            elif self._standing.refusal() is not None:
                continue  # its end is told
            elif work.seconds_until_call(self._clock, patient=self._patient) == 0.0 and await self._may_call(work):
                return work
        return None

    async def make_ready(self, work: Work) -> tuple[Provider, Plan] | None:
        """Have done what comes before the call of the batch whose turn it is: the rate limit waited for, other ledgers
        looked for, the evidence read that the call will be judged by. ``None``: it has to be looked at afresh."""
        self._last = work.batch.id
        provider = await self._admitted(work)
        plan = work.plan
        if provider is None or plan is None:
            return None  # settings changed since it was chosen, or nothing is left
        if self._comparer.is_due(work.batch):
            if await self._paid_elsewhere(work, provider):
                return None
            provider = await self._admitted(work)
        if provider is not None and await self._look_ahead(provider, work, plan):
            provider = await self._admitted(work)  # the look may have cost the call its turn
        return None if provider is None else (provider, plan)

    async def _look_ahead(self, provider: Provider, work: Work, plan: Plan) -> bool:
        return await look_ahead(self._ledger, provider, self._clock, work, plan, self._flights.all_decided)

    async def _may_call(self, work: Work) -> bool:
        """Settings still point to where the batch was recorded for, the person still may, jobs leave room."""
        heard = work.news
        try:
            refused = await self._gate.refusal(work)
        except LedgerError:
            raise
        except Exception:
            await self._concluder.pause_for_defect(work, heard, "nothing was sent by it")
            return False
        if refused is not None:
            await self._concluder.pause(work, heard, refused)
            return False
        if work.untold >= PAUSE_AFTER_UNCLEAR:
            message = f"{work.untold} jobs in a row ended without a word about any of their awards"
            await self._concluder.pause(work, heard, Pause(PauseKind.UNCLEAR, message))
            return False
        jobs = await self._follower.in_flight()
        if jobs and jobs + len(self._flights) >= JOBS_IN_FLIGHT_MAX:
            work.activity = Activity(Doing.FOLLOWING, detail="waiting for earlier jobs to end")
            work.next_call = self._clock.monotonic() + LOOK_AGAIN_SECONDS
            return False
        return True

    async def _admitted(self, work: Work) -> Provider | None:
        """Wait for the rate limit before anything is claimed; ``None`` when the batch has to be looked at afresh."""
        provider = work.provider
        if provider is None:
            return None  # settings changed since it was chosen
        heard = work.news
        until = provider.waiting_until
        if until is not None:
            # Nobody waits for the limit only to learn that there is nothing left to send.
            if await self._concluder.finish(work, heard):
                return None
            work.activity = Activity(Doing.WAITING_FOR_LIMIT, until=until)
        try:
            await provider.wait_for_turn()
        except Exception:
            await self._concluder.pause_for_defect(work, heard, "nothing was sent by it")
            return None
        return provider if work.provider is provider else None

    async def _paid_elsewhere(self, work: Work, provider: Provider) -> bool:
        """Whether another ledger seems to have paid from here, so that no call is made."""
        heard = work.news
        found = await self._comparer.paid_elsewhere(provider, work.batch, self._flights.all_decided)
        if found is not None:
            await self._concluder.pause(work, heard, found)
        elif await self._comparer.strangers(provider, work.batch):
            await self._concluder.suspect_a_stranger()
            self._reopened()  # the batches of other accounts are paused, too
        elif (late := self._comparer.came_late()) is not None:
            if await self._concluder.pause(work, heard, late):
                await self._comparer.told()
        else:
            return False
        return True
