"""One SQLite file, one writer, readers of their own. The only place that runs anything on a connection.

Work is a plain function of a ``sqlite3.Connection``. It runs whole on the connection's thread, between BEGIN and
COMMIT: nothing else can get between its statements, and a task that is cancelled while it waits cannot cut it in two.
Short transactions that wait at the same moment can share one COMMIT, and so one sync of the disk (``write_shared``).
Whoever wants to run the ledger without threads (a simulation) hands other ``Connection``-like objects to ``Database``.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

from bot.errors import LedgerError
from bot.ledger._connection import Connection, explained
from bot.ledger._sharing import Sharing, in_transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

READERS: Final = 3
"""Connections for reading. A long export occupies one, and only while it reads a chunk; a card takes another."""


class Runner(Protocol):
    """What a ``Database`` needs of a connection: run a function on it, alone, to its end."""

    def run(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...

    async def close(self) -> None: ...


class Database:
    """The ledger's connections. A write is a function of a connection and runs whole or not at all."""

    def __init__(
        self, writer: Runner | None, open_reader: Callable[[], Awaitable[Runner]], *, path: Path | None = None
    ) -> None:
        """``writer`` None: for reading only. Readers are opened when they are first needed. ``path`` for messages."""
        self.path = path
        self._writer = writer
        self._open_reader = open_reader
        self._idle: list[Runner] = []
        self._free = asyncio.Semaphore(READERS)
        self._writes: set[asyncio.Future[Any]] = set()
        self._shared = Sharing(self._run)
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, writable: bool) -> Self:
        """Open the file. Raises ``LedgerError`` with the reason when it cannot be used."""
        writer = await Connection.writer(path) if writable else None
        return cls(writer, partial(Connection.reader, path), path=path)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` inside one ``BEGIN IMMEDIATE`` … ``COMMIT``, alone, to its end even if the caller is cancelled.

        A caller that is cancelled leaves with ``CancelledError`` once the transaction has ended; if it failed, that is
        logged, as nobody else will hear of it. Raises ``LedgerError`` when the ledger cannot be written; what ``work``
        raises rolls everything back and comes through as it is.
        """
        return await self.write_bare(partial(in_transaction, "BEGIN IMMEDIATE", work))

    async def write_bare(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like ``write``, for work that brings its own transactions (migrations)."""
        self._refuse_if_closed()
        # A task of its own, because a cancelled caller must not take the transaction with it.
        return await self._ended(asyncio.create_task(self._run(work)))

    async def write_shared(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like ``write``, for short work that may share its COMMIT with other such work that waits at the same moment.

        Each is whole or not at all by itself, and nobody hears of theirs before all of them are on the disk. When the
        COMMIT itself fails (a full disk), all of them do. ``work`` may run twice: see ``_sharing``.
        """
        self._refuse_if_closed()
        return await self._ended(self._shared.write(work))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise LedgerError("the ledger is open for reading only: nothing was written")
        return await self._writer.run(work)

    async def _ended(self, transaction: asyncio.Future[T]) -> T:
        self._writes.add(transaction)
        transaction.add_done_callback(self._writes.discard)
        try:
            return await self._result(transaction)
        except asyncio.CancelledError:
            await _see_to_its_end(transaction)
            raise

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` on a read-only connection, inside one read transaction (a consistent view)."""
        self._refuse_if_closed()
        await self._free.acquire()
        if self._closed:
            self._free.release()
            self._refuse_if_closed()
        reader = self._idle.pop() if self._idle else None
        looking = self._open_and_look(work) if reader is None else reader.run(_looked(work))
        view = asyncio.ensure_future(looking)
        # A caller that is cancelled leaves at once; its connection comes back when it has finished reading.
        view.add_done_callback(partial(self._give_back, reader))
        return await self._result(view)

    async def _open_and_look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """To the end, whoever leaves: nobody would close a connection that is cut off while it opens."""
        reader = await self._open_reader()
        try:
            return await reader.run(_looked(work))
        finally:
            self._idle.append(reader)

    async def close(self) -> None:
        """Finish what is under way and close every connection. Can be called again."""
        if self._closed:
            return
        self._closed = True
        if self._writes:
            await asyncio.wait(self._writes)
        for _ in range(READERS):
            await self._free.acquire()
        for reader in self._idle:
            await reader.close()
        self._idle.clear()
        if self._writer is not None:
            await self._writer.close()  # last, so that SQLite empties the log into the database and removes it
        for _ in range(READERS):
            self._free.release()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise LedgerError("the ledger is closed")

    def _give_back(self, reader: Runner | None, view: asyncio.Future[T]) -> None:
        if reader is not None:
            self._idle.append(reader)
        self._free.release()
        if not view.cancelled():
            view.exception()  # seen, also when the caller has left

    async def _result(self, task: asyncio.Future[T]) -> T:
        try:
            return await asyncio.shield(task)  # it goes on when the caller is cancelled
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a rule of the schema or a slip in our SQL, not a state of the file
        except sqlite3.Error as error:
            raise explained(error, self.path) from error


def _looked(work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    return partial(in_transaction, "BEGIN", work)


async def _see_to_its_end(transaction: asyncio.Future[T]) -> None:
    while not transaction.done():
        try:
            await asyncio.wait({transaction})
        except asyncio.CancelledError:
            continue  # asked again to leave: the caller raises the first request once the books are closed
    if not transaction.cancelled() and (error := transaction.exception()) is not None:
        log.error("a write failed after its caller was cancelled; nothing of it was stored", exc_info=error)
