"""Text to records: lines of any line end, quoted cells, and recovery from quotes that do not pair up.

Decoding is incremental and one record is alive at a time, whatever the file: a line is read up to a limit, and a quoted
cell may run over so many lines and characters only.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import Final

from bot.domain.intake.pieces import Content

LINE_MAX: Final = 60_000
"""Characters of one physical line. Below the csv module's own limit for a cell (131,072)."""
RECORD_MAX_LINES: Final = 100
RECORD_MAX_CHARS: Final = 60_000
PATIENCE_LINES: Final = 10_000
"""Lines that may be read in vain, in search of closing quotes, before the search is cut short: a file with an opening
quote on each of its lines would otherwise be read a hundred times over."""
IMPATIENT_LINES: Final = 5


class Broken(list[str]):
    """A line that could not be split into cells: it is the only cell, as it stands."""

    kind = "quotes"


class TooLong(Broken):
    """A line beyond ``LINE_MAX``: the only cell is how it begins."""

    kind = "too-long"


class Spanning(list[str]):
    """The cells of a record that runs over several physical lines."""

    lines = 2
    """How many."""


def records(content: Content, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with the physical line on which it starts, blank ones included.

    Line ends inside quoted cells come out as ``\\n``. A quote that is never closed, or not where it has to be, makes a
    ``Broken`` record of its line alone, and reading goes on with the next line: it cannot swallow the rest of the file.
    """
    lines = _Lines(content, encoding)
    cells_of = _CellReader(lines, delimiter).cells
    readline = lines.readline
    while line := readline():
        number = lines.number
        if len(line) >= LINE_MAX and lines.skip_rest(line):
            yield number, TooLong([line[:1000]])
        elif '"' in line:
            yield number, cells_of(line)
        else:
            yield number, line.rstrip("\n").split(delimiter)


class _Lines:
    """Physical lines with their numbers, ending in ``\\n`` (but for the last); lines can be given back."""

    def __init__(self, content: Content, encoding: str) -> None:
        # The wrapper decodes 8 KiB at a time and knows \r\n, \n and \r.
        binary = content.open()
        marked = encoding.startswith("utf-16") and binary.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        binary.seek(2 if marked else 0)
        self._stream = io.TextIOWrapper(binary, encoding, errors="replace", newline=None)
        self._returned: deque[str] = deque()
        self.number = 0

    def readline(self) -> str:
        """The next line, or the first ``LINE_MAX`` characters of it; empty at the end."""
        line = self._returned.popleft() if self._returned else self._stream.readline(LINE_MAX)
        self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)

    def skip_rest(self, line: str) -> bool:
        """Whether ``line`` is longer than what was read of it; the rest is skipped."""
        if line[-1] == "\n":
            return False
        rest = self._stream.readline(LINE_MAX)
        more = rest not in ("", "\n")
        while len(rest) >= LINE_MAX and rest[-1] != "\n":
            rest = self._stream.readline(LINE_MAX)
        return more


class _Record:
    """The lines of one record, as the parser asks for them: the first one, then more while a quote is open."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._first: str | None = None
        self._chars = 0
        self.most = RECORD_MAX_LINES
        """Lines, the first included."""
        self.taken: list[str] = []
        """The others."""

    def begin(self, line: str) -> None:
        self._first, self._chars = line, len(line)
        self.taken.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._first is not None:
            line, self._first = self._first, None
            return line
        if len(self.taken) + 1 >= self.most or self._chars > RECORD_MAX_CHARS:
            raise StopIteration
        line = self._lines.readline()
        if not line:
            self._lines.number -= 1
            raise StopIteration
        self.taken.append(line)
        if len(line) >= LINE_MAX:
            raise StopIteration
        self._chars += len(line)
        return line


class _CellReader:
    """Cells of records with quotes, by the standard library's parser in its strict mode."""

    def __init__(self, lines: _Lines, delimiter: str) -> None:
        self._lines = lines
        self._in_vain = 0
        # Not this object itself: the two would hold each other, and the whole content, until the collector comes.
        self._record = _Record(lines)
        self._parser = csv.reader(self._record, delimiter=delimiter, strict=True, skipinitialspace=True)

    def cells(self, line: str) -> list[str]:
        """The cells of the record that begins with ``line``."""
        record = self._record
        record.begin(line)
        try:
            cells = next(self._parser)
        except (csv.Error, StopIteration):
            self._in_vain += len(record.taken)
            if self._in_vain >= PATIENCE_LINES:
                record.most = IMPATIENT_LINES
            self._lines.give_back(record.taken)
            return Broken([line.rstrip("\n")])
        if not record.taken:
            return cells
        spanning = Spanning(cells)
        spanning.lines = len(record.taken) + 1
        return spanning
