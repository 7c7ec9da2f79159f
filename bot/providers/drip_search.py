"""Members in Drip's search answers: who is meant, and what they have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.domain.model import Recipient, RecipientType
from bot.providers.drip_ids import is_object_id
from bot.providers.reading import as_list, as_object, as_text, as_whole, parse

SEARCH_VALUES: Final = 50
"""Values in one member search (docs.drip.re/developer/rate-limits)."""
SEARCH_LIMIT: Final = 100
"""Members asked for on one page; the service's own default is undocumented and could be below ``SEARCH_VALUES``."""
_LONGEST_QUERY: Final = 4000
"""Characters of values in one search: addresses beyond about 8,000 are refused by common servers."""

_PROVIDERS: Final = {
    RecipientType.DISCORD_ID: frozenset({"discord"}),
    RecipientType.TWITTER_ID: frozenset({"twitter", "x"}),
}


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a member search."""

    members: tuple[Mapping[str, Any], ...]
    pages: int
    """How many there are."""
    total: int | None
    """Members on all of them, where that is told."""
    denied: str | None
    """Why the key may not see credentials; the page then says nothing about anybody."""


def read_search(body: bytes) -> SearchPage | None:
    """A page of members; ``None`` when the answer is not one, or has fewer members than it says itself.

    ``meta.credentials.access`` is checked because a key without the permission gets a successful, useless answer
    (docs/services.md, Access): anything but ``true`` there, or no such entry at all, counts as denied.
    """
    answer = as_object(parse(body))
    data = answer.get("data")
    if not isinstance(data, list) or not all(isinstance(member, dict) for member in data):
        return None
    meta = as_object(answer.get("meta"))
    pages = as_whole(meta.get("totalPages"))
    if pages is None and (meta.get("totalPages") is not None or len(data) >= SEARCH_LIMIT):
        return None
    if len(data) < _told_of(meta):
        return None
    denied = None
    if "credentials" in meta:
        credentials = as_object(meta["credentials"])
        if credentials.get("access") is not True:
            denied = as_text(credentials.get("reason")) or "no reason given"
    return SearchPage(tuple(data), max(pages or 1, 1), _total_of(meta), denied)


def _told_of(meta: Mapping[str, Any]) -> int:
    """How many members a page has to hold by what it says of all pages; 0 where it does not say that."""
    total, page, limit = _total_of(meta), as_whole(meta.get("page")), as_whole(meta.get("limit"))
    return min(limit, total - (page - 1) * limit) if total is not None and page and limit else 0


def _total_of(meta: Mapping[str, Any]) -> int | None:
    """How many members all pages hold; ``None`` where that is not told, or does not fit how many pages there are."""
    total, limit = as_whole(meta.get("total")), as_whole(meta.get("limit"))
    if total is None or not limit or as_whole(meta.get("totalPages")) != -(-total // limit):
        return None
    return total


def slices(values: Sequence[str]) -> Iterable[list[str]]:
    """Values in pieces that one search takes."""
    piece: list[str] = []
    length = 0
    for value in values:
        if piece and (len(piece) >= SEARCH_VALUES or length + len(value) > _LONGEST_QUERY):
            yield piece
            piece, length = [], 0
        piece.append(value)
        length += len(value) + 1
    if piece:
        yield piece


def index(members: Iterable[Mapping[str, Any]], kind: RecipientType) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Members by the key of every recipient of this type that they stand for, then by drip id.

    The answer repeats neither the query nor its order, so a member is matched by its own exact credentials.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for member in members:
        drip_id = member.get("id")
        if not isinstance(drip_id, str) or not is_object_id(drip_id):
            continue
        for value in _values(member, kind):
            found.setdefault(Recipient(kind, value).key, {})[drip_id.lower()] = member
    return found


def _values(member: Mapping[str, Any], kind: RecipientType) -> Iterable[str]:
    if kind is RecipientType.DRIP_ID:
        yield str(member["id"]).lower()
        return
    if kind is RecipientType.EMAIL and (mail := as_text(member.get("email"))):
        yield mail
    for credential in map(as_object, as_list(member.get("credentials"))):
        value = _credential_value(credential, kind)
        if value is not None:
            yield value


def _credential_value(credential: Mapping[str, Any], kind: RecipientType) -> str | None:
    provider = (as_text(credential.get("oauthProvider")) or "").lower()
    if kind in _PROVIDERS:
        return as_text(credential.get("oauthAccountId")) if provider in _PROVIDERS[kind] else None
    if provider:
        return None
    shape = (as_text(credential.get("format")) or "").lower()
    is_mail = "mail" in shape or "@" in (as_text(credential.get("publicIdentifier")) or "")
    return as_text(credential.get("publicIdentifier")) if is_mail is (kind is RecipientType.EMAIL) else None


def balance_in(member: Mapping[str, Any], currency: str | None) -> int | None:
    """The balance in one currency; ``None`` where there is no entry or two that differ (never 0 by guess)."""
    found = set()
    for entry in map(as_object, as_list(member.get("balances"))):
        named = as_text(entry.get("currencyId"))
        if named is not None and currency is not None and named.lower() == currency.lower():
            found.add(as_whole(entry.get("balance")))
    return found.pop() if len(found) == 1 else None


def held_in(member: Mapping[str, Any], currency: str) -> int | None:
    """The balance in one currency, 0 where a list of balances has no entry for it; ``None`` where there is no list, or
    two entries that differ."""
    listed = member.get("balances")
    if not isinstance(listed, list):
        return None
    named = {(as_text(as_object(entry).get("currencyId")) or "").lower() for entry in listed}
    return balance_in(member, currency) if currency.lower() in named else 0
