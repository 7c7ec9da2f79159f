"""Taking a lost ledger's result files in as history. Nothing is sent because of it, and nothing of it is ever sent.

What a file tells is recorded like the calls that it stands for: an attempt with the verdict ``testified``, closed, and
the awards' moves with the name of who took the file in. Awards that this ledger has are brought up to date. Those that
it does not know become a batch of their own (source ``history``), planned and told in one transaction, so that they are
never claimable; they count as paid, or in doubt, wherever somebody would pay them again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.drafting import StagedRow
from bot.domain.model import Problem
from bot.domain.states import FINAL, TAKEN_IN, AwardState
from bot.domain.testimony import FileTold, Told, steps
from bot.errors import Refused
from bot.ledger import (
    _balances,
    _calls,
    _drafts,
    _jobs,
    _recording,
    _rows,
    _same,
    _staging,
    claims,
    events,
    restorations,
)
from bot.ledger._chance import Randomness, short_name
from bot.ledger._draft_values import DraftState, NewDraft
from bot.ledger.database import Database
from bot.ledger.events import EventKind, Moved

TESTIFIED: Final = "testified"
_PROBLEMS_SHOWN: Final = 3
_LIFETIME_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a file added to the ledger."""

    batch_id: int | None = None
    """The batch of the awards that were not known here."""
    paid: int = 0
    """Of these, paid."""
    in_doubt: int = 0
    updated: int = 0
    """Awards known here that were brought up to date."""
    unchanged: int = 0
    """Awards known here of which the file tells nothing new."""
    not_sent: int = 0
    """Lines for which nothing was paid."""
    apart: int = 0
    """Awards that this ledger has other awards for under the same numbers; taken for what they are, not for those."""


class Testimonies:
    """Only while the ledger waits to be signed off, or has never recorded anything itself."""

    def __init__(self, database: Database, clock: Clock, randomness: Randomness = secrets.token_bytes) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness

    async def take_in(self, new: NewDraft, told: FileTold, *, same_numbers: bool | None = None) -> TakenIn:
        """Record what a file tells, all of it or nothing. The same file, or a later one of the same batch, adds only
        what is new. ``new``: the file, where its awards were sent to, and who takes it in. ``same_numbers``: what that
        person says where nothing tells whether numbers mean the same awards here and there (``_same``).

        Raises ``Refused`` when the file contradicts the ledger, when nothing tells that, or when this ledger is not
        waiting for any file.
        """
        now = milliseconds(self._clock.now())
        return await self._database.write(lambda c: _Work(c, new, now, self._randomness, same_numbers).done(told))


@dataclass(slots=True)
class _Known:
    """An award of this ledger that the file tells of."""

    award_id: int
    batch_id: int
    server_id: str | None
    path: tuple[AwardState, ...]
    said: str


