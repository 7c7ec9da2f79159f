"""``forget`` reaches every place in which a person's name or words can stand, and nobody else's."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.drafting import LeftOut
from bot.domain.intake import Held
from bot.domain.model import Actor, Decision, Pause, PauseKind, Problem
from bot.domain.states import AwardState
from bot.domain.testimony import FileTold, Told
from bot.errors import DraftGone, Refused
from bot.ledger import migrations
from bot.ledger._names import NO_WORDS, REMOVED
from bot.ledger.blanking import Blanked, blank
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.restorations import Why
from bot.ledger.verifying import verify
from tests.ledger.making import (
    ADA,
    BOB,
    GAMEBALL,
    SHELL,
    HandClock,
    awards,
    call,
    claim,
    confirmation,
    draft,
    each_of,
    member,
    new_draft,
    query,
    record,
    row,
    rows,
)

PERDITA: Final = Actor("77", "Perdita Vane", "900")
AT_THE_SHELL: Final = Actor("cli", "pvane", None)
MARKS: Final = ("Perdita", "pvane", "hushed")
"""Her names, and what is in every word that she writes."""

# --- every column in which there is text ------------------------------------------------------------------------------

WORDS: Final = {
    "drafts": "actor_name reason",
    "draft_rows": "reason",
    "draft_problems": "message",
    "draft_left_out": "detail",
    "batches": "pause_detail actor_name reason choice",
    "awards": "reason detail",
    "events": "actor_name detail",
    "halts": "by_name reason released_by_name release_reason",
    "approvals": "asked_by_name decided_by_name",
    "restorations": "signed_by",
}
"""What people are called, and what they write: blanked."""

FILES_AND_LABELS: Final = {
    "files": "sha256 content",
    "drafts": "label file_name file_sha256 request summary",
    "draft_problems": "column kind",
    "batches": "label file_name file_sha256 request",
    "left_out": "detail status",
    "approvals": "label",
}
"""Who is to get how much for which campaign, as it was uploaded, and how it was read: stays, and ``--help`` says so."""

PROGRAM: Final = {
    "ledger": "id",
    "drafts": "state source server_id actor_id programme kind account currency unit template content_hash",
    "draft_rows": "lines amounts recipient_type recipient_value recipient_source key target unresolved",
    "batches": "source state pause_kind server_id actor_id programme kind account currency unit template content_hash",
    "attempts": "state token awards body_sha256 verdict request_id detail evidence expectation job_id",
    "awards": "lines amounts recipient_type recipient_value recipient_source key target state",
    "events": "kind server_id actor_id facts words hash salt",
    "server_settings": "server_id name value changed_by",
    "boards": "channel_id message_id",
    "members": "account key drip_id",
    "purses": "account currency",
    "balances": "holder",
    "marks": "account",
    "looks": "left_for findings",
    "lanes": "account kind places held dead_at trouble",
    "halts": "server_id by_id released_by_id",
    "budgets": "server_id holder period amount changed_by",
    "capabilities": "account kind name value evidence",
    "probes": "account kind name rows fate answer",
    "approvals": "server_id content_hash flags matches why state prepared_by_id asked_by_id decided_by_id",
    "restorations": "why",
}
"""Ids, amounts, states, and what the program or a service says. Nobody's name and nobody's words."""


def listed(of: Mapping[str, str]) -> set[str]:
    return {f"{table}.{column}" for table, columns in of.items() for column in columns.split()}


def columns(connection: sqlite3.Connection) -> set[str]:
    """Every column that can hold text."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        f"{table}.{name}"
        for (table,) in tables.fetchall()
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
        if kind != "INTEGER"
    }


def test_of_every_column_with_text_it_is_said_whether_a_person_can_stand_in_it():
    connection = sqlite3.connect(":memory:")
    connection.executescript(migrations.packaged()[0].sql)
    told = [listed(WORDS), listed(FILES_AND_LABELS), listed(PROGRAM)]
    assert sum(map(len, told)) == len(set().union(*told))
    # A new column: can a person's name or words stand in it? Then blanking.py has to reach it, and `busy` to fill it.
    assert set().union(*told) == columns(connection)
    connection.close()


