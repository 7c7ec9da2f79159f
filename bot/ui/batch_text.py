"""A recorded batch in words: its state, progress, sums and history. Shared by the board and the ``/batch`` cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from bot.clock import milliseconds
from bot.domain import states
from bot.domain.amounts import display
from bot.domain.model import NOTHING_TAKEN, Award, Batch, Counts, PauseKind, RecipientType
from bot.domain.states import TAKEN_IN, AwardState, BatchState
from bot.ledger.queries import Attempt, Event
from bot.services.batches import BatchView
from bot.services.watching import Activity, Doing
from bot.ui.cards import Tone
from bot.ui.text import count, duration, escape, named_as, points, when

BAR_CELLS: Final = 16
SENT_AGAIN: Final = (
    "The answer to a call was lost, so the same call is sent again until there is one. The service carries it out only"
    " once; nothing has to be done."
)

STATE_WORDS: Final = {
    AwardState.APPLIED: "paid",
    AwardState.REJECTED: "refused",
    AwardState.UNKNOWN: "in doubt",
    AwardState.SENDING: "on the way",
    AwardState.PLANNED: "not sent yet",
    AwardState.CANCELLED: "cancelled, never sent",
    AwardState.WRITTEN_OFF: "written off",
}
"""What a person calls the states of awards, in the order in which cards name them."""
TAKEN: Final = "taken"
"""An applied deduction."""
ONLY_WHAT_THERE_WAS: Final = "where there was less, only that"
"""Of deductions, where the service may cut them down and call them done. Details tell what was taken, if they can."""


def title(batch: Batch) -> str:
    """``Batch 41 · Week 31``."""
    named = batch.label or batch.file_name
    return f"Batch {batch.id} · {escape(named, 60)}" if named else f"Batch {batch.id}"


def nothing_sent(view: BatchView) -> bool:
    """Whether not one award of the batch was paid, or may have been or be just now, so that stopping costs nothing."""
    batch = view.batch
    sent = view.counts.applied + view.counts.unknown + view.counts.sending + view.counts.written_off
    return batch.state in (BatchState.OPEN, BatchState.PAUSED) and sent == 0 and view.counts.planned > 0


def is_over(view: BatchView) -> bool:
    """Whether nothing more happens without a person: stopped or finished, and no call out."""
    return view.batch.state in (BatchState.STOPPED, BatchState.FINISHED) and view.counts.unfinished == 0


def may_be_stopped(batch: Batch, counts: Counts) -> bool:
    """Whether anything more might be sent of it."""
    return states.may_be_stopped(batch.state, batch.source, unsettled=counts.unknown + counts.sending > 0)


def tone_and_word(view: BatchView, *, by: str | None = None) -> tuple[Tone, str]:
    """The colour of a batch's card, with the words that say the same. ``by`` = who stopped or paused it."""
    batch, counts = view.batch, view.counts
    person = f" by {escape(by, 40)}" if by else ""
    if batch.state is BatchState.PAUSED:
        paused_by_person = batch.pause is not None and batch.pause.kind is PauseKind.PERSON
        return Tone.ATTENTION, f"Paused{person}" if paused_by_person else "Paused · somebody has to act"
    if batch.state is BatchState.STOPPED:
        return Tone.STOPPED, f"Stopped{person}"
    if batch.state is BatchState.OPEN:
        if view.activity.doing is Doing.WAITING_TO_START:
            until = view.activity.until
            starts_at = batch.starts_at if until is None else milliseconds(until)
            return Tone.RUNNING, f"Nothing sent yet · the first call goes out {when(starts_at, 'R')}"
        if view.activity.doing is Doing.AWAY:
            return Tone.ATTENTION, "Waiting for the service"
        if view.activity.doing is Doing.STANDING_BY:
            return Tone.ATTENTION, "Standing by · nothing is sent from here"
        if waits_for_doubt(view):
            return Tone.ATTENTION, "Waits until a doubt is settled"
        return Tone.RUNNING, "Under way"
    open_ends = [f"{counts.unknown:,} in doubt"] if counts.unknown else []
    open_ends += [f"{counts.rejected:,} refused"] if counts.rejected else []
    open_ends += [f"{counts.written_off:,} written off"] if counts.written_off else []
    return (Tone.ATTENTION, f"Finished · {', '.join(open_ends)}") if open_ends else (Tone.DONE, "Done")


