"""The ledger as the rest of the program sees it: one object with a few named groups of operations."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import logging
import os
import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from bot.clock import Clock, GainMemory, milliseconds
from bot.errors import LedgerError
from bot.ledger import events, migrations
from bot.ledger._chance import Randomness, short_name
from bot.ledger._connection import explained
from bot.ledger._lock import DriverLock, lock_path, was_made
from bot.ledger._marker import refuse_half_restored
from bot.ledger.approvals import Approvals
from bot.ledger.boards import Boards
from bot.ledger.budgets import Budgets
from bot.ledger.capabilities import Capabilities
from bot.ledger.claims import Claims
from bot.ledger.database import Database
from bot.ledger.drafts import Drafts
from bot.ledger.events import EventKind
from bot.ledger.evidence import Evidence
from bot.ledger.halts import Halts
from bot.ledger.heads import Heads
from bot.ledger.lanes import Lanes
from bot.ledger.members import Members
from bot.ledger.migrations import Migration
from bot.ledger.probes import Probes
from bot.ledger.queries import Queries
from bot.ledger.receipts import Receipts
from bot.ledger.recording import Recording
from bot.ledger.restorations import Restorations
from bot.ledger.server_settings import ServerSettings
from bot.ledger.steering import Steering
from bot.ledger.testimonies import Testimonies

log = logging.getLogger(__name__)

LEDGER_ID_LENGTH: Final = 8
_HEADER: Final = b"SQLite format 3\0"  # sqlite.org/fileformat.html, section 1.3
_USER_VERSION: Final = slice(60, 64)  # the same
_DRIVEN: Final = 1
"""The user version of a ledger from its opening for writing until an orderly end. Where that end is missing, the newest
entries stand in the log beside the file, and without that it is an older copy that looks whole."""


class Ledger:
    """An open ledger. Writing needs the lock (``Ledger.open``); reading beside a driver does not (``Ledger.read``)."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        lock: DriverLock | None = None,
        randomness: Randomness = secrets.token_bytes,
    ) -> None:
        self.database = database
        self.drafts = Drafts(database, clock)
        self.recording = Recording(database, clock)
        self.claims = Claims(database, clock, randomness)
        self.steering = Steering(database, clock)
        self.halts = Halts(database, clock)
        self.approvals = Approvals(database, clock)
        self.budgets = Budgets(database, clock)
        self.queries = Queries(database)
        self.receipts = Receipts(database)
        self.heads = Heads(database, clock)
        self.settings = ServerSettings(database, clock)
        self.restorations = Restorations(database, clock)
        self.testimonies = Testimonies(database, clock, randomness)
        self.boards = Boards(database, clock)
        self.members = Members(database, clock)
        self.evidence = Evidence(database, clock)
        self.capabilities = Capabilities(database, clock)
        self.probes = Probes(database, clock)
        self.lanes = Lanes(database, clock)
        self._lock = lock
        self.gain_memory: GainMemory | None = lock
        """Where it is kept how the machine's clocks stand to each other; none without the lock."""
        self.home = "" if lock is None else lock.home
        """Names the lock under which this ledger is written, on this machine since it was started."""

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        practice: bool = False,
        randomness: Randomness = secrets.token_bytes,
        steps: Sequence[Migration] | None = None,
    ) -> Self:
        """Take the lock, migrate (a copy of the ledger is kept first), open for writing and reading.

        ``practice`` marks a new ledger as one for practice; a ledger opened as the other kind is refused with
        ``LedgerError``, and so is one whose log is gone. Raises ``LedgerLocked`` when another process holds it,
        ``LedgerTooNew`` for a newer schema.
        ``steps``: other migrations than the packaged ones (tests of migrating).
        """
        path, lock = await asyncio.to_thread(_prepare, path)
        try:
            await asyncio.to_thread(refuse_without_log, path)
            await asyncio.to_thread(_take_back_what_was_cut_off, path)
            # Judged before anything is written: opening for writing already changes a file.
            missing = await _missing(path, steps)
            database = await Database.open(path, writable=True)
            try:
                await database.write_bare(lambda connection: _migrate(connection, path, missing, clock))
                await database.write(
                    lambda connection: _introduce(connection, clock, practice, randomness, bool(missing))
                )
                await database.write_bare(_note_driven)
            except BaseException:
                await database.close()
                raise
        except BaseException:
            lock.release()
            raise
        await asyncio.to_thread(lock.end_making)
        return cls(database, clock, lock=lock, randomness=randomness)

    @classmethod
    async def read(cls, path: Path, clock: Clock, *, steps: Sequence[Migration] | None = None) -> Self:
        """Open an existing ledger for reading only; every writing operation raises ``LedgerError``.

        Raises ``LedgerError`` where there is none, or when it has to be migrated first.
        """
        path = await asyncio.to_thread(_existing, path)
        missing = await _missing(path, steps)
        if missing and missing[0].version == 1:
            raise _unmade(path)
        if missing:
            raise LedgerError(
                f"the ledger {path} was written by an older version of Bursar and is not yet brought up to date",
                hint="Start the bot once with this version: it keeps a copy and migrates the ledger.",
            )
        database = await Database.open(path, writable=False)
        try:
            if await database.read(_holds_nothing):
                raise _unmade(path)
        except BaseException:
            await database.close()
            raise
        return cls(database, clock)

    async def close(self) -> None:
        """Finish what is under way, close the connections, give the lock back. Can be called again."""
        if self._lock is not None:
            with contextlib.suppress(LedgerError):  # a full disk, or closed already: then the log stays beside it
                await self.database.write_bare(_note_ended)
        await self.database.close()
        if self._lock is not None:
            self._lock.release()


