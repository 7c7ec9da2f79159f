"""How the calls of a programme are proved: chosen from settings, probe and ledger, and compared with the service."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.domain.lanes import Course, Lane, LaneKind, Plan, compare
from bot.domain.model import Pause, PauseKind, Programme
from bot.domain.promises import TAKEN_ONCE, conflicts
from bot.domain.proving import BEST_FIRST, awards_per_call, objection
from bot.ledger.lanes import LaneStanding
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider

log = logging.getLogger(__name__)

CLAIMED: Final = (
    "Somebody else uses them, or this ledger is not the one that paid last. Find out which, set them up again by"
    " `bursar doctor --evidence`, then resume."
)


@dataclass(frozen=True, slots=True)
class Configured:
    """A lane of the settings, as it stands."""

    course: Course
    objection: str | None
    standing: LaneStanding | None


async def usable(ledger: Ledger, programmes: Sequence[Programme]) -> list[Programme]:
    """The programmes of the settings, of which those that a probe contradicts cannot be used. To be asked once: a probe
    needs the ledger for itself."""
    checked = []
    for one in programmes:
        known = await ledger.capabilities.all(one.destination.account, one.kind)
        found = conflicts(one.kind, known, one.unit) if one.unusable is None else ()
        checked.append(replace(one, unusable=" ".join(found)) if found else one)
    return checked


async def courses_of(ledger: Ledger, programme: Programme) -> Sequence[Configured]:
    """Every lane that the settings name for a programme."""
    if not programme.courses:
        return ()
    account, currency = programme.destination.account, programme.destination.currency
    known = {name: one.value for name, one in (await ledger.capabilities.all(account, programme.kind)).items()}
    standing = await ledger.lanes.standing(account, programme.courses)
    return [
        Configured(course, objection(course, currency, known), stands)
        for course, stands in zip(programme.courses, standing, strict=True)
    ]


async def contradicted(ledger: Ledger, programme: Programme, lane: Lane) -> str | None:
    """Why what probes have shown since no longer allows a call on this lane, if so."""
    known = await ledger.capabilities.all(programme.destination.account, programme.kind)
    answers = {name: one.value for name, one in known.items()}
    return objection(Course(lane.kind, lane.places), programme.destination.currency, answers)


async def plan_of(ledger: Ledger, programme: Programme, linger: float = 0.0) -> Plan:
    """The best evidence that is in force. A lane is when the settings name it, the probe allows it, and the operator
    has set it up in this ledger; one in trouble still is, so that nothing is paid with less evidence unnoticed."""
    found = await courses_of(ledger, programme)
    shown = await ledger.capabilities.shown(programme.destination.account)
    for kind in BEST_FIRST:
        lanes = tuple(
            one.standing.lane.id
            for one in found
            if one.course.kind is kind and one.objection is None and one.standing is not None
        )
        if lanes:
            return Plan(awards_per_call(programme, kind, shown), kind, lanes, linger)
    return Plan(awards_per_call(programme, None, shown), linger=linger)


async def plan_for(ledger: Ledger, programme: Programme, awards: int) -> Plan:
    """How a batch of so many awards would be sent: with the best evidence in force, or each award alone where small
    Gameball batches go one by one."""
    if 0 < awards <= programme.once_up_to:
        known = await ledger.capabilities.all(programme.destination.account, programme.kind)
        if (found := known.get(TAKEN_ONCE.name)) is not None and found.value == TAKEN_ONCE.value:
            return Plan(1)
    return await plan_of(ledger, programme)


async def is_disturbed(ledger: Ledger, programme: Programme, kind: LaneKind | None) -> bool:
    """Whether this ledger knows of a lane of this kind that carries no call until the operator has looked."""
    found = await courses_of(ledger, programme)
    return any(
        one.course.kind is kind and one.standing is not None and one.standing.trouble is not None for one in found
    )


class LaneCheck:
    """Before the first call on a lane: its places are compared with what the ledger expects. A ledger that was put back
    from a copy, or a second one, stands elsewhere, and stops instead of paying."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: set[int] = set()

    async def refusal(self, provider: Provider, plan: Plan) -> Pause | None:
        """Why nothing may be sent; ``None``: every lane stands where it should, or nobody can say (the lane itself then
        shows it at the first call)."""
        if plan.kind is None or self._seen.issuperset(plan.lanes):
            return None
        trouble: str | None = None
        for one in await courses_of(self._ledger, provider.programme):
            standing = one.standing
            if standing is None or standing.lane.id not in plan.lanes or standing.lane.id in self._seen:
                continue
            strays = standing.trouble or await strays_of(self._ledger, provider, standing)
            if strays is not None:
                trouble = strays
        self._seen.update(plan.lanes)
        return None if trouble is None else disturbed(trouble)


async def strays_of(ledger: Ledger, provider: Provider, standing: LaneStanding) -> str | None:
    """Whether a lane is where the ledger expects it: what is not as it should be, which is then marked; ``None``: it
    is, or its places cannot be read."""
    lane = standing.lane
    legs = lane.legs if standing.attempt_id is not None else ()
    strays = compare(lane, legs, await provider.places(lane.places))
    if strays is not None:
        log.error("lane %d (%s): %s", lane.id, lane.kind.value, strays)
        await ledger.lanes.mark(lane.id, strays)
    return strays


def disturbed(trouble: str) -> Pause:
    """The pause of a batch whose lane does not stand where it should."""
    return Pause(
        PauseKind.DISTURBED,
        "Nothing more is sent: the operator's check accounts, which show whether a call arrived, are disturbed:"
        f" {trouble}. {CLAIMED}",
    )


def own_row_refused(fault: str) -> Pause:
    """The pause of a batch whose call was refused because of the operator's own row in it, which says nothing of any
    award."""
    message = (
        f"Nothing was sent: the call was refused because of the operator's check accounts: {fault}. Put that in order"
        " at the service or in the settings, set them up again by `bursar doctor --evidence`, then resume."
    )
    return Pause(PauseKind.DISTURBED, message)
