"""Whether a deduction took as much as it says. SQL inside somebody's transaction.

A service may cut a deduction down to what there is and call it done. Whether it does is one of the questions of
``doctor --probe``; unprobed, it is taken for granted of Gameball (docs/services.md, Deductions) and not of Drip, which
documents a refusal. A balance above 0 afterwards shows that nothing was cut.
"""

from __future__ import annotations

from bot.ledger import _kinds


def may_be_cut(batch: str) -> str:
    """SQL: the service of this batch or draft (an alias) may cut deductions down."""
    return (
        f"coalesce((SELECT c.value FROM capabilities c WHERE c.account = {batch}.account AND c.kind = {batch}.kind"  # noqa: S608 # our words
        f" AND c.name = 'overdraft'), iif({batch}.kind IN {_kinds.CUTTING_DEDUCTIONS}, 'capped', '')) = 'capped'"
    )


def whole(award: str, batch: str) -> str:
    """SQL: this applied award (an alias) of this batch surely moved its whole amount."""
    return f"({award}.amount > 0 OR coalesce({award}.balance, 0) > 0 OR NOT {may_be_cut(batch)})"
