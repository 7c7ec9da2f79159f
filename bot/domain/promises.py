"""What is known of a programme's service, and what it cannot promise, in a few plain sentences. Pure.

Whatever no probe has shown is taken to be as bad as it could be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.domain.lanes import LaneKind
from bot.domain.model import ProviderKind, Unit
from bot.domain.probing import OTHERWISE


@dataclass(frozen=True, slots=True)
class Known:
    """One stored answer of a probe."""

    name: str
    value: str
    evidence: Mapping[str, object]
    """What was sent and seen; JSON."""
    probed_at: int
    """Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A programme's card."""

    sentences: tuple[str, ...]
    """What is known and what follows for people, the most important first. Never empty."""
    conflicts: tuple[str, ...] = ()
    """Settings that a probe contradicts: to be corrected before anything is sent."""

    @property
    def text(self) -> str:
        """All of it in one paragraph."""
        return " ".join((*self.conflicts, *self.sentences))


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer to a question that something rests on."""

    name: str
    value: str


TAKEN_ONCE: Final = Proof("duplicate-transaction", "refused")
"""Gameball refuses a transaction id that it has: what has one can be sent again and again, and lands once."""

REASONS_WHOLE: Final = Proof("reason-tag", "whole")
"""The transaction list shows reasons as they were sent: a row without our token is not ours."""

_DOUBTS: Final[Mapping[ProviderKind, str]] = {
    ProviderKind.DRIP_MEMBERS: "Lost answers are settled by balances; what those cannot show goes to a person.",
    ProviderKind.DRIP_CREDENTIALS: "Lost answers are settled row by row by balances; the rest goes to a person.",
    ProviderKind.GAMEBALL: "Lost answers are settled by the job's report and the transaction list.",
}

_LANES: Final[Mapping[LaneKind, str]] = {
    LaneKind.RING: "A lost answer is settled at once: each call also moves one point between check accounts of the "
    "operator's, so the service carries it out only once, and the same call is simply sent again. That holds as long "
    "as nobody else uses those accounts.",
    LaneKind.WITNESS: "A lost answer is settled for the whole call: each call also adds one point to a check account "
    "of the operator's, which shows whether it arrived, as long as nobody else uses that account; a call that was "
    "carried out twice on its way goes to a person.",
    LaneKind.TWINS: "A lost answer is settled by two check accounts of the operator's, paid first and last in each "
    "call, where the call never began, else row by row by balances; the rest goes to a person.",
}
"""What takes the place of ``_DOUBTS`` where a lane is in force."""

_DISTURBED: Final = (
    "No call is made for now: the operator's check accounts do not hold what this ledger expects"
    " (bursar doctor says what they hold)."
)
"""What takes its place where it is not as it should be."""

_WORST: Final[Mapping[ProviderKind, str]] = {
    ProviderKind.DRIP_MEMBERS: "a member who is not there may be passed over, and a balance may go below zero",
    ProviderKind.DRIP_CREDENTIALS: "a mistyped id may be paid to a new credential that nobody owns, and a balance may "
    "go below zero",
    ProviderKind.GAMEBALL: "a deduction may take less than it says, and the list may not show which award is whose",
}

_MEANINGS: Final[Mapping[ProviderKind, Mapping[tuple[str, str], str]]] = {
    ProviderKind.DRIP_MEMBERS: {
        ("overdraft", "refused-whole"): "A call that fails for one row fails for all",
        ("overdraft", "refused-row"): "A call can be half paid, since a refused row does not stop the others: each "
        "award goes alone",
        (
            "overdraft",
            "refused",
        ): "A deduction below zero is refused; whether it stops the other rows of its currency is not known",
        ("overdraft", "allowed"): "A deduction may take a balance below zero",
        ("overdraft", "capped"): "A deduction takes no more than there is, so it may take less than it says",
        ("overdraft-mixed", "refused-row"): "A call whose rows mix currencies can be half paid: each award goes alone",
        ("unknown-member", "skipped"): "A member who is not there is passed over without a word",
        ("unknown-member", "created"): "A mistyped Drip id is paid to a new account",
        ("same-id-twice", "once"): "One member in two rows of a call is paid only once",
        ("new-balance", "before"): "The balances that an answer tells are those before the call",
    },
    ProviderKind.DRIP_CREDENTIALS: {
        ("unknown-credential", "refused-row"): "A mistyped id is refused, and the other rows are paid",
        ("unknown-credential", "refused-whole"): "A mistyped id makes the whole call fail",
        ("unknown-credential", "created"): "A mistyped id is paid to a new credential that nobody owns",
        ("unknown-credential", "skipped"): "A mistyped id is passed over without a word",
        ("overdraft", "allowed"): "A deduction may take a balance below zero",
        ("overdraft", "capped"): "A deduction takes no more than there is, so it may take less than it says",
        ("linked-login", "told"): "Wallets, e-mail addresses and other logins of no account are told from those of one",
        (
            "linked-login",
            "not-told",
        ): "A login of no account cannot be told from one that is tied to an account, so lost answers of a list that "
        "pays such logins the same may go to a person",
        ("read-back", "not-seen"): "What was paid cannot be read back: lost answers go to a person",
    },
    ProviderKind.GAMEBALL: {
        ("overdraft", "capped"): "A deduction takes no more than there is, so it may take less than it says",
        ("overdraft", "allowed"): "A deduction may take a balance below zero",
        ("overdraft", "refused"): "A deduction below zero is refused",
        ("reason-tag", "whole"): "Every award is found again in the transaction list",
        ("reason-tag", "cut"): "The transaction list cuts reasons off, so some lost answers go to a person",
        ("reason-tag", "absent"): "The transaction list does not show reasons, so lost answers go to a person",
        ("duplicate-transaction", "refused"): "A transaction id is taken only once",
        ("duplicate-transaction", "paid-twice"): "The same transaction id twice pays twice",
        ("status-contract", "none"): "How a job ended cannot be asked, so awards are confirmed by the transaction list",
    },
}
"""What an answer means for people. Answers that change nothing for them are not here."""


def promise(
    kind: ProviderKind,
    known: Mapping[str, Known],
    unit: Unit | None = None,
    lane: LaneKind | None = None,
    once_up_to: int = 0,
    *,
    disturbed: bool = False,
) -> Promise:
    """The card of a programme of this kind with these answers. ``unit``: what the settings say that amounts count.
    ``lane``: the operator's places that calls leave a trace in, ``disturbed``: which do not stand as they should;
    ``once_up_to``: as ``Programme.once_up_to``."""
    doubts = _DOUBTS[kind] if lane is None else _LANES[lane]
    if lane is not None and disturbed:
        doubts = _DISTURBED
    doubts = " ".join(filter(None, (doubts, _of_nobody(kind, known), _one_by_one(known, once_up_to))))
    if not known:  # in few words, for every card of a programme has them until somebody probes
        worst = f"Not probed (doctor --probe), so Bursar assumes the worst: {_WORST[kind]}."
        return Promise((worst, doubts))
    meanings = _MEANINGS[kind]
    told = [
        (meanings[one.name, one.value], one.probed_at) for one in known.values() if (one.name, one.value) in meanings
    ]
    if ("read-back", "not-seen") in {(one.name, one.value) for one in known.values()}:
        doubts = ""
    missing = [name for name in _NEEDED[kind] if name not in known or known[name].value == OTHERWISE]
    unknown = (
        f"Not settled by the probe, so the worst is assumed: {', '.join(_NEEDED[kind][name] for name in missing)}."
    )
    sentences = [*_dated(told), unknown if missing else "", doubts]
    return Promise(tuple(one for one in sentences if one), conflicts(kind, known, unit))


_NEEDED: Final[Mapping[ProviderKind, Mapping[str, str]]] = {
    ProviderKind.DRIP_MEMBERS: {
        "overdraft": "what a deduction below zero does",
        "unknown-member": "what an unknown member does",
    },
    ProviderKind.DRIP_CREDENTIALS: {
        "overdraft": "what a deduction below zero does",
        "unknown-credential": "what a mistyped id does",
    },
    ProviderKind.GAMEBALL: {
        "unit": "what amounts count",
        "overdraft": "what a deduction below zero does",
        "reason-tag": "whether the list shows reasons whole",
    },
}


def _of_nobody(kind: ProviderKind, known: Mapping[str, Known]) -> str:
    """Of logins that may be anybody's as long as nobody has asked whether they would be told."""
    if kind is not ProviderKind.DRIP_CREDENTIALS or "linked-login" in known:
        return ""
    if not known:
        return "So may wallets, e-mail addresses and Twitter ids that seem to be nobody's."
    return (
        "Doubts about wallets, e-mail addresses and Twitter ids that seem to be nobody's may go to a person: no probe "
        "has shown that Drip would tell whose they are (linked-login)."
    )


