"""One HTTP exchange, and what it proves when it fails.

This is the one place that decides what a transport failure means for a write. It never looks at the kind of the
exception: the same class is raised before and after a request has left (measured in ``tests/providers``). It looks at
what left the process:

- the request's headers were never handed to a connection, or
- the last byte of its body was held back (the gate below), so nobody can hold the whole request.

Either proves that nothing happened. Everything else may have happened. An answer belongs to the request because both
have a connection of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from bot.domain.loopback import is_loopback
from bot.errors import SettingsError
from bot.providers.failures import trouble_of

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of an answer's body that are read. The largest documented answer, 1,000 results, is far below it."""
CONNECT_TIMEOUT: Final = 15.0
_TURNS: Final = 4
"""Turns of the event loop that the last byte of a body waits for. A hang-up that has reached this machine by then is
noticed, under TLS after three of them: so a connection that was closed as soon as it was accepted leaves no doubt."""
EARLY: Final = "EarlyAnswer"
"""What ended an exchange in which a success was told before the last byte of the request had left."""


class Proof(StrEnum):
    """What a failed exchange says about its request."""

    NOTHING_HAPPENED = "nothing-happened"
    MAY_HAVE = "may-have"


class AnswerTooLargeError(Exception):
    """The body went beyond ``MAX_ANSWER``; the rest was not read."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and whatever came back."""

    status: int | None
    """``None``: no readable status line and headers."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    error: str | None
    """Class of the exception that ended it, or ``EARLY``; the answer is then missing, incomplete, or no answer."""
    trouble: str | None
    """The same in words for people."""
    headers_sent: bool
    """The request's headers were handed to a connection (they may still not have arrived)."""
    body_complete: bool
    """So was the last byte of the request's body. True for a request without one, once its headers are sent."""
    began: float | None = None
    """When it was admitted by the limiter (Unix seconds)."""
    wait: float | None = None
    """Of a 429: seconds that the service asks to wait, or the limiter, where it does not say."""

    @property
    def proof(self) -> Proof:
        """Whether it is certain that the request was never held whole by anybody.

        A 2xx is never such a proof: a service that says "done" is not contradicted. But before it has the whole request
        it cannot know, so that is no answer either (``EARLY``).
        """
        held_back = not self.headers_sent or not self.body_complete
        return Proof.NOTHING_HAPPENED if held_back and not _is_success(self.status) else Proof.MAY_HAVE

    @property
    def whole(self) -> bool:
        """Whether a status and the complete body of an answer are there."""
        return self.status is not None and self.error is None


class _Gate(aiohttp.Payload):
    """A request body whose last byte is passed on by itself, and noted."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body, content_type="application/json")
        self._size = len(body)
        self.opened = False
        """The last byte was handed to the connection."""
        self._shut = False
        self._used = False

    def shut(self) -> None:
        """From now on the last byte stays here, whatever still runs."""
        self._shut = True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return str(self._value, encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        if self._used:  # whatever aiohttp may come to repeat by itself, this is not among it
            raise aiohttp.ClientConnectionResetError("a write is never sent twice")
        self._used = True
        await writer.write(self._value[:-1])  # returns once a large body has left for the socket
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        transport = writer.transport
        if self._shut or transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("closed before the last byte")
        self.opened = True  # nothing runs between this line and the write itself
        await writer.write(self._value[-1:])


class Client:
    """HTTP to one account. Never repeats, never follows a redirect, keeps no cookies, reads no proxy settings."""

    def __init__(self, base_url: str, secrets: Mapping[str, str], *, timeout: float) -> None:
        """``secrets``: headers with the keys, sent with every request. ``timeout``: seconds for a whole exchange.

        Raises ``SettingsError`` when the address is neither https nor a loopback.
        """
        self._base = checked_base(base_url)
        self._secrets = dict(secrets)
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Client({self._base!r})"

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> Exchange:
        """Send one request and read its answer whole. Raises nothing but cancellation.

        ``path`` begins with ``/`` and is already percent-encoded. A write (``body`` given) is never sent twice.
        """
        flags = SimpleNamespace(headers_sent=False)
        gate = _Gate(body) if body else None
        answer = _Answer()
        try:
            await self._run(method, path, gate, flags, answer)
        except Exception as error:  # which one it is proves nothing; see the module's text
            answer.error, answer.trouble = type(error).__name__, trouble_of(error)
        else:
            if gate is not None and not gate.opened and _is_success(answer.status):
                answer.error, answer.trouble = EARLY, "it said that it is done before it had the whole request"
        finally:
            if gate is not None:
                gate.shut()
        return Exchange(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            error=answer.error,
            trouble=answer.trouble,
            headers_sent=flags.headers_sent,
            body_complete=flags.headers_sent and (gate is None or gate.opened),
        )

    async def close(self) -> None:
        """Close every connection. Nothing can be sent afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _run(self, method: str, path: str, gate: _Gate | None, flags: SimpleNamespace, answer: _Answer) -> None:
        response = await self._open().request(
            method,
            URL(self._base + path, encoded=True),
            data=gate,
            headers=self._secrets,
            allow_redirects=False,
            trace_request_ctx=flags,
        )
        try:
            answer.status = response.status
            answer.headers = {name.lower(): value for name, value in response.headers.items()}
            answer.body = await _read(response.content)
        finally:
            # Not ``async with``: leaving it waits for the upload, for ever when a service answers without reading it.
            if response.content.at_eof() and (gate is None or gate.opened):
                response.release()
            else:
                response.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("closed")
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_headers_sent)
            self._session = aiohttp.ClientSession(
                # One connection for each request. On one that is used again, whatever came twice or unasked after the
                # answer before (a gateway that repeats, say) would be read as the answer to a call that it knows
                # nothing of: paid, or refused. A new one costs little at the pace of these limits.
                connector=aiohttp.TCPConnector(limit=16, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "Cache-Control": "no-cache",  # whatever stands in between must not answer with what it has kept
                    "User-Agent": "Bursar",
                },
                timeout=aiohttp.ClientTimeout(total=self._timeout, connect=min(self._timeout, CONNECT_TIMEOUT)),
                raise_for_status=False,
                trust_env=False,
                trace_configs=[tracing],
            )
        return self._session


class _Answer:
    """What is known of the answer so far; filled in as it arrives, so that a cut answer keeps its status."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body = b""
        self.error: str | None = None
        self.trouble: str | None = None


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


async def _note_headers_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.headers_sent = True


async def _read(content: aiohttp.StreamReader) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in content.iter_any():
        size += len(piece)
        if size > MAX_ANSWER:
            raise AnswerTooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def checked_base(base_url: str) -> str:
    """The address without a slash at its end. Raises ``SettingsError`` unless it is https, or http to this machine."""
    try:
        url = URL(base_url)
        host = url.host
    except ValueError:
        url, host = URL(), None
    if host is None or url.user is not None or url.query_string or url.fragment:
        raise SettingsError("A service's address must look like https://api.example.com, without a name or a query.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(host)):
        raise SettingsError(f"The address of {host} must begin with https:// (http:// only works to this machine).")
    return str(url).rstrip("/")
