"""The two passes put together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, islice
from typing import Final

from bot.domain.intake.choosing import are_used_in_turn, choose_amount, choose_recipients, refuse_names
from bot.domain.intake.columns import roles_of
from bot.domain.intake.content import encoding_of, has_unreadable, refuse_binary, refuse_no_text
from bot.domain.intake.judge import Judge
from bot.domain.intake.layout import Layout, find_layout
from bot.domain.intake.names import visible
from bot.domain.intake.options import Ending, FileFacts, ReadingOptions
from bot.domain.intake.pieces import Content, as_content, head, sha256_of
from bot.domain.intake.proposing import LOOKED_AT, likely_first
from bot.domain.intake.records import records
from bot.domain.intake.settled import Settled, facts_of, settle
from bot.domain.intake.survey import survey_of
from bot.domain.intake.tally import ending_of
from bot.domain.model import Problem, Refusal, Row
from bot.domain.reporting import plain_cell

_EMPTY: Final = Refusal(
    "no-rows", "The file is empty. Send one with a header such as discord_id,amount and a row for each award."
)


class Reading:
    """A file under way."""

    facts: FileFacts | None
    """``None`` when ``refusal`` says why."""
    refusal: Refusal | None
    """Known before any record: binary, too big, too many rows, no rows, no recipient or amount column, duplicated
    header, a choice to make."""
    sha256: str

    def __init__(self, content: Content, options: ReadingOptions) -> None:
        self.sha256 = sha256_of(content)
        self._content = content
        self._options = options
        self._judge: Judge | None = None
        self._settled: Settled | None = None
        self._exhausted = False
        settled = _settled(content, options)
        if isinstance(settled, Refusal):
            self.facts, self.refusal = None, settled
        else:
            self.facts, self.refusal = facts_of(settled), None
            self._settled = settled

    def entries(self) -> Iterator[Row | Problem]:
        """Every record that is not empty, in the order of the file: one good row, or one or more problems of a line.

        Rows with nothing to pay and the file's own totals are neither; ``finish`` tells of them. Can be iterated once
        (a second time raises ``RuntimeError``). Nothing when ``refusal`` is set.
        """
        if self._judge is not None:
            raise RuntimeError("the entries of a reading can be iterated once")
        if self._settled is None:
            return iter(())
        self._judge = Judge(self._settled, self._options)
        return self._judged(self._judge, self._settled)

    def _judged(self, judge: Judge, settled: Settled) -> Iterator[Row | Problem]:
        yield from judge.entries(records(self._content, settled.layout.encoding, settled.layout.delimiter))
        self._exhausted = True

    def finish(self) -> Ending:
        """After ``entries`` is exhausted (``RuntimeError`` before that)."""
        if self._settled is None:
            return Ending(self.refusal, (), 0, 0, 0)
        if self._judge is None or not self._exhausted:
            raise RuntimeError("a reading is finished when its entries are exhausted")
        unreadable = has_unreadable(self._content, self._settled.layout.encoding)
        return ending_of(self._judge.tally, self._settled, self._options.unit, unreadable)


def read(content: Content | bytes, options: ReadingOptions) -> Reading:
    """First pass. Never raises for what the content is."""
    return Reading(as_content(content), options)


def original_records(content: Content | bytes, facts: FileFacts) -> Iterator[tuple[int, list[str]]]:
    """The records below the header as written, with their physical lines, for result and problem files.

    Blank records are left out, and so are the apostrophes that ``safe_cell`` puts on. Line ends inside a cell are
    ``\\n``; a line that cannot be split into cells is one cell.
    """
    for line, cells in records(as_content(content), facts.encoding, facts.delimiter):
        if line > facts.header_line and any(cell and not cell.isspace() for cell in cells):
            yield line, [plain_cell(cell) if cell[:1] == "'" else cell for cell in cells]


def _settled(content: Content, options: ReadingOptions) -> Settled | Refusal:
    if content.size > options.max_bytes:
        return _too_big(options.max_bytes)
    refusal = refuse_binary(content)
    if refusal is not None:
        return refusal
    encoding = encoding_of(content)
    refusal = refuse_no_text(content, encoding) or _blank(content, encoding)
    if refusal is not None:
        return refusal
    layout = find_layout(content, encoding, options)
    if isinstance(layout, Refusal):
        return layout
    roles = roles_of(layout.header, options)
    if isinstance(roles, Refusal):
        return likely_first(roles, layout, _first_rows(content, layout), options.unit)
    survey = survey_of(roles, options.unit)
    rows = records(content, encoding, layout.delimiter)
    survey.look_through(dropwhile(lambda row: row[0] <= layout.header_line, rows), options.max_rows)
    if survey.rows > options.max_rows:
        message = (
            f"The file has more than {options.max_rows:,} rows, the most that is allowed. Split it into smaller files."
        )
        return Refusal("too-many-rows", message)
    if not survey.rows:
        message = f"There is no row to send below the header in row {layout.header_line}. Add a row for each award."
        return Refusal("no-rows", message)
    recipients = choose_recipients(survey, options)
    if isinstance(recipients, Refusal):
        return recipients
    refusal = refuse_names(recipients, layout.header, options)
    if refusal is not None:
        return refusal
    amount = choose_amount(survey)
    if isinstance(amount, Refusal):
        return amount
    contested = not are_used_in_turn(recipients, survey)
    return settle(layout, roles, recipients, amount, options.accepts, contested=contested)


def _first_rows(content: Content, layout: Layout) -> list[list[str]]:
    """A few rows below the header."""
    rows = records(content, layout.encoding, layout.delimiter)
    return [cells for _, cells in islice(dropwhile(lambda row: row[0] <= layout.header_line, rows), LOOKED_AT)]


def _too_big(most: int) -> Refusal:
    """Without the file's size: who reads it stops one byte behind the limit, and knows no more than that."""
    message = f"The file has more than {_size(most)}, the most that is allowed. Split it into smaller files."
    return Refusal("too-big", message)


def _size(size: int) -> str:
    """In the largest unit that tells it exactly to one decimal."""
    for unit, worth in (("MB", 1_000_000), ("kB", 1000)):
        if size >= worth and size * 10 % worth == 0:
            return f"{size / worth:,g} {unit}"
    return f"{size:,} byte{'' if size == 1 else 's'}"


def _blank(content: Content, encoding: str) -> Refusal | None:
    text = head(content).decode(encoding, "replace")
    if visible(text):
        return None
    blank = all(not visible(cell) for _, cells in records(content, encoding, ",") for cell in cells)
    return _EMPTY if blank else None
