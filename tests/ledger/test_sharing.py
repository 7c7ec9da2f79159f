"""Short transactions that share a COMMIT: whole or not at all, each by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.errors import LedgerError
from bot.ledger._sharing import MOST
from bot.ledger.database import Database
from tests.support.patience import PATIENCE

Work = Callable[[sqlite3.Connection], Any]


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(path, writable=True)
    await opened.write(lambda c: c.execute("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").rowcount)
    yield opened
    await opened.close()


def insert(number: int) -> Work:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        return number

    return work


def fail(number: int) -> Work:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (?)", (number,))
        raise ValueError(f"no {number}")

    return work


async def numbers(database: Database) -> list[int]:
    return await database.read(lambda c: [n for (n,) in c.execute("SELECT n FROM t ORDER BY n")])


async def together(database: Database, works: Sequence[Work], said: list[str]) -> list[Any]:
    """Let all of them wait while another write holds the thread; their results, and what SQLite was told meanwhile."""
    begun, go_on = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        connection.set_trace_callback(said.append)

    holding = asyncio.create_task(database.write_shared(hold))
    await asyncio.to_thread(begun.wait, 10)
    writing = [asyncio.create_task(database.write_shared(work)) for work in works]
    await asyncio.sleep(0)
    go_on.set()
    await holding
    results = await asyncio.gather(*writing, return_exceptions=True)
    await database.write_bare(lambda c: c.set_trace_callback(None))
    return results


def commits(said: Sequence[str]) -> int:
    return sum(
        statement.startswith("COMMIT") for statement in said[1:]
    )  # the first ends the write that held the thread


async def test_what_waits_at_one_moment_goes_under_one_commit(database: Database) -> None:
    said: list[str] = []
    assert await together(database, [insert(n) for n in range(MOST)], said) == list(range(MOST))
    assert commits(said) == 1
    assert await numbers(database) == list(range(MOST))


async def test_no_more_than_so_many_wait_for_each_other(database: Database) -> None:
    said: list[str] = []
    await together(database, [insert(n) for n in range(2 * MOST + 1)], said)
    assert commits(said) == 3


async def test_one_that_fails_takes_nothing_else_back(database: Database) -> None:
    results = await together(database, [insert(1), fail(2), insert(3), fail(4)], [])
    assert [str(one) for one in results] == ["1", "no 2", "3", "no 4"]
    assert await numbers(database) == [1, 3]


async def test_a_rule_of_the_schema_stops_its_own_piece_only(database: Database) -> None:
    one, twice, other = await together(database, [insert(1), insert(1), insert(2)], [])
    assert (one, other) == (1, 2)
    assert isinstance(twice, sqlite3.IntegrityError)


async def test_a_piece_that_ends_the_transaction_takes_nothing_else_with_it(database: Database) -> None:
    await database.write(
        lambda c: (
            c.execute(
                "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.n = 13 BEGIN SELECT RAISE(ROLLBACK, 'unlucky'); END"
            ).rowcount
        )
    )
    results = await together(database, [insert(1), insert(13), insert(2)], [])
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], sqlite3.IntegrityError) and "unlucky" in str(results[1])
    assert await numbers(database) == [1, 2]


async def test_when_the_commit_fails_nobody_is_told_that_theirs_is_stored(database: Database) -> None:
    by_commit = "CREATE TABLE child (n INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED) STRICT"
    await database.write(lambda c: c.execute(by_commit).rowcount)
    orphan: Work = lambda c: c.execute("INSERT INTO child VALUES (13)").rowcount  # noqa: E731 # a piece
    results = await together(database, [insert(1), orphan, insert(2)], [])
    assert all(isinstance(one, sqlite3.IntegrityError) and "FOREIGN KEY" in str(one) for one in results)
    assert await numbers(database) == []
    assert await database.write_shared(insert(3)) == 3


async def test_a_full_disk_is_told_to_all_and_everything_is_as_it_was(database: Database) -> None:
    await database.write(lambda c: c.execute("CREATE TABLE wide (x TEXT) STRICT").rowcount)
    pages = await database.write_bare(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.write_bare(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    large: Work = lambda c: c.execute("INSERT INTO wide VALUES (?)", ("x" * 100_000,)).rowcount  # noqa: E731 # a piece
    results = await together(database, [insert(1), large, insert(2)], [])
    stored = await numbers(database)
    assert any(isinstance(one, LedgerError) and "full" in one.message for one in results)
    assert stored == [one for one in results if isinstance(one, int)]


async def test_a_caller_that_leaves_does_not_take_its_piece_or_anothers_along(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)

    holding = asyncio.create_task(database.write_shared(hold))
    await asyncio.to_thread(begun.wait, 10)
    writing: list[asyncio.Task[Any]] = [asyncio.create_task(database.write_shared(insert(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    writing[0].cancel()
    holding.cancel()
    go_on.set()
    ended = await asyncio.gather(holding, *writing, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError, asyncio.CancelledError, int]
    assert await numbers(database) == [1, 2]


async def test_closing_waits_for_what_waits(path: Path) -> None:
    database = await Database.open(path, writable=True)
    await database.write(lambda c: c.execute("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").rowcount)
    ends: list[Awaitable[Any]] = [asyncio.create_task(database.write_shared(insert(n))) for n in range(3)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*ends) == [0, 1, 2]
    with pytest.raises(LedgerError, match="closed"):
        await database.write_shared(insert(4))


async def test_a_ledger_that_is_open_for_reading_is_not_written(path: Path) -> None:
    await (await Database.open(path, writable=True)).close()
    database = await Database.open(path, writable=False)
    with pytest.raises(LedgerError, match="reading only"):
        await database.write_shared(insert(1))
    await database.close()


async def test_nobody_waits_for_a_write_that_the_end_of_the_program_met_before_it_began(database: Database) -> None:
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(database.write_shared(insert(1)))
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - before:
        task.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert await numbers(database) == []
    await database.write_shared(insert(2))
    assert await numbers(database) == [2]
