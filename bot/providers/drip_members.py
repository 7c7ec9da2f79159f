"""Drip by member: ``PATCH /api/v1/realms/{realm}/members/transaction``. All or nothing.

Members are named by drip id, which a member search finds from a Discord id, wallet or e-mail address. Source:
docs.drip.re/api-reference/realm-members-balances/batch-update-member-balance-of-a-currency
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.amounts import display
from bot.domain.calls import Item, Verdict
from bot.domain.judging import Doubted, Judgements, goes_by_credential
from bot.domain.model import ACCEPTED_TYPES, Pause, PauseKind, Programme, ProviderKind, Recipient, RecipientType
from bot.domain.probing import Leg, Purse
from bot.errors import ResolutionFailed, SettingsError
from bot.providers.base import (
    FEW_READS,
    Currency,
    Finding,
    Foresight,
    Found,
    JobReport,
    JobState,
    Pace,
    Reads,
    Resolution,
)
from bot.providers.common import OnLine
from bot.providers.drip import OWN_TWIN, REFUSALS, DripAccess
from bot.providers.drip_accounts import accounts_of
from bot.providers.drip_checks import examine_realm
from bot.providers.drip_ids import credential_target, is_object_id, looks_up_by
from bot.providers.drip_judging import (
    foresee_credentials,
    foresee_members,
    is_alone,
    judge_credentials,
    judge_members,
    reads_of_members,
)
from bot.providers.drip_reading import read_members, told_of_members, uncut
from bot.providers.drip_search import SEARCH_VALUES, balance_in, index, slices
from bot.providers.drip_writing import build_credentials, encode, tally, unclear
from bot.providers.http import Exchange
from bot.providers.verdicts import not_sent, unknown, unsent, verdict
from bot.providers.wording import is_too_low

LOOKUP_TRIES = 7
"""A list is looked up in many searches, and one that fails ends the whole look-up: 15 seconds are worth it."""
HURRIED_TRIES = 3
"""Of one search that somebody waits for: 1.5 seconds of pauses."""

_OWN = "This Drip member is one of the operator's check accounts (DRIP_RING, DRIP_WITNESS) and is not paid."


def _short_place(words: str | None, items: Sequence[Item], legs: Sequence[Leg]) -> str | None:
    """Where nothing but the operator's own row takes anything, a balance that is too low can only be that place's."""
    giving = next((leg for leg in legs if leg.amount < 0), None)
    if giving is None or not is_too_low(words) or any(item.amount < 0 for item in items):
        return None
    return f"account {giving.purse.holder} has not the point to give that it should have ({words})"


class DripMembers(OnLine):
    """The members batch of one realm in one currency."""

    def __init__(self, programme: Programme, access: DripAccess) -> None:
        super().__init__(programme, access.line)
        self._access = access
        self._own = access.own_members(programme.destination.currency)
        self._twins = access.own_credentials()

    @property
    def pace(self) -> Pace:
        return self._access.pace()

    def lookup_calls(self, recipients: int) -> int:
        return math.ceil(recipients / SEARCH_VALUES)

    def target(self, recipient: Recipient) -> str | None:
        if recipient.type not in ACCEPTED_TYPES[ProviderKind.DRIP_MEMBERS]:
            raise ValueError(f"{recipient.type.value} cannot be paid by this programme; it pays Drip members.")
        if recipient.type is not RecipientType.DRIP_ID:
            return None
        if not is_object_id(recipient.value):
            raise ValueError("A Drip id has exactly 24 characters 0-9 and a-f.")
        if recipient.value.lower() in self._own:
            raise ValueError(_OWN)
        return recipient.value.lower()

    # --- the call --------------------------------------------------------------------------------------------------

    def build(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
        currency = self._programme.destination.currency
        if not currency:
            raise SettingsError(f"Set {self._access.wording.variable('DRIP_CURRENCY_ID')}: no currency is chosen.")
        initiator = self._access.account.initiator_id
        by_credential = [item for item in items if goes_by_credential(item.target)]
        if by_credential:
            if len(by_credential) < len(items):
                raise ValueError("members and credentials never share a call")
            return build_credentials([(item.recipient, item.amount) for item in items], currency, initiator)
        if not all(is_object_id(item.target) for item in items):
            raise ValueError("a target is no Drip id")
        own = [{"dripId": leg.purse.holder, "amount": leg.amount, "currencyId": leg.purse.currency} for leg in legs]
        updates = [{"dripId": item.target, "amount": item.amount, "currencyId": currency} for item in items]
        return encode([*own[:1], *updates, *own[1:]], initiator)

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        access = self._access
        if (places := self._places_among(items)) is not None:
            return replace(unsent(items, next(iter(places.values()))), refused_whole=True)
        if items and goes_by_credential(items[0].target):
            return await access.pay_credentials(self._programme, body, items, self._shown, begin_by=begin_by)
        if (pause := access.problem(self._programme)) is not None:
            return unsent(items, pause.message, pause)
        exchange = await access.line.write("PATCH", f"{access.realm}/members/transaction", body, begin_by=begin_by)
        if (refused := access.door(exchange, items)) is not None:
            return refused
        if exchange.status in REFUSALS:
            return self._refused(exchange, items, legs)
        if exchange.status != 200 or not exchange.whole:
            return unknown(exchange, items, unclear(exchange, access.wording.words(exchange.body)))
        return await access.line.judged(exchange.body, lambda: self._done(exchange, items, legs))

    def _done(self, exchange: Exchange, items: Sequence[Item], legs: Sequence[Leg]) -> Verdict:
        access = self._access
        currency, told_after = self._programme.destination.currency, self._shown.tells_balances
        outcomes, balances = read_members(exchange.body, items, currency, legs, tells_balances=told_after)
        outcomes = uncut(outcomes, items) if self._shown.cuts_members else outcomes
        told = told_of_members(exchange.body, legs)
        pause, evidence = access.misplaced(outcomes)
        if balances:
            evidence["balances"] = balances
        found = verdict(exchange, outcomes, tally(outcomes), pause=pause, evidence=evidence, told=told)
        return replace(found, whole=self._shown.skips_nobody)

    def _places_among(self, items: Sequence[Item]) -> Mapping[int, str] | None:
        """The awards to places of the operator's, each with what is to be said of it."""
        found = {item.award_id: _OWN for item in items if item.target in self._own}
        twins = [item for item in items if goes_by_credential(item.target) and item.recipient.key in self._twins]
        return {**found, **{item.award_id: OWN_TWIN for item in twins}} or None

    async def places(self, places: Sequence[Purse]) -> Sequence[int | None]:
        return await self._access.member_places(places)

    async def missing(self, places: Sequence[Purse], items: Sequence[Item]) -> Sequence[Purse]:
        holders = sorted({place.holder for place in places})
        others = [item.target for item in items if is_object_id(item.target)]
        wanted = slices([*holders, *others][:SEARCH_VALUES])
        try:
            found = [one for some in wanted for one in await self._access.search(RecipientType.DRIP_ID, some)]
        except ResolutionFailed:
            return ()
        members = {str(member.get("id", "")).lower() for member in found}
        # A key that may not search by Drip id looks like a realm without members.
        return [place for place in places if place.holder not in members] if members else ()

    def _refused(self, exchange: Exchange, items: Sequence[Item], legs: Sequence[Leg]) -> Verdict:
        words = self._access.wording.words(exchange.body)
        pause = self._access.fault(words, exchange.status, sent="Nothing was sent:")
        if pause is None and words is None and (exchange.status == 404 or exchange.body.lstrip()[:1] == b"<"):
            # Drip's own 404 always says what is missing, and no refusal of Drip's is a web page: this one comes from
            # whatever stands at that address, and says nothing of any row.
            name = self._access.wording.variable("DRIP_BASE_URL")
            message = f"Nothing was sent: Drip does not answer at that address ({exchange.status}). Check {name}."
            pause = Pause(PauseKind.SETTINGS, message)
        if pause is not None:
            return not_sent(exchange, items, pause.message, pause=pause)
        detail = self._access.wording.refusal(words, deducts=any(item.amount < 0 for item in items))
        refused = not_sent(exchange, items, detail, refused_whole=True)
        return replace(refused, own_fault=_short_place(words, items, legs))

    # --- reads -----------------------------------------------------------------------------------------------------

    async def resolve(self, recipients: Sequence[Recipient], *, patient: bool = True) -> Resolution:
        tries = LOOKUP_TRIES if patient else HURRIED_TRIES
        found: dict[str, Found] = {}
        missing: dict[str, str] = {}
        by_type: dict[RecipientType, dict[str, Recipient]] = {}
        for recipient in recipients:
            if "," in recipient.value:
                missing[recipient.key] = f"This {looks_up_by(recipient.type)} has a comma and cannot be looked up."
            else:
                by_type.setdefault(recipient.type, {})[recipient.key] = recipient
        for kind, wanted in by_type.items():
            for values in slices([recipient.value for recipient in wanted.values()]):
                members = index(await self._access.search(kind, values, tries=tries), kind)
                for value in values:
                    recipient = Recipient(kind, value)
                    self._settle(recipient, members.get(recipient.key, {}), found, missing)
        return Resolution(found, missing)

    def _settle(
        self,
        recipient: Recipient,
        members: Mapping[str, Mapping[str, Any]],
        found: dict[str, Found],
        missing: dict[str, str],
    ) -> None:
        named = looks_up_by(recipient.type)
        if len(members) > 1:
            missing[recipient.key] = f"Drip has {len(members)} members with this {named}; pay by Drip id instead."
        elif members and next(iter(members)) in self._own:
            missing[recipient.key] = _OWN
        elif members:
            drip_id, member = next(iter(members.items()))
            found[recipient.key] = Found(drip_id, balance_in(member, self._programme.destination.currency))
        elif recipient.key in self._twins:
            missing[recipient.key] = OWN_TWIN
        elif recipient.type is RecipientType.DISCORD_ID and self._access.account.unresolved == "credentials":
            found[recipient.key] = Found(credential_target(recipient), None)
        else:
            missing[recipient.key] = f"Drip has no member with this {named} in this realm."

    async def inspect(self, items: Sequence[Item]) -> Mapping[int, str]:
        if (places := self._places_among(items)) is not None:
            return places  # without a request: no call was made
        own = [item for item in items if is_object_id(item.target)]
        members: dict[str, dict[str, Mapping[str, Any]]] = {}
        try:
            for values in slices(sorted({item.target for item in own})):
                members.update(index(await self._access.search(RecipientType.DRIP_ID, values), RecipientType.DRIP_ID))
        except ResolutionFailed:
            return {}
        if not members and len(own) > 1:
            return {}  # a key that may not search by Drip id looks like a realm without members
        return {item.award_id: reason for item in own if (reason := self._fault_of(item, members)) is not None}

    def _fault_of(self, item: Item, members: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str | None:
        entry = members.get(Recipient(RecipientType.DRIP_ID, item.target.lower()).key)
        if not entry:
            return "This Drip id is not a member of the realm (any more)."
        balance = balance_in(next(iter(entry.values())), self._programme.destination.currency)
        if item.amount < 0 and balance is not None and balance + item.amount < 0:
            unit = self._programme.unit
            return f"The balance is {display(balance, unit)}, {display(-item.amount, unit)} cannot be taken from it."
        return None

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        return JobReport(JobState.LOST, {}, "Drip has no jobs.")

    async def stop(self, job_id: str) -> None:
        """Drip has no jobs."""

    def reads_ahead(self, awards: int, newcomers: int, calls: int, reads: Reads = FEW_READS) -> int:
        return reads_of_members(awards, newcomers, calls, self._shown)

    async def look_ahead(
        self, items: Sequence[Item], known: Collection[int], mark: int | None, reads: Reads = FEW_READS
    ) -> Foresight:
        currency = self._programme.destination.currency
        if items and goes_by_credential(items[0].target):
            return await foresee_credentials(self._access, items, known, currency, reads)
        return await foresee_members(self._access, items, known, currency, self._shown)

    def is_alone(self, doubted: Doubted) -> bool:
        return goes_by_credential(doubted.items[0].target) or is_alone(doubted, self._shown)

    async def judge(self, doubted: Doubted) -> Judgements:
        destination = self._programme.destination
        if goes_by_credential(doubted.items[0].target):
            return await judge_credentials(self._access, doubted, destination.currency, destination.unit, self._shown)
        return await judge_members(self._access, doubted, destination.currency, destination.unit, self._shown)

    async def accounts(self, recipients: Sequence[Recipient]) -> Mapping[str, str]:
        return await accounts_of(self._access, recipients, self._shown)

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        currency = self._programme.destination.currency
        if goes_by_credential(target):
            return await self._access.credential_balance(recipient, currency)
        return await self._access.member_balance(target, currency)

    async def currencies(self) -> Sequence[Currency]:
        return await self._access.currencies()

    async def examine(self) -> Sequence[Finding]:
        return await examine_realm(self._access, self._programme, searches=True)
