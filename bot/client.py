"""The discord.py client: connects, registers the commands and the buttons that survive a restart, and nothing else.

The composition root starts it, and starts the dispatcher beside it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import discord
from discord import app_commands

from bot.errors import SettingsError
from bot.providers.base import Finding, Health
from bot.services.bundle import Services
from bot.settings import Settings
from bot.ui.answers import from_cold, is_out_of_reach
from bot.ui.cards import Tone, card
from bot.ui.errors import Tree, why_lost
from bot.ui.lookups import LookUps
from bot.ui.parts import Kept, Posted
from bot.ui.people import People

_log = logging.getLogger(__name__)

COGS: Final = ("cogs.rewards", "cogs.batches", "cogs.ledger", "cogs.settings")
"""Loaded by name: the client does not import them. Each has ``async def setup(client) -> None``."""

PERMISSIONS: Final = discord.Permissions(
    view_channel=True,
    send_messages=True,
    attach_files=True,  # result files
    read_message_history=True,  # to find its progress messages again
)
"""All that Bursar asks of a server."""

# Bursar has no voice: what discord.py would say about it at every start helps nobody.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False

CONNECT_AGAIN_SECONDS: Final = 5.0
"""Before the first new try when Discord cannot be reached at start; doubled each time, up to five minutes."""


class BursarClient(discord.Client):
    """Bursar in Discord. Runs unmodified on SimCord."""

    def __init__(self, services: Services, settings: Settings) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
        )
        self.services = services
        self.settings = settings
        self.run_id: str = f"{int(services.clock.now() * 1000):x}"
        """New at every start; forms carry it."""
        self.lookups = LookUps(services.clock)
        self.kept = Kept()
        self.requests = Posted()
        self.halts = Posted()
        self.people = People(services.clock)
        self.tree: Tree = Tree(
            self,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )

    async def setup_hook(self) -> None:
        """Load the cogs and make the commands known.

        One bulk overwrite at every start: Discord counts only commands that are new against its 200 a day
        (docs.discord.com/developers/interactions/application-commands), so there is nothing to save by remembering.
        """
        for name in COGS:
            await importlib.import_module(name).setup(self)
        try:
            await self.tree.sync()
        except discord.HTTPException as error:
            _log.warning("the commands could not be registered and stay as they were: %s", error)

    async def on_ready(self) -> None:
        """Tell the operator that it is connected, at the start and after every session that had to be begun anew."""
        servers = "1 server" if len(self.guilds) == 1 else f"{len(self.guilds)} servers"
        _log.info("connected to Discord as %s, in %s", self.user, servers)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Answer forms that nobody knows any more; everything else has its own handler."""
        why = why_lost(interaction, self.run_id)
        if why is None or self.services.leading.stand.is_second:
            return
        view = card(
            "Nothing was sent, nothing was changed.",
            tone=Tone.ATTENTION,
            word=why,
            practice=self.services.practice,
            lines=["Press the button again: a new form opens."],
        )
        await from_cold(interaction, view)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Log what a listener raised (the default prints to stderr)."""
        _log.exception("error while handling %s", event_method)


async def stay_connected(client: BursarClient, token: str) -> None:
    """Log in and stay connected until ``client.close``; a Discord that cannot be reached is tried again.

    Raises ``SettingsError`` when Discord does not accept the token.
    """
    delay = CONNECT_AGAIN_SECONDS
    while not client.is_closed():
        try:
            await client.start(token)
        except discord.LoginFailure as error:
            raise SettingsError(
                "Discord does not accept DISCORD_TOKEN",
                hint="Copy it anew from the Developer Portal (Bot > Reset Token).",
            ) from error
        except Exception as error:
            if not is_out_of_reach(error):
                raise
            _log.warning("Discord cannot be reached, next try in %.0f s: %s", delay, error)
            await _let_go(client)
            await client.services.clock.sleep(delay)
            delay = min(2 * delay, 300.0)


async def _let_go(client: BursarClient) -> None:
    """Of the session of a login that failed: discord.py opens another one with the next."""
    await client.http.close()
    client.http.connector = discord.utils.MISSING  # closed with its session


def invite_url(application_id: int) -> str:
    """The link that adds Bursar to a server with the least permissions it can work with."""
    return discord.utils.oauth_url(application_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands"))


async def examine(
    token: str, *, server_ids: frozenset[str] | None = None, staff_channels: Mapping[str, str] | None = None
) -> list[Finding]:
    """``doctor``: the token, the servers, and what the bot may do there. Reads only; no gateway connection.

    ``staff_channels``: channel id by server id, where one is set.
    """
    client = discord.Client(intents=discord.Intents(guilds=True))
    try:
        await client.login(token)
        return await _examine(client, server_ids, staff_channels or {})
    except discord.LoginFailure:
        action = "Copy it anew from the Developer Portal (Bot > Reset Token) into DISCORD_TOKEN."
        return [Finding("Discord token", Health.FAILED, "Discord does not accept the token.", action)]
    except (discord.HTTPException, OSError) as error:
        return [Finding("Discord", Health.FAILED, f"Discord cannot be asked: {error}", "Try again later.")]
    finally:
        await client.close()


async def _examine(
    client: discord.Client, server_ids: frozenset[str] | None, staff_channels: Mapping[str, str]
) -> list[Finding]:
    application = await client.application_info()
    findings = [
        Finding("Discord token", Health.OK, f"belongs to {application.name}"),
        Finding("Invite link", Health.OK, invite_url(application.id)),
    ]
    own_id = application.id if client.user is None else client.user.id
    joined = {str(guild.id): guild async for guild in client.fetch_guilds(limit=None)}
    if not joined:
        findings.append(Finding("Servers", Health.FAILED, "the bot is in no server", "Open the invite link."))
    if server_ids is None and len(joined) > 1:
        message = f"the bot is in {len(joined)} servers and BURSAR_SERVER_IDS is not set: it works in none of them"
        findings.append(Finding("Servers", Health.FAILED, message, "Name the servers in BURSAR_SERVER_IDS."))
    for server_id in sorted(server_ids if server_ids is not None else joined):
        guild = joined.get(server_id)
        if guild is None:
            message = f"the bot is not in server {server_id} of BURSAR_SERVER_IDS"
            findings.append(Finding("Servers", Health.WARNING, message, "Open the invite link for that server."))
        else:
            findings.append(
                await _examine_server(own_id, await client.fetch_guild(guild.id), staff_channels.get(server_id))
            )
    return findings


async def _examine_server(own_id: int, full: discord.Guild, staff_channel: str | None) -> Finding:
    """What the bot may do in one server (with its roles), and in its staff channel."""
    me = await full.fetch_member(own_id)
    topic = f"Server {full.name}"
    if staff_channel is None:
        missing = _missing(me.guild_permissions)
        if not missing:
            return Finding(
                topic,
                Health.WARNING,
                "no staff channel is set: no progress messages, and a second machine would not be noticed",
                "Use /settings there.",
            )
        where = "the server"
    else:
        try:
            channel = await full.fetch_channel(int(staff_channel))
        except (discord.NotFound, discord.Forbidden, discord.InvalidData):
            return Finding(
                topic, Health.FAILED, "the staff channel cannot be seen", "Let the bot see it, or set another one."
            )
        if channel.permissions_for(full.default_role).view_channel:
            message = f"everyone can read the staff channel #{channel.name}, so nothing is posted there"
            return Finding(topic, Health.FAILED, message, "Take View Channel from @everyone there.")
        missing = _missing(channel.permissions_for(me))
        where = f"#{channel.name}"
    if missing:
        return Finding(
            topic,
            Health.FAILED,
            f"missing in {where}: {', '.join(missing)}",
            "Grant them to the bot's role, or use the invite link again.",
        )
    return Finding(topic, Health.OK, f"all permissions are there in {where}")


def _missing(permissions: discord.Permissions) -> list[str]:
    """The permissions that Bursar needs and does not have, in Discord's words."""
    return [name.replace("_", " ") for name, wanted in PERMISSIONS if wanted and not getattr(permissions, name)]
