"""One batch: what its entries in the history say is done again, and compared with every one of its rows."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.domain.ranges import in_ranges
from bot.domain.states import AWARD_MOVES
from bot.ledger import _seals
from bot.ledger._wrong import Wrong
from bot.ledger.events import EventKind

_MOVES: Final = {old.value: {new.value for new in moves} for old, moves in AWARD_MOVES.items()}
# A job that took an award leaves it sending, and one that ended without naming it leaves it in doubt.
_STAY: Final = ("sending", "unknown")
_CONTINUED: Final = ("rejected", "cancelled")


@dataclass(frozen=True, slots=True)
class _Entry:
    seq: int
    at: int
    kind: str
    attempt_id: int | None
    facts: dict[str, Any]
    salt: bytes | None
    detail: str


@dataclass(frozen=True, slots=True)
class _Step:
    """What many awards became together."""

    state: str
    said: str | None
    salt: bytes
    at: int
    seq: int


def batch(connection: sqlite3.Connection, batch_id: int, next_award: int) -> int:
    """Examine a batch whose first award has to be ``next_award``; the first award of the batch behind it."""
    name = f"batch {batch_id}"
    row = connection.execute(
        "SELECT first_award, last_award, recorded_at, parent_id, total, state FROM batches WHERE id = ?", (batch_id,)
    ).fetchone()
    first, last, recorded_at, parent_id, total, state = row
    _Seals(connection, batch_id).check()
    if first != next_award:
        raise Wrong(name, f"its awards begin at {first}, and those of the batch before it end at {next_award - 1}")
    if parent_id is not None and parent_id >= batch_id:
        raise Wrong(name, "it continues a batch that did not exist yet")
    replay = _Replay(connection, first, last, recorded_at)
    for entry in _entries(connection, batch_id):
        try:
            replay.take(entry)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise _odd(entry) from None
    if replay.compare(batch_id, state) != total:
        raise Wrong(name, "its total is not the sum of its awards")
    return int(last) + 1


def _entries(connection: sqlite3.Connection, batch_id: int) -> Iterator[_Entry]:
    for seq, at, kind, attempt_id, facts, salt, detail in connection.execute(
        "SELECT seq, at, kind, attempt_id, facts, salt, detail FROM events WHERE batch_id = ? ORDER BY seq", (batch_id,)
    ):
        yield _Entry(seq, at, kind, attempt_id, json.loads(facts), salt, detail)


def _odd(entry: _Entry) -> Wrong:
    return Wrong(f"entry {entry.seq} of the history", "it cannot be understood")


class _Seals:
    """The hashes of rows that the last entries about them left behind, and the rows as they are."""

    def __init__(self, connection: sqlite3.Connection, batch_id: int) -> None:
        self._connection = connection
        self._id = batch_id
        self._name = f"batch {batch_id}"
        self._recorded: dict[str, Any] = {}
        self._batch = ""
        self._text: tuple[str, bytes | None] = ("", None)
        self._attempts: dict[int, str] = {}
        self._pause: str | None = None

    def check(self) -> None:
        """Raises ``Wrong`` for the first row that is another than the history says."""
        for number, entry in enumerate(_entries(self._connection, self._id)):
            if (entry.kind == EventKind.BATCH_RECORDED) != (number == 0):
                raise Wrong(self._name, "its history does not begin with its recording")
            self._note(entry)
        if not self._recorded:
            raise Wrong(self._name, "nothing in the history tells of it")
        self._check_batch()
        self._check_attempts()

    def _note(self, entry: _Entry) -> None:
        try:
            self._batch = entry.facts["batch"]
            if entry.kind == EventKind.BATCH_RECORDED:
                self._recorded = entry.facts
            if "text" in entry.facts:
                self._text = (entry.facts["text"], entry.salt)
            if entry.attempt_id is not None:
                self._attempts[entry.attempt_id] = entry.facts["attempt"]
            if entry.kind == EventKind.BATCH_PAUSED:
                self._pause = json.loads(entry.detail).get("message")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise _odd(entry) from None

    def _check_batch(self) -> None:
        if _seals.batch(self._connection, self._id) != self._batch:
            raise Wrong(self._name, "it is not as the history left it")
        kind, detail, first, last = self._connection.execute(
            "SELECT pause_kind, pause_detail, first_award, last_award FROM batches WHERE id = ?", (self._id,)
        ).fetchone()
        if detail != (self._pause if kind is not None else None):
            raise Wrong(self._name, "the reason of its pause is not the one that was given")
        if _seals.left_out(self._connection, self._id) != self._recorded.get("left_out"):
            raise Wrong(self._name, "its left-out lines are not those that it was recorded with")
        sealed = _seals.contents(self._connection, self._id, first, last)
        if sealed.awards != self._recorded.get("awards"):
            raise Wrong(self._name, "its awards are not those that it was recorded with")
        text, salt = self._text
        if salt is None or _seals.salted(salt, sealed.words) != text:
            raise Wrong(self._name, "its reasons, names or labels are not those that were written")

    def _check_attempts(self) -> None:
        for (attempt_id,) in self._connection.execute(
            "SELECT id FROM attempts WHERE batch_id = ? ORDER BY id", (self._id,)
        ):
            if self._attempts.pop(attempt_id, None) != _seals.attempt(self._connection, attempt_id):
                raise Wrong(f"attempt {attempt_id}", "it is not as the history left it")
        if self._attempts:
            raise Wrong(f"attempt {min(self._attempts)}", "it is missing")


class _Replay:
    """The awards of a batch as its entries make them. Columns of plain numbers, some 40 bytes an award."""

    def __init__(self, connection: sqlite3.Connection, first: int, last: int, at: int) -> None:
        size = last - first + 1
        self._connection = connection
        self._first, self._last = first, last
        self._steps = [_Step("planned", None, b"", at, 0)]
        self._step = array("L", bytes(size * array("L").itemsize))  # where it stands in _steps
        self._attempt = array("q", bytes(size * 8))  # 0: none
        self._attempts = array("q", bytes(size * 8))
        self._lot = array("q", bytes(size * 8))
        self._balance = array("q", bytes(size * 8))
        self._has_balance = bytearray(size)

    def take(self, entry: _Entry) -> None:
        """Do what an entry says. Raises ``Wrong`` when that could not have happened."""
        if entry.kind == EventKind.CALL_BEGUN:
            self._begin(entry)
        for group in entry.facts.get("moved", ()):
            self._move(entry, group)
        for lot, pairs in entry.facts.get("lots", ()):
            for award_id in in_ranges(pairs):
                self._lot[self._place(award_id)] = lot

    def _begin(self, entry: _Entry) -> None:
        row = self._connection.execute("SELECT awards FROM attempts WHERE id = ?", (entry.attempt_id,)).fetchone()
        before = "unknown" if entry.facts.get("again") else "planned"
        step = self._add_step(_Step("sending", None, b"", entry.at, entry.seq))
        for award_id in json.loads(row[0]):
            place = self._place(award_id)
            if self._steps[self._step[place]].state != before:
                raise Wrong(f"award {award_id}", f"attempt {entry.attempt_id} took it although it was not {before}")
            self._step[place] = step
            self._attempt[place] = entry.attempt_id or 0
            self._attempts[place] += 1

    def _move(self, entry: _Entry, group: dict[str, Any]) -> None:
        state = group["to"]
        step = self._add_step(_Step(state, group.get("said"), entry.salt or b"", group.get("at", entry.at), entry.seq))
        balances = group.get("balances", ())
        for number, award_id in enumerate(in_ranges(group["awards"])):
            place = self._place(award_id)
            before = self._steps[self._step[place]].state
            if state not in _MOVES[before] and not (state == before in _STAY or entry.kind == EventKind.WORDS_BLANKED):
                raise Wrong(f"award {award_id}", f"entry {entry.seq} of the history moves it from {before} to {state}")
            if entry.attempt_id not in (None, self._attempt[place]) and before != "planned":
                raise Wrong(f"award {award_id}", f"entry {entry.seq} of the history gives it another call's outcome")
            self._step[place] = step
            if balances != ():
                told = balances[number] if balances is not None else None
                self._has_balance[place] = told is not None
                self._balance[place] = told or 0

    def compare(self, batch_id: int, batch_state: str) -> int:
        """Every award with its row; the sum of the amounts."""
        total, expected = 0, self._first
        for row in self._connection.execute(
            "SELECT id, batch_id, amount, continues, reverses, state, lot, attempts, attempt_id, detail, balance,"
            " changed_at FROM awards WHERE id BETWEEN ? AND ? ORDER BY id",
            (self._first, self._last),
        ):
            award_id, of_batch, amount, continues, reverses, *rest = row
            name = f"award {award_id}"
            if award_id != expected:
                raise Wrong(f"award {expected}", "it is missing")
            if of_batch != batch_id:
                raise Wrong(name, f"it lies among the awards of batch {batch_id}, and says that it is of {of_batch}")
            self._check(name, award_id - self._first, *rest)
            if rest[0] == "planned" and batch_state in ("stopped", "finished"):
                raise Wrong(name, f"it is planned, and its batch is {batch_state}")
            self._check_link(name, award_id, continues, "continues", _CONTINUED)
            self._check_link(name, award_id, reverses, "takes back", ("applied",))
            total, expected = total + amount, expected + 1
        if expected != self._last + 1:
            raise Wrong(f"award {expected}", "it is missing")
        return total

    def _check(
        self,
        name: str,
        place: int,
        state: str,
        lot: int,
        attempts: int,
        attempt_id: int | None,
        detail: str | None,
        balance: int | None,
        changed_at: int,
    ) -> None:
        step = self._steps[self._step[place]]
        # Who nobody was found for began rejected; that, and why, is part of what the batch was recorded with.
        began_rejected = step.seq == 0 and state == "rejected"
        if state != step.state and not began_rejected:
            raise Wrong(name, f"it is {state}; its history says {step.state}")
        said = None if detail is None else _seals.salted(step.salt, detail)
        if said != step.said and not began_rejected:
            raise Wrong(name, "what is said of it is not what its history says")
        if (attempts, attempt_id or 0) != (self._attempts[place], self._attempt[place]):
            raise Wrong(name, "its calls are not those of its history")
        if balance != (self._balance[place] if self._has_balance[place] else None):
            raise Wrong(name, "its balance is not the one of its history")
        if lot != self._lot[place]:
            raise Wrong(name, "its lot is not the one of its history")
        if changed_at != step.at:
            raise Wrong(name, "the time of its last change is not the one of its history")

    def _check_link(self, name: str, award_id: int, other: int | None, verb: str, states: Sequence[str]) -> None:
        if other is None:
            return
        row = self._connection.execute("SELECT state FROM awards WHERE id = ?", (other,)).fetchone()
        if other >= award_id or row is None or row[0] not in states:
            raise Wrong(name, f"it {verb} award {other}, which is not one that it could")

    def _add_step(self, step: _Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1

    def _place(self, award_id: int) -> int:
        if not self._first <= award_id <= self._last:
            raise Wrong(f"award {award_id}", "the history of another batch tells of it")
        return award_id - self._first
