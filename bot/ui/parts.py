"""What cogs, buttons and forms find on the client beside the use-cases."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, cast

import discord

from bot.services.bundle import Services
from bot.settings import Settings
from bot.ui.answers import Interaction
from bot.ui.errors import Tree
from bot.ui.lookups import LookUps
from bot.ui.people import People

KEPT_FORMS: Final = 200
"""Forms whose typed values are kept for another try; also requests and stops whose cards are known."""
KEPT_COPIES: Final = 10
"""Cards that are known of each of those."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the form of ``/bulk``, kept so that a mistake costs no retyping."""

    programme: str | None = None
    reason: str | None = None
    amount: str | None = None
    cells: str | None = None


@dataclass(slots=True)
class Kept:
    """The last typed values by key, a bounded number of them, in memory only: they may be personal."""

    _values: OrderedDict[str, Typed] = field(default_factory=OrderedDict)

    def keep(self, key: str, typed: Typed) -> None:
        """Remember under ``key``; the oldest is forgotten when there are too many."""
        self._values[key] = typed
        self._values.move_to_end(key)
        while len(self._values) > KEPT_FORMS:
            self._values.popitem(last=False)

    def has(self, key: str) -> bool:
        """Whether it is still remembered."""
        return key in self._values

    def get(self, key: str) -> Typed:
        """What was typed, or nothing after a restart."""
        return self._values.get(key, Typed())


@dataclass(slots=True)
class Posted:
    """Where the cards about something that will be over stand in the staff channel, of a bounded number of such things,
    in memory only: one that is forgotten says that it is over once it is pressed."""

    _messages: OrderedDict[int, list[discord.Message]] = field(default_factory=OrderedDict)

    def note(self, about: int, message: discord.Message) -> None:
        """One more card about this."""
        self._messages[about] = [*self.of(about), message][-KEPT_COPIES:]
        self._messages.move_to_end(about)
        while len(self._messages) > KEPT_FORMS:
            self._messages.popitem(last=False)

    def of(self, about: int) -> list[discord.Message]:
        """The cards that are known."""
        return self._messages.get(about, [])


class Parts(Protocol):
    """The client, as far as ``bot.ui`` and the cogs may know it."""

    services: Services
    settings: Settings
    tree: Tree
    lookups: LookUps
    kept: Kept
    requests: Posted
    halts: Posted
    people: People

    def add_dynamic_items(self, *items: type[discord.ui.DynamicItem[discord.ui.Item[Any]]]) -> None: ...


def parts_of(interaction: Interaction) -> Parts:
    """The client that received the interaction."""
    return cast(Parts, interaction.client)
