"""The private preview of a draft: what would be sent, and what is wrong. What can be pressed: ``preview_buttons``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import discord

from bot.services.submitting import Preview
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.lookups import Searched
from bot.ui.preview_buttons import (
    again_buttons,
    can_be_settled,
    column_menus,
    custom_id,
    draft_rows,
    looking_up_buttons,
    takes_one_amount,
    unlisted_lines,
)
from bot.ui.preview_facts import (
    approval_lines,
    budget_lines,
    campaign_lines,
    counted,
    expiry_line,
    found_lines,
    limit_lines,
    match_lines,
    members_title,
    parted_lines,
    people_lines,
    plan_line,
    problem_lines,
    totals_line,
    warning_lines,
    wish_lines,
)
from bot.ui.text import count, escape

BAD_ROWS_WORD: Final = "Nothing sent · there are bad rows"
PAID_WORD: Final = "Nothing sent · rows were already paid"
UNSETTLED_WORD: Final = "Nothing sent · rows are already under way, in doubt or written off"
PARTED_WORD: Final = "Nothing sent · look at the amounts"
SECOND_TIME_WORD: Final = "Nothing sent · these rows would be paid a second time"


class Step(Enum):
    """Which question the card asks."""

    MAIN = "main"
    AGAIN = "again"  # pay rows a second time?


@dataclass(frozen=True, slots=True)
class Frame:
    """What the card shows besides the draft itself."""

    title: str
    """The programme's name for moderators."""
    staff_channel: str | None
    """``<#id>`` where progress and results will be posted; ``None`` = nowhere."""
    no_staff_channel: str
    """Why there is none, with the way out."""
    practice: bool
    looking_up: Searched | None = None
    """While recipients are being looked up."""
    waits_for_limit: bool = False
    """The account's rate limit keeps requests back."""
    strangers: frozenset[str] = frozenset()
    """Discord ids that are no members here, so that a mention would say nothing."""
    problems_file: str | None = None
    """Name of the attached file with every bad row."""


def preview_card(preview: Preview, frame: Frame, step: Step = Step.MAIN) -> discord.ui.LayoutView:
    """The card of a draft made from a file, from pasted cells or for a retry."""
    if preview.refused is not None:
        return _refused_card(preview, frame)
    if step is Step.AGAIN:
        return _again_card(preview, frame)
    tone, word = preview_state(preview, frame, step)
    lines: list[Line] = [
        totals_line(preview),
        *wish_lines(preview, frame.title),
        *people_lines(preview, frame.strangers),
    ]
    for facts in (limit_lines, approval_lines, match_lines, campaign_lines, problem_lines, warning_lines, found_lines):
        if group := warning_lines(preview, frame.strangers) if facts is warning_lines else facts(preview):
            lines.extend([RULE, *group])
        if facts is problem_lines and group and frame.problems_file is not None:
            lines.append(discord.ui.File(f"attachment://{frame.problems_file}"))
    lines.extend(f"-# {line}" for line in unlisted_lines(preview))
    if preview.totals.problems and not preview.totals.rows:
        lines.extend([RULE, "**No row can be sent**: correct them in the file, then send it with `/bulk` again."])
    # What is promised is named before it is confirmed, however much there is to say of the file.
    end = [*budget_lines(preview), plan_line(preview), *promise_lines(preview, frame)] if preview.good_rows else []
    end.append(expiry_line(preview))
    if frame.looking_up is not None:
        rows = [looking_up_buttons(preview)]
    else:
        rows = draft_rows(preview, has_staff_channel=frame.staff_channel is not None)
    return card(card_title(preview), tone=tone, word=word, practice=frame.practice, lines=lines, end=end, rows=rows)


def _again_card(preview: Preview, frame: Frame) -> discord.ui.LayoutView:
    """The second question, with nothing on it that distracts from what it asks."""
    tone, word = preview_state(preview, frame, Step.AGAIN)
    lines: list[Line] = [
        totals_line(preview),
        *wish_lines(preview, frame.title),
        RULE,
        *match_lines(preview),
        *_left_out_lines(preview),
        f"**{_whose(preview)} the points a second time.**",
        *approval_lines(preview, again=True),
    ]
    rows = [again_buttons(preview, _again_label(preview))]
    return card(card_title(preview), tone=tone, word=word, practice=frame.practice, lines=lines, rows=rows)


def _left_out_lines(preview: Preview) -> list[str]:
    """Bad rows stop the send until somebody chooses to go on without them, and the button does."""
    bad = preview.totals.problems
    return [f"**{count(bad, 'bad row is', 'bad rows are')} left out.**"] if bad else []


