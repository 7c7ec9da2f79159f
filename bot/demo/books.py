"""The ledger held against the services' own books, award by award."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from bot.clock import SystemClock
from bot.demo.standins import StandIns
from bot.domain.model import Award, Batch, ProviderKind, RecipientType
from bot.domain.states import AwardState
from bot.ledger.ledger import Ledger

_PROGRAMME_OF: Final = {
    "credentials": ProviderKind.DRIP_CREDENTIALS.value,
    "members": ProviderKind.DRIP_MEMBERS.value,
    "batch": ProviderKind.GAMEBALL.value,
}
"""The write path behind each kind of entry in a stand-in's book."""

_MAY_HAVE_LANDED: Final = (AwardState.UNKNOWN, AwardState.WRITTEN_OFF, AwardState.SENDING)


class Payment(NamedTuple):
    """One change of one balance, in words that ledger and book share."""

    programme: str
    currency: str
    recipient: str
    """As the call named them."""
    amount: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """An award of which the ledger does not claim to know."""

    award: Award
    landed: bool
    """What the book says."""


@dataclass(slots=True)
class Line:
    """The sums of one programme and currency."""

    programme: str
    currency: str
    applied: int = 0
    total: int = 0
    in_doubt: int = 0
    booked: int = 0
    booked_total: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the sums are the same. Payments in doubt may make them differ."""
        return (self.applied, self.total) == (self.booked, self.booked_total)


@dataclass(slots=True)
class Comparison:
    """What came out."""

    lines: list[Line] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    only_ledger: Counter[Payment] = field(default_factory=Counter)
    """The ledger says paid, the book has no (further) entry for it."""
    only_book: Counter[Payment] = field(default_factory=Counter)
    """In the book, and nothing in the ledger accounts for it."""
    exact: int = 0
    """Awards that the ledger calls applied and the book has exactly once."""

    @property
    def agree(self) -> bool:
        """Whether every applied award is in the books once, and nothing else is but what the ledger calls in doubt."""
        return not self.only_ledger and not self.only_book


async def compare(database: Path, standins: StandIns) -> Comparison:
    """Read both sides anew: the ledger's file as `export` does, the books from the services."""
    ledger = await Ledger.read(database, SystemClock())
    try:
        awards = [award async for part in ledger.queries.awards(None) for award in part]
        batches = {one: await ledger.queries.batch(one, None) for one in {award.batch_id for award in awards}}
    finally:
        await ledger.close()
    booked = [_entry(one) for service in ("drip", "gameball") for one in await standins.applied(service)]
    return compared([(_payment(award, batches[award.batch_id]), award) for award in awards], booked)


def compared(recorded: Sequence[tuple[Payment, Award]], booked: Sequence[Payment]) -> Comparison:
    """Ledger and books, as payments that either side knows."""
    found = Comparison()
    claimed = Counter(payment for payment, award in recorded if award.state is AwardState.APPLIED)
    in_books = Counter(booked)
    found.only_ledger, found.only_book = claimed - in_books, in_books - claimed
    for payment, award in recorded:
        if award.state in _MAY_HAVE_LANDED:
            landed = found.only_book[payment] > 0
            found.only_book -= Counter([payment] if landed else [])
            found.doubts.append(Doubt(award, landed))
    off = found.only_ledger | found.only_book
    found.exact = sum(times for payment, times in claimed.items() if payment not in off)
    found.lines = _lines(recorded, booked)
    return found


def _lines(recorded: Iterable[tuple[Payment, Award]], booked: Iterable[Payment]) -> list[Line]:
    lines: dict[tuple[str, str], Line] = {}

    def line(payment: Payment) -> Line:
        key = (payment.programme, payment.currency)
        return lines.setdefault(key, Line(*key))

    for payment, award in recorded:
        of = line(payment)
        if award.state is AwardState.APPLIED:
            of.applied += 1
            of.total += award.amount
        of.in_doubt += award.state is AwardState.UNKNOWN
    for payment in booked:
        of = line(payment)
        of.booked += 1
        of.booked_total += payment.amount
    return [lines[key] for key in sorted(lines)]


def _payment(award: Award, batch: Batch) -> Payment:
    """An award as its service would write it down."""
    destination = batch.destination
    recipient = award.target or ""
    if destination.kind is ProviderKind.DRIP_CREDENTIALS:
        named = award.recipient
        source = f"{named.source}:" if named.type is RecipientType.CUSTOM else ""
        recipient = f"{named.type.value}:{source}{named.value}"
    return Payment(destination.kind.value, destination.currency or destination.unit.value, recipient, award.amount)


def _entry(entry: dict[str, Any]) -> Payment:
    """One line of a stand-in's book."""
    programme = _PROGRAMME_OF.get(entry["endpoint"], entry["endpoint"])
    return Payment(programme, entry["currency"], entry["recipient"], entry["amount"])
