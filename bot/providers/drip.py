"""What both Drip providers share: the account, its reads, and how its refusals are judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from bot.domain import places
from bot.domain.calls import Item, Outcome, Verdict
from bot.domain.judging import ELSEWHERE, REFUSAL
from bot.domain.lanes import Course, LaneKind
from bot.domain.model import Pause, PauseKind, Programme, Recipient, RecipientType
from bot.domain.probing import Leg, Purse
from bot.domain.shown import Shown
from bot.errors import ResolutionFailed
from bot.providers.base import Currency, Pace
from bot.providers.drip_ids import can_be_currency, is_object_id, looks_up_by
from bot.providers.drip_reading import OTHER_CURRENCY, read_credentials, told_of_credentials, uncut
from bot.providers.drip_search import SEARCH_LIMIT, balance_in, held_in, index, read_search, slices
from bot.providers.drip_writing import tally, unclear
from bot.providers.http import Exchange
from bot.providers.line import READ_TRIES, Line, is_json
from bot.providers.reading import as_object, as_text, as_whole, parse
from bot.providers.verdicts import refused_at_the_door, unknown, unsent, verdict
from bot.providers.wording import Wording, blame, is_nobody
from bot.settings import DripAccount

RATE_PLANS: Final[Mapping[str, tuple[str, int, int]]] = {
    # docs.drip.re/developer/rate-limits, class "Points": name, requests a minute, requests a month
    "free": ("Free", 24, 100_000),
    "pro": ("Pro", 300, 1_000_000),
    "enterprise": ("Enterprise", 500, 5_000_000),
}
WINDOW_SECONDS: Final = 60.0
REFUSALS: Final = frozenset({400, 404, 409, 422})
"""What the handler itself refuses a batch with: of the members batch nothing was applied then, since it is one
transaction; of the credentials batch a part may have been (docs/services.md)."""
_MOST_PAGES: Final = 50
_ROUNDS: Final = 3
"""How often the pages of one search are read while they do not fit together."""
_CURRENCY_LIMIT: Final = 100
"""Currencies on one page, the documented maximum."""


OWN_TWIN: Final = "This credential is one of the operator's check accounts (DRIP_TWINS) and is not paid."


@dataclass(frozen=True, slots=True)
class Credential:
    """What a look-up of one credential told."""

    balance: int | None = None
    """``None`` where there is no entry for the currency, or nothing at all."""
    absent: bool = False
    """The service does not know it (or it is a login of a member, which some services do not show there)."""
    answered: bool = True


class DripAccess:
    """One Drip account: its reads, and the judging that does not depend on the endpoint."""

    def __init__(self, account: DripAccount, line: Line, wording: Wording, courses: Sequence[Course] = ()) -> None:
        """``courses``: every lane of the realm, whichever of the settings' accounts names it."""
        self.account = account
        self._courses = tuple(courses)
        self.shares: bool | None = None
        """Whether credentials were seen to hold what their accounts hold; ``None``: not yet compared."""
        self.accounts: dict[str, tuple[str, float]] = {}
        """Accounts that logins were found to belong to, by the recipients' keys, each with when (monotonic seconds)."""
        self.finds = False
        """Whether this key was seen to find a credential. One that may pay and not read may be told of everybody that
        there is no such credential."""
        self.asking = asyncio.Lock()
        """So that doubts that are judged side by side ask for an account once."""
        self.line = line
        self.wording = wording
        self.realm = f"/api/v1/realms/{quote(account.realm_id, safe='')}"

    # --- the operator's places, which nobody pays ---------------------------------------------------------------------

    def own_members(self, currency: str | None) -> frozenset[str]:
        """Members that are a place in this currency, by Drip id."""
        named = (place for course in self._courses if course.kind is not LaneKind.TWINS for place in course.places)
        return frozenset(place.holder for place in named if place.currency.lower() == (currency or "").lower())

    def own_credentials(self) -> frozenset[str]:
        """Credentials that are a twin, by the recipients' keys."""
        twins = (place for course in self._courses if course.kind is LaneKind.TWINS for place in course.places)
        return frozenset(places.credential(place.holder).key for place in twins)

    # --- before a call ---------------------------------------------------------------------------------------------

    def problem(self, programme: Programme) -> Pause | None:
        """Why no call may be made with these settings, if so."""
        if not is_object_id(self.account.realm_id):
            name = self.wording.variable("DRIP_REALM_ID")
            return _settings(f"Nothing was sent: {name} is no realm id (24 characters 0-9 a-f). Correct it in .env.")
        if programme.destination.account != self.account.realm_id:
            return _settings("Nothing was sent: the settings name another realm than this batch was recorded for.")
        if not programme.destination.currency:
            name = self.wording.variable("DRIP_CURRENCY_ID")
            return _settings(f"Nothing was sent: no currency is chosen. Set {name} or choose one with /settings.")
        return None

    def pace(self) -> Pace:
        """The limit in force: the plan's, or the service's own headers once they were seen."""
        limit, seconds = self.line.pacer.window
        name, planned, month = RATE_PLANS[self.account.rate_plan]
        if limit != planned:
            known = [plan for plan in RATE_PLANS.values() if plan[1] == limit and seconds == WINDOW_SECONDS]
            if known:
                name, _, month = known[0]
            else:
                name = ""
        every = "a minute" if seconds == WINDOW_SECONDS else f"in {seconds:g} seconds"
        words = f"{name} plan, {limit:,} requests {every}" if name else f"{limit:,} requests {every}, as Drip says"
        return Pace(words, limit, seconds, month)

    # --- writes ----------------------------------------------------------------------------------------------------

    def door(self, exchange: Exchange, items: Sequence[Item]) -> Verdict | None:
        """401, 403, 413, 429 and everything without an answer."""
        key = self.wording.variable("DRIP_API_KEY")
        return refused_at_the_door(
            exchange,
            items,
            self.wording,
            key=f"Put the client secret of the realm's API client into {key}, restart, and resume the batch.",
            access="Give its API client the scopes members:write and points:write, then resume the batch.",
        )

    def fault(self, words: str | None, status: int | None, *, sent: str) -> Pause | None:
        """The pause for a refusal that is about no row; ``sent`` says first what became of the awards."""
        kind = blame(words)
        if kind is PauseKind.CURRENCY:
            name = self.wording.variable("DRIP_CURRENCY_ID")
            action = f"Choose an existing currency with /settings or {name}."
            return Pause(kind, f"{sent} Drip does not take the currency ({words}). {action}")
        if kind is PauseKind.SETTINGS:
            names = " and ".join(map(self.wording.variable, ("DRIP_REALM_ID", "DRIP_INITIATOR_ID", "DRIP_BASE_URL")))
            return Pause(kind, f"{sent} Drip does not know what the settings name ({status}: {words}). Check {names}.")
        return None

    def misplaced(self, outcomes: Mapping[int, Outcome]) -> tuple[Pause | None, dict[str, object]]:
        """The pause for an answer that names awards as done in another currency, as every further call would be, and
        what is recorded of them: no balance in the batch's own currency tells what they became."""
        elsewhere = [one for one, outcome in outcomes.items() if outcome.detail == OTHER_CURRENCY]
        if not elsewhere:
            return None, {}
        name = self.wording.variable("DRIP_CURRENCY_ID")
        message = (
            "Drip says that it paid another currency than the one of this batch. Look at Drip what the recipients got,"
            f" settle the awards in doubt, and put {name} in order before anything more is sent."
        )
        return Pause(PauseKind.CURRENCY, message), {ELSEWHERE: elsewhere}

    async def pay_credentials(
        self,
        programme: Programme,
        body: bytes,
        items: Sequence[Item],
        shown: Shown,
        legs: Sequence[Leg] = (),
        *,
        begin_by: float | None = None,
    ) -> Verdict:
        """One call to the credentials batch, judged item by item."""
        if (pause := self.problem(programme)) is not None:
            return unsent(items, pause.message, pause)
        path = f"{self.realm}/credentials/transaction"
        exchange = await self.line.write("PATCH", path, body, begin_by=begin_by)
        if (refused := self.door(exchange, items)) is not None:
            return refused
        if exchange.status != 200 or not exchange.whole:
            return self._not_done(exchange, items)
        currency = programme.destination.currency
        return await self.line.judged(exchange.body, lambda: self._done(exchange, items, currency, shown, legs))

    def _done(
        self, exchange: Exchange, items: Sequence[Item], currency: str | None, shown: Shown, legs: Sequence[Leg]
    ) -> Verdict:
        outcomes, words = read_credentials(exchange.body, items, currency, self.wording, legs)
        outcomes = uncut(outcomes, items) if shown.cuts_credentials else outcomes
        misplaced, evidence = self.misplaced(outcomes)
        pause = misplaced or self.fault(words, exchange.status, sent="Some awards were not paid:")
        told = told_of_credentials(exchange.body, legs)
        return verdict(exchange, outcomes, tally(outcomes), pause=pause, evidence=evidence, told=told)

    def _not_done(self, exchange: Exchange, items: Sequence[Item]) -> Verdict:
        """Only 200 is documented, and the batch is not documented to be atomic: even a 400 has to be checked."""
        words = self.wording.words(exchange.body)
        detail = unclear(exchange, words)
        refusal = exchange.status is not None and 400 <= exchange.status < 500
        pause = self.fault(words, exchange.status, sent=detail) if refusal else None
        # Its own words are about rows then; a gateway's page has none.
        about_rows = exchange.whole and exchange.status in REFUSALS and words is not None and pause is None
        deducts = any(item.amount < 0 for item in items)
        said = {REFUSAL: self.wording.refusal(words, deducts=deducts)} if about_rows else None
        return unknown(exchange, items, detail, pause=pause, evidence=said)

    # --- reads -----------------------------------------------------------------------------------------------------

    async def search(
        self, kind: RecipientType, values: Sequence[str], *, tries: int = READ_TRIES
    ) -> list[Mapping[str, Any]]:
        """Members by at most 50 values of one type, every page of them. Raises ``ResolutionFailed``.

        Pages that were put in another order between two requests have somebody twice and somebody else not at all:
        they are read again.
        """
        if not is_object_id(self.account.realm_id):
            raise ResolutionFailed(f"{self.wording.variable('DRIP_REALM_ID')} is no realm id (24 characters 0-9 a-f).")
        for _ in range(_ROUNDS):
            members, total = await self._pages(kind, values, tries)
            if total is None or len({str(member.get("id")) for member in members}) >= total:
                return members
        raise ResolutionFailed("Drip's member search lists others each time it is asked. Try again in a minute.")

    async def _pages(
        self, kind: RecipientType, values: Sequence[str], tries: int
    ) -> tuple[list[Mapping[str, Any]], int | None]:
        """Every page once, and how many members they hold by what several of them say."""
        members: list[Mapping[str, Any]] = []
        total: int | None = None
        page, pages = 1, 1
        while page <= pages:
            query = {"type": kind.value, "values": ",".join(values), "page": page, "limit": SEARCH_LIMIT}
            path = f"{self.realm}/members/search?{urlencode(query, safe=',', quote_via=quote)}"
            answer = await self.get(
                path, "look members up", tries=tries, readable=lambda body: read_search(body) is not None
            )
            found = read_search(answer.body)
            assert found is not None  # it is readable
            if found.denied is not None and kind is not RecipientType.DRIP_ID:
                reason = self.wording.plain(found.denied)
                raise ResolutionFailed(
                    f"The key may not look members up by {looks_up_by(kind)} ({reason}); that says nothing about them.",
                    hint="Let the API client read members' credentials, then try again.",
                )
            members.extend(found.members)
            pages = found.pages
            if pages > _MOST_PAGES:
                raise ResolutionFailed("Drip's member search has no end of pages. Try again later.")
            total = found.total if page > 1 else None
            page += 1
        return members, total

    async def member_balance(self, drip_id: str, currency: str | None) -> int | None:
        """One member's balance now; ``None`` when it cannot be read."""
        try:
            members = await self.search(RecipientType.DRIP_ID, [drip_id], tries=2)
        except ResolutionFailed:
            return None
        own = [member for member in members if str(member.get("id", "")).lower() == drip_id.lower()]
        return balance_in(own[0], currency) if len(own) == 1 else None

    async def member_places(self, places: Sequence[Purse]) -> list[int | None]:
        """What places of members hold; ``None`` where that cannot be read. A member without an entry in a currency has
        never held any of it: here that is 0, because a lane shows at once when it is not."""
        holders = sorted({place.holder for place in places})
        try:
            found = [one for values in slices(holders) for one in await self.search(RecipientType.DRIP_ID, values)]
        except ResolutionFailed:
            return [None] * len(places)
        members = {str(member.get("id", "")).lower(): member for member in found}
        return [held_in(members[place.holder], place.currency) if place.holder in members else None for place in places]

    async def credential_places(self, twins: Sequence[Purse]) -> list[int | None]:
        """The same of credentials, which are named as ``domain.places.credential`` reads them. The last one first: a
        call that is worked off between the two requests then looks begun, and not ended without having begun."""
        found = [await self.credential_balance(places.credential(one.holder), one.currency) for one in reversed(twins)]
        return found[::-1]

    async def account_balances(self, recipients: Sequence[Recipient], currency: str | None) -> dict[str, int | None]:
        """What the accounts behind logins hold, by the recipients' keys; without those who have none. ``None``: there
        is one, and what it holds is not told. Custom credentials are no logins. Raises ``ResolutionFailed``."""
        found: dict[str, int | None] = {}
        for kind in dict.fromkeys(one.type for one in recipients if one.type is not RecipientType.CUSTOM):
            keys = {one.key for one in recipients if one.type is kind}
            values = [one.value for one in recipients if one.type is kind and "," not in one.value]
            for some in slices(values):
                for key, members in index(await self.search(kind, some), kind).items():
                    if key in keys:
                        alone = next(iter(members.values())) if len(members) == 1 else {}
                        found[key] = balance_in(alone, currency)
        return found

    async def credential_balance(self, recipient: Recipient, currency: str | None) -> int | None:
        """One unlinked credential's balance now; ``None`` when it cannot be read."""
        return (await self.find_credential(recipient, currency)).balance

    async def find_credential(self, recipient: Recipient, currency: str | None) -> Credential:
        """What the service says of an unlinked credential."""
        if not is_object_id(self.account.realm_id):
            return Credential(answered=False)
        query = {"type": recipient.type.value, "value": recipient.value}
        if recipient.source is not None:
            query["source"] = recipient.source
        path = f"{self.realm}/credentials/find?{urlencode(query, quote_via=quote)}"
        answer = await self.line.read(path, tries=2, readable=_lists_balances)
        if not answer.whole or answer.status not in (200, 404):
            return Credential(answered=False)
        if answer.status == 404:
            # Whatever stands in front of Drip can say 404 as well, and that proves nothing about anybody.
            words = self.wording.words(answer.body)
            return Credential(absent=is_nobody(words), answered=_is_object(answer.body))
        self.finds = True
        return Credential(balance=balance_in(as_object(parse(answer.body)), currency))

    async def finds_credentials(self, shown: Shown, paid: Recipient | None) -> bool:
        """Whether it is known that credentials can be found with this key, so that one that is not is not there.
        ``paid``: one that was paid before, to find out."""
        if not (self.finds or shown.finds_credentials) and paid is not None:
            await self.find_credential(paid, None)
        return self.finds or shown.finds_credentials

    async def currencies(self) -> list[Currency]:
        """Every currency of the realm, archived ones included and marked. Raises ``ResolutionFailed``."""
        found: dict[str, Currency] = {}
        for page in range(1, _MOST_PAGES + 1):
            query = urlencode({"page": page, "limit": _CURRENCY_LIMIT, "includeArchived": "true"})
            answer = await self.get(f"{self.realm}/currencies?{query}", "list the currencies")
            content = parse(answer.body)
            data = content if isinstance(content, list) else as_object(content).get("data")
            if not isinstance(data, list):
                raise ResolutionFailed("Drip's list of currencies cannot be read. Try again later.")
            known = len(found)
            for currency in map(self._currency, data):
                if currency is not None:
                    found.setdefault(currency.id, currency)
            pages = as_whole(as_object(as_object(content).get("meta")).get("totalPages"))
            if (page >= pages) if pages is not None else len(data) < _CURRENCY_LIMIT or len(found) == known:
                return list(found.values())
        raise ResolutionFailed("Drip's list of currencies has no end. Try again later.")

    def _currency(self, entry: object) -> Currency | None:
        members = as_object(entry)
        identity = as_text(members.get("id"))
        if identity is None or not can_be_currency(identity):
            return None
        emoji = as_text(members.get("emoji"))
        return Currency(
            id=identity,
            name=self.wording.plain(as_text(members.get("name")) or "") or identity,
            emoji=self.wording.plain(emoji) if emoji else None,
            default=members.get("default") is True,
            archived=members.get("archived") is True,
        )

    async def get(
        self, path: str, purpose: str, *, tries: int = READ_TRIES, readable: Callable[[bytes], bool] = is_json
    ) -> Exchange:
        """A whole and ``readable`` 200 to a read. Raises ``ResolutionFailed`` saying why it could not ``purpose``."""
        if not is_object_id(self.account.realm_id):
            raise ResolutionFailed(f"{self.wording.variable('DRIP_REALM_ID')} is no realm id (24 characters 0-9 a-f).")
        exchange = await self.line.read(path, tries=tries, readable=readable)
        if exchange.status == 200 and exchange.whole:
            return exchange
        raise ResolutionFailed(self._why(exchange, purpose))

    def _why(self, exchange: Exchange, purpose: str) -> str:
        start = f"Drip could not {purpose}"
        if exchange.status is None or exchange.error is not None:
            address = self.wording.variable("DRIP_BASE_URL")
            return (
                f"Drip could not be asked to {purpose}: {exchange.trouble}. Try again in a minute; if that does not"
                f" help, check the network and {address}."
            )
        words = self.wording.words(exchange.body)
        said = f"{exchange.status}: {words}" if words else str(exchange.status)
        if exchange.status == 401:
            return f"{start}: it does not accept {self.wording.variable('DRIP_API_KEY')} ({said})."
        if exchange.status == 403:
            return f"{start}: the key may not do that ({said}). Give its API client the scope members:read."
        if exchange.status == 404:
            return f"{start} ({said}). Check {self.wording.variable('DRIP_REALM_ID')} and DRIP_BASE_URL."
        if exchange.status == 429:
            return f"{start}: its rate limit is reached. Try again in {max(exchange.wait or 0, 1):.0f} s."
        return f"{start} ({said}). Try again in a minute."


def _lists_balances(body: bytes) -> bool:
    """As documented of a credential that is there; an answer cut to another whole object lacks it."""
    return isinstance(as_object(parse(body)).get("balances"), list)


def _is_object(body: bytes) -> bool:
    return isinstance(parse(body), dict)


def _settings(message: str) -> Pause:
    return Pause(PauseKind.SETTINGS, message)
