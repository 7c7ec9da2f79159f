"""Several short transactions under one COMMIT.

A commit costs a sync of the disk and writes every page that changed. Work that waits while another commit is under way
goes on together, and all of it is told only when the disk has it. A piece that fails takes back nothing but itself:
when one does, which is rare, all run again, each in a transaction of its own. A savepoint for each would spare that,
but inside one SQLite copies every page before it changes it, for every call, into a temporary file that it makes anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MOST: Final = 8
"""Pieces of work under one COMMIT: as many as there are calls under way, so that nobody waits for long."""


class Sharing:
    """What waits for the writer. ``run`` runs a function on its connection, alone, to its end."""

    def __init__(self, run: Callable[[Work[list[Any]]], Awaitable[list[Any]]]) -> None:
        self._run = run
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    def write(self, work: Work[T]) -> asyncio.Future[T]:
        """Begin to run ``work`` in a transaction, whose end is told by what is returned. It may run twice, and only the
        last time counts: the database must be all that it changes.
        """
        ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, ended))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
            self._writing.add_done_callback(self._never_began)
        return ended

    def _never_began(self, writing: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step runs nothing, not even a ``finally``."""
        if self._writing is writing:
            self._writing = None
            self._leave(())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                part, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._write_part(part)
        finally:
            self._writing = None

    async def _write_part(self, part: Sequence[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        try:
            results = await self._run(partial(_together, [work for work, _ in part]))
        except Exception as error:
            results = [_Failed(error)] * len(part)
        except BaseException:
            self._leave(part)
            raise
        for (_, ended), result in zip(part, results, strict=True):
            if isinstance(result, _Failed):
                ended.set_exception(result.error)
            else:
                ended.set_result(result)

    def _leave(self, part: Sequence[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        """The program ends, and with it everybody who waits."""
        for _, ended in (*part, *self._waiting):
            ended.cancel()
        self._waiting.clear()


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


class _PieceFailedError(Exception):
    """One of several pieces failed, and with it the transaction that they shared."""


def _together(works: Sequence[Work[Any]], connection: sqlite3.Connection) -> list[Any]:
    """The result of each, or how it failed."""
    if len(works) > 1:
        try:
            return in_transaction("BEGIN IMMEDIATE", lambda c: [_piece(work, c) for work in works], connection)
        except _PieceFailedError:
            pass  # nothing of any of them is stored: each once more, and by itself
    return [_alone(work, connection) for work in works]


def _piece(work: Work[T], connection: sqlite3.Connection) -> T:
    try:
        return work(connection)
    except Exception as error:
        raise _PieceFailedError from error


def _alone(work: Work[T], connection: sqlite3.Connection) -> T | _Failed:
    try:
        return in_transaction("BEGIN IMMEDIATE", work, connection)
    except Exception as error:
        return _Failed(error)


def in_transaction(begin: str, work: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    """Run ``work`` between ``begin`` and COMMIT; whatever it raises takes everything back."""
    connection.execute(begin)
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # Some errors (a full disk, RAISE(ROLLBACK)) have ended the transaction themselves; rolling back again would
        # put a second error in the place of the first.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
