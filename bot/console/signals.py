"""SIGINT and SIGTERM: the first asks for an orderly end, the second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any, TypeVar

from bot.console import early
from bot.console.early import STOPPED_BY, TOGETHER
from bot.console.output import note

T = TypeVar("T")


class StoppedEarlyError(Exception):
    """A signal ended the work before anything was recorded."""


class Signals:
    """What arrived so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        """130 or 143 from the first signal on."""
        self._event = asyncio.Event()
        self._announce: Callable[[], str] = lambda: "Stopping."

    def awaiting(self, announce: Callable[[], str]) -> None:
        """From now on the first signal is answered on standard error by what ``announce`` returns."""
        self._announce = announce

    async def first(self) -> None:
        """Return when the first signal has arrived."""
        await self._event.wait()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``; the first signal cancels it and raises ``StoppedEarlyError``."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise StoppedEarlyError
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    def arrived(self, number: signal.Signals) -> None:
        """The handler."""
        if self._event.is_set():
            os._exit(STOPPED_BY[number])
        if self.status is None:
            self.status = STOPPED_BY[number]
            asyncio.get_running_loop().call_later(TOGETHER, self.answer)

    def answer(self) -> None:
        """Say that the first signal was heard, and let it be acted on; whatever comes from now on is a second one."""
        if self.status is not None and not self._event.is_set():
            note(self._announce())
            self._event.set()


@asynccontextmanager
async def handled() -> AsyncIterator[Signals]:
    """Handle both signals while inside, and one that came before."""
    signals = Signals()
    loop = asyncio.get_running_loop()
    for number in STOPPED_BY:
        loop.add_signal_handler(number, signals.arrived, number)
    if (kept := early.kept()) is not None:
        signals.arrived(kept)
    try:
        yield signals
    finally:
        for number in STOPPED_BY:
            loop.remove_signal_handler(number)
        signals.answer()


@contextmanager
def unwinding() -> Iterator[None]:
    """SIGTERM unwinds what blocks inside, as SIGINT does: files that it has begun are removed."""

    def unwind(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # the same request once more must not disturb that
        sys.exit(STOPPED_BY[signal.Signals(number)])

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
