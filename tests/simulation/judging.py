"""The books of the ledger against the truth of the world."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator

from bot.ledger.verifying import examine
from tests.simulation.people import Told
from tests.simulation.world import World

_BLOCKED = (
    "SELECT count(*) FROM awards a JOIN batches b ON b.id = a.batch_id WHERE a.state = 'planned' AND NOT EXISTS"
    " (SELECT 1 FROM awards u JOIN batches v ON v.id = u.batch_id WHERE u.state = 'unknown' AND v.account = b.account"
    " AND (u.key = a.key OR u.target = a.target))"
)
_RULES = {
    "stuck: an award is still being sent": "SELECT count(*) FROM awards WHERE state = 'sending'",
    "stuck: an award is planned and nothing stands in its way": _BLOCKED,
    "stuck: a batch is over and has planned awards": "SELECT count(*) FROM batches b JOIN awards a ON a.batch_id = b.id"
    " WHERE b.state IN ('stopped', 'finished') AND a.state IN ('planned', 'sending')",
    "stuck: a batch is neither over nor waits for a doubt": "SELECT count(*) FROM batches b WHERE b.state NOT IN"
    " ('stopped', 'finished') AND NOT EXISTS (SELECT 1 FROM awards a WHERE a.batch_id = b.id AND a.state = 'planned')",
    "stuck: a lane is kept by a call that is over": "SELECT count(*) FROM lanes l WHERE l.attempt_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM awards a WHERE a.attempt_id = l.attempt_id AND a.state = 'unknown')",
    "a lane is disturbed": "SELECT count(*) FROM lanes WHERE trouble IS NOT NULL",
    "stuck: an attempt is open": "SELECT count(*) FROM attempts WHERE state = 'open'",
    "a batch does not add up": "SELECT count(*) FROM batches b JOIN (SELECT batch_id, count(*) n, sum(amount) total,"
    " min(id) low, max(id) high FROM awards GROUP BY batch_id) a ON a.batch_id = b.id WHERE b.awards <> a.n"
    " OR b.total <> a.total OR b.first_award <> a.low OR b.last_award <> a.high",
    "an award names a call that it was not in": "SELECT count(*) FROM awards a JOIN attempts t ON t.id = a.attempt_id"
    " WHERE NOT EXISTS (SELECT 1 FROM json_each(t.awards) WHERE value = a.id)",
    "an award was settled without a call": "SELECT count(*) FROM awards WHERE attempts = 0"
    " AND state IN ('applied', 'unknown', 'written-off')",
    # By the order of the history: the clock on the wall is set back in some runs.
    "a stopped batch sent something": "SELECT count(*) FROM events s JOIN events c USING (batch_id)"
    " WHERE s.kind = 'batch-stopped' AND c.kind = 'call-begun' AND c.seq > s.seq",
    "one call paid one recipient twice": "SELECT count(*) FROM (SELECT t.id FROM attempts t, json_each(t.awards) one"
    " JOIN awards a ON a.id = one.value GROUP BY t.id, a.target HAVING count(*) > 1)",
    "a draft became two batches": "SELECT count(*) FROM (SELECT draft_id FROM batches GROUP BY draft_id HAVING"
    " count(*) > 1)",
}


def judge(
    connection: sqlite3.Connection, world: World, told: Told, *, verified: bool
) -> tuple[list[str], Counter[str]]:
    """Everything that is wrong in the end, and how many awards are in which state. ``verified``: the program's own
    examination of the ledger has to agree."""
    findings = [f"{rule}: {n}" for rule, sql in _RULES.items() if (n := connection.execute(sql).fetchone()[0])]
    findings += _amounts(connection, world)
    findings += _promises(connection, told)
    findings += _calls(connection, world)
    if verified and (bad := examine(connection).bad) is not None:
        findings.append(f"the ledger does not verify: {bad}")
    states = Counter(dict(connection.execute("SELECT state, count(*) FROM awards GROUP BY state")))
    return findings, states


def _amounts(connection: sqlite3.Connection, world: World) -> Iterator[str]:
    """Every amount is one award, or one chain of retries: it was carried out once exactly if the ledger says so."""
    states: dict[int, Counter[str]] = defaultdict(Counter)
    recipients: dict[int, str] = {}
    for amount, state, target, kind in connection.execute(
        "SELECT a.amount, a.state, coalesce(a.target, ''), b.kind FROM awards a JOIN batches b ON b.id = a.batch_id"
    ):
        states[amount][state] += 1
        recipients[amount] = f"customer {target}" if kind == "gameball" else target or recipients.get(amount, "")
    for amount in states.keys() | world.carried_out.keys():
        known, landed = states.get(amount, Counter()), world.carried_out.get(amount, [])
        if not known:
            yield f"phantom: {amount} was carried out and is in no batch"
        elif len(landed) > 1:
            yield f"doubled: {amount} was carried out {len(landed)} times, {dict(known)}"
        elif known["applied"] > len(landed):
            yield f"phantom: {amount} is called applied and was not carried out"
        elif landed and not known["applied"] and not known["unknown"]:
            yield f"lost: {amount} was carried out and the ledger does not know, {dict(known)}"
        elif landed and landed != [recipients[amount]]:
            yield f"misdirected: {amount} went to {landed} instead of {recipients[amount]}"


def _promises(connection: sqlite3.Connection, told: Told) -> Iterator[str]:
    """What people were told was recorded is recorded."""
    for batch_id, amounts in told.batches.items():
        found = {
            amount for (amount,) in connection.execute("SELECT amount FROM awards WHERE batch_id = ?", (batch_id,))
        }
        if not amounts <= found:
            yield f"lost: batch {batch_id} was promised and has not its awards"


def _calls(connection: sqlite3.Connection, world: World) -> Iterator[str]:
    """Every call that arrived has an attempt of its own."""
    attempts = Counter(
        digest
        for (digest,) in connection.execute(
            "SELECT body_sha256 FROM attempts UNION ALL SELECT t.body_sha256 FROM events e JOIN attempts t"
            " ON t.id = e.attempt_id WHERE e.kind = 'call-again'"
        )
    )
    for digest, arrived in world.calls.items():
        if arrived > attempts[digest]:
            yield f"{arrived} calls arrived for {attempts[digest]} attempts"
