"""Gameball's synchronous endpoints: the transaction list, manual transactions, balances, the redemption factor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from bot.sandbox.books import Change
from bot.sandbox.gameball import failures
from bot.sandbox.gameball.accounts import Accounts, Adjustment, ItemFailed, first_position_after, transaction_number
from bot.sandbox.messages import Call, Reply

DISABLED: Final = {
    "gameballStatus": "disabled",
    "message": "The Gameball program is disabled for this account",
    "learnMore": "https://help.gameball.co",
}
"""The answer while the loyalty program is switched off: success in its status, and nothing was done."""


class Malformed(Exception):
    """A call that is answered with 400."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("malformed")
        self.reply = reply


def read_body(call: Call) -> dict[str, Any]:
    """The JSON object of a write, fractions as ``Decimal``. Raises ``Malformed``."""
    try:
        body = json.loads(call.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Malformed(failures.failure(400, 3016, "Invalid payload")) from None
    if not isinstance(body, dict):
        raise Malformed(failures.failure(400, 3016, "Invalid payload"))
    return body


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise Malformed(failures.failure(400, 3016, f"The value '{text}' is not valid for {name}."))
    return int(text)


def _wanted(accounts: Accounts, call: Call, start: int) -> Iterator[Change]:
    customer, direction, status = (call.query.get(name) for name in ("customerId", "direction", "status"))
    book = accounts.book
    positions = book.positions(customer) if customer else range(start, len(book))
    for position in positions:
        if position < start or status not in (None, "", "Active"):
            continue
        change = book.change(position)
        if direction in (None, "") or (direction == "+") == (change.amount >= 0):
            yield change


def list_transactions(accounts: Accounts, call: Call) -> Reply:
    """GET /transactions?startAfter&limit&customerId&direction&status: ascending, 50 a page, 200 at most."""
    start = first_position_after(_whole(call, "startAfter", 0))
    limit = min(_whole(call, "limit", 50), 200)
    found = list(islice(_wanted(accounts, call, start), limit + 1))
    rows = [accounts.transaction_json(one) for one in found[:limit]]
    return Reply(200, {"transactions": rows, "count": len(rows), "hasMore": len(found) > limit})


def count_transactions(accounts: Accounts, call: Call) -> Reply:
    """GET /transactions/count with the filters of the list."""
    return Reply(200, {"count": sum(1 for _ in _wanted(accounts, call, 0))})


def show_balance(accounts: Accounts, call: Call, customer: str) -> Reply:
    """GET /customers/{id}/balance. The live service misspells two of the names."""
    if not accounts.exists(customer):
        return failures.failure(404, 7000, "Customer does not exist")
    points = accounts.balance(customer)
    word = "avaliable" if accounts.switches.balance_fields == "misspelled" else "available"
    value = accounts.value_of(points)
    return Reply(
        200,
        {
            "totalPointsBalance": points,
            "totalPointsValue": value,
            f"{word}PointsBalance": points,
            f"{word}PointsValue": value,
            "pendingPoints": 0,
            "pendingPointsValue": 0.0,
            "currency": "USD",
            "pointsName": "Points",
            "nextExpiringPointsAmount": None,
            "nextExpiringPointsValue": None,
            "nextExpiringPointsDate": None,
            "totalEarnedPoints": max(points, 0),
        },
    )


def redemption(accounts: Accounts, _: Call) -> Reply:
    """GET /configurations/redemption."""
    return Reply(200, {"redemptionFactor": accounts.switches.redemption_factor, "redemptionRules": []})


def manual(accounts: Accounts, call: Call) -> Reply:
    """POST /transactions/manual: one customer, once per ``transactionId``."""
    body = read_body(call)
    call.log.items = 1
    username = body.get("username")
    call.log.initiator = username if isinstance(username, str) else None
    for name in ("customerId", "transactionId", "username", "reason"):
        if not isinstance(body.get(name), str) or not body[name]:
            return failures.failure(400, 3000, f"{name} is required")
    if accounts.switches.disabled:
        return Reply(200, dict(DISABLED))
    moment = (body["customerId"], body.get("transactionTime"))
    if moment[1] is not None and moment in accounts.moments:
        return failures.failure(422, 9003, "Transaction time already exists")
    try:
        adjustment = _manual_change(accounts, body)
        if accounts.switches.duplicate_transaction == "9004" and body["transactionId"] in accounts.taken:
            return failures.failure(422, 9004, "Transaction id already exists")
        if not accounts.exists(adjustment.customer):
            return failures.failure(404, 7000, "Customer does not exist")
        position = accounts.adjust(adjustment, body["reason"], call=call.log.id, endpoint="manual")
    except ItemFailed as failed:
        return failures.failure(422, 9008, str(failed))
    accounts.taken[body["transactionId"]] = position
    if isinstance(moment[1], str):
        accounts.moments.add((body["customerId"], moment[1]))
    accounts.client_ids[position] = body["transactionId"]
    call.log.applied = 1
    points = accounts.book.change(position).effect
    return Reply(
        200,
        {
            "customerId": adjustment.customer,
            "gameballTransactionId": transaction_number(position),
            "transactionId": body["transactionId"],
            "points": points,
            "amount": accounts.value_of(points),
        },
    )


def _manual_change(accounts: Accounts, body: dict[str, Any]) -> Adjustment:
    points, amount = body.get("points"), body.get("amount")
    if points is not None and amount is not None:
        raise Malformed(Reply(400, {"error": 400, "message": "Only one rewarding method may be specified"}))
    if points is None and amount is None:
        raise Malformed(Reply(400, {"error": 400, "message": "A rewarding criteria is required"}))
    expiry = body.get("expiryAfter")
    if isinstance(expiry, int | Decimal) and expiry < 0:
        raise Malformed(Reply(400, {"error": 400, "message": "Expiry cannot be negative"}))
    given = points if points is not None else amount
    if expiry and isinstance(given, int | Decimal) and given < 0:
        raise Malformed(Reply(400, {"error": 400, "message": "A deduction cannot have an expiry"}))
    if isinstance(given, bool) or not isinstance(given, int | Decimal) or (points is not None and given != int(given)):
        raise Malformed(failures.failure(400, 3016, "Invalid payload"))
    if amount is None:
        whole = int(given)
        units = whole if accounts.switches.unit == "points" else int(Decimal(str(accounts.value_of(whole))) * 100)
        return Adjustment(body["customerId"], units, whole)
    worth = accounts.points_for(Decimal(given))
    return Adjustment(body["customerId"], worth if accounts.switches.unit == "points" else int(given * 100), worth)
