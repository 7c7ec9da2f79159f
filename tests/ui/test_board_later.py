"""A finished board and what comes after it: rows that are sent again, awards that are taken back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from bot.ledger.queries import Event
from bot.ui.board import StaffBoard
from bot.ui.board_message import ALERTED
from tests.support.batches import (
    AGAIN,
    alerts,
    batch,
    board_says,
    boards,
    impatient_board,
    record,
    running,
    with_refused,
    without_board,
)
from tests.support.discord import Shown, World, discord_world, private_channel, shown
from tests.support.patience import eventually


async def send(world: World, preview: Shown) -> None:
    """Press what sends the draft."""
    (label,) = [one for one in preview.buttons if one.startswith(("Send", "Give", "Take back"))]
    await world.press(world.mod, preview, label)


async def test_refused_rows_that_were_sent_again_are_not_offered_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id, board = await with_refused(world)
        await send(world, await world.press(world.mod, board, AGAIN))
        board = await board_says(world, batch_id, f"Continued by batch {batch_id + 1}")
        assert board.buttons == ["Details"]
        assert board.files == [f"batch-{batch_id}-result.csv"]
        assert "rejected" in world.file(board, board.files[0])


async def test_they_are_not_after_a_restart_in_between_either(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id, board = await with_refused(world)
        await without_board()
        await world.setting("start_delay_seconds", 600)
        await send(world, await world.press(world.mod, board, AGAIN))
        assert AGAIN in (await board_says(world, batch_id, "Finished · 1 refused")).buttons
        async with running(StaffBoard(world.app.services, lambda: world.client)):
            board = await board_says(world, batch_id, f"Continued by batch {batch_id + 1}")
        assert board.buttons == ["Details"]


async def test_who_presses_in_vain_reads_why_and_the_button_goes(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id, board = await with_refused(world)
        await without_board()
        await send(world, await world.press(world.mod, board, AGAIN))
        await world.quiet()
        later = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(later)
        async with running(later):
            told = await world.press(world.mod, board, AGAIN)
            assert "has no rejected award that was not already taken up by a later batch." in told.text
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
    async with discord_world(tmp_path) as world, impatient_board(world):
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        path = f"/channels/{world.staff.id}/messages/{board.message.id}"
        world.env.inject_error("PATCH", path, status=403, code=50013, message="Missing Permissions")
        await batch(world, world.admin, "stop", batch=str(batch_id))
        await world.until(lambda: any(one.method == "PATCH" and one.path == path for one in world.env.http_requests))
        late = await world.press(world.mod, board, "Stop")
        assert f"### Batch {batch_id} is already stopped" in late.text
        await board_says(world, batch_id, "Stopped by admin")


BAD_KEY = {"service": "drip", "path": "/transaction", "kind": "401"}


def alert_of(world: World, batch_id: int, words: str) -> Shown:
    """The one message about this pause that says so."""
    found = [one for one in world.staff_messages() if f"### Batch {batch_id} {words}" in one.text]
    assert len(found) == 1, [one.text for one in world.staff_messages()]
    return found[0]


def now(world: World, card: Shown) -> Shown:
    """A message of the staff channel as it stands there now."""
    return next(one for one in world.staff_messages() if one.message.id == card.message.id)


async def test_an_alert_says_that_the_batch_was_paused_once_it_goes_on(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults(BAD_KEY)
        batch_id = await record(world, [50])
        await world.until(lambda: bool(alerts(world)))
        alert = alert_of(world, batch_id, "is paused")
        await world.sandbox.faults()
        await world.press(world.mod, alert, "Resume")
        await world.until(lambda: not alerts(world))
        over = alert_of(world, batch_id, "was paused")
        assert over.message.id == alert.message.id
        assert over.buttons == ["Details"]
        assert "Why: Drip does not accept the key" in over.text and "resumed by mod" in over.text


async def test_an_alert_says_so_after_a_restart_and_beside_the_next_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await without_board()
        await world.sandbox.faults(BAD_KEY)
        first = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(first)
        async with running(first):
            batch_id = await record(world, [50])
            await world.until(lambda: bool(alerts(world)))
            alert = alert_of(world, batch_id, "is paused")
            await eventually(partial(world.app.ledger.queries.events, batch_id), told)
        await world.press(world.mod, alert, "Resume")
        await world.quiet()  # paused again, with nobody there to tell the staff
        second = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(second)
        async with running(second):
            await world.until(lambda: "resumed by mod" in now(world, alert).text)
            await world.until(lambda: bool(alerts(world)))
            assert alert_of(world, batch_id, "is paused").message.id != alert.message.id
            await batch(world, world.mod, "stop", batch=str(batch_id))
            await world.until(lambda: not alerts(world))
            both = [one.text for one in world.staff_messages() if f"### Batch {batch_id} was paused" in one.text]
            assert [("resumed by mod" in text, "stopped by mod" in text) for text in both] == [
                (True, False),
                (False, True),
            ]


def told(events: Sequence[Event]) -> bool:
    """Whether the ledger knows that the staff was alerted."""
    return ALERTED in [event.kind for event in events]


async def test_what_was_given_up_goes_on_in_the_channel_that_is_chosen_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.ui.board.GIVE_UP_AFTER", 1)
    async with discord_world(tmp_path) as world, impatient_board(world):
        batch_id = await record(world, [50], delay=600)
        await board_says(world, batch_id, "Nothing sent yet")
        later = private_channel(world.client, world.guild, world.role, "new-staff")
        world.env.backend.delete_channel(world.staff.id)
        await world.env.settle()
        await batch(world, world.mod, "stop", batch=str(batch_id))
        await world.until(lambda: "The staff channel is gone." in caplog.text)
        card = world.answer(await world.admin.slash(world.general, "settings show"))
        await world.admin.select(card.message, [later], custom_id="settings:channel")
        await world.until(lambda: any("Stopped by mod" in shown(one).text for one in later.history()))
