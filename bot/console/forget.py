"""``forget DISCORD_ID``: blanks what a person wrote in the ledger, which still verifies."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any, Final

from bot.console import output, questions
from bot.console.driving import driven
from bot.console.session import CLOCK, load_settings, of_login
from bot.errors import BursarError, Refused, UsageError
from bot.ledger.blanking import Blanked, blank
from bot.settings import Settings

FAILED: Final = "Nothing was blanked"


def run(options: Namespace) -> int:
    """The command."""
    try:
        settings = load_settings(options)
        person = options.person.strip()
        if not (person.isascii() and person.isdigit() and len(person) <= 20):
            raise UsageError(f"{person or 'nothing'} is no Discord id", hint="It has 17 to 19 digits.")
        done = asyncio.run(_blanked(options, settings, person))
    except BursarError as error:
        return output.failed(options.json, error, FAILED, failure)
    output.report(_told(person, options.name, done), json_mode=options.json)
    if options.json:
        told = {"entries": done.entries, "batches": done.batches, "others": done.others}
        with output.if_heard():
            output.emit({**told, "error": None, "exit_status": 0})
    return 0


def _told(person: str, name: str | None, done: Blanked) -> str:
    if not (done.entries or done.batches or done.others):
        named = "" if name is None else f" and none of {name} at the command line"
        return f"The ledger has no words of {person}{named}: nothing there was to be blanked."
    entries, batches = output.plural(done.entries, "entry", "entries"), output.plural(done.batches, "batch", "batches")
    return (
        f"Blanked: the words of {entries} of the history, in {batches} and in {output.plural(done.others, 'other row')}"
        " (stops, approvals, sign-offs, drafts). Uploaded files, and backups that were made before, are as they were."
    )


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """The JSON object when nothing was blanked."""
    return {"entries": 0, "batches": 0, "others": 0, "error": error, "exit_status": int(status)}


async def _blanked(options: Namespace, settings: Settings, person: str) -> Blanked:
    if not options.yes:
        if not questions.can_ask():
            raise Refused("--yes is missing, and there is no terminal to ask on", hint="Add --yes if you mean it.")
        output.note(f"What {person} wrote is blanked for good: name, reasons, notes. Unconfirmed drafts are cancelled.")
        if not await questions.confirmed("Blank it?"):
            raise Refused("the question was not answered with yes")
    async with driven(settings) as ledger:
        # A login is kept with a word behind it, a name that was given (--by, --sign-off) as it is.
        names = () if options.name is None else (options.name, of_login(options.name))
        return await blank(ledger.database, CLOCK, person, names)
