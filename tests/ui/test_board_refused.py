"""What Discord does not take of a board: said once, and no reason to stand still."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.ui.board import StaffBoard
from tests.support.batches import (
    alerts,
    batch,
    board_says,
    boards,
    impatient_board,
    record,
    record_file,
    running,
    without_board,
)
from tests.support.discord import DELAY, World, allow_files, discord_world

TOO_LARGE = {"status": 413, "code": 40005, "message": "Request entity too large"}
INVALID = {"status": 400, "code": 50035, "message": "Invalid Form Body"}


BAD_KEY = {"service": "drip", "path": "/transaction", "kind": "401"}


def edits(world: World, path: str) -> int:
    """How often the bot asked for this message to be edited."""
    return sum(one.method == "PATCH" and one.path == path for one in world.env.http_requests)


async def test_a_result_that_discord_finds_too_large_all_the_same_does_not_keep_the_totals_back(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        await without_board()
        batch_id = await record_file(world, [(member.id, 50) for member in world.members[:3]])
        await world.quiet()
        world.env.inject_error("POST", f"/channels/{world.staff.id}/messages", **TOO_LARGE)
        ours = StaffBoard(world.app.services, lambda: world.client)
        async with running(ours):
            ours.changed(batch_id)
            done = await board_says(world, batch_id, "**150 of 150 points** paid")
        assert done.files == []
        assert (
            f"Discord did not take the result file. The operator gets it with `bursar export --batch {batch_id}`"
            in (done.text)
        )


async def test_what_discord_refuses_for_good_is_said_once_and_tried_again_only_with_news(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with discord_world(tmp_path) as world, impatient_board(world):
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        path = f"/channels/{world.staff.id}/messages/{board.message.id}"
        world.env.inject_error("PATCH", path, times=None, **INVALID)
        with caplog.at_level(logging.WARNING):
            await batch(world, world.mod, "pause", batch=str(batch_id))
            await world.until(lambda: edits(world, path) == 1)
            for number in (1, 2):  # they wait longer than the first try again would have
                await board_says(world, await record(world, [5], first=number), "Done")
            assert edits(world, path) == 1
            await batch(world, world.mod, "resume", batch=str(batch_id))
            await world.until(lambda: edits(world, path) == 2)
        said = f"the staff channel's message of batch {batch_id} is not taken by Discord"
        assert caplog.text.count(said) == 1
        world.env.backend.faults.clear()
        await batch(world, world.mod, "stop", batch=str(batch_id))
        await board_says(world, batch_id, "Stopped by mod")


async def test_a_result_that_may_not_be_attached_keeps_no_text_back_and_follows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody takes the permission while it runs: the card went on promising that a stop costs nothing."""
    async with discord_world(tmp_path) as world, impatient_board(world):
        batch_id = await record_file(world, [(member.id, 50) for member in world.members[:3]], delay=DELAY)
        board = await board_says(world, batch_id, "Nothing sent yet")
        await allow_files(world, False)
        world.begin(batch_id)
        done = await board_says(world, batch_id, "Done\n3 paid")
        assert "**150 of 150 points** paid" in done.text
        assert done.message.id == board.message.id
        assert done.files == []
        assert "Bursar lacks *Attach Files*" in done.text
        assert "Until then `/batch show` has it under *Result file*." in done.text
        path = f"/channels/{world.staff.id}/messages/{board.message.id}"
        before = edits(world, path)
        assert "could not be brought up to date" not in caplog.text
        await allow_files(world, True)
        await world.until(lambda: any(board.files for board in boards(world, batch_id)))
        assert "Attach Files" not in boards(world, batch_id)[0].text
        assert edits(world, path) == before + 1, "what has not changed is not sent again"
        assert await world.app.services.boards.unfinished() == []


async def test_a_pause_is_told_where_no_file_may_be_attached(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world, impatient_board(world):
        batch_id = await record(world, [50], delay=DELAY)
        await board_says(world, batch_id, "Nothing sent yet")
        await allow_files(world, False)
        await world.sandbox.faults(BAD_KEY)
        world.begin(batch_id)
        await world.until(lambda: bool(alerts(world)))
        await board_says(world, batch_id, "Paused · somebody has to act")
