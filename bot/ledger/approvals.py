"""Leave by a second person: asked for, given or refused, and used up by the batch, each in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.approving import NOTHING_ALONE, TOGETHER_MS, Alone, Approval, ApprovalRules, ApprovalState
from bot.domain.model import Actor
from bot.errors import ApprovalNeeded, DraftGone, NotAllowed, NotFound, Refused
from bot.ledger import _drafts, _names, _recording, _rows, events, matching, undo
from bot.ledger._draft_values import Draft, DraftState
from bot.ledger._judging import Confirmation, Judged, judge, left_out
from bot.ledger._recording import Sums
from bot.ledger.comparing import compare, left_out_mark
from bot.ledger.database import Database
from bot.ledger.events import EventKind

LIFETIME_MS: Final = 24 * 3600 * 1000

_COLUMNS: Final = (
    "id, draft_id, state, content_hash, flags, why, asked_at, expires_at, asked_by_name, decided_at, decided_by_name,"
    " decided_by_id, batch_id"
)

# In two halves, since sum() of SQLite fails beyond 64 bits.
_ALONE: Final = (
    "SELECT count(*), coalesce(sum(abs(a.amount) / 1000000), 0), coalesce(sum(abs(a.amount) % 1000000), 0)"  # noqa: S608 # our words
    " FROM batches b CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award"
    " WHERE b.server_id = ?1 AND b.actor_id = ?2 AND (b.account = ?3 OR b.programme = ?7)"
    " AND b.currency IS ?4 AND b.unit = ?5"
    f" AND b.recorded_at > ?6 AND b.source <> '{undo.SOURCE}' AND {matching.STANDS_IN_PART}"
    " AND NOT EXISTS (SELECT 1 FROM approvals leave WHERE leave.batch_id = b.id)"
)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a press of *Approve* or *Refuse* did."""

    changed: bool
    """False: it was decided before, as ``approval`` says."""
    approval: Approval


@dataclass(frozen=True, slots=True)
class Standing:
    """How a draft stands with a second person."""

    why: str | None
    """Why it needs one; ``None``: it does not."""
    approval: Approval | None
    """What was asked for it as it is now."""
    why_all: str | None = None
    """Why sending all of it, also what was paid lately, needs one. Where that does not, no part of it does."""


class Approvals:
    """The preparer and who asked never approve; the schema says so too."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def ask(self, draft_id: int, confirmation: Confirmation) -> Approval:
        """Ask for leave to record the draft as confirmed. What could not be recorded anyway is not asked for.

        A second request for the same is the first one. Raises as ``Recording.record_batch`` does, and ``Refused`` when
        no leave is needed.
        """
        now = self._now()
        return await self._database.write(lambda connection: _ask(connection, draft_id, confirmation, now))

    async def decide(self, approval_id: int, actor: Actor, *, approve: bool) -> Decided:
        """Give or refuse leave. One of several presses counts, the others read who was first.

        Raises ``NotAllowed`` for who prepared or asked, ``DraftGone`` for a draft that is over or was changed since and
        for a request whose time is over, ``NotFound``.
        """
        now = self._now()
        return await self._database.write(lambda connection: _decide(connection, approval_id, actor, approve, now))

    async def standing(self, draft_id: int, actor: Actor, *, skip_matched: bool) -> Standing:
        """How a draft stands now for who would confirm it. ``skip_matched``: judged without the rows that were paid
        lately."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> Standing:
            draft = _drafts.get(connection, draft_id, actor.server_id, now)
            if draft.actor.server_id is None:
                return Standing(None, None)  # it is a server that asks for a second person
            everything = _recording.sums(connection, draft_id, _rows.as_json([]))
            why = why_all = _why(connection, draft, everything, actor, now)
            if skip_matched and why_all is not None:
                paid = _rows.as_json(list(compare(connection, draft_id, now).lines()))
                why = _why(connection, draft, _recording.sums(connection, draft_id, paid), actor, now)
            latest = _find(
                connection,
                "draft_id = ? AND content_hash IS ? AND label IS ? AND state <> 'replaced' ORDER BY id DESC LIMIT 1",
                (draft_id, draft.content_hash, draft.label),
            )
            alive = latest is not None and (latest.expires_at > now or latest.state is ApprovalState.REFUSED)
            if latest is None or not alive or not _means_the_same(connection, latest, draft, now):
                return Standing(why, None, why_all)
            return Standing(why, latest, why_all)

        return await self._database.read(work)

    async def why_of_rest(self, draft: Draft, actor: Actor) -> str | None:
        """Why paying only who was not yet paid for the draft's campaign needs a second person; ``None``: it does
        not."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> str | None:
            out = left_out(connection, draft, compare(connection, draft.id, now), difference_only=True)
            return _why(connection, draft, _recording.sums(connection, draft.id, _rows.as_json(list(out))), actor, now)

        return await self._database.read(work)

    async def get(self, approval_id: int, server_id: str | None) -> Approval:
        """A request. Raises ``NotFound``, also for another server's."""
        where = "id = ? AND server_id IS ?"
        found = await self._database.read(lambda connection: _find(connection, where, (approval_id, server_id)))
        if found is None:
            raise NotFound("there is no such request here")
        return found

    async def left_out(self, approval: Approval, draft: Draft) -> Collection[int]:
        """The lines of the draft that the decisions of this request for it leave out now, as paid before."""
        now = self._now()
        return await self._database.read(lambda connection: _left_out(connection, approval, draft, now))

    async def of_batch(self, batch_id: int) -> Approval | None:
        """The leave that a batch was recorded with, if it still is about what the batch is."""
        where = "batch_id = ? AND content_hash = (SELECT content_hash FROM batches WHERE id = batch_id)"
        return await self._database.read(lambda connection: _find(connection, where, (batch_id,)))

    def _now(self) -> int:
        return milliseconds(self._clock.now())


