"""The history: everything that a person or the program did to the ledger, in order, as a chain of hashes.

Every transaction that changes a batch, an award, an attempt or a setting appends its entries here, after the change:
the entry holds what awards became (``Moved``) and a hash of the batch's row and of the attempt's. ``verify`` replays
the entries and compares every row with them, so a change without an entry is a ledger that does not verify.

An entry's hash covers the one before it. What people wrote (names, reasons, notes) enters as a salted hash, so that it
can be blanked (``bot.ledger.blanking``) and the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from bot.domain.model import Actor
from bot.domain.ranges import ranges
from bot.ledger import _names, _seals

PROGRAM: Final = "Bursar"
"""Who did it, when it was no person."""


class EventKind(StrEnum):
    """What an entry is about, and what its ``detail`` holds.

    ``Steering.note`` may add others (``staff-alerted``, …); these are the ones that the ledger writes itself.
    """

    BATCH_RECORDED = "batch-recorded"  # choice: what the person who confirmed decided
    BATCH_PAUSED = "batch-paused"  # kind, message; without actor: by the program
    BATCH_RESUMED = "batch-resumed"
    BATCH_STOPPED = "batch-stopped"  # cancelled: how many awards
    BATCH_FINISHED = "batch-finished"
    BATCH_REOPENED = "batch-reopened"  # a finished batch has something to send again
    CALLS_INTERRUPTED = "calls-interrupted"  # found at start; attempts, awards: how many
    JOB_GIVEN_UP = "job-given-up"  # attempt, job, awards: how many became unknown
    LATE_ANSWER = "late-answer"  # attempt, state: what the service said of an award that was decided otherwise before
    AWARD_RESOLVED = "award-resolved"  # decision, reason, attempt
    EVIDENCE_APPLIED = "evidence-applied"  # attempt, awards: the numbers that prove that each one landed
    EVIDENCE_NOT_LANDED = "evidence-not-landed"  # the same; sent again, unless stopped, or refused alone
    DRAFT_CANCELLED = "draft-cancelled"  # draft
    APPROVAL_ASKED = "approval-asked"  # approval, draft, why
    APPROVAL_GIVEN = "approval-given"  # approval, draft, content_hash
    APPROVAL_REFUSED = "approval-refused"  # approval, draft, content_hash
    ALL_STOPPED = "all-stopped"  # reason; batches: how many were paused
    ALL_RELEASED = "all-released"  # reason
    SETTING_CHANGED = "setting-changed"  # name, before, after
    WORDS_BLANKED = "words-blanked"
    PROBE_BEGUN = "probe-begun"  # a test call is about to leave
    PROBE_ENDED = "probe-ended"
    CAPABILITY_FOUND = "capability-found"
    CAPABILITY_FORGOTTEN = "capability-forgotten"
    LEDGER_MADE = "ledger-made"
    LEDGER_MIGRATED = "ledger-migrated"
    LEDGER_RESTORED = "ledger-restored"  # from a copy; its facts say how old
    RESTORE_SIGNED = "restore-signed"
    HEAD_POSTED = "head-posted"  # in a staff channel; its facts say which head, of which day
    HISTORY_TOLD = "history-told"  # a result file of a lost ledger tells how awards stand; message, file

    # Entries about one attempt: many, and for ``verify`` rather than for people.
    CALL_BEGUN = "call-begun"
    CALL_AGAIN = "call-again"  # the same bytes are about to be sent once more, on a ring
    CALL_ENDED = "call-ended"  # or a job ended, or was given up because people decided about all of its awards
    JOB_ASKED = "job-asked"
    JOB_STOP_ASKED = "job-stop-asked"  # before the service is asked to stop a job that does not end


GENESIS: Final = bytes(32)
"""Stands in the place of the hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Awards that one transaction brought into one state, with one sentence about it."""

    state: str
    awards: Sequence[int]
    detail: str | None
    balances: Sequence[int | None] | None = None
    """As told for each of ``awards``; ``None``: the transaction left the balances alone."""
    at: int | None = None
    """When they changed, where that is not now: words that were blanked change nothing else."""

    def facts(self, salt: bytes) -> dict[str, object]:
        """As it stands in an entry."""
        facts: dict[str, object] = {"to": self.state, "awards": ranges(self.awards)}
        if self.detail is not None:
            facts["said"] = _seals.salted(salt, self.detail)
        if self.at is not None:
            facts["at"] = self.at
        if self.balances is not None:
            told = any(balance is not None for balance in self.balances)
            facts["balances"] = list(self.balances) if told else None
        return facts


@dataclass(frozen=True, slots=True)
class Who:
    """Who brought something into its state, and when."""

    name: str
    at: int


class Stands(NamedTuple):
    """What an entry is made of beside its own words: the entry before it, and what it is about as it stands."""

    seq_before: int | None
    hash_before: bytes | None
    batch: str | None
    attempt: str | None


_BEFORE: Final = (
    "(SELECT max(seq) FROM events), (SELECT hash FROM events ORDER BY seq DESC LIMIT 1),"  # noqa: S608 # our words
    f" (SELECT {_seals.BATCH} FROM batches WHERE id = "
)
OF_ATTEMPT: Final = f"{_BEFORE}attempts.batch_id), {_seals.ATTEMPT}"
"""``Stands`` as columns for RETURNING: of an attempt that was written just now, and of its batch."""

_STANDS: Final = f"SELECT {_BEFORE}?1), (SELECT {_seals.ATTEMPT} FROM attempts WHERE id = ?2)"  # noqa: S608 # our words


def append(
    connection: sqlite3.Connection,
    at: int,
    kind: str,
    *,
    server_id: str | None = None,
    batch_id: int | None = None,
    award_id: int | None = None,
    attempt_id: int | None = None,
    actor: Actor | None = None,
    detail: Mapping[str, object] | None = None,
    moved: Iterable[Moved] = (),
    facts: Mapping[str, object] | None = None,
    text: str | None = None,
    rows: Iterable[_seals.RowKey] = (),
    stands: Stands | None = None,
) -> None:
    """Add one entry, inside the transaction of what it tells and after all of its changes. ``actor`` None: the program.

    ``detail`` is for people and may be blanked some day; ``moved`` and ``facts`` (more of what ``verify`` needs) stay.
    ``attempt_id`` only for entries that are about one attempt. ``text``: hash of words that stand elsewhere. ``rows``:
    those of ``_seals.ROWS`` that this transaction wrote or took away. ``stands``: where the transaction has it from its
    last change of the batch and of the attempt, and has added no other entry since.
    """
    seq_before, hash_before, batch, attempt = stands or connection.execute(_STANDS, (batch_id, attempt_id)).fetchone()
    seq = (seq_before or 0) + 1
    told = json.dumps(detail or {}, ensure_ascii=False)
    actor_id, actor_name = (actor.id, actor.name) if actor is not None else (None, None)
    has_words = actor_name is not None or bool(detail) or text is not None
    # From the system whatever the ledger's own randomness is: it decides nothing, and must not be guessed ever after.
    salt = secrets.token_bytes(16) if has_words else None
    more = {**(facts or {}), **({"text": _seals.salted(salt or b"", text)} if text is not None else {})}
    if sealed := [_seals.sealed_row(connection, one) for one in rows]:
        more["rows"] = sealed
    stated = _seals.canonical(_facts(batch, attempt, moved, more, salt or b""))
    words = words_hash(salt, actor_name, told) if salt is not None else None
    row = (seq, at, str(kind), server_id, batch_id, award_id, attempt_id, actor_id, stated, words)
    connection.execute(
        "INSERT INTO events (seq, at, kind, server_id, batch_id, award_id, attempt_id, actor_id, facts, words, hash,"
        " actor_name, detail, salt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, entry_hash(hash_before or GENESIS, row), actor_name, told, salt),
    )


def entry_hash(hash_before: bytes, row: Sequence[object]) -> bytes:
    """Of an entry: seq, at, kind, server, batch, award, attempt, actor's id, facts, hash of its words."""
    return hashlib.sha256(hash_before + _seals.canonical(row).encode()).digest()


