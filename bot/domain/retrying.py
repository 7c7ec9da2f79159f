"""When to try again: pure decisions from what happened so far. Nothing here sleeps, and nothing here sends twice;
only awards that are proved not to have landed are ever tried again."""

from __future__ import annotations

from typing import Final

AWAY_AFTER: Final = 6
"""Calls in a row that reached nobody, after which a service counts as away. With the delays below: half a minute."""

PAUSE_AFTER_UNCLEAR: Final = 8
"""Calls in a row that ended in doubt, after which a batch is paused: something is wrong with every call, and each
further one would only add doubts. At 30 % unclear calls chance alone does this once in 15,000. So many jobs in a row
that ended without a word about any award are the same."""

LONGEST_DELAY_SECONDS: Final = 300.0

QUICK_POLLS: Final = 4
"""Questions about a job that come quickly even where it is old, as after a restart."""


def delay_after_not_sent(failures: int) -> float:
    """Seconds before the next call, after so many in a row (1, 2, …) that provably did nothing: 1, 2, 4, … 300."""
    return min(LONGEST_DELAY_SECONDS, 2.0 ** min(failures - 1, 20))


def delay_after_unclear(failures: int) -> float:
    """Seconds before the next call, after so many in a row (1, 2, …) that ended in doubt: 0, 1, 2, 4, … 30.

    One lost answer is an accident and costs no time; several are a service in trouble.
    """
    return 0.0 if failures <= 1 else min(30.0, 2.0 ** (failures - 2))


def is_away(failures: int) -> bool:
    """Whether so many calls in a row that reached nobody mean that the service is away."""
    return failures >= AWAY_AFTER


def delay_before_look(looks: int) -> float:
    """Seconds before evidence that could not be read is asked for again, after so many looks (1, 2, …): 1, 2, … 300."""
    return min(LONGEST_DELAY_SECONDS, 2.0 ** min(max(0, looks - 1), 20))


def delay_before_poll(polls: int, age_seconds: float, wait_seconds: float) -> float:
    """Seconds from the acceptance of a job, or from the last question, to the next question about it.

    Quick at first (small jobs end within a second, and one answer may be an accident), then every 15 s, and just after
    ``wait_seconds`` are over; from then on its rows are in doubt and it is asked about every 5 minutes, in case it ends
    after all.
    """
    quick = min(15.0, 0.25 * 2.0 ** min(polls, 10))
    if age_seconds <= wait_seconds:
        return min(quick, wait_seconds - age_seconds + 0.001)
    return quick if polls < QUICK_POLLS else 300.0
