"""Forgetting what a person wrote, on request, in a ledger that still verifies.

The history holds words as salted hashes only. Blanking removes the words and the salt, so that nobody can try which
words they were, and appends one entry for each batch that says what was blanked and what the batch's words are now. Who
got how much, when, and by whose id stays: that is not words but the books.

A person is reached by the Discord id, and what was done at the command line, which knows no ids, by the name that was
given there. ``tests/ledger/test_blanking.py`` says of every column of the schema whether it can hold such words, and
what becomes of it here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.ranges import in_ranges, ranges
from bot.errors import Refused
from bot.ledger import _kinds, _recording, _seals, events
from bot.ledger.database import Database
from bot.ledger.events import EventKind, Moved

SHELL: Final = "cli"
"""The id under which everybody at the command line acts."""


def _theirs(id_: str, name: str) -> str:
    return f"({id_} = ?1 OR ({id_} = '{SHELL}' AND {name} IN (SELECT value FROM json_each(?2))))"  # noqa: S608 # our words


_ELSEWHERE: Final = (
    f"UPDATE halts SET by_name = '', reason = '' WHERE {_theirs('by_id', 'by_name')} AND by_name <> ''",  # noqa: S608 # our words
    "UPDATE halts SET released_by_name = '', release_reason = ''"  # noqa: S608 # our words
    f" WHERE {_theirs('released_by_id', 'released_by_name')} AND released_by_name <> ''",
    "UPDATE approvals SET asked_by_name = ''"  # noqa: S608 # our words
    f" WHERE {_theirs('asked_by_id', 'asked_by_name')} AND asked_by_name <> ''",
    "UPDATE approvals SET decided_by_name = ''"  # noqa: S608 # our words
    f" WHERE {_theirs('decided_by_id', 'decided_by_name')} AND decided_by_name <> ''",
    # The row has no id; the entry about it has, and everything that waited was signed off at that moment.
    "UPDATE restorations SET signed_by = '' WHERE signed_by <> '' AND signed_at IN"  # noqa: S608 # our words
    f" (SELECT at FROM events WHERE kind = 'restore-signed' AND {_theirs('actor_id', 'actor_name')})",
)
"""Words that stand in rows of no batch."""
_ENTRIES: Final = (
    "SELECT seq, batch_id, facts, salt FROM events WHERE salt IS NOT NULL"  # noqa: S608 # our words
    f" AND {_theirs('actor_id', 'actor_name')} ORDER BY seq"
)
_NAMES: Final = (
    "SELECT actor_name FROM events WHERE actor_id = ?1 AND actor_name IS NOT NULL"
    " UNION SELECT actor_name FROM batches WHERE actor_id = ?1 AND actor_name <> ''"
    " UNION SELECT value FROM json_each(?2)"
)
_PREPARED: Final = _theirs("choice ->> 'prepared_by_id'", "choice ->> 'prepared_by'")
_OPEN: Final = (
    "SELECT b.id FROM batches b WHERE EXISTS (SELECT 1 FROM awards a WHERE a.id BETWEEN b.first_award AND b.last_award"  # noqa: S608 # our words
    " AND a.reason IS NOT NULL AND a.state IN ('sending', 'unknown'))"
    f" AND b.kind IN {_kinds.LISTING_PAYMENTS} AND ({_theirs('actor_id', 'actor_name')} OR {_PREPARED})"
    " ORDER BY b.id LIMIT 1"
)
"""Batches of which a service's list is yet to tell what became of an award, by the reason that was sent with it."""
_DID: Final = ("decided", "wrote", "stopped")
"""How what a person did about an award goes on behind the name (``steering``)."""


@dataclass(frozen=True, slots=True)
class Blanked:
    """What was blanked."""

    entries: int
    """Entries of the history."""
    batches: int
    others: int
    """Rows elsewhere: stops, leaves, sign-offs, drafts."""


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    shell_names: Collection[str]

    @property
    def values(self) -> tuple[str, str]:
        """For statements made with ``_theirs``."""
        return self.id, json.dumps(list(self.shell_names))


