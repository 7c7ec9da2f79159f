"""The staff channel's boards: what the staff sees of a batch from its recording to its result."""

from __future__ import annotations

import gzip
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.domain.model import Decision
from bot.domain.states import BatchState
from bot.providers.base import Health
from bot.ui.board import EDIT_EVERY_SECONDS, StaffBoard
from bot.ui.board_message import ALERTED, BoardMessage
from bot.ui.results import result_file
from bot.ui.staff import nonce_of
from tests.services.lane_office import MEMBERS, OTHER, OWN, lay
from tests.support.batches import (
    actor,
    alerts,
    board_says,
    boards,
    impatient_board,
    record,
    record_file,
    running,
    view,
    without_board,
)
from tests.support.discord import DELAY, discord_world, private_channel, shown
from tests.support.patience import eventually, until

SLOW = {"service": "drip", "path": "/transaction", "kind": "slow", "ms": 150}
BAD_KEY = {"service": "drip", "path": "/transaction", "kind": "401"}


async def test_a_batch_has_one_message_from_its_recording_to_its_result(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record_file(world, [(member.id, 50) for member in world.members[:3]], delay=DELAY)
        board = await board_says(world, batch_id, "Nothing sent yet")
        assert "**0 %** · 0 of 3 awards" in board.text
        assert "3 awards by **mod**" in board.text or "3 awards by **Mod" in board.text
        assert "Reason: Weekly quest" in board.text
        assert "File: week-31.csv" in board.text
        assert f"<@{world.members[0].id}>" in board.text
        assert board.buttons == ["Pause", "Stop", "Details"]
        world.begin(batch_id)
        done = await board_says(world, batch_id, "Done")
        assert done.message.id == board.message.id
        assert "3 paid" in done.text
        assert "**150 of 150 points** paid" in done.text
        assert done.files == [f"batch-{batch_id}-result.csv"]
        lines = world.file(done, f"batch-{batch_id}-result.csv").splitlines()
        assert len(lines) == 4
        assert all("applied" in line for line in lines[1:])
        await eventually(world.app.services.boards.unfinished, lambda found: not found)
        assert (await world.app.services.boards.get(batch_id)) is not None


async def test_nobody_is_pinged(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], reason="@everyone look <@&1>")
        board = await board_says(world, batch_id, "Done")
        assert not board.message.mention_everyone
        assert board.message.raw_mentions == []


async def test_a_small_award_names_everybody_and_needs_no_file(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 20])
        board = await board_says(world, batch_id, "Done")
        assert f"<@{world.members[0].id}> · 50 points · paid" in board.text
        assert f"<@{world.members[1].id}> · 20 points · paid" in board.text
        assert board.files == []


async def test_a_key_that_is_not_accepted_pauses_the_batch_and_alerts_the_staff_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with discord_world(tmp_path, edit_every=0.0) as world:
        await world.sandbox.faults(BAD_KEY)
        batch_id = await record(world, [50, 20])
        await world.until(lambda: bool(alerts(world)))
        counts = (await view(world, batch_id)).counts
        assert (counts.planned, counts.rejected) == (2, 0)
        (alert,) = alerts(world)
        assert f"### Batch {batch_id} is paused" in alert.text
        assert caplog.text.count(f"batch {batch_id} waits for somebody to act: Drip does not accept the key") == 1
        assert "2 awards stay planned. None of them was sent, and none is lost." in alert.text
        assert "Next: the operator puts the right key into the settings" in alert.text
        assert world.sandbox.drip["api_key"] not in alert.text
        board = await board_says(world, batch_id, "Paused · somebody has to act")
        assert board.buttons == ["Resume", "Stop", "Details"]

        async def noted() -> bool:
            return ALERTED in [event.kind for event in await world.app.ledger.queries.events(batch_id)]

        await until(noted)  # from here on a crash would not tell the staff again, and neither does another board
        world.app.watchers.changed(batch_id)
        asked = 0

        def client() -> discord.Client:
            nonlocal asked
            asked += 1  # once at the beginning, then at every look
            return world.client

        another = StaffBoard(world.app.services, client)
        async with running(another):
            await world.until(lambda: asked >= 2)
            another.changed(batch_id)
            await world.until(lambda: asked >= 3)  # it looks once more, so it has looked
        assert len(alerts(world)) == 1
        await world.press(world.admin, alert, "Resume")
        await world.until(lambda: [one.message.id for one in alerts(world)] not in ([], [alert.message.id]))
        assert (await view(world, batch_id)).counts.planned == 2
        await world.sandbox.faults()
        (second,) = alerts(world)
        await world.press(world.admin, second, "Resume")
        await board_says(world, batch_id, "Done")
        assert sum((await world.paid()).values()) == 70
        await world.until(lambda: not alerts(world))
        # Whoever was late above has looked by now.
        assert sum(f"### Batch {batch_id} was paused" in one.text for one in world.staff_messages()) == 2


