"""Consistent copies of a ledger, proved before they are trusted, and a copy in the place of a ledger.

A copy is made through SQLite's backup interface from a connection that can only read, in one step: one read
transaction, one consistent state, while the driver goes on writing. A read-only connection neither writes nor
checkpoints the log, so the old SQLite fault with two writers of one log (sqlite.org/wal.html, fixed in 3.51.3) cannot
come into play. Nothing takes its final name before it is verified and on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.errors import LedgerError
from bot.ledger import migrations, restorations, verifying
from bot.ledger._connection import UNREADABLE, explained
from bot.ledger._lock import FULL, DriverLock
from bot.ledger._marker import marker_path
from bot.ledger.restorations import Restoration
from bot.ledger.verifying import Verified

_COMPANIONS: Final = ("", "-wal", "-shm")
_WRITING: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR_WRITE: errno.EIO,
    sqlite3.SQLITE_IOERR_FSYNC: errno.EIO,
    sqlite3.SQLITE_IOERR_TRUNCATE: errno.EIO,
}
"""What only a file that is written reports."""
_ANOTHER: Final = "Name another copy: one that `bursar backup` made, or one of BURSAR_BACKUP_DIR."


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    proved: Verified
    restoration: Restoration
    kept: Path | None
    """Where the ledger that was replaced is now; ``None``: there was none."""


def copy(ledger: Path, target: Path) -> Verified:
    """A verified copy of ``ledger`` as ``target``, one file, durable. Blocks: to be run in a thread.

    Raises ``LedgerError`` when it cannot be made or does not verify; ``target`` is then not there. A file that exists
    is never overwritten.
    """
    _refuse_existing(target)
    with _part_of(target) as part:
        _copy_pages(ledger, part)
        found = _proved(part, ledger)
        _sync(part)
        _name(part, target)
    return found


def prove(file: Path) -> Verified:
    """Verify a copy where it lies. Raises ``LedgerError`` when it is none, or does not verify."""
    if not os.path.isfile(file):  # also of a name that the system will not look at
        raise LedgerError(f"there is no file {file}", hint=_ANOTHER)
    try:
        return _proved(file, file)
    except LedgerError as error:
        if isinstance(error.__cause__, UNREADABLE):  # what helps a ledger of that kind does not help with a copy
            raise LedgerError(error.message, hint=_ANOTHER) from error.__cause__
        raise


def restore(file: Path, ledger: Path, now: int) -> Restored:
    """Put a copy in the place of ``ledger``, which is kept beside it. Blocks: to be run in a thread.

    Raises ``LedgerLocked`` while somebody drives the ledger, ``LedgerError`` when the copy does not verify or is of
    another ledger; the ledger is then as it was. A crash in the middle leaves a mark with which the ledger cannot be
    opened before the restore was done again.
    """
    ledger = Path(os.path.realpath(ledger))
    if ledger.exists() and os.path.exists(file) and file.samefile(ledger):
        raise LedgerError(f"{file} is the ledger itself, not a copy of it")
    found = prove(file)
    _refuse_another(file, ledger)
    lock = DriverLock.take(ledger)
    try:
        with _part_of(ledger) as part:
            _copy_pages(file, part)
            restored = _mark(part, ledger, now)
            _sync(part)
            return Restored(found, restored, _put_in_place(part, ledger, now))
    finally:
        lock.release()


def _refuse_another(file: Path, ledger: Path) -> None:
    """A copy takes the place of the ledger that it is a copy of, and of no other: least of all a practice ledger's that
    of a real one. What cannot be read any more says nothing against it."""
    here, there = _identity(ledger), _identity(file)
    if here is not None and here != there:
        raise LedgerError(
            f"{file} is a copy of another ledger ({_spoken(there)}) than {ledger} is ({_spoken(here)})",
            hint="Move the ledger away first if the other one is really meant.",
        )


def _identity(file: Path) -> tuple[str, int] | None:
    """Id of a ledger, and whether it is for practice."""
    if not file.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            row = reader.execute("SELECT id, practice FROM ledger").fetchone()
    except UNREADABLE:
        return None
    return None if row is None else (str(row[0]), int(row[1]))


def _spoken(identity: tuple[str, int] | None) -> str:
    ledger_id, practice = identity or ("without an id", 0)
    return f"{ledger_id}, for practice" if practice else ledger_id


def _put_in_place(part: Path, ledger: Path, now: int) -> Path | None:
    """Two names cannot change in one step, and a ledger without its log is an older one: so the mark stands first."""
    marker = marker_path(ledger)
    marker.touch(0o600)
    _sync_directory(ledger)
    kept = None
    if ledger.exists():
        moment = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%dT%H%M%S")
        kept = _free_name(ledger, f"{ledger.name}.replaced-{moment}")
    for companion in reversed(_COMPANIONS):
        one = ledger.with_name(ledger.name + companion)
        if one.exists() and kept is not None:
            one.rename(kept.with_name(kept.name + companion))
        else:
            one.unlink(missing_ok=True)  # a log without its ledger, from a restore that was cut off
    part.rename(ledger)
    _sync_directory(ledger)
    marker.unlink()
    _sync_directory(ledger)
    return kept


def _copy_pages(source: Path, target: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader,
            contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writer,
        ):
            reader.backup(writer)  # every page in one step
            writer.execute("PRAGMA journal_mode = DELETE")  # one file that needs nothing beside it ...
            writer.execute("PRAGMA user_version = 0")  # ... and says so
    except UNREADABLE as error:
        number = _WRITING.get(getattr(error, "sqlite_errorcode", 0))
        if number is not None:  # of the disk of the copy, not of the one that the ledger is on
            raise OSError(number, os.strerror(number)) from error
        raise explained(error, source) from error


def _proved(file: Path, called: Path) -> Verified:
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as reader:
            if migrations.pending(reader, migrations.packaged()):
                raise LedgerError(
                    f"{called} was written by an older version of Bursar", hint="Use it with that version first."
                )
            reader.execute("BEGIN")
            found = verifying.examine(reader)
    except UNREADABLE as error:
        raise explained(error, called) from error
    if found.bad is not None:
        raise LedgerError(
            f"{called} does not verify: {found.bad.record}: {found.bad.problem}",
            hint="Use another copy; `bursar verify` examines the ledger itself.",
        )
    return found


def _mark(part: Path, called: Path, now: int) -> Restoration:
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as writer:
            writer.execute("PRAGMA foreign_keys = ON")
            writer.execute("PRAGMA synchronous = FULL")
            writer.execute("BEGIN IMMEDIATE")
            restored = restorations.mark(writer, now)
            writer.execute("COMMIT")
    except UNREADABLE as error:  # what was left of the disk ended with the copy
        raise explained(error, called) from error
    return restored


@contextlib.contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A file of ours beside ``target``, gone afterwards unless it got another name. Errors of the disk as sentences."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> LedgerError:
    if error.errno in FULL:
        return LedgerError(
            f"{target} cannot be written: the disk that is to hold it is full", hint="Free some space there."
        )
    hint = "Choose a shorter name." if error.errno == errno.ENAMETOOLONG else "Check that Bursar can write its folder."
    return LedgerError(f"{target} cannot be written: {error.strerror or error}", hint=hint)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise LedgerError(f"{target} exists already and was left as it is", hint="Choose another name.")
    if not os.path.isdir(target.parent):
        raise LedgerError(f"there is no directory {target.parent} for the copy", hint="Create it first.")


def _name(part: Path, target: Path) -> None:
    """Unlike a renaming, a link never takes the place of a file that somebody made meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        _refuse_existing(target)
        raise
    except OSError:
        _refuse_existing(target)
        part.rename(target)  # a file system without links
    _sync_directory(target)


def _free_name(ledger: Path, name: str) -> Path:
    number, free = 1, ledger.with_name(name)
    while free.exists():
        number += 1
        free = ledger.with_name(f"{name}-{number}")
    return free


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(file: Path) -> None:
    _sync(file.parent.absolute())
