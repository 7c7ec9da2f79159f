"""Drafts: checked rows that nobody has confirmed yet. Not claimable, not counted, gone after 24 hours."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.budgets import BudgetUse
from bot.domain.drafting import Alike, CampaignPaid, DraftTotals, LeftOut, Matches, StagedRow, TakenBack
from bot.domain.intake import Content, sha256_of
from bot.domain.model import Actor, Problem, Recipient, RecipientType
from bot.domain.repeats import Earlier
from bot.errors import NotFound, Refused
from bot.ledger import (
    _drafts,
    _files,
    _judging,
    _recording,
    _rows,
    _staging,
    budgets,
    comparing,
    difference,
    events,
    matching,
    undo,
)
from bot.ledger._draft_values import Draft, DraftState, NewDraft
from bot.ledger.comparing import compare
from bot.ledger.database import Database
from bot.ledger.events import EventKind

__all__ = ["Draft", "DraftState", "Drafts", "NewDraft"]

_READING: Final = "'reading'"
_CHANGEABLE: Final = "'reading', 'ready', 'refused'"


class Drafts:
    """Operations on drafts. A draft of another server is not found."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, new: NewDraft, *, lifetime_seconds: float = 24 * 3600) -> int:
        """Store a draft in state READING (and its file, once per content). Returns its id."""
        packed = None
        if new.file_content is not None:
            digest = await asyncio.to_thread(sha256_of, new.file_content)
            if digest != new.file_sha256:
                raise AssertionError("the hash of a draft's file is not that of its content")
            if not await self._database.read(partial(_files.is_stored, sha256=digest)):
                packed = await asyncio.to_thread(_files.packed, new.file_content)
        now = self._now()
        return await self._database.write(
            lambda c: _drafts.create(c, new, packed, now, now + round(lifetime_seconds * 1000))
        )

    async def stage(
        self,
        draft_id: int,
        rows: Sequence[StagedRow],
        problems: Sequence[Problem],
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        """Add good rows, problems, and lines that become no award. A few thousand a call at most: each call is one SQL
        transaction.

        Raises ``DraftGone`` when the draft is not READING any more.
        """

        def work(connection: sqlite3.Connection) -> None:
            _staging.change(connection, draft_id, _READING)
            _staging.insert(connection, draft_id, rows, problems)
            _staging.leave_out(connection, draft_id, left_out)

        await self._database.write(work)

    async def stage_undo(self, draft_id: int, batch_id: int) -> TakenBack:
        """Add the opposite of every award of the batch that landed and was not taken back, one transaction for all.

        Raises ``Refused`` while the batch is not over or has awards in doubt, and when it is an undo itself;
        ``DraftGone`` as ``stage`` does.
        """

        def work(connection: sqlite3.Connection) -> TakenBack:
            _staging.change(connection, draft_id, _READING)
            return undo.stage(connection, draft_id, batch_id)

        return await self._database.write(work)

    async def duplicate_groups(self, draft_id: int) -> Sequence[Sequence[StagedRow]]:
        """Rows for one recipient, group by group, in the order of their lines. Only groups of two or more, and rows of
        several lines.

        One recipient is one target, where that is known and names a person (not a bare credential), else one key.
        """
        return await self._database.read(lambda c: _staging.duplicate_groups(c, draft_id))

    async def continuing_together(self, draft_id: int) -> Sequence[StagedRow]:
        """Rows that continue an award which another row continues too, by line."""
        return await self._database.read(lambda c: _staging.continuing_together(c, draft_id))

    async def replace(
        self,
        draft_id: int,
        removed_lines: Sequence[int],
        rows: Sequence[StagedRow],
        problems: Sequence[Problem],
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        """Take staged rows away and put others (merged ones), problems and lines without an award in their place, in
        one transaction. The content hash of a READY draft changes with it."""

        def work(connection: sqlite3.Connection) -> None:
            _staging.change(connection, draft_id, _CHANGEABLE)
            connection.executemany(
                "DELETE FROM draft_rows WHERE draft_id = ? AND line = ?", ((draft_id, line) for line in removed_lines)
            )
            _staging.insert(connection, draft_id, rows, problems)
            _staging.leave_out(connection, draft_id, left_out)
            _drafts.rehash(connection, draft_id, [list(removed_lines), [[row.line, row.amount] for row in rows]])

        await self._database.write(work)

    async def clear(self, draft_id: int) -> None:
        """Back to READING without rows and problems, to be read again in another way."""

        def work(connection: sqlite3.Connection) -> None:
            _staging.change(connection, draft_id, _CHANGEABLE)
            _staging.clear(connection, draft_id)
            connection.execute(
                "UPDATE drafts SET state = 'reading', content_hash = NULL, summary = '{}' WHERE id = ?", (draft_id,)
            )

        await self._database.write(work)

    async def pending_recipients(self, draft_id: int, after_line: int, limit: int) -> Sequence[tuple[int, Recipient]]:
        """The next rows without a target and without a reason for that, by line."""
        where = "d.target IS NULL AND d.unresolved IS NULL AND d.line > ?"
        rows = await self._database.read(_staging.fetch(draft_id, "d.line", limit, where, (after_line,)))
        return [(row.line, row.recipient) for row in rows]

    async def set_targets(self, draft_id: int, targets: Mapping[int, str], unresolved: Mapping[int, str]) -> None:
        """Note what look-ups found: by line, the target or why there is none. The content hash of a READY draft changes
        with it."""

        def work(connection: sqlite3.Connection) -> None:
            _staging.change(connection, draft_id, _CHANGEABLE)
            connection.executemany(
                "UPDATE draft_rows SET target = ?, unresolved = NULL WHERE draft_id = ? AND line = ?",
                ((target, draft_id, line) for line, target in targets.items()),
            )
            connection.executemany(
                "UPDATE draft_rows SET target = NULL, unresolved = ? WHERE draft_id = ? AND line = ?",
                ((why, draft_id, line) for line, why in unresolved.items()),
            )
            _drafts.rehash(connection, draft_id, [sorted(targets.items()), sorted(unresolved.items())])

        await self._database.write(work)

    async def update(
        self,
        draft_id: int,
        *,
        request: Mapping[str, object] | None = None,
        label: str | None = None,
        reason: str | None = None,
        summary: Mapping[str, object] | None = None,
    ) -> None:
        """Change what the moderator may still change. ``None`` leaves as it is, an empty text takes it away. Another
        label or reason changes the content hash of a READY draft."""

        def work(connection: sqlite3.Connection) -> None:
            _staging.change(connection, draft_id, _CHANGEABLE)
            if request is not None:
                connection.execute("UPDATE drafts SET request = ? WHERE id = ?", (_rows.as_json(request), draft_id))
            if summary is not None:
                connection.execute("UPDATE drafts SET summary = ? WHERE id = ?", (_rows.as_json(summary), draft_id))
            if label is not None:
                renamed = "UPDATE drafts SET label = ?1 WHERE id = ?2 AND label IS NOT ?1"
                if connection.execute(renamed, (label or None, draft_id)).rowcount:
                    _drafts.rehash(connection, draft_id, {"label": label})
            if reason is not None:
                connection.execute("UPDATE drafts SET reason = ? WHERE id = ?", (reason or None, draft_id))
                _drafts.rehash(connection, draft_id, reason)

        await self._database.write(work)

    async def finish(self, draft_id: int, *, refused: bool, summary: Mapping[str, object]) -> Draft:
        """READING -> READY or REFUSED. Computes and stores the content hash over the staged rows in line order."""
        state = DraftState.REFUSED if refused else DraftState.READY
        while True:
            revision, content_hash = await self._hash(draft_id)
            finish = partial(_drafts.finish, draft_id, state, revision, content_hash, summary)
            # None: a row came in between reading and now, so the hash is made again.
            if (draft := await self._database.write(finish)) is not None:
                return draft

    async def get(self, draft_id: int, server_id: str | None) -> Draft:
        """The draft; raises ``NotFound`` for another server's (``None`` = command line: any), ``DraftGone`` when
        its time is over or it was cancelled. A recorded one is returned, with its ``batch_id``."""
        now = self._now()
        return await self._database.read(lambda c: _drafts.get(c, draft_id, server_id, now))

    async def file(self, sha256: str) -> Content:
        """The stored upload, as it came. Raises ``NotFound``."""
        content = await self._database.read(partial(_files.unpacked, sha256=sha256))
        if content is None:
            raise NotFound("this file is not kept any more", hint="Upload it again.")
        return content

    async def totals(self, draft_id: int, *, without: Collection[int] = ()) -> DraftTotals:
        """Sums over the staged rows, ``without`` those of some lines."""
        return await self._database.read(lambda c: _staging.totals(c, draft_id, without))

    async def types_paid(self, draft_id: int) -> frozenset[RecipientType]:
        """How the rows that would be paid something name their recipients."""
        return await self._database.read(lambda c: _staging.types_paid(c, draft_id))

    async def largest(self, draft_id: int, limit: int, *, without: Collection[int] = ()) -> Sequence[StagedRow]:
        """Rows with the largest absolute amounts."""
        return await self._database.read(self._first("abs(d.amount) DESC, d.line", draft_id, limit, without))

    async def sample(self, draft_id: int, limit: int, *, without: Collection[int] = ()) -> Sequence[StagedRow]:
        """The first rows by line."""
        return await self._database.read(self._first("d.line", draft_id, limit, without))

    async def problems(self, draft_id: int, limit: int | None = None) -> Sequence[Problem]:
        """Problems by line; all of them without a limit."""

        def work(connection: sqlite3.Connection) -> list[Problem]:
            found = connection.execute(
                'SELECT line, "column", kind, message FROM draft_problems WHERE draft_id = ?'
                " ORDER BY line, ordinal LIMIT ?",
                (draft_id, -1 if limit is None else limit),
            )
            return [Problem(*row) for row in found]

        return await self._database.read(work)

    async def taken_up(self, draft_id: int) -> int:
        """Rows that continue an award which was sent again since and was not refused or stopped: recording them would
        raise ``Refused``."""
        return await self._database.read(lambda c: _staging.taken_up(c, draft_id))

    async def taken_back(self, draft: Draft) -> str | None:
        """Why recording this draft of an undo would raise ``Refused``, in a sentence; ``None`` for any other draft."""

        def work(connection: sqlite3.Connection) -> str | None:
            try:
                undo.check(connection, draft)
            except Refused as error:
                return f"{error.message}. {error.hint or ''}".strip()
            return None

        return await self._database.read(work)

    async def problems_alike(self, draft_id: int, limit: int) -> tuple[Sequence[Alike], int]:
        """The first so many kinds of problems with their lines, by the first line of each; and how many kinds there
        are."""
        return await self._database.read(lambda c: _staging.problems_alike(c, draft_id, limit))

    async def unresolved(self, draft_id: int, limit: int) -> Sequence[StagedRow]:
        """Rows that would become rejected awards, by line."""
        return await self._database.read(_staging.fetch(draft_id, "d.line", limit, "d.unresolved IS NOT NULL"))

    async def matches(self, draft_id: int, *, days: int = matching.DAYS) -> Matches:
        """Compare row by row with what was paid lately."""
        now = self._now()
        return await self._database.read(lambda c: compare(c, draft_id, now, days=days).matches())

    async def paid_lately(self, draft_id: int) -> Sequence[int]:
        """Every original line behind the rows that ``matches`` counts, in order."""
        now = self._now()
        return await self._database.read(
            lambda c: _staging.original_lines(c, draft_id, compare(c, draft_id, now).lines())
        )

    async def hides_paid_rows(self, draft_id: int) -> bool:
        """Whether recording it would raise ``StaleSums`` now."""
        now = self._now()
        return await self._database.read(lambda c: compare(c, draft_id, now).hides_paid_rows())

    async def earlier(self, draft_id: int, groups: Sequence[Sequence[StagedRow]]) -> Sequence[Sequence[Earlier]]:
        """For each of these groups of the draft's rows for one recipient: the awards that went there lately."""
        now = self._now()
        return await self._database.read(
            lambda c: comparing.earlier(c, matching.scope(c, draft_id, now, matching.DAYS), groups)
        )

    async def moved(self, draft_id: int, *, without: Collection[int] = ()) -> int:
        """What the limit of a batch is judged by: the sum of absolute amounts that would be sent, ``without`` the rows
        of some lines."""
        lines = _rows.as_json(list(without))
        return await self._database.read(lambda c: _recording.sums(c, draft_id, lines).absolute)

    async def budget_uses(
        self, draft_id: int, actor: Actor, roles: frozenset[str], *, without: Collection[int] = ()
    ) -> Sequence[BudgetUse]:
        """What the draft would take of the person's budgets now, ``without`` the rows of some lines.

        Raises as ``bot.ledger.budgets.uses`` does.
        """
        now = self._now()

        def work(connection: sqlite3.Connection) -> list[BudgetUse]:
            draft = _drafts.get(connection, draft_id, actor.server_id, now)
            if draft.source == undo.SOURCE or actor.server_id is None:
                return []  # budgets are a server's
            given = _recording.sums(connection, draft_id, _rows.as_json(list(without))).given
            return budgets.uses(connection, actor, roles, draft, given, now)

        return await self._database.read(work)

    async def campaign_paid(self, draft_id: int, server_id: str | None) -> CampaignPaid:
        """Rows for recipients who were paid under the draft's label before, whatever the amount."""
        now = self._now()
        return await self._database.read(
            lambda c: difference.paid(c, _drafts.get(c, draft_id, server_id, now), compare(c, draft_id, now))
        )

    async def left_out(self, draft_id: int, server_id: str | None, *, difference_only: bool) -> Collection[int]:
        """The rows that are left out now, by line: for those who were paid for the draft's campaign
        (``difference_only``), or paid lately. Raises ``Refused`` for a campaign that has no label."""
        now = self._now()
        return await self._database.read(
            lambda c: _judging.left_out(
                c,
                _drafts.get(c, draft_id, server_id, now),
                compare(c, draft_id, now),
                difference_only=difference_only,
            )
        )

    async def open_drafts(self, server_id: str | None) -> Sequence[Draft]:
        """READY drafts that are still alive, newest first."""

        now = self._now()
        return await self._database.read(lambda c: _drafts.open_drafts(c, server_id, now))

    async def cancel(self, draft_id: int, actor: Actor) -> None:
        """Cancel a draft; a recorded one raises ``DraftGone``."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> None:
            draft = _drafts.get(connection, draft_id, actor.server_id, now)
            if draft.state is DraftState.RECORDED:
                raise _drafts.gone_to_batch(connection, draft_id)
            connection.execute("UPDATE drafts SET state = 'cancelled' WHERE id = ?", (draft_id,))
            server_id = draft.actor.server_id
            detail = {"draft": draft_id}
            events.append(connection, now, EventKind.DRAFT_CANCELLED, server_id=server_id, actor=actor, detail=detail)

        await self._database.write(work)

    async def purge(self) -> int:
        """Delete drafts that are expired or cancelled, the rows of recorded ones, and files that nothing refers to.

        A recorded draft itself stays for its lifetime, so that an old message can say what became of it. Returns how
        many drafts were deleted. To be called now and then; a draft in use is never touched.
        """
        now = self._now()
        # Slice by slice, so that no other write waits long.
        while await self._database.write(lambda c: _drafts.purge_rows(c, now)):
            pass
        return await self._database.write(lambda c: _drafts.purge_rest(c, now))

    async def _hash(self, draft_id: int) -> tuple[int, str]:
        """Revision and content hash of the rows, read in parts: the revision tells whether these belong together."""
        revision, header = await self._database.read(lambda c: _drafts.header(c, draft_id))
        digest = hashlib.sha256(header.encode())
        line: int | None = -1
        while line is not None:
            line, text = await self._database.read(partial(_staging.hash_part, draft_id, line))
            if text is not None:
                digest.update(b"\n" + text.encode())
        return revision, digest.hexdigest()

    async def of_recipient(self, draft_id: int, key: str, target: str | None) -> Sequence[StagedRow]:
        """Rows for one recipient, by line: those with this key, or with this target where one is given."""
        return await self._database.read(
            _staging.fetch(draft_id, "d.line", -1, "(d.key = ? OR d.target = ?)", (key, target))
        )

    def _first(
        self, order: str, draft_id: int, limit: int, without: Collection[int]
    ) -> Callable[[sqlite3.Connection], list[StagedRow]]:
        values = (_rows.as_json(list(without)),)
        return _staging.fetch(draft_id, order, limit, _staging.not_among(), values)

    def _now(self) -> int:
        return milliseconds(self._clock.now())
