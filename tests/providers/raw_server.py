"""A scripted server on plain sockets: it does to a request exactly what a test says, down to the single byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.length = 0
        """Content-Length of the request whose head was read last."""

    async def head(self) -> bytes:
        """Read one request's head."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.server.heads.append(head)
        self.server.head_read.set()
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.length = int(lengths[0].split(b":")[1]) if lengths else 0
        return head

    async def request(self) -> bytes:
        """Read one request whole. From here on the server could act on it."""
        await self.head()
        body = await self.reader.readexactly(self.length)
        self.server.bodies.append(body)
        return body

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, status: str, body: bytes = b"{}", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.say("\r\n".join(lines).encode() + body)

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def stall(self) -> None:
        """Do nothing until the test is over."""
        await self.server.over.wait()


class RawServer:
    """Runs one script for each connection. Remembers what arrived."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        """Of the requests that arrived whole: only these can have had an effect."""
        self.connections = 0
        self.head_read = asyncio.Event()
        self.over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def hung_up(self) -> None:
        """Return when every connection was closed here and the news of it had time to be noticed there."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(5):  # turns of the loop that both sides share; on loopback nothing else has to happen
            await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._script(Peer(self, reader, writer))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
