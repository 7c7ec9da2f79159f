"""Amounts: every spelling in the table, and that reading undoes writing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.amounts import AmountError, canonical, decimal_mark_of, display, parse_amount, possible_amounts
from bot.domain.model import Unit
from tests.domain import amount_table as table

POINTS, MONEY = Unit.POINTS, Unit.MONEY
WHOLE = st.integers(-(2**53), 2**53)


@pytest.mark.parametrize(("text", "amount"), table.POINTS_READ)
def test_points_are_read_as_people_write_them(text, amount):
    assert parse_amount(text, POINTS) == amount


@pytest.mark.parametrize(("text", "amount"), table.MONEY_READ)
def test_money_is_read_in_hundredths(text, amount):
    assert parse_amount(text, MONEY) == amount


@pytest.mark.parametrize(("text", "mark", "points", "money"), table.SETTLED)
def test_the_rest_of_the_file_settles_a_group_of_three(text, mark, points, money):
    for unit, expected in ((POINTS, points), (MONEY, money)):
        if expected is None:
            with pytest.raises(AmountError) as caught:
                parse_amount(text, unit, mark)
            assert caught.value.kind == "fraction"
        else:
            assert parse_amount(text, unit, mark) == expected


@pytest.mark.parametrize(("text", "points", "money"), table.POSSIBLE)
def test_a_number_is_seen_in_every_reading_whatever_stands_around_it(text, points, money):
    for unit, expected in ((POINTS, points), (MONEY, money)):
        found = possible_amounts(text, unit)
        assert (found if found is None else set(found)) == (expected if expected is None else set(expected))


@pytest.mark.parametrize("text", ["1" * 1_000_000, "1 " * 500_000, "1e" * 500_000, '="' * 500_000, "-(" * 500_000])
def test_a_long_text_is_no_amount_and_takes_no_time(text):
    began = time.process_time()
    assert not possible_amounts(text, POINTS)
    assert time.process_time() - began < 2


def refused(text, unit, kind, word):
    with pytest.raises(AmountError) as caught:
        parse_amount(text, unit)
    assert caught.value.kind == kind
    sentence = str(caught.value)
    assert word in sentence
    assert "; " in sentence, "a cause, then a next step"
    assert len(sentence) <= 160, "the card shows 160 characters"


@pytest.mark.parametrize("unit", [POINTS, MONEY])
@pytest.mark.parametrize(("text", "kind", "word"), table.REFUSED)
def test_what_is_no_amount_is_refused_with_a_cause_and_a_next_step(text, kind, word, unit):
    refused(text, unit, kind, word)


@pytest.mark.parametrize(("text", "kind", "word"), table.POINTS_REFUSED)
def test_points_are_whole(text, kind, word):
    refused(text, POINTS, kind, word)


@pytest.mark.parametrize(("text", "kind", "word"), table.MONEY_REFUSED)
def test_money_has_at_most_two_decimals(text, kind, word):
    refused(text, MONEY, kind, word)


@pytest.mark.parametrize(("text", "mark"), table.EVIDENCE)
def test_a_cell_proves_a_decimal_mark_only_when_it_can_be_read_in_one_way(text, mark):
    assert decimal_mark_of(text, MONEY) == mark


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("12.05", None),
        ("7,5", None),
        ("12.00", "."),
        ("12,0", ","),
        ("1,234.5", "."),
        ("1.250,50", ","),
        ("1 000,5", None),
    ],
)
def test_among_whole_points_a_fraction_is_a_slip_or_a_date_and_proves_nothing(text, mark):
    assert decimal_mark_of(text, POINTS) == mark


@pytest.mark.parametrize(("amount", "unit", "plain", "shown"), table.SHOWN)
def test_an_amount_has_one_canonical_spelling_and_one_for_people(amount, unit, plain, shown):
    assert canonical(amount, Unit(unit)) == plain
    assert display(amount, Unit(unit)) == shown


@given(WHOLE, st.sampled_from(Unit))
def test_the_canonical_spelling_is_read_back_exactly(amount, unit):
    assert parse_amount(canonical(amount, unit), unit) == amount


@given(WHOLE)
def test_what_people_are_shown_is_read_back_once_the_mark_is_known(amount):
    assert parse_amount(display(amount, POINTS), POINTS, ".") == amount
    assert parse_amount(display(amount, MONEY), MONEY) == amount


@given(st.text(max_size=60), st.sampled_from(Unit))
def test_any_text_is_an_amount_within_bounds_or_a_refusal(text, unit):
    try:
        amount = parse_amount(text, unit)
    except AmountError as error:
        assert error.kind in {"bad-amount", "ambiguous-amount", "fraction", "over-limit"}
        assert 0 < len(str(error)) <= 160
    else:
        assert abs(amount) <= 2**53


@given(st.text(alphabet="0123456789.,' -", max_size=20))
def test_a_proved_mark_never_changes_what_could_be_read_without_it(text):
    for unit in Unit:
        try:
            alone = parse_amount(text, unit)
        except AmountError:
            continue
        mark = decimal_mark_of(text, unit)
        assert parse_amount(text, unit, mark) == alone
