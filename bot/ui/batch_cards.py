"""Cards of recorded batches: the staff channel's board, ``/batch show`` and ``list``, the question before a stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.domain.model import Award, Batch, Counts
from bot.domain.states import TAKEN_IN, BatchState
from bot.ledger.queries import Calls, Event
from bot.services.batches import BatchView
from bot.ui import batch_text
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.draft_names import ListedDraft, draft_choice, draft_line
from bot.ui.text import count, escape, plain, when

LISTED_AWARDS: Final = 10
"""Up to so many awards are named one by one; a small ``/award`` needs no result file."""
NAMED: Final = 5
"""Recipients that a line names of more."""
SHOWN_EVENTS: Final = 10
SHOWN_ATTEMPTS: Final = 6
PAGE_SIZE: Final = 8
"""Batches on a page of ``/batch list``."""
DRAFTS_PAGE: Final = 25
"""Drafts in its menu, beside them: as many as Discord lets a menu have."""
SHOWN_DRAFTS: Final = 5
"""Those of them that it names in its text."""
PROMISE_SHOWN: Final = 800
"""Characters of what a programme can promise: the longest card has fewer, and its end says what goes to a person."""
NOBODY_NAMED: Final[Mapping[str, str]] = {}

Buttons = list[discord.ui.Item[Any]]


def batch_button_id(action: str, batch_id: int) -> str:
    """The custom id of a batch's button. It carries ids only; the state is read when it is pressed."""
    return f"batch:{action}:{batch_id}"


def _button(
    label: str, action: str, batch_id: int, style: discord.ButtonStyle = discord.ButtonStyle.secondary
) -> discord.ui.Button[Any]:
    return button(label, batch_button_id(action, batch_id), style=style)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do about a batch."""

    manage: bool = True
    stop: bool = True


EVERYTHING: Final = Allowed()
"""Of a card that many see: a press is judged by who presses."""


def steering_buttons(view: BatchView, *, board: bool, allowed: Allowed = EVERYTHING) -> Buttons:
    """What can be done about a batch right now. ``board``: in the staff channel, where *Details* leads further."""
    batch = view.batch
    row = _managing_buttons(view) if allowed.manage else []
    if allowed.stop and not allowed.manage and batch_text.may_be_stopped(batch, view.counts):
        row.append(_stop_button(batch.id))
    if board:
        row.append(_button("Details", "show", batch.id))
    elif allowed.manage and _may_be_undone(view):
        row.append(_button("Take back…", "undo", batch.id))
    return row


def _managing_buttons(view: BatchView) -> Buttons:
    batch, counts = view.batch, view.counts
    row: Buttons = []
    if batch.state is BatchState.PAUSED:
        row.append(_button("Resume", "resume", batch.id, discord.ButtonStyle.primary))
    if batch.state is BatchState.OPEN:
        row.append(_button("Pause", "pause", batch.id))
    if batch_text.may_be_stopped(batch, counts):
        row.append(_stop_button(batch.id))
    if counts.unknown:
        row.append(_button(f"Settle {counts.unknown:,} in doubt", "doubts", batch.id, discord.ButtonStyle.primary))
    if view.retryable and batch_text.is_over(view):
        rows = "row" if batch.source == "retry" and counts.cancelled else "refused row"
        row.append(_button(f"Send {count(view.retryable, rows)} again", "retry", batch.id))
    return row


def _stop_button(batch_id: int) -> discord.ui.Button[Any]:
    return _button("Stop", "stop", batch_id, discord.ButtonStyle.danger)


def _may_be_undone(view: BatchView) -> bool:
    known = view.batch.source not in ("undo", TAKEN_IN) and not view.counts.unknown
    return known and batch_text.is_over(view) and batch_text.may_be_taken_back(view)


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """What a board shows besides the batch itself."""

    programme: str
    """The title that moderators see."""
    first: Sequence[Award]
    """The first awards, to name the recipients."""
    by: str | None = None
    """Who paused or stopped it."""
    restarted_at: int | None = None
    """Unix ms of the restart after which it goes on."""
    file_name: str | None = None
    """The attached result."""
    file_note: str | None = None
    """What there is to say about the result file (compressed, or too large)."""
    promise: str | None = None
    """What is known of the programme's service, and what it cannot promise."""
    strangers: frozenset[str] = frozenset()
    """Discord ids among the recipients that are known to be no members here."""


