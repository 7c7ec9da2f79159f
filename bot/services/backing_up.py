"""A verified copy of the ledger every day, the last few kept, and a program that takes each off the machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.clock import Clock
from bot.errors import BursarError
from bot.ledger import copying

log = logging.getLogger(__name__)

DAY: Final = 24 * 3600.0
LOOK_EVERY: Final = 600.0
"""Seconds between two looks at whether a copy is due; also before a failed one is tried again."""
COMMAND_SECONDS: Final = 900.0
"""A program that takes longer is ended."""
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class DailyBackups:
    """Runs beside the bot. What fails is told once, until it works again."""

    def __init__(
        self,
        ledger: Path,
        ledger_id: str,
        clock: Clock,
        *,
        directory: Path,
        keep: int,
        command: Sequence[str],
        alert: Callable[[str], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._prefix = f"bursar-{ledger_id}-"
        self._clock = clock
        self._directory = directory
        self._keep = keep
        self._command = tuple(command)
        self._alert = alert
        self._alerted = False
        self._waiting: Path | None = None
        """A copy that the program has not taken yet."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY)

    async def look(self) -> Path | None:
        """Make a copy if the newest is a day old, drop the oldest, hand the new one to the program."""
        try:
            return await self._look()
        except (BursarError, OSError) as error:
            message = error.message if isinstance(error, BursarError) else str(error)
            log.error("the daily backup failed: %s", message)
            if not self._alerted:
                self._alerted = True
                await self._alert(message)
            return None

    def copies(self) -> list[Path]:
        """Copies of this ledger, oldest first. Other files in the folder are none of our business."""
        return sorted(one for one in self._directory.glob(f"{self._prefix}*.db") if _time_of(one, self._prefix))

    async def _look(self) -> Path | None:
        now = self._clock.now()
        copies = await asyncio.to_thread(self.copies)
        # One from the future says that a clock was wrong, and nothing about when the next is due.
        ages = [now - found.timestamp() for one in copies if (found := _time_of(one, self._prefix)) is not None]
        if any(0 <= age < DAY for age in ages):
            return await self._hand_on_again()
        made = self._directory / f"{self._prefix}{datetime.fromtimestamp(now, UTC).strftime(_STAMP)}.db"
        await asyncio.to_thread(copying.copy, self._ledger, made)
        log.info("the ledger was copied to %s", made)
        for old in [*copies, made][: -self._keep]:
            await asyncio.to_thread(old.unlink, missing_ok=True)
        self._waiting = made if self._command else None
        await self._hand_on_again()
        self._alerted = False
        return made

    async def _hand_on_again(self) -> Path | None:
        """Give the program the newest copy, unless it has it; what it failed with is tried again at the next look."""
        if (made := self._waiting) is None:
            return None
        await self._hand_on(made)
        self._waiting, self._alerted = None, False
        return made

    async def _hand_on(self, made: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(made),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                status = await process.wait()
        except (TimeoutError, asyncio.CancelledError) as ended:
            process.kill()
            await process.wait()
            if isinstance(ended, TimeoutError):
                raise BursarError(
                    f"BURSAR_BACKUP_COMMAND took longer than {COMMAND_SECONDS:.0f} s and was ended; the copy is {made}"
                ) from None
            raise
        if status != 0:
            raise BursarError(f"BURSAR_BACKUP_COMMAND ended with status {status}; the copy itself is {made}")


def _time_of(copy: Path, prefix: str) -> datetime | None:
    try:
        return datetime.strptime(copy.name.removeprefix(prefix).removesuffix(".db"), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
