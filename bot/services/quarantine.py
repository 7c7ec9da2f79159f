"""How long calls without an answer are taken to be alive, also where the machine's clock is set ahead."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final

from bot.clock import Ages, Clock, Gain, GainMemory, Moment
from bot.domain.lanes import START_WITHIN, Passage

log = logging.getLogger(__name__)

JUMP_SECONDS: Final = 1.0
"""By which the clock on the wall may gain on the other one between two looks; clocks are corrected by less."""


class Quarantine:
    """Ages of calls are counted by the clock on the wall, since they have to outlive the process. One that is set ahead
    makes every call older than it is, so from then on all of them are left alone for the whole time once more, counted
    by a clock that nobody sets: no doubt is judged, no lane is given to a next call, and no lost send of a call that is
    being sent again is taken for dead. Also where that happened between two processes, while the machine ran on. Of
    what was recorded at a time that lies in the future: ``bot.clock.lies_ahead``."""

    def __init__(self, clock: Clock, seconds: float, memory: GainMemory | None = None) -> None:
        """``memory``: what the process before knew of the clocks; ``None``: nothing is."""
        self._clock = clock
        self.seconds = seconds
        self.ages: Final = Ages(clock)
        self._memory = memory
        kept = None if memory is None else memory.recall()
        self._gained, self._ahead, seen_at = kept or Gain(self._gain(), 0.0, clock.monotonic())
        self._seen_at = min(seen_at, clock.monotonic())
        self.is_back = True
        """The clock was set back, or may have been before this began, and what was remembered until then has not been
        looked through."""
        self._kept: float | None = None
        self.left()

    def left(self) -> float:
        """Seconds for which no age may be believed; 0 where the clock was not set ahead lately."""
        gained = self._gain()
        if gained > self._gained + JUMP_SECONDS:
            ahead = gained - self._gained
            log.warning("the clock was set ahead by %.0f s: no call is taken for dead for %g s", ahead, self.seconds)
            self._ahead += ahead
            self._seen_at = self._clock.monotonic()
        self.is_back = self.is_back or gained < self._gained - JUMP_SECONDS
        self._gained = gained
        self._keep()
        # By our own time, not by that of the process that saw it: one that judges no doubts waits for less.
        return max(0.0, self._seen_at + self.seconds - self._clock.monotonic()) if self._ahead else 0.0

    def _keep(self) -> None:
        if self._memory is not None and (self._kept is None or abs(self._gained - self._kept) > JUMP_SECONDS / 2):
            self._memory.keep(Gain(self._gained, self._ahead, self._seen_at))
            self._kept = self._gained

    def cutoff(self) -> Cutoff:
        """What is over at this moment, and what is not."""
        left, moment = self.left(), Moment(self._clock)
        return Cutoff(moment.now() - (self._ahead if left else 0.0), self.ages.at(moment), self.seconds)

    def free_at(self, dead_at: float) -> float:
        """``Cutoff.free_at`` of this moment."""
        return self.cutoff().free_at(dead_at)

    def _gain(self) -> float:
        return self._clock.now() - self._clock.monotonic()


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What is over at one moment. Both sides of a comparison are of the same one: a clock that is set back between two
    looks would make over what it had written down just before."""

    passed: float
    """Unix seconds: what was to be over by then surely is, by whichever clock that was written down."""
    _ages: Ages
    _seconds: float

    def free_at(self, dead_at: float) -> float:
        """From when on no send that was given up can be alive, of when it was recorded to be so: no later than the
        longest life of one that was begun now, or by a clock that was ahead when that was seen first. Not to be
        recorded in its place: perhaps it is now that the clock is wrong."""
        return self._ages.no_later(dead_at, START_WITHIN + self._seconds)

    def believed(self, passage: Passage) -> Passage:
        """The same of a call on a lane."""
        return replace(passage, dead_at=self.free_at(passage.dead_at))