def receipt(view: BatchView) -> str:
    """The batch's receipt code, as a small line: what ``/verify`` takes."""
    return f"-# receipt `{view.code}` · `/verify` with it shows that nothing was altered since"


def bar(counts: Counts) -> str:
    """How much is worked off, in numbers and as a bar that is full only at the end: no doubts, nothing cancelled."""
    total, ended = max(1, counts.total), counts.worked_off
    cells, share = ended * BAR_CELLS // total, ended * 100 // total
    return f"{'▰' * cells}{'▱' * (BAR_CELLS - cells)} **{share} %** · {ended:,} of {count(counts.total, 'award')}"


def became(award: Award) -> str:
    """What became of an award, in one word or two."""
    return TAKEN if award.state is AwardState.APPLIED and award.amount < 0 else STATE_WORDS[award.state]


def by_state(view: BatchView) -> str:
    """``612 paid · 3 taken · 8 refused · 4 in doubt``; states without awards are left out."""
    counts, taken = view.counts, view.taken.get(AwardState.APPLIED, NOTHING_TAKEN).awards
    numbers = [
        (counts.applied - taken, STATE_WORDS[AwardState.APPLIED]),
        (taken, TAKEN),
        (counts.rejected, STATE_WORDS[AwardState.REJECTED]),
        (counts.unknown, STATE_WORDS[AwardState.UNKNOWN]),
        (counts.sending, STATE_WORDS[AwardState.SENDING]),
        (counts.planned, STATE_WORDS[AwardState.PLANNED]),
        (counts.cancelled, STATE_WORDS[AwardState.CANCELLED]),
        (counts.written_off, STATE_WORDS[AwardState.WRITTEN_OFF]),
    ]
    return " · ".join(f"{number:,} {word}" for number, word in numbers if number)


def sums(view: BatchView) -> str:
    """What was paid, of what the batch asks for; and what was taken. Their difference would be neither."""
    unit = view.batch.destination.unit
    to_take = sum(taken.amount for taken in view.taken.values())
    took = view.taken.get(AwardState.APPLIED, NOTHING_TAKEN).amount
    said = []
    if view.batch.total + to_take or not to_take:
        paid = view.sums.get(AwardState.APPLIED, 0) + took
        said.append(f"**{display(paid, unit)} of {points(view.batch.total + to_take, unit)}** paid")
    if to_take:
        is_most = took != 0 and view.batch.destination.kind.traits.cuts_deductions
        most, less = ("At most ", f" · {ONLY_WHAT_THERE_WAS}") if is_most else ("", "")
        said.append(f"**{most}{display(took, unit)} of {points(to_take, unit)}** {TAKEN}{less}")
    return ", ".join(said)


