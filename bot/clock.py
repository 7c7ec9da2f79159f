"""Time, passed in. Nothing else that sends, records or shows reads a clock or sleeps; the demo has the real time's, and
the stand-ins have a clock of their own."""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple, Protocol

AHEAD_SECONDS: Final = 1.0
"""By how much a recorded time may be later than now without being one of the future: clocks are corrected by less, and
what waits for the ledger reads its time before that."""


class Clock(Protocol):
    """What the rest of the program may ask of time."""

    def now(self) -> float:
        """Unix time in seconds, UTC. For what is recorded and shown."""

    def monotonic(self) -> float:
        """Seconds that never go back. For durations and limits."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds (0 or less: after one turn of the loop)."""


class Gain(NamedTuple):
    """How the clock on the wall stands to the one that nobody sets, as long as the machine runs."""

    seconds: float
    """By how much it is ahead of it."""
    jumped: float
    """By how much it was set ahead since; 0: never."""
    seen_at: float
    """When that was seen last (monotonic seconds)."""


class GainMemory(Protocol):
    """Where a ``Gain`` outlives the process that saw it."""

    def recall(self) -> Gain | None:
        """What was kept last; ``None`` where nothing was since the machine was started."""

    def keep(self, gain: Gain) -> None:
        """Remember it. Where that fails the next process knows less, and this one goes on."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def milliseconds(seconds: float) -> int:
    """Unix seconds as the ledger stores them."""
    return round(seconds * 1000)


def lies_ahead(at: float, now: float) -> bool:
    """Whether a recorded time lies in the future, both in Unix seconds.

    One rule holds for all of those, wherever they are compared: they were written by a clock that was ahead and has
    been set back since, so all that is sure is that they are over. What is to last from then on lasts from when that
    was seen first (``Ages``); what was told then is of unknown age and counts as old.
    """
    return at > now + AHEAD_SECONDS


def latest(now: int) -> int:
    """The last moment that does not lie in the future, both in Unix milliseconds: what SQL compares with."""
    return now + milliseconds(AHEAD_SECONDS)


class Moment:
    """Both clocks at one moment, whatever they show later."""

    def __init__(self, clock: Clock) -> None:
        self._now, self._monotonic = clock.now(), clock.monotonic()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic


class Ages:
    """How long ago it was what was recorded, by the clock on the wall, which outlives the process; of times that lie in
    the future, by a clock that nobody sets."""

    def __init__(self, clock: Clock | Moment, seen: dict[float, float] | None = None) -> None:
        """``seen``: times in the future, and when (monotonic seconds) they were seen first."""
        self._clock = clock
        self._seen: dict[float, float] = {} if seen is None else seen

    def at(self, moment: Moment) -> Ages:
        """The same as they were then."""
        return Ages(moment, self._seen)

    def age(self, at: float) -> float:
        """Seconds for which it is surely over."""
        now = self._clock.now()
        if not lies_ahead(at, now):
            self._seen.pop(at, None)
            return now - at
        passed = self._clock.monotonic()
        return passed - self._seen.setdefault(at, passed)

    def no_later(self, until: float, longest: float) -> float:
        """When something is over that was recorded to last ``until`` then (Unix seconds), and lasts no longer than
        ``longest``: by the present clock, whichever that was written down by."""
        now = self._clock.now()
        begun = until - longest
        return now + longest - self.age(begun) if lies_ahead(begun, now) else until
