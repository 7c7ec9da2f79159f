"""What Gameball knows: customers with their points, and the book that its transaction list reads from."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from bot.sandbox.books import Book, Change
from bot.sandbox.switches import GameballSwitches

_FIRST_ID: Final = 11_000_000
_LARGEST: Final = 10**12


class ItemFailed(Exception):
    """One adjustment that is not carried out, in the words of the service."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One checked change: ``units`` as the book keeps them, ``points`` as the balance moves if nothing forbids it."""

    customer: str
    units: int
    points: int


class Accounts:
    """The customers of the one Gameball account."""

    def __init__(self, seed: int, switches: GameballSwitches) -> None:
        digest = hashlib.sha256(f"gameball{seed}".encode()).hexdigest()
        self.switches = switches
        self.api_key = f"sandbox-gameball-{digest[:24]}"
        self.secret_key = f"sandbox-secret-{digest[24:48]}"
        self.clear()

    def clear(self) -> None:
        """No customers, an empty book."""
        self.balances: dict[str, int] = {}
        self.book = Book()
        self.client_ids: dict[int, str] = {}
        """Position in the book to the caller's ``transactionId`` (manual transactions only)."""
        self.moments: set[tuple[str, str]] = set()
        """Customer and ``transactionTime`` of every manual transaction that named one."""
        self.taken: dict[str, int] = {}
        """``transactionId`` to its position."""

    @property
    def unit(self) -> str:
        """The book's word for what amounts are in."""
        return "points" if self.switches.unit == "points" else "hundredths"

    def exists(self, customer: str) -> bool:
        """Whether there is such a customer; in open mode there is."""
        return customer in self.balances or self.switches.open

    def balance(self, customer: str) -> int:
        """Points."""
        return self.balances.get(customer, 0)

    def from_amount(self, customer: str, amount: int | Decimal) -> Adjustment:
        """What ``amount`` of a batch item means under the unit in force. Raises ``ItemFailed``."""
        if not -_LARGEST <= amount <= _LARGEST:
            raise ItemFailed("Amount exceeds the allowed limit")
        if self.switches.unit == "points":
            if amount != int(amount):
                raise ItemFailed("Amount must be a whole number of points")
            return Adjustment(customer, int(amount), int(amount))
        hundredths = Decimal(amount) * 100
        if hundredths != int(hundredths):
            raise ItemFailed("Amount has more than two decimals")
        return Adjustment(customer, int(hundredths), self.points_for(Decimal(amount)))

    def points_for(self, money: Decimal) -> int:
        """Money in points, fractions of a point dropped."""
        factor = Decimal(str(self.switches.redemption_factor))
        return int((money / factor).to_integral_value(rounding=ROUND_DOWN))

    def value_of(self, points: int) -> float:
        """Points in money."""
        return float(Decimal(points) * Decimal(str(self.switches.redemption_factor)))

    def adjust(
        self, adjustment: Adjustment, reason: str | None, *, call: int, endpoint: str, outside: bool = False
    ) -> int:
        """Carry one adjustment out; its position in the book. Raises ``ItemFailed``."""
        customer, points = adjustment.customer, adjustment.points
        if not self.exists(customer):
            if self.switches.unknown_customer == "fail":
                raise ItemFailed("Customer does not exist")
            self.balances[customer] = 0
        before = self.balance(customer)
        if points < 0 and before + points < 0 and self.switches.overdraft != "allow":
            if self.switches.overdraft == "fail":
                raise ItemFailed("Insufficient points")
            points = -max(before, 0)
        self.balances[customer] = before + points
        kept = reason if self.switches.reason_cut is None or reason is None else reason[: self.switches.reason_cut]
        return self.book.add(
            customer,
            self.unit,
            adjustment.units,
            points,
            before,
            call=call,
            endpoint=endpoint,
            reason=kept,
            outside=outside,
        )

    def transaction_json(self, change: Change) -> dict[str, Any]:
        """One row of the transaction list (list-transactions in the reference)."""
        gained = change.amount >= 0
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(change.at))
        return {
            "transactionId": self.client_ids.get(change.position),
            "gameballTransactionId": str(transaction_number(change.position)),
            "type": "ManualAccumulation" if gained else "ManualDeduction",
            "direction": "+" if gained else "-",
            "customerId": change.recipient,
            "points": abs(change.effect),
            "amount": self.value_of(abs(change.effect)),
            "transactionTime": f"{stamp}.{int(change.at % 1 * 1000):03}",
            "status": "Active",
            "couponCode": None,
            "isCouponUsed": None,
            "reason": change.reason,
            "expiryDate": None,
            "pointsBalanceBefore": change.before,
            "pointsBalanceAfter": change.before + change.effect,
        }  # fmt: skip


def transaction_number(position: int) -> int:
    """Gameball's number for an entry of the book. They rise with time."""
    return _FIRST_ID + position


def first_position_after(number: int) -> int:
    """The first entry whose transaction number is above ``number``."""
    return max(0, number - _FIRST_ID + 1)
