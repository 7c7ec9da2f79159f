"""One writer, whole transactions, readers of their own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import LedgerError
from bot.ledger import _connection
from bot.ledger._connection import Connection
from bot.ledger.database import READERS, Database


@pytest.fixture
async def database(path: Path):
    opened = await Database.open(path, writable=True)
    await opened.write(lambda c: c.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, half TEXT) STRICT") and None)
    yield opened
    await opened.close()


def _numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


async def test_the_pragmas_that_the_promise_rests_on_are_in_force(database: Database):
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "journal_size_limit")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    full = 2
    assert await database.write_bare(pragmas) == ["wal", full, 1, 5000, 16 * 1024 * 1024]


async def test_a_failing_transaction_leaves_nothing_behind(database: Database):
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1, 'a')")
        raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        await database.write(half)
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (2, 'b')").rowcount)
    assert await database.read(_numbers) == [2]


async def test_an_error_that_ended_the_transaction_itself_is_the_one_that_is_seen(database: Database):
    await database.write(
        lambda c: (
            c.execute(
                "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.n = 13 BEGIN SELECT RAISE(ROLLBACK, 'unlucky'); END"
            ).rowcount
        )
    )

    def unlucky(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (12, 'a')")
        connection.execute("INSERT INTO t VALUES (13, 'b')")

    with pytest.raises(sqlite3.IntegrityError, match="unlucky"):
        await database.write(unlucky)
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (14, 'c')").rowcount)
    assert await database.read(_numbers) == [14]


async def test_a_cancelled_caller_leaves_only_after_its_transaction_has_ended(database: Database):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1, 'a')")
        begun.set()
        assert go_on.wait(10)
        connection.execute("INSERT INTO t VALUES (2, 'a')")

    caller = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await database.read(_numbers) == [1, 2]


async def test_a_failure_after_the_caller_was_cancelled_is_logged(database: Database, caplog: pytest.LogCaptureFixture):
    begun, go_on = threading.Event(), threading.Event()

    def fails(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        raise ValueError("nobody would hear of this")

    caller = asyncio.create_task(database.write(fails))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with caplog.at_level(logging.ERROR), pytest.raises(asyncio.CancelledError):
        await caller
    assert "nobody would hear of this" in caplog.text


async def test_a_storm_of_cancellations_loses_no_success_and_halves_no_pair(database: Database):
    def pair(number: int):
        def work(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO t VALUES (?, 'first')", (2 * number,))
            connection.execute("INSERT INTO t VALUES (?, 'second')", (2 * number + 1,))
            return number

        return work

    callers = [asyncio.create_task(database.write(pair(number))) for number in range(600)]
    cancelled = 0
    for turn in range(600):
        if turn % 3 == 0:
            cancelled += callers[turn].cancel()  # not one that has ended already
        if turn % 50 == 0:
            await asyncio.sleep(0)
    results = await asyncio.gather(*callers, return_exceptions=True)
    stored = set(await database.read(_numbers))
    told = {number for number in results if isinstance(number, int)}
    assert {2 * number for number in told} | {2 * number + 1 for number in told} <= stored
    assert all((number ^ 1) in stored for number in stored)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == cancelled > 0
    assert await database.write(lambda c: c.in_transaction) is True
    assert await database.write_bare(lambda c: c.in_transaction) is False


async def test_a_reader_sees_one_moment_while_the_writer_goes_on(database: Database):
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (1, 'a')").rowcount)
    looked, written = threading.Event(), threading.Event()

    def look_twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        before = _numbers(connection)
        looked.set()
        assert written.wait(10)
        return before, _numbers(connection)

    reading = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(looked.wait, 10)
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (2, 'b')").rowcount)
    written.set()
    assert await reading == ([1], [1])
    assert await database.read(_numbers) == [1, 2]


async def test_a_long_read_does_not_keep_others_from_reading(database: Database):
    go_on = threading.Event()
    long = [asyncio.create_task(database.read(lambda _: go_on.wait(10))) for _ in range(READERS - 1)]
    assert await database.read(_numbers) == []
    go_on.set()
    assert await asyncio.gather(*long) == [True] * (READERS - 1)


async def test_a_cancelled_reader_leaves_at_once_and_its_connection_comes_back(database: Database):
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        raise ValueError("nobody waits for this")

    for _ in range(READERS + 1):
        begun.clear()
        go_on.clear()
        reading = asyncio.create_task(database.read(slow))
        await asyncio.to_thread(begun.wait, 10)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not go_on.is_set()
        go_on.set()
    assert await database.read(_numbers) == []


async def test_a_connection_that_opens_for_a_cancelled_reader_is_opened_to_the_end(database: Database, path: Path):
    asked, go_on = asyncio.Event(), asyncio.Event()
    opened: list[Connection] = []

    async def opening() -> Connection:
        asked.set()
        await go_on.wait()
        opened.append(await Connection.reader(path))
        return opened[-1]

    readers = Database(None, opening)
    reading = asyncio.create_task(readers.read(_numbers))
    await asked.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    go_on.set()
    await readers.close()
    assert len(opened) == 1
    with pytest.raises(ValueError, match="closed"):
        await opened[0].run(_numbers)


async def test_readers_cannot_write(database: Database):
    with pytest.raises(LedgerError, match="may not be written"):
        await database.read(lambda c: c.execute("INSERT INTO t VALUES (1, 'a')").rowcount)


async def test_closing_waits_for_what_is_under_way_and_then_refuses(path: Path):
    database = await Database.open(path, writable=True)
    await database.write(lambda c: c.execute("CREATE TABLE t (n INTEGER) STRICT").rowcount)
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> str:
        begun.set()
        assert go_on.wait(10)
        connection.execute("INSERT INTO t VALUES (1)")
        return "done"

    writing = asyncio.create_task(database.write(slow))
    reading = asyncio.create_task(database.read(lambda _: go_on.wait(10)))
    await asyncio.to_thread(begun.wait, 10)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(LedgerError, match="closed"):
        await database.write(slow)
    with pytest.raises(LedgerError, match="closed"):
        await database.read(_numbers)
    go_on.set()
    await closing
    assert (await writing, await reading) == ("done", True)
    await database.close()
    assert not path.with_name(path.name + "-wal").exists()


async def test_a_read_that_waited_for_its_turn_while_the_ledger_was_closed_is_refused(path: Path):
    database = await Database.open(path, writable=True)
    go_on = threading.Event()
    begun = [threading.Event() for _ in range(READERS)]

    def slow(one: threading.Event) -> Callable[[object], bool]:
        def work(_: object) -> bool:
            one.set()
            return go_on.wait(10)

        return work

    busy = [asyncio.create_task(database.read(slow(one))) for one in begun]
    await asyncio.gather(*(asyncio.to_thread(one.wait, 10) for one in begun))
    waiting = asyncio.create_task(database.read(_numbers))
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(LedgerError, match="closed"):
        await waiting
    await closing
    assert await asyncio.gather(*busy) == [True] * READERS


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "disk that holds it is full"),
        (sqlite3.SQLITE_BUSY, "another program keeps it locked"),
        (sqlite3.SQLITE_BUSY | (2 << 8), "another program keeps it locked"),
        (sqlite3.SQLITE_READONLY, "may not be written"),
        (sqlite3.SQLITE_IOERR, "disk reports an error"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_NOTADB, "no SQLite database"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
        (sqlite3.SQLITE_TOOBIG, "SQLite says: odd"),
    ],
)
def test_errors_of_sqlite_become_sentences(code: int, words: str):
    error = sqlite3.OperationalError("odd")
    error.sqlite_errorcode = code
    said = _connection.explained(error, None)
    assert words in said.message
    assert (said.hint is not None) == (code != sqlite3.SQLITE_TOOBIG)


async def test_a_full_disk_is_told_and_what_was_there_stays(database: Database):
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (1, 'a')").rowcount)
    pages = await database.write_bare(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.write_bare(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    with pytest.raises(LedgerError, match="full"):
        await database.write(lambda c: c.execute("INSERT INTO t VALUES (2, ?)", ("x" * 100_000,)).rowcount)
    assert await database.read(_numbers) == [1]
    await database.write(lambda c: c.execute("INSERT INTO t VALUES (3, 'c')").rowcount)
    assert await database.read(_numbers) == [1, 3]


async def test_a_foreign_lock_is_waited_for_and_then_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    database = await Database.open(path, writable=True)
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="another program keeps it locked"):
        await database.write(lambda c: None)
    foreign.execute("ROLLBACK")
    foreign.close()
    assert await database.write(lambda c: 5) == 5
    await database.close()


async def test_a_reader_that_cannot_be_opened_frees_its_place(path: Path):
    database = await Database.open(path, writable=False)
    for _ in range(READERS + 1):
        with pytest.raises(LedgerError, match="cannot be opened"):
            await database.read(_numbers)
    await database.close()
