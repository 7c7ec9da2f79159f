"""SQL about the rows of a draft, inside somebody's transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any, Final

from bot.domain.drafting import Alike, DraftTotals, LeftOut, StagedRow
from bot.domain.model import Problem, ProviderKind, RecipientType
from bot.errors import DraftGone, LimitExceeded, Refused
from bot.ledger import _rows, _taking

HASH_ROWS: Final = 2000
"""Rows that are hashed in one read: long enough to be quick, short enough to let others in between."""

ALIKE_LINES: Final = 5
"""Lines that are named beside the first one with a problem of their kind."""

_INSERT_ROW: Final = f"INSERT INTO draft_rows VALUES ({', '.join('?' * 14)})"  # noqa: S608 # our words
_TOGETHER: Final = 100
_PLAIN_VALUES: Final = 7
_PLAIN_ROW: Final = "(?1, ?{}, NULL, NULL, ?{}, ?{}, NULL, ?{}, ?{}, ?{}, ?{}, NULL, NULL, NULL)"
_INSERT_PLAIN_ROW, _INSERT_PLAIN_ROWS = (
    "INSERT INTO draft_rows VALUES "  # noqa: S608 # our words
    + ", ".join(
        _PLAIN_ROW.format(*range(first, first + _PLAIN_VALUES))
        for first in range(2, 2 + _PLAIN_VALUES * rows, _PLAIN_VALUES)
    )
    for rows in (1, _TOGETHER)
)
"""What nearly every row is: of one line, of somebody who needs no source, and about no earlier award. Python's lock is
given back for the time of each statement, and has to be won back from the event loop: with many rows in one that is
rare. It is held while values are bound, so that those which are NULL are none."""


def not_among(lines: str = "?") -> str:
    """SQL of the rows that stay when some are left out: those of the JSON array that the parameter ``lines`` is."""
    return f"line NOT IN (SELECT value FROM json_each({lines}))"  # noqa: S608 # our words


def change(connection: sqlite3.Connection, draft_id: int, states: str) -> None:
    """Note that the rows are about to change. ``states``: SQL list of those in which they may.

    Raises ``DraftGone`` when somebody recorded, cancelled or finished the draft in the meantime.
    """
    changed = connection.execute(
        f"UPDATE drafts SET revision = revision + 1 WHERE id = ? AND state IN ({states})",  # noqa: S608 # our words
        (draft_id,),
    ).rowcount
    if not changed:
        row = connection.execute("SELECT batch_id FROM drafts WHERE id = ?", (draft_id,)).fetchone()
        raise DraftGone(
            "somebody else finished, used or cancelled this draft in the meantime",
            batch_id=row[0] if row is not None else None,
            hint="Open it again to see how it is now.",
        )


def insert(
    connection: sqlite3.Connection, draft_id: int, rows: Sequence[StagedRow], problems: Sequence[Problem]
) -> None:
    """Add rows and problems; several problems of one line keep their order."""
    try:
        plain: list[Sequence[Any]] = []
        others: list[Sequence[Any]] = []
        for row in rows:
            values = _rows.plain_draft_row(row)
            if values is not None:
                plain.append(values)
            else:
                others.append(_rows.draft_row(draft_id, row))
        whole = len(plain) - len(plain) % _TOGETHER
        for start in range(0, whole, _TOGETHER):
            together = plain[start : start + _TOGETHER]
            connection.execute(_INSERT_PLAIN_ROWS, (draft_id, *chain.from_iterable(together)))
        connection.executemany(_INSERT_PLAIN_ROW, [(draft_id, *values) for values in plain[whole:]])
        connection.executemany(_INSERT_ROW, others)
    except OverflowError:
        raise LimitExceeded("an amount of this draft is larger than any ledger can hold") from None
    except sqlite3.IntegrityError as error:
        if "draft_rows.line" not in str(error):
            raise
        raise Refused(
            "this draft is being read a second time right now; nothing of the second reading was kept",
            hint="Wait until the first is done.",
        ) from error
    connection.executemany(
        'INSERT INTO draft_problems (draft_id, line, ordinal, "column", kind, message)'
        " SELECT ?1, ?2, coalesce(max(ordinal) + 1, 0), ?3, ?4, ?5 FROM draft_problems"
        " WHERE draft_id = ?1 AND line = ?2",
        ((draft_id, one.line, one.column, one.kind, one.message) for one in problems),
    )


def leave_out(connection: sqlite3.Connection, draft_id: int, lines: Iterable[LeftOut]) -> None:
    """Note why lines become no award; the first reason of a line stays."""
    connection.executemany(
        "INSERT OR IGNORE INTO draft_left_out VALUES (?, ?, ?, ?)",
        ((draft_id, one.line, one.detail, one.award_id) for one in lines),
    )


def clear(connection: sqlite3.Connection, draft_id: int) -> None:
    """Take every row and problem away."""
    connection.execute("DELETE FROM draft_rows WHERE draft_id = ?", (draft_id,))
    connection.execute("DELETE FROM draft_problems WHERE draft_id = ?", (draft_id,))
    connection.execute("DELETE FROM draft_left_out WHERE draft_id = ?", (draft_id,))


def duplicate_groups(connection: sqlite3.Connection, draft_id: int) -> Sequence[Sequence[StagedRow]]:
    """Rows for one recipient, as ``Drafts.duplicate_groups`` gives them."""
    who = _who(connection, draft_id)
    found = connection.execute(
        f"SELECT {who}, {_rows.STAGED} FROM draft_rows d WHERE d.draft_id = ?1 AND (d.amounts IS NOT NULL OR {who} IN"  # noqa: S608 # our words
        f" (SELECT {who} FROM draft_rows WHERE draft_id = ?1 GROUP BY 1 HAVING count(*) > 1)) ORDER BY d.line",
        (draft_id,),
    )
    groups: dict[str, list[StagedRow]] = {}
    for one, *row in found:
        groups.setdefault(one, []).append(_rows.staged(tuple(row)))
    return list(groups.values())


def continuing_together(connection: sqlite3.Connection, draft_id: int) -> list[StagedRow]:
    """``Drafts.continuing_together``."""
    found = connection.execute(
        f"SELECT {_rows.STAGED} FROM draft_rows d WHERE d.draft_id = ?1 AND d.continues IN (SELECT continues"  # noqa: S608 # our words
        " FROM draft_rows WHERE draft_id = ?1 GROUP BY continues HAVING count(*) > 1) ORDER BY d.line",
        (draft_id,),
    )
    return [_rows.staged(row) for row in found]


def taken_up(connection: sqlite3.Connection, draft_id: int) -> int:
    """``Drafts.taken_up``, by the rule of the trigger ``awards_begin`` for the end of each chain."""
    (number,) = connection.execute(
        "WITH RECURSIVE chain (line, id) AS (SELECT line, continues FROM draft_rows WHERE draft_id = ?"
        " AND continues IS NOT NULL UNION SELECT chain.line, next.id FROM chain JOIN awards next"
        " ON next.continues = chain.id)"
        " SELECT count(DISTINCT chain.line) FROM chain JOIN awards a ON a.id = chain.id"
        " WHERE a.state NOT IN ('rejected', 'cancelled')",
        (draft_id,),
    ).fetchone()
    return int(number)


def _who(connection: sqlite3.Connection, draft_id: int) -> str:
    """SQL of what tells two recipients of this draft apart: keys name their type and cannot be taken for targets."""
    row = connection.execute("SELECT kind FROM drafts WHERE id = ?", (draft_id,)).fetchone()
    return "coalesce(target, key)" if row is not None and ProviderKind(row[0]).traits.names_people else "key"


def totals(connection: sqlite3.Connection, draft_id: int, without: Collection[int] = ()) -> DraftTotals:
    """``Drafts.totals``."""
    counted, values = f"draft_id = ? AND {not_among()}", (draft_id, _rows.as_json(list(without)))
    rows, unresolved, pending, deductions, lines, high, low, high_absolute, low_absolute = connection.execute(
        "SELECT count(*), count(unresolved),"  # noqa: S608 # our words
        " count(*) FILTER (WHERE target IS NULL AND unresolved IS NULL), count(*) FILTER (WHERE amount < 0),"
        f" coalesce(sum(CASE WHEN lines IS NULL THEN 1 ELSE json_array_length(lines) END), 0), {SUMS}"
        f" FROM draft_rows WHERE {counted}",
        values,
    ).fetchone()
    # Sorted and counted, which is quicker than count(DISTINCT …), for which SQLite fills an index.
    (recipients,) = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM draft_rows WHERE {counted} GROUP BY {_who(connection, draft_id)})",  # noqa: S608 # our words
        values,
    ).fetchone()
    (problems,) = connection.execute(
        "SELECT count(DISTINCT line) FROM draft_problems WHERE draft_id = ?", (draft_id,)
    ).fetchone()
    (cut,) = connection.execute(
        f"SELECT coalesce((SELECT {_taking.may_be_cut('d')} FROM drafts d WHERE d.id = ?), 0)",  # noqa: S608 # our words
        (draft_id,),
    ).fetchone()
    return DraftTotals(
        rows=rows,
        recipients=recipients,
        total=whole(high, low),
        total_absolute=whole(high_absolute, low_absolute),
        unresolved=unresolved,
        pending=pending,
        problems=problems,
        deductions=deductions,
        lines=lines,
        may_take_less=bool(deductions and cut),
    )


def problems_alike(connection: sqlite3.Connection, draft_id: int, limit: int) -> tuple[list[Alike], int]:
    """``Drafts.problems_alike``."""
    kinds = connection.execute(
        'SELECT kind, "column", count(DISTINCT line), min(line) FROM draft_problems WHERE draft_id = ?'
        ' GROUP BY kind, "column" ORDER BY min(line), min(ordinal)',
        (draft_id,),
    ).fetchall()
    shown = []
    for kind, column, lines, first in kinds[:limit]:
        found = connection.execute(
            "SELECT line, message FROM draft_problems WHERE draft_id = ? AND line >= ? AND kind = ?"
            ' AND "column" IS ? GROUP BY line ORDER BY line LIMIT ?',
            (draft_id, first, kind, column, ALIKE_LINES + 1),
        ).fetchall()
        problem = Problem(first, column, kind, found[0][1])
        shown.append(Alike(problem, lines, tuple(line for line, _ in found[1:])))
    return shown, len(kinds)


def original_lines(connection: sqlite3.Connection, draft_id: int, lines: Iterable[int]) -> list[int]:
    """Every line of the file behind the rows with these lines, in order."""
    found = connection.execute(
        "SELECT coalesce(o.value, d.line) AS original FROM draft_rows d LEFT JOIN json_each(d.lines) o"
        " WHERE d.draft_id = ? AND d.line IN (SELECT value FROM json_each(?)) ORDER BY original",
        (draft_id, _rows.as_json(list(lines))),
    )
    return [line for (line,) in found]


def types_paid(connection: sqlite3.Connection, draft_id: int) -> frozenset[RecipientType]:
    """``Drafts.types_paid``."""
    found = connection.execute(
        "SELECT DISTINCT recipient_type FROM draft_rows WHERE draft_id = ? AND amount > 0 AND unresolved IS NULL",
        (draft_id,),
    )
    return frozenset(RecipientType(one) for (one,) in found)


def obstacles(connection: sqlite3.Connection, draft_id: int) -> tuple[int, int]:
    """What may stand against recording: lines with a problem, rows that are still to be looked up."""
    (problems,) = connection.execute(
        "SELECT count(DISTINCT line) FROM draft_problems WHERE draft_id = ?", (draft_id,)
    ).fetchone()
    (pending,) = connection.execute(
        "SELECT count(*) FROM draft_rows WHERE draft_id = ? AND target IS NULL AND unresolved IS NULL", (draft_id,)
    ).fetchone()
    return problems, pending


def sums(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> tuple[int, int]:
    """Sum and sum of the absolute amounts of draft rows, exact whatever their size."""
    high, low, high_absolute, low_absolute = connection.execute(
        f"SELECT {SUMS} FROM draft_rows WHERE {where}",  # noqa: S608 # our words
        values,
    ).fetchone()
    return whole(high, low), whole(high_absolute, low_absolute)


def sums_of(amount: str) -> str:
    """SQL of the sum of whole numbers, in two halves for ``whole``: ``sum()`` of SQLite fails beyond 64 bits."""
    return f"coalesce(sum({amount} / {_HALF}), 0), coalesce(sum({amount} % {_HALF}), 0)"


def whole(high: int, low: int) -> int:
    """What ``sums_of`` gave, as one number."""
    return high * _HALF + low


_HALF: Final = 1_000_000
SUMS: Final = f"{sums_of('amount')}, {sums_of('abs(amount)')}"
"""Sum and sum of the absolute amounts."""


def hash_part(draft_id: int, after_line: int, connection: sqlite3.Connection) -> tuple[int | None, str | None]:
    """The next rows as the text that is hashed, and the line they end with; ``(None, None)`` after the last."""
    end, text = connection.execute(
        "SELECT max(line), group_concat(row, char(10)) FROM (SELECT line, json_array(line, lines, amounts,"
        " recipient_type, recipient_value, recipient_source, key, target, amount, reason, continues, unresolved,"
        " reverses) AS row"
        " FROM draft_rows WHERE draft_id = ? AND line > ? ORDER BY line LIMIT ?)",
        (draft_id, after_line, HASH_ROWS),
    ).fetchone()
    return end, text


def chained(content_hash: str, change_made: object) -> str:
    """The hash of content that was changed: it names the change and what it was made to."""
    return hashlib.sha256(f"{content_hash}\n{_rows.as_json(change_made)}".encode()).hexdigest()


def fetch(
    draft_id: int, order: str, limit: int, where: str = "true", values: Sequence[Any] = ()
) -> Callable[[sqlite3.Connection], list[StagedRow]]:
    """Work that reads staged rows of a draft."""

    def work(connection: sqlite3.Connection) -> list[StagedRow]:
        found = connection.execute(
            f"SELECT {_rows.STAGED} FROM draft_rows d WHERE d.draft_id = ? AND {where} ORDER BY {order} LIMIT ?",  # noqa: S608 # our words
            (draft_id, *values, limit),
        )
        return [_rows.staged(row) for row in found]

    return work
