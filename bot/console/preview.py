"""A preview and the end of a batch in words, from their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bot.console import output
from bot.console.output import clipped, duration, plural, table
from bot.console.progress import counts_line
from bot.domain.intake import DELIMITER_NAMES, ENCODING_NAMES
from bot.domain.lanes import LaneKind
from bot.domain.model import Duplicates
from bot.domain.ranges import ranges

SHOWN_PROBLEMS: Final = 20
SHOWN_LINES: Final = 10
REASON_SHOWN: Final = 80
FEW_SECONDS: Final = 5
"""Below it a duration is not worth a number: the service's own pace decides."""
SMALLEST_SHARE: Final = 0.0001
"""Of a month's requests; less is not worth a word."""
FROM_DOUBT: Final = (
    "`bursar resume`, or the running bot, settles what can be found out of awards in doubt; the rest is for "
    "`/batch resolve` in Discord."
)
"""The next step where evidence was not yet looked for to its end."""
TAKES_LESS: Final = " (no more than there is: the result says where it was less)"
"""Of a service that cuts deductions down and reports them as done."""
GOES_ON: Final = "`bursar resume --paused {batch}`, or `/batch resume` in Discord,"
"""Who can go on with a paused batch."""


def preview_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a person has to see before confirming."""
    yield from table(list(_facts(summary)), indent="")
    yield from warning_lines(summary["warnings"])
    yield from problem_lines(summary["problems"], summary["problem_rows"], limit=SHOWN_PROBLEMS)
    if choice := choice_words("choose-recipient", summary["file"].get("choices", ())):
        yield choice
    yield from _unresolved_lines(summary)
    yield from _matched_lines(summary["matched"])


def _facts(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "File", f"{summary['file']['name']}{file_words(summary['file'])}"
    plan = summary["plan"]
    yield "Programme", f"{summary['programme']} ({plan['pace']})"
    if summary["rows"]:
        people = plural(summary["recipients"], "recipient")
        amounts = sum_words(summary["given"], summary["taken"], summary["unit"])
        yield "To send", f"{plural(summary['rows'], 'award')} to {people}, {amounts}"
        if summary["deductions"]:
            words = f"{plural(summary['deductions'], 'of them takes', 'of them take')} points away"
            yield "Deductions", f"{words}{TAKES_LESS if summary['may_take_less'] else ''}"
        if summary["rows"] > 1:
            yield "Largest", "; ".join(_row_words(row, summary["unit"]) for row in summary["largest"])
        yield "Calls", _plan_words(plan)
    if summary["label"]:
        yield "Period", str(summary["label"])
    if summary["reason"]:
        yield "Reason", clipped(str(summary["reason"]), REASON_SHOWN)


def sum_words(given: str, taken: str, unit: str) -> str:
    """What is taken is told apart from what is given: their difference would look like a small batch."""
    if taken == "0":
        return f"{amount_words(given, unit)} in all"
    less = f"{amount_words(taken, unit)} taken"
    return less if given == "0" else f"{amount_words(given, unit)} given, {less}"


def file_words(facts: Mapping[str, Any]) -> str:
    """What was found in the file, to be put behind its name."""
    if not facts.get("encoding"):
        return ""
    delimiter = DELIMITER_NAMES.get(facts["delimiter"], repr(facts["delimiter"]))
    encoding = ENCODING_NAMES.get(facts["encoding"], facts["encoding"])
    who = " or ".join((facts["recipient_column"], *facts.get("other_recipient_columns", ())))
    words = f": {encoding}, {delimiter}, header in line {facts['header_line']}; who: {who}"
    if facts["amount_column"]:
        words += f"; how much: {facts['amount_column']}"
    if facts.get("reason_column"):
        words += f"; why: {facts['reason_column']}"
    if facts["ignored"]:
        words += f"; ignored: {', '.join(facts['ignored'])}"
    return clipped(words, 300)


def choice_words(kind: str, choices: Sequence[str]) -> str | None:
    """The option that answers what a file leaves open (``kind`` of the question), with what it can be."""
    option = "--amount-column" if "amount" in kind else "--recipient-column"
    words = [f"Choose with {option}: {', '.join(choices)}."] if choices else []
    if kind == "no-amount-column":
        words.append("Give one amount for all rows with --amount N.")
    return " ".join(words) or None


def warning_lines(warnings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each warning with the first few of its lines."""
    for warning in warnings:
        lines = warning["lines"]
        more = ", …" if len(lines) > SHOWN_LINES else ""
        named = f"{', '.join(str(line) for line in lines[:SHOWN_LINES])}{more}"
        where = f" (line{'s' if len(lines) > 1 else ''} {named})" if lines else ""
        yield f"Warning: {warning['message']}{where}"
        if warning["kind"] == "duplicate":
            yield f"Choose with --duplicates: {', '.join(Duplicates)}."


