"""Numbered SQL files, each applied once, together with its record. Old code refuses what a newer one has written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from bot.errors import LedgerError, LedgerTooNew

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_RECORDS: Final = """
CREATE TABLE IF NOT EXISTS ledger_migrations (
  version    INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    """1, 2, 3, … without a gap."""
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the text, whatever line ends a checkout gave it."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def packaged() -> tuple[Migration, ...]:
    """The migrations of this version of Bursar, in order."""
    found = []
    for entry in files("bot.ledger").joinpath("schema").iterdir():
        if match := _NAME.fullmatch(entry.name):
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.version))


def pending(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> Sequence[Migration]:
    """What this ledger still needs. Changes nothing.

    Raises ``LedgerTooNew`` for a ledger of a newer Bursar, ``LedgerError`` for one whose record does not agree with
    ``migrations`` and for a database that is no ledger.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "ledger_migrations" not in tables:
        if tables:
            raise LedgerError(
                "the file is an SQLite database, but not a ledger of Bursar; it was left as it is",
                hint="Set BURSAR_DATABASE to another file.",
            )
        return migrations
    known = connection.execute("SELECT version, name, sha256 FROM ledger_migrations ORDER BY version").fetchall()
    if len(known) > len(migrations):
        raise LedgerTooNew(
            f"a newer version of Bursar wrote this ledger (schema {known[-1][0]}, this one knows {len(migrations)})",
            hint="Install that version again, or a later one.",
        )
    for (version, name, sha256), migration in zip(known, migrations, strict=False):
        if (version, sha256) != (migration.version, migration.sha256):
            raise LedgerError(
                f"the ledger was built by another migration {version:04d} ({name}) than the one of this version",
                hint="Install the version of Bursar that wrote it, unaltered.",
            )
    return migrations[len(known) :]


def recorded(connection: sqlite3.Connection) -> list[list[object]]:
    """What was applied to this ledger: version, name, SHA-256 and time of each migration."""
    found = connection.execute("SELECT version, name, sha256, applied_at FROM ledger_migrations ORDER BY version")
    return [list(row) for row in found]


def apply(connection: sqlite3.Connection, migrations: Sequence[Migration], now_ms: int) -> None:
    """Apply ``migrations`` one by one. Each is one transaction together with its record."""
    # Rebuilding a table that others refer to needs this off; it cannot be changed inside a transaction, so every
    # migration is checked as a whole before it commits.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        for migration in migrations:
            _apply_one(connection, migration, now_ms)
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _apply_one(connection: sqlite3.Connection, migration: Migration, now_ms: int) -> None:
    try:
        # executescript commits whatever is open when it begins, so the transaction has to begin inside it.
        connection.executescript(f"BEGIN IMMEDIATE;\n{_RECORDS}\n{migration.sql}")
        if not connection.in_transaction:
            raise AssertionError(f"migration {migration.version:04d} ends its transaction itself")
        connection.execute(
            "INSERT INTO ledger_migrations VALUES (?, ?, ?, ?)",
            (migration.version, migration.name, migration.sha256, now_ms),
        )
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise LedgerError(f"migration {migration.version:04d} breaks a reference of table {broken[0]}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def keep_copy(connection: sqlite3.Connection, ledger: Path, version: int) -> Path:
    """A consistent copy of the ledger as it is before migration ``version``, durable before this returns."""
    copy = ledger.with_name(f"{ledger.name}.before-{version:04d}")
    number = 1
    while copy.exists():
        # From an attempt that failed: the ledger may have been used since, so neither copy stands for the other.
        number += 1
        copy = ledger.with_name(f"{ledger.name}.before-{version:04d}-{number}")
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, ledger.stat().st_mode & 0o777)
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
        with contextlib.closing(sqlite3.connect(copy)) as writer:
            writer.execute("PRAGMA user_version = 0")  # a copy needs no log beside it
        os.fsync(descriptor)
    except BaseException:
        copy.unlink()
        raise
    finally:
        os.close(descriptor)
    directory = os.open(copy.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return copy
