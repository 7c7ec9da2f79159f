"""SQL of the transaction that turns a draft into a batch: one statement for all of its rows, whatever their number."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from bot.domain.judging import CREDENTIAL_TARGET
from bot.domain.model import Actor
from bot.domain.ranges import ranges
from bot.errors import Refused
from bot.ledger import _rows, _seals, _staging, undo

NAMES: Final = ("prepared_by", "approved_by")
"""In a batch's choice: people who are not who confirmed it. Their ids are there under the same names with ``_id``."""

_KEPT: Final = f"draft_id = ?1 AND {_staging.not_among('?2')}"
"""The rows that are recorded: those of the draft without the skipped ones."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What will be recorded."""

    awards: int
    rejected: int
    """Of these, unresolved ones."""
    total: int
    """Of all awards."""
    absolute: int
    """Sum of the absolute amounts that would be sent."""
    given: int = 0
    """Sum of the amounts above 0 that would be sent: what a budget counts."""


def sums(connection: sqlite3.Connection, draft_id: int, skipped: str) -> Sums:
    """``skipped``: JSON array of the lines to leave out."""
    awards, rejected, *halves = connection.execute(
        f"SELECT count(*), count(unresolved), {_staging.sums_of('amount')},"  # noqa: S608 # our words
        f" {_staging.sums_of('iif(unresolved IS NULL, abs(amount), 0)')},"
        f" {_staging.sums_of('iif(unresolved IS NULL, max(amount, 0), 0)')} FROM draft_rows WHERE {_KEPT}",
        (draft_id, skipped),
    ).fetchone()
    total, absolute, given = (_staging.whole(*pair) for pair in zip(halves[::2], halves[1::2], strict=True))
    return Sums(awards, rejected, total, absolute, given)


def without_names(choice: Mapping[str, object]) -> dict[str, object]:
    """What was decided, for the history, which can only be blanked entry by entry: names stand in the batch alone."""
    return {key: value for key, value in choice.items() if key not in NAMES}


def follow_chains(connection: sqlite3.Connection, draft_id: int) -> None:
    """Let rows continue the last award of the chain that they name the first, or any, of."""
    while connection.execute(
        "UPDATE draft_rows SET continues = (SELECT id FROM awards a WHERE a.continues = draft_rows.continues)"
        " WHERE draft_id = ? AND continues IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM awards a WHERE a.continues = draft_rows.continues)",
        (draft_id,),
    ).rowcount:
        pass


def insert_batch(
    connection: sqlite3.Connection,
    draft_id: int,
    actor: Actor,
    choice: Mapping[str, object],
    of: Sums,
    now: int,
    starts_at: int,
) -> int:
    """Insert the batch; its awards get the next ids without a gap. Returns its id."""
    (batch_id,) = connection.execute(
        "INSERT INTO batches (draft_id, source, state, recorded_at, starts_at, server_id, actor_id, actor_name,"
        " programme, kind, account, currency, unit, template, reason, label, file_name, file_sha256, parent_id,"
        " request, choice, content_hash, awards, total, first_award, last_award, last_lot)"
        " SELECT d.id, d.source, 'open', ?2, ?3, d.server_id, ?4, ?5, d.programme, d.kind, d.account, d.currency,"
        " d.unit, d.template, d.reason, d.label, d.file_name, d.file_sha256, d.parent_id, d.request, ?6,"
        " d.content_hash, ?7, ?8,"
        " last.id + 1, last.id + ?7, 0"
        " FROM drafts d, (SELECT coalesce(max(id), 0) AS id FROM awards) last WHERE d.id = ?1 RETURNING id",
        (draft_id, now, starts_at, actor.id, actor.name, _rows.as_json(choice), of.awards, of.total),
    ).fetchone()
    return int(batch_id)


def insert_awards(connection: sqlite3.Connection, draft_id: int, batch_id: int, skipped: str, now: int) -> None:
    """Insert every kept row as an award, in the order of lines.

    Lots keep apart what may not share a call: the first row for a target is in lot 0, its second in lot 2, and so on;
    targets of the credential endpoint are in the odd lots beside them.
    """
    _insert_rows(connection, draft_id, batch_id, skipped, now)
    (last, promised) = connection.execute(
        "SELECT (SELECT max(id) FROM awards), last_award FROM batches WHERE id = ?", (batch_id,)
    ).fetchone()
    if last != promised:
        raise AssertionError(f"the awards of batch {batch_id} end at {last} and not at {promised}")
    _assign_lots(connection, batch_id, _targets_named_twice(connection, draft_id, skipped))


def _insert_rows(connection: sqlite3.Connection, draft_id: int, batch_id: int, skipped: str, now: int) -> None:
    try:
        # Awards are never deleted, so SQLite's next ids are those that the batch was promised.
        connection.execute(
            "INSERT INTO awards (batch_id, line, lines, amounts, recipient_type, recipient_value, recipient_source,"  # noqa: S608 # our words
            " key, target, amount, reason, continues, reverses, state, lot, detail, changed_at)"
            " SELECT ?3, line, lines, amounts, recipient_type, recipient_value, recipient_source, key, target, amount,"
            " reason, continues, reverses, iif(unresolved IS NULL, 'planned', 'rejected'),"
            f" unresolved IS NULL AND target GLOB '{CREDENTIAL_TARGET}*', unresolved, ?4"
            f" FROM draft_rows WHERE {_KEPT} ORDER BY line",
            (draft_id, skipped, batch_id, now),
        )
    except sqlite3.IntegrityError as error:
        raise _refusal(error) from error


