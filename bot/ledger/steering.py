"""What people do to recorded batches. Every method is one SQL transaction with its event; the loser of a race reads
who was first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.model import Actor, Decision, Pause, Steered
from bot.domain.states import TAKEN_IN, AwardState, BatchState, may_be_stopped
from bot.errors import NotFound, Refused
from bot.ledger import _balances, _jobs, _lanes, _names, _outcomes, events, halts, restorations
from bot.ledger.database import Database
from bot.ledger.events import EventKind, Moved, Who

STOPPED: Final = "not sent: {name} stopped the batch"

_DECIDED: Final = {
    Decision.LANDED: (AwardState.APPLIED, "{name} decided that it landed"),
    Decision.SEND_AGAIN: (AwardState.PLANNED, "{name} decided to send it again"),
    Decision.WRITE_OFF: (AwardState.WRITTEN_OFF, "{name} wrote it off"),
}
_LEADS_TO: Final[Mapping[str, tuple[EventKind, ...]]] = {
    "open": (EventKind.BATCH_RECORDED, EventKind.BATCH_RESUMED, EventKind.BATCH_REOPENED),
    "paused": (EventKind.BATCH_PAUSED,),
    "stopped": (EventKind.BATCH_STOPPED,),
    "finished": (EventKind.BATCH_FINISHED,),
}
_WORDS: Final = {"stopped": "was stopped by {who.name}", "finished": "is finished"}


@dataclass(frozen=True, slots=True)
class _Batch:
    id: int
    state: str
    server_id: str | None
    source: str


class Steering:
    """Raises ``NotFound`` for a batch of another server, ``Refused`` for what a stopped or finished batch forbids."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def pause(self, batch_id: int, actor: Actor, pause: Pause) -> Steered:
        """open -> paused."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> Steered:
            batch = _find(connection, batch_id, actor)
            if (before := _already(connection, batch, "paused", "paused")) is not None:
                return before
            connection.execute(
                "UPDATE batches SET state = 'paused', pause_kind = ?, pause_detail = ? WHERE id = ?",
                (pause.kind.value, pause.message, batch_id),
            )
            _note(
                connection,
                batch,
                EventKind.BATCH_PAUSED,
                actor,
                now,
                {"kind": pause.kind.value, "message": pause.message},
            )
            return Steered(True, actor.name, now, _planned(connection, batch))

        return await self._database.write(work)

    async def resume(self, batch_id: int, actor: Actor) -> Steered:
        """paused -> open."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> Steered:
            batch = _find(connection, batch_id, actor)
            if (before := _already(connection, batch, "open", "resumed")) is not None:
                return before
            halts.refuse(connection, batch.server_id)
            restorations.refuse(connection)
            connection.execute(
                "UPDATE batches SET state = 'open', pause_kind = NULL, pause_detail = NULL WHERE id = ?", (batch_id,)
            )
            _note(connection, batch, EventKind.BATCH_RESUMED, actor, now)
            return Steered(True, actor.name, now, _planned(connection, batch))

        return await self._database.write(work)

    async def stop(self, batch_id: int, actor: Actor) -> Steered:
        """Cancel what is planned, for good: planned -> cancelled, batch -> stopped.

        A call in flight is awaited and recorded; what it proves not to have landed is then cancelled too. So is what is
        in doubt, as soon as it is found not to have landed: a finished batch can be stopped while it has doubts, since
        they might open it again.
        """
        return (await self.stop_each([batch_id], actor))[0]

    async def stop_each(self, batch_ids: Sequence[int], actor: Actor) -> Sequence[Steered]:
        """The same for several batches, in one transaction: where one of them cannot be stopped, none is."""
        now = self._now()
        return await self._database.write(lambda c: [_stop(c, batch_id, actor, now) for batch_id in batch_ids])

    async def resolve(
        self,
        award_ids: Sequence[int],
        decision: Decision,
        actor: Actor,
        *,
        reason: str,
        calls: Mapping[int, int] | None = None,
    ) -> Steered:
        """Decide about awards in doubt. Name and reason are recorded with each.

        ``calls``: by award, the call that was looked at. An award that is in doubt because of another one by now was
        sent once more since, of which the decision says nothing: it counts as no longer in doubt. ``None``: whichever.
        Awards no longer in doubt are left alone (``awards`` counts those that changed; when none did, ``by`` and ``at``
        tell who decided the first of them). SEND_AGAIN opens a finished batch again; a stopped batch is final, so there
        it is ``Refused``, for all of the awards. ``NotFound`` when one of them is not in the actor's server.
        """
        now = self._now()
        return await self._database.write(lambda c: _resolve(c, award_ids, decision, actor, reason, calls, now))

    async def note(
        self, kind: str, *, batch_id: int | None, server_id: str | None, actor: Actor | None, detail: dict[str, object]
    ) -> None:
        """Append an event that changes nothing else (for example ``staff-alerted``)."""
        now = self._now()
        await self._database.write(
            lambda c: events.append(c, now, kind, server_id=server_id, batch_id=batch_id, actor=actor, detail=detail)
        )

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def _find(connection: sqlite3.Connection, batch_id: int, actor: Actor) -> _Batch:
    row = connection.execute("SELECT id, state, server_id, source FROM batches WHERE id = ?", (batch_id,)).fetchone()
    # What the command line recorded belongs to no server, and is steered from each that the operator bound.
    if row is None or (actor.server_id is not None and row[2] not in (None, actor.server_id)):
        raise NotFound(f"there is no batch {batch_id} here", hint="/batch list shows those there are.")
    return _Batch(*row)


