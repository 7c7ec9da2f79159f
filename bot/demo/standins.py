"""The stand-ins for Drip and Gameball as the demo asks them, through their control port."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import URLError

from bot import standins
from bot.demo.failures import DemoFailed

ANSWER_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class StandIns(standins.Running):
    """What they know, and what can be made of them."""

    @property
    def currency(self) -> str:
        """The id of Drip's currency that the demo pays in."""
        return str(self.info["drip"]["currency_id"])

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
    """Start them; they end with the block."""
    async with standins.running() as started:
        yield StandIns(started.info, started.process_id)
