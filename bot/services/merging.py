"""Rows for one recipient put together as the moderator chose: when a file is read, and again when look-ups told who is
who."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bot.domain.drafting import AddedUp, StagedRow
from bot.domain.model import Award, Duplicates, Notice, Problem, Unit
from bot.domain.planning import merge_duplicates
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.services import records
from bot.services.rules import Limits

DUPLICATE: Final = "duplicate"


@dataclass(frozen=True, slots=True)
class Choosing:
    """The choice about duplicates, and what the sums are judged by."""

    duplicates: Duplicates
    unit: Unit
    max_award: int | None


async def merge_staged(ledger: Ledger, draft_id: int, choosing: Choosing) -> tuple[Notice, ...]:
    """Apply the choice about duplicates to what is staged.

    Rows that continue one award are that award again, whatever the choice. Rows that continue different awards, or
    none, are never merged: once such a file is partly paid, the rows that are left have to be known again. Nor are
    rows added up that were paid lately, for in a sum nobody would find them: last week's rows with this week's below.
    Rows that were one award lately become that award again, for the same reason.

    Sums can be made in two steps; *once* and *refuse* judge a group as a whole, and wait until everybody is looked up.
    """
    groups = await ledger.drafts.duplicate_groups(draft_id)
    in_steps = choosing.duplicates in (Duplicates.SUM, Duplicates.APART)
    if not groups or not (in_steps or (await ledger.drafts.totals(draft_id)).pending == 0):
        return ()
    # Every row of a file may be among them: nothing walks through them on the event loop.
    award_ids = await asyncio.to_thread(_continues, groups)
    continued = await ledger.queries.awards_by_id(award_ids) if award_ids else {}
    paid = await _paid_lately(ledger, draft_id, groups) if choosing.duplicates is Duplicates.SUM else _Paid()
    plan = await asyncio.to_thread(_planned, groups, choosing.duplicates, continued, paid)
    warnings: list[Notice] = []
    for policy, together in plan.together.items():
        merged = await asyncio.to_thread(merge_duplicates, together, policy, choosing.unit, choosing.max_award)
        if merged.removed_lines:
            await ledger.drafts.replace(draft_id, merged.removed_lines, merged.rows, merged.problems, merged.left_out)
        warnings.extend(merged.warnings)
    return (*warnings, *_kept_apart(plan.apart), *_not_added_up(plan.left))


@dataclass(frozen=True, slots=True)
class _Paid:
    """What the recipients of several rows got lately."""

    lines: Collection[int] = frozenset()
    """Rows that an award is the same as."""
    added_up: Mapping[int, Sequence[AddedUp]] = field(default_factory=dict)
    """Awards of several rows, by a row of their recipient."""

    def parted(self, group: Sequence[StagedRow], rows: Sequence[StagedRow]) -> _Parted:
        """``rows``: of the group, by line, what may be put together."""
        awards = {one.award_id: one for row in group for one in self.added_up.get(row.line, ())}
        left = sorted(awards.values(), key=lambda one: (-one.rows, one.award_id))
        rest = list(rows)
        runs = _take_runs(rest, left)
        alone = [row for row in rest if row.line in self.lines]
        rest = [row for row in rest if row.line not in self.lines]
        # Rows that were added up may have had others between them that are known by themselves.
        return _Parted([*runs, *_take_runs(rest, left)], alone, rest)


class _Parted(NamedTuple):
    """Rows of one recipient, by what was paid lately."""

    runs: Sequence[Sequence[StagedRow]]
    """Neighbours that were one award."""
    alone: Sequence[StagedRow]
    """Rows that an award is the same as."""
    rest: Sequence[StagedRow]


def _take_runs(rest: list[StagedRow], awards: list[AddedUp]) -> list[Sequence[StagedRow]]:
    """Take the rows that were one award out of the rest, and those awards out of the list."""
    runs: list[Sequence[StagedRow]] = []
    for award in list(awards):
        run = _run_of(rest, award)
        if run is not None:
            runs.append(rest[run])
            del rest[run]
            awards.remove(award)
    return runs


def _run_of(rows: Sequence[StagedRow], award: AddedUp) -> slice | None:
    """Where as many neighbouring rows as the award had are worth what it was."""
    start = lines = amount = 0
    for end, row in enumerate(rows, start=1):
        lines += len(row.lines or (row.line,))
        amount += row.amount
        while lines > award.rows:
            lines -= len(rows[start].lines or (rows[start].line,))
            amount -= rows[start].amount
            start += 1
        if (lines, amount) == (award.rows, award.amount):
            return slice(start, end)
    return None


async def _paid_lately(ledger: Ledger, draft_id: int, groups: Sequence[Sequence[StagedRow]]) -> _Paid:
    first = await asyncio.to_thread(_first_of_each_name, groups)
    return _Paid(await ledger.drafts.paid_lately(draft_id), await ledger.drafts.added_up_lately(draft_id, first))


def _first_of_each_name(groups: Sequence[Sequence[StagedRow]]) -> list[int]:
    """One line for each way in which a recipient is named."""
    return [line for group in groups for line in {row.recipient.key: row.line for row in group}.values()]


@dataclass(slots=True)
class _Plan:
    """What is put together."""

    together: dict[Duplicates, list[Sequence[StagedRow]]] = field(default_factory=dict)
    """Rows of one recipient, by how."""
    apart: list[int] = field(default_factory=list)
    """Lines of recipients whose rows continue different awards, or none."""
    left: list[int] = field(default_factory=list)
    """Lines that were paid lately."""

    def put_together(self, policy: Duplicates, rows: Sequence[StagedRow]) -> None:
        if len(rows) > 1:
            self.together.setdefault(policy, []).append(rows)


def _planned(
    groups: Sequence[Sequence[StagedRow]],
    duplicates: Duplicates,
    continued: Mapping[int, Award],
    paid: _Paid,
) -> _Plan:
    plan = _Plan()
    for group in groups:
        parts = {None: group} if duplicates is Duplicates.REFUSE else _by_continued(group)
        if len(parts) > 1:
            plan.apart.extend(row.line for row in group)
        for continues, part in parts.items():
            if continues is not None:
                plan.put_together(_as_it_was(continued[continues], part), part)
                continue
            parted = paid.parted(group, part)
            for run in parted.runs:
                plan.put_together(duplicates, run)
                plan.left.extend(row.line for row in run if len(run) < len(part))
            plan.left.extend(row.line for row in parted.alone)
            plan.put_together(duplicates, parted.rest)
    return plan


async def merge_resolved(ledger: Ledger, draft: Draft, limits: Limits) -> None:
    """What ``merge_staged`` did when the file was read, for rows that turned out to be one recipient since.

    To be called when nothing is pending any more; a second call changes nothing. An undo takes back award by award,
    whoever got several.
    """
    if draft.source == "undo":
        return
    asked = Duplicates(str(draft.request.get("duplicates", Duplicates.SUM.value)))
    choosing = Choosing(asked, draft.destination.unit, limits.max_award)
    notices = await merge_staged(ledger, draft.id, choosing)
    await _part(ledger, draft.id)
    if not notices:
        return
    told = {line for one in notices for line in one.lines}
    before = [
        one for one in records.warnings_from(draft.summary) if one.kind != DUPLICATE or not told >= set(one.lines)
    ]
    await ledger.drafts.update(draft.id, summary=records.with_warnings(draft.summary, (*before, *notices)))


async def _part(ledger: Ledger, draft_id: int) -> None:
    """Rows of one award that turned out to be different recipients: only the first may continue it."""
    rows = await ledger.drafts.continuing_together(draft_id)
    first: dict[int | None, int] = {}
    others = [row for row in rows if first.setdefault(row.continues, row.line) != row.line]
    problems = [repeated_award(line, row.continues) for row in others for line in row.lines or (row.line,)]
    if others:
        await ledger.drafts.replace(draft_id, [row.line for row in others], (), problems)


def repeated_award(line: int, award_id: int | None) -> Problem:
    """The problem of a row that continues an award for somebody else than an earlier row does."""
    message = (
        f"another row for another recipient already continues award {award_id}; "
        "clear the award_id cell to send this row as a new one"
    )
    return Problem(line, "award_id", "repeated-award", message)


def _continues(groups: Sequence[Sequence[StagedRow]]) -> list[int]:
    return sorted({row.continues for group in groups for row in group if row.continues is not None})


def _by_continued(group: Sequence[StagedRow]) -> Mapping[int | None, Sequence[StagedRow]]:
    parts: dict[int | None, list[StagedRow]] = {}
    for row in group:
        parts.setdefault(row.continues, []).append(row)
    return parts


def _as_it_was(award: Award, part: Sequence[StagedRow]) -> Duplicates:
    """How the lines of one award became it: paid once where each of them says the award's amount, else their sum."""
    return Duplicates.ONCE if all(row.amount == award.amount for row in part) else Duplicates.SUM


def _not_added_up(lines: Sequence[int]) -> tuple[Notice, ...]:
    if not lines:
        return ()
    message = (
        "rows that an award of the last 30 days has already are not added to others of their recipient, so they can be"
        " left out"
    )
    return (Notice(DUPLICATE, message, tuple(sorted(lines))),)


def _kept_apart(lines: Sequence[int]) -> tuple[Notice, ...]:
    if not lines:
        return ()
    message = "rows for one recipient that continue different awards, or none, stay awards of their own"
    return (Notice(DUPLICATE, message, tuple(sorted(lines))),)
