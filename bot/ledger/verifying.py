"""Proves a ledger consistent and unaltered, or names the first record that is not. Reads only.

Everything is one read transaction: a running bot goes on beside it. Memory is bounded by the largest batch (some 40
bytes for each of its awards), not by the ledger. What a ledger cannot prove by itself is that its newest entries were
not cut off together with their rows: for that the head of the chain is kept somewhere else (a backup, a channel).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.ledger import _chain, _lanes, _replay, _seals, migrations
from bot.ledger._wrong import Bad, Wrong
from bot.ledger.database import Database

__all__ = ["Bad", "Verified", "verify"]

_STEP: Final = 1 << 20
_NOT_OURS: Final = ("sqlite_", "ledger_migrations")
_TAKEN: Final = (
    f"SELECT {_lanes.COLUMNS}, attempt_id, (SELECT t.expectation FROM attempts t WHERE t.id = lanes.attempt_id),"  # noqa: S608 # our words
    " account = (SELECT b.account FROM attempts t JOIN batches b ON b.id = t.batch_id WHERE t.id = lanes.attempt_id)"
    " AND NOT EXISTS (SELECT 1 FROM attempts t WHERE t.id > lanes.attempt_id"
    " AND t.expectation ->> '$.lane.id' = lanes.id) FROM lanes WHERE attempt_id IS NOT NULL ORDER BY id"
)
"""Each lane that a call has, what that call found there, and whether it is the last one on it, of the same account."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was examined, and what came of it."""

    ledger_id: str = ""
    events: int = 0
    batches: int = 0
    awards: int = 0
    head: str = ""
    """Hash of the last entry of the history, in hexadecimal digits."""
    blanked: int = 0
    """Entries whose words were blanked on request."""
    bad: Bad | None = None
    """The first bad record; ``None``: there is none."""


async def verify(database: Database) -> Verified:
    """Examine the whole ledger. Raises ``LedgerError`` when it cannot be read at all."""
    return await database.read(examine)


def examine(connection: sqlite3.Connection) -> Verified:
    """``verify`` on a connection, inside a transaction of the caller."""
    try:
        return _examine(connection)
    except Wrong as wrong:
        return Verified(bad=wrong.bad)
    except sqlite3.DatabaseError as error:
        return Verified(bad=Bad("the file", f"SQLite cannot read all of it: {error}"))
    except UnicodeDecodeError:  # what SQLite says of a damaged schema repeats its bytes
        return Verified(bad=Bad("the file", "its schema is damaged: there is text in it that is none"))


def _examine(connection: sqlite3.Connection) -> Verified:
    _file(connection)
    ledger_id, created_at, practice = _ledger_row(connection)
    chain = _chain.follow(connection)
    found = Verified(ledger_id, chain.entries, head=chain.head.hex(), blanked=chain.blanked)
    if chain.made != (created_at, ledger_id, practice):
        raise Wrong("the ledger's row", "its id, kind or time is not what the history began with")
    if chain.migrations != migrations.recorded(connection):
        raise Wrong("the list of migrations", "it is not what the history says")
    restorations = connection.execute("SELECT restored_at, copied_at, signed_at, why FROM restorations ORDER BY id")
    if [list(row) for row in restorations] != chain.restorations:
        raise Wrong("the list of restorations", "it is not what the history says")
    next_award, batch_before = 1, 0
    for (batch_id,) in connection.execute("SELECT id FROM batches ORDER BY id"):
        if batch_id != batch_before + 1:
            raise Wrong(f"batch {batch_before + 1}", "it is missing")
        next_award, batch_before = _replay.batch(connection, batch_id, next_award), batch_id
    _strays(connection, next_award)
    _lanes_taken(connection)
    _settings(connection, chain.settings)
    _rows(connection, dict(chain.rows))
    _files(connection)
    return replace(found, batches=batch_before, awards=next_award - 1)


def _file(connection: sqlite3.Connection) -> None:
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Wrong("the file", f"SQLite finds it damaged: {said}")
    ours, theirs = _schema_as_packaged(), _schema(connection)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            word = "missing" if name not in theirs else "foreign" if name not in ours else "altered"
            raise Wrong(f"the schema's {name}", f"it is {word}")
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        row = "a row" if broken[1] is None else f"row {broken[1]}"  # a table without row numbers
        raise Wrong(f"{row} of {broken[0]}", f"it refers to a row of {broken[2]} that does not exist")


