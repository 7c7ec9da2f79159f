"""The dangerous path in SQL: claim before the call, outcome after it. Every method is one SQL transaction."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.clock import Clock, milliseconds
from bot.domain.calls import Beside, Claim, Job, NoLane, Outcome, Verdict
from bot.domain.lanes import Landing, Plan
from bot.errors import NotFound
from bot.ledger import _calls, _jobs, _outcomes, events
from bot.ledger._calls import BuildBody
from bot.ledger._chance import Randomness, short_name
from bot.ledger._lanes import FreeAt
from bot.ledger.database import Database
from bot.ledger.events import EventKind

TOKEN_LENGTH = 10
"""50 random bits: unique among all that Gameball will ever list for an account."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What a start found in flight."""

    attempts: int
    awards: int


class Claims:
    """Only the dispatcher calls these."""

    def __init__(self, database: Database, clock: Clock, randomness: Randomness = secrets.token_bytes) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness

    async def claim(
        self,
        batch_id: int,
        plan: Plan,
        build: BuildBody,
        *,
        passed: float | None = None,
        free_at: FreeAt = lambda at: at,
    ) -> Claim | NoLane | Beside | None:
        """Move planned awards of one lot to ``sending`` under a new attempt, committed before return: as many as
        ``plan`` has room for, on the first of its lanes that is free (``NoLane``: none is).

        The lowest lot that has something to send comes first, awards in order of id. Awards whose recipient (key or
        target) has an award in doubt or in a call under way at the same account stay planned (``Beside``: nothing is
        left but such ones, and a call under way is why). ``build`` makes the exact
        body inside the transaction, so that its hash is recorded with the intent. ``passed`` (Unix seconds): requests
        that could live until then are dead; by itself now. ``free_at``: until when that is, of when it was written down
        to be. ``None``: the batch is not open, its start is not reached,
        or nothing can be claimed.
        """
        now = self._now()
        dead = self._clock.now() if passed is None else passed
        token = short_name(self._randomness, TOKEN_LENGTH)
        return await self._database.write_shared(
            lambda c: _calls.claim(c, batch_id, plan, build, token, now, free_at, dead)
        )

    async def claim_again(self, attempt_id: int, build: BuildBody) -> Claim | None:
        """Move the one award in doubt of a call that went under a transaction id to ``sending`` under a new attempt
        with the same id, committed before return. ``None``: it may not be sent again (any more), see
        ``_once.MAY_REPEAT``.
        """
        now = self._now()
        token = short_name(self._randomness, TOKEN_LENGTH)
        return await self._database.write(lambda c: _calls.claim_again(c, attempt_id, build, token, now))

    async def record_outcome(
        self,
        claim: Claim,
        verdict: Verdict,
        *,
        rejected: Mapping[int, str] | None = None,
        split: bool = False,
        landing: Landing | None = None,
    ) -> None:
        """Close the attempt with what the call proved, together with the new state of each of its awards.

        APPLIED, REJECTED, UNKNOWN are stored; NOT_SENT goes back to planned; ACCEPTED stays sending with the job's id
        (attempt ``accepted``). For ``verdict.refused_whole``: awards in ``rejected`` (shown to be at fault by a read)
        become rejected with their reason; with ``split`` the others go back to planned in two new lots, half and half,
        without it in one new lot; a single award that was refused alone must be in ``rejected``.
        ``verdict.pause`` pauses the batch in the same transaction (event ``batch-paused``). ``landing``: what became of
        the call on its lane.
        """
        now = self._now()
        await self._database.write_shared(
            lambda c: _calls.record(c, claim, verdict, rejected or {}, split, landing, now)
        )

    async def record_job(
        self, job: Job, outcomes: Mapping[int, Outcome], *, finished: bool, detail: str | None
    ) -> None:
        """Note an answer about a job: outcomes of awards (sending or unknown), one more poll, and whether it is over.

        A finished job closes the attempt; awards it does not name become unknown.
        """
        now = self._now()
        await self._database.write(lambda c: _jobs.record(c, job, outcomes, finished, detail, now))

    async def give_up_waiting(self, job: Job, detail: str) -> None:
        """The job took too long: its sending awards become unknown; the attempt stays ``accepted`` and pollable."""
        now = self._now()
        await self._database.write(lambda c: _jobs.give_up(c, job, detail, now))

    async def ask_to_stop(self, job: Job) -> bool:
        """Note that the service is about to be asked to stop the job; whether it is still there to be stopped."""
        now = self._now()
        return await self._database.write(lambda c: _jobs.ask_to_stop(c, job, now))

    async def mark_interrupted(self) -> Interrupted:
        """At start: attempts found ``open`` are closed as interrupted, their sending awards become unknown.

        Attempts whose job is known stay ``accepted`` and are followed up.
        """
        now = self._now()
        attempts, awards = await self._database.write(lambda c: _calls.mark_interrupted(c, now))
        return Interrupted(attempts, awards)

    async def jobs(self, account: str | None = None) -> Sequence[Job]:
        """Accepted jobs that are not over, oldest first, with their awards that are still sending or unknown."""
        return await self._database.read(lambda c: _jobs.accepted(c, account))

    async def finish_if_done(self, batch_id: int) -> bool:
        """Open or paused -> finished when nothing is planned or sending (event ``batch-finished``). Whether it now is
        finished."""
        now = self._now()
        return await self._database.write(lambda c: finish_if_done(c, batch_id, now))

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def finish_if_done(connection: sqlite3.Connection, batch_id: int, now: int) -> bool:
    """``Claims.finish_if_done``, inside somebody's transaction."""
    row = connection.execute("SELECT state, server_id FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no batch {batch_id}")
    state, server_id = row
    if state not in ("open", "paused"):
        return bool(state == "finished")
    planned = connection.execute("SELECT 1 FROM awards WHERE batch_id = ? AND state = 'planned' LIMIT 1", (batch_id,))
    if planned.fetchone() is not None or _outcomes.in_flight(connection, batch_id):
        return False
    connection.execute(
        "UPDATE batches SET state = 'finished', finished_at = ?, pause_kind = NULL, pause_detail = NULL WHERE id = ?",
        (now, batch_id),
    )
    events.append(connection, now, EventKind.BATCH_FINISHED, server_id=server_id, batch_id=batch_id)
    return True
