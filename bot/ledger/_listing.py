"""SQL of what Gameball's list of transactions shows of calls: those of another ledger, and those of this one that were
held not to have landed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from bot.domain.judging import Listed
from bot.ledger import _once, restorations

SKEW_MS: Final = 600_000
"""By how much the clocks of the service and of this machine may differ."""


@dataclass(frozen=True, slots=True)
class Late:
    """A call that was held not to have landed, or not with some of its awards, and is listed with them after all."""

    attempt_id: int
    batch_id: int
    awards: int
    """How many of them."""


def is_news(connection: sqlite3.Connection, tokens: Mapping[str, Listed], now: int) -> bool:
    """Whether somebody has to be told of one of these calls."""
    return bool(strangers(connection, tokens, now) or late(connection, tokens))


def strangers(connection: sqlite3.Connection, tokens: Mapping[str, Listed], now: int) -> list[str]:
    """``Evidence.strangers``."""
    signed_at = restorations.believed(connection, now)
    made = [token for token, one in tokens.items() if signed_at is None or (one.at or 0) > signed_at + SKEW_MS]
    found = connection.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT token FROM attempts) ORDER BY value",
        (json.dumps(made),),
    )
    return [token for (token,) in found]


def late(connection: sqlite3.Connection, tokens: Mapping[str, Listed]) -> list[Late]:
    """``Evidence.late``."""
    found = connection.execute(
        "SELECT t.id, t.batch_id, t.token, json_array_length(t.awards), a.target FROM json_each(?) told"  # noqa: S608 # our words
        " CROSS JOIN attempts t ON t.token = told.value AND t.state = 'closed'"
        " CROSS JOIN json_each(t.awards) one CROSS JOIN awards a ON a.id = one.value"
        " WHERE (a.attempt_id <> t.id OR a.state = 'planned' OR a.state = 'cancelled')"
        f" AND t.expectation ->> '{_once.ONCE}' IS NULL ORDER BY t.id",
        (json.dumps(list(tokens)),),
    ).fetchall()
    calls = []
    for (attempt_id, batch_id, token, awards), rows in groupby(found, key=lambda row: row[:4]):
        targets = [target for *_, target in rows]
        if len(targets) < awards:  # what the list shows may be the others
            targets = _named(connection, attempt_id, targets, tokens[token])
        if targets:
            calls.append(Late(attempt_id, batch_id, len(targets)))
    return calls


def _named(connection: sqlite3.Connection, attempt_id: int, targets: list[str], listed: Listed) -> list[str]:
    """Those of a call's targets whom the list names, in other letters perhaps, unless those are another one's."""
    others = connection.execute(
        "SELECT a.target FROM attempts t, json_each(t.awards) one JOIN awards a ON a.id = one.value WHERE t.id = ?",
        (attempt_id,),
    )
    alike = {name.casefold() for name in listed.customers.difference(target for (target,) in others)}
    return [target for target in targets if target in listed.customers or target.casefold() in alike]
