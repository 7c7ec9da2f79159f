"""Practice: the stand-ins in a process of their own, and settings that reach nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bot.errors import UsageError
from bot.settings import Settings

START_SECONDS: Final = 30
STOP_SECONDS: Final = 10


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
    process = await _start(database.with_suffix(".standins"))
    try:
        keys = _keys(await _first_line(process))
        yield Settings.load_practice(os.environ, Path.cwd(), database, keys)
    finally:
        await _stop(process)


async def _start(state: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.sandbox", "--open", "--die-with-parent", "--drip-plan", "pro", "--state", str(state)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl+C goes to every process of a terminal's group; the stand-ins have to answer the call in flight first.
        start_new_session=True,
    )


async def _first_line(process: asyncio.subprocess.Process) -> Mapping[str, Any]:
    assert process.stdout is not None  # it was asked for
    with suppress(TimeoutError, ValueError):
        async with asyncio.timeout(START_SECONDS):
            line: Mapping[str, Any] = json.loads(await process.stdout.readline())
            return line
    raise UsageError("the stand-ins for Drip and Gameball did not start", hint="Look at the lines above.")


def _keys(info: Mapping[str, Any]) -> dict[str, str]:
    """The stand-ins' addresses and keys as variables of the settings."""
    drip, gameball = info["drip"], info["gameball"]
    return {
        "DRIP_API_KEY": drip["api_key"],
        "DRIP_REALM_ID": drip["realm_id"],
        "DRIP_CURRENCY_ID": drip["currency_id"],
        "DRIP_BASE_URL": info["drip_url"],
        "DRIP_RATE_PLAN": "pro",
        "GAMEBALL_API_KEY": gameball["api_key"],
        "GAMEBALL_SECRET_KEY": gameball["secret_key"],
        "GAMEBALL_BASE_URL": info["gameball_url"],
        "GAMEBALL_AMOUNT_UNIT": "points",
    }


async def _stop(process: asyncio.subprocess.Process) -> None:
    """The end of its input ends it; a stuck one is ended."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
