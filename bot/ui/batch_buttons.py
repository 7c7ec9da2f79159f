"""What the buttons and menus of recorded batches do. They survive restarts: ids in the custom id, state in the ledger.

The same functions serve the commands of ``/batch``. Each checks the permission itself and answers privately.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import discord

from bot.domain.model import Programme, Steered
from bot.errors import NotFound, Refused
from bot.services.batches import BatchView
from bot.services.rules import Capability, Limits
from bot.ui import answers, batch_cards, batch_text
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, button, card
from bot.ui.draft_names import ListedDraft
from bot.ui.draft_showing import show_draft
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.looking import limits_for, strangers_of
from bot.ui.parts import parts_of
from bot.ui.permissions import (
    actor_of,
    may,
    may_stop,
    programme_title,
    require,
    server_of,
    services_of,
    sight,
    visible,
)
from bot.ui.results import result_file
from bot.ui.staff import texts_of
from bot.ui.text import count, escape, when

_CODE: Final = re.compile(r"receipt `([0-9A-Z]{5}-[0-9A-Z]{5})`")
"""How the cards of a batch show the code of its receipt."""


async def begin(interaction: Interaction) -> None:
    """Answer Discord at once: a private card's own button changes that card, everything else gets a private answer."""
    changes_nothing(interaction)
    if interaction.response.type is not None:
        return
    message = interaction.message
    if message is not None and message.flags.ephemeral:
        await answers.keep(interaction)
    else:
        await answers.think(interaction)


# --- pause, resume, stop --------------------------------------------------------------------------------------------


async def pause(interaction: Interaction, batch_id: int) -> None:
    """No further call; nothing is asked first, since it can be taken back."""
    await begin(interaction)
    await require(interaction, Capability.MANAGE)
    services = services_of(interaction)
    steered = await services.batches.pause(batch_id, actor_of(interaction))
    view = await services.batches.view(batch_id, actor_of(interaction))
    if not steered.changed:
        return await _too_late(interaction, view, steered, "paused")
    planned = count(steered.awards, "award stays", "awards stay")
    lines = ["Nothing is left to send."]
    if steered.awards:
        lines = [f"{planned} planned until somebody presses *Resume*."]
    if view.counts.sending:
        lines.append(f"{count(view.counts.sending, 'award')} on the way: that call will be finished and recorded.")
    return await _receipt(interaction, view, f"Batch {batch_id} is paused", lines, Tone.ATTENTION)


async def resume(interaction: Interaction, batch_id: int) -> None:
    """Go on with a paused batch."""
    await begin(interaction)
    await require(interaction, Capability.MANAGE)
    services = services_of(interaction)
    steered = await services.batches.resume(batch_id, actor_of(interaction))
    view = await services.batches.view(batch_id, actor_of(interaction))
    if not steered.changed:
        return await _too_late(interaction, view, steered, "running")
    lines = [f"{count(steered.awards, 'award')} to go." if steered.awards else "Nothing is left to send."]
    return await _receipt(interaction, view, f"Batch {batch_id} goes on", lines, Tone.RUNNING)


async def stop(interaction: Interaction, batch_id: int) -> None:
    """Ask first, in words about what cannot be taken back. Where nothing was sent there is nothing to ask."""
    await begin(interaction)
    view = await _stoppable(interaction, batch_id)
    services = services_of(interaction)
    if batch_text.nothing_sent(view):
        return await halt(interaction, batch_id)
    if not batch_text.may_be_stopped(view.batch, view.counts):
        by, at = await _who_ended(interaction, view)
        return await _too_late(interaction, view, Steered(False, by, at), view.batch.state.value)
    return await answers.show(interaction, batch_cards.stop_card(view, practice=services.practice))


async def halt(interaction: Interaction, batch_id: int) -> None:
    """Cancel for good what is not sent."""
    await begin(interaction)
    await _stoppable(interaction, batch_id)
    services = services_of(interaction)
    steered = await services.batches.stop(batch_id, actor_of(interaction))
    view = await services.batches.view(batch_id, actor_of(interaction))
    if not steered.changed:
        return await _too_late(interaction, view, steered, "stopped")
    counts = view.counts
    if counts.cancelled == counts.total:
        lines = ["Nothing was sent."]
    else:
        lines = [
            f"{count(steered.awards, 'award')} cancelled, never sent." if steered.awards else "Nothing was cancelled."
        ]
        lines += [f"{batch_text.by_state(view)}."]
        if counts.unknown:
            lines += ["What is in doubt and found not to have arrived is cancelled then, not sent again."]
    return await _receipt(interaction, view, f"Batch {batch_id} is stopped", lines, Tone.STOPPED)


