"""A receipt's place in the history: found by its code, recomputed, and seen through when something was altered."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.codes import code_of
from bot.ledger.ledger import Ledger
from tests.ledger.making import HandClock, batch_of, call, query, record, row


async def test_a_batch_is_found_by_its_code_and_recomputes(ledger: Ledger, path: Path):
    first, second = await batch_of(ledger, 3), await batch_of(ledger, 2)
    await call(ledger, first, OutcomeKind.APPLIED)
    entries = query(path, "SELECT seq, hash FROM events WHERE kind = 'batch-recorded' ORDER BY seq")
    for batch, (seq, entry_hash) in zip((first, second), entries, strict=True):
        code = await ledger.receipts.code(batch)
        assert code == code_of(entry_hash)
        assert await ledger.receipts.find(code) == batch
        place = await ledger.receipts.place(batch)
        assert (place.recorded.seq, place.recorded.hash, place.bad) == (seq, entry_hash.hex(), None)
        assert place.head == await ledger.receipts.head()
        assert await ledger.receipts.entry_of(place.head.hash[:16]) == place.head
    assert await ledger.receipts.find(code_of(bytes(32))) is None
    assert await ledger.receipts.entry_of("f" * 64) is None


async def test_an_award_is_found_by_any_of_its_lines_and_by_its_recipient(ledger: Ledger):
    batch = (await record(ledger, [row(2, 1), row(3, 2, 5, lines=(3, 7)), row(4, 3)])).batch_id
    assert [one.id for one in await ledger.receipts.awards_of(batch, line=7)] == [2]
    assert [one.id for one in await ledger.receipts.awards_of(batch, key=row(4, 3).recipient.key)] == [3]
    assert await ledger.receipts.awards_of(batch, line=9) == []
    assert len(await ledger.receipts.awards_of(batch)) == 3


ALTERED = [
    ("UPDATE awards SET amount = 1000 WHERE id = 1", "batch 1", True),
    ("UPDATE awards SET state = 'rejected' WHERE id = 1", "award 1", True),
    ("UPDATE events SET at = at + 1 WHERE seq = 4", "entry 4 of the history", True),
    ("DELETE FROM events WHERE seq = 4", "entry 4 of the history", True),
    ("UPDATE events SET at = at + 1 WHERE seq = 1", "", False),  # before the batch: for ``verify`` to find
    ("UPDATE awards SET amount = 1000 WHERE id = 4", "", False),  # another batch's
]


@pytest.mark.parametrize(("sql", "record", "seen"), ALTERED, ids=[sql for sql, _, _ in ALTERED])
async def test_what_was_altered_does_not_recompute(path: Path, clock: HandClock, sql: str, record: str, seen: bool):
    ledger = await Ledger.open(path, clock)
    first = await batch_of(ledger, 3)
    await call(ledger, first, OutcomeKind.APPLIED)
    await batch_of(ledger, 2)
    await ledger.close()
    connection = sqlite3.connect(path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(sql).rowcount == 1
    connection.commit()
    connection.close()
    reader = await Ledger.read(path, clock)
    place = await reader.receipts.place(first)
    await reader.close()
    assert (place.bad is not None) == seen
    if place.bad is not None:
        assert place.bad.record == record
