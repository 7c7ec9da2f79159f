"""The kinds of write paths that have a trait, as lists in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bot.domain.model import ProviderKind
from bot.domain.traits import Traits


def _that(have: Callable[[Traits], bool]) -> str:
    return "(" + ", ".join(f"'{kind.value}'" for kind in ProviderKind if have(kind.traits)) + ")"


LISTING_PAYMENTS: Final = _that(lambda traits: traits.lists_payments)
PAYING_MEMBERS: Final = _that(lambda traits: traits.pays_members)
TAKING_IDS_ONCE: Final = _that(lambda traits: traits.takes_ids_once)
CUTTING_DEDUCTIONS: Final = _that(lambda traits: traits.cuts_deductions)
