"""The emergency stop: while one is in force nothing of that server, and nothing of the command line, is recorded,
resumed or sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.model import Actor, PauseKind
from bot.errors import Refused
from bot.ledger import _names, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind

IN_FORCE: Final = (
    "EXISTS (SELECT 1 FROM halts h WHERE h.released_at IS NULL AND (b.server_id IS NULL OR h.server_id = b.server_id))"
)
"""Whether the server of batch ``b`` is stopped: one look into an index that is nearly always empty. What the command
line recorded belongs to no server, and stands still while any of them is stopped."""


@dataclass(frozen=True, slots=True)
class Halt:
    """An emergency stop in force."""

    id: int
    server_id: str
    at: int
    by: Actor
    reason: str


@dataclass(frozen=True, slots=True)
class Halted:
    """What a press of the emergency stop did."""

    changed: bool
    """False: everything was stopped already, by ``halt.by``."""
    halt: Halt
    batches: Sequence[int] = ()
    """Paused by it."""
    planned: int = 0
    """Awards of these that are not sent."""


@dataclass(frozen=True, slots=True)
class Released:
    """What a release did."""

    changed: bool
    """False: nothing was stopped."""
    paused: Sequence[int] = ()
    """Batches that stay paused until somebody resumes them."""


class Halts:
    """One transaction each, with its event. A stop is a server's, and holds for the command line too."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def in_force(self, server_id: str | None) -> Halt | None:
        """The emergency stop of a server, if there is one; for the command line (``None``) any server's."""
        return await self._database.read(lambda connection: find(connection, server_id))

    async def stopped(self) -> Sequence[Halt]:
        """Every stop in force, oldest first."""
        return await self._database.read(_all)

    async def stop(self, server_id: str, actor: Actor, reason: str) -> Halted:
        """Stop everything of a server: its open batches are paused, and until the release nothing new is recorded."""
        now = milliseconds(self._clock.now())
        return await self._database.write(lambda connection: _stop(connection, server_id, actor, reason, now))

    async def release(self, server_id: str, actor: Actor, reason: str) -> Released:
        """Allow new batches again. What the stop paused stays paused: each is looked at and resumed by a person."""
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> Released:
            changed = connection.execute(
                "UPDATE halts SET released_at = ?, released_by_id = ?, released_by_name = ?, release_reason = ?"
                " WHERE server_id = ? AND released_at IS NULL RETURNING id",
                (now, actor.id, actor.name, reason, server_id),
            ).fetchone()
            if changed is None:
                return Released(False)
            events.append(
                connection,
                now,
                EventKind.ALL_RELEASED,
                server_id=server_id,
                actor=actor,
                detail={"reason": reason},
                rows=[("halts", changed)],
            )
            paused = connection.execute(
                "SELECT id FROM batches WHERE (server_id = ? OR server_id IS NULL) AND state = 'paused' ORDER BY id",
                (server_id,),
            )
            return Released(True, tuple(batch_id for (batch_id,) in paused))

        return await self._database.write(work)


def find(connection: sqlite3.Connection, server_id: str | None) -> Halt | None:
    """The emergency stop in force, inside somebody's transaction. ``None``, the command line: any server's."""
    return next((one for one in _all(connection) if server_id in (None, one.server_id)), None)


def _all(connection: sqlite3.Connection) -> list[Halt]:
    found = connection.execute(
        "SELECT id, server_id, at, by_id, by_name, reason FROM halts WHERE released_at IS NULL ORDER BY id"
    )
    return [
        Halt(id_, server, at, Actor(by_id, _names.shown(by_name), server), reason or _names.NO_WORDS)
        for id_, server, at, by_id, by_name, reason in found
    ]


def refuse(connection: sqlite3.Connection, server_id: str | None) -> None:
    """Raises ``Refused`` while everything of the server is stopped."""
    halt = find(connection, server_id)
    if halt is not None:
        raise Refused(
            f"{halt.by.name} stopped everything {'in this server ' if server_id is not None else ''}on"
            f" {events.moment(halt.at)} ({halt.reason}): nothing is recorded or sent",
            hint="An administrator releases it with /settings"
            + ("." if server_id is not None else ", or `bursar resume --release REASON` where the server is gone."),
        )


def _stop(connection: sqlite3.Connection, server_id: str, actor: Actor, reason: str, now: int) -> Halted:
    before = find(connection, server_id)
    if before is not None:
        return Halted(False, before)
    (halt_id,) = connection.execute(
        "INSERT INTO halts (server_id, at, by_id, by_name, reason) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (server_id, now, actor.id, actor.name, reason),
    ).fetchone()
    found = connection.execute(
        "SELECT b.id, b.server_id, (SELECT count(*) FROM awards a WHERE a.batch_id = b.id AND a.state = 'planned')"
        " FROM batches b WHERE (b.server_id = ? OR b.server_id IS NULL) AND b.state = 'open' ORDER BY b.id",
        (server_id,),
    ).fetchall()
    message = f"{actor.name} stopped everything: {reason}"
    detail = {"kind": PauseKind.PERSON.value, "message": message}
    for batch_id, of_server, _ in found:
        connection.execute(
            "UPDATE batches SET state = 'paused', pause_kind = ?, pause_detail = ? WHERE id = ?",
            (PauseKind.PERSON.value, message, batch_id),
        )
        kind = EventKind.BATCH_PAUSED
        events.append(connection, now, kind, server_id=of_server, batch_id=batch_id, actor=actor, detail=detail)
    told = {"reason": reason, "batches": len(found)}
    row = ("halts", (halt_id,))
    events.append(connection, now, EventKind.ALL_STOPPED, server_id=server_id, actor=actor, detail=told, rows=[row])
    batches = tuple(batch_id for batch_id, _, _ in found)
    return Halted(True, Halt(halt_id, server_id, now, actor, reason), batches, sum(planned for *_, planned in found))
