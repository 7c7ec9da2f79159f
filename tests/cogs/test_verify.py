"""``/verify`` as people use it: staff see the batch, a member their own award, nobody anything of others."""

from __future__ import annotations

import re
from pathlib import Path

import discord
import simcord

from tests.support.batches import batch, board_says, record, record_file, view
from tests.support.discord import SERVER_ID, Shown, World, discord_world, rows


async def verify(world: World, who: simcord.MemberActor, code: str) -> Shown:
    return world.answer(await who.slash(world.general, "verify", code=code))


async def test_the_receipt_of_an_award_carries_a_code_that_staff_and_the_member_may_verify(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        ada, grace = world.members[:2]
        card = await world.award(world.mod, members=f"<@{ada.id}> 50 <@{grace.id}> 20", reason="quest")
        receipt = await world.press(world.mod, card, "Send 70 points to 2 members")
        await world.quiet()
        code = re.search(r"receipt `([0-9A-Z-]{11})`", receipt.text)
        assert code is not None, receipt.text
        staff = await verify(world, world.mod, code[1].lower())
        assert f"### Receipt {code[1]} · Batch 1" in staff.text
        assert "Checked just now · unaltered" in staff.text
        place = await world.app.ledger.receipts.place(1)
        assert place.recorded.hash in staff.text
        assert place.head.hash in staff.text
        own = await verify(world, ada, f"{code[1]}.1")
        assert f"<@{ada.id}> · 50 points · paid" in own.text
        assert place.recorded.hash in own.text
        assert str(grace.id) not in own.text
        assert "70 points" not in own.text
        whole = await verify(world, grace, code[1])
        assert f"<@{grace.id}> · 20 points · paid" in whole.text
        assert str(ada.id) not in whole.text


async def test_a_code_that_is_wrong_foreign_or_not_ones_own_gets_the_same_plain_sentence(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 20])
        await world.quiet()
        code = (await view(world, batch_id)).code
        answers = {
            (await verify(world, world.mod, "00000-00000")).text,
            (await verify(world, world.members[0], f"{code}.9")).text,
            (await verify(world, world.members[0], f"{code}.2")).text,
            (await verify(world, world.members[4], code)).text,
        }
        (said,) = answers
        assert "Nothing was changed." in said
        assert "No batch of this server has that code." in said
        row = await verify(world, world.mod, f"{code}.9")
        assert f"Batch {batch_id} has this receipt, but no award from row 9." in row.text
        nonsense = await verify(world, world.mod, "batch twelve")
        assert "This is no receipt code" in nonsense.text


async def test_a_batch_of_another_server_is_not_here(tmp_path: Path) -> None:
    both = f"{SERVER_ID},222222222222222222"
    async with discord_world(tmp_path, BURSAR_SERVER_IDS=both) as world:
        other = world.env.create_guild("Elsewhere", id=222222222222222222)
        boss = other.create_role("Admins", permissions=discord.Permissions(administrator=True))
        stranger = other.add_member(world.env.create_user("stranger"), roles=[boss])
        channel = other.create_text_channel("general")
        batch_id = await record(world, [50])
        await world.quiet()
        code = (await view(world, batch_id)).code
        answer = world.answer(await stranger.slash(channel, "verify", code=code))
        assert "No batch of this server has that code." in answer.text


async def test_an_altered_award_is_told(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50, 20])
        await world.quiet()
        code = (await view(world, batch_id)).code
        await world.app.ledger.database.write_bare(lambda c: c.execute("UPDATE awards SET balance = 7 WHERE id = 1"))
        answer = await verify(world, world.mod, code)
        assert "The ledger does not agree with itself" in answer.text
        assert "award 1: its balance is not the one of its history" in answer.text


async def test_the_result_in_the_staff_channel_and_the_details_carry_the_code(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        batch_id = await record_file(world, rows(world, 5))
        code = (await view(world, batch_id)).code
        board = await board_says(world, batch_id, "Done")
        assert f"receipt `{code}`" in board.text
        card = world.answer(await world.mod.slash(world.general, "batch show", batch=str(batch_id)))
        assert f"receipt `{code}`" in card.text


async def test_what_was_taken_back_is_not_called_paid_without_saying_so(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        batch_id = await record(world, [50, 20])
        await world.quiet()
        code = (await view(world, batch_id)).code
        card = await batch(world, world.mod, "undo", batch=str(batch_id))
        await world.press(world.mod, card, "Take back 2 awards (70 points)")
        await world.quiet()
        own = await verify(world, world.members[0], code)
        assert own.text.count("taken back since") == 1 and "taken back since by" not in own.text
        assert f"Taken back by batch {batch_id + 1}" in (await verify(world, world.mod, code)).text
        row = await verify(world, world.mod, f"{code}.2")
        assert f"taken back since by batch {batch_id + 1}" in row.text
