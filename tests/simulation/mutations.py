"""The safety devices, each switched off by itself. The campaign has to notice; what it does not notice, it does not
test."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from unittest.mock import patch

from bot.domain import judging
from bot.domain.calls import Claim, Item
from bot.domain.lanes import Passage
from bot.domain.model import Recipient
from bot.domain.ring import Ring, Step
from bot.domain.shown import Shown
from bot.ledger import _calls, _judging, _once, _tempering
from bot.ledger.claims import Claims, Interrupted
from bot.providers import drip_credentials, drip_judging, drip_members, http, line
from bot.providers.http import Exchange, Proof
from bot.services import flying
from bot.services.quarantine import Quarantine
from bot.services.settling import Settler
from tests.simulation import services, storage
from tests.simulation.run import Run
from tests.simulation.storage import Storage


@contextmanager
def without_intent() -> Iterator[None]:
    """The claim is not stored before the call: a crash before the outcome takes it along."""
    real, claimed = _calls.claim, {"now": False}
    images: dict[int, bytes] = {}

    def claim(*given: Any) -> Any:
        claim = real(*given)
        claimed["now"] |= isinstance(claim, Claim)
        return claim

    def committed(self: Storage, connection: sqlite3.Connection) -> None:
        if not claimed["now"]:
            images[id(self)] = connection.serialize()
        claimed["now"] = False

    def survivors(self: Storage, connection: sqlite3.Connection) -> bytes:
        claimed["now"] = False
        return images.pop(id(self), None) or connection.serialize()

    with (
        patch.object(_calls, "claim", claim),
        patch.object(Storage, "committed", committed),
        patch.object(Storage, "survivors", survivors),
    ):
        yield


@contextmanager
def without_full_sync() -> Iterator[None]:
    """``synchronous = NORMAL``: power loss takes back the last commits, though they were acknowledged."""
    images: dict[int, deque[bytes]] = {}

    def committed(self: Storage, connection: sqlite3.Connection) -> None:
        images.setdefault(id(self), deque([self.image], maxlen=6)).append(connection.serialize())

    def survivors(self: Storage, connection: sqlite3.Connection) -> bytes:
        return images.pop(id(self), deque([connection.serialize()]))[0]

    with patch.object(Storage, "committed", committed), patch.object(Storage, "survivors", survivors):
        yield


@contextmanager
def without_mark_interrupted() -> Iterator[None]:
    """A start takes no notice of calls that a crash cut off."""

    async def nothing(self: Claims) -> Interrupted:
        return Interrupted(0, 0)

    with patch.object(Claims, "mark_interrupted", nothing):
        yield


@contextmanager
def with_interrupted_sent_again() -> Iterator[None]:
    """A start takes calls that a crash cut off for calls that were never made."""
    real = _calls.mark_interrupted

    def again(connection: sqlite3.Connection, now: int) -> tuple[int, int]:
        connection.execute("UPDATE awards SET state = 'planned' WHERE state = 'sending' AND attempt_id IN"
                           " (SELECT id FROM attempts WHERE state = 'open')")  # fmt: skip
        return real(connection, now)

    with patch.object(_calls, "mark_interrupted", again):
        yield


@contextmanager
def without_exclusion_of_doubts() -> Iterator[None]:
    """Recipients in doubt are paid on."""
    with patch.object(_calls, "_NEXT_OF_OPEN", _calls._NEXT_OF_OPEN.replace(f" AND NOT ({_calls._IN_DOUBT})", "")):
        yield


@contextmanager
def without_exclusion_of_calls_under_way() -> Iterator[None]:
    """Recipients of calls that are under way are put into others."""
    with patch.object(_calls, "_NEXT_OF_OPEN", _calls._NEXT_OF_OPEN.replace(f" AND NOT ({_calls._IS_UNDER_WAY})", "")):
        yield


@contextmanager
def without_once_per_draft() -> Iterator[None]:
    """A draft can be recorded again and again."""
    real = _judging._check_draft

    def check(connection: sqlite3.Connection, draft: Any, confirmation: Any) -> None:
        if draft.batch_id is None:
            real(connection, draft, confirmation)

    image = storage.empty_ledger()
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(image)
    connection.execute("PRAGMA writable_schema = ON")
    changed = connection.execute(
        "UPDATE sqlite_master SET sql = replace(sql, ?1 || ' UNIQUE', ?1) WHERE sql LIKE '%' || ?1 || ' UNIQUE%'",
        ("draft_id     INTEGER NOT NULL",),
    ).rowcount
    assert changed == 1
    connection.execute("DELETE FROM sqlite_master WHERE name = 'sqlite_autoindex_batches_1'")
    weak = connection.serialize()
    connection.close()
    with patch.object(_judging, "_check_draft", check), patch.object(storage, "empty_ledger", lambda: weak):
        yield


@contextmanager
def without_gate() -> Iterator[None]:
    """The body is written at once, its last byte with it."""

    async def write(self: http._Gate, writer: Any) -> None:
        await writer.write(self._value)
        self.opened = True

    with patch.object(http._Gate, "write", write):
        yield


@contextmanager
def without_proof_rule() -> Iterator[None]:
    """No answer is taken for no call."""

    def proof(self: Exchange) -> Proof:
        return Proof.NOTHING_HAPPENED if self.status is None else Proof.MAY_HAVE

    with patch.object(Exchange, "proof", property(proof)):
        yield


@contextmanager
def without_lots() -> Iterator[None]:
    """The halves of a refused call are not kept apart."""
    with patch.object(_calls, "set_apart", lambda *_: None):
        yield


@contextmanager
def without_quarantine() -> Iterator[None]:
    """Doubts are judged at once, while somebody may still be carrying the call out."""
    with patch.object(Settler, "_due_at", lambda self, one: one.sent_at / 1000):
        yield


@contextmanager
def without_a_clock_that_nobody_sets() -> Iterator[None]:
    """Whatever the clock on the wall says is believed at once."""
    with patch.object(Quarantine, "left", lambda _self: 0.0):
        yield


@contextmanager
def with_kept_answers() -> Iterator[None]:
    """An answer that something on the way had kept is the service's."""
    with patch.object(line, "_fresh", lambda exchange: exchange):
        yield


