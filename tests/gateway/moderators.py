"""What moderators do all day: each is a task with a chance of its own, and uses commands, buttons and forms as people.

Files of different moderators pay different people, none of them whom the large batch pays.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.loopback import Asked, button
from tests.gateway.payloads import Somebody
from tests.gateway.process import Bot


def recipients(count: int, *, first: int = 0) -> list[int]:
    """Discord ids that look like real ones, all different."""
    return [1_000_000_000_000_000_001 + 104_729_000_003 * number for number in range(first, first + count)]


def large_file(rows: int) -> bytes:
    """A clean file of so many people, each with an amount of their own."""
    lines = (f"{one},{number % 500 + 1},Week 31" for number, one in enumerate(recipients(rows)))
    return ("discord_id,amount,reason\r\n" + "\r\n".join(lines) + "\r\n").encode()


@dataclass
class Staff:
    """The moderators of a server at work."""

    bot: Bot
    pause_seconds: float
    """What somebody takes on average to read a card before the next press."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[int] = field(default_factory=list)
    """Batches that can be looked at and steered."""
    _strangers: itertools.count[int] = field(default_factory=lambda: itertools.count(5_000))

    async def work(self, who: Somebody, chance: random.Random) -> None:
        """Do one thing after the other until it is enough."""
        doings: list[tuple[int, Callable[[Somebody, random.Random], Awaitable[None]]]] = [
            (4, self._award),
            (3, self._bulk),
            (3, self._look),
            (2, self._steer),
            (1, self._settings),
            (3, self._type),
        ]
        weights = [weight for weight, _ in doings]
        while not self.done.is_set():
            await self._read(chance)
            await chance.choices([doing for _, doing in doings], weights)[0](who, chance)

    async def _read(self, chance: random.Random) -> None:
        """People read before they press; a load generator without it would only measure its own queue."""
        await asyncio.sleep(chance.expovariate(1 / self.pause_seconds) if self.pause_seconds else 0)

    async def _award(self, who: Somebody, chance: random.Random) -> None:
        member = chance.choice(self.bot.members)
        card = await self._do(self.bot.discord.slash(who, "award", members=member.mention, amount=self._amount()))
        await self._read(chance)
        await self._press(card, "Send" if chance.random() < 0.7 else "Cancel")

    def _amount(self) -> str:
        return str(next(self._strangers) % 9_000 + 1)

    async def _bulk(self, who: Somebody, chance: random.Random) -> None:
        rows = "".join(
            f"{one},{chance.randint(1, 50)}\n"
            for one in recipients(chance.randint(1, 40), first=next(self._strangers) * 40)
        )
        file = ("some.csv", f"discord_id,amount\n{rows}".encode())
        card = await self._do(self.bot.discord.slash(who, "bulk", file=file))
        await self._read(chance)
        if chance.random() < 0.3:
            form = await self._press(card, "Change")
            await self._read(chance)
            card = await self._do(self.bot.discord.submit(form, reason="Winners of today"))
            await self._read(chance)
        receipt = await self._press(card, chance.choice(["Send", "Send", "Cancel"]))
        if chance.random() < 0.2 and receipt.message is not None and button(receipt.message, "Stop"):
            await self._press(receipt, "Stop")

    async def _look(self, who: Somebody, chance: random.Random) -> None:
        await self._do(self.bot.discord.slash(who, "batch list"))
        await self._read(chance)
        if self.batches:
            await self._do(self.bot.discord.slash(who, "batch show", batch=str(chance.choice(self.batches))))

    async def _steer(self, who: Somebody, chance: random.Random) -> None:
        if self.batches:
            batch = str(chance.choice(self.batches))
            await self._do(self.bot.discord.slash(who, "batch pause", batch=batch))
            await self._do(self.bot.discord.slash(who, "batch resume", batch=batch))

    async def _settings(self, who: Somebody, chance: random.Random) -> None:
        await self._do(self.bot.discord.slash(who, "settings show"))

    async def _type(self, who: Somebody, chance: random.Random) -> None:
        await self._do(self.bot.discord.typing(who, "batch show", "batch", ""))
        await self._do(self.bot.discord.typing(who, "award", "programme", "drip", members="x"))

    async def _press(self, card: Asked, label: str) -> Asked:
        assert card.message is not None, card.about
        return await self._do(self.bot.discord.press(card.who, card.message, label))

    async def _do(self, doing: Awaitable[Asked]) -> Asked:
        return await (await doing).card()


async def all_at_work(staff: Staff, seed: int) -> None:
    """Everybody works until ``staff.done``; whoever meets something unexpected ends it for all."""
    async with asyncio.TaskGroup() as group:
        for number, who in enumerate(staff.bot.moderators):
            group.create_task(staff.work(who, random.Random(seed * 1000 + number)))  # noqa: S311 # no secret


async def send_large(staff: Staff, rows: int) -> Mapping[str, Any]:
    """Upload and confirm the large file, and make its batch known; the card that was confirmed, as it was."""
    first, discord = staff.bot.moderators[0], staff.bot.discord
    asked = await discord.slash(first, "bulk", file=("large.csv", large_file(rows)))
    await asked.until(lambda asked: asked.message is not None and button(asked.message, "Send"))
    card = asked.message
    assert card is not None
    await (await discord.press(first, card, "Send")).card()
    staff.batches.extend(batch.id for batch, counts in await staff.bot.batches() if counts.total == rows)
    return card
