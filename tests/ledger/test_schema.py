"""What the database itself enforces, whatever the code above it does."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterator

import pytest

from bot.domain.states import AWARD_MOVES, BATCH_MOVES, AwardState, BatchState
from bot.ledger import _calls, _outcomes, migrations
from bot.ledger.matching import _STATES
from tests.ledger.making import CURRENCY, REALM

BATCH = {
    "id": 1,
    "draft_id": 1,
    "source": "file",
    "state": "open",
    "recorded_at": 1,
    "starts_at": 1,
    "actor_id": "11",
    "actor_name": "Ada",
    "programme": "drip-credentials",
    "kind": "drip-credentials",
    "account": REALM,
    "currency": CURRENCY,
    "unit": "points",
    "request": "{}",
    "choice": "{}",
    "content_hash": "h",
    "awards": 1,
    "total": 5,
    "first_award": 1,
    "last_award": 1,
    "last_lot": 0,
}
AWARD = {
    "batch_id": 1,
    "line": 2,
    "recipient_type": "discord-id",
    "recipient_value": "1",
    "key": "discord-id:1",
    "target": "1",
    "amount": 5,
    "state": "planned",
    "changed_at": 1,
}
ATTEMPT = {"id": 1, "batch_id": 1, "state": "open", "claimed_at": 1, "token": "t", "awards": "[1]", "body_sha256": "b"}


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, object], **more: object) -> None:
    row = {**values, **more}
    columns = ", ".join(row)
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


@pytest.fixture
def bare() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(migrations.packaged()[0].sql)
    _insert(connection, "batches", BATCH)
    _insert(connection, "attempts", ATTEMPT)
    yield connection
    connection.close()


PATHS = {
    AwardState.PLANNED: (),
    AwardState.SENDING: ("sending",),
    AwardState.APPLIED: ("sending", "applied"),
    AwardState.REJECTED: ("sending", "rejected"),
    AwardState.UNKNOWN: ("sending", "unknown"),
    AwardState.CANCELLED: ("cancelled",),
    AwardState.WRITTEN_OFF: ("sending", "unknown", "written-off"),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(AwardState, 2)))
def test_an_award_moves_only_as_the_table_of_states_says(bare: sqlite3.Connection, old: AwardState, new: AwardState):
    _insert(bare, "awards", AWARD)
    for state in PATHS[old]:
        bare.execute("UPDATE awards SET state = ?, attempt_id = 1", (state,))
    sql = "UPDATE awards SET state = ?, attempt_id = 1"
    if new in AWARD_MOVES[old]:
        assert bare.execute(sql, (new.value,)).rowcount == 1
    else:
        with pytest.raises(sqlite3.IntegrityError, match="illegal move of an award"):
            bare.execute(sql, (new.value,))


BATCH_PATHS = {
    BatchState.OPEN: (),
    BatchState.PAUSED: ("paused",),
    BatchState.STOPPED: ("stopped",),
    BatchState.FINISHED: ("finished",),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(BatchState, 2)))
def test_a_batch_moves_only_as_the_table_of_states_says(bare: sqlite3.Connection, old: BatchState, new: BatchState):
    sql = "UPDATE batches SET state = ?1, pause_kind = iif(?1 = 'paused', 'person', NULL)"
    for state in BATCH_PATHS[old]:
        bare.execute(sql, (state,))
    if new in BATCH_MOVES[old]:
        assert bare.execute(sql, (new.value,)).rowcount == 1
    else:
        with pytest.raises(sqlite3.IntegrityError, match="illegal move of a batch"):
            bare.execute(sql, (new.value,))


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("open", "accepted", True),
        ("open", "closed", True),
        ("accepted", "closed", True),
        ("accepted", "open", False),
        ("closed", "open", False),
        ("closed", "accepted", False),
    ],
)
def test_an_attempt_never_goes_back(bare: sqlite3.Connection, old: str, new: str, allowed: bool):
    sql = (
        "UPDATE attempts SET state = ?1, job_id = 'j', verdict = iif(?1 = 'open', NULL, 'mixed'),"
        " closed_at = iif(?1 = 'closed', 1, NULL)"
    )
    if old != "open":
        bare.execute(sql, (old,))
    if allowed:
        assert bare.execute(sql, (new,)).rowcount == 1
    else:
        with pytest.raises(sqlite3.IntegrityError, match="illegal move of an attempt"):
            bare.execute(sql, (new,))


@pytest.mark.parametrize("state", [state for state in AwardState if state not in {"planned", "rejected"}])
def test_an_award_begins_planned_or_rejected(bare: sqlite3.Connection, state: AwardState):
    with pytest.raises(sqlite3.IntegrityError, match="begins planned or rejected"):
        _insert(bare, "awards", AWARD, state=state.value, attempt_id=1)


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount", 6), ("target", "2"), ("key", "discord-id:2"), ("batch_id", 2), ("line", 3), ("continues", 1)],
)
def test_an_award_is_never_edited(bare: sqlite3.Connection, column: str, value: object):
    _insert(bare, "awards", AWARD)
    with pytest.raises(sqlite3.IntegrityError, match="never edited"):
        bare.execute(f"UPDATE awards SET {column} = ?", (value,))


@pytest.mark.parametrize("column", ["account", "currency", "unit", "template", "actor_id", "server_id", "kind"])
def test_where_a_batch_goes_is_frozen(bare: sqlite3.Connection, column: str):
    with pytest.raises(sqlite3.IntegrityError, match="a batch is never edited"):
        bare.execute(f"UPDATE batches SET {column} = 'elsewhere'")


@pytest.mark.parametrize("column", ["token", "awards", "body_sha256", "claimed_at"])
def test_an_intent_is_never_edited(bare: sqlite3.Connection, column: str):
    with pytest.raises(sqlite3.IntegrityError, match="an attempt is never edited"):
        bare.execute(f"UPDATE attempts SET {column} = 1")


@pytest.mark.parametrize("table", ["awards", "batches", "attempts", "events", "left_out", "ledger"])
def test_history_is_never_deleted(bare: sqlite3.Connection, table: str):
    _fill(bare)
    with pytest.raises(sqlite3.IntegrityError, match=r"kept|keeps"):
        bare.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize("sql", ["events SET detail = 'x'", "left_out SET detail = 'x'", "ledger SET practice = 1"])
def test_history_is_never_changed(bare: sqlite3.Connection, sql: str):
    _fill(bare)
    with pytest.raises(sqlite3.IntegrityError, match=r"kept|keeps"):
        bare.execute(f"UPDATE {sql}")


def _fill(bare: sqlite3.Connection) -> None:
    _insert(bare, "awards", AWARD)
    bare.execute("INSERT INTO events (at, kind, facts, hash, detail) VALUES (1, 'k', '{}', x'00', '{}')")
    bare.execute("INSERT INTO left_out (batch_id, line, detail) VALUES (1, 5, 'why')")
    bare.execute("INSERT INTO ledger VALUES (1, 'id', 1, 0)")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": 12.5}, "cannot store REAL"),
        ({"amount": "12.5"}, "cannot store REAL"),
        ({"amount": "ten"}, "cannot store TEXT"),
        ({"amount": 0}, "amount <> 0"),
        ({"target": None}, "CHECK"),
        ({"batch_id": 9}, "FOREIGN KEY"),
    ],
)
def test_an_award_that_makes_no_sense_is_not_stored(bare: sqlite3.Connection, changes: dict[str, object], words: str):
    with pytest.raises(sqlite3.IntegrityError, match=words):
        _insert(bare, "awards", AWARD, **changes)


@pytest.mark.parametrize("state", list(AwardState))
def test_only_what_was_not_paid_can_be_continued_and_only_once(bare: sqlite3.Connection, state: AwardState):
    _insert(bare, "awards", AWARD)
    for step in PATHS[state]:
        bare.execute("UPDATE awards SET state = ?, attempt_id = 1", (step,))
    if state in {"rejected", "cancelled"}:
        _insert(bare, "awards", AWARD, continues=1)
        with pytest.raises(sqlite3.IntegrityError, match=r"awards\.continues"):
            _insert(bare, "awards", AWARD, continues=1)
    else:
        with pytest.raises(sqlite3.IntegrityError, match="not continued"):
            _insert(bare, "awards", AWARD, continues=1)


def test_a_draft_becomes_one_batch_only(bare: sqlite3.Connection):
    with pytest.raises(sqlite3.IntegrityError, match=r"batches\.draft_id"):
        _insert(bare, "batches", BATCH, id=2)


def test_a_pause_has_a_reason_and_only_a_pause(bare: sqlite3.Connection):
    for sql in ("UPDATE batches SET state = 'paused'", "UPDATE batches SET pause_kind = 'person'"):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            bare.execute(sql)


def test_no_award_is_under_way_without_an_attempt(bare: sqlite3.Connection):
    _insert(bare, "awards", AWARD)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        bare.execute("UPDATE awards SET state = 'sending'")


def test_what_counts_as_paid_is_what_the_matching_asks_for():
    assert _STATES == "'applied', 'planned', 'sending', 'unknown', 'written-off'"


QUESTIONS = [
    (
        _calls._NEXT_OF_OPEN,
        {
            "halts_in_force",
            "awards_planned",
            "awards_in_doubt",
            "awards_in_doubt_by_target",
            "attempts_unfinished",
            "sqlite_autoindex_balances_1",
            "sqlite_autoindex_purses_1",
        },
    ),
    (_calls._OTHER_OF_JOB, {"attempts_by_job"}),
    (_calls._WAITS_FOR_CALL, {"awards_planned", "attempts_unfinished"}),
    ("SELECT 1 FROM awards WHERE batch_id = 1 AND state = 'planned' LIMIT 1", {"awards_planned"}),
    (_outcomes.IN_FLIGHT, {"attempts_unfinished"}),
    ("SELECT 1 FROM awards WHERE state = 'unknown' AND batch_id = 1 ORDER BY id", {"awards_in_doubt_by_batch"}),
    ("SELECT 1 FROM awards WHERE key = 'k' AND id >= 5", {"awards_by_key"}),
    ("SELECT 1 FROM awards WHERE continues = 5", {"awards_one_successor"}),
    ("SELECT 1 FROM attempts WHERE state = 'accepted'", {"attempts_unfinished"}),
    ("SELECT 1 FROM attempts WHERE state = 'open'", {"attempts_unfinished"}),
    ("SELECT 1 FROM batches WHERE parent_id = 5", {"batches_by_parent"}),
]


@pytest.mark.parametrize(("sql", "indexes"), QUESTIONS, ids=[sql[:60] for sql, _ in QUESTIONS])
def test_the_questions_asked_all_the_time_need_no_walk_through_a_table(
    bare: sqlite3.Connection, sql: str, indexes: set[str]
):
    values = [1, "a", 1, 0][: len(set(re.findall(r"[?][1-4]", sql)))]
    steps = [row[3] for row in bare.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    plan = " ".join(steps)
    assert set(re.findall(r"INDEX ([a-z]\w+)", plan)) == indexes
    walks = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    # The few rows of the calls under way, of what was found, and of the restorations there ever were.
    assert set(walks) <= {"SCAN under_way", "SCAN next", "SCAN restorations"}
    assert "TEMP B-TREE" not in plan
