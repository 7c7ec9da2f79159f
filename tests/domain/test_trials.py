"""How the effects of test calls are read: every combination that a service could show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.domain.probing import DEEPEST, IN_ORDER, Fate, Leg, Moves, Purse, Reply, Told, Trial, order, overdraft, twice
from bot.domain.trials import credentials_questions, gameball_questions, members_questions, skipped, unit

A, B, NOBODY = Purse("a" * 24, "gold"), Purse("b" * 24, "gold"), Purse("c" * 24, "gold")
DONE, REFUSED = Reply(Fate.DONE, 200), Reply(Fate.REFUSED, 400, of_balance=True)
ELSE = Reply(Fate.REFUSED, 400, of_else=True)


def trial(made: Trial | str) -> Trial:
    assert isinstance(made, Trial)
    return made


@pytest.mark.parametrize(
    ("moved", "beside", "reply", "word"),
    [
        (0, 0, REFUSED, "refused-whole"),
        (0, 0, ELSE, "refused-otherwise"),  # for another reason: an overdraft may be allowed all the same
        (0, 0, Reply(Fate.REFUSED, 400), "refused-otherwise"),
        (-4, 0, ELSE, None),
        (0, 1, REFUSED, "refused-row"),
        (0, 1, ELSE, "refused-row"),  # it was carried out for others, whatever it says
        (0, 1, DONE, "refused-row"),
        (-4, 1, DONE, "allowed"),
        (-3, 1, DONE, "capped"),
        (0, 0, DONE, None),  # said to be done, and nothing moved
        (-4, 0, DONE, None),  # half of it the wrong way round
        (-2, 1, DONE, None),  # somebody else is at the balance
        (0, 5, DONE, None),
    ],
)
def test_an_overdraft_beside_a_good_row(moved: int, beside: int, reply: Reply, word: str | None):
    asked = trial(overdraft(A, B, held=3))
    assert asked.calls == ((Leg(B, 1), Leg(A, -4)),)  # the good row first: a service without transactions pays it
    assert asked.read({A: moved, B: beside}, [reply]) == word


@pytest.mark.parametrize(
    ("held", "moved", "reply", "word"),
    [
        (3, 0, REFUSED, "refused"),
        (3, 0, ELSE, "refused-otherwise"),
        (3, 0, Reply(Fate.DONE, refused=(A,)), "refused"),
        (3, 0, DONE, None),
        (0, 0, Reply(Fate.DONE, told=(Told(A, 0),)), "capped"),
        (0, -1, DONE, "allowed"),
        (3, -3, DONE, "capped"),
    ],
)
def test_an_overdraft_alone(held: int, moved: int, reply: Reply, word: str | None):
    assert trial(overdraft(A, None, held=held)).read({A: moved}, [reply]) == word


@pytest.mark.parametrize("held", [-1, DEEPEST + 1])
def test_an_overdraft_takes_no_more_than_little(held: int):
    assert str(held) in str(overdraft(A, B, held=held))


@pytest.mark.parametrize(
    ("moved", "reply", "word"),
    [(2, DONE, "summed"), (1, DONE, "once"), (0, REFUSED, "refused"), (0, DONE, None), (3, DONE, None)],
)
def test_one_recipient_twice(moved: int, reply: Reply, word: str | None):
    assert twice(A).read({A: moved}, [reply]) == word


def worked_off(amounts: Sequence[int], *, overdrafts: bool = False) -> tuple[int, Reply]:
    """What a service does that takes the rows in this order, from a balance of 0."""
    balance, told, refused = 0, [], 0
    for amount in amounts:
        if balance + amount < 0 and not overdrafts:
            refused += 1
            continue
        balance += amount
        told.append(Told(A, balance))
    return balance, Reply(Fate.DONE, 200, told=tuple(told), refused=(A,) * refused)


def test_the_given_order_is_told_from_every_other_simple_one():
    asked = trial(order(A, held=0))
    amounts = [leg.amount for leg in asked.calls[0]]
    orders = {
        "given": amounts,
        "backwards": amounts[::-1],
        "deductions first": sorted(amounts),
        "credits first": sorted(amounts, reverse=True),
        "alternating": [1, *[-1, 1] * IN_ORDER],
    }
    found = {
        name: asked.read({A: moved}, [reply]) for name, one in orders.items() for moved, reply in [worked_off(one)]
    }
    assert found == {
        "given": "given",
        "backwards": "not-given",
        "deductions first": "not-given",
        "credits first": "not-given",
        "alternating": "not-given",
    }
    assert asked.read({A: 1}, [Reply(Fate.DONE, told=(Told(A, 1),))]) == "merged"
    assert asked.read({A: 0}, [REFUSED]) == "refused"
    assert asked.read({A: -3}, [DONE]) is None


def test_the_order_needs_an_empty_purse():
    assert "4" in str(order(A, held=4))


@pytest.mark.parametrize(
    ("moves", "reply", "word"),
    [
        ({NOBODY: 0, A: 0}, REFUSED, "refused-whole"),
        ({NOBODY: 0, A: 0}, ELSE, "refused-otherwise"),
        ({NOBODY: 1, A: 0}, ELSE, None),
        ({NOBODY: 0, A: 1}, REFUSED, None),
        ({NOBODY: 0, A: 1}, Reply(Fate.DONE, refused=(NOBODY,)), "refused-row"),
        ({NOBODY: 0, A: 1}, DONE, "skipped"),
        ({NOBODY: 1, A: 1}, DONE, "created"),
        ({NOBODY: 1, A: 0}, DONE, None),
        ({NOBODY: 2, A: 1}, DONE, None),
    ],
)
def test_a_stranger_beside_somebody_known(moves: Moves, reply: Reply, word: str | None):
    question = next(one for one in credentials_questions(A, NOBODY) if one.name == "unknown-credential")
    assert trial(question.make({A: 0, NOBODY: 0}, {})).read(moves, [reply]) == word


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (Told(A, 7, 8), "after"),
        (Told(A, 8, 7), "before"),
        (Told(A, 8, None), "absent"),
        (Told(A, 8, 9), None),
    ],
)
def test_which_balance_is_the_one_afterwards(told: Told, word: str | None):
    question = members_questions(A, None, None, NOBODY)[0]
    reply = Reply(Fate.DONE, 200, told=(told,))
    assert trial(question.make({A: 7}, {})).read({A: 1}, [reply]) == word


def test_a_paid_credential_that_no_read_shows_is_set_back_all_the_same():
    question = credentials_questions(A, NOBODY)[0]
    asked = trial(question.make({A: 0}, {}))
    reply = Reply(Fate.DONE, 200, told=(Told(A, 12),))
    assert asked.read({A: 0}, [reply]) == "not-seen"
    assert "not-seen" in asked.unseen
    assert asked.read({A: 1}, [Reply(Fate.DONE, 200, told=(Told(A, 1),))]) == "seen"
    assert asked.read({A: 0}, [REFUSED]) is None


@pytest.mark.parametrize(
    ("moved", "factor", "word"),
    [
        (1, "0.1", "points"),
        (10, "0.1", "money"),
        (1, "1", "same"),
        (1, "0.7", None),  # 1.00 in money is one point, too
        (3, "0.3", "money"),
        (1, "0.3", "points"),
        (1, None, None),
        (10, None, None),
        (7, "0.1", None),
        (0, "0.1", None),
        (0, "3", None),
    ],
)
def test_what_an_amount_of_one_counts(moved: int, factor: str | None, word: str | None):
    assert unit(moved, Reply(Fate.DONE, more={} if factor is None else {"factor": factor})) == word


def test_a_question_waits_for_the_answer_that_it_needs():
    by_name = {one.name: one for one in (*credentials_questions(A, NOBODY), *gameball_questions("ada", "t"))}
    assert skipped(by_name["order"], {"overdraft": "refused"}) is None
    assert skipped(by_name["order"], {"overdraft": "allowed"}) == "it takes another answer to overdraft"
    assert skipped(by_name["unit"], {}) is None
