"""Two presses of one button, of which the one that came first is overtaken by the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.services.submitting import Submitting
from bot.ui import deciding, receipts
from bot.ui.looking import look
from tests.support.discord import csv_of, discord_world, rows


@pytest.mark.parametrize("at", ["its look at the draft", "its decision"])
async def test_a_press_that_is_overtaken_does_not_cover_the_receipt_of_the_one_that_overtook_it(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, begun = asyncio.Event(), Counter[str]()

    async def give(*what: Any) -> None:
        await receipts.give_receipt(*what)
        given.set()

    async def look_first(interaction: Any, draft_id: int) -> Any:
        seen = await look(interaction, draft_id)
        return await overtaken("its look at the draft", seen)

    async def decide_first(submitting: Submitting, *how: Any) -> Any:
        await overtaken("its decision", None)
        return await confirm(submitting, *how)

    async def overtaken(where: str, seen: Any) -> Any:
        begun[where] += 1
        if where == at and begun[where] == 1:
            await given.wait()
        return seen

    confirm = Submitting.confirm
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        monkeypatch.setattr(deciding, "EDIT_EVERY_SECONDS", 0.0)  # every press takes long enough to be told of
        monkeypatch.setattr(deciding, "give_receipt", give)
        monkeypatch.setattr(deciding, "look", look_first)
        monkeypatch.setattr(Submitting, "confirm", decide_first)
        answers = await world.press_at_once(world.mod, card, "Send 8 awards", 2)
        assert sum("You sent nothing with this." in answer.text for answer in answers) == 1
        assert "**8 awards** recorded" in world.again(card).text
