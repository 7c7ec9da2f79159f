"""The page with the real buttons: SimCord's preview of the staff channel, kept up to date while the bot works."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simcord import SetupError

from bot.demo.people import Person
from bot.demo.screen import Screen
from bot.demo.stage import Stage

if TYPE_CHECKING:
    from simcord import Preview

LOOK_EVERY: Final = 0.3
REFRESH_SECONDS: Final = 0.25
"""How long a refresh may wait for the bot; then the next one tries."""
SIZE: Final = (960, 1000)


async def serve(stage: Stage, screen: Screen, files: Sequence[Path], community: Sequence[Person]) -> None:
    """Serve the page until it is ended (Ctrl+C, or the page's own button)."""
    preview = stage.env.preview(
        stage.staff,
        viewers=[stage.mod, stage.admin],
        layout="channel",
        width=SIZE[0],
        height=SIZE[1],
        presentation_time=datetime.now(UTC),
    )
    async with preview:
        screen.scene("A page with the real buttons")
        screen.line()
        screen.line(f"  {preview.url}")
        screen.line()
        screen.tells(f"Open it in a browser on this machine. You are the moderator, in #{stage.staff.name}; the "
                     "administrator can be chosen as viewer. Type / for the commands:")  # fmt: skip
        for path, programme in zip(files, ("drip-credentials", "drip-members", "gameball"), strict=True):
            screen.line(f"  /bulk   file {path}   programme {programme}")
        someone, other = community[0], community[1]
        screen.line(f"  /award  members <@{someone.id}> 40 <@{other.id}> 20")
        screen.line("  /batch list   /settings show")
        screen.line()
        screen.tells("Ctrl+C ends it and holds the ledger against the books.")
        keeping = asyncio.create_task(_keep(stage, preview))
        try:
            with suppress(asyncio.CancelledError):
                await preview.wait_closed()
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})


async def _keep(stage: Stage, preview: Preview) -> None:
    """Publish what the staff board and background work change: the page itself publishes only what is pressed on it."""
    seen: object = None
    while True:
        await asyncio.sleep(LOOK_EVERY)
        now = [(one.id, str(one.components)) for one in stage.env.backend.messages.get(stage.staff.id, {}).values()]
        if now != seen and await _refresh(stage, preview):
            seen = now


async def _refresh(stage: Stage, preview: Preview) -> bool:
    """Whether the page could be published; not while somebody's press is under way."""
    patience, stage.env.settle_timeout = stage.env.settle_timeout, REFRESH_SECONDS
    try:
        preview.capture_time = datetime.now(UTC)
        await preview.refresh()
    except (SetupError, TimeoutError):
        return False
    finally:
        stage.env.settle_timeout = patience
    return True
