"""One call, from intent to outcome. This is the only place from which a write call leaves Bursar.

claim (committed) -> send -> record the outcome (committed). A crash between the first and the last leaves awards in
``sending``, which a restart reads as "in doubt". Nothing is sent that was not claimed, and nothing is claimed twice.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot import checkpoints
from bot.clock import Clock
from bot.domain.calls import Beside, Claim, NoLane, Outcome, OutcomeKind, Verdict
from bot.domain.judging import Doubted, Judgements
from bot.domain.lanes import START_WITHIN, Landing, Plan
from bot.domain.model import Batch, Pause
from bot.domain.probing import Leg
from bot.errors import AlreadyRecorded, LedgerError
from bot.ledger.ledger import Ledger
from bot.log import about
from bot.providers.base import Provider
from bot.services.flying import Flying, fly, judgements_of
from bot.services.quarantine import Quarantine

log = logging.getLogger(__name__)

RECORD_DELAYS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries to write an outcome into a ledger that does not take it (a full disk). The outcome of a
call that was made is known only here, so half a minute is spent on it before it is given up as a doubt."""

RECORD_AGAIN_SECONDS: Final = 30.0
"""Between further tries, where somebody is there to be told and to make room (the bot). Nothing else is sent to the
account meanwhile."""

UNSTORABLE: Final = "an internal error kept the answer from being recorded"


class Observer:
    """Whoever made a call, and by itself somebody who does not care. Told on the loop, must return at once."""

    def claimed(self) -> None:
        """The intent is committed; what follows is the call itself."""

    def repeated(self) -> None:
        """The answer was lost, and the same call is sent once more."""

    def unrecorded(self, error: LedgerError, *, lasting: bool) -> None:
        """The ledger does not take the outcome; ``lasting``: it has not for half a minute."""


NOBODY: Final = Observer()


class CallResult(StrEnum):
    """What a call means for the next one."""

    NOTHING_TO_CLAIM = "nothing-to-claim"
    BESIDE = "beside"  # what there is to send waits for the end of calls under way
    NO_LANE = "no-lane"  # there is something to send, and no lane for it
    CLEAR = "clear"  # the service answered, one way or the other
    NOT_SENT = "not-sent"  # proved that nothing happened
    UNCLEAR = "unclear"  # every award of the call is in doubt


@dataclass(frozen=True, slots=True)
class Called:
    """A finished call."""

    result: CallResult
    verdict: Verdict | None = None
    no_lane: NoLane | None = None


def _always() -> bool:
    return True


async def make_call(
    ledger: Ledger,
    provider: Provider,
    clock: Clock,
    quarantine: Quarantine,
    batch: Batch,
    plan: Plan,
    observer: Observer = NOBODY,
    *,
    for_ever: bool = False,
    going: Callable[[], bool] = _always,
    again: int | None = None,
) -> Called:
    """Claim what fits one call, send it, record what it proved. Not to be cancelled: wait for its end.

    ``again``: a call in doubt whose award has an id that the service takes only once; that award is sent once more.

    An outcome that cannot be recorded is tried again ``for_ever``; else half a minute long, and then that raises.
    Raises ``LedgerError`` when the ledger cannot be written: before the claim nothing was sent, after it the awards of
    the call stay ``sending``, which the next start reads as in doubt. ``going``: whether a call without a clear answer
    may still be sent again on its ring.
    """
    checkpoints.reached("before-claim")
    # Before the claim's own time, from which the ledger counts how long the call can live: others may have made the
    # rate limit wait meanwhile, and what leaves later than that would be judged too early.
    begin_by = clock.now() + START_WITHIN
    before = quarantine.cutoff()
    if quarantine.is_back:
        await ledger.evidence.forget_future()
        quarantine.is_back = False
    if again is None:
        claim = await ledger.claims.claim(batch.id, plan, provider.build, passed=before.passed, free_at=before.free_at)
    else:
        claim = await ledger.claims.claim_again(again, provider.build)
    if not isinstance(claim, Claim):
        return _not_made(claim, clock, quarantine)
    checkpoints.reached("claimed")
    observer.claimed()
    flying = Flying(
        *(ledger, provider, clock, quarantine, claim.attempt_id, claim.items),
        linger=plan.linger,
        going=going,
        repeated=observer.repeated,
    )
    with about(batch=batch.id, attempt=claim.attempt_id):
        verdict, landing = await _sent(flying, claim, begin_by)
        if again is not None:
            verdict = _only_landings(verdict)
        checkpoints.reached("call-answered")
        rejected, split = await _find_bad(ledger, provider, claim, verdict)
        learned = _Learned(verdict, rejected, split, landing)
        verdict = await _record(ledger, clock, claim, learned, observer, for_ever=for_ever)
        checkpoints.reached("job-accepted" if verdict.job_id else "outcome-recorded")
        log.info("%d awards, status %s, %s", len(claim.items), verdict.status, verdict.detail or "done")
    return Called(_result(verdict), verdict)


