"""The stand-ins for Drip and Gameball: a process of their own, asked through their control port."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import URLError

from bot.demo.failures import DemoFailed

START_SECONDS: Final = 30
STOP_SECONDS: Final = 10
ANSWER_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class StandIns:
    """The running stand-ins: where they are, what they know."""

    info: Mapping[str, Any]
    """The JSON line that they print at their start."""
    process_id: int

    @property
    def currency(self) -> str:
        """The id of Drip's currency that the demo pays in."""
        return str(self.info["drip"]["currency_id"])

    def variables(self) -> dict[str, str]:
        """Addresses and keys as the variables of the settings."""
        drip, gameball = self.info["drip"], self.info["gameball"]
        return {
            "DRIP_API_KEY": drip["api_key"],
            "DRIP_REALM_ID": drip["realm_id"],
            "DRIP_CURRENCY_ID": drip["currency_id"],
            "DRIP_BASE_URL": self.info["drip_url"],
            "DRIP_RATE_PLAN": "pro",
            "GAMEBALL_API_KEY": gameball["api_key"],
            "GAMEBALL_SECRET_KEY": gameball["secret_key"],
            "GAMEBALL_BASE_URL": self.info["gameball_url"],
            "GAMEBALL_AMOUNT_UNIT": "points",
        }

    async def seed(self, discord_ids: Sequence[str], *, balance: int) -> None:
        """Make these Discord accounts members at Drip and customers at Gameball."""
        await self._post("/seed", {"discord_ids": list(discord_ids), "balance": balance})

    async def switch(self, **services: Mapping[str, object]) -> None:
        """Change how a service behaves: ``gameball={"job_seconds": 2}``."""
        await self._post("/switches", services)

    async def faults(self, *rules: Mapping[str, object]) -> None:
        """What goes wrong from now on, in place of what did so far."""
        await self._post("/faults", list(rules))

    async def applied(self, service: str) -> list[dict[str, Any]]:
        """Every change of a balance in the service's own book, in order."""
        lines = (await self._ask(f"/books/applied?service={service}")).splitlines()
        return [json.loads(line) for line in lines]

    async def calls(self, service: str) -> int:
        """How many requests the service has had."""
        found: list[object] = json.loads(await self._ask(f"/calls?service={service}"))
        return len(found)

    async def _post(self, path: str, document: object) -> None:
        await self._ask(path, json.dumps(document).encode())

    async def _ask(self, path: str, body: bytes | None = None) -> bytes:
        return await asyncio.to_thread(self._ask_now, path, body)

    def _ask_now(self, path: str, body: bytes | None) -> bytes:
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(self.info["control_url"] + path, body, headers)  # noqa: S310 - loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=ANSWER_SECONDS) as answer:
                content: bytes = answer.read()
        except URLError as error:
            raise DemoFailed(f"the stand-ins did not answer {path.partition('?')[0]}: {error}") from error
        return content


@asynccontextmanager
async def standing_in() -> AsyncIterator[StandIns]:
    """Start them, on free ports of this machine; they end with the block, or with this process however it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot.sandbox", "--die-with-parent", "--drip-plan", "pro"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl+C goes to every process of a terminal's group; the stand-ins have to answer the call in flight first.
        start_new_session=True,
    )
    try:
        yield StandIns(await _first_line(process), process.pid)
    finally:
        await _stop(process)


async def _first_line(process: asyncio.subprocess.Process) -> Mapping[str, Any]:
    assert process.stdout is not None  # it was asked for
    with suppress(TimeoutError, ValueError):
        async with asyncio.timeout(START_SECONDS):
            line: Mapping[str, Any] = json.loads(await process.stdout.readline())
            return line
    raise DemoFailed("the stand-ins for Drip and Gameball did not start; the lines above say why")


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
