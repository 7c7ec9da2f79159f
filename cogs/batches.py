"""``/batch``: look at recorded batches, steer them, settle what is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from discord import app_commands

from bot.domain.model import Batch, Counts
from bot.domain.states import TAKEN_IN, BatchState
from bot.errors import BursarError, UsageError
from bot.ui import batch_buttons, doubts, halting, suggestions
from bot.ui.answers import Interaction
from bot.ui.batch_cards import choice_label
from bot.ui.batch_text import may_be_stopped
from bot.ui.errors import changes_nothing
from bot.ui.parts import Parts
from bot.ui.permissions import actor_of, services_of, sight
from bot.ui.text import plain

LOOKED_AT: Final = 50
"""The newest batches, among which suggestions are looked for."""


def batch_id_of(text: str) -> int:
    """The id behind an option: what was chosen from the list, or typed (``41``, ``batch 41``)."""
    digits = text.strip().removeprefix("Batch").removeprefix("batch").strip(" #")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise UsageError(f"“{plain(text, 60)}” is no batch.", hint="Choose one from the list, or type its number.")
    return int(digits)


def _batch_id(interaction: Interaction, text: str) -> int:
    changes_nothing(interaction)
    return batch_id_of(text)


Wanted = Callable[[Batch, Counts], bool]


def _suggest(wanted: Wanted) -> Callable[[Interaction, str], Any]:
    """An autocompletion over the newest batches that the command can do something with."""

    async def suggest(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        try:
            seen = await sight(interaction)
            batches = services_of(interaction).batches
            looking = batches.brief(actor_of(interaction), limit=LOOKED_AT, only_of=seen.only_of)
            found = await asyncio.wait_for(looking, suggestions.ANSWER_WITHIN_SECONDS)
        except (BursarError, TimeoutError):
            return []
        choices = [(choice_label(batch, counts), str(batch.id)) for batch, counts in found if wanted(batch, counts)]
        return suggestions.fitting(choices, current)

    return suggest


_any = _suggest(lambda batch, counts: True)
_running = _suggest(lambda batch, counts: batch.state is BatchState.OPEN)
_paused = _suggest(lambda batch, counts: batch.state is BatchState.PAUSED)
_stoppable = _suggest(may_be_stopped)
_to_retry = _suggest(lambda batch, counts: counts.rejected > 0 or (batch.source == "retry" and counts.cancelled > 0))
_landed = _suggest(lambda batch, counts: counts.applied > 0 and batch.source not in ("undo", TAKEN_IN))
_in_doubt = _suggest(lambda batch, counts: counts.unknown > 0)


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class BatchCommands(app_commands.Group):
    """``/batch``. Discord only hides it by the default permission; Bursar's own rules decide."""

    def __init__(self) -> None:
        super().__init__(name="batch", description="Look at batches of awards and steer them")

    @app_commands.command(name="list", description="The server's batches and the drafts that wait for somebody")
    async def list(self, interaction: Interaction) -> None:
        await batch_buttons.list_batches(interaction)

    @app_commands.command(name="show", description="Everything about one batch: counts, sums, history, result file")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_any)
    async def show(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.show(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="pause", description="Make no further call; what is not sent stays planned")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_running)
    async def pause(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.pause(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="resume", description="Go on with a paused batch")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_paused)
    async def resume(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.resume(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="stop", description="Cancel for good what is not sent yet, or found not to have landed")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_stoppable)
    async def stop(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.stop(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="retry", description="Send the refused rows of a batch again, as a batch of their own")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_to_retry)
    async def retry(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.retry(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="stop-all", description="Emergency: pause everything, and let nothing new be sent")
    @app_commands.describe(reason="Why; kept, and shown to the staff")
    async def stop_all(self, interaction: Interaction, reason: app_commands.Range[str, 1, halting.REASON_MAX]) -> None:
        await halting.stop_all(interaction, reason)

    @app_commands.command(name="undo", description="Take back what a batch paid, as a batch of its own")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_landed)
    async def undo(self, interaction: Interaction, batch: str) -> None:
        await batch_buttons.undo(interaction, _batch_id(interaction, batch))

    @app_commands.command(name="resolve", description="Settle rows of which nobody knows whether they landed")
    @app_commands.describe(batch="Which batch")
    @app_commands.autocomplete(batch=_in_doubt)
    async def resolve(self, interaction: Interaction, batch: str) -> None:
        await doubts.show_doubts(interaction, _batch_id(interaction, batch))


async def setup(client: Parts) -> None:
    """Add the commands, and the buttons that survive restarts."""
    client.tree.add_command(BatchCommands())
    client.add_dynamic_items(*batch_buttons.ITEMS, *doubts.ITEMS, *halting.ITEMS)