def doing(view: BatchView) -> str | None:
    """What happens right now and how long it will take, for an open batch; for one that is over, what Bursar does by
    itself about its doubts."""
    activity = view.activity
    if view.batch.state is not BatchState.OPEN:
        return None if view.batch.state is BatchState.PAUSED else _about_doubts(activity)
    until = None if activity.until is None else when(round(activity.until * 1000), "R")
    left = None if view.seconds_left is None else f"{duration(view.seconds_left)} left"
    calls = count(view.calls_left, "call") + " to go"
    if activity.doing is Doing.WAITING_TO_START:
        return "Until then, *Stop* costs nothing."
    if activity.doing is Doing.AWAY:
        why = escape(activity.detail, 200) if activity.detail else "The service cannot be reached."
        return f"{why} It is tried again{f' {until}' if until else ''}; what is not sent stays planned."
    if activity.doing is Doing.STANDING_BY:
        return escape(activity.detail or "", 400)
    if activity.doing is Doing.SENDING_AGAIN and view.calls_left:
        rest = " · ".join(part for part in (calls, left) if part)
        return f"{SENT_AGAIN}\n{rest}"
    if activity.doing is Doing.WAITING_FOR_LIMIT:
        return " · ".join(
            part for part in (f"Next call {until}" if until else "Waiting for the rate limit", calls, left) if part
        )
    if activity.doing is Doing.WAITING_FOR_LANE:
        why = (
            f"Next call {until}: before that an earlier one could still arrive at the service, and the operator's"
            " check accounts take one at a time. Nothing has to be done."
        )
        return "\n".join([why, " · ".join(part for part in (calls, left) if part)])
    if activity.doing is Doing.FOLLOWING and view.calls_left:
        return f"The service is still working on earlier jobs; the next call waits for them · {calls}"
    if said := _about_doubts(activity):
        return said
    if waits_for_doubt(view):  # and not because the dispatcher has yet to look at a new batch
        return f"No call is under way: {_held(view)}"
    return " · ".join(part for part in (calls, left) if part) if view.calls_left else None


def waits_for_doubt(view: BatchView) -> bool:
    """Whether nothing of an open batch goes out before a doubt is settled."""
    is_idle = view.activity.doing in (Doing.NOTHING, Doing.SENDING)  # whatever else it does is told instead
    return view.batch.state is BatchState.OPEN and is_idle and _held(view) is not None


def held_up(view: BatchView) -> str | None:
    """Why what is planned does not go out by itself, where a person keeps it from that."""
    if not view.counts.planned:
        return None
    if view.batch.state is BatchState.PAUSED:
        stay = count(view.counts.planned, "award stays", "awards stay")
        return f"The batch is paused: {stay} planned until somebody presses *Resume*."
    return doing(view) if view.activity.doing is Doing.STANDING_BY else None


def _about_doubts(activity: Activity) -> str | None:
    """What goes on without a person once there is no call to make."""
    if activity.doing is Doing.FOLLOWING:
        return "Every call is made; the service is still working on a job."
    if activity.doing is Doing.SENDING_AGAIN:
        return SENT_AGAIN
    if activity.doing is Doing.SETTLING and activity.until is not None:
        from_then = when(round(activity.until * 1000), "T")
        return f"What is in doubt is read back from {from_then} on; nothing has to be done before."
    return None


def _held(view: BatchView) -> str | None:
    """What keeps an open batch from being sent, with what to do."""
    waiting, lane = view.held_back.awards, view.held_lane
    if waiting and (lane is None or waiting >= view.counts.planned):
        return f"{held_rows(view)}. Bursar settles that by itself where it can; `/batch resolve` shows it."
    if lane is None:
        return None
    own = lane.batch_id == view.batch.id
    whose = "this batch" if own else f"batch {lane.batch_id}"
    elsewhere = lane.server_id not in (None, view.batch.actor.server_id)
    if elsewhere:
        whose += " (of another server)"
    why = f"the operator's check accounts are kept by a call of {whose} that is in doubt."
    if lane.is_paused:
        then = (
            "ask the operator to put right why and resume it" if elsewhere else "put right why, then `/batch resume` it"
        )
        return f"{why} That batch is paused, so nobody looks what became of it: {then}."
    if lane.is_left:
        return f"{why} They could not be read: the operator asks `bursar doctor` why, then starts Bursar anew."
    return f"{why} That is looked at by itself; nothing has to be done."


def held_rows(view: BatchView) -> str:
    """``12 rows wait because their recipients have an award in doubt in batch 5``."""
    held = view.held_back
    rows = count(held.awards, "row waits because its recipient has", "rows wait because their recipients have")
    others = [batch_id for batch_id in held.batches if batch_id != view.batch.id]
    if not held.batches:
        return f"{rows} an award in doubt, not of this server's batches"
    if not others:
        return f"{rows} an award in doubt in this batch"
    named = f"batch{'' if len(others) == 1 else 'es'} {', '.join(str(batch_id) for batch_id in others)}"
    return f"{rows} an award in doubt in {named}"


