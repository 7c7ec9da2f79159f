"""Ids that a spreadsheet or a float rounded, told from real ones by how many of them a file holds.

A rounded id is a valid-looking stranger, and many real ids look rounded: no single id proves anything. So the share in
the whole file is compared with what chance and Discord's way of numbering would give:

* ``DECIMAL``: Excel keeps 15 digits, so the last 2, 3 or 4 of 17, 18 or 19 digits are zeros. An id is a count in
  binary, so a real one ends like that by chance only: 1 in 100, 1,000 or 10,000.
* ``BINARY``: a 53-bit float printed exactly is a multiple of 16 to 256 (by the size of the id). Of the low 12 bits of
  a real id, a counter, 0 is common (nobody else was numbered in that millisecond), while other multiples are chance:
  1 in 16 to 256. So multiples with a counter of 0 say little, and the others are the evidence.
* ``SHORTEST``: the same float printed the short way (JavaScript, JSON tools), with as few digits as name it: 17, so 18
  digits end in 0 and 19 in 00. By chance again 1 in 16 to 256 where the float's counter is not 0; where it is 0, as
  often as a small counter happens to stand there: 1 in 10 or 100.

A small counter rounds to 0, so a file that went through a float may hold counters of 0 alone. Among public ids of well
known bots and of Discord's staff, nearly all made before 2017 and about a third of those made since 2018 have a counter
of 0. Half is taken as what may be for ids since 2018; older ones are left out of this count. Ids whose low 22 bits
(worker, process, counter) are all 0 are no evidence of anything: what is left is a time, and people make up such ids.

A Chernoff bound says how improbable the count is for undamaged ids. Below 1 in 100,000, with at least two (DECIMAL) or
three marked ids, it is established and every id with that mark is a problem; where no id of the file is without the
mark, 1 in 1,000 is enough, so that a list of three is judged too. Below 1 in 100 a notice names them.
Repeats of one id count once (as far as a few thousand ids are remembered), for one real id on a hundred rows is no
evidence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

ESTABLISHED: Final = 1e-5
THROUGHOUT: Final = 1e-3
"""For a file whose every id carries the mark."""
SUSPECTED: Final = 1e-2
REMEMBERED: Final = 4096
"""Distinct ids remembered of each sort, give or take those seen at once, to count repeats once."""

_COUNTER_BITS: Final = 0xFFF
_BELOW_TIME: Final = 0x3FFFFF
_SINCE_2018: Final = 400_000_000_000_000_000
_QUIET_SHARE: Final = 0.5
_FLOAT_BITS: Final = 53
_LOST_BITS: Final = 4
"""Fewer lost bits make a mark that too many undamaged ids carry."""
_LOST_MASK: Final = (1 << _LOST_BITS) - 1


class Mark(StrEnum):
    """How an id looks rounded."""

    DECIMAL = "decimal"
    BINARY = "binary"
    SHORTEST = "shortest"


_LEAST: Final = {Mark.DECIMAL: 2, Mark.BINARY: 3, Mark.SHORTEST: 3}


def _is_decimal(digits: str, number: int) -> bool:
    lost = len(digits) - 15
    return lost >= 2 and digits.endswith("0" * lost) and bool(number & _BELOW_TIME)


def _is_binary(_digits: str, number: int) -> bool:
    lost = number.bit_length() - _FLOAT_BITS
    return lost >= _LOST_BITS and not number & ((1 << lost) - 1)


def _is_shortest(digits: str, number: int) -> bool:
    if len(digits) < 18 or digits[-1] != "0":
        return False
    return number.bit_length() - _FLOAT_BITS >= _LOST_BITS and int(Decimal(repr(float(number)))) == number


_CARRIES: Final = {Mark.DECIMAL: _is_decimal, Mark.BINARY: _is_binary, Mark.SHORTEST: _is_shortest}


def mark_of(digits: str, number: int) -> Mark | None:
    """The first mark on an id of 17 or more digits; ``None`` for most ids."""
    if number & _LOST_MASK and digits[-1] != "0":
        return None  # no multiple of 10 and none of a power of two
    if _is_decimal(digits, number):
        return Mark.DECIMAL
    if _is_binary(digits, number):
        return Mark.BINARY
    return Mark.SHORTEST if _is_shortest(digits, number) else None


def carried(digits: str, marks: frozenset[Mark]) -> Mark | None:
    """Which of ``marks`` an id carries, if any: a number may look rounded in several ways."""
    number = int(digits)
    return next((mark for mark in Mark if mark in marks and _CARRIES[mark](digits, number)), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the whole file says about its ids."""

    established: frozenset[Mark] = frozenset()
    suspected: frozenset[Mark] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.established or self.suspected)


