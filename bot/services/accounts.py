"""The worker of one remote account: takes its open batches in turn (``Turns``), one call each, and follows their jobs.

Calls go side by side as far as the evidence allows (``Flights``); two intents at most wait for the ledger together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from bot.clock import Clock
from bot.domain.lanes import Plan
from bot.domain.model import Batch, Pause
from bot.domain.retrying import delay_after_not_sent
from bot.errors import LedgerError
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.comparing import Comparer
from bot.services.concluding import Concluder
from bot.services.flights import Flight, Flights
from bot.services.following import Follower
from bot.services.gate import Gate
from bot.services.programmes import Programmes
from bot.services.quarantine import Quarantine
from bot.services.sending import CallResult, make_call
from bot.services.settling import Settler
from bot.services.standing import Standing
from bot.services.tasks import cancelled, first_of
from bot.services.turns import Turns
from bot.services.watching import IDLE, Activity, Doing, Watcher
from bot.services.work import Work

log = logging.getLogger(__name__)


class AccountWorker:
    """One account's loop."""

    def __init__(
        self,
        account: str,
        ledger: Ledger,
        programmes: Programmes,
        clock: Clock,
        watcher: Watcher,
        tell: Callable[[], None],
        may_start: Callable[[Batch], Awaitable[Pause | None]],
        standing: Standing,
        quarantine: Quarantine,
        began: int,
        *,
        job_wait_seconds: float,
        settle_after_seconds: float | None,
        linger_seconds: float,
        reopened: Callable[[], None],
        patient: bool,
    ) -> None:
        """``reopened`` hears when a finished batch has something to send again."""
        self._account = account
        self._ledger = ledger
        self._gate = Gate(ledger, programmes, clock, may_start, linger_seconds)
        self._clock = clock
        self._watcher = watcher
        self._tell = tell
        self._patient = patient
        self._standing = standing
        self._follower = Follower(
            *(ledger, clock, account, self._job_changed, self._job_paused, self._job_heard, standing),
            job_wait_seconds=job_wait_seconds,
            stop_after_seconds=settle_after_seconds,
        )
        self._quarantine = quarantine
        self._settler = Settler(
            *(ledger, clock, self._quarantine, account, self._doubts_looked_at, self._job_paused, self._is_going),
            sends_again=watcher.changed,
            settle_after_seconds=settle_after_seconds,
            patient=patient,
        )
        self._reopened = reopened
        self._work: dict[int, Work] = {}
        self._flights = Flights(self._landed)
        self._concluder = Concluder(
            *(ledger, clock, watcher, tell, self._work, self._flights, self._follower, self._settler)
        )
        self._turns = Turns(
            *(ledger, clock, standing, self._work, self._flights, self._follower, self._gate),
            *(Comparer(ledger, clock, began), self._concluder),
            reopened=reopened,
            patient=patient,
        )
        self._concerned = self._concluder.tell_unrecorded, watcher.changed
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()

    # --- told from outside --------------------------------------------------------------------------------------

    def look(self, batches: Sequence[Batch]) -> None:
        """These are the account's batches at work now."""
        now = {batch.id: batch for batch in batches}
        for batch_id in set(self._work) - set(now):
            del self._work[batch_id]
        for batch in batches:
            work = self._work.setdefault(batch.id, Work(batch, self._quarantine.ages))
            if work.batch.state is not batch.state:
                work.hear()
            work.batch = batch
        self._woken.set()

    def forget(self, batch_id: int | None) -> None:
        """Something about this batch (or any) changed: look at it afresh.

        The others look again too: a doubt that was settled in one batch may free rows of another.
        """
        for work in self._work.values():
            if batch_id is None or work.batch.id == batch_id:
                work.begin_anew()
            else:
                work.hear()
        self._follower.forget()
        self._settler.forget()
        self._woken.set()

    def stop(self) -> None:
        """Begin no new call."""
        self._stop.set()

    def _is_going(self) -> bool:
        return not self._stop.is_set() and self._standing.refusal() is None

    def activity(self, batch_id: int) -> Activity | None:
        """What is going on with a batch; ``None`` when it is not this account's."""
        work = self._work.get(batch_id)
        if work is None:
            return None
        why = self._standing.refusal()
        waits = (work.is_open and not work.idle) or self._follower.follows(batch_id)
        if why is not None and waits and not self._flights.any_of((batch_id,)):
            return Activity(Doing.STANDING_BY, detail=why)
        if self._settler.sends_again(batch_id):
            return Activity(Doing.SENDING_AGAIN)
        activity = work.doing(self._clock)
        if activity is IDLE and self._follower.follows(batch_id):
            return Activity(Doing.FOLLOWING)
        until = self._settler.until(batch_id) if activity is IDLE else None
        return activity if until is None else Activity(Doing.SETTLING, until=until)

    def is_busy(self, batch_ids: Collection[int] | None) -> bool:
        """Whether something is, or can be, done now for one of these batches (any when ``None``)."""
        if self._flights.any_of(batch_ids):
            return True  # whatever became of the batch: the call is not recorded
        if self._settler.recording or self._follower.recording:
            return True  # what others read in the ledger now was not told to the batches that it concerns
        if self._standing.is_settled and self._standing.refusal() is not None:
            return False
        return any(
            work.beside or not (work.idle or work.away)
            for work in self._work.values()
            if batch_ids is None or work.batch.id in batch_ids
        )

    async def is_quiet(self, batch_id: int, *, settled: bool) -> bool:
        """Whether nothing more can be done for the batch now; with ``settled`` not even about its doubts."""
        if batch_id not in self._work or self.is_busy((batch_id,)):
            return False
        if self._standing.is_settled and self._standing.refusal() is not None:
            return True  # not from here
        if not await self._follower.settled(batch_id):
            return False
        return not settled or (await self._follower.stopped(batch_id) and await self._settler.settled(batch_id))

    # --- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until ``stop``; calls under way are seen to their end even when the task is cancelled.

        Raises what keeps it from working (``LedgerError``), unless it is patient: then it tries again, more and more
        slowly.
        """
        loop = asyncio.ensure_future(self._loop())
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({loop, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Everything but a call may be left half-way: it only reads, waits, or writes whole transactions.
            await cancelled(loop, stop)
            await self._flights.all_landed()
        if not loop.cancelled():
            loop.result()

    async def _loop(self) -> None:
        troubles = 0
        while True:
            self._woken.clear()
            try:
                waits = await self._one_turn()
                troubles = 0
            except Exception:
                if not self._patient:
                    raise
                troubles += 1
                log.exception("account %s cannot be worked for; it will be tried again", self._account)
                waits = [delay_after_not_sent(troubles)]
            if waits is not None:
                self._tell()
                sleeping = [self._clock.sleep(min(waits))] if waits else []
                await first_of(self._woken.wait(), *sleeping)

    async def _one_turn(self) -> list[float] | None:
        """Poll what is due and begin one call: ``None``. With no call to make: seconds until something may be due."""
        self._flights.raise_failure()
        waits = [await self._follower.poll_due(self._provider_of_job)]
        if await self._settler.is_overdue():
            await self._settle()
        work = await self._turns.next()
        if work is not None and not self._has_room(work):
            return [wait for wait in waits if wait is not None]  # the end of a call wakes
        if work is not None:
            ready = await self._turns.make_ready(work)
            if ready is not None:
                await self._begin(work, *ready)
            return None
        if await self._settle():
            return None
        if self._standing.refusal() is None:  # else its end is told
            due = await self._settler.seconds_until_due()
            waits.append(None if self._flights and not due else due)  # what is due now waits for a call to end
            waits += [work.seconds_until_call(self._clock, patient=self._patient) for work in self._work.values()]
        return [wait for wait in waits if wait is not None]

    async def _settle(self) -> bool:
        """See to the oldest doubt that is due: by a call once more where that is safe, else by reading; whether there
        was one. Not while another ledger may be at work: what it moves would be taken for our own calls' doing."""
        if self._standing.refusal() is not None:
            return False
        again = await self._settler.due_to_repeat()
        provider = None if again is None else await self._provider_of_job(again.batch_id)
        work = None if again is None else self._work.get(again.batch_id)
        if again is None or provider is None or work is None or self._standing.refusal() is not None:
            with self._standing.calling():  # a look may send its call once more, on a ring
                return await self._settler.settle_due(self._provider_of_job)
        plan = Plan(1)
        if not self._flights.have_room(work, provider, plan):
            return False  # a call has to end first, and its end wakes
        await provider.wait_for_turn()
        flight = Flight(work, provider, plan, work.begin(), *self._concerned, again.attempt_id)
        await asyncio.wait({self._flights.take_off(flight, self._call(flight))})
        self._settler.repeated(again)
        return True

    # --- a call -------------------------------------------------------------------------------------------------

    async def _begin(self, work: Work, provider: Provider, plan: Plan) -> None:
        """Let the next call of the batch go, if it still may; return when its intent is written.

        Or while that waits for the ledger, where the rate limit has room for one more: then the intent of the next call
        waits beside it, and a long batch costs two thirds of the commits.
        """
        if work.seconds_until_call(self._clock, patient=self._patient) != 0.0 or not self._has_room(work):
            return  # a call beside it has ended meanwhile
        flight = Flight(work, provider, plan, work.begin(), *self._concerned)
        self._flights.take_off(flight, self._call(flight))
        await self._flights.all_decided(but=flight)
        if not provider.admits(2):
            await flight.is_decided.wait()

    def _has_room(self, work: Work) -> bool:
        if work.provider is None or work.plan is None:
            return False
        return self._flights.have_room(work, work.provider, work.plan)

    async def _call(self, flight: Flight) -> None:
        # Asked again: the rate limit may have been waited for in between.
        if self._stop.is_set() or self._standing.refusal() is not None:
            return
        work, heard = flight.work, flight.work.news
        try:
            with self._standing.calling():
                called = await make_call(
                    *(self._ledger, flight.provider, self._clock, self._quarantine, work.batch, flight.plan, flight),
                    for_ever=self._patient,
                    going=self._is_going,
                    again=flight.again,
                )
            if called.no_lane is not None:
                await self._concluder.no_lane(flight, heard, called.no_lane)
            elif called.result in (CallResult.NOTHING_TO_CLAIM, CallResult.BESIDE):
                await self._concluder.nothing_left(flight, heard, waits=called.result is CallResult.BESIDE)
            else:
                await self._concluder.judge(flight, heard, called)
            if flight.again is not None:
                self._job_changed(work.batch.id)  # the end of a doubt may free rows of any batch
        except LedgerError:
            raise
        except Exception:
            # A defect of ours must not stop other batches, and must not be tried again and again with this one.
            sent = "rows in flight are in doubt" if flight.is_claimed else "nothing was sent by it"
            await self._concluder.pause_for_defect(work, heard, sent)
        finally:
            self._watcher.changed(work.batch.id)

    def _landed(self, flight: Flight) -> None:
        # One that carried nothing changes nothing; but who waited for whatever is under way waits for nothing now.
        if flight.is_claimed or not self._flights:
            for work in self._work.values():
                work.hear_landing()
        self._woken.set()
        self._tell()

    # --- jobs ---------------------------------------------------------------------------------------------------

    def _job_changed(self, batch_id: int) -> None:
        self._settler.forget()
        for work in self._work.values():
            work.hear()
        self._tell()
        self._watcher.changed(batch_id)

    def _doubts_looked_at(self, batch_id: int, reopened: bool) -> None:
        self._job_changed(batch_id)
        if reopened:
            self._reopened()

    def _job_heard(self, batch_id: int, named: bool) -> None:
        work = self._work.get(batch_id)
        if work is not None:
            work.count_job(named)

    async def _job_paused(self, batch_id: int, pause: Pause) -> None:
        work = self._work.get(batch_id)
        if work is not None and work.is_open:
            await self._concluder.pause(work, work.news, pause)

    async def _provider_of_job(self, batch_id: int) -> Provider | None:
        # A job of a batch that is none of the worker's is followed too, but nothing more is done for that batch.
        work = self._work.get(batch_id) or Work(await self._ledger.queries.batch(batch_id, None), self._quarantine.ages)
        return await self._gate.provider(work)
