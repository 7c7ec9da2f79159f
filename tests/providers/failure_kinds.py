"""Every kind of failure that one request can meet, and what is to be said of it. Written by hand, none of it computed.

``THE_52`` are the kinds that docs/architecture.md counts; ``FURTHER`` are more of the same sorts. What
is said is the same for all three write paths, except where a definite answer of the credentials batch proves less: it
is not documented to be all or nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import aiohttp

from bot.domain.calls import Item, Verdict
from bot.providers.base import Provider
from bot.providers.factory import Providers
from bot.providers.http import MAX_ANSWER, Client, Exchange

from .raw_server import UNTRUSTED, Peer, RawServer, Scene, Script, SlammedDoor, free_port

SMALL = b'{"updates":[{"dripId":"0123456789abcdef01234567","amount":5}]}'
LARGE = b'{"updates":["' + b"x" * 24_000_000 + b'"]}'
"""More than the socket buffers of both sides hold."""
SOON, A_WHILE, LATE = 0.25, 1.0, 20.0
"""Seconds until a call is given up: whatever has arrived; after a small request has arrived; never in a test."""


class Truth(Enum):
    """What the service has done in the end."""

    NOTHING = "nothing was carried out"
    DONE = "it was carried out"


class Says(Enum):
    """What has to be said of the awards of the call."""

    HELD = "not sent: what left the process proves it"
    REFUSED = "not sent: the answer proves it"
    DOUBT = "in doubt"


NOTHING, DONE = Truth.NOTHING, Truth.DONE
HELD, REFUSED, DOUBT = Says.HELD, Says.REFUSED, Says.DOUBT


# --- the call ---------------------------------------------------------------------------------------------------------


class WatchedClient(Client):
    """The real client, of which a test sees the exchange of the last write."""

    written: Exchange | None = None

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> Exchange:
        exchange = await super().exchange(method, path, body)
        if body is not None:
            self.written = exchange
        return exchange

    @property
    def session(self) -> aiohttp.ClientSession:
        return self._open()

    def waits(self, **seconds: float) -> None:
        """From the next call on, for so long."""
        self.session._timeout = aiohttp.ClientTimeout(**seconds)


class WatchedProviders(Providers):
    """Makes the real providers with such clients."""

    client: WatchedClient

    def _client(self, base_url: str, secrets: dict[str, str]) -> WatchedClient:
        self.client = WatchedClient(base_url, secrets, timeout=self._timeout)
        self._clients.append(self.client)
        return self.client


@dataclass(frozen=True)
class Call:
    """One write that a provider is about to make."""

    provider: Provider
    client: WatchedClient
    items: Sequence[Item]
    body: bytes

    async def send(self) -> Verdict:
        return await self.provider.send(self.body, self.items)


Way = Callable[[Call, Any], Awaitable[Verdict | None]]
"""How the call is made in its scene; without a verdict the attempt stays open in the ledger, and so in doubt."""


async def undisturbed(call: Call, scene: Scene) -> Verdict:
    return await call.send()


def in_a_crowd(**seconds: float) -> Way:
    """Every connection that there may be waits for an answer already; the call waits for one of them so long."""

    async def way(call: Call, server: RawServer) -> Verdict:
        connector = call.client.session.connector
        assert connector is not None
        crowd = [asyncio.create_task(call.client.exchange("GET", "/busy")) for _ in range(connector.limit)]
        for _ in crowd:
            await server.arrivals.get()
        server.forget()
        call.client.waits(**seconds)
        verdict = await call.send()
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        return verdict

    return way


async def over_a_connection_that_dies(call: Call, server: RawServer) -> Verdict:
    """A connection was made for the call, and the event loop does not yet know that it has ended."""

    async def die(*_: object) -> None:
        await server.accepted.wait()
        server.peers[-1].hang_up()

    made = aiohttp.TraceConfig()
    made.on_connection_create_end.append(die)
    made.freeze()
    call.client.session.trace_configs.append(made)
    verdict = await call.send()
    assert server.connections == 1
    return verdict


async def over_a_tls_connection_that_dies(call: Call, server: RawServer) -> Verdict:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    call.client.session.connector._ssl = trusting
    return await over_a_connection_that_dies(call, server)


async def cancelled(call: Call, server: RawServer) -> Verdict | None:
    """As ``wait_for`` does it."""
    sending = asyncio.create_task(call.send())
    await server.done.wait()
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await sending
    return None


async def while_the_program_ends(call: Call, server: RawServer) -> Verdict:
    sending = asyncio.create_task(call.send())
    await server.done.wait()
    await call.client.close()
    return await sending


async def after_the_program_has_ended(call: Call, scene: Scene) -> Verdict:
    await call.client.close()
    return await call.send()


async def with_a_key_of_two_lines(call: Call, scene: Scene) -> Verdict:
    call.client._secrets["Authorization"] = "Bearer a\r\nX-Evil: b"
    return await call.send()


# --- where it goes ----------------------------------------------------------------------------------------------------

Place = Callable[[], AbstractAsyncContextManager[Scene]]


def meets(script: Script, **about: Any) -> Place:
    return partial(RawServer, script, **about)


def slams(*, reset: bool) -> Place:
    return partial(SlammedDoor, reset=reset)


@asynccontextmanager
async def no_such_name() -> AsyncIterator[Scene]:
    yield Scene("https://api.bursar.invalid")


@asynccontextmanager
async def nobody_listens() -> AsyncIterator[Scene]:
    yield Scene(f"http://127.0.0.1:{free_port()}")


@asynccontextmanager
async def full_backlog() -> AsyncIterator[Scene]:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield Scene(f"http://127.0.0.1:{listener.getsockname()[1]}")


async def silent(peer: Peer) -> None:
    await peer.stall()


async def closes(peer: Peer) -> None:
    peer.close()


async def resets(peer: Peer) -> None:
    peer.reset()


async def speaks_plainly(peer: Peer) -> None:
    await peer.reader.read(1)
    await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def then(end: str, *, after: Script) -> Place:
    """The connection is closed or reset, or nothing more happens on it, after something."""

    async def script(peer: Peer) -> None:
        await after(peer)
        await {"close": closes, "reset": resets, "stall": silent}[end](peer)

    return meets(script)


async def everything_unread(peer: Peer) -> None:
    await peer.head()
    peer.server.forget()
    await peer.unread()


async def the_head_alone(peer: Peer) -> None:
    """It is read; the body of a small request has arrived then, too."""
    await peer.head()
    await peer.unread()


async def the_head(peer: Peer) -> None:
    await peer.head()


async def a_part_of_the_body(peer: Peer) -> None:
    await peer.head()
    await peer.reader.readexactly(1_000_000)


async def the_whole_request(peer: Peer) -> None:
    await peer.carry_out()


def says(*pieces: bytes, end: str = "close") -> Place:
    """The request is carried out, these bytes come back, and then the connection ends in this way."""

    async def script(peer: Peer) -> None:
        await peer.carry_out()
        await peer.say(*pieces)

    return then(end, after=script)


def answers(status: str, *headers: str, body: bytes = b"{}") -> Place:
    """The request is carried out, whatever the answer says."""

    async def script(peer: Peer) -> None:
        await peer.carry_out()
        await peer.answer(status, body, *headers)

    return meets(script)


def refuses(status: str, *headers: str) -> Place:
    """The request is read and not carried out. The words are such as both services have for a bad row; what
    Gameball says without any of its own is in ``test_gameball``."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(status, b'{"error":"Refused","message":"This is refused","code":3000}', *headers)

    return meets(script)


