"""Duplicates, repeats, labels and the cost of a plan: tables first, then what must always hold."""

# ruff: noqa: E501 - a table is read row by row
from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.drafting import NO_MATCHES, DraftTotals, EarlierBatch, Matches, StagedRow
from bot.domain.model import Duplicates, Recipient, RecipientType, Unit
from bot.domain.planning import matches_are_harmless, merge_duplicates, month_begins, propose_label, schedule

SUM, APART, ONCE, REFUSE = Duplicates.SUM, Duplicates.APART, Duplicates.ONCE, Duplicates.REFUSE
ADA = Recipient(RecipientType.DISCORD_ID, "201234567890123457")
DAY_MS = 24 * 3600 * 1000


def row(line, amount, *, reason=None, continues=None, lines=None):
    return StagedRow(line, lines, ADA, ADA.value, amount, reason, continues)


def merged(rows, policy, max_award=None):
    return merge_duplicates([rows], policy, Unit.POINTS, max_award)


def short(outcome):
    """(line, lines, amount, continues) of rows; lines of problems by kind; removed lines; kinds of warnings."""
    rows = [(one.line, one.lines, one.amount, one.continues) for one in outcome.rows]
    problems = [(one.line, one.kind) for one in outcome.problems]
    return rows, problems, outcome.removed_lines, {one.kind: one.lines for one in outcome.warnings}


MERGES = [
    ("two are summed", [row(2, 5), row(7, 6)], SUM, None, [(2, (2, 7), 11, None)], [], (2, 7), {"duplicate": (2, 7)}),
    ("the first line stands for all", [row(7, 6), row(2, 5)], SUM, None, [(2, (2, 7), 11, None)], [], (2, 7), {"duplicate": (2, 7)}),
    ("lines of lines", [row(2, 5, lines=(2, 3)), row(7, 6)], SUM, None, [(2, (2, 3, 7), 11, None)], [], (2, 7), {"duplicate": (2, 3, 7)}),
    ("a sum of zero", [row(2, 5), row(7, -5)], SUM, None, [], [], (2, 7), {"duplicate": (2, 7), "nothing-to-pay": (2, 7)}),
    ("a sum above the limit", [row(2, 60), row(7, 41)], SUM, 100, [], [(2, "over-limit"), (7, "over-limit")], (2, 7), {"duplicate": (2, 7)}),
    ("a deduction below the limit", [row(2, -60), row(7, -41)], SUM, 100, [], [(2, "over-limit"), (7, "over-limit")], (2, 7), {"duplicate": (2, 7)}),
    ("a sum at the limit", [row(2, 60), row(7, 40)], SUM, 100, [(2, (2, 7), 100, None)], [], (2, 7), {"duplicate": (2, 7)}),
    ("a sum beyond what is exact", [row(2, 2**53), row(7, 1)], SUM, None, [], [(2, "over-limit"), (7, "over-limit")], (2, 7), {"duplicate": (2, 7)}),
    ("one award continued by two rows", [row(2, 5, continues=9), row(7, 6, continues=9)], SUM, None, [(2, (2, 7), 11, 9)], [], (2, 7), {"duplicate": (2, 7)}),
    ("different awards are never one", [row(2, 5, continues=8), row(7, 6, continues=9)], SUM, None, [], [], (), {"duplicate": (2, 7)}),
    ("a new row is not added to a continued one", [row(2, 5, continues=8), row(7, 6), row(9, 1)], SUM, None, [(7, (7, 9), 7, None)], [], (7, 9), {"duplicate": (2, 7, 9)}),
    ("apart", [row(2, 5), row(7, 5)], APART, None, [], [], (), {"duplicate": (2, 7)}),
    ("equal ones once", [row(2, 5), row(7, 5), row(9, 5)], ONCE, None, [(2, (2, 7, 9), 5, None)], [], (2, 7, 9), {"duplicate": (2, 7, 9)}),
    ("equal ones once, another stays a problem", [row(2, 6), row(7, 5), row(9, 5)], ONCE, None, [(7, (7, 9), 5, None)], [(2, "duplicate")], (2, 7, 9), {"duplicate": (2, 7, 9)}),
    ("nothing equal", [row(2, 6), row(7, 5)], ONCE, None, [], [(2, "duplicate"), (7, "duplicate")], (2, 7), {"duplicate": (2, 7)}),
    ("two amounts repeated", [row(2, 6), row(3, 6), row(7, 5), row(8, 5)], ONCE, None, [], [(line, "duplicate") for line in (2, 3, 7, 8)], (2, 3, 7, 8), {"duplicate": (2, 3, 7, 8)}),
    ("once keeps the award id", [row(2, 5), row(7, 5, continues=9)], ONCE, None, [(2, (2, 7), 5, 9)], [], (2, 7), {"duplicate": (2, 7)}),
    ("once with two award ids", [row(2, 5, continues=8), row(7, 5, continues=9)], ONCE, None, [], [(2, "duplicate"), (7, "duplicate")], (2, 7), {"duplicate": (2, 7)}),
    ("refused", [row(2, 5), row(7, 5, lines=(7, 8))], REFUSE, None, [], [(2, "duplicate"), (7, "duplicate"), (8, "duplicate")], (2, 7), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    "rows,policy,limit,kept,problems,removed,warnings", [pytest.param(*one[1:], id=one[0]) for one in MERGES]
)
def test_rows_of_one_recipient_become_what_the_choice_says(rows, policy, limit, kept, problems, removed, warnings):
    assert short(merged(rows, policy, limit)) == (kept, problems, removed, warnings)


def test_reasons_of_summed_rows_are_kept_once_each_and_bounded():
    outcome = merged([row(2, 5, reason="a"), row(3, 5), row(7, 5, reason="b"), row(8, 5, reason="a")], SUM)
    assert outcome.rows[0].reason == "a; b"
    outcome = merged([row(2, 5, reason="a" * 150), row(7, 5, reason="b" * 150)], SUM)
    assert len(outcome.rows[0].reason) == 200
    assert merged([row(2, 5), row(7, 5)], SUM).rows[0].reason is None


def test_no_groups_is_nothing_to_tell():
    for policy in Duplicates:
        assert short(merge_duplicates([], policy, Unit.POINTS, None)) == ([], [], (), {})


def test_every_duplicate_problem_is_a_cause_and_a_next_step():
    for one in MERGES:
        outcome = merged(*one[1:4])
        for message in (*(found.message for found in outcome.problems), *(told.message for told in outcome.warnings)):
            cause, mark, step = message.rpartition("; ")
            assert cause and mark, message
            assert step.startswith(("lower", "leave", "choose", "check", "change", "correct")), message
            assert len(message) <= 160, message
    many = merged([row(line, 5) for line in range(2, 12)], REFUSE).problems[0].message
    assert "rows 2, 3, 4, 5, 6 and 5 more" in many


GROUPS = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.sampled_from([None, None, 8, 9])), min_size=2, max_size=6
)


