"""What the first pass counts does not depend on how many rows it looks at together."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.intake.columns import Column, RecipientColumn, Roles
from bot.domain.intake.rounding import RoundingSurvey
from bot.domain.intake.survey import survey_of
from bot.domain.model import RecipientType, Unit

pytestmark = pytest.mark.no_cover

CELLS = st.one_of(
    st.integers(10**16, 10**20 - 1).map(str),
    st.sampled_from([
        "", " ", "5", "-5", "1.5", "1.000,50", "Total", "nobody", "123", "318427659021348864", "123456789012345600",
        "<@318427659021348871>", "\u0663184276590213488", "201234567890123457\u200b",
    ]),
)  # fmt: skip
WHO = RecipientColumn(0, "user", RecipientType.DISCORD_ID)
BESIDE = Column(9, "points")
"""No row is so long, so that it changes nothing but that there are two columns to choose from."""


def surveyed(rows, amounts):
    survey = survey_of(Roles(("user", "amount"), (WHO,), amounts, None, None, None), Unit.MONEY)
    survey.look_through(enumerate(rows, start=2), 1_000_000)
    return survey


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(CELLS, max_size=3), max_size=30), st.integers(0, 500))
def test_rows_that_are_counted_together_count_as_one_by_one(rows, plain):
    rows = [["201234567890123457", "5"]] * plain + rows * 10
    together, one_by_one = surveyed(rows, (Column(1, "amount"),)), surveyed(rows, (Column(1, "amount"), BESIDE))
    assert dataclasses.asdict(together)["recipients"] == dataclasses.asdict(one_by_one)["recipients"]
    assert together.amounts[0] == one_by_one.amounts[0]
    assert (together.rows, together.shared) == (one_by_one.rows, one_by_one.shared)


def test_rows_beyond_the_limit_are_noticed_and_not_read_to_the_end():
    rows = (["201234567890123457", "5"] for _ in range(1_000_000))
    survey = survey_of(Roles(("user", "amount"), (WHO,), (Column(1, "amount"),), None, None, None), Unit.POINTS)
    survey.look_through(enumerate(rows), 5000)
    assert survey.rows > 5000
    assert next(rows, None) is not None


@given(st.lists(st.integers(10**16, 10**20 - 1) | st.integers(10**3, 10**5).map(lambda one: one * 10**14)))
def test_ids_that_are_seen_together_count_as_one_by_one(numbers):
    ids = list(map(str, numbers))
    together, one_by_one = RoundingSurvey(discord=True), RoundingSurvey(discord=True)
    together.see_all(ids)
    for one in ids:
        one_by_one.see(one)
    assert together == one_by_one