async def test_a_channel_that_everyone_can_read_is_not_written_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("staff_channel_id", str(world.general.id))
        with caplog.at_level(logging.WARNING):
            batch_id = await record(world, [50])
            await world.until(lambda: "Everyone can read" in caplog.text)
        await world.quiet()
        assert (await view(world, batch_id)).counts.applied == 1
        assert world.general.history() == []
        assert world.staff_messages() == []


async def test_a_deleted_message_is_posted_anew(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        batch_id = await record(world, [10] * 3, delay=DELAY)
        board = await board_says(world, batch_id, "Nothing sent yet")
        await world.admin.delete(board.message)
        world.begin(batch_id)
        again = await board_says(world, batch_id, "Done")
        assert again.message.id != board.message.id
        assert "3 paid" in again.text


async def test_a_board_moves_when_its_channel_is_gone_and_another_one_is_set(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        bot = world.client.user
        assert bot is not None
        finance = world.guild.create_text_channel(
            "finance",
            overwrites={
                world.guild.default_role: discord.PermissionOverwrite(view_channel=False),
                bot: discord.PermissionOverwrite(view_channel=True, send_messages=True, attach_files=True),
            },
        )
        await world.setting("staff_channel_id", str(finance.id))
        channel = world.client.get_channel(world.staff.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.delete()
        await world.env.settle()
        services = world.app.services
        await services.batches.stop(batch_id, (await view(world, batch_id)).batch.actor)
        await world.until(lambda: bool(finance.history()))
        assert board.message.id != finance.history()[0].id
        moved = await services.boards.get(batch_id)
        assert moved is not None
        assert moved.channel_id == str(finance.id)


async def test_an_alert_goes_where_the_staff_reads_now(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=DELAY)
        await board_says(world, batch_id, "Nothing sent yet")
        later = private_channel(world.client, world.guild, world.role, "new-staff")
        await world.env.settle()
        await world.setting("staff_channel_id", str(later.id))
        await world.sandbox.faults(BAD_KEY)
        world.begin(batch_id)
        await world.until(lambda: bool(later.history()))
        assert "Somebody has to act" in shown(later.history()[0]).text
        assert alerts(world) == [], "nobody reads the old one any more"


async def test_a_refusal_of_discord_disturbs_no_award_and_is_tried_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="Missing Permissions")
        async with impatient_board(world):
            batch_id = await record(world, [50])
            await board_says(world, batch_id, "Done")
        assert await world.paid() != {}


async def test_a_board_goes_on_after_a_restart_with_the_same_message(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        await without_board()
        await world.sandbox.faults({**SLOW, "ms": 2000})
        first = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(first)
        async with running(first):
            batch_id = await record(world, [10] * 8)
            before = await board_says(world, batch_id, "paid ·")
        second = StaffBoard(world.app.services, lambda: world.client)
        world.app.watchers.add(second)
        async with running(second):
            goes_on = await board_says(world, batch_id, "Goes on after a restart of Bursar")
            assert goes_on.message.id == before.message.id
            await world.sandbox.faults()
            done = await board_says(world, batch_id, "Done\n8 paid")
            assert done.message.id == before.message.id
            assert "Goes on after" not in done.text


async def test_a_batch_recorded_while_nobody_kept_boards_gets_one_at_the_start(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await without_board()
        batch_id = await record(world, [50], delay=600)
        async with running(StaffBoard(world.app.services, lambda: world.client)):
            await board_says(world, batch_id, "Nothing sent yet")


async def test_a_message_under_way_is_edited_every_few_seconds_at_most(tmp_path: Path) -> None:
    async with discord_world(tmp_path, edit_every=EDIT_EVERY_SECONDS, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        await world.sandbox.faults({**SLOW, "ms": 100})
        batch_id = await record(world, [10] * 8)
        await board_says(world, batch_id, "Done")
        edits = [entry for entry in world.env.http_requests if entry.method == "PATCH" and "/messages/" in entry.path]
        assert len(edits) <= 3  # that it began, what was done after 3 seconds, that it ended
        assert await world.calls() == 8


async def test_a_batch_whose_ring_is_not_free_yet_says_when_it_goes_on_and_then_that_it_did(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_RING=f"{OWN},{OTHER}", BURSAR_SETTLE_AFTER="3") as world:
        await world.sandbox.seed(members=[{"drip_id": place, "balance": 0} for place in (OWN, OTHER)])
        assert await lay(world.app, MEMBERS) == [Health.OK]  # an earlier call could be a second one until 3 s are over
        await world.sandbox.faults({**SLOW, "ms": 5000})
        batch_id = await record(world, [50, 20])
        board = await board_says(world, batch_id, "Next call <t:")
        assert "the operator's check accounts take one at a time. Nothing has to be done.\n1 call to go" in board.text
        await world.until(lambda: not any("Next call" in board.text for board in boards(world, batch_id)))
        (board,) = boards(world, batch_id)
        assert "Under way" in board.text, "it does not promise the call until that has ended"
        await board_says(world, batch_id, "Done")


async def test_a_call_whose_answers_are_lost_is_said_to_be_sent_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_RING=f"{OWN},{OTHER}", BURSAR_SETTLE_AFTER="1") as world:
        await world.sandbox.seed(members=[{"drip_id": place, "balance": 0} for place in (OWN, OTHER)])
        assert await lay(world.app, MEMBERS) == [Health.OK]
        lost = {"path": "/members/transaction", "nth": [1, 2, 3]}
        await world.sandbox.faults({"match": lost, "kind": "reset-before-apply"})
        batch_id = await record(world, [50, 20])
        board = await board_says(world, batch_id, "so the same call is sent again until there is one")
        assert "2 on the way" in board.text
        board = await board_says(world, batch_id, "Done")
        assert "sent again" not in board.text


async def test_a_finished_batch_says_that_its_doubts_are_read_back_and_then_no_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path, settling=True, BURSAR_SETTLE_AFTER="600") as world:
        await world.sandbox.faults({"match": {"path": "/transaction", "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await record(world, [50])
        said = "Finished · 1 in doubt\n1 in doubt\n**0 of 50 points** paid\nWhat is in doubt is read back from"
        await board_says(world, batch_id, said)
        batches, mod = world.app.services.batches, actor(world)
        ((award,),) = [doubt.awards for doubt in await batches.doubts(batch_id, mod)]
        await batches.resolve(batch_id, [award.id], Decision.LANDED, mod, reason="the balance went up")
        board = await board_says(world, batch_id, "Done")
        assert "read back" not in board.text


async def test_what_is_decided_while_the_message_is_edited_does_not_wait_for_the_next_look_at_a_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path, settling=True, BURSAR_SETTLE_AFTER="600") as world:
        batches, mod = world.app.services.batches, actor(world)
        edit, decided = BoardMessage.update, []

        async def edit_while_somebody_decides(message: BoardMessage, **how: Any) -> Any:
            edited = await edit(message, **how)
            doubts = await batches.doubts(batch_id, mod)
            if doubts and not decided and (await batches.view(batch_id, mod)).batch.state is BatchState.FINISHED:
                decided.append(await batches.resolve(batch_id, [1], Decision.LANDED, mod, reason="the balance went up"))
            return edited

        monkeypatch.setattr(BoardMessage, "update", edit_while_somebody_decides)
        await world.sandbox.faults({"match": {"path": "/transaction", "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await record(world, [50])
        await board_says(world, batch_id, "Done")
        assert decided


async def test_a_ring_that_somebody_else_used_is_told_in_words_that_need_no_manual(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_RING=f"{OWN},{OTHER}", BURSAR_SETTLE_AFTER="1") as world:
        await world.sandbox.seed(members=[{"drip_id": place, "balance": 0} for place in (OWN, OTHER)])
        assert await lay(world.app, MEMBERS) == [Health.OK]
        await world.sandbox.seed(members=[{"drip_id": OWN, "balance": 7}])
        await record(world, [50])
        await world.until(lambda: bool(alerts(world)))
        (alert,) = alerts(world)
        assert (
            "the operator's check accounts, which show whether a call arrived, are disturbed: the accounts hold 7, 0"
            in alert.text
        )
        assert "Next: the operator finds out who else uses its places" in alert.text


async def test_a_pause_is_shown_without_waiting_for_the_next_edit(tmp_path: Path) -> None:
    async with discord_world(tmp_path, edit_every=600.0) as world:
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        await world.press(world.mod, board, "Pause")
        board = await board_says(world, batch_id, "Paused by mod")
        await world.press(world.mod, board, "Resume")
        board = await board_says(world, batch_id, "Nothing sent yet")
        await world.press(world.mod, board, "Stop")
        await board_says(world, batch_id, "Stopped by mod")


# --- the result file ------------------------------------------------------------------------------------------------


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_result_within_the_limit_is_attached_as_it_is() -> None:
    result = await result_file(pieces(b"a,b\n", b"1,2\n"), 41, 100)
    assert result.file is not None
    assert result.name == "batch-41-result.csv"
    assert result.file.fp.read() == b"a,b\n1,2\n"
    assert result.note is None


async def test_a_larger_result_is_compressed_and_says_so() -> None:
    lines = [b"12345678901234567,50,applied\n"] * 100
    result = await result_file(pieces(*lines), 41, 500)
    assert result.file is not None
    assert result.name == "batch-41-result.csv.gz"
    assert gzip.decompress(result.file.fp.read()) == b"".join(lines)
    assert result.note is not None
    assert "compressed" in result.note


async def test_a_result_beyond_what_a_request_may_have_is_compressed_whatever_the_server_allows() -> None:
    result = await result_file(pieces(*[b"12345678901234567,50,applied\n" * 35_000] * 26), 41, 100_000_000)
    assert result.name == "batch-41-result.csv.gz"


async def test_a_result_that_is_too_large_even_compressed_says_where_to_get_it() -> None:
    result = await result_file(pieces(bytes(range(256)) * 4), 41, 100)
    assert result.file is None
    assert result.note is not None
    assert "bursar export --batch 41" in result.note


def test_a_nonce_is_the_same_for_the_same_message_and_short_enough() -> None:
    assert nonce_of("board", 41, 1_785_000_000_000) == nonce_of("board", 41, 1_785_000_000_000)
    assert nonce_of("board", 41, 1_785_000_000_000) != nonce_of("board", 42, 1_785_000_000_000)
    assert len(nonce_of("board", 2**62, 2**62)) <= 25
