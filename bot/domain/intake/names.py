"""Column names: which ones Bursar knows, in every spelling, and which are nearly one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.domain.model import RecipientType

RECIPIENTS: Final[Mapping[str, RecipientType]] = {
    "discord_id": RecipientType.DISCORD_ID,
    "user": RecipientType.DISCORD_ID,
    "user_id": RecipientType.DISCORD_ID,
    "member": RecipientType.DISCORD_ID,
    "mention": RecipientType.DISCORD_ID,
    "drip_id": RecipientType.DRIP_ID,
    "wallet": RecipientType.WALLET,
    "email": RecipientType.EMAIL,
    "twitter_id": RecipientType.TWITTER_ID,
    "custom": RecipientType.CUSTOM,
    "customer_id": RecipientType.CUSTOMER_ID,
}
"""Columns that say who (docs/files.md)."""

AMOUNTS: Final = ("amount", "points")
REASONS: Final = ("reason", "note")
SOURCE: Final = "source"
AWARD_ID: Final = "award_id"
OURS: Final = ("status", "detail", "award_id", "time", "problem")
"""Columns that Bursar's own result and problem files add. All but ``award_id`` mean nothing on the way in."""

TYPE, VALUE, VALUE_SOURCE = "recipient_type", "recipient_value", "recipient_source"
"""Who, in ``export --format csv``: every row says of which type its recipient is. Only the first two together mean
anything, and only beside them has the export's ``award`` the meaning of ``award_id``."""
EXPORTED_AWARD: Final = "award"
EXPORTED: Final = frozenset(
    ("batch", "award", "line", "lines", "programme", "recipient_type", "recipient_value", "recipient_source", "amount",
     "state", "attempts", "detail", "target", "reason", "balance", "continues", "changed_at", "recorded_at", "by",
     "label", "line_amounts")
)  # fmt: skip
"""Columns of an export; those that are not read there are no news."""

_MEANT: Final = (*RECIPIENTS, *AMOUNTS, *REASONS, SOURCE, AWARD_ID)
"""Names that a misspelling of would change what is paid; a column that is nearly ``status`` harms nobody."""

_OF_IDS: Final = frozenset(("id", "discord", "user", "member", "player", "author", "winner", "account", "recipient"))
"""Words of which names of columns of Discord's ids are made, beyond those that are known."""

_OF_BALANCES: Final = frozenset(
    ("balance", "total", "sum", "before", "after", "old", "current", "previous", "lifetime")
)
"""Words for points that somebody has already."""

_OF_PLACES: Final = frozenset(("rank", "level", "place", "position", "no", "nr", "#", "number", "tag", "discriminator"))
"""Words for numbers that are no amounts."""

_INVISIBLE: Final = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SEPARATORS: Final = re.compile(r"[\s_\-\u2010-\u2015]+")
_SHORT_NAME: Final = 4


def visible(cell: str) -> str:
    """A cell without invisible characters around or inside it, and without a protecting apostrophe."""
    text = cell if cell.isascii() else _INVISIBLE.sub("", cell)
    return text.strip().removeprefix("'").strip()


def normalised(header: str) -> str:
    """``" Discord-ID "`` -> ``discord_id``, also with the colon or the asterisk of a form's question."""
    return _SEPARATORS.sub("_", visible(header).casefold()).strip("_:*")


def squeezed(header: str) -> str:
    """Without separators: what two spellings of one name have in common."""
    return normalised(header).replace("_", "")


_KNOWN: Final = {name.replace("_", ""): name for name in (*_MEANT, *OURS)}


def known(header: str) -> str | None:
    """The name Bursar knows it by, in the spelling of this module; ``None`` for any other column."""
    return _KNOWN.get(squeezed(header))


def is_about_ids(header: str) -> bool:
    """Whether this reads like the name of a column that says who, known or not: ``Member ID``, but not ``no ID``."""
    words = set(normalised(header).split("_"))
    return known(header) in RECIPIENTS or (words <= _OF_IDS and not words.isdisjoint(("id", "discord")))


def is_about_amounts(header: str) -> bool:
    """Whether this, no known name itself, says how much is to be paid: ``Points to award``, not ``Points total``."""
    words = set(normalised(header).split("_"))
    return known(header) is None and not words.isdisjoint(AMOUNTS) and words.isdisjoint(_OF_BALANCES)


def is_amount_hardly(header: str) -> bool:
    """Whether numbers under this name are rather something else than what is to be paid: ``Rank``, ``Total``."""
    return not (_OF_BALANCES | _OF_PLACES).isdisjoint(normalised(header).split("_"))


def is_about_twitter(header: str) -> bool:
    """Whether a column that is not known by name holds ids of Twitter's all the same: they look like Discord's."""
    words = normalised(header).split("_")
    return "x" in words or any("twitter" in word for word in words)


def nearly(header: str) -> str | None:
    """The known name that this one, itself unknown, is within two letters of.

    Names of up to four letters have to be within one: at two, ``note`` would be a misspelt ``name``, ``date`` or
    ``role``. Two neighbours swapped count as one letter.
    """
    name = normalised(header)
    if not name or known(header) is not None:
        return None
    for candidate in _MEANT:
        allowed = 1 if len(candidate) <= _SHORT_NAME else 2
        if distance(name, candidate, allowed) <= allowed:
            return candidate
    return None


def distance(one: str, other: str, limit: int) -> int:
    """Letters to insert, delete, replace or swap with their neighbour; anything above ``limit`` is ``limit + 1``."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before_last, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, before_last[j - 2] + 1)
            row.append(best)
    return min(row[-1], limit + 1)
