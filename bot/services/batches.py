"""What people ask of recorded batches. Every look-up by id checks the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.clock import Clock, lies_ahead
from bot.domain.amounts import canonical
from bot.domain.intake import original_records
from bot.domain.judging import Numbers, goes_by_credential
from bot.domain.model import Actor, Award, Batch, Counts, Decision, Pause, PauseKind, Steered, Taken
from bot.domain.planning import schedule
from bot.domain.reporting import result_csv
from bot.domain.states import AwardState, BatchState
from bot.errors import DestinationChanged, NotAllowed, UsageError
from bot.ledger.lanes import HeldLane
from bot.ledger.ledger import Ledger
from bot.ledger.queries import NOTHING_HELD_BACK, Attempt, Calls, Event, HeldBack
from bot.services import records
from bot.services.dispatching import Dispatcher
from bot.services.foresight import reads_left
from bot.services.oneself import Oneself
from bot.services.programmes import Programmes
from bot.services.proving import plan_for, plan_of
from bot.services.rules import rules_of
from bot.services.watching import Activity, Doing

REASON_MAX: Final = 400
"""Characters of the reason that a person gives for a decision."""
LISTED_MAX: Final = 1000
"""Batches that ``/batch list`` can turn back to."""


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as a card shows it."""

    batch: Batch
    counts: Counts
    sums: Mapping[AwardState, int]
    activity: Activity
    calls_left: int
    seconds_left: float | None
    """``None`` when it cannot be told (paused, service away, job running)."""
    children: tuple[Batch, ...]
    retryable: int
    """Rejected awards that no later batch has taken up."""
    undone: Mapping[int, Counts] = field(default_factory=dict)
    """How the batches stand that take this one back, by id: each of their awards takes back one of this batch."""
    held_back: HeldBack = NOTHING_HELD_BACK
    """What waits for awards in doubt, while no call is under way."""
    held_lane: HeldLane | None = None
    """Whose doubt keeps every place that a call could go over, while none is under way."""
    code: str = ""
    """Of its receipt, for ``/verify``."""
    taken: Mapping[AwardState, Taken] = field(default_factory=dict)
    """The deductions behind ``counts`` and ``sums``; states without any are absent."""


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A part of a server's list."""

    views: tuple[BatchView, ...]
    total: int
    """Batches that the whole list has."""
    number: int
    """Which page this is, from 0: the last one where there are fewer than was asked for."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Awards in doubt that share one answer: one award, or every award of one all-or-nothing call."""

    awards: tuple[Award, ...]
    attempt: Attempt
    whole_call: bool
    """One answer for all of them: the call was all-or-nothing."""
    numbers: Mapping[int, Numbers] = field(default_factory=dict)
    """The evidence on each, by award id."""


