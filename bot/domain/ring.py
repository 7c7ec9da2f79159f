"""The token ring: how a service that refuses overdrafts whole is made to refuse a second execution of one call. Pure.

The operator has two or more places (balances that nobody else touches), and exactly one of them holds one point, the
token. A call at place ``p`` carries two rows more: -1 at ``p``, +1 at the place after it. Executed a second time it has
no token to spend, and an all-or-nothing service refuses it whole. So a call whose answer was lost is simply sent again.

What could break it is a request that was given up and still waits somewhere: it must be dead before the token comes
back to the place that it would spend from. Each place therefore remembers how long such a request may live. Times are
Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

FEWEST: Final = 2
"""Places of a ring."""


class Step(Enum):
    """What follows from an answer, or from a look at the ring."""

    APPLIED = "applied"  # exactly once
    REFUSED = "refused"  # the service refuses it, and nothing of it can happen any more
    GONE = "gone"  # nothing of it happened, nothing can any more, and nobody refused it: it may be planned anew
    AGAIN = "again"  # send the same bytes again
    LOOK = "look"  # read both balances
    WAIT = "wait"  # look again once no lost send can be alive
    PARTLY = "partly"  # twins only: the call was worked off in part, and nothing more of it can happen
    DISTURBED = "disturbed"  # the ring is not as the ledger knows it: a person, and no further call


@dataclass(frozen=True, slots=True)
class Ring:
    """The ring between two calls, as the ledger knows it."""

    token: int
    """The place that holds the point, from 0."""
    dead_at: tuple[float, ...]
    """By place: from when on no request that would spend from it can be alive."""

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

    def looked(
        self, giving: int, getting: int, began: float, *, dead_at: float, refused: bool, spent: bool = False
    ) -> Step:
        """What the balances of a call's two places say of it, as read from ``began`` on. ``dead_at``: from when on none
        of its lost sends can be alive; ``refused``: the service has refused one of its sends; ``spent``: the answer
        alone says that the call took the point."""
        if (giving, getting) not in ((0, 1), (1, 0)):
            return Step.DISTURBED
        if (giving, getting) == (0, 1) and (spent or began >= dead_at):
            return Step.APPLIED
        if began < dead_at:
            # The point is still here: a send that was given up can yet spend it, should its rows become payable. Or it
            # seems to have moved on: a read that lags shows it where it was so many calls ago, which can be there, too.
            return Step.WAIT if refused else Step.AGAIN
        return Step.REFUSED if refused else Step.GONE

    def dead_after(self, dead_at: float) -> tuple[float, ...]:
        """``dead_at`` by place once a call has ended whose lost sends can be alive until then: they would spend from
        the place that it took the token from."""
        return tuple(dead_at if place == self.token else time for place, time in enumerate(self.dead_at))
