"""The private cards of ``/award``: the preview with names and balances, and the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import discord

from bot.domain.model import NOTHING_TAKEN, Award, Batch, PauseKind, Unit
from bot.domain.states import AwardState, BatchState
from bot.services.batches import BatchView
from bot.services.submitting import Preview
from bot.ui import batch_cards, batch_text
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.preview_buttons import ASK_LABEL, again_buttons, approval_buttons, custom_id, looking_up_buttons, to_send
from bot.ui.preview_card import (
    BAD_ROWS_WORD,
    PAID_WORD,
    SECOND_TIME_WORD,
    UNSETTLED_WORD,
    Frame,
    Step,
    preview_state,
    promise_lines,
)
from bot.ui.preview_facts import (
    approval_lines,
    budget_lines,
    expiry_line,
    limit_lines,
    match_lines,
    members_title,
    plan_line,
    problem_lines,
    totals_line,
    warning_lines,
    wish_lines,
)
from bot.ui.text import count, escape, listing, plain, points, who

FEW: Final = 10
"""A command for so many members is sent at once after its confirmation; for more, the start waits like a file's."""


_WORDS: Final = {
    BAD_ROWS_WORD: "Nothing sent · not everybody can be awarded",
    PAID_WORD: "Nothing sent · paid lately already",
    UNSETTLED_WORD: "Nothing sent · already under way, in doubt or written off",
    SECOND_TIME_WORD: "Nothing sent · this would be paid a second time",
}
"""A command has members where a file has rows."""


@dataclass(frozen=True, slots=True)
class Faces:
    """What is known of the members besides their ids."""

    names: Mapping[str, str]
    """Display names by Discord id."""
    balances: Mapping[int, int | None]
    """Balances before, by line, of members who would lose points; ``None`` = could not be read."""


def award_card(preview: Preview, frame: Frame, faces: Faces, step: Step = Step.MAIN) -> discord.ui.LayoutView:
    """The preview: who gets or loses what, and one button that says it."""
    tone, word = preview_state(preview, frame, step)
    if tone is Tone.DRAFT and preview.totals.deductions:
        tone, word = Tone.STOPPED, "Nothing sent · this takes points away"
    word = _WORDS.get(word, word)
    rows = [_member_line(preview, faces, index) for index in range(len(preview.sample))]
    lines: list[Line] = [*(listing(rows, preview.totals.rows) if preview.totals.rows > 1 else rows)]
    if preview.totals.rows > 1:
        lines.append(totals_line(preview))
    lines.extend(wish_lines(preview, frame.title))
    warnings = partial(warning_lines, strangers=frame.strangers)
    leave = partial(approval_lines, again=step is Step.AGAIN)
    for facts in (limit_lines, leave, match_lines, problem_lines, warnings):
        if group := facts(preview):
            lines.extend([RULE, *group])
    if preview.schedule.lookups or preview.totals.rows > FEW:
        lines.extend([RULE, plan_line(preview)])
    lines.extend(budget_lines(preview))
    if preview.good_rows and preview.totals.rows > FEW:
        lines.extend(promise_lines(preview, frame))
    if preview.good_rows:
        lines.append(expiry_line(preview))
    return card(
        members_title(preview),
        tone=tone,
        word=word,
        practice=frame.practice,
        lines=lines,
        rows=_rows(preview, frame, faces, step),
    )


def _member_line(preview: Preview, faces: Faces, index: int) -> str:
    row, unit = preview.sample[index], preview.programme.unit
    line = f"{who(row.recipient)} · **{points(row.amount, unit)}**"
    if row.amount > 0:
        return line
    before = faces.balances.get(row.line)
    if before is None:
        return f"{line} · their balance could not be read"
    after = before + row.amount
    if after < 0 and preview.totals.may_take_less:
        return f"{line} · balance {points(before, unit)} · **no more than there is will be taken**"
    below = " · **below zero, will probably be refused**" if after < 0 else ""
    return f"{line} · balance {points(before, unit)} → {points(after, unit)}{below}"


def _rows(preview: Preview, frame: Frame, faces: Faces, step: Step) -> list[list[discord.ui.Item[Any]]]:
    if frame.looking_up is not None:
        return [looking_up_buttons(preview)]
    cancel = button("Cancel", custom_id("cancel", preview))
    blocked = preview.over_limit is not None or preview.to_look_up or preview.draft.content_hash is None
    if blocked or not preview.good_rows:
        return [[cancel]]
    bad, matched = preview.totals.problems > 0, preview.blocking_matches
    danger = bool(preview.totals.deductions)
    if step is Step.AGAIN:
        some = "" if matched == preview.good_rows else f", {matched:,} of them"
        return [again_buttons(preview, f"{_label(preview, faces, preview.good_rows)}{some} again")]
    if (waiting := approval_buttons(preview, _label(preview, faces, to_send(preview)))) is not None:
        return [[*waiting, cancel]]
    row: list[discord.ui.Item[Any]] = []
    flags = ("g" if bad else "") + ("s" if matched else "")
    if to_send(preview):
        style = discord.ButtonStyle.danger if danger else discord.ButtonStyle.primary
        verb = f"send-{flags}" if flags else "send"
        label = _label(preview, faces, to_send(preview))
        if matched:
            label = f"{label}, only to those not yet paid" if danger else f"{label} not yet paid"
        if preview.approval_why is not None:
            verb, label = verb.replace("send", "ask"), ASK_LABEL
        row.append(button(label, custom_id(verb, preview), style=style))
    if matched:
        again = "Pay again…" if preview.totals.rows == 1 else f"Pay {matched:,} again…"
        row.append(button(again, custom_id("again", preview)))
    return [[*row, cancel]]


