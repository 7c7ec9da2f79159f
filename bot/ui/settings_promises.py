"""What every programme can and cannot promise, in full: a card of its own, since that of the settings may have to be
short about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import discord

from bot.ui import answers
from bot.ui import settings_changes as changes
from bot.ui.answers import Interaction
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.permissions import require_settings, services_of
from bot.ui.settings_card import PROMISES_LABEL, ProgrammeLine
from bot.ui.text import escape

PAGE_ROOM: Final = 3400
"""Characters of a page: a card has 3,900, its heading included."""
WHOLE: Final = 3000
"""Characters about one programme: nothing that is said of one has so many."""


def pages_of(programmes: Sequence[ProgrammeLine]) -> list[list[str]]:
    """The texts of all programmes, as many on a page as fit; at least one page."""
    pages: list[list[str]] = [[]]
    for one in programmes:
        text = _whole(one)
        if pages[-1] and sum(map(len, pages[-1])) + len(text) > PAGE_ROOM:
            pages.append([])
        pages[-1].append(text)
    return pages


def promises_card(programmes: Sequence[ProgrammeLine], page: int, *, practice: bool) -> discord.ui.LayoutView:
    """One page; beyond the last it is the last."""
    pages = pages_of(programmes)
    page = min(page, len(pages) - 1)
    lines: list[Line] = []
    for text in pages[page]:
        lines += [text, RULE]
    turning = [
        button("Previous", f"settings:promises:{max(0, page - 1)}:before", disabled=page == 0),
        button(f"{page + 1} of {len(pages)}", f"settings:promises:{page}:here", disabled=True),
        button("Next", f"settings:promises:{page + 1}:after", disabled=page + 1 >= len(pages)),
    ]
    rows: list[list[discord.ui.Item[Any]]] = [[*turning]] if len(pages) > 1 else []
    rows.append([button("Back to the settings", "settings:back")])
    return card(PROMISES_LABEL, tone=Tone.PLAIN, practice=practice, lines=lines, rows=rows)


def _whole(one: ProgrammeLine) -> str:
    named = f"**{escape(one.title, 60)}**" + ("" if one.title == one.name else f" ({escape(one.name, 60)})")
    if one.unusable is not None:
        return f"{named}: cannot be used. {escape(one.unusable, WHOLE)}"
    return f"{named}: {escape(one.promise or 'nothing is known of it.', WHOLE)}"


class PromisesButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"settings:promises:(?P<page>[0-9]{1,4}):(?:open|before|here|after)",
):
    """Turns the card from the settings to what is promised, and its pages."""

    async def act(self, interaction: Interaction) -> None:
        changes_nothing(interaction)
        await answers.keep(interaction)
        rules = await require_settings(interaction)
        told = await changes.programme_lines(interaction, rules)
        practice = services_of(interaction).practice
        await answers.show(interaction, promises_card(told, int(self.match["page"]), practice=practice))


ITEMS: Final = (PromisesButton,)
