"""One batch from file to its end, as the command line goes through it: submit, look at it, confirm, follow.

``Desk`` is what the command line talks to. ``LocalDesk`` does it in this process; ``client.RemoteDesk`` asks a running
bot, whose ``server`` answers with a ``LocalDesk`` of its own. So both ways show and return the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from bot.domain.intake import Content, Held
from bot.domain.jsonable import Json
from bot.domain.model import Actor, Duplicates
from bot.errors import UsageError
from bot.ledger.ledger import Ledger
from bot.services.bundle import Services
from bot.services.handover.summary import MAX_PROBLEMS, preview_json, standing_json
from bot.services.previewing import Preview
from bot.services.rules import Limits
from bot.services.wishes import Choice, Upload, Wish

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at a batch that is being sent."""

Progress = Callable[[int, int], None]
"""Told how many recipients are looked up, of how many."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line was asked to send."""

    programme: str
    file_name: str
    content: Content = field(repr=False)
    reason: str | None = None
    amount: str | None = None
    duplicates: str = Duplicates.SUM.value
    recipient_column: str | None = None
    amount_column: str | None = None
    good_rows: bool = False
    """Bad rows will not stop the send, so recipients are worth looking up in spite of them."""
    again: bool = False
    """Nor will rows that were paid lately."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided about the preview."""

    content_hash: str
    good_rows: bool
    again: bool
    matches_seen: str = ""
    """``mark`` of the summary's ``matched``."""


class Desk(Protocol):
    """One batch. The methods are called in this order; ``withdraw`` in the place of ``confirm`` drops the draft."""

    async def submit(self, order: Order, progress: Progress) -> Json:
        """Check the file and look its recipients up; the summary of ``summary.preview_json``.

        Recipients of what the order itself says will not be sent (bad rows without ``good_rows``, and so on) are not
        looked up: that verdict must not depend on whether the service answers. But for what only a look-up tells, and
        is said before that. Raises ``UsageError``, ``SettingsError``, ``Refused``.
        """

    async def confirm(self, answer: Answer) -> str:
        """Record the batch; its id. Raises ``Refused``."""

    async def withdraw(self) -> None:
        """Nothing is to be sent: drop the draft, if there is one."""

    def follow(self) -> AsyncIterator[Json]:
        """``summary.standing_json`` again and again, at last when nothing more can be done, or after ``halt``."""

    async def halt(self) -> None:
        """Begin no new call; ``follow`` ends once the call in flight is recorded."""


class LocalDesk:
    """A desk inside the process that holds the ledger."""

    def __init__(
        self, services: Services, ledger: Ledger, actor: Actor, stop_sending: Callable[[int], Awaitable[None]]
    ) -> None:
        """``stop_sending`` begins no new call for a batch and returns when the one in flight is recorded."""
        self._services = services
        self._ledger = ledger
        self._actor = actor
        self._stop_sending = stop_sending
        self._draft_id: int | None = None
        self._batch_id: int | None = None
        self._limits = Limits()
        self._halting: asyncio.Task[None] | None = None

    async def submit(self, order: Order, progress: Progress) -> Json:
        wish = self._wish(order)
        upload = Upload(order.file_name, order.content, "cli")
        self._limits = self._services.servers.limits(wish.programme, None, may_award_self=True)
        preview = await self._services.submitting.draft_file(upload, wish, self._actor, self._limits)
        self._draft_id = preview.draft.id
        if preview.totals.pending and _is_to_be_looked_up(preview, order):
            preview = await self._services.submitting.look_up(
                preview.draft.id, self._actor, self._limits, progress=progress
            )
        return await self._summary(preview)

    async def confirm(self, answer: Answer) -> str:
        if self._draft_id is None:
            raise UsageError("there is nothing to confirm yet")
        choice = Choice(
            answer.content_hash,
            good_rows=answer.good_rows,
            again=answer.again,
            matches_seen=answer.matches_seen,
        )
        recorded = await self._services.submitting.confirm(self._draft_id, choice, self._actor, self._limits)
        self._batch_id, self._draft_id = recorded.batch_id, None
        return str(recorded.batch_id)

    async def withdraw(self) -> None:
        if self._draft_id is not None:
            draft_id, self._draft_id = self._draft_id, None
            await self._services.submitting.cancel(draft_id, self._actor)

    async def follow(self) -> AsyncIterator[Json]:
        batch_id = self._recorded_batch()
        quiet = asyncio.ensure_future(self._services.dispatcher.until_quiet([batch_id]))
        try:
            while not quiet.done():
                yield await self._standing(batch_id)
                pause = asyncio.ensure_future(self._services.clock.sleep(LOOK_EVERY))
                await asyncio.wait({quiet, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
            await quiet
        finally:
            quiet.cancel()
        if self._halting is not None:
            await self._halting
        yield await self._standing(batch_id)

    async def halt(self) -> None:
        if self._halting is None:
            self._halting = asyncio.ensure_future(self._begin_halt(self._recorded_batch()))
        await asyncio.shield(self._halting)

    async def _begin_halt(self, batch_id: int) -> None:
        await self._stop_sending(batch_id)

    async def _standing(self, batch_id: int) -> Json:
        return standing_json(await self._services.batches.view(batch_id, self._actor))

    async def _summary(self, preview: Preview) -> Json:
        problems = await self._ledger.drafts.problems(preview.draft.id, MAX_PROBLEMS)
        paid = await self._ledger.drafts.paid_lately(preview.draft.id) if preview.matches.rows else ()
        return preview_json(preview, problems, paid)

    def _wish(self, order: Order) -> Wish:
        return Wish(
            programme=self._services.programmes.get(order.programme),
            reason=order.reason,
            amount=order.amount,
            duplicates=Duplicates(order.duplicates),
            recipient_column=order.recipient_column,
            amount_column=order.amount_column,
        )

    def _recorded_batch(self) -> int:
        if self._batch_id is None:
            raise UsageError("there is no batch to follow yet")
        return self._batch_id


def _is_to_be_looked_up(preview: Preview, order: Order) -> bool:
    if preview.refused is not None or (preview.totals.problems and not order.good_rows):
        return False
    # These make rows bad once everybody is looked up. Bad rows are told before a limit and before rows that were paid,
    # and what is over the limit may not be, once a row is not counted twice.
    if Duplicates(order.duplicates) in (Duplicates.ONCE, Duplicates.REFUSE):
        return True
    return preview.over_limit is None and (order.again or not preview.blocking_matches)


def order_from(message: Mapping[str, Any], content: bytes) -> Order:
    """An order from a message of the socket. Raises ``UsageError`` for one that makes no sense."""
    duplicates = message.get("duplicates")
    if duplicates not in [one.value for one in Duplicates]:
        raise UsageError("the order does not say what to do with duplicates")
    optional = {name: message.get(name) for name in ("reason", "amount", "recipient_column", "amount_column")}
    required = (message.get("programme"), message.get("file_name"))
    if not all(isinstance(value, str) for value in required) or not all(
        value is None or isinstance(value, str) for value in optional.values()
    ):
        raise UsageError("the order is not complete")
    return Order(
        str(required[0]),
        str(required[1]),
        Held(content),
        duplicates=str(duplicates),
        good_rows=message.get("good_rows") is True,
        again=message.get("again") is True,
        **optional,
    )
