"""The ``members`` text of ``/award``: mentions, pasted ids, an amount behind any of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain.amounts import parse_amount
from bot.domain.discord_ids import DiscordIdError, read_discord_id
from bot.domain.model import Unit
from bot.errors import UsageError

MEMBERS_MAX: Final = 50
"""More is a file's work: ``/bulk``."""

_WHO: Final = re.compile(
    r"<@!?(\d{17,20})>|https?://(?:\w+\.)?discord(?:app)?\.com/users/(\d{17,20})/?|\b(\d{17,20})\b", re.ASCII
)
_ROLE: Final = re.compile(r"<@&\d+>|@everyone|@here")
_EACH: Final = re.compile(r"\beach\b", re.IGNORECASE)
_DASHES: Final = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2212")
_FILLER: Final = frozenset({"", "and", "&", "+", "und", "et", "y", "e", "i", "ve", "points", "point", "pts", "each"})


@dataclass(frozen=True, slots=True)
class Named:
    """Who was named, with what each gets."""

    members: tuple[tuple[str, int | None], ...]
    """Discord ids, each once, in order, with amounts in the smallest unit; ``None``: there is none."""
    repeated: tuple[str, ...]
    """Ids that were named more than once."""

    def amounts(self, among: Collection[str]) -> list[tuple[str, int]]:
        """What each of ``among`` gets, in order. Raises ``UsageError`` for a missing amount, or one of zero."""
        return [(member, _settled(member, value)) for member, value in self.members if member in among]


def read_members(text: str, amount: str | None, unit: Unit) -> Named:
    """Who gets what.

    An amount belongs to the member in front of it, or with "each" to all; members without one get ``amount``. A member
    named again without an amount of their own counts once; amounts of their own are added up. Raises ``UsageError`` for
    roles, words that are no member, an unreadable amount, one behind a dash that may be a minus, nobody, or more than
    ``MEMBERS_MAX``. Whose amount is missing is for ``Named.amounts``: whoever is skipped needs none.
    """
    if _ROLE.search(text):
        raise UsageError(
            "a role is not a list of members", hint="Mention the members, or send the list as a file with /bulk."
        )
    given = None if amount is None else _amount(amount, unit)
    own: dict[str, int | None] = {}
    times: dict[str, int] = {}
    for member, between in _pieces(text):
        times[member] = times.get(member, 0) + 1
        value = _own_amount(between, unit)
        known = own.get(member)
        own[member] = known if value is None else value + (known or 0)
    if not own:
        raise UsageError("no member is named", hint="Mention members or paste their ids, for example: @a @b")
    if len(own) > MEMBERS_MAX:
        raise UsageError(
            f"{len(own)} members are more than /award takes ({MEMBERS_MAX})", hint="Use /bulk with a file."
        )
    if _EACH.search(text):
        given = _for_each(own, given)
    members = tuple((member, given if value is None else value) for member, value in own.items())
    return Named(members, tuple(member for member, number in times.items() if number > 1))


def _for_each(own: Mapping[str, int | None], given: int | None) -> int | None:
    """The amount of ``@a @b 50 each``, which stands behind the last member only."""
    amounts = {given, *own.values()} - {None}
    if len(amounts) > 1:
        raise UsageError(
            "“each” says one amount for all, and there are several",
            hint="Leave “each” out, or all amounts but the one.",
        )
    return next(iter(amounts), None)


def _settled(member: str, value: int | None) -> int:
    if value is None:
        raise UsageError(f"there is no amount for <@{member}>", hint="Fill in the option `amount`.")
    if value == 0:
        raise UsageError(f"the amount for <@{member}> is 0, so there is nothing to pay")
    return value


def _pieces(text: str) -> list[tuple[str, str]]:
    """Each member with the text up to the next one."""
    found = list(_WHO.finditer(text))
    if found and (lead := _words(text[: found[0].start()])):
        if lead[0][:1].isdigit():
            hint = "Write each amount behind its member, as @a 50 @b 20, or one for all into the option `amount`."
            raise UsageError(f"“{lead[0][:40]}” stands in front of the members", hint=hint)
        raise UsageError(_no_member(lead[0]), hint="Mention the members or paste their ids.")
    if not found:
        if words := _words(text):
            raise UsageError(_no_member(words[0]), hint="Mention the members or paste their ids.")
        return []
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(_member(match), text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


def _member(match: re.Match[str]) -> str:
    """The id in its one spelling: another one would be somebody else for every rule about who is paid."""
    digits = next(group for group in match.groups() if group)
    try:
        return read_discord_id(digits)
    except DiscordIdError as error:
        raise UsageError(str(error)) from error


def _own_amount(between: str, unit: Unit) -> int | None:
    """The amount in the text behind a member, if there is one."""
    words = _words(between)
    if not words:
        return None
    joined = " ".join(words)
    if not any(letter.isdigit() for letter in joined):
        raise UsageError(_no_member(words[0]), hint="Mention the members or paste their ids.")
    if words[0] in _DASHES:
        behind = " ".join(words[1:])[:40]
        hint = f"Leave the dash out, or write -{behind} to take points away."
        raise UsageError(f"“{joined[:40]}” may be {behind} behind a dash, or a minus", hint=hint)
    return _amount(joined, unit)


def _words(text: str) -> list[str]:
    """What is left of a text without separators and filling words."""
    stripped = (word.strip(",;:=()|•*") for word in text.split())
    return [word for word in stripped if word.lower() not in _FILLER]


def _amount(text: str, unit: Unit) -> int:
    try:
        return parse_amount(text, unit)
    except ValueError as error:
        raise UsageError(f"the amount {text[:40]} cannot be used: {error}") from error


def _no_member(word: str) -> str:
    return f"“{word[:40]}” is neither a member nor an amount"
