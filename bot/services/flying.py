"""A call on a lane: sent again while that is safe, looked after where its places stand, and concluded.

The rules are pure (``bot.domain.lanes``); here they meet a provider. Nothing leaves from here: ``Send`` is handed in by
``sending``, which is the only place that writes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot import checkpoints
from bot.clock import Clock
from bot.domain.calls import Item, Outcome, OutcomeKind, Verdict
from bot.domain.judging import Doubted, Judged, Judgement, Judgements
from bot.domain.lanes import ENDS, START_WITHIN, Landing, LaneKind, Passage
from bot.domain.retrying import delay_after_unclear
from bot.domain.ring import Step
from bot.errors import LedgerError
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.providers.drip_reading import NOT_NAMED
from bot.services.proving import disturbed, own_row_refused
from bot.services.quarantine import Quarantine

log = logging.getLogger(__name__)

MOST_SENDS: Final = 6
"""Sends of one call without a clear answer, after which it is left to be looked after later: 15 seconds and more. At
30 % unclear answers chance alone does this once in 1,400 calls."""
LONGEST_WAIT: Final = 30.0
"""Seconds that a call waits between two sends because the service or its limit asks for it; longer, and it is left for
later."""

Send = Callable[[float], Awaitable[Verdict]]
"""Sends the call's bytes once, before this time (Unix seconds)."""

LANDED: Final = "The answer was lost; the operator's check accounts show that it landed, once."
NOT_LANDED: Final = (
    "The answer was lost; the operator's check accounts show that it did not land, and it cannot any more."
)
UNREADABLE: Final = (
    "It was refused, but whether the operator's check accounts are in order could not be read: it is sent again later."
)
REPEATED: Final = (
    "It was refused, but the operator's check accounts stand as if it had landed: perhaps something on the way sent it"
    " twice and told the second answer, perhaps somebody else moved them."
)
TWICE: Final = (
    "It was refused, but the operator's check accounts do not stand as after one call: perhaps something on the way"
    " sent it twice and told the second answer, perhaps somebody else moved them."
)
SPENT: Final = (
    "It was refused because an account of the operator's has no point to give, and whether that is because it landed"
    " before could not be read."
)


@dataclass(frozen=True, slots=True)
class Flying:
    """What a call is sent with, on a lane or not."""

    ledger: Ledger
    provider: Provider
    clock: Clock
    quarantine: Quarantine
    attempt_id: int
    items: tuple[Item, ...]
    linger: float
    going: Callable[[], bool]
    """Whether a call may still be sent again: not once Bursar is to end."""
    repeated: Callable[[], None]
    """Told each time that the call is sent again because its answer was lost, before the wait for that."""
    doubted: bool = False
    """It is sent again out of a doubt: its awards are not under way."""


async def fly(flying: Flying, passage: Passage, send: Send, begin_by: float) -> tuple[Verdict, Landing]:
    """Send the call, again and again where the lane allows it; what is known in the end.

    ``passage`` is the lane without the send to come, which is recorded already, as one that begins by ``begin_by``.
    """
    sends = 0
    while True:
        clock = flying.clock
        verdict = await send(begin_by)
        sends += 1
        passage = _after(passage, verdict, clock.now(), flying.linger)
        step, seen = await _step(flying, passage, verdict)
        if step is not Step.AGAIN or sends >= MOST_SENDS or verdict.pause is not None or not flying.going():
            break
        held = (flying.provider.waiting_until or 0.0) - clock.now()
        wait = max(verdict.wait_seconds or 0.0, delay_after_unclear(sends), held)
        if wait > LONGEST_WAIT:
            break
        flying.repeated()
        await clock.sleep(wait)
        begin_by = clock.now() + START_WITHIN
        if not flying.going() or not await _may_go_again(flying, passage, begin_by):
            break
        checkpoints.reached("again-recorded")
    if step is Step.LOOK and passage.refused and not passage.lost:
        verdict = await _blamed(flying, passage, verdict)
    return _concluded(flying, passage, verdict, step, seen)


async def _blamed(flying: Flying, passage: Passage, verdict: Verdict) -> Verdict:
    """A first refusal, where the places cannot be read: perhaps because one of them is gone."""
    gone = await flying.provider.missing(passage.lane.places, flying.items)
    if not gone and verdict.own_fault is not None:
        # The point may be spent by this very call, if something on the way sent it twice.
        return replace(_all(flying, verdict, OutcomeKind.UNKNOWN, SPENT), own_fault=None)
    if not gone:
        return verdict
    return replace(verdict, own_fault=f"account {gone[0].holder} is not a member of the realm (any more)")


async def _may_go_again(flying: Flying, passage: Passage, begin_by: float) -> bool:
    """Record one more send before it leaves."""
    lost = passage.gave_up(begin_by + flying.linger)
    try:
        return await flying.ledger.lanes.send_again(flying.attempt_id, lost, doubted=flying.doubted)
    except LedgerError as error:
        log.warning("attempt %d is not sent again, because that cannot be recorded: %s", flying.attempt_id, error)
        return False


