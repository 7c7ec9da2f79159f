"""Choices while somebody types: what fits, as many as Discord takes, in the time that it gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from discord import app_commands

from bot.ui.text import plain

SUGGESTED: Final = 25
"""Choices of an autocompletion (Discord's limit)."""
ANSWER_WITHIN_SECONDS: Final = 2.0
"""Discord drops an autocompletion after 3."""


def fitting(choices: Iterable[tuple[str, str]], typed: str) -> list[app_commands.Choice[str]]:
    """Those whose label has in it what was typed, in their order. ``choices``: label and value."""
    wanted = typed.strip().lower()
    found = [app_commands.Choice(name=plain(label), value=value) for label, value in choices if wanted in label.lower()]
    return found[:SUGGESTED]
