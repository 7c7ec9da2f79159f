"""Answers as values. ``bot.ledger.queries`` shows them to the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the history."""

    seq: int
    at: int
    kind: str
    batch_id: int | None
    award_id: int | None
    actor_name: str | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of a batch's calls."""

    total: int
    clean: int
    """Of these, in which every award was applied."""
    others: tuple[Attempt, ...]
    """The last of the others, oldest first."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Planned awards of a batch that wait because their recipients have an award in doubt."""

    awards: int
    doubts: tuple[int, ...]
    """Ids of the first awards in doubt, of this batch or another."""
    in_doubt: int
    """How many they are in all."""
    batches: tuple[int, ...] = ()
    """Ids of the first batches with these doubts, of those that the batch's own server can look at."""


NOTHING_HELD_BACK: Final = HeldBack(0, (), 0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call, as recorded."""

    id: int
    batch_id: int
    state: str
    claimed_at: int
    closed_at: int | None
    token: str
    award_ids: tuple[int, ...]
    verdict: str | None
    http_status: int | None
    request_id: str | None
    detail: str | None
    job_id: str | None


@dataclass(frozen=True, slots=True)
class LineStatus:
    """What the result file says of one original line."""

    status: str
    """State of its award (an earlier batch's, where the row was left out because of that one), ``not sent`` for a row
    that was left out, ``no award`` for one with nothing to pay."""
    detail: str
    award_id: int | None
    time: int | None
