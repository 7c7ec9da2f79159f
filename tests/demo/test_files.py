"""The demo's files: the same at every run, and as faulty as they are said to be."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from bot.demo.files import ROWS, Sheet, referrals, summer_cup, weekly_quest
from bot.demo.people import Person, people, strangers
from bot.domain.intake import ReadingOptions, read
from bot.domain.model import Problem, Row

NOW_MS = 1_785_000_000_000
SHEETS = (weekly_quest, summer_cup, referrals)
Make = Callable[[Sequence[Person]], Sheet]


def judged(sheet: Sheet) -> tuple[list[Row], list[Problem], dict[str, tuple[int, ...]]]:
    reading = read(sheet.content, ReadingOptions(now_ms=NOW_MS, max_award=5000))
    entries = list(reading.entries())
    ending = reading.finish()
    assert reading.refusal is None and ending.refusal is None
    rows = [entry for entry in entries if isinstance(entry, Row)]
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    return rows, problems, {notice.kind: notice.lines for notice in ending.warnings}


def test_members_are_distinct_and_the_same_at_every_run():
    members = people(1000)
    assert members == people(1000)
    assert len({one.id for one in members}) == len({one.name for one in members}) == 1000
    assert not {one.id for one in members} & set(strangers(9))


@pytest.mark.parametrize("make", SHEETS)
def test_a_file_is_the_same_at_every_run(make: Make):
    assert make(people(1000)) == make(people(1000))


@pytest.mark.parametrize("make", SHEETS)
def test_a_file_has_a_thousand_rows_with_a_dozen_faults_and_most_are_good(make: Make):
    rows, problems, warnings = judged(make(people(1000)))
    bad = {problem.line for problem in problems}
    nothing = warnings["nothing-to-pay"]
    assert len(rows) + len(bad) + len(nothing) == ROWS
    assert len(rows) > 950
    assert len(nothing) == 4
    kinds = Counter(problem.kind for problem in problems)
    assert set(kinds) >= {"bad-recipient", "damaged-id", "two-recipients", "bad-amount", "fraction", "over-limit"}
    assert kinds["damaged-id"] >= 10
    assert sum(row.recipient.value in strangers(9) for row in rows) == 3


def test_no_recipient_gets_the_same_amount_by_both_files_for_drip():
    """Otherwise the second file would be taken for the first one sent again."""
    paid = [{(row.recipient.value, row.amount) for row in judged(make(people(1000)))[0]} for make in SHEETS[:2]]
    for one, other in itertools.combinations(paid, 2):
        assert not one & other
