"""SQL of what recipients had when it was last told: the "before" of a later doubt. Part of other transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

from bot.clock import latest
from bot.domain.calls import Claim, Item, Outcome, OutcomeKind
from bot.domain.judging import CREDENTIAL_TARGET, goes_by_credential, holders_of
from bot.domain.model import ProviderKind
from bot.ledger import _kinds, _rows

MEMBER_MAX_AGE_MS: Final = 3_600_000
"""How old a member's balance may be to count as the one before a call: members play, and others pay them. Credentials
without an account hardly change but through awards of ours, so theirs count however old they are."""

PURSE_OF: Final = " LEFT JOIN purses p ON p.account = own.account AND p.currency = own.currency"
"""Joins the purse of batch ``own``."""

OF_NEXT: Final = (
    " LEFT JOIN balances known ON known.purse_id = p.id AND known.holder ="
    f" CASE WHEN own.kind IN {_kinds.PAYING_MEMBERS} AND next.target NOT GLOB '{CREDENTIAL_TARGET}*'"
    " THEN next.target ELSE next.key END"
)
"""Joins what is known of awards ``next`` of that batch."""

_CHANGES: Final = (OutcomeKind.APPLIED, OutcomeKind.UNKNOWN)


class Claimable(NamedTuple):
    """An award that may be sent next, and what the ledger has of its recipient's balance."""

    item: Item
    row: int | None
    """Of ``balances``, where rows stay; ``None``: none yet."""
    balance: int | None
    """As it was told last; ``None``: that is not known."""
    told_at: int | None
    """When that was (Unix milliseconds)."""


@dataclass(frozen=True, slots=True)
class Purse:
    """Where a batch's awards change balances that can be read back; Gameball's do not need that."""

    id: int
    account: str
    kind: ProviderKind
    has_members: bool
    """Whether members of the account are known, whose drip ids are further names of the same balances."""


def purse_of_batch(connection: sqlite3.Connection, batch_id: int) -> Purse | None:
    """The batch's currency at its account; ``None`` for Gameball."""
    kind, account, currency, purse_id, has_members = connection.execute(
        "SELECT b.kind, b.account, b.currency, p.id, EXISTS (SELECT 1 FROM members m WHERE m.account = b.account)"
        " FROM batches b LEFT JOIN purses p ON p.account = b.account AND p.currency = b.currency WHERE b.id = ?",
        (batch_id,),
    ).fetchone()
    if purse_id is None and currency is not None:
        purse_id = _purse(connection, account, currency)
    return None if purse_id is None else Purse(purse_id, account, ProviderKind(kind), bool(has_members))


def _purse(connection: sqlite3.Connection, account: str, currency: str) -> int:
    """The number of a currency at an account, made if it has none."""
    connection.execute("INSERT OR IGNORE INTO purses (account, currency) VALUES (?, ?)", (account, currency))
    row = connection.execute("SELECT id FROM purses WHERE account = ? AND currency = ?", (account, currency)).fetchone()
    return int(row[0])


def make_room(connection: sqlite3.Connection, batch_id: int) -> None:
    """Give every recipient of a new batch a row, in the order of its awards. Says nothing about what they have.

    Recipients come in no order that an index knows. Told one by one they would change a page of the index each, a
    hundred for a call; with their rows in the order of the calls a call changes one or two.
    """
    found = purse_of_batch(connection, batch_id)
    if found is None:
        return
    connection.execute(
        "INSERT OR IGNORE INTO balances (purse_id, holder, at) SELECT ?1,"
        " CASE WHEN ?2 AND target NOT LIKE ?3 THEN target ELSE key END, 0"
        " FROM awards WHERE batch_id = ?4 AND state = 'planned' ORDER BY lot, id",
        (found.id, found.kind.traits.pays_members, f"{CREDENTIAL_TARGET}%", batch_id),
    )


def before(kind: ProviderKind, found: Sequence[Claimable], now: int) -> list[int | None]:
    """The balances that count as those before a call that is made now (``bot.clock.lies_ahead``)."""
    last, is_members = latest(now), kind.traits.pays_members

    def counts(told_at: int, target: str) -> bool:
        is_fresh = not is_members or now - told_at <= MEMBER_MAX_AGE_MS or goes_by_credential(target)
        return is_fresh and told_at <= last

    return [
        balance if balance is not None and told_at is not None and counts(told_at, item.target) else None
        for item, _, balance, told_at in found
    ]


