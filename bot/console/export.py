"""``export``: the ledger's awards as CSV or as JSON, one line each. Reads only, also beside a running bot."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.console import output
from bot.console.session import CLOCK, load_settings
from bot.domain.amounts import canonical
from bot.domain.jsonable import time_json
from bot.domain.model import Award, Batch
from bot.domain.reporting import safe_cell
from bot.errors import NotFound, UsageError
from bot.ledger.ledger import Ledger
from bot.settings import Settings

FAILED: Final = "Nothing was exported"

COLUMNS: Final = (
    "batch",
    "award",
    "line",
    "lines",
    "programme",
    "recipient_type",
    "recipient_value",
    "recipient_source",
    "amount",
    "state",
    "attempts",
    "detail",
    "target",
    "reason",
    "balance",
    "continues",
    "changed_at",
    "recorded_at",
    "by",
    "label",
    "line_amounts",
)
Record = Mapping[str, Any]


def run(options: Namespace) -> int:
    """The command."""
    settings = load_settings(options)
    as_json = options.json or options.format == "json"
    if options.json and options.format == "csv":
        raise UsageError("--json and --format csv contradict each other")
    asyncio.run(_export(settings, _batch_id(options.batch), _JsonLines() if as_json else _Csv()))
    return 0


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """What stands in the place of the awards when there is no ledger to read."""
    return {"error": error, "exit_status": int(status)}


def _batch_id(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UsageError("--batch takes a batch's number")
    return int(text)


class _JsonLines:
    """One object a line, values as they are."""

    def begin(self) -> None:
        """JSON lines have no header."""

    def write(self, record: Record) -> None:
        output.put(json.dumps(record, ensure_ascii=False) + "\n")


class _Csv:
    """A header and one line an award, safe to open in a spreadsheet."""

    def begin(self) -> None:
        self._line(COLUMNS)

    def write(self, record: Record) -> None:
        cells = [" ".join(map(str, value)) if isinstance(value, list) else value for value in record.values()]
        self._line(["" if cell is None else safe_cell(str(cell)) for cell in cells])

    def _line(self, cells: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(cells)
        output.put(line.getvalue())


async def _export(settings: Settings, batch_id: int | None, writer: _JsonLines | _Csv) -> None:
    ledger = await Ledger.read(settings.database, CLOCK)
    try:
        batches: dict[int, Batch] = {}
        if batch_id is not None:
            batches[batch_id] = await _batch(ledger, batch_id)
        writer.begin()
        async for awards in ledger.queries.awards(batch_id):
            for award in awards:
                if award.batch_id not in batches:
                    batches[award.batch_id] = await ledger.queries.batch(award.batch_id, None)
                writer.write(_record(award, batches[award.batch_id]))
    finally:
        await ledger.close()


async def _batch(ledger: Ledger, batch_id: int) -> Batch:
    try:
        return await ledger.queries.batch(batch_id, None)
    except NotFound as error:
        raise NotFound(error.message, hint="Without --batch every award of the ledger is exported.") from None


def _record(award: Award, batch: Batch) -> Record:
    unit = batch.destination.unit
    values = (
        str(batch.id),
        str(award.id),
        award.line,
        list(award.lines),
        batch.programme,
        award.recipient.type.value,
        award.recipient.value,
        award.recipient.source,
        canonical(award.amount, unit),
        award.state.value,
        award.attempts,
        award.detail,
        award.target,
        award.reason if award.reason is not None else batch.reason,
        None if award.balance is None else canonical(award.balance, unit),
        None if award.continues is None else str(award.continues),
        time_json(award.changed_at),
        time_json(batch.recorded_at),
        batch.actor.name,
        batch.label,
        None if award.amounts is None else [canonical(one, unit) for one in award.amounts],
    )
    return dict(zip(COLUMNS, values, strict=True))
