"""``/settings``: one card with everything a server decides, and the currency from Drip's own list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from discord import app_commands

from bot.clock import Clock
from bot.errors import BursarError, UsageError
from bot.providers.base import Currency
from bot.services.programmes import Programmes
from bot.ui import (
    answers,
    settings_budgets,
    settings_changes,
    settings_menus,
    settings_promises,
    settings_titles,
    suggestions,
)
from bot.ui.answers import Interaction
from bot.ui.errors import changes_nothing
from bot.ui.parts import Parts
from bot.ui.permissions import programme_title, require_settings, services_of
from bot.ui.text import escape

KEPT_SECONDS: Final = 60.0
"""How long a list of currencies is used without asking again."""
OPERATORS_OWN: Final = "-"
"""Stands for the operator's setting among the choices."""


class CurrencyLists:
    """The accounts' currencies, asked for once in a while however fast somebody types."""

    def __init__(self, programmes: Programmes, clock: Clock) -> None:
        self._programmes = programmes
        self._clock = clock
        self._lists: dict[str, tuple[float, asyncio.Task[Sequence[Currency]]]] = {}

    async def of(self, programme: str) -> Sequence[Currency]:
        """The real list. Raises ``UsageError`` for an unknown programme, ``ResolutionFailed`` when Drip cannot say."""
        until, task = self._lists.get(programme, (0.0, None))
        if task is None or self._clock.monotonic() >= until or _failed(task):
            task = asyncio.create_task(self._programmes.currencies(programme), name=f"currencies of {programme}")
            self._lists[programme] = (self._clock.monotonic() + KEPT_SECONDS, task)
        return await asyncio.shield(task)


def _failed(task: asyncio.Task[Sequence[Currency]]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class SettingsCommands(app_commands.Group):
    """``/settings``. For the owner, administrators and who may manage the server."""

    def __init__(self, currencies: CurrencyLists) -> None:
        super().__init__(name="settings", description="Who may do what in this server, and where points go")
        self._currencies = currencies

    @app_commands.command(name="show", description="Everything on one card; changes count at once")
    async def show(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.think(interaction)
        await settings_changes.show_settings(interaction)

    @app_commands.command(name="programme", description="Choose where points go when a command names no programme")
    @app_commands.describe(programme="Which programme")
    async def programme(self, interaction: Interaction, programme: str) -> None:
        changes_nothing(interaction)
        await answers.think(interaction)
        await settings_changes.change_programme(interaction, programme)

    @programme.autocomplete("programme")
    async def _every_programme(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        return await _suggested(interaction, current, services_of(interaction).programmes.names())

    @app_commands.command(name="currency", description="Choose the currency of a Drip programme from Drip's own list")
    @app_commands.describe(programme="Which programme", currency="Start typing its name")
    async def currency(self, interaction: Interaction, programme: str, currency: str) -> None:
        changes_nothing(interaction)
        await answers.think(interaction)
        rules = await require_settings(interaction)
        if programme not in {*services_of(interaction).programmes.names(), *rules.currencies}:
            raise UsageError(f"there is no programme called {escape(programme)}.", hint="Choose one from the list.")
        if currency == OPERATORS_OWN:
            await settings_changes.change_currency(interaction, programme, None, "as the operator set it")
            return
        listed = await self._currencies.of(programme)
        if not listed:
            raise UsageError(
                f"the programme {escape(programme)} has no currency to choose.", hint="Only those of Drip have."
            )
        found = next((one for one in listed if currency in (one.id, one.name)), None)
        if found is None:
            raise UsageError(
                f"the programme {escape(programme)} has no currency “{escape(currency)}”.",
                hint="Choose one from the list that opens while typing.",
            )
        if found.archived:
            raise UsageError(f"{escape(found.name)} is archived in Drip.", hint="Choose another.")
        await settings_changes.change_currency(interaction, programme, found.id, f"{escape(found.name)} ({found.id})")

    @currency.autocomplete("programme")
    async def _programmes(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        names = services_of(interaction).programmes.names()
        return await _suggested(interaction, current, [name for name in names if name.startswith("drip")])

    @currency.autocomplete("currency")
    async def _choices(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        programme = str(interaction.namespace["programme"] or "")
        try:
            rules = await require_settings(interaction)
            listed = await asyncio.wait_for(self._currencies.of(programme), suggestions.ANSWER_WITHIN_SECONDS)
        except (BursarError, TimeoutError):
            return []
        choices = [(_named(one), one.id) for one in listed if not one.archived]
        if programme in rules.currencies:
            choices.append(("Back to the operator's setting", OPERATORS_OWN))
        return suggestions.fitting(choices, current)


async def _suggested(interaction: Interaction, current: str, names: Sequence[str]) -> list[app_commands.Choice[str]]:
    """Programmes by title and name, for who may change the settings."""
    try:
        rules = await require_settings(interaction)
    except BursarError:
        return []
    return suggestions.fitting([(f"{programme_title(rules, name)} ({name})", name) for name in names], current)


def _named(currency: Currency) -> str:
    emoji = f"{currency.emoji} " if currency.emoji else ""
    return f"{emoji}{currency.name} · {currency.id}" + (" · default" if currency.default else "")


async def setup(client: Parts) -> None:
    """Add the commands, and the menus that survive restarts."""
    services = client.services
    client.tree.add_command(SettingsCommands(CurrencyLists(services.programmes, services.clock)))
    client.add_dynamic_items(
        *settings_menus.ITEMS, *settings_budgets.ITEMS, *settings_titles.ITEMS, *settings_promises.ITEMS
    )
