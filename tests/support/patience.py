"""Waiting for what a neighbour does: until it is so, and never for a number of seconds that should do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE: Final = 120.0
"""Seconds after which something that has to happen is held never to: a hang, and not a slow machine."""


async def until(holds: Callable[[], Awaitable[bool]], *, every: float = 0.02) -> None:
    """Return once it is so; it is asked every so many seconds. Raises ``TimeoutError`` after ``PATIENCE``."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 # what is waited for happens in another process
            await asyncio.sleep(every)
