"""An event loop that never waits: when nothing is left to run now, its clock jumps to whatever is next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
START = 1_790_000_000.0
"""Unix time at which every run begins."""
MAX_TURNS = 60_000
"""Turns of the loop after which a run counts as going round in circles. Long ones take about 8,000."""


class Stalled(Exception):
    """Nothing is ready and nothing is due: whoever still waits will wait for ever."""


class Circling(Exception):
    """The run has no end."""


class Crash(KeyboardInterrupt):
    """The process ends here, whatever it was about to do. A ``KeyboardInterrupt``, because asyncio lets only that (and
    ``SystemExit``) out of the loop at once; nobody in Bursar catches either."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop without sockets, threads and waiting."""

    def __init__(self, now: float = 0.0) -> None:
        super().__init__()
        self._selector = self  # asked by the base class how long to wait
        self._now = now
        self._turns = 0
        self.set_exception_handler(lambda _loop, _context: None)  # tasks that a crash cut off have nobody to tell

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Called between two turns: time passes here, and only here."""
        self._turns += 1
        if self._turns > MAX_TURNS:
            raise Circling
        if timeout is None:
            raise Stalled
        self._now += timeout
        return []

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """What would go to a thread runs here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: no sockets."""

    def _write_to_self(self) -> None:
        """There is no other thread that could wake the loop."""

    def end(self) -> None:
        """Take every task away, as the end of a process does, and close. What they still try must have no effect."""
        for _ in range(50):
            left = [task for task in asyncio.all_tasks(self) if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self._turns = 0
            with suppress(Crash):  # from a task that waited for the one that the crash went through
                self.run_until_complete(_a_few_turns())
        self.close()


async def _a_few_turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


class VirtualClock:
    """``bot.clock.Clock`` on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._ahead = 0.0

    def now(self) -> float:
        return START + self._loop.time() + self._ahead

    def set_ahead(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self._ahead += seconds

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
