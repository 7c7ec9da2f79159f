"""In which order columns are offered where a person has to choose one: first what is likely meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.domain.amounts import AmountError, parse_amount
from bot.domain.intake import names
from bot.domain.intake.layout import Layout
from bot.domain.intake.recipients import looks_like_recipient
from bot.domain.model import Refusal, Unit

LOOKED_AT: Final = 20
"""Rows below the header that tell what is likely."""


def likely_first(refusal: Refusal, layout: Layout, rows: Sequence[Sequence[str]], unit: Unit) -> Refusal:
    """The refusal with its choices in that order; else they stay as they stand in the file."""
    if refusal.kind not in ("no-recipient-column", "no-amount-column"):
        return refusal
    cells = {
        name: [text for row in rows if index < len(row) and (text := names.visible(row[index]))]
        for index, name in reversed(list(enumerate(layout.header)))
    }

    def unlikely_amount(name: str) -> tuple[bool, bool, bool]:
        numbers = sum(_is_number(cell, unit) for cell in cells[name])
        return numbers * 2 <= len(cells[name]), names.is_amount_hardly(name), not names.is_about_amounts(name)

    def unlikely_recipient(name: str) -> bool:
        return not any(map(looks_like_recipient, cells[name]))

    by_likelihood = unlikely_amount if refusal.kind == "no-amount-column" else unlikely_recipient
    return replace(refusal, choices=tuple(sorted(refusal.choices, key=by_likelihood)))


def _is_number(cell: str, unit: Unit) -> bool:
    try:
        parse_amount(cell, unit)
    except AmountError:
        return False
    return True
