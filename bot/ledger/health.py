"""A look at the file itself, for ``doctor``."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.ledger.database import Database


@dataclass(frozen=True, slots=True)
class FileHealth:
    """What a reader finds out about the ledger's file."""

    schema: int
    """The newest migration it has."""
    journal: str
    """``wal``, unless somebody changed the file."""
    trouble: str | None
    """SQLite's first complaint about the file's structure or its foreign keys; ``None`` when it has none."""


async def examine(database: Database) -> FileHealth:
    """Read the whole file once (sqlite.org/pragma.html, "quick_check"). Raises ``LedgerError`` when that fails."""
    return await database.read(_examine)


def _examine(connection: sqlite3.Connection) -> FileHealth:
    (schema,) = connection.execute("SELECT max(version) FROM ledger_migrations").fetchone()
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    trouble = None if said == "ok" else str(said)
    if trouble is None and (broken := connection.execute("PRAGMA foreign_key_check").fetchone()) is not None:
        trouble = f"a row of {broken[0]} refers to a missing row of {broken[2]}"
    return FileHealth(schema=int(schema), journal=str(journal), trouble=trouble)
