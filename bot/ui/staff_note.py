"""A draft's facts for the staff channel: numbers, not people."""

from __future__ import annotations

import discord

from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.looking import Look
from bot.ui.preview_buttons import custom_id
from bot.ui.preview_card import card_title
from bot.ui.preview_facts import match_lines, plan_line, totals_line, wish_lines
from bot.ui.text import count, escape, when


def staff_note(seen: Look, *, practice: bool) -> discord.ui.LayoutView:
    """Who prepared what, how much, what is wrong with it. Names, rows and single amounts stay in the draft."""
    preview = seen.preview
    draft = preview.draft
    lines: list[Line] = [totals_line(preview), *wish_lines(preview, seen.title)]
    if preview.totals.problems:
        lines.append(f"⚠ {count(preview.totals.problems, 'bad row')}")
    if preview.totals.unresolved:
        lines.append(f"⚠ {count(preview.totals.unresolved, 'recipient')} without an account to send to")
    lines.extend([*match_lines(preview), RULE, plan_line(preview)])
    lines.append(
        f"-# Draft {draft.id} · prepared by {escape(draft.actor.name, 40)} · shown by {escape(seen.actor.name, 40)} · "
        f"kept until {when(draft.expires_at)}"
    )
    return card(
        card_title(preview),
        tone=Tone.DRAFT,
        # It stays in the channel: what is sent afterwards must not make it untrue.
        word="Shown to the staff · nothing sent by this",
        practice=practice,
        lines=lines,
        rows=[[button("Open the draft", custom_id("open", preview))]],
    )
