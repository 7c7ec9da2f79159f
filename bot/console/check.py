"""``check``: parse and judge a file. Needs no keys and no ledger, sends nothing, writes nothing."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bot.clock import milliseconds
from bot.console import output, preview
from bot.console.exits import Exit
from bot.console.session import CLOCK, load_settings, read_upload, tell_dangers
from bot.domain.amounts import canonical, parse_amount
from bot.domain.drafting import StagedRow
from bot.domain.intake import Content, FileFacts, ReadingOptions, read
from bot.domain.jsonable import Json, problems_json, recipient_json, warnings_json
from bot.domain.model import ACCEPTED_TYPES, Duplicates, Notice, Problem, Programme, Recipient, Refusal, Row, Unit
from bot.domain.planning import merge_duplicates
from bot.errors import SettingsError, UsageError
from bot.services.programmes import Programmes
from bot.settings import Settings

FAILED: Final = "Nothing was checked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a file."""

    unit: Unit
    sha256: str | None
    facts: FileFacts | None
    refused: Refusal | None
    rows: Sequence[Row] = ()
    problems: Sequence[Problem] = ()
    warnings: Sequence[Notice] = ()

    @property
    def status(self) -> Exit:
        if self.refused is not None:
            return Exit.WRONG
        return Exit.BAD_ROWS if self.problems else Exit.DONE


def run(options: Namespace) -> int:
    """The command."""
    settings = load_settings(options)
    tell_dangers(settings)
    content = read_upload(Path(options.file), settings.max_file_bytes)
    verdict = asyncio.run(_judged(options, settings, content))
    if options.json:
        output.emit(_verdict_json(verdict))
    else:
        for line in _verdict_lines(Path(options.file).name, verdict):
            output.say(line)
    return verdict.status


def failure(error: Json, status: int) -> Json:
    """The JSON object where there is no file to judge, or no way to."""
    refused = Refusal("unusable", str(error["message"]))
    return {**_verdict_json(Verdict(Unit.POINTS, None, None, refused)), "error": error, "exit_status": int(status)}


# --- judging ------------------------------------------------------------------------------------------------------

Who = Callable[[Recipient], str]
"""What tells two recipients apart. Raises ``ValueError`` for one that the programme cannot take."""


async def _judged(options: Namespace, settings: Settings, content: Content) -> Verdict:
    async with _rules(options.programme, settings) as (programme, who):
        return _judge(content, _reading_options(options, settings, programme), Duplicates(options.duplicates), who)


@asynccontextmanager
async def _rules(name: str | None, settings: Settings) -> AsyncIterator[tuple[Programme | None, Who]]:
    """The programme and its rule about recipients; without a name they are what they are called."""
    if name is None:
        yield None, lambda recipient: recipient.key
        return
    from bot.providers.factory import make_providers

    providers = make_providers(settings, CLOCK)
    try:
        programmes = Programmes(settings.programmes(), providers.make)
        programme = programmes.get(name)
        target, names_people = programmes.provider(programme).target, programme.kind.traits.names_people

        def who(recipient: Recipient) -> str:
            named = target(recipient)
            return named if named is not None and names_people else recipient.key

        yield programme, who
    finally:
        await providers.close()


def _reading_options(options: Namespace, settings: Settings, programme: Programme | None) -> ReadingOptions:
    unit = Unit.POINTS if programme is None else programme.unit
    return ReadingOptions(
        unit=unit,
        now_ms=milliseconds(CLOCK.now()),
        max_rows=settings.max_rows,
        max_bytes=settings.max_file_bytes,
        max_award=_limit(settings.max_award, unit, programme),
        accepts=None if programme is None else ACCEPTED_TYPES[programme.kind],
        amount=_amount(options.amount, unit),
        recipient_column=options.recipient_column,
        amount_column=options.amount_column,
    )


def _limit(text: str | None, unit: Unit, programme: Programme | None) -> int | None:
    """The operator's limit. One that makes no sense in points is passed over while no programme is named."""
    if text is None:
        return None
    try:
        return parse_amount(text, unit)
    except ValueError as error:
        if programme is None:
            return None
        raise SettingsError(f"BURSAR_MAX_AWARD cannot be used with {programme.name}: {error}") from error


def _amount(text: str | None, unit: Unit) -> int | None:
    if text is None:
        return None
    try:
        amount = parse_amount(text, unit)
    except ValueError as error:
        raise UsageError(f"--amount {text} cannot be used: {error}") from error
    if amount == 0:
        raise UsageError("--amount is 0, so there would be nothing to pay")
    return amount


