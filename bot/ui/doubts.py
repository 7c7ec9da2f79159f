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
from bot.ui import answers, batch_text
from bot.ui.answers import Interaction
from bot.ui.batch_buttons import begin, refuse_other_ledger
from bot.ui.doubts_card import DONE, Call, done_word, doubts_card, risks, verb
from bot.ui.errors import Form, Guarded, changes_nothing
from bot.ui.parts import parts_of
from bot.ui.permissions import actor_of, may_award_self, require, services_of
from bot.ui.text import count, escape, when


async def show_doubts(
    interaction: Interaction,
    batch_id: int,
    at: int = 0,
    *,
    rows: int = 0,
    only: int | None = None,
    done: str | None = None,
) -> None:
    """Answer with the card of a batch's rows in doubt. ``at``, ``rows``: which call, which page of its rows."""
    await begin(interaction)
    await require(interaction, Capability.MANAGE)
    services, actor = services_of(interaction), actor_of(interaction)
    view = await services.batches.view(batch_id, actor)
    if done and (why := batch_text.held_up(view)):
        done = f"{done} {why}"
    calls = Call.group(await services.batches.doubts(batch_id, actor))
    if only is not None:
        at = next((n for n, call in enumerate(calls) if any(award.id == only for award in call.awards)), 0)
        found = any(award.id == only for call in calls for award in call.awards)
        only = only if found else None
    at = min(at, max(0, len(calls) - 1))
    members = [award.recipient.value for call in calls[at : at + 1] for award in call.awards]
    shown = doubts_card(
        view,
        calls,
        at,
        rows=rows,
        only=only,
        done=done,
        practice=services.practice,
        names=parts_of(interaction).people.named(interaction, members),
        unread=await services.batches.why_not_read(view.batch),
    )
    await answers.show(interaction, shown)


async def _targets(interaction: Interaction, batch_id: int, attempt: int, only: int | None) -> list[Award]:
    """The rows that a button meant, as far as that call still leaves them in doubt: an award that was sent again since
    may be so by another one. Raises ``NotFound`` when none is."""
    calls = Call.group(await services_of(interaction).batches.doubts(batch_id, actor_of(interaction)))
    awards = [award for call in calls if call.attempt.id == attempt for award in call.awards]
    found = [award for award in awards if only in (None, award.id)]
    if not found:
        raise NotFound(await _too_late(interaction, batch_id, lambda event: _is_about(event, attempt, only)))
    return found


def _is_about(event: Event, attempt: int, only: int | None) -> bool:
    return event.detail.get("attempt") == attempt and only in (None, event.award_id)


async def _too_late(interaction: Interaction, batch_id: int, mine: Callable[[Event], bool]) -> str:
    """Who settled rows that are not in doubt any more, and when."""
    events = await services_of(interaction).batches.history(batch_id, actor_of(interaction))
    for event in reversed(events):
        if event.kind == "award-resolved" and mine(event):
            name = escape(event.actor_name or "Bursar", 60)
            return f"**{name}** was first, {when(event.at, 'T')} ({when(event.at, 'R')}): {_decided(event)}."
    return f"That call of batch {batch_id} leaves none of these rows in doubt any more: its answer, or evidence, came."


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
            opened,
            "doubt",
        )
        self._batch_id = batch_id
        self._decision = decision
        self._done = done_word(decision, awards)
        self._calls = {award.id: award.attempt_id or 0 for award in awards}
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
        rules = await require(interaction, Capability.MANAGE)
        services, actor = services_of(interaction), actor_of(interaction)
        try:
            steered = await services.batches.resolve(
                self._batch_id,
                list(self._calls),
                self._decision,
                actor,
                reason=self.reason.value,
                calls=self._calls,
                may_award_self=may_award_self(interaction, rules),
            )
        except UsageError:
            await self._refuse_late(interaction)
            raise
        if not steered.changed:  # somebody was first while this was judged
            await self._refuse_late(interaction)
        done = f"{count(steered.awards, 'row')} {self._done}, recorded with your name and reason."
        await show_doubts(interaction, self._batch_id, done=done)

    async def _refuse_late(self, interaction: Interaction) -> None:
        """Show what is still in doubt. Raises ``NotFound`` with who was first, if these rows are not any more."""
        await show_doubts(interaction, self._batch_id)
        doubts = await services_of(interaction).batches.doubts(self._batch_id, actor_of(interaction))
        still = {(award.id, one.attempt.id) for one in doubts for award in one.awards}
        gone = {award_id: call for award_id, call in self._calls.items() if (award_id, call) not in still}
        if gone:
            said = await _too_late(
                interaction,
                self._batch_id,
                lambda event: event.award_id in gone and event.detail.get("attempt") == gone[event.award_id],
            )
            raise NotFound(said) from None


class DecideButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"doubt:(?P<decision>{'|'.join(Decision)}):(?P<batch>[0-9]{{1,18}})"
    r":c(?P<call>[0-9]{1,18})(?:\.(?P<only>[0-9]{1,18}))?",
):
    """One of the three answers; the form for the reason follows."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await require(interaction, Capability.MANAGE)
        batch_id, decision = int(self.match["batch"]), Decision(self.match["decision"])
        await refuse_other_ledger(interaction, batch_id)
        only = None if self.match["only"] is None else int(self.match["only"])
        try:
            awards = await _targets(interaction, batch_id, int(self.match["call"]), only)
        except NotFound:
            await show_doubts(interaction, batch_id)  # what is still in doubt, before who was first is told
            raise
        await interaction.response.send_modal(ReasonForm(interaction, batch_id, decision, awards))


class DoubtsButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"batch:doubts:(?P<first>[0-9]{1,18})"
    r"|doubt:(?:page|rows):(?P<batch>[0-9]{1,18}):(?P<at>[0-9]{1,6})(?::(?P<rows>[0-9]{1,6}))?",
):
    """Opens the rows in doubt, or turns to another call, or to other rows of it."""

    async def act(self, interaction: Interaction) -> None:
        batch_id = int(self.match["first"] or self.match["batch"])
        await refuse_other_ledger(interaction, batch_id)
        await show_doubts(interaction, batch_id, int(self.match["at"] or 0), rows=int(self.match["rows"] or 0))


class PickMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"doubt:pick:(?P<batch>[0-9]{1,18})",
):
    """Turns to one row alone."""

    async def act(self, interaction: Interaction) -> None:
        batch_id = int(self.match["batch"])
        await refuse_other_ledger(interaction, batch_id)
        await show_doubts(interaction, batch_id, only=int(self.item.values[0]))


ITEMS: Final = (DecideButton, DoubtsButton, PickMenu)
