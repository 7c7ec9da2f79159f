"""The token ring: how a service that refuses overdrafts whole is made to refuse a second execution of one call. Pure.

The operator has two or more places (balances that nobody else touches), and exactly one of them holds one point, the
token. A call at place ``p`` carries two rows more: -1 at ``p``, +1 at the place after it. Executed a second time it has
no token to spend, and an all-or-nothing service refuses it whole. So a call whose answer was lost is simply sent again.

What could break it is a request that was given up and still waits somewhere: it must be dead before the token comes
back to the place that it would spend from. Each place therefore remembers how long such a request may live. Times are
Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Self

ROWS: Final = 2
"""Rows of a call that the ring takes."""
FEWEST: Final = 2


class Step(Enum):
    """What follows from an answer, or from a look at the ring."""

    APPLIED = "applied"  # exactly once
    REFUSED = "refused"  # the service refuses it, and nothing of it can happen any more
    GONE = "gone"  # nothing of it happened, nothing can any more, and nobody refused it: it may be planned anew
    AGAIN = "again"  # send the same bytes again
    LOOK = "look"  # read both balances
    WAIT = "wait"  # look again once ``Flight.dead_at`` has passed
    PARTLY = "partly"  # twins only: the call was worked off in part, and nothing more of it can happen
    DISTURBED = "disturbed"  # the ring is not as the ledger knows it: a person, and no further call


@dataclass(frozen=True, slots=True)
class Ring:
    """The ring between two calls, as the ledger knows it."""

    token: int
    """The place that holds the point, from 0."""
    dead_at: tuple[float, ...]
    """By place: from when on no request that would spend from it can be alive."""

    @classmethod
    def of(cls, places: int, token: int = 0) -> Self:
        """A ring at rest. Raises ``ValueError`` for fewer than two places."""
        if places < FEWEST or not 0 <= token < places:
            raise ValueError("a ring has at least two places, and its token is at one of them")
        return cls(token, (0.0,) * places)

    @property
    def next(self) -> int:
        """The place that the next call gives the token to."""
        return (self.token + 1) % len(self.dead_at)

    @property
    def rows(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Place and amount of the two rows that the next call carries besides its awards."""
        return (self.token, -1), (self.next, 1)

    @property
    def starts_at(self) -> float:
        """When the next call may leave: nothing given up may be alive at the place that gets the token, or it would
        find it there. (At the place that gives it nothing is: it was waited for when the token came there, and a call
        that ended without moving it had outlived its lost sends.)"""
        return self.dead_at[self.next]

    def begin(self, now: float) -> Flight:
        """The next call. Raises ``ValueError`` before ``starts_at``."""
        if now < self.starts_at:
            raise ValueError("a request that was given up may still be alive at this place of the ring")
        return Flight(self)


@dataclass(frozen=True, slots=True)
class Flight:
    """One call with all its sends: always the same bytes, one send at a time."""

    ring: Ring
    lost: int = 0
    """Sends without an answer that proves anything."""
    dead_at: float = 0.0
    """From when on none of those can be alive."""
    refused: bool = False
    """The service has refused one of the sends."""

    def gave_up(self, dies_at: float) -> Flight:
        """The answer of a send did not come or proves nothing; to be recorded before the send as what a crash would
        leave. ``dies_at``: when it was sent and the longest life of a request. Next: ``Step.AGAIN``."""
        return replace(self, lost=self.lost + 1, dead_at=max(self.dead_at, dies_at))

    def done(self, giving: int | None, getting: int | None) -> Step:
        """A success, with the balances that it tells of the two places: the ring is verified for nothing."""
        if giving is None or getting is None:
            return Step.LOOK
        return Step.APPLIED if (giving, getting) == (0, 1) else Step.DISTURBED

    def refuse(self) -> tuple[Flight, Step]:
        """A definite refusal. Of the first send it is one; after a lost one it may only say that the token is spent."""
        flight = replace(self, refused=True)
        return flight, Step.REFUSED if not self.lost else Step.LOOK

    def looked(self, giving: int | None, getting: int | None, began: float) -> Step:
        """The two balances as read; ``began``: when the reading began."""
        if giving is None or getting is None:
            return Step.LOOK
        if (giving, getting) == (0, 1):
            return Step.APPLIED
        if (giving, getting) != (1, 0):
            return Step.DISTURBED
        if began < self.dead_at:
            # The token is still here: a send that was given up can yet spend it, should its rows become payable.
            return Step.WAIT if self.refused else Step.AGAIN
        return Step.REFUSED if self.refused else Step.GONE

    def end(self, step: Step) -> Ring:
        """The ring after ``APPLIED``, ``REFUSED`` or ``GONE``. Raises ``ValueError`` for a step that ends nothing."""
        if step not in (Step.APPLIED, Step.REFUSED, Step.GONE):
            raise ValueError(f"{step.value} does not end a call")
        place = self.ring.token
        dead_at = tuple(self.dead_at if at == place else time for at, time in enumerate(self.ring.dead_at))
        return Ring(self.ring.next if step is Step.APPLIED else place, dead_at)
