"""SQL of lanes: which one a call takes, and what it left there. Part of other transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from bot.domain.calls import NoLane
from bot.domain.lanes import ENDS, Landing, Lane, LaneKind, Passage
from bot.domain.probing import Purse
from bot.ledger import _rows

FreeAt = Callable[[float], float]
"""When a lane is free of requests that were given up, by the present clock, of when it was written down to be (both in
Unix seconds). Called on the ledger's thread."""

COLUMNS: Final = "id, kind, places, held, dead_at"
PASSAGE: Final = "lost, lost_until, refused"


def lane(row: Sequence[Any]) -> Lane:
    """From ``COLUMNS``."""
    number, kind, places, held, dead_at = row
    return Lane(
        number,
        LaneKind(kind),
        tuple(Purse(*place) for place in json.loads(places)),
        tuple(json.loads(held)),
        tuple(time / 1000 for time in json.loads(dead_at)),
    )


def passage(row: Sequence[Any]) -> Passage:
    """From ``COLUMNS`` and ``PASSAGE``."""
    *of_lane, lost, lost_until, refused = row
    return Passage(lane(of_lane), lost, lost_until / 1000, bool(refused))


def as_found(lane: Lane) -> dict[str, object]:
    """What a call finds when it takes the lane, for its expectation. Nothing of it changes while the call has it."""
    legs = [[leg.purse.holder, leg.purse.currency, leg.amount] for leg in lane.legs]
    return {"id": lane.id, "kind": lane.kind.value, "held": list(lane.held), "rows": legs}


def is_as_found(lane: Lane, expectation: str | None) -> bool:
    """Whether the lane of a call stands as that call's ``expectation`` says, which the history proves."""
    return _rows.mapping(expectation or "{}").get("lane") == as_found(lane)


def of_attempt(connection: sqlite3.Connection, attempt_id: int) -> Passage | None:
    """The lane that a call has."""
    row = connection.execute(
        f"SELECT {COLUMNS}, {PASSAGE} FROM lanes WHERE attempt_id = ?",  # noqa: S608 # our words
        (attempt_id,),
    ).fetchone()
    return None if row is None else passage(row)


def pick(connection: sqlite3.Connection, lanes: Sequence[int], free_at: FreeAt, passed: float) -> Passage | NoLane:
    """The first of these lanes that can take a call, now that requests which could live until ``passed`` are dead."""
    waits: list[float] = []
    troubles: list[str] = []
    taken = False
    for *row, attempt_id, trouble in connection.execute(
        f"SELECT {COLUMNS}, attempt_id, trouble FROM lanes WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",  # noqa: S608 # our words
        (json.dumps(lanes),),
    ):
        if trouble is not None:
            troubles.append(trouble)
        elif attempt_id is not None:
            taken = True
        elif (starts_at := free_at((free := lane(row)).starts_at)) <= passed:
            return Passage(free)
        else:
            waits.append(starts_at)
    if taken or waits:
        return NoLane(min(waits, default=None))
    return NoLane(None, troubles[0] if troubles else "they are not set up in this ledger")


def take(connection: sqlite3.Connection, passage: Passage, attempt_id: int, lost_until: float) -> None:
    """A call has the lane from now on. What a crash would leave is a send that was lost and dies at ``lost_until``."""
    connection.execute(
        "UPDATE lanes SET attempt_id = ?, lost = 1, lost_until = ?, refused = 0 WHERE id = ? AND attempt_id IS NULL",
        (attempt_id, _ms(lost_until), passage.lane.id),
    )


def note(connection: sqlite3.Connection, passage: Passage, attempt_id: int) -> None:
    """What is known of the sends of the call that has the lane."""
    connection.execute(
        "UPDATE lanes SET lost = ?, lost_until = ?, refused = ? WHERE id = ? AND attempt_id = ?",
        (passage.lost, _ms(passage.dead_at), int(passage.refused), passage.lane.id, attempt_id),
    )


def land(connection: sqlite3.Connection, landing: Landing, attempt_id: int) -> None:
    """What became of the call that has the lane: it is free again, or what is known so far is kept."""
    lane_id = landing.passage.lane.id
    if landing.step in ENDS:
        after = landing.passage.end(landing.step, landing.seen)
        connection.execute(
            "UPDATE lanes SET held = ?, dead_at = ?, attempt_id = NULL, lost = 0, lost_until = 0, refused = 0,"
            " again = 0 WHERE id = ? AND attempt_id = ?",
            (json.dumps(after.held), json.dumps([_ms(at) for at in after.dead_at]), lane_id, attempt_id),
        )
    else:
        note(connection, landing.passage, attempt_id)
        connection.execute("UPDATE lanes SET again = 0 WHERE id = ? AND again", (lane_id,))
    if landing.trouble is not None:
        connection.execute("UPDATE lanes SET trouble = coalesce(trouble, ?) WHERE id = ?", (landing.trouble, lane_id))


def sends_again(connection: sqlite3.Connection, attempt_id: int) -> bool:
    """Whether the call is being sent again at this moment, so that nobody may decide about it."""
    found = connection.execute("SELECT again FROM lanes WHERE attempt_id = ?", (attempt_id,)).fetchone()
    return found is not None and bool(found[0])


def _ms(time: float) -> int:
    """Rounded up: a request never lives longer than is recorded."""
    return int(-(-time * 1000 // 1))
