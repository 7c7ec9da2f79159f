"""Whose budget holds for whom, and when a period begins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.domain.budgets import Budget, BudgetUse, Period, in_force, period_start
from bot.domain.model import Unit

BUDGETS = (
    Budget("user:1", Period.WEEK, "100"),
    Budget("role:7", Period.WEEK, "500"),
    Budget("role:8", Period.WEEK, "900"),
    Budget("role:8", Period.DAY, "50"),
)


@pytest.mark.parametrize(
    ("user", "roles", "limits"),
    [
        ("2", set(), {}),
        ("2", {"9"}, {}),
        ("2", {"7"}, {Period.WEEK: 500}),
        ("2", {"7", "8"}, {Period.DAY: 50, Period.WEEK: 900}),
        ("1", {"7", "8"}, {Period.DAY: 50, Period.WEEK: 100}),
        ("7", set(), {}),
    ],
)
def test_an_own_budget_beats_roles_and_the_largest_role_counts(user: str, roles: set[str], limits: object):
    assert in_force(BUDGETS, user, frozenset(roles), Unit.POINTS) == limits


def test_a_budget_is_read_in_the_programmes_unit():
    budgets = [Budget("user:1", Period.DAY, "12.50")]
    assert in_force(budgets, "1", frozenset(), Unit.MONEY) == {Period.DAY: 1250}
    with pytest.raises(ValueError, match="12"):
        in_force(budgets, "1", frozenset(), Unit.POINTS)


def at(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]  # year, month, day, …


@pytest.mark.parametrize(
    ("period", "now", "start"),
    [
        (Period.DAY, at(2026, 7, 31, 23, 59, 59), at(2026, 7, 31)),
        (Period.DAY, at(2026, 8, 1), at(2026, 8, 1)),
        (Period.WEEK, at(2026, 8, 2, 23, 59), at(2026, 7, 27)),
        (Period.WEEK, at(2026, 8, 3), at(2026, 8, 3)),
        (Period.MONTH, at(2026, 7, 31, 12), at(2026, 7, 1)),
        (Period.MONTH, at(2027, 1, 1), at(2027, 1, 1)),
    ],
)
def test_periods_are_those_of_the_calendar_in_utc(period: Period, now: int, start: int):
    assert period_start(period, now) == start


def test_what_is_left_is_never_below_nothing_and_a_deduction_needs_none():
    assert BudgetUse(Period.DAY, 100, 120, 0).left == 0
    assert not BudgetUse(Period.DAY, 100, 120, 0).exceeded
    assert not BudgetUse(Period.DAY, 100, 60, 40).exceeded
    assert BudgetUse(Period.DAY, 100, 60, 41).exceeded
