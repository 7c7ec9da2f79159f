"""The first pass over the rows: how many there are, which columns are filled, how numbers are written, whether ids were
rounded. Counters only, no row is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from bot.domain.amounts import decimal_mark_of
from bot.domain.discord_ids import LONGEST, SHORTEST
from bot.domain.intake.columns import Column, RecipientColumn, Roles
from bot.domain.intake.labels import is_total_label
from bot.domain.intake.names import visible
from bot.domain.intake.recipients import looks_like_recipient
from bot.domain.intake.rounding import RoundingSurvey
from bot.domain.model import RecipientType, Unit

_SAMPLE: Final = 20
_PART: Final = 200
"""Rows that are looked at together."""


@dataclass(slots=True)
class RecipientSurvey:
    """What stands in one column that could say who."""

    column: RecipientColumn
    rounding: RoundingSurvey
    filled: int = 0
    alone: int = 0
    """Rows in which no other candidate is filled."""
    plausible: bool = False
    """Some cell could be a Discord id, however damaged; a column of display names has none."""
    sample: list[str] = field(default_factory=list)

    def see_ids(self, cells: Sequence[str]) -> None:
        """Cells of as many digits as ids have."""
        self.filled += len(cells)
        self.rounding.see_all(cells)
        self.plausible = self.plausible or bool(cells)

    def see(self, cell: str) -> None:
        self.filled += 1
        digits = cell if cell.isdigit() else visible(cell)
        if SHORTEST <= len(digits) <= LONGEST and digits.isascii() and digits.isdigit():
            self.rounding.see(digits)
            self.plausible = True
        elif not self.plausible and self.column.type is RecipientType.DISCORD_ID:
            self.plausible = sum(letter.isdigit() for letter in cell[:200]) > 9 or looks_like_recipient(cell)
        if len(self.sample) < _SAMPLE:
            self.sample.append(cell)


@dataclass(slots=True)
class AmountSurvey:
    """What stands in one column that could say how much."""

    column: Column
    unit: Unit
    filled: int = 0
    marks: set[str] = field(default_factory=set)
    thousandths: bool = False
    """Some cell surely has three decimals, so that ``1.000`` may be 1 for its writer."""

    def see(self, cell: str) -> None:
        if cell.isdigit():
            self.filled += 1
            return
        text = visible(cell)
        self.filled += bool(text)
        if (len(self.marks) < 2 or not self.thousandths) and ("." in text or "," in text):
            mark = decimal_mark_of(text, self.unit)
            if mark is not None:
                self.marks.add(mark)
                self.thousandths |= mark in text and len(text.rpartition(mark)[2]) == 3

    @property
    def decimal_mark(self) -> str | None:
        """The mark that the file settles; ``None`` when nothing does, or cells contradict each other."""
        return next(iter(self.marks)) if len(self.marks) == 1 else None


@dataclass(slots=True)
class Survey:
    """The first pass."""

    recipients: tuple[RecipientSurvey, ...]
    amounts: tuple[AmountSurvey, ...]
    rows: int = 0
    """Records that are neither empty nor the file's own total."""
    shared: int = 0
    """Rows in which two or more recipient candidates are filled."""

    def look_through(self, rows: Iterator[tuple[int, list[str]]], max_rows: int) -> None:
        """Count until the rows end or there are more than ``max_rows``."""
        while self.rows <= max_rows and (part := [*islice(rows, _PART)]):
            for cells in self._but_plain(part) if self._may_be_plain() else [cells for _, cells in part]:
                self._see(cells)

    def _may_be_plain(self) -> bool:
        """Whether there is one column to say who and one to say how much, and ``_but_plain`` leaves nothing out."""
        return len(self.recipients) == len(self.amounts) == 1 and len(self.recipients[0].sample) == _SAMPLE

    def _but_plain(self, part: Sequence[tuple[int, list[str]]]) -> list[list[str]]:
        """Count what nearly every row is, an id and digits; the other rows."""
        (who,), (much,) = self.recipients, self.amounts
        one, other = who.column.index, much.column.index
        ids: list[str] = []
        rest: list[list[str]] = []
        for _, cells in part:
            if (
                one < len(cells) > other
                and (cell := cells[one]).isdigit()
                and cells[other].isdigit()
                and SHORTEST <= len(cell) <= LONGEST
                and cell.isascii()
            ):
                ids.append(cell)
            else:
                rest.append(cells)
        who.see_ids(ids)
        who.alone += len(ids)
        much.filled += len(ids)
        self.rows += len(ids)
        return rest

    def _see(self, cells: list[str]) -> None:
        width = len(cells)
        filled: list[RecipientSurvey] = []
        for one in self.recipients:
            index = one.column.index
            if index < width and (cell := cells[index]) and not cell.isspace() and not is_total_label(cell):
                one.see(cell)
                filled.append(one)
        for amount in self.amounts:
            if (index := amount.column.index) < width:
                amount.see(cells[index])
        if not filled:
            self.rows += self._is_row_without_recipient(cells)
            return
        self.rows += 1
        if len(filled) == 1:
            filled[0].alone += 1
        else:
            self.shared += 1

    def _is_row_without_recipient(self, cells: list[str]) -> bool:
        """Neither empty nor a total."""
        if not any(cell and not cell.isspace() for cell in cells) or any(is_total_label(cell) for cell in cells):
            return False
        amounts = (cells[one.column.index] for one in self.amounts if one.column.index < len(cells))
        return not any(visible(cell) for cell in amounts)


def survey_of(roles: Roles, unit: Unit) -> Survey:
    """A survey for these candidates."""
    recipients = tuple(
        RecipientSurvey(column, RoundingSurvey(discord=column.type in (RecipientType.DISCORD_ID, None)))
        for column in roles.recipients
    )
    return Survey(recipients, tuple(AmountSurvey(column, unit) for column in roles.amounts))
