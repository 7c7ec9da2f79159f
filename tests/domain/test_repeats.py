"""Which rows of one recipient were paid before: a table first, then what must hold of any rows and any awards."""

# ruff: noqa: ANN002 - test shorthand
from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.drafting import StagedRow
from bot.domain.model import Recipient, RecipientType
from bot.domain.repeats import Earlier, covered, judged

ADA = Recipient(RecipientType.DISCORD_ID, "201234567890123457")
ONCE = "once"


def earlier(*awards, labelled=()):
    """Awards 1, 2, 3, … of a batch each: a list of the rows that were added up, ``(ONCE, amount, rows)``, or a single
    amount."""
    found = []
    for number, award in enumerate(awards, start=1):
        if isinstance(award, tuple):
            amount, amounts = award[1], (award[1],) * award[2]
        else:
            amounts = tuple(award) if isinstance(award, list) else (award,)
            amount = sum(amounts)
        found.append(Earlier(number, number, amount, amounts, number in labelled))
    return found


def staged(*rows):
    """Rows from line 2 on, written as awards are."""
    line, found = 2, []
    for award in earlier(*rows):
        lines = tuple(range(line, line + len(award.amounts)))
        several = len(lines) > 1
        found.append(
            StagedRow(
                line,
                lines if several else None,
                ADA,
                ADA.value,
                award.amount,
                None,
                amounts=award.amounts if several else None,
            )
        )
        line += len(lines)
    return found


# Rows of a draft (lines 2, 3, …), awards of before, lines of the rows that were paid, and whether a sum hides some.
PAID, HIDDEN = True, True
VERDICTS = [
    ("nothing was paid", [10], [], [], False),
    ("the same row", [10], [10], [2], False),
    ("another amount", [10], [11], [], False),
    ("a second one like it is new", [10, 10], [10], [2], False),
    ("two of three", [10, 10, 10], [10, 10], [2, 3], False),
    ("paid more often than it is there", [10], [10, 10], [2], False),
    ("a deduction is no payment", [-10, 10], [10], [3], False),
    ("one of the rows of a sum", [10], [[10, 20]], [2], False),
    ("the rows of a sum among others", [5, 10, 20], [[10, 20]], [3, 4], False),
    ("the rows of a sum in another order", [20, 5, 10], [[10, 20]], [2, 4], False),
    ("rows that only add up to the same", [10, 15, 5], [[10, 20]], [2], False),
    ("neighbours that only add up to the same", [15, 15], [[10, 20]], [], False),
    ("rows of two sums", [1, 2, 3, 4], [[1, 4], [2, 3]], [2, 3, 4, 5], False),
    ("sums that share an amount", [10, 20, 10, 30], [[10, 20], [10, 30]], [2, 3, 4, 5], False),
    ("sums that share an amount which is there once", [10, 20, 30], [[10, 20], [10, 30]], [2, 3, 4], False),
    ("a sum with a deduction in it", [50, -20, 7], [[50, -20]], [2, 3], False),
    ("half of a sum with a deduction in it", [50, 7], [[50, -20]], [2], False),
    ("a new deduction like the old one", [50, -20, -20], [[50, -20]], [2, 3], False),
    ("a sum that was paid", [[10, 20]], [[10, 20]], [2], False),
    ("a sum of rows that were paid one by one", [[10, 20]], [10, 20], [], HIDDEN),
    ("a sum of rows out of two sums", [[10, 20]], [[10, 1], [20, 2]], [], HIDDEN),
    ("a part of a sum", [[10, 20]], [[10, 20, 1]], [2], False),
    ("a sum with a paid row in it", [[10, 20]], [10], [], HIDDEN),
    ("a sum with a paid row in it, beside that row", [[10, 20], 10], [10], [], HIDDEN),
    ("a sum beside a paid row", [10, [20, 5]], [10], [2], False),
    ("a sum that is worth what a paid row is, which is there", [10, [4, 6]], [10], [2], False),
    ("a sum that is worth what one award was", [[4, 6]], [10], [2], False),
    ("an award that is worth what a sum was", [30], [[10, 20]], [2], False),
    ("an award worth a sum whose rows are there", [10, 20, 30], [[10, 20]], [2, 3], False),
    ("two awards that are worth one sum", [30, 30], [[10, 20]], [2], False),
    ("paid once, and one of them again", [10], [(ONCE, 10, 2)], [2], False),
    ("paid once, then each", [10, 10, 10], [(ONCE, 10, 2)], [2, 3], False),
    ("paid once, then added up", [[10, 10]], [(ONCE, 10, 2)], [2], False),
    ("to be paid once, and one of them was", [(ONCE, 10, 3)], [10], [2], False),
    ("to be paid once, as it was", [(ONCE, 10, 2)], [(ONCE, 10, 2)], [2], False),
    ("to be paid once, and was added up", [(ONCE, 10, 2)], [[10, 10]], [2], False),
    ("to be paid once, of another amount", [(ONCE, 10, 2)], [20], [], False),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "awards", "paid", "hidden"), [pytest.param(*one[1:], id=one[0]) for one in VERDICTS])
