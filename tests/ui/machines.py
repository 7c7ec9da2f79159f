"""Further machines beside the one of the test: their ledgers, their signs of life, their time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import discord

from bot.app import App, opened
from bot.clock import SystemClock
from bot.domain.model import Actor
from bot.ledger import copying
from bot.services.leading import Leading
from bot.services.standing import Standing
from bot.ui.sign_of_life import SignOfLife
from tests.ledger.making import HandClock
from tests.support.discord import Shown, World


def sign_of(world: World, app: App) -> SignOfLife:
    """The keeper of a ledger's sign; both ledgers are behind one bot, as with one token on two machines."""
    return SignOfLife(app.services, lambda: world.client)


def signs(world: World) -> list[Shown]:
    return [card for card in world.staff_messages() if "· term " in card.text]


def titles(world: World) -> list[str]:
    return [card.text.split("\n")[0].removeprefix("### ") for card in signs(world)]


@contextlib.asynccontextmanager
async def another(world: World, directory: Path, *, copy: Path | None) -> AsyncIterator[App]:
    """A second process: on a copy of the ledger, or on a new ledger of its own. It has looked at nothing yet."""
    _lay_out(directory, copy)
    settings = dataclasses.replace(world.app.settings, database=directory / "bursar.db")
    async with opened(settings, SystemClock(), patient=True) as app:
        if copy is None:
            actor = Actor(str(world.admin.id), "admin", str(world.guild.id))
            await app.services.servers.change(str(world.guild.id), "staff_channel_id", str(world.staff.id), actor)
        await app.services.leading.begin()
        yield app


def _lay_out(directory: Path, copy: Path | None) -> None:
    directory.mkdir()
    if copy is not None:
        (directory / "bursar.db").write_bytes(copy.read_bytes())


def copied(world: World, tmp_path: Path) -> Path:
    target = tmp_path / "copy.db"
    copying.copy(world.app.settings.database, target)
    return target


@dataclass
class Machine:
    """One process on one ledger, with time that the test moves."""

    leading: Leading
    standing: Standing
    sign: SignOfLife

    async def settle(self) -> None:
        for _ in range(3):
            await self.sign.look()

    @property
    def sends(self) -> bool:
        return self.standing.refusal() is None


async def machine(client: Callable[[], discord.Client], app: App, clock: HandClock) -> Machine:
    standing = Standing(clock)
    leading = Leading(app.ledger, clock, standing)
    await leading.begin()
    services = dataclasses.replace(app.services, leading=leading, clock=clock)
    return Machine(leading, standing, SignOfLife(services, client))
