"""Cards and forms of drafts that are pressed twice, by several people, or late."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.batches import AGAIN, LOST, batch, record, with_refused
from tests.support.discord import Shown, World, csv_of, discord_world, private_channel, rows


async def uploaded(world: World, name: str = "week.csv", amount: int = 50, **options: str) -> Shown:
    """The moderator's draft of a file for everybody."""
    return await world.bulk(world.mod, file=(name, csv_of(world, rows(world, amount))), **options)


def changes(reason: str) -> dict[str, object]:
    """What the form of a draft is filled in with."""
    return {"label": "Week 9", "reason": reason, "duplicates": ["sum"]}


async def test_two_people_with_the_form_of_one_draft_open_are_both_answered(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        mine = await uploaded(world)
        hers = await world.pick(mia, await batch(world, mia, "list"), "1")
        first = await world.mod.click(mine.message, label="Change…")
        second = await mia.click(hers.message, label="Change…")
        changed = world.answer(await world.mod.submit_modal(first, changes("quest")), mine)
        assert "quest" in changed.text
        changed = world.answer(await mia.submit_modal(second, changes("party")), hers)
        assert "party" in changed.text


async def test_what_can_no_longer_be_sent_can_be_cancelled_and_says_how_it_is_made_anew(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        cards = [await world.award(world.mod, members=f"<@{world.members[0].id}>", amount="50"), await uploaded(world)]
        await world.setting("currencies", {"drip-members": "a" * 24})
        for card, anew in zip(cards, ("give the command once more", "upload the file again"), strict=True):
            told = await world.press(world.mod, card, card.buttons[0])
            assert f"changed after this draft was made.\nCancel it and {anew}." in told.text
            assert told.buttons == ["Cancel"]
        for pressed in (cards[0], told):
            assert "### Cancelled" in (await world.press(world.mod, pressed, "Cancel")).text
        assert "open draft" not in (await batch(world, world.mod, "list")).text


async def test_what_is_left_of_a_programme_without_settings_says_how_to_go_on(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults({**LOST, "service": "gameball", "path": "/balance-adjustment"})
        doubtful = await record(world, [50, 30], programme="gameball")
        await world.quiet()
        await uploaded(world, programme="gameball")
    async with discord_world(tmp_path, GAMEBALL_API_KEY="", GAMEBALL_SECRET_KEY="") as world:
        for command in ("undo", "retry"):
            told = await batch(world, world.mod, command, batch=str(doubtful))
            assert "Ask the operator to put its settings back." in told.text
        card = await batch(world, world.mod, "resolve", batch=str(doubtful))
        assert "there is no programme called gameball" in card.text
        assert "Waiting costs nothing" not in card.text
        stuck = await world.pick(world.mod, await batch(world, world.mod, "list"), "2")
        assert "Ask the operator to put its settings back, or cancel the draft." in stuck.text
        assert "### Cancelled" in (await world.press(world.mod, stuck, "Cancel")).text


async def test_a_form_that_is_open_twice_is_answered_twice(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod)
        forms = [await world.mod.click(card.message, label="Upload or paste…") for _ in range(2)]
        for form, amount in zip(forms, (5, 6), strict=True):
            cells = csv_of(world, rows(world, amount)).decode()
            draft = world.answer(await world.mod.submit_modal(form, {"cells": cells}), card)
            assert f"**{8 * amount} points** in total" in draft.text


async def test_the_question_before_a_second_payment_has_no_file_that_it_does_not_show(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        card = await uploaded(world)
        await world.press(world.mod, card, "Send 8 awards")
        await world.quiet()
        content = csv_of(world, [*rows(world, 50), ("nobody", 50)])
        card = await world.bulk(world.mod, file=("again.csv", content))
        assert card.files == ["draft-2-bad-rows.csv"]
        question = await world.press(world.mod, card, "Pay 8 again…")
        assert question.files == []
        assert (await world.press(world.mod, question, "Back")).files == ["draft-2-bad-rows.csv"]


async def test_a_press_on_an_older_card_cancels_nothing_and_shows_the_draft_as_it_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        mine = await uploaded(world)
        hers = await world.pick(mia, await batch(world, mia, "list"), "1")
        form = await mia.click(hers.message, label="Change…")
        world.answer(await mia.submit_modal(form, changes("party")), hers)
        told = await world.press(world.mod, mine, "Cancel")
        assert "The card now shows the draft as it is. Look at it, then press again." in told.text
        now = world.again(mine)
        assert "party" in now.text
        assert "### Cancelled" in (await world.press(world.mod, now, "Cancel")).text


async def test_a_card_whose_draft_was_cancelled_says_so_itself_whatever_is_pressed(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        twice = csv_of(world, [*rows(world, 50), *rows(world, 50)])
        cards = [await world.bulk(world.mod, file=("week.csv", twice)) for _ in range(6)]
        form = await world.mod.click(cards[0].message, label="Change…")
        for number in range(1, 7):
            await world.press(
                world.mod, await world.pick(world.mod, await batch(world, world.mod, "list"), str(number)), "Cancel"
            )
        await world.mod.submit_modal(form, changes("party"))
        for card, label in zip(cards[1:5], ("Send 8 awards", "Cancel", "Change…", "Show to staff"), strict=True):
            await world.press(world.mod, card, label)
        await world.pick(world.mod, cards[5], "apart")
        for now in map(world.again, cards):
            assert "This draft was cancelled; nothing of it was sent.\nUpload the file, or give the command" in now.text
            assert (now.buttons, now.menus, now.files) == ([], [], [])


@pytest.mark.parametrize("pressed", ["Send 8 awards", "Cancel", "Change…", "Show to staff"])
async def test_a_card_whose_draft_somebody_else_sent_says_so_itself(tmp_path: Path, pressed: str) -> None:
    async with discord_world(tmp_path) as world:
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        mine = await uploaded(world)
        hers = await world.pick(mia, await batch(world, mia, "list"), "1")
        await world.press(mia, hers, "Send 8 awards")
        await world.press(world.mod, mine, pressed)
        now = world.again(mine)
        assert f"<@{mia.id}> already sent it" in now.text and "**batch 1**" in now.text
        assert "nothing sent" not in now.text
        assert (now.buttons, now.files) == ([], [])
        assert "### Batch 1" in world.again(hers).text


async def test_a_period_in_which_there_is_nothing_to_see_is_none(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await uploaded(world, "week_31.csv")
        form = await world.mod.click(card.message, label="Change…")
        typed = {"label": "\u200b\u2060 \u202e", "reason": "\u200b", "duplicates": ["sum"]}
        changed = world.answer(await world.mod.submit_modal(form, typed), card)
        assert "**Period** Week 31" in changed.text
        assert "**Reason**" not in changed.text


async def test_a_choice_on_an_older_card_changes_nothing_and_shows_the_draft_as_it_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        twice = csv_of(world, [*rows(world, 50), *rows(world, 50)])
        mine = await world.bulk(world.mod, file=("week.csv", twice))
        hers = await world.pick(mia, await batch(world, mia, "list"), "1")
        once = await world.pick(world.mod, mine, "once")
        assert "**400 points** in total" in once.text
        late = await world.pick(mia, hers, "apart")
        assert "The card now shows the draft as it is." in late.text
        assert "**400 points** in total" in world.again(hers).text
        assert "**800 points** in total" in (await world.pick(mia, world.again(hers), "apart")).text


async def test_what_the_staff_was_shown_stays_true_when_the_draft_is_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await uploaded(world)
        await world.press(world.mod, card, "Show to staff")
        await world.press(world.mod, card, "Send 8 awards")
        (note,) = [one for one in world.staff_messages() if "Open the draft" in one.buttons]
        assert "-# Shown to the staff · nothing sent by this" in note.text
        assert "Draft · nothing sent" not in note.text


async def test_of_two_cards_that_send_the_same_refused_row_again_one_does(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        _, board = await with_refused(world)
        first, second = await world.press_at_once(world.mod, board, AGAIN, 2)
        await world.press(world.mod, first, "Send 1 award")
        await world.quiet()
        second = await world.press(world.mod, second, "Send 1 award")
        assert "rows were already paid" in second.text
        assert second.buttons == ["Cancel", "Show to staff"]
        assert sorted((await world.paid()).values()) == [20, 50]


@pytest.mark.parametrize("changed", ["start_delay_seconds", "staff_channel_id"])
async def test_a_press_keeps_what_its_card_promised(tmp_path: Path, changed: str) -> None:
    """How long stopping costs nothing, and where the result is posted, may be set anew while the card is looked at."""
    async with discord_world(tmp_path) as world:
        other = private_channel(world.client, world.guild, world.role, "other-staff")
        card = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50, 3))))
        assert "The first call waits 10 s" in card.text and f"<#{world.staff.id}>" in card.text
        await world.setting(changed, 0 if changed == "start_delay_seconds" else str(other.id))
        now = await world.press(world.mod, card, "Send 3 awards")
        assert "nothing sent" in now.text
        if changed == "start_delay_seconds":
            assert "The first call waits" not in now.text
        else:
            assert f"<#{other.id}>" in now.text
        receipt = await world.press(world.mod, now, "Send 3 awards")
        assert "Batch 1" in receipt.text
