"""The words of Bursar as frozen values: programme, recipient, row, batch, award.

Amounts are whole numbers in the smallest unit of the programme (points, or hundredths of money). Ids are text,
always. Times are Unix milliseconds, UTC. What a file has a hundred thousand of is a named tuple, which is made quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from bot.domain import traits
from bot.domain.lanes import Course
from bot.domain.states import AwardState, BatchState
from bot.domain.traits import Traits


class RecipientType(StrEnum):
    """How a recipient is named. The values are fixed by the command line's JSON."""

    DISCORD_ID = "discord-id"
    DRIP_ID = "drip-id"
    WALLET = "wallet"
    EMAIL = "email"
    TWITTER_ID = "twitter-id"
    CUSTOM = "custom"
    CUSTOMER_ID = "customer-id"


class ProviderKind(StrEnum):
    """The three write paths, each with what the engine has to know of it."""

    DRIP_CREDENTIALS = "drip-credentials"
    DRIP_MEMBERS = "drip-members"
    GAMEBALL = "gameball"

    @property
    def traits(self) -> Traits:
        return _TRAITS[self]


_TRAITS: Final[Mapping[ProviderKind, Traits]] = {
    ProviderKind.DRIP_CREDENTIALS: traits.DRIP_CREDENTIALS,
    ProviderKind.DRIP_MEMBERS: traits.DRIP_MEMBERS,
    ProviderKind.GAMEBALL: traits.GAMEBALL,
}


SPELLED_ALIKE: Final = frozenset({RecipientType.EMAIL, RecipientType.WALLET})
"""Types of which one value has several spellings."""

ACCEPTED_TYPES: Final[Mapping[ProviderKind, frozenset[RecipientType]]] = {
    ProviderKind.DRIP_CREDENTIALS: frozenset(
        {
            RecipientType.DISCORD_ID,
            RecipientType.TWITTER_ID,
            RecipientType.WALLET,
            RecipientType.EMAIL,
            RecipientType.CUSTOM,
        }
    ),
    ProviderKind.DRIP_MEMBERS: frozenset(
        {
            RecipientType.DRIP_ID,
            RecipientType.DISCORD_ID,
            RecipientType.TWITTER_ID,
            RecipientType.WALLET,
            RecipientType.EMAIL,
        }
    ),
    ProviderKind.GAMEBALL: frozenset({RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}),
}
"""Which recipients each write path can take."""


class Unit(StrEnum):
    """What an amount counts."""

    POINTS = "points"  # whole numbers
    MONEY = "money"  # up to two decimals, kept as hundredths


class Duplicates(StrEnum):
    """What to do with several rows for one recipient."""

    SUM = "sum"  # one award; its line is the first, its lines are all
    APART = "apart"  # one award a row, never in one call
    ONCE = "once"  # equal amounts are paid once, others are a problem
    REFUSE = "refuse"  # every one of them is a problem


class Recipient(NamedTuple):
    """Who, as the moderator named them."""

    type: RecipientType
    value: str
    source: str | None = None
    """The provider name of a ``custom`` credential; ``None`` for every other type."""

    @property
    def key(self) -> str:
        """Identity for finding duplicates: two spellings of one recipient have one key.

        E-mail addresses and hexadecimal wallets are compared without case; every other value as it stands
        (Solana and most other wallet addresses are case-sensitive). A colon in a source is marked: without that, ``c``
        of ``a:b`` and ``b:c`` of ``a`` would be one person.
        """
        kind, value, source = self
        if kind in SPELLED_ALIKE and (kind is RecipientType.EMAIL or value[:2] in ("0x", "0X")):
            value = value.lower()
        if source is not None:
            value = source.lower().replace("\\", r"\\").replace(":", r"\:") + ":" + value
        return kind + ":" + value


@dataclass(frozen=True, slots=True)
class Destination:
    """Where points go. Frozen on each batch: a changed setting stops the batch, it never redirects it."""

    kind: ProviderKind
    account: str
    """Drip: the realm id. Gameball: a fingerprint of the API key (the key selects account and environment)."""
    currency: str | None
    unit: Unit
    template: str | None
    """Gameball: how a Discord id becomes a customer id (template text, or ``map:`` and the map's hash)."""


@dataclass(frozen=True, slots=True)
class Programme:
    """A destination under a name that moderators see."""

    name: str
    """``drip-credentials``, ``drip-members-events``, … (README, Settings)."""
    destination: Destination
    awards_per_call: int
    unusable: str | None = None
    """Why nothing can be sent with it (for example no amount unit chosen); ``None`` when it can be used."""
    courses: tuple[Course, ...] = ()
    """Places of the operator that calls may leave a trace in, as the settings name them."""
    once_up_to: int = 0
    """Gameball: batches of up to so many awards go one by one, under ids that the service takes once, where that is
    proved."""

    @property
    def kind(self) -> ProviderKind:
        return self.destination.kind

    @property
    def unit(self) -> Unit:
        return self.destination.unit


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for something."""

    id: str
    """Discord user id, or ``cli``."""
    name: str
    server_id: str | None
    """Discord server; ``None`` on the command line, which sees every server's batches."""


# --- rows and what is wrong with them -----------------------------------------------------------------------------


