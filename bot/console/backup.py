"""``backup FILE``: a consistent, verified copy of the ledger, also while the bot runs."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from bot.console import output
from bot.console.session import CLOCK, load_settings
from bot.console.signals import unwinding
from bot.errors import BursarError
from bot.ledger import copying, verifying
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import Verified
from bot.settings import Settings

FAILED: Final = "No copy was made"


def run(options: Namespace) -> int:
    """The command."""
    try:
        found = _copied(load_settings(options), Path(options.file))
    except BursarError as error:
        return output.failed(options.json, error, FAILED, failure)
    output.report(
        f"{options.file} is a verified copy of the ledger {found.ledger_id}:"
        f" {output.plural(found.batches, 'batch', 'batches')}, {output.plural(found.awards, 'award')}.",
        json_mode=options.json,
    )
    if options.json:
        with output.if_heard():
            output.emit({**verifying.as_json(found), "file": options.file, "error": None, "exit_status": 0})
    return 0


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """The JSON object when no copy was made."""
    return {**verifying.as_json(Verified()), "ok": False, "file": None, "error": error, "exit_status": int(status)}


def _copied(settings: Settings, target: Path) -> Verified:
    asyncio.run(_look(settings))
    # In no thread: whoever stops the command would wait for its end, and have a copy that nobody tells of.
    with unwinding():
        return copying.copy(settings.database, target)


async def _look(settings: Settings) -> None:
    """Only to refuse what is no ledger of this version, in the words that every command has for it."""
    await (await Ledger.read(settings.database, CLOCK)).close()
