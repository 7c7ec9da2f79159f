"""What is said of an award of which another amount moved than was asked for."""

from __future__ import annotations

import pytest

from bot.domain.model import Unit
from bot.providers.gameball_once import NOT_TOLD, in_part

IN_PART = "It landed in part:"
MORE = "It landed, but not as it was asked for:"


@pytest.mark.parametrize(
    ("moved", "amount", "unit", "said"),
    [
        (10, 10, Unit.POINTS, None),
        (50, -50, Unit.POINTS, None),
        (None, 10, Unit.POINTS, None),
        (None, -10, Unit.POINTS, NOT_TOLD),
        (40, -50, Unit.POINTS, f"{IN_PART} 40 of 50 were taken."),
        (0, -10, Unit.POINTS, f"{IN_PART} 0 of 10 were taken."),
        (100, 10, Unit.POINTS, f"{MORE} 100 instead of 10 were given."),
        (-500, -50, Unit.POINTS, f"{MORE} 500 instead of 50 were taken."),
        (100, -150, Unit.MONEY, f"{IN_PART} 1.00 of 1.50 were taken."),
        (149, 150, Unit.MONEY, None),  # what is no whole point is lost
    ],
)
def test_an_award_of_which_another_amount_moved_says_so(moved: int | None, amount: int, unit: Unit, said: str | None):
    assert in_part(moved, amount, unit) == said
