"""Which lanes a programme may use: what the probe has to have shown for each kind. Pure.

Whatever no probe has shown is taken to be as bad as it could be; that a members call is one transaction is documented,
so for a witness it is enough that no probe has shown the contrary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.domain.lanes import ROWS, Course, LaneKind
from bot.domain.model import Programme
from bot.domain.probing import OTHERWISE
from bot.domain.shown import Shown

BEST_FIRST: Final = (LaneKind.RING, LaneKind.WITNESS, LaneKind.TWINS)


def objection(course: Course, currency: str | None, known: Mapping[str, str]) -> str | None:
    """Why a lane of this kind proves nothing here, as far as is known; ``None``: it may be used. ``known``: the probe's
    answers by the name of their question."""
    if course.kind is LaneKind.TWINS:
        if known.get("order") != "given":
            return "no probe has shown that rows are worked off in order (doctor --probe --credential)"
        return None
    shown = Shown(known)
    if shown.halves:
        return "the probe found that a call can be half carried out"
    if shown.cuts_members:
        return "the probe found that a deduction may take less than it says, so one row tells nothing of others"
    if shown.skips:
        return "the probe found that members who are not there are passed over, so one row tells nothing of others"
    if known.get("new-balance") == "before":
        return "the probe found that answers tell the balances before the call"
    return _objection_to_ring(course, currency, known) if course.kind is LaneKind.RING else None


def _objection_to_ring(course: Course, currency: str | None, known: Mapping[str, str]) -> str | None:
    own = [place.currency.lower() == (currency or "").lower() for place in course.places]
    if any(own) and known.get("overdraft") != "refused-whole":
        return "no probe has shown that an overdraft refuses a whole call (doctor --probe with --second-drip-member)"
    if not all(own) and known.get("overdraft-mixed") != "refused-whole":
        return (
            "no probe has shown that an overdraft refuses a whole call of several currencies (doctor --probe with"
            " --second-currency)"
        )
    if known.get("unknown-member") in (None, OTHERWISE):
        return "no probe has shown what becomes of a call with a member who is not there (doctor --probe)"
    return None


def awards_per_call(programme: Programme, kind: LaneKind | None, shown: Shown) -> int:
    """Awards that go in a call, beside the rows of a lane. Where a refused call may be half carried out, nobody could
    tell which awards a refusal is about, so each goes alone."""
    size, traits = programme.awards_per_call, programme.kind.traits
    if traits.lands_whole and shown.halves:
        return 1
    if kind is None:
        return size
    if traits.rows_at_most is not None:
        return min(size, traits.rows_at_most - ROWS[kind])
    # How many credentials a call takes is not documented: the rows of the lane are among those that were chosen.
    return max(1, size - ROWS[kind])
