"""When a batch needs the leave of a second person, and what such a leave is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.amounts import display, parse_amount
from bot.domain.model import Unit

_TOGETHER: Final = "together with what the same person sent alone in the hour before"


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


TOGETHER_MS: Final = 3600 * 1000
"""Batches that one person records in the same account and currency within an hour count as one, so that nobody needs to
be asked less for having cut a file into pieces. Who takes longer meets a budget, which is made for that."""


@dataclass(frozen=True, slots=True)
class Alone:
    """What a person has recorded within ``TOGETHER_MS`` without the leave of a second one."""

    absolute: int = 0
    """Sum of absolute amounts that were paid or may be."""
    awards: int = 0


NOTHING_ALONE: Final = Alone()


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """Above which size a batch of a server needs a second person. All unset: never."""

    amount: str | None = None
    """As written; judged on the sum of absolute amounts, with what was recorded alone before."""
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

    @property
    def counts(self) -> bool:
        """Whether it matters what was recorded alone before."""
        return self.amount is not None or self.rows is not None

    def why_needed(
        self, unit: Unit, absolute: int, awards: int, *, is_first: bool, alone: Alone = NOTHING_ALONE
    ) -> str | None:
        """Why a batch needs a second person, as a part of a sentence; ``None``: it does not.

        A threshold that the unit cannot express holds for every batch.
        """
        if self.amount is not None:
            try:
                limit = parse_amount(self.amount, unit)
            except ValueError:
                limit = 0
            if absolute > limit:
                return f"it moves {display(absolute, unit)}, {_above(display(limit, unit))}"
            if (together := absolute + alone.absolute) > limit:
                shown = display(together, unit)
                return f"it moves {shown} {_TOGETHER}, {_above(display(limit, unit))}"
        if self.rows is not None and awards > self.rows:
            return f"it has {awards:,} awards, {_above(f'{self.rows:,}')}"
        if self.rows is not None and (together := awards + alone.awards) > self.rows:
            return f"it has {together:,} awards {_TOGETHER}, {_above(f'{self.rows:,}')}"
        if self.first_use and is_first:
            return "it is the first batch of this server for this programme"
        return None


def _above(limit: str) -> str:
    return f"more than the {limit} that one person may send"