def _not_made(found: NoLane | Beside | None, clock: Clock, quarantine: Quarantine) -> Called:
    """No call, because nothing could be claimed."""
    if found is None:
        return Called(CallResult.NOTHING_TO_CLAIM)
    if isinstance(found, Beside):
        return Called(CallResult.BESIDE)
    if found.until is not None:
        found = replace(found, until=max(found.until, clock.now() + quarantine.left()))
    return Called(CallResult.NO_LANE, no_lane=found)


async def send_again(flying: Flying, doubted: Doubted) -> tuple[Judgements, Pause | None] | None:
    """Send the bytes of a call in doubt once more, on its ring, and what that proved; ``None``: it must not be sent.

    Recorded before it leaves, like every send. Not to be cancelled.
    """
    passage = doubted.passage
    if passage is None or not doubted.whole:
        return None
    body = flying.provider.build(doubted.items, doubted.token, passage.legs)
    if hashlib.sha256(body).hexdigest() != doubted.body_sha256:
        log.error("attempt %d cannot be sent again: its bytes would be others", doubted.attempt_id)
        return None
    begin_by = flying.clock.now() + START_WITHIN
    lost = passage.gave_up(begin_by + flying.linger)
    if not await flying.ledger.lanes.send_again(doubted.attempt_id, lost, doubted=True):
        return None
    checkpoints.reached("again-recorded")
    claim = Claim(doubted.attempt_id, doubted.batch_id, doubted.token, doubted.items, body, passage)
    with about(batch=claim.batch_id, attempt=claim.attempt_id):
        verdict, landing = await _sent(flying, claim, begin_by)
    assert landing is not None  # it has a lane
    return judgements_of(verdict, landing), verdict.pause


async def _sent(flying: Flying, claim: Claim, begin_by: float) -> tuple[Verdict, Landing | None]:
    """The call, with whatever is sent again on its ring. ``begin_by``: when its record says that it leaves at last."""
    if claim.passage is None:
        return _complete(claim, await _send(flying.provider, claim, (), begin_by)), None

    async def once(begin_by: float) -> Verdict:
        return _complete(claim, await _send(flying.provider, claim, claim.legs, begin_by))

    return await fly(flying, claim.passage, once, begin_by)


async def _send(provider: Provider, claim: Claim, legs: Sequence[Leg], begin_by: float) -> Verdict:
    try:
        return await provider.send(claim.body, claim.items, legs, begin_by=begin_by)
    except Exception as error:
        # A defect of ours. Whether anything left the process cannot be told from here.
        log.exception("the call ended in an error of Bursar's own")
        return _all_unknown(claim, "an internal error interrupted the call", {"exception": type(error).__name__})


def _complete(claim: Claim, verdict: Verdict) -> Verdict:
    """The verdict with exactly one outcome for every award of the call: of what it does not tell, nothing is known."""
    ids = [item.award_id for item in claim.items]
    if len(verdict.outcomes) == len(ids) and all(award_id in verdict.outcomes for award_id in ids):
        return verdict
    log.error("the verdict does not fit the call")
    untold = Outcome(OutcomeKind.UNKNOWN, "the answer says nothing about this award")
    return replace(verdict, outcomes={award_id: verdict.outcomes.get(award_id, untold) for award_id in ids})


