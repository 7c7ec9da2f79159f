"""Rows for one recipient put together as the moderator chose: when a file is read, and again when look-ups told who is
who."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.domain.amounts import LARGEST
from bot.domain.drafting import StagedRow
from bot.domain.model import Award, Duplicates, Notice, Problem, Unit
from bot.domain.planning import Merged, merge_duplicates
from bot.domain.repeats import Earlier, award_of, covered, is_once, rows_of
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
    """Apply the choice about duplicates to what is staged. A second call changes nothing, unless somebody was looked up
    or something was paid in between.

    Rows that continue one award are that award again, whatever the choice. Rows that continue different awards, or
    none, are never merged: once such a file is partly paid, the rows that are left have to be known again. Nor are
    rows added up that were paid lately, for in a sum they could not be left out: last week's rows with this week's
    below. Those that were one award become that award again.

    Sums can be made in two steps; *once* and *refuse* judge a group as a whole, and wait until everybody is looked up.
    """
    groups = await ledger.drafts.duplicate_groups(draft_id)
    in_steps = choosing.duplicates in (Duplicates.SUM, Duplicates.APART)
    if not groups or not (in_steps or (await ledger.drafts.totals(draft_id)).pending == 0):
        return ()
    # Every row of a file may be among them: nothing walks through them on the event loop.
    award_ids = await asyncio.to_thread(_continues, groups)
    continued = await ledger.queries.awards_by_id(award_ids) if award_ids else {}
    earlier = await ledger.drafts.earlier(draft_id, groups)
    plan = await asyncio.to_thread(_planned, groups, earlier, choosing, continued)
    merged = await asyncio.to_thread(_carried_out, plan, choosing)
    if merged.removed_lines:
        await ledger.drafts.replace(draft_id, merged.removed_lines, merged.rows, merged.problems, merged.left_out)
    return (*merged.warnings, *_kept_apart(plan.apart), *_not_added_up(plan.left))


@dataclass(slots=True)
class _Plan:
    """What is put together."""

    largest: int
    """Of one award."""
    together: dict[Duplicates, list[Sequence[StagedRow]]] = field(default_factory=dict)
    """Rows of one recipient, by how. A single one is a sum that stays as it is."""
    alone: list[StagedRow] = field(default_factory=list)
    """Rows that are staged otherwise: as a part of a sum, or of an award that others continue."""
    apart: list[int] = field(default_factory=list)
    """Lines of recipients whose rows continue different awards, or none."""
    left: list[int] = field(default_factory=list)
    """Lines that were paid lately."""

    def put_together(self, policy: Duplicates, rows: Sequence[StagedRow]) -> None:
        self.together.setdefault(policy, []).append(rows)


def _planned(
    groups: Sequence[Sequence[StagedRow]],
    earlier: Sequence[Sequence[Earlier]],
    choosing: Choosing,
    continued: Mapping[int, Award],
) -> _Plan:
    plan, duplicates = _Plan(choosing.max_award or LARGEST), choosing.duplicates
    for group, awards in zip(groups, earlier, strict=True):
        parts = {None: group} if duplicates is Duplicates.REFUSE else _by_continued(group)
        if len(parts) > 1:
            plan.apart.extend(row.line for row in group)
        sums: list[tuple[int | None, Sequence[StagedRow]]] = []
        kept: list[StagedRow] = []
        for continues, part in parts.items():
            how = duplicates if continues is None else _as_it_was(continued[continues], part)
            if how is Duplicates.SUM:
                sums.append((continues, part))
                kept.extend(part)
            elif len(part) > 1:
                plan.put_together(how, part)
                # Rows that become problems stand for nothing.
                kept.extend(part if how is Duplicates.APART else _merged(choosing, how, [part]).rows)
            else:
                kept.extend(part)
        paid = covered({line: said for row in kept for line, said in rows_of(row).items()}, awards) if sums else {}
        # What is found by a name has to be found by it again, so what names people differently is not put together.
        by_name = any(award.by_name for award in awards)
        for continues, part in sums:
            _plan_sums(plan, part, paid, by_name=by_name and continues is None)
    return plan


def _plan_sums(plan: _Plan, part: Sequence[StagedRow], paid: Mapping[int, Sequence[Earlier]], *, by_name: bool) -> None:
    """Add up what was not paid, and what was one award."""
    sums: dict[tuple[int | None, str], list[StagedRow]] = {}
    for row in part:
        for award_id, piece in _by_award(row, paid):
            sums.setdefault((award_id, row.recipient.key if by_name else ""), []).append(piece)
    is_parted = len({award_id for award_id, _ in sums}) > 1
    staged = {row.line: row for row in part}
    for (award_id, _), found in sums.items():
        rows = found
        if is_parted and award_id is not None:
            plan.left.extend(line for row in found for line in rows_of(row))
            # The award that they were to continue is continued by what is left of it.
            rows = [row._replace(continues=None) for row in found]
        # What was paid stays in the draft in any case, for without it another row would look like it. So does who is to
        # be looked up, of whom it is not known yet what was paid.
        may_go = award_id is None and not any(row.target is None and row.unresolved is None for row in rows)
        is_one = may_go or 0 < abs(sum(row.amount for row in rows)) <= plan.largest
        for some in [rows] if is_one else [[row] for row in rows]:
            is_staged = staged.get(some[0].line) == some[0]
            if len(some) > 1 or (is_staged and some[0].lines is not None):
                plan.put_together(Duplicates.SUM, some)
            elif not is_staged:
                plan.alone.append(some[0])


def _by_award(row: StagedRow, paid: Mapping[int, Sequence[Earlier]]) -> list[tuple[int | None, StagedRow]]:
    """The row, by the award that has it; line by line where that differs between the lines of a sum."""
    by_line = {line: award_of(paid, line) for line in rows_of(row)}
    by = set(by_line.values())
    if len(by) == 1 or is_once(row):
        return [(max(by, key=lambda one: one or 0), row)]
    said = rows_of(row)
    return [
        (award_id, row._replace(line=line, lines=None, amounts=None, amount=said[line]))
        for line, award_id in by_line.items()
    ]


def _merged(choosing: Choosing, how: Duplicates, groups: Sequence[Sequence[StagedRow]]) -> Merged:
    return merge_duplicates(groups, how, choosing.unit, choosing.max_award)


def _carried_out(plan: _Plan, choosing: Choosing) -> Merged:
    every = [_merged(choosing, how, together) for how, together in plan.together.items()]
    removed = {line for one in every for line in one.removed_lines} | {row.line for row in plan.alone}
    return Merged(
        tuple(sorted(removed)),
        (*plan.alone, *(row for one in every for row in one.rows)),
        tuple(problem for one in every for problem in one.problems),
        tuple(notice for one in every for notice in one.warnings),
        tuple(line for one in every for line in one.left_out),
    )


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
    was_sum = award.amounts is not None and sum(award.amounts) == award.amount
    is_single = len(part) == 1 or was_sum
    return Duplicates.ONCE if not is_single and all(row.amount == award.amount for row in part) else Duplicates.SUM


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
