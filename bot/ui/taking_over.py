"""The button of a Bursar that stands by. The process that it names answers: another one sees the press as well, and
says so where that one must be gone."""

from __future__ import annotations

from typing import Any, Final

import discord

from bot.domain.lead import STALE_SECONDS
from bot.errors import NotAllowed, Refused
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
            if _is_alive(interaction) or services.leading.stand.is_second:
                return  # the other one's button: it answers
            changes_nothing(interaction)
            raise Refused(
                "the machine whose button this is gives no sign of life any more",
                hint="Start Bursar there: where it stands by, its new message has the button.",
            )
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


def _is_alive(interaction: Interaction) -> bool:
    """Whether the sign with the button is as fresh as one that is kept, by Discord's clock."""
    sign = interaction.message
    if sign is None:
        return True
    return (interaction.created_at - (sign.edited_at or sign.created_at)).total_seconds() <= STALE_SECONDS


ITEMS: Final = (TakeOverButton,)
