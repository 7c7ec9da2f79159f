"""Drip's reads, and making and deleting credentials."""

from __future__ import annotations

from typing import Any, Final

from bot.sandbox.drip.failures import Refused
from bot.sandbox.drip.realm import Member, Realm, credential_key, derived_id
from bot.sandbox.drip.writes import currency_of, key_from_query, read_body
from bot.sandbox.messages import Call, Reply

_SEARCHES: Final = ("drip-id", "twitter-id", "discord-id", "wallet", "email", "username")


def _number(call: Call, name: str, default: int, most: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Refused(400, f"querystring/{name} must be >= 1")
    return min(int(text), most)


def _page(call: Call, found: list[Any], default_limit: int) -> tuple[list[Any], dict[str, Any]]:
    page, limit = _number(call, "page", 1, 10**9), _number(call, "limit", default_limit, 100)
    meta = {"total": len(found), "page": page, "limit": limit, "totalPages": -(-len(found) // limit)}
    return found[(page - 1) * limit : page * limit], meta


def search_members(realm: Realm, call: Call) -> Reply:
    """GET …/members/search?type&values. Whom it finds, in an order of its own; who was asked for is not repeated."""
    kind = call.query.get("type", "")
    values = [one for one in call.query.get("values", "").split(",") if one]
    if kind not in _SEARCHES:
        raise Refused(400, "querystring/type must be equal to one of the allowed values")
    if not values:
        raise Refused(400, "querystring must have required property 'values'")
    if len(values) > realm.switches.search_cap:
        raise Refused(400, f"A search takes at most {realm.switches.search_cap} values")
    access, by_login = realm.switches.credentials_access, kind not in ("drip-id", "username")
    if by_login and access == "forbidden":
        raise Refused(403, "Insufficient permissions to access this resource")
    denied = by_login and access == "denied"
    found: dict[str, Member] = {}
    for value in [] if denied else values:
        member = realm.find_member(kind, value)
        if member is not None:
            found[member.drip_id] = member
    if realm.switches.fuzzy_search and not denied:
        stranger = Member(derived_id("stranger", values[0]), "stranger", discord_id=values[0][:-1] or "1")
        found.setdefault(stranger.drip_id, stranger)
    shown, meta = _page(call, [found[one] for one in sorted(found)], realm.switches.search_limit)
    reason = "insufficient permission" if denied else None
    meta["credentials"] = {"access": not denied, "approved": not denied, "reason": reason}
    return Reply(200, {"data": [realm.member_json(one) for one in shown], "meta": meta})


def list_members(realm: Realm, call: Call) -> Reply:
    """GET …/members/ with ``search`` over user name, display name and e-mail."""
    wanted = call.query.get("search", "").lower()
    found = [one for one in realm.members.values() if wanted in one.username.lower() or wanted in (one.email or "")]
    if call.query.get("sortOrder") == "desc":
        found.reverse()
    shown, meta = _page(call, found, 20)
    return Reply(200, {"data": [realm.member_json(one) for one in shown], "meta": meta})


def leaderboard(realm: Realm, call: Call) -> Reply:
    """GET …/members/leaderboard: cursor paging by ``take`` and ``after``."""
    currency = currency_of(realm, call.query.get("currencyId"))
    take = _number(call, "take", 20, 100)
    held = realm.balances[currency]
    ranked = sorted((one for one in held if one in realm.members), key=lambda one: (-held[one], one))
    after = call.query.get("after")
    start = ranked.index(after) + 1 if after in held and after in ranked else 0
    part = ranked[start : start + take]
    data = [
        {
            "accountId": one,
            "username": realm.members[one].username,
            "displayName": realm.members[one].username.title(),
            "imageUrl": None,
            "balance": held[one],
            "rank": start + place + 1,
        }
        for place, one in enumerate(part)
    ]
    meta = {
        "hasNextPage": start + take < len(ranked),
        "hasPreviousPage": start > 0,
        "startCursor": part[0] if part else None,
        "endCursor": part[-1] if part else None,
        "totalCount": len(ranked),
    }
    return Reply(200, {"data": data, "meta": meta})


def show_realm(realm: Realm, call: Call) -> Reply:
    """GET …/realms/{id}."""
    return Reply(
        200,
        {
            "id": realm.id,
            "name": "Practice realm",
            "premiumLevel": realm.switches.plan.upper(),
            "serverId": None,
            "ownerId": derived_id("owner", realm.id),
            "subdomain": "practice",
        },
    )


def list_currencies(realm: Realm, call: Call) -> Reply:
    """GET …/currencies: 10 a page unless asked otherwise, 100 at most."""
    archived = call.query.get("includeArchived") == "true"
    found = [one for one in realm.currencies.values() if archived or not one.archived]
    if call.query.get("isDefault") in ("true", "false"):
        found = [one for one in found if one.default == (call.query["isDefault"] == "true")]
    shown, meta = _page(call, found, 10)
    data = [
        {
            "id": one.id,
            "realmId": realm.id,
            "name": one.name,
            "emoji": one.emoji,
            "customEmojiUrl": None,
            "default": one.default,
            "metadata": None,
            "scopes": [],
            "archived": one.archived,
            "archivedAt": "2025-06-01T00:00:00.000Z" if one.archived else None,
            "ownership": "OWNED",
            "shareStatus": None,
            "parentRealmId": None,
            "parentRealmName": None,
            "permissions": [],
        }
        for one in shown
    ]
    return Reply(200, {"data": data, "meta": meta})


def find_credential(realm: Realm, call: Call) -> Reply:
    """GET …/credentials/find?type&value&source: one credential with its balances."""
    key = key_from_query(call)
    holder = realm.holder(key)
    if holder is None or realm.switches.credentials_access == "hidden":
        raise Refused(404, "Credential not found")
    balances = realm.balances_json(holder)
    if realm.switches.find_shows is not None:
        balances = [{**one, "balance": realm.switches.find_shows} for one in balances]
    return Reply(
        200,
        {
            "id": derived_id("credential", key),
            "format": call.query["type"].upper(),
            "publicIdentifier": call.query["value"],
            "balances": balances,
            "metadata": None,
        },
    )


def find_account(realm: Realm, call: Call) -> Reply:
    """GET /accounts/find?type&values: the account id of one login, or null. A credential that was linked keeps its
    account (docs.drip.re/developer/credentials), also where no search finds it; whether it is told is open."""
    kind, value = call.query.get("type", ""), call.query.get("values", "")
    if kind not in _SEARCHES[1:] or not value:
        raise Refused(400, "querystring/type must be equal to one of the allowed values")
    key = credential_key(kind, value, None)
    linked = realm.credentials.get(key)
    if linked is not None and not realm.switches.tells_linked and not realm.connected(key):
        return Reply(200, {"data": None})
    member = realm.find_member(kind, value) if linked is None else None
    return Reply(200, {"data": linked if member is None else member.drip_id})


def create_social(realm: Realm, call: Call) -> Reply:
    """POST …/credentials/social: a credential without an account, also under a provider of the caller's own."""
    body = read_body(realm, call)
    provider, value = body.get("provider"), body.get("providerId")
    if not isinstance(provider, str) or not isinstance(value, str) or not provider or not value:
        raise Refused(400, "body must have required properties 'provider' and 'providerId'")
    known = {"discord": "discord-id", "twitter": "twitter-id"}.get(provider)
    key = credential_key(known or "custom", value, provider)
    return _created(realm, key, body, {"oauthProvider": provider, "oauthAccountId": value, "publicIdentifier": value})


def create_wallet(realm: Realm, call: Call) -> Reply:
    """POST …/credentials/wallet."""
    body = read_body(realm, call)
    address, chain = body.get("address"), body.get("chain")
    if not isinstance(address, str) or not isinstance(chain, str) or not address:
        raise Refused(400, "body must have required properties 'address' and 'chain'")
    key = credential_key("wallet", address, None)
    return _created(realm, key, body, {"address": address, "chain": chain, "publicIdentifier": address})


def _created(realm: Realm, key: str, body: dict[str, Any], more: dict[str, Any]) -> Reply:
    if realm.holder(key) is not None and (key in realm.credentials or not realm.switches.open):
        raise Refused(409, "Credential already exists")
    account = body.get("accountId")
    realm.credentials[key] = account if isinstance(account, str) else None
    shown = {"id": derived_id("credential", key), "format": "OAUTH", "isVerified": False, "accountId": account}
    return Reply(200, {**shown, **more, "createdAt": "2026-01-01T00:00:00.000Z"})


def delete_credential(realm: Realm, call: Call) -> Reply:
    """DELETE …/credentials/?type&value&source: one that was made by hand, and holds nothing of its own."""
    key = key_from_query(call)
    if key not in realm.credentials or realm.connected(key):
        raise Refused(404, "Credential not found")
    if any(balances.get(key) for balances in realm.balances.values()):
        raise Refused(400, "CANNOT_DELETE_WITH_BALANCES")
    del realm.credentials[key]
    return Reply(204)
