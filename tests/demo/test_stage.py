"""The simulated Discord on a machine that is slow."""

from __future__ import annotations

import asyncio

import discord
import pytest
import simcord

from bot.demo.stage import calm


class Busy(discord.Client):
    """A bot that sets a timer with every message, and is done when it is told."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.done = asyncio.Event()
        self.rung = asyncio.Event()

    async def on_message(self, _: discord.Message) -> None:
        asyncio.get_running_loop().call_later(0.05, self.rung.set)
        await self.done.wait()


async def test_a_timer_that_was_due_while_the_bot_was_too_slow_is_not_waited_for_in_vain() -> None:
    bot = Busy()
    async with simcord.run(bot, settle_timeout=0.2) as env:
        guild = env.create_guild("Lighthouse")
        somebody = guild.add_member(env.create_user("somebody"))
        with pytest.raises(TimeoutError):
            await somebody.send(guild.create_text_channel("general"), "hello")
        for _ in range(3):  # until the timer's moment is over for SimCord
            with pytest.raises(TimeoutError):
                await env.settle()
        assert not bot.rung.is_set()
        bot.done.set()
        await calm(env)
        assert bot.rung.is_set()
