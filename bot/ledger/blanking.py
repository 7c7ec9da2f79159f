"""Forgetting what a person wrote, on request, in a ledger that still verifies.

The history holds words as salted hashes only. Blanking removes the words and the salt, so that nobody can try which
words they were, and appends one entry for each batch that says what was blanked and what the batch's words are now. Who
got how much, when, and by whose id stays: that is not words but the books.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.ledger import _recording, _seals, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind, Moved

_ELSEWHERE: Final = (
    "UPDATE drafts SET actor_name = '', reason = NULL WHERE actor_id = ? AND state IN ('recorded', 'cancelled')",
    "UPDATE halts SET by_name = '', reason = '' WHERE by_id = ?",
    "UPDATE halts SET released_by_name = '', release_reason = '' WHERE released_by_id = ?",
    "UPDATE approvals SET asked_by_name = '' WHERE asked_by_id = ?",
    "UPDATE approvals SET decided_by_name = '' WHERE decided_by_id = ?",
)
"""Where the same words stand once more, to be read by people."""


@dataclass(frozen=True, slots=True)
class Blanked:
    """What was blanked."""

    entries: int
    batches: int


async def blank(database: Database, clock: Clock, actor_id: str) -> Blanked:
    """Blank the name of a person and every reason and note that this person wrote. One SQL transaction.

    Labels stay: who was paid for a campaign is told by its name, and whoever is forgotten there is paid again.
    """
    now = milliseconds(clock.now())
    return await database.write(lambda connection: _blank(connection, actor_id, now))


def _blank(connection: sqlite3.Connection, actor_id: str, now: int) -> Blanked:
    found = connection.execute(
        "SELECT seq, batch_id, facts, salt FROM events WHERE actor_id = ? AND salt IS NOT NULL ORDER BY seq",
        (actor_id,),
    ).fetchall()
    theirs = {id_ for (id_,) in connection.execute("SELECT id FROM batches WHERE actor_id = ?", (actor_id,))}
    moved: dict[int, list[Moved]] = {}
    for _, batch_id, facts, salt in found:
        moved.setdefault(batch_id or 0, []).extend(_without_detail(connection, json.loads(facts), salt))
    connection.execute(
        "UPDATE events SET actor_name = NULL, detail = '{}', salt = NULL WHERE seq IN (SELECT value FROM json_each(?))",
        (json.dumps([seq for seq, *_ in found]),),
    )
    for sql in _ELSEWHERE:
        connection.execute(sql, (actor_id,))
    for batch_id in theirs:
        _blank_batch(connection, batch_id)
    batches = sorted((theirs | moved.keys()) - {0})
    seqs = _seals.ranges(seq for seq, *_ in found)
    if found:
        events.append(connection, now, EventKind.WORDS_BLANKED, facts={"blanked": seqs})
    for batch_id in batches:
        # The pause of a batch may be told in words of an entry that has none now.
        connection.execute(
            "UPDATE batches SET pause_detail = NULL WHERE id = ? AND pause_kind IS NOT NULL AND (SELECT salt"
            " FROM events WHERE batch_id = batches.id AND kind = 'batch-paused' ORDER BY seq DESC LIMIT 1) IS NULL",
            (batch_id,),
        )
        words = _recording.contents(connection, batch_id).words
        groups = moved.get(batch_id, [])
        events.append(connection, now, EventKind.WORDS_BLANKED, batch_id=batch_id, moved=groups, text=words)
    return Blanked(len(found), len(batches))


def _without_detail(connection: sqlite3.Connection, facts: dict[str, object], salt: bytes) -> Iterator[Moved]:
    """Awards whose detail still is what this entry said of them."""
    for group in facts.get("moved", ()):  # type: ignore[attr-defined] # our JSON
        if "said" not in group:
            continue
        for award_id in _seals.in_ranges(group["awards"]):
            state, detail, changed_at = connection.execute(
                "SELECT state, detail, changed_at FROM awards WHERE id = ?", (award_id,)
            ).fetchone()
            if state == group["to"] and detail is not None and _seals.salted(salt, detail) == group["said"]:
                connection.execute("UPDATE awards SET detail = NULL WHERE id = ?", (award_id,))
                yield Moved(state, [award_id], None, at=changed_at)


def _blank_batch(connection: sqlite3.Connection, batch_id: int) -> None:
    connection.execute(
        "UPDATE batches SET actor_name = '', reason = NULL, choice = json_remove(choice, '$.prepared_by') WHERE id = ?",
        (batch_id,),
    )
    connection.execute(
        "UPDATE awards SET reason = NULL WHERE reason IS NOT NULL AND id BETWEEN"
        " (SELECT first_award FROM batches WHERE id = ?1) AND (SELECT last_award FROM batches WHERE id = ?1)",
        (batch_id,),
    )
