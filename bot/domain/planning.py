"""From checked rows to a plan: duplicates merged, repeats judged, calls and time worked out. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bot.domain.amounts import LARGEST, display
from bot.domain.drafting import DraftTotals, LeftOut, Matches, StagedRow
from bot.domain.model import Duplicates, Notice, Problem, Unit
from bot.domain.repeats import rows_of

REASON_MAX: Final = 200
"""Characters of a reason that merged rows have together."""

_HARMLESS_AGE_MS: Final = 5 * 24 * 3600 * 1000
_BATCHES_TOLD: Final = 10


# --- duplicates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of groups of rows for one recipient."""

    removed_lines: tuple[int, ...]
    """Lines of staged rows that the merged ones replace."""
    rows: tuple[StagedRow, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Notice, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Lines whose amounts add up to 0."""


@dataclass(slots=True)
class _Outcome:
    removed: list[int] = field(default_factory=list)
    rows: list[StagedRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    nothing: list[LeftOut] = field(default_factory=list)

    def refuse(self, rows: Iterable[StagedRow], kind: str, message: str) -> None:
        """Take these rows out; each of their original lines gets the problem."""
        for row in rows:
            self.removed.append(row.line)
            self.problems.extend(Problem(line, None, kind, message) for line in _lines((row,)))

    def merge(self, rows: Sequence[StagedRow], merged: StagedRow) -> None:
        self.removed.extend(row.line for row in rows)
        self.rows.append(merged)

    def drop(self, rows: Sequence[StagedRow]) -> None:
        """Take rows out that add up to 0."""
        self.removed.extend(row.line for row in rows)
        lines = _lines(rows)
        for line in lines:
            self.nothing.append(LeftOut(line, f"adds up to 0 with {_spoken([one for one in lines if one != line])}"))


def merge_duplicates(
    groups: Sequence[Sequence[StagedRow]], policy: Duplicates, unit: Unit, max_award: int | None
) -> Merged:
    """Apply the moderator's choice to every group of rows with one recipient.

    ``sum``: one row with the sum (a sum of 0 is "nothing to pay": a warning, no row), its line the first, its lines
    all, judged against ``max_award`` (above it: a problem for every line). Rows that continue different awards, or one
    an award and one none, are summed apart, so that no award id is lost. ``apart``: untouched. ``once``: rows of equal
    amount become one, the others a problem; so does a group that repeats several amounts or continues several awards,
    where "the same award twice" is not what it shows. ``refuse``: a problem for every line.

    Kinds: ``duplicate``, ``over-limit``; the notices' kinds are ``duplicate`` and ``nothing-to-pay``.
    """
    outcome = _Outcome()
    for group in groups:
        rows = sorted(group, key=lambda row: row.line)
        if policy is Duplicates.SUM:
            _sum(rows, unit, max_award, outcome)
        elif policy is Duplicates.ONCE:
            _once(rows, unit, outcome)
        elif policy is Duplicates.REFUSE:
            others = _spoken([row.line for row in rows])
            message = f"the recipient is in {others}; leave one of them or choose what becomes of duplicates"
            outcome.refuse(rows, "duplicate", message)
    problems = sorted(outcome.problems, key=lambda problem: problem.line)
    warnings = (*_about_duplicates(groups, policy), *_about_nothing([one.line for one in outcome.nothing]))
    removed, left_out = tuple(sorted(outcome.removed)), tuple(outcome.nothing)
    return Merged(removed, tuple(outcome.rows), tuple(problems), warnings, left_out)


def _sum(rows: Sequence[StagedRow], unit: Unit, max_award: int | None, outcome: _Outcome) -> None:
    together: dict[int | None, list[StagedRow]] = {}
    for row in rows:
        together.setdefault(row.continues, []).append(row)
    for part in together.values():
        if len(part) < 2:
            continue
        total = sum(row.amount for row in part)
        limit = LARGEST if max_award is None else max_award
        if abs(total) > limit:
            message = (
                f"the {len(part)} rows of this recipient add up to {display(total, unit)}, above the limit of "
                f"{display(limit, unit)} for one award; lower one of them"
            )
            outcome.refuse(part, "over-limit", message)
        elif total == 0:
            outcome.drop(part)
        else:
            outcome.merge(part, _merged(part, total))


def _once(rows: Sequence[StagedRow], unit: Unit, outcome: _Outcome) -> None:
    awards = {row.continues for row in rows} - {None}
    repeated = [amount for amount, times in Counter(row.amount for row in rows).items() if times > 1]
    if len(awards) > 1:
        message = "rows of this recipient continue different awards; choose to add them up or keep them apart"
        outcome.refuse(rows, "duplicate", message)
        return
    if len(repeated) != 1:
        amounts = ", ".join(display(amount, unit) for amount in sorted({row.amount for row in rows})[:4])
        message = f"this recipient has rows with different amounts ({amounts}); leave the one that is meant"
        outcome.refuse(rows, "duplicate", message)
        return
    same = [row for row in rows if row.amount == repeated[0]]
    outcome.merge(same, _merged(same, repeated[0])._replace(continues=next(iter(awards), None)))
    others = [row for row in rows if row.amount != repeated[0]]
    message = f"this recipient is paid {display(repeated[0], unit)} by row {same[0].line}; check which amount is meant"
    outcome.refuse(others, "duplicate", message)


def _merged(rows: Sequence[StagedRow], amount: int) -> StagedRow:
    reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
    lines, reason = tuple(_lines(rows)), reasons[:REASON_MAX].rstrip() or None
    each = {line: said for row in rows for line, said in rows_of(row).items()}
    amounts = tuple(each[line] for line in lines) if len(each) == len(lines) else None
    return rows[0]._replace(lines=lines, amounts=amounts, amount=amount, reason=reason)


def _lines(rows: Iterable[StagedRow]) -> list[int]:
    return sorted({line for row in rows for line in (row.lines or (row.line,))})


def _about_duplicates(groups: Sequence[Sequence[StagedRow]], policy: Duplicates) -> Sequence[Notice]:
    if not groups or policy is Duplicates.REFUSE:
        return ()
    recipients = len({group[0].target or group[0].recipient.key for group in groups})
    who = "1 recipient appears" if recipients == 1 else f"{recipients:,} recipients appear"
    what = {
        Duplicates.SUM: "their amounts are added up",
        Duplicates.APART: "each row is sent as an award of its own",
        Duplicates.ONCE: "equal amounts are paid once",
    }[policy]
    lines = _lines(row for group in groups for row in group)
    message = f"{who} in several rows and {what}; change that choice if it is not meant"
    return (Notice("duplicate", message, tuple(lines)),)


def _about_nothing(lines: Sequence[int]) -> Sequence[Notice]:
    if not lines:
        return ()
    message = "rows of one recipient add up to 0 and will not be sent; correct an amount if that is not meant"
    return (Notice("nothing-to-pay", message, tuple(sorted(lines))),)


def _spoken(lines: Sequence[int], shown: int = 5) -> str:
    """``row 2``, ``rows 2, 7 and 9``."""
    if len(lines) == 1:
        return f"row {lines[0]}"
    if len(lines) > shown:
        return f"rows {', '.join(map(str, lines[:shown]))} and {len(lines) - shown} more"
    return f"rows {', '.join(map(str, lines[:-1]))} and {lines[-1]}"


# --- repeats -------------------------------------------------------------------------------------------------------


def matches_are_harmless(matches: Matches, totals: DraftTotals, label: str | None, now_ms: int) -> bool:
    """Whether an overlap with earlier batches is just a periodic repeat: every row of the draft is matched, every
    matched batch is labelled for another period than the draft is, and each is more than 5 days old.

    A list of ten batches may be cut short, and what is not on it cannot be judged: not harmless.
    """
    if not label or not matches.batches or len(matches.batches) >= _BATCHES_TOLD:
        return False
    if matches.rows < totals.rows - totals.unresolved:
        return False
    return all(
        batch.label is not None and _are_apart(batch.label, label) and now_ms - batch.recorded_at > _HARMLESS_AGE_MS
        for batch in matches.batches
    )


def _are_apart(one: str, other: str) -> bool:
    """Whether labels surely name two periods; "Week 31" and "Week 31 2026" may be one, so may "2026-07" and "July"."""
    words, others = (
        frozenset(_NUMBERED.get(word, word) for word in same_label(label).split()) for label in (one, other)
    )
    return not (words <= others or others <= words)


def same_label(label: str) -> str:
    """A label without what makes no difference: case, and which marks stand between its words."""
    return re.sub(r"[\s_\-.,]+", " ", label).strip().casefold()


# --- the period in a file's name -------------------------------------------------------------------------------------

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_NUMBERED: Final = {
    name: f"{number:02}" for number, month in enumerate(_MONTHS, start=1) for name in (month, month[:3])
}
_MONTH: Final = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in _MONTHS)
_YEAR: Final = r"20[0-9]{2}"
_LABELS: Final = (
    ("date", re.compile(rf"(?<!\d)(?P<y>{_YEAR})[ ]?(?P<m>0[1-9]|1[0-2])[ ]?(?P<d>0[1-9]|[12]\d|3[01])(?!\d)")),
    ("date", re.compile(rf"(?<!\d)(?P<d>0?[1-9]|[12]\d|3[01]) (?P<m>0?[1-9]|1[0-2]) (?P<y>{_YEAR})(?!\d)")),
    ("week", re.compile(rf"(?<!\d)(?P<y>{_YEAR})[ ]?(?:week|wk|kw|cw|w)[ ]?(?P<n>0?[1-9]|[1-4]\d|5[0-3])(?!\d)")),
    ("week", re.compile(rf"\b(?:week|wk|kw|cw|w)[ ]?(?P<n>0?[1-9]|[1-4]\d|5[0-3])(?!\d)(?: (?P<y>{_YEAR})(?!\d))?")),
    ("quarter", re.compile(rf"(?<!\d)(?P<y>{_YEAR})[ ]?q(?P<n>[1-4])(?!\d)")),
    ("quarter", re.compile(rf"\bq(?P<n>[1-4])(?!\d)(?: ?(?P<y>{_YEAR})(?!\d))?")),
    ("month", re.compile(rf"(?<!\d)(?P<y>{_YEAR})[ ](?P<m>0[1-9]|1[0-2])(?!\d)")),
    ("month", re.compile(rf"(?<!\d)(?P<m>0[1-9]|1[0-2]) (?P<y>{_YEAR})(?!\d)")),
    ("name", re.compile(rf"\b(?P<m>{_MONTH})\b(?: ?(?P<y>{_YEAR})(?!\d))?")),
    ("name", re.compile(rf"(?<!\d)(?P<y>{_YEAR}) ?(?P<m>{_MONTH})\b")),
)


def propose_label(file_name: str) -> str | None:
    """A period label from a file name: ``rewards_week-31.csv`` -> ``Week 31``, ``2026-07 payouts.csv`` -> ``2026-07``,
    also dates, quarters and months by name; ``None`` when the name carries no period."""
    stem = re.sub(r"\.[a-z0-9]{1,5}$", "", file_name[-200:].casefold())
    words = re.sub(r"[^a-z0-9]+", " ", stem)
    best: tuple[int, str] | None = None
    for sort, pattern in _LABELS:
        match = pattern.search(words)
        if match is not None and (best is None or len(match.group().strip()) > best[0]):
            best = len(match.group().strip()), _label(sort, match.groupdict())
    return None if best is None else best[1]


def _label(sort: str, part: dict[str, str | None]) -> str:
    year = part.get("y") or ""
    if sort == "date":
        return f"{year}-{int(part['m'] or 0):02}-{int(part['d'] or 0):02}"
    if sort == "month":
        return f"{year}-{part['m']}"
    if sort == "name":
        month = next(month for month in _MONTHS if month.startswith((part["m"] or "")[:3]))
        return f"{month.capitalize()} {year}".strip()
    word = "Week" if sort == "week" else "Q"
    number = f"{word} {int(part['n'] or 0)}" if sort == "week" else f"{word}{part['n']}"
    return f"{number} {year}".strip()


# --- calls and time --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a plan costs under the rate limit."""

    calls: int
    lookups: int
    """Before it is recorded."""
    seconds: float
    month_share: float | None
    """Part of the month's requests, 0 to 1 (more when the plan needs more than a month has); ``None`` where no monthly
    quota is known."""
    per_month: int | None = None
    reads: int = 0
    """Of balances, before the calls; at most."""

    @property
    def requests(self) -> int:
        """Look-ups, reads and calls."""
        return self.calls + self.lookups + self.reads

    def short_of(self, used: int) -> int:
        """Requests that the month would lack when so many of it were used before."""
        return 0 if self.per_month is None else max(0, used + self.requests - self.per_month)


def calls_for(awards: int, awards_per_call: int) -> int:
    """How many calls so many awards take."""
    return -(-max(awards, 0) // max(awards_per_call, 1))


def schedule(
    awards: int,
    awards_per_call: int,
    lookups: int,
    *,
    per_window: int,
    window_seconds: float,
    per_month: int | None,
    reads: int = 0,
) -> Schedule:
    """Calls, and the smallest possible time from an empty sliding window to the moment the last request may be sent.

    A window admits ``per_window`` requests at once and the next ones when those are a window old: 100 requests at 24 a
    minute end after 4 minutes. What the service takes to answer is not in it.
    """
    calls = calls_for(awards, awards_per_call)
    requests = calls + max(lookups, 0) + reads
    seconds = max(requests - 1, 0) // max(per_window, 1) * window_seconds
    share = None if not per_month else requests / per_month
    return Schedule(calls, max(lookups, 0), float(seconds), share, per_month or None, reads)


def month_begins(now_ms: int) -> int:
    """When the calendar month began (UTC), in Unix milliseconds. Which month a service counts by is not documented."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(day.timestamp()) * 1000
