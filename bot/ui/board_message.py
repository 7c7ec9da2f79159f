"""One batch's message in the staff channel: gathered, posted, edited, closed. Raises what Discord refuses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.domain.model import Actor, Pause, PauseKind, cause_of
from bot.domain.states import BatchState
from bot.ledger.boards import Board
from bot.ledger.queries import Event
from bot.services.batches import BatchView
from bot.services.bundle import Services
from bot.services.rules import ServerRules
from bot.ui import batch_text
from bot.ui.batch_cards import LISTED_AWARDS, BoardFacts, alert_card, alert_over_card, board_card
from bot.ui.permissions import programme_title
from bot.ui.results import ResultFile, result_file, unattached, untaken
from bot.ui.staff import (
    NO_MENTIONS,
    StaffChannelError,
    find_channel,
    fit,
    is_refused_for_good,
    may_attach,
    nonce_of,
    post,
)
from bot.ui.start_rule import HAS_LEFT
from bot.ui.text import escape

EVERYWHERE: Final = Actor("bursar", "Bursar", None)
"""The board looks after the batches of every server."""

UNKNOWN_MESSAGE: Final = 10008
"""Discord's code for a message that was deleted."""

ALERTED: Final = "staff-alerted"
PAUSE_ENDS: Final = ("batch-resumed", "batch-stopped")
"""Entries of the history."""

