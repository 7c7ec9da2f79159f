"""Cards that Discord does not change when it is asked to."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from bot.ui import receipts
from tests.support.discord import csv_of, discord_world, rows

EDIT = "/webhooks/*/messages/@original"


@pytest.mark.parametrize(("status", "code"), [(404, 10008), (500, 0), (429, 0), (400, 50035)])
async def test_who_sent_something_gets_the_receipt_beside_a_card_that_stays_as_it_was(
    tmp_path: Path, status: int, code: int
) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="50")
        world.env.inject_error("PATCH", EDIT, status=status, code=code, times=None)
        receipt = await world.press(world.mod, card, "Send 50 points to @Ada")
        assert f"### Sent 50 points to <@{world.members[0].id}>" in receipt.text
        assert "went wrong" not in receipt.text
        again = await world.press(world.mod, card, "Send 50 points to @Ada")
        assert "You already sent it" in again.text and "**batch 1**" in again.text
        assert list((await world.paid()).values()) == [50]


async def test_a_receipt_beside_its_card_is_kept_up_to_date_there(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0.5)
        card = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50, 3))))
        world.env.inject_error("PATCH", EDIT, times=None)
        with mock.patch.multiple(receipts, STEP_SECONDS=0.2, START_SECONDS=0.2):
            receipt = await world.press(world.mod, card, "Send 3 awards")
            await world.until(lambda: "3 paid" in world.again(receipt).text)
        assert "Nothing sent yet" not in world.again(receipt).text
        assert "Nothing sent yet" in str(world.env.http_requests), "what was edited said so at first"
