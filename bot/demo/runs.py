"""The two ways to see the demo: as a story in the terminal, and as a page with the real buttons."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bot.demo.books import compare
from bot.demo.browser import serve
from bot.demo.failures import DemoFailed
from bot.demo.files import referrals, summer_cup, weekly_quest
from bot.demo.people import Person, people
from bot.demo.result import show_result
from bot.demo.screen import Screen
from bot.demo.script import CALL_MS, LARGEST_AWARD, Script, set_up, slow
from bot.demo.stage import Stage, staged
from bot.demo.standins import StandIns, standing_in

MEMBERS: Final = 1000
BALANCE: Final = 100
"""Points that every member has before the demo."""
PAGE_CALL_MS: Final = 900
"""How long a call that pays takes beside the page: time enough to press *Pause*."""


@dataclass(slots=True)
class _Set:
    """What stands while the demo runs."""

    standins: StandIns
    stage: Stage
    community: list[Person]
    currencies: dict[str, str]
    """Names of currencies by their ids."""


async def played(folder: Path, screen: Screen, *, apply_twice: bool = False) -> int:
    """The story. Returns 0, or 1 when ledger and books differ."""
    began = time.monotonic()
    async with standing_in() as standins:
        async with _standing(folder, standins, screen, CALL_MS) as it:
            database, currencies = it.stage.app.settings.database, it.currencies
            await Script(it.stage, standins, screen, it.community).play(apply_twice=apply_twice)
            _fail_on_errors(it.stage)
        comparison = await compare(database, standins)
        show_result(screen, comparison, currencies)
        size = database.stat().st_size
    took, megabytes = time.monotonic() - began, size / 1e6
    screen.tells(
        f"It took {took:.0f} seconds. The stand-ins are stopped; the ledger ({megabytes:.1f} MB) is removed with its "
        f"folder, {folder}."
    )
    screen.line()
    screen.line("What next")
    screen.line("  make demo-browser   the same server as a page: press the buttons yourself")
    screen.line("  make test           kill -9, lost replies, double clicks: the promises, proved")
    screen.line("  README.md           a real server in ten minutes, first without real points")
    return 0 if comparison.agree else 1


async def in_browser(folder: Path, screen: Screen) -> int:
    """The page, until Ctrl+C; then the comparison."""
    sheets = [make(people(MEMBERS)) for make in (weekly_quest, summer_cup, referrals)]
    for sheet in sheets:
        (folder / sheet.name).write_bytes(sheet.content)
    async with standing_in() as standins:
        async with _standing(folder, standins, screen, PAGE_CALL_MS) as it:
            database, currencies = it.stage.app.settings.database, it.currencies
            await standins.faults(slow(PAGE_CALL_MS))
            await set_up(it.stage, {"max_award": LARGEST_AWARD})
            await serve(it.stage, screen, [folder / sheet.name for sheet in sheets], it.community)
        comparison = await compare(database, standins)
        show_result(screen, comparison, currencies)
    return 0 if comparison.agree else 1


@asynccontextmanager
async def _standing(folder: Path, standins: StandIns, screen: Screen, call_ms: int) -> AsyncIterator[_Set]:
    """The community at both services, the bot on its server, and names for the screen."""
    community = people(MEMBERS)
    await standins.seed([one.id for one in community], balance=BALANCE)
    async with staged(folder, standins, community) as stage:
        screen.knows(stage.name)
        screen.tells(
            f"Bursar, the real one, on a simulated Discord (discord.py {version('discord.py')}, simcord "
            f"{version('simcord')}). Drip (Pro plan) and Gameball are stand-ins in a process of their own "
            f"({standins.process_id}), on loopback; {MEMBERS:,} members have {BALANCE} points each, and a call that "
            f"pays takes Drip {call_ms} ms. The ledger is {stage.app.settings.database}."
        )
        listed = await stage.app.services.programmes.currencies("drip-members")
        yield _Set(standins, stage, community, {one.id: one.name for one in listed})


def _fail_on_errors(stage: Stage) -> None:
    """The bot's own mistakes are not passed over, even where the conversation went on."""
    for error in stage.unexpected():
        raise DemoFailed(f"the bot raised {type(error).__name__}: {error}")