def origin(batch: Batch, programme: str) -> list[str]:
    """Who asked for what, where to, why."""
    by = f"**{escape(batch.actor.name, 60)}**"
    lines = [f"{count(batch.awards, 'award')} by {by} · {escape(programme, 60)} · {when(batch.recorded_at)}"]
    if batch.reason:
        lines.append(f"Reason: {escape(batch.reason, 200)}")
    if batch.file_name and batch.label:
        lines.append(f"File: {escape(batch.file_name, 100)}")
    if batch.source == TAKEN_IN:
        lines.append(
            "Taken in from a result file: sent by a ledger that was lost, counted as paid, never sent from here"
        )
    if batch.parent_id is not None:
        lines.append(f"{'Takes back' if batch.source == 'undo' else 'Continues'} batch {batch.parent_id}")
    return lines


def children(view: BatchView) -> list[str]:
    """The batches that came of this one, and how."""
    continued = [
        f"batch {child.id}" + (" (stopped)" if child.state is BatchState.STOPPED else "")
        for child in view.children
        if child.source != "undo"
    ]
    lines = [f"Continued by {', '.join(continued)}"] if continued else []
    if back := taken_back(view):
        lines.append(back[0].upper() + back[1:])
    lines += [f"Batch {undo} took nothing back" for undo, counts in view.undone.items() if not _in_force(counts)]
    return lines


def taken_back(view: BatchView) -> str | None:
    """``taken back by batch 42``, or how much of what was paid; ``None`` where no other batch takes anything back."""
    undos = {undo: counts for undo, counts in view.undone.items() if _in_force(counts)}
    paid, done = view.counts.applied, sum(counts.applied for counts in undos.values())
    going = sum(counts.unfinished for counts in undos.values())
    doubtful = sum(counts.unknown + counts.written_off for counts in undos.values())
    said = [f"{done:,} of {paid:,} taken back" if done < paid else "taken back"] if done else []
    said += [f"{going:,} being taken back"] if going else []
    said += [f"{doubtful:,} perhaps taken back"] if doubtful else []
    return f"{', '.join(said)} by {_named_batches(list(undos))}" if undos else None


def may_be_taken_back(view: BatchView) -> bool:
    """Whether an undo would find anything."""
    return view.counts.applied > sum(_in_force(counts) for counts in view.undone.values())


def _in_force(undo: Counts) -> int:
    """Awards that no other undo takes back, too (``ledger.undo``)."""
    return undo.applied + undo.unfinished + undo.unknown + undo.written_off


def _named_batches(batch_ids: Sequence[int]) -> str:
    return ", ".join(f"batch {batch_id}" for batch_id in batch_ids)


def recipients(first: Sequence[Award], total: int, strangers: frozenset[str] = frozenset()) -> str:
    """``For @a, @b and 1,198 more``. ``strangers``: Discord ids that are no members here."""
    names = ", ".join(_named(award, strangers) for award in first)
    more = total - len(first)
    return f"For {names} and {more:,} more" if more > 0 else f"For {names}"


def award_lines(awards: Sequence[Award], batch: Batch) -> list[str]:
    """``- @a · 50 points · paid``. A cause that several awards share is told once, below them."""
    causes = Counter(cause for award in awards if (cause := why_unpaid(award, batch)) is not None)
    lines = []
    for award in awards:
        cause = why_unpaid(award, batch)
        said = f"- {_named(award)} · {points(award.amount, batch.destination.unit)} · {became(award)}"
        lines.append(f"{said}: {escape(cause[1], 150)}" if cause is not None and causes[cause] == 1 else said)
    shared = [cause for cause, times in causes.items() if times > 1]
    words = {**STATE_WORDS, AwardState.APPLIED: TAKEN}
    return [*lines, *(f"{words[state].capitalize()}: {escape(detail, 200)}" for state, detail in shared)]