@given(st.lists(GROUPS, max_size=4), st.sampled_from(Duplicates), st.sampled_from([None, 60]))
def test_no_row_is_lost_and_none_is_paid_twice(groups, policy, max_award):
    staged, line = [], 1
    for group in groups:
        rows = [row(line + number, amount, continues=one) for number, (amount, one) in enumerate(group, start=1)]
        line += len(rows)
        staged.append(rows)
    outcome = merge_duplicates(staged, policy, Unit.POINTS, max_award)
    every = {one.line: one for rows in staged for one in rows}
    merged_lines = [number for one in outcome.rows for number in one.lines]
    refused = [problem.line for problem in outcome.problems]
    nothing = [number for told in outcome.warnings if told.kind == "nothing-to-pay" for number in told.lines]
    assert sorted((*merged_lines, *refused, *nothing)) == list(outcome.removed_lines)
    assert set(outcome.removed_lines) <= set(every)
    for one in outcome.rows:
        behind = [every[number] for number in one.lines]
        assert one.amount and one.line == min(one.lines)
        assert policy is Duplicates.ONCE or one.amount == sum(part.amount for part in behind)
        assert max_award is None or abs(one.amount) <= max_award
        ids = {part.continues for part in behind} - {None}
        assert ids <= {one.continues}, "an award id was lost"


# --- repeats -------------------------------------------------------------------------------------------------------

NOW = 1_785_000_000_000


def totals(rows, unresolved=0):
    return DraftTotals(
        rows=rows, recipients=rows, total=rows, total_absolute=rows, unresolved=unresolved, pending=0, problems=0,
        deductions=0, lines=rows,
    )  # fmt: skip


def overlap(rows, *batches: tuple[str | None, float]):
    return Matches(
        rows, rows, tuple(EarlierBatch(1, "mod", NOW - round(days * DAY_MS), label, rows) for label, days in batches)
    )


HARMLESS = [
    ("last week's, all of it", overlap(5, ("Week 30", 7)), totals(5), "Week 31", True),
    ("two earlier weeks", overlap(5, ("Week 30", 7), ("Week 29", 14)), totals(5), "Week 31", True),
    ("unresolved rows cannot match", overlap(4, ("Week 30", 7)), totals(5, unresolved=1), "Week 31", True),
    ("only a part", overlap(4, ("Week 30", 7)), totals(5), "Week 31", False),
    ("the same label", overlap(5, ("Week 31", 7)), totals(5), "Week 31", False),
    ("the same label in another spelling", overlap(5, ("week-31", 7)), totals(5), "Week 31", False),
    ("one of them has the same label", overlap(5, ("Week 30", 7), ("Week 31", 8)), totals(5), "Week 31", False),
    ("no label here", overlap(5, ("Week 30", 7)), totals(5), None, False),
    ("no label there", overlap(5, (None, 7)), totals(5), "Week 31", False),
    ("too young", overlap(5, ("Week 30", 5)), totals(5), "Week 31", False),
    ("just old enough", overlap(5, ("Week 30", 5.001)), totals(5), "Week 31", True),
    ("more batches than can be told", overlap(5, *[(f"Day {day}", 6 + day) for day in range(10)]), totals(5), "x", False),
    ("no match at all", NO_MATCHES, totals(5), "Week 31", False),
]  # fmt: skip


