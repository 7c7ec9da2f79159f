"""What a probe asks a service: test calls of one point, and what their effects mean. Pure.

A trial is one question: its calls, whose balances to watch, and how to read the answer from what those balances really
did. What a service *says* counts only where no balance can show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DEEPEST: Final = 100
"""Whether a balance can be overdrawn is asked with one point more than it holds; above this many points not at all,
because a service that allows it would hold that much of the account until it is given back."""


@dataclass(frozen=True, slots=True)
class Purse:
    """One balance: of a holder in a currency."""

    holder: str
    """A drip id, a credential's key, or a customer id."""
    currency: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One row of a test call."""

    purse: Purse
    amount: int


OTHERWISE: Final = "refused-otherwise"
"""A test call was refused, and not for what was asked about: the question is as open as before."""


class Fate(StrEnum):
    """What became of a test call as a whole."""

    DONE = "done"  # answered with success; rows may still have been refused by themselves
    REFUSED = "refused"  # a definite refusal of the call
    NOT_SENT = "not-sent"  # it is proved that nobody acted on it
    UNCLEAR = "unclear"  # everything else: it may even take effect later


@dataclass(frozen=True, slots=True)
class Told:
    """What the answer says of one row that was carried out."""

    purse: Purse
    balance: int | None
    new_balance: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    fate: Fate
    status: int | None = None
    words: str | None = None
    told: tuple[Told, ...] = ()
    refused: tuple[Purse, ...] = ()
    """Rows that the answer lists as errors, one entry each."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Answers to questions that nobody has to ask by a call of their own: which headers come, which address works."""
    more: Mapping[str, object] = field(default_factory=dict)
    """What only this service tells; JSON."""
    of_balance: bool = False
    """A refusal speaks of a balance, as that of an overdraft does."""
    of_else: bool = False
    """A refusal speaks of the settings or of this very moment, which no question is about, or is not the service's own:
    a page of something in front of it shows nothing of what it does itself."""

    def as_json(self) -> dict[str, object]:
        """For the ledger."""
        return {
            "status": self.status,
            "words": self.words,
            "told": [[one.purse.holder, one.balance, one.new_balance] for one in self.told],
            "refused": len(self.refused),
            **self.more,
        }


Moves = Mapping[Purse, int]
"""By how much each watched balance changed."""
Reading = Callable[[Moves, Sequence[Reply]], str | None]


@dataclass(frozen=True, slots=True)
class Trial:
    """A question about to be asked."""

    calls: tuple[tuple[Leg, ...], ...]
    expected: Moves
    """The effect if every row is carried out. Only these purses are set back."""
    read: Reading
    """The answer's word; ``None`` when what was seen fits nothing that was thought of."""
    unseen: frozenset[str] = frozenset()
    """Answers that say that reads do not show the effect (yet): looked at again, and set back by ``expected``."""
    key: str | None = None
    """One transaction id for all calls, where the service takes one."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that the documentation leaves open."""

    name: str
    asks: str
    """In words for people."""
    watch: tuple[Purse, ...]
    make: Callable[[Mapping[Purse, int], Mapping[str, str]], Trial | str]
    """From the balances before and the answers so far to the calls; or one sentence why it cannot be asked here."""
    new: frozenset[Purse] = frozenset()
    """Purses that nobody has yet: one that cannot be read holds nothing."""
    after: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Asked only if these questions have one of these answers."""


def overdraft(short: Purse, beside: Purse | None, *, held: int) -> Trial | str:
    """One point more than there is. ``beside`` gets a point in the row before: it shows whether a refusal is whole."""
    if not 0 <= held <= DEEPEST:
        return f"it takes an account with a balance from 0 to {DEEPEST}; this one has {held}"
    taken = Leg(short, -(held + 1))
    legs = (taken,) if beside is None else (Leg(beside, 1), taken)

    def read(moves: Moves, replies: Sequence[Reply]) -> str | None:
        given = None if beside is None else moves[beside]
        if moves[short] == taken.amount and given in (None, 1):
            return "allowed"
        if moves[short] == -held != 0 and given in (None, 1):
            return "capped"
        if moves[short] != 0 or given not in (None, 0, 1):
            return None
        if given != 1 and replies[0].fate is Fate.REFUSED and not replies[0].of_balance:
            return OTHERWISE  # an overdraft might be allowed all the same
        if given is None:
            refused = replies[0].fate is Fate.REFUSED
            return "refused" if refused or replies[0].refused else _silently(replies[0])
        if given == 0:
            return "refused-whole" if replies[0].fate is Fate.REFUSED else None
        return "refused-row"

    return Trial((legs,), {leg.purse: leg.amount for leg in legs}, read)


def _silently(reply: Reply) -> str | None:
    """Nothing was taken and the row is called done: with nothing there, a cap looks like that."""
    return "capped" if reply.fate is Fate.DONE and reply.told else None


def one_point(purse: Purse, read: Reading, unseen: frozenset[str] = frozenset()) -> Trial:
    """The simplest call there is."""
    return Trial(((Leg(purse, 1),),), {purse: 1}, read, unseen)


def twice(purse: Purse) -> Trial:
    """One recipient in two rows of one call."""
    return Trial(((Leg(purse, 1), Leg(purse, 1)),), {purse: 2}, lambda moves, replies: _twice(moves[purse], replies[0]))


def _twice(moved: int, reply: Reply) -> str | None:
    if moved == 0:
        return "refused" if reply.fate is Fate.REFUSED else None
    return {1: "once", 2: "summed"}.get(moved)


def stranger_beside(stranger: Purse, known: Purse) -> Trial:
    """Somebody whom nobody has heard of, in a row before somebody known."""

    def read(moves: Moves, replies: Sequence[Reply]) -> str | None:
        if replies[0].fate is Fate.REFUSED:
            whole = OTHERWISE if replies[0].of_else else "refused-whole"
            return whole if not any(moves.values()) else None
        if moves[known] != 1:
            return None
        if moves[stranger] == 1:
            return "created"
        if moves[stranger] != 0:
            return None
        return "refused-row" if stranger in replies[0].refused else "skipped"

    legs = (Leg(stranger, 1), Leg(known, 1))
    return Trial((legs,), {stranger: 1, known: 1}, read)


IN_ORDER: Final = 8
"""Rows of each kind in the question about order: 17 rows in a random order look ordered once in more than 1,000
calls."""


def order(purse: Purse, *, held: int) -> Trial | str:
    """+1, then 8 times -1, then 8 times +1, on a balance of 0: worked off as given, one -1 succeeds and 7 fail."""
    if held != 0:
        return f"it takes a credential with a balance of 0; this one has {held}"
    amounts = (1, *([-1] * IN_ORDER), *([1] * IN_ORDER))

    def read(moves: Moves, replies: Sequence[Reply]) -> str | None:
        moved, reply = moves[purse], replies[0]
        if reply.fate is Fate.REFUSED:
            return "refused" if moved == 0 else None
        refused = len(reply.refused)
        if moved == IN_ORDER and refused == IN_ORDER - 1:
            return "given"
        if moved == 1 and refused == 0 and len(reply.told) == 1:
            return "merged"
        return "not-given" if 0 <= moved <= IN_ORDER + 1 else None

    return Trial((tuple(Leg(purse, amount) for amount in amounts),), {purse: sum(amounts)}, read)
