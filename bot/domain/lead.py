"""Which of several ledgers may send, judged from the signs of life that each keeps in the staff channel. Pure.

Every bot edits a sign of its own and never another one's, so no sign is lost to a race. A sign names the ledger, its
*home* (one lock on one machine since it was started) and a term. The highest term leads; of equal ones the older
message. A leader may send for ``LEASE`` after its last edit, so who sees a sign older than ``STALE`` knows that nothing
is sent by it any more, calls in flight included. All ages are told by Discord's clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

WATCH_SECONDS: Final = 30.0
"""Between two looks at the signs."""
BEAT_SECONDS: Final = 120.0
"""Between two edits of one's own."""
LEASE_SECONDS: Final = 360.0
"""How long a leader may send after its last edit: two edits may fail."""
STALE_SECONDS: Final = LEASE_SECONDS + 120.0
"""Age at which a sign is of nobody who sends: the lease, and the longest that a call may be under way."""


class State(StrEnum):
    """What a sign says. The values stand in it."""

    LEADS = "at work"
    ENDED = "ended"  # led, and stopped in an orderly way
    STANDS_BY = "stands by"


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life, as a message has it."""

    ledger: str
    home: str
    term: int
    seq: int
    """The ledger's newest entry."""
    hash: str
    """How that entry's hash begins."""
    state: State
    message_id: int = 0
    at: float = 0.0
    """When it was edited last, by Discord's clock (Unix seconds)."""

    @property
    def rank(self) -> tuple[int, int]:
        """The highest leads."""
        return self.term, -self.message_id

    @property
    def line(self) -> str:
        """As it stands in the message."""
        return (
            f"-# ledger `{self.ledger}` · machine `{self.home}` · term {self.term} · entry {self.seq} `{self.hash}` · "
            f"{self.state.value}"
        )


_LINE: Final = re.compile(
    r"-# ledger `([0-9a-z]{4,20})` · machine `([0-9a-z]{4,20})` · term ([0-9]{1,12}) · entry ([0-9]{1,15})"
    r" `([0-9a-f]{16})` · (at work|ended|stands by)"
)


def read_sign(text: str, message_id: int, at: float) -> Sign | None:
    """The sign in a message's text; ``None`` where there is none."""
    match = _LINE.search(text)
    if match is None:
        return None
    ledger, home, term, seq, entry_hash, state = match.groups()
    return Sign(ledger, home, int(term), int(seq), entry_hash, State(state), message_id, at)


class Verdict(StrEnum):
    """What the signs mean for who looks at them."""

    LEAD = "lead"  # nobody else does, or we do
    ALIVE = "alive"  # another one sends, or may
    OLDER = "older"  # this ledger is an older copy: its own sign tells of entries that it does not have
    OTHER = "other"  # another ledger sent until a while ago
    LOST = "lost"  # we led, and another one took over


@dataclass(frozen=True, slots=True)
class Self:
    """Who looks."""

    ledger: str
    home: str
    leads: Sign | None
    """The own sign while it leads."""
    has: Callable[[int, str], bool]
    """Whether the own history has this entry with this hash."""
    agreed_until: float = 0.0
    """What signs say up to this moment (Discord's clock) somebody has signed off."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and the sign that it is about."""

    verdict: Verdict
    by: Sign | None = None


def judge(me: Self, signs: Sequence[Sign], now: float | None) -> Judged:
    """``now``: Discord's clock; ``None`` before it is known, and then every sign counts as fresh."""
    by_home = _by_home([sign for sign in signs if sign.state is not State.STANDS_BY])
    leader = max(by_home.values(), key=lambda sign: sign.rank, default=None)
    if me.leads is not None:
        mine = by_home.get(me.home)
        rank = mine.rank if mine is not None and mine.term == me.leads.term else me.leads.rank
        lost = leader is not None and leader.home != me.home and leader.rank > rank
        return Judged(Verdict.LOST, leader) if lost else Judged(Verdict.LEAD)
    if leader is None:
        return Judged(Verdict.LEAD)
    if leader.ledger == me.ledger and leader.at > me.agreed_until and not me.has(leader.seq, leader.hash):
        return Judged(Verdict.OLDER, leader)
    if leader.home != me.home and is_fresh(leader, now):
        return Judged(Verdict.ALIVE, leader)
    if leader.ledger != me.ledger and leader.at > me.agreed_until:
        return Judged(Verdict.OTHER, leader)
    return Judged(Verdict.LEAD)


def _by_home(signs: Iterable[Sign]) -> dict[str, Sign]:
    """One sign for each, where several channels have one: the newest of the highest term, with the oldest message."""
    found: dict[str, Sign] = {}
    for sign in sorted(signs, key=lambda sign: (sign.term, sign.at)):
        before = found.get(sign.home)
        same_term = before is not None and before.term == sign.term
        oldest = min(before.message_id, sign.message_id) if before is not None and same_term else sign.message_id
        found[sign.home] = replace(sign, message_id=oldest)
    return found


def is_fresh(sign: Sign, now: float | None) -> bool:
    """Whether calls may still be made by whose sign it is."""
    return sign.state is State.LEADS and (now is None or now - sign.at <= STALE_SECONDS)


def may_open(home: str, signs: Iterable[Sign], now: float | None) -> bool:
    """Whether a new leader may begin to send: nobody else still can."""
    return not any(sign.home != home and is_fresh(sign, now) for sign in signs)


def next_term(signs: Iterable[Sign]) -> int:
    """A term above all."""
    return max((sign.term for sign in signs), default=0) + 1
