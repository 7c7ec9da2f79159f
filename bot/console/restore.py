"""``restore``: proves a copy and puts it in the ledger's place, takes result files in as history, signs off."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from bot.clock import milliseconds
from bot.console import output
from bot.console.driving import driven
from bot.console.parser import readable
from bot.console.session import CLOCK, command_line_actor, load_settings, read_upload
from bot.console.signals import unwinding
from bot.domain.intake import pieces
from bot.domain.model import Actor, Duplicates
from bot.errors import BursarError, UsageError
from bot.ledger import copying
from bot.ledger.copying import Restored
from bot.ledger.ledger import Ledger
from bot.ledger.testimonies import TakenIn
from bot.providers.factory import make_providers
from bot.services.programmes import Programmes
from bot.services.taking_in import FILE_MAX_BYTES, HistoryFile, TakingIn
from bot.settings import Settings

FAILED: Final = "Nothing was restored"
NOT_SIGNED: Final = "Nothing was signed off"
NOT_TAKEN_IN: Final = "Nothing was taken in"
_PAUSED: Final = "Paused batches stay so until somebody resumes them one by one; `bursar resume` names them."
_NEXT: Final = "Compare with the services, then run `bursar restore --sign-off NAME`."


def run(options: Namespace) -> int:
    """The command."""
    first = NOT_TAKEN_IN if options.take_in else FAILED if options.sign_off is None else NOT_SIGNED
    done: dict[str, Any] = {}
    try:
        settings = load_settings(options)
        if (options.file is None) == (options.sign_off is None and not options.take_in):
            raise UsageError(
                "restore takes a FILE, or --take-in FILE …, or --sign-off NAME", hint="See bursar restore --help."
            )
        if options.file is not None:
            now = milliseconds(CLOCK.now())
            with unwinding():
                restored = copying.restore(Path(options.file), settings.database, now)
            done |= _tell(options, restored)
        if options.take_in:
            done["taken_in"] = asyncio.run(_taken_in(options, settings))
        if options.sign_off is not None:
            first = NOT_SIGNED
            done |= _tell_signed(options, asyncio.run(_signed(settings, _name("--sign-off", options.sign_off))))
    except BursarError as error:
        return output.failed(options.json, error, first, lambda why, status: {**failure(why, status), **done})
    if options.json:
        with output.if_heard():
            output.emit({**failure({}, 0), **done, "error": None})
    return 0


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """The JSON object when nothing was done."""
    return {
        "restored": False,
        "signed_off": False,
        "kept": None,
        "taken_in": [],
        "error": error,
        "exit_status": int(status),
    }


def _tell(options: Namespace, done: Restored) -> dict[str, Any]:
    found = done.proved
    output.report(
        f"The copy was proved and is the ledger now: {output.plural(found.batches, 'batch', 'batches')},"
        f" {output.plural(found.awards, 'award')}.",
        json_mode=options.json,
    )
    if done.kept is not None:
        output.report(f"The ledger that it replaces is kept as {done.kept}.", json_mode=options.json)
    output.report(f"It was {done.restoration.message}.", json_mode=options.json)
    output.report(
        "Take in the result files of the staff channel that are newer (`bursar restore --take-in FILE …`), compare with"
        f" the services, then run `bursar restore --sign-off NAME`. {_PAUSED}",
        json_mode=options.json,
    )
    return {"restored": True, "kept": None if done.kept is None else str(done.kept)}


def _tell_signed(options: Namespace, signed: bool) -> dict[str, Any]:
    said = f"Signed off: Bursar may send again. {_PAUSED}" if signed else "There was nothing to sign off."
    output.report(said, json_mode=options.json)
    return {"signed_off": signed}


async def _signed(settings: Settings, name: str) -> bool:
    async with driven(settings) as ledger:
        return await ledger.restorations.sign_off(name)


# --- result files ---------------------------------------------------------------------------------------------------


async def _taken_in(options: Namespace, settings: Settings) -> list[dict[str, Any]]:
    if options.programme is None:
        raise UsageError("--take-in needs --programme NAME: a result file does not say which programme it is of")
    actor = command_line_actor()
    if options.by is not None:
        actor = Actor(actor.id, _name("--by", options.by), None)
    files = [_file(options, Path(path)) for path in options.take_in]
    told = []
    async with driven(settings, begins=True) as ledger:
        providers = make_providers(settings, CLOCK)
        try:
            programmes = Programmes(settings.programmes(), providers.make)
            currency = options.currency or await _currency(ledger, programmes, options.programme)
            provider = programmes.provider(programmes.get(options.programme, currency=currency))
            taking_in = TakingIn(ledger, provider, CLOCK)
            for file in files:
                told.append(_tell_taken(options, file.name, await taking_in.take_in(file, actor)))
        finally:
            await providers.close()
        waits = await ledger.restorations.in_force() is not None
    output.report(f"Nothing was sent. {_NEXT}" if waits else "Nothing was sent.", json_mode=options.json)
    return told


def _file(options: Namespace, path: Path) -> HistoryFile:
    return HistoryFile(
        readable(path.name),
        b"".join(pieces(read_upload(path, FILE_MAX_BYTES))),
        duplicates=Duplicates(options.duplicates),
        amount=options.amount,
        recipient_column=options.recipient_column,
        amount_column=options.amount_column,
        label=options.label,
        same_numbers=None if options.numbers is None else options.numbers == "same",
    )


async def _currency(ledger: Ledger, programmes: Programmes, name: str) -> str | None:
    """What the servers chose, where they agree. Raises ``UsageError`` where they do not."""
    chosen = {
        str(currencies[name])
        for currencies in (await ledger.settings.everywhere("currencies")).values()
        if isinstance(currencies, dict) and name in currencies
    }
    if not chosen:
        return None
    own = programmes.get(name, currency=min(chosen)).destination
    known = {programme for programme in chosen if own.kind.traits.has_currencies}
    if len(known) > 1:
        raise UsageError(
            f"servers have chosen different currencies for {name}: {', '.join(sorted(known))}",
            hint="Say --currency ID.",
        )
    return min(known, default=None)


def _tell_taken(options: Namespace, name: str, done: TakenIn) -> dict[str, Any]:
    new = output.plural(done.paid + done.in_doubt, "award")
    told = {
        f"batch {done.batch_id} with {new}": done.batch_id is not None,
        f"{done.in_doubt:,} of them in doubt": done.in_doubt,
        f"{output.plural(done.updated, 'award')} known here brought up to date": done.updated,
        f"{output.plural(done.unchanged, 'award')} known already": done.unchanged,
        f"{output.plural(done.not_sent, 'row')} that {'was' if done.not_sent == 1 else 'were'} not paid": done.not_sent,
    }
    said = ", ".join(words for words, counts in told.items() if counts) or "no award"
    output.report(f"{name}: {said}.", json_mode=options.json)
    if done.apart:
        message = (
            f"{output.plural(done.apart, 'award')} of it are not those that this ledger has under the same numbers."
        )
        output.report(f"  {message}", json_mode=options.json)
    return {
        "file": name,
        "batch": None if done.batch_id is None else str(done.batch_id),
        "paid": done.paid,
        "in_doubt": done.in_doubt,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "not_sent": done.not_sent,
        "apart": done.apart,
    }


# --- common ---------------------------------------------------------------------------------------------------------


def _name(option: str, given: str) -> str:
    name = given.strip()
    if not name or not name.isprintable() or len(name) > 100:
        raise UsageError(f"{option} takes the name of a person, 1 to 100 characters")
    return name
