"""Discord's ids: what they look like, when they were made, and the ways people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from bot.domain.quoting import quoted

EPOCH_MS: Final = 1_420_070_400_000
"""2015-01-01 UTC; an id's upper bits count from here (docs.discord.com/developers/reference#snowflakes)."""

SHORTEST, LONGEST = 17, 20
"""Digits of an id: 17 since October 2015 (16 before the service opened), 18 since 2016, 19 since 2022, 20 from 2090."""

_CLOCK_SLACK_MS: Final = 10 * 60 * 1000
"""How far our clock may be behind Discord's before a member who joined just now looks impossible."""

_WRITTEN: Final = re.compile(
    r"""(?: <@!?(?P<mention>[0-9]+)>
          | <?https?://(?:[a-z]+\.)?discord(?:app)?\.com/users/(?P<link>[0-9]+)/?>?
          | discord://-/users/(?P<app>[0-9]+)/?
          | @(?P<at>[0-9]+)
          | ="(?P<formula>[0-9]+)"
          | (?P<bare>[0-9]+) )""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_ROLE: Final = re.compile(r"<@&[0-9]+>", re.ASCII)
_CHANNEL: Final = re.compile(r"<#[0-9]+>", re.ASCII)
_MESSAGE: Final = re.compile(r"<?https?://(?:[a-z]+\.)?discord(?:app)?\.com/channels/.*", re.ASCII | re.IGNORECASE)
_NAME: Final = re.compile(r"@?[^\W\d_][\w.]{1,31}(?:#[0-9]{4})?")
_LONG_RUN: Final = re.compile(r"[0-9]{17,20}", re.ASCII)


class DiscordIdError(ValueError):
    """A text that names no Discord user. The message is a cause and a next step."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        """``bad-recipient``, ``damaged-id`` or ``two-recipients``: kinds of a ``Problem``."""


def made_at_ms(discord_id: int) -> int:
    """Unix milliseconds at which Discord made this id."""
    return (discord_id >> 22) + EPOCH_MS


def youngest(now_ms: int) -> int:
    """The largest id that can exist at ``now_ms``; 0 or less means that the time is not known, then any."""
    if now_ms <= 0:
        return (1 << 64) - 1
    milliseconds = max(now_ms - EPOCH_MS, 0) + _CLOCK_SLACK_MS
    return ((milliseconds + 1) << 22) - 1


def read_discord_id(text: str, now_ms: int = 0) -> str:
    """The id in ``text``: bare digits, ``<@id>``, ``<@!id>``, ``@id``, a profile link, or ``="id"`` from a spreadsheet.

    ``now_ms`` (Unix milliseconds) is when it is judged; 0 leaves Discord's clock out. Raises ``DiscordIdError``.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise _no_id(text.strip())
    digits = next(group for group in match.groups() if group is not None)
    if digits[0] == "0" or not SHORTEST <= len(digits) <= LONGEST:
        has = "1 digit" if len(digits) == 1 else f"{len(digits)} digits"
        what = (
            "begins with 0, which no Discord id does" if digits[0] == "0" else f"has {has}, a Discord id has 17 to 19"
        )
        raise DiscordIdError("bad-recipient", f"{quoted(digits)} {what}; copy the id from Discord again")
    if int(digits) > youngest(now_ms):
        year = datetime.fromtimestamp(made_at_ms(int(digits)) / 1000, UTC).year
        raise DiscordIdError(
            "damaged-id",
            f"{quoted(digits)} would be an id of the year {year}, so it was changed; copy the id from Discord again",
        )
    return digits


def _no_id(text: str) -> DiscordIdError:
    shown = quoted(text)
    if _MESSAGE.fullmatch(text):
        return DiscordIdError("bad-recipient", f"{shown} is a link to a message, not a member; put a member's id here")
    ids = len(_LONG_RUN.findall(text))
    if ids > 1:
        return DiscordIdError("two-recipients", f"{shown} names two recipients; put each of them in a row of its own")
    if _ROLE.fullmatch(text):
        return DiscordIdError("bad-recipient", f"{shown} is a role, not a member; put a member's id here")
    if _CHANNEL.fullmatch(text):
        return DiscordIdError("bad-recipient", f"{shown} is a channel, not a member; put a member's id here")
    if ids:
        return DiscordIdError("bad-recipient", f"{shown} has more than an id in it; leave only its 17 to 19 digits")
    what = "is a name, not an id" if _NAME.fullmatch(text) else "is not a Discord id"
    step = "put the 17 to 19 digits here (right-click the member, Copy User ID)"
    return DiscordIdError("bad-recipient", f"{shown} {what}; {step}")
