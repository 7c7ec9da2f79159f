"""Gameball's transaction list, searched for what a call of ours left in it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bot.domain.calls import Item
from bot.domain.judging import Doubted, Judged, Judgement, Judgements
from bot.domain.model import Unit
from bot.domain.quoting import quoted
from bot.providers.gameball_list import ANY_TAG, Calls, Row, Search, customer_of, name_of, number_of, tag_of, walk
from bot.providers.gameball_once import gave_nothing, in_part, moved
from bot.providers.line import Line
from bot.providers.reading import as_text, as_whole

PAGES_TO_JUDGE: Final = 500
"""Pages that one look at a doubt may read: 100,000 transactions, 42 seconds at Gameball's limits."""
PAGES_OF_CUSTOMER: Final = 50
"""The same of one customer's own list, where the whole one is too long."""
NAME_SHOWN: Final = 60
"""Characters of a customer's name in the list: a service may call somebody whatever it likes."""
_UNDONE: Final = frozenset({"blocked", "cancelled", "canceled", "failed", "rejected", "reversed", "refunded", "voided"})
"""Words for a transaction that does not count. Only ``Blocked`` is documented, for one that is suspected of fraud and
kept back; each of the others would contradict what the row is there for."""


async def judge(line: Line, doubted: Doubted, sent: Mapping[int, str], unit: Unit) -> Judgements:
    """Awards by their call's token in the list. ``sent``: the reason as it was sent, by award id."""
    tag = tag_of(doubted.token)
    return await _judge(line, doubted, unit, _ByTag(tag, sent, doubted.reasons_whole))


async def judge_once(line: Line, doubted: Doubted, unit: Unit) -> Judgements:
    """An award that went under a transaction id, by that id in the list."""
    (item,) = doubted.items
    return await _judge(line, doubted, unit, _ById(item.transaction_id or ""))


class _Sign(Protocol):
    """How a row of the list is known for an award."""

    @property
    def name(self) -> str:
        """What was looked for."""

    def is_on(self, row: Row) -> bool:
        """Whether the row is one of ours, for certain."""

    @property
    def is_of_one(self) -> bool:
        """Whether it is one award's, and not that of all awards of a call."""

    def may_lack(self, row: Row, item: Item, unit: Unit) -> bool:
        """Whether the row may be this award's although it does not show it."""

    def begins(self, row: Row) -> bool:
        """Whether the row may be one of ours, of whomever it is: its reason begins as one of ours, and has no token."""


class _ByTag:
    """By the token in its reason. How reasons reach the list is not documented."""

    is_of_one = False

    def __init__(self, tag: str, sent: Mapping[int, str], whole: bool) -> None:
        self.name = tag
        self._sent = sent
        self._sorted = sorted(set(sent.values()))
        self._whole = whole
        self._longest = (0, 0, 0)
        """Of the reasons with a token of ours, as far as they were seen whole, in each measure."""

    def is_on(self, row: Row) -> bool:
        reason = as_text(row.get("reason")) or ""
        if ANY_TAG.search(reason):
            first, second, third = map(max, self._longest, _measured(reason))
            self._longest = (first, second, third)
        return self.name in reason

    def may_lack(self, row: Row, item: Item, unit: Unit) -> bool:
        reason, sent = as_text(row.get("reason")), self._sent[item.award_id]
        if self._whole or (reason is not None and ANY_TAG.search(reason)):
            return False  # with its own token it would be found; with another one it is another call's
        if all(mine <= seen for mine, seen in zip(_measured(sent), self._longest, strict=True)):
            return False  # reasons of this length do reach the list
        return _fits(row, item, unit) or (reason is not None and sent.startswith(_kept(reason)))

    def begins(self, row: Row) -> bool:
        reason = as_text(row.get("reason"))
        if self._whole or reason is None or ANY_TAG.search(reason):
            return False
        kept = _kept(reason)
        place = bisect_left(self._sorted, kept)
        return bool(kept) and place < len(self._sorted) and self._sorted[place].startswith(kept)


def _kept(reason: str) -> str:
    """What is left of a reason that may have been cut off, without dots that stand for the rest."""
    return reason.strip().removesuffix("…").removesuffix("...").rstrip()


def _measured(reason: str) -> tuple[int, int, int]:
    """Characters, bytes and UTF-16 units: in which of them a reason's length is limited, if it is, is open."""
    return len(reason), len(reason.encode("utf-8", "replace")), len(reason.encode("utf-16-le", "replace")) // 2


class _ById:
    """By the transaction id that it was sent under, which the list shows by its documentation."""

    is_of_one = True

    def __init__(self, transaction_id: str) -> None:
        self.name = transaction_id

    def is_on(self, row: Row) -> bool:
        return as_text(row.get("transactionId")) == self.name

    def may_lack(self, row: Row, item: Item, unit: Unit) -> bool:
        return as_text(row.get("transactionId")) is None and _fits(row, item, unit)

    def begins(self, row: Row) -> bool:
        return False