def holding(path: Path) -> set[str]:
    """The columns in which she can be found."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return {
            one
            for one in columns(connection)
            if any(
                connection.execute(
                    'SELECT 1 FROM {} WHERE instr(CAST("{}" AS TEXT), ?) LIMIT 1'.format(*one.split(".")), (mark,)
                ).fetchone()
                for mark in MARKS
            )
        }
    finally:
        connection.close()


# --- a person who has been everywhere ---------------------------------------------------------------------------------


async def prepared(ledger: Ledger, by: Actor, first: int, **more: object) -> Draft:
    staged = [row(line, first + line, 10, reason="hushed row" if by is PERDITA else None) for line in (2, 3)]
    return await draft(ledger, staged, actor=by, **more)


async def approved(ledger: Ledger, ready: Draft, asked_by: Actor, decided_by: Actor) -> int:
    request = await ledger.approvals.ask(ready.id, confirmation(ready, asked_by))
    await ledger.approvals.decide(request.id, decided_by, approve=True)
    return (await ledger.recording.record_batch(ready.id, confirmation(ready, asked_by))).batch_id


async def beside_others(ledger: Ledger) -> None:
    """She prepares what Bob confirms, approves what Ada prepared, and settles, pauses and stops what is Ada's."""
    theirs = await prepared(ledger, PERDITA, 100, reason="hushed reason")
    await ledger.recording.record_batch(theirs.id, confirmation(theirs, BOB))
    await ledger.settings.change("900", "approve_rows", 1, PERDITA)
    await approved(ledger, await prepared(ledger, ADA, 110, reason="of Ada"), ADA, PERDITA)
    await approved(ledger, await prepared(ledger, ADA, 120), PERDITA, BOB)
    await ledger.settings.change("900", "approve_rows", None, BOB)
    of_ada = (await record(ledger, rows(4, first=130), reason="of Ada")).batch_id
    claimed = await claim(ledger, of_ada, 2)
    both = [Outcome(OutcomeKind.UNKNOWN), Outcome(OutcomeKind.UNKNOWN)]
    await ledger.claims.record_outcome(claimed, each_of(claimed, both))
    (first, second) = (item.award_id for item in claimed.items)
    await ledger.steering.resolve([first], Decision.LANDED, PERDITA, reason="hushed")
    await ledger.steering.resolve([second], Decision.WRITE_OFF, BOB, reason="Bob knows")
    await ledger.steering.stop(of_ada, PERDITA)
    paused = (await record(ledger, rows(2, first=140))).batch_id
    await ledger.steering.pause(paused, PERDITA, Pause(PauseKind.PERSON, "hushed pause by Perdita"))


async def rules(ledger: Ledger) -> None:
    """Emergency stops and the releases of them, hers and Bob's."""
    await record(ledger, rows(2, first=150), actor=PERDITA, reason="hushed")
    for stops, releases in ((PERDITA, BOB), (BOB, PERDITA), (PERDITA, PERDITA)):
        await ledger.halts.stop("900", stops, f"{'hushed' if stops is PERDITA else 'Bob saw'} stop")
        await ledger.halts.release("900", releases, f"{'hushed' if releases is PERDITA else 'Bob saw'} release")
    await ledger.halts.stop("900", AT_THE_SHELL, "hushed at the shell")
    await ledger.halts.release("900", BOB, "Bob saw")


def told(line: int, state: AwardState, said: str) -> Told:
    who = member(160 + line)
    more: dict[str, Any] = {"keys": frozenset({who.key}), "amounts": frozenset({10})}
    return Told((line,), who, who.value, 10, None, state, said, 900 + line, **more)


