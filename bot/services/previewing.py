"""Everything a person has to see before confirming, gathered from the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.domain.amounts import display
from bot.domain.approving import Approval
from bot.domain.budgets import BudgetUse
from bot.domain.drafting import NO_MATCHES, NOBODY_PAID, Alike, CampaignPaid, DraftTotals, Matches, StagedRow
from bot.domain.intake import FileFacts
from bot.domain.model import Actor, Notice, Programme, Refusal
from bot.domain.planning import Schedule, matches_are_harmless, schedule
from bot.errors import LimitExceeded
from bot.ledger.approvals import Standing
from bot.ledger.budgets import exceeded
from bot.ledger.drafts import Draft, DraftState
from bot.ledger.ledger import Ledger
from bot.providers.base import Pace, Provider
from bot.services import cautions, records
from bot.services.foresight import reads_ahead
from bot.services.oneself import Likeness, Oneself
from bot.services.proving import plan_for
from bot.services.rules import Limits

LARGEST: Final = 3
SAMPLE: Final = 5
"""Rows that a preview names."""

ELSEWHERE: Final = "a batch of another server"


@dataclass(frozen=True, slots=True)
class Preview:
    """A draft as it is shown. The same for the card, the terminal and the JSON."""

    draft: Draft
    programme: Programme
    pace: Pace
    facts: FileFacts | None
    """``None`` for a list of members, or when the file was refused early."""
    refused: Refusal | None
    totals: DraftTotals
    warnings: tuple[Notice, ...]
    largest: tuple[StagedRow, ...]
    """At most three."""
    sample: tuple[StagedRow, ...]
    """The first five."""
    problems: tuple[Alike, ...]
    """The first five kinds, each once; ``totals.problems`` counts the lines."""
    kinds_of_problems: int
    unresolved: tuple[StagedRow, ...]
    """The first ten."""
    matches: Matches
    matches_harmless: bool
    schedule: Schedule
    over_limit: str | None
    """Why what it would send, without the rows that were paid lately, is above a limit; that cannot be confirmed."""
    start_delay_seconds: float
    budgets: tuple[BudgetUse, ...] = ()
    """What it would take of the budgets of who looks at it."""
    approval_why: str | None = None
    """Why it needs the leave of a second person, without what was paid lately where that is a part of it."""
    again_why: str | None = None
    """Why paying that again, with all the others, needs it."""
    approval: Approval | None = None
    """What was asked of a second person for it as it is."""
    campaign: CampaignPaid = NOBODY_PAID
    """Rows for recipients who were paid under the same label before."""
    rest_why: str | None = None
    """Why the others alone need the leave of a second person."""
    rest_over_limit: str | None = None
    """Why the others alone are above a limit."""
    told_in: str | None = None
    """Id of the channel that the server has set for progress and result."""
    taken_up: int = 0
    """Rows that name an award which was sent again since: they can only be left out."""
    taken_back: str | None = None
    """Why an undo cannot be sent (any more), which is mostly that another one was."""
    asks_who: bool = False
    """The service has to be asked who the person who looks at it is there."""

    @property
    def to_look_up(self) -> int:
        """Recipients who are looked up before anything can be sent, and who looks at it where that is to be asked."""
        return self.totals.pending + self.asks_who

    @property
    def good_rows(self) -> int:
        """Awards that would be sent."""
        return self.totals.rows - self.totals.unresolved

    @property
    def blocking_matches(self) -> int:
        """Rows that would be paid again."""
        return 0 if self.matches_harmless else self.matches.rows

    @property
    def may_be_paid_again(self) -> int:
        """Those of them that a second confirmation would send: all, or none where the ledger would refuse some."""
        return 0 if self.taken_up else self.blocking_matches

    def why_with(self, decisions: str) -> str | None:
        """Why it needs the leave of a second person when sent with these decisions, letters as an approval has them."""
        if "d" in decisions:
            return self.rest_why
        return self.again_why if "a" in decisions else self.approval_why


@dataclass(frozen=True, slots=True)
class MembersDrafted:
    """Whom an open draft of members is for, in short."""

    totals: DraftTotals
    first: tuple[StagedRow, ...]


async def make_preview(
    ledger: Ledger, provider: Provider, oneself: Oneself, draft: Draft, actor: Actor, limits: Limits, now_ms: int
) -> Preview:
    """The preview of a draft for who looks at it, with matches and limits judged now."""
    drafts = ledger.drafts
    programme = provider.programme
    totals = await drafts.totals(draft.id)
    asked = draft.state is DraftState.READY and totals.rows > 0
    found = await _before_confirming(ledger, draft, totals, actor, limits, now_ms) if asked else _Found()
    largest = tuple(await drafts.largest(draft.id, LARGEST))
    over = None if draft.source == "undo" else over_award_limit(largest, programme, limits)
    plan = await _schedule(ledger, provider, draft, totals)
    likeness = Likeness.TOLD
    if asked and not limits.may_award_self:
        likeness = await oneself.likeness(draft, provider, actor)
    warnings = (
        *await cautions.of_a_halt(ledger, actor),
        *records.warnings_from(draft.summary),
        *await cautions.of_oneself(ledger, draft, limits),
        *cautions.of_likeness(likeness, provider, actor),
        *(await cautions.of_doubts(ledger, draft, actor) if asked else ()),
        *await cautions.of_the_month(ledger, programme, plan, now_ms),
    )
    alike, kinds = await drafts.problems_alike(draft.id, 5)
    return Preview(
        draft=draft,
        programme=programme,
        pace=provider.pace,
        facts=records.facts_from(draft.request),
        refused=records.refusal_from(draft.summary),
        totals=totals,
        warnings=warnings,
        largest=largest,
        sample=tuple(await drafts.sample(draft.id, SAMPLE)),
        problems=tuple(alike),
        kinds_of_problems=kinds,
        unresolved=tuple(await drafts.unresolved(draft.id, 10)),
        matches=found.matches,
        matches_harmless=found.harmless,
        schedule=plan,
        over_limit=over or found.allowed.over,
        start_delay_seconds=limits.start_delay_seconds,
        budgets=found.allowed.budgets,
        approval_why=found.standing.why,
        again_why=found.standing.why_all,
        approval=found.standing.approval,
        campaign=found.campaign,
        rest_why=found.rest_why,
        rest_over_limit=over or found.rest_over,
        taken_up=await drafts.taken_up(draft.id) if asked else 0,
        taken_back=await drafts.taken_back(draft) if asked else None,
        asks_who=likeness is Likeness.UNASKED,
    )


async def as_asked(ledger: Ledger, provider: Provider, preview: Preview, approval: Approval) -> Preview:
    """The preview with nothing in its numbers, names and plan but what a request for its draft is to send."""
    draft, drafts = preview.draft, ledger.drafts
    without = await ledger.approvals.left_out(approval, draft)
    totals = await drafts.totals(draft.id, without=without)
    return replace(
        preview,
        totals=totals,
        largest=tuple(await drafts.largest(draft.id, LARGEST, without=without)),
        sample=tuple(await drafts.sample(draft.id, SAMPLE, without=without)),
        schedule=await _schedule(ledger, provider, draft, totals),
    )


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What some of the rows would take of the limits for a batch."""

    budgets: tuple[BudgetUse, ...] = ()
    over: str | None = None
    """Why they are above one."""