def _is_success(verdict: Verdict) -> bool:
    return bool(verdict.told) or any(one.kind is OutcomeKind.APPLIED for one in verdict.outcomes.values())


def _is_unclear(verdict: Verdict) -> bool:
    return not _is_success(verdict) and any(one.kind is OutcomeKind.UNKNOWN for one in verdict.outcomes.values())


def _after(passage: Passage, verdict: Verdict, now: float, linger: float) -> Passage:
    """What the answer means for the sends so far."""
    if _is_unclear(verdict):
        sent_at = verdict.evidence.get("sent_at")
        return passage.gave_up((sent_at / 1000 if isinstance(sent_at, int) else now) + linger)
    return passage.refuse() if verdict.refused_whole else passage


async def _step(flying: Flying, passage: Passage, verdict: Verdict) -> tuple[Step, tuple[int | None, ...]]:
    """What follows from an answer, with a look at the places where that is needed."""
    if _is_success(verdict):
        step = passage.told(verdict.told)
        if step is not Step.LOOK:
            return step, ()
        passage = passage.gave_up(flying.clock.now())  # it landed; what it left is told by the places
    elif _is_unclear(verdict):
        return (Step.AGAIN if passage.lane.kind is LaneKind.RING else Step.WAIT), ()
    elif not passage.lost and not passage.refused:
        return Step.GONE, ()
    # A refusal may be of the lane's own rows: the point is spent, or a place is gone. What the places hold tells which,
    # also for the first send: a ledger that is not the newest would take it for a refusal of its awards.
    before = flying.quarantine.cutoff()
    seen = tuple(await flying.provider.places(passage.lane.places))
    spent = _is_success(verdict) or verdict.own_fault is not None
    return before.believed(passage).looked(seen, before.passed, spent=spent), seen


def _concluded(
    flying: Flying, passage: Passage, verdict: Verdict, step: Step, seen: tuple[int | None, ...]
) -> tuple[Verdict, Landing]:
    """The verdict on the awards, and what is recorded of the lane."""
    if step is Step.DISTURBED:
        return _disturbed(flying, passage, verdict, seen)
    if _is_success(verdict):
        if step is Step.LOOK:
            passage = passage.gave_up(flying.clock.now())
        whole = step is Step.APPLIED and verdict.whole
        return (_completed(verdict) if whole else verdict), Landing(step, passage, seen)
    if step is Step.APPLIED:
        return _all(flying, verdict, OutcomeKind.APPLIED, LANDED), Landing(step, passage, seen)
    if verdict.own_fault is not None and (step is Step.REFUSED or not passage.lost):
        pause = own_row_refused(verdict.own_fault)
        refused = _all(flying, verdict, OutcomeKind.NOT_SENT, pause.message)
        return replace(refused, pause=pause), Landing(Step.REFUSED, passage, seen)
    if step is Step.REFUSED or (step is Step.GONE and not passage.lost):
        return verdict, Landing(step, passage, seen)
    if step is Step.GONE:
        return _all(flying, verdict, OutcomeKind.NOT_SENT, NOT_LANDED), Landing(step, passage, seen)
    if not passage.lost and not _is_unclear(verdict):
        # The first refusal, and the places cannot be read.
        return _all(flying, verdict, OutcomeKind.NOT_SENT, UNREADABLE), Landing(Step.GONE, passage, seen)
    return _all(flying, verdict, OutcomeKind.UNKNOWN, verdict.detail), Landing(step, passage, seen)


def _disturbed(
    flying: Flying, passage: Passage, verdict: Verdict, seen: tuple[int | None, ...]
) -> tuple[Verdict, Landing]:
    """The places stand as they never could. What the answer itself proves still holds, unless a send was lost, or it is
    a refusal and they stand as if the call had been carried out. What a success says of single awards that it refused
    is no proof either: perhaps something on the way sent the call twice, and the first one had taken what they take."""
    stand = ", ".join("?" if held is None else str(held) for held in seen or verdict.told)
    trouble = f"the accounts hold {stand} after attempt {flying.attempt_id}"
    log.error("lane %d (%s): %s", passage.lane.id, passage.lane.kind.value, trouble)
    pause = verdict.pause or disturbed(trouble)
    if not passage.lost and _is_success(verdict):
        outcomes = {one: _unless_refused(told) for one, told in verdict.outcomes.items()}
        return replace(verdict, outcomes=outcomes, pause=pause), Landing(Step.APPLIED, passage, seen, trouble)
    # Of a call that something on the way repeats, the answer can be the refusal of the second execution.
    repeated = seen == passage.lane.after(passage.legs)
    if passage.lost or repeated:
        detail = REPEATED if repeated else f"The operator's check accounts are disturbed: {trouble}."
        unknown = _all(flying, verdict, OutcomeKind.UNKNOWN, detail)
        return replace(unknown, pause=pause), Landing(Step.DISTURBED, passage, seen, trouble)
    refused = _all(flying, verdict, OutcomeKind.NOT_SENT, verdict.detail)
    return replace(refused, pause=pause), Landing(Step.GONE, passage, seen, trouble)


