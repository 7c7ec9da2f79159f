"""The private preview of a draft: what would be sent, what is wrong, and buttons that say what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import discord

from bot.domain.model import Duplicates
from bot.domain.planning import same_label
from bot.services.approving import ApprovalState
from bot.services.submitting import Preview
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.lookups import Searched
from bot.ui.preview_facts import (
    DUPLICATE_WORDS,
    approval_lines,
    budget_lines,
    campaign_lines,
    expiry_line,
    found_lines,
    limit_lines,
    match_lines,
    people_lines,
    plan_line,
    problem_lines,
    totals_line,
    warning_lines,
    wish_lines,
)
from bot.ui.text import count, escape, plain, points

HASH_PREFIX: Final = 10
"""Characters of the content hash in a custom id: enough to notice that a card shows something older."""


FLAGS: Final = ("", *(f"-{flags}" for flags in ("g", "s", "a", "d", "gs", "ga", "ag", "dg")))
"""What may stand behind ``send`` and ``ask`` in a custom id: the decisions about rows, as letters."""

ASK_LABEL: Final = "Ask for approval"

BAD_ROWS_WORD: Final = "Nothing sent · there are bad rows"
PAID_WORD: Final = "Nothing sent · rows were already paid"
UNSETTLED_WORD: Final = "Nothing sent · rows are already under way or in doubt"
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


def custom_id(verb: str, preview: Preview) -> str:
    """``draft:send:7:1a2b3c4d5e``: what a button does, to which draft, as it was shown."""
    return f"draft:{verb}:{preview.draft.id}:{as_shown(preview)}"


def as_shown(preview: Preview) -> str:
    """The beginning of the content's hash, and which rows were paid lately; ``-`` before there is any content."""
    content = (preview.draft.content_hash or "-")[:HASH_PREFIX]
    return f"{content}.{preview.matches.mark}" if preview.matches.mark else content


def to_send(preview: Preview) -> int:
    """Awards that a confirmation without the rows paid lately would send."""
    return max(0, preview.good_rows - preview.blocking_matches)


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
    if preview.totals.problems and not preview.totals.rows:
        lines.extend([RULE, "**No row can be sent**: correct them in the file, then send it with `/bulk` again."])
    if preview.good_rows:
        lines.extend([RULE, *budget_lines(preview), plan_line(preview), _where(frame)])
    if preview.good_rows and preview.start_delay_seconds > 0:
        lines.append(f"-# The first call waits {preview.start_delay_seconds:g} s; until then stopping costs nothing")
    lines.append(expiry_line(preview))
    return card(
        card_title(preview),
        tone=tone,
        word=word,
        practice=frame.practice,
        lines=lines,
        rows=_rows(preview, frame),
    )


def _again_card(preview: Preview, frame: Frame) -> discord.ui.LayoutView:
    """The second question, with nothing on it that distracts from what it asks."""
    tone, word = preview_state(preview, frame, Step.AGAIN)
    lines: list[Line] = [
        totals_line(preview),
        *wish_lines(preview, frame.title),
        RULE,
        *match_lines(preview),
        f"**Whoever is in {_these(preview.blocking_matches)} {_gets(preview)} the points a second time.**",
    ]
    rows = [again_buttons(preview, _again_label(preview))]
    return card(card_title(preview), tone=tone, word=word, practice=frame.practice, lines=lines, rows=rows)


def _these(rows: int) -> str:
    return "this row" if rows == 1 else f"these {rows:,} rows"


def _gets(preview: Preview) -> str:
    return "may get" if preview.matches.any_unsettled else "gets"


def _again_label(preview: Preview) -> str:
    matched, total = preview.blocking_matches, preview.good_rows
    if matched >= total:
        return f"Pay {count(matched, 'row')} a second time"
    return f"Send all {total:,}, {matched:,} of them again"


def card_title(preview: Preview) -> str:
    """The heading: the file, or what the rows are."""
    draft = preview.draft
    if draft.source == "retry":
        return f"Send refused rows of batch {draft.parent_id} again"
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
    if preview.totals.rows and not preview.good_rows:
        return Tone.ATTENTION, "Nothing sent · there is no account to send to"
    if step is Step.AGAIN:
        return Tone.STOPPED, SECOND_TIME_WORD
    if preview.blocking_matches:
        return Tone.ATTENTION, PAID_WORD if preview.matches.any_paid else UNSETTLED_WORD
    if preview.totals.problems:
        return Tone.ATTENTION, BAD_ROWS_WORD
    if not preview.totals.rows and not preview.totals.pending:
        return Tone.DONE, "Nothing sent · there is nothing left to send"
    return Tone.DRAFT, Tone.DRAFT.word


