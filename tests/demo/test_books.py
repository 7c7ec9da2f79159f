"""Holding a ledger against books: what has to be found, and what is no difference."""

from __future__ import annotations

from bot.demo.books import Payment, compared
from bot.domain.model import Award, Recipient, RecipientType
from bot.domain.states import AwardState

ADA = Payment("drip-credentials", "gold", "discord-id:1", 50)
GRACE = Payment("drip-credentials", "gold", "discord-id:2", 50)
KEN = Payment("gameball", "points", "3", 20)


def award(payment: Payment, state: AwardState = AwardState.APPLIED, number: int = 1) -> tuple[Payment, Award]:
    recipient = Recipient(RecipientType.DISCORD_ID, payment.recipient)
    return payment, Award(
        number, 1, number, (number,), recipient, None, payment.amount, None, state, 1, 1, None, None, 0, None
    )  # fmt: skip


def test_what_is_applied_and_booked_once_agrees():
    found = compared([award(ADA), award(GRACE), award(KEN)], [KEN, ADA, GRACE])
    assert found.agree and found.exact == 3
    assert [(line.programme, line.currency, line.applied, line.total, line.booked, line.booked_total, line.agrees)
            for line in found.lines] == [
        ("drip-credentials", "gold", 2, 100, 2, 100, True),
        ("gameball", "points", 1, 20, 1, 20, True),
    ]  # fmt: skip


def test_a_payment_that_is_booked_twice_is_a_difference():
    found = compared([award(ADA), award(KEN)], [ADA, ADA, KEN])
    assert not found.agree
    assert found.only_book == {ADA: 1} and not found.only_ledger
    assert found.exact == 1


def test_an_award_that_the_books_lack_is_a_difference():
    found = compared([award(ADA), award(KEN)], [KEN])
    assert not found.agree
    assert found.only_ledger == {ADA: 1}


def test_another_amount_recipient_currency_or_programme_is_another_payment():
    for other in (
        ADA._replace(amount=51),
        ADA._replace(recipient="discord-id:9"),
        ADA._replace(currency="gems"),
        ADA._replace(programme="drip-members"),
    ):
        found = compared([award(ADA)], [other])
        assert found.only_ledger == {ADA: 1} and found.only_book == {other: 1}


def test_sums_that_happen_to_be_the_same_do_not_hide_a_difference():
    found = compared([award(ADA)], [GRACE])
    assert found.lines[0].agrees
    assert not found.agree


def test_two_awards_of_the_same_amount_to_one_recipient_are_two():
    recorded = [award(ADA, number=1), award(ADA, number=2)]
    assert compared(recorded, [ADA, ADA]).agree
    assert compared(recorded, [ADA]).only_ledger == {ADA: 1}
    assert compared(recorded, [ADA, ADA, ADA]).only_book == {ADA: 1}


def test_what_is_in_doubt_may_have_landed_or_not_and_the_books_say_which():
    recorded = [award(ADA, AwardState.UNKNOWN, 1), award(GRACE, AwardState.UNKNOWN, 2), award(KEN, number=3)]
    found = compared(recorded, [GRACE, KEN])
    assert found.agree
    assert [(doubt.award.id, doubt.landed) for doubt in found.doubts] == [(1, False), (2, True)]
    assert found.lines[0].in_doubt == 2


def test_one_doubt_covers_one_entry_and_no_more():
    found = compared([award(ADA, AwardState.UNKNOWN)], [ADA, ADA])
    assert not found.agree and found.only_book == {ADA: 1}


def test_what_was_never_sent_or_was_refused_must_not_be_in_the_books():
    for state in (AwardState.PLANNED, AwardState.REJECTED, AwardState.CANCELLED):
        assert compared([award(ADA, state)], []).agree
        assert compared([award(ADA, state)], [ADA]).only_book == {ADA: 1}
