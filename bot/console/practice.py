"""Practice: the stand-ins in a process of their own, and settings that reach nothing else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot import standins
from bot.settings import Settings


def practice_database(database: Path) -> Path:
    """The ledger for practice, beside the real one."""
    return database.with_name(f"{database.stem}-practice{database.suffix}")


@asynccontextmanager
async def practising(settings: Settings) -> AsyncIterator[Settings]:
    """Settings whose every Drip and Gameball account is a stand-in; the stand-ins run while inside.

    They remember members and balances in a file beside the practice ledger. Raises ``UsageError`` when they do not
    start.
    """
    database = practice_database(settings.database)
    state = database.with_suffix(".standins")
    async with standins.running("--open", "--state", str(state)) as started:
        yield Settings.load_practice(os.environ, Path.cwd(), database, started.variables())
