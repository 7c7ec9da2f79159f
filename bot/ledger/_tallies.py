"""How many awards of a batch are in which state, and what they sum up to, without counting all of them again.

A batch of 100,000 awards is looked at many times while it is sent. Its awards are counted in parts once; what the
history says has moved since (``_replay`` reads it in the same way) tells which parts have to be counted again: one or
two for each call. The history is complete, or the ledger does not verify.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.model import Counts, Taken
from bot.domain.ranges import ranges
from bot.domain.states import AwardState
from bot.ledger.events import EventKind

PART: Final = 500
"""Awards that are counted again together."""
KEPT: Final = 256
"""Batches that are remembered."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A batch's awards by state."""

    counts: Counts
    sums: Mapping[AwardState, int]
    """Sum of amounts; states without awards are absent."""
    taken: Mapping[AwardState, Taken]
    """The deductions among them; states without any are absent."""


NOTHING_TALLIED: Final = Tally(Counts(), {}, {})

_FIGURES: Final = "count(*), sum(amount), sum(amount < 0), sum(min(amount, 0))"
_Figures = tuple[int, int, int, int]
"""Awards and the sum of their amounts, then the same of the deductions among them."""
_ByState = Mapping[str, _Figures]


@dataclass(frozen=True, slots=True)
class _Known:
    """A batch as of one entry of its history."""

    seq: int
    first: int
    parts: tuple[_ByState, ...]
    tally: Tally


class Tallies:
    """Answers within a read transaction, on whichever connection. What is remembered is replaced whole: a view that
    is older than another one still fits together."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._keeping = threading.Lock()

    def of(self, batch_ids: Sequence[int], connection: sqlite3.Connection) -> Mapping[int, Tally]:
        """By batch; batches that do not exist are absent."""
        found = {}
        for batch_id in batch_ids:
            known = self._up_to_date(connection, batch_id)
            if known is not None:
                found[batch_id] = known.tally
        return found

    def _up_to_date(self, connection: sqlite3.Connection, batch_id: int) -> _Known | None:
        before = self._known.get(batch_id)
        known = _counted(connection, batch_id) if before is None else _counted_again(connection, batch_id, before)
        if known is not None:
            self._keep(batch_id, known)
        return known

    def _keep(self, batch_id: int, known: _Known) -> None:
        with self._keeping:
            self._known.pop(batch_id, None)
            self._known[batch_id] = known
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]


def _counted(connection: sqlite3.Connection, batch_id: int) -> _Known | None:
    row = connection.execute(
        "SELECT first_award, last_award, (SELECT max(seq) FROM events WHERE batch_id = ?1) FROM batches WHERE id = ?1",
        (batch_id,),
    ).fetchone()
    if row is None:
        return None
    first, last, seq = row
    parts: list[dict[str, _Figures]] = [{} for _ in range((last - first) // PART + 1)]
    for part, state, *figures in connection.execute(
        f"SELECT (id - ?1) / ?3, state, {_FIGURES} FROM awards WHERE id BETWEEN ?1 AND ?2 GROUP BY 1, 2",  # noqa: S608 # our words
        (first, last, PART),
    ):
        parts[part][state] = _figures(figures)
    return _Known(seq or 0, first, tuple(parts), _total(parts))


def _counted_again(connection: sqlite3.Connection, batch_id: int, known: _Known) -> _Known:
    seq = known.seq
    touched: set[int] = set()
    for entry, pairs in _moves_since(connection, batch_id, seq):
        seq = entry
        for first, last in pairs:
            touched.update(range((first - known.first) // PART, (last - known.first) // PART + 1))
    if seq == known.seq:
        return known
    parts = list(known.parts)
    for part in touched:
        begin = known.first + part * PART
        found = connection.execute(
            f"SELECT state, {_FIGURES} FROM awards WHERE id BETWEEN ? AND ? AND batch_id = ? GROUP BY state",  # noqa: S608 # our words
            (begin, begin + PART - 1, batch_id),
        )
        parts[part] = {state: _figures(figures) for state, *figures in found}
    return _Known(seq, known.first, tuple(parts), _total(parts) if touched else known.tally)


def _moves_since(
    connection: sqlite3.Connection, batch_id: int, seq: int
) -> Iterator[tuple[int, Sequence[Sequence[int]]]]:
    """Entries of the batch after ``seq``, each with the awards that it moved, as pairs of first and last."""
    for entry, kind, facts, taken in connection.execute(
        "SELECT e.seq, e.kind, e.facts, t.awards FROM events e LEFT JOIN attempts t"
        " ON t.id = e.attempt_id AND e.kind = 'call-begun' WHERE e.batch_id = ? AND e.seq > ? ORDER BY e.seq",
        (batch_id, seq),
    ):
        pairs = [pair for group in json.loads(facts).get("moved", ()) for pair in group["awards"]]
        if kind == EventKind.CALL_BEGUN:
            pairs += ranges(json.loads(taken))
        yield entry, pairs


def _figures(row: Sequence[int]) -> _Figures:
    awards, amount, deductions, taken = row
    return awards, amount, deductions, taken


def _total(parts: Sequence[_ByState]) -> Tally:
    together: dict[str, _Figures] = {}
    for part in parts:
        for state, figures in part.items():
            before = together.get(state, (0, 0, 0, 0))
            together[state] = _figures([one + other for one, other in zip(before, figures, strict=True)])
    by_state = {AwardState(state): figures for state, figures in together.items()}
    return Tally(
        Counts(**{state.replace("-", "_"): figures[0] for state, figures in together.items()}),
        {state: figures[1] for state, figures in by_state.items()},
        {state: Taken(figures[2], -figures[3]) for state, figures in by_state.items() if figures[2]},
    )
