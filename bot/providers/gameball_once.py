"""Gameball's transactions under an id of our own: one customer a call, and each id is taken once.

``POST /transactions/manual``. Source: docs.gameball.co/api-reference/transactions/transaction-management/
manual-transaction. That an id is taken once is told by the error catalogue only (9004), so a probe has to show it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from bot.domain.amounts import display
from bot.domain.calls import Item, Outcome, OutcomeKind
from bot.domain.model import Unit
from bot.providers.gameball_jobs import ROOT
from bot.providers.gameball_reading import is_switched_off
from bot.providers.reading import as_hundredths, as_object, as_text, as_whole, parse

PATH: Final = f"{ROOT}/transactions/manual"
USERNAME: Final = "bursar"
"""Who Gameball shows as the admin that made the transaction."""
SAME_MOMENT: Final = frozenset({2001, 9003})
"""Another request for this customer is in progress; a transaction of this very moment exists."""
TAKEN_BEFORE: Final = "Gameball had this award's transaction already, so an earlier call landed."
NOT_TOLD: Final = "It landed, but how much was taken is not told: Gameball may take less where there is less."


def body_of(customer: str, transaction_id: str, amount: int, unit: Unit, reason: str) -> bytes:
    """The exact body of a call. Points or money is said by the field's name, so no unit is guessed here."""
    counted = f'"points":{amount}' if unit is Unit.POINTS else f'"amount":{money_text(amount)}'
    return (
        f'{{"customerId":{json.dumps(customer)},"transactionId":{json.dumps(transaction_id)},'
        f'"username":{json.dumps(USERNAME)},"reason":{json.dumps(reason)},{counted}}}'
    ).encode()


def money_text(hundredths: int) -> str:
    """Hundredths as an exact JSON number of money: ``12.5``."""
    return format((Decimal(hundredths) / 100).normalize(), "f")


def names(body: bytes, item: Item) -> bool:
    """Whether an answer names our transaction, whatever it says of it."""
    return as_text(as_object(parse(body)).get("transactionId")) == item.transaction_id


def read_answer(body: bytes, item: Item, unit: Unit) -> Outcome | None:
    """The outcome told by a 2xx; ``None`` when it does not name our transaction, has a word about the programme beside
    it that goes with nothing done (docs/services.md, Gameball's errors), or tells that nothing was given."""
    answer = as_object(parse(body))
    if not names(body, item):
        return None
    if answer.get("gameballStatus") is not None and (is_switched_off(answer) or not _moves(answer)):
        return None
    if gave_nothing(answer, item.amount, unit):
        return None
    return Outcome(OutcomeKind.APPLIED, in_part(moved(answer, unit), item.amount, unit))


def moved(told: Mapping[str, Any], unit: Unit) -> int | None:
    """How much moved by an answer or a row of the list; ``None``: it does not say."""
    return as_whole(told.get("points")) if unit is Unit.POINTS else as_hundredths(told.get("amount"))


def gave_nothing(told: Mapping[str, Any], amount: int, unit: Unit) -> bool:
    """Whether by an answer or a row nothing was given where something was to be, or it was taken instead. Of a
    deduction neither shows: it is capped at what is there, which may be nothing, and the number is that of the points
    that were deducted."""
    number = moved(told, unit)
    if amount < 0 or number is None or number > 0:
        return False
    in_points = as_whole(told.get("points")) if unit is Unit.MONEY else None
    return number < 0 or not in_points or in_points < 0


def tells_nothing_done(body: bytes) -> bool:
    """Whether an answer that says that the programme is switched off does not say besides that points moved."""
    return not _moves(as_object(parse(body)))


def _moves(answer: Mapping[str, Any]) -> bool:
    return bool(answer.get("points")) or bool(answer.get("amount"))


def in_part(moved: int | None, amount: int, unit: Unit) -> str | None:
    """What to say where less moved than was asked for (or more, where points and money are mixed up), or where that is
    not told of a deduction, which is capped at what is there. Money that is given loses what is no whole point, which
    is no news."""
    if moved is None:
        return NOT_TOLD if amount < 0 else None
    if abs(moved) == abs(amount) or (amount > 0 and unit is not Unit.POINTS):
        return None
    really, asked = display(abs(moved), unit), display(abs(amount), unit)
    done = "taken" if amount < 0 else "given"
    if abs(moved) > abs(amount):
        return f"It landed, but not as it was asked for: {really} instead of {asked} were {done}."
    return f"It landed in part: {really} of {asked} were {done}."
