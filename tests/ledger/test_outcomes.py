"""What a call proved, recorded once: outcomes, refusals of whole calls, and what happened meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.calls import Claim, Outcome, OutcomeKind, Verdict
from bot.domain.model import Pause, PauseKind
from bot.domain.states import BatchState
from bot.errors import LedgerError, NotFound
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import verify
from tests.ledger.making import (
    ADA,
    GAMEBALL,
    MEMBERS,
    HandClock,
    all_of,
    attempts_of,
    awards,
    batch_of,
    build,
    call,
    claim,
    each_of,
    kinds,
    next_call,
    query,
    record,
    row,
    rows,
    states,
)

OUTCOMES = [
    (OutcomeKind.APPLIED, "applied", "applied"),
    (OutcomeKind.REJECTED, "rejected", "rejected"),
    (OutcomeKind.UNKNOWN, "unknown", "unknown"),
    (OutcomeKind.NOT_SENT, "planned", "not-sent"),
]


@pytest.mark.parametrize(("kind", "state", "word"), OUTCOMES)
async def test_every_outcome_puts_its_awards_where_it_proves_them_to_be(
    ledger: Ledger, clock: HandClock, kind: OutcomeKind, state: str, word: str
):
    batch_id = await batch_of(ledger, 3)
    claimed = await claim(ledger, batch_id)
    clock.at += 2
    verdict = all_of(claimed, kind, "as told", status=207, request_id="r-1", evidence={"headers_sent": True})
    await ledger.claims.record_outcome(claimed, replace(verdict, detail="a call"))
    made = await awards(ledger, batch_id)
    assert {(one.state, one.detail, one.changed_at, one.attempts) for one in made} == {(state, "as told", clock.ms, 1)}
    (attempt,) = await attempts_of(ledger, batch_id)
    assert (attempt.state, attempt.verdict, attempt.closed_at) == ("closed", word, clock.ms)
    assert (attempt.http_status, attempt.request_id, attempt.detail, attempt.job_id) == (207, "r-1", "a call", None)
    assert attempt.award_ids == (1, 2, 3)
    assert await ledger.queries.attempt(attempt.id) == attempt


async def test_each_award_gets_its_own_outcome(ledger: Ledger, path: Path):
    batch_id = await batch_of(ledger, 6)
    claimed = await claim(ledger, batch_id)
    told = [
        Outcome(OutcomeKind.APPLIED, None, 100),
        Outcome(OutcomeKind.APPLIED, None, 0),
        Outcome(OutcomeKind.APPLIED),
        Outcome(OutcomeKind.REJECTED, "no such member"),
        Outcome(OutcomeKind.UNKNOWN, "named nowhere"),
        Outcome(OutcomeKind.NOT_SENT, "later", -3),
    ]
    await ledger.claims.record_outcome(claimed, each_of(claimed, told, evidence={"gate": {"shut": 1}}))
    got = [(one.state.value, one.detail, one.balance) for one in await awards(ledger, batch_id)]
    assert got == [
        ("applied", None, 100),
        ("applied", None, 0),
        ("applied", None, None),
        ("rejected", "no such member", None),
        ("unknown", "named nowhere", None),
        ("planned", "later", -3),
    ]
    assert query(path, "SELECT verdict, evidence FROM attempts") == [("mixed", '{"gate": {"shut": 1}}')]


async def test_what_was_not_sent_is_claimed_again_as_a_new_attempt_of_the_same_award(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    first = await call(ledger, batch_id, OutcomeKind.NOT_SENT)
    second = await call(ledger, batch_id, OutcomeKind.APPLIED)
    assert [item.award_id for item in first.items] == [item.award_id for item in second.items]
    made = await awards(ledger, batch_id)
    assert {(one.state, one.attempts, one.attempt_id) for one in made} == {("applied", 2, second.attempt_id)}


async def test_an_outcome_is_recorded_once(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    claimed = await call(ledger, batch_id, OutcomeKind.NOT_SENT)
    for kind in (OutcomeKind.APPLIED, OutcomeKind.NOT_SENT):
        with pytest.raises(LedgerError, match="has its outcome already"):
            await ledger.claims.record_outcome(claimed, all_of(claimed, kind))
    again = await claim(ledger, batch_id)
    with pytest.raises(LedgerError, match="has its outcome already"):
        await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
    assert await states(ledger, batch_id) == ["sending"] * 2
    await ledger.claims.record_outcome(again, all_of(again, OutcomeKind.APPLIED))


async def test_of_simultaneous_outcomes_exactly_one_is_recorded(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    claimed = await claim(ledger, batch_id)
    results = await asyncio.gather(
        *(ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED)) for _ in range(10)),
        return_exceptions=True,
    )
    assert results.count(None) == 1
    assert sum(isinstance(one, LedgerError) for one in results) == 9


def _less(claimed: Claim) -> Verdict:
    return Verdict({claimed.items[0].award_id: Outcome(OutcomeKind.APPLIED)})


def _more(claimed: Claim) -> Verdict:
    return Verdict({**all_of(claimed, OutcomeKind.APPLIED).outcomes, 99: Outcome(OutcomeKind.APPLIED)})


def _jobless(claimed: Claim) -> Verdict:
    return all_of(claimed, OutcomeKind.ACCEPTED)


@pytest.mark.parametrize(
    ("make", "more"),
    [
        (_less, {}),
        (_more, {}),
        (_jobless, {}),
        (lambda claimed: all_of(claimed, OutcomeKind.APPLIED), {"rejected": {1: "bad"}}),
        (lambda claimed: all_of(claimed, OutcomeKind.REJECTED, refused_whole=True), {"rejected": {99: "bad"}}),
    ],
)
async def test_a_verdict_that_does_not_fit_its_call_is_not_stored(
    ledger: Ledger, make: object, more: dict[str, object]
):
    batch_id = await batch_of(ledger, 2)
    claimed = await claim(ledger, batch_id)
    with pytest.raises(AssertionError):
        await ledger.claims.record_outcome(claimed, make(claimed), **more)  # type: ignore[operator] # test shorthand
    assert await states(ledger, batch_id) == ["sending"] * 2
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))


async def test_awards_that_moved_under_a_call_are_noticed(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    claimed = await claim(ledger, batch_id)
    stranger = replace(claimed, items=(*claimed.items, claimed.items[0]._replace(award_id=77)))
    with pytest.raises(AssertionError, match="2 of 3 awards"):
        await ledger.claims.record_outcome(stranger, all_of(stranger, OutcomeKind.APPLIED))
    assert await states(ledger, batch_id) == ["sending"] * 2


# --- all-or-nothing refusals ----------------------------------------------------------------------------------------


async def _refuse(ledger: Ledger, claimed: Claim, **more: object) -> None:
    verdict = replace(all_of(claimed, OutcomeKind.REJECTED, refused_whole=True), detail="the call was refused")
    await ledger.claims.record_outcome(claimed, verdict, **more)  # type: ignore[arg-type] # test shorthand


async def test_the_rows_at_fault_are_rejected_and_the_others_go_again_together(ledger: Ledger):
    batch_id = (await record(ledger, rows(5), destination=MEMBERS)).batch_id
    first = await claim(ledger, batch_id, 4)
    await _refuse(ledger, first, rejected={2: "left the server"})
    made = await awards(ledger, batch_id)
    assert [one.state.value for one in made] == ["planned", "rejected", "planned", "planned", "planned"]
    assert [one.detail for one in made] == [
        "the call was refused",
        "left the server",
        *["the call was refused"] * 2,
        None,
    ]
    calls = [[item.award_id for item in (await claim(ledger, batch_id)).items] for _ in range(2)]
    assert calls == [[5], [1, 3, 4]]
    assert (await attempts_of(ledger, batch_id))[0].verdict == "refused-whole"


async def test_halving_finds_the_only_bad_row_and_pays_the_rest(ledger: Ledger):
    batch_id = (await record(ledger, rows(9), destination=MEMBERS)).batch_id
    bad, calls = 6, []
    while (claimed := await next_call(ledger, batch_id, 100, build)) is not None:
        ids = [item.award_id for item in claimed.items]
        calls.append(ids)
        if bad not in ids:
            await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
        elif len(ids) > 1:
            await _refuse(ledger, claimed, split=True)
        else:
            await _refuse(ledger, claimed, rejected={bad: "frozen"})
    assert calls == [list(range(1, 10)), [1, 2, 3, 4, 5], [6, 7, 8, 9], [6, 7], [8, 9], [6], [7]]
    assert await states(ledger, batch_id) == ["applied"] * 5 + ["rejected"] + ["applied"] * 3


async def test_a_call_that_changes_its_batch_leaves_a_ledger_that_verifies_at_once(ledger: Ledger):
    """Its entry tells the batch as it is afterwards, and no later one makes good for it."""
    batch_id = await batch_of(ledger, 4)
    claimed = await claim(ledger, batch_id)
    assert (await verify(ledger.database)).bad is None
    await _refuse(ledger, claimed, split=True)
    assert (await verify(ledger.database)).bad is None
    claimed = await claim(ledger, batch_id)
    pause = Pause(PauseKind.KEY, "no key")
    await ledger.claims.record_outcome(claimed, replace(all_of(claimed, OutcomeKind.NOT_SENT), pause=pause))
    assert (await verify(ledger.database)).bad is None


async def test_halves_keep_their_endpoint_and_never_meet_their_twins(ledger: Ledger, path: Path):
    staged = [row(line, line, target=f"credential:{line // 2}") for line in range(2, 8)]
    batch_id = (await record(ledger, staged, destination=MEMBERS)).batch_id
    assert query(path, "SELECT lot FROM awards") == [(1,), (3,), (1,), (3,), (1,), (3,)]
    claimed = await claim(ledger, batch_id)
    await _refuse(ledger, claimed, split=True)
    assert query(path, "SELECT lot FROM awards") == [(5,), (3,), (5,), (3,), (7,), (3,)]
    second = await claim(ledger, batch_id)
    assert [item.award_id for item in second.items] == [2, 4, 6]
    await _refuse(ledger, second, rejected={2: "bad"})
    assert query(path, "SELECT lot FROM awards") == [(5,), (3,), (5,), (9,), (7,), (9,)]
    assert query(path, "SELECT last_lot FROM batches") == [(9,)]


async def test_a_single_award_refused_alone_must_be_rejected(ledger: Ledger):
    claimed = await claim(ledger, await batch_of(ledger, 1))
    with pytest.raises(AssertionError, match="at fault itself"):
        await _refuse(ledger, claimed, split=True)


async def test_a_refusal_that_names_every_row_leaves_nothing_to_send(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    await _refuse(ledger, await claim(ledger, batch_id), rejected={1: "a", 2: "b"})
    assert await states(ledger, batch_id) == ["rejected"] * 2
    assert await ledger.claims.finish_if_done(batch_id)


# --- pausing, stopping and finishing meanwhile ----------------------------------------------------------------------


async def test_a_verdict_can_pause_the_batch_with_its_rows_planned(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    pause = Pause(PauseKind.KEY, "the key is not accepted")
    await call(ledger, batch_id, OutcomeKind.NOT_SENT, pause=pause)
    batch = await ledger.queries.batch(batch_id, None)
    assert (batch.state, batch.pause) == (BatchState.PAUSED, pause)
    assert await states(ledger, batch_id) == ["planned"] * 2
    event = (await ledger.queries.events(batch_id))[-1]
    assert (event.kind, event.actor_name) == ("batch-paused", None)
    assert event.detail == {"kind": "key", "message": "the key is not accepted"}


async def test_a_pause_by_the_program_does_not_hide_the_one_of_a_person(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    claimed = await claim(ledger, batch_id)
    by_hand = Pause(PauseKind.PERSON, "wait")
    await ledger.steering.pause(batch_id, ADA, by_hand)
    told = all_of(claimed, OutcomeKind.NOT_SENT, pause=Pause(PauseKind.KEY, "key"))
    await ledger.claims.record_outcome(claimed, told)
    assert (await ledger.queries.batch(batch_id, None)).pause == by_hand
    assert await kinds(ledger, batch_id) == ["batch-recorded", "batch-paused"]


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind, state, _ in OUTCOMES])
async def test_a_stopped_batch_takes_the_outcome_of_its_last_call_and_holds_nothing_planned(
    ledger: Ledger, kind: OutcomeKind, state: str
):
    batch_id = await batch_of(ledger, 4)
    claimed = await claim(ledger, batch_id, 2)
    await ledger.steering.stop(batch_id, ADA)
    assert await states(ledger, batch_id) == ["sending", "sending", "cancelled", "cancelled"]
    await ledger.claims.record_outcome(claimed, all_of(claimed, kind))
    expected = "cancelled" if state == "planned" else state
    assert await states(ledger, batch_id) == [expected] * 2 + ["cancelled"] * 2
    if expected == "cancelled":
        assert (await awards(ledger, batch_id))[
            0
        ].detail == "not sent: the batch was stopped while the call was under way"


async def test_a_refused_call_of_a_stopped_batch_is_not_tried_again(ledger: Ledger):
    batch_id = await batch_of(ledger, 3)
    claimed = await claim(ledger, batch_id)
    await ledger.steering.stop(batch_id, ADA)
    await _refuse(ledger, claimed, rejected={1: "bad"}, split=True)
    assert await states(ledger, batch_id) == ["rejected", "cancelled", "cancelled"]


async def test_a_batch_is_finished_when_nothing_is_planned_or_under_way(ledger: Ledger, clock: HandClock):
    batch_id = await batch_of(ledger, 2)
    assert not await ledger.claims.finish_if_done(batch_id)
    await call(ledger, batch_id, OutcomeKind.APPLIED, limit=1)
    assert not await ledger.claims.finish_if_done(batch_id)
    claimed = await claim(ledger, batch_id)
    assert not await ledger.claims.finish_if_done(batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.UNKNOWN))
    clock.at += 5
    for _ in range(2):
        assert await ledger.claims.finish_if_done(batch_id)
    batch = await ledger.queries.batch(batch_id, None)
    assert (batch.state, batch.finished_at) == (BatchState.FINISHED, clock.ms)
    assert await kinds(ledger, batch_id) == ["batch-recorded", "batch-finished"]


async def test_a_paused_batch_is_finished_too_and_a_stopped_one_stays_stopped(ledger: Ledger):
    paused, stopped = await batch_of(ledger, 1), await batch_of(ledger, 1, destination=GAMEBALL)
    claimed = await claim(ledger, paused)
    await ledger.steering.pause(paused, ADA, Pause(PauseKind.PERSON, "wait"))
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
    assert await ledger.claims.finish_if_done(paused)
    assert (await ledger.queries.batch(paused, None)).pause is None
    await ledger.steering.stop(stopped, ADA)
    assert not await ledger.claims.finish_if_done(stopped)
    assert (await ledger.queries.batch(stopped, None)).state is BatchState.STOPPED
    with pytest.raises(NotFound):
        await ledger.claims.finish_if_done(99)