async def _stoppable(interaction: Interaction, batch_id: int) -> BatchView:
    """The batch, for somebody who may stop it. Raises ``NotAllowed``."""
    server_id = server_of(interaction)
    services = services_of(interaction)
    view = await services.batches.view(batch_id, actor_of(interaction))
    if not may_stop(interaction, await services.servers.rules(server_id), view):
        await require(interaction, Capability.MANAGE)
    return view


async def _who_ended(interaction: Interaction, view: BatchView) -> tuple[str, int]:
    events = await services_of(interaction).batches.history(view.batch.id, actor_of(interaction))
    for event in reversed(events):
        if event.kind in ("batch-stopped", "batch-finished"):
            return event.actor_name or "Bursar", event.at
    return "Bursar", view.batch.finished_at or view.batch.recorded_at


async def _too_late(interaction: Interaction, view: BatchView, steered: Steered, word: str) -> None:
    """Who was first to make it so, and when."""
    services_of(interaction).batches.look_again(view.batch.id)
    at = f"{when(steered.at, 'T')} ({when(steered.at, 'R')})"
    lines = [f"By **{escape(steered.by, 60)}**, {at}. This changed nothing."]
    await _receipt(interaction, view, f"Batch {view.batch.id} is already {word}", lines, Tone.PLAIN)


async def _receipt(interaction: Interaction, view: BatchView, title: str, lines: list[str], tone: Tone) -> None:
    details = button("Details", batch_cards.batch_button_id("show", view.batch.id))
    practice = services_of(interaction).practice
    await answers.show(interaction, card(title, tone=tone, word="", practice=practice, lines=lines, rows=[[details]]))


# --- looking --------------------------------------------------------------------------------------------------------


async def show(interaction: Interaction, batch_id: int) -> None:
    """Everything about one batch, privately."""
    await begin(interaction)
    view, rules = await visible(interaction, batch_id)
    services, actor = services_of(interaction), actor_of(interaction)
    events = await services.batches.history(batch_id, actor)
    calls = await services.batches.calls(batch_id, actor, batch_cards.SHOWN_ATTEMPTS)
    first = await services.batches.first_awards(batch_id, actor, batch_cards.NAMED)
    facts = batch_cards.BoardFacts(
        programme=programme_title(rules, view.batch.programme),
        first=first,
        by=batch_text.who_ended(view, events),
        promise=(await services.promises.of(view.batch.destination)).text,
        strangers=await strangers_of(interaction, [award.recipient for award in first]),
    )
    allowed = batch_cards.Allowed(may(interaction, rules, Capability.MANAGE), may_stop(interaction, rules, view))
    shown = batch_cards.show_card(view, facts, events, calls, practice=services.practice, allowed=allowed)
    await answers.show(interaction, shown, files=[])


async def send_file(interaction: Interaction, batch_id: int) -> None:
    """The result as it stands now, privately."""
    changes_nothing(interaction)
    await answers.think(interaction)
    view, _ = await visible(interaction, batch_id)
    services, actor = services_of(interaction), actor_of(interaction)
    result = await result_file(services.batches.result_file(batch_id, actor), batch_id, interaction.filesize_limit)
    lines: list[str | discord.ui.Item[Any]] = [batch_text.by_state(view)]
    if result.file is not None:
        lines.append(discord.ui.File(f"attachment://{result.file.filename}"))
    if result.note is not None:
        lines.append(f"-# {result.note}")
    over = batch_text.is_over(view)
    view_card = card(
        f"Result of batch {batch_id}" + ("" if over else " so far"),
        tone=Tone.PLAIN,
        practice=services.practice,
        lines=lines,
    )
    await answers.show(interaction, view_card, files=[] if result.file is None else [result.file])


