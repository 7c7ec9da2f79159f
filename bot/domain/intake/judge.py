"""The second pass: every record becomes a good row, or the problems that keep it from being one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bot.domain.amounts import LARGEST, possible_amounts
from bot.domain.discord_ids import SHORTEST, youngest
from bot.domain.intake import names
from bot.domain.intake.cells import CellReader, cell, reason_of, suspected
from bot.domain.intake.content import GUESSED
from bot.domain.intake.labels import is_subtotal_label, is_total_label
from bot.domain.intake.names import visible
from bot.domain.intake.options import ReadingOptions
from bot.domain.intake.recipients import damage_of, is_surely, looks_like_recipient
from bot.domain.intake.records import LINE_MAX, Broken, Spanning, TooLong
from bot.domain.intake.rounding import mark_of
from bot.domain.intake.settled import Settled, Who
from bot.domain.intake.tally import Tally, Total
from bot.domain.model import Problem, Recipient, RecipientType, Row, Unit
from bot.domain.quoting import quoted

_PLAIN_ID_MAX: Final = 19
_PLAIN_AMOUNT_MAX: Final = 9
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9 .,']*", re.ASCII)
_GROUPS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
_DECIMALS: Final = re.compile(r"[+-]?[0-9]+,[0-9]{1,2}", re.ASCII)
_RULE: Final = re.compile(r"[-:=+_\s\u2010-\u2015]*")
"""A cell of the line below the header of a table in plain text."""
_UNLIKE_AMOUNTS: Final = frozenset(
    (RecipientType.DISCORD_ID, RecipientType.DRIP_ID, RecipientType.WALLET, RecipientType.EMAIL)
)
"""Types of recipients that no short number can be."""
_DELIMITERS: Final = re.compile(r"[,;|\t]")
_MARKS: Final = re.compile(r"[\s,;|:=]+")
_DELIMITER_WORDS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class Judge:
    """Judges records one by one and keeps the tally."""

    def __init__(self, settled: Settled, options: ReadingOptions) -> None:
        self._settled = settled
        self._reader = CellReader(settled, options)
        self.tally = Tally()
        first = settled.who[0]
        self._who_index = first.index
        self._is_rounded = bool(first.rounding)
        self._amount_index = -1 if settled.amount is None else settled.amount.index
        self._needed = max(self._who_index, self._amount_index)
        self._width = settled.width
        self._nameless = tuple(index for index, name in enumerate(settled.layout.header) if not name)
        self._behind = _following(self._amount_index, self._nameless)
        self._youngest = youngest(options.now_ms)
        self._largest = LARGEST if options.max_award is None else options.max_award
        self._has_award_ids = settled.award_id is not None
        self._reason_index = -1 if settled.reason is None else settled.reason.index
        self._reason_read = ("", reason_of(""))
        self._may_part = 0 < self._reason_index == self._amount_index + 1 and settled.layout.delimiter == ","
        self._unit = options.unit
        self._money = options.unit is Unit.MONEY
        self._factor = 100 if self._money else 1
        self._other_header: int | None = None
        self._plain = (
            len(settled.who) == 1
            and settled.amount is not None
            and first.type is RecipientType.DISCORD_ID
            and first.type_column is None
            and (options.accepts is None or first.type in options.accepts)
        )

    def entries(self, records: Iterator[tuple[int, list[str]]]) -> Iterator[Row | Problem]:
        """Rows and problems in the order of the file. ``records`` start at its top."""
        header_line = self._settled.layout.header_line
        tally = self.tally
        for line, cells in records:
            row = self._plain_row(line, cells) if self._plain and line > header_line else None
            if row is not None:
                tally.rows += 1
                tally.total += row.amount
                tally.readable += row.amount
                yield row
                continue
            for entry in self._above_header(line, cells) if line <= header_line else self._judged(line, cells):
                if isinstance(entry, Row):
                    tally.rows += 1
                    tally.total += entry.amount
                else:
                    tally.problems += 1
                yield entry

    def _plain_row(self, line: int, cells: list[str]) -> Row | None:
        """What nearly every row is: digits, and nothing doubtful about them. ``None`` leaves it to ``_judged``."""
        if not self._needed < len(cells) <= self._width or type(cells) is not list:
            return None
        if self._nameless and any(cells[index] for index in self._nameless if index < len(cells)):
            return None
        who, much = cells[self._who_index], cells[self._amount_index]
        digits = much[1:] if much[:1] == "-" else much
        if not (who.isdigit() and digits.isdigit() and who.isascii() and digits.isascii()):
            return None
        if not SHORTEST <= len(who) <= _PLAIN_ID_MAX or who[0] == "0" or len(digits) > _PLAIN_AMOUNT_MAX:
            return None
        number, amount = int(who), int(much) * self._factor
        if number > self._youngest or not 0 < abs(amount) <= self._largest:
            return None
        if self._is_rounded and mark_of(who, number) is not None:
            return None
        award_id = self._reader.award_id(line, cells) if self._has_award_ids else None
        if isinstance(award_id, Problem):
            return None
        return Row(line, Recipient(RecipientType.DISCORD_ID, who), amount, self._reason(line, cells), award_id)

    # --- every other row ---------------------------------------------------------------------------------------

    def _judged(self, line: int, cells: list[str]) -> Iterator[Row | Problem]:
        torn = self._of_another_table(line, cells) or self._torn(line, cells)
        if torn is not None:
            self.tally.unreadable += 1
            yield torn
            return
        named = [who for who in self._settled.who if cell(cells, who.index)]
        if not named or (len(named) == 1 and is_total_label(cells[named[0].index])):
            yield from self._without_recipient(line, cells)
            return
        is_rule = all(map(_RULE.fullmatch, cells))
        amount = None if is_rule else self._behind_it(line, cells) or self._reader.amount(line, cells)
        if amount is None and (found := self._together(line, cells, named) or self._early(line, cells, named)):
            self.tally.unreadable += 1
            yield found
            return
        if amount is None:
            self.tally.nothing.append(line)
            return
        if isinstance(amount, Problem):
            self.tally.unreadable += 1
        else:
            self.tally.readable += amount
            amount = self._reader.within_limit(line, amount)
        recipient = self._reader.recipient(line, cells, named)
        award_id = self._reader.award_id(line, cells)
        if isinstance(recipient, Problem) or isinstance(amount, Problem) or isinstance(award_id, Problem):
            yield from (found for found in (recipient, amount, award_id) if isinstance(found, Problem))
            return
        if not recipient.value.isascii() and self._settled.layout.encoding == GUESSED:
            self.tally.guessed.append(line)
        if suspected(recipient.value, named[0].rounding):
            self.tally.suspected.append(line)
        yield Row(line, recipient, amount, self._reason(line, cells), award_id)

    def _together(self, line: int, cells: Sequence[str], named: Sequence[Who]) -> Problem | None:
        """That the amount is not missing, but stands in one cell with who, behind another mark than the header has."""
        if len(named) > 1 or cell(cells, self._amount_index):
            return None
        who = named[0]
        text = cell(cells, who.index)
        words = _MARKS.split(text)
        surely = any(map(looks_like_recipient, words))
        parts = words if surely else _DELIMITERS.split(text)
        if not any(_NUMBER.fullmatch(part) and not looks_like_recipient(part) for part in parts[1:]):
            return None
        mark = _DELIMITER_WORDS[self._settled.layout.delimiter]
        message = f"{quoted(text)} has more than who in it; put the amount into a cell of its own, between {mark}"
        return Problem(line, who.name, "bad-recipient", message)

    def _early(self, line: int, cells: Sequence[str], named: Sequence[Who]) -> Problem | None:
        """That the amount is not missing, but stands where who should, since the row begins one cell too early."""
        who = named[0]
        text = cell(cells, who.index)
        if len(named) > 1 or who.type not in _UNLIKE_AMOUNTS or cell(cells, self._amount_index):
            return None
        if not _NUMBER.fullmatch(text) or looks_like_recipient(text) or not any(map(looks_like_recipient, cells)):
            return None
        message = (
            f"{quoted(text)} stands where who should, and who in another column; move the row's cells to their places"
        )
        return Problem(line, who.name, "bad-recipient", message)

    def _behind_it(self, line: int, cells: Sequence[str]) -> Problem | None:
        """That a number stands behind the amount, under no name: the amount was parted by its own comma, or the
        column's name is meant for several columns and nobody knows for which of them."""
        texts = {index: text for index in self._nameless if (text := cell(cells, index))}
        if texts:
            self.tally.nameless.append(line)
        found = next((text for index, text in texts.items() if index in self._behind and _NUMBER.fullmatch(text)), None)
        if found is None or self._settled.amount is None:
            return None
        message = (
            f"{quoted(found)} stands behind the amount, in a column without a name; put a name above it, or quotation"
            " marks around the amount it belongs to"
        )
        return Problem(line, self._settled.amount.name, "extra-cells", message)

    def _reason(self, line: int, cells: Sequence[str]) -> str | None:
        if not 0 <= self._reason_index < len(cells):
            return None
        text = cells[self._reason_index]
        if text != self._reason_read[0]:  # most rows have the reason of the one before
            self._reason_read = text, reason_of(text)
        reason, cut = self._reason_read[1]
        if cut:
            self.tally.shortened.append(line)
        if self._may_part and reason is not None:
            self.tally.reasons += 1
            if len(reason) <= 3 and reason.isdigit():
                self._note_parted(line, cell(cells, self._amount_index), reason)
        return reason

    def _note_parted(self, line: int, amount: str, reason: str) -> None:
        """A row that a comma between the digits of its amount may have parted, without a cell too many."""
        whole = self._whole(amount, reason)
        if whole is not None:
            self.tally.parted.append(line)
            self.tally.example = self.tally.example or (amount, reason, whole)

    def _whole(self, amount: str, behind: str) -> str | None:
        """``1250`` of 1 and 250, or of money ``5.50`` of 5 and 50, where a comma may have parted them."""
        together = f"{amount},{behind}"
        if _GROUPS.fullmatch(together):
            return together.replace(",", "")
        return together.replace(",", ".") if self._money and _DECIMALS.fullmatch(together) else None

    def _of_another_table(self, line: int, cells: list[str]) -> Problem | None:
        """A row below a second header that has its columns in other places: a number there may be an id here."""
        if self._is_header(cells):
            if self._has_these_columns(cells):
                self._other_header = None
                message = f"the row repeats the header in row {self._settled.layout.header_line}; remove it"
                return Problem(line, self._settled.who[0].name, "bad-recipient", message)
            self._other_header = line
            self._plain = False  # what looks like nearly every row may have its columns in other places from here on
        if self._other_header is None or not any(map(visible, cells)):
            return None
        message = (
            f"the row is of another table, with the header in row {self._other_header}; make a file of its own of it"
        )
        return Problem(line, None, "other-table", message)

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Whether a row is made of names of columns and says with them who, and how much: by a name that is known, or
        below other rows by any word in the place of the amount, such as the levels of a second table."""
        texts = [visible(one) for one in cells]
        if any(text.lstrip("+-\u2212")[:1].isdecimal() or looks_like_recipient(text) for text in texts):
            return False
        known = {names.known(one) for one in cells}
        if not known.isdisjoint(names.RECIPIENTS) and not known.isdisjoint(names.AMOUNTS):
            return True
        below = self.tally.rows or self.tally.problems  # right below the header it would say more about the same rows
        return bool(below and cell(cells, self._amount_index)) and names.is_about_ids(cell(cells, self._who_index))

    def _has_these_columns(self, cells: Sequence[str]) -> bool:
        header = self._settled.layout.header
        used = [index for index in (self._who_index, self._amount_index) if index >= 0]
        return all(names.squeezed(cell(cells, index)) == names.squeezed(header[index]) for index in used)

    def _torn(self, line: int, cells: list[str]) -> Problem | None:
        """A record whose cells are not where they belong, so that nothing in it can be trusted."""
        if isinstance(cells, TooLong):
            message = f"the line is longer than {LINE_MAX:,} characters; check the line ends of the file"
            return Problem(line, None, TooLong.kind, message)
        if isinstance(cells, Broken):
            message = "the quotation marks do not pair up, so the cells cannot be told apart; remove or double them"
            return Problem(line, None, Broken.kind, message)
        if self._is_one_cell(cells):
            message = "the whole row is one cell, in quotation marks; make columns of it and save the file again"
            return Problem(line, None, Broken.kind, message)
        if isinstance(cells, Spanning) and self._swallows_rows(cells):
            last = line + cells.lines - 1
            message = (
                f"a quoted cell runs on to row {last} over what look like rows; close the quotation mark in row {line}"
            )
            return Problem(line, None, Broken.kind, message)
        if len(cells) <= self._width:
            return None
        counts = f"the row has {len(cells)} cells, the header {self._width}"
        if any(cell(cells, index) for index in range(self._width, len(cells))):
            marks = _DELIMITER_WORDS[self._settled.layout.delimiter]
            message = f"{counts}; put quotation marks around cells with {marks} in them"
            return Problem(line, None, "extra-cells", message)
        if (parted := self._parted_amount(cells)) is not None:
            message = f"{counts}; write {parted} if that is the amount, else take the empty cells at its end away"
            return Problem(line, None, "extra-cells", message)
        return None

    def _is_one_cell(self, cells: list[str]) -> bool:
        """What a spreadsheet makes of a row with quotation marks when it takes another mark for the delimiter, and
        saves what it then holds for a single column."""
        if len(cells) != 1 or self._width == 1:
            return False
        pieces = cells[0].split(self._settled.layout.delimiter)
        if len(pieces) <= self._needed:
            return False
        return any(map(looks_like_recipient, pieces)) or cell(pieces, self._amount_index).lstrip("-").isdecimal()

    def _parted_amount(self, cells: list[str]) -> str | None:
        """The amount where it may have been written with a comma and no quotation marks, so that it became two cells
        and shifted the others behind the header's."""
        index = self._amount_index
        if self._settled.layout.delimiter != "," or index < 0:
            return None
        return self._whole(cell(cells, index), cell(cells, index + 1))

    def _swallows_rows(self, cells: list[str]) -> bool:
        delimiter = self._settled.layout.delimiter
        inner = (part for one in cells if "\n" in one for part in one.split("\n")[1:])
        return any(
            looks_like_recipient(piece) for part in inner if delimiter in part for piece in part.split(delimiter)
        )

    def _without_recipient(self, line: int, cells: list[str]) -> Iterator[Problem]:
        """An empty row, the file's own total, or a row that names nobody."""
        filled = [index for index in range(len(cells)) if cell(cells, index)]
        if not filled:
            return
        tally = self.tally
        labelled = any(is_total_label(cells[index]) for index in filled)
        amount = self._reader.amount(line, cells)
        if amount is None and not labelled:
            tally.nothing.append(line)
            return
        if not cell(cells, self._amount_index):
            if not labelled:
                yield self._nobody(line)
            return
        total = self._total(line, cells, amount)
        if not labelled and _is_somebody(cell(cells, self._amount_index)):
            tally.unreadable += 1
            yield self._late(line, cells)
        elif not labelled and (not total.readings or any(index in self._settled.capable for index in filled)):
            tally.unreadable += isinstance(amount, Problem)
            tally.readable += amount if isinstance(amount, int) else 0
            yield self._nobody(line)
        elif self._is_subtotal(total, [cells[index] for index in filled]):
            tally.subtotals.append(line)
            tally.summed = tally.readable
        else:
            tally.totals.append(total)

    def _total(self, line: int, cells: Sequence[str], amount: int | Problem | None) -> Total:
        """What cannot be paid may still be compared: in every reading, with or without a unit beside it."""
        if not isinstance(amount, Problem):
            return Total(line, (amount or 0,))
        text = cell(cells, self._amount_index)
        return Total(line, possible_amounts(text, self._unit), quoted(text))

    def _is_subtotal(self, total: Total, filled: Sequence[str]) -> bool:
        """Whether it is labelled so, and is the sum of the rows since the one before."""
        since = self.tally.readable - self.tally.summed
        return any(map(is_subtotal_label, filled)) and total.readings is not None and since in total.readings

    def _nobody(self, line: int) -> Problem:
        name = self._settled.who[0].name
        return Problem(
            line, name, "no-recipient", f"the row names nobody to pay; fill in {quoted(name)} or remove the row"
        )

    def _late(self, line: int, cells: Sequence[str]) -> Problem:
        name, text = self._settled.who[0].name, cell(cells, self._amount_index)
        message = f"{quoted(text)} stands where the amount should, and nobody in {quoted(name)}; move the row's cells"
        return Problem(line, name, "no-recipient", f"{message} to their places")

    def _above_header(self, line: int, cells: list[str]) -> Iterator[Problem]:
        layout, who = self._settled.layout, self._settled.who[0]
        if line == layout.header_line:
            return
        of_another = layout.table_above is not None and line > layout.table_above and any(map(visible, cells))
        if of_another or is_surely(who.type, cell(cells, who.index)) or _is_award(cells):
            message = f"the row stands above the header in row {layout.header_line}, so it is not read; move it below"
            yield Problem(line, None if of_another else who.name, "above-header", message)


def _following(index: int, among: Sequence[int]) -> frozenset[int]:
    """Those of the columns that stand behind this one without another between them."""
    found: list[int] = []
    while index >= 0 and (index := index + 1) in among:
        found.append(index)
    return frozenset(found)


def _is_somebody(text: str) -> bool:
    """Whether this is a recipient, and no large number in groups."""
    return looks_like_recipient(text) and damage_of(text) is None


def _is_award(cells: Sequence[str]) -> bool:
    """Whether a row has somebody and a number in it, whatever their columns are called."""
    return any(map(looks_like_recipient, cells)) and any(
        visible(one).isdecimal() and len(one) < SHORTEST for one in cells
    )
