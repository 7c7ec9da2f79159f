"""From a file or a list of members to a draft, from a confirmed draft to a recorded batch. No Discord in here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

from bot import checkpoints
from bot.clock import Clock, milliseconds
from bot.domain.amounts import parse_amount
from bot.domain.approving import Approval
from bot.domain.intake import Content, ReadingOptions, as_content, sha256_of
from bot.domain.model import ACCEPTED_TYPES, Actor, Duplicates, Notice, Programme
from bot.domain.planning import propose_label
from bot.errors import DestinationChanged, MatchedEarlier, Refused, UsageError
from bot.ledger.drafts import Draft, DraftState
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded, StaleSums
from bot.services import records
from bot.services.confirming import Confirmer
from bot.services.merging import Choosing, merge_resolved, merge_staged
from bot.services.oneself import Oneself
from bot.services.previewing import MembersDrafted, Preview, as_asked, make_preview
from bot.services.problem_files import problems_file
from bot.services.programmes import Programmes
from bot.services.resolving import resolve_pending
from bot.services.retries import check_retry, stage_retry
from bot.services.rules import Limits, rules_of
from bot.services.staging import Stager, member_rows, stage_file, within_limit
from bot.services.undoing import label_of, stage_undo
from bot.services.wishes import Choice, Upload, Wish

_ANEW: Final = {"file": "upload the file again", "paste": "paste the cells again"}
"""How a draft of which nothing can be sent is made anew; every other one comes of a command."""

FIRST_MEMBERS: Final = 2
"""Members of a draft who are named where several drafts are listed."""


class Submitting:
    """Drafts and their confirmation."""

    def __init__(
        self,
        ledger: Ledger,
        programmes: Programmes,
        clock: Clock,
        *,
        max_rows: int,
        max_file_bytes: int,
        settle_after: float,
        recorded: Callable[[int], None],
    ) -> None:
        """``recorded`` is told the id of every recorded batch (it wakes the dispatcher). ``settle_after``: seconds."""
        self._ledger = ledger
        self._programmes = programmes
        self._clock = clock
        self._max_rows = max_rows
        self._max_file_bytes = max_file_bytes
        self._settle_after = settle_after
        self._recorded = recorded
        self._oneself = Oneself(ledger, clock)
        self._confirmer = Confirmer(ledger, clock, self._oneself)
        self._changing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    # --- drafts -------------------------------------------------------------------------------------------------

    async def draft_file(self, upload: Upload, wish: Wish, actor: Actor, limits: Limits) -> Preview:
        """Check a file and store it as a draft.

        A refused file is a draft too (state REFUSED), so that it can be read again another way. Raises ``UsageError``
        for an amount that is none.
        """
        content = as_content(upload.content)
        kept = content if 0 < content.size <= self._max_file_bytes else None
        sha256 = None if kept is None else await asyncio.to_thread(sha256_of, kept)
        wish = replace(wish, label=wish.label or propose_label(upload.name))
        options = self._options(wish, limits)
        bare = records.bare_draft(upload.source, wish, actor, options)
        draft_id = await self._ledger.drafts.create(
            replace(bare, file_name=upload.name, file_content=kept, file_sha256=sha256)
        )
        return await self._read(draft_id, content, wish, options, actor, limits)

    async def reread(self, draft_id: int, wish: Wish, actor: Actor, limits: Limits) -> Preview:
        """Read the draft's file again in another way (columns, duplicates, amount, label, reason).

        The programme stays the draft's own; another one is another draft.
        """
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        if draft.file_sha256 is None:
            raise UsageError("this draft has no file to read again", hint="Start over with the command.")
        wish = replace(wish, programme=await self.programme_of(draft))
        options = self._options(wish, limits)
        content = await self._ledger.drafts.file(draft.file_sha256)
        async with self._change_of(draft_id):
            await self._ledger.drafts.clear(draft_id)
            request = records.request_json(wish, options)
            reason = wish.reason or ""  # one that was there is taken away
            await self._ledger.drafts.update(draft_id, request=request, label=wish.label, reason=reason)
            return await self._read(draft_id, content, wish, options, actor, limits)

    async def draft_members(
        self,
        members: Sequence[tuple[str, int]],
        wish: Wish,
        actor: Actor,
        limits: Limits,
        notices: Sequence[Notice] = (),
    ) -> Preview:
        """A draft from Discord ids with amounts (smallest unit), repeats summed. ``notices`` are shown with it."""
        options = self._options(wish, limits)
        named = [discord_id for discord_id, _ in members]
        draft_id = await self._ledger.drafts.create(records.bare_draft("award", wish, actor, options, members=named))
        stager = self._stager(draft_id, wish.programme, actor, limits)
        await stager.stage(within_limit(member_rows(members), wish.programme, limits))
        choosing = Choosing(Duplicates.SUM, wish.programme.unit, limits.max_award)
        warnings = await merge_staged(self._ledger, draft_id, choosing)
        summary = records.summary_json(None, None, (*notices, *warnings))
        await self._ledger.drafts.finish(draft_id, refused=False, summary=summary)
        return await self._saved(draft_id, actor, limits)

    async def draft_retry(self, batch_id: int, programme: Programme, actor: Actor, limits: Limits) -> Preview:
        """A linked draft with the definitely rejected awards of a batch that no later batch has taken up; of a batch
        that is a retry itself also with those that were stopped.

        Judged as new rows are (limits, own awards, what the programme takes). Raises ``Refused`` when there is none,
        ``DestinationChanged`` when the settings point elsewhere now.
        """
        batch = await self._ledger.queries.batch(batch_id, actor.server_id)
        await check_retry(self._ledger, batch, programme)
        wish = Wish(programme, reason=batch.reason, label=batch.label)
        bare = records.bare_draft("retry", wish, actor, self._options(wish, limits), batch_id)
        draft_id = await self._ledger.drafts.create(bare)
        await stage_retry(self._ledger, self._stager(draft_id, programme, actor, limits), batch)
        await merge_staged(self._ledger, draft_id, Choosing(Duplicates.SUM, programme.unit, limits.max_award))
        await self._ledger.drafts.finish(draft_id, refused=False, summary=records.summary_json(None, None, ()))
        return await self._saved(draft_id, actor, limits)

    async def draft_undo(self, batch_id: int, actor: Actor, limits: Limits) -> Preview:
        """A linked draft that takes back what a batch paid: only what landed, at most once an award.

        Raises ``DestinationChanged`` when the settings point elsewhere now, ``Refused`` when the batch is not over, has
        awards in doubt, is an undo itself, or nothing is left to take back.
        """
        batch = await self._ledger.queries.batch(batch_id, actor.server_id)
        rules = await rules_of(self._ledger, batch.actor.server_id)
        programme = self._programmes.for_batch(batch, currency=rules.currencies.get(batch.programme)).programme
        wish = Wish(programme, reason=batch.reason, label=label_of(batch))
        bare = records.bare_draft("undo", wish, actor, self._options(wish, limits), batch_id)
        draft_id = await self._ledger.drafts.create(bare)
        try:
            notices = await stage_undo(self._ledger, draft_id, batch)
        except Refused:
            await self._ledger.drafts.cancel(draft_id, actor)
            raise
        await self._ledger.drafts.finish(draft_id, refused=False, summary=records.summary_json(None, None, notices))
        return await self._saved(draft_id, actor, limits)

    async def relabel(self, draft_id: int, label: str | None, actor: Actor, limits: Limits) -> Preview:
        """Change the period label only; an empty one is left as it was."""
        await self._ledger.drafts.get(draft_id, actor.server_id)
        if label and label.strip():
            await self._ledger.drafts.update(draft_id, label=label.strip()[:60])
        return await self.preview(draft_id, actor, limits)

    async def preview(self, draft_id: int, actor: Actor, limits: Limits) -> Preview:
        """What the draft looks like now (matches and limits judged afresh)."""
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        programme = await self.programme_of(draft)
        provider = self._programmes.provider(programme)
        now = milliseconds(self._clock.now())
        return await make_preview(self._ledger, provider, self._oneself, draft, actor, limits, now)

    async def draft(self, draft_id: int, actor: Actor) -> Draft:
        """A stored draft without its rows, to know its programme. Raises ``NotFound``, ``DraftGone``."""
        return await self._ledger.drafts.get(draft_id, actor.server_id)

    async def open_drafts(self, actor: Actor) -> Sequence[Draft]:
        """Drafts that can still be confirmed in this server, newest first."""
        return await self._ledger.drafts.open_drafts(actor.server_id)

    async def members_of(self, draft: Draft) -> MembersDrafted | None:
        """Whom a draft of ``draft_members`` is for, in short; ``None`` for any other."""
        if draft.source != "award":
            return None
        first = await self._ledger.drafts.sample(draft.id, FIRST_MEMBERS)
        return MembersDrafted(await self._ledger.drafts.totals(draft.id), tuple(first))

    async def programme_of(self, draft: Draft) -> Programme:
        """The draft's programme as the settings have it now; raises ``DestinationChanged`` if that is another place."""
        rules = await rules_of(self._ledger, draft.actor.server_id)
        currency = rules.currencies.get(draft.programme)
        try:
            programme = self._programmes.still(draft.programme, currency=currency, what="draft was made for")
        except DestinationChanged as error:
            error.draft_id, error.hint = draft.id, "Ask the operator to put its settings back, or cancel the draft."
            raise
        if programme.destination != draft.destination:
            raise DestinationChanged(
                f"the settings of {draft.programme} changed after this draft was made",
                hint=f"Cancel it and {_ANEW.get(draft.source, 'give the command once more')}.",
                draft_id=draft.id,
            )
        return programme

    async def wish_of(self, draft: Draft) -> Wish:
        """What the draft was asked for, to change a part of it and ``reread``."""
        return records.wish_from(draft, await self.programme_of(draft))

    def asks_amount(self, draft: Draft) -> bool:
        """Whether the draft's file has no amounts of its own."""
        facts = records.facts_from(draft.request)
        return facts is None or facts.amount_column is None

    async def cancel(self, draft_id: int, actor: Actor) -> None:
        """Cancel a draft. Raises ``DraftGone`` when it became a batch."""
        await self._ledger.drafts.get(draft_id, actor.server_id)
        await self._ledger.drafts.cancel(draft_id, actor)

    async def problems_file(self, draft_id: int, actor: Actor) -> AsyncIterator[bytes]:
        """CSV: the original columns plus ``problem``, one line per bad row, safe to open in a spreadsheet."""
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        async for piece in problems_file(self._ledger, draft):
            yield piece

    # --- looking recipients up ----------------------------------------------------------------------------------

    async def look_up(
        self, draft_id: int, actor: Actor, limits: Limits, progress: Callable[[int, int], None] | None = None
    ) -> Preview:
        """Resolve recipients that are still pending, told to ``progress`` as (done, of). Rows that turn out to be one
        recipient are then treated as the choice about duplicates says. Who may not award themselves is looked up, too,
        where only that tells which rows are theirs.

        Can be called again after a failure: what was found is kept. Raises ``ResolutionFailed``.
        """
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        provider = self._programmes.provider(await self.programme_of(draft))
        async with self._change_of(draft_id):
            clock, settle_after = self._clock, self._settle_after
            await resolve_pending(self._ledger, provider, clock, draft_id, progress, settle_after=settle_after)
            await merge_resolved(self._ledger, draft, limits)
        if not limits.may_award_self:
            await self._oneself.ask(draft, provider, actor)
        return await self.preview(draft_id, actor, limits)

    # --- confirming ---------------------------------------------------------------------------------------------

    async def confirm(self, draft_id: int, choice: Choice, actor: Actor, limits: Limits) -> Recorded:
        """Record the draft as a batch.

        Raises ``DraftGone`` (somebody was first, or it changed), ``MatchedEarlier``, ``LimitExceeded``, ``NotAllowed``,
        ``Refused``.
        """
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        once_up_to = 0
        if draft.state is DraftState.READY:
            provider = self._programmes.provider(await self.programme_of(draft))
            once_up_to = provider.programme.once_up_to
            if provider.needs_lookup:
                if await self._ledger.drafts.hides_paid_rows(draft_id):
                    raise await self._part(draft, actor, limits)
                await self._merge_if_missed(draft, limits)
            await self._confirmer.check(draft, provider, actor, limits)
        try:
            recorded = await self._confirmer.record(draft, choice, actor, limits, once_up_to=once_up_to)
        except StaleSums:
            raise await self._part(draft, actor, limits) from None
        self._recorded(recorded.batch_id)
        return recorded

    async def ask_approval(self, draft_id: int, choice: Choice, actor: Actor, limits: Limits) -> Approval:
        """Ask for the leave of a second person to confirm the draft with this choice.

        Raises as ``confirm`` does: what could not be sent anyway is not asked for.
        """
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        if draft.state is DraftState.READY:
            provider = self._programmes.provider(await self.programme_of(draft))
            await self._confirmer.check(draft, provider, actor, limits)
        try:
            return await self._confirmer.ask(draft, choice, actor, limits)
        except StaleSums:
            raise await self._part(draft, actor, limits) from None

    async def as_asked(self, preview: Preview, approval: Approval) -> Preview:
        """The preview of what a request for its draft is to send."""
        return await as_asked(self._ledger, self._programmes.provider(preview.programme), preview, approval)

    async def check_second(self, draft_id: int, actor: Actor, limits: Limits) -> None:
        """Whether this person may be the second one: leave for an award to oneself is no leave.

        Raises ``NotAllowed``, ``Refused`` when that cannot be told, ``DraftGone``.
        """
        draft = await self._ledger.drafts.get(draft_id, actor.server_id)
        if draft.state is DraftState.READY:
            await self._confirmer.check(draft, self._programmes.provider(await self.programme_of(draft)), actor, limits)

    async def _merge_if_missed(self, draft: Draft, limits: Limits) -> None:
        """A crash right after the last look-up leaves rows of one recipient unmerged. What is merged here has another
        content hash than was shown, so that it has to be looked at before it can be confirmed."""
        if not (await self._ledger.drafts.totals(draft.id)).pending:
            async with self._change_of(draft.id):
                await merge_resolved(self._ledger, draft, limits)

    async def _part(self, draft: Draft, actor: Actor, limits: Limits) -> MatchedEarlier:
        """Part rows that were paid meanwhile from those that they were added up with; what to tell who confirmed it."""
        if draft.file_sha256 is not None:
            # So that each part has its own reason and names the recipient as its rows do.
            await self.reread(draft.id, await self.wish_of(draft), actor, limits)
        else:
            async with self._change_of(draft.id):
                await merge_resolved(self._ledger, draft, limits)
        return MatchedEarlier(
            "some of the rows that were added up were paid after that, so nothing was sent, and they are shown by"
            " themselves now",
            hint="Look at what it is now, then confirm that.",
        )

    # --- inner parts --------------------------------------------------------------------------------------------

    async def _read(
        self, draft_id: int, content: Content, wish: Wish, options: ReadingOptions, actor: Actor, limits: Limits
    ) -> Preview:
        stager = self._stager(draft_id, wish.programme, actor, limits)
        done = await stage_file(stager, content, options, wish.duplicates)
        refusal = done.reading.refusal or done.ending.refusal
        request = records.request_json(wish, options, done.reading.facts)
        await self._ledger.drafts.update(draft_id, request=request)
        summary = records.summary_json(done.reading.facts, refusal, done.warnings)
        await self._ledger.drafts.finish(draft_id, refused=refusal is not None, summary=summary)
        return await self._saved(draft_id, actor, limits)

    async def _saved(self, draft_id: int, actor: Actor, limits: Limits) -> Preview:
        checkpoints.reached("draft-saved")
        return await self.preview(draft_id, actor, limits)

    def _stager(self, draft_id: int, programme: Programme, actor: Actor, limits: Limits) -> Stager:
        return Stager(self._ledger, self._programmes.provider(programme), actor, limits, draft_id)

    def _change_of(self, draft_id: int) -> asyncio.Lock:
        """Two people, or a double click, must not change the rows of one draft at the same time."""
        return self._changing.setdefault(draft_id, asyncio.Lock())

    def _options(self, wish: Wish, limits: Limits) -> ReadingOptions:
        amount = None
        if wish.amount is not None:
            try:
                amount = parse_amount(wish.amount, wish.programme.unit)
            except ValueError as error:
                raise UsageError(f"the amount {wish.amount} cannot be used: {error}") from error
            if amount == 0:
                raise UsageError("the amount is 0, so there is nothing to pay")
        return ReadingOptions(
            unit=wish.programme.unit,
            now_ms=milliseconds(self._clock.now()),
            max_rows=self._max_rows,
            max_bytes=self._max_file_bytes,
            max_award=limits.max_award,
            accepts=ACCEPTED_TYPES[wish.programme.kind],
            amount=amount,
            recipient_column=wish.recipient_column,
            amount_column=wish.amount_column,
        )


def template_file() -> bytes:
    """The CSV template that ``/bulk`` offers: the line of its columns, and no row that could be sent by mistake."""
    return "\ufeffdiscord_id,amount,reason\r\n".encode()


__all__ = ["Choice", "Draft", "MembersDrafted", "Preview", "Recorded", "Submitting", "Upload", "Wish", "template_file"]