async def list_batches(interaction: Interaction, page: int = 0) -> None:
    """One page of the server's batches and its open drafts, as far as who asks may see them."""
    await begin(interaction)
    seen = await sight(interaction)
    services, actor = services_of(interaction), actor_of(interaction)
    found = await services.batches.page(actor, number=page, size=batch_cards.PAGE_SIZE, only_of=seen.only_of)
    drafts = await services.submitting.open_drafts(actor)
    own = [draft for draft in drafts if seen.only_of in (None, draft.actor.id)]
    number = min(page, batch_cards.pages_of(found.total, len(own)) - 1)
    here = [own[at] for at in batch_cards.drafts_of(number, len(own))]
    listed = [ListedDraft(draft, await services.submitting.members_of(draft)) for draft in here]
    members = [row.recipient.value for one in listed if one.members is not None for row in one.members.first]
    told = [one.members.first for one in listed[: batch_cards.SHOWN_DRAFTS] if one.members is not None]
    view = batch_cards.list_card(
        *(found.views if found.number == number else (), listed),
        page=number,
        total=found.total,
        open_drafts=len(own),
        practice=services.practice,
        names=parts_of(interaction).people.named(interaction, members),
        own_only=seen.only_of is not None,
        strangers=await strangers_of(interaction, [row.recipient for rows in told for row in rows]),
    )
    await answers.show(interaction, view)


async def retry(interaction: Interaction, batch_id: int) -> None:
    """Draft the definitely refused rows anew and show the preview; sending them is a decision of its own."""
    programme, limits = await _for_another(interaction, batch_id)
    services, actor = services_of(interaction), actor_of(interaction)
    try:
        preview = await services.submitting.draft_retry(batch_id, programme, actor, limits)
    except Refused:
        services.batches.look_again(batch_id)
        raise
    await show_draft(interaction, preview.draft.id)


async def undo(interaction: Interaction, batch_id: int) -> None:
    """Draft the opposite of what landed and show the preview; sending it is a decision of its own."""
    _, limits = await _for_another(interaction, batch_id)
    services, actor = services_of(interaction), actor_of(interaction)
    preview = await services.submitting.draft_undo(batch_id, actor, limits)
    await show_draft(interaction, preview.draft.id)


async def _for_another(interaction: Interaction, batch_id: int) -> tuple[Programme, Limits]:
    """Where a batch that is made from this one goes, and what it is judged by; refuses whoever may not make one."""
    await begin(interaction)
    rules = await require(interaction, Capability.MANAGE)
    services = services_of(interaction)
    batch = (await services.batches.view(batch_id, actor_of(interaction))).batch
    currency = rules.currencies.get(batch.programme)
    programme = services.programmes.still(batch.programme, currency=currency, what="batch was recorded for")
    return programme, limits_for(interaction, rules, programme)


async def refuse_other_ledger(interaction: Interaction, batch_id: int) -> None:
    """Raises ``Refused`` for a card of a ledger that was replaced: its number means another batch by now."""
    texts = [] if interaction.message is None else texts_of(interaction.message)
    shown = next((found for text in texts if (found := _CODE.search(text))), None)
    if shown is None:
        return
    try:
        receipt = await services_of(interaction).receipts.find(shown[1], str(interaction.guild_id))
    except NotFound:
        receipt = None
    if receipt is None or receipt.batch.id != batch_id:
        changes_nothing(interaction)
        raise Refused(
            f"this card is about another batch {batch_id}, of a ledger that was replaced",
            hint="`/batch list` shows what there is now.",
        )


# --- dispatch by custom id ------------------------------------------------------------------------------------------

_ACTIONS: Final[Mapping[str, Callable[[Interaction, int], Awaitable[None]]]] = {
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "halt": halt,
    "show": show,
    "again": show,
    "file": send_file,
    "retry": retry,
    "undo": undo,
}


class BatchButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"batch:(?P<action>{'|'.join(_ACTIONS)}):(?P<batch>[0-9]{{1,18}})",
):
    """Every button that is about one batch."""

    async def act(self, interaction: Interaction) -> None:
        batch_id = int(self.match["batch"])
        await refuse_other_ledger(interaction, batch_id)
        await _ACTIONS[self.match["action"]](interaction, batch_id)


class PageButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"batches:(?:first|page|here|next):(?P<page>[0-9]{1,6})",
):
    """Turns the pages of ``/batch list``."""

    async def act(self, interaction: Interaction) -> None:
        await list_batches(interaction, int(self.match["page"]))


class ListMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=r"batches:(?P<what>draft|show)",
):
    """Opens what was chosen in ``/batch list``, in a message of its own: the list stays."""

    async def act(self, interaction: Interaction) -> None:
        await answers.think(interaction)
        chosen = int(self.item.values[0])
        if self.match["what"] == "show":
            await show(interaction, chosen)
        else:
            await show_draft(interaction, chosen)


ITEMS: Final = (BatchButton, PageButton, ListMenu)
