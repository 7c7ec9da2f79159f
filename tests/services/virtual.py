"""Virtual time: sleeping costs nothing, and time stands still while anything but a sleep is under way."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from bot.ledger.database import Database

T = TypeVar("T")
START = 1_790_000_000.0


class VirtualClock:
    """A ``Clock`` whose time passes only when every task waits for it.

    While a call to the ledger's thread is out, the loop looks idle without being so; time-outs would then fire by
    themselves. So calls that leave the loop are counted (``outside``), and time waits for them.
    """

    def __init__(self, start: float = START) -> None:
        self._passed = 1000.0
        self._set_by = start - self._passed
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._outside = 0
        self._watching = False

    def now(self) -> float:
        return self._set_by + self._passed

    def monotonic(self) -> float:
        return self._passed

    def set_ahead(self, seconds: float) -> None:
        """Set the clock on the wall, whoever sleeps."""
        self._set_by += seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._passed + seconds, self._count, sleeper))
        self._watch()
        await sleeper

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Something runs outside the loop: time stands still."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1
            self._watch()

    def _watch(self) -> None:
        if not self._watching and self._outside == 0:
            self._watching = True
            asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        """Called between the callbacks of the loop; moves time when no other callback is ready."""
        self._watching = False
        if self._outside:
            return
        loop: Any = asyncio.get_running_loop()
        if loop._ready:  # the loop's queue has no public name
            self._watch()
            return
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        if self._sleepers:
            due, _, sleeper = heapq.heappop(self._sleepers)
            self._passed = max(self._passed, due)
            sleeper.set_result(None)
            self._watch()


class StillDatabase:
    """The ledger's one seam, with time standing still while a call is on its thread."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self._database = database
        self._clock = clock
        self.path = database.path
        self.before_write: Callable[[], None] = lambda: None
        """Called before every write; may raise what a broken disk would."""
        self.until_write: Callable[[], Awaitable[None]] | None = None
        """Awaited before every write: what it takes until the disk is free for it."""
        self.steps = 0
        """Reads and writes so far."""
        self.at_step: Callable[[int], Awaitable[None]] | None = None
        """Awaited before every read and write, with its number; what it does to the ledger itself is not counted."""
        self.after_read: Callable[[], Awaitable[None]] | None = None
        """Awaited between the next read and its result, once."""
        self.after_write: Callable[[], Awaitable[None]] | None = None
        """Awaited between every commit and its result: others see already what the writer does not know yet."""
        self._inside = False

    async def _step(self) -> None:
        if self._inside:
            return
        self.steps += 1
        if self.at_step is not None:
            self._inside = True
            try:
                await self.at_step(self.steps)
            finally:
                self._inside = False

    async def write(self, work: Callable[[Any], T]) -> T:
        return await self._written(self._database.write, work)

    async def write_shared(self, work: Callable[[Any], T]) -> T:
        return await self._written(self._database.write_shared, work)

    async def _written(self, write: Callable[[Callable[[Any], T]], Awaitable[T]], work: Callable[[Any], T]) -> T:
        await self._step()
        if self.until_write is not None:
            await self.until_write()
        self.before_write()
        with self._clock.outside():
            result = await write(work)
            if self.after_write is not None:
                await self.after_write()
        return result

    async def write_bare(self, work: Callable[[Any], T]) -> T:
        with self._clock.outside():
            return await self._database.write_bare(work)

    async def read(self, work: Callable[[Any], T]) -> T:
        await self._step()
        with self._clock.outside():
            result = await self._database.read(work)
        if self.after_read is not None:
            then, self.after_read = self.after_read, None
            await then()
        return result

    async def close(self) -> None:
        await self._database.close()
