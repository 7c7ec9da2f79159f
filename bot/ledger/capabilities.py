"""What probes found out about a service, by account and kind of programme."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from bot.clock import Clock, milliseconds
from bot.domain.model import ProviderKind
from bot.domain.promises import Known
from bot.domain.shown import Shown
from bot.ledger import _rows, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind


class Capabilities:
    """One answer a question; a later one replaces it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, account: str, kind: ProviderKind) -> Mapping[str, Known]:
        """Every stored answer, by the name of its question."""

        return await self._database.read(lambda c: _known(c, account, kind))

    async def shown(self, account: str) -> Shown:
        """What of them a call to the account depends on."""
        found = await self._database.read(lambda c: _values(c, account))

        def of(kind: ProviderKind) -> Mapping[str, str]:
            return {name: value for of_kind, name, value in found if of_kind == kind.value}

        return Shown(of(ProviderKind.DRIP_MEMBERS), of(ProviderKind.DRIP_CREDENTIALS))

    async def store(
        self, account: str, kind: ProviderKind, name: str, value: str, evidence: Mapping[str, object]
    ) -> Known:
        """Store an answer with the time of now; the earlier one is replaced."""
        now = milliseconds(self._clock.now())
        row = (account, kind.value, name, value, _rows.as_json(evidence), now)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO capabilities VALUES (?, ?, ?, ?, ?, ?)", row)
            events.append(connection, now, EventKind.CAPABILITY_FOUND, rows=[("capabilities", row[:3])])

        await self._database.write(work)
        return Known(name, value, evidence, now)

    async def forget(self, account: str, kind: ProviderKind, name: str) -> None:
        """Drop an answer that a later probe could not confirm: from now on the worst is assumed again."""
        now = milliseconds(self._clock.now())
        key = (account, kind.value, name)

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute("DELETE FROM capabilities WHERE account = ? AND kind = ? AND name = ?", key)
            if gone.rowcount:
                events.append(connection, now, EventKind.CAPABILITY_FORGOTTEN, rows=[("capabilities", key)])

        await self._database.write(work)


def _known(connection: sqlite3.Connection, account: str, kind: ProviderKind) -> dict[str, Known]:
    found = connection.execute(
        "SELECT name, value, evidence, probed_at FROM capabilities WHERE account = ? AND kind = ? ORDER BY name",
        (account, kind.value),
    )
    return {name: Known(name, value, json.loads(evidence), at) for name, value, evidence, at in found}


def _values(connection: sqlite3.Connection, account: str) -> list[tuple[str, str, str]]:
    """Kind, question and answer. Asked for before every call, so without the evidence."""
    return connection.execute("SELECT kind, name, value FROM capabilities WHERE account = ?", (account,)).fetchall()
