"""What a result file says of every line, small: 100,000 lines take about 4 MB instead of 30."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from bot.domain.reporting import COUNTED_ONCE
from bot.domain.states import AwardState
from bot.ledger import _rows
from bot.ledger._query_values import LineStatus

_TOLD: Final[Mapping[AwardState, str]] = {
    AwardState.PLANNED: "planned",
    AwardState.SENDING: "under way",
    AwardState.APPLIED: "paid",
    AwardState.REJECTED: "refused",
    AwardState.UNKNOWN: "in doubt",
    AwardState.CANCELLED: "cancelled",
    AwardState.WRITTEN_OFF: "written off",
}
"""How the award that another batch has for a line is told."""


class LineStatuses(Mapping[int, LineStatus]):
    """By original line. Columns of plain numbers in the order of lines; a status is put together when asked for."""

    def __init__(self) -> None:
        self._lines = array("q")
        self._awards = array("q")  # 0: none
        self._times = array("q")
        self._texts = array("q")  # where (status, detail) stands in _known
        self._known: list[tuple[str, str]] = []
        self._places: dict[tuple[str, str], int] = {}

    def add_awards(self, rows: Iterable[_rows.Row]) -> int | None:
        """Take rows of ``_queries.award_lines``; the last award's id, ``None`` when there was no row."""
        award_id = None
        for award_id, line, lines, state, detail, at, amount, amounts in rows:
            each = _rows.amounts_of(amounts)
            is_once = each is not None and sum(each) != amount
            told = ": ".join(filter(None, (COUNTED_ONCE, detail))) if is_once else detail
            for one in _rows.lines_of(line, lines):
                self._add(one, award_id, at, state, told)
        return award_id

    def add_left_out(self, rows: Iterable[_rows.Row]) -> None:
        """Take rows of ``_queries.left_out``."""
        for line, detail, status, award_id, state, at, batch_id in rows:
            if award_id is None:
                self._add(line, 0, 0, status, detail)
            else:
                self._add(
                    line, award_id, at, state, f"{_TOLD[AwardState(state)]} as award {award_id} in batch {batch_id}"
                )

    def sort(self) -> None:
        """To be called once, after everything was added and before anything is asked."""
        order = sorted(range(len(self._lines)), key=self._lines.__getitem__)
        for name in ("_lines", "_awards", "_times", "_texts"):
            column = getattr(self, name)
            setattr(self, name, array("q", (column[place] for place in order)))

    def __getitem__(self, line: int) -> LineStatus:
        place = bisect_left(self._lines, line)
        if place == len(self._lines) or self._lines[place] != line:
            raise KeyError(line)
        status, detail = self._known[self._texts[place]]
        award_id = self._awards[place]
        return LineStatus(status, detail, award_id or None, self._times[place] if award_id else None)

    def __iter__(self) -> Iterator[int]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def _add(self, line: int, award_id: int, at: int, status: str, detail: str | None) -> None:
        text = (status, detail or "")
        place = self._places.setdefault(text, len(self._known))
        if place == len(self._known):
            self._known.append(text)
        self._lines.append(line)
        self._awards.append(award_id)
        self._times.append(at)
        self._texts.append(place)
