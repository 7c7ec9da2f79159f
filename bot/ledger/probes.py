"""Test calls of ``doctor --probe``: no call leaves without a recorded intent, and none is forgotten."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.model import ProviderKind
from bot.domain.probing import Fate, Leg, Purse
from bot.ledger import _rows, events, halts, restorations
from bot.ledger.database import Database
from bot.ledger.events import EventKind

SEED: Final = "evidence:seed"
"""The name of a call that gives a place of the operator its first point, which is not taken back."""

_FORGET_BALANCES: Final = """
UPDATE balances SET balance = NULL, at = ?1
WHERE purse_id IN (SELECT id FROM purses WHERE account = ?3) AND holder IN (
  SELECT value FROM json_each(?2)
  UNION ALL SELECT drip_id FROM members WHERE account = ?3 AND key IN (SELECT value FROM json_each(?2))
  UNION ALL SELECT key FROM members WHERE account = ?3 AND drip_id IN (SELECT value FROM json_each(?2)))
"""
"""One balance can have two names: a member's drip id, and a login that pays into the same account."""


_LOOSE_ENDS: Final = """
SELECT p.id, p.name, p.rows, p.fate FROM probes p WHERE p.account = ?1 AND p.kind = ?2 AND (
  p.ended_at IS NULL
  OR p.id = (SELECT max(id) FROM probes WHERE account = ?1 AND kind = ?2) AND CASE
    WHEN p.name LIKE '%:back' THEN p.fate <> 'done'
    ELSE p.name <> 'evidence:seed' AND p.fate IN ('done', 'unclear') AND NOT EXISTS (
      SELECT 1 FROM capabilities c
      WHERE c.account = ?1 AND c.kind = ?2 AND c.name = p.name AND c.probed_at >= p.ended_at)
  END)
ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class LooseEnd:
    """A test call that may have left something behind."""

    id: int
    name: str
    legs: tuple[Leg, ...]
    answered: bool
    """There was an answer, but perhaps no way back."""


class Probes:
    """Test calls, by account."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, account: str, kind: ProviderKind, name: str, legs: Sequence[Leg]) -> int:
        """Record that a call is about to leave; its number. What was known of its recipients' balances is dropped:
        a later doubt about an award must not be judged by a balance from before the probe."""
        now = milliseconds(self._clock.now())
        rows = json.dumps([[leg.purse.holder, leg.purse.currency, leg.amount] for leg in legs])
        holders = json.dumps(sorted({leg.purse.holder for leg in legs}))

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(_FORGET_BALANCES, (now, holders, account))
            cursor = connection.execute(
                "INSERT INTO probes (account, kind, name, rows, sent_at) VALUES (?, ?, ?, ?, ?)",
                (account, kind.value, name, rows, now),
            )
            assert cursor.lastrowid is not None  # an INSERT that did not raise
            events.append(connection, now, EventKind.PROBE_BEGUN, rows=[("probes", (cursor.lastrowid,))])
            return cursor.lastrowid

        return await self._database.write(work)

    async def end(self, probe_id: int, fate: Fate, answer: Mapping[str, object]) -> None:
        """Record what came of it. A second end of one call is refused by the database."""
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE probes SET ended_at = ?, fate = ?, answer = ? WHERE id = ?",
                (now, fate.value, _rows.as_json(answer), probe_id),
            )
            events.append(connection, now, EventKind.PROBE_ENDED, rows=[("probes", (probe_id,))])

        await self._database.write(work)

    async def loose_ends(self, account: str, kind: ProviderKind) -> Sequence[LooseEnd]:
        """Calls that nobody saw the end of (the process died while they were on their way), oldest first; and the
        newest call, when it may have been carried out without being taken back, or was to take one back in vain."""

        def work(connection: sqlite3.Connection) -> list[LooseEnd]:
            found = connection.execute(_LOOSE_ENDS, (account, kind.value)).fetchall()
            return [LooseEnd(number, name, _legs(rows), fate is not None) for number, name, rows, fate in found]

        return await self._database.read(work)

    async def check_allowed(self) -> None:
        """Raises ``Refused`` while everything is stopped, or the ledger waits to be signed off."""

        def work(connection: sqlite3.Connection) -> None:
            halts.refuse(connection, None)
            restorations.refuse(connection)

        await self._database.read(work)

    async def awards_open(self, account: str, keys: Sequence[str], targets: Sequence[str]) -> int:
        """Awards on their way to, or in doubt about, these recipients at this account: a probe would spoil the
        evidence that they are judged by."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute(
                "SELECT count(*) FROM batches b JOIN awards a ON a.batch_id = b.id"
                " WHERE b.account = ? AND a.state IN ('sending', 'unknown')"
                " AND (a.key IN (SELECT value FROM json_each(?)) OR a.target IN (SELECT value FROM json_each(?)))",
                (account, json.dumps(list(keys)), json.dumps(list(targets))),
            ).fetchone()
            return int(count)

        return await self._database.read(work)


def _legs(rows: str) -> tuple[Leg, ...]:
    return tuple(Leg(Purse(holder, currency), amount) for holder, currency, amount in json.loads(rows))
