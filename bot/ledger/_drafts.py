"""SQL about drafts themselves, inside somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from bot.domain.model import Actor, Destination, ProviderKind, Unit
from bot.errors import DraftGone, NotFound
from bot.ledger import _files, _names, _rows, _staging, events
from bot.ledger._draft_values import Draft, DraftState, NewDraft
from bot.spool import Spool

PURGE_ROWS: Final = 5000
"""Rows deleted in one transaction, so that no other write waits long."""

_COLUMNS: Final = (
    "id, state, created_at, expires_at, source, server_id, actor_id, actor_name, programme, kind, account, currency,"
    " unit, template, reason, label, file_name, file_sha256, parent_id, request, summary, content_hash, batch_id"
)
_ANEW: Final = "Upload the file, or give the command, once more."
_OVER: Final = "(state IN ('cancelled', 'recorded') OR expires_at <= ?)"


def create(connection: sqlite3.Connection, new: NewDraft, packed: Spool | None, now: int, expires: int) -> int:
    """Insert a draft, and its file unless that is stored. Returns its id."""
    if new.file_content is not None and not _files.is_stored(connection, new.file_sha256):
        # ``packed`` is missing only if the stored file was purged since it was looked for.
        content = packed if packed is not None else _files.packed(new.file_content)
        _files.store(connection, new.file_sha256, new.file_content.size, content)
    to = new.destination
    (draft_id,) = connection.execute(
        "INSERT INTO drafts (state, created_at, expires_at, source, server_id, actor_id, actor_name, programme, kind,"
        " account, currency, unit, template, reason, label, file_name, file_sha256, parent_id, request)"
        " VALUES ('reading', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            *(now, expires, new.source, new.actor.server_id, new.actor.id, new.actor.name, new.programme),
            *(to.kind.value, to.account, to.currency, to.unit.value, to.template, new.reason, new.label),
            *(new.file_name, new.file_sha256, new.parent_id, _rows.as_json(new.request)),
        ),
    ).fetchone()
    return int(draft_id)


def get(connection: sqlite3.Connection, draft_id: int, server_id: str | None, now: int) -> Draft:
    """``Drafts.get``."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM drafts WHERE id = ?", (draft_id,)).fetchone()  # noqa: S608 # our words
    if row is None:
        # Purged. Batches remember which draft they were.
        was = connection.execute("SELECT server_id FROM batches WHERE draft_id = ?", (draft_id,)).fetchone()
        if was is not None and server_id in (None, was[0]):
            raise gone_to_batch(connection, draft_id)
        raise _not_here(draft_id)
    draft = _draft(row)
    if server_id not in (None, draft.actor.server_id):
        raise _not_here(draft_id)
    if draft.state is DraftState.CANCELLED:
        raise DraftGone("this draft was cancelled; nothing of it was sent", hint=_ANEW)
    if draft.state is not DraftState.RECORDED and draft.expires_at <= now:
        raise DraftGone(
            "this draft's time is over, since drafts are kept for a day; nothing of it was sent",
            hint=_ANEW,
        )
    return draft


def gone_to_batch(connection: sqlite3.Connection, draft_id: int) -> DraftGone:
    """What the second one to confirm reads."""
    batch_id, name, at = connection.execute(
        "SELECT id, actor_name, recorded_at FROM batches WHERE draft_id = ?", (draft_id,)
    ).fetchone()
    return DraftGone(
        f"{_names.shown(name)} confirmed this draft already, on {events.moment(at)}: it is batch {batch_id}",
        batch_id=batch_id,
    )


