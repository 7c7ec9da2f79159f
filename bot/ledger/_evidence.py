"""SQL of what doubts are judged by: what was known before a call, and what the ledger knows of it since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.domain.calls import Item
from bot.domain.judging import CREDENTIAL_TARGET, ELSEWHERE, REFUSAL, Doubted, Numbers
from bot.domain.lanes import START_WITHIN, LaneKind, Passage
from bot.domain.model import ProviderKind, Recipient
from bot.domain.promises import REASONS_WHOLE
from bot.ledger import _balances, _kinds, _lanes, _once, _rows, restorations
from bot.ledger._balances import Claimable

# Nothing can be read for a batch that is paused because of its key, currency or settings.
CAN_BE_READ: Final = (
    "(b.state <> 'paused' OR b.pause_kind IN ('person', 'unclear', 'disturbed')"
    " OR (b.pause_kind = 'currency' AND ln.id IS NOT NULL))"
)
"""Whether what became of a call of batch ``b`` (on lane ``ln``) is looked for while the batch stands as it does."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call with awards in doubt that evidence may still settle, or one that still has a lane."""

    attempt_id: int
    batch_id: int
    sent_at: int
    """Unix milliseconds; of a job that is over: when it ended."""
    looks: int
    looked_at: int | None
    lane: LaneKind | None = None
    """What the call left a trace in."""
    lost_until: int = 0
    """With a lane: from when on nobody can still be carrying it out."""
    repeatable: bool = False
    """It may simply be sent again: its one award has an id that the service takes only once."""


def expectation(
    connection: sqlite3.Connection,
    batch_id: int,
    kind: str,
    account: str,
    found: Sequence[Claimable],
    passage: Passage | None,
    now: int,
) -> str | None:
    """What is known before a call, as JSON for its attempt; ``None``: nothing. ``kind``, ``account``: the batch's."""
    of = ProviderKind(kind)
    if of.traits.lists_payments:
        row = connection.execute("SELECT transaction_id FROM marks WHERE account = ?", (account,)).fetchone()
        listed = {} if row is None else {"mark": row[0]}
        under_id = {} if found[0].item.transaction_id is None else {_once.ONCE: True}
        return json.dumps(listed | under_id) if listed or under_id else None
    before = _balances.before(of, found, now)
    known: dict[str, object] = {}
    if told := [one.told_at or 0 for one, was in zip(found, before, strict=True) if was is not None]:
        known["before"] = before
        known["since"] = min(told)
    nothing = [one.item.award_id for one, was in zip(found, before, strict=True) if was == 0] if told else []
    if nothing and (nobody := _balances.absent(connection, batch_id, nothing)):
        known["absent"] = nobody
    if passage is not None:
        known["lane"] = _lanes.as_found(passage.lane)
    return json.dumps(known, separators=(",", ":")) if known else None


def waiting(connection: sqlite3.Connection, account: str | None) -> list[Waiting]:
    """``Evidence.waiting``."""
    found = connection.execute(
        "SELECT t.id, t.batch_id, t.claimed_at, t.evidence, iif(t.job_id IS NULL, NULL, t.closed_at),"  # noqa: S608 # our words
        " coalesce(l.looks, 0), l.looked_at, ln.kind, coalesce(ln.lost_until, 0),"
        f" b.kind IN {_kinds.TAKING_IDS_ONCE} AND EXISTS (SELECT 1 FROM json_each(t.awards) one"
        f" JOIN awards a ON a.id = one.value AND a.attempt_id = t.id AND a.state = 'unknown' WHERE {_once.MAY_REPEAT})"
        " FROM (SELECT attempt_id AS id FROM awards WHERE state = 'unknown'"
        " UNION SELECT attempt_id FROM lanes WHERE attempt_id IS NOT NULL) u"
        " CROSS JOIN attempts t ON t.id = u.id AND t.state <> 'open' JOIN batches b ON b.id = t.batch_id"
        " LEFT JOIN looks l ON l.attempt_id = t.id LEFT JOIN lanes ln ON ln.attempt_id = t.id"
        f" WHERE (?1 IS NULL OR b.account = ?1) AND l.left_for IS NULL AND {CAN_BE_READ}"
        f" AND NOT {restorations.IN_FORCE} ORDER BY t.id",
        (account,),
    )
    return [
        # A job works on until it is over, or is found to be gone.
        Waiting(
            *(id_, batch_id, max(sent_at(claimed, evidence), ended or 0), looks, looked_at),
            lane=None if lane is None else LaneKind(lane),
            lost_until=lost_until,
            repeatable=bool(repeatable),
        )
        for id_, batch_id, claimed, evidence, ended, looks, looked_at, lane, lost_until, repeatable in found
    ]


