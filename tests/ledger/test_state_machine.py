"""The ledger against a model: whatever is done in whatever order, nothing is lost, doubled, or in two places at once.

The model knows the promise and not the SQL. After every step the whole file is compared with it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from bot.domain.budgets import Period
from bot.domain.calls import Outcome, OutcomeKind, Verdict
from bot.domain.model import NOTHING_TAKEN, Actor, Decision, Destination, Pause, PauseKind, Taken
from bot.domain.states import AwardState
from bot.errors import ApprovalNeeded, BursarError, LedgerError, LimitExceeded, Refused
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded
from bot.ledger.verifying import verify
from tests.ledger.ledger_model import LIVE, Model, ModelAward
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    GAMEBALL,
    MEMBERS,
    HandClock,
    agreed,
    awards,
    build,
    confirmation,
    draft,
    new_draft,
    next_call,
    query,
    record_again,
    row,
)
from tests.ledger.spending_model import Expect, Request

pytestmark = pytest.mark.no_cover

T = TypeVar("T")
DESTINATIONS = (CREDENTIALS, MEMBERS, GAMEBALL)
ENDS = {Decision.LANDED: "applied", Decision.SEND_AGAIN: "planned", Decision.WRITE_OFF: "written-off"}
BUDGETS = st.sampled_from([None, 60, 300])
THRESHOLDS = st.sampled_from([(None, None), (25, None), (None, 2), (90, 5)])
"""Of a sum, and of awards."""
KINDS = st.sampled_from([OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN])
NEXT = {
    OutcomeKind.APPLIED: "applied",
    OutcomeKind.REJECTED: "rejected",
    OutcomeKind.NOT_SENT: "planned",
    OutcomeKind.UNKNOWN: "unknown",
    OutcomeKind.ACCEPTED: "sending",
}


class LedgerMachine(RuleBasedStateMachine):
    """People, the dispatcher and crashes, one step at a time."""

    batches = Bundle("batches")
    calls = Bundle("calls")
    jobs = Bundle("jobs")
    requests = Bundle("requests")

    @initialize(budget=BUDGETS, thresholds=THRESHOLDS)
    def open_the_ledger(self, budget: int | None, thresholds: tuple[int | None, int | None]) -> None:
        self.runner = asyncio.Runner()
        # where tests/conftest.py lets pytest make its folders
        self.directory = tempfile.TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
        self.path = Path(self.directory.name) / "bursar.db"
        self.clock = HandClock()
        self.model = Model()
        self.ledger = self.run(Ledger.open(self.path, self.clock))
        self.set_budget(budget)
        self.set_thresholds(thresholds)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.run(verify(self.ledger.database)).bad is None
            self.run(self.ledger.close())
            self.directory.cleanup()
            self.runner.close()

    def run(self, step: Awaitable[T]) -> T:
        async def one() -> T:
            return await step

        return self.runner.run(one())

    # --- recording ----------------------------------------------------------------------------------------------

    @rule(
        target=batches,
        people=st.lists(
            st.tuples(st.integers(1, 5), st.sampled_from([5, -3, 40]), st.booleans()), min_size=1, max_size=6
        ),
        to=st.sampled_from(DESTINATIONS),
    )
    def record(self, people: list[tuple[int, int, bool]], to: Destination) -> object:
        staged = [
            row(line, who, amount, **({"target": None, "unresolved": "nobody"} if who == 5 and lost else {}))
            for line, (who, amount, lost) in enumerate(people, start=2)
        ]
        return self._recorded(staged, to)

    @rule(target=batches, batch=batches)
    def retry(self, batch: int) -> object:
        taken = {award.continues for award in self.model.awards.values()}
        rejected = [
            (number, award)
            for number, award in self.model.awards.items()
            if award.batch == batch and award.state == "rejected"
        ]
        free = [(number, award) for number, award in rejected if number not in taken]
        if not free or batch in self.model.undos:
            return multiple()
        to = next(one for one in DESTINATIONS if one.account == free[0][1].account)
        staged = [
            row(line, int(award.key.rpartition(":")[2]) - 10**17, award.amount, continues=number)
            for line, (number, award) in enumerate(free, start=2)
        ]
        return self._recorded(staged, to)

    @rule(batch=batches)
    def continue_what_is_live(self, batch: int) -> None:
        live = [number for number, award in self.model.awards.items() if award.batch == batch and award.state in LIVE]
        if live:
            ready = self.run(draft(self.ledger, [row(2, 1, 5, continues=live[0])]))
            with pytest.raises(Refused):
                self.run(record_again(self.ledger, ready))

    @rule(target=batches, batch=batches)
    def undo(self, batch: int) -> object:
        wanted = self.model.to_take_back(batch)
        if wanted is None:
            with pytest.raises(Refused):
                self._undo_of(batch)
            return multiple()
        first, second = (self._undo_of(batch) for _ in range(2))
        needs_leave = self.model.spending.undo_needs_leave([self.model.awards[one].amount for one in wanted])
        if not wanted or self.model.halted or needs_leave:
            with pytest.raises(Refused):
                self.run(self.ledger.recording.record_batch(first.id, confirmation(first)))
            return multiple()
        recorded = self.run(self.ledger.recording.record_batch(first.id, confirmation(first)))
        with pytest.raises(Refused):
            self.run(self.ledger.recording.record_batch(second.id, confirmation(second)))
        assert recorded.awards == len(wanted)
        for number, of in enumerate(wanted, start=max(self.model.awards) + 1):
            taken = self.model.awards[of]
            self.model.awards[number] = ModelAward(
                recorded.batch_id, taken.account, taken.key, -taken.amount, "planned", reverses=of
            )
        self.model.batches[recorded.batch_id] = "open"
        self.model.recorded_at[recorded.batch_id] = self.clock.ms
        self.model.undos.add(recorded.batch_id)
        return recorded.batch_id

    def _undo_of(self, batch: int) -> Draft:
        to = next(one for one in DESTINATIONS if one.account == self.model.of(batch)[0].account)
        draft_id = self.run(self.ledger.drafts.create(new_draft(destination=to, source="undo", parent_id=batch)))
        self.run(self.ledger.drafts.stage_undo(draft_id, batch))
        return self.run(self.ledger.drafts.finish(draft_id, refused=False, summary={}))

    def _recorded(self, staged: list, to: Destination) -> object:
        ready = self.run(draft(self.ledger, staged, destination=to))
        batch = self._try(ready, staged, to, has_leave=False)
        return multiple() if batch is None else batch

    def _try(self, ready: Draft, staged: list, to: Destination, *, has_leave: bool) -> int | None:
        """Record a draft; the batch where one had to come of it."""
        expected = self.model.spending.expect(staged, to.account, self.model.paid(), self.clock.ms)
        if has_leave:
            expected = {Expect.RECORDED if one is Expect.NEEDS_LEAVE else one for one in expected}
        try:
            recorded = self.run(record_again(self.ledger, ready))
        except Refused as refused:
            kinds = {LimitExceeded: Expect.OVER_BUDGET, ApprovalNeeded: Expect.NEEDS_LEAVE}
            assert self.model.halted or kinds[type(refused)] in expected
            return None
        assert not self.model.halted
        assert Expect.RECORDED in expected
        self._note(recorded, staged, to)
        return recorded.batch_id

    def _note(self, recorded: Recorded, staged: list, to: Destination) -> None:
        first = max(self.model.awards, default=0) + 1
        for number, one in enumerate(staged, start=first):
            state = "planned" if one.unresolved is None else "rejected"
            self.model.awards[number] = ModelAward(
                recorded.batch_id, to.account, one.recipient.key, one.amount, state, continues=one.continues
            )
        self.model.batches[recorded.batch_id] = "open"
        self.model.recorded_at[recorded.batch_id] = self.clock.ms

    # --- budgets and second persons -----------------------------------------------------------------------------

    @rule(amount=BUDGETS)
    def set_budget(self, amount: int | None) -> None:
        written = None if amount is None else str(amount)
        self.run(self.ledger.budgets.change("900", "user:11", {Period.DAY: written}, BOB))
        self.model.spending.budget = amount

    @rule(thresholds=THRESHOLDS)
    def set_thresholds(self, thresholds: tuple[int | None, int | None]) -> None:
        most, rows = thresholds
        written = None if most is None else str(most)
        self.run(self.ledger.settings.change("900", "approve_amount", written, BOB))
        self.run(self.ledger.settings.change("900", "approve_rows", rows, BOB))
        self.model.spending.most, self.model.spending.rows = most, rows

    @rule(minutes=st.sampled_from([30, 60, 12 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.clock.at += minutes * 60

    @rule(
        target=requests,
        number=st.integers(3, 6),
        to=st.sampled_from(DESTINATIONS),
        answer=st.sampled_from([True, False, None]),
    )
    def ask(self, number: int, to: Destination, answer: bool | None) -> object:
        """Ask for leave, which is given or refused at once, or later."""
        staged = [row(line, line, 10) for line in range(2, 2 + number)]
        ready = self.run(draft(self.ledger, staged, destination=to))
        confirmed = self.run(agreed(self.ledger, ready))
        expected = self.model.spending.expect(staged, to.account, self.model.paid(), self.clock.ms)
        try:
            approval = self.run(self.ledger.approvals.ask(ready.id, confirmed))
        except Refused:
            assert self.model.halted or expected != {Expect.NEEDS_LEAVE}
            return multiple()
        assert not self.model.halted
        assert Expect.NEEDS_LEAVE in expected
        request = Request(approval.id, ready, staged, to, confirmed.matches_seen, self.clock.ms)
        self.model.spending.requests[approval.id] = request
        with pytest.raises(ApprovalNeeded):
            self.run(self.ledger.recording.record_batch(ready.id, confirmed))
        if answer is not None:
            self.decide(approval.id, BOB, answer)
        return approval.id

    @rule(request=requests, who=st.sampled_from([ADA, BOB]), approve=st.booleans())
    def decide(self, request: int, who: Actor, approve: bool) -> None:
        of = self.model.spending.requests[request]
        decided = self.ledger.approvals.decide(request, who, approve=approve)
        if of.state != "asked":
            assert not self.run(decided).changed
        elif (approve and who is ADA) or of.is_over(self.clock.ms) or of.recorded:
            with pytest.raises(BursarError):
                self.run(decided)
        else:
            assert self.run(decided).changed
            of.state = "approved" if approve else "refused"

    @rule(target=batches, request=requests)
    def send_what_was_asked_for(self, request: int) -> object:
        of = self.model.spending.requests[request]
        if of.recorded or of.is_over(self.clock.ms):
            with pytest.raises(BursarError):
                self.run(record_again(self.ledger, of.draft))
            return multiple()
        mark = self.run(agreed(self.ledger, of.draft)).matches_seen
        has_leave = of.state == "approved" and mark == of.mark
        batch = self._try(of.draft, of.staged, of.to, has_leave=has_leave)
        if batch is None:
            return multiple()
        of.recorded = True
        if self.run(self.ledger.approvals.of_batch(batch)) is not None:
            assert has_leave, "leave that nobody gave, or for something else"
            of.state = "used"
            self.model.with_leave.add(batch)
        return batch

    # --- the dispatcher -----------------------------------------------------------------------------------------

    @rule(target=calls, batch=batches, limit=st.integers(1, 4))
    def claim(self, batch: int, limit: int) -> object:
        claimed = self.run(next_call(self.ledger, batch, limit, build))
        if claimed is None:
            assert not self.model.claimable(batch)
            return multiple()
        assert self.model.batches[batch] == "open"
        assert 0 < len(claimed.items) <= limit
        assert len({item.target for item in claimed.items}) == len(claimed.items)
        held_back = self.model.doubts() | self.model.under_way()
        for item in claimed.items:
            award = self.model.awards[item.award_id]
            assert (award.state, award.batch, award.amount, award.key) == (
                "planned",
                batch,
                item.amount,
                item.recipient.key,
            )
            assert (award.account, award.key) not in held_back
            award.state, award.attempt, award.attempts = "sending", claimed.attempt_id, award.attempts + 1
        self.model.calls[claimed.attempt_id] = claimed
        return claimed.attempt_id

    @rule(call=consumes(calls), kinds=st.lists(KINDS, min_size=6, max_size=6), pause=st.booleans())
    def answer(self, call: int, kinds: list[OutcomeKind], pause: bool) -> None:
        claimed = self.model.calls.pop(call, None)
        if claimed is None:
            return  # a crash took it
        outcomes = {
            item.award_id: Outcome(kind, kind.value, 7) for item, kind in zip(claimed.items, kinds, strict=False)
        }
        reason = Pause(PauseKind.KEY, "key") if pause else None
        self.run(self.ledger.claims.record_outcome(claimed, Verdict(outcomes, pause=reason)))
        self._told({number: outcome.kind for number, outcome in outcomes.items()}, claimed.batch_id)
        if pause and self.model.batches[claimed.batch_id] == "open":
            self.model.batches[claimed.batch_id] = "paused"
        with pytest.raises(LedgerError):
            self.run(self.ledger.claims.record_outcome(claimed, Verdict(outcomes)))

    @rule(call=consumes(calls), at_fault=st.integers(0, 3), split=st.booleans())
    def refuse_whole(self, call: int, at_fault: int, split: bool) -> None:
        claimed = self.model.calls.pop(call, None)
        if claimed is None:
            return
        ids = [item.award_id for item in claimed.items]
        bad = ids if len(ids) == 1 else ids[:at_fault]
        outcome = Outcome(OutcomeKind.REJECTED, "refused")
        verdict = Verdict(dict.fromkeys(ids, outcome), refused_whole=True)
        self.run(self.ledger.claims.record_outcome(claimed, verdict, rejected=dict.fromkeys(bad, "bad"), split=split))
        told = {number: OutcomeKind.REJECTED if number in bad else OutcomeKind.NOT_SENT for number in ids}
        self._told(told, claimed.batch_id)

    @rule(target=jobs, call=consumes(calls))
    def accept(self, call: int) -> object:
        claimed = self.model.calls.pop(call, None)
        if claimed is None:
            return multiple()
        ids = [item.award_id for item in claimed.items]
        verdict = Verdict(dict.fromkeys(ids, Outcome(OutcomeKind.ACCEPTED)), job_id=f"job-{call}")
        self.run(self.ledger.claims.record_outcome(claimed, verdict))
        self.model.jobs[call] = ids
        return call

    @rule(attempt=jobs, kinds=st.lists(st.none() | KINDS, min_size=6, max_size=6), finished=st.booleans())
    def report(self, attempt: int, kinds: list[OutcomeKind | None], finished: bool) -> None:
        job = next((one for one in self.run(self.ledger.claims.jobs()) if one.attempt_id == attempt), None)
        if attempt not in self.model.jobs:
            assert job is None
            return
        assert job is not None
        assert [item.award_id for item in job.items] == self.model.open_awards(attempt)
        named = dict(zip(self.model.jobs[attempt], kinds, strict=False))
        told = {number: Outcome(kind, "told") for number, kind in named.items() if kind is not None}
        self.run(self.ledger.claims.record_job(job, told, finished=finished, detail=None))
        still = self.model.open_awards(attempt)
        moves = {number: told[number].kind for number in still if number in told}
        if finished:
            moves = {number: moves.get(number, OutcomeKind.UNKNOWN) for number in still}
            del self.model.jobs[attempt]
        self._told(moves, job.batch_id)
        self._forget_decided_jobs(told)

    @rule(attempt=jobs)
    def give_up(self, attempt: int) -> None:
        for job in self.run(self.ledger.claims.jobs()):
            if job.attempt_id == attempt:
                self.run(self.ledger.claims.give_up_waiting(job, "too long"))
                for number in self.model.open_awards(attempt):
                    self.model.awards[number].state = "unknown"

    @rule(batch=batches)
    def finish(self, batch: int) -> None:
        finished = self.run(self.ledger.claims.finish_if_done(batch))
        done = not any(award.state in ("planned", "sending") for award in self.model.of(batch))
        if done and self.model.batches[batch] in ("open", "paused"):
            self.model.batches[batch] = "finished"
        assert finished is (self.model.batches[batch] == "finished")

    def _told(self, kinds: dict[int, OutcomeKind], batch: int) -> None:
        for number, kind in kinds.items():
            self.model.awards[number].state = NEXT[kind]
        if OutcomeKind.NOT_SENT in kinds.values():
            self.model.settle(batch)

    def _forget_decided_jobs(self, numbers: object) -> None:
        """A job that told everything without saying that it is over stays listed only while it has open awards."""
        for attempt in [one for one in self.model.jobs if not self.model.open_awards(one)]:
            del self.model.jobs[attempt]

    # --- people -------------------------------------------------------------------------------------------------

    @rule(batch=batches, button=st.sampled_from(["pause", "resume", "stop"]))
    def press(self, batch: int, button: str) -> None:
        state = self.model.batches[batch]
        wanted = {"pause": "paused", "resume": "open", "stop": "stopped"}[button]
        pressed = {
            "pause": lambda: self.ledger.steering.pause(batch, ADA, Pause(PauseKind.PERSON, "")),
            "resume": lambda: self.ledger.steering.resume(batch, ADA),
            "stop": lambda: self.ledger.steering.stop(batch, ADA),
        }[button]
        in_doubt = any(award.state in ("unknown", "sending") for award in self.model.of(batch))
        stoppable = button == "stop" and state == "finished" and in_doubt
        if state in ("stopped", "finished") and state != wanted and not stoppable:
            with pytest.raises(Refused):
                self.run(pressed())
            return
        if button == "resume" and state == "paused" and self.model.halted:
            with pytest.raises(Refused):
                self.run(pressed())
            return
        assert self.run(pressed()).changed is (state != wanted)
        self.model.batches[batch] = wanted
        self.model.settle(batch)

    @rule(pick=st.lists(st.integers(0, 40), min_size=1, max_size=4), decision=st.sampled_from(Decision))
    def resolve(self, pick: list[int], decision: Decision) -> None:
        ids = sorted({number % len(self.model.awards) + 1 for number in pick}) if self.model.awards else []
        doubts = [number for number in ids if self.model.awards[number].state == "unknown"]
        stopped = any(self.model.batches[self.model.awards[number].batch] == "stopped" for number in doubts)
        if decision is Decision.SEND_AGAIN and stopped:
            with pytest.raises(Refused):
                self.run(self.ledger.steering.resolve(ids, decision, ADA, reason="r"))
            return
        steered = self.run(self.ledger.steering.resolve(ids, decision, ADA, reason="r"))
        assert (steered.changed, steered.awards) == (bool(doubts), len(doubts))
        for number in doubts:
            self.model.awards[number].state = ENDS[decision]
            if decision is Decision.SEND_AGAIN:
                self.model.settle(self.model.awards[number].batch)
        self._forget_decided_jobs(doubts)

    @rule()
    def stop_everything(self) -> None:
        assert self.run(self.ledger.halts.stop("900", ADA, "r")).changed is not self.model.halted
        if not self.model.halted:
            now = self.model.batches
            self.model.batches = {batch: "paused" if state == "open" else state for batch, state in now.items()}
        self.model.halted = True

    @rule()
    def release(self) -> None:
        assert self.run(self.ledger.halts.release("900", ADA, "r")).changed is self.model.halted
        self.model.halted = False

    # --- power cuts ---------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.awards)
    @rule()
    def crash(self) -> None:
        self.run(self.ledger.close())
        self.ledger = self.run(Ledger.open(self.path, self.clock))
        found = self.run(self.ledger.claims.mark_interrupted())
        assert found.attempts == len(self.model.calls)
        for claimed in self.model.calls.values():
            for item in claimed.items:
                self.model.awards[item.award_id].state = "unknown"
        self.model.calls.clear()

    # --- always -------------------------------------------------------------------------------------------------

    @invariant()
    def the_file_agrees_with_the_model(self) -> None:
        if not hasattr(self, "ledger"):
            return
        stored = self.run(awards(self.ledger))
        told = {one.id: (one.batch_id, one.amount, one.state.value, one.attempts, one.attempt_id) for one in stored}
        assert told == {
            number: (one.batch, one.amount, one.state, one.attempts, one.attempt)
            for number, one in self.model.awards.items()
        }
        states = dict(query(self.path, "SELECT id, state FROM batches"))
        assert states == self.model.batches

    @invariant()
    def nothing_is_lost_or_in_two_places(self) -> None:
        if not hasattr(self, "ledger"):
            return
        totals = query(
            self.path, "SELECT b.total - sum(a.amount) FROM batches b JOIN awards a ON a.batch_id = b.id GROUP BY b.id"
        )
        assert all(difference == 0 for (difference,) in totals)
        under_way = [item.award_id for claimed in self.model.calls.values() for item in claimed.items]
        assert len(under_way) == len(set(under_way))
        for award in self.model.awards.values():
            if self.model.batches[award.batch] == "stopped":
                assert award.state != "planned"
            if self.model.batches[award.batch] == "finished":
                assert award.state not in ("planned", "sending")
            if award.continues is not None and award.state in LIVE:
                assert self.model.awards[award.continues].state not in LIVE
        kept = [one.reverses for one in self.model.awards.values() if one.state not in ("rejected", "cancelled")]
        taken_back = [number for number in kept if number is not None]
        assert len(taken_back) == len(set(taken_back))
        assert all(self.model.awards[number].state == "applied" for number in taken_back)

    @invariant()
    def nobody_gave_leave_to_themselves_or_twice(self) -> None:
        if not hasattr(self, "ledger"):
            return
        found = query(self.path, "SELECT id, state, decided_by_id, batch_id FROM approvals WHERE state <> 'replaced'")
        given = [one for one in found if one[1] in ("approved", "used")]
        assert all(decided_by == BOB.id for _, _, decided_by, _ in given)
        assert {number: state for number, state, _, _ in found} == {
            number: one.state for number, one in self.model.spending.requests.items()
        }
        assert {batch for _, _, _, batch in found if batch is not None} == self.model.with_leave

    @invariant()
    def what_is_tallied_is_what_a_count_of_everything_says(self) -> None:
        if not hasattr(self, "ledger"):
            return
        for batch in self.model.batches:
            tally = self.run(self.ledger.queries.tally(batch))
            own = self.model.of(batch)
            for state in AwardState:
                amounts = [one.amount for one in own if one.state == state.value]
                assert getattr(tally.counts, state.value.replace("-", "_")) == len(amounts)
                assert tally.sums.get(state, 0) == sum(amounts)
                taken = [-amount for amount in amounts if amount < 0]
                assert tally.taken.get(state, NOTHING_TAKEN) == Taken(len(taken), sum(taken))


LedgerMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


TestLedgerMachine = LedgerMachine.TestCase
