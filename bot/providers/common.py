"""What every provider answers in the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Final, Self

from bot.domain.calls import Item
from bot.domain.judging import Doubted
from bot.domain.model import Programme, Recipient
from bot.domain.probing import Purse
from bot.domain.shown import NOTHING_SHOWN, Shown
from bot.providers.base import FEW_READS, Reads
from bot.providers.line import Line

LANES: Final = 4
"""Calls that may be under way together where each is judged by evidence of its own. Four fill every documented limit at
a round trip of a quarter of a second (`make bench`: the rate limit used alone)."""


class OnLine:
    """A programme and the line to its account."""

    def __init__(self, programme: Programme, line: Line) -> None:
        self._programme = programme
        self._line = line
        self._shown = NOTHING_SHOWN

    @property
    def programme(self) -> Programme:
        return self._programme

    def knowing(self, shown: Shown) -> Self:
        other = copy(self)
        other._shown = shown
        return other

    @property
    def calls_at_once(self) -> int:
        # One a second and less is what calls one after the other make, too: those can be stopped between any two.
        calls, seconds = self._line.pacer.window
        return max(1, min(LANES, math.ceil(calls / seconds)))

    @property
    def waiting_until(self) -> float | None:
        return self._line.pacer.until()

    def admits(self, calls: int) -> bool:
        return self._line.pacer.admits(calls)

    @property
    def needs_lookup(self) -> bool:
        return self._programme.kind.traits.pays_members

    def lookup_calls(self, recipients: int) -> int:
        return 0

    def reads_ahead(self, awards: int, newcomers: int, calls: int, reads: Reads = FEW_READS) -> int:
        return 0

    async def missing(self, places: Sequence[Purse], items: Sequence[Item]) -> Sequence[Purse]:
        return ()

    def is_alone(self, doubted: Doubted) -> bool:
        return True

    async def accounts(self, recipients: Sequence[Recipient]) -> Mapping[str, str]:
        return {}

    async def wait_for_turn(self) -> None:
        await self._line.pacer.ready()