@pytest.mark.parametrize("matches,of,label,harmless", [pytest.param(*one[1:], id=one[0]) for one in HARMLESS])
def test_only_a_whole_repeat_under_another_label_and_long_ago_is_harmless(matches, of, label, harmless):
    assert matches_are_harmless(matches, of, label, NOW) is harmless


LABELS = [
    ("rewards_week-31.csv", "Week 31"),
    ("Week31.csv", "Week 31"),
    ("week 05.csv", "Week 5"),
    ("2026-W31.csv", "Week 31 2026"),
    ("KW31_2026.csv", "Week 31 2026"),
    ("week 31 2026 july.csv", "Week 31 2026"),
    ("2026-07 payouts.csv", "2026-07"),
    ("07-2026.csv", "2026-07"),
    ("Q3 2026.csv", "Q3 2026"),
    ("2026q3-winners.csv", "Q3 2026"),
    ("q1.csv", "Q1"),
    ("Jul_payouts.csv", "July"),
    ("payouts July 2026.csv", "July 2026"),
    ("2026 july.csv", "July 2026"),
    ("May.csv", "May"),
    ("2026-07-31.csv", "2026-07-31"),
    ("20260731_winners.csv", "2026-07-31"),
    ("winners 31.07.2026.csv", "2026-07-31"),
    ("winners.csv", None),
    ("maybe.csv", None),
    ("augment.csv", None),
    ("law31.csv", None),
    ("week 54.csv", None),
    ("week 312.csv", None),
    ("2026-13.csv", None),
    ("rewards-2026.csv", None),
    ("export (3).csv", None),
    ("", None),
    ("🎉.csv", None),
    ("w" * 5000, None),
]


@pytest.mark.parametrize(("name", "label"), LABELS)
def test_a_period_is_proposed_from_the_file_name(name, label):
    assert propose_label(name) == label


@pytest.mark.no_cover
@given(st.text(max_size=80))
def test_any_file_name_gives_a_short_label_or_none(name):
    label = propose_label(name)
    assert label is None or 1 < len(label) < 20


SCHEDULES = [
    # awards, per call, lookups, per window, window, per month: calls, seconds, share
    (10_000, 1, 0, 24, 60, 100_000, 10_000, 416 * 60, 0.1),
    (10_000, 100, 0, 24, 60, 100_000, 100, 240, 0.001),
    (100_000, 100, 0, 24, 60, None, 1000, 41 * 60, None),
    (100_000, 100, 0, 500, 60, None, 1000, 60, None),
    (100_000, 500, 0, 300, 60, None, 200, 0, None),
    (1203, 100, 25, 24, 60, 100_000, 13, 60, 38 / 100_000),
    (2400, 100, 0, 24, 60, None, 24, 0, None),
    (2401, 100, 0, 24, 60, None, 25, 60, None),
    (1, 100, 0, 24, 60, 100_000, 1, 0, 1 / 100_000),
    (0, 100, 0, 24, 60, 100_000, 0, 0, 0),
]


@pytest.mark.parametrize("awards,size,lookups,window,seconds,month,calls,takes,share", SCHEDULES)
def test_a_plan_takes_as_long_as_the_last_window_allows(
    awards, size, lookups, window, seconds, month, calls, takes, share
):
    plan = schedule(awards, size, lookups, per_window=window, window_seconds=seconds, per_month=month)
    assert (plan.calls, plan.lookups, plan.seconds) == (calls, lookups, takes)
    assert plan.month_share == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(
    ("used", "month", "lacking"), [(0, None, 0), (99_962, 100_000, 0), (99_963, 100_000, 1), (0, 30, 8)]
)
def test_a_month_lacks_what_is_used_and_needed_beyond_it(used, month, lacking):
    plan = schedule(1203, 100, 25, per_window=24, window_seconds=60.0, per_month=month)
    assert plan.requests == 38
    assert plan.short_of(used) == lacking


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-02-28T23:59:59.999+00:00", "2026-02-01T00:00:00+00:00"),
        ("2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T00:30:00+02:00", "2026-02-01T00:00:00+00:00"),
    ],
)
def test_a_month_begins_on_its_first_day_in_utc(now, begins):
    moment, expected = (datetime.fromisoformat(text).timestamp() * 1000 for text in (now, begins))
    assert month_begins(int(moment)) == int(expected)


@given(st.integers(0, 10**6), st.integers(1, 1000), st.integers(0, 100), st.integers(1, 500))
def test_no_window_ever_admits_more_than_it_may(awards, size, lookups, window):
    plan = schedule(awards, size, lookups, per_window=window, window_seconds=60.0, per_month=None)
    assert plan.calls * size >= awards > (plan.calls - 1) * size or awards == plan.calls == 0
    assert plan.calls + lookups <= window * (plan.seconds / 60 + 1)
