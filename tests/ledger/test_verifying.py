"""``verify``: clean on every history that the ledger can write, and not to be fooled by what is written past it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from pathlib import Path

import pytest

from bot.domain.budgets import Period
from bot.domain.calls import Claim, Outcome, OutcomeKind, Verdict
from bot.domain.intake import Held
from bot.domain.lanes import Course, Landing, LaneKind, Plan
from bot.domain.model import Actor, Decision, Pause, PauseKind, Problem
from bot.domain.probing import Fate, Leg, Purse
from bot.domain.ring import Step
from bot.ledger import _seals, migrations
from bot.ledger.blanking import blank
from bot.ledger.events import GENESIS, entry_hash
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import Verified, examine, verify
from tests.ledger.making import (
    ADA,
    BOB,
    GAMEBALL,
    MEMBERS,
    HandClock,
    all_of,
    build,
    call,
    claim,
    confirmation,
    draft,
    each_of,
    in_doubt,
    query,
    record,
    row,
    rows,
)

APPLIED = Outcome(OutcomeKind.APPLIED, None, 120)
REJECTED = Outcome(OutcomeKind.REJECTED, "Insufficient balance")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, "no answer")
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, "refused to connect")
CONTENT = b"discord_id,amount\n" * 40


async def busy(ledger: Ledger, clock: HandClock) -> None:
    """One of everything: every kind of batch, call and decision."""
    await ledger.settings.change("900", "staff_channel_id", "77", ADA)
    await ledger.settings.change("900", "may_self", True, ADA)
    await ledger.settings.change("900", "may_self", None, BOB)
    staged = [row(line, line, 10, reason="well done" if line % 2 else None) for line in range(2, 10)]
    staged += [
        row(10, 3, 4),
        row(11, 99, 5, target=None, unresolved="nobody has this id"),
        row(12, 50, -7, lines=(12, 14), amounts=(-3, -4)),
    ]
    file = {"file_content": Held(CONTENT), "file_sha256": hashlib.sha256(CONTENT).hexdigest()}
    first = await record(
        ledger, staged, [Problem(13, "amount", "amount", "no number")], reason="Week 31", label="main", **file
    )
    clock.at += 1
    claimed = await claim(ledger, first.batch_id, 4)
    outcomes = [APPLIED, REJECTED, UNKNOWN, NOT_SENT]
    await ledger.claims.record_outcome(claimed, each_of(claimed, outcomes, status=200, evidence={"sent": True}))
    clock.at += 1
    await ledger.steering.resolve([claimed.items[2].award_id], Decision.LANDED, BOB, reason="I asked her")
    claimed = await claim(ledger, first.batch_id, 4)
    refused = Verdict({item.award_id: NOT_SENT for item in claimed.items}, refused_whole=True, detail="no")
    await ledger.claims.record_outcome(claimed, refused, rejected={claimed.items[0].award_id: "unknown"}, split=True)
    await ledger.steering.pause(first.batch_id, ADA, Pause(PauseKind.PERSON, "lunch"))
    second = await record(ledger, rows(5), actor=BOB, destination=GAMEBALL)
    claimed = await call(ledger, second.batch_id, OutcomeKind.ACCEPTED, 3, job_id="job-1")
    (job,) = await ledger.claims.jobs()
    told = {claimed.items[0].award_id: APPLIED}
    await ledger.claims.record_job(job, told, finished=False, detail="half done")
    clock.at += 1
    await ledger.claims.give_up_waiting(job, "too slow")
    await ledger.claims.record_job(job, {claimed.items[1].award_id: NOT_SENT}, finished=True, detail="ended")
    await ledger.steering.stop(second.batch_id, ADA)
    refused_id = (await _rejected(ledger, first.batch_id))[0]
    third = await record(ledger, [row(2, 3, 10, continues=refused_id)], parent_id=first.batch_id, source="retry")
    await claim(ledger, third.batch_id)
    await ledger.claims.mark_interrupted()
    await ledger.steering.resolve(await in_doubt(ledger, third.batch_id), Decision.SEND_AGAIN, ADA, reason="")
    await call(ledger, third.batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(third.batch_id)
    await ledger.boards.open(first.batch_id, "77")
    await _rules_and_probes(ledger)


async def _rules_and_probes(ledger: Ledger) -> None:
    """What no batch tells of."""
    await ledger.budgets.change("900", "user:11", {Period.DAY: "500", Period.WEEK: "900"}, BOB)
    await ledger.budgets.change("900", "user:11", {Period.DAY: None}, BOB)
    await ledger.settings.change("900", "approve_rows", 1, BOB)
    for _ in range(2):
        ready = await draft(ledger, rows(2, first=70))
        request = await ledger.approvals.ask(ready.id, confirmation(ready))
    await ledger.approvals.decide(request.id, BOB, approve=True)
    await ledger.recording.record_batch(ready.id, confirmation(ready))
    await ledger.halts.stop("900", BOB, "wrong file")
    await ledger.halts.release("900", ADA, "all well")
    await ledger.halts.stop("900", ADA, "once more")
    account, kind = GAMEBALL.account, GAMEBALL.kind
    number = await ledger.probes.begin(account, kind, "unit", [Leg(Purse("c1", "amount"), 1)])
    await ledger.probes.end(number, Fate.DONE, {"status": 200})
    await ledger.probes.begin(account, kind, "overdraft", [Leg(Purse("c1", "amount"), -9)])
    for name in ("unit", "overdraft"):
        await ledger.capabilities.store(account, kind, name, "same", {})
    await ledger.capabilities.forget(account, kind, "unit")
    await ledger.capabilities.forget(account, kind, "unit")


async def _rejected(ledger: Ledger, batch_id: int) -> list[int]:
    found = [award async for chunk in ledger.queries.awards(batch_id) for award in chunk]
    return [award.id for award in found if award.state == "rejected" and award.attempt_id is not None]


def tampered(template: bytes, *statements: str) -> Verified | None:
    """What ``verify`` says after these statements, run by somebody who can switch every rule of the tables that they
    name off and on again.

    ``None``: SQLite itself did not let it happen (a unique index, a type).
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        # Bytes 18 and 19 say "write-ahead log" (sqlite.org/fileformat.html), which there is none of in memory.
        connection.deserialize(template[:18] + b"\1\1" + template[20:])
        every = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        triggers = [(name, sql) for name, table, sql in every if any(table in statement for statement in statements)]
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        try:
            assert all(connection.execute(sql).rowcount != 0 for sql in statements)
        except sqlite3.IntegrityError:
            return None
        connection.execute("PRAGMA ignore_check_constraints = OFF")
        for _, sql in triggers:
            connection.execute(sql)
        return examine(connection)
    finally:
        connection.close()