class Row(NamedTuple):
    """One good row of a file or one member of a command."""

    line: int
    """Physical line on which the record starts; header and ``sep=`` count. Commands: 1, 2, 3, …"""
    recipient: Recipient
    amount: int
    reason: str | None = None
    award_id: int | None = None
    """From our own result file, sent again: the award that this row continues."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one row is not sent."""

    line: int
    column: str | None
    """Header as written; ``None`` when no single column is to blame."""
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a moderator should know that stops nothing (``warnings`` in the JSON)."""

    kind: str
    message: str
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole file is not taken."""

    kind: str
    message: str
    choices: tuple[str, ...] = ()
    """Columns to choose from, where the file would be fine once somebody chooses."""


# --- batches as people see them ------------------------------------------------------------------------------------


class PauseKind(StrEnum):
    """Why a batch waits for a person. None of these is a verdict on any row."""

    PERSON = "person"
    KEY = "key"  # 401
    ACCESS = "access"  # 403
    CURRENCY = "currency"  # the currency does not exist or may not be used
    QUOTA = "quota"  # the month's requests are spent
    SETTINGS = "settings"  # the settings point elsewhere than the batch
    UNCLEAR = "unclear"  # several calls in a row ended in doubt
    DISTURBED = "disturbed"  # a ring or witness does not stand where this ledger expects it
    RESTORED = "restored"  # the ledger was put back from a copy: what came after it is missing


NOTHING_SENT: Final = "Nothing was sent: "
"""What the message of a call begins with that did not reach anybody."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A reason to stop sending a batch, with its rows kept planned."""

    kind: PauseKind
    message: str

    @property
    def cause(self) -> str:
        """``message`` as a sentence about the batch, of which earlier calls may have been sent."""
        return cause_of(self.message)


def cause_of(message: str) -> str:
    """A call's message without what it says of itself: that nothing was sent by it."""
    cause = message.removeprefix(NOTHING_SENT)
    return cause[:1].upper() + cause[1:]


@dataclass(frozen=True, slots=True)
class Counts:
    """Awards of a batch by state."""

    planned: int = 0
    sending: int = 0
    applied: int = 0
    rejected: int = 0
    unknown: int = 0
    cancelled: int = 0
    written_off: int = 0

    @property
    def total(self) -> int:
        return (
            self.planned
            + self.sending
            + self.applied
            + self.rejected
            + self.unknown
            + self.cancelled
            + self.written_off
        )

    @property
    def unfinished(self) -> int:
        return self.planned + self.sending

    @property
    def worked_off(self) -> int:
        """Awards that neither wait for a call nor are in doubt, nor were cancelled before there was one."""
        return self.total - self.unfinished - self.unknown - self.cancelled

    def as_json(self) -> dict[str, int]:
        """The ``counts`` object of the command line's JSON."""
        return {
            "planned": self.planned,
            "sending": self.sending,
            "applied": self.applied,
            "rejected": self.rejected,
            "unknown": self.unknown,
            "cancelled": self.cancelled,
            "written_off": self.written_off,
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """The deductions among some awards."""

    awards: int
    amount: int
    """What they take together, above zero, in the smallest unit."""


NOTHING_TAKEN: Final = Taken(0, 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """A recorded batch."""

    id: int
    source: str
    """``award``, ``file``, ``paste``, ``retry``, ``undo``, ``cli``, ``history`` (taken in from a lost ledger)."""
    state: BatchState
    pause: Pause | None
    recorded_at: int
    starts_at: int
    """No call before this time: the window in which *Stop* costs nothing."""
    finished_at: int | None
    actor: Actor
    programme: str
    destination: Destination
    reason: str | None
    label: str | None
    file_name: str | None
    file_sha256: str | None
    parent_id: int | None
    """The batch that this one retries, continues or takes back."""
    awards: int
    total: int

    @property
    def sent_again(self) -> tuple[AwardState, ...]:
        """What of it a retry takes up: what was refused and, of a batch that is a retry itself, what was stopped before
        it was sent, since the refused row behind that is continued already and is not taken up a second time."""
        stopped = (AwardState.CANCELLED,) if self.source == "retry" else ()
        return (AwardState.REJECTED, *stopped)


@dataclass(frozen=True, slots=True)
class Award:
    """A recorded award."""

    id: int
    batch_id: int
    line: int
    lines: tuple[int, ...]
    recipient: Recipient
    target: str | None
    amount: int
    reason: str | None
    state: AwardState
    attempts: int
    attempt_id: int | None
    detail: str | None
    balance: int | None
    changed_at: int
    continues: int | None
    reverses: int | None = None
    """The award that this one takes back."""
    amounts: tuple[int, ...] | None = None
    """What each of ``lines`` says, where there are several and that is known."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What a button or command did."""

    changed: bool
    """False: it was already so."""
    by: str
    """Who brought it into this state (the actor, or whoever was first)."""
    at: int
    awards: int = 0
    """Awards that changed with it; of a pause or a resumption those that were planned."""


class Decision(StrEnum):
    """What a person may decide about awards in doubt."""

    LANDED = "landed"  # unknown -> applied
    SEND_AGAIN = "send-again"  # unknown -> planned
    WRITE_OFF = "write-off"  # unknown -> written-off