@dataclass(slots=True)
class _Sorted:
    """The file's awards, by what is to be done about them."""

    fresh: list[Told] = field(default_factory=list)
    known: list[_Known] = field(default_factory=list)
    unchanged: int = 0
    apart: int = 0
    problems: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """Awards that may be those that this ledger has under their numbers, or others."""
    not_sent: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """One file, inside one transaction."""

    connection: sqlite3.Connection
    new: NewDraft
    now: int
    randomness: Randomness
    same_numbers: bool | None

    def done(self, told: FileTold) -> TakenIn:
        since = self._begin()
        _calls.mark_interrupted(self.connection, self.now)
        sorted_ = self._sort(told, since)
        if sorted_.problems:
            shown = "; ".join(sorted_.problems[:_PROBLEMS_SHOWN])
            more = len(sorted_.problems) - _PROBLEMS_SHOWN
            raise Refused(
                f"{self.new.file_name} contradicts this ledger: {shown}" + (f"; and {more:,} more" if more > 0 else ""),
                hint="It is of another ledger, or was edited. Take those rows out, and settle them by hand.",
            )
        if sorted_.unclear:
            raise Refused(
                f"nothing tells whether awards of {self.new.file_name} are those that this ledger, which went on by"
                f" itself, has under the same numbers: {'; '.join(sorted_.unclear[:_PROBLEMS_SHOWN])}",
                hint="Compare the receipt codes on the batches' cards, then say --numbers same or --numbers other.",
            )
        batch_id = self._record(sorted_) if sorted_.fresh else None
        sorted_.known.sort(key=lambda one: (one.batch_id, one.award_id))
        for (of, server), group in groupby(sorted_.known, key=lambda one: (one.batch_id, one.server_id)):
            self._tell(of, server, list(group))
        paid = sum(one.state is AwardState.APPLIED for one in sorted_.fresh)
        doubts = sum(one.state not in FINAL for one in sorted_.fresh)
        of_lines = (sorted_.unchanged, len(sorted_.not_sent), sorted_.apart)
        return TakenIn(batch_id, paid, doubts, len(sorted_.known), *of_lines)

    def _begin(self) -> int:
        """The entry behind which nothing is the lost ledger's; 0 for a ledger that begins with files."""
        if restorations.find(self.connection) is not None:
            (seq,) = self.connection.execute(
                "SELECT max(seq) FROM events WHERE kind = ?", (EventKind.LEDGER_RESTORED.value,)
            ).fetchone()
            return int(seq)
        own = self.connection.execute("SELECT 1 FROM batches WHERE source <> ? LIMIT 1", (TAKEN_IN,)).fetchone()
        if own is not None:
            raise Refused(
                "this ledger is not waiting for result files: it was not restored, or is signed off already",
                hint="Result files close the gap of a restored ledger, before it is signed off.",
            )
        return 0

    # --- what is told of what -----------------------------------------------------------------------------------

    def _sort(self, told: FileTold, since: int) -> _Sorted:
        (own,) = self.connection.execute(
            "SELECT coalesce(max(b.last_award), 0) FROM batches b WHERE b.id IN"
            " (SELECT batch_id FROM events WHERE kind = 'batch-recorded' AND seq < ?)",
            (since,),
        ).fetchone()
        before = self._told_before(since)
        shared = _same.shared_up_to(self.connection)
        numbers = {one.award_id for one in told.awards if one.award_id is not None and one.award_id <= own}
        here = {number: _same.here(self.connection, number) for number in numbers}
        maybe = [(one, here[one.award_id]) for one in told.awards if one.award_id in here and not one.elsewhere]
        asked = ((one, it) for one, it in maybe if it.id > shared or one.recorded_at is not None)
        is_same = _same.verdicts(asked, self.same_numbers)
        found = _Sorted(not_sent=dict(told.not_sent))
        for one in told.awards:
            if one.award_id is None:
                self._sort_fresh(one, found)
            elif one.award_id in before:
                there = _same.here(self.connection, before[one.award_id])
                self._sort_known(one, there, found)
            elif one.award_id not in here:
                self._sort_fresh(one, found)
            elif is_same.get(one.award_id, True):
                self._sort_known(one, here[one.award_id], found)
            elif is_same[one.award_id] is None:
                found.unclear.append(f"row {one.line}: award {one.award_id}")
            else:
                found.apart += 1
                self._sort_fresh(one, found)
        if found.fresh and self._is_history():
            others = [one for one in found.fresh if not self._has(one)]
            found.problems += (f"row {one.line} was taken in before, as another recipient or amount" for one in others)
            found.unchanged += len(found.fresh)
            found.fresh = []
        return found

    def _is_history(self) -> bool:
        """Whether this very file was taken in before: all of it was, so nothing in it is new, whether or not its rows
        number their awards."""
        to = self.new.destination
        known = self.connection.execute(
            "SELECT 1 FROM batches WHERE file_sha256 = ? AND source = ? AND kind = ? AND account = ? AND currency IS ?",
            (self.new.file_sha256, TAKEN_IN, to.kind.value, to.account, to.currency),
        )
        return known.fetchone() is not None

    def _has(self, one: Told) -> bool:
        """Whether there is such an award. A file that was read another way when it was taken in has others."""
        to = self.new.destination
        found = self.connection.execute(
            "SELECT 1 FROM json_each(?) named CROSS JOIN awards a ON a.key = named.value"
            " CROSS JOIN batches b ON b.id = a.batch_id WHERE a.amount IN (SELECT value FROM json_each(?))"
            " AND b.kind = ? AND b.account = ? AND b.currency IS ? LIMIT 1",
            (json.dumps([*one.keys]), json.dumps([*one.amounts]), to.kind.value, to.account, to.currency),
        )
        return found.fetchone() is not None

    def _told_before(self, since: int) -> dict[int, int]:
        """Awards that earlier files told of: by their id there, the id here."""
        pairs: dict[int, int] = {}
        for here, expectation in self.connection.execute(
            "SELECT t.awards, t.expectation FROM attempts t WHERE t.verdict = ? AND t.expectation IS NOT NULL"
            " AND t.id IN (SELECT attempt_id FROM events WHERE kind = 'call-begun' AND seq > ?)",
            (TESTIFIED, since),
        ):
            there = _rows.mapping(expectation).get("told")
            if isinstance(there, list):
                pairs |= {int(id_): award_id for id_, award_id in zip(there, json.loads(here), strict=True) if id_}
        return pairs

    def _sort_fresh(self, one: Told, found: _Sorted) -> None:
        # What was written off may have landed: it is no award that nothing came of.
        if one.state in (AwardState.APPLIED, AwardState.WRITTEN_OFF) or one.state not in FINAL:
            found.fresh.append(one)
        else:
            # Only a person cancels, and left-out lines are never blanked: who it was is not repeated in them.
            said = f": {one.said}" if one.said and one.state is not AwardState.CANCELLED else ""
            found.not_sent |= dict.fromkeys(one.lines, f"{one.state.value} there{said}")

    def _sort_known(self, one: Told, it: _same.Here, found: _Sorted) -> None:
        if one.elsewhere:
            found.unchanged += 1
            return
        where = f"row {one.line}: award {one.award_id}"
        if it.key not in one.keys and not it.merged:
            found.problems.append(f"{where} is somebody else's here")
        elif it.amount not in one.amounts:
            found.problems.append(f"{where} is of another amount here")
        elif (path := steps(AwardState(it.state), one.state)) is None:
            found.problems.append(f"{where} is {it.state} here and {one.state.value} there")
        elif path:
            found.known.append(_Known(it.id, it.batch_id, it.server_id, path, one.said))
        else:
            found.unchanged += 1

    # --- awards that this ledger does not know ------------------------------------------------------------------

    def _record(self, sorted_: _Sorted) -> int:
        connection = self.connection
        draft_id = _drafts.create(connection, self.new, None, self.now, self.now + _LIFETIME_MS)
        fresh = sorted(sorted_.fresh, key=lambda one: one.line)
        unpaid = [Problem(line, None, "not-paid-there", said) for line, said in sorted_.not_sent.items()]
        _staging.insert(connection, draft_id, [_staged(one) for one in fresh], unpaid)
        self._finish_draft(draft_id)
        sums = _recording.sums(connection, draft_id, "[]")
        choice = {"history": self.new.file_name, "skipped": 0}
        batch_id = _recording.insert_batch(
            connection, draft_id, self.new.actor, choice, sums, self.now, starts_at=self.now
        )
        _recording.insert_awards(connection, draft_id, batch_id, "[]", self.now)
        _recording.insert_left_out(connection, draft_id, batch_id, {})
        connection.execute("UPDATE drafts SET state = 'recorded', batch_id = ? WHERE id = ?", (batch_id, draft_id))
        contents = _recording.contents(connection, batch_id)
        events.append(
            connection,
            self.now,
            EventKind.BATCH_RECORDED,
            server_id=self.new.actor.server_id,
            batch_id=batch_id,
            actor=self.new.actor,
            detail=choice,
            facts=contents.facts,
            text=contents.words,
        )
        ids = [
            award_id
            for (award_id,) in connection.execute("SELECT id FROM awards WHERE batch_id = ? ORDER BY id", (batch_id,))
        ]
        known = [
            _Known(award_id, batch_id, self.new.actor.server_id, steps(AwardState.PLANNED, one.state) or (), one.said)
            for award_id, one in zip(ids, fresh, strict=True)
        ]
        self._tell(batch_id, self.new.actor.server_id, known, {"told": [one.award_id for one in fresh]})
        return batch_id

    def _finish_draft(self, draft_id: int) -> None:
        """READING -> READY with the hash of its content, as ``Drafts.finish`` does it in slices."""
        revision, header = _drafts.header(self.connection, draft_id)
        digest = hashlib.sha256(header.encode())
        line: int | None = -1
        while line is not None:
            line, text = _staging.hash_part(draft_id, line, self.connection)
            digest.update(b"" if text is None else b"\n" + text.encode())
        _drafts.finish(draft_id, DraftState.READY, revision, digest.hexdigest(), {}, self.connection)

    # --- what the file tells, told ------------------------------------------------------------------------------

    def _tell(
        self,
        batch_id: int,
        server_id: str | None,
        known: Sequence[_Known],
        expectation: Mapping[str, object] | None = None,
    ) -> None:
        """Move awards of one batch to where the file says they are."""
        ids = [one.award_id for one in known]
        taken = [one.award_id for one in known if one.path[0] is AwardState.SENDING]
        if taken:
            self._testify(batch_id, taken, expectation)
        before = self.connection.execute(
            "SELECT DISTINCT attempt_id FROM awards WHERE attempt_id IS NOT NULL"
            " AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(ids),),
        ).fetchall()
        moved: list[Moved] = []
        for depth in range(max(len(one.path) for one in known)):
            moved += self._step([one for one in known if len(one.path) > depth], depth)
        _balances.forget(self.connection, batch_id, ids, self.now)
        detail = {"file": self.new.file_name, "message": f"as {self.new.file_name} tells"}
        events.append(
            self.connection,
            self.now,
            EventKind.HISTORY_TOLD,
            server_id=server_id,
            batch_id=batch_id,
            actor=self.new.actor,
            detail=detail,
            moved=moved,
        )
        _jobs.close_decided(self.connection, [attempt_id for (attempt_id,) in before], self.now)
        claims.finish_if_done(self.connection, batch_id, self.now)

    def _testify(self, batch_id: int, ids: Sequence[int], expectation: Mapping[str, object] | None) -> None:
        """planned -> sending, under an attempt that stands for what the lost ledger sent."""
        listed = json.dumps(ids)
        (attempt_id,) = self.connection.execute(
            "INSERT INTO attempts (batch_id, state, claimed_at, closed_at, token, awards, body_sha256, verdict, detail,"
            " evidence, expectation) VALUES (?, 'closed', ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                *(batch_id, self.now, self.now, short_name(self.randomness, claims.TOKEN_LENGTH), listed),
                *(self.new.file_sha256, TESTIFIED, f"told by the result file {self.new.file_name}"),
                *(json.dumps({"file": self.new.file_name, "sha256": self.new.file_sha256}),),
                None if expectation is None else json.dumps(expectation),
            ),
        ).fetchone()
        self.connection.execute(
            "UPDATE awards SET state = 'sending', attempts = attempts + 1, attempt_id = ?, detail = NULL,"
            " changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
            (attempt_id, self.now, listed),
        )
        # There is no evidence to look for: what was sent is not known here. A doubt goes to a person at once.
        self.connection.execute("INSERT INTO looks VALUES (?, 0, ?, 'unclear', '{}')", (attempt_id, self.now))
        events.append(self.connection, self.now, EventKind.CALL_BEGUN, batch_id=batch_id, attempt_id=attempt_id)

    def _step(self, known: Sequence[_Known], depth: int) -> list[Moved]:
        """One step of every path that is so long; to ``sending`` went those that were claimed, before."""
        groups: dict[tuple[AwardState, str | None], list[int]] = {}
        for one in known:
            state, is_last = one.path[depth], len(one.path) == depth + 1
            if state is not AwardState.SENDING:
                groups.setdefault((state, self._words(one) if is_last else None), []).append(one.award_id)
        moves = []
        for (state, detail), ids in groups.items():
            self.connection.execute(
                "UPDATE awards SET state = ?, detail = ?, changed_at = ? WHERE id IN (SELECT value FROM json_each(?))",
                (state.value, detail, self.now, json.dumps(ids)),
            )
            moves.append(Moved(state.value, ids, detail))
        return moves

    def _words(self, one: _Known) -> str:
        return f"as {self.new.file_name} tells" + (f": {one.said}" if one.said else "")


def _staged(one: Told) -> StagedRow:
    lines = one.lines if len(one.lines) > 1 else None
    amounts = one.each if len(one.each) > 1 else None
    return StagedRow(one.line, lines, one.recipient, one.target, one.amount, one.reason, amounts=amounts)