def open_drafts(connection: sqlite3.Connection, server_id: str | None, now: int) -> list[Draft]:
    """``Drafts.open_drafts``."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM drafts WHERE state = 'ready' AND expires_at > ?1"  # noqa: S608 # our words
        " AND (?2 IS NULL OR server_id IS ?2) ORDER BY id DESC",
        (now, server_id),
    )
    return [_draft(row) for row in found]


def header(connection: sqlite3.Connection, draft_id: int) -> tuple[int, str]:
    """Revision of a draft, and what is hashed before its rows: where the points go, what for, and for which period
    (that decides who was paid for it before)."""
    row = connection.execute(
        "SELECT revision, json_array(programme, kind, account, currency, unit, template, reason, label, parent_id)"
        " FROM drafts WHERE id = ?",
        (draft_id,),
    ).fetchone()
    if row is None:
        raise _not_here(draft_id)
    return row[0], row[1]


def finish(
    draft_id: int,
    state: DraftState,
    revision: int,
    content_hash: str,
    summary: Mapping[str, object],
    connection: sqlite3.Connection,
) -> Draft | None:
    """READING -> ``state``, if the hash is still that of the rows (``None`` otherwise). Raises ``DraftGone``."""
    changed = connection.execute(
        "UPDATE drafts SET state = ?, content_hash = ?, summary = ?"
        " WHERE id = ? AND state = 'reading' AND revision = ?",
        (state.value, content_hash, _rows.as_json(summary), draft_id, revision),
    ).rowcount
    if not changed:
        _staging.change(connection, draft_id, "'reading'")
        return None
    row = connection.execute(f"SELECT {_COLUMNS} FROM drafts WHERE id = ?", (draft_id,)).fetchone()  # noqa: S608 # our words
    return _draft(row)


def rehash(connection: sqlite3.Connection, draft_id: int, change_made: object) -> None:
    """After a change to a draft that has a content hash already: another hash, so that no confirmation of what was
    shown before can be used. It is made of the old one and the change, which spares reading every row again."""
    (content_hash,) = connection.execute("SELECT content_hash FROM drafts WHERE id = ?", (draft_id,)).fetchone()
    if content_hash is not None:
        changed = _staging.chained(content_hash, change_made)
        connection.execute("UPDATE drafts SET content_hash = ? WHERE id = ?", (changed, draft_id))


def purge_rows(connection: sqlite3.Connection, now: int) -> bool:
    """Delete a slice of rows and problems whose draft is over; whether there may be more."""
    for table in ("draft_rows", "draft_problems", "draft_left_out"):
        row = connection.execute(
            f"SELECT id FROM drafts WHERE {_OVER}"  # noqa: S608 # our words
            f" AND EXISTS (SELECT 1 FROM {table} WHERE draft_id = drafts.id) LIMIT 1",
            (now,),
        ).fetchone()
        if row is not None:
            connection.execute(
                f"DELETE FROM {table} WHERE draft_id = ?1 AND line <= coalesce((SELECT line FROM {table}"  # noqa: S608 # our words
                " WHERE draft_id = ?1 ORDER BY line LIMIT 1 OFFSET ?2), 9223372036854775807)",
                (row[0], PURGE_ROWS),
            )
            return True
    return False


def purge_rest(connection: sqlite3.Connection, now: int) -> int:
    """Delete drafts that are over, and files that nothing refers to; how many drafts."""
    deleted = connection.execute("DELETE FROM drafts WHERE state = 'cancelled' OR expires_at <= ?", (now,)).rowcount
    connection.execute(
        "DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM drafts WHERE file_sha256 = files.sha256)"
        " AND NOT EXISTS (SELECT 1 FROM batches WHERE file_sha256 = files.sha256)"
    )
    return deleted


def _not_here(draft_id: int) -> NotFound:
    return NotFound(f"there is no draft {draft_id} here", hint="Drafts are kept for 24 hours. Start again.")


def _draft(row: _rows.Row) -> Draft:
    (id_, state, created_at, expires_at, source, server_id, actor_id, actor_name, programme) = row[:9]
    (kind, account, currency, unit, template, reason, label, file_name, file_sha256, parent_id) = row[9:19]
    (request, summary, content_hash, batch_id) = row[19:]
    return Draft(
        id=id_,
        state=DraftState(state),
        created_at=created_at,
        expires_at=expires_at,
        source=source,
        actor=Actor(actor_id, _names.shown(actor_name), server_id),
        programme=programme,
        destination=Destination(ProviderKind(kind), account, currency, Unit(unit), template),
        reason=reason,
        label=label,
        file_name=file_name,
        file_sha256=file_sha256,
        parent_id=parent_id,
        request=_rows.mapping(request),
        summary=_rows.mapping(summary),
        content_hash=content_hash,
        batch_id=batch_id,
    )
