"""Telling waiting tasks that something happened, so that none of them can miss it."""

from __future__ import annotations

import asyncio


class News:
    """A counter that can be waited for. A waiter names the count it has seen; whatever came after it, ends the wait.

    An ``asyncio.Event`` would not do: with several waiters, one that clears it takes the news from the others.
    """

    def __init__(self) -> None:
        self._count = 0
        self._next = asyncio.Event()

    @property
    def count(self) -> int:
        """How often something was told."""
        return self._count

    def tell(self) -> None:
        """Something happened."""
        self._count += 1
        told, self._next = self._next, asyncio.Event()
        told.set()

    async def after(self, seen: int) -> None:
        """Return once more than ``seen`` were told, at once if that is so already."""
        while self._count <= seen:
            await self._next.wait()