def check(connection: sqlite3.Connection, judged: Judged, confirmation: Confirmation, now: int) -> Approval | None:
    """The leave that the draft is recorded with; ``None`` when it needs none. Raises ``ApprovalNeeded``."""
    draft = judged.draft
    why = _why(connection, draft, judged.sums, confirmation.actor, now)
    if why is None:
        return None
    approval = _open(connection, draft.id)
    if (
        approval is None
        or approval.state is not ApprovalState.APPROVED
        or approval.expires_at <= now
        or not _is_for(connection, approval, judged, confirmation)
    ):
        raise ApprovalNeeded(
            f"this needs the approval of a second person, since {why}; nothing was sent",
            hint="Ask for it on the draft's card: /batch list opens it again.",
        )
    return approval


def use(connection: sqlite3.Connection, approval: Approval, batch_id: int) -> None:
    """The batch is recorded: the leave is used up. Its row belongs into the entry about the batch."""
    connection.execute("UPDATE approvals SET state = 'used', batch_id = ? WHERE id = ?", (batch_id, approval.id))


def _ask(connection: sqlite3.Connection, draft_id: int, confirmation: Confirmation, now: int) -> Approval:
    judged = judge(connection, draft_id, confirmation, now)
    draft = judged.draft
    why = _why(connection, draft, judged.sums, confirmation.actor, now)
    if why is None:
        raise Refused("this needs no approval; nothing was sent", hint="Open the draft again and send it.")
    before = _open(connection, draft_id)
    if before is not None and before.expires_at > now and _is_for(connection, before, judged, confirmation):
        return before
    replaced = connection.execute(
        "UPDATE approvals SET state = 'replaced' WHERE draft_id = ? AND state IN ('asked', 'approved') RETURNING id",
        (draft_id,),
    ).fetchall()
    actor, server = confirmation.actor, draft.actor.server_id
    (approval_id,) = connection.execute(
        "INSERT INTO approvals (server_id, draft_id, content_hash, label, flags, matches, why, state, asked_at,"
        " expires_at, prepared_by_id, asked_by_id, asked_by_name)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'asked', ?, ?, ?, ?, ?) RETURNING id",
        (
            *(server, draft_id, draft.content_hash, draft.label, confirmation.flags, judged.earlier, why, now),
            *(min(now + LIFETIME_MS, draft.expires_at), draft.actor.id, actor.id, actor.name),
        ),
    ).fetchone()
    detail = {"approval": approval_id, "draft": draft_id, "why": why}
    rows = [("approvals", key) for key in (*replaced, (approval_id,))]
    events.append(connection, now, EventKind.APPROVAL_ASKED, server_id=server, actor=actor, detail=detail, rows=rows)
    return _get(connection, approval_id)


def _decide(connection: sqlite3.Connection, approval_id: int, actor: Actor, approve: bool, now: int) -> Decided:
    row = connection.execute(
        "SELECT server_id, draft_id, prepared_by_id, asked_by_id FROM approvals WHERE id = ?", (approval_id,)
    ).fetchone()
    if row is None or actor.server_id != row[0]:
        raise NotFound("there is no such request here")
    server_id, draft_id, *own = row
    approval = _get(connection, approval_id)
    if approval.state is not ApprovalState.ASKED:
        return Decided(False, approval)
    if approve and actor.id in own:
        raise NotAllowed(
            "You prepared this or asked for its approval yourself; nothing was approved.",
            hint="Let somebody else look at it.",
        )
    if approval.expires_at <= now:
        raise DraftGone("the time of this request is over; nothing was approved", hint="Start again, then ask again.")
    draft = _drafts.get(connection, draft_id, server_id, now)
    if draft.state is DraftState.RECORDED:
        raise _drafts.gone_to_batch(connection, draft_id)
    if not _is_about(connection, approval, draft):
        raise DraftGone(
            "the draft was changed after its approval was asked for; nothing was approved",
            hint="Its preparer has to ask again.",
        )
    state = ApprovalState.APPROVED if approve else ApprovalState.REFUSED
    connection.execute(
        "UPDATE approvals SET state = ?, decided_at = ?, decided_by_id = ?, decided_by_name = ? WHERE id = ?",
        (state.value, now, actor.id, actor.name, approval_id),
    )
    kind = EventKind.APPROVAL_GIVEN if approve else EventKind.APPROVAL_REFUSED
    detail = {"approval": approval_id, "draft": draft_id, "content_hash": approval.content_hash}
    row = ("approvals", (approval_id,))
    events.append(connection, now, kind, server_id=server_id, actor=actor, detail=detail, rows=[row])
    return Decided(True, _get(connection, approval_id))


