"""A ledger that was put back from a copy, or that turned out to be an older one: what happened meanwhile is missing in
it, so it sends nothing.

Awards that another ledger recorded and paid are not known here; sending what this one holds for planned could pay them
twice, and so could the same file sent again. Nothing is recorded, resumed or claimed until somebody has looked and
signed it off by name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.clock import Clock, latest, milliseconds
from bot.domain.model import Actor, PauseKind
from bot.errors import Refused
from bot.ledger import _kinds, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind

NEXT: Final = "Compare with the services and the staff channel, then run `bursar restore --sign-off NAME`."
"""What a person does about it."""
IN_FORCE: Final = "EXISTS (SELECT 1 FROM restorations WHERE signed_at IS NULL)"
"""Whether the ledger waits to be signed off; the table has a row for every restoration, so nearly always none."""

SINCE_CALL: Final = (
    "(EXISTS (SELECT 1 FROM restorations) AND EXISTS (SELECT 1 FROM events begun WHERE begun.batch_id = t.batch_id"
    " AND begun.attempt_id = t.id AND begun.kind = 'call-begun'"
    " AND begun.seq < (SELECT max(seq) FROM events WHERE kind = 'ledger-restored')))"
)
"""Whether that became so after call ``t`` was begun: another ledger may have settled it, and have sent it again. By the
order of the history, since the clocks of two machines may differ."""

_LANE_LEFT: Final = "a call on it was not settled yet in a ledger that is not the newest"


class Why(StrEnum):
    """What made a ledger one that has to be signed off."""

    RESTORED = "restored"  # by ``restore``
    OLDER = "older"  # its own sign of life tells of entries that it does not have
    SUPERSEDED = "superseded"  # somebody let another machine take over
    STRANGER = "stranger"  # the service has calls of Bursar that this ledger did not make


_MESSAGES: Final[Mapping[Why, str]] = {
    Why.RESTORED: "restored from a copy of {copied}: awards recorded after it are missing here, so nothing is sent",
    Why.OLDER: (
        "found to be an older copy, of {copied}: its own sign of life tells of entries that are missing here, so"
        " nothing is sent"
    ),
    Why.SUPERSEDED: (
        "left behind on {at}, when another machine took over: awards recorded there are missing here, so nothing is"
        " sent"
    ),
    Why.STRANGER: (
        "found to be an older copy, or not the only ledger, on {at}: the service has calls of Bursar that are missing"
        " here, so nothing is sent"
    ),
}


@dataclass(frozen=True, slots=True)
class Restoration:
    """A copy that took the ledger's place, or was found to be one, and is not signed off."""

    id: int
    restored_at: int
    copied_at: int
    """Time of the newest entry in the copy's history."""
    why: Why = Why.RESTORED

    @property
    def message(self) -> str:
        """What has to be known about it."""
        return _MESSAGES[self.why].format(copied=events.moment(self.copied_at), at=events.moment(self.restored_at))


class Restorations:
    """One transaction each, with its event."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def in_force(self) -> Restoration | None:
        """The restoration that waits to be signed off."""
        return await self._database.read(find)

    async def signed_at(self) -> int | None:
        """When one was signed off last, Unix milliseconds, as far as that is believed."""
        now = milliseconds(self._clock.now())
        return await self._database.read(lambda connection: believed(connection, now))

    async def suspect(self, why: Why) -> Restoration:
        """This ledger is not the newest, or not the only one: it waits to be signed off, and everything open in it is
        paused. The one in force where there is one already."""
        now = milliseconds(self._clock.now())
        return await self._database.write(lambda connection: find(connection) or mark(connection, now, why))

    async def sign_off(self, name: str, actor_id: str = "cli") -> bool:
        """Somebody vouches that the gap is closed. Batches stay paused until they are resumed. ``False``: no need."""
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> bool:
            signed = connection.execute(
                "UPDATE restorations SET signed_at = ?, signed_by = ? WHERE signed_at IS NULL", (now, name)
            ).rowcount
            if signed:
                actor = Actor(actor_id, name, None)
                events.append(connection, now, EventKind.RESTORE_SIGNED, actor=actor)
            return bool(signed)

        return await self._database.write(work)


def find(connection: sqlite3.Connection) -> Restoration | None:
    """The restoration that waits to be signed off, inside somebody's transaction."""
    row = connection.execute(
        "SELECT id, restored_at, copied_at, why FROM restorations WHERE signed_at IS NULL ORDER BY copied_at LIMIT 1"
    ).fetchone()
    return None if row is None else Restoration(row[0], row[1], row[2], Why(row[3]))


