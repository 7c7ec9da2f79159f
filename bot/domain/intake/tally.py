"""What the second pass counts, and the ending that it adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.domain.amounts import display
from bot.domain.intake import names
from bot.domain.intake.cells import REASON_MAX
from bot.domain.intake.options import ENCODING_NAMES, Ending
from bot.domain.intake.settled import Settled
from bot.domain.model import Notice, Refusal, Unit
from bot.domain.quoting import listed, quoted
from bot.domain.reporting import RESULT_COLUMNS


class Total(NamedTuple):
    """A row that was read as the file's own total."""

    line: int
    readings: tuple[int, ...] | None
    """Every amount that it may say; ``None``: there is no number in it."""
    written: str | None = None
    """How, in quotation marks, where that is no plain number."""


@dataclass(slots=True)
class Tally:
    """Counters and line numbers, no rows."""

    rows: int = 0
    total: int = 0
    problems: int = 0
    readable: int = 0
    """Sum of every amount that could be read, bad rows included."""
    unreadable: int = 0
    """Rows whose amount could not be read."""
    nothing: list[int] = field(default_factory=list)
    shortened: list[int] = field(default_factory=list)
    suspected: list[int] = field(default_factory=list)
    guessed: list[int] = field(default_factory=list)
    """Rows whose recipient is another one if the file's encoding was guessed wrong."""
    nameless: list[int] = field(default_factory=list)
    """Rows with something in a column without a name."""
    reasons: int = 0
    """Good rows with a reason right behind their amount."""
    parted: list[int] = field(default_factory=list)
    """Of these, the ones that may be one number which a comma parted."""
    example: tuple[str, str, str] | None = None
    """The two parts of the first of them, and how the whole would be written."""
    totals: list[Total] = field(default_factory=list)
    """The file's own totals."""
    subtotals: list[int] = field(default_factory=list)
    """Lines labelled as subtotals that are the sum of the rows since the one before."""
    summed: int = 0
    """What of ``readable`` stands above the last of these."""


def ending_of(tally: Tally, settled: Settled, unit: Unit, unreadable_text: bool) -> Ending:
    """Once every record was seen."""
    refusal = _wrong_total(tally, unit) or _nothing_to_send(tally)
    # First what may change amounts or people: a card does not have room for all.
    warnings = [
        *_about_parted(tally),
        *_about_recipients(tally, settled),
        *_about_amounts(settled),
        *_about_replaced(settled),
        *_about_columns(settled),
        *_about_rows(tally, unit),
    ]
    if unreadable_text:
        encoding = ENCODING_NAMES[settled.layout.encoding]
        message = f"some characters are no {encoding} text and were replaced; check names and reasons"
        warnings.append(Notice("unreadable-text", message))
    return Ending(refusal, tuple(warnings), tally.rows, tally.total, tally.problems)


def _wrong_total(tally: Tally, unit: Unit) -> Refusal | None:
    if tally.unreadable:
        return None
    for line, readings, written in tally.totals:
        if readings is not None and tally.readable not in readings:
            return Refusal(
                "control-total",
                f"Row {line} has an amount and no recipient, so it was read as the file's total: "
                f"{written or display(readings[0], unit)}, but the rows add up to {display(tally.readable, unit)}. "
                "Add the recipient, or correct or remove that row.",
            )
    return None


def _nothing_to_send(tally: Tally) -> Refusal | None:
    if tally.rows or tally.problems:
        return None
    return Refusal(
        "no-rows",
        "There is nothing to pay: no row has an amount other than zero. Fill in the amounts, and let the same sign"
        " (a comma, for example) stand between the cells of every row.",
    )


def _about_parted(tally: Tally) -> Sequence[Notice]:
    """Among reasons in words, one that is a number is a reason. Where there are hardly others, it may be a part of the
    amount."""
    if tally.example is None or len(tally.parted) * 10 < tally.reasons * 9:
        return ()
    amount, reason, whole = tally.example
    message = (
        f"the reasons are numbers that may be parts of the amounts, as {reason} behind {amount}: if {amount},{reason}"
        f" is meant, only {amount} would be paid; write such amounts without the comma, {whole}"
    )
    return (Notice("parted-amount", message, tuple(tally.parted)),)


def _about_recipients(tally: Tally, settled: Settled) -> Sequence[Notice]:
    notices = []
    if settled.contested:
        names = listed(tuple(one.name for one in settled.who))
        message = f"{names} could each say who gets the points; choose one if it counts alone"
        notices.append(Notice("choose-recipient", message))
    if tally.guessed:
        message = (
            "recipients with letters beyond a to z were read as Windows-1252, which is a guess; compare them, and save"
            " the file as UTF-8 if they are wrong"
        )
        notices.append(Notice("unreadable-text", message, tuple(tally.guessed)))
    return notices


