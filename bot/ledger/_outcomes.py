"""What a call or a job told about awards, written to the ledger inside somebody's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.ranges import ranges
from bot.domain.states import AwardState
from bot.ledger.events import Moved

NEXT_STATE: Final[Mapping[OutcomeKind, AwardState]] = {
    OutcomeKind.APPLIED: AwardState.APPLIED,
    OutcomeKind.REJECTED: AwardState.REJECTED,
    OutcomeKind.NOT_SENT: AwardState.PLANNED,
    OutcomeKind.UNKNOWN: AwardState.UNKNOWN,
    OutcomeKind.ACCEPTED: AwardState.SENDING,
}

IN_FLIGHT: Final = (
    "SELECT 1 FROM attempts t INDEXED BY attempts_unfinished CROSS JOIN json_each(t.awards) one"
    " CROSS JOIN awards a ON a.id = one.value WHERE (t.state = 'open' OR t.state = 'accepted') AND t.batch_id = ?1"
    " AND a.attempt_id = t.id AND a.state = 'sending' LIMIT 1"
)

STOPPED_MEANWHILE: Final = "not sent: the batch was stopped while the call was under way"


def store(connection: sqlite3.Connection, attempt_id: int, outcomes: Mapping[int, Outcome], now: int) -> list[Moved]:
    """Move awards of an attempt, which are sending or in doubt, to where their outcomes put them. For the history.

    Raises ``AssertionError`` when one of them is neither, or belongs to another attempt.
    """
    # One statement for all that share a state and a sentence, which is nearly always all of them.
    groups: dict[tuple[AwardState, str | None], dict[int, int | None]] = {}
    for award_id in sorted(outcomes):
        outcome = outcomes[award_id]
        groups.setdefault((NEXT_STATE[outcome.kind], outcome.detail), {})[award_id] = outcome.balance
    moves = []
    for (state, detail), told in groups.items():
        moved = sum(
            connection.execute(
                "UPDATE awards SET state = ?1, detail = ?2, balance = told.value, changed_at = ?3"
                " FROM json_each(?4) told WHERE awards.id = ?5 + told.key AND attempt_id = ?6"
                " AND state IN ('sending', 'unknown')",
                (
                    state.value,
                    detail,
                    now,
                    json.dumps([told[one] for one in range(first, last + 1)]),
                    first,
                    attempt_id,
                ),
            ).rowcount
            for first, last in ranges(told)
        )
        if moved != len(told):
            raise AssertionError(f"{moved} of {len(told)} awards of attempt {attempt_id} got their outcome")
        moves.append(Moved(state.value, list(told), detail, list(told.values())))
    return moves


def sending(connection: sqlite3.Connection, attempt_id: int) -> list[int]:
    """Awards that are in flight under an attempt, by id."""
    found = connection.execute(
        "SELECT a.id FROM attempts t CROSS JOIN json_each(t.awards) one CROSS JOIN awards a ON a.id = one.value"
        " WHERE t.id = ? AND a.attempt_id = t.id AND a.state = 'sending' ORDER BY a.id",
        (attempt_id,),
    )
    return [award_id for (award_id,) in found]


def in_flight(connection: sqlite3.Connection, batch_id: int) -> bool:
    """Whether an award of the batch is sending. It is so under an attempt that is not closed, and those are few."""
    return connection.execute(IN_FLIGHT, (batch_id,)).fetchone() is not None


def in_doubt_or_flight(connection: sqlite3.Connection, batch_id: int) -> bool:
    """Whether it is not known yet of an award of the batch what became of it."""
    doubt = "SELECT 1 FROM awards WHERE batch_id = ? AND state = 'unknown' LIMIT 1"
    return in_flight(connection, batch_id) or connection.execute(doubt, (batch_id,)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Settled:
    """What awards that went back to planned meant for their batch."""

    reopened: bool = False
    moved: tuple[Moved, ...] = ()


def settle_planned(connection: sqlite3.Connection, batch_id: int, now: int) -> Settled:
    """After awards went back to planned: a stopped batch never holds planned awards, so they are cancelled; a finished
    one is open again."""
    (state,) = connection.execute("SELECT state FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if state == "stopped":
        return Settled(moved=(cancel_planned(connection, batch_id, STOPPED_MEANWHILE, now),))
    if state == "finished":
        connection.execute("UPDATE batches SET state = 'open', finished_at = NULL WHERE id = ?", (batch_id,))
        return Settled(reopened=True)
    return Settled()


def cancel_planned(connection: sqlite3.Connection, batch_id: int, detail: str, now: int) -> Moved:
    """planned -> cancelled; which, for the history."""
    planned = connection.execute(
        "SELECT id FROM awards WHERE batch_id = ? AND state = 'planned' ORDER BY id", (batch_id,)
    ).fetchall()
    connection.execute(
        "UPDATE awards SET state = 'cancelled', detail = ?, changed_at = ? WHERE batch_id = ? AND state = 'planned'",
        (detail, now, batch_id),
    )
    return Moved("cancelled", [award_id for (award_id,) in planned], detail)


def verdict_of(kinds: Iterable[str]) -> str:
    """One word for an attempt whose awards ended in these ways."""
    different = set(kinds)
    return different.pop() if len(different) == 1 else "mixed"
