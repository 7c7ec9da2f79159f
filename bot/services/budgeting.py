"""Setting budgets: what a person, or each person with a role, may give in a period."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.amounts import parse_amount
from bot.domain.budgets import Budget, BudgetUse, Period
from bot.domain.model import Actor, Unit
from bot.errors import UsageError
from bot.ledger.ledger import Ledger

_HOLDER: Final = re.compile(r"(?:user|role):[0-9]{1,20}", re.ASCII)


class Budgeting:
    """The budgets of servers. They are enforced where batches are recorded (``ledger.budgets``)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def all(self, server_id: str) -> Sequence[Budget]:
        """Every budget of a server, by holder."""
        return await self._ledger.budgets.all(server_id)

    async def change(
        self, server_id: str, holder: str, amounts: Mapping[Period, str | None], actor: Actor
    ) -> Mapping[Period, str]:
        """Set the budgets of ``user:<id>`` or ``role:<id>``; ``None`` takes one away. Returns those before.

        Raises ``UsageError`` for a holder or an amount that is none.
        """
        if _HOLDER.fullmatch(holder) is None:
            raise UsageError("a budget is for a person or a role")
        for period, text in amounts.items():
            if text is not None:
                _check_amount(period, text)
        return await self._ledger.budgets.change(server_id, holder, amounts, actor)


def _check_amount(period: Period, text: str) -> None:
    try:
        amount = parse_amount(text, Unit.MONEY)
    except ValueError as error:
        raise UsageError(f"the budget of a {period.value} is an amount: {error}") from error
    if amount <= 0:
        raise UsageError(f"the budget of a {period.value} has to be above 0", hint="Leave it empty for none.")


__all__ = ["Budget", "BudgetUse", "Budgeting", "Period"]
