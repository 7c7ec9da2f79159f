"""Result files and exports of a lost ledger, read and taken in as history. Sends nothing and asks no service."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.amounts import parse_amount
from bot.domain.exported import Exported, of_programme
from bot.domain.intake import FileFacts, Held, ReadingOptions, original_records, read
from bot.domain.model import ACCEPTED_TYPES, Actor, Duplicates, Problem, Programme, Row, Unit
from bot.domain.quoting import quoted
from bot.domain.reporting import time_of
from bot.domain.states import COUNTS_AS_PAID, TAKEN_IN, AwardState
from bot.domain.testimony import FileTold, is_elsewhere, state_of, told_of
from bot.errors import UsageError
from bot.ledger.drafts import NewDraft
from bot.ledger.ledger import Ledger
from bot.ledger.testimonies import TakenIn
from bot.providers.base import Provider

GZIP: Final = b"\x1f\x8b"
FILE_MAX_BYTES: Final = 256_000_000
ROWS_MAX: Final = 10_000_000
"""A result file is longer than the upload that it tells of; these only keep a wrong file from filling the memory."""


@dataclass(frozen=True, slots=True)
class HistoryFile:
    """A result file, and how the upload behind it was read."""

    name: str
    content: bytes
    duplicates: Duplicates = Duplicates.SUM
    amount: str | None = None
    recipient_column: str | None = None
    amount_column: str | None = None
    label: str | None = None
    same_numbers: bool | None = None
    """Where this ledger went on by itself, and nothing else tells: whether the file's awards are those that it has
    under the same numbers."""


_Read = tuple[list[tuple[Row, AwardState, str]], dict[int, str], dict[int, int]]
_NOTHING: Final = ("", "", None)
_CORRECT: Final = "Correct the row, then take the file in again."


class TakingIn:
    """For one programme: a result file does not say which one it is of."""

    def __init__(self, ledger: Ledger, provider: Provider, clock: Clock) -> None:
        self._ledger = ledger
        self._provider = provider
        self._clock = clock

    async def take_in(self, file: HistoryFile, actor: Actor) -> TakenIn:
        """Record what the file tells, all of it or nothing. Raises ``UsageError`` for a file that is no result file or
        has a row that cannot be read, ``Refused`` for one that contradicts the ledger."""
        content = await asyncio.to_thread(_unpacked, file)
        exported = await asyncio.to_thread(_exported, file, content, self._provider.programme.name)
        recorded: Mapping[int, int] = {}
        each: Mapping[int, tuple[int, ...]] = {}
        if exported is not None:
            content, recorded = exported.content, exported.recorded
            each = _amounts(file, exported, self._provider.programme.unit)
        rows, not_sent, times = await asyncio.to_thread(self._read, file, content)
        targets = await self._targets([row for row, _, _ in rows])
        told = FileTold(told_of(rows, targets, file.duplicates, times, recorded, each), not_sent)
        programme = self._provider.programme
        new = NewDraft(
            source=TAKEN_IN,
            actor=actor,
            programme=programme.name,
            destination=programme.destination,
            reason=None,
            label=file.label,
            file_name=file.name,
            file_content=Held(content),
            file_sha256=hashlib.sha256(content).hexdigest(),
            parent_id=None,
            request={"duplicates": file.duplicates.value},
        )
        return await self._ledger.testimonies.take_in(new, told, same_numbers=file.same_numbers)

    def _read(self, file: HistoryFile, content: bytes) -> _Read:
        """Rows that became awards with their state and the file's words, the lines of which nothing was paid, and when
        each line became so."""
        reading = read(content, _options(file, self._provider.programme, milliseconds(self._clock.now())))
        if reading.facts is None:
            assert reading.refusal is not None  # one of the two
            raise UsageError(f"{file.name} cannot be read: {reading.refusal.message}")
        statuses = _statuses(file, content, reading.facts)
        rows: list[tuple[Row, AwardState, str]] = []
        not_sent: dict[int, str] = {}
        states = {line: _state(file, line, status) for line, (status, _, _) in statuses.items()}
        maybe_paid = {line for line, state in states.items() if state in COUNTS_AS_PAID}
        for entry in reading.entries():
            status, said, _ = statuses.get(entry.line, _NOTHING)
            state = states.get(entry.line)
            if not status:  # it stands above the header
                raise UsageError(_unreadable(file, entry), hint=_CORRECT)
            if state is None:
                not_sent[entry.line] = said or status
            elif isinstance(entry, Row):
                rows.append((entry, state, said))
                maybe_paid.discard(entry.line)
            elif state in COUNTS_AS_PAID:
                raise UsageError(_unreadable(file, entry), hint=_CORRECT)
        _refuse_contradictions(file, rows)
        if maybe_paid:
            why = "has no recipient or no amount"
            raise UsageError(f"row {min(maybe_paid)} of {file.name} was paid or may be, and {why}", hint=_CORRECT)
        return rows, not_sent, {line: at for line, (_, _, at) in statuses.items() if at is not None}

    async def _targets(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """What was sent for each recipient, as far as that can be told without asking anybody."""
        targets: dict[str, str] = {}
        pending = []
        for row in rows:
            try:
                target = self._provider.target(row.recipient)
            except ValueError:
                continue  # the customer map has changed since: the name stands for itself
            if target is None:
                pending.append(row.recipient.key)
            else:
                targets[row.recipient.key] = target
        account = self._provider.programme.destination.account
        age = self._clock.now()
        return {**targets, **(await self._ledger.members.known(account, pending, max_age_seconds=age))}


def _unpacked(file: HistoryFile) -> bytes:
    """The file as it was posted, or as it was before it was compressed for Discord."""
    if not file.content.startswith(GZIP):
        return file.content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(file.content)) as packed:
            content = packed.read(FILE_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise UsageError(f"{file.name} is compressed and cannot be unpacked") from None
    if len(content) > FILE_MAX_BYTES:
        raise UsageError(f"{file.name} is too large once it is unpacked")
    return content


def _amounts(file: HistoryFile, exported: Exported, unit: Unit) -> Mapping[int, tuple[int, ...]]:
    try:
        return {line: tuple(parse_amount(one, unit) for one in each) for line, each in sorted(exported.amounts.items())}
    except ValueError as error:
        raise UsageError(f"{file.name} is an export, and what it says of rows cannot be read: {error}") from None


def _exported(file: HistoryFile, content: bytes, programme: str) -> Exported | None:
    try:
        exported = of_programme(content, programme)
    except ValueError as error:
        raise UsageError(f"{file.name} is an export, and {error}") from None
    if exported is not None and not exported.recorded:
        raise UsageError(f"{file.name} is an export without awards of {programme}")
    return exported


def _options(file: HistoryFile, programme: Programme, now: int) -> ReadingOptions:
    amount = None
    if file.amount is not None:
        try:
            amount = parse_amount(file.amount, programme.unit)
        except ValueError as error:
            raise UsageError(f"the amount {file.amount} cannot be used: {error}") from error
    return ReadingOptions(
        unit=programme.unit,
        now_ms=now,
        max_rows=ROWS_MAX,
        max_bytes=FILE_MAX_BYTES,
        accepts=ACCEPTED_TYPES[programme.kind],
        amount=amount,
        recipient_column=file.recipient_column,
        amount_column=file.amount_column,
    )


def _statuses(file: HistoryFile, content: bytes, facts: FileFacts) -> dict[int, tuple[str, str, int | None]]:
    """By line: status, words and time."""
    places = {re.sub(r"[\s_\-]+", "", name).casefold(): index for index, name in enumerate(facts.columns)}
    if "status" not in places:
        raise UsageError(
            f"{file.name} has no column “status”, so it is no result file",
            hint="Result files are attached to the last message of each batch, batch-12-result.csv; a CSV with the"
            " same columns, written by hand, will do, too, and so does what `bursar export --format csv` wrote.",
        )
    status, detail, time = places["status"], places.get("detail"), places.get("time")
    return {
        line: (_cell(cells, status), _cell(cells, detail), time_of(_cell(cells, time)))
        for line, cells in original_records(content, facts)
    }


def _state(file: HistoryFile, line: int, status: str) -> AwardState | None:
    try:
        return state_of(status)
    except ValueError:
        known = ", ".join((*AwardState, "not sent", "no award"))
        has = f"has the status {quoted(status)}, which no result file has" if status else "has no status in its column"
        raise UsageError(
            f"row {line} of {file.name} {has}",
            hint=f"Use one of {known}, then take the file in again.",
        ) from None


def _cell(cells: Sequence[str], index: int | None) -> str:
    return " ".join(cells[index].split())[:200] if index is not None and index < len(cells) else ""


def _refuse_contradictions(file: HistoryFile, rows: Sequence[tuple[Row, AwardState, str]]) -> None:
    """Rows of one award are one award, and it is in one state."""
    first: dict[int, tuple[int, AwardState]] = {}
    for row, state, said in rows:
        if row.award_id is None or is_elsewhere(said, row.award_id):
            continue
        line, is_state = first.setdefault(row.award_id, (row.line, state))
        if state is not is_state:
            raise UsageError(
                f"rows {line} and {row.line} of {file.name} are of award {row.award_id}, and one says"
                f" {is_state.value}, the other {state.value}",
                hint=_CORRECT,
            )


def _unreadable(file: HistoryFile, entry: Row | Problem) -> str:
    said = f"row {entry.line} of {file.name} was paid or may be, and cannot be read"
    if isinstance(entry, Row):
        return said
    return f"{said}{f', column {entry.column}' if entry.column else ''}: {entry.message}"