CHANGES = {"INTEGER": "coalesce({0}, 0) + 1", "TEXT": "coalesce({0}, '') || 'x'", "BLOB": "x'00112233'"}
WATCHED = (
    "ledger",
    "files",
    "batches",
    "left_out",
    "attempts",
    "awards",
    "events",
    "server_settings",
    "ledger_migrations",
    *_seals.ROWS,
)
SAID_IN_ENTRIES = {"by_name", "reason", "released_by_name", "release_reason", "asked_by_name", "decided_by_name"}
"""Words of stops and leaves, which stand in the entries about them."""


def columns() -> list[tuple[str, str, str]]:
    """Every column of every table that ``verify`` answers for."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(migrations._RECORDS + migrations.packaged()[0].sql)
    found = [
        (table, name, kind)
        for table in WATCHED
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
        if table not in _seals.ROWS or name not in SAID_IN_ENTRIES
    ]
    connection.close()
    return found


ENTRY = "seq, at, kind, server_id, batch_id, award_id, attempt_id, actor_id, facts, words"


def trigger(name: str) -> str:
    """As the schema has it."""
    fresh = sqlite3.connect(":memory:")
    fresh.executescript(migrations.packaged()[0].sql)
    (sql,) = fresh.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    fresh.close()
    return str(sql)


async def test_a_ledger_with_one_of_everything_verifies_beside_its_driver(ledger: Ledger, path: Path, clock: HandClock):
    await busy(ledger, clock)
    reader = await Ledger.read(path, clock)
    found = await verify(reader.database)
    await reader.close()
    assert found.bad is None
    assert (found.batches, found.awards, found.blanked) == (4, 19, 0)
    assert found.events == query(path, "SELECT count(*) FROM events")[0][0] > 20
    assert found.head == query(path, "SELECT lower(hex(hash)) FROM events ORDER BY seq DESC")[0][0]
    assert found.ledger_id == await ledger.queries.ledger_id()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a busy ledger."""
    path = tmp_path_factory.mktemp("busy") / "bursar.db"

    async def make() -> None:
        clock = HandClock()
        ledger = await Ledger.open(path, clock)
        await busy(ledger, clock)
        await ledger.close()

    asyncio.run(make())
    return path.read_bytes()