def _judge(content: Content, options: ReadingOptions, duplicates: Duplicates, who: Who) -> Verdict:
    reading = read(content, options)
    rows: list[Row] = []
    groups: dict[str, list[StagedRow]] = {}
    problems: list[Problem] = []
    for entry in reading.entries() if reading.refusal is None else ():
        if isinstance(entry, Problem):
            problems.append(entry)
            continue
        try:
            groups.setdefault(who(entry.recipient), []).append(_staged(entry))
            rows.append(entry)
        except ValueError as error:
            problems.append(Problem(entry.line, None, "wrong-type", str(error)))
    ending = reading.finish()
    refused = reading.refusal or ending.refusal
    if refused is not None:
        # Of a file that is too big only the beginning was read, so nothing can be said of the file's hash.
        sha256 = None if content.size > options.max_bytes else reading.sha256
        return Verdict(options.unit, sha256, reading.facts, refused, (), (), ending.warnings)
    rows, found, notices = _duplicates_judged(rows, groups.values(), duplicates, options)
    problems = sorted([*problems, *found], key=lambda problem: problem.line)
    return Verdict(options.unit, reading.sha256, reading.facts, None, rows, problems, (*ending.warnings, *notices))


def _duplicates_judged(
    rows: list[Row], groups: Iterable[list[StagedRow]], policy: Duplicates, options: ReadingOptions
) -> tuple[list[Row], Sequence[Problem], Sequence[Notice]]:
    """Rows as they stand in the file, without those that the policy does not pay.

    Rows that are summed stay apart here, as the file has them: the limit is judged on their sum all the same.
    """
    repeated = [group for group in groups if len(group) > 1]
    if not repeated:
        return rows, (), ()
    merged = merge_duplicates(repeated, policy, options.unit, options.max_award)
    gone = {problem.line for problem in merged.problems}
    if policy is not Duplicates.SUM:
        gone |= set(merged.removed_lines) - {row.line for row in merged.rows}
    return [row for row in rows if row.line not in gone], merged.problems, merged.warnings


def _staged(row: Row) -> StagedRow:
    return StagedRow(row.line, None, row.recipient, None, row.amount, row.reason, continues=row.award_id)


# --- telling ------------------------------------------------------------------------------------------------------


def _verdict_json(verdict: Verdict) -> Json:
    facts = verdict.facts
    refused = verdict.refused
    return {
        "rows": [_row_json(row, verdict.unit) for row in verdict.rows],
        "problems": problems_json(verdict.problems),
        "warnings": warnings_json(verdict.warnings),
        "refused": None if refused is None else {"kind": refused.kind, "message": refused.message},
        "choices": list(_choices(verdict)),
        "totals": {"rows": len(verdict.rows), "amount": _total(verdict)},
        "unit": verdict.unit.value,
        "sha256": verdict.sha256,
        "encoding": facts.encoding if facts else None,
        "delimiter": facts.delimiter if facts else None,
        "header_line": facts.header_line if facts else None,
        "recipient_column": facts.recipient_column if facts else None,
        "amount_column": facts.amount_column if facts else None,
        "ignored": list(facts.ignored) if facts else [],
        "exit_status": int(verdict.status),
    }


def _choices(verdict: Verdict) -> Sequence[str]:
    if verdict.refused is not None:
        return verdict.refused.choices
    return () if verdict.facts is None else verdict.facts.recipient_choices


def _row_json(row: Row, unit: Unit) -> Json:
    return {
        "line": row.line,
        "recipient": recipient_json(row.recipient),
        "amount": canonical(row.amount, unit),
        "reason": row.reason,
        "award": None if row.award_id is None else str(row.award_id),
    }


def _total(verdict: Verdict) -> str:
    return canonical(sum(row.amount for row in verdict.rows), verdict.unit)


def _verdict_lines(name: str, verdict: Verdict) -> Sequence[str]:
    lines = [f"{name}{preview.file_words(_facts_words(verdict.facts))}"]
    if verdict.refused is not None:
        lines.append(f"Refused: {output.sentence(verdict.refused.message)}")
        choice = preview.choice_words(verdict.refused.kind, verdict.refused.choices)
        return lines if choice is None else [*lines, choice]
    bad = {problem.line for problem in verdict.problems}
    lines.append(f"Good rows: {len(verdict.rows):,} of {len(verdict.rows) + len(bad):,}, {_sum_words(verdict)}.")
    lines += preview.warning_lines(warnings_json(verdict.warnings))
    lines += preview.problem_lines(problems_json(verdict.problems), len(bad), limit=None)
    choice = preview.choice_words("choose-recipient", _choices(verdict))
    return lines if choice is None else [*lines, choice]


def _sum_words(verdict: Verdict) -> str:
    given = sum(row.amount for row in verdict.rows if row.amount > 0)
    taken = -sum(row.amount for row in verdict.rows if row.amount < 0)
    return preview.sum_words(canonical(given, verdict.unit), canonical(taken, verdict.unit), verdict.unit.value)


def _facts_words(facts: FileFacts | None) -> Json:
    if facts is None:
        return {}
    return asdict(facts)
