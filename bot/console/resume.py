"""``resume``: finish whatever is unfinished. Paused batches stay paused, except those that are named."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.app import App, opened
from bot.console import early, exits, output
from bot.console.preview import FROM_DOUBT, GOES_ON, held_back_lines, held_lane_lines
from bot.console.progress import Progress, counts_line
from bot.console.session import CLOCK, command_line_actor, load_settings, tell_dangers
from bot.console.signals import Signals, handled
from bot.domain.jsonable import Json, recipient_json
from bot.domain.model import Actor, Counts
from bot.domain.states import BatchState
from bot.errors import LedgerLocked, NotFound, Refused, UsageError
from bot.ledger.ledger import Ledger, is_there, no_ledger
from bot.ledger.restorations import NEXT, Restoration
from bot.services.batches import Doubt
from bot.services.halting import REASON_MAX
from bot.services.handover.summary import standing_json
from bot.services.watching import Doing
from bot.settings import Settings

FAILED: Final = "Nothing was resumed"
LOOK_EVERY: Final = 0.25
ID_DIGITS: Final = 18
WHICH: Final = "`bursar resume` alone names the batches that are paused, or not over."


def run(options: Namespace) -> int:
    """The command."""
    settings = load_settings(options)
    tell_dangers(settings)
    if not is_there(settings.database):
        if options.paused or options.stop or options.release is not None:
            raise no_ledger(settings.database)
        kept = early.kept()
        return _Report(options, [], [], None if kept is None else early.STOPPED_BY[kept], None).told()
    return asyncio.run(_resume(options, settings))


def failure(error: Json, status: int) -> Json:
    """The JSON object of a failure before anything was done."""
    return {
        "batch": None,
        "counts": Counts().as_json(),
        "exit_status": int(status),
        "batches": [],
        "doubts": [],
        "restored": None,
        "error": error,
    }


async def _resume(options: Namespace, settings: Settings) -> int:
    async with handled() as signals:
        try:
            async with opened(settings, CLOCK, patient=False, settling=not options.no_wait) as app:
                signals.awaiting(lambda: "Stopping: no new call; waiting for the one in flight to be recorded.")
                report = await _Work(options, app, signals, command_line_actor()).done()
        except LedgerLocked as locked:
            raise LedgerLocked(locked.message, hint=_in_discord(options)) from None
    return report.told()


def _in_discord(options: Namespace) -> str:
    """How a bot that runs already is told the same."""
    if options.stop:
        return "A running bot goes on by itself: stop the batch there, by `/batch stop`."
    if options.release is not None:
        return "With a running bot an emergency stop is released by the button on its card, or on that of `/settings`."
    if options.paused:
        return "A running bot goes on by itself, with a paused batch after `/batch resume`."
    return "A running bot goes on by itself; look at /batch list."


@dataclass(slots=True)
class _Work:
    """One run of the command."""

    options: Namespace
    app: App
    signals: Signals
    actor: Actor

    async def done(self) -> _Report:
        """Send and follow, then gather what is to be said."""
        named = [await self._named("--paused", text) for text in self.options.paused]
        ended = [await self._named("--stop", text) for text in self.options.stop]
        if both := sorted({*named} & {*ended}):
            raise UsageError(
                f"batch {both[0]} stands behind --paused and behind --stop",
                hint="A batch that is stopped never goes on.",
            )
        reason = None if self.options.release is None else _reason(self.options.release)
        if self.signals.status is None:  # else it came while the command started: none of that is done
            await self._stop(ended)
            if reason is not None:
                await self._release(reason)
            await self._go_on(named, alone=not ended and reason is None)
        batch_ids = await _unfinished(self.app.ledger)
        progress = Progress(CLOCK.monotonic)
        if batch_ids and self.signals.status is None:
            try:
                async with self.app.dispatching():
                    await self._until_done(batch_ids, progress)
            finally:
                progress.close()
        standings = [
            standing_json(await self.app.services.batches.view(batch_id, self.actor)) for batch_id in batch_ids
        ]
        doubts = [doubt for batch_id in batch_ids for doubt in await self._doubts(batch_id)]
        restored = await self.app.ledger.restorations.in_force()
        return _Report(self.options, standings, doubts, self.signals.status, restored)

    async def _release(self, reason: str) -> None:
        """Every emergency stop in force; what it paused stays paused."""
        for halt in await self.app.ledger.halts.stopped():
            await self.app.ledger.halts.release(halt.server_id, self.actor, reason)

    async def _stop(self, batch_ids: Sequence[int]) -> None:
        """For good, as `/batch stop` does it. Raises ``Refused`` where one has nothing to stop: then none is."""
        batch_ids = list(dict.fromkeys(batch_ids))
        try:
            done = await self.app.services.batches.stop_each(batch_ids, self.actor)
        except Refused as error:
            others = f" None of the {len(batch_ids)} batches was stopped." if len(batch_ids) > 1 else ""
            raise Refused(f"{output.sentence(error.message)}{others}", hint=error.hint) from None
        for batch_id, steered in zip(batch_ids, done, strict=True):
            if not steered.changed:
                output.note(f"Batch {batch_id} was stopped before.")
                continue
            cancelled = f"{output.plural(steered.awards, 'award')} cancelled, never sent. " if steered.awards else ""
            in_doubt = "What is in doubt and found not to have landed is cancelled, too."
            output.note(f"Batch {batch_id} is stopped. {cancelled}{in_doubt}")

    async def _named(self, option: str, text: str) -> int:
        """The batch of this number. A slip in one of several is found before anything is done."""
        if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS):
            raise UsageError(f"{option} takes a batch's number", hint=WHICH)
        try:
            return (await self.app.ledger.queries.batch(int(text), None)).id
        except NotFound:
            raise UsageError(f"there is no batch {int(text)} here", hint=WHICH) from None

    async def _go_on(self, batch_ids: Sequence[int], *, alone: bool) -> None:
        """With paused batches: whoever is at the shell may do what `/batch resume` does. What is refused is left as it
        is; raises the refusal where nothing is left to go on with and that was all (``alone``) that was asked for."""
        refused: dict[int, Refused] = {}
        for batch_id in batch_ids:
            try:
                steered = await self.app.services.batches.resume(batch_id, self.actor)
            except Refused as error:
                refused[batch_id] = error
            else:
                if not steered.changed:
                    output.note(f"Batch {batch_id} is not paused.")
        if alone and refused and len(refused) == len(set(batch_ids)):
            raise next(iter(refused.values()))
        for batch_id, why in refused.items():
            output.note(f"Batch {batch_id} is left as it is: {output.sentence(why.message)}")

    async def _until_done(self, batch_ids: Sequence[int], progress: Progress) -> None:
        quiet = asyncio.ensure_future(self.app.services.dispatcher.until_quiet(batch_ids, settled=True))
        stop = asyncio.ensure_future(self.signals.first())
        try:
            while not quiet.done() and not stop.done():
                await self._show(batch_ids, progress)
                pause = asyncio.ensure_future(CLOCK.sleep(LOOK_EVERY))
                await asyncio.wait({quiet, stop, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                if self.options.no_wait and await self._all_sent(batch_ids):
                    break
            if stop.done() or not quiet.done():
                await self.app.drain()
            else:
                await quiet
            await self._show(batch_ids, progress)
        finally:
            quiet.cancel()
            stop.cancel()

    async def _all_sent(self, batch_ids: Sequence[int]) -> bool:
        """Nothing is left to send where something may be sent; jobs may still be under way."""
        dispatcher = self.app.services.dispatcher
        for batch_id in batch_ids:
            if dispatcher.activity(batch_id).doing in (Doing.SENDING, Doing.SENDING_AGAIN):
                return False
            batch = await self.app.ledger.queries.batch(batch_id, None)
            counts = await self.app.ledger.queries.counts(batch_id)
            away = dispatcher.activity(batch_id).doing is Doing.AWAY
            if counts.planned and batch.state is BatchState.OPEN and not away:
                return False
        return True

    async def _show(self, batch_ids: Sequence[int], progress: Progress) -> None:
        counts = _summed([await self.app.ledger.queries.counts(batch_id) for batch_id in batch_ids])
        activities = [self.app.services.dispatcher.activity(batch_id) for batch_id in batch_ids]
        settling = [one.until for one in activities if one.doing is Doing.SETTLING and one.until is not None]
        at = min(settling, default=None)
        reading = at is not None and at <= CLOCK.now()
        waits = any(one.doing is Doing.WAITING_FOR_LANE for one in activities)
        again = any(one.doing is Doing.SENDING_AGAIN for one in activities)
        doing = Doing.WAITING_FOR_LANE.value if waits else None
        doing = Doing.SENDING_AGAIN.value if again else "reading-back" if reading else doing
        told = {"settled_at": None if reading else at, "doing": doing}
        progress.standing({"counts": counts.as_json(), **told})

    async def _doubts(self, batch_id: int) -> list[Json]:
        doubts = await self.app.services.batches.doubts(batch_id, self.actor)
        return [one for doubt in doubts for one in _doubt_json(batch_id, doubt)]


def _reason(text: str) -> str:
    """Of a release. Raises ``UsageError``."""
    said = " ".join(text.split())[:REASON_MAX]
    if not said:
        raise UsageError("--release takes a reason", hint="Say in a few words why.")
    return said


async def _unfinished(ledger: Ledger) -> Sequence[int]:
    """Batches with something to do, in doubt, or paused: paused ones are left alone, but they are not done either."""
    found = [*await ledger.queries.unfinished(), *await ledger.queries.batches_at_work()]
    with_jobs = [job.batch_id for job in await ledger.claims.jobs()]
    return sorted({batch.id for batch in found} | set(with_jobs))


def _doubt_json(batch_id: int, doubt: Doubt) -> list[Json]:
    """One object for each award in doubt, with why it is."""
    why = doubt.attempt.detail or "the process ended while its call was under way"
    return [
        {
            "batch": str(batch_id),
            "award": str(award.id),
            "line": award.line,
            "recipient": recipient_json(award.recipient),
            "detail": award.detail,
            "why": why,
            "whole_call": doubt.whole_call,
            "job": doubt.attempt.job_id,
        }
        for award in doubt.awards
    ]


LISTED: Final = 20
"""Awards in doubt that are printed one by one: as many as a terminal shows."""


@dataclass(frozen=True, slots=True)
class _Report:
    """What is said at the end."""

    options: Namespace
    standings: Sequence[Json]
    doubts: Sequence[Json]
    stopped_by: int | None
    restored: Restoration | None
    """The ledger waits to be signed off."""

    def told(self) -> int:
        """Print it; the exit status."""
        counts = _summed([Counts(**standing["counts"]) for standing in self.standings])
        status = exits.of_counts(counts, self.stopped_by)
        with output.if_heard():
            for line in self._lines():
                output.say(line, json_mode=self.options.json)
            if self.options.json:
                output.emit(
                    {
                        "batch": self.standings[0]["batch"] if self.standings else None,
                        "counts": counts.as_json(),
                        "exit_status": int(status),
                        "batches": list(self.standings),
                        "doubts": list(self.doubts),
                        "restored": None if self.restored is None else self.restored.message,
                        "error": None,
                    }
                )
        return status

    def _lines(self) -> Iterator[str]:
        if self.restored is not None:
            yield f"This ledger was {output.sentence(self.restored.message)} {NEXT}"
        if not self.standings:
            yield "Nothing is unfinished."
        for standing in self.standings:
            yield f"Batch {standing['batch']} ({standing['programme']}): {counts_line(standing['counts'])}."
            if standing["pause"]:
                yield f"  {output.paused(standing['pause']['message'])}"
                yield f"  {GOES_ON.format(batch=standing['batch'])} goes on with it."
            yield from (f"  {line}" for line in held_back_lines(standing))
            yield from (f"  {line}" for line in held_lane_lines(standing))
        if self.doubts:
            yield f"{output.plural(len(self.doubts), 'award is', 'awards are')} in doubt and not sent again:"
            yield from output.table(
                [
                    (
                        f"award {one['award']}",
                        f"batch {one['batch']}",
                        f"line {one['line']}",
                        f"{one['recipient']['type']} {one['recipient']['value']}",
                        one["detail"] or one["why"],
                    )
                    for one in self.doubts[:LISTED]
                ]
            )
            if len(self.doubts) > LISTED:
                more = len(self.doubts) - LISTED
                yield f"… and {more:,} more: `bursar resume --no-wait --json` and `bursar export` have all of them."
            if self.options.no_wait or self.stopped_by is not None:
                yield FROM_DOUBT
            else:
                yield "`/batch resolve` in Discord settles them: it arrived, send again, or write off."


def _summed(counts: Sequence[Counts]) -> Counts:
    names = Counts().as_json()
    return Counts(**{name: sum(one.as_json()[name] for one in counts) for name in names})
