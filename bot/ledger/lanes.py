"""Lanes of the operator's accounts. Every method is one SQL transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.lanes import Course, Lane, LaneKind, Passage
from bot.ledger import _evidence, _lanes, events, halts, restorations
from bot.ledger.database import Database
from bot.ledger.events import EventKind

_SENDS: Final = (
    "SELECT b.id, t.awards, (SELECT count(*) FROM json_each(t.awards) one JOIN awards a ON a.id = one.value"  # noqa: S608 # our words
    " WHERE a.attempt_id = t.id AND a.state = 'unknown') FROM attempts t JOIN batches b ON b.id = t.batch_id"
    " JOIN lanes l ON l.attempt_id = t.id WHERE t.id = ? AND b.state IN ('open', 'finished') AND l.trouble IS NULL"
    f" AND NOT {halts.IN_FORCE} AND NOT {restorations.IN_FORCE}"
)
"""A call that may still be sent again: its batch, its awards, and how many of them are in doubt."""


_HELD: Final = (
    "SELECT ln.kind, t.state, t.batch_id, b.server_id, NOT ("  # noqa: S608 # our words
    f"{_evidence.CAN_BE_READ}), k.left_for FROM lanes ln LEFT JOIN attempts t ON t.id = ln.attempt_id"
    " LEFT JOIN batches b ON b.id = t.batch_id LEFT JOIN looks k ON k.attempt_id = t.id"
    " WHERE ln.id IN (SELECT value FROM json_each(?)) AND ln.trouble IS NULL ORDER BY ln.id"
)
"""Of each lane that is in order, the call that has it, and whether somebody looks what became of that."""


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """A lane with what it does now."""

    lane: Lane
    trouble: str | None
    attempt_id: int | None
    """The call that has it."""
    in_doubt: bool
    """Some award of that call is under way or in doubt."""


@dataclass(frozen=True, slots=True)
class HeldLane:
    """Why no call can be made on any of a programme's lanes: a call that is not under way any more still has it."""

    kind: LaneKind
    batch_id: int
    """Whose call it is."""
    server_id: str | None
    is_paused: bool
    """Nobody looks what became of it, because that batch is paused for something that keeps it from being asked."""
    is_left: bool
    """It was looked for in vain."""


class Lanes:
    """What the operator has set up, and what calls leave there between claim and outcome."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def standing(self, account: str, courses: Sequence[Course]) -> Sequence[LaneStanding | None]:
        """How each of these lanes stands; ``None``: it was never set up in this ledger."""

        def look(connection: sqlite3.Connection) -> list[LaneStanding | None]:
            return [_standing(connection, account, course) for course in courses]

        return await self._database.read(look)

    async def set_up(self, account: str, course: Course, held: Sequence[int], dead_at: float) -> None:
        """The operator has set the lane up, and its places hold this. A call that had it is over for the lane, whatever
        became of it; nothing leaves before ``dead_at`` (Unix seconds), when nothing older can be alive."""
        values = (
            json.dumps(list(held)),
            json.dumps([milliseconds(dead_at)] * len(held)),
        )

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO lanes (account, kind, places, held, dead_at) VALUES (?1, ?2, ?3, ?4, ?5)"
                " ON CONFLICT DO UPDATE SET held = ?4, dead_at = ?5, trouble = NULL, attempt_id = NULL, lost = 0,"
                " lost_until = 0, refused = 0, again = 0",
                (account, course.kind.value, _places(course), *values),
            )

        await self._database.write(work)

    async def mark(self, lane_id: int, trouble: str) -> None:
        """The lane carries no further call until the operator has looked."""
        await self._database.write(
            lambda c: (
                c.execute("UPDATE lanes SET trouble = coalesce(trouble, ?) WHERE id = ?", (trouble, lane_id)).rowcount
            )
        )

    async def held(self, lane_ids: Sequence[int]) -> HeldLane | None:
        """What keeps all of these lanes, the one that a person has to see to first; ``None``: one is free, or will be
        by the end of a call under way, or the operator has to look at them (which pauses whoever needs them)."""

        def look(connection: sqlite3.Connection) -> HeldLane | None:
            found = connection.execute(_HELD, (json.dumps(list(lane_ids)),)).fetchall()
            if any(state != "closed" for _, state, *_ in found):
                return None
            held = [
                HeldLane(LaneKind(kind), batch_id, server_id, bool(is_paused), left_for is not None)
                for kind, _, batch_id, server_id, is_paused, left_for in found
            ]
            return max(held, key=lambda one: (one.is_paused, one.is_left), default=None)

        return await self._database.read(look)

    async def send_again(self, attempt_id: int, passage: Passage, *, doubted: bool) -> bool:
        """Record that the same bytes are about to be sent once more, as ``passage`` says a crash would leave it.

        ``False``: they must not be. The batch was paused or stopped, everything was, or (``doubted``: the call is not
        under way, its awards are in doubt) a person has decided about one of its awards. Until the call is settled
        nobody can decide then.
        """
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute(_SENDS, (attempt_id,)).fetchone()
            if found is None or (doubted and found[2] < len(json.loads(found[1]))):
                return False
            _lanes.note(connection, passage, attempt_id)
            if doubted:
                connection.execute("UPDATE lanes SET again = 1 WHERE attempt_id = ?", (attempt_id,))
            events.append(connection, now, EventKind.CALL_AGAIN, batch_id=found[0], attempt_id=attempt_id)
            return True

        return await self._database.write(work)


def _places(course: Course) -> str:
    return json.dumps([[place.holder, place.currency] for place in course.places])


def _standing(connection: sqlite3.Connection, account: str, course: Course) -> LaneStanding | None:
    row = connection.execute(
        f"SELECT {_lanes.COLUMNS}, trouble, attempt_id, EXISTS (SELECT 1 FROM attempts t, json_each(t.awards) one"  # noqa: S608 # our words
        " JOIN awards a ON a.id = one.value WHERE t.id = lanes.attempt_id AND a.attempt_id = t.id"
        " AND a.state IN ('sending', 'unknown')) FROM lanes WHERE account = ? AND kind = ? AND places = ?",
        (account, course.kind.value, _places(course)),
    ).fetchone()
    if row is None:
        return None
    *of_lane, trouble, attempt_id, in_doubt = row
    return LaneStanding(_lanes.lane(of_lane), trouble, attempt_id, bool(in_doubt))
