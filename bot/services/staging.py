"""Reading a file, or a list of members, into the rows of a draft. Parsing happens in a worker thread, in slices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from bot.domain.amounts import canonical, display
from bot.domain.drafting import LeftOut, StagedRow
from bot.domain.intake import Content, Ending, Reading, ReadingOptions, read
from bot.domain.judging import goes_by_credential
from bot.domain.model import (
    Actor,
    Award,
    Duplicates,
    Notice,
    Problem,
    Programme,
    Recipient,
    RecipientType,
    Row,
    Unit,
)
from bot.domain.states import COUNTS_AS_PAID, AwardState
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.merging import Choosing, merge_staged, repeated_award
from bot.services.rules import Limits

SLICE_ROWS: Final = 1000
"""Rows a slice: a worker thread is left, and SQL is committed, every so many rows."""

SELF_AWARD: Final = "you may not award yourself; ask somebody else to do it"
CLEAR_THE_CELL: Final = "clear the award_id cell to send this row as a new award"

_NO_AWARD_OF: Final[Mapping[str, str]] = {
    "nothing-to-pay": "nothing to pay: the amount is blank or zero",
    "control-total": "read as the file's own total",
}
"""What a result file says of the rows of a notice that become no award."""

EVER: Final = 100 * 366 * 24 * 3600
"""Seconds that are longer than any ledger."""

MEMBER_AGE_MAX_SECONDS: Final = 7 * 24 * 3600
"""A member found at Drip is looked up again after a week: people leave, and link other accounts."""


class _Named(NamedTuple):
    """What a row's award_id stands for."""

    newest: Award
    """The last award that continues it; itself where none does."""
    taken_back_by: int | None
    """The batch that took that one back."""


class _Judged(NamedTuple):
    """A slice of a file, ready to be stored."""

    rows: Sequence[StagedRow]
    problems: Sequence[Problem]
    paid: Sequence[LeftOut]


