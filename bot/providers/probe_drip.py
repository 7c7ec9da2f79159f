"""Test calls to Drip: the members batch, the credentials batch and logins, and what each balance is now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from bot.domain.model import Recipient, RecipientType
from bot.domain.places import credential
from bot.domain.probing import Fate, Leg, Purse, Reply, Told
from bot.domain.trials import ACCOUNT
from bot.errors import ResolutionFailed
from bot.providers.drip import DripAccess
from bot.providers.drip_accounts import account_of
from bot.providers.drip_reading import Name, credential_name
from bot.providers.drip_search import balance_in
from bot.providers.drip_writing import build_credentials, encode
from bot.providers.http import Exchange
from bot.providers.probing import fate_of, limit_headers, words_of
from bot.providers.reading import as_list, as_object, as_whole, parse
from bot.providers.wording import blame, is_of_balance


class MembersProber:
    """``PATCH …/members/transaction``. Purses are held by drip ids."""

    def __init__(self, access: DripAccess) -> None:
        self._access = access

    async def balances(self, purses: Sequence[Purse]) -> Mapping[Purse, int | None]:
        holders = sorted({purse.holder for purse in purses})
        try:
            found = await self._access.search(RecipientType.DRIP_ID, holders)
        except ResolutionFailed:
            return dict.fromkeys(purses)
        members = {str(member.get("id", "")).lower(): member for member in found}
        return {purse: balance_in(members.get(purse.holder, {}), purse.currency) for purse in purses}

    async def call(self, legs: Sequence[Leg], key: str) -> Reply:
        updates = [{"dripId": leg.purse.holder, "amount": leg.amount, "currencyId": leg.purse.currency} for leg in legs]
        body = encode(updates, self._access.account.initiator_id)
        exchange = await self._access.line.write("PATCH", f"{self._access.realm}/members/transaction", body)
        answer = as_object(parse(exchange.body))
        fate = fate_of(exchange)
        if fate is Fate.DONE and answer.get("success") is not True:
            fate = Fate.UNCLEAR
        told = [
            Told(purse, as_whole(entry.get("balance")), as_whole(entry.get("newBalance")))
            for entry in map(as_object, as_list(answer.get("updates")))
            if (purse := _named(entry, legs)) is not None
        ]
        return _reply(self._access, exchange, fate, told if fate is Fate.DONE else (), ())


def _named(entry: Mapping[str, Any], legs: Sequence[Leg]) -> Purse | None:
    """The purse that an entry of the answer is about."""
    holder, currency = (str(entry.get(name, "")).lower() for name in ("dripId", "currencyId"))
    own = {leg.purse for leg in legs if leg.purse.holder.lower() == holder}
    return next((purse for purse in own if purse.currency.lower() == currency or len(own) == 1), None)


class CredentialsProber:
    """``PATCH …/credentials/transaction``. Purses are held by recipients' keys."""

    def __init__(self, access: DripAccess, recipients: Mapping[str, Recipient]) -> None:
        """``recipients``: everybody that a purse can be of, by key."""
        self._access = access
        self._recipients = recipients

    def _recipient(self, purse: Purse) -> Recipient:
        """Whom a purse is of: somebody of the probe, or one of the operator's twins."""
        return self._recipients.get(purse.holder) or credential(purse.holder)

    async def balances(self, purses: Sequence[Purse]) -> Mapping[Purse, int | None]:
        return {purse: await self._balance(purse) for purse in purses}

    async def _balance(self, purse: Purse) -> int | None:
        holder = purse.holder.removeprefix(ACCOUNT)
        recipient = self._recipients.get(holder) or credential(holder)
        if holder == purse.holder:
            return await self._access.credential_balance(recipient, purse.currency)
        try:
            return (await self._access.account_balances([recipient], purse.currency)).get(recipient.key)
        except ResolutionFailed:
            return None

    async def call(self, legs: Sequence[Leg], key: str) -> Reply:
        entries = [(self._recipient(leg.purse), leg.amount) for leg in legs]
        body = build_credentials(entries, legs[0].purse.currency, self._access.account.initiator_id)
        exchange = await self._access.line.write("PATCH", f"{self._access.realm}/credentials/transaction", body)
        fate = fate_of(exchange)
        answer = as_object(parse(exchange.body))
        lists = [answer.get("results"), answer.get("errors")]
        if fate is not Fate.DONE or not any(isinstance(one, list) for one in lists):
            return _reply(self._access, exchange, Fate.UNCLEAR if fate is Fate.DONE else fate, (), ())
        names = {credential_name(self._recipient(leg.purse)): leg.purse for leg in legs}
        results, errors = ([_own(entry, names) for entry in map(as_object, as_list(one))] for one in lists)
        told = [Told(purse, as_whole(entry.get("balance"))) for purse, entry in results if purse is not None]
        refused = [purse for purse, _ in errors if purse is not None]
        return _reply(self._access, exchange, fate, told, refused)


def _own(entry: Mapping[str, Any], names: Mapping[Name, Purse]) -> tuple[Purse | None, Mapping[str, Any]]:
    kind, value = entry.get("type"), entry.get("value")
    try:
        name = credential_name(Recipient(RecipientType(str(kind)), str(value)))
    except ValueError:
        return None, entry
    return names.get(name), entry


class LoginsProber:
    """``POST …/credentials/wallet`` and ``DELETE …/credentials/``."""

    def __init__(self, access: DripAccess) -> None:
        self._access = access

    async def account(self, login: Recipient) -> str | None:
        return await account_of(self._access, login)

    async def tie(self, login: Recipient, account: str) -> Reply:
        body = json.dumps({"address": login.value, "chain": "ethereum", "accountId": account}).encode()
        exchange = await self._access.line.write("POST", f"{self._access.realm}/credentials/wallet", body)
        told = str(as_object(parse(exchange.body)).get("accountId", "")).lower()
        return replace(_reply(self._access, exchange, fate_of(exchange, (200, 201)), (), ()), more={"account": told})

    async def delete(self, login: Recipient) -> Reply:
        query = urlencode({"type": login.type.value, "value": login.value}, quote_via=quote)
        exchange = await self._access.line.ask("DELETE", f"{self._access.realm}/credentials/?{query}")
        return _reply(self._access, exchange, fate_of(exchange, (200, 204)), (), ())


def _reply(access: DripAccess, exchange: Exchange, fate: Fate, told: Sequence[Told], refused: Sequence[Purse]) -> Reply:
    answered = exchange.status is not None
    words = None if fate is Fate.DONE else words_of(exchange, access.wording)
    return Reply(
        fate=fate,
        status=exchange.status,
        words=words,
        told=tuple(told),
        refused=tuple(refused),
        also={"limit-headers": limit_headers(exchange)} if answered else {},
        of_balance=is_of_balance(words),
        of_else=exchange.status == 409 or blame(words) is not None or not as_object(parse(exchange.body)),
    )
