"""Two drafts that send the same rows again: what the later one offers once the other was sent."""

from __future__ import annotations

from pathlib import Path

from tests.support.batches import AGAIN, NEWCOMER, batch, board_says, record_file, view, with_refused
from tests.support.discord import discord_world


async def test_a_retry_of_what_another_one_sent_meanwhile_offers_nothing_that_would_be_refused(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        _, board = await with_refused(world)
        first = await world.press(world.mod, board, AGAIN)
        second = await world.press(world.admin, board, AGAIN)
        await world.press(world.mod, first, "Send 1 award")
        await world.quiet()
        late = await world.press(world.admin, second, "Send 1 award")
        assert "**1 row was already paid in the last 30 days**" in late.text
        assert "1 row was sent again meanwhile, so this draft cannot send it." in late.text
        assert late.buttons == ["Cancel", "Show to staff"]
        assert sorted((await world.paid()).values()) == [20, 50]


async def test_the_rest_of_a_retry_is_sent_without_what_another_one_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        other = NEWCOMER + 1
        rows = [(world.members[0].id, 50), (NEWCOMER, 20), (other, 30)]
        batch_id = await record_file(world, rows)
        board = await board_says(world, batch_id, "Finished · 2 refused")
        await world.setting("start_delay_seconds", 0)
        await world.sandbox.seed(discord_ids=[str(NEWCOMER)], balance=0)
        first = await world.press(world.mod, board, "Send 2 refused rows again")
        await world.sandbox.seed(discord_ids=[str(other)], balance=0)
        second = await world.press(world.admin, board, "Send 2 refused rows again")
        await world.press(world.mod, first, first.buttons[0])
        await world.quiet()
        assert sorted((await world.paid()).values()) == [20, 50]
        late = await world.press(world.admin, second, second.buttons[0])
        assert "1 row was sent again meanwhile, so this draft cannot send it." in late.text
        assert late.buttons == ["Send only the 1 row not yet paid", "Cancel", "Show to staff"]
        await world.press(world.admin, late, late.buttons[0])
        await world.quiet()
        assert sorted((await world.paid()).values()) == [20, 30, 50]
        assert (await view(world, batch_id)).retryable == 0
        told = await batch(world, world.mod, "retry", batch=str(batch_id))
        assert "no rejected award" in told.text
