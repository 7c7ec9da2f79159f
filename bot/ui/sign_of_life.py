"""The sign of life in the staff channel: one small message of each ledger, edited every two minutes.

It is read again by the bot alone, from the newest messages of the channel: its own messages it may read without any
intent. What the signs mean is decided elsewhere (``domain.lead``, ``services.leading``). A sign that has drifted up is
posted anew at the bottom, so that whoever looks finds it there.

Discord may fail to list a channel while everything else works; it was seen to wherever a card with a frame was listed
(discord-api-docs issue 8611). Nobody begins to send without a list. Who sends already goes on: it reads the signs that
it knows one by one, and keeps its own where every list has it; a newcomer sees that in its list, or has none and waits.
Signs have no frame, and where lists go on failing the other cards get none either, so that an empty channel helps.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import discord

from bot.domain import lead
from bot.domain.lead import Sign, State, Verdict, read_sign
from bot.domain.model import Actor
from bot.errors import BursarError
from bot.services.bundle import Services
from bot.services.leading import UNLISTED, UNREAD
from bot.services.rules import ServerRules
from bot.services.tasks import first_of
from bot.ui.permissions import joined_of
from bot.ui.sign_cards import sign_card, unlisted_card
from bot.ui.staff import NO_MENTIONS, TOO_MANY_EDITS, find_channel, is_framed, nonce_of, post, texts_of

_log = logging.getLogger(__name__)

READ_MESSAGES: Final = 100
"""Among so many of the newest messages signs are looked for (the most that one request reads)."""
DRIFTED: Final = 40
"""A sign behind so many newer messages is posted anew."""
UNLISTED_SECONDS: Final = 300.0
"""After so long without a list the staff's cards lose their frames, and the staff is told."""
CONNECTION_POLL_SECONDS: Final = 0.25
CONFIRM_SECONDS: Final = 2.0
"""Between our first sign and the look whether somebody else began at the same time."""


YIELD_SECONDS: Final = 10.0
"""Between looks whether another one has let go."""


class _Seen(Enum):
    """What a look at one channel gave."""

    LISTED = "listed"  # every sign
    KNOWN = "known"  # only the signs that were seen before: Discord fails to list them
    UNLISTED = "unlisted"  # nothing: Discord fails to list them
    UNREAD = "unread"  # nothing


class _Kept(Enum):
    """What became of our sign in one channel."""

    AS_IT_WAS = "as it was"  # it says the same as before, whether it was edited now or not yet due
    CHANGED = "changed"
    FAILED = "failed"  # an earlier one may still stand; the lease goes on from there


