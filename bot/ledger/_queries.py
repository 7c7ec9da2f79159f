"""SQL of the larger questions, each inside one read transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from bot.domain.model import Award
from bot.domain.states import AwardState
from bot.errors import LedgerError, NotFound
from bot.ledger import _names, _rows
from bot.ledger._query_values import NOTHING_HELD_BACK, Attempt, Calls, Event, HeldBack

LINES_CHUNK: Final = 5000

SEEN_FROM_2: Final = "(?2 IS NULL OR b.server_id IS NULL OR b.server_id = ?2)"
"""Whether batch ``b`` is to be seen from server ``?2``: its own batches, and those of the command line."""

_ATTEMPT: Final = (
    "id, batch_id, state, claimed_at, closed_at, token, awards, verdict, http_status, request_id, detail, job_id"
)


def ledger(connection: sqlite3.Connection) -> tuple[str, bool]:
    """Id of the ledger, and whether it is for practice."""
    row = connection.execute("SELECT id, practice FROM ledger").fetchone()
    if row is None:
        raise LedgerError("the ledger is not set up yet", hint="Start the bot once with it.")
    return row[0], bool(row[1])


def awards(
    batch_id: int | None,
    states: Sequence[AwardState] | None,
    after: int,
    limit: int,
    connection: sqlite3.Connection,
) -> Sequence[Award]:
    """The next awards by id."""
    sql = f"SELECT {_rows.AWARD} FROM awards a WHERE a.id > max(?1, ?2) AND a.id <= ?3"  # noqa: S608 # our words
    first, last = 1, 2**63 - 1
    if batch_id is not None:
        row = connection.execute("SELECT first_award, last_award FROM batches WHERE id = ?", (batch_id,)).fetchone()
        if row is None:
            return []
        first, last = row
    if states is not None:
        sql += " AND a.state IN (SELECT value FROM json_each(?5))"
    found = connection.execute(
        f"{sql} ORDER BY a.id LIMIT ?4",
        (
            after,
            first - 1,
            last,
            limit,
            *([json.dumps([state.value for state in states])] if states is not None else []),
        ),
    )
    return [_rows.award(row) for row in found]


def attempts(where: str, values: tuple[object, ...], connection: sqlite3.Connection) -> Sequence[Attempt]:
    """Attempts that fulfil ``where``."""
    found = connection.execute(f"SELECT {_ATTEMPT} FROM attempts WHERE {where}", values)  # noqa: S608 # our words
    return [_attempt(row) for row in found]


def calls_since(account: str, since_ms: int, connection: sqlite3.Connection) -> int:
    """``Queries.calls_since``."""
    (counted,) = connection.execute(
        "SELECT count(*) FROM batches b CROSS JOIN attempts t INDEXED BY attempts_by_batch ON t.batch_id = b.id"
        " WHERE b.account = ? AND t.claimed_at >= ?",
        (account, since_ms),
    ).fetchone()
    return int(counted)


def calls(batch_id: int, most: int, connection: sqlite3.Connection) -> Calls:
    """Counted, with the last ``most`` that did not go through whole: a large batch has thousands of calls."""
    total, clean = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE verdict = 'applied') FROM attempts WHERE batch_id = ?", (batch_id,)
    ).fetchone()
    others = attempts(
        "batch_id = ? AND verdict IS NOT 'applied' ORDER BY id DESC LIMIT ?", (batch_id, most), connection
    )
    return Calls(total, clean, tuple(reversed(others)))


def _attempt(row: _rows.Row) -> Attempt:
    (id_, batch_id, state, claimed_at, closed_at, token, award_ids) = row[:7]
    (verdict, http_status, request_id, detail, job_id) = row[7:]
    return Attempt(
        id=id_,
        batch_id=batch_id,
        state=state,
        claimed_at=claimed_at,
        closed_at=closed_at,
        token=token,
        award_ids=tuple(json.loads(award_ids)),
        verdict=verdict,
        http_status=http_status,
        request_id=request_id,
        detail=detail,
        job_id=job_id,
    )


def events(batch_id: int, connection: sqlite3.Connection) -> Sequence[Event]:
    """The history of a batch, without the entries of single calls."""
    found = connection.execute(
        # The entry itself names nobody but who confirmed: the others can be blanked without it.
        "SELECT e.seq, e.at, e.kind, e.batch_id, e.award_id, e.actor_id, e.actor_name,"
        " iif(e.kind = 'batch-recorded', b.choice, e.detail)"
        " FROM events e JOIN batches b ON b.id = e.batch_id"
        " WHERE e.batch_id = ? AND e.attempt_id IS NULL ORDER BY e.seq",
        (batch_id,),
    )
    return [
        Event(seq, at, kind, event_batch, award_id, _names.of_entry(actor_id, actor_name), _rows.mapping(detail))
        for seq, at, kind, event_batch, award_id, actor_id, actor_name, detail in found
    ]


def award_lines(
    batch_id: int,
    after: int,
    take: Callable[[Iterable[_rows.Row]], int | None],
    connection: sqlite3.Connection,
) -> int | None:
    """Hand ``take`` the next awards of a batch, with what a result file says of their lines; its answer."""
    return take(
        connection.execute(
            "SELECT a.id, a.line, a.lines, a.state, a.detail, a.changed_at, a.amount, a.amounts"
            " FROM batches b CROSS JOIN awards a"
            " ON a.id BETWEEN max(b.first_award, ?2 + 1) AND b.last_award WHERE b.id = ?1 ORDER BY a.id LIMIT ?3",
            (batch_id, after, LINES_CHUNK),
        )
    )


def left_out(batch_id: int, take: Callable[[Iterable[_rows.Row]], None], connection: sqlite3.Connection) -> None:
    """Hand ``take`` the lines that were left out of a batch, with the reason, or with the award they stand for."""
    take(
        connection.execute(
            "SELECT l.line, l.detail, l.status, a.id, a.state, a.changed_at, a.batch_id FROM left_out l"
            " LEFT JOIN awards a ON a.id = l.award_id WHERE l.batch_id = ?",
            (batch_id,),
        )
    )


def request(batch_id: int, connection: sqlite3.Connection) -> str:
    """How the file of a batch was read, as JSON."""
    row = connection.execute("SELECT request FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no batch {batch_id} here")
    return str(row[0])


def continued(award_ids: Sequence[int], server_id: str | None, connection: sqlite3.Connection) -> Mapping[int, Award]:
    """The last award of each chain."""
    found = connection.execute(
        "WITH RECURSIVE chain (root, id) AS ("  # noqa: S608 # our words
        "  SELECT a.id, a.id FROM json_each(?1) wanted JOIN awards a ON a.id = wanted.value"
        f"  JOIN batches b ON b.id = a.batch_id WHERE {SEEN_FROM_2}"
        "  UNION SELECT chain.root, next.id FROM chain JOIN awards next ON next.continues = chain.id)"
        f" SELECT chain.root, {_rows.AWARD} FROM chain JOIN awards a ON a.id = chain.id ORDER BY a.id",
        (json.dumps(list(award_ids)), server_id),
    )
    # Ascending ids: what comes last for a root is the end of its chain.
    return {root: _rows.award(tuple(row)) for root, *row in found}


def taken_back(award_ids: Sequence[int], connection: sqlite3.Connection) -> Mapping[int, int]:
    """``Queries.taken_back``."""
    found = connection.execute(
        "SELECT r.reverses, r.batch_id FROM json_each(?) wanted CROSS JOIN awards r INDEXED BY awards_reversed_once"
        " ON r.reverses = wanted.value AND r.state NOT IN ('rejected', 'cancelled') AND r.state = 'applied'",
        (json.dumps(list(award_ids)),),
    )
    return dict(found.fetchall())


def retryable(batch_id: int, states: Sequence[AwardState], connection: sqlite3.Connection) -> int:
    """Awards without a successor. Each state in words of its own: there is an index of the rejected ones."""
    found = " UNION ALL ".join(
        "SELECT a.id FROM batches b CROSS JOIN awards a ON a.batch_id = b.id"  # noqa: S608 # our words
        f" AND a.id BETWEEN b.first_award AND b.last_award WHERE b.id = ?1 AND a.state = '{state}'"
        for state in states
    )
    (number,) = connection.execute(
        f"SELECT count(*) FROM ({found}) a WHERE NOT EXISTS (SELECT 1 FROM awards n WHERE n.continues = a.id)",  # noqa: S608 # our words
        (batch_id,),
    ).fetchone()
    return int(number)


# The rule of ``_calls``: a recipient in doubt at the same account, by key or by target.
_HELD_BACK: Final = " UNION ".join(
    f"SELECT a.id, u.id, v.id, v.server_id FROM awards a CROSS JOIN awards u INDEXED BY {index} ON u.{name} = a.{name}"  # noqa: S608 # our words
    " CROSS JOIN batches v ON v.id = u.batch_id WHERE a.batch_id = ?1 AND a.state = 'planned' AND u.state = 'unknown'"
    " AND v.account = (SELECT account FROM batches WHERE id = ?1)"
    for name, index in (("key", "awards_in_doubt"), ("target", "awards_in_doubt_by_target"))
)


_HELD_BACK_AHEAD: Final = " UNION ".join(
    "SELECT d.line, u.id, v.id, v.server_id FROM draft_rows d CROSS JOIN awards u"  # noqa: S608 # our words
    f" INDEXED BY {index} ON u.{name} = d.{name} CROSS JOIN batches v ON v.id = u.batch_id"
    " WHERE d.draft_id = ?1 AND d.unresolved IS NULL AND u.state = 'unknown' AND v.account = ?2"
    for name, index in (("key", "awards_in_doubt"), ("target", "awards_in_doubt_by_target"))
)


def held_back_ahead(
    draft_id: int, account: str, server_id: str | None, limit: int, connection: sqlite3.Connection
) -> HeldBack:
    """Rows of a draft that would wait behind a doubt if it were recorded now."""
    if connection.execute("SELECT 1 FROM awards WHERE state = 'unknown' LIMIT 1").fetchone() is None:
        return NOTHING_HELD_BACK
    found = connection.execute(_HELD_BACK_AHEAD, (draft_id, account)).fetchall()
    return _held(found, server_id, limit)


def held_back(batch_id: int, limit: int, connection: sqlite3.Connection) -> HeldBack:
    """Planned awards behind a doubt."""
    # Nearly always nobody is in doubt, and then not every planned award has to be asked about.
    if connection.execute("SELECT 1 FROM awards WHERE state = 'unknown' LIMIT 1").fetchone() is None:
        return NOTHING_HELD_BACK
    (server_id,) = connection.execute("SELECT server_id FROM batches WHERE id = ?", (batch_id,)).fetchone()
    return _held(connection.execute(_HELD_BACK, (batch_id,)).fetchall(), server_id, limit)


def _held(found: Sequence[tuple[int, int, int, str | None]], server_id: str | None, limit: int) -> HeldBack:
    """``found``: what waits, the award in doubt, its batch, and whose that is."""
    doubts = sorted({doubt for _, doubt, _, _ in found})
    seen = sorted({batch for _, _, batch, theirs in found if server_id is None or theirs in (None, server_id)})
    return HeldBack(len({waits for waits, _, _, _ in found}), tuple(doubts[:limit]), len(doubts), tuple(seen[:limit]))