def _label(preview: Preview, faces: Faces, sending: int) -> str:
    """``Send 50 points to @x``, ``Take 50 points from @x``, ``Send 250 points to 5 members``."""
    totals, unit = preview.totals, preview.programme.unit
    if totals.rows == 1 and sending == 1 and preview.sample:
        row = preview.sample[0]
        name = "@" + plain(faces.names.get(row.recipient.value, row.recipient.value), 32)
        amount = points(abs(row.amount), unit)
        return f"Take {amount} from {name}" if row.amount < 0 else f"Send {amount} to {name}"
    if totals.deductions and totals.deductions == totals.rows:
        return f"Take points from {count(sending, 'member')}"
    if totals.deductions:
        return f"Send and take points: {count(sending, 'member')}"
    if sending == totals.rows:
        return f"Send {points(totals.total, unit)} to {count(sending, 'member')}"
    return f"Send points to {count(sending, 'member')}"


# --- the receipt --------------------------------------------------------------------------------------------------


def award_receipt(
    view: BatchView,
    awards: Sequence[Award],
    balances: Mapping[int, int],
    *,
    programme: str,
    practice: bool,
    may_stop: bool,
) -> discord.ui.LayoutView:
    """What became of each award. ``balances`` after it, by award id, where they are known."""
    batch, counts, unit = view.batch, view.counts, view.batch.destination.unit
    tone, word = batch_text.tone_and_word(view)
    pause = batch.pause if batch.state is BatchState.PAUSED else None
    rows = [_award_line(one, balances, batch) for one in awards]
    lines: list[Line] = [*(listing(rows, batch.awards) if batch.awards > 1 else rows)]
    if batch.awards > 1:
        lines.append(batch_text.by_state(view))
    if doing := batch_text.doing(view):
        lines.append(doing)
    if pause is not None and pause.kind is not PauseKind.PERSON:
        lines.append(f"⚠️ {escape(pause.cause, 300)}")
    if batch.reason:
        lines.append(f"**Reason** {escape(batch.reason, 200)}")
    if counts.unknown:
        lines.append("In doubt means: the service may have acted or not. Do not send it again; use `/batch resolve`.")
    ids = f"award {awards[0].id} · " if len(awards) == 1 else ""
    lines.append(f"-# {ids}batch {batch.id} · {escape(programme, 60)}")
    one = f"; of one award `{view.code}.1` to `.{batch.awards}`, in this order" if batch.awards > 1 else ""
    lines.append(f"-# receipt `{view.code}`{one} · `/verify`")
    return card(
        _receipt_title(view, awards, unit),
        tone=tone,
        word=word,
        practice=practice,
        lines=lines,
        rows=receipt_buttons(view, may_stop=may_stop),
    )


def receipt_buttons(view: BatchView, *, may_stop: bool) -> list[list[discord.ui.Item[Any]]]:
    """Stop while that is possible, and the way to the details."""
    row: list[discord.ui.Item[Any]] = []
    if may_stop and view.counts.planned:
        stop = batch_cards.batch_button_id("stop", view.batch.id)
        row.append(button("Stop", stop, style=discord.ButtonStyle.danger))
    row.append(button("Details", batch_cards.batch_button_id("show", view.batch.id)))
    return [row]


def _receipt_title(view: BatchView, awards: Sequence[Award], unit: Unit) -> str:
    batch, counts = view.batch, view.counts
    if len(awards) == 1:
        award = awards[0]
        amount = points(abs(award.amount), unit)
        name = who(award.recipient)
        if award.state is AwardState.APPLIED:
            # A detail tells how much was taken really.
            took = "Took points" if award.detail else f"Took {amount}"
            return f"{took} from {name}" if award.amount < 0 else f"Sent {amount} to {name}"
        if award.state is AwardState.REJECTED:
            return f"Nothing was sent to {name}" if award.amount > 0 else f"Nothing was taken from {name}"
        if award.state is AwardState.UNKNOWN:
            return f"{amount} for {name}: in doubt"
        if award.state is AwardState.CANCELLED:
            return "Stopped, nothing was sent"
        if award.state is AwardState.WRITTEN_OFF:
            return f"{amount} for {name}: written off"
        is_held = batch.state is BatchState.PAUSED or batch_text.waits_for_doubt(view)
        waits = award.state is AwardState.PLANNED and is_held
        return f"{amount} for {name}: {'not sent yet' if waits else 'under way'}"
    if counts.applied == counts.total:
        taken = view.taken.get(AwardState.APPLIED, NOTHING_TAKEN).awards  # only the first ten awards are at hand
        if taken == counts.total:
            return f"Took points from {count(counts.total, 'member')}"
        return f"Sent to {count(counts.total - taken, 'member')}" + (f", took from {taken:,}" if taken else "")
    doubt = f", {counts.unknown:,} in doubt" if counts.unknown else ""
    return f"{counts.applied:,} of {count(counts.total, 'award')} sent{doubt}"


def _award_line(award: Award, balances: Mapping[int, int], batch: Batch) -> str:
    unit = batch.destination.unit
    line = f"{who(award.recipient)} · {points(award.amount, unit)} · {batch_text.became(award)}"
    if cause := batch_text.why_unpaid(award, batch):
        line = f"{line}: {escape(cause[1], 160)}"
    if award.state is AwardState.APPLIED and award.id in balances:
        line = f"{line} · new balance **{points(balances[award.id], unit)}**"
    return line