def _about_columns(settled: Settled) -> Sequence[Notice]:
    header = settled.layout.header
    unknown = [
        name
        for index, name in enumerate(header)
        if name and index not in settled.capable and not _has_role(name, index, settled)
    ]
    if not unknown:
        return ()
    columns = "the column" if len(unknown) == 1 else "the columns"
    message = f"{columns} {listed(unknown)} will not be used, only kept for the result file; rename what should count"
    return (Notice("unknown-column", message, (settled.layout.header_line,)),)


def _about_amounts(settled: Settled) -> Sequence[Notice]:
    """Columns that say how much by their names, beside the one that counts, which may hold what somebody has."""
    column = settled.amount
    others = tuple(
        name
        for index, name in enumerate(settled.layout.header)
        if names.is_about_amounts(name) and (column is None or column.index != index)
    )
    if not others or (column is not None and names.known(column.name) is None):
        return ()
    paid = "the given amount" if column is None else quoted(column.name)
    say = "says" if len(others) == 1 else "say"
    message = f"{paid} is paid, and not what {listed(others)} {say}; rename the columns if that is meant"
    return (Notice("other-amount", message, (settled.layout.header_line,)),)


def _about_replaced(settled: Settled) -> Sequence[Notice]:
    """Columns called as Bursar's own are, in a file that is no result: a status there may be somebody's decision."""
    header = settled.layout.header
    replaced = tuple(name for name in header if names.known(name) in RESULT_COLUMNS)
    if settled.award_id is not None or not replaced:
        return ()
    columns, say, it = ("column", "says", "it") if len(replaced) == 1 else ("columns", "say", "them")
    message = (
        f"rows are sent whatever the {columns} {listed(replaced)} {say}, and the result file has Bursar's own instead;"
        f" remove rows that should not be paid, and rename {it} to keep {it}"
    )
    return (Notice("own-column", message, (settled.layout.header_line,)),)


def _has_role(name: str, index: int, settled: Settled) -> bool:
    if names.known(name) in (*names.OURS, *names.AMOUNTS, names.SOURCE):
        return True
    if settled.exported and names.normalised(name) in names.EXPORTED:
        return True
    return any(column is not None and column.index == index for column in (settled.amount, settled.reason))


def _about_rows(tally: Tally, unit: Unit) -> list[Notice]:
    notices = []
    if tally.nothing:
        rows = "1 row has" if len(tally.nothing) == 1 else f"{len(tally.nothing):,} rows have"
        notices.append(
            Notice(
                "nothing-to-pay",
                f"{rows} no amount or zero and will not be sent; fill in an amount if one is missing",
                tuple(tally.nothing),
            )
        )
    notices.extend(_about_totals(tally, unit))
    if tally.suspected:
        message = "some ids may have been rounded by a spreadsheet; compare these rows with the source"
        notices.append(Notice("suspected-rounding", message, tuple(tally.suspected)))
    if tally.nameless:
        message = (
            "what stands in columns without a name will not be used, only kept for the result file; add names if"
            " that should count"
        )
        notices.append(Notice("nameless-column", message, tuple(tally.nameless)))
    if tally.shortened:
        message = f"reasons are kept to {REASON_MAX} characters and were cut; shorten them to choose what stays"
        notices.append(Notice("reason-shortened", message, tuple(tally.shortened)))
    return notices


def _about_totals(tally: Tally, unit: Unit) -> Sequence[Notice]:
    if _wrong_total(tally, unit) is not None:
        return ()
    matching = [total.line for total in tally.totals if total.readings and tally.readable in total.readings]
    if tally.unreadable and len(matching) < len(tally.totals):
        return (_about_suspended(tally),)
    return (*_about_unread(tally), *_about_matching(tally, matching, unit))


def _about_suspended(tally: Tally) -> Notice:
    lines = tuple(sorted((*tally.subtotals, *(total.line for total in tally.totals))))
    rows = "1 row" if len(lines) == 1 else f"{len(lines):,} rows"
    message = (
        f"{rows} without a recipient will not be sent, taken for the file's own total, which cannot be compared"
        " while amounts are unreadable; correct those, and add the recipient of what is an award"
    )
    return Notice("control-total", message, lines)


def _about_unread(tally: Tally) -> Sequence[Notice]:
    unread = [total for total in tally.totals if total.readings is None]
    if not unread:
        return ()
    written = unread[0].written
    if len(unread) == 1:
        message = (
            f"row {unread[0].line} was taken for the file's total, its amount {written} cannot be read, so it was not"
            " compared; write it as a plain number or remove the row"
        )
    else:
        message = (
            f"{len(unread):,} rows were taken for the file's totals, their amounts, such as {written}, cannot be read,"
            " so they were not compared; write them as plain numbers or remove the rows"
        )
    return (Notice("control-total", message, tuple(total.line for total in unread)),)


def _about_matching(tally: Tally, matching: Sequence[int], unit: Unit) -> Sequence[Notice]:
    lines = tuple(sorted((*tally.subtotals, *matching)))
    if not lines:
        return ()
    total = f"total of {display(tally.readable, unit)} matches its rows and is"
    said = "totals match their rows and are" if tally.subtotals else total
    return (Notice("control-total", f"the file's own {said} not sent; add a recipient if it is an award", lines),)
