"""How an interaction is answered: in time, privately, and never over something that has to stay.

The first answer is due within 3 seconds, and a deferral can carry nothing but its privacy: cards come with the edit
that follows (docs.discord.com/developers/interactions/receiving-and-responding).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord

UNKNOWN_INTERACTION: Final = 10062
"""The 3 seconds for the first answer are over."""
TOKEN_EXPIRED: Final = 50027
"""The 15 minutes of the token are over."""
UNKNOWN_WEBHOOK: Final = 10015
"""So are they where Discord has forgotten the token already."""

_OVER: Final = (UNKNOWN_INTERACTION, TOKEN_EXPIRED, UNKNOWN_WEBHOOK)
_ANSWERED: Final = "bursar-answered"

Interaction = discord.Interaction[Any]


def has_expired(error: BaseException) -> bool:
    """Whether Discord refuses because the interaction's time is over: nobody waits for that answer any more."""
    return isinstance(error, discord.HTTPException) and error.code in _OVER


def is_out_of_reach(error: BaseException) -> bool:
    """Whether Discord refused, or could not be reached. discord.py hands on what aiohttp raises, and not all of that is
    an ``OSError``: a server that hangs up is none."""
    of_the_network = type(error).__module__.partition(".")[0] == "aiohttp"
    return of_the_network or isinstance(error, OSError | discord.GatewayNotFound | discord.HTTPException)


async def think(interaction: Interaction) -> None:
    """Take the time needed for a private answer in a message of its own."""
    await interaction.response.defer(ephemeral=True, thinking=True)


async def keep(interaction: Interaction) -> None:
    """Take the time needed to change the card whose button or form this is."""
    await interaction.response.defer()
    interaction.extras[_ANSWERED] = True


async def show(
    interaction: Interaction, view: discord.ui.LayoutView, *, files: Sequence[discord.File] | None = None
) -> None:
    """Put the card where the answer belongs: the private answer, or the message whose button was pressed.

    ``files`` replace every file of the message; ``None`` leaves them as they are.
    """
    if interaction.response.type is None:
        await interaction.response.send_message(view=view, ephemeral=True, files=list(files or ()))
    elif files is None:
        await interaction.edit_original_response(view=view)
    else:
        await interaction.edit_original_response(view=view, attachments=list(files))
    interaction.extras[_ANSWERED] = True


async def alert(interaction: Interaction, view: discord.ui.LayoutView) -> None:
    """Say something privately without touching what is already shown."""
    if interaction.response.type is None or not interaction.extras.get(_ANSWERED):
        await show(interaction, view)
    else:
        await interaction.followup.send(view=view, ephemeral=True)


async def from_cold(interaction: Interaction, view: discord.ui.LayoutView) -> None:
    """Like ``alert``, for an answer that comes long after: gone quietly when the token is over."""
    try:
        await alert(interaction, view)
    except discord.HTTPException as error:
        if not has_expired(error):
            raise
