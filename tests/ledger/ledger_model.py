"""What the ledger promises, in memory and by other rules than its SQL: for ``test_state_machine``."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.calls import Claim
from tests.ledger.making import (
    GAMEBALL,
)
from tests.ledger.spending_model import Payment, Spending

LIVE = {"planned", "sending", "applied", "unknown", "written-off"}
"""What is, or may be, paid: never sent once more as another award."""


@dataclass
class ModelAward:
    """What the promise says of one award."""

    batch: int
    account: str
    key: str
    amount: int
    state: str
    attempt: int | None = None
    attempts: int = 0
    continues: int | None = None
    reverses: int | None = None


@dataclass
class Model:
    """Everything that was asked of the ledger and what had to come of it."""

    batches: dict[int, str] = field(default_factory=dict)
    awards: dict[int, ModelAward] = field(default_factory=dict)
    calls: dict[int, Claim] = field(default_factory=dict)
    jobs: dict[int, list[int]] = field(default_factory=dict)
    undos: set[int] = field(default_factory=set)
    recorded_at: dict[int, int] = field(default_factory=dict)
    with_leave: set[int] = field(default_factory=set)
    halted: bool = False
    spending: Spending = field(default_factory=Spending)

    def of(self, batch: int) -> list[ModelAward]:
        return [award for award in self.awards.values() if award.batch == batch]

    def doubts(self) -> set[tuple[str, str]]:
        return {(award.account, award.key) for award in self.awards.values() if award.state == "unknown"}

    def under_way(self) -> set[tuple[str, str]]:
        """Who is in a call that has no outcome yet."""
        carried = (self.awards[item.award_id] for call in self.calls.values() for item in call.items)
        return {(award.account, award.key) for award in carried}

    def claimable(self, batch: int) -> bool:
        held_back = self.doubts() | self.under_way()
        planned = [award for award in self.of(batch) if award.state == "planned"]
        open_ = self.batches[batch] == "open" and not self.halted
        return open_ and any((award.account, award.key) not in held_back for award in planned)

    def to_take_back(self, batch: int) -> list[int] | None:
        """The awards that an undo takes back now; ``None``: there can be no undo."""
        awards = self.of(batch)
        over = self.batches[batch] in ("stopped", "finished")
        if not over or batch in self.undos or any(one.state in ("planned", "sending", "unknown") for one in awards):
            return None
        # What was written off may have been taken back.
        kept = {one.reverses for one in self.awards.values() if one.state not in ("rejected", "cancelled")}
        landed = [number for number, one in self.awards.items() if one.batch == batch and one.state == "applied"]
        sure = [one for one in landed if self.awards[one].account != GAMEBALL.account or self.awards[one].amount > 0]
        return [number for number in sure if number not in kept]

    def paid(self) -> list[Payment]:
        """Every award that stands; one that was taken back does where Gameball may have cut the undo down."""
        back = {one.reverses for one in self.awards.values() if one.state == "applied"}
        return [
            Payment(
                one.account,
                one.amount,
                self.recorded_at[one.batch],
                surely=number not in back,
                alone=one.batch not in self.with_leave,
            )
            for number, one in self.awards.items()
            if one.state in LIVE and one.reverses is None and (number not in back or one.account == GAMEBALL.account)
        ]

    def settle(self, batch: int) -> None:
        """Planned awards cannot be in a stopped batch, and make a finished one open again."""
        planned = [award for award in self.of(batch) if award.state == "planned"]
        if planned and self.batches[batch] == "stopped":
            for award in planned:
                award.state = "cancelled"
        elif planned and self.batches[batch] == "finished":
            self.batches[batch] = "open"

    def open_awards(self, attempt: int) -> list[int]:
        return [
            number
            for number in self.jobs[attempt]
            if self.awards[number].attempt == attempt and self.awards[number].state in ("sending", "unknown")
        ]
