"""Which lanes a programme may use: what the probe has to have shown for each kind. Pure.

Whatever no probe has shown is taken to be as bad as it could be; that a members call is one transaction is documented,
so for a witness it is enough that no probe has shown the contrary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.domain.lanes import ROWS, Course, LaneKind
from bot.domain.model import Programme, ProviderKind
from bot.domain.shown import Shown

MEMBERS_ROWS: Final = 100
"""Rows that a members call takes (docs.drip.re/developer/rate-limits)."""
BEST_FIRST: Final = (LaneKind.RING, LaneKind.WITNESS, LaneKind.TWINS)


PASSED_OVER: Final = (
    "the probe found that members who are not there are passed over, so one row tells nothing of others"
)


def objection(course: Course, currency: str | None, known: Mapping[str, str]) -> str | None:
    """Why a lane of this kind proves nothing here, as far as is known; ``None``: it may be used. ``known``: the probe's
    answers by the name of their question."""
    if course.kind is not LaneKind.TWINS and Shown(known).skips:
        return PASSED_OVER
    if course.kind is LaneKind.RING:
        return _objection_to_ring(course, currency, known)
    if course.kind is LaneKind.WITNESS:
        halves = "refused-row" in (known.get("overdraft"), known.get("overdraft-mixed"))
        return "the probe found that a call can be half carried out" if halves else None
    if known.get("order") != "given":
        return "no probe has shown that rows are worked off in order (doctor --probe --credential)"
    return None


def _objection_to_ring(course: Course, currency: str | None, known: Mapping[str, str]) -> str | None:
    own = [place.currency.lower() == (currency or "").lower() for place in course.places]
    if any(own) and known.get("overdraft") != "refused-whole":
        return "no probe has shown that an overdraft refuses a whole call (doctor --probe with --second-drip-member)"
    if not all(own) and known.get("overdraft-mixed") != "refused-whole":
        return (
            "no probe has shown that an overdraft refuses a whole call of several currencies (doctor --probe with"
            " --second-currency)"
        )
    if known.get("new-balance") == "before":
        return "the probe found that answers tell the balances before the call"
    return None


def awards_per_call(programme: Programme, kind: LaneKind | None) -> int:
    """Awards that fit into a call beside the rows of a lane."""
    size = programme.awards_per_call
    if kind is None:
        return size
    if programme.kind is ProviderKind.DRIP_MEMBERS:
        return min(size, MEMBERS_ROWS - ROWS[kind])
    # How many credentials a call takes is not documented: the rows of the lane are among those that were chosen.
    return max(1, size - ROWS[kind])