@dataclass(slots=True)
class Stager:
    """Turns good rows into staged ones for one draft and one person."""

    ledger: Ledger
    provider: Provider
    actor: Actor
    limits: Limits
    draft_id: int
    again: Mapping[int, Award] = field(default_factory=dict)
    """Awards of several lines that are staged once more, by the line of their row."""
    paid_lines: list[LeftOut] = field(default_factory=list)
    """Lines that continue an award which is paid or under way; they are never sent from here."""
    continued: dict[int, str] = field(default_factory=dict)
    """Awards that rows continue, with the key of the first such row."""
    found: dict[str, str] = field(default_factory=dict)
    """Members by the names of rows whose award was added up of several, as they were looked up, however long ago."""
    untold: dict[int, list[int]] = field(default_factory=dict)
    """Of an award that took up another one: what its rows say that no row of the file stands for so far."""

    async def stage(self, entries: Sequence[Row | Problem]) -> None:
        """Judge a slice and store it."""
        await self.store(await self.judge(entries))

    async def judge(self, entries: Sequence[Row | Problem]) -> _Judged:
        """What a slice comes to. One slice after the other, in the order of their lines."""
        awards = await self._awards(entries)
        already = len(self.paid_lines)
        staged, problems = await asyncio.to_thread(self._sorted, entries, awards)
        if self.provider.needs_lookup:
            staged = await self._with_known_members(staged)
        return _Judged(staged, problems, self.paid_lines[already:])

    async def store(self, judged: _Judged) -> None:
        """Add it to the draft."""
        await self.ledger.drafts.stage(self.draft_id, *judged)

    async def _awards(self, entries: Sequence[Row | Problem]) -> Mapping[int, _Named]:
        award_ids = [row.award_id for row in entries if isinstance(row, Row) and row.award_id is not None]
        if not award_ids:
            return {}
        newest = await self.ledger.queries.continued(award_ids, self.actor.server_id)
        back = await self.ledger.queries.taken_back([award.id for award in newest.values()])
        await self._find_names(entries, newest)
        return {award_id: _Named(award, back.get(award.id)) for award_id, award in newest.items()}

    async def _find_names(self, entries: Sequence[Row | Problem], newest: Mapping[int, Award]) -> None:
        """Look up in the ledger whom rows mean that may be one of several names of an award's recipient."""
        named = [(row, newest.get(row.award_id or 0)) for row in entries if isinstance(row, Row)]
        keys = [row.recipient.key for row, award in named if award is not None and len(award.lines) > 1]
        if keys and self.provider.needs_lookup:
            account = self.provider.programme.destination.account
            self.found |= await self.ledger.members.known(account, keys, max_age_seconds=EVER)

    def _sorted(
        self, entries: Sequence[Row | Problem], awards: Mapping[int, _Named]
    ) -> tuple[list[StagedRow], list[Problem]]:
        """What may be sent, and what may not and why. Off the event loop: a slice takes a hundredth of a second."""
        staged: list[StagedRow] = []
        problems: list[Problem] = []
        for entry in entries:
            verdict = self._judge(entry, awards) if isinstance(entry, Row) else entry
            if isinstance(verdict, Problem):
                problems.append(verdict)
            elif verdict is not None:
                staged.append(verdict)
        return staged, problems

    def _judge(self, row: Row, awards: Mapping[int, _Named]) -> StagedRow | Problem | None:
        continues = None
        if row.award_id is not None:
            if row.award_id not in awards:
                return _unknown_award(row)
            award, taken_back_by = awards[row.award_id]
            if award.reverses is not None:
                return _reversal(row, award)
            if award.state is AwardState.WRITTEN_OFF:
                return _written_off(row)
            if award.state in COUNTS_AS_PAID:
                if not self._has(award, row):
                    return _other_award(row, award)
                if taken_back_by is not None:
                    return _taken_back(row, taken_back_by)
                self.paid_lines.append(LeftOut(row.line, "", award.id))
                return None
            first = self.continued.setdefault(award.id, row.recipient.key)
            if first != row.recipient.key and not (len(award.lines) > 1 and self._is_of(row, award)):
                return repeated_award(row.line, award.id)
            continues = award.id
        if not self.limits.may_award_self and self._is_self_award(row):
            return Problem(row.line, None, "self-award", SELF_AWARD)
        try:
            target = self.provider.target(row.recipient)
        except ValueError as error:
            return Problem(row.line, None, "wrong-type", str(error))
        staged = StagedRow(row.line, None, row.recipient, target, row.amount, row.reason, continues)
        again = self.again.get(row.line) if self.again else None
        return staged if again is None else staged._replace(lines=again.lines, amounts=again.amounts)

    def _has(self, award: Award, row: Row) -> bool:
        """Whether an award is of this row. One that took up the row's own award may be of some of its rows only, or
        have been corrected: then each of its rows is one row of the file, and what is left over was not paid by it."""
        if not self._is_of(row, award) or not _is_amount_of(row, award):
            return False
        if award.id == row.award_id or (award.amounts is None and len(award.lines) > 1):
            return True
        untold = self.untold.setdefault(award.id, list(award.amounts or (award.amount,)))
        if row.amount in untold:
            untold.remove(row.amount)
        elif row.amount == award.amount and len(untold) == len(award.lines):
            untold.clear()  # an export has all of its rows in one
        else:
            return False
        return True

    def _is_of(self, row: Row, award: Award) -> bool:
        """Whether the row names the award's recipient, in whatever way. The rows of a merged award may each have named
        them in another one, which was looked up then."""
        if row.recipient.key == award.recipient.key:
            return True
        if not self.provider.programme.kind.traits.names_people:
            return False
        try:
            target = self.provider.target(row.recipient)
        except ValueError:
            return False
        if target is None and len(award.lines) > 1:
            target = self.found.get(row.recipient.key)
        return target is not None and target == award.target

    def _is_self_award(self, row: Row) -> bool:
        who = row.recipient
        return row.amount > 0 and who.type is RecipientType.DISCORD_ID and who.value == self.actor.id

    async def _with_known_members(self, rows: Sequence[StagedRow]) -> list[StagedRow]:
        pending = [row.recipient.key for row in rows if row.target is None]
        if not pending:
            return list(rows)
        account = self.provider.programme.destination.account
        cached = await self.ledger.members.known(account, pending, max_age_seconds=MEMBER_AGE_MAX_SECONDS)
        # Whom the settings have made a place of the operator's since is looked up again, which says so.
        known = {key: target for key, target in cached.items() if self._is_taken(target)}
        return [
            row if row.target is not None or row.recipient.key not in known else _with_target(row, known)
            for row in rows
        ]

    def _is_taken(self, target: str) -> bool:
        """Whether the provider still pays a member that was found earlier."""
        if goes_by_credential(target):
            return True
        try:
            self.provider.target(Recipient(RecipientType.DRIP_ID, target))
        except ValueError:
            return False
        return True


def _with_target(row: StagedRow, known: Mapping[str, str]) -> StagedRow:
    return row._replace(target=known[row.recipient.key])


@dataclass(frozen=True, slots=True)
class FileRead:
    """What reading a whole file gave."""

    reading: Reading
    ending: Ending
    warnings: tuple[Notice, ...]