def _planned(connection: sqlite3.Connection, batch: _Batch) -> int:
    """As the person who did it has to be told: by the time of an answer somebody else may have done something else."""
    (planned,) = connection.execute(
        "SELECT count(*) FROM awards WHERE batch_id = ? AND state = 'planned'", (batch.id,)
    ).fetchone()
    return int(planned)


def _already(connection: sqlite3.Connection, batch: _Batch, wanted: str, verb: str) -> Steered | None:
    """Who was first, when the batch is in the wanted state; ``Refused`` when it cannot get there any more."""
    if batch.state != wanted and batch.state not in _WORDS:
        return None
    who = events.last(connection, batch.id, _LEADS_TO[batch.state]) or Who(events.PROGRAM, 0)
    if batch.state == wanted:
        return Steered(False, who.name, who.at)
    is_now = _WORDS[batch.state].format(who=who)
    raise Refused(f"batch {batch.id} {is_now} ({events.moment(who.at)}) and cannot be {verb} any more")


def _stop(connection: sqlite3.Connection, batch_id: int, actor: Actor, now: int) -> Steered:
    batch = _find(connection, batch_id, actor)
    state = BatchState(batch.state)
    unsettled = state is BatchState.FINISHED and _outcomes.in_doubt_or_flight(connection, batch_id)
    if not may_be_stopped(state, batch.source, unsettled=unsettled):
        if unsettled:
            raise Refused(
                f"batch {batch.id} was taken in from a result file: nothing of it is ever sent, so there is nothing to"
                " stop",
                hint="`/batch resolve` settles what is in doubt there.",
            )
        if (before := _already(connection, batch, "stopped", "stopped")) is not None:
            return before
    connection.execute(
        "UPDATE batches SET state = 'stopped', pause_kind = NULL, pause_detail = NULL, finished_at = ? WHERE id = ?",
        (now, batch_id),
    )
    cancelled = _outcomes.cancel_planned(connection, batch_id, STOPPED.format(name=actor.name), now)
    number = len(cancelled.awards)
    _note(connection, batch, EventKind.BATCH_STOPPED, actor, now, {"cancelled": number}, [cancelled])
    return Steered(True, actor.name, now, number)


def _note(
    connection: sqlite3.Connection,
    batch: _Batch,
    kind: EventKind,
    actor: Actor,
    now: int,
    detail: Mapping[str, object] | None = None,
    moved: Sequence[Moved] = (),
    award_id: int | None = None,
) -> None:
    events.append(
        connection,
        now,
        kind,
        server_id=batch.server_id,
        batch_id=batch.id,
        award_id=award_id,
        actor=actor,
        detail=detail,
        moved=moved,
    )


