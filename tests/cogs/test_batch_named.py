"""Whom the cards of a batch name, and how."""

from __future__ import annotations

from pathlib import Path

from tests.support.batches import NEWCOMER, batch, board_says, record, record_file
from tests.support.discord import discord_world


async def test_an_id_of_nobody_is_written_out_where_a_mention_would_say_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        batch_id = await record_file(world, [(NEWCOMER, 20), (ada.id, 50)])
        board = await board_says(world, batch_id, "Finished · 1 refused")
        assert f"<@{NEWCOMER}> (`{NEWCOMER}`)" in board.text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert f"For `{NEWCOMER}`, {ada.mention}" in shown.text


async def test_of_many_recipients_those_who_are_nobody_are_written_out_too(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ids = [NEWCOMER + number for number in range(12)]
        batch_id = await record_file(world, [(one, 20) for one in ids])
        board = await board_says(world, batch_id, "Finished · 12 refused")
        assert f"For <@{ids[0]}> (`{ids[0]}`), " in board.text
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "For " + ", ".join(f"`{one}`" for one in ids[:5]) + " and 7 more" in shown.text


async def test_while_discord_cannot_say_who_somebody_is_a_mention_stands(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        batch_id = await record(world, [50])
        await board_says(world, batch_id, "Done")
        with world.cut_off(f"/guilds/{world.guild.id}/members/{ada.id}"):
            shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert f"For {ada.mention}" in shown.text


async def test_a_listed_draft_writes_out_the_id_of_who_is_no_member(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, guest = world.members[0], world.env.create_user("guest")
        await world.award(world.mod, members=f"{guest.id} {ada.mention}", amount="5", programme="gameball")
        listed = await batch(world, world.mod, "list")
        assert f"10 points for `{guest.id}`, {ada.mention}" in listed.text