async def blank(database: Database, clock: Clock, actor_id: str, shell_names: Collection[str] = ()) -> Blanked:
    """Blank the name of a person and every reason and note that this person wrote. One SQL transaction.

    Labels and file names stay: who was paid for a campaign is told by its name, and whoever is forgotten there is paid
    again. So do uploaded files, which say who got how much. Drafts that nobody confirmed are cancelled.

    Raises ``Refused`` while a doubt is to be settled by what this person wrote.
    """
    now, person = milliseconds(clock.now()), _Person(actor_id, shell_names)
    return await database.write(lambda connection: _blank(connection, person, now))


def _blank(connection: sqlite3.Connection, person: _Person, now: int) -> Blanked:
    _refuse_open(connection, person)
    found = connection.execute(_ENTRIES, person.values).fetchall()
    found += _retold(connection, person, {seq for seq, *_ in found})
    others = sum(connection.execute(sql, person.values).rowcount for sql in _ELSEWHERE)
    others += _blank_drafts(connection, person, now)
    moved: dict[int, list[Moved]] = {}
    for _, batch_id, facts, salt, *names in found:
        moved.setdefault(batch_id or 0, []).extend(_without_detail(connection, json.loads(facts), salt, names))
    seqs = ranges(sorted(seq for seq, *_ in found))
    connection.execute(
        "UPDATE events SET actor_name = NULL, detail = '{}', salt = NULL WHERE seq IN (SELECT value FROM json_each(?))",
        (json.dumps(list(in_ranges(seqs))),),
    )
    batches = sorted((_blank_batches(connection, person) | moved.keys()) - {0})
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
    return Blanked(len(found), len(batches), others)


def _refuse_open(connection: sqlite3.Connection, person: _Person) -> None:
    found = connection.execute(_OPEN, person.values).fetchone()
    if found is not None:
        raise Refused(
            f"the reasons in batch {found[0]} are still needed to find out which of its awards have landed",
            hint="Settle what is in doubt there (`bursar resume`, /batch resolve), then blank them.",
        )


def _retold(connection: sqlite3.Connection, person: _Person, own: set[int]) -> list[tuple[object, ...]]:
    """Entries of others who took in a result file that repeats what this person did in the ledger that was lost: as
    those of ``_ENTRIES``, and with the beginnings of such words."""
    names = [name for (name,) in connection.execute(_NAMES, person.values)]
    begun = [f"{name} {verb} " for name in names for verb in _DID]
    told = connection.execute(
        "SELECT DISTINCT e.seq, e.batch_id, e.facts, e.salt FROM events e JOIN awards a ON a.batch_id = e.batch_id"
        " JOIN json_each(?) word ON instr(a.detail, word.value)"
        " WHERE e.kind = 'history-told' AND e.salt IS NOT NULL ORDER BY e.seq",
        (json.dumps(begun),),
    ).fetchall()
    # Only where the entry is what said it: the words of another one may stand in its batch by now.
    return [
        (*entry, *begun)
        for entry in told
        if entry[0] not in own
        and any(words != kept for words, kept in _said(connection, json.loads(entry[2]), entry[3], begun))
    ]


def _said(
    connection: sqlite3.Connection, facts: dict[str, object], salt: bytes, begun: Iterable[str]
) -> Iterator[tuple[str, str | None]]:
    """What an entry said of its awards and is still said of them, and what is left of it."""
    for _, _, detail, _ in _details(connection, facts, salt):
        yield detail, _kept(detail, begun)


def _kept(detail: str, begun: Iterable[str]) -> str | None:
    """Words without what a person wrote: all of them are that person's, unless only some beginnings give it away."""
    return None if not begun or any(one in detail for one in begun) else detail


