"""The head of the history in the staff channel: once a day, whatever is restarted and whatever Discord refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bot.ledger.ledger import Ledger
from bot.services.daily_heads import DailyHeads
from bot.ui.daily_head import HeadPoster
from tests.ledger.making import HandClock
from tests.support.batches import record
from tests.support.discord import Shown, World, discord_world

DAY = 86_400.0


def heads(world: World) -> list[Shown]:
    return [card for card in world.staff_messages() if "Head of the ledger" in card.text]


def poster(world: World, clock: HandClock) -> HeadPoster:
    """A poster with a clock that is moved by hand; the ledger's own stays the machine's."""
    daily = DailyHeads(world.app.ledger, clock)
    services = dataclasses.replace(world.app.services, daily_heads=daily, clock=clock)
    return HeadPoster(services, lambda: world.client)


async def test_it_is_off_until_somebody_wants_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await poster(world, HandClock()).look()
        assert heads(world) == []
        card = world.answer(await world.admin.slash(world.general, "settings show"))
        assert "**The ledger's head posted daily**: no" in card.text
        form = await world.admin.click(card.message, label="Change limits")
        done = world.answer(await world.admin.submit_modal(form, {"post_head": "yes"}))
        assert "**The ledger's head posted daily**: yes" in done.text
        await poster(world, HandClock()).look()
        assert len(heads(world)) == 1


async def test_once_a_day_with_the_head_and_what_the_day_before_brought(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("post_head", True)
        await record(world, [50, 20])
        await world.quiet()
        clock = HandClock(world.app.clock.now() + DAY)
        before = await world.app.ledger.receipts.head()
        for _ in range(3):
            await poster(world, clock).look()
        (card,) = heads(world)
        ledger_id = await world.app.ledger.queries.ledger_id()
        assert f"Ledger `{ledger_id}` · entry **{before.seq}**" in card.text
        assert f"`{before.hash}`" in card.text
        assert f": 1 batch recorded · 2 awards paid · 0 refused · 0 in doubt · {before.seq} entries" in card.text
        assert await world.app.ledger.receipts.entry_of(before.hash[:16]) == before
        clock.at += DAY
        await poster(world, clock).look()
        assert len(heads(world)) == 2
        assert ": 0 batches recorded · 0 awards paid" in heads(world)[1].text
        clock.at -= 2 * DAY
        await poster(world, clock).look()
        assert len(heads(world)) == 2, "a clock that was set back posts nothing again"


async def test_what_was_posted_and_not_noted_is_not_posted_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("post_head", True)
        clock = HandClock()
        first = poster(world, clock)
        head = await world.app.ledger.receipts.head()

        first._services = dataclasses.replace(first._services, daily_heads=_Unnoted(world.app.ledger, clock))
        await first.look()
        assert len(heads(world)) == 1
        assert await world.app.ledger.heads.last_day(str(world.guild.id)) is None
        await world.setting("max_award", "100")
        await poster(world, clock).look()
        assert len(heads(world)) == 1
        noted = await world.app.ledger.database.read(
            lambda c: c.execute("SELECT facts FROM events WHERE kind = 'head-posted'").fetchall()
        )
        assert head.hash in noted[0][0]


class _Unnoted(DailyHeads):
    """Ends before it can note what was posted."""

    async def posted(self, *_: object) -> None:
        raise OSError("the process ended")


async def test_what_discord_refuses_is_tried_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("post_head", True)
        clock = HandClock()
        world.env.inject_error("POST", "/channels/*/messages", status=403, code=50013, message="Missing Permissions")
        assert await poster(world, clock).look()
        assert heads(world) == []
        assert await poster(world, clock).look()
        assert len(heads(world)) == 1
        await world.setting("staff_channel_id", None)
        clock.at += DAY
        assert await poster(world, clock).look()


async def test_counts_are_of_the_server_s_own_batches(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await record(world, [50, 20])
        await world.quiet()
        ledger: Ledger = world.app.ledger
        now = round(world.app.clock.now() * 1000)
        mine = await ledger.heads.counts(str(world.guild.id), now - 60_000, now + 60_000)
        theirs = await ledger.heads.counts("1", now - 60_000, now + 60_000)
        assert (mine.batches, mine.paid, theirs.batches, theirs.paid) == (1, 2, 0, 0)
        assert mine.entries == theirs.entries > 0