def _whose(preview: Preview) -> str:
    """``The recipients of these 5 rows get``, or ``lose``; only what is known to be paid is called so."""
    matched, noun, totals = preview.blocking_matches, counted(preview), preview.totals
    whose = f"The recipient of this {noun}" if matched == 1 else f"The recipients of these {matched:,} {noun}s"
    verbs = [verb for verb, some in (("get", totals.rows > totals.deductions), ("lose", totals.deductions)) if some]
    if preview.matches.any_unsettled:
        return f"{whose} may {' or '.join(verbs)}"
    return f"{whose} {' or '.join(f'{verb}s' if matched == 1 else verb for verb in verbs)}"


def _again_label(preview: Preview) -> str:
    """As on the main button, deductions are named: nobody takes points by a button that says "pay" or "send"."""
    matched, total, taken = preview.blocking_matches, preview.good_rows, preview.totals.deductions
    noun = f"good {counted(preview)}" if preview.totals.problems else counted(preview)
    some, everybody = count(matched, noun), f"all {count(total, noun) if preview.totals.problems else f'{total:,}'}"
    if taken >= total:
        return f"Take points: {some if matched >= total else f'{everybody}, {matched:,} of them'} a second time"
    if taken:
        return f"Send {everybody} ({count(taken, 'takes points', 'take points')}), {matched:,} of them again"
    return f"Pay {some} a second time" if matched >= total else f"Send {everybody}, {matched:,} of them again"


def card_title(preview: Preview) -> str:
    """The heading: the file, or what the rows are."""
    draft = preview.draft
    if draft.source == "award":
        return members_title(preview)
    if draft.source == "retry":
        return f"Send rows of batch {draft.parent_id} again"
    if draft.source == "undo":
        return f"Take batch {draft.parent_id} back"
    return f"Preview · {escape(draft.file_name or 'pasted rows', 80)}"


def preview_state(preview: Preview, frame: Frame, step: Step) -> tuple[Tone, str]:
    """The card's colour, with the words that say the same."""
    if frame.looking_up is not None:
        done, of, is_silent = frame.looking_up
        far = f"Nothing sent · looking up {done:,} of {count(of, 'member')}"
        if not is_silent:
            return Tone.RUNNING, far
        if frame.waits_for_limit:
            return Tone.RUNNING, f"{far} · waiting for the rate limit"
        return Tone.ATTENTION, f"{far} · no answer yet, it is asked again"
    if preview.over_limit is not None:
        return Tone.STOPPED, "Nothing sent · above a limit"
    if preview.taken_back is not None:
        return Tone.STOPPED, "Nothing sent · this cannot be taken back"
    if preview.totals.rows and not preview.good_rows:
        return Tone.ATTENTION, "Nothing sent · there is no account to send to"
    if step is Step.AGAIN:
        return Tone.STOPPED, SECOND_TIME_WORD
    if preview.blocking_matches:
        return Tone.ATTENTION, PAID_WORD if preview.matches.any_paid else UNSETTLED_WORD
    if preview.totals.problems:
        return Tone.ATTENTION, BAD_ROWS_WORD
    if preview.good_rows and parted_lines(preview):
        return Tone.ATTENTION, PARTED_WORD
    if not preview.totals.rows:
        return Tone.DONE, "Nothing sent · there is nothing left to send"
    return Tone.DRAFT, Tone.DRAFT.word


def promise_lines(preview: Preview, frame: Frame) -> list[str]:
    """Where it is told how it goes, and how long stopping costs nothing."""
    lines = [f"⚠ **No progress message.** {frame.no_staff_channel}"]
    if frame.staff_channel is not None:
        lines = [f"**Progress and result** in {frame.staff_channel}"]
    if preview.start_delay_seconds > 0:
        lines.append(f"-# The first call waits {preview.start_delay_seconds:g} s; until then stopping costs nothing")
    return lines


# --- a file that is not taken as a whole --------------------------------------------------------------------------


def _refused_card(preview: Preview, frame: Frame) -> discord.ui.LayoutView:
    """Why the file cannot be used, with a menu where a choice of column would settle it."""
    refused = preview.refused
    assert refused is not None  # the only caller asks
    rows: list[list[discord.ui.Item[Any]]] = []
    rows.extend([menu] for menu in column_menus(preview))
    tools: list[discord.ui.Item[Any]] = []
    if takes_one_amount(preview):
        tools.append(button("Give one amount…", custom_id("change", preview), style=discord.ButtonStyle.primary))
    rows.append([*tools, button("Cancel", custom_id("cancel", preview))])
    word = "Nothing sent · one question" if can_be_settled(preview) else "Nothing sent · this file cannot be used"
    lines: list[Line] = [escape(refused.message, 600), *(f"⚠ {line}" for line in unlisted_lines(preview))]
    lines += [*wish_lines(preview, frame.title), *found_lines(preview)]
    return card(
        card_title(preview),
        tone=Tone.ATTENTION if can_be_settled(preview) else Tone.STOPPED,
        word=word,
        practice=frame.practice,
        lines=lines,
        rows=rows,
    )
