"""A scripted server on plain sockets: it does to a request exactly what a test says, down to the single byte.

It keeps the truth that a verdict is judged by: which requests arrived whole, and which of them were carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

Script = Callable[["Peer"], Awaitable[None]]
RST_ON_CLOSE = struct.pack("ii", 1, 0)
"""For ``SO_LINGER``."""
UNTRUSTED = Path(__file__).with_name("untrusted.pem")
"""A certificate that nobody has signed but itself, with its key."""


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        server.peers.append(self)
        server.accepted.set()
        self.reader = reader
        self.writer = writer
        self.length = 0
        """Content-Length of the request whose head was read last."""

    async def head(self) -> bytes:
        """Read one request's head."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.server.heads.append(head)
        self.server.arrivals.put_nowait(head)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        self.length = int(lengths[0].split(b":")[1]) if lengths else 0
        return head

    async def unread(self) -> None:
        """Wait until the rest of the request has arrived as well, and never look at it."""
        await self.reader.readexactly(self.length)

    async def request(self) -> bytes:
        """Read one request whole. From here on the server could act on it."""
        await self.head()
        body = await self.reader.readexactly(self.length)
        self.server.bodies.append(body)
        return body

    async def carry_out(self) -> None:
        """Read one request whole and do what it asks for."""
        self.server.applied.append(await self.request())
        self.server.done.set()

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
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self.writer.transport.abort()

    def hang_up(self) -> None:
        """Close at this very moment, not when the event loop comes round."""
        self.writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async def stall(self) -> None:
        """Do nothing until the test is over."""
        await self.server.over.wait()


class Scene:
    """Where a request goes, and what became of it there."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        """Of the requests that arrived whole: only these can have had an effect."""
        self.applied: list[bytes] = []
        """Of the requests that had one."""


class RawServer(Scene):
    """Runs one script for each connection. Remembers what arrived."""

    def __init__(self, script: Script, *, scheme: str = "http", certificate: Path | None = None) -> None:
        """``scheme``: how it is to be called. It speaks TLS only with a certificate."""
        super().__init__()
        self._script = script
        self._scheme = scheme
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls is not None and certificate is not None:
            self._tls.load_cert_chain(certificate)
        self.peers: list[Peer] = []
        self.accepted = asyncio.Event()
        """There is a connection."""
        self.connections = 0
        self.arrivals: asyncio.Queue[bytes] = asyncio.Queue()
        """The heads once more, for who waits for them."""
        self.done = asyncio.Event()
        """A request was carried out."""
        self.over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{self._scheme}://127.0.0.1:{self.port}"
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

    def forget(self) -> None:
        """Remember only what comes from now on."""
        self.heads.clear()
        self.bodies.clear()

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


class SlammedDoor(Scene):
    """Closes a connection at the moment at which it is accepted, before the client can have written anything."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __aenter__(self) -> SlammedDoor:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        # The listener is readable as soon as the client's end is connected, and is served in the same turn of the loop.
        asyncio.get_running_loop().add_reader(self._listener, self._slam)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()

    def _slam(self) -> None:
        accepted, _ = self._listener.accept()
        if self._reset:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        accepted.close()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
