"""``/batch undo``, from the command to the stand-in's books."""

from __future__ import annotations

from pathlib import Path

from tests.support.batches import LOST, batch, board_says, decide, record, view
from tests.support.discord import Shown, World, discord_world


def label(card: Shown) -> str:
    """The red button."""
    (found,) = [one for one in card.buttons if one.startswith("Take back")]
    return found


async def finished(world: World, amounts: list[int], **more: object) -> int:
    """A batch that was paid to its end."""
    batch_id = await record(world, amounts, **more)  # type: ignore[arg-type]  # test shorthand
    await world.quiet()
    await world.setting("start_delay_seconds", 0)
    return batch_id


async def test_an_undo_says_what_it_takes_and_what_it_gives(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for amounts in ([60, 90], [70, -50], [-10]):
            await record(world, amounts)
            await world.quiet()
        cards = [await batch(world, world.mod, "undo", batch=number) for number in "123"]
        moved = ["2 awards (150 points)", "2 awards (takes 70 points, gives 50 points)", "1 award (gives 10 points)"]
        assert [label(card) for card in cards] == [f"Take back {one}" for one in moved]
        warned = ["Points that somebody spent already" in card.text for card in cards]
        assert warned == [True, True, False], "to give points back nobody needs to have any"


async def test_an_undo_takes_back_what_landed_and_says_what_it_cannot(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await finished(world, [50, 30])
        assert sum((await world.paid()).values()) == 80
        card = await batch(world, world.mod, "undo", batch=str(batch_id))
        assert f"### Take batch {batch_id} back" in card.text
        assert "may be refused by the service" in card.text
        assert label(card) == "Take back 2 awards (80 points)"
        assert card.style(label(card)) == 4
        assert sum((await world.paid()).values()) == 80
        await world.press(world.mod, card, label(card))
        await world.quiet()
        assert set((await world.paid()).values()) == {0}
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert f"Taken back by batch {batch_id + 1}" in shown.text
        assert "Take back…" not in shown.buttons
        listed = await batch(world, world.mod, "list")
        assert f"paid · taken back by batch {batch_id + 1} · by mod" in listed.text
        undo = await batch(world, world.mod, "show", batch=str(batch_id + 1))
        assert f"Takes back batch {batch_id}" in undo.text
        assert "Take back…" not in undo.buttons
        late = await batch(world, world.mod, "undo", batch=str(batch_id))
        assert "nothing to take back: 2 taken back before, or given up as a doubt" in late.text
        of_undo = await batch(world, world.mod, "undo", batch=str(batch_id + 1))
        assert "took points back itself" in of_undo.text


async def test_two_presses_of_two_cards_take_back_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await finished(world, [50, 30])
        mine = await batch(world, world.mod, "undo", batch=str(batch_id))
        theirs = await batch(world, world.admin, "undo", batch=str(batch_id))
        answers = await world.press_at_once(world.mod, mine, label(mine), 3)
        lost = await world.press(world.admin, theirs, label(theirs))
        assert "Mod took awards of batch 1 back already" in lost.text
        await world.quiet()
        assert set((await world.paid()).values()) == {0}
        assert sum("already sent it" in answer.text for answer in answers) == 2


async def test_a_card_says_that_another_undo_was_first_and_offers_nothing_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await finished(world, [50, 30])
        mine, theirs = [await batch(world, who, "undo", batch=str(batch_id)) for who in (world.mod, world.admin)]
        await world.press(world.mod, mine, label(mine))
        await world.quiet()
        await world.press(world.admin, theirs, label(theirs))
        listed = await batch(world, world.admin, "list")
        reopened = await world.pick(world.admin, listed, listed.menus[0]["options"][0]["value"])
        for now in (world.again(theirs), reopened):
            assert "Nothing sent · this cannot be taken back" in now.text
            assert "⛔ Mod took awards of batch 1 back already, on <t:" in now.text
            assert now.buttons == ["Cancel", "Show to staff"]


async def test_a_reversal_that_the_service_refuses_is_reported_and_not_tried_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_MEMBERS_BATCH_SIZE="1") as world:
        batch_id = await finished(world, [50, 30])
        await record(world, [-1050])  # spent
        await world.quiet()
        card = await batch(world, world.mod, "undo", batch=str(batch_id))
        await world.press(world.mod, card, label(card))
        await world.quiet()
        calls = await world.calls()
        undo = await view(world, batch_id + 2)
        assert (undo.counts.applied, undo.counts.rejected, undo.counts.planned) == (1, 1, 0)
        await board_says(world, batch_id + 2, "Finished · 1 refused")
        await world.quiet()
        assert await world.calls() == calls
        again = await batch(world, world.mod, "retry", batch=str(batch_id + 2))
        assert "what was refused is not simply sent again" in again.text
        rest = await batch(world, world.mod, "undo", batch=str(batch_id))
        assert label(rest) == "Take back 1 award (50 points)"
        listed = await batch(world, world.mod, "list")
        assert f"1 of 2 taken back by batch {batch_id + 2} · by mod" in listed.text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert f"\n1 of 2 taken back by batch {batch_id + 2}\n" in shown.text
        assert "Take back…" in shown.buttons


async def test_what_was_to_be_taken_back_is_not_said_to_be_while_it_is_not(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await finished(world, [50, 30])
        await world.setting("start_delay_seconds", 600)
        card = await batch(world, world.mod, "undo", batch=str(batch_id))
        await world.press(world.mod, card, label(card))
        for where in (
            await batch(world, world.mod, "list"),
            await batch(world, world.mod, "show", batch=str(batch_id)),
        ):
            assert f"2 being taken back by batch {batch_id + 1}" in where.text
        await batch(world, world.mod, "stop", batch=str(batch_id + 1))
        assert "taken back" not in (await batch(world, world.mod, "list")).text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert f"Batch {batch_id + 1} took nothing back" in shown.text and "aken back by" not in shown.text


async def test_doubts_block_an_undo_and_a_running_batch_does_too(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        waiting = await record(world, [50], delay=600)
        card = await batch(world, world.mod, "undo", batch=str(waiting))
        assert f"batch {waiting} is not over" in card.text.lower()
        await batch(world, world.mod, "stop", batch=str(waiting))
        card = await batch(world, world.mod, "undo", batch=str(waiting))
        assert "nothing to take back: 1 never landed" in card.text
        await world.sandbox.faults({"service": "drip", "path": "/transaction", "kind": "reset-after-apply"})
        doubtful = await record(world, [50])
        await world.quiet()
        assert (await view(world, doubtful)).counts.unknown == 1
        card = await batch(world, world.mod, "undo", batch=str(doubtful))
        assert "Settle them with /batch resolve first." in card.text


async def test_an_undo_is_reached_from_the_details_and_needs_the_role(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await finished(world, [50])
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        card = await world.press(world.mod, shown, "Take back…")
        assert label(card) == "Take back 1 award (50 points)"
        helpers = world.guild.create_role("Helpers")
        await world.setting("roles", {"manage": [str(helpers.id)], "bulk": [str(world.role.id)]})
        pressed = await world.press(world.mod, card, label(card))
        assert "You may not pause, stop, retry or resolve batches here." in pressed.text
        assert sum((await world.paid()).values()) == 50


async def test_what_was_written_off_is_not_said_to_have_never_landed(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_CREDENTIALS_BATCH_SIZE="1") as world:
        await world.sandbox.faults({**LOST, "nth": 2})
        batch_id = await record(world, [50, 30], programme="drip-credentials")
        await world.quiet()
        doubts = await batch(world, world.mod, "resolve", batch=str(batch_id))
        await decide(world, world.mod, doubts, "Write off", "no answer")
        await board_says(world, batch_id, "Finished · 1 written off")
        card = await batch(world, world.mod, "undo", batch=str(batch_id))
        assert "Left out, 1 award: written off, so it may have landed or not" in card.text
        assert "never landed" not in card.text
