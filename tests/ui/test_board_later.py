"""A finished board and what comes after it: rows that are sent again, awards that are taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.ui.board import StaffBoard
from tests.support.batches import batch, board_says, boards, record, record_file, running, without_board
from tests.support.discord import Shown, World, discord_world

NEWCOMER = 10**17 + 5
AGAIN = "Send 1 refused row again"


async def with_refused(world: World) -> int:
    """A finished batch with a refused row that would be paid now."""
    batch_id = await record_file(world, [(world.members[0].id, 50), (NEWCOMER, 20)])
    await world.quiet()
    await world.sandbox.seed(discord_ids=[str(NEWCOMER)], balance=0)
    await world.setting("start_delay_seconds", 0)
    return batch_id


async def send(world: World, preview: Shown) -> None:
    """Press what sends the draft."""
    (label,) = [one for one in preview.buttons if one.startswith(("Send", "Give", "Take back"))]
    await world.press(world.mod, preview, label)


async def test_refused_rows_that_were_sent_again_are_not_offered_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await with_refused(world)
        board = await board_says(world, batch_id, "Finished · 1 refused")
        await send(world, await world.press(world.mod, board, AGAIN))
        board = await board_says(world, batch_id, f"Continued by batch {batch_id + 1}")
        assert board.buttons == ["Details"]
        assert board.files == [f"batch-{batch_id}-result.csv"]
        assert "rejected" in world.file(board, board.files[0])


async def test_they_are_not_after_a_restart_in_between_either(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await with_refused(world)
        board = await board_says(world, batch_id, "Finished · 1 refused")
        await without_board()
        await world.setting("start_delay_seconds", 600)
        await send(world, await world.press(world.mod, board, AGAIN))
        assert AGAIN in (await board_says(world, batch_id, "Finished · 1 refused")).buttons
        async with running(StaffBoard(world.app.services, lambda: world.client)):
            board = await board_says(world, batch_id, f"Continued by batch {batch_id + 1}")
        assert board.buttons == ["Details"]


async def test_who_presses_in_vain_reads_why_and_the_button_goes(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await with_refused(world)
        board = await board_says(world, batch_id, "Finished · 1 refused")
        await without_board()
        await send(world, await world.press(world.mod, board, AGAIN))
        await world.quiet()
        later = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(later)
        async with running(later):
            told = await world.press(world.mod, board, AGAIN)
            assert f"Batch {batch_id} has no rejected award that was not already sent again." in told.text
            board = await board_says(world, batch_id, f"Continued by batch {batch_id + 1}")
        assert board.buttons == ["Details"]


async def test_what_was_taken_back_is_said_where_it_was_said_to_be_paid(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 30])
        await board_says(world, batch_id, "Done")
        await world.setting("start_delay_seconds", 600)
        await send(world, await batch(world, world.mod, "undo", batch=str(batch_id)))
        await board_says(world, batch_id, f"2 being taken back by batch {batch_id + 1}")
        await batch(world, world.mod, "stop", batch=str(batch_id + 1))
        await board_says(world, batch_id, f"Batch {batch_id + 1} took nothing back")
        await world.setting("start_delay_seconds", 0)
        await send(world, await batch(world, world.mod, "undo", batch=str(batch_id)))
        board = await board_says(world, batch_id, f"Taken back by batch {batch_id + 2}")
        assert "2 paid" in board.text


async def test_an_earlier_batch_that_has_no_message_gets_none_by_being_taken_back(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await without_board()
        batch_id = await record(world, [50])
        await world.quiet()
        await world.setting("start_delay_seconds", 0)
        later = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(later)
        async with running(later):
            await send(world, await batch(world, world.mod, "undo", batch=str(batch_id)))
            await board_says(world, batch_id + 1, "Done")
        assert boards(world, batch_id) == []


async def test_a_press_on_a_message_that_could_not_be_brought_up_to_date_has_it_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ui.board.GIVE_UP_AFTER", 1)
    async with discord_world(tmp_path) as world:
        await without_board()
        ours = StaffBoard(world.app.services, lambda: world.client, backoff_seconds=0.2)
        world.app.watchers.add(ours)
        async with running(ours):
            batch_id = await record(world, [50], delay=600)
            board = await board_says(world, batch_id, "Nothing sent yet")
            path = f"/channels/{world.staff.id}/messages/{board.message.id}"
            world.env.inject_error("PATCH", path, status=403, code=50013, message="Missing Permissions")
            await batch(world, world.admin, "stop", batch=str(batch_id))
            await world.until(
                lambda: any(one.method == "PATCH" and one.path == path for one in world.env.http_requests)
            )
            late = await world.press(world.mod, board, "Stop")
            assert f"### Batch {batch_id} is already stopped" in late.text
            await board_says(world, batch_id, "Stopped by admin")
