"""Menus, buttons and forms of the ``/settings`` card. They survive restarts and check the permission at every use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import discord

from bot.errors import BursarError
from bot.services.rules import ServerRules
from bot.ui import answers
from bot.ui import settings_changes as changes
from bot.ui.answers import Interaction
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.permissions import require_settings
from bot.ui.settings_card import NAMES, ROLE_LISTS
from bot.ui.settings_form import SettingsForm, changing
from bot.ui.settings_titles import name_programmes


class RolesMenu(
    Guarded[discord.ui.RoleSelect[Any]],
    discord.ui.DynamicItem[discord.ui.RoleSelect[Any]],
    template=rf"settings:roles:(?P<key>{'|'.join(ROLE_LISTS)})",
):
    """One of the lists of roles."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        await changing(interaction, changes.change_roles(interaction, self.match["key"], self.item.values))


class ChannelMenu(
    Guarded[discord.ui.ChannelSelect[Any]],
    discord.ui.DynamicItem[discord.ui.ChannelSelect[Any]],
    template=r"settings:channel",
):
    """The staff channel."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        chosen = self.item.values[0].resolve() if self.item.values else None
        if self.item.values and not isinstance(chosen, discord.TextChannel):
            raise BursarError(
                "Bursar cannot see that channel.", hint="Give it *View Channel* there, then choose again."
            )
        channel = chosen if isinstance(chosen, discord.TextChannel) else None
        await changing(interaction, changes.change_channel(interaction, channel))


class ProgrammeMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"settings:programme",
):
    """The default programme."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        chosen = self.item.values[0] if self.item.values else None
        await changing(interaction, changes.change_programme(interaction, chosen))


async def _limits(interaction: Interaction) -> None:
    rules = await require_settings(interaction)
    about = {
        "max_award": "Of one award; empty = no limit here",
        "max_batch": "Sum of one batch; empty = no limit here",
        "quick_award": "One member's award up to this is sent at once; empty = never",
        "start_delay_seconds": "Seconds in which Stop costs nothing, 0 to 3600; empty = 10",
        "post_head": "In the staff channel, to prove later that nothing was cut off: yes or no",
    }
    fields = {name: (NAMES[name], text, _typed(rules, name)) for name, text in about.items()}
    await interaction.response.send_modal(SettingsForm(interaction, "Limits", fields, changes.change_limits))


def _typed(rules: ServerRules, name: str) -> str:
    value = getattr(rules, name)
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value or "")


async def _approval(interaction: Interaction) -> None:
    rules = await require_settings(interaction)
    about = {
        "approve_amount": "Of a batch, with those of the same person in the hour before; empty = never",
        "approve_rows": "Awards of a batch, with those of the hour before; empty = never",
        "approve_first_use": "The first batch in an account and currency: yes or no",
    }
    fields = {name: (NAMES[name], text, _typed(rules, name)) for name, text in about.items()}
    await interaction.response.send_modal(SettingsForm(interaction, "Second person", fields, changes.change_limits))


_FORMS: Final[Mapping[str, Callable[[Interaction], Awaitable[None]]]] = {
    "limits": _limits,
    "titles": name_programmes,
    "approval": _approval,
}


class FormButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"settings:(?P<form>{'|'.join(_FORMS)})",
):
    """Opens one of the forms."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await _FORMS[self.match["form"]](interaction)


ITEMS: Final = (RolesMenu, ChannelMenu, ProgrammeMenu, FormButton)
