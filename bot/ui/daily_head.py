"""Posts the head of the ledger's history once a day in the staff channels that want it.

Posted and noted are two steps, so the channel is asked first: a message of ours with the day's title was posted by a
run that ended before it could note it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

import discord

from bot.errors import BursarError
from bot.services.bundle import Services
from bot.services.daily_heads import HeadNote
from bot.ui.cards import Tone, card
from bot.ui.permissions import joined_of
from bot.ui.staff import find_channel, nonce_of, post, texts_of
from bot.ui.text import count

_log = logging.getLogger(__name__)

LOOK_EVERY: Final = 600.0
"""Seconds between two looks; also before what Discord refused is tried again."""
NOT_CONNECTED_SECONDS: Final = 1.0
READ_MESSAGES: Final = 100
_HASH: Final = re.compile(r"`([0-9a-f]{64})`")


class HeadPoster:
    """Run beside the Discord client, by the composition root."""

    def __init__(self, services: Services, client: Callable[[], discord.Client | None]) -> None:
        self._services = services
        self._client = client

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            connected = await self.look()
            await self._services.clock.sleep(LOOK_EVERY if connected else NOT_CONNECTED_SECONDS)

    async def look(self) -> bool:
        """Post what is due; whether Discord was there to be asked."""
        client = self._client()
        if client is None or not client.is_ready() or client.is_closed():
            return False
        if self._services.leading.stand.why is not None:
            return True  # the head of a ledger that stands by proves nothing to anybody
        joined = joined_of(client)
        for server_id in sorted(joined):
            if self._services.servers.serves(server_id, joined):
                try:
                    await self._look_at(client, server_id)
                except (BursarError, discord.HTTPException, OSError) as error:
                    _log.warning("server %s: the ledger's head could not be posted: %s", server_id, error)
        return True

    async def _look_at(self, client: discord.Client, server_id: str) -> None:
        rules = await self._services.servers.rules(server_id)
        if not rules.post_head or rules.staff_channel_id is None:
            return
        note = await self._services.daily_heads.due(server_id)
        if note is None:
            return
        channel = find_channel(client, server_id, rules.staff_channel_id, files=False)
        message, head = await self._posted_before(client, channel, note)
        if message is None:
            view = head_card(note, practice=self._services.practice)
            message = await post(channel, view, rules, nonce=nonce_of("head", note.ledger_id, server_id, note.day))
        await self._services.daily_heads.posted(server_id, note, str(message.id), head)

    async def _posted_before(
        self, client: discord.Client, channel: discord.TextChannel, note: HeadNote
    ) -> tuple[discord.Message | None, str]:
        """Today's message, where it stands already, and the head that it tells."""
        async for message in channel.history(limit=READ_MESSAGES):
            if client.user is not None and message.author.id == client.user.id:
                text = "\n".join(texts_of(message))
                head = _HASH.search(text)
                if head is not None and _title(note) in text and f"`{note.ledger_id}`" in text:
                    return message, head[1]
        return None, note.head.hash


def _title(note: HeadNote) -> str:
    return f"Head of the ledger · {note.day}"


def head_card(note: HeadNote, *, practice: bool) -> discord.ui.LayoutView:
    """What has to be kept to prove something later."""
    counts, head = note.counts, note.head
    happened = [
        count(counts.batches, "batch recorded", "batches recorded"),
        count(counts.paid, "award paid", "awards paid"),
        f"{counts.refused:,} refused",
        f"{counts.in_doubt:,} in doubt",
        count(counts.entries, "entry", "entries"),
    ]
    return card(
        _title(note),
        tone=Tone.PLAIN,
        practice=practice,
        lines=[
            f"Ledger `{note.ledger_id}` · entry **{head.seq:,}**",
            f"`{head.hash}`",
            f"{note.day_before}: {' · '.join(happened)}",
            f"-# `bursar verify --head {head.hash[:16]}` proves later that nothing up to here was changed.",
        ],
    )
