"""Many people at once on one card, in the real client's own process: sent once, and everybody is told by whom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Counts
from bot.domain.states import AwardState, BatchState
from tests.gateway.loopback import PATIENCE, Asked
from tests.gateway.moderators import Staff, all_at_work, recipients, send_large
from tests.gateway.process import Bot, bot_world

pytestmark = pytest.mark.no_cover

PRESSES = 200
ROWS = 1_000
MODERATORS = 12


async def test_200_people_confirm_one_draft_at_once_and_it_is_sent_once(tmp_path: Path) -> None:
    async with bot_world(tmp_path, moderators=PRESSES, members=5) as bot:
        card = await _draft(bot)
        presses = await _pressed_by(bot, card, range(PRESSES))
        await _sent_once(bot, presses)
        assert bot.discord.refused == [] and bot.discord.unanswered() == []
        assert "ERROR" not in bot.log and "Traceback" not in bot.log
        told = bot.log.index("connects to Discord"), bot.log.index("connected to Discord as")
        assert told == tuple(sorted(told)), "it is said to be connected when it is, and not before"


async def test_an_old_card_is_pressed_by_two_people_after_a_restart_and_after_it_was_sent(tmp_path: Path) -> None:
    async with bot_world(tmp_path, moderators=6, members=5) as bot:
        card = await _draft(bot)
        await bot.kill()
        await bot.start()
        presses = await _pressed_by(bot, card, (0, 1, 1, 0))
        await _sent_once(bot, presses)
        await bot.kill()
        await bot.start()
        late = await _pressed_by(bot, card, (2, 3))
        await _sent_once(bot, [*presses, *late])
        assert all("You sent nothing with this." in press.text for press in late)


async def test_a_kill_between_the_press_and_its_answer_leaves_a_card_that_can_be_pressed_again(tmp_path: Path) -> None:
    async with bot_world(tmp_path, moderators=4, members=5) as bot:
        card = await _draft(bot)
        lost = [await bot.discord.press(one, card, "Send") for one in bot.moderators[:2]]
        await bot.kill()  # before, while or after it was recorded: whatever the moment, the next press tells the truth
        await bot.start()
        again = await _pressed_by(bot, card, (2, 3))
        ((batch, counts),) = await bot.over()
        # Sent at the moment of the kill, an award is in doubt and paid at most once.
        assert counts.total == len(bot.members) == counts.applied + counts.unknown
        paid = await bot.paid()
        assert counts.applied <= len(paid) and set(paid.values()) <= {50}
        assert int(batch.actor.id) in {press.who.id for press in (*lost, *again)}
        for press in again:
            told = (
                f"<@{batch.actor.id}> already sent it",
                "rows were already paid",
                "under way, in doubt or written off",
            )
            assert any(one in press.text for one in told) or press.who.id == int(batch.actor.id)


async def test_everybody_is_answered_and_nobody_paid_twice_while_a_large_batch_runs(tmp_path: Path) -> None:
    async with bot_world(tmp_path, moderators=MODERATORS, members=20, DRIP_CREDENTIALS_BATCH_SIZE="20") as bot:
        staff = Staff(bot, pause_seconds=0.3)
        working = asyncio.create_task(all_at_work(staff, seed=7))
        old_card = await send_large(staff, ROWS)
        (large,) = staff.batches
        late = await _pressed_by(bot, old_card, (1, 2, 3, 1))
        async with asyncio.timeout(PATIENCE):
            while (await bot.counts(large)).unfinished and not working.done():  # noqa: ASYNC110 # another process's file
                await asyncio.sleep(0.1)
        staff.done.set()
        await working

        assert all("You sent nothing with this." in press.text for press in late)
        assert bot.discord.unanswered() == [] and bot.discord.refused == []
        for batch, _ in await bot.batches():
            if batch.state is BatchState.PAUSED:
                await (await bot.discord.slash(bot.moderators[0], "batch resume", batch=str(batch.id))).card()
        assert all(counts.total == counts.applied + counts.cancelled for _, counts in await bot.over())
        paid = await bot.paid()
        assert all(paid[f"discord-id:{one}"] == number % 500 + 1 for number, one in enumerate(recipients(ROWS)))
        claimed: Counter[str] = Counter()
        for award in await bot.awards():
            if award.state is AwardState.APPLIED:
                claimed[award.recipient.key] += award.amount
        assert claimed == paid, "the ledger claims what was paid, person by person"
        assert "Traceback" not in bot.log and "ERROR" not in bot.log


async def _draft(bot: Bot) -> Mapping[str, Any]:
    """A card with a button that pays every member 50."""
    file = "discord_id,amount\n" + "".join(f"{one.id},50\n" for one in bot.members)
    card = await (await bot.discord.slash(bot.moderators[0], "bulk", file=("week.csv", file.encode()))).card()
    assert card.message is not None
    return card.message


async def _pressed_by(bot: Bot, card: Mapping[str, Any], people: Iterable[int]) -> list[Asked]:
    """``Send`` on a card by these moderators, all before anybody is answered; every answer."""
    presses = await asyncio.gather(*(bot.discord.press(bot.moderators[one], card, "Send") for one in people))
    return list(await asyncio.gather(*(press.card() for press in presses)))


async def _sent_once(bot: Bot, presses: Iterable[Asked]) -> None:
    """One batch, paid once; who was first has a receipt and everybody else is told who that was."""
    ((batch, counts),) = await bot.over()
    assert counts == Counts(applied=len(bot.members))
    assert await bot.paid() == {f"discord-id:{one.id}": 50 for one in bot.members}
    receipts = 0
    for press in presses:
        if "awards** recorded" in press.text:
            receipts += 1
            assert press.who.id == int(batch.actor.id)
        else:
            assert "You sent nothing with this." in press.text
            first = "You" if press.who.id == int(batch.actor.id) else f"<@{batch.actor.id}>"
            assert f"{first} already sent it" in press.text and f"batch {batch.id}" in press.text
    assert receipts == 1
