"""One call as frozen values: the awards that it carries, its intent, what its answer proved, the job that it became.

Amounts, ids and times as in ``domain.model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bot.domain.lanes import Passage
from bot.domain.model import Pause, Recipient
from bot.domain.probing import Leg


class Item(NamedTuple):
    """One award as a provider needs it to build a call."""

    award_id: int
    recipient: Recipient
    target: str
    """What is sent: drip id, customer id, or the recipient's value."""
    amount: int
    reason: str | None
    transaction_id: str | None = None
    """Gameball: the id under which the service takes this award once; ``None``: it goes by a job."""


class OutcomeKind(StrEnum):
    """What is known of an award after a call."""

    APPLIED = "applied"
    REJECTED = "rejected"  # refused for good, with the service's words
    NOT_SENT = "not-sent"  # proved not to have landed; may be sent again
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"  # a job took it; not applied yet


class Outcome(NamedTuple):
    """What one call told about one award."""

    kind: OutcomeKind
    detail: str | None = None
    """One sentence a moderator understands."""
    balance: int | None = None
    """The recipient's balance afterwards, in the smallest unit, where the service says it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one call proved. ``outcomes`` has exactly one entry for every item of the call."""

    outcomes: Mapping[int, Outcome]
    """By award id."""
    status: int | None = None
    """HTTP status, when there was an answer."""
    detail: str | None = None
    """One sentence for the attempt's record; never a secret, never a body."""
    request_id: str | None = None
    refused_whole: bool = False
    """An all-or-nothing call was refused and the answer names no row: look for the bad ones and send the rest."""
    pause: Pause | None = None
    wait_seconds: float | None = None
    """The service asked not to be called before so many seconds."""
    job_id: str | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    """What left the process, for the record: ``headers_sent``, ``body_complete``, exception class."""
    told: tuple[int | None, ...] = ()
    """What an answer tells of the places of the call's own rows, in their order; empty where it tells nothing."""
    whole: bool = False
    """For a success: nothing can have become of any row but what became of all, so that a row that the answer does not
    name was carried out if the call was."""
    own_fault: str | None = None
    """For ``refused_whole``: what is wrong with the operator's own rows, where the refusal can be about no award."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that is committed and not yet sent."""

    attempt_id: int
    batch_id: int
    token: str
    """Short and unique; Gameball carries it in every ``reason`` of the call."""
    items: tuple[Item, ...]
    body: bytes
    passage: Passage | None = None
    """The lane that the call is on, as it is without the send to come."""
    balance_rows: tuple[int | None, ...] = ()
    """Which row of the ledger tells what each recipient has, in the order of ``items``; empty: that is not known."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The rows that the body has besides its awards."""
        return () if self.passage is None else self.passage.legs


class Beside:
    """There is something to send, to recipients of calls that are under way: their ends are waited for."""


@dataclass(frozen=True, slots=True)
class NoLane:
    """There is something to send, and no lane to send it on."""

    until: float | None
    """Unix seconds when a lane is free by itself; ``None``: when what has it is known, or a person has looked."""
    trouble: str | None = None
    """What a person has to look at, where that is what keeps it back."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted Gameball job that is not finished as far as the ledger knows."""

    attempt_id: int
    batch_id: int
    job_id: str
    accepted_at: int
    polls: int
    items: tuple[Item, ...]
    """The awards of the attempt that are still sending or unknown."""
    stopped_before: int = 0
    """Earlier jobs of the batch that the service was asked to stop."""
    token: str = ""
    mark: int | None = None
    """A transaction that was listed before the call was sent."""
    may_take_less: bool = False
    """The service may cut a deduction down to what there is and report it as done."""