async def lost_and_found(ledger: Ledger) -> None:
    """A ledger that waits to be signed off, and a result file that Bob takes in and that tells of her."""
    await ledger.restorations.suspect(Why.OLDER)
    content = b"a result file"
    digest = hashlib.sha256(content).hexdigest()
    file = {"source": "history", "file_name": "result.csv", "file_content": Held(content), "file_sha256": digest}
    by = Actor(SHELL.id, "bob", None)
    said = [
        told(2, AwardState.APPLIED, "Perdita Vane decided that it landed: hushed"),
        told(3, AwardState.APPLIED, "the balance moved by 10"),
        told(4, AwardState.WRITTEN_OFF, "Perdita Vane wrote it off"),
        told(5, AwardState.CANCELLED, "not sent: Perdita Vane stopped the batch"),
    ]
    await ledger.testimonies.take_in(new_draft(by, **file, request={"duplicates": "sum"}), FileTold(said))  # type: ignore[arg-type] # test shorthand
    await ledger.restorations.sign_off(PERDITA.name, PERDITA.id)
    await ledger.restorations.suspect(Why.OLDER)
    await ledger.restorations.sign_off(AT_THE_SHELL.name)


async def unconfirmed(ledger: Ledger) -> int:
    """What only she has prepared, with rows that quote her file."""
    problems = [Problem(9, "amount", "amount", "“hushed” is no number")]
    waiting = await ledger.drafts.create(new_draft(PERDITA, reason="hushed"))
    await ledger.drafts.stage(
        waiting, [row(2, 170, reason="hushed row")], problems, [LeftOut(3, "nothing to pay: hushed")]
    )
    await ledger.drafts.finish(waiting, refused=False, summary={})
    return waiting


async def busy(ledger: Ledger) -> int:
    """Her everywhere. Returns the draft that waits."""
    await beside_others(ledger)
    await rules(ledger)
    await lost_and_found(ledger)
    of_shell = await prepared(ledger, AT_THE_SHELL, 180)
    await ledger.recording.record_batch(of_shell.id, confirmation(of_shell, SHELL))
    return await unconfirmed(ledger)


@pytest.fixture
async def waiting(ledger: Ledger) -> int:
    return await busy(ledger)


async def forget(ledger: Ledger, clock: HandClock) -> Blanked:
    clock.at += 5
    return await blank(ledger.database, clock, PERDITA.id, ["pvane at home", AT_THE_SHELL.name])


async def test_she_is_in_every_column_for_words_and_afterwards_in_none(
    ledger: Ledger, path: Path, clock: HandClock, waiting: int
):
    assert holding(path) == listed(WORDS)
    assert (await verify(ledger.database)).bad is None
    money = query(path, "SELECT id, amount, state, balance, changed_at FROM awards ORDER BY id")
    done = await forget(ledger, clock)
    assert done.entries > 0
    assert done.others > 0
    assert holding(path) == set()
    assert (await verify(ledger.database)).bad is None
    assert query(path, "SELECT id, amount, state, balance, changed_at FROM awards ORDER BY id") == money


async def test_what_others_are_called_and_wrote_stays(ledger: Ledger, path: Path, clock: HandClock, waiting: int):
    await forget(ledger, clock)
    confirmed = query(
        path, "SELECT actor_name, reason, choice ->> 'prepared_by', choice ->> 'approved_by' FROM batches"
    )
    assert confirmed == [
        ("Bob", None, None, None),
        ("Ada", "of Ada", "Ada", None),
        ("", None, "Ada", "Bob"),
        ("Ada", "of Ada", "Ada", None),
        ("Ada", None, "Ada", None),
        ("", None, None, None),
        ("bob", None, None, None),
        ("command line", None, None, None),
    ]
    details = " ".join(one.detail or "" for one in await awards(ledger))
    assert "Bob wrote it off: Bob knows" in details
    assert "as result.csv tells: the balance moved by 10" in details
    assert query(path, "SELECT by_name, reason, released_by_name, release_reason FROM halts") == [
        ("", "", "Bob", "Bob saw release"),
        ("Bob", "Bob saw stop", "", ""),
        ("", "", "", ""),
        ("", "", "Bob", "Bob saw"),
    ]
    ids = query(path, "SELECT choice ->> 'prepared_by_id', choice ->> 'approved_by_id' FROM batches WHERE id < 3")
    assert ids == [("77", None), ("11", "77")]


