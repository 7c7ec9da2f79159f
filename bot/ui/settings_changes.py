"""Changing what a server allows: checked, stored with its event, and noted in the staff channel."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable, Mapping
from typing import Final

import discord

from bot.domain.amounts import parse_amount
from bot.domain.model import Programme
from bot.errors import SettingsError, UsageError
from bot.services.rules import ROWS_MAX, START_DELAY_MAX_SECONDS, ServerRules
from bot.ui import answers, staff
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, card
from bot.ui.permissions import actor_of, programme_title, require_settings, roles_there, server_of, services_of
from bot.ui.settings_card import (
    NAMES,
    ROLE_LISTS,
    SELF,
    ProgrammeLine,
    There,
    roles_of,
    roles_said,
    said,
    settings_card,
)
from bot.ui.text import escape, plain

_log = logging.getLogger(__name__)

_locks: Final[weakref.WeakKeyDictionary[discord.Client, asyncio.Lock]] = weakref.WeakKeyDictionary()
"""One change at a time: several settings are maps of which a change replaces one entry."""


def one_at_a_time(client: discord.Client) -> asyncio.Lock:
    """Held while a setting is read, changed and stored."""
    return _locks.setdefault(client, asyncio.Lock())


async def show_settings(interaction: Interaction, *, done: str | None = None) -> None:
    """Answer with the card. The interaction is already deferred."""
    rules = await require_settings(interaction)
    services = services_of(interaction)
    assert interaction.guild is not None  # require_settings
    view = settings_card(
        interaction.guild.name,
        rules,
        await programme_lines(interaction, rules),
        channel_problem=channel_problem(interaction, rules),
        practice=services.practice,
        done=done,
        halt=await services.halting.in_force(server_of(interaction)),
        there=_there(interaction.guild, roles_there(interaction)),
    )
    await answers.show(interaction, view)


def _there(guild: discord.Guild, roles: frozenset[str] | None) -> There:
    texts = [channel for channel in guild.channels if channel.type is discord.ChannelType.text]
    return There() if roles is None else There(roles, frozenset(str(channel.id) for channel in texts))


def channel_problem(interaction: Interaction, rules: ServerRules) -> str | None:
    """Why the staff channel cannot be used right now, and what to do on this card."""
    if rules.staff_channel_id is None:
        return None
    try:
        staff.find_channel(interaction.client, server_of(interaction), rules.staff_channel_id)
    except staff.StaffChannelError as error:
        step = f" {error.hint.replace('in /settings', 'below')}" if error.hint else ""
        return f"{error.message}{step} {staff.UNTIL_THEN}"
    return None


async def programme_lines(interaction: Interaction, rules: ServerRules) -> list[ProgrammeLine]:
    """Every programme with what this server made of it, and what it can promise."""
    services = services_of(interaction)
    programmes = services.programmes
    lines = []
    for name in programmes.names():
        here = rules.currencies.get(name)
        title = programme_title(rules, name)
        try:
            destination = programmes.get(name, currency=here).destination
            promise = await services.promises.of(destination)
            lines.append(ProgrammeLine(name, title, destination.currency, here is not None, None, promise.text))
        except SettingsError as error:
            lines.append(ProgrammeLine(name, title, None, here is not None, error.message))
    return lines


# --- changes --------------------------------------------------------------------------------------------------------


async def change_roles(interaction: Interaction, key: str, roles: Iterable[discord.Role]) -> None:
    """Replace one of the lists of roles."""
    chosen = list(roles)
    if any(role.is_default() for role in chosen):
        raise UsageError("Everybody in the server is in @everyone.", hint="Choose roles of your staff.")
    ids = sorted(str(role.id) for role in chosen)
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        before = roles_of(rules, key)
        if key == SELF:
            await _store(interaction, "self_award_roles", ids or None)
        else:
            stored = {capability.value: sorted(held) for capability, held in rules.roles.items()}
            await _store(interaction, "roles", {**stored, key: ids})
    nobody = "nobody" if key == SELF else None
    await _tell(interaction, rules, [_told(ROLE_LISTS[key], _roles(before, nobody), _roles(ids, nobody))])


def _roles(roles: Iterable[str], nobody: str | None) -> str:
    held = frozenset(roles)
    return nobody if nobody is not None and not held else roles_said(held)


async def change_channel(interaction: Interaction, channel: discord.TextChannel | None) -> None:
    """Choose the staff channel. One that everyone can read, or that Bursar cannot use, is refused."""
    unfit = None if channel is None else staff.why_unfit(channel)
    if unfit is not None:
        raise UsageError(unfit)
    value = None if channel is None else str(channel.id)
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        await _store(interaction, "staff_channel_id", value)
    services = services_of(interaction)
    for board in await services.boards.unfinished():  # perhaps given up, where there was no place for it
        services.batches.look_again(board.batch_id)
    name = "staff_channel_id"
    told = _told(NAMES[name], said(name, rules.staff_channel_id), said(name, value))
    await _tell(interaction, rules, [told], also=value)


async def change_programme(interaction: Interaction, name: str | None) -> None:
    """Choose the default programme."""
    if name is not None and name not in services_of(interaction).programmes.names():
        raise UsageError(f"There is no programme called {escape(name)}.", hint="Open /settings show again.")
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        await _store(interaction, "default_programme", name)
    key = "default_programme"
    await _tell(interaction, rules, [_told(NAMES[key], said(key, rules.default_programme), said(key, name))])


async def change_limits(interaction: Interaction, typed: Mapping[str, str]) -> None:
    """Store what a form said about amounts and the wait; nothing of it when one field is wrong."""
    values = {name: _checked(interaction, name, text.strip()) for name, text in typed.items()}
    told = []
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        defaults = ServerRules()
        for name, value in values.items():
            before = getattr(rules, name)
            after = getattr(defaults, name) if value is None else value
            if before != after:
                await _store(interaction, name, value)
                told.append(_told(NAMES[name], said(name, before), said(name, after)))
    await _tell(interaction, rules, told)


def _checked(interaction: Interaction, name: str, text: str) -> object:
    """The value to store for a typed one; ``None`` for an empty field. Raises ``UsageError`` naming the field."""
    if not text:
        return None
    if name == "start_delay_seconds":
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= START_DELAY_MAX_SECONDS:
            raise UsageError(
                f"{NAMES[name]}: “{escape(text)}” is no number of seconds from 0 to {START_DELAY_MAX_SECONDS:,.0f}."
            )
        return seconds
    if name in ("approve_first_use", "post_head"):
        return _switch(name, text)
    if name == "approve_rows":
        return _number(name, text)
    for programme in programme_units(interaction):
        try:
            amount = parse_amount(text, programme.unit)
        except ValueError as error:
            raise UsageError(f"{NAMES[name]}: {error} ({programme.name}).") from error
        if amount <= 0:
            raise UsageError(f"{NAMES[name]} has to be above 0; leave it empty for none.")
    return text


def _switch(name: str, text: str) -> bool | None:
    if text.lower() not in ("yes", "no"):
        raise UsageError(f"{NAMES[name]}: “{escape(text)}” is neither yes nor no.")
    return True if text.lower() == "yes" else None


def _number(name: str, text: str) -> int:
    number = text.replace(",", "")
    if not (number.isascii() and number.isdigit()) or not 0 < int(number) <= ROWS_MAX:
        raise UsageError(f"{NAMES[name]}: “{escape(text)}” is no number of rows from 1 to {ROWS_MAX:,}.")
    return int(number)


def programme_units(interaction: Interaction) -> list[Programme]:
    """The programmes that can be used: a limit has to make sense in the unit of each."""
    programmes, usable = services_of(interaction).programmes, []
    for name in programmes.names():
        try:
            usable.append(programmes.get(name))
        except SettingsError:
            continue
    return usable


async def change_titles(interaction: Interaction, typed: Mapping[str, str]) -> None:
    """Name programmes; an empty field, or one in which there is nothing to see, takes the name back."""
    told = []
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        titles, names = dict(rules.programme_titles), services_of(interaction).programmes.names()
        for programme, text in typed.items():
            before, after = titles.get(programme, ""), plain(text)
            if before == after:
                continue
            titles.pop(programme, None)
            if after:
                titles[programme] = after
            told.append(_told(f"Name of {programme}", escape(before) or programme, escape(after) or programme))
        for programme in typed:
            if titles.get(programme, "") != rules.programme_titles.get(programme, ""):
                _refuse_taken(programme, titles.get(programme) or programme, titles, names)
        if told:
            await _store(interaction, "programme_titles", titles)
    await _tell(interaction, rules, told)


def _refuse_taken(programme: str, title: str, titles: Mapping[str, str], names: Iterable[str]) -> None:
    """Raises ``UsageError`` where another programme is called so: no card could tell any more where points go."""
    for other in names:
        called = {one.casefold() for one in (other, titles.get(other) or other)}
        if other != programme and title.casefold() in called:
            raise UsageError(f"“{escape(title)}” is what {other} is called.", hint=f"Give {programme} another name.")


async def change_currency(interaction: Interaction, programme: str, currency: str | None, name: str) -> None:
    """Choose a programme's currency (``None`` = the operator's own); ``name`` is what people call it."""
    async with one_at_a_time(interaction.client):
        rules = await require_settings(interaction)
        chosen = {**rules.currencies}
        before = chosen.pop(programme, None)
        if currency is not None:
            chosen[programme] = currency
        if before != currency:
            await _store(interaction, "currencies", chosen or None)
    title = f"{NAMES['currencies']} of {escape(programme_title(rules, programme))}"
    told = [] if before == currency else [_told(title, said("currencies", before), name)]
    await _tell(interaction, rules, told)


# --- storing and telling --------------------------------------------------------------------------------------------


async def _store(interaction: Interaction, name: str, value: object) -> None:
    await services_of(interaction).servers.change(server_of(interaction), name, value, actor_of(interaction))


def _told(name: str, before: str, after: str) -> str:
    return f"**{name}**: {before} → {after}"


async def _tell(interaction: Interaction, before: ServerRules, told: list[str], *, also: str | None = None) -> None:
    """Show the card as it is now, and note the change in the staff channel (in the old and the new one)."""
    done = None if not told else "Changed: " + "; ".join(told)
    await show_settings(interaction, done=done or "Nothing to change: it was so already.")
    if told:
        await note_in_staff_channel(interaction, told, before.staff_channel_id, also)


async def note_in_staff_channel(interaction: Interaction, told: list[str], *channels: str | None) -> None:
    """Note a change in these channels; in the staff channel of now when none is named. Never raises."""
    services, server = services_of(interaction), server_of(interaction)
    view = card(
        "Settings changed",
        tone=Tone.PLAIN,
        practice=services.practice,
        lines=[*told, f"-# by {escape(interaction.user.display_name, 60)} (<@{interaction.user.id}>)"],
    )
    rules = await services.servers.rules(server)
    named = channels or (rules.staff_channel_id,)
    for channel_id in dict.fromkeys(one for one in named if one is not None):
        try:
            channel = staff.find_channel(interaction.client, server, channel_id)
            await staff.post(channel, view, rules, nonce=staff.nonce_of("settings", interaction.id, channel_id))
        except Exception as error:  # also what is not Discord's own, when the network is cut
            _log.warning("a change of settings could not be noted in channel %s: %r", channel_id, error)
