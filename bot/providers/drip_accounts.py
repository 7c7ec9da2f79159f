"""Which accounts logins belong to, so that what one of them was paid is not held against the balance of another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from bot.domain.judging import NO_ACCOUNT
from bot.domain.model import Recipient, RecipientType
from bot.domain.shown import Shown
from bot.errors import ResolutionFailed
from bot.providers.drip import DripAccess
from bot.providers.drip_ids import is_object_id
from bot.providers.drip_search import SEARCH_VALUES, index, slices
from bot.providers.reading import as_object, parse

LONGEST_SECONDS: Final = 300.0
"""How long asking may take under the rate limit in force."""
LASTS_SECONDS: Final = 3600.0
"""How long an answer counts. Tying a login to an account moves its balance there, which no award looks like."""
ASKED_AT_ONCE: Final = 4
ROUNDS: Final = 5
"""How often an account is asked for: one login of which nothing is told may be anybody's,
and leaves all who were paid the same to a person."""

_TRIES: Final = 2
_LOGINS: Final = frozenset(
    {RecipientType.DISCORD_ID, RecipientType.TWITTER_ID, RecipientType.WALLET, RecipientType.EMAIL}
)


def is_login(recipient: Recipient) -> bool:
    """Whether it can be asked whose it is."""
    return recipient.type in _LOGINS and "," not in recipient.value


async def accounts_of(access: DripAccess, recipients: Sequence[Recipient], shown: Shown) -> dict[str, str]:
    """``Provider.accounts``: by member search, 50 a request; of whom it does not know, by a request each, since a login
    can belong to an account without being found there. That it belongs to none is believed as far as a probe allows."""
    async with access.asking:
        told = await _known(access, recipients)
    return {key: one for key, one in told.items() if one != NO_ACCOUNT or shown.tells_accounts}


async def _known(access: DripAccess, recipients: Sequence[Recipient]) -> dict[str, str]:
    pace, now = access.pace(), access.line.clock.monotonic()
    left = int(LONGEST_SECONDS * pace.calls_per_window / pace.window_seconds)
    for kind in sorted(_LOGINS):
        logins = {one.key: one for one in recipients if one.type is kind and is_login(one)}
        asked = {key: one for key, one in logins.items() if not _lasts(access, key, now)}
        searches = -(-len(asked) // SEARCH_VALUES)
        if not asked or searches > left:
            continue
        left -= searches
        told, rest = await _search(access, kind, asked)
        if rest and len(rest) < left and await _tells(access, asked, told, rest):
            left -= len(rest) + 1
            told |= await accounts_one_by_one(access, rest)
        access.accounts |= {key: (account, now) for key, account in told.items()}
    return {one.key: access.accounts[one.key][0] for one in recipients if _lasts(access, one.key, now)}


def _lasts(access: DripAccess, key: str, now: float) -> bool:
    return key in access.accounts and now - access.accounts[key][1] <= LASTS_SECONDS


async def _search(
    access: DripAccess, kind: RecipientType, logins: Mapping[str, Recipient]
) -> tuple[dict[str, str], list[Recipient]]:
    """The accounts of those who are members' logins, and those who are nobody's. Neither: two members have it."""
    members: dict[str, set[str]] = {}
    try:
        for values in slices([one.value for one in logins.values()]):
            for key, found in index(await access.search(kind, values, tries=ROUNDS * _TRIES), kind).items():
                members.setdefault(key, set()).update(found)
    except ResolutionFailed:
        return {}, []
    told = {key: min(found) for key, found in members.items() if key in logins and len(found) == 1}
    return told, [one for key, one in logins.items() if key not in members]


async def _tells(
    access: DripAccess, logins: Mapping[str, Recipient], told: Mapping[str, str], rest: Sequence[Recipient]
) -> bool:
    """Whether asking for an account tells anything, and finds one that is known if there is one."""
    first = next(iter(told), rest[0].key)
    account = await account_of(access, logins[first], tries=ROUNDS * _TRIES)
    return account is not None and account == told.get(first, account)


async def accounts_one_by_one(access: DripAccess, logins: Sequence[Recipient]) -> dict[str, str]:
    """The account of each by a request of its own, by key, ``NO_ACCOUNT`` where it has none; without those of whom
    nothing is told."""
    gate = asyncio.Semaphore(ASKED_AT_ONCE)
    told: dict[str, str] = {}

    async def ask(login: Recipient) -> None:
        async with gate:
            account = await account_of(access, login)
        if account is not None:
            told[login.key] = account

    for _ in range(ROUNDS):
        async with asyncio.TaskGroup() as group:
            for login in logins:
                if login.key not in told:
                    group.create_task(ask(login))
        if len(told) == len(logins):
            break
    return told


async def account_of(access: DripAccess, login: Recipient, *, tries: int = _TRIES) -> str | None:
    """The account of a login, whether or not it is a member of the realm; ``None``: there was no answer."""
    query = urlencode({"type": login.type.value, "values": login.value}, quote_via=quote)
    path = f"/api/v1/accounts/find?{query}"
    answer = await access.line.read(path, tries=tries, readable=lambda body: _told(body) is not None)
    return _told(answer.body) if answer.status == 200 and answer.whole else None


def _told(body: bytes) -> str | None:
    """``{"data": an id or null}``, as documented."""
    answer = as_object(parse(body))
    account = answer.get("data", ...)
    if account is None:
        return NO_ACCOUNT
    return account.lower() if isinstance(account, str) and is_object_id(account) else None
