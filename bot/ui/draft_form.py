"""The form behind "Change…": period, reason, amount, duplicates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import discord

from bot.domain.model import Duplicates
from bot.services.submitting import Wish
from bot.ui.answers import Interaction
from bot.ui.errors import Form
from bot.ui.preview_facts import DUPLICATE_WORDS
from bot.ui.text import plain

REASON_MAX = 200
LABEL_MAX = 60


class ChangeForm(Form):
    """What can be changed about a draft without a new file. ``submitted`` is called with the answer."""

    submitted: Callable[[Interaction], Awaitable[None]]

    def __init__(self, opened: Interaction, wish: Wish, *, asks_amount: bool) -> None:
        super().__init__("Change the draft", opened, "change")
        self._label = _text("label", wish.label, LABEL_MAX)
        self._reason = _text("reason", wish.reason, REASON_MAX)
        self._amount = _text("amount", wish.amount, 20)
        self._asks_amount = asks_amount
        self._duplicates: discord.ui.Select[Any] = discord.ui.Select(
            custom_id="duplicates",
            options=[
                discord.SelectOption(label=words, value=policy.value, default=policy is wish.duplicates)
                for policy, words in DUPLICATE_WORDS.items()
            ],
        )
        self.add_item(
            discord.ui.Label(text="Period", description="Tells one week's list from the next", component=self._label)
        )
        self.add_item(
            discord.ui.Label(text="Reason", description="For rows without one of their own", component=self._reason)
        )
        if asks_amount:
            description = "For every row: the file has no amounts"
            self.add_item(discord.ui.Label(text="Amount", description=description, component=self._amount))
        self.add_item(discord.ui.Label(text="Several rows for one recipient", component=self._duplicates))

    def wish(self, old: Wish) -> Wish:
        """The old wish with what was typed. No reason is one choice; an emptied period or amount, or one in which there
        is nothing to see, leaves what was there."""
        return replace(
            old,
            label=plain(self._label.value, LABEL_MAX) or old.label,
            reason=plain(self._reason.value, REASON_MAX) or None,
            amount=(self._amount.value.strip() or old.amount) if self._asks_amount else old.amount,
            duplicates=Duplicates(self._duplicates.values[0]) if self._duplicates.values else old.duplicates,
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        await self.submitted(interaction)


def _text(custom_id: str, value: str | None, most: int) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(custom_id=custom_id, default=(value or "")[:most], max_length=most, required=False)
