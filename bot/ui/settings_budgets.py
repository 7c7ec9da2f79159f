"""Budgets in Discord: a card of its own behind ``/settings``, a menu for whom, a form for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import discord

from bot.domain.amounts import parse_amount
from bot.errors import UsageError
from bot.services.budgeting import Budget, Period
from bot.ui import answers
from bot.ui import settings_changes as changes
from bot.ui.answers import Interaction
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.errors import Form, Guarded, changes_nothing
from bot.ui.permissions import actor_of, require_settings, server_of, services_of
from bot.ui.text import escape

SHOWN_HOLDERS: Final = 25


def budgets_card(budgets: Sequence[Budget], *, practice: bool, done: str | None = None) -> discord.ui.LayoutView:
    """Every budget of the server, with the menu that sets one."""
    by_holder: dict[str, list[Budget]] = {}
    for budget in budgets:
        by_holder.setdefault(budget.holder, []).append(budget)
    lines: list[Line] = [f"✓ {done}", RULE] if done else []
    lines += [
        "What somebody may give in a day, a week or a month (UTC, weeks from Monday), in each currency.",
        "-# A role's budget is for each of its members. A person's own budget beats those of roles; of several roles "
        "the largest counts. Refused and cancelled awards give it back. Deductions do not count.",
        RULE,
    ]
    shown = list(by_holder.items())[:SHOWN_HOLDERS]
    lines += [f"- {_mention(holder)}: {_said({one.period: one.amount for one in held})}" for holder, held in shown]
    if len(by_holder) > len(shown):
        lines.append(f"- … and {len(by_holder) - len(shown)} more")
    if not by_holder:
        lines.append("No budget is set: nobody is limited by one.")
    lines.append(discord.ui.ActionRow(_holder_menu()))
    rows = [[button("Back to the settings", "settings:back")]]
    return card("Budgets", tone=Tone.PLAIN, practice=practice, lines=lines, rows=rows)


def _holder_menu() -> discord.ui.MentionableSelect[Any]:
    return discord.ui.MentionableSelect(
        custom_id="settings:budget", placeholder="Set the budget of a person or a role", max_values=1
    )


def _mention(holder: str) -> str:
    kind, _, found = holder.partition(":")
    return f"<@{found}>" if kind == "user" else f"<@&{found}>"


def _said(amounts: Mapping[Period, str]) -> str:
    said = [f"{_amount(amounts[period])} a {period.value}" for period in Period if period in amounts]
    return ", ".join(said) or "none"


def _amount(text: str) -> str:
    """As it was typed, which may be points or money, with its thousands grouped."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isascii() and whole.isdigit() else escape(text, 30)


async def show_budgets(interaction: Interaction, *, done: str | None = None) -> None:
    """Put the card in the place of what was shown. The interaction is already deferred."""
    await require_settings(interaction)
    services = services_of(interaction)
    budgets = await services.budgeting.all(server_of(interaction))
    await answers.show(interaction, budgets_card(budgets, practice=services.practice, done=done))


async def _change(interaction: Interaction, holder: str, typed: Mapping[Period, str]) -> None:
    """Store what the form said; nothing of it when one field is wrong."""
    amounts = {period: _checked(interaction, period, text.strip()) for period, text in typed.items()}
    async with changes.one_at_a_time(interaction.client):
        await require_settings(interaction)
        services = services_of(interaction)
        before = await services.budgeting.change(server_of(interaction), holder, amounts, actor_of(interaction))
    after = {period: amount for period, amount in amounts.items() if amount is not None}
    if after == before:
        await show_budgets(interaction, done="Nothing to change: it was so already.")
        return
    told = f"**Budget of {_mention(holder)}**: {_said(before)} → {_said(after)}"
    await show_budgets(interaction, done=f"Changed: {told}")
    await changes.note_in_staff_channel(interaction, [told])


def _checked(interaction: Interaction, period: Period, text: str) -> str | None:
    """A typed amount that every programme can express; ``None`` for an empty field."""
    if not text:
        return None
    for programme in changes.programme_units(interaction):
        try:
            parse_amount(text, programme.unit)
        except ValueError as error:
            raise UsageError(f"The budget of a {period.value}: {error} ({programme.name}).") from error
    return text


class BudgetForm(Form):
    """The three periods of one holder; an empty field is no limit."""

    def __init__(self, opened: Interaction, holder: str, name: str, present: Mapping[Period, str]) -> None:
        super().__init__(f"Budget of {name}", opened, "budget")
        self._holder = holder
        self._inputs: dict[Period, discord.ui.TextInput[Any]] = {}
        for period in Period:
            field: discord.ui.TextInput[Any] = discord.ui.TextInput(
                custom_id=period.value, required=False, max_length=20, default=present.get(period)
            )
            self._inputs[period] = field
            text = f"A {period.value}"
            self.add_item(discord.ui.Label(text=text, description="Empty = no limit", component=field))

    async def on_submit(self, interaction: Interaction, /) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        await _change(interaction, self._holder, {period: field.value for period, field in self._inputs.items()})


class HolderMenu(
    Guarded[discord.ui.MentionableSelect[Any]],
    discord.ui.DynamicItem[discord.ui.MentionableSelect[Any]],
    template=r"settings:budget",
):
    """Whose budget: opens the form with what is in force."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await require_settings(interaction)
        chosen = self.item.values[0]
        if isinstance(chosen, discord.Role) and chosen.is_default():
            raise UsageError("Everybody in the server is in @everyone.", hint="Choose roles of your staff.")
        holder = f"{'role' if isinstance(chosen, discord.Role) else 'user'}:{chosen.id}"
        budgets = await services_of(interaction).budgeting.all(server_of(interaction))
        present = {one.period: one.amount for one in budgets if one.holder == holder}
        name = str(getattr(chosen, "display_name", "") or getattr(chosen, "name", chosen.id))
        await interaction.response.send_modal(BudgetForm(interaction, holder, name, present))


class BudgetsButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"settings:(?:budgets|back)",
):
    """Turns the card from the settings to the budgets, and back."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        if self.item.custom_id == "settings:back":
            await changes.show_settings(interaction)
        else:
            await show_budgets(interaction)


ITEMS: Final = (HolderMenu, BudgetsButton)
