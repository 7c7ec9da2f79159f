"""Members found at Drip, cached with their age. Only findings are cached: "nobody found" is asked again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from bot.clock import Clock, latest, milliseconds
from bot.ledger.database import Database


class Members:
    """By account and recipient key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def known(self, account: str, keys: Sequence[str], *, max_age_seconds: float) -> Mapping[str, str]:
        """Drip ids by recipient key, for those found no longer ago than ``max_age_seconds``."""
        now = milliseconds(self._clock.now())
        oldest = now - milliseconds(max_age_seconds)

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            found = connection.execute(
                "SELECT key, drip_id FROM members WHERE account = ? AND found_at BETWEEN ? AND ?"
                " AND key IN (SELECT value FROM json_each(?))",
                (account, oldest, latest(now), json.dumps(list(keys))),
            )
            return dict(found.fetchall())

        return await self._database.read(work)

    async def remember(self, account: str, found: Mapping[str, str]) -> None:
        """Store findings with the time of now."""
        now = milliseconds(self._clock.now())
        rows = [(account, key, drip_id, now) for key, drip_id in found.items()]
        await self._many("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)", rows)

    async def forget(self, account: str, keys: Sequence[str]) -> None:
        """Drop findings that turned out wrong (a call that named them was refused)."""
        await self._many("DELETE FROM members WHERE account = ? AND key = ?", [(account, key) for key in keys])

    async def _many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            await self._database.write(lambda connection: connection.executemany(sql, rows).rowcount)
