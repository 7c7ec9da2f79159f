"""The side of the handover that holds the ledger: a running bot takes batches from the command line.

One connection is one batch: ``submit`` and the file, then progress and ``preview``, then ``confirm`` or ``withdraw``,
then ``recorded``, ``standing`` again and again, ``end``. Whoever goes away before confirming has sent nothing; after it
the bot goes on by itself.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bot.errors import BursarError, UsageError
from bot.log import about
from bot.services.handover import frames
from bot.services.handover.address import listening_socket, remove
from bot.services.handover.desk import Answer, Desk, order_from
from bot.services.handover.faults import fault_message

log = logging.getLogger(__name__)

FIRST_MESSAGE_SECONDS: Final = 30
"""A connection that orders nothing in this time is dropped."""

MAX_CONNECTIONS: Final = 16

MakeDesk = Callable[[str], Desk]
"""A desk for somebody of this name."""


@asynccontextmanager
async def serving(path: Path, make_desk: MakeDesk, *, max_file_bytes: int) -> AsyncIterator[None]:
    """Answer on the socket at ``path`` while inside. Where no socket can be made, that is logged and nothing else."""
    try:
        listener = listening_socket(path)
    except OSError as error:
        log.warning("`bulk` cannot hand batches to this process: %s: %s", path, error)
        yield
        return
    counter = _Connections(make_desk, max_file_bytes)
    server = await asyncio.start_unix_server(counter.accept, sock=listener)
    try:
        yield
    finally:
        server.close()
        await counter.close()
        remove(path)


class _Connections:
    """The open connections of one server."""

    def __init__(self, make_desk: MakeDesk, max_file_bytes: int) -> None:
        self._make_desk = make_desk
        self._max_file_bytes = max_file_bytes
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs every connection as a task
        self._tasks.add(task)
        try:
            if self._closing:
                return
            if len(self._tasks) > MAX_CONNECTIONS:
                raise UsageError("too many batches are being handed over at once", hint="Try again in a minute.")
            await _Connection(reader, writer, self._make_desk, self._max_file_bytes).serve()
        except asyncio.CancelledError:
            log.debug("a handover was cut off by the end of the program")
        except Exception as error:
            await _tell(writer, error)
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def close(self) -> None:
        """End what is left: batches that were recorded are in the ledger."""
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(writer: asyncio.StreamWriter, error: Exception) -> None:
    """Say to the other end what went wrong; what is no error of ours gets an id in this log."""
    if isinstance(error, ConnectionError | TimeoutError):
        return
    if isinstance(error, BursarError):
        message = fault_message(error)
    else:
        error_id = secrets.token_hex(4)
        log.error("error %s in a handover", error_id, exc_info=error)
        message = fault_message(BursarError(f"the running bot failed; error {error_id} in its log says how"))
    with suppress(ConnectionError):
        await frames.send(writer, message)


class _Connection:
    """One batch of one client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, make_desk: MakeDesk, max_file_bytes: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._make_desk = make_desk
        self._max_file_bytes = max_file_bytes

    async def serve(self) -> None:
        async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
            order = await frames.receive(self._reader)
            content = await frames.receive_bytes(self._reader, self._max_file_bytes + 1)
        if order is None or content is None:
            return
        if order.get("version") != frames.VERSION:
            raise UsageError("the running bot is another version of Bursar", hint="Restart it, then try again.")
        desk = self._make_desk(str(order.get("actor") or "command line"))
        confirmed = False
        try:
            await self._preview(desk, order, content)
            confirmed = await self._confirm(desk)
        finally:
            if not confirmed:
                await desk.withdraw()
        if confirmed:
            await self._follow(desk)

    async def _preview(self, desk: Desk, order: frames.Message, content: bytes) -> None:
        told: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()
        work = asyncio.ensure_future(
            desk.submit(order_from(order, content), lambda done, of: told.put_nowait((done, of)))
        )
        work.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (step := await told.get()) is not None:
                await frames.send(self._writer, {"event": "looking-up", "done": step[0], "of": step[1]})
            await frames.send(self._writer, {"event": "preview", "summary": await work})
        finally:
            work.cancel()

    async def _confirm(self, desk: Desk) -> bool:
        message = await frames.receive(self._reader)
        if message is None or message.get("op") != "confirm":
            return False
        answer = Answer(
            content_hash=str(message.get("content_hash")),
            good_rows=message.get("good_rows") is True,
            again=message.get("again") is True,
            matches_seen=str(message.get("matches_seen")),
        )
        batch_id = await desk.confirm(answer)
        with about(batch=batch_id):
            log.info("recorded by handover from the command line")
        with suppress(ConnectionError):
            await frames.send(self._writer, {"event": "recorded", "batch": batch_id})
        return True

    async def _follow(self, desk: Desk) -> None:
        listening = asyncio.ensure_future(self._listen(desk))
        try:
            async for standing in desk.follow():
                await frames.send(self._writer, {"event": "standing", "standing": standing})
                if listening.done() and not listening.result():
                    return
            await frames.send(self._writer, {"event": "end"})
        except ConnectionError:
            log.debug("the command line went away; the batch goes on")
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, desk: Desk) -> bool:
        """Wait for the wish to halt; False when the client just went away."""
        message = await frames.receive(self._reader)
        if message is None or message.get("op") != "halt":
            return False
        await desk.halt()
        return True