def believed(connection: sqlite3.Connection, now: int) -> int | None:
    """When one was signed off last. Not at a time in the future (``bot.clock.lies_ahead``): what others do until then
    was signed off by nobody."""
    row: tuple[int | None] = connection.execute(
        "SELECT max(signed_at) FROM restorations WHERE signed_at <= ?", (latest(now),)
    ).fetchone()
    return row[0]


def refuse(connection: sqlite3.Connection) -> None:
    """Raises ``Refused`` while the ledger waits to be signed off."""
    found = find(connection)
    if found is not None:
        raise Refused(
            f"this ledger was {found.message}",
            hint=NEXT,
        )


def mark(connection: sqlite3.Connection, now: int, why: Why = Why.RESTORED) -> Restoration:
    """Make of a copy a ledger that waits to be signed off; everything open in it is paused, and its drafts are gone."""
    (copied_at,) = connection.execute("SELECT at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    (restoration_id,) = connection.execute(
        "INSERT INTO restorations (restored_at, copied_at, why) VALUES (?, ?, ?) RETURNING id",
        (now, copied_at, why.value),
    ).fetchone()
    restored = Restoration(restoration_id, now, copied_at, why)
    facts = {"copied_at": copied_at, "why": why.value}
    events.append(connection, now, EventKind.LEDGER_RESTORED, facts=facts)
    # Whether somebody confirmed a draft elsewhere is not known here, and its card can still be pressed.
    connection.execute("DELETE FROM drafts WHERE state <> 'recorded'")
    _leave_doubts(connection, now)
    found = connection.execute("SELECT id, server_id FROM batches WHERE state = 'open' ORDER BY id").fetchall()
    for batch_id, server_id in found:
        connection.execute(
            "UPDATE batches SET state = 'paused', pause_kind = ?, pause_detail = ? WHERE id = ?",
            (PauseKind.RESTORED.value, restored.message, batch_id),
        )
        detail = {"kind": PauseKind.RESTORED.value, "message": restored.message}
        events.append(connection, now, EventKind.BATCH_PAUSED, server_id=server_id, batch_id=batch_id, detail=detail)
    return restored


def _leave_doubts(connection: sqlite3.Connection, now: int) -> None:
    """What is open here may have been settled, sent again and paid elsewhere, and the service shows the sum of it all:
    where a ring stands and what a balance is no longer proves anything of these calls. A person decides. Gameball's
    jobs are followed, and its list is read: a call's own token or id in it proves that the call landed (and nothing
    proves that it did not, see ``_judgements.record``)."""
    connection.execute(
        "INSERT INTO looks SELECT t.id, 0, ?, 'unclear', '{}' FROM attempts t"  # noqa: S608 # our words
        f" JOIN batches b ON b.id = t.batch_id WHERE b.kind NOT IN {_kinds.LISTING_PAYMENTS}"
        " AND t.id IN (SELECT attempt_id FROM awards WHERE state IN ('sending', 'unknown')"
        " UNION SELECT attempt_id FROM lanes WHERE attempt_id IS NOT NULL)"
        " ON CONFLICT DO UPDATE SET left_for = 'unclear'",
        (now,),
    )
    connection.execute(
        "UPDATE lanes SET trouble = coalesce(trouble, ?) WHERE attempt_id IS NOT NULL",
        (_LANE_LEFT,),
    )