def _where(frame: Frame) -> str:
    if frame.staff_channel is not None:
        return f"**Progress and result** in {frame.staff_channel}"
    return f"⚠ **No progress message** {frame.no_staff_channel}"


# --- buttons ------------------------------------------------------------------------------------------------------


def _rows(preview: Preview, frame: Frame) -> list[list[discord.ui.Item[Any]]]:
    cancel = button("Cancel", custom_id("cancel", preview))
    if frame.looking_up is not None:
        return [[button("Looking up…", custom_id("wait", preview), disabled=True), cancel]]
    buttons = _send_buttons(preview)
    tools: list[discord.ui.Item[Any]] = [cancel]
    if preview.draft.file_sha256 is not None:
        tools.append(button("Change…", custom_id("change", preview)))
    if frame.staff_channel is not None:
        tools.append(button("Show to staff", custom_id("staff", preview)))
    rows: list[list[discord.ui.Item[Any]]] = []
    if choices := open_choices(preview):
        rows.append([_column_menu(preview, "choose-recipient", choices)])
    if _has_duplicates(preview):
        rows.append([duplicates_menu(preview)])
    if buttons and len(buttons) + len(tools) <= 4:
        rows.append([*buttons, *tools])
    else:
        rows.extend(row for row in (buttons, tools) if row)
    return rows


def _send_buttons(preview: Preview) -> list[discord.ui.Item[Any]]:
    """The main button, and the way to pay rows again."""
    if preview.over_limit is not None or preview.totals.pending or preview.draft.content_hash is None:
        return []
    if (waiting := approval_buttons(preview, _send_label(preview, to_send(preview)))) is not None:
        return waiting
    buttons: list[discord.ui.Item[Any]] = []
    sending = to_send(preview)
    bad, matched = preview.totals.problems > 0, preview.blocking_matches
    flags = ("g" if bad else "") + ("s" if matched else "")
    if sending:
        takes = preview.totals.deductions or preview.draft.source == "undo"
        style = discord.ButtonStyle.danger if takes else discord.ButtonStyle.primary
        if preview.approval_why is None:
            buttons.append(button(_send_label(preview, sending), custom_id(_verb("send", flags), preview), style=style))
        else:
            ask = custom_id(_verb("ask", flags), preview)
            buttons.append(button(ASK_LABEL, ask, style=discord.ButtonStyle.primary))
    buttons.extend(difference_buttons(preview))
    if matched:
        buttons.append(button(f"Pay {matched:,} again…", custom_id("again", preview)))
    return buttons


def approval_buttons(preview: Preview, label: str) -> list[discord.ui.Item[Any]] | None:
    """While a request is open: wait, or send exactly what was approved. ``None``: nothing is open."""
    approval = preview.approval
    if preview.approval_why is None or approval is None:
        return None
    if approval.state is ApprovalState.ASKED:
        return [button("Waiting for approval…", custom_id("wait", preview), disabled=True)]
    if approval.state is not ApprovalState.APPROVED:
        return None
    named = {"a": "Send as approved, some a second time", "d": "Send as approved, only who was not yet paid"}
    said = next((words for letter, words in named.items() if letter in approval.flags), label)
    verb = _verb("send", approval.flags)
    return [button(said, custom_id(verb, preview), style=discord.ButtonStyle.danger)]


def _is_the_same_without(preview: Preview) -> bool:
    """Whether leaving out what was paid lately leaves out the same rows: then one button is enough."""
    label, matches = preview.draft.label or "", preview.matches
    of_campaign = all(one.label is not None and same_label(one.label) == same_label(label) for one in matches.batches)
    return preview.blocking_matches == preview.campaign.rows and of_campaign


def difference_buttons(preview: Preview) -> list[discord.ui.Item[Any]]:
    """Difference mode, where it leaves somebody out and somebody in."""
    left = preview.good_rows - preview.campaign.rows
    if not preview.campaign.rows or left <= 0 or _is_the_same_without(preview):
        return []
    flags = "dg" if preview.totals.problems else "d"
    if preview.approval_why is not None:
        return [button("Ask for approval: only who was not yet paid", custom_id(_verb("ask", flags), preview))]
    label = f"Send only {left:,} not yet paid for “{plain(preview.draft.label or '', 30)}”"
    return [button(label, custom_id(_verb("send", flags), preview))]


