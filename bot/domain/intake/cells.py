"""The parts of one row: how much, who, why, and which award it continues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.domain.amounts import AmountError, display, parse_amount
from bot.domain.discord_ids import LONGEST, SHORTEST
from bot.domain.intake.names import normalised, visible
from bot.domain.intake.options import ReadingOptions
from bot.domain.intake.recipients import AS_TEXT, RecipientError, read_recipient
from bot.domain.intake.rounding import Mark, Verdict, carried
from bot.domain.intake.settled import Settled, Who
from bot.domain.model import Problem, Recipient, RecipientType, Unit
from bot.domain.quoting import listed, quoted
from bot.domain.reporting import plain_cell

REASON_MAX: Final = 200
"""Characters of a row's reason."""

_AWARD_ID_DIGITS: Final = 15
_BLANKS: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def cell(cells: Sequence[str], index: int) -> str:
    """The visible text of a cell; empty where the row is shorter."""
    return visible(cells[index]) if 0 <= index < len(cells) else ""


class CellReader:
    """Reads the cells of one file's rows."""

    def __init__(self, settled: Settled, options: ReadingOptions) -> None:
        self._settled = settled
        self._options = options

    def amount(self, line: int, cells: Sequence[str]) -> int | Problem | None:
        """The amount in the smallest unit; ``None`` when it is zero or blank."""
        column = self._settled.amount
        if column is None:
            return self._options.amount
        text = cell(cells, column.index)
        if not text:
            return None
        mark = self._settled.decimal_mark
        three_decimals = self._settled.thousandths and self._options.unit is Unit.POINTS
        if mark is not None and mark in text and not three_decimals:
            mark = None  # where others have fewer decimals, nobody writes three of them: 1.000 stays doubtful
        try:
            return parse_amount(text, self._options.unit, mark) or None
        except AmountError as error:
            return Problem(line, column.name, error.kind, str(error))

    def within_limit(self, line: int, amount: int) -> int | Problem:
        """The amount, or that it is above the limit of one award."""
        limit = self._options.max_award
        if limit is None or abs(amount) <= limit:
            return amount
        column = self._settled.amount
        shown, allowed = (display(one, self._options.unit) for one in (amount, limit))
        message = f"{shown} is above the limit of {allowed} for one award; lower it or have the limit raised"
        return Problem(line, None if column is None else column.name, "over-limit", message)

    def recipient(self, line: int, cells: Sequence[str], named: Sequence[Who]) -> Recipient | Problem:
        """The recipient; ``named`` are the filled columns that say who."""
        who = named[0]
        if len(named) > 1:
            names = listed([one.name for one in named])
            message = f"{names} each name a recipient; leave only one of them filled, or make two rows of it"
            return Problem(line, None, "two-recipients", message)
        type_ = _type_of(line, cells, who)
        if isinstance(type_, Problem):
            return type_
        accepts = self._options.accepts
        if accepts is not None and type_ not in accepts:
            taken = ", ".join(sorted(accepts))
            message = f"the programme takes no recipient of type {type_}; use {taken}, or another programme"
            return Problem(line, who.name, "wrong-type", message)
        try:
            value = read_recipient(type_, cells[who.index], self._options.now_ms)
        except RecipientError as error:
            return Problem(line, who.name, error.kind, str(error))
        damage = rounded(value, who.rounding)
        if damage is not None:
            return Problem(line, who.name, "damaged-id", damage)
        if type_ is not RecipientType.CUSTOM:
            return Recipient(type_, value)
        return self._custom(line, cells, who, value)

    def _custom(self, line: int, cells: Sequence[str], who: Who, value: str) -> Recipient | Problem:
        column = self._settled.source
        source = "" if column is None else cell(cells, column.index)
        if column is not None and source:
            try:
                return Recipient(RecipientType.CUSTOM, value, read_recipient(RecipientType.CUSTOM, source, 0))
            except RecipientError as error:
                return Problem(line, column.name, error.kind, str(error))
        message = "a custom credential needs its source; fill in the column “source” with where it comes from"
        return Problem(line, who.name if column is None else column.name, "no-source", message)

    def award_id(self, line: int, cells: Sequence[str]) -> int | Problem | None:
        """The award that the row continues; ``None`` when it is a new one."""
        column = self._settled.award_id
        text = "" if column is None else cell(cells, column.index)
        if column is None or not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= _AWARD_ID_DIGITS and int(text) > 0:
            return int(text)
        message = f"{quoted(text)} is not the number of an award; clear the cell to send the row as a new one"
        return Problem(line, column.name, "bad-award-id", message)


def reason_of(text: str) -> tuple[str | None, bool]:
    """A cell's reason on one line, and whether it had to be cut."""
    if not text.isascii() or not text.isprintable() or text[:1] == "'":
        text = _BLANKS.sub(" ", plain_cell(text))
    text = text.strip()
    if len(text) > REASON_MAX:
        return text[:REASON_MAX].rstrip(), True
    return text or None, False


def _type_of(line: int, cells: Sequence[str], who: Who) -> RecipientType | Problem:
    """The column's type, or the row's own."""
    column = who.type_column
    if column is None:
        return who.type
    text = cell(cells, column.index)
    try:
        return RecipientType(normalised(text).replace("_", "-"))
    except ValueError:
        known = ", ".join(RecipientType)
        message = f"{quoted(text)} is no type of recipient; use one of {known}"
        return Problem(line, column.name, "bad-recipient", message)


def rounded(value: str, verdict: Verdict) -> str | None:
    """That this id is one of those that the whole file shows to be rounded."""
    mark = carried(value, verdict.established) if verdict.established and _is_long_number(value) else None
    if mark is None:
        return None
    how = "to 15 digits" if mark is Mark.DECIMAL else "as a number"
    return f"{quoted(value)} was rounded {how}, like other ids here; {AS_TEXT}"


def suspected(value: str, verdict: Verdict) -> bool:
    """Whether this id may be rounded, without proof."""
    return bool(verdict.suspected) and _is_long_number(value) and carried(value, verdict.suspected) is not None


def _is_long_number(value: str) -> bool:
    return SHORTEST <= len(value) <= LONGEST and value.isascii() and value.isdigit()