def test_rows_were_paid_as_often_as_they_are_among_the_rows_of_earlier_awards(rows, awards, paid, hidden):
    verdict = judged(staged(*rows), earlier(*awards))
    assert (sorted(verdict.paid), bool(verdict.hidden)) == (paid, hidden)


def test_every_award_that_has_a_row_is_named_with_it():
    """Who asks whether this was paid for the same period has to hear of all of them."""
    verdict = judged(staged(10, 10), earlier(10, 10, 10))
    assert {one.award_id for awards in verdict.paid.values() for one in awards} == {1, 2, 3}
    assert [len(verdict.paid[line]) for line in (2, 3)] == [2, 1]


def test_awards_without_a_label_are_found_first():
    """In difference mode only these leave a row out."""
    verdict = judged(staged(10, 10), earlier(10, 10, 10, labelled={2, 3}))
    assert [awards[0].award_id for awards in verdict.paid.values()] == [1, 3]


amounts = st.sampled_from((1, 2, 3, -1, -2))
awards_of = st.lists(st.one_of(amounts, st.lists(amounts, min_size=2, max_size=4).filter(sum)), max_size=6)


@given(st.lists(amounts, max_size=8), awards_of)
def test_of_each_amount_as_many_rows_were_paid_as_there_are_on_both_sides(rows, awards):
    there, before = dict(enumerate(rows, start=2)), earlier(*awards)
    found = covered(there, before)
    paid = Counter(amount for award in before for amount in award.amounts)
    assert Counter(there[line] for line in found) == Counter(rows) & paid
    assert all(there[line] in award.amounts for line, pairs in found.items() for award in pairs)
    assert sum(map(len, found.values())) <= paid.total()


@given(st.lists(amounts, min_size=1, max_size=8), awards_of, st.randoms(use_true_random=False))
def test_a_sum_hides_a_paid_row_or_not_whatever_the_other_rows_became(rows, awards, random):
    """The rows that were paid are the same ones before and after the others are added up, so nothing is read anew
    again and again."""
    found = covered(dict(enumerate(rows, start=2)), earlier(*awards))
    apart = [line for line in range(2, 2 + len(rows)) if line in found]
    rest = [line for line in range(2, 2 + len(rows)) if line not in found]
    if not rest or sum(rows[line - 2] for line in rest) == 0:
        return
    parts = tuple(rows[line - 2] for line in rest)
    many = len(rest) > 1
    added = StagedRow(
        rest[0], tuple(rest) if many else None, ADA, None, sum(parts), None, amounts=parts if many else None
    )
    singles = [StagedRow(line, None, ADA, None, rows[line - 2], None) for line in apart]
    drafted = [*singles, added]
    random.shuffle(drafted)
    verdict = judged(drafted, earlier(*awards))
    assert not verdict.hidden
    assert set(apart) <= set(verdict.paid) <= {*apart, rest[0]}