async def _judge(line: Line, doubted: Doubted, unit: Unit, sign: _Sign) -> Judgements:
    customers = Counter(item.target.casefold() for item in doubted.items)
    missing, witnesses, calls = Counter(customers), _Witnesses(doubted.witnesses), Calls()

    def take(row: Row) -> bool:
        calls.note(row)
        customer, is_ours = customer_of(row), sign.is_on(row)
        if is_ours:
            missing[customer] -= 1 if missing[customer] else 0
            witnesses.see(customer, row)
        return is_ours or not customer or customer in customers or sign.begins(row)

    mark = doubted.mark or 0
    search = await walk(line, mark, min(PAGES_TO_JUDGE, 5 + len(missing)), take, lambda: not missing.total())
    if not search.ended and not search.failed and missing.total():
        by_customer = await _walk_customers(line, doubted, search, take)
        is_there = by_customer.ended and sum(map(sign.is_on, by_customer.rows)) >= len(doubted.items)
        search = by_customer if is_there or not by_customer.ended else await _walk_on(line, search, by_customer, take)
    targets = [*(item.target for item in doubted.items), *doubted.beside]
    known = {target.casefold() for target in targets}
    cut = [row for row in search.rows if customer_of(row) not in known and sign.begins(row)]
    found = _Found(sign, search, _strays(search.rows, sign, targets), cut, witnesses.unseen, mark)
    judged = {item.award_id: _judged(doubted, item, found, unit, customers) for item in doubted.items}
    return Judgements(judged, search.last if search.last > mark else None, calls.listed)


class _Witnesses:
    """Customers for whom an award of the call is known to have landed: whether the list still shows it."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._missing = {target.casefold() for target in targets}
        self._directions = {one: set[object]() for one in self._missing}
        self._undone: set[str] = set()

    def see(self, customer: str, row: Row) -> None:
        """A row of the call."""
        if customer in self._directions:
            self._missing.discard(customer)
            self._directions[customer].add(row.get("direction"))
            if _status(row) in _UNDONE or self._directions[customer] >= {"+", "-"}:
                self._undone.add(customer)

    @property
    def unseen(self) -> Sequence[str]:
        """Those of whom it does not, or shows that it was taken back."""
        return sorted(self._missing | self._undone)


async def _walk_customers(line: Line, doubted: Doubted, before: Search, take: Callable[[Row], bool]) -> Search:
    """The list is long, so only what it has of each customer, from the mark to the end."""
    rows, pages = {number_of(row): row for row in before.rows}, before.pages
    for target in dict.fromkeys(item.target for item in doubted.items):
        own = await walk(line, doubted.mark or 0, PAGES_OF_CUSTOMER, take, lambda: False, customer=target)
        rows.update((number_of(row), row) for row in own.rows)
        pages += own.pages
        if not own.ended:
            return Search([*rows.values()], before.last, pages, ended=False, failed=own.failed)
    return Search([*rows.values()], before.last, pages, ended=True)


async def _walk_on(line: Line, before: Search, by_customer: Search, take: Callable[[Row], bool]) -> Search:
    """The rest of the list, too: what is in none of its customers' own lists may stand in another one's."""
    rest = await walk(line, before.last, PAGES_TO_JUDGE, take, lambda: False)
    rows = {number_of(row): row for row in (*by_customer.rows, *rest.rows)}
    return Search([*rows.values()], rest.last, by_customer.pages + rest.pages, ended=rest.ended, failed=rest.failed)


def _strays(rows: Sequence[Row], sign: _Sign, targets: Sequence[str]) -> Sequence[Row]:
    """Rows of the call that are none of its customers' by their names, or beyond the first of one. A service that names
    customers another way than they were named to it (in other letters, or by whom they were merged into) lists an award
    so."""
    alike = Counter(target.casefold() for target in targets)

    def known_as(name: str) -> str:
        return name if alike[name.casefold()] > 1 else name.casefold()

    open_targets = Counter(map(known_as, targets))
    strays = []
    for row in filter(sign.is_on, rows):
        name = known_as(name_of(row))
        if open_targets[name]:
            open_targets[name] -= 1
        else:
            strays.append(row)
    return strays


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look at the list brought."""

    sign: _Sign
    search: Search
    strays: Sequence[Row]
    """Of the call, and of none of its customers by name."""
    cut: Sequence[Row]
    """The same, perhaps: what their reasons would show is cut off."""
    unseen: Sequence[str]
    """Customers for whom awards of the call were reported to have landed, and of whom the list does not show it."""
    mark: int


