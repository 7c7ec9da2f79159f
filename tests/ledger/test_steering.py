"""What people do to batches, alone and against each other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.judging import Judged, Judgement, Judgements
from bot.domain.model import Actor, Decision, Pause, PauseKind, Steered
from bot.domain.states import BatchState
from bot.errors import NotFound, Refused
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import verify
from tests.ledger.making import (
    ADA,
    BOB,
    SHELL,
    STRANGER,
    HandClock,
    awards,
    batch_of,
    build,
    call,
    claim,
    kinds,
    next_call,
    query,
    record,
    row,
    rows,
    states,
)

BY_HAND = Pause(PauseKind.PERSON, "paused by Ada")


async def _state(ledger: Ledger, batch_id: int) -> BatchState:
    return (await ledger.queries.batch(batch_id, None)).state


async def _bring(ledger: Ledger, batch_id: int, state: str) -> None:
    if state == "paused":
        await ledger.steering.pause(batch_id, BOB, BY_HAND)
    elif state == "stopped":
        await ledger.steering.stop(batch_id, BOB)
    elif state.startswith("finished"):
        await call(ledger, batch_id, OutcomeKind.APPLIED if state == "finished" else OutcomeKind.UNKNOWN)
        await ledger.claims.finish_if_done(batch_id)


async def _press(ledger: Ledger, button: str, batch_id: int, actor: Actor) -> Steered:
    if button == "pause":
        return await ledger.steering.pause(batch_id, actor, BY_HAND)
    return await (ledger.steering.resume if button == "resume" else ledger.steering.stop)(batch_id, actor)


# What a button does by the state that the batch is in: the state after it, "already" (nothing, and who was first), or
# "refused".
BUTTONS = [
    ("pause", "open", "paused"),
    ("pause", "paused", "already"),
    ("pause", "stopped", "refused"),
    ("pause", "finished", "refused"),
    ("resume", "open", "already"),
    ("resume", "paused", "open"),
    ("resume", "stopped", "refused"),
    ("resume", "finished", "refused"),
    ("stop", "open", "stopped"),
    ("stop", "paused", "stopped"),
    ("stop", "stopped", "already"),
    ("stop", "finished", "refused"),
    ("pause", "finished in doubt", "refused"),
    ("resume", "finished in doubt", "refused"),
    ("stop", "finished in doubt", "stopped"),
]


@pytest.mark.parametrize(("button", "state", "result"), BUTTONS)
async def test_buttons_do_what_the_table_says(ledger: Ledger, clock: HandClock, button: str, state: str, result: str):
    batch_id = await batch_of(ledger, 2)
    await _bring(ledger, batch_id, state)
    before, at = await kinds(ledger, batch_id), clock.ms
    clock.at += 60
    if result == "refused":
        with pytest.raises(Refused, match=f"batch 1 .*2027-01-15 08:00 UTC.* cannot be {button}") as refused:
            await _press(ledger, button, batch_id, ADA)
        assert ("Bob" in refused.value.message) is (state == "stopped")
    elif result == "already":
        first = "Bob" if state != "open" else "Ada"
        assert await _press(ledger, button, batch_id, ADA) == Steered(False, first, at)
    else:
        steered = await _press(ledger, button, batch_id, ADA)
        planned = 2 if state in ("open", "paused") else 0
        assert steered == Steered(True, "Ada", clock.ms, planned)
        assert await _state(ledger, batch_id) == result
        assert (await kinds(ledger, batch_id))[:-1] == before
        return
    assert await _state(ledger, batch_id) == state.split(maxsplit=1)[0]
    assert await kinds(ledger, batch_id) == before


@pytest.mark.parametrize("button", ["pause", "resume", "stop"])
async def test_of_many_simultaneous_presses_one_wins_and_the_others_read_who(ledger: Ledger, button: str):
    batch_id = await batch_of(ledger, 5)
    if button == "resume":
        await ledger.steering.pause(batch_id, BOB, BY_HAND)
    people = [Actor(str(number), f"mod {number}", "900") for number in range(50)]
    results = await asyncio.gather(*(_press(ledger, button, batch_id, one) for one in people))
    winner = next(person for person, result in zip(people, results, strict=True) if result.changed)
    assert [result.changed for result in results].count(True) == 1
    assert {result.by for result in results} == {winner.name}
    assert (await kinds(ledger, batch_id)).count(f"batch-{'stopp' if button == 'stop' else button.rstrip('e')}ed") == 1


async def test_of_several_batches_all_are_stopped_or_none(ledger: Ledger):
    first, second, third = [await batch_of(ledger, 2) for _ in range(3)]
    await _bring(ledger, second, "finished")
    before = await ledger.receipts.head()
    with pytest.raises(Refused, match=f"batch {second} is finished"):
        await ledger.steering.stop_each([first, second], ADA)
    assert (await ledger.receipts.head(), await _state(ledger, first)) == (before, BatchState.OPEN)
    await ledger.steering.stop(third, BOB)
    stopped = await ledger.steering.stop_each([first, third], ADA)
    assert [(one.changed, one.by) for one in stopped] == [(True, "Ada"), (False, "Bob")]
    assert (await verify(ledger.database)).bad is None


async def test_stopping_cancels_what_is_planned_for_good(ledger: Ledger, clock: HandClock):
    batch_id = await batch_of(ledger, 4)
    await call(ledger, batch_id, OutcomeKind.APPLIED, limit=1)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, limit=1)
    clock.at += 1
    assert (await ledger.steering.stop(batch_id, ADA)).awards == 2
    assert await states(ledger, batch_id) == ["applied", "unknown", "cancelled", "cancelled"]
    last = (await awards(ledger, batch_id))[-1]
    assert (last.detail, last.changed_at) == ("not sent: Ada stopped the batch", clock.ms)
    batch = await ledger.queries.batch(batch_id, None)
    assert (batch.state, batch.finished_at) == (BatchState.STOPPED, clock.ms)
    assert (await ledger.queries.events(batch_id))[-1].detail == {"cancelled": 2}


async def test_what_is_in_doubt_in_a_finished_batch_is_never_sent_again_once_it_is_stopped(
    ledger: Ledger, clock: HandClock
):
    batch_id = await batch_of(ledger, 2)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    await ledger.claims.finish_if_done(batch_id)
    clock.at += 60
    await ledger.steering.stop(batch_id, ADA)
    batch = await ledger.queries.batch(batch_id, None)
    assert (batch.state, batch.finished_at) == (BatchState.STOPPED, clock.ms)
    with pytest.raises(Refused, match="was stopped, and a stopped batch sends nothing any more"):
        await ledger.steering.resolve([1], Decision.SEND_AGAIN, BOB, reason="r")
    doubted = await ledger.evidence.doubt(1)
    assert doubted is not None
    found = {one: Judged(Judgement.NOT_LANDED, "the balance stayed", {}) for one in (1, 2)}
    settled = await ledger.evidence.record(doubted, Judgements(found), most_looks=6, read_at=clock.at)
    assert (settled.not_landed, settled.reopened) == (2, False)
    assert await states(ledger, batch_id) == ["cancelled", "cancelled"]
    assert await next_call(ledger, batch_id, 100, build) is None
    assert (await verify(ledger.database)).bad is None


async def test_stopping_a_paused_batch_clears_the_reason_of_the_pause(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await ledger.steering.pause(batch_id, ADA, BY_HAND)
    await ledger.steering.stop(batch_id, ADA)
    assert (await ledger.queries.batch(batch_id, None)).pause is None


@pytest.mark.parametrize("button", ["pause", "resume", "stop"])
async def test_a_batch_of_another_server_is_not_found(ledger: Ledger, button: str):
    batch_id = await batch_of(ledger, 1)
    for actor, number in ((STRANGER, batch_id), (ADA, 99), (SHELL, 99)):
        with pytest.raises(NotFound):
            await _press(ledger, button, number, actor)
    assert await states(ledger, batch_id) == ["planned"]
    assert (await _press(ledger, "stop", batch_id, SHELL)).by == "command line"


async def test_a_batch_of_the_command_line_is_steered_from_a_server(ledger: Ledger):
    batch_id = await batch_of(ledger, 2, actor=SHELL)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, limit=1)
    assert (await _press(ledger, "pause", batch_id, SHELL)).changed
    assert (await _press(ledger, "resume", batch_id, ADA)).changed
    assert (await _press(ledger, "stop", batch_id, STRANGER)).changed
    resolved = await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="seen")
    assert (resolved.by, resolved.awards) == ("Ada", 1)


# --- doubts ---------------------------------------------------------------------------------------------------------

DECISIONS = [
    (Decision.LANDED, "applied", "Ada decided that it landed: seen on the dashboard"),
    (Decision.SEND_AGAIN, "planned", "Ada decided to send it again: seen on the dashboard"),
    (Decision.WRITE_OFF, "written-off", "Ada wrote it off: seen on the dashboard"),
]


@pytest.mark.parametrize(("decision", "state", "detail"), DECISIONS)
async def test_a_doubt_is_decided_by_name_and_reason(
    ledger: Ledger, clock: HandClock, decision: Decision, state: str, detail: str
):
    batch_id = await batch_of(ledger, 3)
    claimed = await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    clock.at += 5
    steered = await ledger.steering.resolve([1, 3], decision, ADA, reason="seen on the dashboard")
    assert steered == Steered(True, "Ada", clock.ms, 2)
    made = await awards(ledger, batch_id)
    assert [one.state.value for one in made] == [state, "unknown", state]
    assert (made[0].detail, made[0].changed_at) == (detail, clock.ms)
    told = [event for event in await ledger.queries.events(batch_id) if event.kind == "award-resolved"]
    assert [(event.award_id, event.actor_name) for event in told] == [(1, "Ada"), (3, "Ada")]
    assert told[0].detail == {
        "decision": decision.value,
        "reason": "seen on the dashboard",
        "attempt": claimed.attempt_id,
    }


async def test_a_decision_without_a_reason_reads_well(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="")
    assert (await awards(ledger, batch_id))[0].detail == "Ada decided that it landed"


async def test_sending_again_opens_a_finished_batch(ledger: Ledger, clock: HandClock):
    batch_id = await batch_of(ledger, 2)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    await ledger.claims.finish_if_done(batch_id)
    clock.at += 5
    await ledger.steering.resolve([2], Decision.SEND_AGAIN, BOB, reason="never arrived")
    batch = await ledger.queries.batch(batch_id, None)
    assert (batch.state, batch.finished_at) == (BatchState.OPEN, None)
    assert (await kinds(ledger, batch_id))[-1] == "batch-reopened"
    assert await ledger.steering.resume(batch_id, ADA) == Steered(False, "Bob", clock.ms)
    again = await call(ledger, batch_id, OutcomeKind.APPLIED)
    assert [item.award_id for item in again.items] == [2]
    assert (await awards(ledger, batch_id))[1].attempts == 2


async def test_other_decisions_leave_a_finished_batch_finished(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    await ledger.claims.finish_if_done(batch_id)
    await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="")
    await ledger.steering.resolve([2], Decision.WRITE_OFF, ADA, reason="")
    assert await _state(ledger, batch_id) is BatchState.FINISHED


async def test_sending_again_keeps_a_paused_batch_paused(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, limit=1)
    await ledger.steering.pause(batch_id, ADA, BY_HAND)
    await ledger.steering.resolve([1], Decision.SEND_AGAIN, ADA, reason="")
    assert await _state(ledger, batch_id) is BatchState.PAUSED
    assert await states(ledger, batch_id) == ["planned", "planned"]


async def test_a_stopped_batch_sends_nothing_again_but_its_doubts_can_be_decided(ledger: Ledger):
    stopped, other = await batch_of(ledger, 3), await batch_of(ledger, 1, actor=BOB)
    await call(ledger, stopped, OutcomeKind.UNKNOWN, limit=2)
    await ledger.steering.stop(stopped, ADA)
    with pytest.raises(Refused, match="a stopped batch sends nothing"):
        await ledger.steering.resolve([1, 2], Decision.SEND_AGAIN, ADA, reason="")
    assert await states(ledger, stopped) == ["unknown", "unknown", "cancelled"]
    await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="")
    await ledger.steering.resolve([2], Decision.WRITE_OFF, ADA, reason="")
    assert await states(ledger, stopped) == ["applied", "written-off", "cancelled"]
    assert await states(ledger, other) == ["planned"]


async def test_a_refusal_decides_nothing_in_any_batch(ledger: Ledger):
    first, second = await batch_of(ledger, 1), await batch_of(ledger, 2)
    await call(ledger, first, OutcomeKind.UNKNOWN)
    second_claim = await next_call(ledger, second, 5, lambda items, token, legs: b"")
    assert second_claim is not None
    await ledger.claims.mark_interrupted()
    await ledger.steering.stop(second, ADA)
    with pytest.raises(Refused):
        await ledger.steering.resolve([1, 3], Decision.SEND_AGAIN, ADA, reason="")
    assert await states(ledger) == ["unknown", "cancelled", "unknown"]


async def test_awards_that_are_not_in_doubt_are_left_alone_and_the_first_to_decide_is_named(
    ledger: Ledger, clock: HandClock
):
    batch_id = await batch_of(ledger, 3)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, limit=2)
    first = await ledger.steering.resolve([1], Decision.WRITE_OFF, BOB, reason="old")
    clock.at += 5
    assert await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="") == Steered(False, "Bob", first.at)
    assert await ledger.steering.resolve([1, 2, 3], Decision.LANDED, ADA, reason="") == Steered(
        True, "Ada", clock.ms, 1
    )
    assert await states(ledger, batch_id) == ["written-off", "applied", "planned"]
    assert await ledger.steering.resolve([3], Decision.LANDED, ADA, reason="") == Steered(
        False, "Bursar", clock.ms - 5000
    )
    assert await ledger.steering.resolve([], Decision.LANDED, ADA, reason="") == Steered(False, "Ada", clock.ms)


async def test_of_simultaneous_decisions_about_one_award_one_counts(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    results = await asyncio.gather(
        *(
            ledger.steering.resolve([1], decision, actor, reason="")
            for decision in (Decision.LANDED, Decision.WRITE_OFF)
            for actor in (ADA, BOB)
        )
    )
    assert [result.changed for result in results].count(True) == 1
    assert len({result.by for result in results}) == 1


async def test_doubts_of_another_server_are_not_found(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    for actor, ids in ((STRANGER, [1]), (ADA, [1, 99])):
        with pytest.raises(NotFound):
            await ledger.steering.resolve(ids, Decision.LANDED, actor, reason="")
    assert await states(ledger, batch_id) == ["unknown"]
    assert (await ledger.steering.resolve([1], Decision.LANDED, SHELL, reason="")).changed


async def test_a_recipient_whose_doubt_was_decided_is_paid_again(ledger: Ledger):
    await call(ledger, await batch_of(ledger, 1), OutcomeKind.UNKNOWN)
    later = (await record(ledger, [row(2, 1, 3)])).batch_id
    assert await next_call(ledger, later, 5, lambda items, token, legs: b"") is None
    await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="")
    assert len((await claim(ledger, later)).items) == 1


async def test_a_note_changes_nothing_but_the_history(ledger: Ledger, path: Path, clock: HandClock):
    batch_id = (await record(ledger, rows(1))).batch_id
    detail: dict[str, object] = {"channel": "77", "why": "späti"}
    await ledger.steering.note("staff-alerted", batch_id=batch_id, server_id="900", actor=None, detail=detail)
    await ledger.steering.note("seen", batch_id=None, server_id="900", actor=BOB, detail={})
    event = (await ledger.queries.events(batch_id))[-1]
    assert (event.kind, event.at, event.actor_name, event.detail) == ("staff-alerted", clock.ms, None, detail)
    stored = query(path, "SELECT kind, server_id, batch_id, actor_id, actor_name, detail FROM events ORDER BY seq")
    assert stored[-1] == ("seen", "900", None, "22", "Bob", "{}")