@contextmanager
def without_unique_evidence() -> Iterator[None]:
    """A balance that moved in another way than expected counts as one that did not move."""

    def guess(change: judging.Change) -> judging.Judgement:
        judgement = real(change)
        moved = change.before is not None and change.first is not None
        unclear = moved and judgement is judging.Judgement.CANNOT_TELL
        return judging.Judgement.NOT_LANDED if unclear else judgement

    real = judging.judge_alone
    with patch.object(judging, "judge_alone", guess), patch.object(drip_judging, "judge_alone", guess):
        yield


@contextmanager
def without_other_names() -> Iterator[None]:
    """What was sent to the same person by other names is not thought of."""
    with patch.object(_tempering, "_unbelievable", lambda *_: []):
        yield


@contextmanager
def without_asking_for_accounts() -> Iterator[None]:
    """Whoever may be somebody else is taken for somebody else."""

    async def apart(_: object, recipients: Sequence[Recipient], shown: object) -> dict[str, str]:
        return {one.key: judging.NO_ACCOUNT for one in recipients}

    with patch.object(drip_credentials, "accounts_of", apart), patch.object(drip_members, "accounts_of", apart):
        yield


@contextmanager
def without_a_probe_of_linked_logins() -> Iterator[None]:
    """That a login has no account is believed of a service that may not know what its API has tied."""
    with patch.object(Shown, "tells_accounts", True):
        yield


@contextmanager
def without_ring_rule() -> Iterator[None]:
    """Before a call it is the place that gives the point which is waited for, and not the one that gets it."""
    with patch.object(Ring, "starts_at", property(lambda self: self.dead_at[self.token])):
        yield


@contextmanager
def without_witness_quarantine() -> Iterator[None]:
    """A witness that did not move yet counts as one that never will."""
    real = Passage._counted

    def counted(self: Passage, moved: Any, began: float) -> Step:
        return real(replace(self, dead_at=0.0), moved, began)

    with patch.object(Passage, "_counted", counted):
        yield


