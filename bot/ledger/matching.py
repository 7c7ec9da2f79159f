"""Paying twice by habit, caught row by row: which rows of a draft were paid, or are being paid, lately."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.drafting import NO_MATCHES, AddedUp, EarlierBatch, Matches
from bot.domain.model import Duplicates, ProviderKind
from bot.domain.states import COUNTS_AS_PAID
from bot.ledger import _names, _rows, _staging, _taking

DAYS: Final = 30
BATCHES_SHOWN: Final = 10
LEFT_OUT: Final = "not sent again: the same is in batch {batch}"

_STATES: Final = ", ".join(f"'{state.value}'" for state in sorted(COUNTS_AS_PAID))

_STANDS: Final = (
    f"a.state IN ({_STATES}) AND a.reverses IS NULL AND NOT EXISTS (SELECT 1 FROM awards r INDEXED BY"  # noqa: S608 # our words
    " awards_reversed_once CROSS JOIN batches rb ON rb.id = r.batch_id WHERE r.reverses = a.id"
    " AND r.state NOT IN ('rejected', 'cancelled') AND r.state = 'applied'{whole})"
)
STANDS: Final = _STANDS.format(whole="")
"""Whether award ``a`` counts as paid: it was, or may be, and was not taken back. An undo under way may still be
refused, and what only took an award back was no payment."""
STANDS_IN_PART: Final = _STANDS.format(whole=f" AND {_taking.whole('r', 'rb')}")
"""The same, also where an undo landed that may not have taken everything back."""

# CROSS JOIN keeps SQLite to this order: from the draft's row through an index to that recipient's awards.
# Awards have ascending ids, so the oldest batch that counts bounds the search from below.
# A row without anybody to send to pays nothing, so nothing stands in its way.
_PAID: Final = (
    " awards a CROSS JOIN batches b ON b.id = a.batch_id"
    f" WHERE {{who}} AND d.unresolved IS NULL AND a.id >= ?2 AND {{which}} AND {STANDS}"
    " AND (b.account = ?3 OR b.programme = ?6) AND b.currency IS ?4 AND b.recorded_at >= ?5"
)

# Rows that are not added up here may have been one award, when the same file was read in another way: earlier awards of
# several rows that are worth what all rows of their recipient are worth together, or as many neighbours among them.
# (No name in here ends in "d": see ``find``.)
_TOGETHER: Final = (
    " OR a.id IN (SELECT earlier.id FROM (SELECT key, total(amount * coalesce(json_array_length(lines), 1)) AS amount"
    " FROM draft_rows WHERE draft_id = ?1 GROUP BY key HAVING count(*) > 1 OR count(lines) > 0) alike"
    " CROSS JOIN awards earlier ON earlier.key = alike.key AND earlier.lines IS NOT NULL"
    " AND earlier.amount = alike.amount)"
    " OR (a.id, d.line) IN (WITH row AS MATERIALIZED (SELECT key, line, amount, row_number() OVER upto AS n,"
    " total(amount) OVER upto AS amounts FROM draft_rows WHERE draft_id = ?1 AND key IN (SELECT key FROM draft_rows"
    " WHERE draft_id = ?1 GROUP BY key HAVING count(*) > 1) WINDOW upto AS (PARTITION BY key ORDER BY line)),"
    " sums AS MATERIALIZED (SELECT earlier.id, earlier.key, earlier.amount, json_array_length(earlier.lines) AS size"
    " FROM (SELECT DISTINCT key FROM row) alike CROSS JOIN awards earlier ON earlier.key = alike.key"
    " AND earlier.lines IS NOT NULL AND earlier.id >= ?2)"
    # Where the next run ends is looked up once for each row; to walk through every run costs the square of the rows.
    " SELECT id, line FROM (SELECT sums.id, highest.line, highest.n, sums.size,"
    " min(iif(lowest.n IS NULL, NULL, highest.n)) OVER (PARTITION BY sums.id ORDER BY highest.n DESC) AS upto"
    " FROM sums CROSS JOIN row highest ON highest.key = sums.key"
    " LEFT JOIN row lowest ON lowest.key = sums.key AND lowest.n = highest.n - sums.size + 1"
    " AND highest.amounts - lowest.amounts + lowest.amount = sums.amount) WHERE upto - n < size)"
)


def namesake(kind: str, programme: str) -> str | None:
    """The programme whose batches went to the same account, whatever the ledger has for that, where a new key of the
    same account is not known for what it is. ``None``: the account tells."""
    return programme if ProviderKind(kind).traits.known_by_key else None


def same_recipient(kind: str) -> str:
    """SQL: award ``a`` of batch ``b`` went to the recipient of the draft's row ``d``, by name or, where a target is a
    person, by target. ``kind``: of the draft's provider."""
    traits = ProviderKind(kind).traits
    if not traits.names_people:
        return "a.key = d.key"
    # Awards to recipients whose value is the target are found by their keys (see the index awards_by_target).
    keys = ", ".join(("d.key", *(f"'{one}:' || d.target" for one in traits.written_as_paid)))
    return (
        f"(a.key IN ({keys}) OR (a.target = d.target AND a.target <> a.recipient_value))"
        f" AND (a.key = d.key OR (a.target = d.target AND b.kind = '{kind}'))"
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: the awards of one account and currency since a moment."""

    draft_id: int
    account: str
    currency: str | None
    since: int
    """Unix milliseconds."""
    first_award: int
    """No award below this id can match."""
    kind: str
    """The provider kind: only awards of the same one have targets to compare with."""
    programme: str | None
    """See ``namesake``."""
    adds_up: bool = True
    """The draft's rows for one recipient were added up."""
    awards_seen: int = 0
    """The newest award of all when that was about to be done."""

    @property
    def paid(self) -> str:
        """SQL of the awards that stand in the way of the draft's row ``d``."""
        return self._earlier(f"(a.amount = d.amount{'' if self.adds_up else _TOGETHER})")

    @property
    def added_up(self) -> str:
        """SQL of the awards of several rows that went to the recipient of the draft's row ``d``."""
        return self._earlier("a.lines IS NOT NULL")

    @property
    def paid_since(self) -> str:
        """SQL of the awards behind ``?7`` that went to the recipient of the draft's row ``d``."""
        return self._earlier("a.id > ?7")

    def _earlier(self, which: str) -> str:
        return _PAID.format(who=same_recipient(self.kind), which=which)

    @property
    def values(self) -> tuple[int, int, str, str | None, int, str | None]:
        """For ``?1`` to ``?6``."""
        return self.draft_id, self.first_award, self.account, self.currency, self.since, self.programme


def scope(connection: sqlite3.Connection, draft_id: int, now_ms: int, days: int) -> Scope | None:
    """What the draft has to be compared with; ``None`` when nothing was recorded for its account lately.

    Also ``None`` for an undo: it pays nobody for anything, and is held to once an award by its own rule.
    """
    since = now_ms - days * 24 * 3600 * 1000
    row = connection.execute(
        "SELECT d.kind, d.account, d.currency, d.programme, coalesce(d.request ->> 'duplicates', ''),"
        " d.awards_seen FROM drafts d WHERE d.id = ? AND d.source <> 'undo'",
        (draft_id,),
    ).fetchone()
    if row is None:
        return None
    kind, account, currency, programme, duplicates, awards_seen = row
    named = namesake(kind, programme)
    (first,) = connection.execute(
        "SELECT min(first_award) FROM batches WHERE (account = ? OR programme = ?) AND currency IS ?"
        " AND recorded_at >= ?",
        (account, named, currency, since),
    ).fetchone()
    if first is None:
        return None
    adds_up = duplicates not in (Duplicates.APART, Duplicates.ONCE)
    return Scope(draft_id, account, currency, since, first, kind, named, adds_up, awards_seen)


def find(connection: sqlite3.Connection, where: Scope | None) -> Matches:
    """The rows that match, summed up for a card."""
    if where is None:
        return NO_MATCHES
    matched = f"draft_id = ?1 AND EXISTS (SELECT 1 FROM {where.paid.replace('d.', 'draft_rows.')})"  # noqa: S608 # our words
    (rows,) = connection.execute(f"SELECT count(*) FROM draft_rows WHERE {matched}", where.values).fetchone()  # noqa: S608 # our words
    if not rows:
        return NO_MATCHES
    total, _ = _staging.sums(connection, matched, where.values)
    batches = connection.execute(
        "SELECT b.id, b.actor_name, b.recorded_at, b.label, count(DISTINCT d.line),"  # noqa: S608 # our words
        " count(DISTINCT iif(a.state = 'applied', NULL, d.line)) FROM draft_rows d CROSS JOIN"
        f"{where.paid} AND d.draft_id = ?1 GROUP BY b.id ORDER BY b.id DESC LIMIT {BATCHES_SHOWN}",
        where.values,
    )
    earlier = tuple(EarlierBatch(batch_id, _names.shown(name), *rest) for batch_id, name, *rest in batches)
    return Matches(rows, total, earlier, _mark(connection, where))


def _mark(connection: sqlite3.Connection, where: Scope) -> str:
    """Pairs of a row and an award that it matches, how many and how new: any further match changes it."""
    pairs, newest = connection.execute(
        f"SELECT count(*), max(a.id) FROM draft_rows d CROSS JOIN {where.paid} AND d.draft_id = ?1",  # noqa: S608 # our words
        where.values,
    ).fetchone()
    return f"{pairs}-{newest}"


def lines(connection: sqlite3.Connection, where: Scope | None, *, unlabelled: bool = False) -> dict[int, int]:
    """By line of a matched row, the newest batch that it matches; with ``unlabelled`` of those without a label only."""
    if where is None:
        return {}
    also = "AND b.label IS NULL " if unlabelled else ""
    found = connection.execute(
        f"SELECT d.line, max(a.batch_id) FROM draft_rows d CROSS JOIN {where.paid} {also}"  # noqa: S608 # our words
        "AND d.draft_id = ?1 GROUP BY d.line",
        where.values,
    )
    return dict(found.fetchall())


def has_old_sums(connection: sqlite3.Connection, where: Scope | None) -> bool:
    """Whether rows were added up before an award to their recipient was recorded: it may be worth what one of them was,
    and the sum does not show that."""
    if where is None or not where.adds_up:
        return False
    (found,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM draft_rows d CROSS JOIN"  # noqa: S608 # our words
        f"{where.paid_since} AND d.draft_id = ?1 AND d.lines IS NOT NULL AND d.continues IS NULL)",
        (*where.values, where.awards_seen),
    ).fetchone()
    return bool(found)


def added_up(connection: sqlite3.Connection, where: Scope | None, of_lines: Sequence[int]) -> dict[int, list[AddedUp]]:
    """By line of a row, the awards of several rows that its recipient got lately."""
    if where is None:
        return {}
    found = connection.execute(
        "SELECT d.line, a.id, a.amount, json_array_length(a.lines) FROM draft_rows d CROSS JOIN"  # noqa: S608 # our words
        f"{where.added_up} AND d.draft_id = ?1 AND d.line IN (SELECT value FROM json_each(?7))",
        (*where.values, _rows.as_json(list(of_lines))),
    )
    earlier: dict[int, list[AddedUp]] = {}
    for line, *award in found:
        earlier.setdefault(line, []).append(AddedUp(*award))
    return earlier
