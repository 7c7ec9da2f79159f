"""What the worker of an account concludes for a batch: from how a call ended, or why none could be made.

The batch goes on, rests until something is heard, is finished, or is paused and its people are told.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bot import checkpoints
from bot.clock import Clock
from bot.domain.calls import NoLane
from bot.domain.model import Actor, Batch, Pause, PauseKind
from bot.domain.retrying import PAUSE_AFTER_UNCLEAR
from bot.domain.states import BatchState
from bot.errors import LedgerError, Refused
from bot.ledger.ledger import Ledger
from bot.ledger.restorations import Why
from bot.services.flights import Flight, Flights
from bot.services.following import Follower
from bot.services.proving import disturbed
from bot.services.sending import Called
from bot.services.settling import Settler
from bot.services.tasks import to_its_end
from bot.services.watching import Activity, Doing, Watcher
from bot.services.work import Work

log = logging.getLogger(__name__)

BURSAR: Final = Actor("bursar", "Bursar", None)
"""Who pauses a batch when no person does."""


class Concluder:
    """One account's."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        watcher: Watcher,
        tell: Callable[[], None],
        work: dict[int, Work],
        flights: Flights,
        follower: Follower,
        settler: Settler,
    ) -> None:
        """``tell`` hears that something moved; ``work``: the account's batches at work, by id."""
        self._ledger = ledger
        self._clock = clock
        self._watcher = watcher
        self._tell = tell
        self._work = work
        self._flights = flights
        self._follower = follower
        self._settler = settler

    # --- a call has ended ---------------------------------------------------------------------------------------

    async def judge(self, flight: Flight, heard: int, called: Called) -> None:
        """A call was made: when the next one may be, or that the batch is paused."""
        work, verdict = flight.work, called.verdict
        assert verdict is not None  # only NOTHING_TO_CLAIM comes without
        work.count(flight.number, called.result, verdict, self._clock)
        self._settler.forget()
        if verdict.job_id is not None:
            self._follower.forget()
            # Stopped while its call was under way, the batch has gone from the list; its job brings it back.
            self._work.setdefault(work.batch.id, work)
        if verdict.pause is not None:
            # Recorded with the outcome; but somebody may have stopped the batch meanwhile.
            batch = await self._ledger.queries.batch(work.batch.id, None)
            if batch.state is BatchState.PAUSED and work.told is not verdict.pause.kind:
                work.told = verdict.pause.kind
                self.tell_pause(batch, verdict.pause)
            self.rest(work, heard)
        elif work.unclear >= PAUSE_AFTER_UNCLEAR:
            message = f"{work.unclear} calls in a row ended without a clear answer: {verdict.detail or 'no answer'}"
            await self.pause(work, heard, Pause(PauseKind.UNCLEAR, message))

    async def nothing_left(self, flight: Flight, heard: int, *, waits: bool) -> None:
        """Nothing could be claimed: finished, paused by somebody, or waiting for jobs or doubts to end, or for calls
        (``waits``: of whichever batch)."""
        work = flight.work
        if await self.finish(work, heard) or work.seconds_until_start(self._clock) > 0:
            return  # in the second case the clock was set back; it will be time again
        others = self._flights.but(flight)
        self.rest(work, heard, beside=bool(others) and (waits or any(other.work is work for other in others)))

    async def no_lane(self, flight: Flight, heard: int, no_lane: NoLane) -> None:
        """Every lane is taken, or not yet free, or a person has to look at it."""
        work = flight.work
        if no_lane.trouble is not None:
            await self.pause(work, heard, disturbed(no_lane.trouble))
        elif no_lane.until is not None:
            work.activity = Activity(Doing.WAITING_FOR_LANE, until=no_lane.until)
            work.next_call = self._clock.monotonic() + max(0.0, no_lane.until - self._clock.now())
        else:
            self.rest(work, heard, beside=bool(self._flights.but(flight)))  # the end of what has it is heard of

    # --- at rest, or finished -----------------------------------------------------------------------------------

    def rest(self, work: Work, heard: int, *, beside: bool = False) -> None:
        """Nothing more to do, as judged when ``heard`` was the count of its news."""
        work.rest(heard, beside=beside)
        self._tell()

    async def finish(self, work: Work, heard: int) -> bool:
        """Close the batch if all of it is done; whether it was."""
        if not await self._ledger.claims.finish_if_done(work.batch.id):
            return False
        checkpoints.reached("finished")
        work.batch = replace(work.batch, state=BatchState.FINISHED)
        self._settler.forget()  # what could not be read while the batch was paused can be now
        self.rest(work, heard)
        self._watcher.changed(work.batch.id)
        return True

    async def rest_closed(self, work: Work) -> None:
        """Paused, stopped or finished. A paused batch whose last call or job came back in the meantime is finished."""
        heard = work.news
        if work.batch.state is not BatchState.PAUSED or not await self.finish(work, heard):
            self.rest(work, heard, beside=self._flights.any_of((work.batch.id,)))

    # --- pausing ------------------------------------------------------------------------------------------------

    async def pause(self, work: Work, heard: int, pause: Pause) -> bool:
        """Record that the batch is paused, and tell it once. Whether that was so: not of one that is over or paused."""
        told = await to_its_end(self._pause_and_tell(work.batch, pause))
        self.rest(work, heard)
        return told

    async def pause_for_defect(self, work: Work, heard: int, what: str) -> None:
        """The same because of the error that is being handled, which is logged under an id that people are told."""
        error_id = secrets.token_hex(4)
        log.exception("error %s while sending batch %d", error_id, work.batch.id)
        message = f"an internal error (id {error_id} in the log) stopped this batch; {what}"
        await self.pause(work, heard, Pause(PauseKind.UNCLEAR, message))

    async def _pause_and_tell(self, batch: Batch, pause: Pause) -> bool:
        try:
            steered = await self._ledger.steering.pause(batch.id, BURSAR, pause)
        except Refused:
            return False  # finished, or stopped by somebody: nothing is left to pause
        if steered.changed:
            self.tell_pause(await self._ledger.queries.batch(batch.id, None), pause)
        return steered.changed

    async def suspect_a_stranger(self) -> None:
        """Another ledger seems to pay from here: this one is marked, and nothing of any account is sent."""
        heard = [(work, work.news) for work in self._work.values()]
        pause = Pause(PauseKind.RESTORED, (await self._ledger.restorations.suspect(Why.STRANGER)).message)
        for batch in await self._ledger.queries.batches_at_work():
            if batch.pause is not None and batch.pause.kind is PauseKind.RESTORED:
                self.tell_pause(batch, pause)
        for work, news in heard:  # after it is told: whoever waits for the end of the work wants to know why it ended
            self.rest(work, news)

    def tell_pause(self, batch: Batch, pause: Pause) -> None:
        """Tell a pause that is recorded."""
        self._watcher.paused(batch, pause)

    def tell_unrecorded(self, batch: Batch, error: LedgerError) -> None:
        """The bot's staff are told at once: nothing goes on at this account until the ledger takes what is known."""
        message = f"a call was made whose outcome cannot be written down, so nothing more is sent: {error.message}"
        self._watcher.paused(batch, Pause(PauseKind.UNCLEAR, message))
