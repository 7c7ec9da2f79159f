"""What budgets and second persons promise, by other rules than the ledger's SQL: for ``test_state_machine``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bot.domain.drafting import StagedRow
from bot.domain.model import Destination
from bot.ledger.drafts import Draft

DAY_MS = 24 * 3600 * 1000
HOUR_MS = 3600 * 1000


class Expect(Enum):
    """What has to come of recording a draft."""

    RECORDED = "recorded"
    OVER_BUDGET = "over budget"
    NEEDS_LEAVE = "needs leave"


@dataclass
class Payment:
    """One award of a batch, as far as it is somebody's spending."""

    account: str
    amount: int
    at: int
    """When its batch was recorded, Unix milliseconds."""
    surely: bool
    """It stands whatever an undo that may have been cut down really took."""
    alone: bool
    """No second person gave leave for its batch."""


@dataclass
class Request:
    """Leave that was asked for."""

    id: int
    draft: Draft
    staged: list[StagedRow]
    to: Destination
    mark: str
    """Of the matches that are paid again."""
    asked_at: int
    state: str = "asked"
    recorded: bool = False

    def is_over(self, now: int) -> bool:
        return now >= self.asked_at + DAY_MS


@dataclass
class Spending:
    """The settings, and what they mean for one person's next batch."""

    budget: int | None = None
    """Of a day, in each account."""
    most: int | None = None
    rows: int | None = None
    requests: dict[int, Request] = field(default_factory=dict)

    def expect(self, staged: list[StagedRow], account: str, paid: list[Payment], now: int) -> set[Expect]:
        """What may come of it; several where an undo's effect is not known."""
        amounts = [one.amount for one in staged if one.unresolved is None]
        own = [one for one in paid if one.account == account]
        return {self._expect(amounts, some, now) for some in ([one for one in own if one.surely], own)}

    def _expect(self, amounts: list[int], paid: list[Payment], now: int) -> Expect:
        given = sum(amount for amount in amounts if amount > 0)
        today = sum(one.amount for one in paid if one.amount > 0 and one.at >= now - now % DAY_MS)
        if self.budget is not None and given and today + given > self.budget:
            return Expect.OVER_BUDGET
        alone = [one for one in paid if one.alone and one.at > now - HOUR_MS]
        moved = sum(map(abs, amounts)) + sum(abs(one.amount) for one in alone)
        if self.most is not None and moved > self.most:
            return Expect.NEEDS_LEAVE
        if self.rows is not None and len(amounts) + len(alone) > self.rows:
            return Expect.NEEDS_LEAVE
        return Expect.RECORDED

    def undo_needs_leave(self, amounts: list[int]) -> bool:
        """Taking back is judged by itself, and takes of no budget."""
        too_much = self.most is not None and sum(map(abs, amounts)) > self.most
        return too_much or (self.rows is not None and len(amounts) > self.rows)
