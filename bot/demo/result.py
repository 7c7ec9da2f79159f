"""The end of the demo: the ledger's sums beside the books', and whether every single award agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from bot.demo.books import Comparison, Payment
from bot.demo.screen import Screen

_NAMED: Final = 10
"""Differences and doubts that are named one by one."""


def show_result(screen: Screen, found: Comparison, currencies: Mapping[str, str]) -> None:
    """The table, the comparison award by award, and one line that says it all. ``currencies``: names by id."""
    screen.scene("The ledger beside the services' own books")
    if not found.lines:
        screen.says("Nothing was paid, and nothing is in the books.")
        return
    rows = [
        ("", "", "ledger", "", "", "books", "", ""),
        ("programme", "currency", "applied", "sum", "in doubt", "applied", "sum", ""),
    ]
    for line in found.lines:
        agrees = "same" if line.agrees else "DIFFERENT"
        sums = (
            f"{line.applied:,}",
            f"{line.total:,}",
            f"{line.in_doubt:,}",
            f"{line.booked:,}",
            f"{line.booked_total:,}",
        )
        rows.append((line.programme, currencies.get(line.currency, line.currency), *sums, agrees))
    screen.table(rows)
    screen.line()
    screen.says(f"Award by award: {found.exact:,} are applied in the ledger and stand in the books exactly once.")
    _doubts(screen, found)
    _differences(screen, "In the ledger as applied, but not in the books", found.only_ledger, currencies)
    _differences(screen, "In the books, but not in the ledger", found.only_book, currencies)
    screen.line()
    if found.agree and not found.doubts:
        screen.verdict("Books agree: no award lost, none paid twice, none claimed that did not happen.", good=True)
    elif found.agree:
        screen.verdict(
            "Books agree with everything that the ledger claims; the rest is for a person to settle.", good=True
        )
    else:
        screen.verdict("BOOKS DIFFER: the ledger and the services do not tell the same.", good=False)
    screen.line()


def _doubts(screen: Screen, found: Comparison) -> None:
    if not found.doubts:
        screen.says("In doubt: none is left.")
        return
    screen.says(f"In doubt, so claimed neither way: {len(found.doubts):,}. What the books say of them:")
    for doubt in found.doubts[:_NAMED]:
        said = "landed" if doubt.landed else "did not land"
        award = doubt.award
        screen.line(f"    award {award.id} of batch {award.batch_id}, {award.amount:,} for "
                    f"{award.recipient.value}: {said}")  # fmt: skip
    if len(found.doubts) > _NAMED:
        rest = found.doubts[_NAMED:]
        landed = sum(doubt.landed for doubt in rest)
        screen.line(f"    and {len(rest):,} more: {landed:,} landed, {len(rest) - landed:,} did not")


def _differences(screen: Screen, title: str, payments: Counter[Payment], currencies: Mapping[str, str]) -> None:
    if not payments:
        return
    screen.says(f"{title}: {payments.total():,}")
    for payment, times in list(payments.items())[:_NAMED]:
        currency = currencies.get(payment.currency, payment.currency)
        often = f" ({times} times)" if times > 1 else ""
        screen.line(f"    {payment.programme}: {payment.amount:,} {currency} to {payment.recipient}{often}")
    if len(payments) > _NAMED:
        screen.line(f"    and {len(payments) - _NAMED:,} more")
