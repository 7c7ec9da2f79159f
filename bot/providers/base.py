"""What every provider answers to. One small file a provider: ``drip_credentials``, ``drip_members``, ``gameball``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from bot.domain.calls import Item, Outcome, Verdict
from bot.domain.judging import Doubted, Judgements, Listed
from bot.domain.model import Pause, Programme, Recipient
from bot.domain.probing import Leg, Purse
from bot.domain.shown import Shown


@dataclass(frozen=True, slots=True)
class Found:
    """One recipient that a look-up found."""

    target: str
    """What a call has to name: the drip id."""
    balance: int | None
    """Balance in the programme's currency as read; ``None`` where the answer has no entry (never 0 by guess)."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer to a look-up. Every recipient asked for is in exactly one of the two."""

    found: Mapping[str, Found]
    """By ``Recipient.key``."""
    missing: Mapping[str, str]
    """By ``Recipient.key``: one sentence why there is nobody to send to."""


class JobState(StrEnum):
    """How far an accepted job is."""

    RUNNING = "running"
    FINISHED = "finished"
    LOST = "lost"  # stopped, or the service does not know it (any more): its report is gone


@dataclass(frozen=True, slots=True)
class JobReport:
    """One answer to "how is the job?"."""

    state: JobState
    outcomes: Mapping[int, Outcome]
    """By award id. Complete when FINISHED or LOST (an award that the report does not name is UNKNOWN); may be partial
    before."""
    detail: str | None = None
    pause: Pause | None = None
    wait_seconds: float | None = None
    told: bool = False
    """The service itself said so: it knows the job."""
    undone: bool = False
    """For FINISHED: by the job's own counts, not all of it is done."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency that the account could use."""

    id: str
    name: str
    emoji: str | None
    default: bool
    archived: bool


class Health(StrEnum):
    """How one finding of ``doctor`` is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``doctor``: what was looked at, how it is, and one action where it is not well."""

    topic: str
    health: Health
    message: str
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """What the rate limit means for a plan of so many calls."""

    plan: str
    """Words for a card: "Free plan, 24 requests a minute"."""
    calls_per_window: int
    window_seconds: float
    per_month: int | None


@dataclass(frozen=True, slots=True)
class Foresight:
    """What was read before a call, so that a doubt about it can be judged later."""

    balances: Mapping[int, int]
    """By award id."""
    mark: int | None = None
    """Gameball: the newest transaction that was listed."""
    absent: frozenset[int] = frozenset()
    """Of ``balances``: awards whose recipient the service does not know."""
    tokens: Mapping[str, Listed] = field(default_factory=dict)
    """Gameball: calls with tokens in our format that were listed, by token."""


NOTHING_READ = Foresight({})


@dataclass(frozen=True, slots=True)
class Reads:
    """What may be read before a call besides what is always worth it."""

    by_account: bool | None = False
    """Drip credentials: whether a credential's balance is that of the account it belongs to, as the probe found;
    ``None``: no probe has asked, so a few of both are compared first."""
    one_by_one: bool = False
    """There is time to look every newcomer of the batch up by a request of its own."""


FEW_READS = Reads()


