"""The words of Bursar: identity of recipients, counts, and the only ways between states."""

from __future__ import annotations

import pytest

from bot.domain.model import (
    ACCEPTED_TYPES,
    Counts,
    Destination,
    Programme,
    ProviderKind,
    Recipient,
    RecipientType,
    Unit,
)
from bot.domain.states import AWARD_MOVES, BATCH_MOVES, COUNTS_AS_PAID, FINAL, AwardState

T = RecipientType

KEYS = [
    # two spellings, and whether they are one recipient
    (Recipient(T.EMAIL, "Ada@Example.org"), Recipient(T.EMAIL, "ada@example.org"), True),
    (Recipient(T.WALLET, "0xAB"), Recipient(T.WALLET, "0xab"), True),
    (Recipient(T.WALLET, "7EcDh"), Recipient(T.WALLET, "7ecdh"), False),
    (Recipient(T.CUSTOMER_ID, "C1"), Recipient(T.CUSTOMER_ID, "c1"), False),
    (Recipient(T.CUSTOM, "p1", "Steam"), Recipient(T.CUSTOM, "p1", "steam"), True),
    (Recipient(T.CUSTOM, "p1", "steam"), Recipient(T.CUSTOM, "p1", "xbox"), False),
    (Recipient(T.CUSTOM, "b:c", "a"), Recipient(T.CUSTOM, "c", "a:b"), False),
    (Recipient(T.CUSTOM, "b:c", "a\\"), Recipient(T.CUSTOM, "c", "a:b"), False),
    (Recipient(T.DISCORD_ID, "1"), Recipient(T.TWITTER_ID, "1"), False),
]


@pytest.mark.parametrize(("one", "other", "same"), KEYS)
def test_two_spellings_of_one_recipient_have_one_key(one, other, same):
    assert (one.key == other.key) is same


def test_counts_add_up_and_are_told_under_the_fixed_names():
    counts = Counts(planned=1, sending=2, applied=3, rejected=4, unknown=5, cancelled=6, written_off=7)
    assert counts.total == 28
    assert counts.unfinished == 3
    assert counts.as_json() == {
        "planned": 1,
        "sending": 2,
        "applied": 3,
        "rejected": 4,
        "unknown": 5,
        "cancelled": 6,
        "written_off": 7,
    }


def test_a_programme_is_its_destination_under_a_name():
    destination = Destination(ProviderKind.GAMEBALL, "account", None, Unit.MONEY, "{discord_id}")
    programme = Programme("gameball", destination, 1000)
    assert (programme.kind, programme.unit, programme.unusable) == (ProviderKind.GAMEBALL, Unit.MONEY, None)
    assert T.DISCORD_ID in set.intersection(*(set(types) for types in ACCEPTED_TYPES.values()))


def test_what_has_landed_or_may_have_landed_never_goes_back_without_a_doubt_in_between():
    assert AwardState.PLANNED not in AWARD_MOVES[AwardState.APPLIED]
    assert AwardState.PLANNED in AWARD_MOVES[AwardState.UNKNOWN]
    assert AwardState.SENDING in AWARD_MOVES[AwardState.UNKNOWN]  # under an id that the service takes only once
    assert {AwardState.APPLIED, AwardState.REJECTED, AwardState.CANCELLED, AwardState.WRITTEN_OFF} == FINAL
    assert FINAL | {AwardState.PLANNED, AwardState.SENDING, AwardState.UNKNOWN} == set(AwardState)
    assert set(AwardState) - COUNTS_AS_PAID == {AwardState.REJECTED, AwardState.CANCELLED}
    assert set(AWARD_MOVES) == set(AwardState)
    assert all(state not in moves for state, moves in (*AWARD_MOVES.items(), *BATCH_MOVES.items()))
