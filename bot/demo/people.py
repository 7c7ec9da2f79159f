"""The made-up community: the same names and ids at every run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from bot.domain.discord_ids import EPOCH_MS

SEED: Final = 31

_COLOURS: Final = (
    "amber", "azure", "birch", "bronze", "cobalt", "copper", "coral", "crimson",
    "dusty", "ebony", "emerald", "ginger", "golden", "hazel", "indigo", "ivory",
    "jade", "lemon", "lilac", "maroon", "mellow", "misty", "olive", "pearl",
    "plum", "quiet", "rusty", "sandy", "scarlet", "silver", "snowy", "velvet",
)  # fmt: skip
_ANIMALS: Final = (
    "badger", "beaver", "bison", "crane", "dolphin", "falcon", "ferret", "finch",
    "fox", "gecko", "heron", "ibex", "jackal", "koala", "lemur", "lynx",
    "marten", "moth", "newt", "ocelot", "otter", "owl", "panda", "puffin",
    "raven", "robin", "seal", "stoat", "swift", "tapir", "viper", "wren",
)  # fmt: skip

# Milliseconds since Discord's epoch: accounts of 2017 to mid-2022 have ids of 18 digits, later ones of 19.
_OLD: Final = (63_072_000_000, 236_000_000_000)
_YOUNG: Final = (238_500_000_000, 340_000_000_000)
_OLD_SHARE: Final = 0.15
_IN_2040_MS: Final = 2_222_222_222_222


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the made-up server."""

    id: str
    name: str


def people(number: int) -> list[Person]:
    """So many different members, at most 1,024."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    names = [f"{colour}-{animal}" for colour in _COLOURS for animal in _ANIMALS]
    chance.shuffle(names)
    ids = _ids(chance, number)
    return [Person(one, name) for one, name in zip(ids, names, strict=False)]


def strangers(number: int) -> list[str]:
    """Ids that look like anybody's and belong to nobody that a reward service knows."""
    return _ids(random.Random(SEED + 1), number)  # noqa: S311 - repeatable on purpose


def future_id() -> str:
    """An id that Discord cannot have given out yet: digits were swapped."""
    return str((_IN_2040_MS - EPOCH_MS) << 22 | 1234)


def _ids(chance: random.Random, number: int) -> list[str]:
    ids: dict[str, None] = {}
    while len(ids) < number:
        years = _OLD if chance.random() < _OLD_SHARE else _YOUNG
        made = str(chance.randrange(*years) << 22 | chance.getrandbits(22))
        if not made.endswith("000"):  # so that only rows that are meant to look rounded do
            ids[made] = None
    return list(ids)
