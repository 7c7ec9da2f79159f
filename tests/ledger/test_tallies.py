"""Counts that are kept between questions: only what moved is counted again, in however many parts a batch is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.model import Counts, Decision, Taken
from bot.ledger import _tallies
from bot.ledger.ledger import Ledger
from tests.ledger.making import ADA, MEMBERS, batch_of, call, claim, each_of, in_doubt, query, record, rows


@pytest.mark.parametrize("kept", [1, 100])
async def test_every_move_is_seen_in_every_part_of_a_batch(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(_tallies, "PART", 3)
    monkeypatch.setattr(_tallies, "KEPT", kept)
    mixed = [row._replace(amount=-row.amount if number % 3 else row.amount) for number, row in enumerate(rows(10))]
    one, other = (await record(ledger, mixed)).batch_id, await batch_of(ledger, 4, destination=MEMBERS)
    kinds = [OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT]
    await _agree(ledger, path, one, other)
    for number, batch_id in enumerate((one, other, one, one)):
        claimed = await claim(ledger, batch_id, 4)
        await _agree(ledger, path, one, other)
        outcomes = [Outcome(kinds[(place + number) % 4], "as told") for place in range(len(claimed.items))]
        await ledger.claims.record_outcome(claimed, each_of(claimed, outcomes))
        await _agree(ledger, path, one, other)
    doubts = await in_doubt(ledger, one)
    await ledger.steering.resolve(doubts[:1], Decision.WRITE_OFF, ADA, reason="r")
    await _agree(ledger, path, one, other)
    await ledger.steering.stop(one, ADA)
    await _agree(ledger, path, one, other)
    assert await ledger.queries.counts(99) == Counts() and await ledger.queries.sums(99) == {}


async def test_a_question_about_what_did_not_change_counts_nothing_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = await batch_of(ledger, 5)
    before = await ledger.queries.tally(batch_id)
    monkeypatch.setattr(_tallies, "_counted", None)  # whoever counted everything again would fail
    assert await ledger.queries.tally(batch_id) == before
    await call(ledger, batch_id, OutcomeKind.APPLIED, 2)
    assert await ledger.queries.counts(batch_id) == Counts(planned=3, applied=2)


async def _agree(ledger: Ledger, path: Path, *batch_ids: int) -> None:
    for batch_id in batch_ids:
        rows = query(path, "SELECT state, count(*), sum(amount) FROM awards WHERE batch_id = ? GROUP BY 1", batch_id)
        tally = await ledger.queries.tally(batch_id)
        assert tally.counts == Counts(**{str(state).replace("-", "_"): number for state, number, _ in rows})  # type: ignore[arg-type] # a count
        assert {state.value: amount for state, amount in tally.sums.items()} == {state: sum_ for state, _, sum_ in rows}
        deductions = "SELECT state, count(*), -sum(amount) FROM awards WHERE batch_id = ? AND amount < 0 GROUP BY 1"
        taken = {state: Taken(number, sum_) for state, number, sum_ in query(path, deductions, batch_id)}
        assert {state.value: one for state, one in tally.taken.items()} == taken
