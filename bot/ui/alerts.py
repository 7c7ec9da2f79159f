"""What every staff channel has to know at once, whichever batch it is about: posted, or at least logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import discord

from bot.services.bundle import Services
from bot.ui.cards import Tone, card
from bot.ui.permissions import joined_of
from bot.ui.staff import find_channel, nonce_of, post
from bot.ui.text import escape

_log = logging.getLogger(__name__)


async def alert_staff(client: discord.Client, services: Services, title: str, lines: Sequence[str]) -> int:
    """Post a card in the staff channel of every server that may use Bursar; in how many it stands now."""
    posted = 0
    for server_id in sorted(joined_of(client)):
        try:
            rules = await services.servers.rules(server_id)
            if rules.staff_channel_id is None:
                continue
            channel = find_channel(client, server_id, rules.staff_channel_id, files=False)
            view = card(
                title, tone=Tone.ATTENTION, practice=services.practice, lines=[escape(one, 500) for one in lines]
            )
            await post(channel, view, rules, nonce=nonce_of("alert", title, *lines))
            posted += 1
        except Exception as error:  # also what is not Discord's own, when the network is cut
            _log.warning("the staff of server %s could not be told: %r", server_id, error)
    return posted