def _named(award: Award, strangers: frozenset[str] = frozenset()) -> str:
    """Who was refused is often nobody here, of whom a mention says nothing: their id stands beside it, unless it stands
    in its place."""
    name, value = named_as(award.recipient, strangers), award.recipient.value
    is_mention = award.recipient.type is RecipientType.DISCORD_ID and value not in strangers
    return f"{name} (`{value}`)" if is_mention and award.state is AwardState.REJECTED else name


def why_unpaid(award: Award, batch: Batch) -> tuple[AwardState, str] | None:
    """Why it is not paid, unless the card says it already; of a deduction, how much was taken."""
    told = award.state is AwardState.PLANNED and batch.pause is not None
    paid = award.state is AwardState.APPLIED and award.amount > 0
    return None if not award.detail or told or paid else (award.state, award.detail)


_EVENTS: Final = {
    "batch-recorded": "recorded",
    "batch-paused": "paused",
    "batch-resumed": "resumed",
    "batch-stopped": "stopped",
    "batch-finished": "finished",
    "batch-reopened": "opened again",
    "call-again": "an answer was lost: the same call sent again",
    "calls-interrupted": "calls cut off by a crash",
    "job-given-up": "a job took too long",
    "late-answer": "a late answer of the service",
    "staff-alerted": "staff alerted",
    "award-resolved": "doubt settled",
    "evidence-applied": "read back: landed",
    "evidence-not-landed": "read back: did not land",
    "history-told": "taken over from a result file",
}


def event_lines(events: Sequence[Event]) -> list[str]:
    """A batch's history; entries that one decision made for many rows are one line."""
    lines = []
    for (_, said), together in groupby(events, key=lambda event: (event.at, _event(event))):
        rows = sum(1 for event in together if event.award_id is not None)
        lines.append(f"{said} ({count(rows, 'row')})" if rows > 1 else said)
    return lines


def _event(event: Event) -> str:
    said = _EVENTS.get(event.kind, event.kind.replace("-", " "))
    by = f" by {escape(event.actor_name, 40)}" if event.actor_name else ""
    notes = [event.detail.get(key) for key in ("decision", "message", "reason")]
    if event.kind == "staff-alerted":
        notes = []  # its message is one of Discord's, by number
    if approver := event.detail.get("approved_by"):
        notes.append(f"approved by {approver}")
    told = f"{said} by {event.actor_name}"  # a pause has it as its message
    note = " · ".join(escape(str(one), 150) for one in notes if one and one != told)
    return f"{when(event.at)} {said}{by}" + (f": {note}" if note else "")


_UNDER_WAY: Final = {"open": "on its way", "accepted": "a job is working on it"}
"""A call that has no end yet."""


def attempt_line(attempt: Attempt) -> str:
    """One call that did not simply succeed, with the service's own name for it, which its support asks for."""
    status = f" · HTTP {attempt.http_status}" if attempt.http_status is not None else ""
    said = attempt.detail or attempt.verdict or _UNDER_WAY.get(attempt.state, attempt.state)
    name = f" · request {escape(attempt.request_id, 60)}" if attempt.request_id else ""
    awards = count(len(attempt.award_ids), "award")
    return f"{when(attempt.claimed_at, 'T')} {awards}{status} · {escape(said, 150)}{name}"


def who_ended(view: BatchView, events: Sequence[Event]) -> str | None:
    """The person who stopped or paused a batch that stands still now; ``None`` when it was nobody."""
    if view.batch.state is BatchState.STOPPED:
        kind = "batch-stopped"
    elif view.batch.pause is not None and view.batch.pause.kind is PauseKind.PERSON:
        kind = "batch-paused"
    else:
        return None
    return next((event.actor_name for event in reversed(events) if event.kind == kind), None)
