"""Which rows of a draft were paid lately.

Where a recipient has one row SQL tells; where there are several, or one was several, they are judged together
(``domain.repeats``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

from bot.domain.drafting import NO_MATCHES, EarlierBatch, Matches, StagedRow
from bot.domain.repeats import Earlier, judged
from bot.ledger import _names, _rows, _staging, matching
from bot.ledger.matching import Scope

BATCHES_SHOWN: Final = 10

_ALONE: Final = "d.draft_id = ?1 AND d.line NOT IN (SELECT value FROM json_each(?7))"
"""The rows that are judged alone."""


@dataclass(frozen=True, slots=True)
class _Several:
    """What was found of recipients of several rows."""

    amounts: Mapping[int, int]
    """Of every row of theirs, by line."""
    paid: Mapping[int, Sequence[Earlier]]
    """As ``repeats.Judged``."""
    hidden: bool
    """As ``repeats.Judged``, of any of them."""


_NONE: Final = _Several({}, {}, hidden=False)


def compare(connection: sqlite3.Connection, draft_id: int, now: int, *, days: int = matching.DAYS) -> Comparison:
    """Compare a draft with what was paid in so many days before ``now`` (Unix milliseconds)."""
    return Comparison(connection, matching.scope(connection, draft_id, now, days))


class Comparison:
    """A draft beside what was paid lately, inside somebody's transaction."""

    def __init__(self, connection: sqlite3.Connection, where: Scope | None) -> None:
        self._connection = connection
        self._where = where

    def matches(self) -> Matches:
        """The rows that were paid, summed up for a card."""
        where = self._where
        if where is None:
            return NO_MATCHES
        several = self._several
        rows, *halves = self._connection.execute(
            f"SELECT count(*), {_staging.sums_of('d.amount')} FROM draft_rows d"  # noqa: S608 # our words
            f" WHERE {_ALONE} AND EXISTS (SELECT 1 FROM {where.paid})",
            self._values(where),
        ).fetchone()
        rows += len(several.paid)
        if not rows:
            return NO_MATCHES
        total = _staging.whole(*halves) + sum(several.amounts[line] for line in several.paid)
        return Matches(rows, total, self._batches(where), self._mark(where))

    def lines(self, *, unlabelled: bool = False) -> dict[int, int]:
        """By line of a row that was paid, a batch that has it; with ``unlabelled`` one without a label only."""
        where = self._where
        if where is None:
            return {}
        also = " AND b.label IS NULL" if unlabelled else ""
        alone = self._connection.execute(
            f"SELECT d.line, max(a.batch_id) FROM draft_rows d CROSS JOIN {where.paid}{also} AND {_ALONE}"  # noqa: S608 # our words
            " GROUP BY d.line",
            self._values(where),
        )
        found: dict[int, int] = dict(alone.fetchall())
        for line, awards in self._several.paid.items():
            by = next((one.batch_id for one in awards if not (unlabelled and one.labelled)), None)
            if by is not None:
                found[line] = by
        return found

    def hides_paid_rows(self) -> bool:
        """Whether rows of a sum were paid, not all of them by one award: it can neither be sent nor left out."""
        return self._several.hidden

    @cached_property
    def _several(self) -> _Several:
        if self._where is None:
            return _NONE
        groups = _staging.duplicate_groups(self._connection, self._where.draft_id)
        amounts: dict[int, int] = {}
        paid: dict[int, Sequence[Earlier]] = {}
        hidden = False
        for group, awards in zip(groups, earlier(self._connection, self._where, groups), strict=True):
            amounts |= {row.line: row.amount for row in group}
            found = judged([row for row in group if row.unresolved is None], awards)
            paid |= found.paid
            hidden = hidden or bool(found.hidden)
        return _Several(amounts, paid, hidden)

    def _values(self, where: Scope) -> tuple[object, ...]:
        return (*where.values, _rows.as_json(list(self._several.amounts)))

    def _batches(self, where: Scope) -> tuple[EarlierBatch, ...]:
        """The newest ones, each with how many rows it has."""
        alone = self._connection.execute(
            "SELECT b.id, count(DISTINCT d.line), count(DISTINCT iif(a.state = 'applied', NULL, d.line))"  # noqa: S608 # our words
            f" FROM draft_rows d CROSS JOIN {where.paid} AND {_ALONE}"
            f" GROUP BY b.id ORDER BY b.id DESC LIMIT {BATCHES_SHOWN}",
            self._values(where),
        )
        counts = {batch_id: numbers for batch_id, *numbers in alone}
        lines: dict[int, tuple[set[int], set[int]]] = {}
        for line, awards in self._several.paid.items():
            for award in awards:
                of_batch, unsettled = lines.setdefault(award.batch_id, (set(), set()))
                of_batch.add(line)
                unsettled.update(() if award.settled else (line,))
        for batch_id, found in lines.items():
            counts[batch_id] = [sum(pair) for pair in zip(counts.get(batch_id, (0, 0)), map(len, found), strict=True)]
        shown = sorted(counts, reverse=True)[:BATCHES_SHOWN]
        return tuple(self._earlier(where, one, *counts[one]) for one in shown)

    def _earlier(self, where: Scope, batch_id: int, rows: int, unsettled: int) -> EarlierBatch:
        name, recorded_at, label, elsewhere = self._connection.execute(
            "SELECT b.actor_name, b.recorded_at, b.label, coalesce(b.server_id <> d.server_id, 0)"
            " FROM batches b, drafts d WHERE b.id = ? AND d.id = ?",
            (batch_id, where.draft_id),
        ).fetchone()
        return EarlierBatch(batch_id, _names.shown(name), recorded_at, label, rows, unsettled, bool(elsewhere))

    def _mark(self, where: Scope) -> str:
        """Pairs of a row and an award that has it, how many and how new: any further match changes it."""
        pairs, newest = self._connection.execute(
            f"SELECT count(*), max(a.id) FROM draft_rows d CROSS JOIN {where.paid} AND {_ALONE}",  # noqa: S608 # our words
            self._values(where),
        ).fetchone()
        others = [award.award_id for awards in self._several.paid.values() for award in awards]
        return f"{pairs + len(others)}-{max(newest or 0, *others, 0)}"


