"""SQL of what evidence made of doubts: the whole of one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.judging import Doubted, Judged, Judgement, Judgements, holder_of
from bot.domain.lanes import ENDS
from bot.ledger import _balances, _calls, _evidence, _jobs, _lanes, _listing, _once, _outcomes, _tempering, events
from bot.ledger.events import EventKind, Moved

STOPPED: Final = "{why} The batch was stopped, so it is not sent again."
_KINDS: Final = {
    Judgement.LANDED: (OutcomeKind.APPLIED, EventKind.EVIDENCE_APPLIED),
    Judgement.NOT_LANDED: (OutcomeKind.NOT_SENT, EventKind.EVIDENCE_NOT_LANDED),
}


@dataclass(frozen=True, slots=True)
class Settled:
    """What one look changed."""

    applied: int = 0
    not_landed: int = 0
    reopened: bool = False
    """The batch was finished and has something to send again."""


def record(
    connection: sqlite3.Connection,
    doubted: Doubted,
    found: Judgements,
    most_looks: int,
    once_up_to: int,
    read_at: int,
    now: int,
) -> Settled:
    """``Evidence.record``."""
    batch_id, attempt_id = doubted.batch_id, doubted.attempt_id
    found = _tempering.on_its_lane(connection, doubted, found)
    state, server_id, account, currency = connection.execute(
        "SELECT state, server_id, account, currency FROM batches WHERE id = ?", (batch_id,)
    ).fetchone()
    # Somebody may have decided meanwhile: their word stands.
    still = _evidence.open_of(connection, attempt_id, [item.award_id for item in doubted.items])
    judged: Mapping[int, Judged] = {one: found.awards[one] for one in still if one in found.awards}
    judged = _tempering.tempered(connection, doubted, found, judged, account, currency)
    _remember(connection, doubted, judged, account, currency, read_at, now)
    settled = {
        judgement: _settle(connection, doubted, judgement, judged, state, server_id, once_up_to, now)
        for judgement in _KINDS
    }
    _note_look(connection, doubted, found, judged, len(still), most_looks, now)
    if found.mark is not None and not _listing.is_news(connection, found.tokens, now):
        advance(connection, account, found.mark, read_at)
    if found.landing is not None:
        _lanes.land(connection, found.landing, attempt_id)
    _jobs.close_decided(connection, [attempt_id], now)
    again = settled[Judgement.NOT_LANDED] and not _is_refused_alone(doubted)
    reopened = bool(again) and _outcomes.settle_planned(connection, batch_id, now).reopened
    if reopened:
        events.append(connection, now, EventKind.BATCH_REOPENED, server_id=server_id, batch_id=batch_id)
    return Settled(settled[Judgement.LANDED], settled[Judgement.NOT_LANDED], reopened)


def _settle(
    connection: sqlite3.Connection,
    doubted: Doubted,
    judgement: Judgement,
    judged: Mapping[int, Judged],
    batch_state: str,
    server_id: str | None,
    once_up_to: int,
    now: int,
) -> int:
    """Move the awards of which this is proved; how many."""
    proved = {one: verdict for one, verdict in judged.items() if verdict.judgement is judgement}
    if not proved:
        return 0
    kind, event = _KINDS[judgement]
    landed = judgement is Judgement.LANDED
    refused = not landed and _is_refused_alone(doubted)
    stopped = batch_state == "stopped" and not landed and not refused
    outcomes = {
        one: Outcome(OutcomeKind.REJECTED, doubted.refusal)
        if refused
        else Outcome(kind, verdict.detail, verdict.balance if landed else None)
        for one, verdict in proved.items()
    }
    moved = _outcomes.store(connection, doubted.attempt_id, outcomes, now)
    if stopped:
        moved += _cancel(connection, proved, now)
    lots = [] if landed or stopped or refused else _set_apart(connection, doubted, once_up_to, list(proved))
    detail = {
        "attempt": doubted.attempt_id,
        "awards": {str(one): dict(verdict.evidence) for one, verdict in proved.items()},
    }
    events.append(
        *(connection, now, event),
        server_id=server_id,
        batch_id=doubted.batch_id,
        detail=detail,
        moved=moved,
        facts={"lots": lots} if lots else None,
    )
    return len(proved)


def _is_refused_alone(doubted: Doubted) -> bool:
    """Whether the refusal of the call can only be about its one award, if that did not land."""
    return doubted.refusal is not None and doubted.whole and len(doubted.items) == 1


def _set_apart(
    connection: sqlite3.Connection, doubted: Doubted, once_up_to: int, awards: Sequence[int]
) -> list[object]:
    """What is sent again goes with fewer others where its call was refused: together all would be refused once more."""
    if doubted.refusal is not None:
        return _calls.set_apart(connection, doubted.batch_id, _calls.halves(awards))
    return _once.set_apart(connection, doubted.batch_id, once_up_to, awards)


def _cancel(connection: sqlite3.Connection, proved: Mapping[int, Judged], now: int) -> list[Moved]:
    """A stopped batch never holds planned awards: what is proved not to have landed ends cancelled there."""
    moved = []
    for one, verdict in proved.items():
        detail = STOPPED.format(why=verdict.detail)
        connection.execute(
            "UPDATE awards SET state = 'cancelled', detail = ?, changed_at = ? WHERE id = ? AND state = 'planned'",
            (detail, now, one),
        )
        moved.append(Moved("cancelled", [one], detail))
    return moved


def _remember(
    connection: sqlite3.Connection,
    doubted: Doubted,
    judged: Mapping[int, Judged],
    account: str,
    currency: str | None,
    read_at: int,
    now: int,
) -> None:
    if currency is None:
        return
    # Whatever was read while it could still land, under whichever name, may be from before that.
    landed = [one for one, verdict in judged.items() if verdict.judgement is Judgement.LANDED]
    _balances.forget(connection, doubted.batch_id, landed, read_at)
    found = _balances.purse_of_batch(connection, doubted.batch_id)
    assert found is not None  # a batch with a currency has a purse
    readings = {
        holder_of(found.kind, item): balance
        for item in doubted.items
        if item.award_id in judged
        and (balance := judged[item.award_id].balance) is not None
        and judged[item.award_id].judgement is not Judgement.CANNOT_TELL
    }
    nobody = [holder_of(found.kind, item) for item in doubted.items if _is_absent(judged.get(item.award_id))]
    _balances.remember(connection, account, currency, readings, read_at, now, nobody)


def _is_absent(judged: Judged | None) -> bool:
    return judged is not None and judged.absent and judged.judgement is not Judgement.CANNOT_TELL


def _note_look(
    connection: sqlite3.Connection,
    doubted: Doubted,
    found: Judgements,
    judged: Mapping[int, Judged],
    still: int,
    most_looks: int,
    now: int,
) -> None:
    """Count the look, keep what was found, and say whether another one makes sense."""
    unsettled = [one for one in judged.values() if one.judgement is Judgement.CANNOT_TELL]
    looks = doubted.looks + 1
    left_for = None
    # A lane that is not free yet is looked at again, also when people have decided about every award of its call.
    landing = found.landing
    kept = doubted.passage is not None and (landing is None or (landing.step not in ENDS and landing.trouble is None))
    if len(judged) < still or kept or any(one.again for one in unsettled):
        left_for = "unread" if looks >= most_looks else None
    elif unsettled or (landing is not None and landing.trouble is not None):
        left_for = "unclear"
    findings = {
        str(one): {"judgement": verdict.judgement.value, "detail": verdict.detail, **verdict.evidence}
        for one, verdict in judged.items()
    }
    connection.execute(
        "INSERT OR REPLACE INTO looks VALUES (?, ?, ?, ?, ?)",
        (doubted.attempt_id, looks, now, left_for, json.dumps(findings, ensure_ascii=False)),
    )


def advance(connection: sqlite3.Connection, account: str, transaction_id: int, read_at: int) -> None:
    """Note a transaction that was listed; an older mark never replaces a newer one."""
    connection.execute(
        "INSERT INTO marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
        " transaction_id = max(transaction_id, excluded.transaction_id), read_at = excluded.read_at",
        (account, transaction_id, read_at),
    )
