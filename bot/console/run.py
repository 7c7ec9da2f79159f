"""``run``: the Discord bot, the dispatcher beside it, and the socket through which ``bulk`` hands batches over."""

from __future__ import annotations

import asyncio
import gc
import logging
from argparse import Namespace
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from typing import Any, Final

from bot.app import App, opened
from bot.client import BursarClient, stay_connected
from bot.console import output
from bot.console.practice import practising
from bot.console.session import CLOCK, load_settings
from bot.console.signals import Signals, handled
from bot.errors import SettingsError
from bot.services.backing_up import DailyBackups
from bot.settings import Settings
from bot.ui.alerts import alert_staff
from bot.ui.board import StaffBoard
from bot.ui.daily_head import HeadPoster
from bot.ui.sign_of_life import SignOfLife
from bot.ui.start_rule import start_rule

_log = logging.getLogger(__name__)

FAILED: Final = "The bot does not run"
PURGE_EVERY: Final = 6 * 3600.0
ENDING_SECONDS: Final = 5.0
"""How long a last word to Discord may take."""
RESTART_AFTER: Final = 15.0
"""Seconds before a helper that failed is started again."""


def run(options: Namespace) -> int:
    """The command."""
    settings = load_settings(options, level=logging.INFO)
    if settings.discord_token is None:
        raise SettingsError(
            "DISCORD_TOKEN is not set", hint="Copy the bot's token from the Discord Developer Portal into .env."
        )
    for danger in settings.dangers():
        _log.warning("%s", danger)
    if settings.strangers:
        names = ", ".join(f"{one.name} ({one.nearest}?)" for one in settings.strangers)
        _log.warning("no settings of Bursar, so they change nothing: %s", names)
    return asyncio.run(_run(settings, settings.discord_token, practice=options.practice))


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """``run`` has no JSON."""
    return {"error": error, "exit_status": int(status)}


async def _run(settings: Settings, token: str, *, practice: bool) -> int:
    async with handled() as signals, practising(settings) if practice else nullcontext(settings) as in_force:
        if not in_force.programmes():
            raise SettingsError(
                "no reward service is set up",
                hint="Set the keys of Drip or Gameball in .env, or start with --practice.",
            )
        signals.awaiting(lambda: "Stopping: no new call; waiting for the one in flight to be recorded.")
        async with opened(in_force, CLOCK, patient=True, settling=True, practice=practice) as app:
            client = BursarClient(app.services, app.settings)
            board = StaffBoard(app.services, lambda: client)
            # Both before the first call: nothing may start unasked, and nothing may happen unseen.
            app.start_rule.ask = start_rule(app.services, lambda: client)
            app.watchers.add(board)
            sign = SignOfLife(app.services, lambda: client)
            if not practice:
                await app.services.leading.begin()
            # Everything there is by now stays: a full collection, during which nobody is answered, need not look
            # through it. Without this it takes a tenth of a second, with discord.py's modules loaded.
            gc.freeze()
            async with app.taking_handovers(), app.dispatching():
                await _serve(app, client, board, sign, token, signals)
    return 0


async def _serve(
    app: App, client: BursarClient, board: StaffBoard, sign: SignOfLife, token: str, signals: Signals
) -> None:
    """Until a signal, or until Discord does not want us."""
    connection = asyncio.create_task(stay_connected(client, token), name="discord")
    stop = asyncio.create_task(signals.first(), name="stop")
    helpers = [
        asyncio.create_task(_again_and_again("boards", board.run), name="boards"),
        asyncio.create_task(_again_and_again("purge", lambda: _purge(app)), name="purge"),
        asyncio.create_task(_again_and_again("backups", lambda: _backups(app, client)), name="backups"),
    ]
    heads = HeadPoster(app.services, lambda: client)
    helpers.append(asyncio.create_task(_again_and_again("daily heads", heads.run), name="daily heads"))
    if not app.services.practice:  # practice pays nobody: two of those do no harm
        helpers.append(asyncio.create_task(_again_and_again("sign of life", sign.run), name="sign of life"))
    try:
        named = f"Bursar{' (practice)' if app.services.practice else ''}"
        output.note(f"{named} has opened the ledger and connects to Discord. Ctrl+C ends it.")
        await asyncio.wait({connection, stop}, return_when=asyncio.FIRST_COMPLETED)
        # Discord stays connected until the call in flight is recorded, so that its card can be answered.
        await app.drain()
        if connection.done():
            connection.result()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await sign.end()
    finally:
        await client.close()
        for task in (connection, stop, *helpers):
            task.cancel()
        await asyncio.gather(connection, stop, *helpers, return_exceptions=True)


async def _purge(app: App) -> None:
    while True:
        await app.clock.sleep(PURGE_EVERY)
        await app.ledger.drafts.purge()


async def _backups(app: App, client: BursarClient) -> None:
    settings = app.settings
    if settings.backup_dir is None:
        await asyncio.Event().wait()  # for ever: there is nothing to do
        return

    async def alert(message: str) -> None:
        detail: dict[str, object] = {"message": message}
        await app.ledger.steering.note("backup-failed", batch_id=None, server_id=None, actor=None, detail=detail)
        await alert_staff(client, app.services, "The daily backup of the ledger failed", [message])

    await DailyBackups(
        settings.database,
        await app.ledger.queries.ledger_id(),
        app.clock,
        directory=settings.backup_dir,
        keep=settings.backup_keep,
        command=settings.backup_command,
        alert=alert,
    ).run()


async def _again_and_again(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A helper that fails is logged and started anew: it must not take the sending with it."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("%s failed; it starts again in %.0f s", name, RESTART_AFTER)
        await CLOCK.sleep(RESTART_AFTER)
