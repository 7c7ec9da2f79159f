"""Follows the history from its first entry to its last: hashes, order, words, and what it says of the whole ledger."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from bot.domain.ranges import in_ranges
from bot.ledger import _seals, events
from bot.ledger._wrong import Wrong
from bot.ledger.events import EventKind


@dataclass(slots=True)
class Chain:
    """What the history says, apart from the batches."""

    entries: int = 0
    head: bytes = events.GENESIS
    blanked: int = 0
    made: tuple[int, str, int] | None = None
    """When the ledger was made, its id and kind."""
    migrations: object = None
    settings: dict[tuple[str, str], tuple[object, int, str]] = field(default_factory=dict)
    """By server and name: value, when and by whom; removed ones are absent."""
    restorations: list[list[int | str | None]] = field(default_factory=list)
    """When each was done, how old its copy was, when it was signed off, and why it was taken for one."""
    rows: dict[_seals.RowKey, str] = field(default_factory=dict)
    """Rows of ``_seals.ROWS`` that are there, with their hashes."""
    without_words: set[int] = field(default_factory=set)
    """Entries that were blanked, as far as no later entry has said so."""


def follow(connection: sqlite3.Connection) -> Chain:
    """Every entry. Raises ``Wrong`` for the first that does not fit."""
    chain = Chain()
    for row in connection.execute(
        "SELECT seq, at, kind, server_id, batch_id, award_id, attempt_id, actor_id, facts, words, hash, actor_name,"
        " detail, salt FROM events ORDER BY seq"
    ):
        seq = chain.entries + 1
        name = f"entry {seq} of the history"
        if row[0] != seq:
            raise Wrong(name, "it is missing")
        if events.entry_hash(chain.head, row[:10]) != row[10]:
            raise Wrong(name, "its hash does not belong to it and the entry before")
        _check_words(chain, name, seq, *row[9:10], *row[11:])
        try:
            _take(chain, seq, row[1], row[2], row[3], row[7], json.loads(row[8]))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise Wrong(name, "it cannot be understood") from None
        chain.entries, chain.head = seq, row[10]
    _check_end(connection, chain)
    return chain


def _check_words(
    chain: Chain, name: str, seq: int, words: str | None, actor_name: str | None, detail: str, salt: bytes | None
) -> None:
    if salt is not None:
        if words != events.words_hash(salt, actor_name, detail):
            raise Wrong(name, "its words are not those that were written")
        return
    if actor_name is not None or detail != "{}":
        raise Wrong(name, "words were added to it")
    if words is not None:
        chain.without_words.add(seq)
        chain.blanked += 1


def _take(
    chain: Chain, seq: int, at: int, kind: str, server_id: str | None, actor_id: str | None, facts: dict[str, object]
) -> None:
    if not isinstance(facts, dict) or (kind == EventKind.LEDGER_MADE) != (seq == 1):
        raise ValueError("no entry of ours; the history begins with the ledger, once")
    if kind == EventKind.LEDGER_MADE:
        chain.made = (at, str(facts["id"]), int(str(facts["practice"])))
    if "migrations" in facts:
        chain.migrations = facts["migrations"]
    if "setting" in facts:
        key = (str(server_id), str(facts["setting"]))
        if facts["value"] is None:
            chain.settings.pop(key, None)
        else:
            chain.settings[key] = (facts["value"], at, str(actor_id))
    if kind == EventKind.LEDGER_RESTORED:
        chain.restorations.append([at, int(str(facts["copied_at"])), None, str(facts["why"])])
    if kind == EventKind.RESTORE_SIGNED:
        for restoration in chain.restorations:
            restoration[2] = at if restoration[2] is None else restoration[2]
    _take_rows(chain, facts.get("rows", ()))
    if "blanked" in facts:
        chain.without_words.difference_update(in_ranges(facts["blanked"]))  # type: ignore[arg-type] # our JSON


def _take_rows(chain: Chain, told: Any) -> None:
    for table, row, hashed in told:
        name = (str(table), tuple(row))
        if hashed is None:
            chain.rows.pop(name, None)
        else:
            chain.rows[name] = str(hashed)


def _check_end(connection: sqlite3.Connection, chain: Chain) -> None:
    if chain.without_words:
        raise Wrong(f"entry {min(chain.without_words)} of the history", "its words were removed, and no entry says so")
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    if row is None or row[0] != chain.entries:
        raise Wrong(f"entry {chain.entries + 1} of the history", "it is missing: the history was cut off")