def left_out_mark(lines: Iterable[int]) -> str:
    """Other rows left out are another mark; none at all have none."""
    ordered = sorted(lines)
    return f"out-{len(ordered)}-{sha256(_rows.as_json(ordered).encode()).hexdigest()[:20]}" if ordered else ""


def earlier(
    connection: sqlite3.Connection, where: Scope | None, groups: Sequence[Sequence[StagedRow]]
) -> list[Sequence[Earlier]]:
    """For each group of rows for one recipient, the awards of lately that went there."""
    if where is None:
        return [()] * len(groups)
    first = [{row.recipient.key: row.line for row in group} for group in groups]
    by_line: dict[int, list[Earlier]] = {}
    found = connection.execute(
        "SELECT d.line, a.id, a.batch_id, a.amount, a.amounts, b.label IS NOT NULL, a.state = 'applied',"  # noqa: S608 # our words
        f" {matching.by_name_only(where.kind)} FROM draft_rows d CROSS JOIN {where.earlier()}"
        " AND d.draft_id = ?1 AND d.line IN (SELECT value FROM json_each(?7))",
        (*where.values, _rows.as_json([line for lines in first for line in lines.values()])),
    )
    for line, award_id, batch_id, amount, amounts, *facts in found:
        each = (amount,) if amounts is None else tuple(json.loads(amounts))
        by_line.setdefault(line, []).append(Earlier(award_id, batch_id, amount, each, *map(bool, facts)))
    together = [_together([by_line.get(line, ()) for line in lines.values()]) for lines in first]
    return [_of_others(connection, group, awards) for group, awards in zip(groups, together, strict=True)]


def _together(found: Sequence[Sequence[Earlier]]) -> Sequence[Earlier]:
    """The awards of one recipient, found by one name or another."""
    if len(found) == 1:
        return found[0]
    awards: dict[int, Earlier] = {}
    for one in (one for by_one_name in found for one in by_one_name):
        known = awards.get(one.award_id, one)
        awards[one.award_id] = one._replace(by_name=one.by_name and known.by_name)
    return list(awards.values())


def _of_others(
    connection: sqlite3.Connection, group: Sequence[StagedRow], awards: Sequence[Earlier]
) -> Sequence[Earlier]:
    """Without those that all rows of the group were owed beside."""
    if not awards or any(row.continues is None for row in group):
        return awards
    found = (
        connection.execute(matching.OWN_BATCHES.format(continued="?"), (row.continues,)).fetchall() for row in group
    )
    own = set.intersection(*({batch_id for (batch_id,) in of_row} for of_row in found))
    return [one for one in awards if one.batch_id not in own]
