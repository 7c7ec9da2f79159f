"""Whether amounts add up, against trying everything; and that no question takes long."""

from __future__ import annotations

import time
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sums import can_add_up, repeated, subset_sums

AMOUNTS = st.integers(-9, 9).filter(bool)
CHOICES = st.lists(st.lists(AMOUNTS, min_size=1, max_size=3), max_size=5)
WANTED = st.integers(-40, 40).filter(bool)


@given(CHOICES, WANTED, st.tuples(st.integers(-3, 0), st.integers(0, 3)))
def test_it_is_what_trying_everything_finds(choices: list[list[int]], wanted: int, loose: tuple[int, int]) -> None:
    reached = {sum(taken) for taken in product(*([0, *choice] for choice in choices))}
    low, high = loose
    assert can_add_up(choices, wanted, loose) is any(low <= wanted - one <= high for one in reached)


@given(AMOUNTS, st.integers(0, 40))
def test_an_amount_is_there_as_often_as_it_is(amount: int, times: int) -> None:
    assert subset_sums([amount] * times, 50) == {amount * number for number in range(times + 1)}
    reached = {sum(taken) for taken in product(*((0, *choice) for choice in repeated(amount, times)))}
    assert reached == {amount * number for number in range(times + 1)}


def test_more_sums_than_are_asked_for_are_not_listed() -> None:
    assert subset_sums([1, 2, 4], 8) == frozenset(range(8))
    assert subset_sums([1, 2, 4], 7) is None


def test_what_is_too_much_to_be_tried_is_possible_as_far_as_its_total_reaches() -> None:
    many = [(2 * 3**power,) for power in range(40)]
    total = sum(amount for (amount,) in many)
    began = time.process_time()
    assert can_add_up(many, total // 4 * 2 + 1)  # though all of them are even
    assert not can_add_up(many, total + 1)
    assert not can_add_up(many, -1)
    assert not can_add_up(repeated(10, 100_000), 7)
    assert can_add_up(repeated(10, 100_000), 999_990)
    assert can_add_up([range(-100_000, 100_000, 2)] * 3, 7)
    assert time.process_time() - began < 2
