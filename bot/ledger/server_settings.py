"""What ``/settings`` stores, by server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.model import Actor
from bot.ledger import _rows, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind

DECIDING: Final = frozenset({"roles", "max_award", "max_batch", "self_award_roles", "quick_award"})
"""Names of the settings that say who may award how much to whom: those that a confirmation was judged by are those in
force when it is recorded."""


def deciding(connection: sqlite3.Connection, server_id: str) -> dict[str, object]:
    """What of them is stored, inside somebody's transaction."""
    found = connection.execute("SELECT name, value FROM server_settings WHERE server_id = ?", (server_id,))
    return {name: json.loads(value) for name, value in found if name in DECIDING}


class ServerSettings:
    """JSON values by server and name. What they mean is somebody else's affair."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, server_id: str) -> Mapping[str, object]:
        """Every stored setting of a server (JSON values by name)."""

        def work(connection: sqlite3.Connection) -> dict[str, object]:
            found = connection.execute(
                "SELECT name, value FROM server_settings WHERE server_id = ? ORDER BY name", (server_id,)
            )
            return {name: json.loads(value) for name, value in found}

        return await self._database.read(work)

    async def everywhere(self, name: str) -> Mapping[str, object]:
        """One setting of every server that has it, by server."""

        def work(connection: sqlite3.Connection) -> dict[str, object]:
            found = connection.execute("SELECT server_id, value FROM server_settings WHERE name = ?", (name,))
            return {server_id: json.loads(value) for server_id, value in found}

        return await self._database.read(work)

    async def change(self, server_id: str, name: str, value: object, actor: Actor) -> object:
        """Store a value (``None`` removes it) with an event ``setting-changed``; returns the one before."""
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> object:
            row = connection.execute(
                "SELECT value FROM server_settings WHERE server_id = ? AND name = ?", (server_id, name)
            ).fetchone()
            before: object = json.loads(row[0]) if row is not None else None
            if value is None:
                connection.execute("DELETE FROM server_settings WHERE server_id = ? AND name = ?", (server_id, name))
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO server_settings VALUES (?, ?, ?, ?, ?)",
                    (server_id, name, _rows.as_json(value), now, actor.id),
                )
            detail = {"name": name, "before": before, "after": value}
            kind = EventKind.SETTING_CHANGED
            facts = {"setting": name, "value": None if value is None else _rows.as_json(value)}
            events.append(connection, now, kind, server_id=server_id, actor=actor, detail=detail, facts=facts)
            return before

        return await self._database.write(work)
