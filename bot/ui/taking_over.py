"""The button of a Bursar that stands by. Only the process that it names answers: another one sees the press as well."""

from __future__ import annotations

from typing import Any, Final

import discord

from bot.errors import NotAllowed
from bot.ui import answers
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, card
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.permissions import actor_of, is_administrator, server_of, services_of


class TakeOverButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"lead:take:(?P<home>[0-9a-z]{4,20})",
):
    """Lets this process send, and the other one stop."""

    for_second = True

    async def act(self, interaction: Interaction) -> None:
        services = services_of(interaction)
        if services.leading.home != self.match["home"]:
            return  # the other one's button: it answers
        changes_nothing(interaction)
        await answers.think(interaction)
        server_of(interaction)
        if not is_administrator(interaction):
            raise NotAllowed(
                "You may not let this machine take over. That takes an administrator of the server.",
                hint="Ask one of them.",
            )
        await services.leading.take_over(actor_of(interaction))
        lines = [
            "It begins to send as soon as the other one has let go: at once where that has ended, within minutes where"
            " it is alive or has just died.",
            "Batches that were paused stay so until somebody resumes them.",
        ]
        view = card("This machine takes over", tone=Tone.RUNNING, word="", practice=services.practice, lines=lines)
        await answers.show(interaction, view)


ITEMS: Final = (TakeOverButton,)
