"""Drip's balance updates: the two batches and the two single ones."""

from __future__ import annotations

import random
import re
from typing import Any, Final

from bot.sandbox.drip.failures import Refused
from bot.sandbox.drip.realm import TYPES, Realm, credential_key, derived_id
from bot.sandbox.messages import Call, Reply

_DRIP_ID: Final = re.compile(r"[0-9a-fA-F]{24}")
_SAFE: Final = 2**53 - 1
_SHORT: Final = "INSUFFICIENT_BALANCE"  # the credentials guide's word; the errors guide says InsufficientBalance


def read_body(realm: Realm, call: Call) -> dict[str, Any]:
    """The JSON object of a write. Raises ``Refused`` (400, 413, 415)."""
    if len(call.body) > realm.switches.max_body:
        raise Refused(413, "Request body is too large")
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise Refused(415, f"Unsupported Media Type: {call.headers.get('Content-Type', '')}")
    try:
        body = call.json()
    except (ValueError, RecursionError):
        raise Refused(400, "Body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "body must be object")
    call.log.initiator = body.get("initiatorId") if isinstance(body.get("initiatorId"), str) else None
    return body


def credentials_transaction(realm: Realm, call: Call) -> Reply:
    """PATCH …/credentials/transaction: each item for itself, in ``results`` or in ``errors``."""
    body = read_body(realm, call)
    updates = _updates(body, call, ("type", "value"))
    cap = realm.switches.credentials_cap
    if cap is not None and len(updates) > cap:
        raise Refused(400, f"updates must not have more than {cap} items")
    currencies = [_credential_currency(realm, item) for item in updates]
    _check_credentials(realm, updates)
    order = list(range(len(updates)))
    if realm.switches.order == "shuffled":
        random.Random(call.log.id).shuffle(order)  # noqa: S311 - repeatable on purpose
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for place in order[: round(len(order) * call.share)]:
        item, currency = updates[place], currencies[place]
        problem = _credit(realm, call, item, currency, results)
        if problem is not None:
            errors.append({"type": item["type"], "value": item["value"], "error": problem})
    return Reply(200, {"success": not errors, "results": results, "errors": errors})


def _check_credentials(realm: Realm, updates: list[dict[str, Any]]) -> None:
    """Whether one who is not known is refused with the whole call."""
    refusal = realm.switches.unknown_credential
    if refusal == "item":
        return
    keys = [credential_key(item["type"], item["value"], item.get("source")) for item in updates]
    if any(realm.holder(key, write=True) is None for key in keys):
        raise Refused(int(refusal), "Credential not found")


def _credit(
    realm: Realm, call: Call, item: dict[str, Any], currency: str | None, results: list[dict[str, Any]]
) -> str | None:
    """One item of a credentials batch; the words of its error, or ``None`` and one more result."""
    kind, value, amount = item["type"], item["value"], item["amount"]
    source = item.get("source")
    if currency is None:
        return "Currency not found"
    if kind == "custom" and not source:
        return "Source is required for custom credential type"
    if realm.switches.max_amount is not None and abs(amount) > realm.switches.max_amount:
        return f"amount must be between -{realm.switches.max_amount} and {realm.switches.max_amount}"
    key = credential_key(kind, value, source)
    holder = realm.holder(key, write=True)
    if holder is None:
        return "Credential not found"
    if amount < 0 and realm.balance(holder, currency) + amount < 0 and _refuses(realm):
        return _SHORT
    balance = realm.apply(key, holder, currency, amount, call=call.log.id, endpoint="credentials")
    call.log.applied += 1
    results.append(
        {
            "type": kind,
            "value": value,
            "credentialId": derived_id("credential", key),
            "balance": balance,
            "realmPointId": currency,
        }
    )
    return None


def _credential_currency(realm: Realm, item: dict[str, Any]) -> str | None:
    try:
        return currency_of(realm, item.get("realmPointId"))
    except Refused:
        if realm.switches.unknown_currency == "item":
            return None
        raise


def currency_of(realm: Realm, named: object) -> str:
    """The currency that a call means; an omitted one is the default. Raises ``Refused``."""
    if named is None or realm.switches.pays == "default":
        return realm.main.id
    if not isinstance(named, str):
        raise Refused(400, "currency id must be string")
    currency = realm.currencies.get(named)
    if currency is None:
        raise Refused(404 if realm.switches.unknown_currency == "404" else 400, "Currency not found")
    if currency.archived:
        raise Refused(400, "Currency is archived")
    return named


def members_transaction(realm: Realm, call: Call) -> Reply:
    """PATCH …/members/transaction: all items or none."""
    body = read_body(realm, call)
    updates = _updates(body, call, ("dripId",))
    if len(updates) > realm.switches.members_cap:
        raise Refused(400, f"updates must not have more than {realm.switches.members_cap} items")
    if not realm.switches.members_atomic:
        return Reply(200, {"success": True, "updates": [_row_by_itself(realm, call, item) for item in updates]})
    if realm.switches.unknown_member == "skip":
        updates = [item for item in updates if realm.by_drip_id(item["dripId"]) is not None]
    changes = [_checked_member(realm, item) for item in updates]
    if realm.switches.duplicates == "refuse" and len({(who, what) for who, what, _ in changes}) < len(changes):
        raise Refused(400, "Duplicate member in updates")
    _check_funds(realm, changes)
    if call.share < 1:
        raise Refused(500, "Transaction aborted")  # a server that dies midway leaves nothing of a single transaction
    answers = [_change_member(realm, call, change) for change in changes]
    return Reply(200, {"success": True, "updates": answers})


def _row_by_itself(realm: Realm, call: Call, item: dict[str, Any]) -> dict[str, Any]:
    """One row of a batch that is no transaction. Raises ``Refused``; what was carried out before stays."""
    change = _checked_member(realm, item)
    _check_funds(realm, [change])
    return _change_member(realm, call, change)


def _change_member(realm: Realm, call: Call, change: tuple[str, str, int]) -> dict[str, Any]:
    drip_id, currency, amount = change
    before = realm.balance(drip_id, currency)
    after = realm.apply(drip_id, drip_id, currency, amount, call=call.log.id, endpoint="members")
    call.log.applied += 1
    shown = before if realm.switches.balance_field == "before" else after
    answer = {"dripId": drip_id, "balance": shown, "currencyId": currency}
    if realm.switches.new_balance != "absent":
        answer["newBalance"] = before if realm.switches.new_balance == "before" else after
    return answer


def _checked_member(realm: Realm, item: dict[str, Any]) -> tuple[str, str, int]:
    drip_id, amount = item["dripId"], item["amount"]
    if not _DRIP_ID.fullmatch(drip_id):
        raise Refused(400, "Invalid dripId")
    currency = currency_of(realm, item.get("currencyId"))
    if realm.by_drip_id(drip_id) is None:
        raise Refused(404 if realm.switches.unknown_member == "404" else 400, "Member not found")
    limit = realm.switches.max_amount
    if limit is not None and abs(amount) > limit:
        raise Refused(400, f"amount must be between -{limit} and {limit}")
    return drip_id, currency, amount


def _refuses(realm: Realm) -> bool:
    """Whether more than there is cannot be taken."""
    return realm.switches.overdraft not in ("allow", "cap")


def _check_funds(realm: Realm, changes: list[tuple[str, str, int]]) -> None:
    if not _refuses(realm):
        return
    running: dict[tuple[str, str], int] = {}
    for drip_id, currency, amount in changes:
        have = running.get((drip_id, currency))
        have = realm.balance(drip_id, currency) if have is None else have
        if amount < 0 and have + amount < 0:
            raise _short(realm, drip_id, have, amount)
        running[drip_id, currency] = have + amount


def _short(realm: Realm, member: str, have: int, amount: int) -> Refused:
    if realm.switches.overdraft == "422":
        details = {"currentBalance": have, "requestedAmount": -amount, "memberId": member}
        return Refused(422, "Insufficient balance for this operation", details)
    return Refused(400, _SHORT)


def _updates(body: dict[str, Any], call: Call, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The list of a batch, its schema checked. Names that the schema does not have are ignored, as by the service:
    a currency under the wrong name silently means the default currency."""
    updates = body.get("updates")
    if not isinstance(updates, list):
        raise Refused(400, "body must have required property 'updates'")
    if not updates:
        raise Refused(400, "updates must not be empty")
    for place, item in enumerate(updates):
        if not isinstance(item, dict):
            raise Refused(400, f"body/updates/{place} must be object")
        for name in names:
            if not isinstance(item.get(name), str) or not item[name]:
                raise Refused(400, f"body/updates/{place}/{name} must be string")
        _check_amount(item.get("amount"), f"body/updates/{place}/amount")
        if names[0] == "type" and item["type"] not in TYPES:
            raise Refused(400, f"body/updates/{place}/type must be equal to one of the allowed values")
    call.log.items = len(updates)
    return updates


def _check_amount(amount: object, place: str) -> int:
    if not isinstance(amount, int) or isinstance(amount, bool) or abs(amount) > _SAFE:
        raise Refused(400, f"{place} must be integer")
    return amount


def credential_balance(realm: Realm, call: Call) -> Reply:
    """PATCH …/credentials/balance?type&value&source: one credential."""
    body = read_body(realm, call)
    amount = _check_amount(body.get("amount"), "body/amount")
    currency = currency_of(realm, body.get("realmPointId"))
    key = key_from_query(call)
    holder = realm.holder(key, write=True)
    if holder is None:
        raise Refused(404, "Credential not found")
    _check_funds(realm, [(holder, currency, amount)])
    balance = realm.apply(key, holder, currency, amount, call=call.log.id, endpoint="credentials")
    call.log.items = call.log.applied = 1
    return Reply(
        200,
        {
            "credentialId": derived_id("credential", key),
            "identifier": call.query["value"],
            "balance": balance,
            "realmPointId": currency,
            "linked": holder != key,
        },
    )


def member_balance(realm: Realm, call: Call, drip_id: str) -> Reply:
    """PATCH …/members/{dripId}/balance: one member."""
    body = read_body(realm, call)
    amount = _check_amount(body.get("amount"), "body/amount")
    change = _checked_member(realm, {"dripId": drip_id, "amount": amount, "currencyId": body.get("currencyId")})
    _check_funds(realm, [change])
    balance = realm.apply(drip_id, drip_id, change[1], amount, call=call.log.id, endpoint="members")
    call.log.items = call.log.applied = 1
    shown = {"id": derived_id("realm-member", drip_id), "dripId": drip_id, "balance": balance, "currencyId": change[1]}
    return Reply(200, shown)


def key_from_query(call: Call) -> str:
    """The credential that ``type``, ``value`` and ``source`` name. Raises ``Refused``."""
    kind, value, source = (call.query.get(name) for name in ("type", "value", "source"))
    if kind not in TYPES:
        raise Refused(400, "querystring/type must be equal to one of the allowed values")
    if not value:
        raise Refused(400, "querystring must have required property 'value'")
    if kind == "custom" and not source:
        raise Refused(400, "Source is required for custom credential type")
    return credential_key(kind, value, source)
