"""What a draft is made of, as values that the ledger stores and cards show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bot.domain.model import Problem, Recipient


class StagedRow(NamedTuple):
    """One good row as it would become an award."""

    line: int
    lines: tuple[int, ...] | None
    """Every original line behind it; ``None`` means ``line`` alone."""
    recipient: Recipient
    target: str | None
    """What would be sent; ``None`` until looked up."""
    amount: int
    reason: str | None
    continues: int | None = None
    """The award that this row retries or continues."""
    unresolved: str | None = None
    """Why there is nobody to send to: becomes a rejected award."""
    reverses: int | None = None
    """The award that this row takes back."""
    amounts: tuple[int, ...] | None = None
    """What each of ``lines`` says; ``None``: ``amount`` is all that is known."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An original line that becomes no award and has no problem, for the result file."""

    line: int
    detail: str
    """Why there is no award; the ledger tells how ``award_id`` stands instead, where there is one."""
    award_id: int | None = None
    """The award that was made of this line before."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Lines with a problem of one kind in one column."""

    first: Problem
    lines: int
    """How many there are, that one included."""
    next: tuple[int, ...]
    """The next few of them."""


@dataclass(frozen=True, slots=True)
class DraftTotals:
    """Sums over the staged rows of a draft."""

    rows: int
    """Staged rows = awards it would make, unresolved ones included."""
    recipients: int
    """Distinct by what would be sent, by their keys where that is not known yet."""
    total: int
    total_absolute: int
    unresolved: int
    pending: int
    """Rows with neither a target nor a reason for that: still to be looked up."""
    problems: int
    """Distinct lines with a problem."""
    deductions: int
    """Rows with a negative amount."""
    lines: int
    """Original lines behind the staged rows."""
    may_take_less: bool = False
    """There are deductions, and the service may cut them down to what there is and report them as done."""

    @property
    def given(self) -> int:
        """Sum of what would be added."""
        return (self.total_absolute + self.total) // 2

    @property
    def taken(self) -> int:
        """Sum of what would be deducted, as a positive number."""
        return (self.total_absolute - self.total) // 2


@dataclass(frozen=True, slots=True)
class EarlierBatch:
    """One earlier batch that holds rows of the draft."""

    batch_id: int
    actor_name: str
    recorded_at: int
    label: str | None
    rows: int
    """How many of the draft's rows it matches."""
    unsettled: int = 0
    """How many of these by an award that is not known to be paid: not sent yet, under way, in doubt, or given up in
    doubt."""
    elsewhere: bool = False
    """Of another server than the draft, where nobody reads who sent what for which occasion."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows of a draft that were paid, or may be, in the last 30 days: same recipient, amount, account and currency,
    whichever programme. Awards that were rejected or cancelled do not count."""

    rows: int
    """Distinct draft rows matched by any earlier award."""
    total: int
    """Sum of their amounts."""
    batches: tuple[EarlierBatch, ...]
    """Newest first, at most ten."""
    mark: str = ""
    """Names exactly these matches; empty for none. Who agrees to pay again agrees to what was shown, and to no more."""

    @property
    def any_unsettled(self) -> bool:
        """Whether some of them may never be paid."""
        return any(batch.unsettled for batch in self.batches)

    @property
    def any_paid(self) -> bool:
        """Whether some of them are known to be paid."""
        return any(batch.unsettled < batch.rows for batch in self.batches)


NO_MATCHES = Matches(0, 0, ())


@dataclass(frozen=True, slots=True)
class ToldOpposite:
    """An award that is not taken back, since a result file that was taken in has the opposite amount for the same
    recipient: the lost ledger's undo of it, or something else that happened to be as much."""

    recipient: Recipient
    amount: int
    """What taking it back would move."""
    batch_id: int
    """The batch that was taken in."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What an undo of a batch can take back, in numbers of awards, and what it cannot."""

    staged: int
    """Landed and not yet taken back: these are in the draft."""
    before: int
    """Taken back by an earlier undo, or about to be; or perhaps, where that was written off as a doubt."""
    unsure: int
    """Deductions of which the service may have made less than was asked: giving back all of it could pay somebody."""
    never_landed: int
    """Refused or cancelled."""
    may_take_less: bool = False
    """The service may take less back than was paid, and call it done."""
    told: int = 0
    """Perhaps taken back by a lost ledger (``ToldOpposite``)."""
    first_told: tuple[ToldOpposite, ...] = ()
    """The first of these."""
    written_off: int = 0
    """Given up as a doubt: they may have landed."""


@dataclass(frozen=True, slots=True)
class CampaignPaid:
    """Rows of a draft whose recipients have an award under its label that counts as paid, whatever its amount."""

    rows: int
    left_out: int = 0
    """Rows that difference mode leaves out: these, and what a batch without a label may well have paid for it."""
    mark: str = ""
    """Names exactly the rows left out; empty for none. Who sends the rest agrees to what was shown, and to no more."""


NOBODY_PAID = CampaignPaid(0)
