"""Whether a draft may become a batch, judged in the SQL transaction that records it, or that asks for leave to."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.amounts import display
from bot.domain.drafting import Matches
from bot.domain.model import Actor
from bot.errors import DraftGone, LimitExceeded, Refused
from bot.ledger import _drafts, _recording, _rows, _staging, budgets, difference, halts, matching, server_settings, undo
from bot.ledger._draft_values import Draft, DraftState
from bot.ledger._recording import Sums
from bot.ledger.comparing import Comparison, compare, left_out_mark


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the person who confirmed saw and decided. The transaction checks every part of it again."""

    actor: Actor
    content_hash: str
    """Of the draft as shown; another one means that it changed: ``DraftGone``."""
    good_rows: bool = False
    """Send although some rows are bad. Without it a draft with problems is ``Refused``."""
    skip_matched: bool = False
    """Leave out the rows that were paid lately, namely those of ``matches_seen``."""
    again: bool = False
    """Pay matched rows again, namely those of ``matches_seen``."""
    matches_are_harmless: bool = False
    """The overlap is a repeat under another label (judged by ``domain.planning``): a line on the card, no question.
    That, too, was judged of ``matches_seen``."""
    matches_seen: str = ""
    """``Matches.mark`` of what was shown and decided upon. Other matches by now are ``StaleMatches``."""
    difference: bool = False
    """Pay only who was not yet paid for this campaign: leave out every recipient with an award under the same label,
    whatever its amount. What was paid lately under another label is then no question."""
    left_out_seen: str = ""
    """``CampaignPaid.mark`` of what was shown: whom ``difference`` leaves out. Others by now are ``StaleMatches``."""
    start_delay_seconds: float = 0.0
    roles: frozenset[str] = frozenset()
    """Discord roles of the actor: budgets may be theirs."""
    max_total: int | None = None
    """Largest sum of absolute amounts of one batch, judged on what would be sent; ``LimitExceeded`` above it."""
    once_up_to: int = 0
    """``Programme.once_up_to``."""
    deciding: Mapping[str, object] | None = None
    """The settings of the actor's server (``server_settings.DECIDING``, as stored) by which it was judged before that
    they may do this. Others by now are ``Refused``. ``None``: judged by none."""

    @property
    def flags(self) -> str:
        """The decisions about rows, as an approval is bound to them: sorted letters."""
        given = {"g": self.good_rows, "s": self.skip_matched, "a": self.again, "d": self.difference}
        return "".join(sorted(letter for letter, chosen in given.items() if chosen))

    @property
    def paid_again(self) -> str:
        """Which matches are paid a second time: leave for some is no leave for others."""
        return self.matches_seen if self.again else ""


class StaleMatches(Exception):  # named for what it carries
    """The rows matched earlier awards in a way the confirmation does not cover, or do so no more. Carries the matches
    found now."""

    def __init__(self, matches: Matches) -> None:
        super().__init__("rows were paid lately")
        self.matches = matches


class StaleSums(Exception):  # named for what it tells
    """Rows that were added up were paid since, not all of them by one award: they have to be parted first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A draft that may be recorded now."""

    draft: Draft
    skipped: Mapping[int, str]
    """Rows that are left out because they were paid before: by line, the reason."""
    sums: Sums
    earlier: str
    """What earlier awards mean for it, as it was decided: which rows are left out for them, or which are paid again."""

    @property
    def skipped_lines(self) -> str:
        """For SQL."""
        return _rows.as_json(list(self.skipped))


def judge(connection: sqlite3.Connection, draft_id: int, confirmation: Confirmation, now: int) -> Judged:
    """Everything but the leave of a second person. Raises as ``Recording.record_batch`` does."""
    draft = _drafts.get(connection, draft_id, confirmation.actor.server_id, now)
    _check_draft(connection, draft, confirmation)
    halts.refuse(connection, draft.actor.server_id)
    _check_rules(connection, confirmation)
    undo.check(connection, draft)
    lately = compare(connection, draft_id, now)
    if lately.hides_paid_rows():
        raise StaleSums
    skipped = _skipped(connection, draft, confirmation, lately)
    sums = _recording.sums(connection, draft_id, _rows.as_json(list(skipped)))
    _check_sums(sums, draft, confirmation, len(skipped))
    _check_budgets(connection, sums, draft, confirmation, now)
    return Judged(draft, skipped, sums, left_out_mark(skipped) or confirmation.paid_again)


