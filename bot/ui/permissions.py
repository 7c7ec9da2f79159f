"""Who may do what here. Asked anew at every command, button and modal; what cannot be judged is refused.

Discord's own ``default_permissions`` only hide commands, and administrators of a server can change them. This is the
check that counts. It needs no member intent: roles and permissions come with every interaction
(docs.discord.com/developers/interactions/receiving-and-responding, "Interaction Structure").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import discord

from bot.domain.model import Actor
from bot.errors import NotAllowed
from bot.services.batches import BatchView
from bot.services.bundle import Services
from bot.services.rules import Capability, ServerRules
from bot.ui.batch_text import nothing_sent

NOT_SET_UP: Final = "Bursar is not set up here."
"""All that is told of this Bursar in a server (or a private chat) that the operator did not bind the accounts to."""
BIND_IT: Final = (
    "If it is meant to work here, whoever runs it adds this server's id, {server}, to BURSAR_SERVER_IDS and starts it"
    " anew."
)

WORDS: Final[Mapping[Capability, str]] = {
    Capability.AWARD: "award points",
    Capability.BULK: "send files of awards",
    Capability.MANAGE: "pause, stop, retry or resolve batches",
    Capability.APPROVE: "approve what others prepared",
    Capability.LOOK: "look at batches and their results",
}
"""What each capability allows, to go behind "may"."""

GRANTED_BY: Final[Mapping[Capability, tuple[Capability, ...]]] = {
    Capability.AWARD: (Capability.AWARD,),
    Capability.BULK: (Capability.BULK,),
    Capability.MANAGE: (Capability.MANAGE,),
    Capability.APPROVE: (Capability.APPROVE, Capability.MANAGE),
    Capability.LOOK: (Capability.LOOK, Capability.BULK, Capability.MANAGE, Capability.APPROVE),
}
"""Whose roles give a capability: who sends files or steers batches has to see them, too. ``sight`` is for one's own."""


class HasServices(Protocol):
    """What the Discord client has to offer: the use-cases."""

    @property
    def services(self) -> Services: ...


def services_of(interaction: discord.Interaction[Any]) -> Services:
    """The use-cases, from the client that received the interaction."""
    return cast(HasServices, interaction.client).services


def joined_of(client: discord.Client) -> frozenset[str]:
    """Every server that the bot is in, unavailable ones included."""
    return frozenset(str(guild.id) for guild in client.guilds)


def actor_of(interaction: discord.Interaction[Any]) -> Actor:
    """Who pressed, typed or submitted."""
    server = None if interaction.guild_id is None else str(interaction.guild_id)
    return Actor(id=str(interaction.user.id), name=interaction.user.display_name, server_id=server)


def server_of(interaction: discord.Interaction[Any]) -> str:
    """The id of a server that the operator's accounts may be used in. Raises ``NotAllowed`` for any other place, also
    for somebody who is timed out there."""
    services = services_of(interaction)
    if interaction.guild_id is None or not isinstance(interaction.user, discord.Member):
        raise NotAllowed(NOT_SET_UP, hint="Use it in the server that it works for.")
    server_id = str(interaction.guild_id)
    if not services.servers.serves(server_id, joined_of(interaction.client)):
        raise NotAllowed(NOT_SET_UP, hint=BIND_IT.format(server=server_id))
    if interaction.user.is_timed_out() and not is_administrator(interaction):
        raise NotAllowed("You are timed out in this server.", hint="Ask again when the time-out is over.")
    return server_id


def is_administrator(interaction: discord.Interaction[Any]) -> bool:
    """Whether the server's owner or somebody with the permission *Administrator* asks."""
    guild = interaction.guild
    return interaction.permissions.administrator or (guild is not None and guild.owner_id == interaction.user.id)


def role_ids(interaction: discord.Interaction[Any]) -> frozenset[str]:
    """The roles of who asks, as the interaction brought them. Everybody's role (@everyone) is none."""
    if not isinstance(interaction.user, discord.Member):
        return frozenset()
    return frozenset(str(role.id) for role in interaction.user.roles if not role.is_default())


