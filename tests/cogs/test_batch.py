"""``/batch`` and the buttons of batches, as the people who use them see it."""

from __future__ import annotations

from pathlib import Path

from bot.client import BursarClient
from bot.domain.model import Actor
from bot.domain.states import BatchState
from bot.services.rules import Limits
from bot.services.submitting import Choice, Wish
from tests.support.batches import (
    AGAIN,
    SHELL,
    actor,
    alerts,
    batch,
    board_says,
    record,
    record_file,
    view,
    with_refused,
)
from tests.support.discord import World, discord_world

SLOW = {"service": "drip", "path": "/transaction", "kind": "slow", "ms": 1500}
"""Eight such calls take longer than a board waits between two edits, on a busy machine too."""


async def mid_run(world: World) -> int:
    """A batch of eight calls of which some are made and some are not."""
    await world.sandbox.faults(SLOW)
    batch_id = await record(world, [10] * 8)
    await board_says(world, batch_id, "paid ·")
    return batch_id


# --- looking --------------------------------------------------------------------------------------------------------


async def test_the_list_shows_batches_newest_first_and_opens_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first = await record(world, [50])
        second = await record(world, [20, 30])
        await world.quiet()
        shown = await batch(world, world.mod, "list")
        assert shown.text.index(f"Batch {second}") < shown.text.index(f"Batch {first}")
        assert "2 awards" in shown.text
        assert "**50 of 50 points** paid" in shown.text
        opened = await world.pick(world.mod, shown, str(first))
        assert f"### Batch {first}" in opened.text
        assert "1 paid" in opened.text


