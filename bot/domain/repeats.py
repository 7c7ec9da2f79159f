"""Which rows of one recipient were paid before. Pure.

An award stands for every row that became it: added up, or paid once. Rows have nothing but their amounts to be known
by, so of each amount as many rows were paid as there are among the rows of earlier awards, and a further one is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bot.domain.drafting import StagedRow


class Earlier(NamedTuple):
    """An award that counts as paid."""

    award_id: int
    batch_id: int
    amount: int
    amounts: tuple[int, ...]
    """Of each row that became it."""
    labelled: bool = False
    """Its batch has a period label."""
    settled: bool = True
    """It is known to be paid."""
    by_name: bool = False
    """Only what the row calls the recipient tells that it went to the same one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of rows of one recipient."""

    paid: Mapping[int, Sequence[Earlier]]
    """By line of a row that was paid: the awards that have such a row, first the one that it is taken for."""
    hidden: Sequence[int]
    """Lines of sums in which some rows were paid, and others were not, or by another award."""


_NOTHING: Final = Judged({}, ())


def rows_of(row: StagedRow) -> dict[int, int]:
    """What each original line behind a row says: by line, the amount."""
    if row.lines is None or row.amounts is None:
        return {row.line: row.amount}
    return dict(zip(row.lines, row.amounts, strict=True))


def is_once(row: StagedRow) -> bool:
    """Whether its lines say one amount that is paid once."""
    return row.amounts is not None and sum(row.amounts) != row.amount


def covered(rows: Mapping[int, int], earlier: Iterable[Earlier]) -> dict[int, list[Earlier]]:
    """By line of a row that was paid, the awards that have such a row. ``rows``: amounts by line.

    Of rows of one amount the first are taken. Each award is named with as many of them as it has itself: those without
    a label first, then those of more rows, then newer ones, and once every row has one, with the first again.
    """
    lines: dict[int, list[int]] = {}
    for line in sorted(rows):
        lines.setdefault(rows[line], []).append(line)
    ordered = sorted(earlier, key=lambda one: (one.labelled, -len(one.amounts), -one.award_id))
    paid = Counter(amount for award in ordered for amount in award.amounts)
    alike = {amount: found[: paid[amount]] for amount, found in lines.items() if paid[amount]}
    turns: Counter[int] = Counter()
    pairs: dict[int, dict[int, Earlier]] = {}
    for award in ordered:
        for amount in award.amounts:
            if amount in alike:
                line = alike[amount][turns[amount] % len(alike[amount])]
                turns[amount] += 1
                pairs.setdefault(line, {})[award.award_id] = award
    return {line: list(awards.values()) for line, awards in pairs.items()}


def award_of(found: Mapping[int, Sequence[Earlier]], line: int) -> int | None:
    """The award that a line is taken for, of those that ``covered`` found."""
    return found[line][0].award_id if line in found else None


def judged(rows: Sequence[StagedRow], earlier: Sequence[Earlier]) -> Judged:
    """Judge the drafted rows of one recipient by what that one got.

    A sum was paid if one award has all of its rows. Of rows that are paid once one is enough. Of the rest, who gets
    what one award was worth of which no row is here got the same: the one list has the sums of the other.
    """
    if not earlier:
        return _NOTHING
    each = {row.line: rows_of(row) for row in rows}
    found = covered({line: amount for parts in each.values() for line, amount in parts.items()}, earlier)
    paid: dict[int, Sequence[Earlier]] = {}
    hidden, rest = [], {}
    for row in rows:
        known = [line for line in each[row.line] if line in found]
        if not known:
            rest[row.line] = row.amount
        elif is_once(row) or len({award_of(found, line) for line in each[row.line]}) == 1:
            paid[row.line] = list({award.award_id: award for award in _of(found, known)}.values())
        else:
            hidden.append(row.line)
    used = {award.award_id for award in _of(found, found)}
    whole = {one.award_id: one for one in earlier if one.award_id not in used}
    as_sums = covered(rest, [one._replace(amounts=(one.amount,)) for one in whole.values()]) if rest and whole else {}
    paid |= {line: [whole[one.award_id] for one in awards] for line, awards in as_sums.items()}
    return Judged(paid, hidden)


def _of(found: Mapping[int, Sequence[Earlier]], lines: Iterable[int]) -> Iterator[Earlier]:
    for line in lines:
        yield from found[line]