async def test_a_draft_that_waits_to_be_confirmed_is_cancelled(ledger: Ledger, clock: HandClock, waiting: int):
    await forget(ledger, clock)
    with pytest.raises(DraftGone, match="was cancelled; nothing of it was sent"):
        await ledger.drafts.get(waiting, "900")


async def test_once_she_is_forgotten_there_is_nothing_more_to_blank(ledger: Ledger, clock: HandClock, waiting: int):
    await forget(ledger, clock)
    assert await forget(ledger, clock) == Blanked(0, 0, 0)


async def test_what_she_did_is_not_told_of_the_program_afterwards(ledger: Ledger, clock: HandClock, waiting: int):
    await forget(ledger, clock)
    stopped, paused = 4, 5
    again = await ledger.steering.stop(stopped, BOB)
    assert (again.changed, again.by) == (False, REMOVED)
    assert REMOVED in [event.actor_name for event in await ledger.queries.events(paused)]
    assert (await ledger.queries.batch(6, "900")).actor.name == REMOVED
    recorded = (await ledger.queries.events(3))[0]
    assert recorded.detail["approved_by"] == "Bob"


async def test_a_stop_in_force_is_told_without_its_words(ledger: Ledger, clock: HandClock):
    await ledger.halts.stop("900", PERDITA, "hushed")
    await forget(ledger, clock)
    halt = await ledger.halts.in_force("900")
    assert halt is not None
    assert (halt.by.name, halt.reason) == (REMOVED, NO_WORDS)


@pytest.mark.parametrize("by", [PERDITA, BOB])
async def test_a_reason_stays_as_long_as_its_award_is_looked_for_by_it(ledger: Ledger, clock: HandClock, by: Actor):
    """A shorter reason in its place would be taken for one that a list shows whole, and the award for not landed."""
    ready = await draft(ledger, [row(2, 1, reason="hushed row")], destination=GAMEBALL, actor=PERDITA)
    batch = await ledger.recording.record_batch(ready.id, confirmation(ready, by))
    claimed = await claim(ledger, batch.batch_id)
    for outcome in (None, OutcomeKind.UNKNOWN):
        if outcome is not None:
            await ledger.claims.record_outcome(claimed, each_of(claimed, [Outcome(outcome)]))
        with pytest.raises(Refused, match="reasons in batch 1 are still needed"):
            await forget(ledger, clock)
    await ledger.steering.resolve([claimed.items[0].award_id], Decision.LANDED, BOB, reason="saw it")
    assert (await forget(ledger, clock)).batches == 1
    assert [one.reason for one in await awards(ledger)] == [None]


async def test_a_name_alone_reaches_only_the_command_line(ledger: Ledger, path: Path, clock: HandClock):
    namesake = Actor("88", "pvane", "900")
    await record(ledger, rows(1), actor=namesake)
    await record(ledger, rows(1, first=5), actor=AT_THE_SHELL)
    await blank(ledger.database, clock, "99", [AT_THE_SHELL.name])
    assert query(path, "SELECT actor_id, actor_name FROM batches ORDER BY id") == [("88", "pvane"), ("cli", "")]
    assert (await verify(ledger.database)).bad is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE batches SET actor_name = 'Eve'",
        "UPDATE batches SET reason = 'other'",
        "UPDATE batches SET choice = json_set(choice, '$.prepared_by', 'Eve')",
        "UPDATE batches SET choice = json_set(choice, '$.approved_by', 'Eve')",
        "UPDATE batches SET choice = json_set(choice, '$.again', 7)",
        "UPDATE batches SET choice = json_remove(choice, '$.prepared_by_id')",
        "UPDATE restorations SET signed_by = 'Eve'",
        "UPDATE restorations SET signed_at = NULL, signed_by = NULL",
    ],
)
async def test_names_can_be_blanked_and_not_edited(ledger: Ledger, path: Path, sql: str):
    batch = await record(ledger, rows(1), actor=ADA)
    await call(ledger, batch.batch_id, OutcomeKind.APPLIED)
    await ledger.restorations.suspect(Why.OLDER)
    await ledger.restorations.sign_off("Ada")
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match=r"never edited|are kept"):
        connection.execute(sql)
    connection.close()
