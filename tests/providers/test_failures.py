"""Every way in which one request can fail, and what each proves. The table was written before the code.

``NOTHING`` where it is provable that nobody can hold the whole request, ``MAY`` where somebody may, ``EITHER`` where
the peer hangs up so early that both are true answers and the race decides. Judged wrong would be NOTHING for a request
that arrived whole, and that is checked against what the server really read, whatever the table says.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from bot.providers.http import MAX_ANSWER, Client, Exchange, Proof

from .raw_server import Peer, RawServer, Script, free_port

NOTHING, MAY, EITHER = Proof.NOTHING_HAPPENED, Proof.MAY_HAVE, None
SMALL = b'{"updates":[{"dripId":"0123456789abcdef01234567","amount":5}]}'
LARGE = b'{"updates":["' + b"x" * 24_000_000 + b'"]}'
"""More than the socket buffers of both sides hold."""
SOON = 0.5


async def accept_and_close(peer: Peer) -> None:
    peer.close()


async def accept_and_reset(peer: Peer) -> None:
    peer.reset()


async def never_read(peer: Peer) -> None:
    await peer.stall()


async def close_after_head(peer: Peer) -> None:
    await peer.head()
    peer.close()


async def reset_after_head(peer: Peer) -> None:
    await peer.head()
    peer.reset()


async def stall_in_upload(peer: Peer) -> None:
    await peer.head()
    await peer.reader.readexactly(1_000_000)
    await peer.stall()


async def close_in_upload(peer: Peer) -> None:
    await peer.head()
    await peer.reader.readexactly(1_000_000)
    peer.close()


async def reset_in_upload(peer: Peer) -> None:
    await peer.head()
    await peer.reader.readexactly(1_000_000)
    peer.reset()


async def close_after_request(peer: Peer) -> None:
    await peer.request()
    peer.close()


async def reset_after_request(peer: Peer) -> None:
    await peer.request()
    peer.reset()


async def no_answer(peer: Peer) -> None:
    await peer.request()
    await peer.stall()


def says(*pieces: bytes, then: str = "close") -> Script:
    """The whole request is read, these bytes come back, and then the connection ends in this way."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(*pieces)
        if then == "stall":
            await peer.stall()
        elif then == "reset":
            peer.reset()
        else:
            peer.close()

    return script


def answers(status: str, *headers: str, body: bytes = b"{}") -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(status, body, *headers)

    return script


