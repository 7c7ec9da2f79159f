"""The stand-ins for Drip and Gameball as a process of their own, for practice and the demo: started, ended in order."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import UsageError

START_SECONDS: Final = 30
STOP_SECONDS: Final = 10
PLAN: Final = "pro"
"""Of Drip's plans the one that they grant: what people try out should not wait for the smallest one's limit."""


@dataclass(frozen=True, slots=True)
class Running:
    """They answer."""

    info: Mapping[str, Any]
    """The JSON line that they print at their start: addresses and keys."""
    process_id: int

    def variables(self) -> dict[str, str]:
        """The settings that lead there, by their variables."""
        drip, gameball = self.info["drip"], self.info["gameball"]
        return {
            "DRIP_API_KEY": drip["api_key"],
            "DRIP_REALM_ID": drip["realm_id"],
            "DRIP_CURRENCY_ID": drip["currency_id"],
            "DRIP_BASE_URL": self.info["drip_url"],
            "DRIP_RATE_PLAN": PLAN,
            "GAMEBALL_API_KEY": gameball["api_key"],
            "GAMEBALL_SECRET_KEY": gameball["secret_key"],
            "GAMEBALL_BASE_URL": self.info["gameball_url"],
            "GAMEBALL_AMOUNT_UNIT": "points",
        }


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[Running]:
    """Start them with further options of ``python -m bot.sandbox``, on free ports of this machine; they end with the
    block, or with this process however it ends. Raises ``UsageError`` when they do not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.sandbox", "--die-with-parent", "--drip-plan", PLAN, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl+C goes to every process of a terminal's group; the stand-ins have to answer the call in flight first.
        start_new_session=True,
    )
    try:
        yield Running(await _first_line(process), process.pid)
    finally:
        await _stop(process)


async def _first_line(process: asyncio.subprocess.Process) -> Mapping[str, Any]:
    assert process.stdout is not None  # it was asked for
    with suppress(TimeoutError, ValueError):
        async with asyncio.timeout(START_SECONDS):
            line: Mapping[str, Any] = json.loads(await process.stdout.readline())
            return line
    raise UsageError("the stand-ins for Drip and Gameball did not start", hint="Look at the lines above.")


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