def problem_lines(problems: Sequence[Mapping[str, Any]], rows: int, *, limit: int | None) -> Iterator[str]:
    """Each problem with line, column and reason."""
    if not problems:
        return
    shown = problems if limit is None else problems[:limit]
    yield f"{plural(rows, 'row')} cannot be sent:"
    yield from table([(f"line {one['line']}", one["column"] or "-", one["message"]) for one in shown])
    if len(problems) > len(shown):
        yield f"  … and {len(problems) - len(shown):,} more; `bursar check` lists all of them"


def _unresolved_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["unresolved_rows"]:
        yield f"{plural(summary['unresolved_rows'], 'award')} will be recorded as rejected, there is nobody to send to:"
        rows = [(f"line {row['line']}", _who(row), row["unresolved"] or "") for row in summary["unresolved"]]
        yield from table(rows)


def _matched_lines(matched: Mapping[str, Any]) -> Iterator[str]:
    if not matched["rows"]:
        return
    repeat = "" if matched["blocking"] else " (a repeat under another period, so nothing is asked)"
    yield f"{plural(matched['rows'], 'award')} {matched['became']}{repeat}:"
    yield from table(
        [
            (
                f"batch {one['batch']}",
                time_words(one["at"]),
                f"{plural(one['rows'], 'award')}{_unsettled(one)}, by {one['by']}{_label(one)}",
            )
            for one in matched["batches"]
        ]
    )
    yield f"  {named_lines(matched['lines'])}"


def named_lines(lines: Sequence[int]) -> str:
    """``in lines 2-40, 57``: every one of them, as they are to be taken out of the file, or where to find every one."""
    runs = ranges(lines)
    named = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs[:SHOWN_LINES])
    others = sum(last - first + 1 for first, last in runs[SHOWN_LINES:])
    more = f" and {others:,} more; --json names all of them" if others else ""
    return f"in line{'' if len(lines) == 1 else 's'} {named}{more}"


def _unsettled(earlier: Mapping[str, Any]) -> str:
    unsettled = earlier["unsettled"]
    return f" ({unsettled:,} under way, in doubt or written off)" if unsettled else ""


def _label(earlier: Mapping[str, Any]) -> str:
    return f", {earlier['label']}" if earlier["label"] else ""


def _row_words(row: Mapping[str, Any], unit: str) -> str:
    return f"{amount_words(row['amount'], unit)} to {_who(row)} (line {row['line']})"


def _who(row: Mapping[str, Any]) -> str:
    recipient = row["recipient"]
    return clipped(f"{recipient['type']} {recipient['value']}", 60)


def _plan_words(plan: Mapping[str, Any]) -> str:
    words = plural(plan["calls"], "call")
    if plan["lookups"]:
        words += f" after {plural(plan['lookups'], 'look-up')}"
    if plan["reads"]:
        words += f", before that up to {plural(plan['reads'], 'request')} to read balances"
    words += f", at least {duration(plan['seconds'])}" if plan["seconds"] >= FEW_SECONDS else ", a few seconds"
    if plan["month_share"] and plan["month_share"] >= SMALLEST_SHARE:
        words += f", {plan['month_share']:.2%} of the month's requests"
    return words


