"""Accepted jobs: followed until they end, given up in time, answered late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.domain.calls import Claim, Job, Outcome, OutcomeKind
from bot.domain.model import Decision
from bot.domain.states import BatchState
from bot.ledger.claims import Interrupted
from bot.ledger.ledger import Ledger
from tests.ledger.making import (
    ADA,
    GAMEBALL,
    HandClock,
    all_of,
    attempts_of,
    awards,
    batch_of,
    claim,
    each_of,
    kinds,
    record,
    rows,
    states,
)

APPLIED = Outcome(OutcomeKind.APPLIED)
REJECTED = Outcome(OutcomeKind.REJECTED, "no such customer")
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, "the job never began")
RUNNING = Outcome(OutcomeKind.ACCEPTED)


async def _accepted(ledger: Ledger, number: int = 3) -> tuple[int, Claim, Job]:
    """A batch whose only call became a job."""
    batch_id = (await record(ledger, rows(number), destination=GAMEBALL)).batch_id
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.ACCEPTED, job_id="job-1"))
    (job,) = await ledger.claims.jobs()
    return batch_id, claimed, job


async def test_an_accepted_job_keeps_its_awards_under_way_and_its_id(ledger: Ledger, clock: HandClock):
    batch_id, claimed, job = await _accepted(ledger)
    assert await states(ledger, batch_id) == ["sending"] * 3
    job_of = Job(claimed.attempt_id, batch_id, "job-1", clock.ms, 0, claimed.items, token=claimed.token)
    assert job == replace(job_of, may_take_less=True)  # until a probe has asked
    (attempt,) = await attempts_of(ledger, batch_id)
    assert (attempt.state, attempt.verdict, attempt.closed_at, attempt.job_id) == (
        "accepted",
        "accepted",
        None,
        "job-1",
    )
    assert not await ledger.claims.finish_if_done(batch_id)


async def test_a_call_can_be_accepted_for_some_awards_and_refused_for_others(ledger: Ledger):
    batch_id = await batch_of(ledger, 3, destination=GAMEBALL)
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, each_of(claimed, [RUNNING, REJECTED, RUNNING], job_id="job-1"))
    (job,) = await ledger.claims.jobs()
    assert [item.award_id for item in job.items] == [1, 3]
    assert await states(ledger, batch_id) == ["sending", "rejected", "sending"]


async def test_the_job_of_an_earlier_call_says_nothing_of_a_later_one(ledger: Ledger):
    """Its report would name the same people as done who were paid by the first call only."""
    await _accepted(ledger, 2)
    batch_id = await batch_of(ledger, 2, destination=GAMEBALL)
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.ACCEPTED, job_id="job-1"))
    assert await states(ledger, batch_id) == ["unknown"] * 2
    (attempt,) = await attempts_of(ledger, batch_id)
    assert (attempt.state, attempt.verdict, attempt.job_id) == ("closed", "unknown", None)
    assert len(await ledger.claims.jobs()) == 1
    assert [one.attempt_id for one in await ledger.evidence.waiting()] == [claimed.attempt_id]


async def test_another_account_may_count_its_jobs_alike(ledger: Ledger):
    await _accepted(ledger, 2)
    batch_id = await batch_of(ledger, 2, destination=replace(GAMEBALL, account="f" * 24))
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.ACCEPTED, job_id="job-1"))
    assert await states(ledger, batch_id) == ["sending"] * 2


async def test_jobs_are_listed_by_account_oldest_first(ledger: Ledger, clock: HandClock):
    _, _, first = await _accepted(ledger)
    clock.at += 1
    batch_id = await batch_of(ledger, 2)
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.ACCEPTED, job_id="job-2"))
    assert [job.job_id for job in await ledger.claims.jobs()] == ["job-1", "job-2"]
    assert await ledger.claims.jobs(GAMEBALL.account) == [first]
    assert await ledger.claims.jobs("elsewhere") == []


async def test_a_stopped_batch_is_seen_to_until_its_job_is_over(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.steering.stop(batch_id, ADA)
    assert [one.id for one in await ledger.queries.batches_to_see_to(doubts=False)] == [batch_id]
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), APPLIED), finished=True, detail=None)
    assert await ledger.queries.batches_to_see_to(doubts=False) == []


async def test_a_finished_job_settles_its_awards(ledger: Ledger, clock: HandClock):
    batch_id, _, job = await _accepted(ledger)
    clock.at += 30
    await ledger.claims.record_job(job, {1: APPLIED, 2: REJECTED, 3: APPLIED}, finished=True, detail="done")
    assert await states(ledger, batch_id) == ["applied", "rejected", "applied"]
    (attempt,) = await attempts_of(ledger, batch_id)
    assert (attempt.state, attempt.verdict, attempt.closed_at, attempt.detail) == ("closed", "mixed", clock.ms, "done")
    assert await ledger.claims.jobs() == []
    assert await ledger.claims.finish_if_done(batch_id)


async def test_what_all_awards_became_is_the_verdict_on_the_job(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), APPLIED), finished=True, detail=None)
    assert (await attempts_of(ledger, batch_id))[0].verdict == "applied"


async def test_an_award_that_the_finished_job_does_not_name_is_in_doubt(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, {1: APPLIED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["applied", "unknown", "unknown"]
    assert "without saying" in ((await awards(ledger, batch_id))[1].detail or "")


async def test_a_lost_job_says_why_its_awards_are_in_doubt(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, {}, finished=True, detail="the report is gone")
    assert {one.detail for one in await awards(ledger, batch_id)} == {"the report is gone"}
    assert (await attempts_of(ledger, batch_id))[0].verdict == "unknown"


async def test_a_running_job_may_tell_a_part(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, {2: APPLIED, 3: RUNNING}, finished=False, detail=None)
    (left,) = await ledger.claims.jobs()
    assert (left.polls, [item.award_id for item in left.items]) == (1, [1, 3])
    await ledger.claims.record_job(left, {}, finished=False, detail="half")
    (left,) = await ledger.claims.jobs()
    assert left.polls == 2
    await ledger.claims.record_job(left, {1: APPLIED, 2: APPLIED, 3: REJECTED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["applied", "applied", "rejected"]
    assert (await attempts_of(ledger, batch_id))[0].detail == "half"


async def test_a_running_job_that_told_everything_is_asked_no_more(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), APPLIED), finished=False, detail=None)
    assert await ledger.claims.jobs() == []
    assert (await attempts_of(ledger, batch_id))[0].verdict == "applied"


async def test_a_job_that_takes_too_long_leaves_doubts_that_its_late_end_settles(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    for _ in range(2):
        await ledger.claims.give_up_waiting(job, "not finished after 900 seconds")
    assert await states(ledger, batch_id) == ["unknown"] * 3
    assert await ledger.claims.finish_if_done(batch_id)
    told = [event.detail for event in await ledger.queries.events(batch_id) if event.kind == "job-given-up"]
    assert told == [{"attempt": job.attempt_id, "job": "job-1", "awards": 3}]
    (late,) = await ledger.claims.jobs()
    assert late.items == job.items
    await ledger.claims.record_job(late, {1: RUNNING}, finished=False, detail=None)
    assert await states(ledger, batch_id) == ["unknown"] * 3
    await ledger.claims.record_job(late, {1: APPLIED, 2: REJECTED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["applied", "rejected", "unknown"]
    assert (await ledger.queries.batch(batch_id, None)).state is BatchState.FINISHED


async def test_a_job_that_proves_an_award_unsent_opens_the_finished_batch_again(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.give_up_waiting(job, "too long")
    await ledger.claims.finish_if_done(batch_id)
    await ledger.claims.record_job(job, {1: NOT_SENT, 2: APPLIED, 3: APPLIED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["planned", "applied", "applied"]
    assert (await ledger.queries.batch(batch_id, None)).state is BatchState.OPEN
    assert (await kinds(ledger, batch_id))[-1] == "batch-reopened"
    assert (await attempts_of(ledger, batch_id))[0].verdict == "mixed"
    assert [item.award_id for item in (await claim(ledger, batch_id)).items] == [1]


async def test_a_job_that_proves_an_award_unsent_while_the_batch_is_open_changes_nothing_else(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), NOT_SENT), finished=True, detail=None)
    assert await states(ledger, batch_id) == ["planned"] * 3
    assert await kinds(ledger, batch_id) == ["batch-recorded"]
    assert (await attempts_of(ledger, batch_id))[0].verdict == "mixed"


async def test_a_stopped_batch_sends_nothing_again_whatever_its_job_proves(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.steering.stop(batch_id, ADA)
    await ledger.claims.record_job(job, {1: NOT_SENT, 2: APPLIED, 3: REJECTED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["cancelled", "applied", "rejected"]
    assert (await ledger.queries.batch(batch_id, None)).state is BatchState.STOPPED


async def test_a_known_job_survives_a_restart_and_is_followed_up(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    batch_id, _, job = await _accepted(ledger)
    await ledger.close()
    ledger = await Ledger.open(path, clock)
    assert await ledger.claims.mark_interrupted() == Interrupted(0, 0)
    assert await states(ledger, batch_id) == ["sending"] * 3
    assert await ledger.claims.jobs() == [job]
    await ledger.close()


async def test_a_decision_by_hand_is_not_taken_back_by_a_late_answer_but_noted(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.give_up_waiting(job, "too long")
    await ledger.steering.resolve([1], Decision.WRITE_OFF, ADA, reason="support says lost")
    await ledger.steering.resolve([2], Decision.LANDED, ADA, reason="seen")
    (left,) = await ledger.claims.jobs()
    assert [item.award_id for item in left.items] == [3]
    await ledger.claims.record_job(left, {1: APPLIED, 2: APPLIED, 3: APPLIED}, finished=True, detail=None)
    assert await states(ledger, batch_id) == ["written-off", "applied", "applied"]
    late = [
        (event.award_id, event.detail) for event in await ledger.queries.events(batch_id) if event.kind == "late-answer"
    ]
    assert late == [(1, {"attempt": job.attempt_id, "state": "applied"})]
    assert (await attempts_of(ledger, batch_id))[0].verdict == "mixed"


async def test_an_old_job_does_not_touch_an_award_that_was_sent_again(ledger: Ledger):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.give_up_waiting(job, "too long")
    await ledger.steering.resolve([1], Decision.SEND_AGAIN, ADA, reason="never arrived")
    again = await claim(ledger, batch_id)
    assert [item.award_id for item in again.items] == [1]
    (old,) = await ledger.claims.jobs()
    assert [item.award_id for item in old.items] == [2, 3]
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), REJECTED), finished=True, detail=None)
    assert await states(ledger, batch_id) == ["sending", "rejected", "rejected"]
    await ledger.claims.record_outcome(again, all_of(again, OutcomeKind.ACCEPTED, job_id="job-2"))
    (second,) = await ledger.claims.jobs()
    assert (second.job_id, [item.award_id for item in second.items]) == ("job-2", [1])


async def test_a_job_is_asked_about_no_more_once_every_award_is_decided(ledger: Ledger, clock: HandClock):
    batch_id, _, job = await _accepted(ledger)
    await ledger.claims.give_up_waiting(job, "too long")
    await ledger.steering.resolve([1, 2, 3], Decision.LANDED, ADA, reason="seen")
    assert await ledger.claims.jobs() == []
    (attempt,) = await attempts_of(ledger, batch_id)
    assert (attempt.state, attempt.verdict, attempt.closed_at) == ("closed", "decided", clock.ms)
    await ledger.claims.record_job(job, dict.fromkeys((1, 2, 3), REJECTED), finished=True, detail=None)
    assert await states(ledger, batch_id) == ["applied"] * 3


async def test_an_answer_about_awards_that_are_not_the_jobs_is_ignored(ledger: Ledger):
    other = await batch_of(ledger, 1)
    batch_id, _, job = await _accepted(ledger)
    ids = [item.award_id for item in job.items]
    await ledger.claims.record_job(job, {1: APPLIED, 99: APPLIED, ids[0]: APPLIED}, finished=True, detail=None)
    assert await states(ledger, other) == ["planned"]
    assert await states(ledger, batch_id) == ["applied", "unknown", "unknown"]
    assert "late-answer" not in await kinds(ledger, batch_id)
