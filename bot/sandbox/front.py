"""The HTTP side of one stand-in: reads a call, lets it be admitted, lets it meet its fault, sends the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from bot.sandbox.faults import Faults
from bot.sandbox.messages import Call, Logged, Reply, Service
from bot.sandbox.plays import Later, Player, drop

_log = logging.getLogger("bot.sandbox")
_LARGEST_BODY: Final = 64 * 1024 * 1024
_CALLS_KEPT: Final = 100_000


class CallLog:
    """The requests of both services, the last 100,000 of them."""

    def __init__(self) -> None:
        self.entries: deque[Logged] = deque(maxlen=_CALLS_KEPT)
        self.last_id = 0

    def open(self, service: str, method: str, path: str, query: str) -> Logged:
        """A new entry with the next number."""
        self.last_id += 1
        entry = Logged(self.last_id, service, method, path, query, time.time())
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all; numbers go on, so that a call belongs to one number only."""
        self.entries.clear()


class _Refuser(asyncio.Protocol):
    """A connection that is dropped as soon as it is there."""

    def __init__(self, how: str) -> None:
        self._how = how

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        drop(transport, self._how)


class Front:
    """One service on one port of 127.0.0.1."""

    def __init__(self, service: Service, calls: CallLog, faults: Faults, later: Later) -> None:
        self._service = service
        self._calls = calls
        self._faults = faults
        self._player = Player(service, self._perform, later, self._send, faults.until_changed)
        self._web: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.BaseTransport | None] = set()

    async def start(self, port: int) -> str:
        """Listen; returns the URL. Port 0 is any free one."""
        self._web = web.Server(
            self._handle,
            request_factory=_request,
            handler_cancellation=True,  # a stalled answer ends when its client has gone
            access_log=None,
            keepalive_timeout=75,
        )
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", port, backlog=1024)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and drop what is open."""
        if self._server is not None and self._web is not None:
            self._server.close()
            await self._web.shutdown(0.1)
            await self._server.wait_closed()

    def drop_idle(self) -> None:
        """Close connections that are kept alive, so that the next call has to connect."""
        if self._web is None or not self._faults.refuses_connections(self._service.name):
            return
        for connection in self._web.connections:
            transport = connection.transport
            if transport is not None and transport not in self._busy:
                transport.close()

    def _protocol(self) -> asyncio.BaseProtocol:
        assert self._web is not None
        fault = self._faults.draw_connection(self._service.name)
        return self._web() if fault is None else _Refuser(fault["how"])

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        self._busy.add(transport)
        try:
            return await self._answer(request)
        finally:
            self._busy.discard(transport)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.path_qs.partition("?")
        if path == "/redirected":
            return web.json_response({"success": True, "results": [], "updates": [], "errors": []})
        log = self._calls.open(self._service.name, request.method, path, query)
        call = Call(log, request.method, path, _parsed(query), request.headers)
        refused = self._service.admit(call)
        if refused is not None:
            await request.read()
            return self._send(call, refused)
        fault = self._faults.draw(self._service.name, call.method, path)
        if fault is not None:
            log.fault = fault.kind
            return await self._player.play(fault, request, call)
        call.body = await request.read()
        return self._send(call, self._perform(call))

    def _perform(self, call: Call) -> Reply:
        try:
            return self._service.perform(call)
        except Exception:
            _log.exception("the stand-in itself failed at %s %s", call.method, call.path)
            return Reply(500, {"error": "the stand-in itself failed; see its output"})

    def _send(self, call: Call, reply: Reply) -> web.Response:
        call.log.status = reply.status
        body = reply.encoded()
        response = web.Response(
            status=reply.status,
            reason=_reason(reply.status),
            body=body,
            headers={**call.limits, **reply.headers},
        )
        if body:
            response.headers["Content-Type"] = reply.content_type
        if self._faults.refuses_connections(self._service.name):
            response.force_close()
        return response


def _parsed(query: str) -> Mapping[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True)) if query else {}


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """A request whose body may be large: limits are the services' own."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY)


class Timers:
    """Things that happen later: late changes and jobs. ``clear`` forgets those that have not happened."""

    def __init__(self) -> None:
        self._handles: set[asyncio.TimerHandle] = set()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do ``action`` in so many seconds."""
        handle: asyncio.TimerHandle

        def fire() -> None:
            self._handles.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_later(seconds, fire)
        self._handles.add(handle)

    def clear(self) -> None:
        """Forget what has not happened yet."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()