def _send_label(preview: Preview, sending: int) -> str:
    """What the main button says. Deductions are named: nobody takes points by a button that says "send"."""
    if preview.draft.source == "undo":
        moved = points(preview.totals.total_absolute, preview.programme.unit)
        return f"Take back {count(sending, 'award')} ({moved})"
    bad, matched = preview.totals.problems > 0, preview.blocking_matches
    rows = count(sending, "row")
    if bad and matched:
        return f"Send only the {rows.replace(' ', ' good ')} not yet paid"
    if matched:
        return f"Send only the {rows} not yet paid"
    if preview.totals.deductions:
        given, taken = sending - preview.totals.deductions, preview.totals.deductions
        only = "the good rows only: " if bad else ""
        if given <= 0:
            return f"Take points: {only}{count(taken, 'deduction')}"
        return f"Send {only}{count(given, 'award')}, {count(taken, 'deduction')}"
    if bad:
        return f"Send the {rows.replace(' ', ' good ')} only"
    return f"Send {count(sending, 'award')}"


def again_buttons(preview: Preview, label: str) -> list[discord.ui.Item[Any]]:
    """The second confirmation for rows that were paid lately."""
    flags = "ag" if preview.totals.problems else "a"
    if preview.approval_why is None:
        verb = _verb("send", flags)
    else:
        verb, label = _verb("ask", flags), "Ask for approval to pay a second time"
    again = button(label, custom_id(verb, preview), style=discord.ButtonStyle.danger)
    return [again, button("Back", custom_id("open", preview)), button("Cancel", custom_id("cancel", preview))]


def _verb(verb: str, flags: str) -> str:
    return f"{verb}-{flags}" if flags else verb


def _has_duplicates(preview: Preview) -> bool:
    chosen = preview.draft.request.get("duplicates", Duplicates.SUM.value)
    return preview.draft.file_sha256 is not None and (
        chosen != Duplicates.SUM.value or any(warning.kind == "duplicate" for warning in preview.warnings)
    )


def duplicates_menu(preview: Preview) -> discord.ui.Select[Any]:
    """What to do with several rows for one recipient."""
    chosen = str(preview.draft.request.get("duplicates", Duplicates.SUM.value))
    return discord.ui.Select(
        custom_id=custom_id("duplicates", preview),
        placeholder="Several rows for one recipient",
        options=[
            discord.SelectOption(
                label=label, value=policy.value, default=policy.value == chosen, description=_DESCRIPTIONS[policy]
            )
            for policy, label in DUPLICATE_WORDS.items()
        ],
    )


_DESCRIPTIONS: Final = {
    Duplicates.SUM: "Several rows for one recipient become one award with the sum",
    Duplicates.APART: "Every row is sent, never two of one recipient in one call",
    Duplicates.ONCE: "Rows of the same amount count once; other repeats are bad rows",
    Duplicates.REFUSE: "Nobody may be in the file twice",
}


# --- a file that is not taken as a whole --------------------------------------------------------------------------


def _refused_card(preview: Preview, frame: Frame) -> discord.ui.LayoutView:
    """Why the file cannot be used, with a menu where a choice of column would settle it."""
    refused = preview.refused
    assert refused is not None  # the only caller asks
    rows: list[list[discord.ui.Item[Any]]] = []
    if refused.choices:
        rows.append([_column_menu(preview, refused.kind, refused.choices)])
    tools: list[discord.ui.Item[Any]] = []
    if refused.kind == "no-amount-column" and preview.draft.file_sha256 is not None:
        tools.append(button("Give one amount…", custom_id("change", preview), style=discord.ButtonStyle.primary))
    rows.append([*tools, button("Cancel", custom_id("cancel", preview))])
    word = "Nothing sent · one question" if refused.choices or tools else "Nothing sent · this file cannot be used"
    lines: list[Line] = [escape(refused.message, 600), *wish_lines(preview, frame.title), *found_lines(preview)]
    return card(
        card_title(preview),
        tone=Tone.ATTENTION if refused.choices or tools else Tone.STOPPED,
        word=word,
        practice=frame.practice,
        lines=lines,
        rows=rows,
    )


def open_choices(preview: Preview) -> Sequence[str]:
    """The columns of which a card lets choose, in the order of its menu."""
    if preview.refused is not None:
        return preview.refused.choices
    return () if preview.facts is None else preview.facts.recipient_choices


def asks_for_amount(kind: str) -> bool:
    """Whether a refusal with choices asks for the column of amounts (otherwise: of recipients)."""
    return "amount" in kind


def _column_menu(preview: Preview, kind: str, choices: Sequence[str]) -> discord.ui.Select[Any]:
    amount = asks_for_amount(kind)
    verb = "amount-column" if amount else "recipient-column"
    return discord.ui.Select(
        custom_id=custom_id(verb, preview),
        placeholder="Which column says how much?" if amount else "Which column says who?",
        options=[
            discord.SelectOption(label=plain(name, 100) or " ", value=str(index))
            for index, name in enumerate(choices[:25])
        ],
    )