def early(status: str, *, then: str = "close") -> Script:
    """Answers after the head, without reading the body."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.answer(status)
        if then == "stall":
            await peer.stall()

    return script


async def in_small_pieces(peer: Peer) -> None:
    await peer.request()
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
        await peer.say(bytes([byte]))


async def reads_slowly(peer: Peer) -> None:
    await peer.head()
    body = bytearray()
    while len(body) < peer.length:
        body += await peer.reader.read(1_000_000)
        await asyncio.sleep(0)
    peer.server.bodies.append(bytes(body))
    await peer.answer("200 OK")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = OK + b"Content-Length: 100\r\n\r\n"


@dataclass(frozen=True)
class Kind:
    name: str
    script: Script
    proof: Proof | None
    status: int | str | None = None
    """``"any"`` where a RST may overtake the answer."""
    broken: bool = True
    """The exchange ends with an error: no answer, or not all of it."""
    body: bytes = SMALL


TABLE = [
    # --- nobody read anything
    Kind("the peer closes right after accepting", accept_and_close, EITHER),
    Kind("the peer resets right after accepting", accept_and_reset, EITHER),
    Kind("a small request is never read", never_read, MAY),
    Kind("a large request is never read", never_read, NOTHING, body=LARGE),
    # --- the upload breaks
    Kind("closed after the head of a large request", close_after_head, NOTHING, body=LARGE),
    Kind("reset after the head of a large request", reset_after_head, NOTHING, body=LARGE),
    Kind("the upload stalls", stall_in_upload, NOTHING, body=LARGE),
    Kind("closed during the upload", close_in_upload, NOTHING, body=LARGE),
    Kind("reset during the upload", reset_in_upload, NOTHING, body=LARGE),
    # --- the whole request was read
    Kind("closed after the whole request", close_after_request, MAY),
    Kind("reset after the whole request", reset_after_request, MAY),
    Kind("no answer to the whole request", no_answer, MAY),
    Kind("cut in the status line", says(b"HTTP/1.1 20"), MAY),
    Kind("cut in the headers", says(OK + b"Content-Le"), MAY),
    Kind("reset in the headers", says(OK + b"Content-Le", then="reset"), MAY),
    Kind("stalled in the headers", says(OK + b"Content-Le", then="stall"), MAY),
    Kind("cut before the body", says(SIZED), MAY, status=200),
    Kind("cut in the body", says(SIZED + b'{"success":'), MAY, status=200),
    Kind("reset in the body", says(SIZED + b'{"success":', then="reset"), MAY, status="any"),
    Kind("stalled in the body", says(SIZED + b'{"success":', then="stall"), MAY, status=200),
    Kind("cut in a chunk", says(CHUNKED + b"40\r\n{"), MAY, status=200),
    Kind("cut between chunks", says(CHUNKED + b"2\r\n{}\r\n"), MAY, status=200),
    Kind("a chunk size that is no number", says(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"), MAY, status=None),
    Kind("the status line is garbage", says(b"HELLO THERE\r\n\r\n"), MAY),
    Kind("the status is no number", says(b"HTTP/1.1 abc OK\r\n\r\n"), MAY),
    Kind("the answer is binary", says(bytes(range(256)) * 4), MAY),
    Kind("a header without a colon", says(OK + b"nonsense\r\n\r\n"), MAY),
    Kind("an endless header", says(OK + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n"), MAY),
    Kind("two lengths that differ", says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), MAY),
    Kind("a length that is no number", says(OK + b"Content-Length: two\r\n\r\n{}"), MAY),
    Kind("compressed, but is not", says(OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), MAY,
         status=200),
    Kind("an answer beyond all measure", answers("200 OK", body=b" " * (MAX_ANSWER + 1)), MAY, status=200),
    # --- an answer came whole
    Kind("an answer in single bytes", in_small_pieces, MAY, status=200, broken=False),
    Kind("a large request that is read", reads_slowly, MAY, status=200, broken=False, body=LARGE),
    Kind("a page of HTML", answers("200 OK", body=b"<html>welcome</html>"), MAY, status=200, broken=False),
    Kind("an interim answer first", says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}"),
         MAY, status=200, broken=False),
    Kind("no content", answers("204 No Content", body=b""), MAY, status=204, broken=False),
    Kind("a redirect that turns into GET", answers("303 See Other", "Location: /"), MAY, status=303, broken=False),
    Kind("a redirect that repeats the method", answers("307 Temporary Redirect", "Location: /"), MAY, status=307,
         broken=False),
    Kind("moved", answers("301 Moved Permanently", "Location: /"), MAY, status=301, broken=False),
    Kind("400", answers("400 Bad Request"), MAY, status=400, broken=False),
    Kind("401 asking for a password", answers("401 No", "WWW-Authenticate: Basic"), MAY, status=401, broken=False),
    Kind("408", answers("408 Request Timeout"), MAY, status=408, broken=False),
    Kind("429", answers("429 Too Many Requests", "Retry-After: 1"), MAY, status=429, broken=False),
    Kind("500", answers("500 Internal Server Error"), MAY, status=500, broken=False),
    Kind("502", answers("502 Bad Gateway", body=b"<html>"), MAY, status=502, broken=False),
    Kind("503 after the whole request", answers("503 Service Unavailable"), MAY, status=503, broken=False),
    Kind("504", answers("504 Gateway Timeout"), MAY, status=504, broken=False),
    # --- an answer came before the request was complete
    Kind("413 without reading", early("413 Too Large", then="stall"), NOTHING, status=413, broken=False, body=LARGE),
    Kind("503 without reading", early("503 Busy", then="stall"), NOTHING, status=503, broken=False, body=LARGE),
    Kind("200 without reading", early("200 OK", then="stall"), MAY, status=200, broken=False, body=LARGE),
]  # fmt: skip


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
async def test_what_a_failure_proves(kind: Kind) -> None:
    async with RawServer(kind.script) as server:
        client = Client(server.url, {"Authorization": "Bearer secret"}, timeout=SOON if kind.body is SMALL else 2.0)
        exchange = await client.exchange("PATCH", "/write", kind.body)
        await client.close()
        if kind.proof is not EITHER:
            assert exchange.proof is kind.proof
        assert not (exchange.proof is NOTHING and server.bodies), "judged wrong: the request had arrived whole"
        assert kind.status in ("any", exchange.status)
        assert (exchange.error is not None) is kind.broken
        assert (exchange.trouble is not None) is kind.broken
        assert len(server.heads) <= 1, "a write was sent again"


async def nobody_listens(body: bytes) -> Exchange:
    return await one_call(f"http://127.0.0.1:{free_port()}", body)


async def no_such_name(body: bytes) -> Exchange:
    return await one_call("https://api.bursar.invalid", body)


async def full_backlog(body: bytes) -> Exchange:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            return await one_call(f"http://127.0.0.1:{listener.getsockname()[1]}", body)
        finally:
            for one in waiting:
                one.close()


def tls_meets(script: Script) -> Callable[[bytes], Awaitable[Exchange]]:
    async def call(body: bytes) -> Exchange:
        async with RawServer(script) as server:
            return await one_call(server.url.replace("http:", "https:"), body)

    return call


async def speaks_plain(peer: Peer) -> None:
    await peer.reader.read(1)
    await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def key_with_a_line_break(body: bytes) -> Exchange:
    async with RawServer(answers("200 OK")) as server:
        client = Client(server.url, {"Authorization": "Bearer a\r\nX-Evil: b"}, timeout=SOON)
        exchange = await client.exchange("PATCH", "/write", body)
        await client.close()
        assert server.heads == []
        return exchange


async def closed_client(body: bytes) -> Exchange:
    client = Client("https://api.example.com", {}, timeout=SOON)
    await client.close()
    return await client.exchange("PATCH", "/write", body)


async def one_call(url: str, body: bytes) -> Exchange:
    client = Client(url, {}, timeout=SOON)
    exchange = await client.exchange("PATCH", "/write", body)
    await client.close()
    return exchange


BEFORE_ANY_BYTE = {
    "nobody listens": nobody_listens,
    "the name does not exist": no_such_name,
    "the connection is not taken": full_backlog,
    "TLS meets a plain server": tls_meets(speaks_plain),
    "TLS meets silence": tls_meets(never_read),
    "TLS meets a closed door": tls_meets(accept_and_close),
    "TLS meets a reset": tls_meets(accept_and_reset),
    "the key cannot be sent": key_with_a_line_break,
    "the program is being closed": closed_client,
}


@pytest.mark.parametrize("name", BEFORE_ANY_BYTE)
async def test_a_call_that_never_left_is_proved_not_to_have_happened(name: str) -> None:
    exchange = await BEFORE_ANY_BYTE[name](SMALL)
    assert exchange.proof is NOTHING
    assert exchange.status is None
    assert not exchange.body_complete
    assert exchange.trouble


def test_the_table_is_long_enough() -> None:
    assert len(TABLE) + len(BEFORE_ANY_BYTE) >= 52  # as many ways as were measured, see reliability-performance 4.3