@pytest.mark.no_cover
@pytest.mark.parametrize(("table", "column", "kind"), columns(), ids=str)
def test_no_column_of_any_row_can_be_changed_unseen(template: bytes, table: str, column: str, kind: str):
    changed, seen = CHANGES[kind].format(f'"{column}"'), 0
    for which in each_row(template, table):
        found = tampered(template, f'UPDATE {table} SET "{column}" = {changed} WHERE {which}')
        if found is not None:
            assert found.bad is not None, which
            seen += 1
    assert seen


@pytest.mark.parametrize("table", WATCHED)
def test_no_row_can_be_deleted_unseen(template: bytes, table: str):
    for which in each_row(template, table):
        found = tampered(template, f"DELETE FROM {table} WHERE {which}")
        assert found is not None
        assert found.bad is not None, which


def each_row(template: bytes, table: str) -> list[str]:
    """A condition for every row of a table."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(template[:18] + b"\1\1" + template[20:])
    key = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5])
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return [f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {place})" for place in range(number)]


TAMPERED = [
    ("UPDATE awards SET amount = 1000 WHERE id = 3", r"batch 1", "awards are not those"),
    ("UPDATE awards SET amounts = '[-7,0]' WHERE amounts IS NOT NULL", r"batch 1", "awards are not those"),
    ("UPDATE awards SET state = 'applied' WHERE id = 2", r"award 2", "it is applied; its history says rejected"),
    ("UPDATE awards SET attempts = 0 WHERE id = 1", r"award 1", "calls"),
    ("UPDATE awards SET detail = 'paid' WHERE id = 2", r"award 2", "what is said of it"),
    ("UPDATE awards SET balance = 9 WHERE id = 1", r"award 1", "balance"),
    ("UPDATE attempts SET http_status = 500 WHERE id = 1", r"attempt 1", "not as the history left it"),
    ("UPDATE batches SET total = total + 1 WHERE id = 2", r"batch 2", "not as the history left it"),
    ("UPDATE batches SET reason = 'Week 32' WHERE id = 1", r"batch 1", "reasons"),
    ("UPDATE awards SET reason = 'x' WHERE id = 3", r"batch 1", "reasons"),
    ("UPDATE batches SET pause_detail = 'x' WHERE id = 1", r"batch 1", "pause"),
    ("UPDATE left_out SET detail = 'x'", r"batch 1", "left-out lines"),
    ("UPDATE events SET at = at + 1 WHERE seq = 4", r"entry 4 of the history", "hash"),
    (
        "UPDATE events SET detail = '{\"cancelled\": 0}' WHERE kind = 'batch-stopped'",
        r"entry \d+ of the history",
        "words",
    ),
    ("UPDATE events SET actor_name = NULL, detail = '{}', salt = NULL WHERE seq = 2", r"entry 2 ", "were removed"),
    ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", r"entry \d+ of the history", "cut off"),
    ("DELETE FROM events WHERE seq = 5", r"entry 5 of the history", "missing"),
    ("DELETE FROM awards WHERE id = 17", r"row \d+ of \w+|batch 3|award 17", ""),
    ("UPDATE files SET content = x'78'", r"file [0-9a-f]{64}", "not what was uploaded"),
    (
        "UPDATE server_settings SET value = '\"1\"' WHERE name LIKE 'staff%'",
        r"setting staff_channel_id of server 900",
        "history",
    ),
    (
        "UPDATE halts SET released_at = 1, released_by_id = '1', release_reason = '' WHERE id = 2",
        r"row 2 of halts",
        "history",
    ),
    ("UPDATE budgets SET amount = '9000'", r"row 900 user:11 week of budgets", "history"),
    ("UPDATE approvals SET decided_by_id = '33' WHERE state = 'used'", r"row 2 of approvals", "history"),
    ("UPDATE capabilities SET value = 'refused'", r"row \w+ gameball overdraft of capabilities", "history"),
    ("UPDATE probes SET fate = 'refused' WHERE id = 1", r"row 1 of probes", "history"),
    ("DELETE FROM halts WHERE id = 2", r"row 2 of halts", "missing"),
    ("UPDATE draft_problems SET draft_id = 99", r"a row of draft_problems$", "a row of drafts that does not exist"),
    ("DROP INDEX awards_one_successor", r"the schema's index awards_one_successor", "missing"),
    ("CREATE TRIGGER sly AFTER INSERT ON awards BEGIN SELECT 1; END", r"the schema's trigger sly", "foreign"),
]


@pytest.mark.parametrize(("sql", "record", "problem"), TAMPERED, ids=[sql[:50] for sql, _, _ in TAMPERED])
def test_the_bad_record_is_named_with_what_is_wrong(template: bytes, sql: str, record: str, problem: str):
    found = tampered(template, sql)
    assert found is not None
    assert found.bad is not None
    assert re.match(record, found.bad.record), found.bad
    assert problem in found.bad.problem


PLACES = {
    LaneKind.RING: tuple(Purse(holder * 24, "gems") for holder in "abc"),
    LaneKind.WITNESS: (Purse("d" * 24, "gems"),),
    LaneKind.TWINS: (Purse("custom:first", "points"), Purse("custom:last", "points")),
}
HELD = {LaneKind.RING: [0, 1, 0], LaneKind.WITNESS: [5], LaneKind.TWINS: [3, 4]}


async def on_a_lane(ledger: Ledger, kind: LaneKind, first: int = 1) -> Claim:
    """A call that has the lane of this kind, the only one. ``first`` of its members."""
    (standing,) = await ledger.lanes.standing(MEMBERS.account, [Course(kind, PLACES[kind])])
    assert standing is not None
    recorded = await record(ledger, rows(2, first=first), destination=MEMBERS)
    claimed = await ledger.claims.claim(recorded.batch_id, Plan(100, kind, (standing.lane.id,)), build)
    assert isinstance(claimed, Claim)
    return claimed


async def set_up(ledger: Ledger, kind: LaneKind) -> None:
    await ledger.lanes.set_up(MEMBERS.account, Course(kind, PLACES[kind]), HELD[kind], 0.0)


@pytest.mark.parametrize("kind", LaneKind)
async def test_a_lane_that_a_call_has_is_proved_whatever_became_of_the_call(ledger: Ledger, kind: LaneKind) -> None:
    await set_up(ledger, kind)
    for step in (Step.APPLIED, Step.WAIT):
        claimed = await on_a_lane(ledger, kind)
        assert (await verify(ledger.database)).bad is None
        assert claimed.passage is not None
        unclear = all_of(claimed, OutcomeKind.APPLIED if step is Step.APPLIED else OutcomeKind.UNKNOWN)
        await ledger.claims.record_outcome(claimed, unclear, landing=Landing(step, claimed.passage))
        assert (await verify(ledger.database)).bad is None
    await ledger.lanes.mark(claimed.passage.lane.id, "somebody was there")
    await ledger.steering.resolve([one.award_id for one in claimed.items], Decision.LANDED, ADA, reason="")
    assert (await verify(ledger.database)).bad is None
    await set_up(ledger, kind)
    await on_a_lane(ledger, kind)
    await ledger.claims.mark_interrupted()
    assert (await verify(ledger.database)).bad is None


@pytest.fixture(scope="module")
def lanes_taken(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a ledger in which a call has each of two lanes, 1 (a ring) and 2 (a witness, by attempt 3)."""
    path = tmp_path_factory.mktemp("lanes") / "bursar.db"

    async def make() -> None:
        ledger = await Ledger.open(path, HandClock())
        for kind in (LaneKind.RING, LaneKind.WITNESS):
            await set_up(ledger, kind)
        gone = await on_a_lane(ledger, LaneKind.WITNESS)
        assert gone.passage is not None
        await ledger.claims.record_outcome(
            gone, all_of(gone, OutcomeKind.REJECTED), landing=Landing(Step.REFUSED, gone.passage)
        )
        await on_a_lane(ledger, LaneKind.RING, 20)
        await on_a_lane(ledger, LaneKind.WITNESS, 30)
        await ledger.claims.mark_interrupted()
        assert (await verify(ledger.database)).bad is None
        await ledger.close()

    asyncio.run(make())
    return path.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        "held = '[6]' WHERE id = 2",
        "held = '[5, 0]' WHERE id = 2",
        "held = 'five' WHERE id = 2",
        "held = '5' WHERE id = 2",
        "held = '[1, 0, 0]' WHERE id = 1",
        "held = '[1, 1, 0]' WHERE id = 1",
        "kind = 'twins' WHERE id = 2",
        "places = replace(places, 'gems', 'gold') WHERE id = 2",
        "places = '[1]' WHERE id = 2",
        "places = '[]' WHERE id = 1",
        "dead_at = '[]' WHERE id = 1",
        "account = account || 'x' WHERE id = 2",
        "attempt_id = 1 WHERE id = 2",
        "id = 3 WHERE id = 2",
    ],
)
def test_a_lane_that_is_not_as_its_call_found_it_is_named(lanes_taken: bytes, change: str):
    found = tampered(lanes_taken, f"UPDATE lanes SET {change}")
    assert found is not None
    assert found.bad is not None
    assert re.fullmatch(r"lane [1-3]", found.bad.record), found.bad
    assert re.fullmatch(r"it is not as attempt [1-3], which has it, found it", found.bad.problem)


