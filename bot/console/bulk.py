"""``bulk``: check a file, preview it, confirm, record, send, follow to the end."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.app import opened
from bot.console import exits, output, preview, questions
from bot.console.aftermath import recorded_batch, standing_from_file, trouble_after_recording
from bot.console.exits import Exit
from bot.console.parser import readable
from bot.console.progress import Progress
from bot.console.session import CLOCK, command_line_actor, load_settings, read_upload, tell_dangers
from bot.console.signals import Signals, StoppedEarlyError, handled
from bot.domain.intake import REASON_MAX
from bot.domain.model import Counts
from bot.errors import BursarError, LedgerLocked, LimitExceeded, MatchedEarlier, Refused, UsageError
from bot.services.handover import Answer, Desk, LocalDesk, Order, connected, kind_of, socket_path
from bot.services.programmes import Programmes
from bot.settings import Settings

FAILED: Final = "Nothing was sent"
PAID_BEFORE: Final = (
    "Take those rows out of the file, once, and send the rest. If rows of the rest are then said to be paid too, though"
    " they are meant besides, leave them in and say --again. With the file as it is, --again pays those rows a second"
    " time."
)
"""The next step. A row is known by its amount: of a file with a further row like it, that one is taken for it next."""
Json = dict[str, Any]


def run(options: Namespace) -> int:
    """The command."""
    settings = load_settings(options)
    tell_dangers(settings)
    return asyncio.run(_bulk(options, settings))


def failure(error: Json, status: int) -> Json:
    """The JSON object of a failure before anything was recorded."""
    return _result(None, None, status, error)


class BadRowsError(BursarError):
    """Some rows are bad and nobody said that the good ones are wanted all the same."""

    kind: Final = "bad-rows"

    def __init__(self, rows: int) -> None:
        bad = output.plural(rows, "row is", "rows are")
        super().__init__(f"{bad} bad", hint="Correct the file, or say --good-rows to send the others.")


class StoppedError(BursarError):
    """A person ended it in time. No defect, which is what an error without a class of its own is called in JSON."""

    kind: Final = "stopped"

    def __init__(self) -> None:
        super().__init__("stopped before anything was recorded")


async def _bulk(options: Namespace, settings: Settings) -> int:
    order = _order(options, settings)
    # A wrong name is a mistake of usage, whoever holds the ledger; it must not even make a new ledger file.
    Programmes(settings.programmes(), _no_provider).get(order.programme)
    async with handled() as signals, _at_desk(settings) as (desk, sending):
        job = _Job(options, settings, signals, desk, sending, Progress(CLOCK.monotonic))
        return await job.through(order)


def _order(options: Namespace, settings: Settings) -> Order:
    path = Path(options.file)
    return Order(
        programme=options.programme,
        file_name=readable(path.name),
        content=read_upload(path, settings.max_file_bytes),
        reason=_reason(options.reason),
        amount=options.amount,
        duplicates=options.duplicates,
        recipient_column=options.recipient_column,
        amount_column=options.amount_column,
        good_rows=options.good_rows,
        again=options.again,
    )


def _reason(text: str | None) -> str | None:
    """On one line, as reasons of a file are; but nobody sees a warning in time if it is cut."""
    reason = " ".join((text or "").split())
    if len(reason) > REASON_MAX:
        raise UsageError(f"--reason has {len(reason):,} characters, and {REASON_MAX} are kept", hint="Shorten it.")
    return reason or None


def _no_provider(programme: object) -> Any:
    raise AssertionError("names are only looked at here")


Sending = Callable[[], AbstractAsyncContextManager[None]]
"""Makes sure that somebody sends what was recorded, while inside."""


@asynccontextmanager
async def _at_desk(settings: Settings) -> AsyncIterator[tuple[Desk, Sending]]:
    """The ledger in this process, or a running bot that holds it. Raises ``LedgerLocked`` when neither is to be had."""
    actor = command_line_actor()
    async with AsyncExitStack() as stack:
        try:
            app = await stack.enter_async_context(opened(settings, CLOCK, patient=False, only_woken=True))
        except LedgerLocked as locked:
            path = socket_path(settings.database)
            remote = await stack.enter_async_context(connected(path, actor.name, locked))
            output.note("Another process holds the ledger: the batch is handed over to it.")
            yield remote, nullcontext
            return

        async def stop_sending(_: int) -> None:
            await app.drain()

        yield LocalDesk(app.services, app.ledger, actor, stop_sending), app.dispatching


@dataclass(slots=True)
class _Job:
    """One run of the command."""

    options: Namespace
    settings: Settings
    signals: Signals
    desk: Desk
    sending: Sending
    progress: Progress

    async def through(self, order: Order) -> int:
        """From the file to the exit status."""
        summary: Json | None = None
        self.signals.awaiting(lambda: "Stopping: nothing was sent.")
        recorded = False
        try:
            summary = await self._submitted(order)
            self._show(summary)
            self._judge(summary)
            await self._ask(summary)
            self.signals.awaiting(lambda: "Stopping: waiting for what is being recorded or sent to end.")
            batch_id = await self._confirmed(summary)
            recorded = True
        except StoppedEarlyError:
            return self._end(summary, None, self.signals.status or Exit.REFUSED, StoppedError())
        except BadRowsError as error:
            return self._end(summary, None, Exit.BAD_ROWS, error)
        except BursarError as error:
            return self._end(summary, None, exits.of_error(error), error)
        finally:
            self.progress.close()
            if not recorded:
                with suppress(BursarError):  # an abandoned draft is purged; nothing depends on taking it back
                    await self.desk.withdraw()
        return await self._sent(summary, batch_id)

    # --- until it is recorded -----------------------------------------------------------------------------------

    async def _submitted(self, order: Order) -> Json:
        try:
            return await self.signals.unless_stopped(self.desk.submit(order, self.progress.looking_up))
        finally:
            self.progress.close()

    def _show(self, summary: Json) -> None:
        for line in preview.preview_lines(summary):
            output.say(line, json_mode=self.options.json)

    def _judge(self, summary: Json) -> None:
        """What stands in the way of sending, in the order of the exit statuses."""
        if (refused := summary["refused"]) is not None:
            hint = preview.choice_words(refused["kind"], refused["choices"])
            raise UsageError(f"the file is refused: {refused['message']}", hint=hint)
        if summary["problem_rows"] and not self.options.good_rows:
            raise BadRowsError(summary["problem_rows"])
        if summary["over_limit"] is not None:
            raise LimitExceeded(summary["over_limit"])
        if summary["matched"]["blocking"] and not self.options.again:
            raise MatchedEarlier(str(summary["matched"]["message"]), hint=PAID_BEFORE)
        if not summary["rows"]:
            raise Refused("nothing in this file is to be sent", hint="What is said of the file above tells why.")
        if not self.options.yes and not questions.can_ask():
            raise Refused("nobody can be asked here, because this is no terminal", hint="Say --yes to send.")

    async def _ask(self, summary: Json) -> None:
        if self.options.yes:
            return
        if not await self.signals.unless_stopped(questions.confirmed(_question(summary))):
            raise Refused("declined")

    async def _confirmed(self, summary: Json) -> str:
        """Record it. From here on a signal waits, so that nobody is left not knowing whether there is a batch."""
        if self.signals.status is not None:
            raise StoppedEarlyError
        answer = Answer(
            summary["content_hash"],
            good_rows=self.options.good_rows,
            again=self.options.again,
            matches_seen=summary["matched"]["mark"],
        )
        try:
            return await self.desk.confirm(answer)
        except BursarError:
            batch_id = await recorded_batch(self.settings, summary["draft"])
            if batch_id is None:
                raise
            return batch_id

    # --- afterwards ---------------------------------------------------------------------------------------------

    async def _sent(self, summary: Json, batch_id: str) -> int:
        error: BursarError | None = None
        try:
            standing = await self._followed(batch_id)
        except Exception as trouble:
            error = trouble_after_recording(trouble)
            standing = await standing_from_file(self.settings, batch_id)
        finally:
            self.progress.close()
        counts = Counts(**standing["counts"])
        status = exits.of_counts(counts, self.signals.status)
        return self._end(summary, standing, status, error)

    async def _followed(self, batch_id: str) -> Json:
        output.note(f"Recorded as batch {batch_id}.")
        standing: Json = {}
        if self.signals.status is None:
            async with self.sending():
                standing = await self._until_quiet()
        return standing or await standing_from_file(self.settings, batch_id)

    async def _until_quiet(self) -> Json:
        halting = asyncio.ensure_future(self._halt_at_signal())
        standing: Json = {}
        try:
            async for standing in self.desk.follow():
                self.progress.standing(standing)
        finally:
            halting.cancel()
        return standing

    async def _halt_at_signal(self) -> None:
        await self.signals.first()
        with suppress(BursarError):  # the driver is gone: ``follow`` says so
            await self.desk.halt()

    def _end(self, summary: Json | None, standing: Json | None, status: int, error: BursarError | None) -> int:
        json_mode = self.options.json
        stopped = self.signals.status is not None
        with output.if_heard():
            for line in () if standing is None else preview.end_lines(standing, stopped=stopped):
                output.say(line, json_mode=json_mode)
        if error is not None:
            output.complain(error, FAILED if standing is None else "Not followed to the end")
        if json_mode:
            with output.if_heard():
                output.emit(_result(summary, standing, status, _error_json(error)))
        return status


def _question(summary: Json) -> str:
    awards = output.plural(summary["sendable"], "award")
    deductions = f", {summary['deductions']:,} of them deductions," if summary["deductions"] else ""
    matched = summary["matched"]["blocking"]
    again = f", {matched:,} of them a second time," if matched else ""
    return f"Send {awards}{deductions}{again} with {summary['programme']}?"


def _error_json(error: BursarError | None) -> Json | None:
    if error is None:
        return None
    kind = error.kind if isinstance(error, BadRowsError | StoppedError) else kind_of(error)
    return {"kind": kind, "message": error.message, "hint": error.hint}


def _result(summary: Json | None, standing: Json | None, status: int, error: Json | None) -> Json:
    """The command's one JSON object."""
    seen, now = summary or {}, standing or {}
    return {
        "batch": now.get("batch"),
        "counts": now.get("counts") or Counts().as_json(),
        "receipt": now.get("receipt"),
        "exit_status": int(status),
        "programme": seen.get("programme"),
        "total": now.get("total", seen.get("total")),
        "rows": seen.get("rows"),
        "recipients": seen.get("recipients"),
        "unresolved_rows": seen.get("unresolved_rows"),
        "problem_rows": seen.get("problem_rows"),
        "problems": seen.get("problems", []),
        "warnings": seen.get("warnings", []),
        "refused": seen.get("refused"),
        "matched": seen.get("matched"),
        "label": seen.get("label"),
        "file": seen.get("file"),
        "plan": seen.get("plan"),
        "state": now.get("state"),
        "pause": now.get("pause"),
        "sums": now.get("sums", {}),
        "error": error,
    }