def roles_there(interaction: discord.Interaction[Any]) -> frozenset[str] | None:
    """The roles that the server has; ``None`` where Discord does not show them at the moment."""
    guild = interaction.guild
    return None if guild is None or guild.unavailable else frozenset(str(role.id) for role in guild.roles)


def may(interaction: discord.Interaction[Any], rules: ServerRules, capability: Capability) -> bool:
    """Whether the rules allow it to who asks; the place is not judged here (``require`` does both)."""
    if is_administrator(interaction):
        return True
    held = role_ids(interaction)
    return any(held & rules.roles.get(source, frozenset()) for source in GRANTED_BY[capability])


def may_stop(interaction: discord.Interaction[Any], rules: ServerRules, view: BatchView) -> bool:
    """Whether who asks may stop this batch: whoever may manage; and who sent it, while nothing of it has left."""
    if may(interaction, rules, Capability.MANAGE):
        return True
    still_sends = may(interaction, rules, Capability.AWARD) or may(interaction, rules, Capability.BULK)
    return still_sends and view.batch.actor.id == str(interaction.user.id) and nothing_sent(view)


def may_award_self(interaction: discord.Interaction[Any], rules: ServerRules) -> bool:
    """Whether who asks may be among the recipients. By role only: administrators are no exception."""
    return bool(role_ids(interaction) & rules.self_award_roles)


async def require(interaction: discord.Interaction[Any], capability: Capability) -> ServerRules:
    """The server's rules, for somebody who may do this here. Raises ``NotAllowed`` with the reason in plain words."""
    server_id = server_of(interaction)
    rules = await services_of(interaction).servers.rules(server_id)
    if may(interaction, rules, capability):
        return rules
    roles = {role for source in GRANTED_BY[capability] for role in rules.roles.get(source, frozenset())}
    there = roles_there(interaction)
    held = roles if there is None else roles & there
    if held:
        cause = f"That takes one of the roles {', '.join(f'<@&{role}>' for role in sorted(held))}."
    elif roles:
        cause = "The roles that could were deleted: until others are chosen, only administrators may."
    else:
        cause = "No role may do that yet, only administrators."
    raise NotAllowed(
        f"You may not {WORDS[capability]} here. {cause}", hint="An administrator can change that with /settings."
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may see of drafts and batches."""

    rules: ServerRules
    only_of: str | None
    """The id of whom they may see drafts and batches: their own; ``None`` = everybody."""


async def sight(interaction: discord.Interaction[Any]) -> Sight:
    """What who asks may see: whoever may only award sees what is their own. Raises ``NotAllowed``."""
    rules = await services_of(interaction).servers.rules(server_of(interaction))
    if may(interaction, rules, Capability.AWARD) and not may(interaction, rules, Capability.LOOK):
        return Sight(rules, str(interaction.user.id))
    return Sight(await require(interaction, Capability.LOOK), None)


async def visible(interaction: discord.Interaction[Any], batch_id: int) -> tuple[BatchView, ServerRules]:
    """A batch that who asks may see. Raises ``NotAllowed``, ``NotFound``."""
    seen = await sight(interaction)
    view = await services_of(interaction).batches.view(batch_id, actor_of(interaction))
    if seen.only_of not in (None, view.batch.actor.id):
        await require(interaction, Capability.LOOK)
    return view, seen.rules


async def require_settings(interaction: discord.Interaction[Any]) -> ServerRules:
    """The server's rules, for somebody who may change them: owner, *Administrator* or *Manage Server*."""
    server_id = server_of(interaction)
    if not (is_administrator(interaction) or interaction.permissions.manage_guild):
        raise NotAllowed(
            "You may not change Bursar's settings here. That takes the permission *Manage Server*.",
            hint="Ask an administrator of the server.",
        )
    return await services_of(interaction).servers.rules(server_id)


def programme_title(rules: ServerRules, programme: str) -> str:
    """The name under which moderators see a programme."""
    return rules.programme_titles.get(programme) or programme
