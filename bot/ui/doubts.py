"""Rows in doubt, settled by a person: one call at a time, with a reason for the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import discord

from bot.domain.model import Award, Decision
from bot.errors import NotFound, UsageError
from bot.ledger.queries import Event
from bot.services.batches import REASON_MAX
from bot.services.rules import Capability
from bot.ui import answers
from bot.ui.answers import Interaction
from bot.ui.batch_buttons import begin
from bot.ui.doubts_card import DONE, PICKED, Call, doubts_card, risks, verb
from bot.ui.errors import Form, Guarded, changes_nothing
from bot.ui.parts import parts_of
from bot.ui.permissions import actor_of, require, services_of
from bot.ui.text import count, escape, when


async def show_doubts(
    interaction: Interaction, batch_id: int, at: int = 0, *, only: int | None = None, done: str | None = None
) -> None:
    """Answer with the card of a batch's rows in doubt."""
    await begin(interaction)
    await require(interaction, Capability.MANAGE)
    services, actor = services_of(interaction), actor_of(interaction)
    view = await services.batches.view(batch_id, actor)
    calls = Call.group(await services.batches.doubts(batch_id, actor))
    if only is not None:
        at = next((n for n, call in enumerate(calls) if any(award.id == only for award in call.awards)), 0)
        found = any(award.id == only for call in calls for award in call.awards)
        only = only if found else None
    at = min(at, max(0, len(calls) - 1))
    members = [award.recipient.value for call in calls[at : at + 1] for award in call.awards[:PICKED]]
    names = parts_of(interaction).people.named(interaction, members)
    shown = doubts_card(view, calls, at, only=only, done=done, practice=services.practice, names=names)
    await answers.show(interaction, shown)


async def _targets(interaction: Interaction, batch_id: int, target: str) -> list[Award]:
    """The rows that a button meant, as far as they are still in doubt. Raises ``NotFound`` when none is."""
    calls = Call.group(await services_of(interaction).batches.doubts(batch_id, actor_of(interaction)))
    number = int(target[1:])
    if target[0] == "c":
        found = [award for call in calls if call.attempt.id == number for award in call.awards]
    else:
        found = [award for call in calls for award in call.awards if award.id == number]
    if not found:
        key, value = ("attempt", number) if target[0] == "c" else ("award", number)
        raise NotFound(await _too_late(interaction, batch_id, lambda event: _about(event)[key] == value))
    return found


def _about(event: Event) -> dict[str, object]:
    return {"award": event.award_id, "attempt": event.detail.get("attempt")}


async def _too_late(interaction: Interaction, batch_id: int, mine: Callable[[Event], bool]) -> str:
    """Who settled rows that are not in doubt any more, and when."""
    events = await services_of(interaction).batches.history(batch_id, actor_of(interaction))
    for event in reversed(events):
        if event.kind == "award-resolved" and mine(event):
            name = escape(event.actor_name or "Bursar", 60)
            return f"**{name}** was first, {when(event.at, 'T')} ({when(event.at, 'R')}): {_decided(event)}."
    return f"These rows of batch {batch_id} are not in doubt any more: the service's own answer came."


def _decided(event: Event) -> str:
    try:
        said = DONE[Decision(str(event.detail.get("decision")))]
    except ValueError:
        said = "settled"
    reason = event.detail.get("reason")
    return f"{said} (“{escape(str(reason), 150)}”)" if reason else said


class ReasonForm(Form):
    """Why somebody decides so. The reason is part of the record."""

    def __init__(self, opened: Interaction, batch_id: int, decision: Decision, awards: Sequence[Award]) -> None:
        super().__init__(
            f"{verb(decision, len(awards))}: {count(len(awards), 'row')} of batch {batch_id}",
            parts_of(opened).run_id,
            f"doubt:{opened.id}",  # of this form alone: discord.py finds forms by it
        )
        self._batch_id = batch_id
        self._decision = decision
        self._ids = [award.id for award in awards]
        self.add_item(discord.ui.TextDisplay(f"**{verb(decision, len(awards))}**: {risks(awards)[decision]}"))
        self.reason: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="reason", style=discord.TextStyle.paragraph, min_length=3, max_length=REASON_MAX
        )
        label = "How do you know?"
        said = "Recorded with your name, for example: balance is 150, was 100"
        self.add_item(discord.ui.Label(text=label, description=said, component=self.reason))

    async def on_submit(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        await require(interaction, Capability.MANAGE)
        services, actor = services_of(interaction), actor_of(interaction)
        try:
            steered = await services.batches.resolve(
                self._batch_id, self._ids, self._decision, actor, reason=self.reason.value
            )
        except UsageError:
            await show_doubts(interaction, self._batch_id)
            still = {award.id for one in await services.batches.doubts(self._batch_id, actor) for award in one.awards}
            if still >= set(self._ids):
                raise
            gone = set(self._ids) - still
            raise NotFound(await _too_late(interaction, self._batch_id, lambda event: event.award_id in gone)) from None
        done = f"{count(steered.awards, 'row')} {DONE[self._decision]}, recorded with your name and reason."
        await show_doubts(interaction, self._batch_id, done=done)


class DecideButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"doubt:(?P<decision>{'|'.join(Decision)}):(?P<batch>[0-9]{{1,18}}):(?P<target>[ac][0-9]{{1,18}})",
):
    """One of the three answers; the form for the reason follows."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await require(interaction, Capability.MANAGE)
        batch_id, decision = int(self.match["batch"]), Decision(self.match["decision"])
        awards = await _targets(interaction, batch_id, self.match["target"])
        await interaction.response.send_modal(ReasonForm(interaction, batch_id, decision, awards))


class DoubtsButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"batch:doubts:(?P<first>[0-9]{1,18})|doubt:page:(?P<batch>[0-9]{1,18}):(?P<at>[0-9]{1,6})",
):
    """Opens the rows in doubt, or turns to another call."""

    async def act(self, interaction: Interaction) -> None:
        await show_doubts(interaction, int(self.match["first"] or self.match["batch"]), int(self.match["at"] or 0))


class PickMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"doubt:pick:(?P<batch>[0-9]{1,18})",
):
    """Turns to one row alone."""

    async def act(self, interaction: Interaction) -> None:
        await show_doubts(interaction, int(self.match["batch"]), only=int(self.item.values[0]))


ITEMS: Final = (DecideButton, DoubtsButton, PickMenu)
