"""The last look at a draft before it is recorded, and the recording itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

from bot import checkpoints
from bot.clock import Clock, milliseconds
from bot.domain.amounts import display
from bot.domain.approving import Approval
from bot.domain.drafting import StagedRow
from bot.domain.model import Actor, Duplicates, Recipient, RecipientType
from bot.domain.planning import matches_are_harmless
from bot.errors import LimitExceeded, MatchedEarlier, NotAllowed
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Confirmation, Recorded, StaleMatches
from bot.providers.base import Provider
from bot.services.oneself import Oneself
from bot.services.previewing import describe_matches, over_award_limit
from bot.services.rules import Limits
from bot.services.wishes import Choice


class Confirmer:
    """Turns drafts into batches, one at a time. There is one for each ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, oneself: Oneself) -> None:
        self._ledger = ledger
        self._clock = clock
        self._oneself = oneself
        self._recording = asyncio.Lock()

    async def check(self, draft: Draft, provider: Provider, actor: Actor, limits: Limits) -> None:
        """What was judged for the person who made the draft, judged for the one who confirms it, as of now.

        Raises ``LimitExceeded``, ``NotAllowed`` for an award to the person who confirms, and ``Refused`` when that
        cannot be told.
        """
        largest = await self._ledger.drafts.largest(draft.id, 1)
        over = None if draft.source == "undo" else over_award_limit(largest, provider.programme, limits)
        if over is not None:
            raise LimitExceeded(f"{over}; nothing was sent", hint="Upload the file again to see which rows.")
        if limits.may_award_self:
            return
        own = Recipient(RecipientType.DISCORD_ID, actor.id)
        target = await self._oneself.target(draft, provider, actor)
        rows = await self._ledger.drafts.of_recipient(draft.id, own.key, target)
        if any(row.amount > 0 and row.unresolved is None for row in rows):
            raise NotAllowed(
                "this draft has an award for yourself; nothing was sent", hint="Let somebody else confirm it."
            )

    async def record(
        self, draft: Draft, choice: Choice, actor: Actor, limits: Limits, *, once_up_to: int = 0
    ) -> Recorded:
        """Record the draft; ``once_up_to`` is its programme's. Raises as ``Recording.record_batch`` does, but
        ``MatchedEarlier`` for stale matches."""
        # One at a time: the matches that are judged here are then those that the transaction finds.
        async with self._recording:
            confirmation = await self._confirmation(draft, choice, actor, limits)
            confirmation = replace(confirmation, once_up_to=once_up_to)
            checkpoints.reached("before-record")
            try:
                recorded = await self._ledger.recording.record_batch(draft.id, confirmation)
            except StaleMatches as stale:
                raise _matched(stale, choice) from stale
        checkpoints.reached("recorded")
        return recorded

    async def ask(self, draft: Draft, choice: Choice, actor: Actor, limits: Limits) -> Approval:
        """Ask for a second person's leave to record it. Raises as ``record`` does."""
        async with self._recording:
            confirmation = await self._confirmation(draft, choice, actor, limits)
            try:
                return await self._ledger.approvals.ask(draft.id, confirmation)
            except StaleMatches as stale:
                raise _matched(stale, choice) from stale

    async def _confirmation(self, draft: Draft, choice: Choice, actor: Actor, limits: Limits) -> Confirmation:
        matches = await self._ledger.drafts.matches(draft.id)
        harmless = False
        if matches.rows:
            totals = await self._ledger.drafts.totals(draft.id)
            harmless = matches_are_harmless(matches, totals, draft.label, milliseconds(self._clock.now()))
            if (choice.again or harmless) and not (choice.skip_matched or choice.difference):
                await self._check_sums(draft, limits)
        return Confirmation(
            actor=actor,
            content_hash=choice.content_hash,
            good_rows=choice.good_rows,
            skip_matched=choice.skip_matched,
            again=choice.again,
            difference=choice.difference,
            matches_are_harmless=harmless,
            # Whoever leaves rows out leaves out those of the card, also where they need no question by now.
            matches_seen=matches.mark if harmless and not choice.skip_matched else choice.matches_seen,
            left_out_seen=choice.left_out_seen,
            start_delay_seconds=limits.start_delay_seconds,
            roles=limits.roles,
            deciding=limits.deciding,
            # What was let out may be taken back, also where the limit was lowered since.
            max_total=None if draft.source == "undo" else limits.max_batch,
        )

    async def _check_sums(self, draft: Draft, limits: Limits) -> None:
        """Rows that would be one award are two where a part of them was paid lately, so that it can be left out. Who
        pays that part again pays the sum, and its limit is that of one award."""
        most, is_sum = limits.max_award, draft.request.get("duplicates", Duplicates.SUM.value) == Duplicates.SUM.value
        if most is None or not is_sum or draft.source == "undo":
            return
        paid = await self._ledger.drafts.paid_lately(draft.id)
        groups = await self._ledger.drafts.duplicate_groups(draft.id)
        found = await asyncio.to_thread(_beyond, groups, paid, most)
        if found is not None:
            line, total = found
            asked, allowed = (display(amount, draft.destination.unit) for amount in (total, most))
            raise LimitExceeded(
                f"the rows of the recipient in line {line} add up to {asked}, above the limit of {allowed} for one"
                " award; nothing was sent",
                hint="Send only the rows that were not yet paid, or have the limit raised.",
            )


def _beyond(groups: Sequence[Sequence[StagedRow]], paid: Collection[int], most: int) -> tuple[int, int] | None:
    """The first line of a recipient some of whose rows were paid lately, and what all of them move, if that is more."""
    for group in groups:
        total = abs(sum(row.amount for row in group if row.unresolved is None))
        if total > most and any(row.line in paid for row in group):
            return group[0].line, total
    return None


def _matched(stale: StaleMatches, choice: Choice) -> MatchedEarlier:
    if choice.difference or choice.skip_matched:
        return MatchedEarlier(
            "other rows than were shown count as paid before by now, so nothing was sent",
            hint="Look at what would be left out now, then confirm that.",
        )
    return MatchedEarlier(
        describe_matches(stale.matches),
        hint="Send only the rows that were not yet paid, or say that they are to be paid again.",
    )