@contextmanager
def with_resends_without_ring() -> Iterator[None]:
    """Whatever has no clear answer is sent again, ring or not."""
    real = flying._step

    async def step(flown: Any, passage: Passage, verdict: Any) -> Any:
        found = await real(flown, passage, verdict)
        return (Step.AGAIN, ()) if found[0] is Step.WAIT else found

    with patch.object(flying, "_step", step):
        yield


@contextmanager
def without_overdraft_refused() -> Iterator[None]:
    """The ring is trusted although the service allows overdrafts."""
    with patch.object(services, "_can_pay", lambda *_: True):
        yield


@contextmanager
def without_a_lasting_id() -> Iterator[None]:
    """An award that is sent once more goes under another transaction id than before."""
    real, calls = _once.named, count()

    def named(*given: Any) -> tuple[Item, ...]:
        return tuple(item._replace(transaction_id=f"{item.transaction_id}-{next(calls)}") for item in real(*given))

    with patch.object(_once, "named", named):
        yield


@dataclass(frozen=True, slots=True)
class Device:
    """A safety device."""

    off: Callable[[], AbstractContextManager[None]]
    shows: str
    """What is found without it, as a pattern."""
    matters: Callable[[Run], bool] = lambda run: True
    """Whether a run can show it at all: the others need not be tried."""


def _on_a_ring(run: Run) -> bool:
    return "DRIP_RING" in run.lanes and "drip-members" in run.programmes


def _on_a_ring_of_two(run: Run) -> bool:
    """The point comes back to a place after two calls, and nothing but such calls is made."""
    rings = run.lanes.get("DRIP_RING", "").split(";")
    return run.programmes == {"drip-members"} and any(ring.count(",") == 1 for ring in rings)


def _on_a_witness(run: Run) -> bool:
    return "DRIP_WITNESS" in run.lanes and "drip-members" in run.programmes


def _with_names(run: Run) -> bool:
    """Somebody is paid by several names."""
    return run.has_names


def _with_names_that_drip_does_not_know(run: Run) -> bool:
    """And no twins tell what became of a call."""
    return run.has_names and not run.world.tells_linked and "DRIP_TWINS" not in run.lanes


def _with_a_clock_set_ahead(run: Run) -> bool:
    """In the life that sends."""
    return run.set_ahead_at is not None and not run.cuts


DEVICES = {
    "the intent before the call": Device(without_intent, "doubled"),
    "the full sync": Device(without_full_sync, "lost|doubled|phantom"),
    "marking what was interrupted": Device(without_mark_interrupted, "stuck"),
    "calling what was interrupted a doubt": Device(with_interrupted_sent_again, "doubled"),
    "waiting for recipients in doubt": Device(without_exclusion_of_doubts, "in doubt"),
    "one call at a time for a recipient": Device(
        without_exclusion_of_calls_under_way, "another call under way|doubled"
    ),
    "once for each draft": Device(without_once_per_draft, r"draft \d+ was recorded 2 times"),
    "the gate before the last byte": Device(without_gate, "doubled"),
    "the proof rule": Device(without_proof_rule, "doubled"),
    "lots": Device(without_lots, "stuck"),
    "the quarantine before evidence": Device(without_quarantine, "doubled"),
    "waiting for the place that gets the ring's point": Device(without_ring_rule, "doubled", _on_a_ring_of_two),
    "a clock that nobody sets": Device(without_a_clock_that_nobody_sets, "doubled", _with_a_clock_set_ahead),
    "answers that nobody has kept": Device(
        with_kept_answers, "doubled|phantom", lambda run: run.world.gateway is not None
    ),
    "the quarantine of a witness": Device(without_witness_quarantine, "doubled", _on_a_witness),
    "sending again on a ring only": Device(with_resends_without_ring, "doubled"),
    "a ring only where overdrafts are refused": Device(without_overdraft_refused, "doubled|disturbed", _on_a_ring),
    "one id for an award, whatever happens": Device(without_a_lasting_id, "doubled"),
    "unique evidence only": Device(without_unique_evidence, "doubled"),
    "the other names of one balance": Device(without_other_names, "doubled|phantom", _with_names),
    "the accounts of logins": Device(without_asking_for_accounts, "doubled|phantom", _with_names),
    "a probe of logins that seem to be nobody's": Device(
        without_a_probe_of_linked_logins, "doubled|phantom", _with_names_that_drip_does_not_know
    ),
}