def _targets_named_twice(connection: sqlite3.Connection, draft_id: int, skipped: str) -> str:
    """JSON array."""
    (targets,) = connection.execute(
        "SELECT json_group_array(target) FROM (SELECT target FROM draft_rows"  # noqa: S608 # our words
        f" WHERE {_KEPT} AND unresolved IS NULL GROUP BY target HAVING count(*) > 1)",
        (draft_id, skipped),
    ).fetchone()
    return str(targets)


def _assign_lots(connection: sqlite3.Connection, batch_id: int, twice: str) -> None:
    if twice != "[]":
        connection.execute(
            "UPDATE awards SET lot = lot + 2 * (twin.nth - 1) FROM"
            " (SELECT a.id, row_number() OVER (PARTITION BY a.target ORDER BY a.id) AS nth FROM batches b"
            " CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award WHERE b.id = ?1"
            " AND a.state = 'planned' AND a.target IN (SELECT value FROM json_each(?2))) twin"
            " WHERE awards.id = twin.id AND twin.nth > 1",
            (batch_id, twice),
        )
    connection.execute(
        "UPDATE batches SET last_lot = (SELECT coalesce(max(lot), 0) FROM awards WHERE batch_id = ?1"
        " AND state = 'planned') WHERE id = ?1",
        (batch_id,),
    )


def insert_left_out(connection: sqlite3.Connection, draft_id: int, batch_id: int, skipped: Mapping[int, str]) -> None:
    """Insert every original line that no award stands for, with the reason: rows with a problem, rows paid before, rows
    with nothing to pay."""
    connection.execute(
        "INSERT INTO left_out (batch_id, line, detail) SELECT ?2, line, group_concat(message, '; ') FROM"
        " (SELECT line, message FROM draft_problems WHERE draft_id = ?1 ORDER BY line, ordinal) GROUP BY line",
        (draft_id, batch_id),
    )
    connection.execute(
        "INSERT OR IGNORE INTO left_out (batch_id, line, detail, status, award_id)"
        " SELECT ?2, line, detail, 'no award', award_id FROM draft_left_out WHERE draft_id = ?1",
        (draft_id, batch_id),
    )
    connection.execute(
        "INSERT OR IGNORE INTO left_out (batch_id, line, detail)"
        " SELECT ?2, one.value, matched.value"
        # In this order: a draft row after the other would each walk through everything that is left out.
        " FROM json_each(?3) matched CROSS JOIN draft_rows d ON d.draft_id = ?1"
        " AND d.line = CAST(matched.key AS INTEGER)"
        " CROSS JOIN json_each(coalesce(d.lines, json_array(d.line))) one",
        (draft_id, batch_id, _rows.as_json({str(line): why for line, why in skipped.items()})),
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What the history keeps of a new batch."""

    facts: Mapping[str, object]
    """Hashes of its awards and left-out lines, and the lots of those that are not in lot 0."""
    words: str
    """Hash of what people wrote."""


def contents(connection: sqlite3.Connection, batch_id: int) -> Contents:
    """Of the batch as it was just recorded."""
    first, last, last_lot = connection.execute(
        "SELECT first_award, last_award, last_lot FROM batches WHERE id = ?", (batch_id,)
    ).fetchone()
    lots = _lots(connection, first, last) if last_lot else []
    sealed = _seals.contents(connection, batch_id, first, last)
    facts: dict[str, object] = {"awards": sealed.awards, "left_out": _seals.left_out(connection, batch_id)}
    return Contents({**facts, "lots": lots} if lots else facts, sealed.words)


def _lots(connection: sqlite3.Connection, first: int, last: int) -> list[object]:
    """Those but lot 0, each with its awards."""
    found = connection.execute(
        "SELECT lot, id FROM awards WHERE id BETWEEN ? AND ? AND lot <> 0 ORDER BY lot, id", (first, last)
    )
    return [[lot, ranges(one for _, one in awards)] for lot, awards in groupby(found, key=lambda row: row[0])]


def _refusal(error: sqlite3.IntegrityError) -> Exception:
    said = str(error)
    if "a reversal is not continued" in said:
        return Refused(
            "a row of this draft continues an award that took another one back; nothing was sent",
            hint="/batch undo takes up what was not taken back.",
        )
    if "awards.continues" in said or "not continued" in said:
        return Refused(
            "a row of this draft continues an award that is paid, under way, in doubt, written off, or continued by"
            " another row; nothing was sent",
            hint="Read the file, or give /batch retry, once more: rows that were paid since are then left out.",
        )
    if "awards.reverses" in said or "cannot be taken back" in said:
        return Refused(undo.GONE, hint=undo.GONE_HINT)
    return error
