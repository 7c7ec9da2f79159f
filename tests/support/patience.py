"""Waiting for what a neighbour does: until it is so, and never for a number of seconds that should do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

AnswerT = TypeVar("AnswerT")

PATIENCE: Final = 120.0
"""Seconds after which something that has to happen is held never to: a hang, and not a slow machine."""
EVERY: Final = 0.02
"""Seconds between two questions: what is waited for happens in another process, which tells nobody."""


async def eventually(ask: Callable[[], Awaitable[AnswerT]], wanted: Callable[[AnswerT], object]) -> AnswerT:
    """Ask until the answer is as wanted, and return it. Raises ``TimeoutError`` after ``PATIENCE``."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(answer := await ask()):  # noqa: ASYNC110 # there is nothing to await
            await asyncio.sleep(EVERY)
    return answer


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once it is so. Raises ``TimeoutError`` after ``PATIENCE``."""
    await eventually(holds, bool)