async def stage_file(stager: Stager, content: Content, options: ReadingOptions, duplicates: Duplicates) -> FileRead:
    """Read ``content`` into the stager's draft, merge duplicates, and say what was found."""
    reading = await asyncio.to_thread(read, content, options)
    entries: Iterator[Row | Problem] = iter(()) if reading.refusal else reading.entries()
    # One thing after the other: reading ahead while a slice is stored takes as long, since two threads that both want
    # the interpreter hinder each other as much as they overlap, and makes the event loop wait longer.
    while (judged := await _next_judged(stager, entries)) is not None:
        await stager.store(judged)
    ending = await asyncio.to_thread(reading.finish)
    refused = reading.refusal or ending.refusal
    choosing = Choosing(duplicates, options.unit, options.max_award)
    merged = () if refused else await merge_staged(stager.ledger, stager.draft_id, choosing)
    # These may be every line of the file, so they are listed in a thread, too.
    await stager.ledger.drafts.stage(stager.draft_id, (), (), await asyncio.to_thread(_without_award, ending.warnings))
    paid = await asyncio.to_thread(_already_paid, stager.paid_lines)
    return FileRead(reading, ending, (*ending.warnings, *merged, *paid))


def _without_award(notices: Sequence[Notice]) -> list[LeftOut]:
    return [
        LeftOut(line, _NO_AWARD_OF[notice.kind])
        for notice in notices
        if notice.kind in _NO_AWARD_OF
        for line in notice.lines
    ]


def _is_amount_of(row: Row, award: Award) -> bool:
    """An export has what the award is worth, a result file what each of its rows says."""
    if row.amount == award.amount:
        return True
    return len(award.lines) > 1 if award.amounts is None else row.amount in award.amounts


async def _next_judged(stager: Stager, entries: Iterator[Row | Problem]) -> _Judged | None:
    part = await asyncio.to_thread(_next_slice, entries)
    return await stager.judge(part) if part else None


def _next_slice(entries: Iterator[Row | Problem]) -> list[Row | Problem]:
    return list(islice(entries, SLICE_ROWS))


def _unknown_award(row: Row) -> Problem:
    message = f"there is no award {row.award_id} here; clear the award_id cell to send the row as a new one"
    return Problem(row.line, "award_id", "unknown-award", message)


def _other_award(row: Row, award: Award) -> Problem:
    """The row names an award that is paid, or may be, and that was not made of it."""
    message = f"award {award.id} is somebody else's, or of another amount; "
    if award.id != row.award_id:
        message = f"award {row.award_id} was sent again as award {award.id}, which does not have this row; "
    message += CLEAR_THE_CELL
    return Problem(row.line, "award_id", "other-award", message)


def _taken_back(row: Row, by: int) -> Problem:
    message = f"award {row.award_id} was taken back in batch {by}, so it is not paid any more; " + CLEAR_THE_CELL
    return Problem(row.line, "award_id", "taken-back", message)


def _reversal(row: Row, award: Award) -> Problem:
    message = f"award {row.award_id} took award {award.reverses} back; only /batch undo sends that again"
    return Problem(row.line, "award_id", "reversal", message)


def _written_off(row: Row) -> Problem:
    message = f"award {row.award_id} was written off: it may have been paid after all; look, or " + CLEAR_THE_CELL
    return Problem(row.line, "award_id", "written-off", message)


def _already_paid(left_out: Sequence[LeftOut]) -> tuple[Notice, ...]:
    if not left_out:
        return ()
    rows, whose = ("1 row is", "its") if len(left_out) == 1 else (f"{len(left_out):,} rows are", "their")
    message = f"{rows} paid, under way or in doubt by {whose} award_id and not sent again"
    return (Notice("already-awarded", message, tuple(one.line for one in left_out)),)


def within_limit(rows: Sequence[Row], programme: Programme, limits: Limits) -> list[Row | Problem]:
    """Rows that did not come from a file, judged as one would be: above the limit, or nothing to pay, is a problem."""
    return [_limit_problem(row, programme.unit, limits) or row for row in rows]


def _limit_problem(row: Row, unit: Unit, limits: Limits) -> Problem | None:
    if row.amount == 0:
        return Problem(row.line, None, "nothing-to-pay", "the amount is 0, so there is nothing to pay")
    if limits.max_award is None or abs(row.amount) <= limits.max_award:
        return None
    limit = display(limits.max_award, unit)
    message = f"{canonical(row.amount, unit)} is above the limit of {limit} for one award; lower it or have it raised"
    return Problem(row.line, None, "over-limit", message)


def member_rows(members: Sequence[tuple[str, int]]) -> list[Row]:
    """Discord ids with amounts as rows 1, 2, 3, …"""
    return [
        Row(number, Recipient(RecipientType.DISCORD_ID, discord_id), amount)
        for number, (discord_id, amount) in enumerate(members, start=1)
    ]
