"""SQL of accepted jobs. Each function is the whole of one transaction, or of one look."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from bot.domain.calls import Job, Outcome, OutcomeKind
from bot.ledger import _outcomes, _rows, _taking, events
from bot.ledger._outcomes import Settled
from bot.ledger.events import EventKind, Moved

UNNAMED: Final = "the job ended without saying what became of this award"

_OPEN: Final = "a.attempt_id = t.id AND a.state IN ('sending', 'unknown')"


def accepted(connection: sqlite3.Connection, account: str | None) -> list[Job]:
    """``Claims.jobs``."""
    found = connection.execute(
        "SELECT t.id, t.batch_id, t.job_id, t.accepted_at, t.polls, (SELECT count(*) FROM attempts s"  # noqa: S608 # our words
        " WHERE s.batch_id = t.batch_id AND s.id < t.id AND s.stop_asked_at IS NOT NULL), t.token,"
        f" t.expectation ->> 'mark', {_taking.may_be_cut('b')}, {_rows.ITEM}"
        " FROM attempts t JOIN batches b ON b.id = t.batch_id, json_each(t.awards) one"
        f" JOIN awards a ON a.id = one.value AND {_OPEN}"
        " WHERE t.state = 'accepted' AND (?1 IS NULL OR b.account = ?1) ORDER BY t.accepted_at, t.id, one.key",
        (account,),
    )
    jobs = []
    for (attempt_id, batch_id, job_id, accepted_at, polls, *rest), rows in groupby(found, key=lambda row: row[:9]):
        items = tuple(_rows.item(row[9:]) for row in rows)
        stopped, token, mark, less = rest
        jobs.append(Job(attempt_id, batch_id, job_id, accepted_at, polls, items, stopped, token, mark, bool(less)))
    return jobs


def record(
    connection: sqlite3.Connection,
    job: Job,
    outcomes: Mapping[int, Outcome],
    finished: bool,
    detail: str | None,
    now: int,
) -> None:
    """``Claims.record_job``."""
    counted = connection.execute(
        "UPDATE attempts SET polls = polls + 1, detail = coalesce(?, detail) WHERE id = ? AND state = 'accepted'",
        (detail, job.attempt_id),
    ).rowcount
    if not counted:
        return  # somebody decided about its last award meanwhile, or its end is recorded already
    # Still running tells nothing new, least of all about an award that is in doubt since.
    told = {award_id: one for award_id, one in outcomes.items() if one.kind is not OutcomeKind.ACCEPTED}
    waiting = open_awards(connection, job.attempt_id)
    new = {award_id: told[award_id] for award_id in waiting if award_id in told}
    if finished:
        unnamed = Outcome(OutcomeKind.UNKNOWN, detail or UNNAMED)
        new.update({award_id: unnamed for award_id in waiting if award_id not in told})
        _note_late(connection, job, {award_id: one for award_id, one in told.items() if award_id not in waiting}, now)
    moved = _outcomes.store(connection, job.attempt_id, new, now)
    settled = Settled()
    if any(one.kind is OutcomeKind.NOT_SENT for one in new.values()):
        settled = _outcomes.settle_planned(connection, job.batch_id, now)
    over = finished or not open_awards(connection, job.attempt_id)
    if over:
        _close(connection, job.attempt_id, now)
        # What was looked for in vain while it could still come can be told now.
        connection.execute("UPDATE looks SET looks = 0, left_for = NULL WHERE attempt_id = ?", (job.attempt_id,))
    kind = EventKind.CALL_ENDED if over else EventKind.JOB_ASKED
    moved += settled.moved
    events.append(connection, now, kind, batch_id=job.batch_id, attempt_id=job.attempt_id, moved=moved)
    if settled.reopened:
        events.append(
            connection, now, EventKind.BATCH_REOPENED, server_id=_server(connection, job), batch_id=job.batch_id
        )


def ask_to_stop(connection: sqlite3.Connection, job: Job, now: int) -> bool:
    """``Claims.ask_to_stop``."""
    asked = connection.execute(
        "UPDATE attempts SET stop_asked_at = coalesce(stop_asked_at, ?) WHERE id = ? AND state = 'accepted'",
        (now, job.attempt_id),
    ).rowcount
    if asked:
        kind = EventKind.JOB_STOP_ASKED
        events.append(connection, now, kind, batch_id=job.batch_id, attempt_id=job.attempt_id)
    return bool(asked)


def give_up(connection: sqlite3.Connection, job: Job, detail: str, now: int) -> None:
    """``Claims.give_up_waiting``."""
    accepted_still = connection.execute(
        "SELECT 1 FROM attempts WHERE id = ? AND state = 'accepted'", (job.attempt_id,)
    ).fetchone()
    given_up = _outcomes.sending(connection, job.attempt_id) if accepted_still is not None else []
    connection.execute(
        "UPDATE awards SET state = 'unknown', detail = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (detail, now, json.dumps(given_up)),
    )
    if given_up:
        events.append(
            connection,
            now,
            EventKind.JOB_GIVEN_UP,
            server_id=_server(connection, job),
            batch_id=job.batch_id,
            detail={"attempt": job.attempt_id, "job": job.job_id, "awards": len(given_up)},
            moved=[Moved("unknown", given_up, detail)],
        )


def open_awards(connection: sqlite3.Connection, attempt_id: int) -> Sequence[int]:
    """Awards of an attempt that are still sending or in doubt under it."""
    found = connection.execute(
        "SELECT a.id FROM attempts t, json_each(t.awards) one"  # noqa: S608 # our words
        f" JOIN awards a ON a.id = one.value AND {_OPEN} WHERE t.id = ? ORDER BY one.key",
        (attempt_id,),
    )
    return [award_id for (award_id,) in found]


def close_decided(connection: sqlite3.Connection, attempt_ids: Sequence[int], now: int) -> None:
    """Ask no more about jobs whose every award has been decided by a person."""
    for attempt_id in attempt_ids:
        if open_awards(connection, attempt_id):
            continue
        closed = connection.execute(
            "UPDATE attempts SET state = 'closed', verdict = 'decided', closed_at = ?"
            " WHERE id = ? AND state = 'accepted' RETURNING batch_id",
            (now, attempt_id),
        ).fetchone()
        if closed is not None:
            events.append(connection, now, EventKind.CALL_ENDED, batch_id=closed[0], attempt_id=attempt_id)


def _close(connection: sqlite3.Connection, attempt_id: int, now: int) -> None:
    """What its awards became, those decided by a person included, is the verdict on a job."""
    states = connection.execute(
        "SELECT DISTINCT a.state FROM attempts t, json_each(t.awards) one JOIN awards a ON a.id = one.value"
        " WHERE t.id = ?",
        (attempt_id,),
    ).fetchall()
    word = _outcomes.verdict_of(state for (state,) in states)
    connection.execute(
        "UPDATE attempts SET state = 'closed', verdict = ?, closed_at = ? WHERE id = ?",
        (word if word in ("applied", "rejected", "unknown") else "mixed", now, attempt_id),
    )


def _note_late(connection: sqlite3.Connection, job: Job, late: Mapping[int, Outcome], now: int) -> None:
    """The service speaks about awards that somebody has decided meanwhile: that stands in the history if it differs."""
    entries = []
    for award_id, outcome in late.items():
        row = connection.execute(
            "SELECT state FROM awards WHERE id = ? AND batch_id = ?", (award_id, job.batch_id)
        ).fetchone()
        said = _outcomes.NEXT_STATE[outcome.kind].value
        if row is not None and said in ("applied", "rejected") and row[0] != said:
            entries.append((award_id, {"attempt": job.attempt_id, "state": said}))
    for award_id, detail in entries:
        server_id = _server(connection, job)
        events.append(
            connection,
            now,
            EventKind.LATE_ANSWER,
            server_id=server_id,
            batch_id=job.batch_id,
            award_id=award_id,
            detail=detail,
        )


def _server(connection: sqlite3.Connection, job: Job) -> str | None:
    row: tuple[str | None] = connection.execute(
        "SELECT server_id FROM batches WHERE id = ?", (job.batch_id,)
    ).fetchone()
    return row[0]
