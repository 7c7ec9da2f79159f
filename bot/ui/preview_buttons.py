"""What can be pressed on the preview of a draft: buttons that say what they do, and menus.

A custom id carries what the card showed, so that a press on an older card changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import discord

from bot.domain.model import Duplicates, Refusal
from bot.domain.planning import same_label
from bot.services.approving import ApprovalState
from bot.services.submitting import Draft, Preview
from bot.ui.cards import button
from bot.ui.preview_facts import DUPLICATE_WORDS, counted, parted_lines
from bot.ui.text import count, plain, points

HASH_PREFIX: Final = 10
"""Characters of the content hash in a custom id: enough to notice that a card shows something older."""

BESIDES: Final = 12
"""Characters of the hash of what else the card said."""

OPTIONS_MAX: Final = 25
"""Of a menu (Discord's limit)."""
COLUMN_MENUS: Final = 3
"""Menus for one question, so 75 columns: a card has 40 components."""
LABEL_MAX: Final = 80
"""Characters of a button (Discord's limit). A number that is cut off would be another one."""

FLAGS: Final = ("", *(f"-{flags}" for flags in ("g", "s", "a", "d", "gs", "ga", "ag", "dg")))
"""What may stand behind ``send`` and ``ask`` in a custom id: the decisions about rows, as letters."""

ASK_LABEL: Final = "Ask for approval"
ASK_AGAIN_LABEL: Final = "Ask again"
LOOK_AGAIN_LABEL: Final = "Look again"


def custom_id(verb: str, preview: Preview) -> str:
    """``draft:send:7:1a2b3c4d5e.0f9e8d7c6b5a``: what a button does, to which draft, as it was shown."""
    return f"draft:{verb}:{preview.draft.id}:{as_shown(preview)}"


def as_shown(preview: Preview) -> str:
    """The beginning of the content's hash (``-`` before there is any content), and a hash of what else the card
    promised: which rows were paid lately and which for this campaign, how long the first call waits, and where the
    result is told."""
    content = content_of(preview.draft)
    promised = (preview.matches.mark, preview.campaign.mark, preview.start_delay_seconds, preview.told_in)
    return f"{content}.{sha256(json.dumps(promised).encode()).hexdigest()[:BESIDES]}"


def content_of(draft: Draft) -> str:
    """The beginning of the content's hash; ``-`` before there is any content."""
    return (draft.content_hash or "-")[:HASH_PREFIX]


def to_send(preview: Preview) -> int:
    """Awards that a confirmation without the rows paid lately would send."""
    return max(0, preview.good_rows - preview.blocking_matches)


def looking_up_buttons(preview: Preview) -> list[discord.ui.Item[Any]]:
    """While recipients are being looked up nothing can be sent."""
    return [
        button("Looking up…", custom_id("wait", preview), disabled=True),
        button("Cancel", custom_id("cancel", preview)),
    ]


def draft_rows(preview: Preview, *, has_staff_channel: bool) -> list[list[discord.ui.Item[Any]]]:
    """Everything that can be done with a draft whose file was taken."""
    buttons = _send_buttons(preview)
    tools: list[discord.ui.Item[Any]] = [button("Cancel", custom_id("cancel", preview))]
    if preview.draft.file_sha256 is not None:
        tools.append(button("Change…", custom_id("change", preview)))
    if has_staff_channel:
        tools.append(button("Show to staff", custom_id("staff", preview)))
    rows: list[list[discord.ui.Item[Any]]] = []
    rows.extend([menu] for menu in column_menus(preview))
    if _has_duplicates(preview):
        rows.append([_duplicates_menu(preview)])
    if buttons and len(buttons) + len(tools) <= 4:
        rows.append([*buttons, *tools])
    else:
        rows.extend(row for row in (buttons, tools) if row)
    return rows


def _send_buttons(preview: Preview) -> list[discord.ui.Item[Any]]:
    """The main button, and the way to pay rows again."""
    if preview.to_look_up or preview.draft.content_hash is None or preview.taken_back is not None:
        return []
    waiting = approval_buttons(preview, _send_label(preview, to_send(preview)))
    if waiting is not None and _over_limit_as_asked(preview) is None:
        return waiting
    if preview.over_limit is not None:
        return _difference_buttons(preview)
    buttons: list[discord.ui.Item[Any]] = []
    sending = to_send(preview)
    bad, matched = preview.totals.problems > 0, preview.blocking_matches
    flags = ("g" if bad else "") + ("s" if matched else "")
    if sending:
        takes = preview.totals.deductions or preview.draft.source == "undo"
        style = discord.ButtonStyle.danger if takes or parted_lines(preview) else discord.ButtonStyle.primary
        if preview.approval_why is None:
            buttons.append(button(_send_label(preview, sending), custom_id(_verb("send", flags), preview), style=style))
        else:
            ask = custom_id(_verb("ask", flags), preview)
            buttons.append(button(ASK_LABEL, ask, style=discord.ButtonStyle.primary))
    buttons.extend(_difference_buttons(preview))
    if preview.may_be_paid_again:
        buttons.append(button(f"Pay {matched:,} again…", custom_id("again", preview)))
    return buttons


def approval_buttons(preview: Preview, label: str) -> list[discord.ui.Item[Any]] | None:
    """While a request is open: see whether it was approved, as the card does not change by itself, or post it anew (the
    first may be gone); or send exactly what was approved. ``None``: nothing is open."""
    approval = preview.approval
    if approval is None or preview.why_with(approval.flags) is None:
        return None
    if approval.state is ApprovalState.ASKED:
        look = button(LOOK_AGAIN_LABEL, custom_id("open", preview))
        return [look, button(ASK_AGAIN_LABEL, custom_id(_verb("ask", approval.flags), preview))]
    if approval.state is not ApprovalState.APPROVED:
        return None
    rest = preview.good_rows - preview.campaign.left_out
    named = {"a": "Send as approved, some a second time", "d": f"Send as approved, only {rest:,} not yet paid"}
    said = next((words for letter, words in named.items() if letter in approval.flags), label)
    verb = _verb("send", approval.flags)
    return [button(said, custom_id(verb, preview), style=discord.ButtonStyle.danger)]


def _over_limit_as_asked(preview: Preview) -> str | None:
    """Why what leave was asked for is above a limit."""
    for_rest = preview.approval is not None and "d" in preview.approval.flags
    return preview.rest_over_limit if for_rest else preview.over_limit


def _is_the_same_without(preview: Preview) -> bool:
    """Whether leaving out what was paid lately leaves out the same rows: then one button is enough."""
    label, matches = preview.draft.label or "", preview.matches
    of_campaign = all(one.label is not None and same_label(one.label) == same_label(label) for one in matches.batches)
    return preview.blocking_matches == preview.campaign.rows and of_campaign


def _difference_buttons(preview: Preview) -> list[discord.ui.Item[Any]]:
    """Difference mode, where it leaves somebody out and somebody in."""
    left = preview.good_rows - preview.campaign.left_out
    if not preview.campaign.rows or left <= 0 or _is_the_same_without(preview) or preview.rest_over_limit is not None:
        return []
    flags = "dg" if preview.totals.problems else "d"
    if preview.rest_why is not None:
        return [button(f"Ask for approval: only {left:,} not yet paid", custom_id(_verb("ask", flags), preview))]
    totals = preview.totals
    verb = "Take points: only" if totals.deductions == totals.rows else "Send only"
    mixed = 0 < totals.deductions < totals.rows
    label = f"{verb} {left:,} not yet paid for “{plain(preview.draft.label or '', 15 if mixed else 30)}”"
    label += " (some may take points)" if mixed else ""
    style = discord.ButtonStyle.danger if totals.deductions else discord.ButtonStyle.secondary
    return [button(label, custom_id(_verb("send", flags), preview), style=style)]


def _moved_back(preview: Preview) -> str:
    """What an undo moves: of awards that took points away it is a gift."""
    taken, given = (points(amount, preview.programme.unit) for amount in (preview.totals.taken, preview.totals.given))
    if not preview.totals.given:
        return taken
    return f"takes {taken}, gives {given}" if preview.totals.taken else f"gives {given}"


def _send_label(preview: Preview, sending: int) -> str:
    """What the main button says. It counts rows where it leaves some out, unless several of them became one award.
    Deductions are named: nobody takes points by a button that says "send"."""
    totals = preview.totals
    if preview.draft.source == "undo":
        label = f"Take back {count(sending, 'award')}"
        whole = f"{label} ({_moved_back(preview)})"
        return whole if len(whole) <= LABEL_MAX else label
    bad, matched, noun = totals.problems > 0, preview.blocking_matches, counted(preview)
    some, only = count(sending, noun), "the good rows only: " if bad else ""
    if matched:
        unpaid = f"the {some} not yet paid"
        if bad:
            unpaid = f"the {_good(some)} not yet paid" if noun == "row" else f"what is good and not yet paid: {some}"
        return _only(preview, unpaid, sending)
    if totals.deductions:
        given, taken = sending - totals.deductions, totals.deductions
        if given <= 0:
            return f"Take points: {only}{count(taken, 'deduction')}"
        return f"Send {only}{count(given, 'award')}, {count(taken, 'deduction')}"
    if bad and noun == "row":
        return f"Send the {_good(some)} only"
    return f"Send {only}{count(sending, 'award')}"


def _only(preview: Preview, part: str, sending: int) -> str:
    """A label for a part of the rows, of which it may not be known whether those with deductions are in it."""
    totals = preview.totals
    left = totals.total - preview.matches.total
    is_known = sending == 1 and not totals.unresolved
    if totals.deductions and (totals.deductions == totals.rows or (is_known and left < 0)):
        return f"Take points: only {part}"
    return f"Send only {part}" + (" (some may take points)" if totals.deductions and not is_known else "")


def _good(rows: str) -> str:
    """``8 good rows``"""
    return rows.replace(" ", " good ")


def again_buttons(preview: Preview, label: str) -> list[discord.ui.Item[Any]]:
    """The second confirmation for rows that were paid lately."""
    flags = "ag" if preview.totals.problems else "a"
    if preview.again_why is None:
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


def _duplicates_menu(preview: Preview) -> discord.ui.Select[Any]:
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


def open_choices(preview: Preview, *, amounts: bool) -> Sequence[str]:
    """The columns of which a card lets choose who, or how much (``amounts``), in the order of its menu: while that is
    asked, and afterwards, so that a wrong choice can be put right."""
    if preview.refused is not None:
        return preview.refused.choices if _is_about_amounts(preview.refused) is amounts else ()
    facts, chosen = preview.facts, _chosen_column(preview, amounts=amounts)
    if facts is None:
        return ()
    if chosen is None:
        return () if amounts else facts.recipient_choices
    return [name for name in facts.columns if name]


def can_be_settled(preview: Preview) -> bool:
    """Whether the card of a refused file has something to choose or to fill in that would settle it."""
    return preview.refused is not None and (bool(preview.refused.choices) or takes_one_amount(preview))


def takes_one_amount(preview: Preview) -> bool:
    """Whether a refused file could be used with one amount for all of its rows."""
    refused = preview.refused
    return refused is not None and refused.kind == "no-amount-column" and preview.draft.file_sha256 is not None


def _is_about_amounts(refused: Refusal) -> bool:
    return "amount" in refused.kind


def _chosen_column(preview: Preview, *, amounts: bool) -> str | None:
    """The column that was chosen by hand."""
    chosen = preview.draft.request.get("amount_column" if amounts else "recipient_column")
    return None if chosen is None else str(chosen)


def column_menus(preview: Preview) -> list[discord.ui.Select[Any]]:
    """Choose the column that says who, and the one that says how much, of as many as ``COLUMN_MENUS`` menus hold."""
    return [
        _column_menu(preview, choices, page, amounts=amounts)
        for amounts in (False, True)
        if (choices := open_choices(preview, amounts=amounts))
        for page in range(min(COLUMN_MENUS, -(-len(choices) // OPTIONS_MAX)))
    ]


def unlisted_lines(preview: Preview) -> list[str]:
    """What to do about columns that do not fit into the menus."""
    lines = []
    for amounts, name in ((False, "discord_id"), (True, "amount")):
        more = len(open_choices(preview, amounts=amounts)) - COLUMN_MENUS * OPTIONS_MAX
        if more > 0:
            kinds = "" if amounts else " (or `wallet`, `email` …, after what it holds)"
            fit = count(more, "more column does not", "more columns do not")
            lines.append(
                f"{fit} fit into the menus. If it is one of those, give it the name `{name}` in the file{kinds},"
                " then send that with `/bulk`."
            )
    return lines


def column_verb(page: int, *, amounts: bool) -> str:
    """What a menu of columns does, in its custom id. Each has one of its own."""
    return f"{'amount' if amounts else 'recipient'}-column{f'-{page}' if page else ''}"


def _column_menu(preview: Preview, choices: Sequence[str], page: int, *, amounts: bool) -> discord.ui.Select[Any]:
    chosen = None if preview.refused is not None else _chosen_column(preview, amounts=amounts)
    role = "How much: " if amounts else "Who: "  # whoever sees a choice does not see the question any more
    question = "Which column says how much?" if amounts else "Which column says who?"
    first = page * OPTIONS_MAX
    return discord.ui.Select(
        custom_id=custom_id(column_verb(page, amounts=amounts), preview),
        placeholder=question if not page and chosen is None else f"{role}another column",
        options=[
            discord.SelectOption(
                label=plain(f"{role if chosen is not None else ''}{name}", 100) or " ",
                value=str(index),
                default=name == chosen,
            )
            for index, name in enumerate(choices[first : first + OPTIONS_MAX], first)
        ],
    )
