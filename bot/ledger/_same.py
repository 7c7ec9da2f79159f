"""Whether an award of a lost ledger is the one that this ledger has under the same number.

It is, of what was recorded before the copy was made. A ledger that went on by itself gave the same numbers to other
awards, perhaps to the same people for the same amount: then only times tell them apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.states import FINAL
from bot.domain.testimony import Told
from bot.ledger.events import EventKind

SECOND: int = 1000
"""Milliseconds: how exactly a result file tells a time."""


@dataclass(frozen=True, slots=True)
class Here:
    """An award as this ledger has it."""

    id: int
    key: str
    amount: int
    merged: bool
    """Several rows became this award, which may each have named the recipient in another way."""
    state: str
    batch_id: int
    server_id: str | None
    recorded_at: int
    changed_at: int


def here(connection: sqlite3.Connection, award_id: int) -> Here:
    """The award of this number."""
    key, amount, lines, *rest = connection.execute(
        "SELECT a.key, a.amount, a.lines, a.state, a.batch_id, b.server_id, b.recorded_at, a.changed_at FROM awards a"
        " JOIN batches b ON b.id = a.batch_id WHERE a.id = ?",
        (award_id,),
    ).fetchone()
    return Here(award_id, key, amount, lines is not None, *rest)


def shared_up_to(connection: sqlite3.Connection) -> int:
    """The highest number that surely means the same award there: what a copy had when ``restore`` put it in place.
    Nothing of a ledger that was only found to be an older one, which may have gone on before that."""
    first = connection.execute("SELECT why FROM restorations ORDER BY id LIMIT 1").fetchone()
    if first is None or first[0] != "restored":
        return 0
    (last,) = connection.execute(
        "SELECT coalesce(max(b.last_award), 0) FROM batches b WHERE b.id IN (SELECT batch_id FROM events WHERE"
        " kind = 'batch-recorded' AND seq < (SELECT min(seq) FROM events WHERE kind = ?))",
        (EventKind.LEDGER_RESTORED.value,),
    ).fetchone()
    return int(last)


def verdicts(pairs: Iterable[tuple[Told, Here]], vouched: bool | None) -> Mapping[int, bool | None]:
    """For the awards of one file, by their number: whether it means the same award; ``None``: nobody can tell.

    The awards of a result file are of one batch there (an export says it of each). So what is proved of one of them is
    so of all that would be in one batch here. ``vouched``: what a person says of those of which nothing is proved.
    """
    by_batch: dict[int, dict[int, bool | None]] = {}
    for told, found in pairs:
        by_batch.setdefault(found.batch_id, {})[found.id] = _is_same(told, found)
    result: dict[int, bool | None] = {}
    for batch in by_batch.values():
        proved = {one for one in batch.values() if one is not None}
        rest = vouched if len(proved) != 1 else next(iter(proved))
        result |= {number: rest if one is None else one for number, one in batch.items()}
    return result


def _is_same(told: Told, found: Here) -> bool | None:
    if told.recorded_at is not None:
        return told.recorded_at == found.recorded_at
    if told.at is None:
        return None
    if told.at + SECOND <= found.recorded_at:
        return False  # it was settled there before this one was recorded
    alike = told.state in FINAL and told.state.value == found.state and found.key in told.keys
    if alike and told.at // SECOND == found.changed_at // SECOND:
        return True  # settled in the same moment, before the two ledgers parted
    return None