def absent(connection: sqlite3.Connection, batch_id: int, award_ids: Sequence[int]) -> list[int]:
    """Those of some awards to credentials whose recipient was not there at all when that was last asked."""
    found = connection.execute(
        "SELECT a.id FROM json_each(?1) one CROSS JOIN awards a ON a.id = one.value CROSS JOIN batches b ON b.id = ?2"
        " CROSS JOIN purses p ON p.account = b.account AND p.currency = b.currency CROSS JOIN balances known"
        " ON known.purse_id = p.id AND known.holder = a.key AND known.absent AND known.balance = 0 ORDER BY one.key",
        (json.dumps(list(award_ids)), batch_id),
    )
    return [award_id for (award_id,) in found]


def newcomers(connection: sqlite3.Connection, batch_id: int, limit: int, most: int) -> int:
    """Credentials without a known balance among the next ``limit`` planned ones of a batch, counted up to ``most``."""
    (count,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM (SELECT a.key, b.account, b.currency FROM batches b CROSS JOIN awards a"
        " WHERE b.id = ?1 AND a.batch_id = ?1 AND a.state = 'planned' ORDER BY a.lot, a.id LIMIT ?2) next"
        " WHERE NOT EXISTS (SELECT 1 FROM purses p CROSS JOIN balances known ON known.purse_id = p.id"
        " WHERE p.account = next.account AND p.currency = next.currency AND known.holder = next.key"
        " AND known.balance IS NOT NULL) LIMIT ?3)",
        (batch_id, limit, most),
    ).fetchone()
    return int(count)


def newcomers_of_draft(connection: sqlite3.Connection, draft_id: int, now: int, most: int) -> int:
    """Rows of a draft that name a recipient of whom no balance is known well enough, counted up to ``most``."""
    (count,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM drafts d CROSS JOIN draft_rows r ON r.draft_id = d.id"  # noqa: S608 # our words
        " LEFT JOIN purses p ON p.account = d.account AND p.currency = d.currency"
        " WHERE d.id = ?1 AND r.target IS NOT NULL AND r.unresolved IS NULL AND NOT EXISTS ("
        "  SELECT 1 FROM balances known WHERE known.purse_id = p.id AND known.balance IS NOT NULL"
        f"  AND known.holder = CASE WHEN d.kind IN {_kinds.PAYING_MEMBERS} AND r.target NOT LIKE ?2"
        "  THEN r.target ELSE r.key END"
        "  AND known.at <= ?5 AND (known.holder = r.key OR known.at >= ?3)) LIMIT ?4)",
        (draft_id, f"{CREDENTIAL_TARGET}%", now - MEMBER_MAX_AGE_MS, most, latest(now)),
    ).fetchone()
    return int(count)


def note(connection: sqlite3.Connection, claim: Claim, outcomes: Mapping[int, Outcome], now: int) -> None:
    """What a call left its recipients with: the balance that the answer told, or nothing known."""
    rows = zip(claim.items, claim.balance_rows or repeat(None), strict=False)
    changed = [
        (item, row, outcome.balance) for item, row in rows if (outcome := outcomes[item.award_id]).kind in _CHANGES
    ]
    if not changed or (found := purse_of_batch(connection, claim.batch_id)) is None:
        return
    # By its number a row is found in a third of the time.
    in_rows = {row: balance for _, row, balance in changed if row is not None}
    connection.execute(
        "UPDATE balances SET balance = told.value, at = ?1, absent = 0 FROM json_each(?2) told"
        " WHERE balances.id = told.key",
        (now, json.dumps(in_rows)),
    )
    if new := [(item, balance) for item, row, balance in changed if row is None]:
        holders = holders_of(found.kind, [item for item, _ in new])
        told = {holder: balance for holder, (_, balance) in zip(holders, new, strict=True)}
        _store(connection, found.id, told, now)
    _unsettle_others(connection, found, [item for item, _, _ in changed], now)


def forget(connection: sqlite3.Connection, batch_id: int, award_ids: Sequence[int], now: int) -> None:
    """Awards went out and nothing is known of them: neither are the balances of their recipients."""
    found = purse_of_batch(connection, batch_id)
    if found is None:
        return
    items = items_of(connection, award_ids)
    _store(connection, found.id, dict.fromkeys(holders_of(found.kind, items)), now)
    _unsettle_others(connection, found, items, now)


def remember(
    connection: sqlite3.Connection,
    account: str,
    currency: str,
    readings: Mapping[str, int],
    read_at: int,
    now: int,
    nobody: Iterable[str] = (),
    lag: int = 0,
) -> None:
    """Balances by holder as they were read; ``read_at``: when the reading began. Newer knowledge is kept, and where
    nobody can say which is the newer, because the clock was set back, there is none. ``nobody``: those of them who are
    not there at all. ``lag``: for how long (milliseconds) a reading may not show yet what is known already."""
    if read_at > latest(now):
        return
    purse_id = _purse(connection, account, currency)
    told = json.dumps(list(readings.items()))
    connection.execute(
        "INSERT INTO balances (purse_id, holder, balance, at)"
        " SELECT ?1, json_extract(value, '$[0]'), json_extract(value, '$[1]'), ?2 FROM json_each(?3) WHERE true"
        " ON CONFLICT DO UPDATE SET balance = iif(at > ?4, NULL, excluded.balance),"
        " at = iif(at > ?4, ?5, excluded.at), absent = 0 WHERE excluded.at >= at + ?6 OR at > ?4",
        (purse_id, read_at, told, latest(now), now, lag),
    )
    connection.execute(
        "UPDATE balances SET absent = 1 WHERE purse_id = ? AND at = ? AND balance = 0"
        " AND holder IN (SELECT value FROM json_each(?))",
        (purse_id, read_at, json.dumps(list(nobody))),
    )


def items_of(connection: sqlite3.Connection, award_ids: Iterable[int]) -> list[Item]:
    """Awards by id, in that order."""
    found = connection.execute(
        f"SELECT {_rows.ITEM} FROM json_each(?) one CROSS JOIN awards a ON a.id = one.value ORDER BY one.key",  # noqa: S608 # our words
        (json.dumps(list(award_ids)),),
    )
    return [_rows.item(row) for row in found]


def forget_future(connection: sqlite3.Connection, now: int) -> None:
    """Forget what was told at times that lie in the future (``bot.clock.lies_ahead``): it is of unknown age, and what
    is sent from now on would count as sent before it."""
    connection.execute("UPDATE balances SET balance = NULL, at = ?1, absent = 0 WHERE at > ?2", (now, latest(now)))


def _store(connection: sqlite3.Connection, purse_id: int, told: Mapping[str, int | None], at: int) -> None:
    """What a call of ours left, which is newer than whatever was told before, however the clock was set since."""
    connection.execute(
        "INSERT INTO balances (purse_id, holder, balance, at)"
        " SELECT ?1, key, value, ?2 FROM json_each(?3) WHERE true"
        " ON CONFLICT DO UPDATE SET balance = excluded.balance, at = excluded.at, absent = 0",
        (purse_id, at, json.dumps(told)),
    )


def _unsettle_others(connection: sqlite3.Connection, found: Purse, items: Sequence[Item], now: int) -> None:
    """One balance can have two names here: a member's drip id, and a login that pays into the same account."""
    logins = items
    if found.kind.traits.pays_members:
        keys = [item.recipient.key for item in items if not goes_by_credential(item.target)]
        logins = [item for item in items if goes_by_credential(item.target)]
        connection.execute(
            "UPDATE balances SET balance = NULL, at = ?1 WHERE purse_id = ?2"
            " AND holder IN (SELECT value FROM json_each(?3))",
            (now, found.id, json.dumps(keys)),
        )
    if logins and found.has_members:
        connection.execute(
            "UPDATE balances SET balance = NULL, at = ?1 WHERE purse_id = ?2 AND holder IN"
            " (SELECT m.drip_id FROM json_each(?3) one CROSS JOIN members m ON m.account = ?4 AND m.key = one.value)",
            (now, found.id, json.dumps([item.recipient.key for item in logins]), found.account),
        )