async def test_a_draft_reopens_from_the_list(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        services = world.app.services
        wish = Wish(services.programmes.get("drip-members"), reason="Movie night")
        people = [(str(member.id), 10) for member in world.members[:2]]
        preview = await services.submitting.draft_members(people, wish, actor(world), Limits())
        shown = await batch(world, world.mod, "list")
        assert "**1 open draft** · nothing of it was sent" in shown.text
        assert "Movie night" in shown.text
        opened = await world.pick(world.mod, shown, str(preview.draft.id))
        assert "Movie night" in opened.text
        assert any("2" in label or "Send" in label or "Give" in label for label in opened.buttons)
        assert await world.calls() == 0


async def test_drafts_of_one_command_are_told_apart_by_whom_they_are_for(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace, linus = world.members[:3]
        await world.award(world.mod, members=f"<@{ada.id}>", amount="40")
        await world.award(world.mod, members=f"<@{ada.id}> 50 <@{grace.id}> 20 <@{linus.id}> 1", reason="Movie night")
        await world.award(world.mod, members=f"<@{grace.id}>", amount="-7")
        shown = await batch(world, world.mod, "list")
        assert f"- Draft 1 · 40 points for <@{ada.id}> · by mod" in shown.text
        assert f"- Draft 2 · 71 points for <@{ada.id}>, <@{grace.id}> and 1 more · Movie night · by mod" in shown.text
        assert f"- Draft 3 · takes 7 points from <@{grace.id}> · by mod" in shown.text
        (menu,) = shown.menus
        said = [(option["label"], option["description"]) for option in menu["options"]]
        assert said == [
            ("Draft 3 · takes 7 points from Grace", "by mod"),
            ("Draft 2 · 71 points for Ada, Grace and 1 more", "by mod · Movie night"),
            ("Draft 1 · 40 points for Ada", "by mod"),
        ]


async def test_pages_tell_where_one_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ids = [await record(world, [1 + n]) for n in range(9)]
        await world.quiet()
        shown = await batch(world, world.mod, "list")
        assert f"**Batch {ids[0]}**" not in shown.text
        assert shown.buttons == ["Older"]
        assert any(part.get("label") == "Page 1 of 2" for part in shown.parts)
        older = await world.press(world.mod, shown, "Older")
        assert f"**Batch {ids[0]}**" in older.text
        assert f"**Batch {ids[8]}**" not in older.text
        newest = await world.press(world.mod, older, "First")
        assert f"**Batch {ids[8]}**" in newest.text


async def test_who_sees_fewer_pages_by_now_is_shown_the_last_of_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        own = await record(world, [50])
        for n in range(8):
            await record(world, [1 + n], of=actor(world, world.admin))
        shown = await batch(world, world.mod, "list")
        await world.setting("roles", {"award": [str(world.role.id)]})
        older = await world.press(world.mod, shown, "Older")
        assert f"**Batch {own}**" in older.text and older.text.count("**Batch") == 1


async def test_one_batch_is_shown_with_its_history_its_calls_and_its_result(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        stranger = 10**17
        batch_id = await record_file(world, [(world.members[0].id, 50), (stranger, 20)])
        await world.quiet()
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "1 paid · 1 refused" in shown.text
        assert "**50 of 70 points** paid" in shown.text
        assert "recorded by mod" in shown.text
        assert "**1 call** · 1 went through whole" in shown.text
        assert "Reason: Weekly quest" in shown.text
        result = await world.press(world.mod, shown, "Result file")
        assert result.files == [f"batch-{batch_id}-result.csv"]
        rows = world.file(result, f"batch-{batch_id}-result.csv").splitlines()
        assert rows[0].startswith("discord_id,amount,")
        assert "applied" in rows[1]
        assert "rejected" in rows[2]
        assert len(rows) == 3


async def test_a_batch_that_was_stopped_before_its_first_call_does_not_look_done(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 20], delay=600)
        await batch(world, world.mod, "stop", batch=str(batch_id))
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "Stopped by mod\n" + "▱" * 16 + " **0 %** · 0 of 2 awards\n2 cancelled, never sent" in shown.text
        assert "**No call** was made" in shown.text and "went through whole" not in shown.text


async def test_autocompletion_names_batches_that_the_command_can_do_something_with(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        done = await record(world, [50])
        await world.quiet()
        waiting = await record(world, [20, 30], delay=600)
        everything = await world.mod.autocomplete(world.general, "batch show", "batch", "")
        assert [choice["value"] for choice in everything] == [str(waiting), str(done)]
        assert everything[0]["name"] == f"Batch {waiting} · 2 awards · nothing sent yet · Weekly quest"
        to_pause = await world.mod.autocomplete(world.general, "batch pause", "batch", "")
        assert [choice["value"] for choice in to_pause] == [str(waiting)]
        typed = await world.mod.autocomplete(world.general, "batch show", "batch", "finished")
        assert [choice["value"] for choice in typed] == [str(done)]
        assert await world.mod.autocomplete(world.general, "batch resolve", "batch", "") == []


# --- who may --------------------------------------------------------------------------------------------------------


async def test_who_lacks_the_role_reads_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        helpers = world.guild.create_role("Helpers")
        await world.setting("roles", {"manage": [str(helpers.id)], "look": [str(world.role.id)]})
        shown = await batch(world, world.mod, "stop", batch=str(batch_id))
        assert "Nothing was changed." in shown.text
        assert "You may not pause, stop, retry or resolve batches here." in shown.text
        assert f"<@&{helpers.id}>" in shown.text
        board = await board_says(world, batch_id, "Nothing sent yet")
        pressed = await world.press(world.mod, board, "Stop")
        assert "You may not" in pressed.text
        assert (await view(world, batch_id)).counts.planned == 1


async def test_another_servers_batch_does_not_exist_here(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        services = world.app.services
        elsewhere = Actor("5", "other", "222222222222222222")
        wish = Wish(services.programmes.get("drip-members"))
        people = [(str(world.members[0].id), 10)]
        limits = Limits(start_delay_seconds=600)
        preview = await services.submitting.draft_members(people, wish, elsewhere, limits)
        preview = await services.submitting.look_up(preview.draft.id, elsewhere, limits)
        choice = Choice(preview.draft.content_hash or "")
        foreign = (await services.submitting.confirm(preview.draft.id, choice, elsewhere, limits)).batch_id
        for command in ("show", "pause", "resume", "stop", "retry", "resolve"):
            shown = await batch(world, world.admin, command, batch=str(foreign))
            assert "Nothing was changed." in shown.text
            assert f"no batch {foreign} here" in shown.text
        listed = await batch(world, world.admin, "list")
        assert "No batch yet." in listed.text
        assert (await services.batches.view(foreign, elsewhere)).counts.planned == 1
        again = await world.award(world.admin, members=world.members[0].mention, amount="10")
        assert "- a batch of another server, <t:" in again.text, "the same account, so it is asked about"
        assert f"batch {foreign}" not in again.text and "by other" not in again.text


async def of_command_line(world: World) -> int:
    """A batch that ``bulk`` recorded, paused before anything of it was sent."""
    submitting, limits = world.app.services.submitting, Limits(start_delay_seconds=600)
    wish = Wish(world.app.services.programmes.get("drip-members"))
    preview = await submitting.draft_members([(str(world.members[0].id), 10)], wish, SHELL, limits)
    preview = await submitting.look_up(preview.draft.id, SHELL, limits)
    batch_id = (
        await submitting.confirm(preview.draft.id, Choice(preview.draft.content_hash or ""), SHELL, limits)
    ).batch_id
    await world.app.services.batches.pause(batch_id, SHELL)
    return batch_id


async def test_a_batch_of_the_command_line_is_seen_and_steered_in_the_operators_server(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await of_command_line(world)
        assert f"**Batch {batch_id}**" in (await batch(world, world.mod, "list")).text
        assert "by operator" in (await batch(world, world.mod, "show", batch=str(batch_id))).text
        receipt = await batch(world, world.mod, "resume", batch=str(batch_id))
        assert f"### Batch {batch_id} goes on" in receipt.text
        receipt = await batch(world, world.mod, "stop", batch=str(batch_id))
        assert f"### Batch {batch_id} is stopped" in receipt.text


async def test_a_draft_of_the_command_line_does_not_exist_in_a_server(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        submitting = world.app.services.submitting
        wish = Wish(world.app.services.programmes.get("drip-members"))
        await submitting.draft_members([(str(world.members[0].id), 10)], wish, SHELL, Limits())
        assert "draft" not in (await batch(world, world.mod, "list")).text


async def test_a_server_that_is_not_bound_learns_nothing_of_the_command_lines_batches(tmp_path: Path) -> None:
    async with discord_world(tmp_path, BURSAR_SERVER_IDS="222222222222222222") as world:
        batch_id = await of_command_line(world)
        for command in ("show", "pause", "resume", "stop", "retry", "resolve"):
            shown = await batch(world, world.admin, command, batch=str(batch_id))
            assert "Bursar is not set up here." in shown.text
        assert "Bursar is not set up here." in (await batch(world, world.admin, "list")).text
        assert await world.admin.autocomplete(world.general, "batch show", "batch", "") == []
        batch_now = (await world.app.services.batches.view(batch_id, SHELL)).batch
        assert batch_now.state is BatchState.PAUSED


async def test_what_is_no_batch_is_named(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        shown = await batch(world, world.mod, "show", batch="last one")
        assert "“last one” is no batch" in shown.text and "Nothing was changed." in shown.text
        shown = await batch(world, world.mod, "show", batch="4711")
        assert "no batch 4711 here" in shown.text


# --- pause, resume, stop --------------------------------------------------------------------------------------------


async def test_stop_within_the_start_delay_sends_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        receipt = await world.press(world.mod, board, "Stop")
        assert f"### Batch {batch_id} is stopped" in receipt.text
        assert "Nothing was sent." in receipt.text
        board = await board_says(world, batch_id, "Stopped by mod")
        assert "2 cancelled, never sent" in board.text
        assert await world.calls() == 0
        assert await world.paid() == {}


async def test_who_sent_a_batch_may_stop_it_while_nothing_has_left(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"award": [str(world.role.id)], "look": [str(world.role.id)]})
        own = await record(world, [50], delay=600)
        receipt = await batch(world, world.mod, "stop", batch=str(own))
        assert f"### Batch {own} is stopped" in receipt.text
        await world.setting("start_delay_seconds", 0)
        gone = await record(world, [60])
        await world.quiet()
        late = await batch(world, world.mod, "stop", batch=str(gone))
        assert "You may not pause, stop, retry or resolve batches here." in late.text
        assert sorted((await world.paid()).values()) == [60]


async def test_pause_keeps_rows_and_resume_sends_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        batch_id = await mid_run(world)
        board = await board_says(world, batch_id, "Under way")
        receipt = await world.press(world.mod, board, "Pause")
        assert f"### Batch {batch_id} is paused" in receipt.text
        history = (await batch(world, world.mod, "show", batch=str(batch_id))).text
        assert "paused by mod" in history and "paused by mod: paused" not in history
        await world.quiet()
        counts = (await view(world, batch_id)).counts
        assert counts.planned > 0
        assert counts.applied == len(await world.paid())
        board = await board_says(world, batch_id, "Paused by mod")
        assert f"{counts.planned} not sent yet" in board.text
        await world.sandbox.faults()
        receipt = await world.press(world.mod, board, "Resume")
        assert f"### Batch {batch_id} goes on" in receipt.text
        await world.quiet()
        assert len(await world.paid()) == 8
        assert set((await world.paid()).values()) == {10}


async def test_the_second_of_two_presses_reads_who_was_first(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        await world.press(world.mod, board, "Pause")
        late = world.answer(await world.admin.slash(world.general, "batch pause", batch=str(batch_id)))
        assert f"### Batch {batch_id} is already paused" in late.text
        assert "By **mod**" in late.text
        assert "This changed nothing." in late.text
        await batch(world, world.admin, "stop", batch=str(batch_id))
        late = await batch(world, world.mod, "stop", batch=str(batch_id))
        assert f"### Batch {batch_id} is already stopped" in late.text
        assert "By **admin**" in late.text
        refused = await batch(world, world.mod, "resume", batch=str(batch_id))
        assert "Nothing was changed." in refused.text
        assert "was stopped by admin" in refused.text


async def test_a_stop_mid_run_asks_first_and_says_what_cannot_be_taken_back(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        batch_id = await mid_run(world)
        board = await board_says(world, batch_id, "Under way")
        question = await world.press(world.mod, board, "Stop")
        assert f"### Stop batch {batch_id}?" in question.text
        assert "Stopping does not take them back." in question.text
        assert "cancelled for good" in question.text
        assert (await view(world, batch_id)).batch.state.value == "open"
        (label,) = [one for one in question.buttons if one.startswith("Stop it")]
        receipt = await world.press(world.mod, question, label)
        assert f"### Batch {batch_id} is stopped" in receipt.text
        await world.quiet()
        counts = (await view(world, batch_id)).counts
        assert counts.cancelled > 0
        assert counts.applied == len(await world.paid())
        assert counts.applied + counts.cancelled == 8
        board = await board_says(world, batch_id, "Stopped by mod")
        assert f"{counts.cancelled} cancelled, never sent" in board.text


async def test_buttons_still_work_after_a_restart_of_the_bot(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        board = await board_says(world, batch_id, "Nothing sent yet")
        await world.env.restart_bot(BursarClient(world.app.services, world.app.settings))
        receipt = await world.press(world.mod, board, "Pause")
        assert f"### Batch {batch_id} is paused" in receipt.text
        details = await world.press(world.mod, receipt, "Details")
        assert "Paused by mod" in details.text


async def test_more_drafts_than_a_menu_has_are_on_the_next_page(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await record(world, [5], delay=600)
        for amount in range(27):
            await world.award(world.mod, members=f"<@{world.members[0].id}>", amount=str(1 + amount))
        first = await batch(world, world.mod, "list")
        assert "**27 open drafts**" in first.text
        assert "… and 20 more in the menu" in first.text
        second = await world.press(world.mod, first, "Older")
        assert "**27 open drafts**" in second.text
        assert [one["value"] for one in second.menus[0]["options"]] == ["3", "2"]
        assert second.buttons == ["First", "Newer"]
        assert "**1 point**" in (await world.pick(world.mod, second, "2")).text


# --- retry ----------------------------------------------------------------------------------------------------------


async def test_retry_drafts_the_refused_rows_as_a_linked_batch(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id, board = await with_refused(world)
        preview = await world.press(world.mod, board, AGAIN)
        assert "20" in preview.text
        assert sum((await world.paid()).values()) == 50
        (send,) = [label for label in preview.buttons if label.startswith(("Send", "Give"))]
        preview = world.answer(await world.mod.click(preview.message, label=send), preview)
        await world.quiet()
        assert sorted((await world.paid()).values()) == [20, 50]
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "Continued by batch" in shown.text
        late = await batch(world, world.mod, "retry", batch=str(batch_id))
        assert "no rejected award" in late.text


async def test_a_retry_of_a_batch_that_was_paid_says_that_there_is_nothing_to_send(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50])
        await world.quiet()
        told = await batch(world, world.mod, "retry", batch=str(batch_id))
        assert "has no rejected award, so there is nothing to send again." in told.text


async def test_a_retry_that_was_stopped_can_be_sent_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first, board = await with_refused(world)
        await world.setting("start_delay_seconds", 300)
        preview = await world.press(world.mod, board, AGAIN)
        receipt = await world.press(world.mod, preview, preview.buttons[0])
        await world.press(world.mod, receipt, "Stop")
        await board_says(world, first, f"Continued by batch {first + 1} (stopped)")
        told = await batch(world, world.mod, "retry", batch=str(first))
        assert f"/batch retry of batch {first + 1} takes up what was refused or stopped there" in told.text
        await world.setting("start_delay_seconds", 0)
        stopped = await board_says(world, first + 1, "Stopped")
        preview = await world.press(world.mod, stopped, "Send 1 row again")
        await world.press(world.mod, preview, preview.buttons[0])
        await world.quiet()
        assert sorted((await world.paid()).values()) == [20, 50]
        assert (await view(world, first + 1)).retryable == 0
        late = await batch(world, world.mod, "retry", batch=str(first + 1))
        assert "no rejected award" in late.text


async def test_a_batch_that_is_paused_half_way_does_not_say_that_nothing_was_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_CREDENTIALS_BATCH_SIZE="2") as world:
        await world.sandbox.faults({"match": {"path": "/credentials/transaction", "nth": 2}, "kind": "401"})
        batch_id = await record(world, [5] * 4, programme="drip-credentials")
        board = await board_says(world, batch_id, "somebody has to act")
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        await world.until(lambda: bool(alerts(world)))
        for card in (board, shown, *alerts(world)):
            assert "Drip does not accept the key" in card.text.split("**History**")[0]
            assert "Nothing was sent" not in card.text.split("**History**")[0]


async def test_a_press_that_another_one_overtakes_does_not_say_what_is_no_longer_so(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for number in range(4):
            batch_id = await record(world, [50], delay=600, first=number)
            await batch(world, world.mod, "pause", batch=str(batch_id))
            board = await board_says(world, batch_id, "Paused by")
            pressed = world.send_press(world.mod, board, "Resume"), world.send_press(world.admin, board, "Stop")
            await world.env.settle()
            resumed, stopped = (world.answer(one, board).text for one in pressed)
            assert f"### Batch {batch_id} is stopped" in stopped
            assert "goes on\n1 award to go" in resumed or "was stopped by" in resumed, resumed


async def test_a_card_of_a_ledger_that_was_replaced_steers_no_batch_of_the_same_number(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first, second = [await record(world, [50], delay=600, first=number) for number in range(2)]
        board = world.renumber(await board_says(world, first, "Nothing sent yet"), first, second)
        for label in ("Stop", "Pause", "Details"):
            told = await world.press(world.mod, board, label)
            assert "### Nothing was changed." in told.text
            assert f"This card is about another batch {second}, of a ledger that was replaced." in told.text
        assert (await view(world, second)).batch.state is BatchState.OPEN
