"""Where evidence proves less than it seems to: what it shows may be the doing of something else that was ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.domain.judging import Doubted, Judged, Judgement, Judgements
from bot.domain.lanes import LaneKind
from bot.domain.model import ProviderKind
from bot.domain.ring import Step
from bot.ledger import restorations

OLDER: Final = (
    "{detail} But this ledger was put back, or left behind, after the call: another one may have paid it in another"
    " way, so it is not sent again by itself."
)
ANOTHER_NAME: Final = (
    "{detail} But an award of the same size was sent meanwhile by another of the account's programmes, to somebody who"
    " may be the same person under another name."
)


def tempered(
    connection: sqlite3.Connection,
    doubted: Doubted,
    found: Judgements,
    judged: Mapping[int, Judged],
    account: str,
    currency: str | None,
) -> Mapping[int, Judged]:
    """``judged`` without what may not be believed. ``currency`` None: Gameball."""
    if _is_older(connection, doubted.attempt_id):
        judged = {one: _in_older(verdict, by_list=currency is None) for one, verdict in judged.items()}
    if currency is not None and not _is_by_places(found):
        judged = _by_another_name(connection, doubted, judged, account, currency, alone=found.alone)
    return judged


def _is_older(connection: sqlite3.Connection, attempt_id: int) -> bool:
    row = connection.execute(
        f"SELECT {restorations.SINCE_CALL} FROM attempts t WHERE t.id = ?",  # noqa: S608 # our words
        (attempt_id,),
    ).fetchone()
    return bool(row[0])


def _in_older(judged: Judged, *, by_list: bool) -> Judged:
    """What evidence proves in a ledger that another one went on from. A call's own token or id in Gameball's list tells
    that the call landed; everything else may be the doing of what that other ledger did afterwards."""
    if judged.judgement is Judgement.CANNOT_TELL or (judged.judgement is Judgement.LANDED and by_list):
        return judged
    return _doubtful(judged, OLDER)


def _is_by_places(found: Judgements) -> bool:
    """Whether the operator's own places have told it, which nobody is paid into. Of a call that was begun, twins leave
    to balances what became of each row."""
    landing = found.landing
    return landing is not None and (landing.passage.lane.kind is not LaneKind.TWINS or landing.step is Step.GONE)


def _by_another_name(
    connection: sqlite3.Connection,
    doubted: Doubted,
    judged: Mapping[int, Judged],
    account: str,
    currency: str,
    *,
    alone: bool,
) -> Mapping[int, Judged]:
    """One balance can have two names: a member, and a login that pays into the same account. A balance that moved by
    such an award of another kind of programme is no proof of this one, and one that stayed may have been moved back."""
    kind, others = _sizes_since(connection, doubted, account, currency)
    if not others:
        return judged
    mistakable = {
        item.award_id: {Judgement.LANDED: item.amount in others, Judgement.NOT_LANDED: -item.amount in others}
        for item in doubted.items
    }
    if kind is ProviderKind.DRIP_MEMBERS and not alone:
        if doubted.told_applied:
            return judged
        # All of them say the same, so it would have to be so of everybody whose balance says anything.
        witnesses = [mistakable[one] for one in doubted.before if one in mistakable]
        whole = {one: all(of[one] for of in witnesses) for one in (Judgement.LANDED, Judgement.NOT_LANDED)}
        mistakable = dict.fromkeys(mistakable, whole)
    return {
        one: _doubtful(verdict, ANOTHER_NAME) if mistakable[one].get(verdict.judgement, False) else verdict
        for one, verdict in judged.items()
    }


def _sizes_since(
    connection: sqlite3.Connection, doubted: Doubted, account: str, currency: str
) -> tuple[ProviderKind, frozenset[int]]:
    """The call's kind; and the amounts that another kind may have moved since the balances before it were told, for
    people who are not surely others or the same."""
    (kind,) = connection.execute("SELECT kind FROM batches WHERE id = ?", (doubted.batch_id,)).fetchone()
    found = connection.execute(
        "SELECT DISTINCT a.amount FROM attempts t JOIN batches b ON b.id = t.batch_id"
        " CROSS JOIN json_each(t.awards) one CROSS JOIN awards a ON a.id = one.value AND a.attempt_id = t.id"
        " WHERE (t.id > ?1 OR t.closed_at IS NULL OR t.closed_at >="
        " (SELECT json_extract(expectation, '$.since') FROM attempts WHERE id = ?1))"
        " AND b.account = ?2 AND b.currency = ?3 AND b.kind <> ?4"
        " AND a.state IN ('sending', 'applied', 'unknown') AND a.key NOT IN (SELECT value FROM json_each(?5))",
        (doubted.attempt_id, account, currency, kind, json.dumps([item.recipient.key for item in doubted.items])),
    )
    return ProviderKind(kind), frozenset(amount for (amount,) in found)


def _doubtful(judged: Judged, why: str) -> Judged:
    return replace(judged, judgement=Judgement.CANNOT_TELL, detail=why.format(detail=judged.detail), balance=None)