def words_hash(salt: bytes, actor_name: str | None, detail: str) -> str:
    """Of what can be blanked in an entry."""
    return _seals.salted(salt, _seals.canonical([actor_name, detail]))


def _facts(
    batch: str | None,
    attempt: str | None,
    moved: Iterable[Moved],
    more: Mapping[str, object],
    salt: bytes,
) -> dict[str, object]:
    facts = dict(more)
    if batch is not None:
        facts["batch"] = _seals.of_text(batch)
    if attempt is not None:
        facts["attempt"] = _seals.of_text(attempt)
    if groups := [group.facts(salt) for group in moved if group.awards]:
        facts["moved"] = groups
    return facts


def last(connection: sqlite3.Connection, batch_id: int, kinds: Iterable[EventKind]) -> Who | None:
    """Who brought the batch into its state last, as told by events of these kinds."""
    row = connection.execute(
        "SELECT actor_id, actor_name, at FROM events WHERE batch_id = ? AND attempt_id IS NULL"
        " AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT 1",
        (batch_id, json.dumps([kind.value for kind in kinds])),
    ).fetchone()
    return Who(_names.of_entry(row[0], row[1]) or PROGRAM, row[2]) if row is not None else None


def moment(at_ms: int) -> str:
    """A time for a sentence that is not about Discord."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
