"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.clock import Clock


async def wait_at_most(clock: Clock, task: asyncio.Task[Any], seconds: float) -> bool:
    """Wait until the task is done or the time is over; whether it is done. The task goes on either way."""
    timer = asyncio.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return task.done()
