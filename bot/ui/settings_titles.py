"""What moderators call the programmes: a form, and before it a card to choose from where they do not fit into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import discord

from bot.errors import BursarError
from bot.services.rules import ServerRules
from bot.ui import answers
from bot.ui import settings_changes as changes
from bot.ui.answers import Interaction
from bot.ui.cards import Line, Tone, button, card
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.permissions import require_settings, services_of
from bot.ui.settings_form import FIELDS_MAX, SettingsForm
from bot.ui.text import escape, plain

MENU_MAX: Final = 25
"""Options of a menu (Discord's limit)."""
MENUS_MAX: Final = 8
"""Menus of the card, so 200 programmes: more is more than anybody has accounts."""


async def name_programmes(interaction: Interaction) -> None:
    """The form; where the programmes are more than its fields, the card that asks which of them."""
    rules = await require_settings(interaction)
    names = _names(interaction, rules)
    if not names:
        raise BursarError("There is no programme to name: the operator has set no keys.")
    if len(names) <= FIELDS_MAX:
        await _open_form(interaction, rules, names)
        return
    await answers.keep(interaction)
    await answers.show(interaction, titles_card(names, rules, practice=services_of(interaction).practice))


def titles_card(names: Sequence[str], rules: ServerRules, *, practice: bool) -> discord.ui.LayoutView:
    """Every programme with its name, and menus in which up to a form full of them is chosen."""
    titles = rules.programme_titles
    lines: list[Line] = [f"Choose up to {FIELDS_MAX} programmes, then write what moderators call them."]
    lines += [f"- {name}" + (f": **{escape(titles[name], 60)}**" if titles.get(name) else "") for name in names]
    rows: list[list[discord.ui.Item[Any]]] = [
        [_menu(names[at : at + MENU_MAX], titles, number)]
        for number, at in enumerate(range(0, min(len(names), MENU_MAX * MENUS_MAX), MENU_MAX))
    ]
    rows.append([button("Back to the settings", "settings:back")])
    return card("Names of programmes", tone=Tone.PLAIN, practice=practice, lines=lines, rows=rows)


def _menu(names: Sequence[str], titles: Mapping[str, str], number: int) -> discord.ui.Select[Any]:
    options = [
        discord.SelectOption(label=plain(name), value=name, description=plain(titles[name]) if name in titles else None)
        for name in names
    ]
    return discord.ui.Select(
        custom_id=f"settings:named:{number}",
        placeholder=f"Choose from {names[0]} to {names[-1]}"[:150],
        max_values=min(FIELDS_MAX, len(options)),
        options=options,
    )


def _names(interaction: Interaction, rules: ServerRules) -> list[str]:
    """The default programme first."""
    return sorted(services_of(interaction).programmes.names(), key=lambda name: name != rules.default_programme)


async def _open_form(interaction: Interaction, rules: ServerRules, names: Sequence[str]) -> None:
    about = "What moderators call it; empty = its own name"
    fields = {name: (name, about, rules.programme_titles.get(name, "")) for name in names}
    form = SettingsForm(interaction, "Names of programmes", fields, changes.change_titles)
    await interaction.response.send_modal(form)


class NamedMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"settings:named:[0-9]",
):
    """Opens the form for the programmes that are chosen."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        rules = await require_settings(interaction)
        chosen = [name for name in _names(interaction, rules) if name in self.item.values]
        if not chosen:
            raise BursarError("These programmes are not there any more.", hint="Open /settings show again.")
        await _open_form(interaction, rules, chosen)


ITEMS: Final = (NamedMenu,)
