"""Time, passed in. Nothing else that sends, records or shows reads a clock or sleeps; the demo has the real time's, and
the stand-ins have a clock of their own."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the program may ask of time."""

    def now(self) -> float:
        """Unix time in seconds, UTC. For what is recorded and shown."""

    def monotonic(self) -> float:
        """Seconds that never go back. For durations and limits."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds (0 or less: after one turn of the loop)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def milliseconds(seconds: float) -> int:
    """Unix seconds as the ledger stores them."""
    return round(seconds * 1000)
