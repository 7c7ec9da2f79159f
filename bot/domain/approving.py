"""When a batch needs the leave of a second person, and what such a leave is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.amounts import display, parse_amount
from bot.domain.model import Unit


class ApprovalState(StrEnum):
    """``asked`` and ``approved`` are open, the others final."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    REPLACED = "replaced"  # asked for anew: the draft or the decisions changed, or the time was over
    USED = "used"  # the batch is recorded


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for leave to send one draft exactly as it was."""

    id: int
    draft_id: int
    state: ApprovalState
    content_hash: str
    flags: str
    """The decisions about rows that go with it, as letters: good rows only, skip, again, difference."""
    why: str
    asked_at: int
    expires_at: int
    asked_by: str
    decided_at: int | None
    decided_by: str | None
    decided_by_id: str | None
    batch_id: int | None


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """Above which size a batch of a server needs a second person. All unset: never."""

    amount: str | None = None
    """As written; judged on the sum of absolute amounts."""
    rows: int | None = None
    first_use: bool = False
    """The first batch of the server in an account and currency."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, object]) -> ApprovalRules:
        """From the server's settings."""
        amount, rows = stored.get("approve_amount"), stored.get("approve_rows")
        return cls(
            amount if isinstance(amount, str) else None,
            rows if isinstance(rows, int) else None,
            stored.get("approve_first_use") is True,
        )

    def why_needed(self, unit: Unit, absolute: int, awards: int, *, is_first: bool) -> str | None:
        """Why a batch needs a second person, as a part of a sentence; ``None``: it does not.

        A threshold that the unit cannot express holds for every batch.
        """
        if self.amount is not None:
            try:
                limit = parse_amount(self.amount, unit)
            except ValueError:
                limit = 0
            if absolute > limit:
                return f"it moves {display(absolute, unit)}, more than {display(limit, unit)}"
        if self.rows is not None and awards > self.rows:
            return f"it has {awards:,} awards, more than {self.rows:,}"
        if self.first_use and is_first:
            return "it is the first batch of this server for this programme"
        return None
