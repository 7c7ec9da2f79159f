"""Words for cards: user text made harmless, numbers, amounts, times."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

import discord

from bot.domain.amounts import display
from bot.domain.model import Recipient, RecipientType, Unit

_UTC = re.compile(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}) UTC\b")
_MARKDOWN = re.compile(r"[\\`*_~|<\[]|^[>#-]")
"""discord.py's own leaves as it is what stands between a masked link and the last bracket."""
_FOREIGN = re.compile(r"\]\(|\|\||```|~~")
_HIDDEN = r"\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
_JOINED = rf"[^\x00-\x7f\s\u200c\u200d{_HIDDEN}]"
_CONTROL = re.compile(rf"[\x00-\x1f\x7f{_HIDDEN}]+|(?<!{_JOINED})[\u200c\u200d]+|[\u200c\u200d]+(?!{_JOINED})")
"""A joiner between two letters that are not ASCII is part of a word, or of an emoji; anywhere else it hides."""


def escape(text: str, limit: int = 100) -> str:
    """Text that somebody typed, on one line, as plain text: no markdown, no mention, no command or time stamp.

    Control characters and the ones that turn the direction of writing become a space. Longer than ``limit`` characters
    (counted before escaping) it ends in "…".
    """
    plain = _CONTROL.sub(" ", text).strip()
    if len(plain) > limit:
        plain = plain[: limit - 1].rstrip() + "…"
    return discord.utils.escape_mentions(_MARKDOWN.sub(r"\\\g<0>", plain))


def plain(text: str, limit: int = 100) -> str:
    """The same for places that know no markdown (labels of buttons, options of menus): one line, cut to ``limit``."""
    flat = _CONTROL.sub(" ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def sentence(text: str) -> str:
    """A message with a capital letter in front and a full stop at its end."""
    text = text.strip()
    if not text:
        return text
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…" else f"{text}."


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 award``, ``1,203 awards``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def points(amount: int, unit: Unit) -> str:
    """An amount with its noun: ``1 point``, ``1,203 points``; money is a bare number: ``12.50``."""
    shown = display(amount, unit)
    if unit is Unit.MONEY:
        return shown
    return f"{shown} point" if abs(amount) == 1 else f"{shown} points"


def when(unix_ms: int, style: discord.utils.TimestampStyle = "f") -> str:
    """A moment that every reader sees in their own time zone (``R``: "in 10 seconds")."""
    return f"<t:{unix_ms // 1000}:{style}>"


def quoting(text: str) -> str:
    """A sentence with markup of its own that may quote what somebody typed: no masked link, spoiler or code block."""
    return _FOREIGN.sub(lambda found: "".join(f"\\{letter}" for letter in found[0]), text)


def local_times(text: str) -> str:
    """A sentence that is not Discord's own, its times in UTC turned into ones that readers see in their own zone."""
    return _UTC.sub(_stamped, text)


def _stamped(found: re.Match[str]) -> str:
    try:
        at = datetime.fromisoformat(f"{found[1]}+00:00")
    except ValueError:  # somebody's words that only look like a time
        return found[0]
    return when(round(at.timestamp() * 1000))


def duration(seconds: float) -> str:
    """``a few seconds``, ``about 40 s``, ``about 3 min``, ``about 2 h 10 min``."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 100:
        return f"about {math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 100:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60:02} min"


def who(recipient: Recipient) -> str:
    """A recipient as a card names them: a mention for members, the escaped value for everybody else."""
    if recipient.type is RecipientType.DISCORD_ID:
        return f"<@{recipient.value}>"
    value = escape(recipient.value, 60)
    return f"{escape(recipient.source, 30)} {value}" if recipient.source else value


def named_as(recipient: Recipient, strangers: frozenset[str]) -> str:
    """The same, with the ids written out of ``strangers``: they are no members here, so a mention would say nothing."""
    is_stranger = recipient.type is RecipientType.DISCORD_ID and recipient.value in strangers
    return f"`{recipient.value}`" if is_stranger else who(recipient)


def listing(items: Sequence[str], total: int, *, noun: str = "more") -> list[str]:
    """Bullet lines for the items that are shown, and how many are not."""
    lines = [f"- {item}" for item in items]
    if total > len(items):
        lines.append(f"- … and {total - len(items):,} {noun}")
    return lines
