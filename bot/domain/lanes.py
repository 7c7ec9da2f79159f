"""Lanes: places of the operator in which a call leaves a trace beside its awards, so that one look at them tells what
became of it. Pure.

A *place* is a balance that nobody else touches. A lane has one call at a time, from its claim until it is known what
became of it:

- a *ring* (``bot.domain.ring``): the service itself refuses a second execution, so a lost call is simply sent again;
- a *witness*: one place that every call adds one point to, for a service that carries a call out whole or not at all;
- *twins*: the first and the last row of a call, for a service that works its rows off in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.domain.probing import Leg, Purse
from bot.domain.ring import FEWEST, Ring, Step

START_WITHIN: Final = 5.0
"""Seconds after its record within which a call, on a lane or not, begins to be sent, or is not sent at all: what is
recorded about its longest life would not be true otherwise."""


class LaneKind(StrEnum):
    """How a lane proves what became of a call."""

    RING = "ring"
    WITNESS = "witness"
    TWINS = "twins"

    @property
    def spoken(self) -> str:
        """In a sentence, behind "the" or "its"."""
        return "pair of twins" if self is LaneKind.TWINS else self.value


ROWS: Final = {LaneKind.RING: 2, LaneKind.WITNESS: 1, LaneKind.TWINS: 2}
"""Rows of a call that a lane takes."""


@dataclass(frozen=True, slots=True)
class Course:
    """A lane as the settings name it."""

    kind: LaneKind
    places: tuple[Purse, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane between two calls, as the ledger knows it. Times are Unix seconds."""

    id: int
    kind: LaneKind
    places: tuple[Purse, ...]
    held: tuple[int, ...]
    """What each place holds. A ring's point is at one of them, and the others hold nothing."""
    dead_at: tuple[float, ...]
    """By place: from when on no request that would spend from it can be alive (a ring)."""

    @property
    def ring(self) -> Ring:
        """For a ring. Raises ``ValueError`` where there is not exactly one point."""
        if sorted(self.held) != [0] * (len(self.held) - 1) + [1] or len(self.held) < FEWEST:
            raise ValueError("a ring has exactly one point, at one of its places")
        return Ring(self.held.index(1), self.dead_at)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The rows that the next call carries besides its awards."""
        if self.kind is LaneKind.RING:
            return tuple(Leg(self.places[place], amount) for place, amount in self.ring.rows)
        return tuple(Leg(place, 1) for place in self.places)

    @property
    def starts_at(self) -> float:
        """When the next call may leave."""
        return self.ring.starts_at if self.kind is LaneKind.RING else 0.0

    def after(self, legs: Sequence[Leg]) -> tuple[int, ...]:
        """What the places hold once a call with these rows was carried out."""
        moved = {leg.purse: leg.amount for leg in legs}
        return tuple(held + moved.get(place, 0) for place, held in zip(self.places, self.held, strict=True))


@dataclass(frozen=True, slots=True)
class Passage:
    """A call on a lane, with all its sends."""

    lane: Lane
    lost: int = 0
    """Sends without an answer that proves anything."""
    dead_at: float = 0.0
    """From when on none of those can be alive."""
    refused: bool = False
    """The service has refused one of the sends."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The rows beside the awards."""
        return self.lane.legs

    def gave_up(self, dies_at: float) -> Passage:
        """A send whose answer did not come or proves nothing. Recorded before the send, as what a crash would leave."""
        return replace(self, lost=self.lost + 1, dead_at=max(self.dead_at, dies_at))

    def refuse(self) -> Passage:
        """A definite refusal: of the first send it is one, after a lost one it may only say that the point is spent."""
        return replace(self, refused=True)

    def told(self, balances: Sequence[int | None]) -> Step:
        """A success, with what it tells of the places of ``legs``: the lane is verified for nothing."""
        if len(balances) != len(self.legs) or None in balances:
            return Step.LOOK
        after = dict(zip(self.lane.places, self.lane.after(self.legs), strict=True))
        expected = [after[leg.purse] for leg in self.legs]
        return Step.APPLIED if list(balances) == expected else Step.DISTURBED

    def looked(
        self, balances: Sequence[int | None], began: float, *, in_order: bool = True, spent: bool = False
    ) -> Step:
        """Every place of the lane as read; ``began``: when the reading began. ``in_order``: as far as is known by now,
        the service works the rows of a call off in their order. ``spent``: the answer alone says that the call moved
        its places."""
        seen = [balance for balance in balances if balance is not None]
        if len(seen) < len(self.lane.places):
            return Step.LOOK
        moved = [now - held for now, held in zip(seen, self.lane.held, strict=True)]
        if self.lane.kind is LaneKind.RING:
            step = self._ring(seen, began, spent)
        elif self.lane.kind is LaneKind.TWINS and not in_order:
            step = self._disordered(moved, began)
        else:
            step = self._counted(moved, began)
        # Nothing was lost: then it was nobody here who moved it.
        stray = step in (Step.APPLIED, Step.PARTLY) and not self.lost
        return Step.DISTURBED if stray else step

    def _ring(self, seen: Sequence[int], began: float, spent: bool) -> Step:
        ring = self.lane.ring
        elsewhere = [at for place, at in enumerate(seen) if place not in (ring.token, ring.next)]
        if any(elsewhere):
            return Step.DISTURBED
        giving, getting = seen[ring.token], seen[ring.next]
        return ring.looked(giving, getting, began, dead_at=self.dead_at, refused=self.refused, spent=spent)

    def _counted(self, moved: Sequence[int], began: float) -> Step:
        """Witness and twins, which a refusal never moves."""
        if all(by == 1 for by in moved):
            return Step.APPLIED
        if any(by not in (0, 1) for by in moved) or (any(moved) and moved[0] == 0):
            return Step.DISTURBED
        if began < self.dead_at:
            return Step.WAIT
        if any(moved):
            return Step.PARTLY
        return Step.REFUSED if self.refused else Step.GONE

    def _disordered(self, moved: Sequence[int], began: float) -> Step:
        """Twins in a call of which any rows may have been worked off, whether they themselves were or not."""
        if any(by not in (0, 1) for by in moved):
            return Step.DISTURBED
        return Step.WAIT if began < self.dead_at else Step.PARTLY

    def end(self, step: Step, seen: Sequence[int | None] = ()) -> Lane:
        """The lane after the call. ``seen``: its places as read, for ``PARTLY``. Raises ``ValueError`` for a step that
        ends nothing."""
        lane = self.lane
        if step is Step.PARTLY:
            return replace(
                lane, held=tuple(at if at is not None else was for at, was in zip(seen, lane.held, strict=True))
            )
        if step not in (Step.APPLIED, Step.REFUSED, Step.GONE):
            raise ValueError(f"{step.value} does not end a call")
        dead_at = lane.ring.dead_after(self.dead_at) if lane.kind is LaneKind.RING else lane.dead_at
        return replace(lane, held=lane.after(self.legs) if step is Step.APPLIED else lane.held, dead_at=dead_at)


