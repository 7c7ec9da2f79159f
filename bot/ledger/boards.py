"""Where each batch's progress message stands, so that it survives a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.clock import Clock
from bot.ledger.database import Database


@dataclass(frozen=True, slots=True)
class Board:
    """A batch's message in a staff channel."""

    batch_id: int
    channel_id: str
    message_id: str | None
    """``None``: not posted yet."""
    closed: bool
    """Totals and result file are posted; nothing more to do."""


class Boards:
    """One board for each batch at most."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open(self, batch_id: int, channel_id: str) -> Board:
        """Register a board before it is posted; the existing one if there is one."""

        def work(connection: sqlite3.Connection) -> Board:
            connection.execute(
                "INSERT INTO boards (batch_id, channel_id) VALUES (?, ?) ON CONFLICT DO NOTHING", (batch_id, channel_id)
            )
            (board,) = _select(connection, "batch_id = ?", (batch_id,))
            return board

        return await self._database.write(work)

    async def move(self, batch_id: int, channel_id: str) -> Board:
        """The board goes on in another channel, where nothing is posted yet."""
        await self._set(batch_id, "channel_id = ?, message_id = NULL", (channel_id,))
        board = await self.get(batch_id)
        assert board is not None  # only an existing board is moved
        return board

    async def posted(self, batch_id: int, message_id: str) -> None:
        """The board's message stands in its channel."""
        await self._set(batch_id, "message_id = ?", (message_id,))

    async def close(self, batch_id: int) -> None:
        """Totals and result file are posted."""
        await self._set(batch_id, "closed = 1")

    async def reopen(self, batch_id: int) -> None:
        """A finished batch goes on (a doubt was resolved by sending again)."""
        await self._set(batch_id, "closed = 0")

    async def get(self, batch_id: int) -> Board | None:
        """The batch's board, if it has one."""
        found = await self._database.read(lambda c: _select(c, "batch_id = ?", (batch_id,)))
        return found[0] if found else None

    async def unfinished(self) -> Sequence[Board]:
        """Boards that are not closed, oldest batch first."""
        return await self._database.read(lambda c: _select(c, "closed = 0 ORDER BY batch_id"))

    async def _set(self, batch_id: int, what: str, values: tuple[Any, ...] = ()) -> None:
        sql = f"UPDATE boards SET {what} WHERE batch_id = ?"  # noqa: S608 # our words
        await self._database.write(lambda c: c.execute(sql, (*values, batch_id)).rowcount)


def _select(connection: sqlite3.Connection, where: str, values: tuple[Any, ...] = ()) -> list[Board]:
    sql = f"SELECT batch_id, channel_id, message_id, closed FROM boards WHERE {where}"  # noqa: S608 # our words
    return [
        Board(batch_id, channel_id, message_id, bool(closed))
        for batch_id, channel_id, message_id, closed in connection.execute(sql, values)
    ]
