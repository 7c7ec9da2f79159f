"""SQL of what was sent to others who may be the recipients of a call in doubt under another name.

An account at Drip is one balance with several names: a member, and logins that pay into it. It has one Discord id, and
is one member; it can have several wallets, addresses and logins of the operator's own. So nobody is taken for another
Discord id, or for another member, than the one that was named, and among others at most one of either kind is the same
person. Anything else may be, unless the service told to which accounts both belong: not to the same one. And one name
is one person, also where a members programme paid it once and a credentials programme another time.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.domain import sums
from bot.domain.judging import CREDENTIAL_TARGET, NO_ACCOUNT
from bot.domain.model import Recipient, RecipientType
from bot.ledger import _kinds, _rows
from bot.ledger.events import EventKind

DAY_MS: Final = 86_400_000
"""How long before a balance was told a call without a clear answer may have been given up, to be carried out after it:
more than any ``BURSAR_SETTLE_AFTER`` that makes sense."""
MOST_SUMS: Final = 256
"""Sums that are listed of what one of the others may have got; of more only the range counts."""
MOST_AMOUNTS: Final = 1000
"""Different amounts that are tried one by one; of the rest only the totals count."""
MOST_ASKED: Final = 10_000
"""Logins whose accounts are asked for."""

_ELSEWHERE: Final = "elsewhere"
"""The account of a login that belongs to none of the recipients' accounts."""

