"""One SQLite connection on a thread of its own, and what its errors mean to an operator."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self, TypeVar

import aiosqlite

from bot.errors import LedgerError

T = TypeVar("T")

BUSY_TIMEOUT_SECONDS: Final = 5.0
"""How long a statement waits for a lock that a foreign program (an administrator's ``sqlite3``) holds on the file."""

MINIMUM_SQLITE: Final = (3, 38, 0)
"""STRICT tables (3.37), without which an amount could become a fraction (sqlite.org/stricttables.html), and the
operator ``->>`` (3.38, sqlite.org/json1.html), which the schema's triggers use."""

_WRITER: Final = (
    # Commits are appended to the log and readers are never blocked.
    "PRAGMA journal_mode = WAL",
    # With NORMAL a power cut may take back the last commits: an intent would be gone while its call is under way.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # The log is copied into the database about every 4 MB, so that its syncs stay few beside one for each commit ...
    "PRAGMA wal_autocheckpoint = 1000",
    # ... and a log that one large batch has blown up is cut down again when it starts over.
    "PRAGMA journal_size_limit = 16777216",
    # 2 MB: enough for the upper levels of every index, and what a sort may take; more only costs memory.
    "PRAGMA cache_size = -2000",
)
_READER: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -1000")

_MEANINGS: Final = {
    # Extended codes (sqlite.org/rescode.html#extrc) where they say more than their primary one.
    sqlite3.SQLITE_READONLY_ROLLBACK: (
        "the process that made it was killed, and what that had begun is not yet taken back",
        "Start Bursar (`run`, `bulk` or `resume`) once: it does that first.",
    ),
    sqlite3.SQLITE_FULL: ("the disk that holds it is full", "Free some space, then start Bursar again."),
    sqlite3.SQLITE_BUSY: ("another program keeps it locked", "Close whatever else has the file open."),
    sqlite3.SQLITE_READONLY: ("it may not be written", "Give Bursar the right to write the file and its directory."),
    sqlite3.SQLITE_CANTOPEN: (
        "it, or the files beside it that SQLite needs even to read it, cannot be opened",
        "Give Bursar the right to read and write the file and its directory. Only to read it: copy the ledger, and its"
        " -wal file where there is one, into another directory, and set BURSAR_DATABASE to the copy.",
    ),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the disk; do not start Bursar on a damaged one."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "Put a backup in its place."),
    sqlite3.SQLITE_NOTADB: ("the file is no SQLite database", "Set BURSAR_DATABASE to another file."),
}


UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file can raise: SQLite's words about a damaged schema repeat its bytes, which may be no text."""


class Connection(aiosqlite.Connection):
    """aiosqlite's connection and thread, given whole functions instead of single statements.

    A transaction that is one function costs one hop to the thread instead of one for each statement, nothing can come
    between its statements, and no cancelled task can leave it half done.
    """

    @classmethod
    async def writer(cls, path: Path) -> Self:
        """Open ``path`` for writing, creating it if need be, with the pragmas that the ledger's promise rests on."""
        return await cls._ready(path, "rwc", _WRITER)

    @classmethod
    async def reader(cls, path: Path) -> Self:
        """Open ``path`` for reading only: this connection can neither change nor checkpoint it."""
        return await cls._ready(path, "ro", _READER)

    @classmethod
    async def _ready(cls, path: Path, mode: str, pragmas: tuple[str, ...]) -> Self:
        connection = await cls._open(path, mode)
        try:
            await connection.run(lambda plain: _set_up(plain, path, pragmas))
        except BaseException:
            await connection.close()
            raise
        return connection

    @classmethod
    async def _open(cls, path: Path, mode: str) -> Self:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise LedgerError(
                f"this Python brings SQLite {sqlite3.sqlite_version}; the ledger needs 3.38 or newer",
                hint="Use a newer Python, or a newer system.",
            )
        uri = f"{path.as_uri()}?mode={mode}"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)

        connection = cls(connect, iter_chunk_size=64)
        # A program that fails before it closes its ledger must end, not wait for this thread for ever. What the thread
        # is cut off from is what a crash would cut off: a transaction that nobody was told is committed.
        connection._thread.daemon = True
        try:
            await connection
        except sqlite3.Error as error:
            # aiosqlite tells the thread to end but does not wait for it; the thread must not outlive the loop.
            await asyncio.to_thread(connection._thread.join)
            raise explained(error, path) from error
        return connection

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` on the thread, alone, to its end. It touches the database and nothing else."""
        result: T = await self._execute(lambda: work(self._conn))  # type: ignore[no-untyped-call] # aiosqlite's own seam
        return result


def _set_up(connection: sqlite3.Connection, path: Path, pragmas: tuple[str, ...]) -> None:
    try:
        for pragma in pragmas:
            answer = connection.execute(pragma).fetchone()
            if "journal_mode" in pragma and answer != ("wal",):
                raise LedgerError(
                    f"the ledger {path} cannot be used: its file system does not support SQLite's write-ahead log",
                    hint="Keep the ledger on a local disk.",
                )
        # The first touch of the file: what is not readable shows here and not in the middle of a command.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UNREADABLE as error:
        raise explained(error, path) from error


def explained(error: sqlite3.Error | UnicodeDecodeError, path: Path | None) -> LedgerError:
    """What an SQLite error means, in words. ``path`` where it is known."""
    if isinstance(error, UnicodeDecodeError):
        error = sqlite3.DatabaseError()
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    meaning, hint = _MEANINGS.get(
        getattr(error, "sqlite_errorcode", 0), _MEANINGS.get(error_code(error), (f"SQLite says: {error}", None))
    )
    name = f"the ledger {path}" if path is not None else "the ledger"
    return LedgerError(f"{name} cannot be used: {meaning}", hint=hint)


def error_code(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the error did not come from SQLite itself."""
    # Extended codes carry their primary one in the low byte (sqlite.org/rescode.html).
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
