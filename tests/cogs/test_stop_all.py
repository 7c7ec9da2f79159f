"""The emergency stop as people press it: everything stands still, and only an administrator lets it go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.model import Actor
from bot.domain.states import BatchState
from tests.support.batches import SHELL, batch, board_says, decide, in_doubt, record, view
from tests.support.discord import Shown, World, csv_of, discord_world, rows


def staff_card(world: World, heading: str) -> Shown:
    """The staff channel's message with this heading."""
    (found,) = [message for message in world.staff_messages() if f"### {heading}" in message.text]
    return found


async def test_everything_stops_and_only_an_administrator_releases_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        running = await record(world, [50, 50], delay=600)
        await world.setting("start_delay_seconds", 0)
        data = csv_of(world, rows(world, 5))
        draft = await world.bulk(world.mod, file=("more.csv", data))
        receipt = await batch(world, world.mod, "stop-all", reason="wrong amounts")
        assert "### Everything is stopped" in receipt.text
        assert f"1 batch paused with 2 awards not sent: batch {running}" in receipt.text
        assert (await view(world, running)).batch.state.value == "paused"
        (send,) = [label for label in draft.buttons if label.startswith("Send 8")]
        refused = await world.press(world.mod, draft, send)
        assert "Nothing was sent." in refused.text
        assert "Mod stopped everything in this server" in refused.text
        resumed = await batch(world, world.admin, "resume", batch=str(running))
        assert "Mod stopped everything" in resumed.text
        card = staff_card(world, "Everything is stopped")
        assert "wrong amounts" in card.text
        denied = await world.press(world.mod, card, "Release…")
        assert "You may not release the emergency stop." in denied.text
        form = await world.admin.click(card.message, label="Release…")
        done = world.answer(await world.admin.submit_modal(form, {"reason": "file corrected"}))
        assert "### The emergency stop is released" in done.text
        assert f"1 batch stays paused until somebody resumes them one by one: batch {running}." in done.text
        assert "file corrected" in staff_card(world, "The emergency stop is released").text
        assert await world.calls() == 0
        await batch(world, world.mod, "resume", batch=str(running))
        late = await world.press(world.mod, draft, send)
        assert "Batch 2" in late.text


@pytest.mark.parametrize("reason", ["wrong amounts", "w" * 200])
async def test_what_is_prepared_while_everything_is_stopped_says_so_before_the_last_press(
    tmp_path: Path, reason: str
) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("quick_award", "100")
        await batch(world, world.mod, "stop-all", reason=reason)
        told = f"This can be sent once an administrator releases the stop of everything by mod: {reason}"[:200]
        draft = await world.bulk(world.mod, file=("more.csv", csv_of(world, rows(world, 5))))
        assert told in draft.text
        award = await world.award(world.mod, members=world.members[0].mention, amount="5")
        assert told in award.text and "Nothing was sent" not in award.text