def board_card(view: BatchView, facts: BoardFacts, *, practice: bool) -> discord.ui.LayoutView:
    """The one message that the staff channel has of a batch."""
    batch = view.batch
    tone, word = batch_text.tone_and_word(view, by=facts.by)
    over = batch_text.is_over(view)
    lines: list[Line] = []
    if not over:
        lines.append(batch_text.bar(view.counts))
    lines.append(batch_text.by_state(view))
    lines.append(batch_text.sums(view))
    doing = batch_text.doing(view)
    if doing:
        lines.append(doing)
    if batch.state is BatchState.PAUSED and batch.pause is not None and facts.by is None:
        lines.append(f"⚠️ {escape(batch.pause.cause, 300)}")
    if facts.restarted_at is not None and not over:
        lines.append(f"Goes on after a restart of Bursar {when(facts.restarted_at, 'R')}.")
    lines += [RULE, *batch_text.origin(batch, facts.programme)]
    if batch.awards <= LISTED_AWARDS:
        lines += batch_text.award_lines(facts.first, batch)
    else:
        lines.append(batch_text.recipients(facts.first[:NAMED], batch.awards))
    lines += batch_text.children(view)
    lines.append(batch_text.receipt(view))
    if facts.file_name is not None:
        lines.append(discord.ui.File(f"attachment://{facts.file_name}"))
    if facts.file_note is not None:
        lines.append(f"-# {facts.file_note}")
    title = batch_text.title(batch)
    rows = [steering_buttons(view, board=True)]
    return card(title, tone=tone, word=word, practice=practice, lines=lines, rows=rows)


def alert_card(
    batch: Batch, reason: str, next_step: str, planned: int, *, code: str, practice: bool
) -> discord.ui.LayoutView:
    """A pause that no person asked for: posted once, as a message of its own, so that it is seen. ``code``: of its
    receipt, by which a press on it is known to be about this batch."""
    return card(
        f"{batch_text.title(batch)} is paused",
        tone=Tone.ATTENTION,
        word="Somebody has to act",
        practice=practice,
        lines=[
            _stays_planned(planned),
            f"Why: {reason}",
            f"Next: {next_step}",
            f"-# receipt `{code}`",
        ],
        rows=[
            [
                _button("Resume", "resume", batch.id, discord.ButtonStyle.primary),
                _button("Stop", "stop", batch.id, discord.ButtonStyle.danger),
                _button("Details", "show", batch.id),
            ]
        ],
    )


def alert_over_card(batch: Batch, reason: str, ended: Event, *, code: str, practice: bool) -> discord.ui.LayoutView:
    """The same message once somebody has resumed or stopped the batch."""
    lines = [f"Why: {reason}", *batch_text.event_lines([ended]), f"-# receipt `{code}`"]
    rows = [[_button("Details", "show", batch.id)]]
    title = f"{batch_text.title(batch)} was paused"
    return card(title, tone=Tone.PLAIN, word="", practice=practice, lines=lines, rows=rows)


def _stays_planned(awards: int) -> str:
    if not awards:
        return "Nothing is left to send; what became of calls that were made is not known yet."
    if awards == 1:
        return "1 award stays planned. It was not sent, and it is not lost."
    return f"{count(awards, 'award')} stay planned. None of them was sent, and none is lost."


