"""Who sends what, and when. One worker for each account, so that its calls know of each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from bot.clock import Clock, milliseconds
from bot.domain.model import Batch, Pause
from bot.domain.retrying import delay_after_not_sent
from bot.errors import LedgerError
from bot.ledger.ledger import Ledger
from bot.services.accounts import AccountWorker
from bot.services.news import News
from bot.services.programmes import Programmes
from bot.services.quarantine import Quarantine
from bot.services.standing import Standing
from bot.services.tasks import first_of
from bot.services.watching import IDLE, Activity, Doing, Sheltered, Watcher

log = logging.getLogger(__name__)

MayStart = Callable[[Batch], Awaitable[Pause | None]]
"""Asked once before a batch's first call; a pause says why it may not start (for example: the person lost the role)."""


async def _always(batch: Batch) -> Pause | None:
    return None


class Dispatcher:
    """Sends what is planned. Started and stopped by the composition root."""

    def __init__(
        self,
        ledger: Ledger,
        programmes: Programmes,
        clock: Clock,
        watcher: Watcher,
        *,
        job_wait_seconds: float,
        settle_after_seconds: float | None = None,
        linger_seconds: float = 120.0,
        patient: bool,
        only_woken: bool = False,
        may_start: MayStart = _always,
        standing: Standing | None = None,
    ) -> None:
        """``settle_after_seconds``: how old a call in doubt has to be before it is judged by reading; ``None``: doubts
        are left alone. ``linger_seconds``: how long a request can live after it was given up. ``patient`` (the bot): a
        service that is away is tried again for ever, ever more slowly.

        Otherwise (the command line) a batch whose service stays away is left planned and its work ends. ``only_woken``:
        work on nothing but the batches that ``wake`` has named; what others left planned stays so (``bulk``).
        ``standing``: asked before every call.
        """
        self._ledger = ledger
        self._programmes = programmes
        self._clock = clock
        self._watcher = Sheltered(watcher)
        self._job_wait = job_wait_seconds
        self._settle_after = settle_after_seconds
        self._linger = linger_seconds
        # From the program's start: a clock that is set ahead before an account has work is as wrong as later.
        self._quarantine = Quarantine(clock, max(linger_seconds, settle_after_seconds or 0.0), ledger.gain_memory)
        self._patient = patient
        self._may_start = may_start
        self._standing = standing or Standing(clock)
        self._standing.when_reopened(self.wake)
        self._began = milliseconds(clock.now())
        self._woken: set[int] | None = set() if only_woken else None
        self._workers: dict[str, AccountWorker] = {}
        self._stale = News()  # the list of batches at work may have changed
        self._looked = 0  # up to which of these news the workers know the list
        self._moved = News()  # something happened that ``until_quiet`` may wait for
        self._stopping = False
        self._over = False

    async def run(self) -> None:
        """Recover what a crash left, then work until ``stop``. Returns when the last call is recorded.

        Raises what keeps it from working at all (``LedgerError``).
        """
        try:
            await self._recover()
            async with asyncio.TaskGroup() as group:
                await self._hand_out(group)
                for worker in self._workers.values():
                    worker.stop()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            self._over = True
            self._moved.tell()

    def wake(self, batch_id: int | None = None) -> None:
        """There may be something to do: a batch was recorded, resumed, stopped, or a setting changed."""
        if self._woken is not None and batch_id is not None:
            self._woken.add(batch_id)
        for worker in self._workers.values():
            worker.forget(batch_id)
        self._stale.tell()
        if batch_id is not None:
            self._watcher.changed(batch_id)

    def show_again(self, batch_id: int) -> None:
        """There is nothing to do, but who watches the batch may show what is no longer so."""
        self._watcher.changed(batch_id)

    def stop(self) -> None:
        """Begin no new call; those in flight are awaited and recorded, the rest stays planned."""
        self._stopping = True
        for worker in self._workers.values():
            worker.stop()
        self._stale.tell()
        self._moved.tell()

    async def until_quiet(self, batch_ids: Sequence[int] | None = None, *, settled: bool = False) -> None:
        """Return when nothing more can be done for these batches (all when ``None``) without a person or without the
        service coming back: every award final, in doubt, or planned in a paused batch or behind a service that is away.

        With ``settled`` doubts are waited for too, as long as evidence may settle them.
        Also returns when the dispatcher was stopped or has failed.
        """
        while not (self._stopping or self._over):
            seen = self._moved.count
            if await self._is_quiet(batch_ids, settled):
                return
            await self._moved.after(seen)

    def activity(self, batch_id: int) -> Activity:
        """What is going on with a batch."""
        for worker in self._workers.values():
            activity = worker.activity(batch_id)
            if activity is not None:
                return activity
        return IDLE

    async def _recover(self) -> None:
        interrupted = await self._ledger.claims.mark_interrupted()
        if interrupted.attempts:
            log.warning("calls cut off by a crash: %d, awards in doubt: %d", interrupted.attempts, interrupted.awards)
        if self._settle_after is not None:
            await self._ledger.evidence.try_unread_again()
        self._stale.tell()

    async def _hand_out(self, group: asyncio.TaskGroup) -> None:
        """Tell every account's worker its batches, again and again, until stopped."""
        troubles = 0
        while not self._stopping:
            seen = self._stale.count
            try:
                by_account = await self._batches_by_account()
            except LedgerError:
                if not self._patient:
                    raise
                troubles += 1
                log.exception("the batches at work cannot be read; it will be tried again")
                await first_of(self._clock.sleep(delay_after_not_sent(troubles)), self._stale.after(seen))
                continue
            troubles = 0
            for account in by_account.keys() - self._workers.keys():
                worker = self._workers[account] = self._new_worker(account)
                group.create_task(worker.run(), name=f"account {account}")
            for account, worker in self._workers.items():
                worker.look(by_account.get(account, ()))
            self._looked = seen
            self._moved.tell()
            await self._stale.after(seen)

    async def _is_quiet(self, batch_ids: Sequence[int] | None, settled: bool = False) -> bool:
        wanted = None if batch_ids is None else frozenset(batch_ids)
        seen = self._moved.count
        if not self._is_up_to_date() or self._is_busy(wanted):
            return False
        for batches in (await self._batches_by_account()).values():
            for batch in batches:
                if wanted is not None and batch.id not in wanted:
                    continue
                worker = self._workers.get(account_of(batch))
                if worker is None or not await worker.is_quiet(batch.id, settled=settled):
                    return False
        # The batches were looked at one after the other: what was so of the first holds only if nothing moved since.
        return self._moved.count == seen and self._is_up_to_date() and not self._is_busy(wanted)

    def _is_busy(self, wanted: frozenset[int] | None) -> bool:
        return any(worker.is_busy(wanted) for worker in self._workers.values())

    def _is_up_to_date(self) -> bool:
        """Whether the workers know of everything that was told."""
        return self._looked > 0 and self._looked == self._stale.count

    async def _batches_by_account(self) -> dict[str, list[Batch]]:
        """Open and paused batches, and those with jobs to follow or doubts to settle, by account."""
        by_account: dict[str, list[Batch]] = {}
        for batch in await self._ledger.queries.batches_to_see_to(doubts=self._settle_after is not None):
            if self._woken is None or batch.id in self._woken:
                by_account.setdefault(account_of(batch), []).append(batch)
        return by_account

    def _new_worker(self, account: str) -> AccountWorker:
        return AccountWorker(
            account,
            self._ledger,
            self._programmes,
            self._clock,
            self._watcher,
            self._moved.tell,
            self._may_start,
            self._standing,
            self._quarantine,
            self._began,
            job_wait_seconds=self._job_wait,
            settle_after_seconds=self._settle_after,
            linger_seconds=self._linger,
            reopened=self._stale.tell,
            patient=self._patient,
        )


def account_of(batch: Batch) -> str:
    """The remote account of a batch: one worker looks after all batches of an account."""
    return batch.destination.account


__all__ = ["Activity", "Dispatcher", "Doing", "MayStart", "Watcher"]