ENDS: Final = frozenset({Step.APPLIED, Step.REFUSED, Step.GONE, Step.PARTLY})
"""What ends a call on a lane."""


@dataclass(frozen=True, slots=True)
class Landing:
    """What became of a call on its lane, to be recorded with its outcome."""

    step: Step
    passage: Passage
    seen: tuple[int | None, ...] = ()
    """The places as read last."""
    trouble: str | None = None
    """Why the lane carries no further call until a person has looked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the calls of a programme are proved, as settings, probe and ledger allow it now."""

    awards_per_call: int
    kind: LaneKind | None = None
    """``None``: by balances, or whatever else the service shows."""
    lanes: tuple[int, ...] = ()
    """Their numbers in the ledger."""
    linger: float = 0.0
    """Seconds that a request can live after it was given up (``BURSAR_SETTLE_AFTER``)."""

    @property
    def calls_at_once(self) -> int:
        """Calls that may be in flight at the same time where there are lanes: one on each."""
        return max(1, len(self.lanes))


def compare(lane: Lane, legs: Sequence[Leg], seen: Sequence[int | None]) -> str | None:
    """Why the places do not stand where the ledger expects them, if so. ``legs``: of a call that is not settled yet.

    ``None`` also where a place cannot be read: that proves nothing.
    """
    if None in seen or list(seen) == list(lane.held) or (legs and list(seen) == list(lane.after(legs))):
        return None
    # Twins: a call that was worked off in part.
    partly = (
        [held + (place == legs[0].purse) for place, held in zip(lane.places, lane.held, strict=True)] if legs else []
    )
    if lane.kind is LaneKind.TWINS and list(seen) == partly:
        return None
    return f"the accounts hold {_listed(seen)}, and this ledger expects {_listed(lane.held)}"


def _listed(numbers: Sequence[int | None]) -> str:
    return ", ".join("?" if number is None else str(number) for number in numbers)
