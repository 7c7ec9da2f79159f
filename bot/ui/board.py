"""The staff channel's boards: one message for each batch, kept up to date, with the result at the end.

The composition root adds a ``StaffBoard`` to the dispatcher's watchers and runs ``StaffBoard.run`` as a task of its
own, beside the Discord client and the dispatcher, until it cancels it. It never stands in the dispatcher's way: being
told is one note in memory, and what Discord refuses is logged and tried again later. Where messages stand is in the
ledger, so a restart goes on with the same ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.clock import milliseconds
from bot.domain.model import Batch, Pause
from bot.domain.states import BatchState
from bot.errors import BursarError, NotFound
from bot.services.batches import BatchView
from bot.services.bundle import Services
from bot.services.watching import Doing
from bot.ui.batch_text import is_over
from bot.ui.board_message import EVERYWHERE, BoardMessage
from bot.ui.permissions import joined_of
from bot.ui.staff import StaffChannelError

_log = logging.getLogger(__name__)

EDIT_EVERY_SECONDS: Final = 3.0
"""A message under way is edited no more often than this; a change of what is going on does not wait."""

EDIT_OLD_EVERY_SECONDS: Final = 30.0
OLD_AFTER_SECONDS: Final = 3000.0
"""Messages older than an hour have a limit of edits of their own (code 30046), whose number is not published."""

FIRST_LOOK_SECONDS: Final = 0.3
"""A new batch is given that long before it is posted: a single award is over by then, and needs no edit."""

BACKOFF_FIRST_SECONDS: Final = 15.0
BACKOFF_MAX_SECONDS: Final = 600.0
"""After a refusal Discord is asked again ever more slowly: 10,000 refusals in 10 minutes ban the address
(docs.discord.com/developers/topics/rate-limits, "Invalid Request Limit")."""

STATES_EVERY_SECONDS: Final = 0.5
CONNECTION_POLL_SECONDS: Final = 0.25
NO_CHANNEL_SECONDS: Final = 30.0
"""How often a running batch is looked at in a server that has no staff channel (yet)."""
REMEMBERED: Final = 512
"""Boards at rest of which something is remembered; all of it can be read anew."""
GIVE_UP_AFTER: Final = 20
"""Failures in a row (about 2.5 hours) after which a board waits for the next start or for news."""


@dataclass(slots=True)
class _Due:
    """When a batch's message is to be looked at next, and what is known of the last look."""

    told: bool = True
    fresh: bool = False  # told since the states were last asked for
    at: float = 0.0  # monotonic seconds
    earliest: float = 0.0  # monotonic seconds; not before, unless the state or what is going on changes
    doing: Doing | None = None
    state: BatchState | None = None  # only while at work
    failures: int = 0
    recorded_at: int = 0  # Unix ms
    restarted_at: int | None = None
    shown: list[dict[str, Any]] | None = None
    refused: bool = False
    """Whether Discord did not take what was to be shown last: that was said, and is not sent again."""
    parent_told: bool = False
    alert: bool = True
    """Whether an alert may stand in the channel that is to say when the pause is over."""
    file_tries: int = 0
    """Looks in a row at which the result file might not be attached."""
    final: tuple[object, ...] | None = None
    """What the finished board says, so that late news that change nothing cause no edit."""


