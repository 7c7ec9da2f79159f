"""Whether awards in doubt have landed, judged from balances and transactions that were read back. Pure.

The rule is: automatic only where the evidence is unique. A balance that did not move, or moved by exactly the amount,
is such evidence, unless what was sent to the same account under another name explains it too (``ledger._tempering``);
everything else is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.domain.calls import Item
from bot.domain.lanes import Landing, Passage
from bot.domain.model import ProviderKind, Recipient

CREDENTIAL_TARGET: Final = "credential:"
"""How a target of a members programme begins that is paid by credential."""

NO_ACCOUNT: Final = ""
"""Of a login: it belongs to no account, so it has a balance of its own."""

ELSEWHERE: Final = "elsewhere"
"""Name of what is recorded of a call's answer: its awards that the answer names as done in another currency."""

REFUSAL: Final = "refusal"
"""Name of what is recorded of a call whose answer refuses it, and does not prove that nothing of it was carried out:
what is to be said of an award that it is found to be about."""

NAMED: Final = "named"
"""Name of what is recorded of a call's answer that names its transaction, and not as what was asked for: that its id is
taken proves no payment."""

NEWCOMERS_READ: Final = 5
"""Credentials with an unknown balance that are looked up before a call in any case. More of them are a new list of
people; reading each of those takes longer than paying all, so it depends on the time that there is."""


class Judgement(StrEnum):
    """What evidence says about an award in doubt."""

    LANDED = "landed"
    NOT_LANDED = "not-landed"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True)
class Change:
    """One recipient's balance around a call, in the smallest unit. ``None``: not known."""

    amount: int
    before: int | None
    first: int | None
    """As read after the quarantine."""
    second: int | None
    """As read once more: a balance that is moving right now proves nothing."""
    between: int = 0
    """What other awards of ours are known to have added since ``before``."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A call some of whose awards are in doubt, with what was recorded for judging it."""

    attempt_id: int
    batch_id: int
    token: str
    looks: int
    """How often evidence was looked for before."""
    items: tuple[Item, ...]
    """The awards in doubt."""
    before: Mapping[int, int] = field(default_factory=dict)
    """Balances before the call, where they were known, by award id."""
    absent: frozenset[int] = frozenset()
    """Awards whose recipient was not there at all before the call, so that not to be there is to have nothing."""
    between: Mapping[int, int] = field(default_factory=dict)
    """By award id, see ``Change.between``."""
    told_applied: bool = False
    """The service itself has named other awards of this call as done."""
    refusal: str | None = None
    """Its answer refused it, with these words: what did not land did not because of a row in it, most likely."""
    elsewhere: frozenset[int] = frozenset()
    """Awards that it has named as done in another currency."""
    mark: int | None = None
    """Gameball: a transaction that was listed before the call was sent."""
    job_open: bool = False
    """Gameball: the call became a job that has not ended, so what is not there yet may still come."""
    paid: Recipient | None = None
    """Where somebody was absent: who was paid before, so that a key which may look for recipients finds this one."""
    passage: Passage | None = None
    """The lane that the call has, whose places tell what became of it. It may have one although nothing is in doubt any
    more, because people have decided."""
    whole: bool = False
    """Every award of the call is in doubt."""
    body_sha256: str = ""
    witnesses: tuple[str, ...] = ()
    """Gameball: targets of the call's awards that landed. A list that does not show these proves no absence."""
    beside: tuple[str, ...] = ()
    """Targets of all awards of the call that are not in doubt (any more), whatever became of them."""
    reasons_whole: bool = False
    """Gameball: a probe showed that reasons reach the list as they were sent."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found out about one award."""

    judgement: Judgement
    detail: str
    """One sentence for a moderator."""
    evidence: Mapping[str, object]
    """The numbers behind it, for the record (JSON)."""
    balance: int | None = None
    """The recipient's balance as read, whatever the judgement."""
    again: bool = False
    """CANNOT_TELL only for now: a later look may tell."""
    absent: bool = False
    """The balance is 0 because there is no such recipient (yet)."""
    own: bool = True
    """Its own balance says so; else only what others of the same call say."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What was seen in Gameball's list of a call of Bursar's."""

    at: int | None = None
    """When its newest transaction was made (Unix milliseconds), where that is told."""
    customers: frozenset[str] = frozenset()
    """Whose transactions those are, as the list names them."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """The answer of one look at a call's evidence."""

    awards: Mapping[int, Judged]
    """By award id; an award that is missing here was not judged."""
    mark: int | None = None
    """Gameball: the newest transaction that was listed."""
    tokens: Mapping[str, Listed] = field(default_factory=dict)
    """Gameball: the calls that were listed up to there."""
    landing: Landing | None = None
    """What became of the call on its lane."""
    alone: bool = False
    """Drip members: each award was judged by its own balance, whatever became of the rest of its call."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Of recipients for whom it matters, by key: the account that they belong to, ``NO_ACCOUNT`` where there is none. A
    recipient who is missing here may belong to any."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is known of one award in doubt, for a person who has to decide about it. Balances in the smallest unit."""

    before: int | None = None
    expected: int | None = None
    """If it landed and nothing else happened."""
    now: int | None = None
    """As read back last."""
    between: int = 0
    """What later awards of ours added."""
    said: str | None = None
    """What Bursar made of it when it looked."""
    looked_at: int | None = None
    """Unix milliseconds."""
    is_given_up: bool = False
    """Nothing was found, and nobody looks any more: it could not be read, or what is read in a ledger that took another
    one's place proves nothing."""


def judge_alone(change: Change) -> Judgement:
    """One award by its own balance."""
    if change.before is None or change.first is None or change.first != change.second:
        return Judgement.CANNOT_TELL
    moved = change.first - change.before - change.between
    if moved == 0:
        return Judgement.NOT_LANDED
    return Judgement.LANDED if moved == change.amount else Judgement.CANNOT_TELL


def judge_whole(changes: Iterable[Change], *, told_applied: bool = False) -> Judgement:
    """A call that landed whole or not at all (members). Every quiet recipient is a witness; witnesses that contradict
    each other prove nothing. ``told_applied``: the service itself named a part of the call as done, a witness too."""
    said = {judge_alone(change) for change in changes} - {Judgement.CANNOT_TELL}
    if told_applied:
        said.add(Judgement.LANDED)
    return said.pop() if len(said) == 1 else Judgement.CANNOT_TELL


def goes_by_credential(target: str) -> bool:
    """Whether an award is paid by credential although its programme pays members, as its target says."""
    return target.startswith(CREDENTIAL_TARGET)


def holder_of(kind: ProviderKind, item: Item) -> str:
    """Whose balance an award changes: a Drip member by drip id, or a credential by its key."""
    return holders_of(kind, (item,))[0]


def holders_of(kind: ProviderKind, items: Sequence[Item]) -> list[str]:
    """``holder_of`` each of them, in their order."""
    if not kind.traits.pays_members:
        return [item.recipient.key for item in items]
    return [item.recipient.key if goes_by_credential(item.target) else item.target for item in items]