def show_card(
    view: BatchView,
    facts: BoardFacts,
    events: Sequence[Event],
    calls: Calls,
    *,
    practice: bool,
    allowed: Allowed,
) -> discord.ui.LayoutView:
    """Everything about one batch, privately. ``allowed``: to who asks."""
    batch = view.batch
    tone, word = batch_text.tone_and_word(view, by=facts.by)
    lines: list[Line] = [batch_text.bar(view.counts), batch_text.by_state(view), batch_text.sums(view)]
    lines += [line for line in (batch_text.doing(view),) if line]
    if batch.pause is not None and facts.by is None:
        lines.append(f"⚠️ {escape(batch.pause.cause, 300)}")
    lines += [RULE, *batch_text.origin(batch, facts.programme)]
    lines.append(batch_text.recipients(facts.first[:NAMED], batch.awards, facts.strangers))
    lines.append(batch_text.receipt(view))
    if facts.promise is not None:
        lines.append(f"-# {escape(facts.promise, PROMISE_SHOWN)}")
    lines += batch_text.children(view)
    lines += [RULE, "**History**"]
    history = batch_text.event_lines(events)
    if len(history) > SHOWN_EVENTS:
        lines.append(f"-# {len(history) - SHOWN_EVENTS:,} earlier entries are left out")
    lines += [f"- {line}" for line in history[-SHOWN_EVENTS:]]
    lines += _calls(calls)
    first = steering_buttons(view, board=False, allowed=allowed)
    second: Buttons = [
        _button("Refresh", "again", batch.id),
        _button("Result file", "file", batch.id),
    ]
    rows = [row for row in (first, second) if row]
    return card(batch_text.title(batch), tone=tone, word=word, practice=practice, lines=lines, rows=rows)


def _calls(calls: Calls) -> list[Line]:
    if not calls.total:
        return [RULE, "**No call** was made"]
    rest = calls.total - calls.clean
    lines: list[Line] = [RULE, f"**{count(calls.total, 'call')}** · {calls.clean:,} went through whole"]
    if rest > len(calls.others):
        lines.append(f"-# the last {len(calls.others)} of {rest:,} that did not")
    return lines + [f"- {batch_text.attempt_line(attempt)}" for attempt in calls.others]


def stop_card(view: BatchView, *, practice: bool) -> discord.ui.LayoutView:
    """The question before a stop: what is sent already, what will never be."""
    counts, batch = view.counts, view.batch
    lines: list[Line] = []
    if counts.applied:
        paid = batch_text.sums(view)
        lines.append(f"{count(counts.applied, 'award')} already went out ({paid}). Stopping does not take them back.")
    if counts.sending:
        lines.append(f"{count(counts.sending, 'award')} on the way: that call will be finished and recorded.")
    if counts.unknown:
        lines.append(
            f"{count(counts.unknown, 'award')} in doubt: still looked at, and asked about by `/batch resolve`. What is"
            " found not to have arrived is then cancelled, never sent again."
        )
    if counts.planned:
        lines.append(f"{count(counts.planned, 'award')} not sent yet: cancelled for good. *Pause* would keep them.")
    else:
        lines.append("Nothing else is left to send, so nothing is cancelled now.")
    lines.append(batch_text.receipt(view))
    pause = [_button("Pause instead", "pause", batch.id)] if batch.state is not BatchState.FINISHED else []
    stop = f"Stop it, cancel {count(counts.planned, 'award')}" if counts.planned else "Stop it"
    return card(
        f"Stop batch {batch.id}?",
        tone=Tone.STOPPED,
        word="This cannot be undone",
        practice=practice,
        lines=lines,
        rows=[[_button(stop, "halt", batch.id, discord.ButtonStyle.danger), *pause]],
    )