@pytest.mark.parametrize("table", ["awards", "batches", "attempts", "left_out"])
def test_a_row_that_nobody_recorded_is_found(template: bytes, table: str):
    fresh = {"id": "id + 100", "draft_id": "draft_id + 100", "token": "token || 'x'", "line": "line + 100"}
    fresh |= {"continues": "NULL", "reverses": "NULL"}
    names = [name for one, name, _ in columns() if one == table]
    taken = ", ".join(fresh.get(name, f'"{name}"') for name in names)
    found = tampered(template, f"INSERT INTO {table} SELECT {taken} FROM {table} LIMIT 1")
    assert found is not None
    assert found.bad is not None


def test_an_entry_that_makes_no_sense_is_named_even_if_every_hash_behind_it_is_made_anew(template: bytes):
    for facts in ("[]", "{}", '{"batch": 1, "moved": 5}', '{"batch": "x", "lots": [[1]]}', "5", "nonsense"):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(template[:18] + b"\1\1" + template[20:])
        connection.execute("DROP TRIGGER events_fixed")
        connection.execute("UPDATE events SET facts = ? WHERE kind = 'call-ended'", (facts,))
        before = GENESIS
        for entry in connection.execute(f"SELECT {ENTRY} FROM events ORDER BY seq").fetchall():
            before = entry_hash(before, entry)
            connection.execute("UPDATE events SET hash = ? WHERE seq = ?", (before, entry[0]))
        connection.execute(trigger("events_fixed"))
        bad = examine(connection).bad
        assert bad is not None
        connection.close()