def sent_at(claimed_at: int, evidence: str | None) -> int:
    """When a call was sent: as noted at its end, else the latest that it can have been after its claim."""
    noted = _rows.mapping(evidence or "{}").get("sent_at")
    return max(claimed_at, noted) if isinstance(noted, int) else claimed_at + round(START_WITHIN * 1000)


def doubt(connection: sqlite3.Connection, attempt_id: int) -> Doubted | None:
    """``Evidence.doubt``."""
    row = connection.execute(
        "SELECT t.batch_id, t.token, t.evidence, t.expectation, t.awards, t.state, t.body_sha256,"
        " b.account, b.currency, b.kind, (SELECT looks FROM looks WHERE attempt_id = t.id) FROM attempts t"
        " JOIN batches b ON b.id = t.batch_id WHERE t.id = ?",
        (attempt_id,),
    ).fetchone()
    if row is None:
        return None
    batch_id, token, evidence, expected, award_ids, state, body_sha256, account, currency, *rest = row
    kind, looks = rest
    ids: list[int] = json.loads(award_ids)
    open_ids = open_of(connection, attempt_id, ids)
    passage = _lanes.of_attempt(connection, attempt_id)
    if not open_ids and passage is None:
        return None
    items: Sequence[Item] = _balances.items_of(connection, open_ids)
    if open_ids and _once.is_once(kind, _lot_of(connection, open_ids[0])):
        items = _once.named(connection, batch_id, items)
    known = _rows.mapping(expected or "{}")
    mark, nobody, answered = known.get("mark"), known.get("absent"), _rows.mapping(evidence or "{}")
    elsewhere, refusal = answered.get(ELSEWHERE), answered.get(REFUSAL)
    return Doubted(
        attempt_id=attempt_id,
        batch_id=batch_id,
        token=token,
        looks=looks or 0,
        items=tuple(items),
        before={one: was for one, was in before_of(known, ids).items() if one in open_ids},
        between=_between(connection, items, account, currency, attempt_id) if currency is not None else {},
        told_applied=len(open_ids) < len(ids) and _told_applied(connection, attempt_id, ids),
        refusal=refusal if isinstance(refusal, str) else None,
        elsewhere=frozenset(open_ids).intersection(elsewhere) if isinstance(elsewhere, list) else frozenset(),
        mark=mark if isinstance(mark, int) else None,
        job_open=state == "accepted",
        absent=frozenset(open_ids).intersection(nobody) if isinstance(nobody, list) else frozenset(),
        paid=_paid_before(connection, batch_id, account) if nobody else None,
        passage=passage,
        whole=len(open_ids) == len(ids),
        body_sha256=body_sha256,
        witnesses=_landed_of(connection, attempt_id, ids) if ProviderKind(kind).traits.lists_payments else (),
        beside=_targets_of(connection, set(ids).difference(open_ids)),
        reasons_whole=_reasons_whole(connection, account, kind),
    )


def _lot_of(connection: sqlite3.Connection, award_id: int) -> int:
    (lot,) = connection.execute("SELECT lot FROM awards WHERE id = ?", (award_id,)).fetchone()
    return int(lot)


def _landed_of(connection: sqlite3.Connection, attempt_id: int, award_ids: Sequence[int]) -> tuple[str, ...]:
    found = connection.execute(
        "SELECT a.target FROM json_each(?) one CROSS JOIN awards a ON a.id = one.value"
        " WHERE a.state = 'applied' AND a.attempt_id = ? ORDER BY one.key",
        (json.dumps(list(award_ids)), attempt_id),
    )
    return tuple(target for (target,) in found)


def _paid_before(connection: sqlite3.Connection, batch_id: int, account: str) -> Recipient | None:
    """The newest credential that was paid, as far as it is quickly found: of a members programme only this batch's."""
    row = connection.execute(
        f"SELECT {_rows.ITEM} FROM batches b CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award"  # noqa: S608 # our words
        f" WHERE b.account = ?1 AND (b.id = ?2 OR b.kind NOT IN {_kinds.PAYING_MEMBERS}) AND a.state = 'applied'"
        f" AND (b.kind NOT IN {_kinds.PAYING_MEMBERS} OR a.target GLOB '{CREDENTIAL_TARGET}*')"
        " ORDER BY b.id DESC, a.id DESC LIMIT 1",
        (account, batch_id),
    ).fetchone()
    return None if row is None else _rows.item(row).recipient