@dataclass(slots=True)
class _Place:
    """One server's staff channel, and our sign in it."""

    server_id: str
    channel: discord.TextChannel
    rules: ServerRules
    seen: _Seen = _Seen.UNREAD
    unlisted_since: float | None = None  # monotonic seconds
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
        for place in self._places.values():
            await self._read(client, place)
        read = [place for place in self._places.values() if place.seen in (_Seen.LISTED, _Seen.KNOWN)]
        if not read:
            unlisted = any(place.seen is _Seen.UNLISTED for place in self._places.values())
            self._leading.unseen(UNLISTED if unlisted else UNREAD)
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
        wanted: dict[str, tuple[discord.TextChannel, ServerRules]] = {}
        any_chosen = False
        for server_id in sorted(joined_of(client)):
            if not self._services.servers.serves(server_id, joined_of(client)):
                continue
            rules = await self._services.servers.rules(server_id)
            if rules.staff_channel_id is None:
                continue
            any_chosen = True
            try:
                wanted[server_id] = find_channel(client, server_id, rules.staff_channel_id, files=False), rules
            except BursarError as error:
                _log.warning("server %s: no sign of life can be given: %s", server_id, error)
        for server_id, place in list(self._places.items()):
            if server_id not in wanted or wanted[server_id][0].id != place.channel.id:
                del self._places[server_id]
                await self._remove(place, place.message_id)
        for server_id, (channel, rules) in wanted.items():
            place = self._places.setdefault(server_id, _Place(server_id, channel, rules))
            place.channel, place.rules = channel, rules
        return any_chosen

    async def _read(self, client: discord.Client, place: _Place) -> None:
        """Every sign in the channel, or at least those that are known."""
        try:
            messages = [message async for message in place.channel.history(limit=READ_MESSAGES)]
        except (discord.HTTPException, OSError) as error:
            _log.warning("the signs of life in channel %s could not be listed: %s", place.channel.id, error)
            place.seen = _Seen.UNREAD
            if isinstance(error, discord.HTTPException) and error.status >= 500:
                place.seen = await self._read_known(place)
                await self._unlisted(place)
            return
        place.seen, place.unlisted_since = _Seen.LISTED, None
        await self._listed(client, place, messages)
        if place.rules.plain_cards and any(map(is_framed, messages)):
            await self._set_plain(place, False)

    async def _listed(self, client: discord.Client, place: _Place, messages: Sequence[discord.Message]) -> None:
        signs: list[Sign] = []
        own: list[tuple[int, int]] = []
        for number, message in enumerate(messages, start=1):
            sign = None if client.user is None or message.author.id != client.user.id else _sign_of(message)
            if sign is not None:
                signs.append(sign)
                if sign.home == self._leading.home:
                    own.append((number, message.id))
        place.signs = signs
        place.message_id = own[0][1] if own else None
        place.deep = bool(own) and own[0][0] > DRIFTED
        if place.message_id is None:
            place.shown = None
        for _, message_id in own[1:]:
            await self._remove(place, message_id)  # of a post whose answer was lost

    async def _read_known(self, place: _Place) -> _Seen:
        """Where we send already: the signs that were listed before, and ours. Another machine that takes over in one of
        them is heeded; one that is not known cannot begin, since it finds ours in the list that it needs for that."""
        if not self._leading.is_open:
            return _Seen.UNLISTED
        known = {sign.message_id for sign in place.signs}
        if place.message_id is not None:
            known.add(place.message_id)
        signs = []
        for message_id in sorted(known):
            try:
                sign = _sign_of(await place.channel.fetch_message(message_id))
            except discord.NotFound:
                continue
            except (discord.HTTPException, OSError) as error:
                _log.warning("the sign of life %s could not be read: %s", message_id, error)
                return _Seen.UNREAD
            signs += [] if sign is None else [sign]
        place.signs = signs
        return _Seen.KNOWN

    # --- frames -------------------------------------------------------------------------------------------------

    async def _unlisted(self, place: _Place) -> None:
        """Discord failed to list the channel. Where that lasts, cards without a frame are posted, and the staff is told
        once what else helps: until then nobody may notice, and after a restart nothing would be sent."""
        now = self._clock.monotonic()
        if place.unlisted_since is None:
            place.unlisted_since = now
        lasts = now - place.unlisted_since >= UNLISTED_SECONDS
        if place.rules.plain_cards or not lasts or self._leading.stand.is_second:
            return
        await self._set_plain(place, True)
        view = unlisted_card(goes_on=self._leading.is_open, practice=self._services.practice)
        nonce = nonce_of("unlisted", self._leading.home, place.channel.id)
        try:
            await post(place.channel, view, place.rules, nonce=nonce)
        except (discord.HTTPException, OSError) as error:
            _log.warning("the staff of server %s could not be told: %s", place.server_id, error)

    async def _set_plain(self, place: _Place, plain: bool) -> None:
        actor = Actor("bursar", "Bursar", place.server_id)
        await self._services.servers.change(place.server_id, "plain_cards", plain or None, actor)

    # --- writing ------------------------------------------------------------------------------------------------

    async def _keep(self, place: _Place, own: Sign) -> _Kept:
        """Write our sign where it is due."""
        says = (own.state, self._leading.stand.verdict)
        same = place.shown == says and not place.deep
        if same and self._clock.monotonic() - place.beaten_at < lead.BEAT_SECONDS:
            return _Kept.AS_IT_WAS
        if place.seen is _Seen.KNOWN:
            place.deep = True  # nobody can tell how far it has drifted up, and whoever begins must find it
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
    TOO_MANY_EDITS,
)


def _sign_of(message: discord.Message) -> Sign | None:
    at = (message.edited_at or message.created_at).timestamp()
    for text in texts_of(message):
        sign = read_sign(text, message.id, at)
        if sign is not None:
            return sign
    return None
