"""Asked once before a batch's first call: may the person who confirmed it still do so? What cannot be told is a no."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import discord

from bot.domain.model import Batch, Pause, PauseKind
from bot.services.bundle import Services
from bot.services.rules import Capability, ServerRules
from bot.ui.answers import is_out_of_reach
from bot.ui.permissions import GRANTED_BY, WORDS, joined_of

_log = logging.getLogger(__name__)

READY_POLLS: Final = 120
READY_POLL_SECONDS: Final = 0.25
"""How long a start waits for Discord before it holds a batch back: the ledger is open before the gateway is."""

HAS_LEFT: Final = "has left the server"
"""How the reason of a pause ends that no setting can end."""

_NEEDED: Final = {"award": Capability.AWARD, "retry": Capability.MANAGE, "undo": Capability.MANAGE}


def start_rule(
    services: Services, client: Callable[[], discord.Client | None]
) -> Callable[[Batch], Awaitable[Pause | None]]:
    """The rule for ``Dispatcher(may_start=…)``. Batches of the command line are nobody's in Discord and may start."""

    async def ask(batch: Batch) -> Pause | None:
        if batch.actor.server_id is None:
            return None
        try:
            refused = await _refusal(services, client, batch)
        except Exception as error:
            if not is_out_of_reach(error):
                raise
            _log.warning("batch %d: Discord could not say who confirmed it: %r", batch.id, error)
            refused = "Discord could not tell whether the person who confirmed this batch still may"
        return None if refused is None else Pause(PauseKind.SETTINGS, refused)

    return ask


async def _refusal(services: Services, client: Callable[[], discord.Client | None], batch: Batch) -> str | None:
    """Why the batch may not begin, as one sentence."""
    connected = await _connected(services, client)
    if connected is None:
        return "Discord is not connected, so nobody can tell whether the person who confirmed this batch still may"
    server = batch.actor.server_id
    assert server is not None  # asked for batches of servers only
    guild = connected.get_guild(int(server))
    if guild is None or not services.servers.serves(server, joined_of(connected)):
        return "the operator's accounts may not be used in this server (any more)"
    capability = _NEEDED.get(batch.source, Capability.BULK)
    try:
        member = await guild.fetch_member(int(batch.actor.id))
    except discord.NotFound:
        return f"{batch.actor.name}, who confirmed this batch, {HAS_LEFT}"
    rules = await services.servers.rules(server)
    if may_start(guild, member, rules, capability):
        return await _approver_refusal(services, guild, rules, batch)
    return f"{batch.actor.name}, who confirmed this batch, may not {WORDS[capability]} any more"


async def _approver_refusal(services: Services, guild: discord.Guild, rules: ServerRules, batch: Batch) -> str | None:
    """Why the leave that the batch was recorded with does not hold any more, as one sentence."""
    approval = await services.approving.of_batch(batch.id)
    if approval is None:
        return None
    try:
        member = await guild.fetch_member(int(approval.decided_by_id or "0"))
    except discord.NotFound:
        return f"{approval.decided_by}, who approved this batch, {HAS_LEFT}"
    if may_start(guild, member, rules, Capability.APPROVE):
        return None
    return f"{approval.decided_by}, who approved this batch, may not {WORDS[Capability.APPROVE]} any more"


def may_start(guild: discord.Guild, member: discord.Member, rules: ServerRules, capability: Capability) -> bool:
    """The same rule as for a command, from the member's roles now."""
    if guild.owner_id == member.id or member.guild_permissions.administrator:
        return True
    held = {str(role.id) for role in member.roles if not role.is_default()}
    granted = any(held & rules.roles.get(source, frozenset()) for source in GRANTED_BY[capability])
    return granted and not member.is_timed_out()


async def _connected(services: Services, client: Callable[[], discord.Client | None]) -> discord.Client | None:
    for _ in range(READY_POLLS):
        connected = client()
        if connected is not None and connected.is_ready():
            return connected
        await services.clock.sleep(READY_POLL_SECONDS)
    return None
