"""An append-only book of every change to a balance, in columns: about 60 bytes an entry."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

BY: Final = ("api", "outside")
"""Who made a change: a call to the stand-in, or ``POST /outside``."""
ENDPOINTS: Final = ("credentials", "members", "batch", "manual", "outside")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the book."""

    position: int
    recipient: str
    """``discord-id:1234``, ``custom:source:value``, a drip id or a customer id: as the call named it."""
    currency: str
    amount: int
    """As asked for, in the smallest unit: points, or hundredths where the Gameball unit is money."""
    effect: int
    """What it did to the balance, in points."""
    before: int
    reason: str | None
    call: int | None
    at: float
    by: str
    endpoint: str

    def as_json(self) -> dict[str, Any]:
        """For ``/applied`` and ``/books``."""
        return {
            "recipient": self.recipient,
            "amount": self.amount,
            "currency": self.currency,
            "reason": self.reason,
            "call": self.call,
            "effect": self.effect,
            "before": self.before,
            "at": round(self.at, 3),
            "by": self.by,
            "endpoint": self.endpoint,
        }


class Book:
    """The changes of one service, in the order in which they happened."""

    def __init__(self) -> None:
        self._recipients: list[str] = []
        self._reasons: list[str | None] = []
        self._currencies: list[str] = []
        self._currency = array("H")
        self._amount = array("q")
        self._effect = array("q")
        self._before = array("q")
        self._call = array("Q")  # 0 = no call
        self._at = array("d")
        self._by = array("B")
        self._endpoint = array("B")
        self._index: dict[str, list[int]] = {}
        self._indexed = 0

    def __len__(self) -> int:
        return len(self._recipients)

    def add(
        self,
        recipient: str,
        currency: str,
        amount: int,
        effect: int,
        before: int,
        *,
        call: int,
        endpoint: str,
        reason: str | None = None,
        outside: bool = False,
    ) -> int:
        """Append one change; returns its position."""
        try:
            known = self._currencies.index(currency)
        except ValueError:
            known = len(self._currencies)
            self._currencies.append(currency)
        self._recipients.append(recipient)
        self._reasons.append(reason)
        self._currency.append(known)
        self._amount.append(amount)
        self._effect.append(effect)
        self._before.append(before)
        self._call.append(call)
        self._at.append(time.time())
        self._by.append(1 if outside else 0)
        self._endpoint.append(ENDPOINTS.index(endpoint))
        return len(self._recipients) - 1

    def change(self, position: int) -> Change:
        """The entry at ``position``."""
        return Change(
            position=position,
            recipient=self._recipients[position],
            currency=self._currencies[self._currency[position]],
            amount=self._amount[position],
            effect=self._effect[position],
            before=self._before[position],
            reason=self._reasons[position],
            call=self._call[position] or None,
            at=self._at[position],
            by=BY[self._by[position]],
            endpoint=ENDPOINTS[self._endpoint[position]],
        )

    def changes(self, *, outside: bool) -> Iterator[Change]:
        """All entries in order; without ``outside`` only what calls have made."""
        for position in range(len(self)):
            if outside or not self._by[position]:
                yield self.change(position)

    def positions(self, recipient: str) -> list[int]:
        """Where this recipient occurs. The index grows as it is asked for, so that writing costs nothing."""
        for position in range(self._indexed, len(self._recipients)):
            self._index.setdefault(self._recipients[position], []).append(position)
        self._indexed = len(self._recipients)
        return self._index.get(recipient, [])

    def totals(self, *, outside: bool, recipients: bool) -> dict[str, dict[str, Any]]:
        """By currency: count, sum and the sum of effects; on request also ``[count, sum]`` by recipient."""
        answer: dict[str, dict[str, Any]] = {}
        names = self._currencies
        rows = zip(self._recipients, self._currency, self._amount, self._effect, self._by, strict=True)
        for recipient, currency, amount, effect, by in rows:
            if by and not outside:
                continue
            entry = answer.get(names[currency])
            if entry is None:
                entry = answer[names[currency]] = {"awards": 0, "sum": 0, "effect": 0}
                if recipients:
                    entry["recipients"] = {}
            entry["awards"] += 1
            entry["sum"] += amount
            entry["effect"] += effect
            if recipients:
                one = entry["recipients"].setdefault(recipient, [0, 0])
                one[0] += 1
                one[1] += amount
        return answer

    def _columns(self) -> list[array[Any]]:
        whole: list[array[Any]] = [self._currency, self._amount, self._effect, self._before, self._call]
        return [*whole, self._at, self._by, self._endpoint]

    def dump(self) -> dict[str, Any]:
        """For the snapshot of practice mode."""
        return {
            "recipients": self._recipients,
            "reasons": self._reasons,
            "currencies": self._currencies,
            "columns": [column.tolist() for column in self._columns()],
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """The reverse of ``dump``, into an empty book."""
        self._recipients.extend(dumped["recipients"])
        self._reasons.extend(dumped["reasons"])
        self._currencies.extend(dumped["currencies"])
        for column, values in zip(self._columns(), dumped["columns"], strict=True):
            column.fromlist(values)
