"""Whether some of several amounts add up to another one. Pure; bounded in time and memory, whatever it is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

MOST: Final = 20_000
"""Additions that are made to find out, which is enough for 14 amounts of any size and for many more that are alike."""


def repeated(amount: int, times: int) -> list[tuple[int]]:
    """As many choices as it takes to have an amount any number of times up to this one: of 100, seven."""
    choices: list[tuple[int]] = []
    step = 1
    while times:
        step = min(step, times)
        choices.append((amount * step,))
        times -= step
        step *= 2
    return choices


def subset_sums(amounts: Iterable[int], most: int) -> frozenset[int] | None:
    """The sums of any of these amounts, 0 of none of them included; ``None``: there are more than so many."""
    sums = {0}
    for amount, times in Counter(amounts).items():
        for (step,) in repeated(amount, times):
            sums |= {one + step for one in sums}
            if len(sums) > most:
                return None
    return frozenset(sums)


def can_add_up(choices: Sequence[Collection[int]], wanted: int, loose: tuple[int, int] = (0, 0)) -> bool:
    """Whether one amount of each choice, or none of it, and anything in the range ``loose`` may add up to this.

    ``wanted`` is not 0. What is too much to be tried is taken for possible as far as its totals reach.
    """
    reach = [loose]
    for choice in reversed(choices):
        (low, high), (least, most) = reach[-1], (min(choice), max(choice))
        reach.append((low + min(0, least), high + max(0, most)))
    reach.reverse()  # of the choices from here on
    low, high = reach[0]
    sums = {0} if low <= wanted <= high else set()
    additions = 0
    for choice, (low_after, high_after) in zip(choices, reach[1:], strict=True):
        additions += len(sums) * len(choice)
        if additions > MOST or not sums or wanted in sums:
            break
        low, high = low_after, high_after
        sums |= {one + amount for one in sums for amount in choice}
        sums = {one for one in sums if low <= wanted - one <= high}
    return bool(sums)
