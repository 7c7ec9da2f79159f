"""The CSV that ``export`` writes, as a result file: so that either closes the gap of a lost ledger. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.model import RecipientType
from bot.domain.reporting import RESULT_COLUMNS, iso_time, plain_cell, safe_cell

_NEEDED: Final = frozenset(
    {"programme", "award", "recipient_type", "recipient_value", "recipient_source", "amount", "state", "recorded_at"}
)
_DELIMITERS: Final = (",", ";", "\t")
_TYPES: Final = tuple(one.value for one in RecipientType)


@dataclass(frozen=True, slots=True)
class Exported:
    """Awards of one programme."""

    content: bytes
    """They as a result file, one physical line an award."""
    recorded: Mapping[int, int]
    """When the batch of each line's award was recorded, Unix milliseconds."""
    amounts: Mapping[int, Sequence[str]]
    """What each row said that became a line's award, as written, where there were several."""


def of_programme(content: bytes, programme: str) -> Exported | None:
    """What an export has of a programme; ``None``: it is no export.

    Raises ``ValueError`` for a line that cannot be read, in a sentence that names it.
    """
    records = _records(content)
    if records is None:
        return None
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*(one.replace("-", "_") for one in _TYPES), "source", "amount", "reason", *RESULT_COLUMNS])
    recorded: dict[int, int] = {}
    amounts: dict[int, Sequence[str]] = {}
    for number, record in records:
        if not record["programme"]:
            raise ValueError(f"line {number} cannot be read: it names no programme")
        if record["programme"] != programme:
            continue
        try:
            line = len(recorded) + 2
            recorded[line] = _milliseconds(record["recorded_at"])
            if each := record.get("line_amounts", "").split():
                amounts[line] = each
            cells = _cells(record)
        except ValueError as error:
            raise ValueError(f"line {number} cannot be read: {error}") from None
        writer.writerow([safe_cell(" ".join(cell.split())) for cell in cells])
    return Exported(text.getvalue().encode(), recorded, amounts)


def _records(content: bytes) -> Iterator[tuple[int, dict[str, str]]] | None:
    """Physical line and cells by column; ``None`` where the first line is not that of an export."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    first = text.split("\n", 1)[0].strip("\r")
    for delimiter in _DELIMITERS:
        header = [name.strip().strip('"') for name in first.split(delimiter)]
        if _NEEDED.issubset(header):
            return _read(text, delimiter, header)
    return None


def _read(text: str, delimiter: str, header: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cells) and reader.line_num > 1:
                if any(cells[len(header) :]):
                    raise ValueError(f"line {reader.line_num} cannot be read: it has more cells than the first line")
                padded = [*map(plain_cell, cells), *[""] * (len(header) - len(cells))]
                yield reader.line_num, dict(zip(header, padded, strict=False))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} cannot be split into cells: {error}") from None


def _cells(record: Mapping[str, str]) -> list[str]:
    if record["recipient_type"] not in _TYPES:
        raise ValueError(f"there is no kind of recipient called {record['recipient_type']}")
    who = [record["recipient_value"] if one == record["recipient_type"] else "" for one in _TYPES]
    changed = record.get("changed_at", "")
    told = (record["state"], record.get("detail", ""), record["award"], iso_time(_milliseconds(changed or "")))
    return [*who, record["recipient_source"], record["amount"], record.get("reason", ""), *told]


def _milliseconds(text: str) -> int:
    """``2026-07-31T18:00:05.250Z``."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} is no time with a zone")
    return round(at.timestamp() * 1000)
