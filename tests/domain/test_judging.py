"""The table of verdicts on awards in doubt, and what holds beyond it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.domain.calls import Item
from bot.domain.judging import Change, Judgement, holder_of, judge_alone, judge_whole
from bot.domain.model import ProviderKind, Recipient, RecipientType
from tests.domain.judging_table import ALONE, WHOLE

BALANCES = some.none() | some.integers(-50, 50)


@pytest.mark.parametrize("name", ALONE)
def test_an_award_is_judged_as_the_table_says(name: str) -> None:
    values, expected = ALONE[name]
    assert judge_alone(Change(*values)) == expected


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_call_is_judged_as_the_table_says(name: str) -> None:
    changes, told, expected = WHOLE[name]
    assert judge_whole([Change(*values) for values in changes], told_applied=told) == expected


@given(some.integers(-20, 20).filter(bool), BALANCES, BALANCES, BALANCES, some.integers(-20, 20))
def test_nothing_is_decided_unless_the_numbers_say_exactly_that(
    amount: int, before: int | None, first: int | None, second: int | None, between: int
) -> None:
    judged = judge_alone(Change(amount, before, first, second, between))
    explained = {
        Judgement.LANDED: lambda: first == second and first == (before or 0) + between + amount,
        Judgement.NOT_LANDED: lambda: first == second and first == (before or 0) + between,
        Judgement.CANNOT_TELL: lambda: True,
    }
    assert explained[judged]()
    if before is None or first is None or second is None:
        assert judged is Judgement.CANNOT_TELL


@pytest.mark.parametrize(
    ("kind", "target", "holder"),
    [
        (ProviderKind.DRIP_MEMBERS, "a" * 24, "a" * 24),
        (ProviderKind.DRIP_MEMBERS, "credential:discord-id:1", "discord-id:1"),
        (ProviderKind.DRIP_CREDENTIALS, "1", "discord-id:1"),
    ],
)
def test_a_credential_has_one_balance_whichever_programme_pays_it(kind: ProviderKind, target: str, holder: str) -> None:
    item = Item(1, Recipient(RecipientType.DISCORD_ID, "1"), target, 10, None)
    assert holder_of(kind, item) == holder
