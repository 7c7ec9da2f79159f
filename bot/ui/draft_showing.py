"""A draft's card as it is now, and the look-up of its recipients that goes on behind it."""

from __future__ import annotations

import asyncio
import logging

import discord

from bot.errors import BursarError, ResolutionFailed
from bot.ui import answers
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, button, card
from bot.ui.looking import Look, look, paint, settled
from bot.ui.lookups import Search, Searched
from bot.ui.parts import parts_of
from bot.ui.permissions import services_of
from bot.ui.preview_card import Step
from bot.ui.text import escape, sentence

_log = logging.getLogger(__name__)

_looking_up: set[asyncio.Task[None]] = set()
"""Cards that wait for a look-up; the event loop itself keeps only weak references to tasks."""


async def show_draft(interaction: Interaction, draft_id: int) -> None:
    """Show a draft privately as it is now, and go on looking its recipients up. The interaction is already deferred."""
    await show_look(interaction, await look(interaction, draft_id))


async def show_look(interaction: Interaction, seen: Look, step: Step = Step.MAIN) -> None:
    """Show a draft that was just read; starts the look-up where recipients are still to be found."""
    pending = seen.preview.to_look_up if seen.preview.refused is None else 0
    painted = await paint(interaction, seen, step, looking_up=Searched(0, pending) if pending else None)
    await answers.show(interaction, painted.view, files=painted.files)
    if pending:
        task = asyncio.create_task(_look_up(interaction, seen), name=f"card of draft {seen.preview.draft.id}")
        _looking_up.add(task)
        task.add_done_callback(_looking_up.discard)


async def _look_up(interaction: Interaction, seen: Look) -> None:
    """Look the recipients up, tell the card how far it is, show the result. It goes on when the card is gone."""
    draft_id, pending = seen.preview.draft.id, seen.preview.to_look_up

    async def step(far: Searched) -> None:
        painted = await paint(interaction, seen, looking_up=far)
        try:
            await edit(interaction, painted.view)
        except Exception as error:  # the next one may succeed
            _log.warning("the card of draft %s could not be edited: %r", draft_id, error)

    try:
        search = _search(interaction, seen)
        preview = await parts_of(interaction).lookups.follow(draft_id, pending, search, step)
        painted = await paint(interaction, settled(interaction, preview, seen.rules))
        await edit(interaction, painted.view, painted.files)
    except BursarError as error:
        if not isinstance(error, ResolutionFailed):
            _log.info("draft %s: the look-up ended: %s", draft_id, error)
        await _lookup_failed(interaction, seen, error)
    except Exception as error:
        _log.warning("the card of draft %s could not be edited: %r", draft_id, error)


async def looked_up_soon(interaction: Interaction, seen: Look) -> Look:
    """A draft with its recipients looked up, where that takes no longer than somebody should see nothing; else as it
    was, and ``show_look`` tells of the look-up, which goes on. Raises ``ResolutionFailed``."""
    preview = await parts_of(interaction).lookups.soon(seen.preview.draft.id, _search(interaction, seen))
    return seen if preview is None else settled(interaction, preview, seen.rules)


def _search(interaction: Interaction, seen: Look) -> Search:
    submitting, draft_id = services_of(interaction).submitting, seen.preview.draft.id
    return lambda progress: submitting.look_up(draft_id, seen.actor, seen.limits, progress)


async def _lookup_failed(interaction: Interaction, seen: Look, error: BursarError) -> None:
    practice = services_of(interaction).practice
    draft_id = seen.preview.draft.id
    lines = [sentence(escape(error.message, 400)), error.hint or "What was found so far is kept."]
    again = button("Look up again", f"draft:open:{draft_id}:-", style=discord.ButtonStyle.primary)
    view = card(
        "Nothing was sent.",
        tone=Tone.ATTENTION,
        word="The look-up of the recipients did not finish",
        practice=practice,
        lines=lines,
        rows=[[again, button("Cancel", f"draft:cancel:{draft_id}:-")]],
    )
    await edit(interaction, view, [])


async def edit(interaction: Interaction, view: discord.ui.LayoutView, files: list[discord.File] | None = None) -> None:
    """Change the card, unless nobody can see it any more."""
    try:
        await answers.show(interaction, view, files=files)
    except discord.HTTPException as error:
        if not answers.has_expired(error):
            raise
