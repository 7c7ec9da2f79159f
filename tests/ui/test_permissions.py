"""Who may do what: judged at every use, from the roles that came with it, and refused where it cannot be judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import discord
import pytest
import simcord

from bot.domain.model import Actor
from bot.services.rules import Capability, Limits
from bot.services.submitting import Choice, Wish
from tests.support.batches import actor, alerts, record, view
from tests.support.discord import DELAY, SERVER_ID, World, discord_world


async def listed(world: World, who: simcord.MemberActor) -> str:
    """What somebody reads after ``/batch list``."""
    return world.answer(await who.slash(world.general, "batch list")).text


async def _drafted(world: World, who: simcord.MemberActor) -> int:
    """A draft of one award by somebody."""
    services = world.app.services
    wish = Wish(services.programmes.get("drip-members"))
    people = [(str(world.members[0].id), 10)]
    return (await services.submitting.draft_members(people, wish, actor(world, who), Limits())).draft.id


async def _recorded_by(world: World, who: simcord.MemberActor) -> int:
    """A batch of one award by somebody."""
    submitting, limits = world.app.services.submitting, Limits(start_delay_seconds=600)
    preview = await submitting.look_up(await _drafted(world, who), actor(world, who), limits)
    choice = Choice(preview.draft.content_hash or "")
    return (await submitting.confirm(preview.draft.id, choice, actor(world, who), limits)).batch_id


async def test_until_roles_are_set_only_administrators_may_do_anything(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", None)
        refused = await listed(world, world.mod)
        assert "You may not look at batches and their results here." in refused
        assert "No role may do that yet, only administrators." in refused
        assert "/settings" in refused
        assert "### Batches" in await listed(world, world.admin)


async def test_the_owner_may_without_any_role(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", None)
        owner = simcord.MemberActor(world.env, world.guild, world.guild.owner)
        assert "### Batches" in await listed(world, owner)


@pytest.mark.parametrize("capability", [Capability.LOOK, Capability.BULK, Capability.MANAGE])
async def test_who_sends_files_or_steers_batches_may_look_at_them(tmp_path: Path, capability: Capability) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {capability.value: [str(world.role.id)]})
        assert "### Batches" in await listed(world, world.mod)


async def test_a_role_for_awards_shows_what_is_ones_own_and_nothing_else(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"award": [str(world.role.id)]})
        own = await record(world, [50], delay=600)
        helper = world.guild.add_member(world.env.create_user("second"), roles=[world.role])
        draft = await _drafted(world, world.mod)
        others_draft = await _drafted(world, helper)
        theirs = await _recorded_by(world, world.admin)

        shown = world.answer(await world.mod.slash(world.general, "batch list"))
        assert f"**Batch {own}**" in shown.text
        assert f"**Batch {theirs}**" not in shown.text
        assert f"Draft {draft}" in shown.text
        assert f"Draft {others_draft}" not in shown.text
        opened = await world.pick(world.mod, shown, str(draft))
        assert f"<@{world.members[0].id}> · **10 points**" in opened.text
        assert opened.buttons
        details = world.answer(await world.mod.slash(world.general, "batch show", batch=str(own)))
        assert f"### Batch {own}" in details.text
        result = await world.press(world.mod, details, "Result file")
        assert result.files == [f"batch-{own}-result.csv"]

        for command in ("show", "pause", "stop"):
            refused = world.answer(await world.mod.slash(world.general, f"batch {command}", batch=str(theirs)))
            assert "You may not" in refused.text
        suggested = await world.mod.autocomplete(world.general, "batch show", "batch", "")
        assert [choice["value"] for choice in suggested] == [str(own)]
        empty = await listed(world, helper)
        assert "No batch of yours yet." in empty and "Only your own are listed" in empty


async def test_a_role_for_awards_opens_no_draft_of_somebody_else_in_the_staff_channel(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"award": [str(world.role.id)]})
        await world.setting("approve_rows", 1)
        helper = world.guild.add_member(world.env.create_user("second"), roles=[world.role])
        named = " ".join(member.mention for member in world.members[:2])
        card = await world.award(world.mod, members=named, amount="5")
        await world.press(world.mod, card, "Ask for approval")
        (asked,) = [one for one in world.staff_messages() if "Open the draft" in one.buttons]
        refused = await world.press(helper, asked, "Open the draft")
        assert "You may not look at batches and their results here." in refused.text
        own = await world.press(world.mod, asked, "Open the draft")
        assert "Asked by mod" in own.text


async def test_who_may_not_even_award_sees_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        own = await record(world, [50], delay=600)
        await world.setting("roles", {})
        assert "You may not look at batches" in await listed(world, world.mod)
        refused = world.answer(await world.mod.slash(world.general, "batch show", batch=str(own)))
        assert "You may not look at batches" in refused.text
        assert await world.mod.autocomplete(world.general, "batch show", "batch", "") == []


async def test_the_role_of_everyone_is_no_role(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"look": [str(world.guild.id)], "manage": [str(world.guild.id)]})
        assert "You may not look at batches" in await listed(world, world.mod)


async def test_a_role_taken_away_counts_at_the_next_press(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        shown = world.answer(await world.mod.slash(world.general, "batch show", batch=str(batch_id)))
        await world.setting("roles", {"look": [str(world.role.id)]})
        refused = await world.press(world.mod, shown, "Pause")
        assert "You may not pause, stop, retry or resolve batches here." in refused.text
        assert (await view(world, batch_id)).batch.state.value == "open"


async def test_a_moderator_who_is_timed_out_may_not(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=600)
        shown = world.answer(await world.mod.slash(world.general, "batch show", batch=str(batch_id)))
        until = datetime.now(UTC) + timedelta(days=400)
        member = await world.client.get_guild(world.guild.id).fetch_member(world.mod.id)  # type: ignore[union-attr]  # it is there
        backend = world.env.backend.get_guild(world.guild.id).members[member.id]
        backend.timed_out_until = until.isoformat()
        refused = await world.press(world.mod, shown, "Pause")
        assert "You are timed out in this server." in refused.text


async def test_a_server_that_the_operator_did_not_name_reads_not_set_up_here(tmp_path: Path) -> None:
    async with discord_world(tmp_path, BURSAR_SERVER_IDS="222222222222222222") as world:
        for command in ("batch list", "settings show"):
            shown = world.answer(await world.admin.slash(world.general, command))
            assert "Bursar is not set up here." in shown.text
            next_step = f"whoever runs it adds this server's id, {world.guild.id}, to BURSAR_SERVER_IDS and starts it"
            assert next_step in shown.text


async def test_without_a_list_of_servers_the_bot_works_while_it_is_in_one_server_only(tmp_path: Path) -> None:
    async with discord_world(tmp_path, BURSAR_SERVER_IDS="") as world:
        assert "### Batches" in await listed(world, world.admin)
        world.env.create_guild("Second")
        await world.env.settle()
        told = await listed(world, world.admin)
        assert "Bursar is not set up here." in told
        assert f"this server's id, {world.guild.id}, to BURSAR_SERVER_IDS" in told


async def test_a_batch_of_somebody_who_lost_the_role_does_not_begin(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"look": [str(world.role.id)]})
        batch_id = await record(world, [50])
        await world.quiet()
        batch = (await view(world, batch_id)).batch
        assert batch.pause is not None
        assert batch.pause.message == "Mod, who confirmed this batch, may not award points any more".replace(
            "Mod", "mod"
        )
        assert await world.paid() == {}


async def test_a_batch_of_somebody_who_left_does_not_begin(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50], delay=DELAY)
        world.guild.remove_member(world.mod)
        world.begin(batch_id)
        await world.quiet()
        batch = (await view(world, batch_id)).batch
        assert batch.pause is not None
        assert "has left the server" in batch.pause.message
        await world.until(lambda: bool(alerts(world)))
        (alert,) = alerts(world)
        assert "Next: *Stop* and send the rows anew" in alert.text
        assert "setting" not in alert.text
        assert alert.buttons == ["Resume", "Stop", "Details"]
        assert "### Batch 1 is stopped" in (await world.press(world.admin, alert, "Stop")).text
        assert await world.paid() == {}


@pytest.mark.parametrize("bound", [True, False])
async def test_a_batch_of_a_server_that_the_bot_is_not_in_any_more_does_not_begin(tmp_path: Path, bound: bool) -> None:
    """Whether the operator still names that server, or not."""
    olga = Actor("5", "Olga", "222222222222222222")
    servers = [str(SERVER_ID), *([olga.server_id] if bound else [])]
    async with discord_world(tmp_path, BURSAR_SERVER_IDS=",".join(map(str, servers))) as world:
        batch_id = await record(world, [50], of=olga)
        await world.quiet()
        pause = (await world.app.services.batches.view(batch_id, olga)).batch.pause
        assert pause is not None
        assert pause.message == "the operator's accounts may not be used in this server (any more)"
        assert await world.calls() == 0


async def test_the_commands_ask_discord_to_hide_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for command in world.client.tree.get_commands():
            if not isinstance(command, discord.app_commands.ContextMenu):
                assert command.guild_only or command.allowed_contexts
                for_members = command.name == "verify"  # of their own awards
                assert (command.default_permissions is None) == for_members, command.name


async def test_a_batch_does_not_begin_while_discord_hangs_up_instead_of_telling_who_somebody_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        with world.cut_off(f"/guilds/{world.guild.id}/members/{world.mod.id}"):
            batch_id = await record(world, [50])
            await world.quiet()
        pause = (await view(world, batch_id)).batch.pause
        assert pause is not None
        assert pause.message == "Discord could not tell whether the person who confirmed this batch still may"
        assert await world.calls() == 0
