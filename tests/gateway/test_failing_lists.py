"""discord.py's own HTTP on a Discord that fails to list cards with a frame: what it makes of that, and how often."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import discord.gateway
import pytest

from bot.app import App, opened
from bot.client import BursarClient
from bot.clock import SystemClock
from bot.domain.lead import BEAT_SECONDS, LEASE_SECONDS
from bot.domain.model import Actor
from bot.settings import Settings
from bot.ui.cards import Tone, card
from tests.gateway import payloads
from tests.gateway.launcher import redirected
from tests.gateway.loopback import PATIENCE, Loopback, text_of
from tests.ledger.making import HandClock
from tests.support.sandbox import running_sandbox
from tests.ui.machines import machine

ADMIN = Actor("1", "admin", str(payloads.SERVER))


@asynccontextmanager
async def connected(directory: Path, loopback: Loopback) -> AsyncIterator[tuple[App, BursarClient]]:
    """The client in this process, on a ledger that has a staff channel."""
    async with running_sandbox() as sandbox:
        settings = Settings.load({**sandbox.environ(), "BURSAR_SERVER_IDS": str(payloads.SERVER)}, directory)
        async with opened(settings, SystemClock(), patient=True) as app:
            await app.services.servers.change(str(payloads.SERVER), "staff_channel_id", str(payloads.STAFF), ADMIN)
            client = BursarClient(app.services, settings)
            running = asyncio.create_task(client.start("loopback.token.of-a-test"))
            try:
                async with asyncio.timeout(PATIENCE):
                    await loopback.ready.wait()
                    await client.wait_until_ready()
                yield app, client
            finally:
                await client.close()
                await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """discord.py asks five times before it gives up, and sleeps in between: not here."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(discord.http, "asyncio", types.SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    return slept


async def test_who_sends_goes_on_and_who_starts_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: list[float]
) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)
    async with Loopback().running() as loopback:
        redirected(loopback.address)
        async with connected(tmp_path, loopback) as (app, client):
            clock = HandClock()
            first = await machine(lambda: client, app, clock)
            await first.settle()
            assert first.sends
            channel = client.get_channel(payloads.STAFF)
            assert isinstance(channel, discord.TextChannel)
            await channel.send(view=card("Batch 1", tone=Tone.DONE, practice=False, lines=["50 awards"]))
            loopback.lists_frames = False
            for _ in range(int(2 * LEASE_SECONDS / BEAT_SECONDS)):
                clock.at += BEAT_SECONDS
                await first.sign.look()
                assert first.sends
            assert sum(at_once) == 25 * 2 * LEASE_SECONDS / BEAT_SECONDS, "that long a list takes to fail"
            *_, newest = loopback.staff_messages()
            assert "### Bursar is at work" in text_of(newest)

            again = await machine(lambda: client, app, clock)
            await again.settle()
            assert not again.sends
            loopback.lists_frames = True
            await again.settle()
            assert again.sends