_NO_LIMIT: Final = _Allowed()
_NOT_ASKED: Final = Standing(None, None)


@dataclass(frozen=True, slots=True)
class _Found:
    """What confirming the draft as it is would be judged by."""

    matches: Matches = NO_MATCHES
    harmless: bool = False
    allowed: _Allowed = _NO_LIMIT
    standing: Standing = _NOT_ASKED
    campaign: CampaignPaid = NOBODY_PAID
    rest_why: str | None = None
    rest_over: str | None = None


async def _before_confirming(
    ledger: Ledger, draft: Draft, totals: DraftTotals, actor: Actor, limits: Limits, now_ms: int
) -> _Found:
    drafts = ledger.drafts
    matches = await drafts.matches(draft.id)
    harmless = matches_are_harmless(matches, totals, draft.label, now_ms)
    skip = not harmless and 0 < matches.rows < totals.rows
    standing = await ledger.approvals.standing(draft.id, actor, skip_matched=skip)
    if matches.rows and not harmless and not _decides_about_matches(standing.approval):
        standing = replace(standing, approval=None)
    campaign = NOBODY_PAID if draft.source == "undo" else await drafts.campaign_paid(draft.id, actor.server_id)
    asks_for_rest = standing.why_all is not None and campaign.left_out > 0
    rest_why = await ledger.approvals.why_of_rest(draft, actor) if asks_for_rest else None
    paid = await drafts.left_out(draft.id, actor.server_id, difference_only=False) if skip else ()
    allowed = await _allowed(ledger, draft, paid, actor, limits)
    rest_over = None
    if campaign.left_out > 0:
        others = await drafts.left_out(draft.id, actor.server_id, difference_only=True)
        rest_over = (await _allowed(ledger, draft, others, actor, limits)).over
    return _Found(matches, harmless, allowed, standing, campaign, rest_why, rest_over)