class StaffBoard:
    """Keeps the boards. Implements ``services.watching.Watcher``."""

    def __init__(
        self,
        services: Services,
        client: Callable[[], discord.Client | None],
        *,
        backoff_seconds: float = BACKOFF_FIRST_SECONDS,
    ) -> None:
        """``client`` is asked at every look: it may come later, and another one may take its place."""
        self._services = services
        self._client = client
        self._clock = services.clock
        self._backoff = backoff_seconds
        self._due: OrderedDict[int, _Due] = OrderedDict()
        self._news = asyncio.Event()
        self._states_at = 0.0  # monotonic seconds; when states are asked for again

    # --- told by the dispatcher ---------------------------------------------------------------------------------

    def changed(self, batch_id: int) -> None:
        """Note that a batch's message is out of date."""
        due = self._due_of(batch_id)
        due.at = min(due.at, due.earliest)
        if not due.failures and due.doing is not None and self._doing(batch_id) is not due.doing:
            due.at = 0.0
        self._news.set()

    def paused(self, batch: Batch, pause: Pause) -> None:
        """Note that the staff has to be alerted. The ledger knows the reason, so nothing is kept here.

        The operator reads it in the bot's log; the command line has no board, and tells pauses itself."""
        _log.warning("batch %d waits for somebody to act: %s", batch.id, pause.cause)
        due = self._due_of(batch.id)
        if not due.failures:
            due.at = 0.0
        self._news.set()

    def _due_of(self, batch_id: int) -> _Due:
        if batch_id not in self._due:
            first = self._clock.monotonic() + FIRST_LOOK_SECONDS
            self._due[batch_id] = _Due(at=first, earliest=first)
        due = self._due[batch_id]
        due.told = due.fresh = True
        return due

    # --- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the boards until cancelled."""
        while self._connected() is None:
            await self._clock.sleep(CONNECTION_POLL_SECONDS)
        recovered = False
        while True:
            try:
                if not recovered:
                    await self._recover()
                    recovered = True
                await self._round()
            except Exception:
                # The ledger did not answer. Awards are the dispatcher's affair; the boards can wait.
                _log.exception("the boards could not be kept")
                await self._clock.sleep(self._backoff)

    async def _round(self) -> None:
        """Look at everything that is due, then wait for more."""
        self._news.clear()
        await self._notice_states()
        now = self._clock.monotonic()
        for batch_id in [one for one, due in self._due.items() if due.told and due.at <= now]:
            await self._look(batch_id)
        self._forget()
        await self._wait()

    async def _recover(self) -> None:
        """Boards that an earlier run left open, and batches at work that never got one."""
        restarted_at = milliseconds(self._clock.now())
        for board in await self._services.boards.unfinished():
            self._due.setdefault(board.batch_id, _Due()).restarted_at = restarted_at
        for batch in await self._services.batches.at_work():
            self._due.setdefault(batch.id, _Due())

    async def _notice_states(self) -> None:
        """A batch that was paused, stopped or resumed is shown at once: one cheap question for all that wait."""
        waiting, now = self._fresh(), self._clock.monotonic()
        if now < self._states_at or not waiting:
            return
        self._states_at = now + STATES_EVERY_SECONDS
        for _, due in waiting:
            due.fresh = False
        states = {batch.id: batch.state for batch in await self._services.batches.at_work()}
        for batch_id, due in waiting:
            if states.get(batch_id) is not due.state:
                due.at = 0.0

    def _fresh(self) -> list[tuple[int, _Due]]:
        """Batches with news that wait for their next edit."""
        return [
            (one, due) for one, due in self._due.items() if due.fresh and due.doing is not None and not due.failures
        ]

    async def _wait(self) -> None:
        """Until there is news, or something is due."""
        soonest = min((due.at for due in self._due.values() if due.told), default=None)
        if soonest is not None and self._fresh():
            soonest = min(soonest, self._states_at)
        waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._news.wait())}
        if soonest is not None:
            pause = max(0.0, soonest - self._clock.monotonic())
            waiting.add(asyncio.ensure_future(self._clock.sleep(pause)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _look(self, batch_id: int) -> None:
        """Bring one batch's message up to date. Whatever fails is tried again later."""
        due = self._due[batch_id]
        due.told = due.fresh = False
        due.doing = self._doing(batch_id)
        try:
            again = await self._refresh(batch_id, due)
        except NotFound:
            del self._due[batch_id]
        except Exception as error:
            self._failed(batch_id, due, error)
        else:
            now = self._clock.monotonic()
            is_old = self._clock.now() - due.recorded_at / 1000 > OLD_AFTER_SECONDS
            due.failures = 0
            due.at = due.earliest = now + (EDIT_OLD_EVERY_SECONDS if is_old else EDIT_EVERY_SECONDS)
            if again is not None and not due.told:  # else there was news meanwhile, which does not wait for that
                due.told, due.at = True, now + again

    async def _refresh(self, batch_id: int, due: _Due) -> float | None:
        """Returns the seconds after which to look again without being told, if at all."""
        client = self._connected()
        if client is None:
            raise StaffChannelError("Discord is not connected.")
        view = await self._services.batches.view(batch_id, EVERYWHERE)
        due.recorded_at = view.batch.recorded_at
        due.state = view.batch.state if view.batch.state in (BatchState.OPEN, BatchState.PAUSED) else None
        final = _said_at_the_end(view) if is_over(view) else None
        await self._tell_parent(view, due, over=final is not None)
        server = view.batch.actor.server_id
        if server is None or not self._services.servers.serves(server, joined_of(client)):
            return None
        rules = await self._services.servers.rules(server)
        if rules.staff_channel_id is None and await self._services.boards.get(batch_id) is None:
            return None if is_over(view) else NO_CHANNEL_SECONDS
        if final is not None and final == due.final:
            await self._services.boards.close(batch_id)
            return self._seconds_to_next(view)
        message = BoardMessage(self._services, client, view, rules)
        done = await message.update(restarted_at=due.restarted_at, shown=due.shown)
        due.shown, due.final = done.components, None if done.lacks_file else final
        due.file_tries = due.file_tries + 1 if done.lacks_file else 0
        if done.refused is not None and not due.refused:
            _log.warning("the staff channel's message of batch %d is not taken by Discord: %s", batch_id, done.refused)
        due.refused = done.refused is not None
        due.alert = await message.alert(standing=due.alert)
        return self._delay(due.file_tries) if done.lacks_file else self._seconds_to_next(view)

    async def _tell_parent(self, view: BatchView, due: _Due, *, over: bool) -> None:
        """The message of the batch that this one continues or takes back says so, and offers it no more."""
        parent = view.batch.parent_id
        if parent is None or (due.parent_told and not over) or await self._services.boards.get(parent) is None:
            return
        await self._services.boards.reopen(parent)  # a restart in between does not forget it
        self.changed(parent)
        due.parent_told = True

    def _doing(self, batch_id: int) -> Doing:
        """What is going on; calls, the waits between them and their repetitions are one thing."""
        doing = self._services.dispatcher.activity(batch_id).doing
        return Doing.SENDING if doing in (Doing.WAITING_FOR_LIMIT, Doing.SENDING_AGAIN) else doing

    def _seconds_to_next(self, view: BatchView) -> float | None:
        """Nobody tells when the wait before a call or a look is over, and the card must not go on promising it."""
        activity = view.activity
        if activity.until is None:
            return None
        left = max(0.0, activity.until - self._clock.now())
        if activity.doing in (Doing.WAITING_TO_START, Doing.WAITING_FOR_LANE):
            return left + 0.25
        # A look takes as long as the service's answers do, and may wait for calls to end.
        return left + EDIT_EVERY_SECONDS if activity.doing is Doing.SETTLING else None

    def _failed(self, batch_id: int, due: _Due, error: Exception) -> None:
        due.failures += 1
        due.told = due.failures < GIVE_UP_AFTER
        delay = self._delay(due.failures)
        due.at = due.earliest = self._clock.monotonic() + delay
        expected = isinstance(error, BursarError | discord.DiscordException | OSError)
        _log.warning(
            "the staff channel's message of batch %d could not be brought up to date, next try in %.0f s: %s",
            batch_id,
            delay,
            error,
            exc_info=None if expected else error,
        )

    def _delay(self, tries: int) -> float:
        """Seconds until the next one."""
        return float(min(BACKOFF_MAX_SECONDS, self._backoff * 2 ** min(tries - 1, GIVE_UP_AFTER)))

    def _connected(self) -> discord.Client | None:
        """The client; ``None`` while there is none, and while another machine keeps the same boards."""
        client = None if self._services.leading.stand.is_second else self._client()
        return client if client is not None and client.is_ready() and not client.is_closed() else None

    def _forget(self) -> None:
        """Only what is at rest, the oldest first."""
        for batch_id in [one for one, due in self._due.items() if not due.told][: max(0, len(self._due) - REMEMBERED)]:
            del self._due[batch_id]


def _said_at_the_end(view: BatchView) -> tuple[object, ...]:
    """What decides how the message of a batch that is over looks."""
    children = [child.state for child in view.children]
    return view.counts, view.batch.state, view.activity, view.retryable, view.undone, children