def _why(connection: sqlite3.Connection, draft: Draft, sums: Sums, actor: Actor, now: int) -> str | None:
    """Why the draft needs a second person, by its server's settings as they are in this transaction, when this one
    confirms it."""
    server = draft.actor.server_id
    stored = connection.execute(
        "SELECT name, value FROM server_settings WHERE server_id = ? AND name LIKE 'approve%'", (server,)
    )
    rules = ApprovalRules.from_stored({name: json.loads(value) for name, value in stored})
    to = draft.destination
    is_first = rules.first_use and connection.execute(
        "SELECT 1 FROM batches WHERE server_id = ? AND kind = ? AND account = ? AND currency IS ? LIMIT 1",
        (server, to.kind.value, to.account, to.currency),
    ).fetchone() is None  # fmt: skip
    taking_back = draft.source == undo.SOURCE  # is judged by itself
    alone = NOTHING_ALONE if taking_back or not rules.counts else _alone(connection, actor, draft, now)
    return rules.why_needed(to.unit, sums.absolute, sums.awards - sums.rejected, is_first=is_first, alone=alone)


def _alone(connection: sqlite3.Connection, actor: Actor, draft: Draft, now: int) -> Alone:
    to, since = draft.destination, now - TOGETHER_MS
    named = matching.namesake(to.kind.value, draft.programme)
    where = (actor.server_id, actor.id, to.account, to.currency, to.unit.value, since, named)
    awards, high, low = connection.execute(_ALONE, where).fetchone()
    return Alone(high * 1_000_000 + low, awards)


def _is_about(connection: sqlite3.Connection, approval: Approval, draft: Draft) -> bool:
    """Whether the request is about the draft as it is now."""
    label, _ = _bound_to(connection, approval)
    return (approval.content_hash, label) == (draft.content_hash, draft.label)


def _is_for(connection: sqlite3.Connection, approval: Approval, judged: Judged, confirmation: Confirmation) -> bool:
    """Whether the request is about the draft as it is now and these decisions, which mean for its rows what they meant
    then: leave for some of them is no leave for others."""
    _, earlier = _bound_to(connection, approval)
    decided = (approval.flags, earlier) == (confirmation.flags, judged.earlier)
    return decided and _is_about(connection, approval, judged.draft)


def _means_the_same(connection: sqlite3.Connection, approval: Approval, draft: Draft, now: int) -> bool:
    """Whether its decisions still mean the same: those rows are left out, or paid again, for which leave was asked."""
    _, earlier = _bound_to(connection, approval)
    if {"s", "d"} & set(approval.flags):
        return left_out_mark(_left_out(connection, approval, draft, now)) == earlier
    if not earlier:
        return True
    return compare(connection, approval.draft_id, now).matches().mark == earlier


def _left_out(connection: sqlite3.Connection, approval: Approval, draft: Draft, now: int) -> Collection[int]:
    if not {"s", "d"} & set(approval.flags):
        return ()
    lately = compare(connection, draft.id, now)
    return left_out(connection, draft, lately, difference_only="d" in approval.flags)


def _bound_to(connection: sqlite3.Connection, approval: Approval) -> tuple[str | None, str]:
    label, earlier = connection.execute("SELECT label, matches FROM approvals WHERE id = ?", (approval.id,)).fetchone()
    return label, earlier


def _open(connection: sqlite3.Connection, draft_id: int) -> Approval | None:
    return _find(connection, "draft_id = ? AND state IN ('asked', 'approved')", (draft_id,))


def _get(connection: sqlite3.Connection, approval_id: int) -> Approval:
    approval = _find(connection, "id = ?", (approval_id,))
    assert approval is not None  # found before, and never deleted
    return approval


def _find(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> Approval | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM approvals WHERE {where}", values).fetchone()  # noqa: S608 # our words
    if row is None:
        return None
    id_, draft_id, state, content_hash, flags, why, asked_at, expires_at, asked_by, decided_at, decided_by, *rest = row
    asked = (content_hash, flags, why, asked_at, expires_at, _names.shown(asked_by))
    decider = None if decided_by is None else _names.shown(decided_by)
    return Approval(id_, draft_id, ApprovalState(state), *asked, decided_at, decider, *rest)
