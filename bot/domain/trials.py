"""The questions for each kind of programme, in the order in which they are asked. Pure.

What the documentation leaves open: docs/services.md. What the engine makes of the answers: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from bot.domain.probing import (
    DEEPEST,
    OTHERWISE,
    Fate,
    Leg,
    Moves,
    Purse,
    Question,
    Reply,
    Trial,
    one_point,
    order,
    overdraft,
    stranger_beside,
    twice,
)

SEEN: Final[Mapping[str, str]] = {
    "limit-headers": "which headers tell the rate limit",
    "status-contract": "by which contract a job's status is told",
    "reason-tag": "does the transaction list show reasons whole",
}
"""Questions that every call answers beside its own."""

ID_TAKEN: Final = 9004
"""Gameball's code for a transaction id that exists (docs/services.md)."""
_REFUSED_ROW: Final = frozenset({"refused", "refused-row"})


def members_questions(
    own: Purse, second: Purse | None, other_currency: Purse | None, stranger: Purse
) -> list[Question]:
    """Drip members. ``second``: another member; ``other_currency``: ``own``'s holder in another currency."""
    both = (own,) if second is None else (second, own)
    questions = [
        Question(
            "new-balance",
            "is newBalance the balance after the call",
            (own,),
            lambda held, _: one_point(own, lambda moves, replies: _new_balance(own, held[own], moves, replies[0])),
        ),
        Question(
            "overdraft",
            "what becomes of a call with a deduction below zero",
            both,
            lambda held, _: overdraft(own, second, held=held[own]),
        ),
    ]
    if other_currency is not None:
        questions.append(
            Question(
                "overdraft-mixed",
                "the same when the rows mix currencies",
                (other_currency, own),
                lambda held, _: overdraft(own, other_currency, held=held[own]),
            )
        )
    return [
        *questions,
        Question("same-id-twice", "what becomes of one member in two rows", (own,), lambda held, _: twice(own)),
        Question(
            "unknown-member",
            "what becomes of a call with an unknown member",
            (stranger, own),
            lambda held, _: stranger_beside(stranger, own),
            new=frozenset({stranger}),
        ),
    ]


def _new_balance(purse: Purse, held: int, moves: Moves, reply: Reply) -> str | None:
    if reply.fate is not Fate.DONE or moves[purse] != 1 or len(reply.told) != 1:
        return None
    told = reply.told[0]
    if told.new_balance is None:
        return "absent"
    if told.new_balance != held + 1:
        return "before" if told.new_balance == held else None
    return "after"


ACCOUNT: Final = "account:"
"""How the holder of a purse begins that is the account which a credential belongs to, if it belongs to one."""


def credentials_questions(own: Purse, stranger: Purse) -> list[Question]:
    """Drip credentials."""
    account = Purse(ACCOUNT + own.holder, own.currency)
    seen = {"read-back": frozenset({"seen"})}
    return [
        Question(
            "read-back",
            "does a read show a paid point at once",
            (own,),
            lambda held, _: one_point(
                own, lambda moves, replies: _read_back(own, held[own], moves, replies[0]), frozenset({"not-seen"})
            ),
        ),
        Question(
            "account-balance",
            "is a credential's balance that of its account",
            (own, account),
            lambda held, _: Trial(
                ((Leg(own, 1),),), {own: 1}, lambda moves, replies: _shared(moves[own], moves[account], replies[0])
            ),
            new=frozenset({account}),
            after=seen,
        ),
        Question(
            "overdraft",
            "what becomes of a deduction below zero",
            (own,),
            lambda held, _: overdraft(own, None, held=held[own]),
            after=seen,
        ),
        Question(
            "unknown-credential",
            "what becomes of an unknown credential",
            (stranger, own),
            lambda held, _: stranger_beside(stranger, own),
            new=frozenset({stranger}),
            after=seen,
        ),
        Question(
            "order",
            "are the rows of a call worked off in order",
            (own,),
            lambda held, _: order(own, held=held[own]),
            after={"overdraft": _REFUSED_ROW},
        ),
    ]


