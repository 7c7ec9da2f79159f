"""SQL of what was sent to others who may be the recipients of a call in doubt under another name.

An account at Drip is one balance with several names: a member, and logins that pay into it. It has one Discord id, and
is one member; it can have several wallets, addresses and logins of the operator's own. So nobody is taken for another
Discord id, or for another member, than the one that was named, and among others at most one of either kind is the same
person. Anything else may be.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain import sums
from bot.domain.judging import CREDENTIAL_TARGET
from bot.domain.model import ProviderKind, RecipientType

DAY_MS: Final = 86_400_000
"""How long before a balance was told a call without a clear answer may have been given up, to be carried out after it:
more than any ``BURSAR_SETTLE_AFTER`` that makes sense."""
MOST_SUMS: Final = 256
"""Sums that are listed of what one of the others may have got; of more only the range counts."""
MOST_AMOUNTS: Final = 1000
"""Different amounts that are tried one by one; of the rest only the totals count."""

_SENT: Final = (
    "WITH sent AS MATERIALIZED (SELECT a.key, a.amount, a.recipient_type = :discord_id AS discord,"
    " iif(b.kind = :members AND a.target NOT LIKE :credential, a.target, NULL) AS member"
    " FROM attempts t JOIN batches b ON b.id = t.batch_id"
    " CROSS JOIN json_each(t.awards) one CROSS JOIN awards a ON a.id = one.value AND a.attempt_id = t.id"
    " WHERE b.account = :account AND b.currency = :currency AND NOT (:discord AND a.recipient_type = :discord_id)"
    # Without an answer at its end, a call may have been carried out after that.
    " AND (t.id >= :attempt_id OR t.closed_at IS NULL OR t.closed_at >= :since"
    "  OR (t.closed_at >= :since - :day AND t.verdict IN ('unknown', 'mixed', 'interrupted')))"
    " AND (t.id >= :attempt_id OR a.changed_at >= :since OR a.state IN ('sending', 'unknown'))"
    # Whatever may have landed: what a person wrote off as well.
    " AND (a.state IN ('sending', 'applied') OR a.state IN ('unknown', 'written-off')))"
)
_OTHERS: Final = (
    f"{_SENT} SELECT DISTINCT iif(member IS NULL, 'discord', 'member'), json_group_array(amount), NULL, NULL"  # noqa: S608 # our words
    " FROM sent WHERE member IS NOT NULL AND NOT :by_member OR member IS NULL AND discord"
    " GROUP BY member IS NULL, coalesce(member, key)"
    " UNION ALL SELECT NULL, amount, iif(key IN (SELECT value FROM json_each(:keys)), key, NULL) AS own, count(*)"
    " FROM sent WHERE member IS NULL AND NOT discord GROUP BY amount, own"
)
_SINCE: Final = "SELECT coalesce(json_extract(expectation, '$.since'), 0) FROM attempts WHERE id = :attempt_id"
# A balance that an answer told is as old as the service's work on that call, which is somewhere between its two ends.
_BEGUN: Final = (
    "SELECT coalesce(min(t.claimed_at), :since) FROM attempts t JOIN batches b ON b.id = t.batch_id"
    " WHERE t.claimed_at <= :since AND t.closed_at >= :since AND t.verdict IN ('applied', 'mixed')"
    " AND b.account = :account AND b.currency = :currency"
)


@dataclass(frozen=True, slots=True)
class Others:
    """What may have moved the balances of some recipients beside their own awards."""

    one_of: Sequence[Collection[int]]
    """Of each, at most one: what a member, and what a Discord id got."""
    any_of: Sequence[tuple[int, str | None, int]]
    """Amounts, by how many awards each was sent. With a key: to one of the recipients themselves."""
    loose: tuple[int, int] = (0, 0)
    """The range of all that is not listed."""

    def can_add_up(self, key: str, wanted: int) -> bool:
        """Whether some of it that did not go to this recipient adds up to so much."""
        choices = [
            *self.one_of,
            *(choice for amount, own, times in self.any_of if own != key for choice in sums.repeated(amount, times)),
        ]
        return sums.can_add_up(choices, wanted, self.loose)


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


def since(
    connection: sqlite3.Connection,
    attempt_id: int,
    purse: tuple[str, str],
    keys: Sequence[str],
    *,
    by_member: bool,
    discord: bool,
) -> Others:
    """What was sent to others since the balances before a call were told. ``purse``: account and currency; ``keys``:
    of its recipients, which are all Discord ids (``discord``) or none is; ``by_member``: they are paid as members."""
    account, currency = purse
    given: dict[str, object] = {
        "attempt_id": attempt_id,
        "account": account,
        "currency": currency,
        "keys": json.dumps(keys),
        "by_member": by_member,
        "discord": discord,
        "discord_id": RecipientType.DISCORD_ID.value,
        "members": ProviderKind.DRIP_MEMBERS.value,
        "credential": f"{CREDENTIAL_TARGET}%",
        "day": DAY_MS,
    }
    (given["since"],) = connection.execute(_SINCE, given).fetchone()
    (given["since"],) = connection.execute(_BEGUN, given).fetchone()
    one_of: defaultdict[str, _OneOf] = defaultdict(_OneOf)
    any_of: list[tuple[int, str | None, int]] = []
    low = high = 0
    for place, amount, own, times in connection.execute(_OTHERS, given):
        if place is not None:
            one_of[place].add(json.loads(amount))
        elif own is not None or len(any_of) < MOST_AMOUNTS:
            any_of.append((amount, own, times))
        else:
            low, high = low + min(0, amount * times), high + max(0, amount * times)
    places = one_of.values()
    loose = low + sum(one.low for one in places), high + sum(one.high for one in places)
    return Others([one.sums for one in places], any_of, loose)
