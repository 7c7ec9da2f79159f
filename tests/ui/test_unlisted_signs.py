"""Signs of life where Discord fails to list a channel that has cards with a frame: nobody begins who has no list."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import discord

from bot.domain.lead import BEAT_SECONDS, LEASE_SECONDS, STALE_SECONDS, WATCH_SECONDS
from bot.domain.model import Actor
from bot.services.leading import PATIENCE_SECONDS, UNLISTED
from bot.ui.cards import Tone, card
from bot.ui.sign_of_life import READ_MESSAGES, UNLISTED_SECONDS
from tests.ledger.making import HandClock
from tests.support.batches import record
from tests.support.discord import Shown, World, discord_world, private_channel
from tests.ui.machines import Machine, another, copied, machine, signs, titles

TOLD = "Discord fails to list this channel's messages"


@contextlib.asynccontextmanager
async def copied_machine(world: World, tmp_path: Path, clock: HandClock) -> AsyncIterator[Machine]:
    async with another(world, tmp_path / "two", copy=copied(world, tmp_path)) as app:
        yield await machine(lambda: world.client, app, clock)


@contextlib.asynccontextmanager
async def at_work(tmp_path: Path) -> AsyncIterator[tuple[World, HandClock, Machine]]:
    """A machine that sends."""
    async with discord_world(tmp_path) as world:
        clock = HandClock()
        first = await machine(lambda: world.client, world.app, clock)
        await first.settle()
        yield world, clock, first


@contextlib.asynccontextmanager
async def unlisted(tmp_path: Path) -> AsyncIterator[tuple[World, HandClock, Machine]]:
    """The same, and a card with a frame in the channel, that Discord can fail to list."""
    async with at_work(tmp_path) as (world, clock, first):
        await post(world, framed=True)
        yield world, clock, first


async def passes(world: World, clock: HandClock, seconds: float) -> None:
    """On both clocks: Discord's, and the machines'."""
    clock.at += seconds
    await world.env.advance_time(seconds)


async def post(world: World, *, framed: bool) -> None:
    channel = world.client.get_channel(world.staff.id)
    assert isinstance(channel, discord.TextChannel)
    if framed:
        await channel.send(view=card("Batch 1", tone=Tone.DONE, practice=False, lines=["50 awards"]))
    else:
        await channel.send("Well done, everybody.")


def is_framed(shown: Shown) -> bool:
    return any(part["type"] == 17 for part in shown.parts)


def boss(world: World) -> Actor:
    return Actor(str(world.admin.id), "admin", str(world.guild.id))


async def test_whoever_sends_goes_on_without_a_list_and_nobody_begins_without_one(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (world, clock, first):
        with world.failing_lists():
            async with copied_machine(world, tmp_path, clock) as second:
                for _ in range(int(3 * LEASE_SECONDS / WATCH_SECONDS)):
                    await passes(world, clock, WATCH_SECONDS)
                    await first.sign.look()
                    await second.sign.look()
                    assert first.sends and not second.sends
                assert second.standing.refusal() == UNLISTED
                assert titles(world) == ["Bursar is at work"], "what cannot see the others shows nothing"


async def test_a_newcomer_that_has_a_list_finds_the_sign_of_one_that_has_none(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (world, clock, first):
        for _ in range(READ_MESSAGES):
            await post(world, framed=False)
        await post(world, framed=True)
        await passes(world, clock, BEAT_SECONDS)
        with world.failing_lists():
            await first.settle()
        async with copied_machine(world, tmp_path, clock) as second:
            await second.settle()
            assert titles(world) == ["Bursar is at work", "Bursar stands by"]
            await second.leading.take_over(boss(world))
            for _ in range(int(2 * STALE_SECONDS / WATCH_SECONDS)):
                await second.sign.look()
                assert not second.sends, "the first one cannot know of it, and has not let go"
                await passes(world, clock, WATCH_SECONDS)
                with world.failing_lists():
                    await first.sign.look()
                assert first.sends
            await first.sign.look()
            assert not first.sends
            await second.settle()
            assert second.sends


async def test_a_machine_that_is_known_is_seen_to_take_over_without_a_list(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (world, clock, first), copied_machine(world, tmp_path, clock) as second:
        await second.settle()
        await first.sign.look()
        await post(world, framed=True)
        with world.failing_lists():
            await first.sign.look()
            assert first.sends
        await second.leading.take_over(boss(world))
        await second.sign.look()
        assert first.sends and not second.sends
        with world.failing_lists():
            await first.sign.look()
        assert not first.sends
        await second.settle()
        assert second.sends


async def test_what_cannot_be_read_one_by_one_either_ends_the_lease(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (world, clock, first):
        world.env.inject_error("GET", "/channels/*/messages/*", status=503, times=None)
        with world.failing_lists():
            await passes(world, clock, LEASE_SECONDS)
            await first.settle()
        assert not first.sends


async def test_a_sign_that_somebody_deleted_comes_back_without_a_list(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (world, clock, first):
        channel = world.client.get_channel(world.staff.id)
        assert isinstance(channel, discord.TextChannel)
        await channel.get_partial_message(signs(world)[0].message.id).delete()
        await passes(world, clock, BEAT_SECONDS)
        with world.failing_lists():
            await first.settle()
        assert titles(world) == ["Bursar is at work"]
        assert first.sends


async def test_an_empty_channel_helps_for_good_since_cards_have_no_frame_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        clock = HandClock()
        await post(world, framed=True)
        with world.failing_lists():
            first = await machine(lambda: world.client, world.app, clock)
            await first.settle()
            await passes(world, clock, max(PATIENCE_SECONDS, UNLISTED_SECONDS))
            await first.settle()
            assert first.standing.refusal() == UNLISTED
            (told,) = [one for one in world.staff_messages() if TOLD in one.text]
            assert "**It sends nothing** until Discord lists them again." in told.text
            assert not is_framed(told)

            empty = private_channel(world.client, world.guild, world.role, "staff-two")
            shown = world.answer(await world.admin.slash(world.general, "settings show"))
            assert "cards have none for now" in shown.text
            await world.setting("staff_channel_id", str(empty.id))
            world.staff = empty
            await first.settle()
            assert first.sends
            await record(world, [50])
            await world.quiet()
            await world.until(
                lambda: any("Batch 1" in one.text and "Done" in one.text for one in world.staff_messages())
            )
            assert not any(map(is_framed, world.staff_messages()))
            again = await machine(lambda: world.client, world.app, clock)
            await again.settle()
            assert again.sends, "a restart"


async def test_frames_come_back_once_discord_lists_them(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (world, clock, first):
        with world.failing_lists():
            for _ in range(2):
                await first.sign.look()
                await passes(world, clock, UNLISTED_SECONDS)
            await first.settle()
            (told,) = [one for one in world.staff_messages() if TOLD in one.text]
            assert "**after a restart it would send nothing**" in told.text
        rules = await world.app.services.servers.rules(str(world.guild.id))
        assert rules.plain_cards
        await first.settle()
        rules = await world.app.services.servers.rules(str(world.guild.id))
        assert not rules.plain_cards
