"""Tasks that have to be left in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel, and return when they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of them has ended; the others are cancelled."""
    waiting = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*waiting)


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` so that a cancellation of the caller waits for it: intent, call and outcome belong together."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            log.error("the work that was waited for failed", exc_info=task.exception())
        raise