async def test_the_second_to_stop_reads_who_was_first(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await batch(world, world.mod, "stop-all", reason="wrong amounts")
        late = await batch(world, world.admin, "stop-all", reason="me too")
        assert "### Everything is stopped already" in late.text
        assert "**mod** stopped everything" in late.text
        assert len([one for one in world.staff_messages() if "Everything is stopped" in one.text]) == 1


async def test_the_settings_card_stops_and_releases_too(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = world.answer(await world.admin.slash(world.general, "settings show"))
        form = await world.admin.click(card.message, label="Stop everything…")
        world.answer(await world.admin.submit_modal(form, {"reason": "drill"}))
        card = world.answer(await world.admin.slash(world.general, "settings show"))
        assert "⛔ **admin** stopped everything" in card.text
        assert "Stop everything…" not in card.buttons
        form = await world.admin.click(card.message, label="Release…")
        done = world.answer(await world.admin.submit_modal(form, {"reason": "drill over"}))
        assert "New batches can be sent again." in done.text


async def test_who_may_not_steer_batches_may_not_stop_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        helpers = world.guild.create_role("Helpers")
        helper = world.guild.add_member(world.env.create_user("lena"), roles=[helpers])
        found = world.env.backend.visible_commands(user_id=world.admin.id, channel_id=world.general.id)
        (command,) = [int(one["id"]) for one in found if one["name"] == "batch"]
        world.guild.set_command_permissions(command, {helper: True})
        refused = world.answer(await helper.slash(world.general, "batch stop-all", reason="why not"))
        assert "Nothing was changed." in refused.text
        assert await world.app.services.halting.in_force(str(world.guild.id)) is None


async def test_what_is_opened_again_behind_the_stop_is_said_to_stand_still_and_to_go_on_with_the_release(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        await batch(world, world.mod, "stop-all", reason="look first")
        why = "mod stopped everything (look first): nothing is sent until that is released."
        told = await decide(world, world.mod, card, "Send again: all 2", "nothing came")
        assert "2 rows to be sent again" in told.text and why in told.text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert why in shown.text
        assert "-# Standing by · nothing is sent from here" in shown.text and "Under way" not in shown.text
        board = await board_says(world, batch_id, why)
        assert "Under way" not in board.text
        assert await world.calls() == 1
        form = await world.admin.click(staff_card(world, "Everything is stopped").message, label="Release…")
        done = world.answer(await world.admin.submit_modal(form, {"reason": "looked"}))
        assert f"1 batch that was opened again goes on now: batch {batch_id}." in done.text
        await world.quiet()
        assert await world.calls() == 2
        await board_says(world, batch_id, "2 paid")


async def test_a_stop_that_the_staff_channel_cannot_be_told_of_is_said_to_be_in_force(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        with world.cut_off(f"/channels/{world.staff.id}/messages"):
            told = await batch(world, world.mod, "stop-all", reason="wrong amounts")
        assert "### Everything is stopped" in told.text
        assert "The staff channel could not be told." in told.text


async def test_a_reason_is_quoted_in_a_refusal_without_a_link_that_hides_where_it_leads(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        await batch(world, world.mod, "stop-all", reason="[release it](https://e.example) ||x||")
        refused = await batch(world, world.admin, "resume", batch=str(batch_id))
        assert r"([release it\]\(https://e.example) \|\|x\|\|): nothing is recorded or sent" in refused.text


async def test_a_release_does_not_say_that_the_command_lines_batch_goes_on_while_another_server_is_stopped(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        halting, elsewhere = world.app.services.halting, Actor("5", "Olga", "222222222222222222")
        batch_id = await in_doubt(world, of=SHELL)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        await halting.stop(elsewhere, "drill")
        await batch(world, world.mod, "stop-all", reason="look first")
        await decide(world, world.mod, card, "Send again: all 2", "nothing came")
        assert (await view(world, batch_id)).batch.state is BatchState.OPEN
        form = await world.admin.click(staff_card(world, "Everything is stopped").message, label="Release…")
        done = world.answer(await world.admin.submit_modal(form, {"reason": "looked"}))
        assert "New batches can be sent again." in done.text
        assert "opened again" not in done.text
        await world.quiet()
        assert await world.calls() == 1
        assert "Olga stopped everything (drill)" in (await batch(world, world.mod, "show", batch=str(batch_id))).text
        await halting.release(elsewhere, "drill over")
        await world.quiet()
        assert await world.calls() == 2


async def test_a_release_says_of_no_batch_that_it_goes_on_which_was_not_opened_again(tmp_path: Path) -> None:
    """Neither of one that is paused, nor of another server's."""
    async with discord_world(tmp_path) as world:
        paused = await record(world, [50], delay=600)
        await record(world, [50], delay=600, first=1, of=Actor("5", "Olga", "222222222222222222"))
        await batch(world, world.mod, "stop-all", reason="wrong amounts")
        form = await world.admin.click(staff_card(world, "Everything is stopped").message, label="Release…")
        done = world.answer(await world.admin.submit_modal(form, {"reason": "looked"}))
        assert f"1 batch stays paused until somebody resumes them one by one: batch {paused}." in done.text
        assert "opened again" not in done.text


async def release_by_settings(world: World) -> None:
    """As an administrator does who does not look for the staff channel's card."""
    card = world.answer(await world.admin.slash(world.general, "settings show"))
    form = await world.admin.click(card.message, label="Release…")
    world.answer(await world.admin.submit_modal(form, {"reason": "looked"}))


async def test_the_card_of_a_stop_says_that_it_was_released_and_offers_nothing_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await batch(world, world.mod, "stop-all", reason="wrong amounts")
        await release_by_settings(world)
        card = staff_card(world, "Everything was stopped")
        assert "**mod** stopped everything" in card.text and "wrong amounts" in card.text
        assert "Released by **admin**" in card.text
        assert card.buttons == []


async def test_the_card_of_an_earlier_stop_says_so_once_it_is_pressed_and_releases_no_later_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await batch(world, world.mod, "stop-all", reason="wrong amounts")
        await world.restart()
        await release_by_settings(world)
        told = await world.press(world.admin, staff_card(world, "Everything is stopped"), "Release…")
        assert "### Nothing is stopped" in told.text
        assert staff_card(world, "Everything was stopped").buttons == []
        await batch(world, world.mod, "stop-all", reason="once more")
        first = staff_card(world, "Everything is stopped")
        await world.restart()
        await release_by_settings(world)
        await batch(world, world.mod, "stop-all", reason="third time")
        told = await world.press(world.admin, first, "Release…")
        assert "This card is about an earlier stop" in told.text
        assert "**mod** stopped everything" in told.text and "third time" in told.text
        assert "once more" in "".join(
            one.text for one in world.staff_messages() if "Everything was stopped" in one.text
        )
        assert await world.app.services.halting.in_force(str(world.guild.id)) is not None
