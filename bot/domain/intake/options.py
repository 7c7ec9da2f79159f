"""What goes into reading a file and what comes out, besides rows and problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain.model import Notice, RecipientType, Refusal, Unit

ENCODING_NAMES: Final[Mapping[str, str]] = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "windows-1252": "Windows-1252",
}
DELIMITER_NAMES: Final[Mapping[str, str]] = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""What people call what ``FileFacts`` says."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How to read and judge a file. Stored with the draft, so that the same file can be read the same way again."""

    unit: Unit = Unit.POINTS
    now_ms: int = 0
    """Unix milliseconds at which the file is judged: no Discord id is younger. 0: not known, any id may exist."""
    max_rows: int = 100_000
    max_bytes: int = 10_000_000
    max_award: int | None = None
    """Largest absolute amount of one row, smallest unit; ``None`` = none."""
    accepts: frozenset[RecipientType] | None = None
    """Recipient types the programme takes; ``None`` = any."""
    amount: int | None = None
    """Amount for a file without an amount column."""
    recipient_column: str | None = None
    """Header of the column to use, when the moderator has chosen."""
    amount_column: str | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was found in the file."""

    encoding: str
    """``utf-8``, ``utf-8-sig`` (with BOM), ``utf-16-le``, ``utf-16-be``, ``windows-1252``: names that Python knows."""
    delimiter: str
    header_line: int
    """Physical line of the header."""
    columns: tuple[str, ...]
    """Headers as written."""
    recipient_column: str
    recipient_type: RecipientType
    amount_column: str | None
    reason_column: str | None
    source_column: str | None
    award_id_column: str | None
    ignored: tuple[str, ...]
    """Columns that mean nothing to Bursar, kept for the result file."""
    other_recipient_columns: tuple[str, ...] = ()
    """Further columns that say who, in a file whose rows name recipients in different ways (a Discord id here, an
    e-mail address there)."""
    contested: bool = False
    """So many rows fill several of those columns that one of them is probably meant for all."""

    @property
    def recipient_choices(self) -> tuple[str, ...]:
        """The columns of which one could be chosen; none where every row says by itself who is meant."""
        return (self.recipient_column, *self.other_recipient_columns) if self.contested else ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known once every record was seen."""

    refusal: Refusal | None
    """Control totals that do not match, no rows, too many rows."""
    warnings: tuple[Notice, ...]
    rows: int
    """Good rows."""
    total: int
    """Sum of their amounts, smallest unit."""
    problems: int
    """Problems told; a line may have several."""