def _prepare(path: Path) -> tuple[Path, DriverLock]:
    """The ledger's one true path and its lock. Writes nothing into a file that is there."""
    # One file has one lock, by whichever link it is reached.
    path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise LedgerError(f"there is no directory {path.parent} for the ledger", hint="Create it first.")
    _refuse_strangers(path)
    _refuse_emptied(path)
    lock = DriverLock.take(path)
    try:
        refuse_half_restored(path)
        if _is_empty(path) or not path.exists() or _journal(path).exists():  # which may take back all of it
            lock.begin_making()
        # Who was paid what is nobody else's business: readable by the owner only, and SQLite's own files follow suit.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except LedgerError:
        lock.release()
        raise
    except OSError as error:
        lock.release()
        raise LedgerError(
            f"the ledger {path} cannot be opened for writing: {error.strerror}",
            hint="Give Bursar the right to write the file and its directory.",
        ) from error
    return path, lock


def refuse_without_log(path: Path) -> None:
    """Somebody moved or copied the file alone after its program was cut off, or put such a copy in its place. Refused
    before anything is written, since the log fits the file only as long as it is as it was."""
    path = Path(os.path.realpath(path))
    with path.open("rb") as file:
        header = file.read(_USER_VERSION.stop)
    beside = path.with_name(f"{path.name}-wal")
    driven = int.from_bytes(header[_USER_VERSION], "big") == _DRIVEN
    if driven and not (beside.exists() and beside.stat().st_size):  # a mere look makes an empty one
        raise LedgerError(
            f"the ledger {path} was in use when it was cut off or copied, and {beside.name}, which has what was done"
            " last, is not beside it",
            hint=f"Put {beside.name} there. Where it is lost, or another program has emptied it into the ledger, move"
            " the ledger away and take it back as a copy: `bursar restore FILE`.",
        )