@functools.cache
def _schema_as_packaged() -> Mapping[str, str]:
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        for migration in migrations.packaged():
            fresh.executescript(migration.sql)
        return _schema(fresh)


def _schema(connection: sqlite3.Connection) -> dict[str, str]:
    found = connection.execute("SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: sql for name, sql in found if not name.split(" ", 1)[1].startswith(_NOT_OURS)}


def _ledger_row(connection: sqlite3.Connection) -> tuple[str, int, int]:
    row = connection.execute("SELECT id, created_at, practice FROM ledger WHERE only_row = 1").fetchone()
    if row is None:
        raise Wrong("the ledger's row", "it is missing")
    return row[0], row[1], row[2]


def _strays(connection: sqlite3.Connection, next_award: int) -> None:
    """Rows that no batch has accounted for."""
    row = connection.execute("SELECT min(id) FROM awards WHERE id NOT BETWEEN 1 AND ?", (next_award - 1,)).fetchone()
    if row[0] is not None:
        raise Wrong(f"award {row[0]}", "it belongs to no batch's range")
    row = connection.execute(
        "SELECT d.id FROM drafts d LEFT JOIN batches b ON b.id = d.batch_id WHERE d.state = 'recorded'"
        " AND b.draft_id IS NOT d.id ORDER BY d.id LIMIT 1"
    ).fetchone()
    if row is not None:
        raise Wrong(f"draft {row[0]}", "it names a batch that was not made of it")


def _lanes_taken(connection: sqlite3.Connection) -> None:
    """What became of a call is read from where its lane stood when it was begun: a changed number would have it paid
    twice. What a free lane holds, nothing tells but the service, which is asked before the first call."""
    for *row, attempt_id, expectation, is_last in connection.execute(_TAKEN):
        try:
            as_found = is_last and _lanes.is_as_found(_lanes.lane(row), expectation)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # it is no lane at all
            as_found = False
        if not as_found:
            raise Wrong(f"lane {row[0]}", f"it is not as attempt {attempt_id}, which has it, found it")


def _settings(connection: sqlite3.Connection, told: dict[tuple[str, str], tuple[object, int, str]]) -> None:
    stored = {
        (server_id, name): (value, changed_at, changed_by)
        for server_id, name, value, changed_at, changed_by in connection.execute(
            "SELECT server_id, name, value, changed_at, changed_by FROM server_settings"
        )
    }
    for server_id, name in sorted(stored.keys() | told.keys()):
        if stored.get((server_id, name)) != told.get((server_id, name)):
            raise Wrong(f"setting {name} of server {server_id}", "it is not what the history says")


def _rows(connection: sqlite3.Connection, told: dict[_seals.RowKey, str]) -> None:
    """Stops, budgets, leaves and probes: those that the history tells of, as it tells of them."""
    for table in _seals.ROWS:
        for key, hashed in _seals.rows(connection, table):
            if told.pop((table, key), None) != hashed:
                raise Wrong(_named(table, key), "it is not what the history says")
    for table, key in told:
        raise Wrong(_named(table, key), "it is missing")


def _named(table: str, key: _seals.Key) -> str:
    return f"row {' '.join(map(str, key))} of {table}"


def _files(connection: sqlite3.Connection) -> None:
    for sha256, size, content in connection.execute("SELECT sha256, size, content FROM files ORDER BY sha256"):
        digest, length, unpacking = hashlib.sha256(), 0, zlib.decompressobj()
        try:
            rest = content
            while part := unpacking.decompress(rest, _STEP):
                digest.update(part)
                length += len(part)
                rest = unpacking.unconsumed_tail
        except zlib.error:
            raise Wrong(f"file {sha256}", "its content cannot be unpacked") from None
        if not unpacking.eof or digest.hexdigest() != sha256 or length != size:
            raise Wrong(f"file {sha256}", "its content is not what was uploaded")


def as_json(found: Verified) -> dict[str, object]:
    """For scripts."""
    bad = None if found.bad is None else {"record": found.bad.record, "problem": found.bad.problem}
    return {
        "ok": found.bad is None,
        "ledger": found.ledger_id or None,
        "events": found.events,
        "batches": found.batches,
        "awards": found.awards,
        "blanked": found.blanked,
        "head": found.head or None,
        "bad": bad,
    }
