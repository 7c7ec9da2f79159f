"""The sign of life on a simulated Discord: two ledgers, two machines, one channel; and the books of the stand-ins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import discord
import pytest

from bot.app import App
from bot.client import BursarClient
from bot.domain.lead import STALE_SECONDS
from bot.domain.model import Actor
from bot.services import leading
from bot.services.leading import UNREAD, Leading
from bot.services.standing import Standing
from bot.ui.sign_of_life import DRIFTED, SignOfLife
from tests.support.batches import record, view
from tests.support.discord import allow_files, discord_world
from tests.ui.machines import (
    another,
    copied,
    sign_of,
    signs,
    titles,
)


async def settle(sign: SignOfLife, looks: int = 3) -> None:
    for _ in range(looks):
        await sign.look()


def may_send(app: App) -> bool:
    return app.services.dispatcher._standing.refusal() is None


async def test_alone_it_says_so_in_one_message_and_sends(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.app.services.leading.begin()
        batch_id = await record(world, [50])
        sign = sign_of(world, world.app)
        await world.until(lambda: world.app.services.dispatcher.activity(batch_id).doing.value == "standing-by")
        assert await world.calls() == 0
        await settle(sign)
        assert titles(world) == ["Bursar is at work"]
        await world.quiet()
        assert sum((await world.paid()).values()) == 50
        (first,) = signs(world)
        await settle(sign)
        assert [one.message.id for one in signs(world)] == [first.message.id]
        ledger_id = await world.app.ledger.queries.ledger_id()
        assert f"ledger `{ledger_id}` · machine `{world.app.ledger.home}` · term 1" in first.text


async def test_a_restart_on_the_same_machine_goes_on_at_once_with_the_same_message(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await settle(sign_of(world, world.app))
        (before,) = signs(world)
        standing = Standing(world.app.clock)
        leading = Leading(world.app.ledger, world.app.clock, standing)
        await leading.begin()
        again = SignOfLife(dataclasses.replace(world.app.services, leading=leading), lambda: world.client)
        await settle(again, 2)
        assert standing.refusal() is None
        assert [one.message.id for one in signs(world)] == [before.message.id]


async def test_beside_one_that_is_alive_a_copy_sends_nothing_until_it_takes_over(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        running = await record(world, [50, 20], delay=600)
        first = sign_of(world, world.app)
        await settle(first)
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            second = sign_of(world, other)
            await settle(second)
            assert not may_send(other)
            assert titles(world) == ["Bursar is at work", "Bursar stands by"]
            card = signs(world)[1]
            assert "Another machine gives signs of life" in card.text
            assert card.buttons == ["Take over here"]
            world.client = BursarClient(other.services, other.settings)
            await world.env.restart_bot(world.client)
            refused = await world.press(world.mod, card, "Take over here")
            assert "You may not let this machine take over." in refused.text
            await settle(second)
            assert not may_send(other)
            done = await world.press(world.admin, card, "Take over here")
            assert "### This machine takes over" in done.text
            await second.look()
            assert not may_send(other), "the first one does not know yet"
            assert may_send(world.app)
            assert titles(world) == ["Bursar is at work", "Bursar takes over"]
            assert "waiting until the other machine" in signs(world)[1].text
            assert "Another machine gives signs of life" not in signs(world)[1].text
            await first.look()
            assert not may_send(world.app)
            restoration = await world.app.ledger.restorations.in_force()
            assert restoration is not None
            assert "another machine took over" in restoration.message
            assert (await view(world, running)).batch.state.value == "paused"
            await settle(second, 2)
            assert may_send(other)
            assert titles(world) == ["Bursar stands by", "Bursar is at work"]
            await settle(first)
            assert not may_send(world.app)


async def test_the_button_of_a_machine_that_is_gone_is_answered_by_the_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path) as world:
        await settle(sign_of(world, world.app))
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            await settle(sign_of(world, other))
        card = signs(world)[1]
        silent = await world.admin.click(card.message, label="Take over here")
        assert not silent.acknowledged, "it may still be there, and answers itself"
        monkeypatch.setattr("bot.ui.taking_over.STALE_SECONDS", -1.0)
        told = await world.press(world.admin, card, "Take over here")
        assert "### Nothing was changed." in told.text
        assert "The machine whose button this is gives no sign of life any more." in told.text


async def test_the_first_ones_call_in_flight_is_recorded_before_it_lets_go(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 1500})
        first = sign_of(world, world.app)
        await settle(first)
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            second = sign_of(world, other)
            batch_id = await record(world, [50])
            await world.until(lambda: world.app.services.dispatcher.activity(batch_id).doing.value == "sending")
            await settle(second)
            await other.services.leading.take_over(Actor(str(world.admin.id), "admin", str(world.guild.id)))
            await settle(second)
            await first.look()
            assert (await view(world, batch_id)).counts.applied == 1
            await settle(second, 2)
            assert may_send(other)


async def test_an_older_copy_is_recognised_and_signed_off_only_by_a_name(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        old = copied(world, tmp_path)
        await record(world, [50])
        await world.quiet()
        first = sign_of(world, world.app)
        await settle(first)
        await first.end()
        await world.env.advance_time(1)  # as long ago by Discord's clock, which stands still here
        async with another(world, tmp_path / "two", copy=old) as other:
            second = sign_of(world, other)
            await settle(second)
            assert not may_send(other)
            restoration = await other.ledger.restorations.in_force()
            assert restoration is not None
            assert "found to be an older copy" in restoration.message
            assert "its own sign of life tells of entry" in signs(world)[-1].text
            assert await other.ledger.restorations.sign_off("Ada")
            await settle(second)
            assert may_send(other)
            assert await other.ledger.restorations.in_force() is None


async def test_a_machine_that_was_started_anew_waits_until_the_old_sign_can_be_nobody_s(tmp_path: Path) -> None:
    """The same ledger elsewhere, with everything that the sign tells of: no person is needed, only time."""
    async with discord_world(tmp_path) as world:
        first = sign_of(world, world.app)
        await settle(first)
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            second = sign_of(world, other)
            await settle(second)
            assert not may_send(other)
            await world.env.advance_time(STALE_SECONDS + 5)
            leading = other.services.leading
            fresh = SignOfLife(other.services, lambda: world.client)
            await settle(fresh, 4)
            assert leading.stand.why is None
            assert may_send(other)
            await first.look()
            assert not may_send(world.app)


async def test_after_an_orderly_end_the_next_machine_begins_at_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first = sign_of(world, world.app)
        await settle(first)
        await first.end()
        assert titles(world) == ["Bursar was stopped"]
        assert not may_send(world.app)
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            await settle(sign_of(world, other))
            assert may_send(other)


async def test_another_ledger_never_begins_unasked(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first = sign_of(world, world.app)
        await settle(first)
        await first.end()
        async with another(world, tmp_path / "two", copy=None) as other:
            second = sign_of(world, other)
            await settle(second)
            assert not may_send(other)
            assert "Another ledger" in signs(world)[-1].text
            await other.services.leading.take_over(Actor(str(world.admin.id), "admin", str(world.guild.id)))
            await settle(second)
            assert may_send(other)


async def test_two_that_begin_at_once_agree_on_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.app.services.leading.begin()
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            first, second = sign_of(world, world.app), sign_of(world, other)
            await first._find_places(world.client)
            await second._find_places(world.client)
            for sign in (first, second):
                for place in sign._places.values():
                    await sign._read(world.client, place)
            for sign, app in ((first, world.app), (second, other)):
                own = await app.services.leading.judge([], None)
                for place in sign._places.values():
                    await sign._keep(place, own)
            for _ in range(3):
                await first.look()
                await second.look()
                assert not (may_send(world.app) and may_send(other))
            assert may_send(world.app) != may_send(other)
            assert await world.app.ledger.restorations.in_force() is None
            assert await other.ledger.restorations.in_force() is None


async def test_a_second_machine_leaves_the_answers_to_the_first(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await settle(sign_of(world, world.app))
        async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as other:
            await settle(sign_of(world, other))
            world.client = BursarClient(other.services, other.settings)
            await world.env.restart_bot(world.client)
            result = await world.mod.slash(world.general, "batch list")
            assert not result.acknowledged


async def test_a_sign_that_has_drifted_up_is_posted_anew_at_the_bottom(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        sign = sign_of(world, world.app)
        await settle(sign)
        (before,) = signs(world)
        channel = world.client.get_channel(world.staff.id)
        assert isinstance(channel, discord.TextChannel)
        for number in range(DRIFTED + 1):
            await channel.send(f"message {number}")
        await settle(sign)
        (after,) = signs(world)
        assert after.message.id > before.message.id
        assert world.staff_messages()[-1].text == after.text
        assert may_send(world.app)


async def test_what_discord_refuses_is_tried_again_and_a_deleted_sign_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leading, "PATIENCE_SECONDS", 0.0)
    async with discord_world(tmp_path) as world:
        await world.app.services.leading.begin()
        sign = sign_of(world, world.app)
        world.env.inject_error("GET", "/channels/*/messages", status=403, code=50001, message="Missing Access")
        await sign.look()
        assert signs(world) == []
        assert world.app.services.dispatcher._standing.refusal() == UNREAD
        await settle(sign, 4)
        assert may_send(world.app)
        (card,) = signs(world)
        channel = world.client.get_channel(world.staff.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.get_partial_message(card.message.id).delete()
        await settle(sign)
        assert titles(world) == ["Bursar is at work"]
        assert may_send(world.app)


async def test_it_needs_no_leave_to_attach_files_for_it_attaches_none(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.app.services.leading.begin()
        sign = sign_of(world, world.app)
        await settle(sign)
        (before,) = signs(world)
        await allow_files(world, False)
        await settle(sign)
        assert [one.message.id for one in signs(world)] == [before.message.id]
        assert may_send(world.app)


async def test_without_a_staff_channel_there_is_nobody_to_see_and_everything_is_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.app.services.leading.begin()
        await world.setting("staff_channel_id", None)
        await sign_of(world, world.app).look()
        assert may_send(world.app)
        assert signs(world) == []
