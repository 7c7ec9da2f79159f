"""Schema steps: whole or not at all, recorded, never skipped, never altered, with a copy kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.errors import LedgerError, LedgerTooNew
from bot.ledger import migrations
from bot.ledger.ledger import Ledger
from bot.ledger.migrations import Migration
from tests.ledger.making import HandClock, batch_of, content, names, query, states

FIRST = migrations.packaged()[0]
COLOURS = Migration(
    2,
    "colours",
    "CREATE TABLE colours (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;\n"
    "INSERT INTO colours SELECT DISTINCT programme FROM batches;",
)
REBUILT = Migration(
    3,
    "boards_rebuilt",
    "CREATE TABLE new_boards (batch_id INTEGER PRIMARY KEY REFERENCES batches (id), channel_id TEXT NOT NULL,"
    " message_id TEXT, closed INTEGER NOT NULL DEFAULT 0, colour TEXT) STRICT;\n"
    "INSERT INTO new_boards SELECT *, NULL FROM boards;\n"
    "DROP TABLE boards;\n"
    "ALTER TABLE new_boards RENAME TO boards;",
)


async def _made(path: Path, clock: HandClock, steps: Sequence[Migration]) -> None:
    ledger = await Ledger.open(path, clock, steps=steps)
    await ledger.close()


def _schema(path: Path) -> list[tuple[object, ...]]:
    return query(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")


def test_the_packaged_migrations_are_numbered_without_a_gap():
    packaged = migrations.packaged()
    assert [one.version for one in packaged] == list(range(1, len(packaged) + 1))


async def test_every_migration_is_recorded_with_its_hash_and_time(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST, COLOURS])
    recorded = query(path, "SELECT version, name, sha256, applied_at FROM ledger_migrations ORDER BY version")
    assert recorded == [(1, "ledger", FIRST.sha256, clock.ms), (2, "colours", COLOURS.sha256, clock.ms)]


async def test_a_migrated_ledger_has_the_schema_of_a_new_one_and_keeps_its_content(tmp_path: Path, clock: HandClock):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    ledger = await Ledger.open(old, clock, steps=[FIRST])
    batch_id = await batch_of(ledger, 3)
    await ledger.boards.open(batch_id, "77")
    await ledger.close()
    await _made(old, clock, [FIRST, COLOURS, REBUILT])
    await _made(new, clock, [FIRST, COLOURS, REBUILT])
    assert _schema(old) == _schema(new)
    ledger = await Ledger.open(old, clock, steps=[FIRST, COLOURS, REBUILT])
    assert await states(ledger, batch_id) == ["planned"] * 3
    board = await ledger.boards.get(batch_id)
    assert board is not None
    assert board.channel_id == "77"
    await ledger.close()
    assert query(old, "SELECT name FROM colours") == [("drip-credentials",)]


async def test_a_copy_as_it_was_is_kept_before_migrating(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock, steps=[FIRST])
    batch_id = await batch_of(ledger, 3)
    await ledger.close()
    before = _schema(path)
    await _made(path, clock, [FIRST, COLOURS])
    copy = path.with_name("bursar.db.before-0002")
    assert _schema(copy) == before
    assert query(copy, "SELECT count(*) FROM awards WHERE batch_id = ?", batch_id) == [(3,)]
    assert os.stat(copy).st_mode == os.stat(path).st_mode


async def test_nothing_is_copied_for_a_new_ledger_or_one_that_is_up_to_date(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST, COLOURS])
    await _made(path, clock, [FIRST, COLOURS])
    assert names(path) == ["bursar.db", "bursar.db.lock"]


async def test_a_migration_that_fails_midway_leaves_the_ledger_as_it_was(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock, steps=[FIRST])
    await batch_of(ledger, 1)
    await ledger.close()
    before = _schema(path)
    broken = Migration(2, "broken", "CREATE TABLE half (n INTEGER) STRICT;\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(LedgerError, match="no such table: nowhere"):
        await _made(path, clock, [FIRST, broken])
    assert _schema(path) == before
    assert query(path, "SELECT max(version) FROM ledger_migrations") == [(1,)]
    await _made(path, clock, [FIRST, COLOURS])
    assert names(path, "*.before-*") == ["bursar.db.before-0002", "bursar.db.before-0002-2"]


async def test_a_migration_that_ends_its_own_transaction_is_a_slip_of_ours(path: Path, clock: HandClock):
    hasty = Migration(2, "hasty", "CREATE TABLE t (n INTEGER) STRICT;\nCOMMIT;")
    with pytest.raises(AssertionError, match="0002 ends its transaction itself"):
        await _made(path, clock, [FIRST, hasty])


async def test_a_migration_that_breaks_a_reference_is_taken_back(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock, steps=[FIRST])
    await ledger.boards.open(await batch_of(ledger, 1), "1")
    await ledger.close()
    with pytest.raises(LedgerError, match="breaks a reference of table boards"):
        await _made(path, clock, [FIRST, Migration(2, "bad", "UPDATE boards SET batch_id = 99;")])
    assert query(path, "SELECT batch_id FROM boards") == [(1,)]


async def test_references_are_enforced_again_after_migrating(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await ledger.boards.open(99, "1")
    await ledger.close()


async def test_a_copy_that_cannot_be_made_stops_the_migration(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST])
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")  # VACUUM INTO is refused inside a transaction, as it would be on a full disk
    with pytest.raises(sqlite3.Error):
        migrations.keep_copy(connection, path, 2)
    connection.close()
    assert names(path, "*.before-*") == []


async def test_old_code_refuses_a_newer_ledger_and_changes_nothing(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST, COLOURS])
    before = content(path)
    for way in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerTooNew, match=r"schema 2, this one knows 1"):
            await way(path, clock, steps=[FIRST])
    assert content(path) == before


async def test_an_altered_migration_is_refused(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST, COLOURS])
    altered = Migration(2, "colours", COLOURS.sql + "\n-- later thought")
    for way in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerError, match=r"another migration 0002 \(colours\)"):
            await way(path, clock, steps=[FIRST, altered])


async def test_a_reader_refuses_a_ledger_that_has_to_be_migrated_first(path: Path, clock: HandClock):
    await _made(path, clock, [FIRST])
    with pytest.raises(LedgerError, match="older version of Bursar"):
        await Ledger.read(path, clock, steps=[FIRST, COLOURS])


def test_line_ends_of_a_checkout_do_not_alter_a_migration():
    assert Migration(1, "a", "x\r\ny\r\n").sha256 == Migration(1, "a", "x\ny\n").sha256