def _read_back(purse: Purse, held: int, moves: Moves, reply: Reply) -> str | None:
    if reply.fate is not Fate.DONE or len(reply.told) != 1:
        return None
    if moves[purse] == 0:
        return "not-seen"  # for example because the balance is that of an account that the credential is tied to
    return "seen" if moves[purse] == 1 and reply.told[0].balance == held + 1 else None


def _shared(own: int, account: int, reply: Reply) -> str | None:
    """``apart`` also where there is no account."""
    if reply.fate is not Fate.DONE or own != 1:
        return None
    return {1: "shared", 0: "apart"}.get(account)


def gameball_questions(customer: str, transaction: str) -> list[Question]:
    """Gameball. A purse in ``amount`` stands for a row of the batch, whatever that counts; one in ``points`` for what
    the balance tells and single transactions move; one in ``value`` for its worth in whole money, rounded up.

    ``transaction``: an id that was never used.
    """
    points, amount, value = Purse(customer, "points"), Purse(customer, "amount"), Purse(customer, "value")
    return [
        Question(
            "unit",
            "what amount counts: points or money",
            (points,),
            lambda held, _: Trial(
                ((Leg(amount, 1),),), {points: 1}, lambda moves, replies: unit(moves[points], replies[0])
            ),
        ),
        Question(
            "overdraft",
            "what becomes of a deduction below zero",
            (points, value),
            lambda held, known: _gameball_overdraft(points, amount, held[points], held[value], known["unit"]),
            after={"unit": frozenset({"points", "money", "same"})},
        ),
        Question(
            "duplicate-transaction",
            "is a transaction id taken only once",
            (points,),
            lambda held, _: Trial(
                ((Leg(points, 1),), (Leg(points, 1),)),
                {points: 2},
                lambda moves, replies: _duplicate(moves[points], replies),
                key=transaction,
            ),
        ),
    ]


def unit(moved: int, reply: Reply) -> str | None:
    """From the points that an ``amount`` of 1 was worth. ``factor``: the worth of one point in money."""
    told = reply.more.get("factor")
    factor = Decimal(told) if isinstance(told, str) else None
    if factor == 1 and moved == 1:
        return "same"
    worth = set() if not factor else {int(1 / factor), round(1 / factor)}
    if moved == 1:
        # With points worth more than half a unit of money, both readings of the amount give one point.
        return "points" if factor is not None and 1 not in worth else None
    return "money" if moved > 1 and moved in worth else None


def _gameball_overdraft(points: Purse, amount: Purse, held: int, worth: int, counts: str) -> Trial | str:
    """One more than there is, in what ``amount`` counts."""
    most = worth if counts == "money" else held
    if not 0 <= held <= DEEPEST or not 0 <= most <= DEEPEST:
        return f"it takes a customer with 0 to {DEEPEST} points worth no more money than that; this one has {held}"

    def read(moves: Moves, replies: Sequence[Reply]) -> str | None:
        moved, refused = moves[points], bool(replies[0].refused)
        if refused:
            return "refused" if moved == 0 else None
        if moved == -held:
            return "capped"
        return "allowed" if moved < -held else None

    return Trial(((Leg(amount, -(most + 1)),),), {points: -held}, read)


def _duplicate(moved: int, replies: Sequence[Reply]) -> str | None:
    first, second = replies
    if first.fate is not Fate.DONE:
        return None
    if moved == 1 and second.fate is Fate.REFUSED:
        # Any other refusal (the same moment, another call under way) is about the probe and not about the id.
        return "refused" if second.more.get("code") == ID_TAKEN else OTHERWISE
    if moved == 1:
        return "ignored"
    return "paid-twice" if moved == 2 else None


def skipped(question: Question, known: Mapping[str, str]) -> str | None:
    """Why a question is not asked after these answers, if so."""
    for name, values in question.after.items():
        if known.get(name) not in values:
            return f"it takes another answer to {name}"
    return None
