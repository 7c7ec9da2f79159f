"""Starting the stand-ins as a process of their own, and talking to their control port."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.support import nursery
from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: addresses, keys, and the control port as methods."""

    info: Mapping[str, Any]
    """The JSON line as printed."""
    session: aiohttp.ClientSession
    process: nursery.Process | None = None
    """``None`` when it was started by somebody else."""

    @property
    def drip_url(self) -> str:
        return str(self.info["drip_url"])

    @property
    def gameball_url(self) -> str:
        return str(self.info["gameball_url"])

    @property
    def control_url(self) -> str:
        return str(self.info["control_url"])

    @property
    def drip(self) -> Mapping[str, str]:
        """``api_key``, ``realm_id``, ``currency_id``, ``second_currency_id``."""
        return dict(self.info["drip"])

    @property
    def gameball(self) -> Mapping[str, str]:
        """``api_key``, ``secret_key``."""
        return dict(self.info["gameball"])

    def environ(self) -> dict[str, str]:
        """The settings with which Bursar talks to this sandbox."""
        return {
            "DRIP_API_KEY": self.drip["api_key"],
            "DRIP_REALM_ID": self.drip["realm_id"],
            "DRIP_CURRENCY_ID": self.drip["currency_id"],
            "DRIP_BASE_URL": self.drip_url,
            "GAMEBALL_API_KEY": self.gameball["api_key"],
            "GAMEBALL_SECRET_KEY": self.gameball["secret_key"],
            "GAMEBALL_BASE_URL": self.gameball_url,
            "GAMEBALL_AMOUNT_UNIT": "points",
        }

    async def _get(self, path: str, **query: str | int) -> Any:
        async with self.session.get(self.control_url + path, params=query) as answer:
            return await _checked(answer)

    async def _post(self, path: str, document: object) -> Any:
        # a stream, because aiohttp warns of large bodies that are not
        body = io.BytesIO(json.dumps(document).encode())
        headers = {"Content-Type": "application/json"}
        async with self.session.post(self.control_url + path, data=body, headers=headers) as answer:
            return await _checked(answer)

    async def books(self) -> dict[str, Any]:
        """Recipients, balances, and what was applied to each, as the stand-ins know it."""
        answer: dict[str, Any] = await self._get("/books")
        return answer

    async def totals(self, *, recipients: bool = False, outside: bool = False) -> dict[str, dict[str, Any]]:
        """``{"drip": {currency: {"awards", "sum", "effect"}}, "gameball": {unit: ...}}``; with ``recipients`` also
        ``{recipient: [awards, sum]}``. Changes by others only with ``outside``."""
        answer: dict[str, dict[str, Any]] = await self._get(
            "/books/totals", recipients=int(recipients), outside=int(outside)
        )
        return answer

    async def applied(self, service: str, *, outside: bool = False) -> list[dict[str, Any]]:
        """Every change in order: recipient, amount, currency, reason, call, effect, before, at, by, endpoint."""
        query = {"service": service, "outside": str(int(outside))}
        async with self.session.get(self.control_url + "/books/applied", params=query) as answer:
            answer.raise_for_status()
            return [json.loads(line) async for line in answer.content]

    async def calls(self, service: str | None = None, *, after: int = 0) -> list[dict[str, Any]]:
        """The log of requests."""
        query: dict[str, str | int] = {"after": after}
        answer: list[dict[str, Any]] = await self._get("/calls", **query, **({"service": service} if service else {}))
        return answer

    async def switches(
        self, *, drip: Mapping[str, object] | None = None, gameball: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """Change switches; returns all of them."""
        answer: dict[str, Any] = await self._post("/switches", {"drip": drip or {}, "gameball": gameball or {}})
        return answer

    async def faults(self, *rules: Mapping[str, object], campaign: Mapping[str, object] | None = None) -> None:
        """Install these faults in place of those in force; without any, none."""
        await self._post("/faults", {"script": list(rules), "campaign": campaign})

    async def played(self) -> dict[str, Any]:
        """Which faults were met so far, and how often."""
        answer: dict[str, Any] = await self._get("/faults")
        return answer

    async def seed(self, **document: object) -> dict[str, Any]:
        """Create members, credentials, customers; see ``bot.sandbox.seeding.seed``. Has their drip ids."""
        answer: dict[str, Any] = await self._post("/seed", document)
        return answer

    async def outside(self, **document: object) -> dict[str, Any]:
        """A change by somebody else; see ``bot.sandbox.seeding.outside``."""
        answer: dict[str, Any] = await self._post("/outside", document)
        return answer

    async def reset(self, *, switches: bool = False) -> None:
        """Nobody, nothing, no faults. Keys stay, and switches too unless they are to be as at the start."""
        await self._post("/reset", {"switches": switches})


async def _checked(answer: aiohttp.ClientResponse) -> Any:
    body = await answer.json()
    if answer.status != 200:
        raise ValueError(body.get("error", f"control port answered {answer.status}"))
    return body


@contextlib.contextmanager
def standins() -> Iterator[dict[str, Any]]:
    """Stand-ins in a process of their own while inside; their JSON line."""
    command = [sys.executable, "-m", "bot.sandbox", "--die-with-parent"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        yield json.loads(running.stdout.readline())
        running.terminate()


@contextlib.asynccontextmanager
async def quick(info: Mapping[str, Any], *, everybody: bool = False) -> AsyncIterator[Sandbox]:
    """A sandbox that somebody else has started and will stop, emptied; ``info`` is its JSON line. Jobs are quick, and
    no rate limit stands in the way. ``everybody``: whoever is asked about is a member and a customer."""
    async with aiohttp.ClientSession() as session:
        one = Sandbox(info, session)
        await one.reset(switches=True)
        await one.switches(
            drip={"plan": "unlimited", "open": everybody},
            gameball={"rate": "unlimited", "open": everybody, "job_delay": 0.0, "job_seconds": 0.0},
        )
        yield one


@contextlib.asynccontextmanager
async def running_sandbox(*arguments: str | Path | int, cwd: Path = ROOT) -> AsyncIterator[Sandbox]:
    """``python -m bot.sandbox`` with these arguments, ready; stopped at the end, and with this process."""
    given = [str(one) for one in arguments]
    process = await nursery.start("bot.sandbox", *given, cwd=cwd, env=os.environ, errors_apart=False)
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox ended with status {await process.wait()} before it was ready")
        async with aiohttp.ClientSession() as session:
            yield Sandbox(json.loads(line), session, process)
    finally:
        await _stop(process)


async def _stop(process: nursery.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    # without this the pipe's transport is closed by the garbage collector, after the loop
    await process.stdout.read()