@pytest.mark.parametrize("text", [b"awards_one_successor", b"CREATE TABLE awards", b"awards_in_doubt"])
def test_a_damaged_schema_is_found(template: bytes, text: bytes):
    places = [found.start() for found in re.finditer(text, template)]
    assert places
    for place in places:
        torn = bytearray(template[:18] + b"\1\1" + template[20:])
        torn[place + 2] = 0xCC
        connection = sqlite3.connect(":memory:")
        connection.deserialize(bytes(torn))
        bad = examine(connection).bad
        connection.close()
        assert bad is not None
        assert bad.record == "the file"


async def test_a_damaged_page_is_found(template: bytes, tmp_path: Path, clock: HandClock):
    path = tmp_path / "bursar.db"
    torn = bytearray(template)
    connection = sqlite3.connect(":memory:")
    connection.deserialize(template[:18] + b"\1\1" + template[20:])
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'awards_by_key'").fetchone()
    connection.close()
    torn[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(torn)
    reader = await Ledger.read(path, clock)
    found = await verify(reader.database)
    await reader.close()
    assert found.bad is not None
    assert found.bad.record == "the file"


@pytest.mark.parametrize("actor", [ADA, BOB], ids=lambda actor: actor.name)
async def test_what_a_person_wrote_can_be_blanked_and_the_ledger_still_verifies(
    ledger: Ledger, path: Path, clock: HandClock, actor: Actor
):
    await busy(ledger, clock)
    awards = query(path, "SELECT id, amount, state, balance, changed_at FROM awards ORDER BY id")
    clock.at += 5
    blanked = await blank(ledger.database, clock, actor.id)
    assert blanked.entries > 0
    found = await verify(ledger.database)
    assert (found.bad, found.blanked) == (None, blanked.entries)
    assert query(path, "SELECT id, amount, state, balance, changed_at FROM awards ORDER BY id") == awards
    left = str(query(path, "SELECT actor_name, detail FROM events WHERE actor_id = ?", actor.id))
    left += str(query(path, "SELECT actor_name, reason, label, choice FROM batches WHERE actor_id = ?", actor.id))
    left += str(query(path, "SELECT detail FROM awards"))
    assert actor.name not in left
    left += str(query(path, "SELECT by_name, reason, released_by_name, release_reason FROM halts"))
    left += str(query(path, "SELECT asked_by_name, decided_by_name FROM approvals"))
    for word in (
        actor.name,
        *(("Week 31", "lunch", "once more", "all well") if actor is ADA else ("I asked", "wrong file")),
    ):
        assert word not in left
    assert query(path, "SELECT label FROM batches WHERE id = 1") == [("main",)]
    for word in ("Week 31", "lunch") if actor is ADA else ("I asked her",):
        assert word not in left
    assert (await blank(ledger.database, clock, actor.id)).entries == 0
    assert (await verify(ledger.database)).bad is None
