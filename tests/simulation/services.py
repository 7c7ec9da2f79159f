"""The two services, answering in the shapes of their contracts (see ``tests/providers/contracts``)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulation.world import (
    CURRENCY,
    LONE_WALLETS,
    MANIFOLD,
    OWN,
    REALM,
    TWINS,
    WALLETS,
    Job,
    Reply,
    World,
    discord_id,
    drip_id,
)

NUMBERS = {discord_id(number): number for number in range(MANIFOLD + 1)} | dict.fromkeys(
    (*WALLETS, *LONE_WALLETS), MANIFOLD
)
DRIP_NUMBERS = {drip_id(number): number for number in range(MANIFOLD + 1)}


def answered(status: int, body: object, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), headers)


def amounts_of(body: bytes) -> frozenset[int]:
    """The amounts that a write asks for."""
    content = json.loads(body)
    if "points" in content:
        return frozenset({int(content["points"])})
    return frozenset(int(one["amount"]) for one in content.get("updates", content.get("body")))


def write(world: World, path: str, body: bytes, fault: str | None) -> Reply:
    """A write that arrived whole: carried out now, later, in part or never, and what is answered."""
    world.catch_up()
    world.arrived(body)
    handle: Callable[..., Reply] = partial(_HANDLERS[path.rsplit("/", 2)[-2]], world, json.loads(body))
    if fault in _UNDONE:
        return _UNDONE[fault](body)
    if fault in ("late", "late-reset", "504-late"):
        world.after(world.chance.choice((6.0, 40.0, world.longest_delay)), handle, amounts_of(body))
        return answered(504, {"error": "Gateway Timeout"})
    if fault == "some":
        handle(share=0.5)
        return answered(500, {"error": "Internal Server Error"})
    reply = handle(fault=fault)
    if fault in ("503-after", "502-after"):
        return Reply(int(fault[:3]), b"<html>Bad Gateway</html>")
    if fault == "garbage":
        return Reply(200, b"\x00{{{not json")
    if fault == "empty":
        return Reply(200, b"")
    return _forgetful(world, reply) if fault == "partial" and reply.status == 200 else reply


def _refuse(status: int, words: str, **headers: str) -> Callable[[bytes], Reply]:
    return lambda _body: answered(status, {"error": words, "code": 1000, "message": words}, **headers)


def _too_large(body: bytes) -> Reply:
    return answered(413, {"error": "Request body is too large"})


_UNDONE: dict[str | None, Callable[[bytes], Reply]] = {
    "lost-before": _refuse(503, "gone"),
    "reset-before": _refuse(503, "gone"),
    "hang-before": _refuse(503, "gone"),
    "503-before": _refuse(503, "Service Unavailable"),
    "429": _refuse(429, "Too many requests", **{"retry-after": "5"}),
    "quota": _refuse(429, "Monthly quota exceeded", **{"retry-after": "86400"}),
    "401": _refuse(401, "Unauthorized"),
    "403": _refuse(403, "Forbidden"),
    "413": _too_large,
}


def _forgetful(world: World, reply: Reply) -> Reply:
    content = json.loads(reply.body)
    for name in ("results", "updates"):
        if content.get(name):
            del content[name][world.chance.randrange(len(content[name]))]
    return answered(200, content)


# --- Drip ---------------------------------------------------------------------------------------------------------


def _credentials(world: World, content: Any, *, share: float = 1.0, fault: str | None = None) -> Reply:
    """Item by item."""
    results, errors = [], []
    updates = content["updates"]
    for one in updates[: round(len(updates) * share)]:
        if one["value"] in TWINS:
            results.append({**one, "balance": _own(world, one["value"], one["realmPointId"], one["amount"])})
            continue
        who, amount, number = one["value"], one["amount"], NUMBERS.get(one["value"], -1)
        problem = world.objection(number, who, amount) if world.knows(number) else "Credential not found"
        if problem is None:
            shown = {"type": one["type"], "value": who, "balance": world.carry_out(who, amount)}
            results.append({**shown, "realmPointId": one["realmPointId"]})
        else:
            errors.append({"type": one["type"], "value": who, "error": problem})
    return answered(200, {"success": not errors, "results": results, "errors": errors})


def _members(world: World, content: Any, *, share: float = 1.0, fault: str | None = None) -> Reply:
    """All or nothing."""
    updates = content["updates"]
    for one in updates:
        if one["dripId"] in OWN:
            if not _can_pay(world, one):
                return answered(400, {"error": "INSUFFICIENT_BALANCE"})
            continue
        number = DRIP_NUMBERS.get(one["dripId"], -1)
        problem = world.objection(number, one["dripId"], one["amount"]) if world.knows(number) else "Member not found"
        if problem is not None:
            return answered(400, {"error": problem})
    if share < 1:
        return answered(500, {"error": "Transaction aborted"})
    told = []
    for one in updates:
        if one["dripId"] in OWN:
            after = _own(world, one["dripId"], one["currencyId"], one["amount"])
        else:
            after = world.carry_out(one["dripId"], one["amount"])
        told.append({"dripId": one["dripId"], "balance": after, "newBalance": after, "currencyId": one["currencyId"]})
    return answered(200, {"success": True, "updates": told})


def _can_pay(world: World, row: dict[str, Any]) -> bool:
    """One of the operator's places never holds less than nothing."""
    return bool(world.places[row["dripId"], row["currencyId"]] + row["amount"] >= 0)


