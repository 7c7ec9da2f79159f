"""The sign of life in the staff channel: one small message of each ledger, edited every two minutes.

It is read again by the bot alone, from the newest messages of the channel: its own messages it may read without any
intent. What the signs mean is decided elsewhere (``domain.lead``, ``services.leading``). A sign that has drifted up is
posted anew at the bottom, so that whoever looks finds it there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import discord

from bot.domain import lead
from bot.domain.lead import Sign, State, Verdict, read_sign
from bot.errors import BursarError
from bot.services.bundle import Services
from bot.services.leading import UNREAD, Stand
from bot.services.tasks import first_of
from bot.ui.cards import Line, Tone, button, card
from bot.ui.permissions import joined_of
from bot.ui.staff import NO_MENTIONS, find_channel, texts_of
from bot.ui.text import escape, when

_log = logging.getLogger(__name__)

READ_MESSAGES: Final = 100
"""Among so many of the newest messages signs are looked for (the most that one request reads)."""
DRIFTED: Final = 40
"""A sign behind so many newer messages is posted anew."""
CONNECTION_POLL_SECONDS: Final = 0.25
CONFIRM_SECONDS: Final = 2.0
"""Between our first sign and the look whether somebody else began at the same time."""


YIELD_SECONDS: Final = 10.0
"""Between looks whether another one has let go."""


class _Kept(Enum):
    """What became of our sign in one channel."""

    AS_IT_WAS = "as it was"  # it says the same as before, whether it was edited now or not yet due
    CHANGED = "changed"
    FAILED = "failed"  # an earlier one may still stand; the lease goes on from there


@dataclass(slots=True)
class _Place:
    """One server's staff channel, and our sign in it."""

    channel: discord.TextChannel
    message_id: int | None = None
    shown: tuple[State, Verdict] | None = None
    beaten_at: float = float("-inf")  # monotonic seconds
    deep: bool = False
    signs: list[Sign] = field(default_factory=list)


class SignOfLife:
    """Looks at the signs, and keeps ours. Run beside the Discord client, by the composition root."""

    def __init__(self, services: Services, client: Callable[[], discord.Client | None]) -> None:
        self._services = services
        self._leading = services.leading
        self._client = client
        self._clock = services.clock
        self._places: dict[str, _Place] = {}
        self._ahead: float | None = None  # Discord's clock minus our monotonic one

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                again = await self.look()
            except Exception:
                _log.exception("the signs of life could not be looked at")
                again = lead.WATCH_SECONDS
            await first_of(self._clock.sleep(again), self._leading.pressed.wait())

    async def look(self) -> float:
        """One look at every staff channel, and our sign where it is due; seconds until the next look."""
        client = self._client()
        if client is None or not client.is_ready() or client.is_closed():
            self._leading.unseen()
            return CONNECTION_POLL_SECONDS
        if not await self._find_places(client):
            self._leading.alone()
            return lead.WATCH_SECONDS
        read = [place for place in self._places.values() if await self._read(client, place)]
        if not read:
            self._leading.unseen(UNREAD)
            return lead.WATCH_SECONDS  # nothing can be told: the lease runs out by itself
        began = self._clock.monotonic()
        signs = [sign for place in read for sign in place.signs]
        own = await self._leading.judge(signs, self._now())
        kept = [await self._keep(place, own) for place in read]
        if _Kept.CHANGED in kept:
            return CONFIRM_SECONDS  # only what is read from now on tells who else did the same
        if own.state is not State.LEADS or _Kept.AS_IT_WAS not in kept:
            return lead.WATCH_SECONDS
        beaten = max(place.beaten_at for place in read)
        opened = self._leading.written(signs, min(began, beaten), self._now())
        return lead.WATCH_SECONDS if opened else YIELD_SECONDS

    async def end(self) -> None:
        """An orderly end: whoever starts next need not wait. What Discord refuses is no reason to stay."""
        own = await self._leading.ended()
        for place in self._places.values() if own is not None else ():
            assert own is not None  # the loop is empty then
            try:
                await self._write(place, own)
            except (BursarError, discord.HTTPException, OSError) as error:
                _log.warning("the sign of life could not be ended: %s", error)

    # --- reading ------------------------------------------------------------------------------------------------

    async def _find_places(self, client: discord.Client) -> bool:
        """Bring the list of staff channels up to date; whether any server has one."""
        wanted: dict[str, discord.TextChannel] = {}
        any_chosen = False
        for server_id in sorted(joined_of(client)):
            if not self._services.servers.serves(server_id, joined_of(client)):
                continue
            rules = await self._services.servers.rules(server_id)
            if rules.staff_channel_id is None:
                continue
            any_chosen = True
            try:
                wanted[server_id] = find_channel(client, server_id, rules.staff_channel_id)
            except BursarError as error:
                _log.warning("server %s: no sign of life can be given: %s", server_id, error)
        for server_id, place in list(self._places.items()):
            if server_id not in wanted or wanted[server_id].id != place.channel.id:
                del self._places[server_id]
                await self._remove(place, place.message_id)
        for server_id, channel in wanted.items():
            self._places.setdefault(server_id, _Place(channel)).channel = channel
        return any_chosen

    async def _read(self, client: discord.Client, place: _Place) -> bool:
        """Every sign in the channel; whether it could be read."""
        signs: list[Sign] = []
        own: list[tuple[int, int]] = []
        number = 0
        try:
            async for message in place.channel.history(limit=READ_MESSAGES):
                number += 1
                sign = None if client.user is None or message.author.id != client.user.id else _sign_of(message)
                if sign is not None:
                    signs.append(sign)
                    if sign.home == self._leading.home:
                        own.append((number, message.id))
        except (discord.HTTPException, OSError) as error:
            _log.warning("the signs of life in channel %s could not be read: %s", place.channel.id, error)
            return False
        place.signs = signs
        place.message_id = own[0][1] if own else None
        place.deep = bool(own) and own[0][0] > DRIFTED
        if place.message_id is None:
            place.shown = None
        for _, message_id in own[1:]:
            await self._remove(place, message_id)  # of a post whose answer was lost
        return True

    # --- writing ------------------------------------------------------------------------------------------------

    async def _keep(self, place: _Place, own: Sign) -> _Kept:
        """Write our sign where it is due."""
        says = (own.state, self._leading.stand.verdict)
        same = place.shown == says and not place.deep
        if same and self._clock.monotonic() - place.beaten_at < lead.BEAT_SECONDS:
            return _Kept.AS_IT_WAS
        try:
            await self._write(place, own)
        except (BursarError, discord.HTTPException, OSError) as error:
            _log.warning("no sign of life in channel %s: %s", place.channel.id, error)
            return _Kept.FAILED
        return _Kept.AS_IT_WAS if same else _Kept.CHANGED

    async def _write(self, place: _Place, own: Sign) -> None:
        began = self._clock.monotonic()
        view = sign_card(own, self._leading.stand, self._clock.now(), practice=self._services.practice)
        view.stop()
        old = place.message_id
        message: discord.Message | None = None
        if old is not None and not place.deep:
            try:
                message = await place.channel.get_partial_message(old).edit(view=view, allowed_mentions=NO_MENTIONS)
            except discord.HTTPException as error:
                if error.code not in _POST_ANEW:
                    raise
        if message is None:
            # Without a nonce: a sign that was posted twice is found and removed at the next look.
            message = await place.channel.send(view=view, silent=True, allowed_mentions=NO_MENTIONS)
            place.message_id, place.deep = message.id, False
            await self._remove(place, old)
        told = (message.edited_at or message.created_at).timestamp()
        self._ahead = told - self._clock.monotonic()
        place.shown, place.beaten_at = (own.state, self._leading.stand.verdict), began

    async def _remove(self, place: _Place, message_id: int | None) -> None:
        if message_id is None:
            return
        try:
            await place.channel.get_partial_message(message_id).delete()
        except discord.HTTPException as error:
            _log.info("an old sign of life could not be removed: %s", error)

    def _now(self) -> float | None:
        return None if self._ahead is None else self._clock.monotonic() + self._ahead