def _judged(doubted: Doubted, item: Item, found: _Found, unit: Unit, customers: Mapping[str, int]) -> Judged:
    sign, search = found.sign, found.search
    key = item.target.casefold()
    own = [row for row in search.rows if customer_of(row) in (key, "")]
    if customers[key] > 1:  # customers that differ in their letters' case only
        own = [row for row in own if row.get("customerId") in (item.target, None)]
    ours = [row for row in own if customer_of(row) and sign.is_on(row)]
    if sign.is_of_one:
        ours = list(filter(sign.is_on, search.rows))  # whatever the list calls the customer
    evidence: dict[str, object] = {
        "token": sign.name,
        "found": [number_of(row) for row in ours],
        "pages": search.pages,
        "from": found.mark,
    }
    if ours:
        return _landed(item, ours, evidence, unit)
    if any(_direction_fits(row, item) and sign.may_lack(row, item, unit) for row in own):
        detail = "The list has a transaction of this customer that could be this award with its token cut off."
        return Judged(Judgement.CANNOT_TELL, detail, evidence)
    strays = [row for row in found.strays if _direction_fits(row, item) and _fits(row, item, unit)]
    if strays:
        name = name_of(strays[0])
        customer = quoted(name, NAME_SHOWN) if name else "not named"
        detail = (
            "The list has a transaction of the same call that is of none of its customers by name, so it could be this"
            f" award (transaction {number_of(strays[0])}, customer {customer})."
        )
        return Judged(Judgement.CANNOT_TELL, detail, {**evidence, "strays": [number_of(row) for row in strays[:20]]})
    cut = [row for row in found.cut if _direction_fits(row, item) and _fits(row, item, unit)]
    if any(sign.may_lack(row, item, unit) for row in cut):
        detail = (
            "The list has a transaction of somebody else by name that could be this award with its token cut off"
            f" (transaction {number_of(cut[0])})."
        )
        return Judged(Judgement.CANNOT_TELL, detail, {**evidence, "strays": [number_of(row) for row in cut[:20]]})
    if not search.ended:
        detail = "Gameball's list of transactions could not be read to its end."
        return Judged(Judgement.CANNOT_TELL, detail, evidence, again=search.failed)
    if found.unseen:
        shown = f"{found.unseen[0]} and {len(found.unseen) - 1} more" if found.unseen[1:] else found.unseen[0]
        detail = (
            "The list of transactions does not show it, but neither does it show awards of the call that Gameball"
            f" reported as done ({shown}): it may have taken those back, so look at them, too."
        )
        return Judged(Judgement.CANNOT_TELL, detail, {**evidence, "unseen": found.unseen[:20]}, again=True)
    if doubted.job_open:
        detail = "It is not in the list of transactions (yet), and the job has not ended."
        return Judged(Judgement.CANNOT_TELL, detail, evidence, again=True)
    return Judged(Judgement.NOT_LANDED, "It did not land: the list of transactions does not have its token.", evidence)


def _landed(item: Item, found: Sequence[Row], evidence: dict[str, object], unit: Unit) -> Judged:
    taken = [moved(row, unit) for row in found]
    if any(not _direction_fits(row, item) or _status(row) in _UNDONE for row in found):
        detail = "The list has a transaction with its token that was undone or is kept back, or goes the other way."
        return Judged(Judgement.CANNOT_TELL, detail, {**evidence, "moved": taken})
    if all(gave_nothing(row, item.amount, unit) for row in found):
        detail = "The list has a transaction with its token, by which nothing was given."
        return Judged(Judgement.CANNOT_TELL, detail, {**evidence, "moved": taken})
    detail = "It landed: the list of transactions has its token."
    if len(found) > 1:
        detail = f"It landed {len(found)} times: the list of transactions has its token so often."
    else:
        detail = in_part(taken[0], item.amount, unit) or detail
    balance = as_whole(found[-1].get("pointsBalanceAfter")) if unit is Unit.POINTS else None
    return Judged(Judgement.LANDED, detail, {**evidence, "moved": taken}, balance=balance)


def _direction_fits(row: Row, item: Item) -> bool:
    direction = row.get("direction")
    return direction not in ("+", "-") or (direction == "+") == (item.amount > 0)


def _fits(row: Row, item: Item, unit: Unit) -> bool:
    """Whether the amount of a row may be this award's. A deduction may be capped; money is worth points that are not
    known here."""
    points = as_whole(row.get("points"))
    if unit is not Unit.POINTS or points is None:
        return True
    return abs(points) == abs(item.amount) or (item.amount < 0 and abs(points) < abs(item.amount))


def _status(row: Row) -> str:
    return (as_text(row.get("status")) or "").strip().lower()
