"""How each fault is played: on the wire, by spoiling an answer, or by letting the service act at another time."""

from __future__ import annotations

import asyncio
import copy
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Call, Reply, Service

Later = Callable[[float, Callable[[], object]], None]
_PAGE: Final = b"<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"


class Gone(web.Response):
    """Stands for an answer that is not sent, because the connection is already closed or will be."""


def drop(transport: asyncio.BaseTransport | None, how: str) -> None:
    """End a connection: ``close`` as if all was said, ``reset`` with RST."""
    if not isinstance(transport, asyncio.Transport):
        return
    if how == "reset":
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


async def raw(request: web.BaseRequest, data: bytes, how: str = "close") -> web.StreamResponse:
    """Send bytes that aiohttp would not send, then end the connection."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        transport.write(data)
    if how == "reset":
        await asyncio.sleep(0.02)  # an RST overtakes bytes that the client has not yet read
    drop(transport, how)
    return Gone()


async def silence(request: web.BaseRequest, seconds: float) -> web.StreamResponse:
    """No answer until the client gives up (which cancels this) or the time is over."""
    await asyncio.sleep(seconds)
    drop(request.transport, "close")
    return Gone()


class Player:
    """Plays faults for one service."""

    def __init__(
        self,
        service: Service,
        perform: Callable[[Call], Reply],
        later: Later,
        send: Callable[[Call, Reply], web.Response],
        until_changed: Callable[[], Awaitable[object]],
    ) -> None:
        """``until_changed`` returns once other faults are in force."""
        self._service = service
        self._perform = perform
        self._later = later
        self._send = send
        self._until_changed = until_changed
        self._ways: dict[str, Callable[[Fault, web.BaseRequest, Call, Reply | None], Awaitable[web.StreamResponse]]] = {
            "real": self._real,
            "canned": self._canned,
            "spoiled": self._spoiled,
            "drop": self._drop,
            "stall": self._stall,
            "late": self._late,
            "slow": self._slow,
            "held": self._held,
            "idle": self._idle,
            "cut-headers": self._cut_headers,
            "garbage": self._garbage,
            "cut-body": self._cut_body,
            "redirect": self._redirect,
        }

    async def play(self, fault: Fault, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        """Let one admitted call meet its fault."""
        if fault.spec.answer == "unread":
            return await self._unread(fault, request)
        call.body = await request.read()
        call.fault = fault
        reply = self._effect(fault, call)
        return await self._ways[fault.spec.answer](fault, request, call, reply)

    def _effect(self, fault: Fault, call: Call) -> Reply | None:
        """Carry the call out as the kind says; its true answer, if there is one by now."""
        effect = fault.spec.effect
        if effect == "later":
            self._later(fault["after"], lambda: self._perform(call))
            return None
        if fault.kind == "partial-answer" and not fault["applied"] and call.path.endswith("credentials/transaction"):
            call.share = fault["share"]  # what the answer leaves out is left out altogether
            return self._perform(call)
        if effect == "never" or (effect == "choose" and not fault["applied"] and not fault.spec.gameball_job):
            return None
        if effect == "part":
            call.share = fault["share"]
        if effect == "twice":
            self._perform(call)
        return self._perform(call)

    async def _unread(self, fault: Fault, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if fault.kind == "stall-mid-upload":
            if isinstance(transport, asyncio.Transport):
                transport.pause_reading()
            return await silence(request, fault["seconds"])
        drop(transport, fault["how"])
        return Gone()

    async def _real(self, _: Fault, __: web.BaseRequest, call: Call, reply: Reply | None) -> web.StreamResponse:
        return self._send(call, reply or self._nothing(call))

    async def _canned(self, fault: Fault, _: web.BaseRequest, call: Call, __: Reply | None) -> web.StreamResponse:
        return self._send(call, self._worded(fault))

    def _worded(self, fault: Fault) -> Reply:
        reply = self._service.canned(fault)
        if fault["body"] == "html":
            reply.raw, reply.content_type = _PAGE, "text/html"
        elif fault["body"] == "empty":
            reply.raw = b""
        return reply

    async def _spoiled(self, fault: Fault, _: web.BaseRequest, call: Call, reply: Reply | None) -> web.StreamResponse:
        if call.share < 1 and reply is not None:
            return self._send(call, reply)
        return self._send(call, spoil(fault, reply or self._nothing(call)))

    def _nothing(self, call: Call) -> Reply:
        """The answer to a call without awards: well-formed, for kinds that answer 200 to what was not carried out."""
        if self._service.name == "gameball":
            return Reply(200, {})
        key = "updates" if call.path.endswith("members/transaction") else "results"
        return Reply(200, {"success": True, key: [], **({} if key == "updates" else {"errors": []})})

    async def _drop(self, fault: Fault, request: web.BaseRequest, _: Call, __: Reply | None) -> web.StreamResponse:
        drop(request.transport, fault["how"])
        return Gone()

    async def _stall(self, fault: Fault, request: web.BaseRequest, _: Call, __: Reply | None) -> web.StreamResponse:
        return await silence(request, fault["seconds"])

    async def _late(self, fault: Fault, request: web.BaseRequest, call: Call, _: Reply | None) -> web.StreamResponse:
        answer = str(fault["answer"])
        if answer == "never":
            return await silence(request, fault["seconds"])
        if answer.isdigit():
            return self._send(call, self._service.canned(Fault(answer, {"body": "json", "retry_after": None})))
        drop(request.transport, answer)
        return Gone()

    async def _slow(self, fault: Fault, _: web.BaseRequest, call: Call, reply: Reply | None) -> web.StreamResponse:
        await asyncio.sleep(fault["ms"] / 1000)
        return self._send(call, reply or self._nothing(call))

    async def _held(self, _: Fault, __: web.BaseRequest, call: Call, reply: Reply | None) -> web.StreamResponse:
        await self._until_changed()
        return self._send(call, reply or self._nothing(call))

    async def _idle(
        self, fault: Fault, request: web.BaseRequest, call: Call, reply: Reply | None
    ) -> web.StreamResponse:
        sent = self._send(call, reply or self._nothing(call))
        head = f"HTTP/1.1 {sent.status} OK\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in sent.headers.items()
        )
        body = sent.body if isinstance(sent.body, bytes) else b""
        return await raw(request, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, fault["how"])

    async def _cut_headers(
        self, fault: Fault, request: web.BaseRequest, _: Call, __: Reply | None
    ) -> web.StreamResponse:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        return await raw(request, head[: fault["bytes"]])

    async def _garbage(self, _: Fault, request: web.BaseRequest, __: Call, ___: Reply | None) -> web.StreamResponse:
        return await raw(request, b"\x00\xff this is not a status line\r\n\r\n")

    async def _cut_body(
        self, fault: Fault, request: web.BaseRequest, call: Call, reply: Reply | None
    ) -> web.StreamResponse:
        body = (reply or self._nothing(call)).encoded()
        half = body[: max(1, len(body) // 2)]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if fault["how"] == "chunked":
            return await raw(request, head + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b" % (len(body), half))
        return await raw(request, head + b"Content-Length: %d\r\n\r\n%b" % (len(body), half), fault["how"])

    async def _redirect(self, fault: Fault, _: web.BaseRequest, call: Call, __: Reply | None) -> web.StreamResponse:
        code = int(fault["status"])
        location = fault["location"] or (call.path if code in (307, 308) else "/redirected")
        return self._send(call, Reply(code, headers={"Location": location}))


def spoil(fault: Fault, reply: Reply) -> Reply:
    """A good answer made bad. Kept apart from the wire so that its table can be read at once."""
    body = reply.encoded()
    if fault.kind == "broken-json":
        reply.raw = body[:-2] if len(body) > 3 else b'{"'
    elif fault.kind == "html-200":
        reply.raw, reply.content_type = _PAGE, "text/html"
    elif fault.kind == "empty-200":
        reply.raw = b""
    elif fault.kind == "huge-200":
        reply.raw = b'{"success":true,"padding":"%b"}' % (b"x" * fault["bytes"])
    elif fault.kind == "deep-200":
        reply.raw = b"[" * fault["depth"] + b"]" * fault["depth"]
    elif fault.kind == "success-false":
        reply.payload = {**reply.payload, "success": False} if isinstance(reply.payload, dict) else reply.payload
    elif fault.kind == "wrong-types":
        reply.payload = _wrong(reply.payload)
    else:
        reply.payload = _part(reply.payload, fault["share"])
    reply.status = 200
    return reply


def _wrong(value: Any) -> Any:
    """The same names, other types: numbers as objects, lists as objects, flags and texts as numbers."""
    if isinstance(value, dict):
        return {name: _wrong(one) for name, one in value.items()}
    if isinstance(value, list):
        return {str(place): _wrong(one) for place, one in enumerate(value)}
    if isinstance(value, bool):
        return int(value)
    return {"value": value} if isinstance(value, int | float) else 7


def _part(payload: Any, share: float) -> Any:
    """The first part of every list in the answer; a Gameball answer loses its job id."""
    if not isinstance(payload, dict):
        return payload
    answer = copy.copy(payload)
    answer.pop("jobId", None)
    for name, value in payload.items():
        if isinstance(value, list) and value:
            answer[name] = value[: int(len(value) * share)]
    return answer
