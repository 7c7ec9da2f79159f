"""Where evidence proves less than it seems to: what it shows may be the doing of something else that was ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.domain.judging import Doubted, Judged, Judgement, Judgements, goes_by_credential
from bot.domain.lanes import LaneKind
from bot.domain.model import ProviderKind, Recipient, RecipientType
from bot.domain.ring import Step
from bot.domain.traits import Traits
from bot.ledger import _lanes, _other_names, restorations
from bot.ledger._other_names import Asked

OLDER: Final = (
    "{detail} But this ledger was put back, or left behind, after the call: another one may have paid it in another"
    " way, so it is not sent again by itself."
)
OTHER_CURRENCY: Final = "{detail} But Drip named it as done in another currency, so it is not sent again by itself."
CHANGED: Final = (
    "{detail} But what this ledger says of the operator's check accounts is not what the call found, so that proves"
    " nothing: `bursar verify` names what was changed."
)
ANOTHER_NAME: Final = (
    "{detail} But what else was sent, to this person or to somebody who may be the same under another name, explains"
    " that as well."
)


def on_its_lane(connection: sqlite3.Connection, doubted: Doubted, found: Judgements) -> Judgements:
    """``found``, if its lane stood in this ledger as the call found it. Where it did not, something else has changed
    the ledger: what the places hold is no evidence, and a person looks at both."""
    landing = found.landing
    if landing is None:
        return found
    (expectation,) = connection.execute(
        "SELECT expectation FROM attempts WHERE id = ?", (doubted.attempt_id,)
    ).fetchone()
    if _lanes.is_as_found(landing.passage.lane, expectation):
        return found
    trouble = f"what this ledger says of them was changed after attempt {doubted.attempt_id} began"
    return replace(
        found,
        awards={one: replace(_doubtful(verdict, CHANGED), again=False) for one, verdict in found.awards.items()},
        landing=replace(landing, step=Step.DISTURBED, trouble=landing.trouble or trouble),
    )


def tempered(
    connection: sqlite3.Connection,
    doubted: Doubted,
    found: Judgements,
    judged: Mapping[int, Judged],
    account: str,
    currency: str | None,
) -> Mapping[int, Judged]:
    """``judged`` without what may not be believed. ``currency`` None: nothing that has balances."""
    if _is_older(connection, doubted.attempt_id):
        by_list = _traits(connection, doubted).lists_payments
        judged = {one: _in_older(verdict, by_list=by_list) for one, verdict in judged.items()}
    judged = {
        one: _if_not_elsewhere(verdict) if one in doubted.elsewhere else verdict for one, verdict in judged.items()
    }
    if currency is not None and not _is_by_places(found):
        judged = _by_another_name(connection, doubted, judged, (account, currency), found)
    return judged


def to_tell_apart(connection: sqlite3.Connection, doubted: Doubted, found: Judgements) -> list[Recipient]:
    """Whose accounts decide whether evidence may be believed: recipients whose balance awards to others explain as
    well, and those others."""
    account, currency = connection.execute(
        "SELECT account, currency FROM batches WHERE id = ?", (doubted.batch_id,)
    ).fetchone()
    if currency is None or _is_by_places(found):
        return []
    logins: dict[str, Recipient] = {}
    for asked, keys in _unbelievable(connection, doubted, _proofs(found.awards), (account, currency), found):
        others = _other_names.logins(connection, asked)
        if others is not None:
            own = [item.recipient for item in doubted.items if item.recipient.key in keys and not asked.by_member]
            logins |= {one.key: one for one in (*others, *own)}
    return list(logins.values())


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


def _if_not_elsewhere(judged: Judged) -> Judged:
    """What the balance in the batch's currency proves of an award that was named as done in another one: not that it
    was paid nowhere."""
    return _doubtful(judged, OTHER_CURRENCY) if judged.judgement is Judgement.NOT_LANDED else judged


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
    purse: tuple[str, str],
    found: Judgements,
) -> Mapping[int, Judged]:
    """One balance can have several names: a member, and logins that pay into the same account. A balance that moved by
    just what was sent to such others is no proof, and one that stayed may have been moved back by that."""
    proofs = _proofs(judged)
    unbelievable = _unbelievable(connection, doubted, proofs, purse, found)
    keys = frozenset[str]().union(*(keys for _, keys in unbelievable))
    together = bool(keys) and _is_together(connection, doubted, found)
    keys_of = {item.award_id: item.recipient.key for item in doubted.items}
    return {
        one: _doubtful(verdict, ANOTHER_NAME) if one in proofs and (together or keys_of[one] in keys) else verdict
        for one, verdict in judged.items()
    }


def _unbelievable(
    connection: sqlite3.Connection,
    doubted: Doubted,
    proofs: Mapping[int, Judged],
    purse: tuple[str, str],
    found: Judgements,
) -> list[tuple[Asked, frozenset[str]]]:
    """Recipients, by key, whose proof is none because awards to others explain it as well."""
    if not proofs:
        return []
    together = _is_together(connection, doubted, found)
    if together and doubted.told_applied:
        return []
    groups = _mistakable(connection, doubted, proofs, purse, found.accounts)
    keys = frozenset[str]().union(*(keys for _, keys in groups))
    saying = {item.recipient.key for item in doubted.items if item.award_id in proofs and proofs[item.award_id].own}
    if together and not keys.issuperset(saying):
        return []  # all of them say the same, and one who says so was moved by nothing else
    return [(asked, keys) for asked, keys in groups if keys]


def _is_together(connection: sqlite3.Connection, doubted: Doubted, found: Judgements) -> bool:
    """Whether what became of one award became of all of its call."""
    whole = _traits(connection, doubted).lands_whole and not goes_by_credential(doubted.items[0].target)
    return whole and not found.alone


def _proofs(judged: Mapping[int, Judged]) -> dict[int, Judged]:
    return {one: verdict for one, verdict in judged.items() if verdict.judgement is not Judgement.CANNOT_TELL}


def _is_by_member(connection: sqlite3.Connection, doubted: Doubted) -> bool:
    """Whether the call pays members; a members programme may have calls that pay credentials, too."""
    return _traits(connection, doubted).pays_members and not goes_by_credential(doubted.items[0].target)


def _traits(connection: sqlite3.Connection, doubted: Doubted) -> Traits:
    (kind,) = connection.execute("SELECT kind FROM batches WHERE id = ?", (doubted.batch_id,)).fetchone()
    return ProviderKind(kind).traits


def _mistakable(
    connection: sqlite3.Connection,
    doubted: Doubted,
    proofs: Mapping[int, Judged],
    purse: tuple[str, str],
    accounts: Mapping[str, str],
) -> list[tuple[Asked, frozenset[str]]]:
    """Of those who are named by Discord id, and of the others: the recipients, by key, whose balance what was sent to
    others explains as well."""
    groups = []
    items = [item for item in doubted.items if item.award_id in proofs]
    by_member = _is_by_member(connection, doubted)
    for discord in (True, False):
        alike = [item for item in items if (item.recipient.type is RecipientType.DISCORD_ID) is discord]
        if not alike:
            continue
        own = {
            item.recipient.key: item.target.lower() if by_member else accounts.get(item.recipient.key) for item in alike
        }
        asked = Asked(doubted.attempt_id, purse, own, by_member=by_member, discord=discord)
        others = _other_names.since(connection, asked, accounts)
        found = set()
        for item in alike:
            landed = proofs[item.award_id].judgement is Judgement.LANDED
            if others.can_add_up(item.recipient.key, item.amount if landed else -item.amount):
                found.add(item.recipient.key)
        groups.append((asked, frozenset(found)))
    return groups


def _doubtful(judged: Judged, why: str) -> Judged:
    return replace(judged, judgement=Judgement.CANNOT_TELL, detail=why.format(detail=judged.detail), balance=None)
