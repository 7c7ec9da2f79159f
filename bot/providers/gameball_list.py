"""Gameball's transaction list: reading it in order, what its rows say, and the tags that ours carry.

Source: docs.gameball.co/api-reference/transactions/transaction-management/list-transactions. Rows come in the order of
their numbers, from behind ``startAfter``; that is not promised, so it is checked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from bot.domain.judging import Listed
from bot.providers.base import Foresight
from bot.providers.gameball_jobs import ROOT
from bot.providers.gameball_reading import is_switched_off
from bot.providers.line import READ_TRIES, Line
from bot.providers.reading import as_list, as_object, as_text, as_whole, parse

PAGE: Final = 200
"""Transactions on one page, the documented maximum."""
PAGES_AHEAD: Final = 25
"""Pages by which the mark is moved on before a call."""
ANY_TAG: Final = re.compile(r"\[bursar [0-9a-z]{4,}\]")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """A walk through the list."""

    rows: Sequence[Row]
    """Those that were wanted."""
    last: int
    """Number of the newest transaction that was seen, or where the walk began."""
    pages: int
    ended: bool
    """The end of the list was reached, and nothing was unreadable on the way."""
    failed: bool = False
    """A page could not be had."""


def tag_of(token: str) -> str:
    """What every reason of a call carries."""
    return f"[bursar {token}]"


def untagged(reason: str) -> str:
    """A reason as somebody wrote it, or copied it out of the list, where a token in it would stand for another call."""
    return ANY_TAG.sub(" ", reason)


_TAG: Final = re.compile(r"\[bursar ([0-9a-z]{10})\]")


async def walk(
    line: Line,
    after: int,
    pages: int,
    take: Callable[[Row], bool],
    enough: Callable[[], bool],
    *,
    tries: int = READ_TRIES,
    customer: str | None = None,
) -> Search:
    """Read the list (of one ``customer``) from behind ``after``, keeping the rows that ``take`` wants, until it has
    ``enough`` or ends."""
    of = "" if customer is None else f"&customerId={quote(customer, safe='')}"
    rows: list[Row] = []
    last = after
    for page in range(1, pages + 1):
        path = f"{ROOT}/transactions?startAfter={last}&limit={PAGE}{of}"
        answer = await line.read(path, tries=tries, readable=_is_page)
        if answer.status != 200 or not answer.whole:
            return Search(rows, last, page, ended=False, failed=True)
        content = as_object(parse(answer.body))
        listed = as_list(content.get("transactions"))
        for row in listed:
            number = number_of(row)
            if number is None or number <= last:
                return Search(rows, last, page, ended=False, failed=True)
            last = number
            if take(row):
                rows.append(row)
        more = content.get("hasMore")
        # Where it is not told whether there is more, an empty page is the end: a page may be smaller than asked for.
        if more is False or (more is None and not listed):
            return Search(rows, last, page, ended=True)
        if enough() or not listed:
            return Search(rows, last, page, ended=False)
    return Search(rows, last, pages, ended=False)


def _is_page(body: bytes) -> bool:
    """Whether an answer is a page of the list, with as many numbered rows as it says. Of a programme that is switched
    off an empty one may be all that is told."""
    content = as_object(parse(body))
    listed = content.get("transactions")
    if is_switched_off(content):
        return False
    if not isinstance(listed, list) or None in map(number_of, listed):
        return False
    return len(listed) >= (as_whole(content.get("count")) or 0)


async def look_ahead(line: Line, mark: int | None) -> Foresight:
    """Move the mark on: a later search for a call of ours then has less to read. Whose calls were listed tells whether
    another ledger is at work, too."""
    calls = Calls()

    def take(row: Row) -> bool:
        calls.note(row)
        return False

    search = await walk(line, mark or 0, PAGES_AHEAD, take, lambda: False, tries=1)
    nothing_read = search.failed and search.last == (mark or 0)
    return Foresight({}, None if nothing_read else search.last, tokens=calls.listed)


class Calls:
    """The calls of Bursar, of this ledger or another one, that a walk comes by."""

    def __init__(self) -> None:
        self._times: dict[str, int | None] = {}
        self._customers: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def listed(self) -> dict[str, Listed]:
        """Those noted so far, by token."""
        return {token: Listed(at, frozenset(self._customers[token])) for token, at in self._times.items()}

    def note(self, row: Row) -> None:
        """One more transaction."""
        for token in _TAG.findall(as_text(row.get("reason")) or ""):
            self._times[token] = _time(row)
            self._customers[token].add(name_of(row))


def name_of(row: Row) -> str:
    """Whose row it is; empty where it does not say."""
    name = row.get("customerId")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    return as_text(name) or ""


def customer_of(row: Row) -> str:
    """The same without case."""
    return name_of(row).casefold()


def _time(row: Row) -> int | None:
    """When a transaction was made, in Unix milliseconds; Gameball's times are UTC, with or without saying so."""
    try:
        at = datetime.fromisoformat(as_text(row.get("transactionTime")) or "")
        return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def number_of(row: Any) -> int | None:
    number = as_object(row).get("gameballTransactionId")
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) <= 18:
        return int(number)
    return as_whole(number)
