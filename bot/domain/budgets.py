"""How much one person may give in a day, a week or a month.

A budget is set for a person or for a role, which means for each person with that role. For each period a person's own
budget beats those of roles; of several roles the largest counts. All periods hold side by side. A budget is counted
apart in every account and currency, in the programme's unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.domain.amounts import parse_amount
from bot.domain.model import Unit


class Period(StrEnum):
    """Calendar periods in UTC; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budget:
    """What one holder may give in one period."""

    holder: str
    """``user:<Discord id>`` or ``role:<Discord id>``."""
    period: Period
    amount: str
    """As written; read in the programme's unit."""


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What a batch would take of one budget, in the programme's smallest unit."""

    period: Period
    limit: int
    spent: int
    """Of the period so far: planned, under way, in doubt (also where that was given up) and paid."""
    asked: int

    @property
    def left(self) -> int:
        """Before the batch; never below 0, also where the budget was lowered meanwhile."""
        return max(0, self.limit - self.spent)

    @property
    def exceeded(self) -> bool:
        """Whether the batch asks for more than is left. What gives nothing never does."""
        return self.asked > 0 and self.asked > self.left


def in_force(budgets: Iterable[Budget], user_id: str, roles: frozenset[str], unit: Unit) -> Mapping[Period, int]:
    """The limit for a person by period. Raises ``ValueError`` for an amount that the unit cannot express."""
    own: dict[Period, int] = {}
    by_role: dict[Period, int] = {}
    for budget in budgets:
        kind, _, holder = budget.holder.partition(":")
        if kind == "user" and holder == user_id:
            own[budget.period] = parse_amount(budget.amount, unit)
        elif kind == "role" and holder in roles:
            amount = parse_amount(budget.amount, unit)
            by_role[budget.period] = max(amount, by_role.get(budget.period, 0))
    return {period: {**by_role, **own}[period] for period in Period if period in by_role or period in own}


def period_start(period: Period, now_ms: int) -> int:
    """When the period that contains a moment began, in Unix milliseconds."""
    day = datetime.fromtimestamp(now_ms // 1000, UTC).replace(hour=0, minute=0, second=0)
    if period is Period.WEEK:
        day -= timedelta(days=day.weekday())
    elif period is Period.MONTH:
        day = day.replace(day=1)
    return round(day.timestamp()) * 1000
