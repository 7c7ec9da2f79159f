"""Awards that go to Gameball one by one, each under a transaction id of its own that the service takes only once.

They are in the odd lots of a Gameball batch, so that the ledger says the same after every crash and whatever becomes of
the settings: once an award was sent under its id, it never goes by a job. The id is made of what the ledger will always
say of the award, and of when its batch was recorded: a ledger that was put back from a copy gives the same award id to
another award, which must not be taken for one that was paid.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from typing import Final

from bot.domain.calls import Item
from bot.domain.judging import NAMED
from bot.domain.model import ProviderKind
from bot.domain.promises import TAKEN_ONCE
from bot.domain.ranges import ranges
from bot.ledger import _kinds, halts, restorations

PROVED: Final = (
    "EXISTS (SELECT 1 FROM capabilities c WHERE c.account = b.account AND c.kind = b.kind"  # noqa: S608 # our words
    f" AND c.name = '{TAKEN_ONCE.name}' AND c.value = '{TAKEN_ONCE.value}')"
)
"""Whether a probe showed for the account of batch ``b`` that one id twice is refused."""


ONCE: Final = "once"
"""Name of what a call's expectation says where its award goes under its id. The lot does not tell: an award may have
been set apart since the call."""

MOST_REPEATS: Final = 6
"""Calls for one award, the first included, before other evidence has to tell."""

MAY_REPEAT: Final = (
    f"b.kind IN {_kinds.TAKING_IDS_ONCE} AND a.lot % 2 = 1 AND a.attempts < {MOST_REPEATS}"
    " AND b.state IN ('open', 'finished')"
    f" AND coalesce(t.evidence ->> 'refused', t.evidence ->> '{NAMED}', 0) = 0 AND {PROVED}"
    f" AND NOT {halts.IN_FORCE} AND NOT {restorations.IN_FORCE} AND NOT {restorations.SINCE_CALL}"
)
"""Whether award ``a`` in doubt, of batch ``b`` and attempt ``t``, may simply be sent again. A refusal of the last call
tells nothing of the one before, and would come again; of one that was named by its answer it would be told that its id
is taken. Another ledger may have seen it refused, and have paid it by an award with an id of its own."""


def is_once(kind: str, lot: int) -> bool:
    """Whether awards of this lot go one by one, under their ids."""
    return ProviderKind(kind).traits.takes_ids_once and lot % 2 == 1


def named(connection: sqlite3.Connection, batch_id: int, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with the ids under which the service takes them."""
    ledger, recorded_at = connection.execute(
        "SELECT l.id, b.recorded_at FROM ledger l, batches b WHERE b.id = ?", (batch_id,)
    ).fetchone()
    mark = sha256(f"{ledger} {batch_id} {recorded_at}".encode()).hexdigest()[:16]
    return tuple(item._replace(transaction_id=f"bursar-{item.award_id}-{mark}") for item in items)


_PLANNED: Final = (
    "batch_id = ?1 AND state = 'planned' AND lot % 2 = 0 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))"
)


def set_apart(
    connection: sqlite3.Connection, batch_id: int, most: int, awards: Sequence[int] | None = None
) -> list[object]:
    """Let planned awards of a Gameball batch (all of them, or these) go one by one from now on, if they are no more
    than ``most`` and the service was proved to take an id only once. Each changed lot with its awards, for the history.
    """
    named = None if awards is None else json.dumps(list(awards))
    allowed = (
        most > 0
        and connection.execute(
            f"SELECT b.kind IN {_kinds.TAKING_IDS_ONCE} AND {PROVED}"  # noqa: S608 # our words
            f" AND (SELECT count(*) FROM (SELECT 1 FROM awards WHERE {_PLANNED} LIMIT ?3 + 1)) <= ?3"
            " FROM batches b WHERE b.id = ?1",
            (batch_id, named, most),
        ).fetchone()[0]
    )
    if not allowed:
        return []
    moved = connection.execute(
        f"UPDATE awards SET lot = lot + 1 WHERE {_PLANNED} RETURNING lot, id",  # noqa: S608 # our words
        (batch_id, named),
    ).fetchall()
    connection.execute(
        "UPDATE batches SET last_lot = max(last_lot, (SELECT max(lot) FROM awards WHERE batch_id = ?1"
        " AND state = 'planned')) WHERE id = ?1",
        (batch_id,),
    )
    moved.sort()
    return [[lot, ranges(one for _, one in of_lot)] for lot, of_lot in groupby(moved, key=lambda row: row[0])]
