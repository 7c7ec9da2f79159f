"""The card of rows in doubt: what was found of each row is on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.domain.judging import Numbers
from bot.domain.model import Award, Counts, Decision, Recipient, RecipientType
from bot.domain.states import AwardState
from bot.ledger.queries import Attempt
from bot.ui.doubts_card import Call, done_word, doubts_card, risks
from tests.ui.views import DESTINATION, NOW_MS, view

SHORT = "The reason of a transaction of theirs is cut off, so it could be this one."
GONE = "The list of transactions could not be read to its end."


def award(award_id: int) -> Award:
    who = Recipient(RecipientType.CUSTOMER_ID, f"customer-{award_id}")
    state = AwardState.UNKNOWN
    return Award(award_id, 41, award_id, (), who, who.value, 5, None, state, 1, 3, None, None, NOW_MS, None)


def shown(numbers: dict[int, Numbers], **known: str) -> str:
    """The text of the card. ``known`` of the call."""
    attempt = Attempt(3, 41, "closed", NOW_MS, NOW_MS, "t", tuple(numbers), "unknown", None, None, "no answer", None)
    attempt = replace(attempt, **known)
    call = Call(attempt, tuple(map(award, numbers)), False, numbers)
    of = view(Counts(unknown=len(numbers)), destination=DESTINATION)
    return str(doubts_card(of, [call], 0, only=None, done=None, practice=False).to_components())


def found(said: str, **more: Any) -> Numbers:
    return Numbers(said=said, looked_at=NOW_MS, **more)


def test_what_was_found_of_rows_without_a_balance_stands_beside_each() -> None:
    text = shown({1: found(SHORT), 2: found(GONE)})
    assert SHORT in text
    assert GONE in text
    assert "balance says" not in text


def test_the_answers_about_deductions_say_what_they_mean_for_who_lost_the_points() -> None:
    taken = replace(award(1), amount=-5)
    assert "taken from them twice" in risks([taken])[Decision.SEND_AGAIN]
    assert "they get it twice" in risks([taken, award(2)])[Decision.SEND_AGAIN]
    assert done_word(Decision.LANDED, [taken]) == "counted as taken"
    assert "or it is taken twice" in risks([taken, award(2)])[Decision.SEND_AGAIN]
    assert done_word(Decision.LANDED, [taken, award(2)]) == "counted as landed"
    assert done_word(Decision.LANDED, [award(2)]) == "counted as paid"
    assert done_word(Decision.SEND_AGAIN, [taken]) == "to be sent again"


def test_the_services_own_names_for_the_call_are_told_for_whoever_asks_its_support() -> None:
    text = shown({1: found(SHORT)}, request_id="req-7", job_id="job-9")
    assert "Request at the service: req-7" in text
    assert "Job of the service: job-9" in text


def test_what_is_so_of_all_rows_is_said_once() -> None:
    assert shown({1: found(GONE), 2: found(GONE)}).count(GONE) == 1


def test_where_balances_were_read_the_numbers_stand_beside_the_rows() -> None:
    text = shown({1: found(SHORT, before=1, expected=6, now=9), 2: found(GONE, before=2, expected=7, now=8)})
    assert "before 1, expected 6 · now 9" in text
    assert SHORT not in text
