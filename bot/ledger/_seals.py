"""What stands for rows in the history: one SHA-256 of their columns, made the same way when writing and verifying."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

SLICE: Final = 2000
"""Awards that are turned into text at once."""

# Every column, except the words that can be blanked on request: those stand in ``BATCH_WORDS``.
BATCH: Final = (
    "json_array(id, draft_id, source, state, pause_kind, recorded_at, starts_at, finished_at, server_id, actor_id,"
    " programme, kind, account, currency, unit, template, file_sha256, parent_id, request, content_hash, awards, total,"
    " first_award, last_award, last_lot)"
)
BATCH_WORDS: Final = "json_array(actor_name, reason, label, file_name, choice)"
ATTEMPT: Final = (
    "json_array(id, batch_id, state, claimed_at, closed_at, token, awards, body_sha256, verdict, http_status,"
    " request_id, detail, evidence, expectation, job_id, accepted_at, polls, stop_asked_at)"
)
# What never changes. An award without an attempt that is rejected began so, with the reason in its detail.
AWARD: Final = (
    "json_array(id, batch_id, line, lines, amounts, recipient_type, recipient_value, recipient_source, key, target,"
    " amount, continues, reverses, CASE WHEN state = 'rejected' AND attempt_id IS NULL THEN coalesce(detail, '') END)"
)


# Rows that no batch tells of: by table the columns that name one, and those that are proved. Names and reasons are in
# the entries already.
ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "halts": ("id", "id, server_id, at, by_id, released_at, released_by_id"),
    "budgets": ("server_id, holder, period", "server_id, holder, period, amount, changed_at, changed_by"),
    "approvals": (
        "id",
        "id, server_id, draft_id, content_hash, label, flags, matches, why, state, asked_at, expires_at,"
        " prepared_by_id, asked_by_id, decided_at, decided_by_id, batch_id",
    ),
    "capabilities": ("account, kind, name", "account, kind, name, value, evidence, probed_at"),
    "probes": ("id", "id, account, kind, name, rows, sent_at, ended_at, fate, answer"),
}
Key = tuple[str | int, ...]
RowKey = tuple[str, Key]
"""A table of ``ROWS``, and which of its rows."""


def of_text(text: str) -> str:
    """The hash of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> str:
    """The one way in which a value is written before it is hashed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def salted(salt: bytes, text: str) -> str:
    """The hash of words that may have to be forgotten: without the salt nobody can try which words they were."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def batch(connection: sqlite3.Connection, batch_id: int) -> str:
    """Of a batch as it is, without its words."""
    return _row(connection, f"SELECT {BATCH} FROM batches WHERE id = ?", batch_id)  # noqa: S608 # our words


def attempt(connection: sqlite3.Connection, attempt_id: int) -> str:
    """Of an attempt as it is."""
    return _row(connection, f"SELECT {ATTEMPT} FROM attempts WHERE id = ?", attempt_id)  # noqa: S608 # our words


def left_out(connection: sqlite3.Connection, batch_id: int) -> str:
    """Of the lines of a batch for which there is no award."""
    digest = hashlib.sha256()
    for row in connection.execute(
        "SELECT json_array(line, detail, status, award_id) FROM left_out WHERE batch_id = ? ORDER BY line", (batch_id,)
    ):
        digest.update(row[0].encode() + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a batch was recorded with."""

    awards: str
    """Who gets how much."""
    words: str
    """What people wrote: their names, the reasons of the batch and of every award."""


def contents(connection: sqlite3.Connection, batch_id: int, first: int, last: int) -> Contents:
    """Of the awards ``first`` to ``last``. Needs little memory, however many there are."""
    awards, words = hashlib.sha256(), hashlib.sha256()
    words.update(_text(connection, f"SELECT {BATCH_WORDS} FROM batches WHERE id = ?", batch_id).encode())  # noqa: S608 # our words
    for start in range(first, last + 1, SLICE):
        of_awards, of_words = connection.execute(
            f"SELECT group_concat(a, char(10)), group_concat(w, char(10)) FROM (SELECT {AWARD} AS a,"  # noqa: S608 # our words
            " iif(reason IS NULL, NULL, json_array(id, reason)) AS w FROM awards WHERE id BETWEEN ? AND ? ORDER BY id)",
            (start, min(start + SLICE - 1, last)),
        ).fetchone()
        awards.update((of_awards or "").encode() + b"\n")
        words.update(b"\n" + (of_words or "").encode())
    return Contents(awards.hexdigest(), words.hexdigest())


def rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Key, str]]:
    """Every row of a table of ``ROWS``, with its hash."""
    key, columns = ROWS[table]
    found = connection.execute(f"SELECT json_array({key}), json_array({columns}) FROM {table} ORDER BY {key}")  # noqa: S608 # our words
    for name, text in found:
        yield tuple(json.loads(name)), of_text(text)


def sealed_row(connection: sqlite3.Connection, of: RowKey) -> list[object]:
    """A row of ``ROWS`` for the history: table, key, hash; no hash where there is no such row (any more)."""
    table, key = of
    names, columns = ROWS[table]
    row = connection.execute(
        f"SELECT json_array({columns}) FROM {table} WHERE ({names}) = ({', '.join('?' * len(key))})",  # noqa: S608 # our words
        key,
    ).fetchone()
    return [table, list(key), None if row is None else of_text(row[0])]


def _row(connection: sqlite3.Connection, sql: str, key: int) -> str:
    return of_text(_text(connection, sql, key))


def _text(connection: sqlite3.Connection, sql: str, key: int) -> str:
    (text,) = connection.execute(sql, (key,)).fetchone()
    return str(text)
