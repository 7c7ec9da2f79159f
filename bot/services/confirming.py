"""The last look at a draft before it is recorded, and the recording itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

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
        if not matches.rows or harmless or choice.again or choice.skip_matched or choice.difference:
            await self._check_sums(draft, choice, actor, limits)
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

    async def _check_sums(self, draft: Draft, choice: Choice, actor: Actor, limits: Limits) -> None:
        """Rows that would be one award are two where a part of them was paid lately, so that it can be left out. Who
        sends that part too, since it is paid again or does not count as paid any more, pays the sum, and its limit is
        that of one award."""
        most, is_sum = limits.max_award, draft.request.get("duplicates", Duplicates.SUM.value) == Duplicates.SUM.value
        if most is None or not is_sum or draft.source == "undo":
            return
        drafts = self._ledger.drafts
        groups = await drafts.duplicate_groups(draft.id)
        if not groups:
            return
        out: Collection[int] = ()
        if choice.difference or choice.skip_matched:
            out = await drafts.left_out(draft.id, actor.server_id, difference_only=choice.difference)
        paid = await drafts.paid_lately(draft.id)
        found = await asyncio.to_thread(_beyond, groups, paid, out, most)
        if found is None:
            return
        asked, allowed = (display(amount, draft.destination.unit) for amount in (found.moved, most))
        raise LimitExceeded(
            f"the rows of the recipient in line {found.line} add up to {asked}, above the limit of {allowed} for one"
            " award; nothing was sent",
            hint="Send only the rows that were not yet paid, or have the limit raised."
            if found.is_again
            else "Upload the file, or give the command, once more to see which rows.",
        )


class _Beyond(NamedTuple):
    """What would be one award, and more than one may be."""

    line: int
    """The recipient's first one."""
    moved: int
    is_again: bool
    """Some of it was paid lately."""


def _beyond(
    groups: Sequence[Sequence[StagedRow]], paid: Collection[int], out: Collection[int], most: int
) -> _Beyond | None:
    """The first recipient whose rows move more than that, without those that are left ``out``."""
    for group in groups:
        sent = [row for row in group if row.unresolved is None and row.line not in out]
        is_again = any(row.line in paid for row in sent)
        # Rows that continue different awards are awards of their own, whatever they add up to.
        own = sent if is_again else [row for row in sent if row.continues is None]
        moved = abs(sum(row.amount for row in own))
        if len(own) > 1 and moved > most:
            return _Beyond(group[0].line, moved, is_again)
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
