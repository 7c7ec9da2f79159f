"""What a result file of a lost ledger says, and what that means for the awards of the one that was restored. Pure.

The file tells how an award stood when it was made. Paid, refused, cancelled and written off are final: they are taken
over. Everything else may have gone on afterwards, so what is still planned here becomes a doubt. A final state never
changes: a file that says otherwise than this ledger is not of this ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from bot.domain.model import Duplicates, Recipient, Row
from bot.domain.reporting import COUNTED_ONCE
from bot.domain.states import FINAL, AwardState

_S: Final = AwardState
_TAKEN_OVER: Final[Mapping[AwardState, Mapping[AwardState, tuple[AwardState, ...]]]] = {
    # told: how it gets there, by what it is here
    _S.APPLIED: {
        _S.PLANNED: (_S.SENDING, _S.APPLIED),
        _S.SENDING: (_S.APPLIED,),
        _S.UNKNOWN: (_S.APPLIED,),
    },
    _S.REJECTED: {
        _S.PLANNED: (_S.SENDING, _S.REJECTED),
        _S.SENDING: (_S.REJECTED,),
        _S.UNKNOWN: (_S.REJECTED,),
    },
    _S.CANCELLED: {
        _S.PLANNED: (_S.CANCELLED,),
        _S.SENDING: (_S.PLANNED, _S.CANCELLED),
        _S.UNKNOWN: (_S.PLANNED, _S.CANCELLED),
    },
    _S.WRITTEN_OFF: {
        _S.PLANNED: (_S.SENDING, _S.UNKNOWN, _S.WRITTEN_OFF),
        _S.SENDING: (_S.UNKNOWN, _S.WRITTEN_OFF),
        _S.UNKNOWN: (_S.WRITTEN_OFF,),
    },
}
_DOUBT: Final = (_S.SENDING, _S.UNKNOWN)

_NO_AWARD: Final = frozenset(("not sent", "no award"))
"""What result files say of rows that became none (``left_out`` of the schema, ``reporting.NO_AWARD``). They say it of
each: a row without a status was damaged since, and may have been paid."""

_ELSEWHERE: Final = re.compile(r" as award ([0-9]+) in batch [0-9]+")
"""How a result file says that a row stands for an award of another batch (``ledger._line_statuses``)."""


def steps(here: AwardState, told: AwardState) -> tuple[AwardState, ...] | None:
    """The states through which an award that is ``here`` becomes what was ``told``; ``None``: both cannot be true."""
    if told in FINAL:
        if here in FINAL:
            return () if here is told else None
        return _TAKEN_OVER[told][here]
    return _DOUBT if here is AwardState.PLANNED else ()


@dataclass(frozen=True, slots=True)
class Told:
    """One award of the lost ledger, as its file tells of it."""

    lines: tuple[int, ...]
    recipient: Recipient
    target: str
    amount: int
    reason: str | None
    state: AwardState
    said: str
    """The file's words about it."""
    award_id: int | None
    """Its id there; ``None``: the file names none."""
    keys: frozenset[str] = frozenset()
    """Every name by which its rows call the recipient."""
    amounts: frozenset[int] = frozenset()
    """What it may have been worth: how rows for one recipient were made one award is not in the file."""
    each: tuple[int, ...] = ()
    """What each of its rows says."""
    elsewhere: bool = False
    """The row stands for an award of another batch, whose own file tells more of it."""
    at: int | None = None
    """When it became so there, Unix milliseconds, to the second; ``None``: the file does not say."""
    recorded_at: int | None = None
    """When its batch was recorded there, Unix milliseconds; only an export says so."""

    @property
    def line(self) -> int:
        return self.lines[0]


@dataclass(frozen=True, slots=True)
class FileTold:
    """A whole file."""

    awards: Sequence[Told]
    not_sent: Mapping[int, str] = field(default_factory=dict)
    """Lines of which the file says that nothing was paid for them, with its words."""


def state_of(status: str) -> AwardState | None:
    """The state that a status names; ``None`` for a row that never became an award. Raises ``ValueError`` for a word
    that no result file has: it may mean that the row was paid."""
    word = status.strip().lower()
    return None if word in _NO_AWARD else AwardState(word)


def is_elsewhere(said: str, award_id: int | None) -> bool:
    """Whether a row stands for an award of another batch."""
    match = _ELSEWHERE.search(said)
    return match is not None and award_id is not None and int(match[1]) == award_id


def told_of(
    rows: Iterable[tuple[Row, AwardState, str]],
    targets: Mapping[str, str],
    duplicates: Duplicates,
    times: Mapping[int, int] = MappingProxyType({}),
    recorded: Mapping[int, int] = MappingProxyType({}),
    each: Mapping[int, tuple[int, ...]] = MappingProxyType({}),
) -> list[Told]:
    """Awards from rows, each with its state and the file's words: rows of one award id are one award, added up, or
    counted once where the file says so or with ``Duplicates.ONCE``. ``targets`` by recipient key, ``times``,
    ``recorded`` and ``each`` (as ``Told``) by line."""
    groups: dict[object, list[tuple[Row, AwardState, str]]] = {}
    for row, state, said in rows:
        own = row.award_id is None or is_elsewhere(said, row.award_id)
        groups.setdefault(("line", row.line) if own else row.award_id, []).append((row, state, said))
    told = (_told(group, targets, duplicates) for group in groups.values())
    return [
        replace(one, at=times.get(one.line), recorded_at=recorded.get(one.line), each=each.get(one.line, one.each))
        for one in told
    ]


def _told(group: Sequence[tuple[Row, AwardState, str]], targets: Mapping[str, str], duplicates: Duplicates) -> Told:
    row, state, said = group[0]
    amounts = [one.amount for one, _, _ in group]
    is_alike = len(set(amounts)) == 1
    once = is_alike and (duplicates is Duplicates.ONCE or said.startswith(COUNTED_ONCE))
    amount = amounts[0] if once else sum(amounts)
    return Told(
        lines=tuple(one.line for one, _, _ in group),
        recipient=row.recipient,
        target=targets.get(row.recipient.key, row.recipient.value),
        amount=amount,
        reason=row.reason,
        state=state,
        said=said.removeprefix(COUNTED_ONCE).removeprefix(": "),
        award_id=row.award_id,
        keys=frozenset(one.recipient.key for one, _, _ in group),
        amounts=frozenset({sum(amounts), *amounts}),
        each=tuple(amounts),
        elsewhere=is_elsewhere(said, row.award_id),
    )