def _one_by_one(known: Mapping[str, Known], once_up_to: int) -> str:
    if not once_up_to:
        return ""
    found = known.get(TAKEN_ONCE.name)
    if found is not None and found.value == TAKEN_ONCE.value:
        return (
            f"Batches of up to {once_up_to} awards go one by one, each under an id of its own: what is lost is sent "
            "again, and nobody is paid twice."
        )
    return "GAMEBALL_MANUAL_UP_TO is not in force: no probe showed that a transaction id is taken only once."


def _dated(told: list[tuple[str, int]]) -> list[str]:
    """Each meaning once, with the day of its probe; one day is named once, behind the last of its sentences."""
    days = {meaning: _day(at) for meaning, at in told}
    lines = []
    meanings = list(days)
    for place, meaning in enumerate(meanings):
        last = place + 1 == len(meanings) or days[meanings[place + 1]] != days[meaning]
        lines.append(f"{meaning} (probed {days[meaning]})." if last else f"{meaning}.")
    return lines


def conflicts(kind: ProviderKind, known: Mapping[str, Known], unit: Unit | None) -> tuple[str, ...]:
    """Settings that a probe contradicts, as ``Promise.conflicts``."""
    found = known.get("unit")
    if kind is not ProviderKind.GAMEBALL or found is None or unit is None or found.value in (unit.value, "same"):
        return ()
    return (
        f"The settings say that amounts count {unit.value}, but the probe of {_day(found.probed_at)} found "
        f"{found.value}: correct GAMEBALL_AMOUNT_UNIT before anything is sent.",
    )


def _day(at: int) -> str:
    day = datetime.fromtimestamp(at / 1000, UTC)
    return f"{day.day} {day:%b %Y}"
