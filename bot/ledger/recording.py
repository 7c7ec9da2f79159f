"""The one SQL transaction that turns a confirmed draft into a batch."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.clock import Clock, milliseconds
from bot.ledger import _balances, _once, _recording, approvals, events, restorations
from bot.ledger._judging import Confirmation, StaleMatches, StaleSums, judge
from bot.ledger.database import Database
from bot.ledger.events import EventKind

__all__ = ["Confirmation", "Recorded", "Recording", "StaleMatches", "StaleSums"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A batch that now is in the ledger."""

    batch_id: int
    awards: int
    total: int
    skipped: int
    """Rows left out because they were paid lately."""
    rejected: int
    """Awards that were recorded as rejected because nobody could be found to send to."""


class Recording:
    """Drafts become batches here and nowhere else."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record_batch(self, draft_id: int, confirmation: Confirmation) -> Recorded:
        """Record the draft as a batch with every award ``planned`` (or ``rejected`` where unresolved). All or nothing.

        In one transaction: the draft is READY, unexpired and has the confirmed content hash; matches with the last 30
        days are judged again (``StaleMatches`` unless ``again``, ``skip_matched`` or ``matches_are_harmless`` cover
        them); continued awards are not live elsewhere; limits hold; batch, awards, left-out rows, an event
        ``batch-recorded`` with the confirmation's choices, the draft's state. Awards get lots: 0 for the first of each
        target, 2 for the second and so on, plus 1 where they go to another endpoint: the target begins with
        ``credential:``, or a small Gameball batch goes one by one (``_once``).

        A row that continues an award which was continued already (and refused again) is recorded as continuing the last
        one of that chain.

        Nothing is recorded while the server is stopped (``halts``), above a budget (``budgets``), or without the
        leave of a second person where the server asks for it (``approvals``).

        Raises ``ApprovalNeeded``, ``DraftGone`` (its ``batch_id`` says who was first), ``Refused``, ``LimitExceeded``,
        ``StaleMatches``, ``StaleSums``.
        """
        now = milliseconds(self._clock.now())
        return await self._database.write(lambda connection: _record(connection, draft_id, confirmation, now))


def _record(connection: sqlite3.Connection, draft_id: int, confirmation: Confirmation, now: int) -> Recorded:
    judged = judge(connection, draft_id, confirmation, now)
    draft, skipped, sums = judged.draft, judged.skipped, judged.sums
    restorations.refuse(connection)
    approval = approvals.check(connection, judged, confirmation, now)
    _recording.follow_chains(connection, draft_id)
    choice = {
        "good_rows": confirmation.good_rows,
        "skip_matched": confirmation.skip_matched,
        "again": confirmation.again,
        "matches_are_harmless": confirmation.matches_are_harmless,
        "skipped": len(skipped),
        "prepared_by": draft.actor.name,
        "prepared_by_id": draft.actor.id,
    }
    if confirmation.difference:
        choice["difference"] = True
    if approval is not None:
        choice |= {
            "approval": approval.id,
            "approved_by": approval.decided_by,
            "approved_by_id": approval.decided_by_id,
        }
    starts_at = now + round(confirmation.start_delay_seconds * 1000)
    batch_id = _recording.insert_batch(connection, draft_id, confirmation.actor, choice, sums, now, starts_at)
    _recording.insert_awards(connection, draft_id, batch_id, judged.skipped_lines, now)
    _once.set_apart(connection, batch_id, confirmation.once_up_to)
    _balances.make_room(connection, batch_id)
    _recording.insert_left_out(connection, draft_id, batch_id, skipped)
    if approval is not None:
        approvals.use(connection, approval, batch_id)
    connection.execute("UPDATE drafts SET state = 'recorded', batch_id = ? WHERE id = ?", (batch_id, draft_id))
    contents = _recording.contents(connection, batch_id)
    events.append(
        connection,
        now,
        EventKind.BATCH_RECORDED,
        server_id=draft.actor.server_id,
        batch_id=batch_id,
        actor=confirmation.actor,
        detail=_recording.without_names(choice),
        facts=contents.facts,
        text=contents.words,
        rows=[] if approval is None else [("approvals", (approval.id,))],
    )
    return Recorded(batch_id, sums.awards, sums.total, len(skipped), sums.rejected)
