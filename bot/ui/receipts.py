"""What somebody reads after confirming: at once, and again when it is over, while the interaction's token lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import discord

from bot.domain.model import Award
from bot.domain.states import AwardState
from bot.services.batches import BatchView
from bot.services.submitting import Recorded
from bot.services.watching import Doing
from bot.ui import batch_text
from bot.ui.answers import Interaction, has_expired, is_out_of_reach, show
from bot.ui.award_card import FEW, award_receipt, receipt_buttons
from bot.ui.cards import RULE, Line, card
from bot.ui.looking import Look, staff_place
from bot.ui.permissions import may_stop, services_of
from bot.ui.text import count, escape
from bot.ui.waiting import wait_at_most

_log = logging.getLogger(__name__)

OUTCOME_SECONDS: Final = 4.0
"""How long the answer to a confirmation waits for the outcome of a few awards."""
STEP_SECONDS: Final = 15.0
"""How often a receipt under way is looked at again."""
START_SECONDS: Final = 0.5
"""How long after the start of a batch its receipt is looked at."""
TOKEN_SECONDS: Final = 14 * 60.0
"""How long a private answer can be edited: Discord allows 15 minutes from the press."""

_following: set[asyncio.Task[None]] = set()
"""Receipts under way; the event loop itself keeps only weak references to tasks."""


async def give_receipt(interaction: Interaction, seen: Look, recorded: Recorded) -> None:
    """Show what was recorded, wait a moment for few awards, and keep the receipt up to date afterwards."""
    services = services_of(interaction)
    if seen.limits.start_delay_seconds == 0 and recorded.awards <= FEW:
        done = asyncio.create_task(services.dispatcher.until_quiet([recorded.batch_id]))
        if not await wait_at_most(services.clock, done, OUTCOME_SECONDS):
            done.cancel()
    view = await services.batches.view(recorded.batch_id, seen.actor)
    place = _Place(interaction)
    await place.give(await _receipt(interaction, seen, view, recorded), view.batch.id)
    if not batch_text.is_over(view):
        task = asyncio.create_task(_follow(place, seen, view, recorded), name=f"receipt of {view.batch.id}")
        _following.add(task)
        task.add_done_callback(_following.discard)


class _Place:
    """Where a receipt stands: where the answer belongs, or in a message of its own."""

    def __init__(self, interaction: Interaction) -> None:
        self.interaction = interaction
        self._own: discord.WebhookMessage | None = None

    async def give(self, receipt: discord.ui.LayoutView, batch_id: int) -> None:
        """Show it for the first time. Where Discord does not change the card it comes beside that one: whoever sent
        something has to be told, and not that something went wrong."""
        try:
            await show(self.interaction, receipt, files=[])
        except Exception as error:
            if has_expired(error) or not is_out_of_reach(error):
                raise
            _log.warning("the card of batch %d could not be edited, its receipt comes beside it: %r", batch_id, error)
            self._own = await self.interaction.followup.send(view=receipt, ephemeral=True, wait=True)

    async def update(self, receipt: discord.ui.LayoutView) -> None:
        """Show it as it is now."""
        if self._own is None:
            await show(self.interaction, receipt, files=[])
        else:
            await self._own.edit(view=receipt)


async def _follow(place: _Place, seen: Look, view: BatchView, recorded: Recorded) -> None:
    """Edit the receipt when something changed, until the batch is over or the token is. What fails is tried again: it
    must not go on saying what is over."""
    interaction = place.interaction
    services = services_of(interaction)
    until = services.clock.monotonic() + TOKEN_SECONDS
    wait = _until_next_look(view, services.clock.now())
    while not batch_text.is_over(view) and services.clock.monotonic() < until:
        await services.clock.sleep(wait)
        wait = STEP_SECONDS
        try:
            now = await services.batches.view(recorded.batch_id, seen.actor)
            if _state(now) != _state(view):
                await place.update(await _receipt(interaction, seen, now, recorded))
            view, wait = now, _until_next_look(now, services.clock.now())
        except Exception as error:
            if has_expired(error):
                return
            _log.warning("the receipt of batch %s could not be kept up to date: %r", recorded.batch_id, error)


def _state(view: BatchView) -> tuple[object, ...]:
    """What a receipt is written anew for."""
    return view.counts, view.batch.state, view.activity.doing


def _until_next_look(view: BatchView, now: float) -> float:
    """Seconds: what says that nothing is sent yet says so no longer than it is true."""
    activity = view.activity
    if activity.doing is not Doing.WAITING_TO_START or activity.until is None:
        return STEP_SECONDS
    return min(STEP_SECONDS, max(0.0, activity.until - now) + START_SECONDS)


async def _receipt(interaction: Interaction, seen: Look, view: BatchView, recorded: Recorded) -> discord.ui.LayoutView:
    services = services_of(interaction)
    if view.batch.source == "award":
        awards = await services.batches.first_awards(view.batch.id, seen.actor, FEW)
        balances = await _balances_after(interaction, seen, awards)
        return award_receipt(
            view,
            awards,
            balances,
            programme=seen.title,
            practice=services.practice,
            may_stop=may_stop(interaction, seen.rules, view),
        )
    return _batch_receipt(interaction, seen, view, recorded)


async def _balances_after(interaction: Interaction, seen: Look, awards: Sequence[Award]) -> Mapping[int, int]:
    """Balances that the service told with its answer; for a single award it is asked where it did not."""
    told = {award.id: award.balance for award in awards if award.balance is not None}
    if len(awards) != 1 or told or awards[0].state is not AwardState.APPLIED or awards[0].target is None:
        return told
    services, award = services_of(interaction), awards[0]
    provider = services.programmes.provider(seen.preview.programme)
    task = asyncio.create_task(provider.balance(award.target or "", award.recipient))
    if not await wait_at_most(services.clock, task, OUTCOME_SECONDS):
        task.cancel()
        return told
    balance = task.result()
    return told if balance is None else {award.id: balance}


def _batch_receipt(interaction: Interaction, seen: Look, view: BatchView, recorded: Recorded) -> discord.ui.LayoutView:
    """The receipt of a file: recorded, what was left out, where it is seen."""
    tone, word = batch_text.tone_and_word(view)
    counts = view.counts
    lines: list[Line] = [f"**{count(view.batch.awards, 'award')}** recorded · {batch_text.sums(view)}"]
    if counts.total > counts.planned:
        lines.append(batch_text.by_state(view))
    if recorded.skipped:
        lines.append(f"{count(recorded.skipped, 'row was', 'rows were')} left out: an earlier batch has the same.")
    if seen.preview.totals.problems:
        lines.append(f"{count(seen.preview.totals.problems, 'bad row was', 'bad rows were')} left out.")
    if doing := batch_text.doing(view):
        lines.append(doing)
    place, why_not = staff_place(interaction, seen.rules)
    lines.append(RULE)
    if place is not None:
        lines.append(f"**Progress and result** in {place}. It goes on when this message is gone.")
    else:
        lines.append(f"⚠ **No progress message.** {why_not}")
    lines.append(f"-# batch {view.batch.id} · {escape(seen.title, 60)}")
    lines += [batch_text.receipt(view), f"-# for one award, with its row behind it: `{view.code}.2`"]
    return card(
        batch_text.title(view.batch),
        tone=tone,
        word=word,
        practice=services_of(interaction).practice,
        lines=lines,
        rows=receipt_buttons(view, may_stop=may_stop(interaction, seen.rules, view)),
    )
