"""Batches as text and CSV that people keep. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

RESULT_COLUMNS: Final = ("status", "detail", "award_id", "time")
PROBLEM_COLUMN: Final = "problem"
NO_AWARD: Final = "no award"
"""Status of an original row that became no award and was not left out either: nothing to pay, the file's own total."""
COUNTED_ONCE: Final = "its rows count once"
"""How the detail begins of every row of an award that is worth one of them, and not their sum: amounts do not tell."""

_CHUNK_ROWS: Final = 500
_BOM: Final = "\ufeff"
_RISKY_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,15}(?:[.,][0-9]{1,15})?|[.,][0-9]{1,15})", re.ASCII)
_LONG_NUMBER: Final = re.compile(r"[0-9]{16,}", re.ASCII)


class RowStatus(Protocol):
    """What the result file says of one original line."""

    @property
    def status(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def award_id(self) -> int | None: ...
    @property
    def time(self) -> int | None:
        """Unix milliseconds."""


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet neither runs nor rounds.

    Text beginning with = + - @ tab or line end that is not a number, and digit strings longer than 15, get one leading
    apostrophe, which intake strips (``plain_cell``). So does text that would lose an apostrophe of its own that way.
    """
    return f"'{text}" if _needs_apostrophe(text) else text


def plain_cell(text: str) -> str:
    """What ``safe_cell`` was given."""
    return text[1:] if text[:1] == "'" and _needs_apostrophe(text[1:]) else text


def _needs_apostrophe(text: str) -> bool:
    bare = text.lstrip("'")
    if bare.startswith(_RISKY_STARTS):
        return _NUMBER.fullmatch(bare) is None
    return _LONG_NUMBER.fullmatch(bare) is not None


def iso_time(unix_ms: int) -> str:
    """``2026-07-31T18:00:05Z``."""
    return datetime.fromtimestamp(unix_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: str) -> int | None:
    """What ``iso_time`` was given, to the second; ``None`` for another text."""
    try:
        at = datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(at.timestamp()) * 1000


class Report:
    """A CSV with the original columns and some of ours behind them: UTF-8 with BOM, CRLF, safe to open.

    Columns that have one of our names already (our own file, sent again) are replaced, not doubled.
    """

    def __init__(self, header: Sequence[str], added: Sequence[str]) -> None:
        ours = {_squeezed(name) for name in added}
        self._kept = [index for index, name in enumerate(header) if _squeezed(name) not in ours]
        self._width = len(header)
        self._header = [*(header[index] for index in self._kept), *added]

    def head(self) -> bytes:
        """The byte order mark and the header row."""
        return f"{_BOM}{self._written([self._header])}".encode()

    def rows(self, rows: Iterable[tuple[Sequence[str], Sequence[str]]]) -> bytes:
        """Rows of original cells and added ones. Cells beyond the header come last, so that no column shifts."""
        return self._written([self._row(cells, added) for cells, added in rows]).encode("utf-8", "replace")

    def _row(self, cells: Sequence[str], added: Sequence[str]) -> list[str]:
        width = len(cells)
        kept = [cells[index] if index < width else "" for index in self._kept]
        return [*kept, *added, *cells[self._width :]]

    @staticmethod
    def _written(rows: Iterable[Sequence[str]]) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerows([[safe_cell(cell) for cell in row] for row in rows])
        return text.getvalue()


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).casefold()


def result_csv(
    header: Sequence[str], records: Iterable[tuple[int, Sequence[str]]], statuses: Mapping[int, RowStatus]
) -> Iterator[bytes]:
    """The result file in pieces, none of them empty: the original columns, one line per original row, plus ``status``,
    ``detail``, ``award_id`` and ``time`` (ISO 8601, UTC)."""
    report = Report(header, RESULT_COLUMNS)
    yield report.head()
    for chunk in _chunks(records):
        yield report.rows((cells, _status_cells(statuses.get(line))) for line, cells in chunk)


def _status_cells(status: RowStatus | None) -> Sequence[str]:
    if status is None:
        return (NO_AWARD, "", "", "")
    award_id = "" if status.award_id is None else str(status.award_id)
    return (status.status, status.detail, award_id, "" if status.time is None else iso_time(status.time))


def problems_csv(
    header: Sequence[str], records: Iterable[tuple[int, Sequence[str]]], problems: Mapping[int, str]
) -> Iterator[bytes]:
    """The bad rows in pieces, none of them empty: the original columns plus ``problem``, one line per bad row.

    Problems of lines that are no record below the header come last, with the line in front of the text.
    """
    report = Report(header, (PROBLEM_COLUMN,))
    yield report.head()
    told: set[int] = set()
    bad = ((line, cells) for line, cells in records if line in problems)
    for chunk in _chunks(bad):
        told.update(line for line, _ in chunk)
        yield report.rows((cells, (problems[line],)) for line, cells in chunk)
    rest = [line for line in sorted(problems) if line not in told]
    if rest:
        yield report.rows(((), (f"row {line}: {problems[line]}",)) for line in rest)


def _chunks(records: Iterable[tuple[int, Sequence[str]]]) -> Iterator[list[tuple[int, Sequence[str]]]]:
    chunk: list[tuple[int, Sequence[str]]] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