def _resolve(
    connection: sqlite3.Connection,
    award_ids: Sequence[int],
    decision: Decision,
    actor: Actor,
    reason: str,
    calls: Mapping[int, int] | None,
    now: int,
) -> Steered:
    doubts = connection.execute(
        "SELECT a.id, a.batch_id, a.attempt_id, a.state FROM awards a WHERE a.id IN (SELECT value FROM json_each(?))"
        " ORDER BY a.id",
        (json.dumps(list(award_ids)),),
    ).fetchall()
    if len(doubts) != len(set(award_ids)):
        raise NotFound("one of these awards does not exist here")
    batches = {batch_id: _find(connection, batch_id, actor) for _, batch_id, _, _ in doubts}
    changed = 0
    for batch in batches.values():
        mine = [
            (id_, attempt)
            for id_, batch_id, attempt, state in doubts
            if (batch_id, state) == (batch.id, "unknown") and (calls is None or calls.get(id_) == attempt)
        ]
        if mine:
            _decide(connection, batch, mine, decision, actor, reason, now)
            changed += len(mine)
    if changed or not doubts:
        return Steered(bool(changed), actor.name, now, changed)
    return _decided_before(connection, doubts[0][0], doubts[0][1])


def _decide(
    connection: sqlite3.Connection,
    batch: _Batch,
    doubts: Sequence[tuple[int, int]],
    decision: Decision,
    actor: Actor,
    reason: str,
    now: int,
) -> None:
    """``doubts``: award and attempt of every award in doubt of this batch."""
    if decision is Decision.SEND_AGAIN and batch.state == "stopped":
        raise Refused(
            f"batch {batch.id} was stopped, and a stopped batch sends nothing any more",
            hint="Say that the awards landed or write them off; what has to be paid is a new award.",
        )
    if any(_lanes.sends_again(connection, attempt) for attempt in {attempt for _, attempt in doubts}):
        raise Refused(
            "this call is being sent again right now, which is safe and settles the doubt",
            hint="Look again in a minute.",
        )
    if decision is Decision.SEND_AGAIN and batch.source == TAKEN_IN:
        raise Refused(
            f"batch {batch.id} was taken in from a result file, and nothing of it is ever sent",
            hint="Say that the awards landed or write them off; what has to be paid is a new award.",
        )
    state, words = _DECIDED[decision]
    detail = words.format(name=actor.name) + (f": {reason}" if reason else "")
    connection.execute(
        "UPDATE awards SET state = ?, detail = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
        (state.value, detail, now, json.dumps([award_id for award_id, _ in doubts])),
    )
    # Whatever was read of these recipients while their doubts were open may be from before it landed.
    _balances.forget(connection, batch.id, [award_id for award_id, _ in doubts], now)
    for award_id, attempt in doubts:
        told = {"decision": decision.value, "reason": reason, "attempt": attempt}
        moved = [Moved(state.value, [award_id], detail)]
        _note(connection, batch, EventKind.AWARD_RESOLVED, actor, now, told, moved, award_id)
    _jobs.close_decided(connection, sorted({attempt for _, attempt in doubts}), now)
    if decision is Decision.SEND_AGAIN and _outcomes.settle_planned(connection, batch.id, now).reopened:
        _note(connection, batch, EventKind.BATCH_REOPENED, actor, now)


def _decided_before(connection: sqlite3.Connection, award_id: int, batch_id: int) -> Steered:
    """By whom an award was decided that is not in doubt any more: a person, or else what the service answered."""
    row = connection.execute(
        "SELECT actor_id, actor_name, at FROM events WHERE batch_id = ? AND attempt_id IS NULL AND award_id = ?"
        " AND kind = ? ORDER BY seq DESC LIMIT 1",
        (batch_id, award_id, EventKind.AWARD_RESOLVED.value),
    ).fetchone()
    if row is None:
        (at,) = connection.execute("SELECT changed_at FROM awards WHERE id = ?", (award_id,)).fetchone()
        return Steered(False, events.PROGRAM, at)
    return Steered(False, _names.of_entry(row[0], row[1]) or events.PROGRAM, row[2])