@dataclass(slots=True)
class RoundingSurvey:
    """Counts the marks of one column's ids. Bounded memory, whatever the file."""

    discord: bool
    """Whether the ids are Discord's, whose counters are known."""
    _sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    _marked: dict[Mark, set[int]] = field(default_factory=lambda: {mark: set() for mark in Mark})
    _unmarked: set[int] = field(default_factory=set)
    _young_unmarked: int = 0

    def see(self, digits: str) -> None:
        """Count one id of 17 to 20 digits."""
        self.see_all((digits,))

    def see_all(self, ids: Sequence[str]) -> None:
        """Count several: a good deal quicker than one by one."""
        numbers = [*map(int, ids)]
        self._sizes.update(zip(map(len, ids), map(int.bit_length, numbers), strict=True))
        unmarked = dict.fromkeys(numbers)
        young = sum(map(_SINCE_2018.__le__, numbers))
        for digits, number in zip(ids, numbers, strict=True):
            # Nearly all are told apart from marked ones here, as ``mark_of`` does.
            if (number & _LOST_MASK and digits[-1] != "0") or (mark := mark_of(digits, number)) is None:
                continue
            unmarked.pop(number, None)
            young -= number >= _SINCE_2018
            if len(self._marked[mark]) < REMEMBERED:
                self._marked[mark].add(number)
        self._young_unmarked += young
        if len(self._unmarked) < REMEMBERED:
            self._unmarked.update(unmarked)

    def verdict(self) -> Verdict:
        """To be asked when every id was seen."""
        rows = self._sizes.total()
        if not rows:
            return Verdict()
        marked = {mark: len(ids) for mark, ids in self._marked.items()}
        # Beyond what is remembered, rows stand for distinct ids: more of them make every count less remarkable.
        many = len(self._unmarked) >= REMEMBERED
        distinct = rows if many else len(self._unmarked) + sum(marked.values())
        chances = {mark: self._chance(mark, distinct, distinct / rows) for mark in Mark}
        enough = {mark: THROUGHOUT if marked[mark] == distinct else ESTABLISHED for mark in Mark}
        established = frozenset(mark for mark in Mark if chances[mark] < enough[mark] and marked[mark] >= _LEAST[mark])
        suspected = frozenset(mark for mark in Mark if chances[mark] < SUSPECTED) - established
        return Verdict(established, suspected)

    def _chance(self, mark: Mark, distinct: int, scale: float) -> float:
        """An upper bound of the probability that so many of ``distinct`` undamaged ids carry this mark."""
        marked = self._marked[mark]
        if mark is Mark.DECIMAL:
            return _at_least(len(marked), distinct, self._expected(10.0, 15, scale))
        counting = sum(1 for number in marked if int(float(number)) & _COUNTER_BITS)
        odd = _at_least(counting, distinct, self._expected(2.0, None, scale)) if counting >= _LEAST[mark] else 1.0
        if mark is Mark.SHORTEST:
            return min(odd, _at_least(len(marked), distinct, self._expected(10.0, 17, scale)))
        return min(odd, self._quiet_chance(scale)) if self.discord else odd

    def _expected(self, base: float, kept_digits: int | None, scale: float) -> float:
        """How many undamaged ids carry a mark: by digits beyond ``kept_digits``, else by bits beyond a float's."""
        sizes = self._sizes.items()
        if kept_digits is not None:
            return scale * sum(count * base ** min(0, kept_digits - digits) for (digits, _), count in sizes)
        return scale * sum(count * base ** min(0, _FLOAT_BITS - bits) for (_, bits), count in sizes)

    def _quiet_chance(self, scale: float) -> float:
        """The same for multiples whose counter may be 0."""
        young = (number for number in self._marked[Mark.BINARY] if number >= _SINCE_2018)
        quiet = sum(1 for number in young if number & _BELOW_TIME)
        distinct = quiet + self._young_unmarked * scale
        return _at_least(quiet, distinct, distinct * _QUIET_SHARE)


def _at_least(count: int, of: float, expected: float) -> float:
    """At least ``count`` of ``of`` independent ids where ``expected`` is the mean: the smaller of Markov's bound and
    Chernoff's with relative entropy (W. Hoeffding 1963, theorem 1)."""
    if not count or count <= expected:
        return 1.0
    share, mean = min(1.0, count / of), expected / of
    entropy = share * math.log(share / mean)
    if share < 1.0:
        entropy += (1.0 - share) * math.log((1.0 - share) / (1.0 - mean))
    return min(expected / count, math.exp(-of * entropy))
