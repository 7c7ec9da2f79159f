"""One stand-in process for all these tests, emptied before each; and small clients that hide nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox import Sandbox, quick, standins


@pytest.fixture(scope="package")
def process() -> Iterator[dict[str, Any]]:
    """The JSON line of a process that lives as long as these tests."""
    with standins() as info:
        yield info


@pytest.fixture
async def sandbox(process: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """The stand-ins, empty, with quick jobs and no rate limit in the way."""
    async with quick(process) as one:
        yield one


class Client:
    """Calls one service and returns status, headers and body as they came."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self.session = session
        self.root = root

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, str], Any]:
        """Redirects are not followed. The body is JSON, text where it is none, ``None`` where it is empty."""
        async with self.session.request(method, self.root + path, allow_redirects=False, **options) as answer:
            raw = await answer.read()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            try:
                return answer.status, headers, json.loads(raw) if raw else None
            except ValueError:
                return answer.status, headers, raw.decode()

    async def get(self, path: str, **query: Any) -> tuple[int, dict[str, str], Any]:
        return await self.call("GET", path, params={name: str(value) for name, value in query.items()})

    async def patch(self, path: str, body: object, **query: str) -> tuple[int, dict[str, str], Any]:
        return await self.call("PATCH", path, json=body, params=query)

    async def post(self, path: str, body: object) -> tuple[int, dict[str, str], Any]:
        return await self.call("POST", path, json=body)


@contextlib.asynccontextmanager
async def _client(headers: dict[str, str], root: str) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Client(session, root)


@pytest.fixture
async def drip(sandbox: Sandbox) -> AsyncIterator[Client]:
    """Paths are below the realm."""
    root = f"{sandbox.drip_url}/api/v1/realms/{sandbox.drip['realm_id']}"
    async with _client({"Authorization": f"Bearer {sandbox.drip['api_key']}"}, root) as client:
        yield client


@pytest.fixture
async def gameball(sandbox: Sandbox) -> AsyncIterator[Client]:
    """Paths are below ``/api/v4.0/integrations``."""
    keys = {"apikey": sandbox.gameball["api_key"], "secretkey": sandbox.gameball["secret_key"]}
    async with _client(keys, f"{sandbox.gameball_url}/api/v4.0/integrations") as client:
        yield client