def _own(world: World, holder: str, currency: str, amount: int) -> int:
    """One of the operator's places."""
    world.places[holder, currency] += amount
    return world.places[holder, currency]


def _own_json(world: World, holder: str) -> dict[str, Any]:
    held = [
        {"balance": amount, "currencyId": currency, "currencyName": "Own"}
        for (who, currency), amount in world.places.items()
        if who == holder
    ]
    return {"id": holder, "email": None, "credentials": [], "balances": held}


def _member_json(world: World, number: int) -> dict[str, Any]:
    balance = {"balance": world.balance(drip_id(number)), "currencyId": CURRENCY, "currencyName": "Points"}
    login = {"format": "OAUTH", "oauthProvider": "discord", "oauthAccountId": discord_id(number)}
    wallet = {"format": "WALLET", "publicIdentifier": WALLETS[0], "oauthProvider": None}
    logins = [login, wallet] if number == MANIFOLD else [login]
    return {"id": drip_id(number), "email": None, "credentials": logins, "balances": [balance]}


def _search(world: World, query: dict[str, list[str]]) -> Reply:
    known = {"discord-id": NUMBERS, "wallet": {WALLETS[0]: MANIFOLD}}.get(query["type"][0], DRIP_NUMBERS)
    asked = [known.get(one, -1) for one in query["values"][0].split(",")]
    data = [_member_json(world, number) for number in sorted(set(asked)) if world.knows(number)]
    data += [_own_json(world, holder) for holder in OWN if holder in query["values"][0].split(",")]
    access = {"access": True, "approved": True}
    meta = {"total": len(data), "page": 1, "limit": 100, "totalPages": 1, "credentials": access}
    return answered(200, {"data": data, "meta": meta})


def _account(world: World, query: dict[str, list[str]]) -> Reply:
    """Perhaps of wallets that no search finds, too."""
    who = query["values"][0]
    unknown = who in LONE_WALLETS or (who == WALLETS[1] and not world.tells_linked)
    number = -1 if unknown else NUMBERS.get(who, -1)
    return answered(200, {"data": drip_id(number) if world.knows(number) else None})


def _find(world: World, query: dict[str, list[str]]) -> Reply:
    who = query["value"][0]
    if who in TWINS:
        own = {"balance": world.places[who, CURRENCY], "currencyId": CURRENCY, "currencyName": "Points"}
        return answered(200, {"publicIdentifier": who, "balances": [own]})
    if not world.knows(NUMBERS.get(who, -1)):
        return answered(404, {"error": "Credential not found"})
    balance = {"balance": world.balance(who), "currencyId": CURRENCY, "currencyName": "Points"}
    return answered(200, {"publicIdentifier": who, "balances": [balance]})


# --- Gameball -----------------------------------------------------------------------------------------------------


def _adjust(world: World, content: Any, *, share: float = 1.0, fault: str | None = None) -> Reply:
    """A job: accepted now, worked off later."""
    items = [(one["customerId"], int(one["amount"]), one["reason"]) for one in content["body"]]
    job = Job(123_456 + len(world.jobs), items, fault if fault and fault.startswith("job-") else None)
    world.jobs[job.number] = job
    if job.fault not in ("job-never", "job-lost-unapplied"):
        late = {"job-late": 30.0, "job-very-late": world.longest_delay}
        begins = late.get(job.fault or "", world.chance.choice((0.1, 0.5, 3.0)))
        world.after(begins, lambda: _work_off(world, job), frozenset(amount for _, amount, _ in items))
    return answered(200, {"jobId": job.number})


