"""Heads of the history that were posted, by server and day; and what a day brought."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.clock import Clock, milliseconds
from bot.ledger import _rows, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind
from bot.ledger.receipts import Entry


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What happened in a server, or on the command line, in a stretch of time."""

    entries: int
    """Of the whole ledger's history."""
    batches: int
    paid: int
    refused: int
    in_doubt: int
    """Of those that changed then, still."""


class Heads:
    """Which heads stand in a channel."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def last_day(self, server_id: str) -> str | None:
        """The newest day whose head was posted in a server, as ``2026-11-29``."""

        def look(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT facts FROM events WHERE kind = 'head-posted' AND server_id = ? ORDER BY seq DESC LIMIT 1",
                (server_id,),
            ).fetchone()
            return None if row is None else str(_rows.mapping(row[0])["day"])

        return await self._database.read(look)

    async def posted(self, server_id: str, day: str, head: Entry, message_id: str) -> None:
        """A head stands in the server's staff channel."""
        now = milliseconds(self._clock.now())
        facts = {"day": day, "seq": head.seq, "head": head.hash, "message": message_id}
        await self._database.write(
            lambda c: events.append(c, now, EventKind.HEAD_POSTED, server_id=server_id, facts=facts)
        )

    async def counts(self, server_id: str, since: int, until: int) -> DayCounts:
        """Between two moments (Unix milliseconds; the second is outside)."""
        return await self._database.read(lambda c: _counts(c, server_id, since, until))


def _counts(connection: sqlite3.Connection, server_id: str, since: int, until: int) -> DayCounts:
    (entries,) = connection.execute("SELECT count(*) FROM events WHERE at >= ? AND at < ?", (since, until)).fetchone()
    of_server = "(b.server_id IS NULL OR b.server_id = ?1)"
    (batches,) = connection.execute(
        f"SELECT count(*) FROM batches b WHERE {of_server} AND b.recorded_at >= ?2 AND b.recorded_at < ?3",  # noqa: S608 # our words
        (server_id, since, until),
    ).fetchone()
    changed = dict(
        connection.execute(
            "SELECT a.state, count(*) FROM"  # noqa: S608 # our words
            " (SELECT DISTINCT batch_id FROM events WHERE at >= ?2 AND batch_id IS NOT NULL) t"
            f" CROSS JOIN batches b ON b.id = t.batch_id AND {of_server}"
            " CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award"
            " WHERE a.changed_at >= ?2 AND a.changed_at < ?3 GROUP BY a.state",
            (server_id, since, until),
        ).fetchall()
    )
    return DayCounts(entries, batches, changed.get("applied", 0), changed.get("rejected", 0), changed.get("unknown", 0))