def _note_driven(connection: sqlite3.Connection) -> None:
    """In the file itself and not only in its log, which from then on is never empty."""
    connection.execute(f"PRAGMA user_version = {_DRIVEN}")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _note_ended(connection: sqlite3.Connection) -> None:
    """Once everything else is in the file itself: whoever is killed while the rest follows leaves no half of it there
    that calls itself whole."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    connection.execute("PRAGMA user_version = 0")


def _take_back_what_was_cut_off(path: Path) -> None:
    """A process that is killed while it makes a ledger leaves SQLite's rollback journal, which no reader may undo.

    The first look at a ledger only reads, so without this the ledger could never be opened again. Any program that
    opens a database for writing does the same first; where there is no such journal, nothing is written.
    """
    if not _journal(path).exists():
        return
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise explained(error, path) from error


def _existing(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    if not is_there(path):
        raise no_ledger(path)
    _refuse_strangers(path)
    _refuse_emptied(path)
    return path


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def is_there(path: Path) -> bool:
    """Whether a ledger has been begun. Raises ``LedgerError`` where a restore of it was cut off."""
    path = Path(os.path.realpath(path))
    refuse_half_restored(path)
    return path.exists()


def no_ledger(path: Path) -> LedgerError:
    """For a command that is about what a ledger holds."""
    return LedgerError(
        f"there is no ledger at {path}", hint="BURSAR_DATABASE names the file; the first batch makes it."
    )


def _holds_nothing(connection: sqlite3.Connection) -> bool:
    """Tables without a ledger in them. One whose own row alone is missing was altered, and `verify` says so."""
    tables = ("ledger", "events", "batches")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608 # our words


def _unmade(path: Path) -> LedgerError:
    """A process was killed while it made the ledger, or somebody made an empty file, or emptied one."""
    return LedgerError(
        f"the ledger {path} is empty: whatever began to make it did not finish",
        hint="If there were batches in it, restore a copy; else start Bursar (`run`, `bulk` or `resume`) once.",
    )


def _refuse_emptied(path: Path) -> None:
    """A file without a byte is a new ledger where nothing beside it tells of an older one. Taken for new where that was
    emptied, it would let everything be paid again; and SQLite would remove the log that may still be there."""
    if not _is_empty(path):
        return
    beside = [path.with_name(f"{path.name}-wal")]
    beside += (one for kind in ("before", "replaced") for one in path.parent.glob(f"{glob.escape(path.name)}.{kind}-*"))
    found = [one for one in beside if one.exists()]
    if not found and was_made(path):
        found = [lock_path(path)]
    if found and _is_empty(path):  # still: whoever makes it right now fills it before there is a log or its lock tells
        raise LedgerError(
            f"the ledger {path} is empty, though {found[0].name} beside it tells that there was one",
            hint="Take a copy back: `bursar restore FILE`. If nothing was ever recorded in it, remove the empty file.",
        )


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _refuse_strangers(path: Path) -> None:
    if path.is_dir():
        raise LedgerError(f"{path} is a directory, not a ledger", hint="Set BURSAR_DATABASE to a file.")
    try:
        with path.open("rb") as file:
            header = file.read(len(_HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be read: {error.strerror}", hint="Give Bursar the right to read it."
        ) from error
    if header not in (b"", _HEADER):
        raise LedgerError(
            f"{path} is not a ledger of Bursar; it was left as it is", hint="Set BURSAR_DATABASE to another file."
        )


async def _missing(path: Path, steps: Sequence[Migration] | None) -> Sequence[Migration]:
    database = await Database.open(path, writable=False)
    known = steps if steps is not None else migrations.packaged()
    try:
        return await database.read(lambda connection: migrations.pending(connection, known))
    finally:
        await database.close()


def _migrate(connection: sqlite3.Connection, path: Path, missing: Sequence[Migration], clock: Clock) -> None:
    if missing and missing[0].version > 1:
        copy = migrations.keep_copy(connection, path, missing[0].version)
        log.info("the ledger is brought up to date; a copy as it was is kept in %s", copy)
    migrations.apply(connection, missing, milliseconds(clock.now()))


def _introduce(
    connection: sqlite3.Connection, clock: Clock, practice: bool, randomness: Randomness, migrated: bool
) -> None:
    """Give a new ledger its id and kind; refuse one of the other kind. The history says what was made or migrated."""
    row = connection.execute("SELECT practice FROM ledger").fetchone()
    now = milliseconds(clock.now())  # once: what is stored and what the history says of it are compared
    if row is None:
        ledger_id = short_name(randomness, LEDGER_ID_LENGTH)
        connection.execute("INSERT INTO ledger VALUES (1, ?, ?, ?)", (ledger_id, now, int(practice)))
        made = {"id": ledger_id, "practice": int(practice), "migrations": migrations.recorded(connection)}
        events.append(connection, now, EventKind.LEDGER_MADE, facts=made)
    elif practice and not row[0]:
        raise LedgerError(
            "this ledger is for real awards: practising in it is refused", hint="Set BURSAR_DATABASE to another file."
        )
    elif row[0] and not practice:
        raise LedgerError(
            "this ledger is for practice: nothing real is recorded in it",
            hint="Set BURSAR_DATABASE to another file, or start with --practice.",
        )
    elif migrated:
        facts = {"migrations": migrations.recorded(connection)}
        events.append(connection, now, EventKind.LEDGER_MIGRATED, facts=facts)
