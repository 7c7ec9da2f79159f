"""Taking a batch back: the opposite of every award that landed, at most once each. SQL inside somebody's transaction.

The schema holds the rule for each award (``awards_reversed_once``, ``awards_reverse``); here it is the batch's turn.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from bot.domain.drafting import TakenBack, ToldOpposite
from bot.domain.model import Recipient, RecipientType
from bot.domain.states import COUNTS_AS_PAID, TAKEN_IN
from bot.errors import Refused
from bot.ledger import _names, _taking, events
from bot.ledger._draft_values import Draft

SOURCE: Final = "undo"

GONE: Final = "an award of this undo was taken back already, or did not land after all; nothing was sent"
GONE_HINT: Final = "Use /batch undo again to see what is left to take back."

# The same words as in the schema, so that the partial index is used.
_IN_FORCE: Final = "r.state NOT IN ('rejected', 'cancelled')"
_REVERSED: Final = (
    "EXISTS (SELECT 1 FROM awards r INDEXED BY awards_reversed_once"  # noqa: S608 # our words
    f" WHERE r.reverses = a.id AND {_IN_FORCE})"
)
_MAYBE_PAID: Final = ", ".join(f"'{state.value}'" for state in sorted(COUNTS_AS_PAID))
# Result files do not say what an undo of a lost ledger took back, but from whom how much.
_TELLING: Final = (
    "FROM awards h CROSS JOIN batches hb ON hb.id = h.batch_id WHERE h.key = a.key AND h.id > a.id"
    f" AND h.amount = -a.amount AND h.state IN ({_MAYBE_PAID}) AND hb.source = '{TAKEN_IN}'"
    " AND hb.account = b.account AND hb.currency IS b.currency"
)
_TOLD: Final = f"EXISTS (SELECT 1 {_TELLING})"
_GONE: Final = f"({_REVERSED} OR {_TOLD})"
_SHOWN: Final = 3
_OF_BATCH: Final = "batches b CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award WHERE b.id = ?1"
_UNSURE: Final = f"NOT {_taking.whole('a', 'b')}"
_TAKES_LESS: Final = f"SELECT {_taking.may_be_cut('b')} FROM batches b WHERE b.id = ?"  # noqa: S608 # our words


def stage(connection: sqlite3.Connection, draft_id: int, batch_id: int) -> TakenBack:
    """``Drafts.stage_undo``."""
    _check_batch(connection, batch_id)
    before, told, unsure, never, written_off = connection.execute(
        f"SELECT count(*) FILTER (WHERE a.state = 'applied' AND {_REVERSED}),"  # noqa: S608 # our words
        f" count(*) FILTER (WHERE a.state = 'applied' AND {_TOLD} AND NOT {_REVERSED}),"
        f" count(*) FILTER (WHERE a.state = 'applied' AND {_UNSURE} AND NOT {_GONE}),"
        " count(*) FILTER (WHERE a.state IN ('rejected', 'cancelled')),"
        f" count(*) FILTER (WHERE a.state = 'written-off') FROM {_OF_BATCH}",
        (batch_id,),
    ).fetchone()
    staged = connection.execute(
        "INSERT INTO draft_rows (draft_id, line, lines, recipient_type, recipient_value, recipient_source, key, target,"  # noqa: S608 # our words
        " amount, reason, reverses)"
        " SELECT ?2, a.line, a.lines, a.recipient_type, a.recipient_value, a.recipient_source, a.key, a.target,"
        f" -a.amount, NULL, a.id FROM {_OF_BATCH} AND a.state = 'applied' AND NOT {_UNSURE} AND NOT {_GONE}",
        (batch_id, draft_id),
    ).rowcount
    (less,) = connection.execute(_TAKES_LESS, (batch_id,)).fetchone()
    first_told = _first_told(connection, batch_id) if told else ()
    return TakenBack(staged, before, unsure, never, bool(less), told, first_told, written_off)


def _first_told(connection: sqlite3.Connection, batch_id: int) -> tuple[ToldOpposite, ...]:
    found = connection.execute(
        "SELECT a.recipient_type, a.recipient_value, a.recipient_source, -a.amount,"  # noqa: S608 # our words
        f" (SELECT min(h.batch_id) {_TELLING}) FROM {_OF_BATCH} AND a.state = 'applied' AND {_TOLD}"
        f" AND NOT {_REVERSED} ORDER BY a.id LIMIT {_SHOWN}",
        (batch_id,),
    )
    return tuple(
        ToldOpposite(Recipient(RecipientType(type_), value, source), amount, of)
        for type_, value, source, amount, of in found
    )


def check(connection: sqlite3.Connection, draft: Draft) -> None:
    """The last look before an undo is recorded. Raises ``Refused``; does nothing for other drafts."""
    if draft.source != SOURCE:
        return
    assert draft.parent_id is not None  # an undo is of a batch
    _check_batch(connection, draft.parent_id)
    first = connection.execute(
        "SELECT b.id, b.actor_name, b.recorded_at FROM draft_rows d"  # noqa: S608 # our words
        f" CROSS JOIN awards r INDEXED BY awards_reversed_once ON r.reverses = d.reverses AND {_IN_FORCE}"
        " JOIN batches b ON b.id = r.batch_id WHERE d.draft_id = ? LIMIT 1",
        (draft.id,),
    ).fetchone()
    if first is not None:
        by, name, at = first
        raise Refused(
            f"{_names.shown(name)} took awards of batch {draft.parent_id} back already, on {events.moment(at)} in batch"
            f" {by}; nothing was sent",
            hint=GONE_HINT,
        )


def _check_batch(connection: sqlite3.Connection, batch_id: int) -> None:
    """An undo is of a batch that is over and of which everything is known."""
    source, state = connection.execute("SELECT source, state FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if source == SOURCE:
        raise Refused(
            f"batch {batch_id} took points back itself and is not undone; nothing was sent",
            hint="Send the awards anew with /award or /bulk.",
        )
    if source == TAKEN_IN:
        raise Refused(
            f"batch {batch_id} was taken in from a result file, so what was really sent is not known here;"
            " nothing was taken back",
            hint="Take points back with /award or /bulk and negative amounts.",
        )
    doubts, unfinished = connection.execute(
        "SELECT count(*) FILTER (WHERE a.state = 'unknown'), count(*) FILTER (WHERE a.state IN ('planned', 'sending'))"  # noqa: S608 # our words
        f" FROM {_OF_BATCH}",
        (batch_id,),
    ).fetchone()
    if state in ("open", "paused") or unfinished:
        raise Refused(
            f"batch {batch_id} is not over; nothing was taken back", hint="Stop it with /batch stop, then undo it."
        )
    if doubts:
        raise Refused(
            f"{'1 award' if doubts == 1 else f'{doubts:,} awards'} of batch {batch_id}"
            f" {'is' if doubts == 1 else 'are'} in doubt, so nobody knows what there is to take back;"
            " nothing was sent",
            hint="Settle them with /batch resolve first.",
        )
