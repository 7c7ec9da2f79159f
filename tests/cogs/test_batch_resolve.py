"""Rows in doubt, settled by a person: what each answer risks, one answer for a whole call, the reason recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.domain.states import BatchState
from bot.ledger.restorations import Why
from tests.support.batches import LOST, batch, board_says, decide, in_doubt, record, view
from tests.support.discord import discord_world
from tests.support.patience import PATIENCE


async def test_one_answer_settles_every_row_of_an_all_or_nothing_call(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        board = await board_says(world, batch_id, "2 in doubt")
        card = await world.press(world.mod, board, "Settle 2 in doubt")
        assert "All or nothing" in card.text or "all or nothing" in card.text
        assert "expected" in card.text
        assert "before" in card.text
        assert "Bursar has not looked yet" in card.text and "A person has to say" not in card.text
        assert "Not read back yet" in card.text
        assert "If the first one arrived, they get it twice." in card.text
        assert card.buttons == ["They landed: all 2", "Send again: all 2", "Write off: all 2"]
        assert card.menus == []
        assert f"- Row 1 · <@{world.members[0].id}>" in card.text
        settled = await decide(world, world.mod, card, "They landed: all 2", "both balances went up")
        assert "2 rows counted as paid" in settled.text
        assert "No row of this batch is in doubt." in settled.text
        assert (await view(world, batch_id)).counts.applied == 2
        assert sum((await world.paid()).values()) == 80
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "both balances went up" in shown.text
        assert "by mod" in shown.text
        await board_says(world, batch_id, "2 paid")


async def test_a_doubt_that_evidence_left_open_shows_what_was_read(tmp_path: Path) -> None:
    async with discord_world(tmp_path, settling=True, BURSAR_SETTLE_AFTER="200") as world:
        await record(world, [5, 5], programme="drip-credentials")
        await world.quiet()
        batch_id = await in_doubt(world, "drip-credentials")
        for member in world.members[:2]:
            await world.sandbox.outside(service="drip", type="discord-id", value=str(member.id), amount=3)
        world.calendar.let_pass(200)
        world.app.services.dispatcher.wake(batch_id)
        async with asyncio.timeout(PATIENCE):
            await world.app.services.dispatcher.until_quiet([batch_id], settled=True)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert "-# A person has to say" in card.text and "Read back <t:" in card.text
        assert "what was found stands beside each row" in card.text
        assert "before 1,005, expected 1,055 · now 1,058" in card.text
        one = await world.pick(world.mod, card, card.menus[0]["options"][1]["value"])
        assert "Read back <t:" in one.text and "1,035 was expected, and 1,038 is there" in one.text


async def test_a_card_of_a_ledger_that_was_replaced_shows_no_doubts_of_the_batch_that_has_its_number(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        first, second = await in_doubt(world), await in_doubt(world, first=2)
        board = world.renumber(await board_says(world, first, "2 in doubt"), first, second)
        told = await world.press(world.mod, board, "Settle 2 in doubt")
        assert f"This card is about another batch {second}, of a ledger that was replaced." in told.text
        own = await world.press(world.mod, await board_says(world, second, "2 in doubt"), "Settle 2 in doubt")
        assert f"Batch {second} · rows in doubt" in own.text


async def test_a_card_of_a_ledger_that_was_replaced_settles_no_doubts_of_the_call_that_has_its_number(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        first, second = await in_doubt(world), await in_doubt(world, first=2)
        card = await batch(world, world.mod, "resolve", batch=str(first))
        told = await world.press(world.mod, world.renumber(card, f"{first}:c1", f"{second}:c2"), "They landed: all 2")
        assert f"This card is about another batch {second}, of a ledger that was replaced." in told.text
        own = await batch(world, world.mod, "resolve", batch=str(second))
        assert (await world.mod.click(own.message, label="They landed: all 2")).modal is not None
        question = world.renumber(await batch(world, world.mod, "stop", batch=str(first)), first, second)
        told = await world.press(world.mod, question, "Stop it")
        assert f"This card is about another batch {second}, of a ledger that was replaced." in told.text
        assert (await view(world, second)).batch.state is BatchState.FINISHED


async def test_rows_sent_again_are_sent_once_more_and_no_oftener(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        form = await world.mod.click(card.message, label="Send again: all 2")
        assert form.modal is not None
        assert "they get it twice" in str(form.modal)
        await world.mod.submit_modal(form, {"reason": "they say nothing came"})
        await world.quiet()
        assert sum((await world.paid()).values()) == 160
        assert (await view(world, batch_id)).counts.applied == 2
        await board_says(world, batch_id, "2 paid")


async def test_rows_of_a_call_that_went_item_by_item_can_be_settled_alone(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world, "drip-credentials")
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert "all or nothing" not in card.text
        (menu,) = card.menus
        assert [option["label"].split(" · ")[0] for option in menu["options"]] == ["Row 1", "Row 2"]
        one = await world.pick(world.mod, card, menu["options"][1]["value"])
        assert one.buttons == ["It landed", "Send again", "Write off", "Back to the whole call"]
        rest = await decide(world, world.mod, one, "Write off", "left the community")
        assert "1 row written off" in rest.text
        assert rest.buttons == ["It landed", "Send again", "Write off"]
        counts = (await view(world, batch_id)).counts
        assert (counts.written_off, counts.unknown) == (1, 1)


async def test_every_row_of_a_large_call_can_be_settled_alone(tmp_path: Path) -> None:
    async with discord_world(tmp_path, members=60) as world:
        batch_id = await in_doubt(world, "drip-credentials", amounts=[5] * 60)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert len(card.menus[0]["options"]) == 25 and "Earlier rows" not in card.buttons
        for _ in range(2):
            card = await world.press(world.mod, card, "Later rows")
        options = card.menus[0]["options"]
        assert [options[0]["label"].split(" · ")[0], options[-1]["label"].split(" · ")[0]] == ["Row 51", "Row 60"]
        assert f"- Row 51 · <@{world.members[50].id}>" in card.text and "- Row 1 ·" not in card.text
        assert "Later rows" not in card.buttons
        one = await world.pick(world.mod, card, options[-1]["value"])
        assert f"- Row 60 · <@{world.members[59].id}>" in one.text and "It landed" in one.buttons
        assert (await world.press(world.mod, one, "Back to the whole call")).menus[0]["options"] == options
        one = await world.pick(world.mod, card, options[-1]["value"])
        await decide(world, world.mod, one, "Write off", "left the community")
        counts = (await view(world, batch_id)).counts
        assert (counts.written_off, counts.unknown) == (1, 59)


async def test_who_is_known_by_name_is_picked_by_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        known, other = world.members[:2]
        await world.award(world.mod, members=f"<@{known.id}>", amount="1")  # Discord tells the name with the command
        batch_id = await in_doubt(world, "drip-credentials")
        asked = len(world.env.http_requests)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        (menu,) = card.menus
        said = [(option["label"], option["description"]) for option in menu["options"]]
        assert said == [("Row 1 · Ada", f"50 points · {known.id}"), (f"Row 2 · {other.id}", "30 points")]
        assert not [one for one in world.env.http_requests[asked:] if "/members/" in one.path], "nobody is asked for"


async def test_the_later_of_two_answers_reads_the_first_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        other = await batch(world, world.admin, "resolve", batch=str(batch_id))
        open_form = await world.admin.click(other.message, label="Send again: all 2")
        await decide(world, world.mod, card, "They landed: all 2", "seen in the programme")
        late = world.answer(await world.admin.submit_modal(open_form, {"reason": "nothing came"}), other)
        assert "Nothing was changed." in late.text
        assert "**mod** was first" in late.text
        assert "counted as paid" in late.text
        assert (await view(world, batch_id)).counts.applied == 2
        assert sum((await world.paid()).values()) == 80


async def test_a_press_on_rows_that_somebody_else_settled_takes_them_off_the_card(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        other = await batch(world, world.admin, "resolve", batch=str(batch_id))
        await decide(world, world.mod, card, "They landed: all 2", "seen in the programme")
        late = await world.press(world.admin, other, "Send again: all 2")
        assert "**mod** was first" in late.text
        now = world.again(other)
        assert "No row of this batch is in doubt." in now.text
        assert now.buttons == ["Details"]


async def test_what_was_decided_about_one_call_is_no_word_about_the_next(tmp_path: Path) -> None:
    """Sent again meanwhile and in doubt again: whoever still looks at the first call would send it a third time."""
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world, "drip-credentials")
        whole = await batch(world, world.admin, "resolve", batch=str(batch_id))
        old_form = await world.admin.click(whole.message, label="Send again: all 2")
        other = await batch(world, world.admin, "resolve", batch=str(batch_id))
        one = await world.pick(world.admin, other, other.menus[0]["options"][0]["value"])
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        await world.sandbox.faults(LOST)
        await decide(world, world.mod, card, "Send again: all 2", "they say nothing came")
        await world.quiet()
        await world.sandbox.faults()
        assert (await view(world, batch_id)).counts.unknown == 2
        late = world.answer(await world.admin.submit_modal(old_form, {"reason": "nothing came"}), whole)
        assert "Nothing was changed." in late.text
        assert "**mod** was first" in late.text and "they say nothing came" in late.text
        alone = world.answer(await world.admin.click(one.message, label="Send again"), one)
        assert "**mod** was first" in alone.text
        await world.quiet()
        assert (await view(world, batch_id)).counts.unknown == 2
        assert sum((await world.paid()).values()) == 160


async def test_a_reason_has_to_be_given(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        refused = await decide(world, world.mod, card, "They landed: all 2", "     ")
        assert "a reason is needed" in refused.text
        assert (await view(world, batch_id)).counts.unknown == 2


async def test_forms_of_two_people_do_not_mix(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first, second = await in_doubt(world), await in_doubt(world, first=2)
        one = await batch(world, world.mod, "resolve", batch=str(first))
        two = await batch(world, world.admin, "resolve", batch=str(second))
        form_one = await world.mod.click(one.message, label="They landed: all 2")
        form_two = await world.admin.click(two.message, label="Write off: all 2")
        await world.mod.submit_modal(form_one, {"reason": "seen in the programme"})
        await world.admin.submit_modal(form_two, {"reason": "not worth it"})
        assert (await view(world, first)).counts.applied == 2
        assert (await view(world, second)).counts.written_off == 2


async def test_rows_behind_a_doubt_wait_and_the_card_says_so(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        doubtful = await in_doubt(world)
        waiting = await record(world, [5, 5])
        await world.quiet()
        await board_says(world, waiting, f"have an award in doubt in batch {doubtful}")
        asked = await batch(world, world.mod, "resolve", batch=str(waiting))
        assert "No row of this batch is in doubt." in asked.text
        assert f"2 rows wait because their recipients have an award in doubt in batch {doubtful}." in asked.text
        card = await world.press(world.mod, asked, f"Settle batch {doubtful}")
        await decide(world, world.mod, card, "They landed: all 2", "seen in the programme")
        await board_says(world, waiting, "Done")
        assert sum((await world.paid()).values()) == 90


async def test_a_finished_batch_with_doubts_can_be_stopped_so_that_nothing_of_it_is_sent_any_more(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        board = await board_says(world, batch_id, "Finished · 2 in doubt")
        assert "Stop" in board.buttons
        typed = await world.mod.autocomplete(world.general, "batch stop", "batch", str(batch_id))
        assert [choice["value"] for choice in typed] == [str(batch_id)]
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert "If nothing more of this batch is to be sent, `/batch stop` it first." in card.text
        question = await world.press(world.mod, board, "Stop")
        assert "What is found not to have arrived is then cancelled, never sent again." in question.text
        assert "Nothing else is left to send" in question.text
        assert question.buttons == ["Stop it"]
        receipt = await world.press(world.mod, question, "Stop it")
        assert f"### Batch {batch_id} is stopped" in receipt.text
        assert "found not to have arrived is cancelled then, not sent again" in receipt.text
        board = await board_says(world, batch_id, "Stopped by mod")
        assert "Stop" not in board.buttons
        assert (await view(world, batch_id)).counts.unknown == 2
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert "nothing of it is sent again" in card.text
        settled = await decide(world, world.mod, card, "Write off: all 2", "nobody got it")
        assert "No row of this batch is in doubt." in settled.text
        late = await batch(world, world.mod, "stop", batch=str(batch_id))
        assert f"### Batch {batch_id} is already stopped" in late.text


async def test_a_finished_batch_without_doubts_is_told_to_be_over(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50])
        await world.quiet()
        board = await board_says(world, batch_id, "Done")
        assert "Stop" not in board.buttons
        late = await batch(world, world.mod, "stop", batch=str(batch_id))
        assert f"### Batch {batch_id} is already finished" in late.text


async def test_who_may_not_award_themselves_does_not_have_an_award_to_themselves_sent_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        winner = world.guild.add_member(world.env.create_user("winner"), roles=[world.role])
        await world.sandbox.seed(discord_ids=[str(winner.id)], balance=0)
        world.members.insert(0, winner)
        batch_id = await in_doubt(world)
        card = await batch(world, winner, "resolve", batch=str(batch_id))
        refused = await decide(world, winner, card, "Send again: all 2", "nothing came")
        assert "### Nothing was changed." in refused.text
        assert "This would send an award for yourself once more; nothing was decided." in refused.text
        assert (await view(world, batch_id)).counts.unknown == 2
        await world.setting("self_award_roles", [str(world.role.id)])
        await decide(world, winner, card, "Send again: all 2", "nothing came")
        await world.quiet()
        assert sum((await world.paid()).values()) == 160


async def test_an_award_is_ones_own_however_its_row_names_who_gets_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        winner = world.guild.add_member(world.env.create_user("winner"), roles=[world.role])
        seeded = await world.sandbox.seed(discord_ids=[str(winner.id)], balance=0)
        content = f"drip_id,amount\n{seeded['members'][0]},50\n".encode()
        await world.setting("start_delay_seconds", 0)
        await world.sandbox.faults(LOST)
        card = await world.bulk(world.mod, file=("week.csv", content))
        await world.press(world.mod, card, "Send 1 award")
        await world.quiet()
        await world.sandbox.faults()
        doubts = await batch(world, winner, "resolve", batch="1")
        refused = await decide(world, winner, doubts, "Send again", "nothing came")
        assert "This would send an award for yourself once more" in refused.text
        doubts = await batch(world, world.mod, "resolve", batch="1")
        other = await decide(world, world.mod, doubts, "Send again", "nothing came")
        assert "1 row" in other.text
        await world.quiet()
        assert sum((await world.paid()).values()) == 100


async def test_rows_to_be_sent_again_are_not_said_to_be_sent_while_the_batch_is_paused(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_CREDENTIALS_BATCH_SIZE="1") as world:
        slow = {"service": "drip", "path": "/transaction", "kind": "slow", "ms": 1500}
        await world.sandbox.faults({**LOST, "nth": 1}, slow)
        batch_id = await record(world, [50] * 8, programme="drip-credentials")
        await board_says(world, batch_id, "in doubt")
        await batch(world, world.mod, "pause", batch=str(batch_id))
        await world.quiet()
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        before = await world.calls()
        told = await decide(world, world.mod, card, "Send again", "nothing came")
        planned = (await view(world, batch_id)).counts.planned
        assert "1 row to be sent again, recorded with your name and reason." in told.text
        assert f"The batch is paused: {planned} awards stay planned until somebody presses *Resume*." in told.text
        assert await world.calls() == before


async def test_of_several_answers_at_once_one_is_recorded_and_the_others_read_whose(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        opened = []
        for who, label in ((world.mod, "They landed: all 2"), (world.admin, "Write off: all 2")):
            card = await batch(world, who, "resolve", batch=str(batch_id))
            opened.append((who, card, await who.click(card.message, label=label)))
        said = [answer.text for answer in await world.submit_at_once(opened, "seen")]
        assert sum("2 rows counted as paid" in one or "2 rows written off" in one for one in said) == 1
        assert sum("was first" in one and "### Nothing was changed." in one for one in said) == 1
        assert not [one for one in said if "0 rows" in one]


async def test_in_a_ledger_that_waits_to_be_signed_off_nobody_is_told_to_wait_for_evidence(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        await world.app.ledger.restorations.suspect(Why.OLDER)
        card = await batch(world, world.mod, "resolve", batch=str(batch_id))
        assert "-# A person has to say" in card.text
        assert "Reading back cannot tell what became of it, and Bursar does not look any more." in card.text
        assert "Waiting costs nothing" not in card.text and "is sent again. If nothing" not in card.text
        told = await decide(world, world.mod, card, "Send again: all 2", "nothing came")
        why = "This ledger was found to be an older copy"
        assert why in told.text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert why in shown.text and "Under way" not in shown.text
        assert await world.calls() == 1