def amount_words(canonical: str, unit: str) -> str:
    """``1,203 points`` or ``12.50`` from a canonical amount."""
    sign, digits = ("-", canonical[1:]) if canonical.startswith("-") else ("", canonical)
    whole, _, fraction = digits.partition(".")
    grouped = f"{sign}{int(whole):,}"
    if unit == "money":
        return f"{grouped}.{fraction.ljust(2, '0')}"
    return f"{grouped} point{'' if grouped in ('1', '-1') else 's'}"


def time_words(told: str) -> str:
    """A recorded time (``time_json``), in UTC."""
    return f"{datetime.fromisoformat(told).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def held_back_lines(standing: Mapping[str, Any]) -> Iterator[str]:
    """Which awards in doubt keep others of the batch from being sent."""
    waiting = standing["held_back"]
    if not waiting["awards"]:
        return
    doubts, others = waiting["doubts"], waiting["in_doubt"] - len(waiting["doubts"])
    named = f"award{'' if len(doubts) == 1 else 's'} {', '.join(doubts)}"
    more = f" and {others:,} more" if others else ""
    who = plural(
        waiting["awards"], "award waits because its recipient has", "awards wait because their recipients have"
    )
    yield f"{who} an award in doubt ({named}{more})."


def held_lane_lines(standing: Mapping[str, Any]) -> Iterator[str]:
    """Whose call in doubt keeps the batch from being sent, with what to do."""
    lane = standing.get("held_lane")
    if lane is None:
        return
    whose = "it" if lane["batch"] == standing["batch"] else f"batch {lane['batch']}"
    kept = LaneKind(lane["kind"]).spoken
    yield f"No call can be made: the {kept} is kept by a call of {whose} that is in doubt."
    if lane["paused"]:
        how = GOES_ON.format(batch=lane["batch"])
        yield f"That batch is paused, so nobody looks what became of it: put right why; {how} goes on with it."
    elif lane["left"]:
        yield "What became of it could not be read: `bursar doctor` says why; then `bursar resume` looks again."


def end_lines(standing: Mapping[str, Any], *, stopped: bool) -> Iterator[str]:
    """How a batch ended, and one next step for each thing that is not done."""
    counts, batch = standing["counts"], standing["batch"]
    if standing.get("receipt"):
        yield f"Receipt {standing['receipt']}: `bursar verify {standing['receipt']}` or `/verify` shows its place."
    yield f"Batch {batch}: {counts_line(counts)}."
    if standing["pause"]:
        yield output.paused(standing["pause"]["message"])
    elif counts["planned"] and standing.get("doing") == "away":
        yield f"The service cannot be reached: {standing['doing_detail'] or 'no answer'}"
    elif counts["planned"] and standing.get("doing") == "standing-by":
        yield f"Nothing is sent for now: {standing['doing_detail']}"
    if counts["unknown"]:
        yield (
            f"{plural(counts['unknown'], 'award is', 'awards are')} in doubt: sent, but without a clear answer, and "
            "never sent again blindly."
        )
    yield from held_back_lines(standing)
    yield from held_lane_lines(standing)
    lane = standing.get("held_lane")
    if counts["unknown"] or standing["held_back"]["awards"] or (lane and not (lane["paused"] or lane["left"])):
        yield FROM_DOUBT
    if counts["planned"] or counts["sending"]:
        how = GOES_ON.format(batch=batch) if standing["pause"] else "`bursar resume`"
        yield f"{'Stopped: what' if stopped else 'What'} is not sent stays planned; {how} goes on with it."
    if counts["rejected"]:
        yield f"`bursar export --batch {batch}` lists every award with its reason."
