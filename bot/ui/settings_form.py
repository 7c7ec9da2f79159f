"""A form of the ``/settings`` card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import discord

from bot.errors import BursarError
from bot.ui import answers
from bot.ui import settings_changes as changes
from bot.ui.answers import Interaction
from bot.ui.errors import Form, changes_nothing
from bot.ui.text import plain

FIELDS_MAX: Final = 5
"""Fields of a form (Discord's limit)."""


async def changing(interaction: Interaction, change: Awaitable[None]) -> None:
    """Make a change; when it is refused the card goes back to what is in force, and the reason is told beside it."""
    try:
        await change
    except BursarError:
        await changes.show_settings(interaction)
        raise


class SettingsForm(Form):
    """A few fields of text, each with what is in force; an empty one is unset."""

    def __init__(
        self,
        opened: Interaction,
        title: str,
        fields: Mapping[str, tuple[str, str, str]],
        submitted: Callable[[Interaction, Mapping[str, str]], Awaitable[None]],
    ) -> None:
        """``fields``: label, description and present value by name."""
        super().__init__(title, opened, "settings")
        self._submitted = submitted
        self._inputs: dict[str, discord.ui.TextInput[Any]] = {}
        for name, (label, description, value) in fields.items():
            field: discord.ui.TextInput[Any] = discord.ui.TextInput(
                custom_id=name, required=False, max_length=60, default=value or None
            )
            self._inputs[name] = field
            self.add_item(discord.ui.Label(text=plain(label, 45), description=plain(description, 100), component=field))

    async def on_submit(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        await changing(
            interaction, self._submitted(interaction, {name: one.value for name, one in self._inputs.items()})
        )