async def _allowed(ledger: Ledger, draft: Draft, without: Collection[int], actor: Actor, limits: Limits) -> _Allowed:
    """How the draft ``without`` some lines stands with the limit of a batch and the budgets of who confirms it."""
    if draft.source == "undo":
        return _NO_LIMIT
    over = None
    moved = 0 if limits.max_batch is None else await ledger.drafts.moved(draft.id, without=without)
    if limits.max_batch is not None and moved > limits.max_batch:
        asked, most = (display(amount, draft.destination.unit) for amount in (moved, limits.max_batch))
        over = (
            f"the batch moves {asked} in total, above the limit of {most} for one batch; send it in parts or have the"
            " limit raised"
        )
    try:
        uses = tuple(await ledger.drafts.budget_uses(draft.id, actor, limits.roles, without=without))
    except LimitExceeded as unreadable:
        return _Allowed(over=over or unreadable.message)
    return _Allowed(uses, over or next((_over_budget(use, draft) for use in uses if use.exceeded), None))


def _decides_about_matches(approval: Approval | None) -> bool:
    """Whether what was asked for says what becomes of rows that were paid lately. Where there were none at that time it
    is no leave for them now: whoever prepared it decides about them, and asks again."""
    return approval is not None and bool({"s", "a", "d"} & set(approval.flags))


async def _schedule(ledger: Ledger, provider: Provider, draft: Draft, totals: DraftTotals) -> Schedule:
    awards, pace = totals.rows - totals.unresolved, provider.pace
    plan = await plan_for(ledger, provider.programme, awards)
    return schedule(
        awards,
        plan.awards_per_call,
        provider.lookup_calls(totals.pending),
        per_window=pace.calls_per_window,
        window_seconds=pace.window_seconds,
        per_month=pace.per_month,
        reads=await reads_ahead(ledger, provider, draft.id, awards, plan),
    )


def _over_budget(use: BudgetUse, draft: Draft) -> str:
    return f"{exceeded(use, draft.destination)}. Send less, or let somebody with a larger budget send it"


def over_award_limit(largest: Sequence[StagedRow], programme: Programme, limits: Limits) -> str | None:
    """Why the largest row is above the limit of one award. Rows are judged when they are read; the limit may have been
    lowered since."""
    if limits.max_award is None or not largest or abs(largest[0].amount) <= limits.max_award:
        return None
    asked, allowed = (display(amount, programme.unit) for amount in (abs(largest[0].amount), limits.max_award))
    return (
        f"the award in line {largest[0].line} moves {asked}, above the limit of {allowed} for one award; lower it or"
        " have the limit raised"
    )


def matched_words(matches: Matches) -> str:
    """What became of the awards that match, to be put behind "5 awards". Only what is known to be paid is called so."""
    was, is_ = ("was", "is") if matches.rows == 1 else ("were", "are")
    if not matches.any_unsettled:
        return f"{was} already paid in the last 30 days"
    if not matches.any_paid:
        return f"{is_} already under way, in doubt or written off"
    return f"{was} already paid in the last 30 days, or {is_} under way, in doubt or written off"


def describe_matches(matches: Matches) -> str:
    """One sentence: how many awards match, where and by whom they were recorded."""
    awards = "1 award" if matches.rows == 1 else f"{matches.rows:,} awards"
    where = ", ".join(
        f"{ELSEWHERE} ({batch.rows:,})"
        if batch.elsewhere
        else f"batch {batch.batch_id} ({batch.actor_name}{f', {batch.label}' if batch.label else ''}: {batch.rows:,})"
        for batch in matches.batches[:3]
    )
    return f"{awards} {matched_words(matches)}: {where}"
