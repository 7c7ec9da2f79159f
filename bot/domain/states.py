"""The states of an award and of a batch, and the only ways between them.

``AWARD_MOVES`` and ``BATCH_MOVES`` are enforced by the database (``ledger/schema/0001_ledger.sql``), which alone moves
anything; a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AwardState(StrEnum):
    """Where one award stands. Values are what ``export`` prints."""

    PLANNED = "planned"  # recorded, not claimed: surely not sent (or proved not to have landed)
    SENDING = "sending"  # claimed by an attempt; a crash here is a doubt
    APPLIED = "applied"  # final: the service says it has happened, or evidence or a person does
    REJECTED = "rejected"  # final: the service refused it, with its words
    UNKNOWN = "unknown"  # in doubt: the service may or may not have acted
    CANCELLED = "cancelled"  # final: a person stopped the batch before it was sent
    WRITTEN_OFF = "written-off"  # final: a person gave up a doubt, with name and reason


AWARD_MOVES: Final[dict[AwardState, frozenset[AwardState]]] = {
    AwardState.PLANNED: frozenset({AwardState.SENDING, AwardState.CANCELLED}),
    AwardState.SENDING: frozenset(
        {
            AwardState.APPLIED,
            AwardState.REJECTED,
            AwardState.UNKNOWN,
            AwardState.PLANNED,  # only with proof that it did not land
        }
    ),
    AwardState.UNKNOWN: frozenset(
        {
            AwardState.APPLIED,  # evidence, or a person
            AwardState.REJECTED,  # the service's own late answer, or evidence that a call it refused did not land
            AwardState.PLANNED,  # evidence that it did not land, or a person who accepts the risk
            AwardState.SENDING,  # once more, under an id that the service takes only once
            AwardState.WRITTEN_OFF,  # a person
        }
    ),
    AwardState.APPLIED: frozenset(),
    AwardState.REJECTED: frozenset(),
    AwardState.CANCELLED: frozenset(),
    AwardState.WRITTEN_OFF: frozenset(),
}

FINAL: Final = frozenset(state for state, moves in AWARD_MOVES.items() if not moves)
COUNTS_AS_PAID: Final = frozenset(AwardState) - {AwardState.REJECTED, AwardState.CANCELLED}
"""States in which an award stands in the way of paying the same thing again: a doubt that was given up may have been
paid all the same."""


class BatchState(StrEnum):
    """Where a batch stands, as far as it is not told by its awards."""

    OPEN = "open"  # the dispatcher works on it
    PAUSED = "paused"  # by a person, or because no call can succeed (key, currency, quota, settings)
    STOPPED = "stopped"  # final: a person cancelled what was not sent, and what is found later not to have landed
    FINISHED = "finished"  # nothing planned; a resolved doubt may open it again, unless a person stops it first


BATCH_MOVES: Final[dict[BatchState, frozenset[BatchState]]] = {
    BatchState.OPEN: frozenset({BatchState.PAUSED, BatchState.STOPPED, BatchState.FINISHED}),
    BatchState.PAUSED: frozenset({BatchState.OPEN, BatchState.STOPPED, BatchState.FINISHED}),
    BatchState.FINISHED: frozenset({BatchState.OPEN, BatchState.STOPPED}),
    BatchState.STOPPED: frozenset(),
}

TAKEN_IN: Final = "history"
"""Source of a batch that was taken in from result files: calls of another ledger made it, and nothing of it is ever
sent."""


def may_be_stopped(state: BatchState, source: str, *, unsettled: bool) -> bool:
    """Whether anything more might be sent of a batch. ``unsettled``: it is not known of all its awards what became of
    them; what is found not to have landed opens a finished batch again."""
    if state is BatchState.FINISHED:
        return unsettled and source != TAKEN_IN
    return state is not BatchState.STOPPED