def _targets_of(connection: sqlite3.Connection, award_ids: Iterable[int]) -> tuple[str, ...]:
    return tuple(item.target for item in _balances.items_of(connection, sorted(award_ids)))


def _reasons_whole(connection: sqlite3.Connection, account: str, kind: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM capabilities WHERE account = ? AND kind = ? AND name = ? AND value = ?",
        (account, kind, REASONS_WHOLE.name, REASONS_WHOLE.value),
    ).fetchone()
    return row is not None


def before_of(known: Mapping[str, Any], award_ids: Sequence[int]) -> dict[int, int]:
    """Balances by award id from an expectation, which lists them in the order of the call."""
    listed = known.get("before")
    if not isinstance(listed, list) or len(listed) != len(award_ids):
        return {}
    return {one: was for one, was in zip(award_ids, listed, strict=True) if isinstance(was, int)}


def open_of(connection: sqlite3.Connection, attempt_id: int, award_ids: Sequence[int]) -> list[int]:
    """Those of an attempt's awards that are in doubt under it."""
    found = connection.execute(
        "SELECT a.id FROM json_each(?) one CROSS JOIN awards a ON a.id = one.value"
        " WHERE a.state = 'unknown' AND a.attempt_id = ? ORDER BY one.key",
        (json.dumps(list(award_ids)), attempt_id),
    )
    return [award_id for (award_id,) in found]


def numbers(connection: sqlite3.Connection, attempt_id: int) -> dict[int, Numbers]:
    """``Evidence.numbers``."""
    award_ids, expected, findings, looked_at, left_for = connection.execute(
        "SELECT t.awards, t.expectation, l.findings, l.looked_at, l.left_for FROM attempts t"
        " LEFT JOIN looks l ON l.attempt_id = t.id WHERE t.id = ?",
        (attempt_id,),
    ).fetchone()
    ids: list[int] = json.loads(award_ids)
    before = before_of(_rows.mapping(expected or "{}"), ids)
    found = _rows.mapping(findings or "{}")
    amounts = {item.award_id: item.amount for item in _balances.items_of(connection, ids)}
    told = {one: known if isinstance(known := found.get(str(one)), dict) else {} for one in ids}
    given_up = left_for is not None and not found
    return {
        one: replace(_numbers(before.get(one), amounts[one], told[one], looked_at), is_given_up=given_up) for one in ids
    }


def _numbers(before: int | None, amount: int, told: Mapping[str, Any], looked_at: int | None) -> Numbers:
    between = told.get("between") or 0
    expected = None if before is None else before + between + amount
    said = told.get("detail")
    return Numbers(before, expected, told.get("now"), between, said, looked_at if said is not None else None)


def _between(
    connection: sqlite3.Connection, items: Sequence[Item], account: str, currency: str, attempt_id: int
) -> dict[int, int]:
    """What later calls have added to the same recipients. Nothing is sent to a recipient in doubt, so this is for a
    doubt that came late."""
    found = connection.execute(
        "SELECT x.id, sum(a.amount) FROM json_each(?1) one CROSS JOIN awards x ON x.id = one.value"
        " CROSS JOIN awards a INDEXED BY awards_by_key ON a.key = x.key JOIN batches b ON b.id = a.batch_id"
        " WHERE a.id <> x.id AND a.state = 'applied' AND a.attempt_id > ?2"
        " AND b.account = ?3 AND b.currency = ?4 GROUP BY x.id",
        (json.dumps([item.award_id for item in items]), attempt_id, account, currency),
    )
    return dict(found.fetchall())


def _told_applied(connection: sqlite3.Connection, attempt_id: int, award_ids: Sequence[int]) -> bool:
    """Whether the service itself (not a person: no balance is known then) named another award of the call as done."""
    return (
        connection.execute(
            "SELECT 1 FROM json_each(?) one CROSS JOIN awards a ON a.id = one.value"
            " WHERE a.state = 'applied' AND a.attempt_id = ? AND a.balance IS NOT NULL LIMIT 1",
            (json.dumps(list(award_ids)), attempt_id),
        ).fetchone()
        is not None
    )
