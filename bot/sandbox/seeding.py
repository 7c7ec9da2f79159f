"""Filling the world: a plausible one from a seed, or exactly what ``POST /seed`` asks for."""

from __future__ import annotations

import random
from typing import Any, Final

from bot.sandbox.drip.realm import TYPES, Currency, Member, credential_key, derived_id
from bot.sandbox.world import World

_FIRST_DISCORD_ID: Final = 175_000_000_000_000_000
_WORDS: Final = (
    "amber",
    "birch",
    "cobalt",
    "dune",
    "ember",
    "fern",
    "grove",
    "harbor",
    "iris",
    "juniper",
    "kelp",
    "lark",
)


def populate(world: World, members: int) -> None:
    """So many members who are also customers, some with wallet, e-mail and X account, and a tenth as many identities
    without an account (also custom ones, source ``bursar``)."""
    chance = random.Random(world.seed)  # noqa: S311 - repeatable on purpose
    drip_id = ""
    for number in range(members):
        discord_id = str(_FIRST_DISCORD_ID + chance.getrandbits(59))
        drip_id = derived_id("discord-id", discord_id)
        name = f"{_WORDS[number % len(_WORDS)]}{number}"
        member = Member(drip_id, name, discord_id)
        if number % 2 == 0:
            member.wallet = f"0x{chance.getrandbits(160):040x}"
        if number % 3 == 0:
            member.email = f"{name}@example.org"
        if number % 5 == 0:
            member.twitter_id = str(chance.getrandbits(50))
        world.realm.add_member(member)
        world.realm.balances[world.realm.main.id][drip_id] = chance.randrange(0, 5000)
        world.accounts.balances[discord_id] = chance.randrange(0, 5000)
    for number in range(members // 10):
        alone = str(_FIRST_DISCORD_ID + chance.getrandbits(59))
        for key in (f"discord-id:{alone}", f"custom:bursar:guest-{number}"):
            world.realm.credentials[key] = None
            world.realm.balances[world.realm.main.id][key] = chance.randrange(0, 500)


def seed(world: World, document: Any) -> dict[str, Any]:
    """Create what ``POST /seed`` names; counts, and the ids of members and currencies in order. Raises ``ValueError``.

    ``{"members": [{"discord_id", "drip_id", "wallet", "email", "twitter_id", "username", "balance", "balances"}],
    "credentials": [{"type", "value", "source", "linked", "balance", "balances"}],
    "customers": [{"id", "balance"}], "currencies": [{"name", "archived"}],
    "discord_ids": [...], "as": ["member", "credential", "customer"], "balance": n}``
    """
    if not isinstance(document, dict):
        raise ValueError("a seed is an object with members, credentials, customers or discord_ids")
    known = {"members", "credentials", "customers", "currencies", "discord_ids", "as", "balance"}
    if set(document) - known:
        raise ValueError(f"a seed takes {', '.join(sorted(known))}, not {', '.join(sorted(set(document) - known))}")
    currencies = [_currency(world, one) for one in document.get("currencies", [])]
    drip_ids = [_member(world, one) for one in document.get("members", [])]
    for one in document.get("credentials", []):
        _credential(world, one)
    for one in document.get("customers", []):
        world.accounts.balances[str(one["id"])] = int(one.get("balance", 0))
    drip_ids += _same_for_all(world, document)
    return {
        "members": drip_ids,
        "currencies": currencies,
        "counts": {
            "members": len(world.realm.members),
            "credentials": len(world.realm.credentials),
            "customers": len(world.accounts.balances),
        },
    }


def _same_for_all(world: World, document: dict[str, Any]) -> list[str]:
    """The short form: Discord ids, each a member, a credential and a customer with the same balance."""
    kinds = set(document.get("as", ("member", "customer")))
    if kinds - {"member", "credential", "customer"}:
        raise ValueError("as takes member, credential and customer")
    balance = int(document.get("balance", 0))
    drip_ids = []
    for discord_id in document.get("discord_ids", []):
        if "member" in kinds:
            drip_ids.append(_member(world, {"discord_id": discord_id, "balance": balance}))
        elif "credential" in kinds:
            _credential(world, {"type": "discord-id", "value": discord_id, "balance": balance})
        if "customer" in kinds:
            world.accounts.balances[discord_id] = balance
    return drip_ids


def _set_balances(world: World, holder: str, given: dict[str, Any]) -> None:
    realm = world.realm
    balances = dict(given.get("balances", {}))
    if "balance" in given:
        balances[realm.main.id] = given["balance"]
    for currency, amount in balances.items():
        if currency not in realm.currencies:
            raise ValueError(f"there is no currency {currency!r}")
        realm.balances[currency][holder] = int(amount)


def _currency(world: World, given: dict[str, Any]) -> str:
    name = str(given["name"])
    currency_id = derived_id("currency", world.realm.id, name)
    return world.realm.add_currency(Currency(currency_id, name, None, archived=bool(given.get("archived")))).id


def _member(world: World, given: dict[str, Any]) -> str:
    logins = {name: given[name] for name in ("discord_id", "wallet", "email", "twitter_id") if given.get(name)}
    if not logins and "drip_id" not in given:
        raise ValueError("a member needs a drip_id, discord_id, wallet, email or twitter_id")
    drip_id = given.get("drip_id") or derived_id(*next(iter(logins.items())))
    if logins.get("discord_id") and "drip_id" not in given:
        drip_id = derived_id("discord-id", logins["discord_id"])
    world.realm.add_member(Member(drip_id, given.get("username", f"member-{drip_id[:6]}"), **logins))
    _set_balances(world, drip_id, given)
    return str(drip_id)


def _credential(world: World, given: dict[str, Any]) -> None:
    if given.get("type") not in TYPES or not given.get("value"):
        raise ValueError(f"a credential needs a value and a type out of {', '.join(TYPES)}")
    key = credential_key(given["type"], given["value"], given.get("source"))
    world.realm.credentials[key] = given.get("linked")
    _set_balances(world, given.get("linked") or key, given)


def outside(world: World, document: Any) -> dict[str, Any]:
    """A change by somebody else, or calls by other bots of the realm. Raises ``ValueError``.

    ``{"service": "drip", "drip_id" | "type" + "value" (+ "source"), "amount", "currency"}``,
    ``{"service": "gameball", "customer", "amount", "reason"}`` or ``{"service": "drip", "calls": n}``.
    """
    if not isinstance(document, dict) or document.get("service") not in ("drip", "gameball"):
        raise ValueError("an outside change is an object with service drip or gameball")
    if "calls" in document:
        world.drip.spend(int(document["calls"]))
        return {"calls": document["calls"]}
    amount = document.get("amount")
    if not isinstance(amount, int):
        raise ValueError("amount is a whole number")
    if document["service"] == "gameball":
        return _outside_gameball(world, document, amount)
    realm = world.realm
    recipient = document.get("drip_id") or credential_key(
        str(document.get("type")), str(document.get("value")), document.get("source")
    )
    holder = recipient if recipient in realm.members else realm.holder(recipient)
    currency = document.get("currency", realm.main.id)
    if holder is None or currency not in realm.currencies:
        raise ValueError("there is no such recipient or currency")
    return {
        "balance": realm.apply(recipient, holder, currency, amount, call=0, endpoint="outside", outside=True),
    }


def _outside_gameball(world: World, document: dict[str, Any], points: int) -> dict[str, Any]:
    accounts = world.accounts
    customer = str(document.get("customer"))
    if not accounts.exists(customer):
        raise ValueError(f"there is no customer {customer!r}")
    before = accounts.balance(customer)
    accounts.balances[customer] = before + points
    accounts.book.add(
        customer, accounts.unit, points, points, before, call=0, endpoint="outside", reason=document.get("reason"),
        outside=True,
    )  # fmt: skip
    return {"balance": before + points}