def _check_rules(connection: sqlite3.Connection, confirmation: Confirmation) -> None:
    """What was judged before this transaction (the largest award, awards to oneself, the person's roles) was judged by
    the rules that hold now."""
    judged_by, server_id = confirmation.deciding, confirmation.actor.server_id
    if judged_by is not None and server_id is not None and server_settings.deciding(connection, server_id) != judged_by:
        raise Refused(
            "the rules of this server were changed while this was confirmed; nothing was sent",
            hint="Look at it again, and confirm it if it is still allowed.",
        )


def _check_draft(connection: sqlite3.Connection, draft: Draft, confirmation: Confirmation) -> None:
    if draft.state is DraftState.RECORDED:
        raise _drafts.gone_to_batch(connection, draft.id)
    if draft.state is not DraftState.READY or draft.content_hash != confirmation.content_hash:
        raise DraftGone(
            "this draft was changed after it was shown to you; nothing was sent",
            hint="Open it again, look at it, and confirm what it is now.",
        )
    problems, pending = _staging.obstacles(connection, draft.id)
    if problems and not confirmation.good_rows:
        raise Refused(
            f"{'1 row' if problems == 1 else f'{problems:,} rows'} of this draft"
            f" {'has' if problems == 1 else 'have'} problems; nothing was sent",
            hint="Correct them, or choose to send the good rows only.",
        )
    if pending:
        raise Refused(
            f"{'1 recipient' if pending == 1 else f'{pending:,} recipients'} of this draft"
            f" {'is' if pending == 1 else 'are'} not looked up yet; nothing was sent",
            hint="Wait until the look-up is done, then confirm again.",
        )


def _skipped(
    connection: sqlite3.Connection, draft: Draft, confirmation: Confirmation, lately: Comparison
) -> dict[int, str]:
    """The rows to leave out because they were paid before: by line, the reason. They are those that were shown: who is
    no longer left out, since what had paid them was stopped or taken back, was promised to get nothing."""
    if confirmation.difference:
        skipped = left_out(connection, draft, lately, difference_only=True)
        if left_out_mark(skipped) != confirmation.left_out_seen:
            raise StaleMatches(lately.matches())
        return skipped
    matches = lately.matches()
    if confirmation.skip_matched:
        if matches.mark != confirmation.matches_seen:
            raise StaleMatches(matches)
        return left_out(connection, draft, lately, difference_only=False)
    decided = confirmation.again or confirmation.matches_are_harmless
    if matches.rows and not (decided and matches.mark == confirmation.matches_seen):
        raise StaleMatches(matches)
    return {}


def left_out(
    connection: sqlite3.Connection, draft: Draft, lately: Comparison, *, difference_only: bool
) -> dict[int, str]:
    """The rows that are left out now by such a choice, with the reason: who was paid for the campaign
    (``difference_only``), or what was paid lately."""
    if difference_only:
        return difference.skipped(connection, draft, lately)
    return {line: matching.LEFT_OUT.format(batch=by) for line, by in lately.lines().items()}


def _check_sums(sums: Sums, draft: Draft, confirmation: Confirmation, skipped: int) -> None:
    unit = draft.destination.unit
    if not sums.awards:
        why = "an earlier batch has every row of it" if skipped else "it has no rows"
        raise Refused(f"this draft leaves nothing to send: {why}")
    if confirmation.max_total is not None and sums.absolute > confirmation.max_total:
        raise LimitExceeded(
            f"the batch adds up to {display(sums.absolute, unit)}, above the limit of"
            f" {display(confirmation.max_total, unit)} for one batch; nothing was sent",
            hint="Split it, or ask somebody who may raise the limit.",
        )
    if sums.absolute >= 2**63:
        raise LimitExceeded("the batch adds up to more than any ledger can hold; nothing was sent")


def _check_budgets(
    connection: sqlite3.Connection, sums: Sums, draft: Draft, confirmation: Confirmation, now: int
) -> None:
    """For batches of a server only, whoever confirms them there. What an undo gives back is nobody's spending."""
    if draft.source != undo.SOURCE:
        used = budgets.uses(connection, confirmation.actor, confirmation.roles, draft, sums.given, now)
        budgets.check(used, draft.destination)