def _details(
    connection: sqlite3.Connection, facts: dict[str, object], salt: bytes
) -> Iterator[tuple[int, str, str, int]]:
    """Awards whose detail still is what this entry said of them: id, state, detail, since when."""
    for group in facts.get("moved", ()):  # type: ignore[attr-defined] # our JSON
        if "said" not in group:
            continue
        for award_id in in_ranges(group["awards"]):
            state, detail, changed_at = connection.execute(
                "SELECT state, detail, changed_at FROM awards WHERE id = ?", (award_id,)
            ).fetchone()
            if state == group["to"] and detail is not None and _seals.salted(salt, detail) == group["said"]:
                yield award_id, state, detail, changed_at


def _without_detail(
    connection: sqlite3.Connection, facts: dict[str, object], salt: bytes, begun: Iterable[str]
) -> Iterator[Moved]:
    """Awards of which this entry, whose salt goes, says nothing any more. What is nobody's words is said anew."""
    told = [
        (state, _kept(detail, begun), changed_at, award_id)
        for award_id, state, detail, changed_at in _details(connection, facts, salt)
    ]
    for (state, kept, changed_at), group in groupby(told, key=lambda one: one[:3]):
        ids = [award_id for *_, award_id in group]
        connection.execute(
            "UPDATE awards SET detail = ? WHERE id IN (SELECT value FROM json_each(?))", (kept, json.dumps(ids))
        )
        yield Moved(state, ids, kept, at=changed_at)


def _blank_batches(connection: sqlite3.Connection, person: _Person) -> set[int]:
    """The batches that this person confirmed, prepared or approved, without the name and, of the first two, reasons."""
    changed = set()
    for role in ("prepared", "approved"):
        name, id_ = f"choice ->> '{role}_by'", f"choice ->> '{role}_by_id'"
        named = connection.execute(
            f"UPDATE batches SET choice = json_remove(choice, '$.{role}_by')"  # noqa: S608 # our words
            f" WHERE {_theirs(id_, name)} AND {name} IS NOT NULL RETURNING id",
            person.values,
        ).fetchall()
        changed |= {batch_id for (batch_id,) in named}
        if role == "prepared":
            _blank_reasons(connection, named)
    confirmed = connection.execute(
        "UPDATE batches SET actor_name = ''"  # noqa: S608 # our words
        f" WHERE {_theirs('actor_id', 'actor_name')} AND actor_name <> '' RETURNING id",
        person.values,
    ).fetchall()
    _blank_reasons(connection, confirmed)
    return changed | {batch_id for (batch_id,) in confirmed}


def _blank_reasons(connection: sqlite3.Connection, batches: Iterable[tuple[int]]) -> None:
    for key in batches:
        connection.execute("UPDATE batches SET reason = NULL WHERE id = ?", key)
        connection.execute(
            "UPDATE awards SET reason = NULL WHERE reason IS NOT NULL AND id BETWEEN"
            " (SELECT first_award FROM batches WHERE id = ?1) AND (SELECT last_award FROM batches WHERE id = ?1)",
            key,
        )


def _blank_drafts(connection: sqlite3.Connection, person: _Person, now: int) -> int:
    """What is still to be confirmed would bring the name back: it is cancelled. Nothing of it was sent."""
    theirs = connection.execute(
        f"SELECT id, server_id, state FROM drafts WHERE {_theirs('actor_id', 'actor_name')} AND actor_name <> ''",  # noqa: S608 # our words
        person.values,
    ).fetchall()
    for draft_id, server_id, state in theirs:
        if state not in ("recorded", "cancelled"):
            detail = {"draft": draft_id}
            connection.execute("UPDATE drafts SET state = 'cancelled' WHERE id = ?", (draft_id,))
            events.append(connection, now, EventKind.DRAFT_CANCELLED, server_id=server_id, detail=detail)
        connection.execute("UPDATE drafts SET actor_name = '', reason = NULL WHERE id = ?", (draft_id,))
        for table in ("draft_rows", "draft_problems", "draft_left_out"):
            connection.execute(f"DELETE FROM {table} WHERE draft_id = ?", (draft_id,))  # noqa: S608 # our words
    return len(theirs)
