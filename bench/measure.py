"""What one process tells of itself: seconds, peak memory, the longest pause of its event loop, syncs, bytes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.syncs import Syncs


def peak_kib() -> int:
    """The process's peak resident memory so far, in KiB (Linux: ``VmHWM``)."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    raise RuntimeError("this system does not tell a process's peak memory")


class Pauses:
    """Measures, every millisecond, how late the loop comes round."""

    INTERVAL = 0.001

    def __init__(self) -> None:
        self.longest = 0.0
        """Seconds."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(self.INTERVAL)
            self.longest = max(self.longest, time.perf_counter() - before - self.INTERVAL)


class Measured:
    """The whole path of one process, from here on. With ``syncs`` in the job they are counted, and nothing is timed.

    With ``pauses`` in the job the loop is watched, which takes its part of the processor: that is not timed either.
    """

    def __init__(self, job: Mapping[str, str]) -> None:
        self._database = Path(job["database"])
        self._syncs = Syncs() if "syncs" in job else None
        self._pauses = Pauses() if "pauses" in job else None

    async def __aenter__(self) -> Self:
        self._before = peak_kib()
        self._started = time.perf_counter()
        if self._pauses is not None:
            await self._pauses.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pauses is not None:
            await self._pauses.__aexit__(kind, error, trace)
        self._seconds = time.perf_counter() - self._started

    def tell(self, rows: int) -> None:
        """One JSON object on standard output."""
        told = {
            "seconds": self._seconds,
            "kib": peak_kib() - self._before,
            "pause": self._pauses.longest if self._pauses is not None else None,
            "rows": rows,
            "bytes": self._database.stat().st_size,
            "syncs": self._syncs.count if self._syncs is not None else None,
        }
        print(json.dumps(told))
