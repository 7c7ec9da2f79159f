"""What Gameball's answers mean: the accepted call, the job's status in both documented contracts, a balance. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from bot.domain.calls import Item, Outcome, OutcomeKind
from bot.domain.model import Unit
from bot.providers.base import JobState
from bot.providers.reading import UNREADABLE, as_hundredths, as_list, as_object, as_text, as_whole, parse
from bot.providers.wording import Wording

NOT_IN_REPORT = "Gameball's report of the job does not name this award, so it is not known whether it was paid."
CONTRADICTION = "Gameball's report of the job contradicts itself about this award, so it is not known what happened."
LEFT_FAILED = (
    "Gameball stopped the job and calls this award failed, so it is not known whether it refused it or left it."
)
REPORT_LOST = "Gameball has no report of the job (any more), so it is not known whether this was paid."

_STATES: Final[Mapping[str, JobState]] = {
    # Words of both contracts and of the pages around them, compared without case (docs/services.md).
    "queued": JobState.RUNNING,
    "pending": JobState.RUNNING,
    "running": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "inprogress": JobState.RUNNING,
    "completed": JobState.FINISHED,
    "complete": JobState.FINISHED,
    "finished": JobState.FINISHED,
    "failed": JobState.FINISHED,
    "stopped": JobState.LOST,
    "cancelled": JobState.LOST,
    "canceled": JobState.LOST,
}
_SWITCHED_OFF: Final = frozenset({"disabled"})
"""``gameballStatus`` of an answer that proves that nothing was done (docs/services.md, Gameball's errors). Any other
word proves nothing, whatever the message beside it says."""
_GOOD: Final = frozenset({"success", "successful", "succeeded", "completed", "processed", "ok"})
_BAD: Final = frozenset({"failed", "failure", "error", "rejected"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a 2xx to the batch call says."""

    job_id: str | None
    switched_off: str | None
    """The service's words, when it says that the programme is disabled and names no job."""


def is_own_error(body: bytes, wording: Wording) -> bool:
    """Whether an error comes from the service itself (docs/services.md, Gameball's errors) and not from something in
    front of it, which knows neither calls nor jobs."""
    answer = as_object(parse(body))
    return as_whole(answer.get("code")) is not None or (bool(answer.get("error")) and wording.words(body) is not None)


def read_accepted(body: bytes, wording: Wording) -> Accepted:
    """The job's id as text (a positive number, or any string that can be printed), or that the loyalty programme is
    switched off."""
    answer = as_object(parse(body))
    job = answer.get("jobId")
    number = as_whole(job)
    if number is not None and number > 0:
        return Accepted(str(number), None)
    text = as_text(job)
    if text is not None and text.strip() != "0" and len(text) <= 100 and text.strip().isprintable():
        return Accepted(text.strip(), None)
    if is_switched_off(answer):
        return Accepted(None, wording.words_of(answer) or "disabled")
    return Accepted(None, None)


def is_switched_off(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says that the loyalty programme is."""
    return (as_text(answer.get("gameballStatus")) or "").strip().lower() in _SWITCHED_OFF


@dataclass(frozen=True, slots=True)
class Status:
    """A job's status as read, before it is told what the call held."""

    state: JobState
    word: str
    """The state as the service spells it."""
    done: Mapping[str, _Mark]
    """By customer id."""
    words: Mapping[str, str]
    """Why, by customer id."""
    undone: bool = False
    """It is said to be complete, and by its own counts something is left."""


class _Mark(Enum):
    APPLIED = "applied"
    REFUSED = "refused"
    CONTRADICTORY = "contradictory"


def read_status(body: bytes, wording: Wording) -> Status | None:
    """A job's status in either contract's shape; ``None`` when the answer is neither.

    B: ``{status, totalCount, …, response: {successful[], failed[]}}``; A: ``{status, …, results[], errors[]}`` whose
    items are undefined: there an item may carry its own state or error, and one without a word of its own was done only
    if the counts beside it leave nothing else.
    """
    answer = parse(body)
    word = as_text(answer.get("status")) if isinstance(answer, dict) else None
    if answer is UNREADABLE or word is None:
        return None
    state = _STATES.get("".join(mark for mark in word.lower() if mark.isalpha()), JobState.RUNNING)
    response = as_object(answer.get("response"))
    marks: dict[str, set[_Mark]] = {}
    words: dict[str, str] = {}
    bad = [*as_list(response.get("failed")), *as_list(answer.get("errors"))]
    _collect(as_list(response.get("successful")), _Mark.APPLIED, marks, words, wording)
    silent = _Mark.APPLIED if _are_done(answer, state) else None
    _collect(as_list(answer.get("results")), None, marks, words, wording, silent=silent)
    _collect(bad, _Mark.REFUSED, marks, words, wording)
    done = {name: kinds.pop() if len(kinds) == 1 else _Mark.CONTRADICTORY for name, kinds in marks.items()}
    undone = state is JobState.FINISHED and word.strip().lower() not in _BAD and _leaves_some(answer)
    return Status(state, wording.plain(word) or "?", done, words, undone)


def _leaves_some(answer: Mapping[str, Any]) -> bool:
    """Whether either contract's counts say that some of the job's items were neither done nor refused."""
    names = "totalCount", "finishedCount", "errorCount", "totalItems", "processedItems"
    total, finished, failed, items, processed = (as_whole(answer.get(name)) for name in names)
    if items is not None and processed is not None:
        return processed < items
    return total is not None and finished is not None and finished + (failed or 0) < total


def _are_done(answer: Mapping[str, Any], state: JobState) -> bool:
    """Whether ``results`` that say nothing themselves were carried out, as far as the job tells: by its counts, or
    without them by having been completed."""
    results = list(map(as_object, as_list(answer.get("results"))))
    refused = len(as_list(answer.get("errors"))) + sum(_own_mark(one, None) is _Mark.REFUSED for one in results)
    processed, failed = as_whole(answer.get("processedItems")), as_whole(answer.get("failedItems"))
    counted = state is JobState.FINISHED if processed is None else processed >= len(results)
    return counted and (failed is None or failed <= refused) and str(answer["status"]).strip().lower() not in _BAD


def _collect(
    entries: Iterable[Any],
    listed: _Mark | None,
    marks: dict[str, set[_Mark]],
    words: dict[str, str],
    wording: Wording,
    *,
    silent: _Mark | None = None,
) -> None:
    for entry in map(as_object, entries):
        name, mark = _name_in(entry), _own_mark(entry, listed, silent)
        if name is None or mark is None:
            continue
        marks.setdefault(name, set()).add(mark)
        said = wording.words_of(entry)
        if mark is not _Mark.APPLIED and said is not None:
            words.setdefault(name, said)


def _name_in(entry: Mapping[str, Any]) -> str | None:
    """Whose row it is, also under the older name, and as a number of a sane size unless that may have been rounded on
    its way: it would be somebody else's."""
    name = entry.get("customerId", entry.get("playerUniqueId"))
    if type(name) is int and as_whole(name) is not None and (abs(name) < 2**53 or int(float(name)) != name):
        return str(name)
    return name if isinstance(name, str) else None


def _own_mark(entry: Mapping[str, Any], listed: _Mark | None, silent: _Mark | None = None) -> _Mark | None:
    """What an entry says about itself and its list about it (``listed``; ``None``: that list has both kinds, and an
    entry that says nothing is ``silent``). ``None``: nobody says, as where it is in a state that nobody knows."""
    state = entry.get("status")
    word = (as_text(state) or "").strip().lower()
    good = entry.get("success") is True or word in _GOOD
    bad = entry.get("success") is False or word in _BAD or bool(entry.get("error"))
    if (good and bad) or (good and listed is _Mark.REFUSED) or (bad and listed is _Mark.APPLIED):
        return _Mark.CONTRADICTORY
    if bad or listed is _Mark.REFUSED:
        return _Mark.REFUSED
    if good:
        return _Mark.APPLIED
    return (listed or silent) if state is None else None


def outcomes_of(status: Status, items: Sequence[Item], wording: Wording) -> dict[int, Outcome]:
    """Outcomes of a job's awards. While it runs only what is surely done; afterwards every award has one."""
    running = status.state is JobState.RUNNING
    named = Counter(item.target for item in items)
    outcomes: dict[int, Outcome] = {}
    for item in items:
        mark = status.done.get(item.target)
        if mark is not None and named[item.target] > 1:
            mark = _Mark.CONTRADICTORY  # two awards of one customer cannot be told apart
        if mark is _Mark.APPLIED:
            outcomes[item.award_id] = Outcome(OutcomeKind.APPLIED)
        elif running:
            continue  # a failure may still be retried by the service itself
        elif mark is _Mark.REFUSED and status.state is JobState.LOST:
            outcomes[item.award_id] = Outcome(OutcomeKind.UNKNOWN, LEFT_FAILED)
        elif mark is _Mark.REFUSED:
            detail = wording.refusal(status.words.get(item.target), deducts=item.amount < 0)
            outcomes[item.award_id] = Outcome(OutcomeKind.REJECTED, detail)
        elif mark is _Mark.CONTRADICTORY:
            outcomes[item.award_id] = Outcome(OutcomeKind.UNKNOWN, CONTRADICTION)
        else:
            lost = status.state is JobState.LOST
            outcomes[item.award_id] = Outcome(OutcomeKind.UNKNOWN, REPORT_LOST if lost else NOT_IN_REPORT)
    return outcomes


def read_balance(body: bytes, unit: Unit) -> int | None:
    """The available balance in the programme's unit. The live service misspells the field (docs/services.md);
    without either spelling, or with two that differ, the balance is not known."""
    answer = as_object(parse(body))
    if is_switched_off(answer):
        return None  # its points are left empty or 0 then
    kind = "PointsBalance" if unit is Unit.POINTS else "PointsValue"
    found = {answer[name] for name in (f"available{kind}", f"avaliable{kind}") if _is_number(answer.get(name))}
    if len(found) != 1:
        return None
    value = found.pop()
    return as_whole(value) if unit is Unit.POINTS else as_hundredths(value)


def _is_number(value: object) -> bool:
    return not isinstance(value, (bool, str, list, dict)) and value is not None
