"""Where evidence proves less than it seems to: what it shows may be the doing of something else that was ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.domain.judging import Doubted, Judged, Judgement, Judgements, goes_by_credential
from bot.domain.lanes import LaneKind
from bot.domain.model import ProviderKind, RecipientType
from bot.domain.ring import Step
from bot.ledger import _other_names, restorations

OLDER: Final = (
    "{detail} But this ledger was put back, or left behind, after the call: another one may have paid it in another"
    " way, so it is not sent again by itself."
)
ANOTHER_NAME: Final = (
    "{detail} But what was sent meanwhile to somebody who may be the same person under another name explains that as"
    " well."
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
    to balances what became of each row, and so does every lane where members may be passed over."""
    landing = found.landing
    if landing is None or found.alone:
        return False
    return landing.passage.lane.kind is not LaneKind.TWINS or landing.step is Step.GONE


def _by_another_name(
    connection: sqlite3.Connection,
    doubted: Doubted,
    judged: Mapping[int, Judged],
    account: str,
    currency: str,
    *,
    alone: bool,
) -> Mapping[int, Judged]:
    """One balance can have several names: a member, and logins that pay into the same account. A balance that moved by
    just what was sent to such others is no proof, and one that stayed may have been moved back by that."""
    proofs = {one: verdict for one, verdict in judged.items() if verdict.judgement is not Judgement.CANNOT_TELL}
    if not proofs:
        return judged
    by_member = _is_by_member(connection, doubted)
    together = by_member and not alone
    if together and doubted.told_applied:
        return judged
    mistakable = _mistakable(connection, doubted, proofs, by_member=by_member, purse=(account, currency))
    if together and not mistakable.issuperset(one for one, verdict in proofs.items() if verdict.own):
        return judged  # all of them say the same, and one who says so was moved by nothing else
    return {
        one: _doubtful(verdict, ANOTHER_NAME) if one in proofs and (together or one in mistakable) else verdict
        for one, verdict in judged.items()
    }


def _is_by_member(connection: sqlite3.Connection, doubted: Doubted) -> bool:
    """Whether the call pays members; a members programme may have calls that pay credentials, too."""
    (kind,) = connection.execute("SELECT kind FROM batches WHERE id = ?", (doubted.batch_id,)).fetchone()
    return kind == ProviderKind.DRIP_MEMBERS and not goes_by_credential(doubted.items[0].target)


def _mistakable(
    connection: sqlite3.Connection,
    doubted: Doubted,
    proofs: Mapping[int, Judged],
    *,
    by_member: bool,
    purse: tuple[str, str],
) -> frozenset[int]:
    """Those of some judged awards whose balance what was sent to others explains as well."""
    found: set[int] = set()
    items = [item for item in doubted.items if item.award_id in proofs]
    for discord in (True, False):
        alike = [item for item in items if (item.recipient.type is RecipientType.DISCORD_ID) is discord]
        if not alike:
            continue
        keys = [item.recipient.key for item in alike]
        others = _other_names.since(connection, doubted.attempt_id, purse, keys, by_member=by_member, discord=discord)
        for item in alike:
            landed = proofs[item.award_id].judgement is Judgement.LANDED
            if others.can_add_up(item.recipient.key, item.amount if landed else -item.amount):
                found.add(item.award_id)
    return frozenset(found)


def _doubtful(judged: Judged, why: str) -> Judged:
    return replace(judged, judgement=Judgement.CANNOT_TELL, detail=why.format(detail=judged.detail), balance=None)
