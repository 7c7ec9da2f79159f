"""A running bot without its Discord side: the process that holds the ledger, sends, and takes handovers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot.app import opened
from bot.clock import SystemClock
from bot.console.signals import handled
from bot.settings import Settings


async def main() -> None:
    settings = Settings.load(os.environ, Path.cwd())
    async with (
        handled() as signals,
        opened(settings, SystemClock(), patient=True) as app,
        app.taking_handovers(),
        app.dispatching(),
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await signals.first()


if __name__ == "__main__":
    asyncio.run(main())