class Provider(Protocol):
    """One remote endpoint with its account. Not one method raises for what the service answers or fails to answer,
    but the look-ups say so with ``ResolutionFailed``."""

    @property
    def programme(self) -> Programme: ...

    def knowing(self, shown: Shown) -> Self:
        """The same, for an account of which probes have shown this."""
        ...

    @property
    def pace(self) -> Pace:
        """The rate limit in force, corrected by the service's own headers."""
        ...

    @property
    def calls_at_once(self) -> int:
        """How many write calls may be under way together: what the evidence for judging a lost answer allows, and no
        more than the rate limit can make use of. Calls under way together have no recipient in common."""
        ...

    @property
    def waiting_until(self) -> float | None:
        """Unix seconds before which the account's limiter admits no further call; ``None`` when one could go now."""
        ...

    def admits(self, calls: int) -> bool:
        """Whether the account's limiter would admit so many further calls at once."""
        ...

    @property
    def needs_lookup(self) -> bool:
        """Whether recipients have to be resolved before a batch is recorded (Drip members)."""
        ...

    def lookup_calls(self, recipients: int) -> int:
        """How many requests resolving so many recipients takes (0 where nothing needs to be resolved)."""
        ...

    def target(self, recipient: Recipient) -> str | None:
        """What a call names for this recipient, when that needs no look-up; ``None`` = resolve it.

        Raises ``ValueError`` with one sentence for the row's problem when this provider cannot take it (a type
        outside ``ACCEPTED_TYPES``, a Discord id that the customer map does not have).
        """
        ...

    def build(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
        """The exact body of the call. Pure: the same items, token and legs give the same bytes.

        ``legs``: rows of the operator's own (``domain.lanes``), the first one before all awards, the other behind them.
        """
        ...

    async def wait_for_turn(self) -> None:
        """Return when the limiter would admit a call at once. Awaited before awards are claimed, so that nothing sits
        in ``sending`` while the rate limit is waited for."""
        ...

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        """One call, at once or when the limiter admits it; never repeated here.

        Waiting for the limiter happens before anything leaves the process; after ``begin_by`` (Unix seconds) nothing
        does. The verdict has an outcome for every item, and tells what the answer says of ``legs``.
        """
        ...

    async def places(self, places: Sequence[Purse]) -> Sequence[int | None]:
        """What the operator's places hold now; ``None`` where that cannot be read."""
        ...

    async def missing(self, places: Sequence[Purse], items: Sequence[Item]) -> Sequence[Purse]:
        """Which of the operator's places the service does not know (any more), by a read that does find some of the
        recipients of ``items``; empty where the read shows nothing or fails."""
        ...

    async def resolve(self, recipients: Sequence[Recipient], *, patient: bool = True) -> Resolution:
        """Look recipients up; not ``patient`` where somebody waits for nothing but the answer.

        Raises ``ResolutionFailed`` when the service cannot say (access, network, pages)."""
        ...

    async def inspect(self, items: Sequence[Item]) -> Mapping[int, str]:
        """After an all-or-nothing refusal: the awards that a read shows to be at fault, by award id, each with its
        reason in one sentence. Empty when the read shows nothing or fails."""
        ...

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        """Ask once how an accepted job is."""
        ...

    async def stop(self, job_id: str) -> None:
        """Ask that an accepted job carries nothing more out. Whether it does, ``follow`` tells."""
        ...

    def reads_ahead(self, awards: int, newcomers: int, calls: int, reads: Reads = FEW_READS) -> int:
        """How many requests ``look_ahead`` makes at most before so many calls, in which so many recipients' balances
        are not known beforehand."""
        ...

    async def look_ahead(
        self, items: Sequence[Item], known: Collection[int], mark: int | None, reads: Reads = FEW_READS
    ) -> Foresight:
        """Read what a doubt about a call with these items would be judged by, where that is worth its requests.

        ``known``: awards whose recipients' balances are known already. ``mark``: where the account's transaction list
        was last seen to end, ``None`` when a look at it is due and it was never seen.
        """
        ...

    def is_alone(self, doubted: Doubted) -> bool:
        """Whether the rest of a call proves nothing about one of its awards, as far as probes have shown."""
        ...

    async def judge(self, doubted: Doubted) -> Judgements:
        """Read back what became of awards in doubt. A read that fails decides nothing (CANNOT_TELL, ``again``)."""
        ...

    async def accounts(self, recipients: Sequence[Recipient]) -> Mapping[str, str]:
        """Which account each of these logins belongs to, by key, as ``Judgements.accounts`` has it. Whoever cannot be
        told, or not within the time that there is, is missing."""
        ...

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        """One recipient's balance now, in the smallest unit; ``None`` when it cannot be read."""
        ...

    async def currencies(self) -> Sequence[Currency]:
        """The account's currencies (Drip); empty where the service has none. Raises ``ResolutionFailed``."""
        ...

    async def examine(self) -> Sequence[Finding]:
        """``doctor``: keys, scopes, currency, rate plan, by reads only."""
        ...
