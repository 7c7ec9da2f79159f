"""What a request carries, what is never sent twice, and the gate that holds its last byte."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp.abc import AbstractStreamWriter

from bot.errors import SettingsError
from bot.providers.http import Client, Exchange, Proof, _Gate, checked_base

from .failure_kinds import LARGE, LATE, SMALL, a_part_of_the_body, answers, then
from .raw_server import Peer, RawServer


async def test_every_request_has_a_connection_of_its_own() -> None:
    async def patient(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer("200 OK")

    async with RawServer(patient) as server:
        client = Client(server.url, {}, timeout=LATE)
        for method in ("PATCH", "GET", "POST"):
            assert (await client.exchange(method, "/1", None if method == "GET" else SMALL)).whole
        await client.close()
        assert server.connections == 3
        assert all(b"connection: close" in head.lower() for head in server.heads)


@pytest.mark.parametrize("stray", ["200 OK", "400 Bad Request"])
async def test_an_answer_that_nobody_asked_for_is_not_read_as_that_to_the_next_request(stray: str) -> None:
    """A gateway that repeats answers twice; the second one must not say what became of another call."""
    read, said = asyncio.Event(), asyncio.Event()

    async def answers_twice(peer: Peer) -> None:
        await peer.answer("200 OK", await peer.request())
        await read.wait()
        await peer.answer(stray, b'{"message":"stray"}')
        said.set()
        await peer.answer("200 OK", await peer.request())

    async with RawServer(answers_twice) as server:
        client = Client(server.url, {}, timeout=LATE)
        assert (await client.exchange("PATCH", "/1", b"first")).body == b"first"
        read.set()
        await said.wait()
        told = await client.exchange("PATCH", "/2", b"second")
        await client.close()
        assert (told.status, told.body) == (200, b"second")


@pytest.mark.parametrize(("status", "is_answer"), [("200 OK", False), ("202 Accepted", False), ("413 Too Large", True)])
async def test_a_success_before_the_whole_request_has_left_is_no_answer(status: str, is_answer: bool) -> None:
    async def early(peer: Peer) -> None:
        await peer.head()
        await peer.answer(status, b'{"success":true}')
        await peer.stall()

    async with RawServer(early) as server:
        client = Client(server.url, {}, timeout=LATE)
        told = await client.exchange("PATCH", "/write", LARGE)
        await client.close()
        assert (told.status, told.whole, told.body_complete) == (int(status[:3]), is_answer, False)
        assert told.proof is (Proof.NOTHING_HAPPENED if is_answer else Proof.MAY_HAVE)


async def test_cancelling_a_call_is_passed_on_and_lets_no_last_byte_through() -> None:
    async with then("stall", after=a_part_of_the_body)() as server:
        client = Client(server.url, {}, timeout=30)
        call = asyncio.ensure_future(client.exchange("PATCH", "/write", LARGE))
        assert isinstance(server, RawServer)
        await server.arrivals.get()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await client.close()
        assert server.bodies == []


class Wire:
    """The end of a connection, as a request's body sees it: what was handed over, and whether it still takes more."""

    def __init__(self, *, closing: bool = False) -> None:
        self.handed_over = b""
        self.closing = closing
        self.transport = self

    async def write(self, piece: bytes) -> None:
        self.handed_over += piece

    def is_closing(self) -> bool:
        return self.closing


async def test_the_last_byte_is_handed_over_last_and_noted() -> None:
    gate, wire = _Gate(SMALL), Wire()
    await gate.write(cast(AbstractStreamWriter, wire))
    assert wire.handed_over == SMALL
    assert gate.opened
    assert gate.decode() == SMALL.decode()


async def test_a_gate_that_was_shut_holds_the_last_byte_back_whatever_still_runs() -> None:
    gate, wire = _Gate(SMALL), Wire()
    gate.shut()
    with pytest.raises(OSError, match="last byte"):
        await gate.write(cast(AbstractStreamWriter, wire))
    assert wire.handed_over == SMALL[:-1]
    assert not gate.opened


async def test_a_body_is_never_handed_over_twice() -> None:
    gate, wire = _Gate(SMALL), Wire()
    await gate.write(cast(AbstractStreamWriter, wire))
    with pytest.raises(OSError, match="never sent twice"):
        await gate.write(cast(AbstractStreamWriter, wire))
    assert wire.handed_over == SMALL


async def test_a_connection_that_closes_meanwhile_never_gets_the_last_byte() -> None:
    gate, wire = _Gate(SMALL), Wire(closing=True)
    with pytest.raises(OSError, match="last byte"):
        await gate.write(cast(AbstractStreamWriter, wire))
    assert not gate.opened


async def test_a_request_carries_keys_and_length_but_neither_cookies_nor_compression() -> None:
    async def sets_a_cookie(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer("200 OK", b"{}", "Set-Cookie: a=b; Path=/")

    async with RawServer(sets_a_cookie) as server:
        # by name: aiohttp would keep no cookie of a bare address anyway
        client = Client(f"http://localhost:{server.port}/", {"Authorization": "Bearer secret"}, timeout=LATE)
        await client.exchange("PATCH", "/a%2Fb?values=1,2%2B3", SMALL)
        await client.exchange("GET", "/read")
        await client.close()
    first, second = (head.decode() for head in server.heads)
    assert first.startswith("PATCH /a%2Fb?values=1,2%2B3 HTTP/1.1\r\n")
    assert f"Content-Length: {len(SMALL)}\r\n" in first
    assert "Content-Type: application/json\r\n" in first
    assert "Authorization: Bearer secret\r\n" in first
    assert "Accept-Encoding: identity\r\n" in first
    assert "Transfer-Encoding" not in first
    assert "Cookie" not in second
    assert "Content-Length" not in second


async def test_a_read_is_complete_without_a_body() -> None:
    async with answers("200 OK", body=b"[1]")() as server:
        client = Client(server.url, {}, timeout=LATE)
        exchange = await client.exchange("GET", "/read")
        await client.close()
    assert exchange.whole
    assert exchange.body == b"[1]"
    assert exchange.headers["content-length"] == "3"
    assert exchange.body_complete


def test_no_key_shows_in_what_is_printed() -> None:
    client = Client("https://api.example.com", {"Authorization": "Bearer secret-key-1234"}, timeout=1)
    assert "secret" not in repr(client)
    exchange = Exchange(200, {}, b"secret-key-1234", None, None, headers_sent=True, body_complete=True)
    assert "secret" not in repr(exchange)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.drip.re",
        "ftp://127.0.0.1",
        "api.drip.re",
        "",
        "https://user:pass@api.drip.re",
        "https://api.drip.re/?a=b",
        "https://[broken",
        "http://10.0.0.1",
        "http://localhost.example.com",
    ],
)
def test_an_address_that_would_show_the_keys_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked_base(url)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://api.drip.re/", "http://127.0.0.1:8", "http://localhost:9", "http://[::1]:7"])
def test_https_and_loopback_are_taken(url: str) -> None:
    assert checked_base(url) == url.rstrip("/")