NEXT_STEPS: Final = {
    PauseKind.KEY: "the operator puts the right key into the settings (`bursar doctor` checks it), then *Resume*.",
    PauseKind.ACCESS: "the operator gives the key what it lacks (`bursar doctor` says what), then *Resume*.",
    PauseKind.CURRENCY: "choose the currency with `/settings currency`, then *Resume*.",
    PauseKind.QUOTA: "wait until the service renews the quota, or take a larger plan, then *Resume*.",
    PauseKind.SETTINGS: "put the setting back and *Resume*, or *Stop* and send the rows anew.",
    PauseKind.DISTURBED: "the operator finds out who else uses its places (`bursar doctor --evidence`), then *Resume*.",
    PauseKind.RESTORED: "the operator compares with the services and signs it off (`bursar restore`), then *Resume*.",
    PauseKind.UNCLEAR: "see whether the service is well and settle the rows in doubt, then *Resume*.",
}
SEND_ANEW: Final = "*Stop* and send the rows anew, as nobody can confirm or approve from outside the server."


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in the channel now."""

    components: list[dict[str, Any]]
    refused: discord.HTTPException | None = None
    """It does not: Discord does not take it, and would not the next time."""
    lacks_file: bool = False
    """The result file may not be attached for now."""


class BoardMessage:
    """One batch's message. Made for one look and thrown away."""

    def __init__(self, services: Services, client: discord.Client, view: BatchView, rules: ServerRules) -> None:
        self._services = services
        self._client = client
        self._view = view
        self._batch = view.batch
        self._rules = rules

    async def update(
        self, *, restarted_at: int | None, shown: list[dict[str, Any]] | None, attach: bool = True
    ) -> Shown:
        """Bring the message up to date: posted when it is new or was deleted, left alone when it says the same already.

        A batch that is over gets its totals and result file, and its board is closed; where Discord does not take the
        file, the totals alone, and where it may not be attached for now, the board stays open for it. Raises
        ``StaffChannelError`` and what discord.py raises that may pass.
        """
        board, fresh = await self._board()
        channel, board = await self._channel(board)
        over = batch_text.is_over(self._view)
        wants_file = over and self._has_file()
        lacks_file = wants_file and not may_attach(channel)
        result = await self._result(channel, attach) if wants_file else ResultFile(None, None)
        facts = await self._facts(restarted_at, result)
        card = fit(board_card(self._view, facts, practice=self._services.practice), self._rules)
        card.stop()  # its buttons are found by their ids; nothing is to be remembered for this message
        components: list[dict[str, Any]] = card.to_components()  # type: ignore[no-untyped-call]  # discord.py has none here
        if board.message_id is None or components != shown:
            if board.closed:
                await self._services.boards.reopen(self._batch.id)
            try:
                await self._put(channel, board, card, result, fresh=fresh)
            except discord.HTTPException as error:
                if not is_refused_for_good(error):
                    raise
                if result.file is not None:
                    return await self.update(restarted_at=restarted_at, shown=None, attach=False)
                return Shown(components, error)
        if over and not lacks_file:
            await self._services.boards.close(self._batch.id)
        return Shown(components, lacks_file=lacks_file)

    async def alert(self, *, standing: bool) -> bool:
        """Tell the staff about a pause that no person asked for: once for each pause, in a message of its own, which
        says so when it is over. ``standing``: an alert may be there from before. Whether one is now."""
        pause = self._batch.pause if self._batch.state is BatchState.PAUSED else None
        waits = pause is not None and pause.kind is not PauseKind.PERSON
        if not waits and not standing:
            return False
        events = await self._services.batches.history(self._batch.id, EVERYWHERE)
        paused, alerted = _last(events, "batch-paused"), _last(events, ALERTED)
        told = paused is not None and alerted is not None and alerted.seq > paused.seq
        if alerted is not None and not (waits and told):
            await self._end_alert(alerted, events)
        if pause is not None and waits and paused is not None and not told:
            await self._post_alert(pause, paused)
        return waits

    async def _post_alert(self, pause: Pause, paused: Event) -> None:
        batch, planned = self._batch, self._view.counts.planned
        channel = await self._where_staff_reads()
        reason, practice = escape(pause.cause, 400), self._services.practice
        next_step = SEND_ANEW if pause.message.endswith(HAS_LEFT) else NEXT_STEPS[pause.kind]
        card = alert_card(batch, reason, next_step, planned, code=self._view.code, practice=practice)
        card.stop()
        nonce = nonce_of(ALERTED, batch.id, batch.recorded_at, paused.seq)
        message = await post(channel, card, self._rules, nonce=nonce)
        where = {"pause": paused.seq, "channel": str(channel.id), "message": str(message.id)}
        await self._services.steering.note(
            ALERTED, batch_id=batch.id, server_id=batch.actor.server_id, actor=None, detail=where
        )

    async def _end_alert(self, alerted: Event, events: Sequence[Event]) -> None:
        """Let an alert say who ended the pause. One that was deleted, or stands where Bursar cannot write, is left."""
        server, where = self._batch.actor.server_id, alerted.detail
        paused = next((event for event in events if event.seq == where.get("pause")), None)
        ended = next((one for one in events if paused and one.seq > paused.seq and one.kind in PAUSE_ENDS), None)
        if server is None or paused is None or ended is None or "message" not in where:
            return
        reason = escape(cause_of(str(paused.detail.get("message", ""))), 400)
        card = alert_over_card(self._batch, reason, ended, code=self._view.code, practice=self._services.practice)
        card.stop()
        with suppress(StaffChannelError, discord.NotFound):
            channel = find_channel(self._client, server, str(where["channel"]), files=False)
            message = channel.get_partial_message(int(str(where["message"])))
            await message.edit(view=fit(card, self._rules), allowed_mentions=NO_MENTIONS)

    # --- where --------------------------------------------------------------------------------------------------

    async def _board(self) -> tuple[Board, bool]:
        """The batch's board, and whether it was registered just now."""
        board = await self._services.boards.get(self._batch.id)
        if board is not None:
            return board, False
        if self._rules.staff_channel_id is None:
            raise StaffChannelError("No staff channel is set.", hint="Choose one in /settings.")
        return await self._services.boards.open(self._batch.id, self._rules.staff_channel_id), True

    async def _channel(self, board: Board) -> tuple[discord.TextChannel, Board]:
        """Where the board is, or the staff channel of now where that place is gone or was opened to everyone. A message
        that stands there is kept up to date also where no file can be attached any more."""
        server = self._batch.actor.server_id
        assert server is not None  # batches of the command line have no board
        try:
            is_new = board.message_id is None
            return find_channel(self._client, server, board.channel_id, files=is_new), board
        except StaffChannelError:
            now = self._rules.staff_channel_id
            if now is None or now == board.channel_id:
                raise
            channel = find_channel(self._client, server, now)
            return channel, await self._services.boards.move(self._batch.id, now)

    async def _where_staff_reads(self) -> discord.TextChannel:
        """The staff channel of now, also where the board began in an earlier one: somebody has to see it."""
        server, now = self._batch.actor.server_id, self._rules.staff_channel_id
        if server is not None and now is not None:
            with suppress(StaffChannelError):
                return find_channel(self._client, server, now, files=False)
        channel, _ = await self._channel((await self._board())[0])
        return channel

    # --- what ---------------------------------------------------------------------------------------------------

    def _has_file(self) -> bool:
        """A small ``/award`` names every award on the card itself."""
        return self._batch.source != "award" or self._batch.awards > LISTED_AWARDS

    async def _result(self, channel: discord.TextChannel, attach: bool) -> ResultFile:
        if not attach:
            return untaken(self._batch.id)
        if not may_attach(channel):
            return unattached(channel.id)
        pieces = self._services.batches.result_file(self._batch.id, EVERYWHERE)
        return await result_file(pieces, self._batch.id, channel.guild.filesize_limit)

    async def _facts(self, restarted_at: int | None, result: ResultFile) -> BoardFacts:
        by = None
        if self._batch.state in (BatchState.PAUSED, BatchState.STOPPED):
            events = await self._services.batches.history(self._batch.id, EVERYWHERE)
            by = batch_text.who_ended(self._view, events)
        return BoardFacts(
            programme=programme_title(self._rules, self._batch.programme),
            first=await self._services.batches.first_awards(self._batch.id, EVERYWHERE, LISTED_AWARDS),
            by=by,
            restarted_at=restarted_at,
            file_name=result.name,
            file_note=result.note,
        )

    # --- posting ------------------------------------------------------------------------------------------------

    async def _put(
        self,
        channel: discord.TextChannel,
        board: Board,
        card: discord.ui.LayoutView,
        result: ResultFile,
        *,
        fresh: bool,
    ) -> None:
        if board.message_id is not None:
            try:
                await self._edit(channel, int(board.message_id), card, result)
                return
            except discord.NotFound as error:
                if error.code != UNKNOWN_MESSAGE:
                    raise
        nonce = nonce_of("board", self._batch.id, self._batch.recorded_at, channel.id, board.message_id)
        message = await post(channel, card, self._rules, nonce=nonce, file=result.file)
        await self._services.boards.posted(self._batch.id, str(message.id))
        if not fresh and board.message_id is None:
            # An earlier post may have arrived without our noticing: then this one was answered with that message.
            await self._edit(channel, message.id, card, result)

    async def _edit(
        self, channel: discord.TextChannel, message_id: int, card: discord.ui.LayoutView, result: ResultFile
    ) -> None:
        if result.file is not None:
            result.file.reset()
        files = [] if result.file is None else [result.file]
        message = channel.get_partial_message(message_id)
        await message.edit(view=card, attachments=files, allowed_mentions=NO_MENTIONS)


def _last(events: Sequence[Event], kind: str) -> Event | None:
    return next((event for event in reversed(events) if event.kind == kind), None)
