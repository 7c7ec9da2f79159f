"""The staff channel: found, judged, written to. Progress and results go there and nowhere else."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import discord
from discord.components import Component, Container, TextDisplay

from bot.errors import BursarError
from bot.services.rules import ServerRules
from bot.ui.cards import unframed

ATTACH_FILES: Final = "attach_files"
NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    ATTACH_FILES: "Attach Files",
    "read_message_history": "Read Message History",
}
"""What the bot has to be allowed in the staff channel, by discord.py's name and by the client's."""

UNTIL_THEN: Final = (
    "Until then nothing is posted, and soon nothing may be sent either: there Bursar sees whether another machine is at"
    " work."
)
"""What follows from a staff channel that was chosen and cannot be used."""

TOO_LARGE: Final = 413
BAD_REQUEST: Final = 400
TOO_MANY_EDITS: Final = 30046
"""Discord's code for one edit more than it takes of a message that is older than an hour."""

NO_MENTIONS: Final = discord.AllowedMentions.none()


class StaffChannelError(BursarError):
    """Nothing can be posted in the staff channel; the message says why."""


def why_unfit(channel: discord.TextChannel, *, files: bool = True) -> str | None:
    """Why a channel cannot be the staff channel, as one sentence; ``None`` when it can. ``files``: they are to be
    attached, too."""
    guild = channel.guild
    if channel.permissions_for(guild.default_role).view_channel:
        return (
            f"Everyone can read <#{channel.id}>, and progress and results name members and amounts. "
            "Take *View Channel* from @everyone there."
        )
    granted = channel.permissions_for(guild.me)
    needed = [one for one in NEEDED if files or one != ATTACH_FILES]
    missing = [NEEDED[name] for name in needed if not getattr(granted, name)]
    if missing:
        return f"Bursar lacks {', '.join(f'*{title}*' for title in missing)} in <#{channel.id}>; give it that there."
    return None


def may_attach(channel: discord.TextChannel) -> bool:
    """Whether files can be attached there right now."""
    return channel.permissions_for(channel.guild.me).attach_files


def find_channel(client: discord.Client, server_id: str, channel_id: str, *, files: bool = True) -> discord.TextChannel:
    """The channel, if it can be used right now; without ``files`` also where none can be attached. Raises
    ``StaffChannelError``."""
    guild = client.get_guild(int(server_id))
    if guild is None or guild.unavailable:
        raise StaffChannelError("Discord does not show this server at the moment.")
    channel = guild.get_channel(int(channel_id))
    if not isinstance(channel, discord.TextChannel):
        raise StaffChannelError("The staff channel is gone.", hint="Choose another one in /settings.")
    unfit = why_unfit(channel, files=files)
    if unfit is not None:
        raise StaffChannelError(unfit, hint="Or choose another channel in /settings.")
    return channel


def nonce_of(*parts: object) -> str:
    """The same for the same message, so that a send repeated within minutes does not post twice (25 characters at most:
    docs.discord.com/developers/resources/message#create-message)."""
    return hashlib.blake2s(":".join(str(part) for part in parts).encode(), digest_size=12).hexdigest()


async def post(
    channel: discord.TextChannel,
    view: discord.ui.LayoutView,
    rules: ServerRules,
    *,
    nonce: str,
    file: discord.File | None = None,
) -> discord.Message:
    """Send one card. Nobody is pinged, whatever it names."""
    files = [] if file is None else [file]
    return await channel.send(view=fit(view, rules), files=files, nonce=nonce, allowed_mentions=NO_MENTIONS)


def fit(view: discord.ui.LayoutView, rules: ServerRules) -> discord.ui.LayoutView:
    """A card as it can stand in the staff channel: Discord was seen to fail (500) whenever a message with a container
    was to be listed (discord-api-docs issue 8611), and without a list no sign of life is found."""
    return unframed(view) if rules.plain_cards else view


def is_refused_for_good(error: discord.HTTPException) -> bool:
    """Whether Discord would refuse the same message once more: it is what was sent that it does not take."""
    return error.status == TOO_LARGE or (error.status == BAD_REQUEST and error.code != TOO_MANY_EDITS)


def is_framed(message: discord.Message) -> bool:
    """Whether a message that was read back has a container."""
    return any(isinstance(part, Container) for part in message.components)


def texts_of(message: discord.Message) -> list[str]:
    """Every text of a card that was read back. The bot may read its own messages without any intent
    (docs.discord.com/developers/events/gateway#message-content-intent)."""
    return _texts(message.components)


def _texts(components: Any) -> list[str]:
    found: list[str] = []
    for component in components:
        if isinstance(component, TextDisplay):
            found.append(component.content)
        elif isinstance(component, Component):
            found += _texts(getattr(component, "children", ()))
    return found