def early(status: str) -> Place:
    """Answers after the head, and never reads the body."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.answer(status)

    return then("stall", after=script)


async def answers_in_single_bytes(peer: Peer) -> None:
    await peer.carry_out()
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
        await peer.say(bytes([byte]))


async def reads_slowly(peer: Peer) -> None:
    await peer.head()
    body = bytearray()
    while len(body) < peer.length:
        body += await peer.reader.read(1_000_000)
        await asyncio.sleep(0)
    peer.server.bodies.append(bytes(body))
    peer.server.applied.append(bytes(body))
    await peer.answer("200 OK")


# --- the table --------------------------------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = OK + b"Content-Length: 100\r\n\r\n"


@dataclass(frozen=True)
class Kind:
    name: str
    where: Place
    truth: Truth
    verdict: Says
    credentials: Says | None = None
    """Of the credentials batch, where that is something else."""
    status: int | str | None = None
    """``"any"`` where a RST may overtake the answer."""
    cut: bool = False
    """Of the answer the status arrived, and not all of the body; or it came too early to be one."""
    way: Way = undisturbed
    body: bytes = SMALL
    gives_up: float = LATE
    """Seconds for the whole call."""

    def said_by(self, path: str) -> Says:
        return self.credentials or self.verdict if path == "drip-credentials" else self.verdict


THE_52 = [
    # --- name lookup fails
    Kind("the name does not exist", no_such_name, NOTHING, HELD),
    # --- connect refused
    Kind("nobody listens", nobody_listens, NOTHING, HELD),
    # --- connect timeout, TLS handshake hangs, pool wait over `connect`
    Kind("the connection is not taken", full_backlog, NOTHING, HELD, gives_up=SOON),
    Kind("TLS meets silence", meets(silent, scheme="https"), NOTHING, HELD, gives_up=SOON),
    Kind("no connection is free, and the time to connect is over", then("stall", after=the_head), NOTHING, HELD,
         way=in_a_crowd(total=LATE, connect=SOON)),
    # --- pool wait over `total`
    Kind("no connection is free, and all the time is over", then("stall", after=the_head), NOTHING, HELD,
         way=in_a_crowd(total=SOON)),
    # --- TLS: no TLS, wrong certificate, closed, reset
    Kind("TLS meets a plain server", meets(speaks_plainly, scheme="https"), NOTHING, HELD),
    Kind("TLS meets a certificate that nobody trusts", meets(silent, scheme="https", certificate=UNTRUSTED),
         NOTHING, HELD),
    Kind("TLS meets a closed door", meets(closes, scheme="https"), NOTHING, HELD),
    Kind("TLS meets a reset", meets(resets, scheme="https"), NOTHING, HELD),
    # --- peer closes or resets right after accept: six kinds, two of which are known before the last byte leaves
    Kind("closed right after accepting", slams(reset=False), NOTHING, HELD),
    Kind("reset right after accepting", slams(reset=True), NOTHING, HELD),
    Kind("closed with the request unread", then("close", after=everything_unread), NOTHING, DOUBT),
    Kind("reset with the request unread", then("reset", after=everything_unread), NOTHING, DOUBT),
    Kind("closed with the head read alone", then("close", after=the_head_alone), NOTHING, DOUBT),
    Kind("reset with the head read alone", then("reset", after=the_head_alone), NOTHING, DOUBT),
    # --- connection died, write fails at once
    Kind("the connection has died", answers("200 OK"), NOTHING, HELD, way=over_a_connection_that_dies),
    # --- reset, close or stall while a large body is being sent
    Kind("reset during the upload", then("reset", after=a_part_of_the_body), NOTHING, HELD, body=LARGE),
    Kind("closed during the upload", then("close", after=a_part_of_the_body), NOTHING, HELD, body=LARGE),
    Kind("the upload stalls", then("stall", after=a_part_of_the_body), NOTHING, HELD, body=LARGE, gives_up=SOON),
    # --- whole request read, then closed / reset
    Kind("closed after the whole request", then("close", after=the_whole_request), DONE, DOUBT),
    Kind("reset after the whole request", then("reset", after=the_whole_request), DONE, DOUBT),
    # --- whole request read, no answer: not begun, not ended
    Kind("no answer to the whole request", then("stall", after=the_whole_request), DONE, DOUBT, gives_up=A_WHILE),
    Kind("an answer that goes no further", says(OK + b"Content-Le", end="stall"), DONE, DOUBT, gives_up=A_WHILE),
    # --- answer cut in the status line or headers
    Kind("cut in the status line", says(b"HTTP/1.1 20"), DONE, DOUBT),
    Kind("cut in the headers", says(OK + b"Content-Le"), DONE, DOUBT),
    # --- status line is garbage
    Kind("the status line is garbage", says(b"HELLO THERE\r\n\r\n"), DONE, DOUBT),
    # --- answer body cut (length, chunk, reset)
    Kind("cut in the body", says(SIZED + b'{"success":'), DONE, DOUBT, status=200, cut=True),
    Kind("cut in a chunk", says(CHUNKED + b"40\r\n{"), DONE, DOUBT, status=200, cut=True),
    Kind("reset in the body", says(SIZED + b'{"success":', end="reset"), DONE, DOUBT, status="any", cut=True),
    # --- 200 with broken JSON / with HTML
    Kind("a half of JSON", answers("200 OK", body=b'{"success":true,"results":['), DONE, DOUBT, status=200),
    Kind("a page of HTML", answers("200 OK", body=b"<html>welcome</html>"), DONE, DOUBT, status=200),
    # --- task cancelled (shutdown, `wait_for`)
    Kind("the program ends meanwhile", then("stall", after=the_whole_request), DONE, DOUBT,
         way=while_the_program_ends),
    Kind("cancelled meanwhile", then("stall", after=the_whole_request), DONE, DOUBT, way=cancelled),
    # --- 400, 401, 403, 404, 409, 413, 422, 429
    Kind("400", refuses("400 Bad Request"), NOTHING, REFUSED, credentials=DOUBT, status=400),
    Kind("401", refuses("401 Unauthorized"), NOTHING, REFUSED, status=401),
    Kind("403", refuses("403 Forbidden"), NOTHING, REFUSED, status=403),
    Kind("404", refuses("404 Not Found"), NOTHING, REFUSED, credentials=DOUBT, status=404),
    Kind("409", refuses("409 Conflict"), NOTHING, REFUSED, credentials=DOUBT, status=409),
    Kind("413", refuses("413 Content Too Large"), NOTHING, REFUSED, status=413),
    Kind("422", refuses("422 Unprocessable Content"), NOTHING, REFUSED, credentials=DOUBT, status=422),
    Kind("429", refuses("429 Too Many Requests", "Retry-After: 1"), NOTHING, REFUSED, status=429),
    # --- 408, 500, 502, 503, 504, any 3xx
    Kind("408", answers("408 Request Timeout"), DONE, DOUBT, status=408),
    Kind("500", answers("500 Internal Server Error"), DONE, DOUBT, status=500),
    Kind("502", answers("502 Bad Gateway", body=b"<html>"), DONE, DOUBT, status=502),
    Kind("503", answers("503 Service Unavailable"), DONE, DOUBT, status=503),
    Kind("504", answers("504 Gateway Timeout"), DONE, DOUBT, status=504),
    Kind("301", answers("301 Moved Permanently", "Location: /"), DONE, DOUBT, status=301),
    Kind("302", answers("302 Found", "Location: /"), DONE, DOUBT, status=302),
    Kind("303, which would turn into GET", answers("303 See Other", "Location: /"), DONE, DOUBT, status=303),
    Kind("307, which would be sent again", answers("307 Temporary Redirect", "Location: /"), DONE, DOUBT, status=307),
    Kind("308", answers("308 Permanent Redirect", "Location: /"), DONE, DOUBT, status=308),
]  # fmt: skip

FURTHER = [
    # --- it never left
    Kind("the key cannot be sent", answers("200 OK"), NOTHING, HELD, way=with_a_key_of_two_lines),
    Kind("the program has ended", answers("200 OK"), NOTHING, HELD, way=after_the_program_has_ended),
    Kind("the TLS connection has died", meets(the_whole_request, scheme="https", certificate=UNTRUSTED), NOTHING, HELD,
         way=over_a_tls_connection_that_dies),
    # --- nobody reads
    Kind("a small request is never read", meets(silent), NOTHING, DOUBT, gives_up=A_WHILE),
    Kind("a large request is never read", meets(silent), NOTHING, HELD, body=LARGE, gives_up=SOON),
    Kind("closed after the head of a large request", then("close", after=the_head), NOTHING, HELD, body=LARGE),
    Kind("reset after the head of a large request", then("reset", after=the_head), NOTHING, HELD, body=LARGE),
    # --- an answer that nobody can read
    Kind("reset in the headers", says(OK + b"Content-Le", end="reset"), DONE, DOUBT),
    Kind("cut before the body", says(SIZED), DONE, DOUBT, status=200, cut=True),
    Kind("stalled in the body", says(SIZED + b'{"success":', end="stall"), DONE, DOUBT, status=200, cut=True,
         gives_up=A_WHILE),
    Kind("cut between chunks", says(CHUNKED + b"2\r\n{}\r\n"), DONE, DOUBT, status=200, cut=True),
    Kind("a chunk size that is no number", says(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"), DONE, DOUBT),
    Kind("the status is no number", says(b"HTTP/1.1 abc OK\r\n\r\n"), DONE, DOUBT),
    Kind("the answer is binary", says(bytes(range(256)) * 4), DONE, DOUBT),
    Kind("a header without a colon", says(OK + b"nonsense\r\n\r\n"), DONE, DOUBT),
    Kind("an endless header", says(OK + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n"), DONE, DOUBT),
    Kind("two lengths that differ", says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), DONE, DOUBT),
    Kind("a length that is no number", says(OK + b"Content-Length: two\r\n\r\n{}"), DONE, DOUBT),
    Kind("compressed, but is not", says(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), DONE, DOUBT,
         status=200, cut=True),
    Kind("an answer beyond all measure", answers("200 OK", body=b" " * (MAX_ANSWER + 1)), DONE, DOUBT, status=200,
         cut=True),
    # --- an answer that says nothing
    Kind("an answer in single bytes", meets(answers_in_single_bytes), DONE, DOUBT, status=200),
    Kind("a large request that is read", meets(reads_slowly), DONE, DOUBT, status=200, body=LARGE),
    Kind("an interim answer first", says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}"),
         DONE, DOUBT, status=200),
    Kind("no content", answers("204 No Content", body=b""), DONE, DOUBT, status=204),
    # --- an answer before the request was complete
    Kind("413 without reading", early("413 Too Large"), NOTHING, HELD, status=413, body=LARGE),
    Kind("503 without reading", early("503 Busy"), NOTHING, HELD, status=503, body=LARGE),
    Kind("200 without reading", early("200 OK"), NOTHING, DOUBT, status=200, cut=True, body=LARGE),
    # --- refusals that look otherwise
    Kind("401 asking for a password", refuses("401 No", "WWW-Authenticate: Basic"), NOTHING, REFUSED, status=401),
]  # fmt: skip