def list_card(
    views: Sequence[BatchView],
    drafts: Sequence[ListedDraft],
    *,
    page: int,
    total: int,
    open_drafts: int,
    practice: bool,
    names: Mapping[str, str] = NOBODY_NAMED,
    own_only: bool = False,
    strangers: frozenset[str] = frozenset(),
) -> discord.ui.LayoutView:
    """A page of the server's batches, newest first, with the drafts that wait for somebody to confirm them, of which
    each page has its own, too. ``names`` of members by Discord id, as far as they are known. ``own_only``: for somebody
    who may see nobody else's. ``strangers``: Discord ids that are known to be no members here."""
    lines: list[Line] = []
    if drafts:
        lines.append(
            f"**{count(open_drafts, 'open draft')}** · nothing of {'it' if open_drafts == 1 else 'them'} was sent"
        )
        lines += [draft_line(listed, strangers) for listed in drafts[:SHOWN_DRAFTS]]
        if len(drafts) > SHOWN_DRAFTS:
            lines.append(f"- … and {len(drafts) - SHOWN_DRAFTS:,} more in the menu")
        if drafts_of(page, open_drafts).stop < open_drafts:
            lines.append("-# *Older* has the drafts before these, too.")
        lines.append(RULE)
    lines += [_batch_line(view) for view in views]
    if not total:
        lines.append(f"No batch{' of yours' if own_only else ''} yet. `/award` and `/bulk` make one.")
    if own_only:
        lines.append(
            "-# Only your own are listed: an administrator can let a role look at the others', in `/settings`."
        )
    rows: list[Buttons] = []
    if drafts:
        rows.append([_draft_menu(drafts, names)])
    if views:
        rows.append([_batch_menu(views)])
    pages = pages_of(total, open_drafts)
    if pages > 1:
        rows.append(_pager(page, pages))
    return card("Batches", tone=Tone.PLAIN, practice=practice, lines=lines, rows=rows)


def pages_of(total: int, open_drafts: int) -> int:
    """How many pages a list has with so many batches and drafts."""
    return max(1, -(-total // PAGE_SIZE), -(-open_drafts // DRAFTS_PAGE))


def drafts_of(page: int, open_drafts: int) -> range:
    """Which of the drafts are on a page."""
    return range(page * DRAFTS_PAGE, min(open_drafts, (page + 1) * DRAFTS_PAGE))


def _pager(page: int, pages: int) -> Buttons:
    here = button(f"Page {page + 1} of {pages}", f"batches:here:{page}", disabled=True)
    return [
        button("First", "batches:first:0", disabled=page == 0),
        button("Newer", f"batches:page:{max(0, page - 1)}", disabled=page == 0),
        here,
        button("Older", f"batches:next:{page + 1}", disabled=page + 1 >= pages),
    ]


def _draft_menu(drafts: Sequence[ListedDraft], names: Mapping[str, str]) -> discord.ui.Select[Any]:
    options = []
    for listed in drafts:
        label, description = draft_choice(listed, names)
        options.append(discord.SelectOption(label=label, description=description, value=str(listed.draft.id)))
    return discord.ui.Select(custom_id="batches:draft", placeholder="Open a draft", options=options)


def _batch_menu(views: Sequence[BatchView]) -> discord.ui.Select[Any]:
    options = [
        discord.SelectOption(label=plain(choice_label(view.batch, view.counts)), value=str(view.batch.id))
        for view in views
    ]
    return discord.ui.Select(custom_id="batches:show", placeholder="Show a batch", options=options)


def _batch_line(view: BatchView) -> str:
    batch, back = view.batch, batch_text.taken_back(view)
    said = [
        state_word(batch, view.counts),
        count(batch.awards, "award"),
        batch_text.sums(view),
        *([back] if back else []),
    ]
    by = f"by {escape(batch.actor.name, 40)} {when(batch.recorded_at, 'R')}"
    return " · ".join([f"- **{batch_text.title(batch)}**", *said, by])


def state_word(batch: Batch, counts: Counts) -> str:
    """A few words for lists and autocompletion."""
    doubt = f", {counts.unknown:,} in doubt" if counts.unknown else ""
    if batch.state is BatchState.OPEN:
        return "nothing sent yet" if counts.planned == counts.total else f"running{doubt}"
    refused = f", {counts.rejected:,} refused" if counts.rejected else ""
    given_up = f", {counts.written_off:,} written off" if counts.written_off else ""
    return f"{batch.state.value}{doubt}{refused}{given_up}"


def choice_label(batch: Batch, counts: Counts) -> str:
    """``Batch 41 · 1,203 awards · running · Week 31``."""
    named = batch.label or batch.reason
    parts = [f"Batch {batch.id}", count(batch.awards, "award"), state_word(batch, counts), named]
    return " · ".join(part for part in parts if part)