_IS_THEIRS: Final = "(a.key IN (SELECT value FROM json_each(:keys)) OR a.target IN (SELECT value FROM json_each(:own)))"
_AS_MEMBER: Final = f"(b.kind IN {_kinds.PAYING_MEMBERS} AND a.target NOT LIKE :credential)"
# Somebody decided about it, perhaps at once: then it could still be carried out when a balance was told after that.
_GIVEN_UP: Final = (
    "(t.id < :attempt_id AND t.closed_at >= :since - :day"  # noqa: S608 # our words
    " AND t.verdict IN ('unknown', 'mixed', 'interrupted', 'decided')"
    " AND EXISTS (SELECT 1 FROM events e INDEXED BY events_told WHERE e.batch_id = t.batch_id AND e.attempt_id IS NULL"
    f" AND e.award_id = a.id AND e.kind = '{EventKind.AWARD_RESOLVED.value}'))"
)
_SENT: Final = (
    "WITH sent AS MATERIALIZED (SELECT a.id, a.key, a.amount, a.recipient_type = :discord_id AS discord,"  # noqa: S608 # our words
    f" iif({_AS_MEMBER}, lower(a.target), NULL) AS member, {_GIVEN_UP} AS given_up"
    " FROM attempts t JOIN batches b ON b.id = t.batch_id"
    " CROSS JOIN json_each(t.awards) one CROSS JOIN awards a ON a.id = one.value"
    " WHERE b.account = :account AND b.currency = :currency"
    # Without an answer at its end, a call may have been carried out after that.
    " AND (t.id >= :attempt_id OR t.closed_at IS NULL OR t.closed_at >= :since"
    "  OR (t.closed_at >= :since - :day AND t.verdict IN ('unknown', 'mixed', 'interrupted', 'decided')))"
    f" AND (NOT :discord OR a.recipient_type <> :discord_id OR {_IS_THEIRS})"
    # Whatever may have landed: what a person wrote off as well.
    " AND (a.attempt_id = t.id AND (t.id >= :attempt_id OR a.changed_at >= :since OR a.state IN ('sending', 'unknown'))"
    "  AND (a.state IN ('sending', 'applied') OR a.state IN ('unknown', 'written-off'))"
    f"  OR {_GIVEN_UP}))"
)
_OTHERS: Final = (
    # By the recipients' own accounts; of all others it is enough that they are others.
    f"{_SENT}, known AS MATERIALIZED (SELECT key, value AS account FROM json_each(:accounts)),"  # noqa: S608 # our words
    " own AS MATERIALIZED (SELECT value AS account FROM json_each(:own)),"
    " placed AS (SELECT sent.*, coalesce(member, known.account) AS belongs FROM sent LEFT JOIN known USING (key)"
    "  WHERE NOT (:discord AND discord)),"
    " told AS (SELECT *, iif(belongs IS NULL OR belongs IN (SELECT account FROM own), belongs, :elsewhere) AS account"
    "  FROM placed)"
    " SELECT DISTINCT account, iif(member IS NULL, 'discord', 'member'), json_group_array(amount), NULL, NULL"
    " FROM told WHERE member IS NOT NULL AND NOT :by_member OR member IS NULL AND discord"
    " GROUP BY member IS NULL, coalesce(member, key)"
    " UNION ALL SELECT account, NULL, amount, iif(key IN (SELECT value FROM json_each(:keys)), key, NULL) AS own,"
    " count(*) FROM told WHERE member IS NULL AND NOT discord GROUP BY account, amount, own"
)
_LOGINS: Final = (
    f"{_SENT} SELECT {_rows.ITEM} FROM (SELECT min(id) AS id FROM sent WHERE member IS NULL"  # noqa: S608 # our words
    " AND NOT (:discord AND discord) GROUP BY key LIMIT :most) JOIN awards a USING (id)"
)
# What the recipients themselves were sent: under the very same name in the other of the two ways, or before.
_THEMSELVES: Final = (
    f"{_SENT} SELECT key, iif(:by_member, member, NULL), amount FROM sent"  # noqa: S608 # our words
    " WHERE key IN (SELECT value FROM json_each(:keys)) AND ((member IS NULL) = :by_member OR given_up)"
    " OR given_up AND :by_member AND member IN (SELECT value FROM json_each(:own))"
)
_SINCE: Final = "SELECT coalesce(json_extract(expectation, '$.since'), 0) FROM attempts WHERE id = :attempt_id"
# A balance that an answer told is as old as the service's work on that call, which is somewhere between its two ends.
_BEGUN: Final = (
    "SELECT coalesce(min(t.claimed_at), :since) FROM attempts t JOIN batches b ON b.id = t.batch_id"
    " WHERE t.claimed_at <= :since AND t.closed_at >= :since AND t.verdict IN ('applied', 'mixed')"
    " AND b.account = :account AND b.currency = :currency"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Some recipients of a call in doubt, who are all named by Discord id or none is."""

    attempt_id: int
    purse: tuple[str, str]
    """Account and currency that the call is about."""
    accounts: Mapping[str, str | None]
    """The recipients by key, each with the account at Drip as far as that is known (``Judgements.accounts``)."""
    by_member: bool
    """They are paid as members."""
    discord: bool

    def of(self, connection: sqlite3.Connection) -> dict[str, object]:
        """For SQL."""
        account, currency = self.purse
        given: dict[str, object] = {
            "attempt_id": self.attempt_id,
            "account": account,
            "currency": currency,
            "keys": json.dumps(list(self.accounts)),
            "own": json.dumps([one for one in self.accounts.values() if one]),
            "by_member": self.by_member,
            "discord": self.discord,
            "discord_id": RecipientType.DISCORD_ID.value,
            "credential": f"{CREDENTIAL_TARGET}%",
            "day": DAY_MS,
            "elsewhere": _ELSEWHERE,
        }
        (given["since"],) = connection.execute(_SINCE, given).fetchone()
        (given["since"],) = connection.execute(_BEGUN, given).fetchone()
        return given


class _OneOf:
    """What one of several others may have got."""

    def __init__(self) -> None:
        self.sums = {0}
        self.low = self.high = 0
        """The range of what is not in ``sums``."""

    def add(self, amounts: Sequence[int]) -> None:
        """One more of them, who was sent these."""
        together = sums.subset_sums(amounts, MOST_SUMS) if len(self.sums) <= sums.MOST else None
        if together is None:
            self.low = min(self.low, sum(one for one in amounts if one < 0))
            self.high = max(self.high, sum(one for one in amounts if one > 0))
        else:
            self.sums |= together


class Others:
    """What may have moved the balances of some recipients beside their own awards."""

    def __init__(self, accounts: Mapping[str, str | None]) -> None:
        self._accounts = accounts
        self._rows: defaultdict[str | None, list[_Row]] = defaultdict(list)
        """By the account of those who got it, ``None`` where that is not known."""
        self._heaps: dict[str | None, _Heap] = {}
        self._themselves: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def add_themselves(self, key: str, member: str | None, amount: int) -> None:
        """One row of ``_THEMSELVES``."""
        for own, account in self._accounts.items():
            if own == key or (member is not None and account == member):
                self._themselves[own][amount] += 1

    def add(self, account: str | None, row: _Row) -> None:
        """One row of ``_OTHERS``."""
        self._rows[account].append(row)

    def can_add_up(self, key: str, wanted: int) -> bool:
        """Whether some of it, which went to this recipient in another way or to others and perhaps the same account,
        adds up to so much."""
        account = self._accounts[key]
        # To nobody known of its account went anything: the same heap for all of these.
        which = account if account is None or account in self._rows else NO_ACCOUNT
        if which not in self._heaps:
            rows = self._rows.values() if which is None else (self._rows.get(None, ()), self._rows.get(which, ()))
            self._heaps[which] = _Heap(row for some in rows for row in some)
        return self._heaps[which].can_add_up(key, wanted, self._themselves.get(key, {}))


_Row = tuple[Any, ...]
"""Place or ``None``, amounts of one there or one amount, the recipient who got it if it is one of those, how often."""


class _Heap:
    """What may have gone to one account."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        one_of: defaultdict[str, _OneOf] = defaultdict(_OneOf)
        """Of each place, at most one: what a member, and what a Discord id got."""
        any_of: Counter[tuple[int, str | None]] = Counter()
        low = high = 0
        for place, amount, own, times in rows:
            if place is not None:
                one_of[place].add(json.loads(amount))
            elif own is not None or len(any_of) < MOST_AMOUNTS or (amount, own) in any_of:
                any_of[amount, own] += times
            else:
                low, high = low + min(0, amount * times), high + max(0, amount * times)
        places = one_of.values()
        self._one_of = [one.sums for one in places]
        self._any_of = any_of
        """Amounts, by how many awards each was sent. With a key: to one of the recipients themselves."""
        self._loose = low + sum(one.low for one in places), high + sum(one.high for one in places)
        """The range of all that is not listed."""

    def can_add_up(self, key: str, wanted: int, themselves: Mapping[int, int]) -> bool:
        """``Others.can_add_up``. ``themselves``: amounts that this recipient got for certain, by how often."""
        any_of = [*themselves.items()]
        any_of += ((amount, times) for (amount, own), times in self._any_of.items() if own != key)
        choices = [*self._one_of, *(choice for amount, times in any_of for choice in sums.repeated(amount, times))]
        return sums.can_add_up(choices, wanted, self._loose)


def since(connection: sqlite3.Connection, asked: Asked, accounts: Mapping[str, str]) -> Others:
    """What was sent to others since the balances before a call were told. ``accounts``: of whomever they are known."""
    others = Others(asked.accounts)
    given = {**asked.of(connection), "accounts": json.dumps(dict(accounts))}
    for account, *row in connection.execute(_OTHERS, given):
        others.add(account, tuple(row))
    for themselves in connection.execute(_THEMSELVES, given):
        others.add_themselves(*themselves)
    return others


def logins(connection: sqlite3.Connection, asked: Asked) -> list[Recipient] | None:
    """To whom that was sent, but members, whose account is known; ``None`` where there are more than it makes sense to
    ask for."""
    found = connection.execute(_LOGINS, {**asked.of(connection), "most": MOST_ASKED + 1}).fetchall()
    return [_rows.item(row).recipient for row in found] if len(found) <= MOST_ASKED else None
