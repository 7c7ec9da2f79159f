"""What ``/batch show`` offers: only what who asks may do."""

from __future__ import annotations

from pathlib import Path

from bot.services.rules import Capability
from tests.support.batches import actor, batch, board_says, in_doubt, record
from tests.support.discord import discord_world


async def test_who_may_only_look_is_offered_nothing_that_would_be_refused(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        manages = world.guild.create_role("Managers")
        await world.setting(
            "roles", {Capability.MANAGE.value: [str(manages.id)], Capability.LOOK.value: [str(world.role.id)]}
        )
        paid = await record(world, [50, 30], of=actor(world, world.admin))
        await board_says(world, paid, "Done")
        doubtful = await in_doubt(world, first=2, of=actor(world, world.admin))
        waits = await record(world, [20], first=5, delay=600, of=actor(world, world.admin))
        for batch_id in (paid, doubtful, waits):
            shown = await batch(world, world.mod, "show", batch=str(batch_id))
            assert shown.buttons == ["Refresh", "Result file"]
        offered = [await batch(world, world.admin, "show", batch=str(one)) for one in (paid, doubtful, waits)]
        assert [card.buttons[:-2] for card in offered] == [
            ["Take back…"],
            ["Stop", "Settle 2 in doubt"],
            ["Pause", "Stop"],
        ]


async def test_who_sent_it_is_offered_to_stop_it_while_nothing_has_left(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {Capability.AWARD.value: [str(world.role.id)]})
        waits = await record(world, [20], delay=600)
        shown = await batch(world, world.mod, "show", batch=str(waits))
        assert shown.buttons == ["Stop", "Refresh", "Result file"]
        assert "is stopped" in (await world.press(world.mod, shown, "Stop")).text
