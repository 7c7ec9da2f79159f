"""What a look at the file itself finds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from bot.ledger import health, migrations
from bot.ledger.health import FileHealth
from bot.ledger.ledger import Ledger
from tests.ledger.making import HandClock, batch_of


async def test_a_sound_ledger_has_no_trouble(ledger: Ledger):
    await batch_of(ledger, 3)
    newest = migrations.packaged()[-1].version
    assert await health.examine(ledger.database) == FileHealth(schema=newest, journal="wal", trouble=None)


async def test_a_reference_that_somebody_broke_is_named(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    await ledger.boards.open(await batch_of(ledger, 1), "77")
    await ledger.close()
    by_hand = sqlite3.connect(path, isolation_level=None)
    by_hand.execute("UPDATE boards SET batch_id = 99")
    by_hand.close()
    reader = await Ledger.read(path, clock)
    found = await health.examine(reader.database)
    assert found.trouble == "a row of boards refers to a missing row of batches"
    await reader.close()


async def test_a_damaged_page_is_told(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    await batch_of(ledger, 200)
    await ledger.close()
    page = _page_of(path, "awards_by_key")
    with path.open("r+b") as file:
        file.seek(page + 3)  # the number of cells of a b-tree page (sqlite.org/fileformat.html, section 1.6)
        file.write(b"\x00\x00")
    reader = await Ledger.read(path, clock)
    found = await health.examine(reader.database)
    assert found.trouble is not None
    await reader.close()


def _page_of(path: Path, index: str) -> int:
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    return (root - 1) * size
