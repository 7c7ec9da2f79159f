"""What the engine has to know of a write path besides what its provider does. Pure.

Services and ledger ask for a trait and never for a kind, so a new kind is one more value here, and nothing is taken for
granted of it. Where each comes from is said in docs/services.md under the heading in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Of one write path."""

    lists_payments: bool
    """The service lists what was paid, and each payment carries its call's token or id. So a lost answer is settled by
    the list behind a mark, and another ledger's calls are recognised in it; else both are asked of balances. [Reasons]
    """
    pays_members: bool
    """Recipients are looked up before they are recorded, and the balance that an award changes is that of the member
    found; else they are named as they are paid, and a balance goes by that name. [Two batches]"""
    lands_whole: bool
    """A call is carried out for all its awards or for none, as documented, so what became of one became of all.
    [Two batches]"""
    rows_at_most: int | None
    """Rows that a call takes; ``None`` where that is open. [Two batches, The batch]"""
    names_people: bool
    """Equal targets are one person, however rows named them. Else a target is a bare value, which may be one person's
    Discord id and another one's Twitter id, and nobody can tell whose it is. [Two batches]"""
    written_as_paid: tuple[str, ...]
    """Where targets name people: types of recipients whose value can itself be the target. [Two batches, The batch]"""
    has_currencies: bool
    """An account has several currencies, of which a programme pays one. [Two batches]"""
    known_by_key: bool
    """Nothing but a key tells which account it is, so a new key looks like a new account. [The batch]"""
    takes_ids_once: bool
    """Single awards can be paid under an id of the caller's, where a probe has shown that it is taken only once.
    [One by one]"""
    cuts_deductions: bool
    """As long as no probe has asked: a deduction may take no more than there is, and is called done. [Deductions]"""


DRIP_CREDENTIALS: Final = Traits(
    lists_payments=False,
    pays_members=False,
    lands_whole=False,
    rows_at_most=None,
    names_people=False,
    written_as_paid=(),
    has_currencies=True,
    known_by_key=False,
    takes_ids_once=False,
    cuts_deductions=False,
)
DRIP_MEMBERS: Final = Traits(
    lists_payments=False,
    pays_members=True,
    lands_whole=True,
    rows_at_most=100,
    names_people=True,
    written_as_paid=("drip-id",),
    has_currencies=True,
    known_by_key=False,
    takes_ids_once=False,
    cuts_deductions=False,
)
GAMEBALL: Final = Traits(
    lists_payments=True,
    pays_members=False,
    lands_whole=False,
    rows_at_most=1000,
    names_people=True,
    written_as_paid=("customer-id", "discord-id"),
    has_currencies=False,
    known_by_key=True,
    takes_ids_once=True,
    cuts_deductions=True,
)
