"""Difference mode: pay only who was not yet paid for this campaign, which is every batch under the same label."""

from __future__ import annotations

import sqlite3
from typing import Final

from bot.domain.drafting import NOBODY_PAID, CampaignPaid
from bot.domain.planning import same_label
from bot.errors import Refused
from bot.ledger import _rows, _staging, matching
from bot.ledger._draft_values import Draft
from bot.ledger.comparing import Comparison, left_out_mark

LEFT_OUT: Final = "not sent: batch {batch} has an award for this campaign already"

# Through the recipient's index, as in ``matching``.
_PAID: Final = (
    " awards a CROSS JOIN batches b ON b.id = a.batch_id WHERE {who} AND d.unresolved IS NULL"  # noqa: S608 # our words
    " AND a.batch_id IN (SELECT value FROM json_each(?2))"
    f" AND {matching.STANDS}"
)


def paid(connection: sqlite3.Connection, draft: Draft, lately: Comparison) -> CampaignPaid:
    """How many rows of the draft are for somebody who was paid for its campaign, and which are left out for that."""
    if not draft.label:
        return NOBODY_PAID
    for_campaign = _paid_for_campaign(connection, draft)
    out = lately.lines(unlabelled=True).keys() | for_campaign.keys()
    return CampaignPaid(len(for_campaign), len(out), left_out_mark(out))


def skipped(connection: sqlite3.Connection, draft: Draft, lately: Comparison) -> dict[int, str]:
    """The rows to leave out, with the reason: paid for this campaign; or the same paid lately by a batch without a
    label, which may well have been for it. Raises ``Refused`` for a draft without a label."""
    if not draft.label:
        raise Refused(
            "this draft has no period or campaign, so nobody can tell who was paid for it; nothing was sent",
            hint="Give it one with Change…",
        )
    found = {line: matching.LEFT_OUT.format(batch=by) for line, by in lately.lines(unlabelled=True).items()}
    return found | {line: LEFT_OUT.format(batch=by) for line, by in _paid_for_campaign(connection, draft).items()}


def _paid_for_campaign(connection: sqlite3.Connection, draft: Draft) -> dict[int, int]:
    """By line of a row for somebody who was paid for the draft's campaign, the newest batch of it that did so. A
    deduction is no payment, and a payment no deduction. Rows for one recipient stand for each other: only one of them
    may name the recipient as the award does."""
    batches = _campaign(connection, draft)
    if not batches:
        return {}
    rows = connection.execute(
        "SELECT d.line, d.amount > 0, a.amount > 0, max(a.batch_id)"  # noqa: S608 # our words
        f" FROM draft_rows d CROSS JOIN {_paid(draft)} AND d.draft_id = ?1 GROUP BY d.line, a.amount > 0",
        (draft.id, _rows.as_json(batches)),
    )
    found: dict[int, int] = {}
    paid: dict[tuple[int, int], int] = {}
    for line, gives, gave, batch_id in rows:
        paid[line, gave] = batch_id
        if gives == gave:
            found[line] = batch_id
    for group in _staging.duplicate_groups(connection, draft.id) if paid else ():
        for row in group:
            by = max((paid.get((one.line, int(row.amount > 0)), 0) for one in group), default=0)
            if by and row.unresolved is None:
                found[row.line] = by
    return found


def _paid(draft: Draft) -> str:
    """SQL of the awards that leave the draft's row ``d`` out: however each of them names the recipient."""
    return _PAID.format(who=matching.same_recipient(draft.destination.kind.value))


def _campaign(connection: sqlite3.Connection, draft: Draft) -> list[int]:
    """The batches of the draft's campaign: the same account (by whatever key), currency and label, whenever they
    were."""
    if not draft.label:
        return []
    wanted = same_label(draft.label)
    to = draft.destination
    found = connection.execute(
        "SELECT id, label FROM batches WHERE (account = ? OR programme = ?) AND currency IS ? AND label IS NOT NULL"
        " AND source <> 'undo'",
        (to.account, matching.namesake(to.kind.value, draft.programme), to.currency),
    )
    return [batch_id for batch_id, label in found if same_label(label) == wanted]
