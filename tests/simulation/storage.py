"""The ledger without files and threads: one connection in memory, and the bytes that survive a crash."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from bot.ledger.database import Database
from bot.ledger.ledger import Ledger
from tests.simulation.loop import START

T = TypeVar("T")


class _Beginning:
    """The clock of the moment before a run."""

    def now(self) -> float:
        return START

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def _make(path: Path) -> None:
    ledger = await Ledger.open(path, _Beginning(), randomness=bytes)
    await ledger.close()


@cache
def empty_ledger() -> bytes:
    """A new ledger, as the program makes it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        asyncio.run(_make(path))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = DELETE")  # memory has no write-ahead log
        image = connection.serialize()
        connection.close()
    return image


class Storage:
    """A disk that keeps every acknowledged commit, whatever happens (what ``synchronous = FULL`` promises)."""

    def __init__(self) -> None:
        self.image = empty_ledger()
        """The ledger as it was after the last commit before the last crash."""
        self._connection: sqlite3.Connection | None = None

    def mount(self) -> sqlite3.Connection:
        """Open what survived."""
        connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        connection.deserialize(self.image)
        connection.execute("PRAGMA foreign_keys = ON")
        self._connection = connection
        return connection

    def committed(self, connection: sqlite3.Connection) -> None:
        """A commit was acknowledged. With FULL there is nothing more to do: ``survivors`` reads them all."""

    def close(self) -> None:
        """The run is over."""

    def unmount(self, *, cut: bool) -> None:
        """The process is gone, with the power if it was ``cut`` off. What was committed stays, the rest never was."""
        connection = self._connection
        assert connection is not None
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self.image = self.survivors(connection) if cut else connection.serialize()
        connection.close()
        self._connection = None

    def survivors(self, connection: sqlite3.Connection) -> bytes:
        """The bytes that are found when the machine starts again."""
        return connection.serialize()


class Nested:
    """A connection whose transactions are savepoints of one that is never committed."""

    def __init__(self, image: bytes) -> None:
        self._plain = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1024)
        source = sqlite3.connect(":memory:")
        source.deserialize(image)
        source.backup(self._plain)
        source.close()
        self._plain.execute("PRAGMA foreign_keys = ON")
        self.in_transaction = False
        self._reads = False
        self._turning = {
            "BEGIN": self._begin_to_read,
            "BEGIN IMMEDIATE": self._begin_to_write,
            "COMMIT": self._commit,
            "ROLLBACK": self._roll_back,
        }
        self.executemany = self._plain.executemany
        self.serialize = self._plain.serialize
        self.blobopen = self._plain.blobopen

    def execute(self, sql: str, values: Any = ()) -> Any:
        turn = self._turning.get(sql)
        return self._plain.execute(sql, values) if turn is None else turn()

    def _begin_to_read(self) -> None:
        """Nobody else writes meanwhile, and nothing is there to take back."""
        self.in_transaction = self._reads = True

    def _begin_to_write(self) -> None:
        self.in_transaction = True
        self._plain.execute("SAVEPOINT work")

    def _commit(self) -> None:
        if not self._reads:
            self._plain.execute("RELEASE work")
        self.in_transaction = self._reads = False

    def _roll_back(self) -> None:
        if not self._reads:
            self._plain.execute("ROLLBACK TO work")
        self._commit()

    def begin_run(self) -> None:
        self._plain.execute("SAVEPOINT run")

    def end_run(self) -> None:
        self._plain.execute("ROLLBACK TO run")
        self._plain.execute("RELEASE run")

    def close(self) -> None:
        """Kept for the next run."""


class QuickStorage(Storage):
    """The same for many runs on one connection, whose statements stay compiled: a run is taken back as a whole at its
    end, and a crash takes back what was not committed. Nothing is copied before the books are compared."""

    _kept: ClassVar[dict[bytes, Nested]] = {}

    def __init__(self) -> None:
        super().__init__()
        self._nested = self._kept.get(self.image) or self._kept.setdefault(self.image, Nested(self.image))
        self._nested.begin_run()

    def mount(self) -> sqlite3.Connection:
        self._connection = connection = cast("sqlite3.Connection", self._nested)  # as much of it as the ledger uses
        return connection

    def unmount(self, *, cut: bool) -> None:
        if self._nested.in_transaction:
            self._nested.execute("ROLLBACK")

    def close(self) -> None:
        self._nested.end_run()


class InlineConnection:
    """``bot.ledger.database.Runner``: runs the work here and now, between two turns of the loop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        before: Callable[[], Awaitable[None]],
        after: Callable[[], None],
        alive: Callable[[], bool],
    ) -> None:
        """``before`` is awaited before each transaction (a slow or a full disk), ``after`` told its end. A process that
        is not ``alive`` any more does nothing."""
        self._connection = connection
        self._before = before
        self._after = after
        self._alive = alive
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._turn:  # first come, first served, as on the ledger's thread
            await self._before()
            if not self._alive():
                raise asyncio.CancelledError
            result = work(self._connection)
            self._after()
        await asyncio.sleep(0)  # the answer comes back from the ledger's thread a little later
        return result

    async def close(self) -> None:
        """The storage closes the connection, in whatever way the process ended."""


class InlineReader:
    """The same for reading, which nothing keeps waiting but a slow disk."""

    def __init__(
        self, connection: sqlite3.Connection, takes: Callable[[], float | None], alive: Callable[[], bool]
    ) -> None:
        """``takes``: seconds until the next answer is there; ``None``: at once, before anything else happens."""
        self._connection = connection
        self._takes = takes
        self._alive = alive

    def run(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        if not self._alive():
            answer.cancel()
            return answer
        try:
            tell = partial(answer.set_result, work(self._connection))
        except Exception as error:
            tell = partial(answer.set_exception, error)
        takes = self._takes()
        if takes is None:
            tell()
        else:
            loop.call_later(takes, tell)  # what was read is as old as that by then
        return answer

    async def close(self) -> None:
        """As above."""


def database_of(writer: InlineConnection, reader: InlineReader) -> Database:
    """The real ``Database`` on these connections."""

    async def open_reader() -> InlineReader:
        return reader

    return Database(writer, open_reader)