def _unless_refused(told: Outcome) -> Outcome:
    known = told.kind in (OutcomeKind.APPLIED, OutcomeKind.UNKNOWN)
    return told if known else Outcome(OutcomeKind.UNKNOWN, TWICE)


def _completed(verdict: Verdict) -> Verdict:
    """What the answer forgot to name was carried out with the rest."""
    applied = Outcome(OutcomeKind.APPLIED)
    return replace(
        verdict,
        outcomes={one: applied if told.detail == NOT_NAMED else told for one, told in verdict.outcomes.items()},
    )


def _all(flying: Flying, verdict: Verdict, kind: OutcomeKind, detail: str | None) -> Verdict:
    outcome = Outcome(kind, detail)
    return replace(
        verdict, outcomes={item.award_id: outcome for item in flying.items}, refused_whole=False, detail=detail
    )


# --- doubts ----------------------------------------------------------------------------------------------------------


async def look(
    provider: Provider, quarantine: Quarantine, doubted: Doubted, *, in_order: bool
) -> tuple[Judgements, Step]:
    """What the places say of a call in doubt. ``in_order``: no probe has shown since that rows are not worked off in
    their order."""
    assert doubted.passage is not None  # that is what it is asked for
    passage = doubted.passage
    before = quarantine.cutoff()
    seen = tuple(await provider.places(passage.lane.places))
    step = before.believed(passage).looked(seen, before.passed, in_order=in_order)
    trouble = None
    if step is Step.DISTURBED:
        trouble = f"the accounts hold {', '.join(map(str, seen))} after attempt {doubted.attempt_id}"
        log.error("lane %d (%s): %s", passage.lane.id, passage.lane.kind.value, trouble)
    landing = Landing(step, passage, seen, trouble)
    if step in (Step.APPLIED, Step.PARTLY) and doubted.items and provider.is_alone(doubted):
        # It was carried out, which does not say for whom: which of its rows landed is told by each balance.
        return replace(await provider.judge(doubted), landing=landing), step
    return Judgements(_judged(doubted.items, passage, step, seen), landing=landing), step


_SAYS: Final = {
    Step.APPLIED: (Judgement.LANDED, "It landed: the operator's check accounts moved on."),
    Step.PARTLY: (Judgement.CANNOT_TELL, "A part of its call was worked off."),
    Step.REFUSED: (
        Judgement.NOT_LANDED,
        "It did not land: the operator's check accounts did not move, and the service refused it.",
    ),
    Step.GONE: (
        Judgement.NOT_LANDED,
        "It did not land: the operator's check accounts did not move, and it cannot arrive any more.",
    ),
    Step.DISTURBED: (
        Judgement.CANNOT_TELL,
        "The operator's check accounts stand as no call of Bursar's could leave them.",
    ),
    Step.LOOK: (Judgement.CANNOT_TELL, "The operator's check accounts cannot be read."),
    Step.WAIT: (Judgement.CANNOT_TELL, "The operator's check accounts do not prove anything yet."),
    Step.AGAIN: (Judgement.CANNOT_TELL, "The operator's check accounts do not prove anything yet."),
}


def _judged(items: Sequence[Item], passage: Passage, step: Step, seen: Sequence[int | None]) -> dict[int, Judged]:
    judgement, words = _SAYS[step]
    evidence: dict[str, object] = {"lane": passage.lane.id, "held": list(passage.lane.held), "seen": list(seen)}
    again = step in (Step.LOOK, Step.WAIT, Step.AGAIN)
    judged = Judged(judgement, words, evidence, again=again)
    return {item.award_id: judged for item in items}


def judgements_of(verdict: Verdict, landing: Landing) -> Judgements:
    """What a call that was sent again out of a doubt proved, as evidence on that doubt."""
    kinds = {
        OutcomeKind.APPLIED: Judgement.LANDED,
        OutcomeKind.NOT_SENT: Judgement.NOT_LANDED,
        OutcomeKind.REJECTED: Judgement.NOT_LANDED,
    }
    judged = {
        award_id: Judged(
            kinds.get(outcome.kind, Judgement.CANNOT_TELL),
            outcome.detail or "It was sent again, and landed once.",
            {"lane": landing.passage.lane.id, "sent_again": True},
            balance=outcome.balance,
            again=landing.trouble is None and landing.step not in ENDS,
        )
        for award_id, outcome in verdict.outcomes.items()
    }
    return Judgements(judged, landing=landing)
