"""Where the header is and what separates the cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bot.domain.intake import names
from bot.domain.intake.options import ReadingOptions
from bot.domain.intake.pieces import Content, head
from bot.domain.intake.recipients import looks_like_recipient
from bot.domain.intake.records import records
from bot.domain.model import Refusal
from bot.domain.quoting import quoted

HEADER_ROWS: Final = 20
"""Rows in which the header is looked for."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_DECLARED: Final = re.compile(r'"?sep=([,;\t|])"?[ ]*(?:[\r\n]|\Z)', re.IGNORECASE)
_NAME_MAX: Final = 60
_COLUMNS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file is laid out."""

    encoding: str
    delimiter: str
    header_line: int
    header: tuple[str, ...]
    """Cells of the header as written, without invisible characters."""
    table_above: int | None = None
    """Line of another row that is a header as well: what stands between the two is a table of its own."""


@dataclass(frozen=True, slots=True, order=True)
class _Score:
    """How much a row looks like the header; the larger the better."""

    complete: bool
    """It says who and how much."""
    known: int
    who: bool
    nearly: int


def find_layout(content: Content, encoding: str, options: ReadingOptions) -> Layout | Refusal:
    """The delimiter and header row under which most columns are known; a ``sep=`` line settles the delimiter."""
    declared = _declared_delimiter(content, encoding)
    best: tuple[_Score, Layout] | None = None
    for delimiter in (declared,) if declared else _DELIMITERS:
        found = _header(content, encoding, delimiter, declared is not None, options)
        if found is not None and (best is None or _better(found, best)):
            best = found
    return best[1] if best is not None else _no_header(content, encoding, declared, options)


def _better(found: tuple[_Score, Layout], best: tuple[_Score, Layout]) -> bool:
    if found[0] != best[0]:
        return found[0] > best[0]
    return len(found[1].header) > len(best[1].header)


def _header(
    content: Content, encoding: str, delimiter: str, declared: bool, options: ReadingOptions
) -> tuple[_Score, Layout] | None:
    """The first of the rows that look most like a header under this delimiter."""
    chosen = {names.squeezed(one or "") for one in (options.recipient_column, options.amount_column)} - {""}
    amount_given = options.amount is not None
    best: tuple[_Score, Layout] | None = None
    table: int | None = None
    for line, cells in _first_rows(content, encoding, delimiter, declared):
        score = _score(cells, chosen, amount_given)
        if score is None:
            continue
        if best is None or score > best[0]:
            best = score, Layout(encoding, delimiter, line, tuple(names.visible(cell) for cell in cells), table)
        if table is None and score.complete and (amount_given or score.known > 1):
            table = line
    return best


def _declared_delimiter(content: Content, encoding: str) -> str | None:
    """From a first line such as ``sep=;``, which Excel writes and obeys."""
    match = _DECLARED.match(head(content, 64).decode(encoding, "replace").lstrip("\ufeff"))
    return match.group(1) if match else None


def _first_rows(content: Content, encoding: str, delimiter: str, declared: bool) -> Iterator[tuple[int, list[str]]]:
    start = 1 if declared else 0
    return islice(records(content, encoding, delimiter), start, start + HEADER_ROWS)


def _score(cells: list[str], chosen: set[str], amount_given: bool) -> _Score | None:
    if len(cells) > _COLUMNS_MAX:
        return None
    who = much = False
    known = 0
    candidates = [cell for cell in cells if cell and len(cell) <= _NAME_MAX]
    for cell in candidates:
        name = names.known(cell)
        picked = names.squeezed(cell) in chosen
        known += name is not None or picked
        who = who or name in names.RECIPIENTS or picked
        much = much or name in names.AMOUNTS or picked
    nearly = 0 if known else sum(names.nearly(cell) is not None for cell in candidates)
    if not (known or nearly) or any(looks_like_recipient(cell) for cell in candidates):
        return None
    return _Score(who and (much or amount_given), known, who, nearly)


def _no_header(content: Content, encoding: str, declared: str | None, options: ReadingOptions) -> Refusal:
    above: tuple[int, str] | None = None
    first: tuple[int, str] | None = None
    spaced: tuple[int, str] | None = None
    for line, cells in _first_rows(content, encoding, declared or ",", declared is not None):
        here = line, quoted((declared or ",").join(cells))
        if any(_are_header(re.split(r"[,;|\t]", cell)) for cell in cells):
            return _unparted(*here, declared is not None)
        parts = cells if declared else _split_somehow(cells)
        if spaced is not None and len(parts) == 1 and any(map(looks_like_recipient, parts[0].split())):
            return _unparted(*spaced, declared is not None)
        if len(parts) == 1 and (_are_header(re.split(r"\s{2,}", parts[0])) or _are_header(parts[0].split())):
            spaced = here  # or a title, which the rows below tell
        found = next((part for part in parts if looks_like_recipient(part)), None)
        if found is not None:
            return _nameless(content, encoding, declared, line, above, options) or _headless(line, found, above)
        if any(names.visible(part) for part in parts):
            above = here
            first = first or above
    if first is None:
        message = f"The first {HEADER_ROWS} rows are empty. Add a header row such as discord_id,amount and the data."
        return Refusal("no-header", message)
    return Refusal(
        "no-header",
        f"None of the first {HEADER_ROWS} rows has a column name that Bursar knows; row {first[0]} says {first[1]}. "
        "Add a header row such as discord_id,amount above the data.",
    )


def _are_header(parts: list[str]) -> bool:
    """Whether these are known names that say who and how much, and nothing else."""
    known = {names.known(part) for part in parts}
    return None not in known and not known.isdisjoint(names.RECIPIENTS) and not known.isdisjoint(names.AMOUNTS)


def _unparted(line: int, shown: str, declared: bool) -> Refusal:
    message = f"Row {line} has the names of the columns in one cell, {shown}"
    if declared:
        message += ", since the first line names another mark with sep=. Remove that line, or correct it."
    else:
        message += (
            ". Put a comma, a semicolon or a tab between the cells of every row, and no quotation marks around a whole"
            " row."
        )
    return Refusal("no-header", message)


def _nameless(
    content: Content,
    encoding: str,
    declared: str | None,
    line: int,
    above: tuple[int, str] | None,
    options: ReadingOptions,
) -> Refusal | None:
    """That none of the names in the row above the data, in ``line``, is known, with the choice among them, first those
    that have somebody in that line. Once one of them is chosen the row is known to be the header."""
    if above is None:
        return None
    wanted = 1 if options.amount is not None else 2
    for delimiter in (declared,) if declared else _DELIMITERS:
        rows = dict(_first_rows(content, encoding, delimiter, declared is not None))
        header, cells = rows.get(above[0], []), rows.get(line, [])
        named = [(name, cell) for one, cell in zip(header, cells, strict=False) if (name := names.visible(one))]
        found = tuple(name for name, _ in sorted(named, key=lambda pair: not looks_like_recipient(pair[1])))
        if len(found) < wanted or len(header) != len(cells) or not any(map(looks_like_recipient, cells)):
            continue
        if len(set(map(names.squeezed, found))) == len(found) and max(map(len, found)) <= _NAME_MAX:
            said = f"Bursar knows none of the column names in row {above[0]}, {above[1]}."
            return Refusal("no-recipient-column", f"{said} Choose the one that says who gets the points.", found)
    return None


def _headless(line: int, found: str, above: tuple[int, str] | None) -> Refusal:
    """Data from ``line`` on, under nothing or under names that are not known."""
    if above is None:
        message = (
            f"Row {line} begins with data ({quoted(found)}), there is no header above it. "
            "Add a first row with the names of the columns, such as discord_id,amount."
        )
    else:
        message = (
            f"Bursar knows none of the column names in row {above[0]}, {above[1]}. "
            "Rename the column that says who to discord_id, and the one that says how much to amount."
        )
    return Refusal("no-header", message)


def _split_somehow(cells: list[str]) -> list[str]:
    parts = cells
    for delimiter in _DELIMITERS[1:]:
        parts = [piece for part in parts for piece in part.split(delimiter)]
    return parts
