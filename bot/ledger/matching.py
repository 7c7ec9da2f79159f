"""Paying twice by habit, caught row by row: with which awards the rows of a draft are compared, as SQL."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from bot.domain.model import ProviderKind
from bot.domain.states import COUNTS_AS_PAID
from bot.ledger import _taking

DAYS: Final = 30
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


OWN_BATCHES: Final = (
    "WITH RECURSIVE chain (batch_id, next) AS (SELECT o.batch_id, o.continues FROM awards o WHERE o.id = {continued}"
    " UNION ALL SELECT o.batch_id, o.continues FROM chain JOIN awards o ON o.id = chain.next)"
    " SELECT batch_id FROM chain"
)
"""SQL of the batches that have an award, or one that it continues. What a row that continues it pays was owed beside
every other award there: they were awards of their own then, however alike, and are none that it repeats."""


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


def by_name_only(kind: str) -> str:
    """SQL: nothing but what row ``d`` calls its recipient tells that award ``a`` of batch ``b`` went there."""
    if not ProviderKind(kind).traits.names_people:
        return "1"
    return f"NOT coalesce(a.target = d.target AND b.kind = '{kind}', 0)"


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

    @property
    def paid(self) -> str:
        """SQL of the awards that have the draft's row ``d``. It is the only row of its recipient: see ``comparing``."""
        return self.earlier(
            "(a.amount = d.amount OR d.amount IN (SELECT value FROM json_each(a.amounts)))"  # noqa: S608 # our words
            f" AND (d.continues IS NULL OR a.batch_id NOT IN ({OWN_BATCHES.format(continued='d.continues')}))"
        )

    def earlier(self, which: str = "true") -> str:
        """SQL of the awards ``a`` that went to the recipient of the draft's row ``d``."""
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
        "SELECT kind, account, currency, programme FROM drafts WHERE id = ? AND source <> 'undo'", (draft_id,)
    ).fetchone()
    if row is None:
        return None
    kind, account, currency, programme = row
    named = namesake(kind, programme)
    (first,) = connection.execute(
        "SELECT min(first_award) FROM batches WHERE (account = ? OR programme = ?) AND currency IS ?"
        " AND recorded_at >= ?",
        (account, named, currency, since),
    ).fetchone()
    if first is None:
        return None
    return Scope(draft_id, account, currency, since, first, kind, named)