def _only_landings(verdict: Verdict) -> Verdict:
    """Of a call that was sent once more: its answer can prove that it landed, now or before, and never that it did not.
    A refusal may be the first call's own doing (the balance that it left is too small for a second)."""
    outcomes = {
        award_id: one if one.kind is OutcomeKind.APPLIED else Outcome(OutcomeKind.UNKNOWN, one.detail)
        for award_id, one in verdict.outcomes.items()
    }
    evidence = {**verdict.evidence, "refused": True} if verdict.refused_whole else verdict.evidence
    return replace(verdict, outcomes=outcomes, refused_whole=False, evidence=evidence)


def _all_unknown(claim: Claim, detail: str, evidence: Mapping[str, object]) -> Verdict:
    outcome = Outcome(OutcomeKind.UNKNOWN, detail)
    return Verdict({item.award_id: outcome for item in claim.items}, detail=detail, evidence=evidence)


async def _find_bad(
    ledger: Ledger, provider: Provider, claim: Claim, verdict: Verdict
) -> tuple[Mapping[int, str], bool]:
    """For an all-or-nothing refusal: which awards are at fault, and whether to halve the rest.

    A single award that was refused alone is at fault itself. Of several, a read shows the bad ones; where it shows
    none, the halves are tried separately. Only ever after a definite refusal.
    """
    if not verdict.refused_whole:
        return {}, False
    if len(claim.items) == 1:
        return {claim.items[0].award_id: verdict.detail or "the service refused this award"}, False
    at_fault = await _inspect(provider, claim)
    if at_fault:
        keys = [item.recipient.key for item in claim.items if item.award_id in at_fault]
        await _forget_members(ledger, provider, keys)
    return at_fault, not at_fault


async def _inspect(provider: Provider, claim: Claim) -> Mapping[int, str]:
    try:
        shown = await provider.inspect(claim.items)
    except Exception:
        log.exception("the rows at fault could not be looked for")
        return {}
    ids = {item.award_id for item in claim.items}
    return {award_id: reason for award_id, reason in shown.items() if award_id in ids}


async def _forget_members(ledger: Ledger, provider: Provider, keys: list[str]) -> None:
    """A member that a call proved wrong is looked up anew next time. Only a cache: it must not cost an outcome."""
    try:
        await ledger.members.forget(provider.programme.destination.account, keys)
    except LedgerError as error:
        log.warning("%d members that turned out wrong stay cached: %s", len(keys), error)


@dataclass(frozen=True, slots=True)
class _Learned:
    """What is to be recorded of a call."""

    verdict: Verdict
    rejected: Mapping[int, str]
    split: bool
    landing: Landing | None = None

    async def record(self, ledger: Ledger, claim: Claim) -> None:
        """All of it, in one transaction."""
        await ledger.claims.record_outcome(
            claim, self.verdict, rejected=self.rejected, split=self.split, landing=self.landing
        )


async def _record(
    ledger: Ledger, clock: Clock, claim: Claim, learned: _Learned, observer: Observer, *, for_ever: bool
) -> Verdict:
    """Write the outcome, patiently; the verdict that was recorded."""
    delays = iter(RECORD_DELAYS)
    while True:
        try:
            await learned.record(ledger, claim)
            return learned.verdict
        except AlreadyRecorded:
            return learned.verdict  # an earlier try said that it failed, and had not
        except LedgerError as error:
            delay = next(delays, None)
            if delay is None and not for_ever:
                raise
            awards = [item.award_id for item in claim.items]
            log.warning("the outcome is not yet recorded: %s (awards %d to %d)", error, min(awards), max(awards))
            observer.unrecorded(error, lasting=delay is None)
            await clock.sleep(RECORD_AGAIN_SECONDS if delay is None else delay)
        except Exception:
            # The verdict itself cannot be stored: a defect of ours. What the call did counts as unknown.
            log.exception("the outcome cannot be recorded as it is")
            if learned.verdict.detail == UNSTORABLE:
                raise
            learned = _Learned(_all_unknown(claim, UNSTORABLE, {}), {}, split=False)  # its lane is looked at later


def _result(verdict: Verdict) -> CallResult:
    kinds = {outcome.kind for outcome in verdict.outcomes.values()}
    if kinds == {OutcomeKind.UNKNOWN}:
        return CallResult.UNCLEAR
    if kinds == {OutcomeKind.NOT_SENT} and not verdict.refused_whole:
        return CallResult.NOT_SENT
    return CallResult.CLEAR
