"""Components V2 building blocks: every message of Bursar is one container with a heading, facts and buttons.

Limits (docs.discord.com/developers/components/reference): 40 components in a message, 4,000 characters over all of its
texts, 5 buttons in a row. A card that would say more is cut with "… and more".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import discord

TEXT_BUDGET: Final = 3900
"""Characters over all texts of a card; Discord's own limit is 4,000."""

PRACTICE: Final = "-# PRACTICE · everything goes to stand-ins, no real points"
"""The first line of every card of a bot that practises."""

_CUT: Final = "-# … and more than a card can hold"


class Tone(Enum):
    """The state that a card tells, as a colour and, for who does not see it, as words."""

    DRAFT = (0x80848E, "Draft · nothing sent")
    RUNNING = (0x5865F2, "Under way")
    DONE = (0x248046, "Done")
    ATTENTION = (0xF0B232, "Needs attention")
    STOPPED = (0xDA373C, "Stopped")
    PLAIN = (0x4E5058, "")

    @property
    def colour(self) -> int:
        return self.value[0]

    @property
    def word(self) -> str:
        return self.value[1]


class Rule:
    """A dividing line between two groups of facts."""


RULE: Final = Rule()

Line = str | Rule | discord.ui.Item[Any]
"""A line of text (markdown, user text already escaped), a dividing line, or a component of its own (file, section)."""


def card(
    title: str,
    *,
    tone: Tone,
    practice: bool,
    lines: Sequence[Line],
    end: Sequence[str] = (),
    rows: Sequence[Sequence[discord.ui.Item[Any]]] = (),
    word: str | None = None,
) -> discord.ui.LayoutView:
    """One card. ``word`` replaces the tone's own words under the heading. ``practice`` puts the banner on top.

    Lines that follow one another share a text; ``rows`` are rows of up to five buttons, or of one menu. ``end``: lines
    below all others, which have their room however much those say.
    """
    container: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container(accent_colour=tone.colour)
    head = [PRACTICE] if practice else []
    head.append(f"### {title}")
    said = tone.word if word is None else word
    if said:
        head.append(f"-# {said}")
    budget = TEXT_BUDGET - len("\n".join(end))
    for block in ["\n".join(head), *_blocks(lines)]:
        if isinstance(block, str):
            budget = _add_text(container, block, budget)
        elif isinstance(block, Rule):
            container.add_item(discord.ui.Separator())
        else:
            container.add_item(block)
    if end:
        container.add_item(discord.ui.Separator())
        container.add_item(discord.ui.TextDisplay("\n".join(end)))
    for row in rows:
        container.add_item(discord.ui.ActionRow(*row))
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(container)
    return view


def unframed(view: discord.ui.LayoutView) -> discord.ui.LayoutView:
    """The same card without the container around it, and so without its colour."""
    if not any(isinstance(item, discord.ui.Container) for item in view.children):
        return view
    plain = discord.ui.LayoutView(timeout=None)
    for item in view.children:
        for part in item.children if isinstance(item, discord.ui.Container) else [item]:
            plain.add_item(part)
    return plain


def _blocks(lines: Sequence[Line]) -> list[Line]:
    """Texts that follow one another as one text; no dividing line last or twice.

    A line behind a list begins a new text, since markdown would take it for a part of the last item.
    """
    blocks: list[Line] = []
    for line in lines:
        before = blocks[-1] if blocks else None
        if isinstance(line, str) and isinstance(before, str) and not (_ends_a_list(before) and not _is_item(line)):
            blocks[-1] = f"{before}\n{line}"
        elif not (isinstance(line, Rule) and blocks and isinstance(blocks[-1], Rule)):
            blocks.append(line)
    if blocks and isinstance(blocks[-1], Rule):
        blocks.pop()
    return blocks


def _is_item(line: str) -> bool:
    return line.startswith("- ")


def _ends_a_list(text: str) -> bool:
    return _is_item(text.rsplit("\n", 1)[-1])


def _add_text(container: discord.ui.Container[discord.ui.LayoutView], text: str, budget: int) -> int:
    """Add what fits, whole lines only; returns the budget left."""
    if budget <= 0:
        return 0
    if len(text) > budget:
        kept = text[: max(0, budget - len(_CUT))].rpartition("\n")[0]
        container.add_item(discord.ui.TextDisplay(f"{kept}\n{_CUT}".lstrip("\n")))
        return 0
    container.add_item(discord.ui.TextDisplay(text))
    return budget - len(text)


def button(
    label: str, custom_id: str, *, style: discord.ButtonStyle = discord.ButtonStyle.secondary, disabled: bool = False
) -> discord.ui.Button[Any]:
    """A button that says what it does, in at most 80 characters (Discord's limit)."""
    return discord.ui.Button(label=label[:80], custom_id=custom_id, style=style, disabled=disabled)
