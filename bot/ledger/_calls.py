"""SQL of calls: the intent before, the outcome after. Each function is the whole of one transaction."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from bot.clock import latest
from bot.domain.calls import Beside, Claim, Item, NoLane, Outcome, OutcomeKind, Verdict
from bot.domain.judging import goes_by_credential
from bot.domain.lanes import START_WITHIN, Landing, Passage, Plan
from bot.domain.model import Pause
from bot.domain.probing import Leg
from bot.domain.ranges import ranges
from bot.errors import AlreadyRecorded
from bot.ledger import _balances, _evidence, _lanes, _once, _outcomes, _rows, events, halts, restorations
from bot.ledger._balances import Claimable
from bot.ledger._lanes import FreeAt
from bot.ledger.events import EventKind, Moved, Stands


class BuildBody(Protocol):
    """Pure: it runs on the ledger's thread, inside the transaction that records the intent."""

    def __call__(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes: ...


JOB_OF_ANOTHER: Final = "the answer names the job of an earlier call, so it is not known what became of this one"
INTERRUPTED: Final = "Bursar was interrupted while this call was under way: it may or may not have landed"

_ACCOUNT: Final = "(SELECT account FROM batches WHERE id = ?1)"
# A recipient in doubt is looked for by both names: one Drip member can be meant by a Discord id and by a wallet. That
# there is any doubt at all is asked once for all recipients.
_IN_DOUBT: Final = (
    "EXISTS (SELECT 1 FROM awards INDEXED BY awards_in_doubt WHERE state = 'unknown')"  # noqa: S608 # our words
    " AND (EXISTS (SELECT 1 FROM awards u INDEXED BY awards_in_doubt JOIN batches v ON v.id = u.batch_id"
    f" WHERE u.state = 'unknown' AND u.key = a.key AND v.account = {_ACCOUNT})"
    " OR EXISTS (SELECT 1 FROM awards u JOIN batches v ON v.id = u.batch_id"
    f" WHERE u.state = 'unknown' AND u.target = a.target AND v.account = {_ACCOUNT}))"
)
# Recipients of calls under way, which are few: each call is judged by evidence that no other call of ours touches. No
# lot names a recipient twice, so a batch that never had a second one need not be compared with itself.
_UNDER_WAY: Final = (
    "WITH under_way AS MATERIALIZED (SELECT x.key, x.target FROM attempts t JOIN batches v ON v.id = t.batch_id"  # noqa: S608 # our words
    " CROSS JOIN json_each(t.awards) one CROSS JOIN awards x ON x.id = one.value AND x.attempt_id = t.id"
    f" AND x.state = 'sending' WHERE t.state = 'open' AND v.account = {_ACCOUNT}"
    " AND NOT (v.id = ?1 AND v.last_lot = 0)) "
)
_IS_UNDER_WAY: Final = "a.key IN (SELECT key FROM under_way) OR a.target IN (SELECT target FROM under_way)"
# One row for all of them: between any two rows SQLite's caller gives the interpreter away, and has to wait for it.
_CLAIMABLE: Final = (
    f"{_UNDER_WAY}SELECT json_group_array(json_array(next.lot, known.id, known.balance, known.at,"  # noqa: S608 # our words
    f" {_rows.ITEM.replace('a.', 'next.')})) FROM batches own{_balances.PURSE_OF} CROSS JOIN"
    f" (SELECT a.lot, a.key, {_rows.ITEM} FROM awards a WHERE a.batch_id = ?1 AND a.state = 'planned'"
    f" AND NOT ({_IS_UNDER_WAY}) AND NOT ({_IN_DOUBT}) ORDER BY a.lot, a.id LIMIT ?2) next{_balances.OF_NEXT}"
    " WHERE own.id = ?1"
)
# Recorded in the future (``bot.clock.lies_ahead``), its start says nothing: whoever claims has waited for it.
_NEXT_OF_OPEN: Final = (
    f"SELECT b.kind, b.account, ({_CLAIMABLE}) FROM batches b WHERE b.id = ?1 AND b.state = 'open'"  # noqa: S608 # our words
    f" AND (b.starts_at <= ?3 OR b.recorded_at > ?4) AND NOT {halts.IN_FORCE} AND NOT {restorations.IN_FORCE}"
)
_WAITS_FOR_CALL: Final = (
    f"{_UNDER_WAY}SELECT 1 FROM awards a WHERE a.batch_id = ?1 AND a.state = 'planned' AND ({_IS_UNDER_WAY}) LIMIT 1"  # noqa: S608 # our words
)

_OTHER_OF_JOB: Final = (
    "SELECT 1 FROM attempts t JOIN batches b ON b.id = t.batch_id JOIN batches own ON own.id = ?1"
    " WHERE t.job_id = ?2 AND t.id <> ?3 AND b.account = own.account AND b.kind = own.kind LIMIT 1"
)


def claim(
    connection: sqlite3.Connection,
    batch_id: int,
    plan: Plan,
    build: BuildBody,
    token: str,
    now: int,
    free_at: FreeAt,
    passed: float,
) -> Claim | NoLane | Beside | None:
    """``Claims.claim``."""
    batch = connection.execute(_NEXT_OF_OPEN, (batch_id, plan.awards_per_call, now, latest(now))).fetchone()
    if batch is None:
        return None
    kind, account, rows = batch
    found = _one_lot(connection, batch_id, kind, rows)
    if not found:
        # Told by this transaction: a call that ends after it is heard of after it, too.
        waits = connection.execute(_WAITS_FOR_CALL, (batch_id,)).fetchone() is not None
        return Beside() if waits else None
    items = tuple(one.item for one in found)
    passage = _passage(connection, items, plan, free_at, passed)
    if isinstance(passage, NoLane):
        return passage
    body = build(items, token, () if passage is None else passage.legs)
    expectation = _evidence.expectation(connection, batch_id, kind, account, found, passage, now)
    balance_rows = tuple(one.row for one in found)
    intent = _Intent(batch_id, token, items, body, expectation, passage, balance_rows)
    return _begin(connection, intent, now, linger=plan.linger)


def claim_again(
    connection: sqlite3.Connection, attempt_id: int, build: BuildBody, token: str, now: int
) -> Claim | None:
    """``Claims.claim_again``."""
    found = connection.execute(
        "SELECT t.batch_id, a.id, t.expectation FROM attempts t JOIN batches b ON b.id = t.batch_id"  # noqa: S608 # our words
        " CROSS JOIN json_each(t.awards) one JOIN awards a ON a.id = one.value AND a.attempt_id = t.id"
        f" AND a.state = 'unknown' WHERE t.id = ?1 AND {_once.MAY_REPEAT}"
        " AND NOT EXISTS (SELECT 1 FROM awards u JOIN batches v ON v.id = u.batch_id WHERE u.state = 'unknown'"
        " AND u.id <> a.id AND v.account = b.account AND (u.key = a.key OR u.target = a.target))",
        (attempt_id,),
    ).fetchall()
    if len(found) != 1:
        return None
    ((batch_id, award_id, expectation),) = found
    items = _once.named(connection, batch_id, _balances.items_of(connection, [award_id]))
    # With what was known before the first of its calls.
    intent = _Intent(batch_id, token, items, build(items, token), expectation)
    return _begin(connection, intent, now, facts={"again": True})


@dataclass(frozen=True, slots=True)
class _Intent:
    """A call about to be made."""

    batch_id: int
    token: str
    items: tuple[Item, ...]
    body: bytes
    expectation: str | None
    passage: Passage | None = None
    balance_rows: tuple[int | None, ...] = ()


def _begin(
    connection: sqlite3.Connection,
    call: _Intent,
    now: int,
    *,
    linger: float = 0.0,
    facts: Mapping[str, object] | None = None,
) -> Claim:
    """Write the intent: the attempt, its awards on their way, the lane that it takes, and the entry in the history."""
    award_ids = json.dumps([item.award_id for item in call.items])
    body_sha256 = hashlib.sha256(call.body).hexdigest()
    attempt_id, *stands = connection.execute(
        "INSERT INTO attempts (batch_id, state, claimed_at, token, awards, body_sha256, expectation)"  # noqa: S608 # our words
        f" VALUES (?, 'open', ?, ?, ?, ?, ?) RETURNING id, {events.OF_ATTEMPT}",
        (call.batch_id, now, call.token, award_ids, body_sha256, call.expectation),
    ).fetchone()
    claimed = sum(
        connection.execute(
            "UPDATE awards SET state = 'sending', attempts = attempts + 1, attempt_id = ?, detail = NULL,"
            " changed_at = ? WHERE id BETWEEN ? AND ?",
            (attempt_id, now, first, last),
        ).rowcount
        for first, last in ranges(item.award_id for item in call.items)
    )
    if claimed != len(call.items):
        raise AssertionError(f"{claimed} of {len(call.items)} awards were claimed")
    if call.passage is not None:
        _lanes.take(connection, call.passage, attempt_id, now / 1000 + START_WITHIN + linger)
    about = {"batch_id": call.batch_id, "attempt_id": attempt_id}
    events.append(connection, now, EventKind.CALL_BEGUN, **about, facts=facts, stands=Stands(*stands))
    return Claim(attempt_id, call.batch_id, call.token, call.items, call.body, call.passage, call.balance_rows)


def _passage(
    connection: sqlite3.Connection, items: Sequence[Item], plan: Plan, free_at: FreeAt, passed: float
) -> Passage | NoLane | None:
    """The lane for a call; ``None``: it goes without, because the plan has none, or none for credentials that a members
    programme pays."""
    if not plan.lanes or goes_by_credential(items[0].target):
        return None
    return _lanes.pick(connection, plan.lanes, free_at, passed)


def claimable(connection: sqlite3.Connection, batch_id: int, kind: str, limit: int) -> list[Claimable]:
    """What the next call of the batch would carry, with what is known of its recipients."""
    (rows,) = connection.execute(_CLAIMABLE, (batch_id, limit)).fetchone()
    return _one_lot(connection, batch_id, kind, rows)


def _one_lot(connection: sqlite3.Connection, batch_id: int, kind: str, rows: str) -> list[Claimable]:
    """Those of the lowest lot, and whatever else happens: one target once, because answers are matched by target."""
    found: list[list[Any]] = json.loads(rows)
    by_target: dict[str, Claimable] = {}
    for lot, row_id, balance, told_at, *row in found:
        if lot != found[0][0]:
            break
        item = _rows.item(row)
        by_target.setdefault(item.target, Claimable(item, row_id, balance, told_at))
    if found and _once.is_once(kind, found[0][0]):
        first = next(iter(by_target.values()))
        return [first._replace(item=_once.named(connection, batch_id, [first.item])[0])]
    return list(by_target.values())


@dataclass(frozen=True, slots=True)
class _Ending:
    """How an attempt ends."""

    state: str
    word: str
    outcomes: Mapping[int, Outcome]
    apart: Sequence[Sequence[int]] = ()
    """Groups of awards to be sent again, each in a lot of its own."""


def record(
    connection: sqlite3.Connection,
    claim: Claim,
    verdict: Verdict,
    rejected: Mapping[int, str],
    split: bool,
    landing: Landing | None,
    now: int,
) -> None:
    """``Claims.record_outcome``."""
    if verdict.job_id is not None and _is_of_another_call(connection, claim, verdict.job_id):
        not_its = dict.fromkeys(verdict.outcomes, Outcome(OutcomeKind.UNKNOWN, JOB_OF_ANOTHER))
        verdict = replace(verdict, outcomes=not_its, job_id=None, detail=JOB_OF_ANOTHER)
    ending = _ending(claim, verdict, rejected, split)
    stands = _end_attempt(connection, claim, verdict, ending, now)
    if landing is not None:
        _lanes.land(connection, landing, claim.attempt_id)
    moved = _outcomes.store(connection, claim.attempt_id, ending.outcomes, now)
    _balances.note(connection, claim, ending.outcomes, now)
    lots = set_apart(connection, claim.batch_id, ending.apart)
    goes_back = any(outcome.kind is OutcomeKind.NOT_SENT for outcome in ending.outcomes.values())
    if goes_back:
        moved += _outcomes.settle_planned(connection, claim.batch_id, now).moved
    events.append(
        connection,
        now,
        EventKind.CALL_ENDED,
        batch_id=claim.batch_id,
        attempt_id=claim.attempt_id,
        moved=moved,
        facts={"lots": lots} if lots else None,
        stands=None if lots or goes_back else stands,  # those change the batch
    )
    if verdict.pause is not None:
        _pause(connection, claim.batch_id, verdict.pause, now)


def _is_of_another_call(connection: sqlite3.Connection, claim: Claim, job_id: str) -> bool:
    """Whether an answer names the job of an earlier call. Its report would be about those awards, perhaps of the same
    people; what became of this call the list has to tell."""
    row = connection.execute(_OTHER_OF_JOB, (claim.batch_id, job_id, claim.attempt_id)).fetchone()
    return row is not None


def _ending(claim: Claim, verdict: Verdict, rejected: Mapping[int, str], split: bool) -> _Ending:
    claimed = {item.award_id for item in claim.items}
    if verdict.outcomes.keys() != claimed:
        raise AssertionError(f"the verdict on attempt {claim.attempt_id} is not about exactly its awards")
    if not rejected.keys() <= claimed or (rejected and not verdict.refused_whole):
        raise AssertionError(f"awards are rejected that attempt {claim.attempt_id} does not allow to judge")
    if verdict.refused_whole:
        return _refused_whole(claim, verdict, rejected, split)
    kinds = {outcome.kind for outcome in verdict.outcomes.values()}
    accepted = OutcomeKind.ACCEPTED in kinds
    if accepted and verdict.job_id is None:
        raise AssertionError(f"attempt {claim.attempt_id} was accepted as a job without an id")
    return _Ending("accepted" if accepted else "closed", _outcomes.verdict_of(kinds), verdict.outcomes)


def _refused_whole(claim: Claim, verdict: Verdict, rejected: Mapping[int, str], split: bool) -> _Ending:
    rest = [item.award_id for item in claim.items if item.award_id not in rejected]
    if rest and len(claim.items) == 1:
        raise AssertionError("a single award that was refused alone is at fault itself")
    again = Outcome(OutcomeKind.NOT_SENT, verdict.detail)
    outcomes = dict.fromkeys(rest, again)
    for award_id, why in rejected.items():
        outcomes[award_id] = Outcome(OutcomeKind.REJECTED, why)
    groups = halves(rest) if split else [rest] if rest else []
    return _Ending("closed", "refused-whole", outcomes, groups)


def _end_attempt(connection: sqlite3.Connection, claim: Claim, verdict: Verdict, ending: _Ending, now: int) -> Stands:
    accepted = ending.state == "accepted"
    ended = connection.execute(
        "UPDATE attempts SET state = ?, verdict = ?, closed_at = ?, accepted_at = ?, http_status = ?,"  # noqa: S608 # our words
        " request_id = ?, detail = ?, evidence = ?, job_id = ? WHERE id = ? AND batch_id = ? AND state = 'open'"
        f" RETURNING {events.OF_ATTEMPT}",
        (
            *(ending.state, ending.word, None if accepted else now, now if accepted else None, verdict.status),
            *(verdict.request_id, verdict.detail, json.dumps(dict(verdict.evidence), default=str), verdict.job_id),
            *(claim.attempt_id, claim.batch_id),
        ),
    ).fetchone()
    if ended is None:
        raise AlreadyRecorded(f"attempt {claim.attempt_id} has its outcome already; the second one was not stored")
    return Stands(*ended)


def halves(award_ids: Sequence[int]) -> list[Sequence[int]]:
    """The groups in which awards of a refused call are tried next."""
    middle = (len(award_ids) + 1) // 2
    return [group for group in (award_ids[:middle], award_ids[middle:]) if group]


def set_apart(connection: sqlite3.Connection, batch_id: int, groups: Sequence[Sequence[int]]) -> list[object]:
    """Let each group go in a lot of its own; each new lot with its awards, for the history."""
    lots: list[object] = []
    for group in groups:
        # Even lots stay even and odd ones odd: the parity tells the endpoint.
        connection.execute(
            "UPDATE batches SET last_lot = last_lot - last_lot % 2 + 2"
            " + (SELECT lot % 2 FROM awards WHERE id = ?2) WHERE id = ?1",
            (batch_id, group[0]),
        )
        connection.execute(
            "UPDATE awards SET lot = (SELECT last_lot FROM batches WHERE id = ?)"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (batch_id, json.dumps(group)),
        )
        (lot,) = connection.execute("SELECT last_lot FROM batches WHERE id = ?", (batch_id,)).fetchone()
        lots.append([lot, ranges(group)])
    return lots


def _pause(connection: sqlite3.Connection, batch_id: int, pause: Pause, now: int) -> None:
    row = connection.execute(
        "UPDATE batches SET state = 'paused', pause_kind = ?, pause_detail = ? WHERE id = ? AND state = 'open'"
        " RETURNING server_id",
        (pause.kind.value, pause.message, batch_id),
    ).fetchone()
    if row is not None:
        detail = {"kind": pause.kind.value, "message": pause.message}
        events.append(connection, now, EventKind.BATCH_PAUSED, server_id=row[0], batch_id=batch_id, detail=detail)


def mark_interrupted(connection: sqlite3.Connection, now: int) -> tuple[int, int]:
    """``Claims.mark_interrupted``: attempts, awards."""
    interrupted = connection.execute("SELECT id, batch_id FROM attempts WHERE state = 'open' ORDER BY id").fetchall()
    by_batch: dict[int, list[int]] = {}
    for attempt_id, batch_id in interrupted:
        by_batch.setdefault(batch_id, []).append(_interrupt(connection, attempt_id, batch_id, now))
    connection.execute("UPDATE lanes SET again = 0 WHERE again")
    for batch_id, awards in sorted(by_batch.items()):
        (server_id,) = connection.execute("SELECT server_id FROM batches WHERE id = ?", (batch_id,)).fetchone()
        detail = {"attempts": len(awards), "awards": sum(awards)}
        events.append(
            connection, now, EventKind.CALLS_INTERRUPTED, server_id=server_id, batch_id=batch_id, detail=detail
        )
    return len(interrupted), sum(map(sum, by_batch.values()))


def _interrupt(connection: sqlite3.Connection, attempt_id: int, batch_id: int, now: int) -> int:
    """How many awards were caught in the call."""
    sending = _outcomes.sending(connection, attempt_id)
    connection.execute(
        "UPDATE awards SET state = 'unknown', detail = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (INTERRUPTED, now, json.dumps(sending)),
    )
    connection.execute(
        "UPDATE attempts SET state = 'closed', verdict = 'interrupted', closed_at = ? WHERE id = ?", (now, attempt_id)
    )
    _balances.forget(connection, batch_id, sending, now)
    moved = Moved("unknown", sending, INTERRUPTED)
    events.append(connection, now, EventKind.CALL_ENDED, batch_id=batch_id, attempt_id=attempt_id, moved=[moved])
    return len(sending)