_POST_ANEW: Final = (
    10008,  # unknown message: somebody deleted it
    30046,  # too many edits of a message that is older than an hour
)


def _sign_of(message: discord.Message) -> Sign | None:
    at = (message.edited_at or message.created_at).timestamp()
    for text in texts_of(message):
        sign = read_sign(text, message.id, at)
        if sign is not None:
            return sign
    return None


# --- the card -------------------------------------------------------------------------------------------------------


def sign_card(own: Sign, stand: Stand, now: float, *, practice: bool) -> discord.ui.LayoutView:
    """The message: small while all is well, with the button while this process stands by."""
    seen = f"{when(round(now * 1000), 'R')}"
    if own.state is State.LEADS:
        lines: list[Line] = [f"-# Sign of life: {seen}", own.line]
        if stand.why is None:
            return card("Bursar is at work", tone=Tone.PLAIN, practice=practice, lines=lines)
        lines.insert(0, escape(stand.why, 300))
        return card("Bursar takes over", tone=Tone.RUNNING, word="Nothing is sent yet", practice=practice, lines=lines)
    if own.state is State.ENDED:
        return card("Bursar was stopped", tone=Tone.PLAIN, practice=practice, lines=[f"-# {seen}", own.line])
    lines = [escape(stand.why or "", 300)]
    if stand.by is not None:
        lines.append(f"Its last sign of life: {when(round(stand.by.at * 1000), 'R')}.")
    lines += [
        "**Nothing is sent from here.** What is recorded here stays planned.",
        _ADVICE[stand.verdict],
        f"-# This sign: {seen}",
        own.line,
    ]
    rows = [[button("Take over here", f"lead:take:{own.home}", style=discord.ButtonStyle.danger)]]
    return card("Bursar stands by", tone=Tone.ATTENTION, practice=practice, lines=lines, rows=rows)


_ADVICE: Final = {
    Verdict.LEAD: "",
    Verdict.ALIVE: (
        "Stop one of the two. Where the other has ended already, this one goes on by itself within minutes, if it has"
        " everything that the other recorded. An administrator who presses *Take over here* makes the other one stop."
    ),
    Verdict.LOST: "Stop this one, or press *Take over here* to let it go on instead.",
    Verdict.OLDER: (
        "Put the newest copy in place (`bursar restore`), or take in the result files that it lacks"
        " (`bursar restore --take-in`). *Take over here* vouches that the gap is closed; batches stay paused until they"
        " are resumed."
    ),
    Verdict.OTHER: (
        "Take in the other ledger's result files where it paid what this one may pay again"
        " (`bursar restore --take-in`). *Take over here* vouches that nothing will be paid twice."
    ),
}