def _manual(world: World, content: Any, *, share: float = 1.0, fault: str | None = None) -> Reply:
    """One customer, once under each id. What is looked at first, the id or the balance, is nowhere said."""
    who, amount, taken_as = content["customerId"], int(content["points"]), content["transactionId"]
    if share < 1:
        return answered(500, {"code": 5000, "message": "Something went wrong"})
    used = answered(422, {"code": 9004, "type": "TRANSACTION_ERROR", "message": "Transaction id already exists"})
    if world.id_first and taken_as in world.taken:
        return used
    number = NUMBERS.get(who, -1)
    if not world.knows(number):
        return answered(404, {"code": 7000, "message": "Customer does not exist"})
    if (problem := world.objection(number, f"customer {who}", amount)) is not None:
        return answered(422, {"code": 9008, "message": problem})
    if taken_as in world.taken:
        return used
    world.taken.add(taken_as)
    world.carried_out.setdefault(amount, []).append(f"customer {who}")
    world.list_transaction(who, amount, content["reason"], taken_as)
    return answered(200, {"customerId": who, "transactionId": taken_as, "points": amount, "amount": amount / 10})


def _work_off(world: World, job: Job) -> None:
    if job.stopped:
        return
    items = job.items[: len(job.items) // 2] if job.fault == "job-stopped" else job.items
    for who, amount, reason in items:
        number = NUMBERS.get(who, -1)
        if world.knows(number) and world.objection(number, f"customer {who}", amount) is None:
            world.carried_out.setdefault(amount, []).append(f"customer {who}")
            world.list_transaction(who, amount, reason)
            job.successful.append(who)
        else:
            job.failed.append(who)
    job.over = True


def _job(world: World, number: str) -> Reply:
    job = world.jobs.get(int(number))
    if job is None or (job.fault or "").startswith("job-lost"):
        return answered(404, {"code": 4004, "message": "Not found"})
    told = job.successful[1:] if job.fault == "job-partial" else job.successful
    good = [{"customerId": who, "message": "Balance adjusted successfully"} for who in told]
    bad = [{"customerId": who, "message": "Customer does not exist"} for who in job.failed]
    state = ("stopped" if job.fault == "job-stopped" or job.stopped else "completed") if job.over else "running"
    response = {"successful": good, "failed": bad} if job.over else None
    return answered(200, {"status": state, "totalCount": len(job.items), "response": response})


def stop(world: World, path: str, fault: str | None) -> Reply:
    """A job carries nothing more out, or half of a job that would never have ended was carried out by now."""
    world.catch_up()
    if fault in _UNDONE:
        return _UNDONE[fault](b"")
    job = world.jobs.get(int(path.rsplit("/", 1)[1]))
    if job is None or job.over or (job.fault or "").startswith("job-lost"):
        return answered(404, {"code": 4004, "message": "Not found"})
    if job.fault == "job-never":
        job.fault = "job-stopped"
        _work_off(world, job)
    job.over = job.stopped = True
    return answered(200, "job stopped successfully")


def _transactions(world: World, query: dict[str, list[str]]) -> Reply:
    after, limit = int(query["startAfter"][0]), int(query["limit"][0])
    whose = query.get("customerId", [None])[0]
    found = [
        one
        for one in world.transactions
        if int(str(one["gameballTransactionId"])) > after and whose in (None, one["customerId"])
    ]
    return answered(200, {"transactions": found[:limit], "hasMore": len(found) > limit})


_HANDLERS: dict[str, Callable[..., Reply]] = {
    "credentials": _credentials,
    "members": _members,
    "batch": _adjust,
    "transactions": _manual,
}


def read(world: World, path: str, fault: str | None) -> Reply:
    """A read."""
    world.catch_up()
    if fault in ("503-before", "429", "404"):
        return {"503-before": _refuse(503, "busy"), "404": _refuse(404, "Not found")}.get(fault, _UNDONE["429"])(b"")
    if fault == "garbage":
        return Reply(200, b"<!doctype html>")
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    if parts.path == f"/api/v1/realms/{REALM}/members/search":
        return _search(world, query)
    if parts.path == "/api/v1/accounts/find":
        return _account(world, query)
    if parts.path == f"/api/v1/realms/{REALM}/credentials/find":
        return _find(world, query)
    if parts.path == "/api/v4.0/integrations/transactions":
        return _transactions(world, query)
    if parts.path.startswith("/api/v4.0/integrations/batch/"):
        return _job(world, parts.path.rsplit("/", 1)[1])
    return answered(404, {"error": f"Route GET:{parts.path} not found"})