class Batches:
    """Looking at batches and steering them."""

    def __init__(self, ledger: Ledger, programmes: Programmes, dispatcher: Dispatcher, clock: Clock) -> None:
        self._ledger = ledger
        self._programmes = programmes
        self._dispatcher = dispatcher
        self._clock = clock
        self._oneself = Oneself(ledger, clock)

    # --- looking ------------------------------------------------------------------------------------------------

    async def list(self, actor: Actor, *, limit: int = 10, before: int | None = None) -> Sequence[BatchView]:
        """Batches of the actor's server, newest first."""
        found = await self._ledger.queries.batches(actor.server_id, limit=limit, before=before)
        return [await self._view(batch) for batch in found]

    async def page(self, actor: Actor, *, number: int, size: int, only_of: str | None = None) -> BatchPage:
        """A page of the last ``LISTED_MAX`` batches (of one person), newest first; ``number`` counts from 0."""
        queries = self._ledger.queries
        total = await queries.how_many(actor.server_id, most=LISTED_MAX, only_of=only_of)
        number = max(0, min(number, -(-total // size) - 1))
        offset = number * size
        wanted = min(size, total - offset)
        part = await queries.batches(actor.server_id, limit=wanted, offset=offset, only_of=only_of)
        return BatchPage(tuple([await self._view(batch) for batch in part]), total, number)

    async def brief(self, actor: Actor, *, limit: int, only_of: str | None = None) -> Sequence[tuple[Batch, Counts]]:
        """The newest batches (of one person) with their counts only: one question, however many there are."""
        return await self._ledger.queries.batches_counted(actor.server_id, limit=limit, only_of=only_of)

    async def at_work(self) -> Sequence[Batch]:
        """Open and paused batches of every server, oldest first."""
        return await self._ledger.queries.batches_at_work()

    async def view(self, batch_id: int, actor: Actor) -> BatchView:
        """One batch. Raises ``NotFound``."""
        return await self._view(await self._batch(batch_id, actor))

    async def history(self, batch_id: int, actor: Actor) -> Sequence[Event]:
        """Everything that was decided about a batch, oldest first."""
        await self._batch(batch_id, actor)
        return await self._ledger.queries.events(batch_id)

    async def calls(self, batch_id: int, actor: Actor, most: int) -> Calls:
        """What became of the calls made for a batch, with the last ``most`` that did not go through whole."""
        await self._batch(batch_id, actor)
        return await self._ledger.queries.calls(batch_id, most)

    async def first_awards(self, batch_id: int, actor: Actor, limit: int = 25) -> Sequence[Award]:
        """The first awards of a batch, for receipts and log lines."""
        await self._batch(batch_id, actor)
        async for awards in self._ledger.queries.awards(batch_id, chunk=limit):
            return awards
        return ()

    async def doubts(self, batch_id: int, actor: Actor) -> Sequence[Doubt]:
        """Awards in doubt, grouped by the answer they share."""
        batch = await self._batch(batch_id, actor)
        doubts: list[Doubt] = []
        by_attempt: dict[int, list[Award]] = {}
        async for awards in self._ledger.queries.awards(batch_id, states=(AwardState.UNKNOWN,)):
            for award in awards:
                assert award.attempt_id is not None  # no award is in doubt without a call
                by_attempt.setdefault(award.attempt_id, []).append(award)
        for attempt_id, together in by_attempt.items():
            attempt = await self._ledger.queries.attempt(attempt_id)
            numbers = await self._ledger.evidence.numbers(attempt_id)
            whole = batch.destination.kind.traits.lands_whole and attempt.verdict != "testified"
            if whole and not _by_credential(together):
                doubts.append(Doubt(tuple(together), attempt, True, numbers))
            else:
                doubts.extend(Doubt((award,), attempt, False, numbers) for award in together)
        return doubts

    async def why_nothing_is_sent(self, batch: Batch) -> str | None:
        """What keeps every call of the batch back until somebody ends it, whatever the batch's own state."""
        if restored := await self._ledger.restorations.in_force():
            return f"This ledger was {restored.message}."
        halt = await self._ledger.halts.in_force(batch.actor.server_id)
        if halt is None:
            return None
        return f"{halt.by.name} stopped everything ({halt.reason}): nothing is sent until that is released."

    def look_again(self, batch_id: int) -> None:
        """Somebody pressed what is no longer so: let whoever shows the batch look once more."""
        self._dispatcher.show_again(batch_id)

    # --- steering -----------------------------------------------------------------------------------------------

    async def pause(self, batch_id: int, actor: Actor) -> Steered:
        """No further call; what is planned stays planned."""
        await self._batch(batch_id, actor)
        pause = Pause(PauseKind.PERSON, f"paused by {actor.name}")
        steered = await self._ledger.steering.pause(batch_id, actor, pause)
        self._dispatcher.wake(batch_id)
        return steered

    async def resume(self, batch_id: int, actor: Actor) -> Steered:
        """Go on. Raises ``DestinationChanged`` when the settings point elsewhere now."""
        await self._refuse_elsewhere(await self._batch(batch_id, actor))
        steered = await self._ledger.steering.resume(batch_id, actor)
        self._dispatcher.wake(batch_id)
        return steered

    async def stop(self, batch_id: int, actor: Actor) -> Steered:
        """Cancel what is planned, for good. A call in flight is awaited and recorded."""
        steered = await self._ledger.steering.stop(batch_id, actor)
        self._dispatcher.wake(batch_id)
        return steered

    async def stop_each(self, batch_ids: Sequence[int], actor: Actor) -> Sequence[Steered]:
        """The same for several batches: all of them, or none where one cannot be stopped. Raises ``Refused``."""
        steered = await self._ledger.steering.stop_each(batch_ids, actor)
        for batch_id in batch_ids:
            self._dispatcher.wake(batch_id)
        return steered

    async def resolve(
        self,
        batch_id: int,
        award_ids: Sequence[int],
        decision: Decision,
        actor: Actor,
        *,
        reason: str,
        calls: Mapping[int, int] | None = None,
        may_award_self: bool = True,
    ) -> Steered:
        """Decide about awards in doubt, with a reason that is recorded beside the name. ``calls``: by award, the call
        that the person looked at (``None``: whichever it is).

        Raises ``UsageError`` when the reason is empty, or the ids are not whole answers (``doubts``) of this batch, or
        are of other calls; ``NotAllowed`` when somebody who may not award themselves would have it done once more.
        """
        reason = reason.strip()[:REASON_MAX]
        if not reason:
            raise UsageError("nothing was decided: a reason is needed", hint="Say in a few words how you know.")
        wanted = set(award_ids)
        covered: dict[int, Award] = {}
        for doubt in await self.doubts(batch_id, actor):
            ids = {award.id for award in doubt.awards if calls is None or calls.get(award.id) == doubt.attempt.id}
            if ids & wanted and not ids <= wanted:
                raise UsageError(
                    f"nothing was decided: awards {min(ids)} to {max(ids)} were one call, which landed whole or not",
                    hint="Give one answer for all of them.",
                )
            covered |= {award.id: award for award in doubt.awards if award.id in ids & wanted}
        if covered.keys() != wanted or not wanted:
            raise UsageError(
                "nothing was decided: not all of these awards are in doubt (any more)",
                hint="Open /batch resolve again.",
            )
        if decision is Decision.SEND_AGAIN and not may_award_self:
            await self._refuse_own(batch_id, list(covered.values()), actor)
        steered = await self._ledger.steering.resolve(sorted(wanted), decision, actor, reason=reason, calls=calls)
        self._dispatcher.wake(batch_id)
        return steered

    async def _refuse_own(self, batch_id: int, awards: Sequence[Award], actor: Actor) -> None:
        batch = await self._batch(batch_id, actor)
        provider = self._programmes.for_batch(batch, currency=batch.destination.currency)
        if await self._oneself.own(awards, provider, actor):
            raise NotAllowed(
                "this would send an award for yourself once more; nothing was decided", hint="Let somebody else decide."
            )

    # --- the result file ----------------------------------------------------------------------------------------

    async def result_file(self, batch_id: int, actor: Actor) -> AsyncIterator[bytes]:
        """CSV, UTF-8 with BOM, in pieces: the original columns, one line per original row, plus ``status``,
        ``detail``, ``award_id``, ``time``. Without a file: one line an award, the recipient's type as its column."""
        batch = await self._batch(batch_id, actor)
        statuses = await self._ledger.queries.line_statuses(batch_id)
        facts = records.facts_from(await self._ledger.queries.request(batch_id))
        if facts is not None and batch.file_sha256 is not None:
            content = await self._ledger.drafts.file(batch.file_sha256)
            pieces = result_csv(facts.columns, original_records(content, facts), statuses)
        else:
            header, rows = await self._rows_of(batch)
            pieces = result_csv(header, iter(rows), statuses)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece

    async def _rows_of(self, batch: Batch) -> tuple[Sequence[str], Sequence[tuple[int, Sequence[str]]]]:
        awards: list[Award] = []
        async for chunk in self._ledger.queries.awards(batch.id):
            awards.extend(chunk)
        types = sorted({award.recipient.type.value for award in awards})
        header = [*(one.replace("-", "_") for one in types), "source", "amount", "reason"]
        return header, tuple(_lines(awards, types, batch))

    async def why_not_read(self, batch: Batch) -> str | None:
        """Why nothing can be read back about the batch's doubts now, where the settings do not lead there any more."""
        try:
            await self._refuse_elsewhere(batch)
        except DestinationChanged as error:
            return error.message
        return None

    # --- inner parts --------------------------------------------------------------------------------------------

    async def _batch(self, batch_id: int, actor: Actor) -> Batch:
        return await self._ledger.queries.batch(batch_id, actor.server_id)

    async def _refuse_elsewhere(self, batch: Batch) -> None:
        rules = await rules_of(self._ledger, batch.actor.server_id)
        self._programmes.for_batch(batch, currency=rules.currencies.get(batch.programme))

    async def _view(self, batch: Batch) -> BatchView:
        tally = await self._ledger.queries.tally(batch.id)
        counts = tally.counts
        activity = await self._activity(batch)
        calls, seconds = await self._left(batch, counts, activity)
        waits = batch.state is BatchState.OPEN and activity.doing is Doing.NOTHING and counts.planned > 0
        children = tuple(await self._ledger.queries.children(batch.id))
        undos = [child.id for child in children if child.source == "undo"]
        return BatchView(
            batch=batch,
            counts=counts,
            sums=tally.sums,
            activity=activity,
            calls_left=calls,
            seconds_left=seconds,
            children=children,
            retryable=await self._ledger.queries.retryable(batch)
            if (counts.rejected or counts.cancelled) and batch.source != "undo"
            else 0,
            undone=await self._ledger.queries.counts_many(undos) if undos else {},
            held_back=await self._ledger.queries.held_back(batch.id) if waits else NOTHING_HELD_BACK,
            held_lane=await self._held_lane(batch) if waits else None,
            code=str(await self._ledger.receipts.code(batch.id)),
            taken=tally.taken,
        )

    async def _held_lane(self, batch: Batch) -> HeldLane | None:
        try:
            provider = self._programmes.for_batch(batch, currency=batch.destination.currency)
        except DestinationChanged:
            return None
        lanes = (await plan_of(self._ledger, provider.programme)).lanes
        return await self._ledger.lanes.held(lanes) if lanes else None

    async def _activity(self, batch: Batch) -> Activity:
        """What the dispatcher says; before it has looked at a new batch, what the batch itself tells. A batch that was
        opened again behind an emergency stop, or in a ledger that waits to be signed off, is not under way."""
        if batch.state is BatchState.OPEN and (why := await self.why_nothing_is_sent(batch)):
            return Activity(Doing.STANDING_BY, detail=why)
        starts_at, now = batch.starts_at / 1000, self._clock.now()
        if batch.state is BatchState.OPEN and starts_at > now and not lies_ahead(batch.recorded_at / 1000, now):
            return Activity(Doing.WAITING_TO_START, until=starts_at)
        return self._dispatcher.activity(batch.id)

    async def _left(self, batch: Batch, counts: Counts, activity: Activity) -> tuple[int, float | None]:
        try:
            provider = self._programmes.for_batch(batch, currency=batch.destination.currency)
        except DestinationChanged:
            return 0, None
        pace = provider.pace
        plan = await plan_for(self._ledger, provider.programme, batch.awards)
        left = schedule(
            counts.planned,
            plan.awards_per_call,
            0,
            per_window=pace.calls_per_window,
            window_seconds=pace.window_seconds,
            per_month=pace.per_month,
            reads=await reads_left(self._ledger, provider, batch, counts.planned, plan),
        )
        unclear = (
            activity.doing in (Doing.AWAY, Doing.FOLLOWING, Doing.STANDING_BY, Doing.SETTLING)
            or batch.state is not BatchState.OPEN
        )
        waits = activity.doing in (Doing.WAITING_TO_START, Doing.WAITING_FOR_LANE) and activity.until is not None
        wait = max(0.0, (activity.until or 0.0) - self._clock.now()) if waits else 0.0
        return left.calls, None if unclear else left.seconds + wait


def _by_credential(awards: Sequence[Award]) -> bool:
    """Awards of a member batch that went by credential: item by item, not all or nothing."""
    return any(goes_by_credential(award.target or "") for award in awards)


def _lines(awards: Sequence[Award], types: Sequence[str], batch: Batch) -> Iterator[tuple[int, Sequence[str]]]:
    for award in awards:
        cells = [award.recipient.value if award.recipient.type.value == one else "" for one in types]
        amount = canonical(award.amount, batch.destination.unit)
        # One line an award: its amount is the sum of the rows behind it, and would be read back once for each of them.
        yield award.line, [*cells, award.recipient.source or "", amount, award.reason or batch.reason or ""]


__all__ = ["Activity", "BatchView", "Batches", "Decision", "Doubt", "Steered"]
