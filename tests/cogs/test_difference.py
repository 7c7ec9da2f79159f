"""Difference mode on the preview card: a list that grew is sent once more, to the new ones only."""

from __future__ import annotations

from pathlib import Path

from tests.support.batches import batch
from tests.support.discord import csv_of, discord_world, rows


async def test_a_corrected_list_pays_only_who_was_not_yet_paid_for_the_week(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        name = "rewards_week-31.csv"
        first = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 50, 5))))
        assert "already paid for" not in first.text
        await world.press(world.mod, first, "Send 5 awards")
        await world.quiet()
        second = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 70))))
        assert "5 rows are for recipients already paid for “Week 31”, whatever the amount." in second.text
        assert "Send 8 awards" in second.buttons
        (label,) = [one for one in second.buttons if "not yet paid for" in one]
        assert label == "Send only 3 not yet paid for “Week 31”"
        await world.press(world.mod, second, label)
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3
        shown = await batch(world, world.mod, "show", batch="2")
        result = await world.press(world.mod, shown, "Result file")
        lines = world.file(result, "batch-2-result.csv").splitlines()
        assert sum("not sent: batch 1 has an award for this campaign already" in line for line in lines) == 5
        third = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 90))))
        assert "8 rows are for recipients already paid" in third.text
        assert not [one for one in third.buttons if "not yet paid for" in one]


async def test_a_double_click_pays_the_difference_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        first = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        second = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 70))))
        (label,) = [one for one in second.buttons if "not yet paid for" in one]
        await world.press_at_once(world.mod, second, label, 3)
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3
