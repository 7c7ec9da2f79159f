"""A batch's place in the history, found by its receipt code and recomputed up to the head. Reads only.

What ``verify`` proves of the whole ledger, this proves of one batch: its entries and rows, and that every entry from
its recording to the head follows from the one before.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.domain.codes import Code, code_of
from bot.domain.model import Award
from bot.ledger import _replay, _rows, events
from bot.ledger._wrong import Bad, Wrong
from bot.ledger.database import Database

__all__ = ["Bad", "Entry", "Place", "Receipts"]

_ENTRY: Final = "seq, at, kind, server_id, batch_id, award_id, attempt_id, actor_id, facts, words, hash"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the history."""

    seq: int
    at: int
    """Unix milliseconds."""
    hash: str
    """In hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch stands in the history."""

    batch_id: int
    code: Code
    recorded: Entry
    head: Entry
    bad: Bad | None
    """What does not recompute; ``None``: everything does."""


class Receipts:
    """Codes of batches, and what stands behind them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def code(self, batch_id: int) -> Code:
        """The code of a batch that exists."""
        return await self._database.read(lambda c: code_of(bytes.fromhex(_recorded(c, batch_id).hash)))

    async def find(self, code: Code) -> int | None:
        """The batch of a code."""

        def look(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT batch_id FROM events WHERE kind = 'batch-recorded' AND hash BETWEEN ? AND ? LIMIT 1",
                (code.lowest, code.highest),
            ).fetchone()
            return None if row is None else int(row[0])

        return await self._database.read(look)

    async def place(self, batch_id: int) -> Place:
        """Recompute what the batch's receipt promises."""
        return await self._database.read(lambda c: _place(c, batch_id))

    async def entry_of(self, entry_hash: str) -> Entry | None:
        """The entry with this hash, or whose hash begins so."""
        return await self._database.read(lambda c: find_entry(c, entry_hash))

    async def head(self) -> Entry:
        """The newest entry."""
        return await self._database.read(head)

    async def known(self, entries: Iterable[tuple[int, str]]) -> frozenset[tuple[int, str]]:
        """Those of these (number, and how the hash begins) that are in this history."""
        wanted = json.dumps(sorted(entries))

        def look(connection: sqlite3.Connection) -> frozenset[tuple[int, str]]:
            found = connection.execute(
                "SELECT e.seq, json_extract(one.value, '$[1]') AS begin FROM json_each(?) one"
                " CROSS JOIN events e ON e.seq = json_extract(one.value, '$[0]')"
                " WHERE substr(lower(hex(e.hash)), 1, length(begin)) = begin",
                (wanted,),
            )
            return frozenset(found.fetchall())

        return await self._database.read(look)

    async def awards_of(self, batch_id: int, *, line: int | None = None, key: str | None = None) -> list[Award]:
        """Awards of a batch: of one original line, of one recipient."""

        def look(connection: sqlite3.Connection) -> list[Award]:
            found = connection.execute(
                f"SELECT {_rows.AWARD} FROM batches b CROSS JOIN awards a"  # noqa: S608 # our words
                " ON a.id BETWEEN b.first_award AND b.last_award WHERE b.id = ?1 AND (?2 IS NULL OR a.key = ?2)"
                " AND (?3 IS NULL OR a.line = ?3 OR ?3 IN (SELECT value FROM json_each(coalesce(a.lines, '[]'))))"
                " ORDER BY a.id LIMIT 100",
                (batch_id, key, line),
            )
            return [_rows.award(row) for row in found]

        return await self._database.read(look)


def head(connection: sqlite3.Connection) -> Entry:
    """The newest entry of a ledger; every ledger has one."""
    return _entry(connection.execute("SELECT seq, at, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone())


def find_entry(connection: sqlite3.Connection, entry_hash: str) -> Entry | None:
    """``Receipts.entry_of``, inside somebody's transaction."""
    row = connection.execute(
        "SELECT seq, at, hash FROM events WHERE substr(lower(hex(hash)), 1, ?2) = ?1 ORDER BY seq LIMIT 1",
        (entry_hash.lower(), len(entry_hash)),
    ).fetchone()
    return None if row is None else _entry(row)


def _entry(row: tuple[int, int, bytes]) -> Entry:
    return Entry(row[0], row[1], row[2].hex())


def _recorded(connection: sqlite3.Connection, batch_id: int) -> Entry:
    return _entry(
        connection.execute(
            "SELECT seq, at, hash FROM events WHERE batch_id = ? AND attempt_id IS NULL ORDER BY seq LIMIT 1",
            (batch_id,),
        ).fetchone()
    )


def _place(connection: sqlite3.Connection, batch_id: int) -> Place:
    recorded, newest = _recorded(connection, batch_id), head(connection)
    bad = None
    try:
        _follow(connection, recorded.seq)
        (first,) = connection.execute("SELECT first_award FROM batches WHERE id = ?", (batch_id,)).fetchone()
        _replay.batch(connection, batch_id, first)
    except Wrong as wrong:
        bad = wrong.bad
    return Place(batch_id, code_of(bytes.fromhex(recorded.hash)), recorded, newest, bad)


def _follow(connection: sqlite3.Connection, first: int) -> None:
    """Every entry from ``first`` to the head. Raises ``Wrong`` for one that does not follow from the one before."""
    row = connection.execute("SELECT hash FROM events WHERE seq = ?", (first - 1,)).fetchone()
    before, seq = events.GENESIS if row is None else row[0], first
    for *entry, entry_hash in connection.execute(f"SELECT {_ENTRY} FROM events WHERE seq >= ? ORDER BY seq", (first,)):  # noqa: S608 # our words
        if entry[0] != seq or events.entry_hash(before, entry) != entry_hash:
            raise Wrong(f"entry {seq} of the history", "it does not follow from the one before")
        before, seq = entry_hash, seq + 1
