"""Whatever the bytes of a file: no crash, no hang, nothing paid that is not in it, every row accounted for."""

from __future__ import annotations

import unicodedata
from typing import Final

from bot.domain.intake import NOTICE_KINDS, PROBLEM_KINDS, REFUSAL_KINDS, ReadingOptions, original_records, read
from bot.domain.intake.labels import sums_up
from bot.domain.model import Problem, RecipientType, Row, Unit

NOW_MS: Final = 1_785_000_000_000
_MINUS: Final = "-\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_OPTIONS: Final = (
    ReadingOptions(now_ms=NOW_MS),
    ReadingOptions(now_ms=NOW_MS, unit=Unit.MONEY, max_award=50),
    ReadingOptions(now_ms=NOW_MS, max_rows=3),
    ReadingOptions(now_ms=NOW_MS, amount=7),
    ReadingOptions(now_ms=NOW_MS, accepts=frozenset({RecipientType.DISCORD_ID, RecipientType.EMAIL})),
    ReadingOptions(now_ms=NOW_MS, recipient_column="user", amount_column="points"),
)


def file(data: bytes) -> None:
    """The first byte chooses how it is read, the rest is the file."""
    check(data[1:], _OPTIONS[data[0] % len(_OPTIONS)] if data else _OPTIONS[0])


def check(content: bytes, options: ReadingOptions) -> tuple[list[Row], list[Problem]]:
    """Everything that must hold for any content; returns rows and problems."""
    reading = read(content, options)
    entries = list(reading.entries())
    ending = reading.finish()
    rows = [entry for entry in entries if isinstance(entry, Row)]
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    if reading.refusal is not None:
        assert entries == [] and reading.facts is None and ending.refusal == reading.refusal
        assert reading.refusal.kind in REFUSAL_KINDS
        assert len(reading.refusal.message) <= 600
        return rows, problems
    assert reading.facts is not None
    lines = [entry.line for entry in entries]
    assert lines == sorted(lines)
    told = [row.line for row in rows]
    assert len(set(told)) == len(told)
    assert not set(told) & {problem.line for problem in problems}
    assert (ending.rows, ending.total, ending.problems) == (len(rows), sum(row.amount for row in rows), len(problems))
    originals = dict(original_records(content, reading.facts))
    for row in rows:
        _justified(row, originals[row.line], options)
    for problem in problems:
        assert problem.kind in PROBLEM_KINDS and problem.message.isprintable() and len(problem.message) <= 160
        assert problem.column is None or problem.column in reading.facts.columns
    for warning in ending.warnings:
        assert warning.kind in NOTICE_KINDS and warning.message.isprintable() and len(warning.message) <= 240
    told_lines = {*lines, *(line for warning in ending.warnings for line in warning.lines)}
    silent = set(originals) - told_lines
    if ending.refusal is None:
        assert all(any(sums_up(cell.strip("' ")) or not _visible(cell)
                       for cell in originals[line]) for line in silent), "a row that nobody hears of"  # fmt: skip
    return rows, problems


def _justified(row: Row, cells: list[str], options: ReadingOptions) -> None:
    """A good row stands in the file: whom it pays, and how much."""
    assert row.amount and abs(row.amount) <= (options.max_award or 2**53)
    assert options.accepts is None or row.recipient.type in options.accepts
    assert row.recipient.value.strip() == row.recipient.value != ""
    seen = (cell if row.recipient.value in cell else _seen(cell) for cell in cells)
    assert any(row.recipient.value in cell for cell in seen), "paid somebody who is not in the row"
    assert row.reason is None or 0 < len(row.reason) <= 200
    if row.amount != options.amount:
        assert any(_says(cell, row.amount) for cell in cells), f"paid {row.amount}, which is not in the row"


def _seen(cell: str) -> str:
    """What a person sees of a cell: marks that only tell how it is to be shown take no place, and are not read."""
    return "".join(one for one in cell if unicodedata.category(one) != "Cf")


def _says(cell: str, amount: int) -> bool:
    """Whether a cell has exactly the digits of an amount (zeros around it aside: cents, groups) and its sign."""
    digits = "".join(one for one in cell if one in "0123456789")
    negative = any(one in _MINUS for one in cell)
    return digits.strip("0") == str(abs(amount)).strip("0") and negative == (amount < 0)


def _visible(cell: str) -> bool:
    """A lone apostrophe is how a spreadsheet writes an empty text."""
    return cell != "'" and any(letter.isprintable() and not letter.isspace() for letter in cell)


TARGETS: Final = {"file": file}
