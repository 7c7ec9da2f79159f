"""``verify``: proves the ledger consistent and unaltered, or names the first bad record. Only reads.

With a receipt's code it shows that receipt's place in the history; with an earlier head it proves that the history
still has it.
"""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from dataclasses import asdict, dataclass
from typing import Final

from bot.console import output
from bot.console.exits import Exit
from bot.console.preview import amount_words
from bot.console.session import CLOCK, load_settings
from bot.domain.amounts import canonical
from bot.domain.codes import read_code
from bot.domain.jsonable import Json, time_json
from bot.domain.model import Award, Unit
from bot.errors import BursarError, NotFound, UsageError
from bot.ledger import events, verifying
from bot.ledger.ledger import Ledger
from bot.ledger.receipts import Entry, Place
from bot.ledger.verifying import Verified
from bot.services.receipts import Receipts, no_such_row
from bot.settings import Settings

FAILED: Final = "Nothing was verified"
_HEAD: Final = re.compile(r"[0-9a-fA-F]{16,64}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was found out."""

    ledger: Verified
    place: Place | None = None
    """Of the code that was given."""
    awards: tuple[Award, ...] = ()
    """Of the row that the code names."""
    unit: Unit = Unit.POINTS
    head: Entry | None = None
    """The entry whose hash the given head is."""
    missing: str | None = None
    """What was asked for and is not there, as a sentence."""


def run(options: Namespace) -> int:
    """The command."""
    try:
        asked = asyncio.run(_asked(load_settings(options), options.code, _head_of(options)))
    except BursarError as error:
        return output.failed(options.json, error, FAILED, failure)
    status = Exit.DONE if asked.ledger.bad is None and asked.missing is None else Exit.BAD_ROWS
    if options.json:
        output.emit({**_json(asked), "error": None, "exit_status": int(status)})
    for line in told(asked.ledger):
        output.say(line, json_mode=options.json)
    for line in _told_more(asked):
        output.say(line, json_mode=options.json)
    return status


def failure(error: Json, status: int) -> Json:
    """The JSON object when there is no ledger that could be read."""
    return {**_json(_Asked(Verified())), "ok": False, "error": error, "exit_status": int(status)}


def told(found: Verified) -> list[str]:
    """The verdict in sentences."""
    if found.bad is not None:
        return [
            f"The ledger does NOT verify. First bad record: {found.bad.record}: {output.sentence(found.bad.problem)}",
            "Keep the file as it is, stop the bot, and compare with a backup (`bursar restore` proves one before use).",
        ]
    entries = output.plural(found.events, "entry", "entries")
    lines = [
        f"The ledger {found.ledger_id} is consistent and unaltered: {output.plural(found.batches, 'batch', 'batches')},"
        f" {output.plural(found.awards, 'award')}, {entries} in its history.",
        f"Head of the history: {found.head}",
    ]
    if found.blanked:
        lines.append(f"The words of {output.plural(found.blanked, 'entry', 'entries')} were blanked on request.")
    return lines


def _told_more(asked: _Asked) -> list[str]:
    lines = []
    if asked.place is not None:
        recorded = asked.place.recorded
        lines.append(
            f"Receipt {asked.place.code} is of batch {asked.place.batch_id}: entry {recorded.seq:,} of the history,"
            f" {events.moment(recorded.at)}, hash {recorded.hash}."
        )
        lines += [_award_line(award, asked.unit) for award in asked.awards]
    if asked.head is not None:
        lines.append(
            f"The head is entry {asked.head.seq:,} of this history, of {events.moment(asked.head.at)}: nothing up to it"
            " was cut off or rewritten since."
        )
    return lines if asked.missing is None else [*lines, asked.missing]


def _award_line(award: Award, unit: Unit) -> str:
    whom = f"{award.recipient.type} {award.recipient.value}"
    amount = amount_words(canonical(award.amount, unit), unit)
    return f"Its row is award {award.id}: {amount} to {whom}, {award.state}."


def _json(asked: _Asked) -> Json:
    receipt = None
    if asked.place is not None:
        code, batch = str(asked.place.code), str(asked.place.batch_id)
        awards = [str(award.id) for award in asked.awards]
        receipt = {"code": code, "batch": batch, "awards": awards, **_entry_json(asked.place.recorded)}
    head = None if asked.head is None else _entry_json(asked.head)
    found = verifying.as_json(asked.ledger)
    return {**found, "ok": found["ok"] and asked.missing is None, "receipt": receipt, "known_head": head}


def _entry_json(entry: Entry) -> Json:
    return {**asdict(entry), "at": time_json(entry.at)}


def _head_of(options: Namespace) -> str | None:
    if options.head is None or _HEAD.fullmatch(options.head):
        return str(options.head).lower() if options.head else None
    raise UsageError("--head takes 16 to 64 hexadecimal digits of a head that was printed or posted earlier")


async def _asked(settings: Settings, code: str | None, head: str | None) -> _Asked:
    ledger = await Ledger.read(settings.database, CLOCK)
    try:
        if code is not None:
            _check(code)
        found = await verifying.verify(ledger.database)
        if found.bad is not None:
            return _Asked(found)  # nothing that it says about a receipt proves anything
        place = known = None
        awards: tuple[Award, ...] = ()
        unit = Unit.POINTS
        missing = []
        if code is not None:
            try:
                receipts = Receipts(ledger)
                receipt = await receipts.find(code, None)
                awards = tuple(await receipts.awards(receipt, member=None))
                unit = receipt.batch.destination.unit
                if awards or receipt.code.line is None:
                    place = await receipts.place(receipt)
                else:
                    missing.append(output.sentence(no_such_row(receipt).message.capitalize()))
            except NotFound:
                missing.append(f"No batch of this ledger has the receipt {code}. Compare it letter by letter.")
        if head is not None:
            known = await ledger.receipts.entry_of(head)
            if known is None:
                missing.append(
                    "That head is NOT in this history: entries were cut off or rewritten since it was made, this is an"
                    " older copy, or it is another ledger."
                )
        return _Asked(found, place, awards, unit, known, " ".join(missing) or None)
    finally:
        await ledger.close()


def _check(code: str) -> None:
    try:
        read_code(code)
    except ValueError as error:
        raise UsageError(str(error)) from error
