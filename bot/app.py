"""The composition root: opens the ledger, the providers and the services, and closes them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from bot.clock import Clock
from bot.domain.model import Actor, Batch, Pause
from bot.ledger.ledger import Ledger
from bot.providers.factory import make_providers
from bot.services.approving import Approving
from bot.services.batches import Batches
from bot.services.budgeting import Budgeting
from bot.services.bundle import Services
from bot.services.daily_heads import DailyHeads
from bot.services.dispatching import Dispatcher
from bot.services.halting import Halting
from bot.services.handover import Desk, LocalDesk, serving, socket_path
from bot.services.leading import Leading
from bot.services.programmes import Programmes
from bot.services.promising import Promises
from bot.services.proving import usable
from bot.services.receipts import Receipts
from bot.services.rules import Servers
from bot.services.standing import Standing
from bot.services.submitting import Submitting
from bot.services.watching import Watcher
from bot.settings import Settings

log = logging.getLogger(__name__)


class Watchers:
    """Passes on what the dispatcher tells to whoever has joined: the client comes after the services it needs."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []

    def add(self, watcher: Watcher) -> None:
        """Tell ``watcher`` too, from now on."""
        self._watchers.append(watcher)

    def changed(self, batch_id: int) -> None:
        for watcher in self._watchers:
            watcher.changed(batch_id)

    def paused(self, batch: Batch, pause: Pause) -> None:
        for watcher in self._watchers:
            watcher.paused(batch, pause)


@dataclass(slots=True)
class StartRule:
    """Whether a batch may begin, asked once before its first call. The client sets ``ask`` when it can tell (roles)."""

    ask: Callable[[Batch], Awaitable[Pause | None]] | None = None

    async def __call__(self, batch: Batch) -> Pause | None:
        return None if self.ask is None else await self.ask(batch)


@dataclass(slots=True)
class App:
    """An opened Bursar that holds the ledger's lock."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    services: Services
    watchers: Watchers
    start_rule: StartRule
    _dispatch: asyncio.Task[None] | None = field(default=None, init=False)

    @asynccontextmanager
    async def dispatching(self) -> AsyncIterator[None]:
        """Send what is planned while inside; at the end the call in flight is awaited and recorded.

        When the dispatcher itself fails (the ledger's disk is full), the body is cancelled and its error raised here.
        """
        owner = asyncio.current_task()
        assert owner is not None  # an async context is always entered by a task
        task = self._dispatch = asyncio.create_task(self.services.dispatcher.run(), name="dispatcher")
        task.add_done_callback(lambda done: owner.cancel() if _failure(done) else None)
        try:
            yield
        except asyncio.CancelledError:
            if (failure := _failure(task)) is None:
                raise
            owner.uncancel()
            raise failure from None
        finally:
            await self.drain()

    @asynccontextmanager
    async def taking_handovers(self) -> AsyncIterator[None]:
        """Answer `bulk` processes on the socket beside the ledger while inside.

        The signal that stops such a process pauses its batch here: nothing is sent that its person no longer wants.
        """

        def desk(name: str) -> Desk:
            actor = Actor(id="cli", name=name, server_id=None)

            async def stop_sending(batch_id: int) -> None:
                await self.services.batches.pause(batch_id, actor)
                await self.services.dispatcher.until_quiet([batch_id])

            return LocalDesk(self.services, self.ledger, actor, stop_sending)

        path = socket_path(self.settings.database)
        async with serving(path, desk, max_file_bytes=self.settings.max_file_bytes):
            yield

    async def drain(self) -> None:
        """Begin no new call, and return when the one in flight is recorded."""
        self.services.dispatcher.stop()
        if self._dispatch is not None:
            await asyncio.wait({self._dispatch})


@asynccontextmanager
async def opened(
    settings: Settings,
    clock: Clock,
    *,
    patient: bool,
    settling: bool = False,
    only_woken: bool = False,
    practice: bool = False,
) -> AsyncIterator[App]:
    """Take the ledger's lock and wire everything. ``patient`` and ``only_woken`` as in ``Dispatcher``. ``settling``:
    doubts are judged by reading once they are old enough.

    Raises ``LedgerLocked``, ``LedgerTooNew``, ``LedgerError``. Nothing is sent before ``App.dispatching``.
    """
    ledger = await Ledger.open(settings.database, clock, practice=practice)
    try:
        providers = make_providers(settings, clock)
        try:
            programmes = Programmes(await usable(ledger, settings.programmes()), providers.make)
            settle_after = settings.settle_after if settling else None
            dispatcher = partial(Dispatcher, patient=patient, only_woken=only_woken, settle_after_seconds=settle_after)
            app = _wired(settings, clock, ledger, programmes, dispatcher, practice=practice)
            purged = await ledger.drafts.purge()
            log.debug("ledger open, %d old drafts removed", purged)
            yield app
        finally:
            await providers.close()
    finally:
        await ledger.close()


def _wired(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    programmes: Programmes,
    make_dispatcher: Callable[..., Dispatcher],
    *,
    practice: bool,
) -> App:
    watchers, start_rule, standing = Watchers(), StartRule(), Standing(clock)
    dispatcher = make_dispatcher(
        *(ledger, programmes, clock, watchers),
        job_wait_seconds=settings.job_wait,
        linger_seconds=settings.settle_after,
        may_start=start_rule,
        standing=standing,
    )
    submitting = Submitting(
        ledger,
        programmes,
        clock,
        max_rows=settings.max_rows,
        max_file_bytes=settings.max_file_bytes,
        settle_after=settings.settle_after,
        recorded=dispatcher.wake,
    )
    servers = Servers(
        ledger,
        server_ids=settings.server_ids,
        max_award=settings.max_award,
        max_batch=settings.max_batch,
        changed=dispatcher.wake,
    )
    services = Services(
        programmes=programmes,
        submitting=submitting,
        batches=Batches(ledger, programmes, dispatcher, clock),
        dispatcher=dispatcher,
        servers=servers,
        halting=Halting(ledger, dispatcher),
        leading=Leading(ledger, clock, standing),
        approving=Approving(ledger),
        budgeting=Budgeting(ledger),
        promises=Promises(ledger, programmes),
        receipts=Receipts(ledger),
        daily_heads=DailyHeads(ledger, clock),
        boards=ledger.boards,
        steering=ledger.steering,
        clock=clock,
        practice=practice,
    )
    return App(settings, clock, ledger, services, watchers, start_rule)


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
