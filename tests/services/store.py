"""A gateway in front of the stand-ins that keeps answers to reads and gives them again, as RFC 9111 allows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

HOP = {"transfer-encoding", "content-length", "connection", "keep-alive", "host"}


@dataclass
class Store:
    """What it keeps: the first answer to every read, for as long as it stands."""

    obedient: bool
    """It asks anew where the request wants that; otherwise it gives what it has, and says how old it is."""
    url: str = ""
    says_age: bool = True
    """Its answers tell how old they are."""
    answers_writes: bool = False
    """The next write is answered with what it has of the last one to that address, and goes no further."""
    kept: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    given: int = 0
    """Answers that it gave itself."""


@asynccontextmanager
async def store(behind: str, *, obedient: bool) -> AsyncIterator[Store]:
    """The gateway in front of this address."""
    found = Store(obedient)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            name = f"{request.method} {request.raw_path}"
            anew = obedient and "no-cache" in request.headers.get("Cache-Control", "")
            if request.method != "GET":
                anew, found.answers_writes = not found.answers_writes, False
            if name in found.kept and not anew:
                found.given += 1
                status, headers, body = found.kept[name]
                return web.Response(
                    status=status, headers={**headers, "Age": "30"} if found.says_age else headers, body=body
                )
            headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP}
            url = URL(behind + request.raw_path, encoded=True)
            body = await request.read()
            try:
                async with session.request(request.method, url, headers=headers, data=body or None) as answer:
                    told = {key: value for key, value in answer.headers.items() if key.lower() not in HOP}
                    content = await answer.read()
            except aiohttp.ClientError:
                assert request.transport is not None
                request.transport.abort()
                raise
            if answer.status == 200:
                found.kept[name] = answer.status, told, content
            return web.Response(status=answer.status, headers=told, body=content)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        found.url = f"http://{host}:{port}"
        try:
            yield found
        finally:
            await runner.cleanup()
