"""Practice beside the bot in earnest: one token, one staff channel, two ledgers whose batches have the same numbers."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from bot.domain.states import BatchState
from bot.ui.batch_cards import steering_buttons
from bot.ui.cards import Tone, card
from tests.support.batches import actor, board_says, record, view
from tests.support.discord import Shown, World, discord_world, shown


async def test_every_card_of_a_practice_bot_carries_the_banner(tmp_path: Path) -> None:
    async with discord_world(tmp_path, practice=True) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="5")
        receipt = await world.press(world.mod, card, card.buttons[0])
        for text in (card.text, receipt.text, (await world.award(world.mod, members="bob")).text):
            assert text.startswith("-# PRACTICE")


async def card_of(world: World, batch_id: int, *, practice: bool) -> Shown:
    """A batch's card in the staff channel, with what can be done about that batch."""
    buttons = steering_buttons(await view(world, batch_id), board=False)
    channel = world.client.get_channel(world.staff.id)
    assert isinstance(channel, discord.TextChannel)
    lines = ["50 awards"]
    made = card(f"Batch {batch_id}", tone=Tone.ATTENTION, practice=practice, lines=lines, rows=[buttons])
    return shown(await channel.send(view=made))


@pytest.mark.parametrize("practice", [False, True])
@pytest.mark.parametrize("label", ["Resume", "Stop"])
async def test_a_card_of_practice_steers_no_batch_in_earnest_nor_the_other_way_round(
    tmp_path: Path, practice: bool, label: str
) -> None:
    async with discord_world(tmp_path, practice=practice) as world:
        batch_id = await record(world, [50], delay=600.0)
        await world.app.services.batches.pause(batch_id, actor(world))
        await board_says(world, batch_id, "Paused")
        theirs = await card_of(world, batch_id, practice=not practice)
        told = await world.press(world.mod, theirs, label)
        assert told.text.count("Nothing was changed.") == 1
        assert ("a card of practice" in told.text) is not practice
        assert (await view(world, batch_id)).batch.state is BatchState.PAUSED
        await world.press(world.mod, await card_of(world, batch_id, practice=practice), label)
        assert (await view(world, batch_id)).batch.state in (BatchState.OPEN, BatchState.STOPPED)
