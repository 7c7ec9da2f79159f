"""Taking awards back: only what landed, at most once, never a second time through another door."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.drafting import TakenBack
from bot.domain.model import Actor, Decision
from bot.errors import Refused
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded, StaleMatches
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    GAMEBALL,
    HandClock,
    awards,
    call,
    claim,
    confirmation,
    draft,
    each_of,
    new_draft,
    query,
    record,
    row,
    rows,
    states,
)


async def landed(ledger: Ledger, number: int = 3, **more: object) -> int:
    """A finished batch of which everything was paid."""
    batch_id = (await record(ledger, rows(number), **more)).batch_id  # type: ignore[arg-type] # test shorthand
    await call(ledger, batch_id, OutcomeKind.APPLIED)
    assert await ledger.claims.finish_if_done(batch_id)
    return batch_id


async def undo_of(ledger: Ledger, batch_id: int, actor: Actor = ADA, **more: object) -> tuple[Draft, TakenBack]:
    """The draft of an undo, ready to be confirmed."""
    draft_id = await ledger.drafts.create(new_draft(actor, source="undo", parent_id=batch_id, **more))  # type: ignore[arg-type]  # test shorthand
    found = await ledger.drafts.stage_undo(draft_id, batch_id)
    return await ledger.drafts.finish(draft_id, refused=False, summary={}), found


async def undone(ledger: Ledger, batch_id: int, outcome: OutcomeKind = OutcomeKind.APPLIED) -> int:
    """The batch of an undo that came to its end."""
    ready, _ = await undo_of(ledger, batch_id)
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready))
    await call(ledger, recorded.batch_id, outcome)
    await ledger.claims.finish_if_done(recorded.batch_id)
    return recorded.batch_id


async def cannot_be_taken_back_again(ledger: Ledger) -> None:
    """The database itself refuses a second award that takes the first one back."""
    copy = (
        "INSERT INTO awards (batch_id, line, recipient_type, recipient_value, key, target, amount, reverses, state,"
        " changed_at) SELECT batch_id, 9, recipient_type, recipient_value, key, target, amount, reverses, 'planned', 1"
        " FROM awards WHERE reverses = 1"
    )
    with pytest.raises(sqlite3.IntegrityError, match=r"awards\.reverses"):
        await ledger.database.write(lambda connection: connection.execute(copy).rowcount)


async def test_an_undo_is_the_opposite_of_every_award_that_landed_and_names_it(ledger: Ledger, path: Path):
    batch_id = (
        await record(ledger, [row(2, 1, 10), row(3, 2, -4), row(4, 3, 7, target=None, unresolved="gone")])
    ).batch_id
    await call(ledger, batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(batch_id)
    ready, found = await undo_of(ledger, batch_id)
    assert found == TakenBack(staged=2, before=0, unsure=0, never_landed=1)
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert (recorded.awards, recorded.total) == (2, -6)
    sql = "SELECT amount, reverses, target = (SELECT target FROM awards o WHERE o.id = a.reverses) FROM awards a"
    assert query(path, f"{sql} WHERE batch_id = ? ORDER BY id", recorded.batch_id) == [(-10, 1, 1), (4, 2, 1)]
    assert (await ledger.queries.batch(recorded.batch_id, None)).parent_id == batch_id
    assert [award.reverses for award in await awards(ledger, recorded.batch_id)] == [1, 2]


async def test_of_two_undos_at_once_one_wins_and_the_other_reads_who(ledger: Ledger, path: Path):
    batch_id = await landed(ledger)
    drafts = [(await undo_of(ledger, batch_id, actor))[0] for actor in (ADA, BOB)]
    results = await asyncio.gather(
        *(ledger.recording.record_batch(one.id, confirmation(one, one.actor)) for one in drafts),
        return_exceptions=True,
    )
    (won,) = [one for one in results if isinstance(one, Recorded)]
    (lost,) = [one for one in results if isinstance(one, Refused)]
    name = (await ledger.queries.batch(won.batch_id, None)).actor.name
    assert f"{name} took awards of batch {batch_id} back already" in lost.message
    assert f"in batch {won.batch_id}" in lost.message
    assert query(path, "SELECT count(*) FROM awards WHERE reverses IS NOT NULL") == [(3,)]


async def test_the_database_itself_lets_an_award_be_taken_back_once(ledger: Ledger):
    batch_id = await landed(ledger, 1)
    await undone(ledger, batch_id)
    await cannot_be_taken_back_again(ledger)


@pytest.mark.parametrize("amount", [-11, 10], ids=["more than landed", "the same sign"])
async def test_the_database_itself_refuses_what_is_no_opposite(ledger: Ledger, amount: int):
    await landed(ledger, 1)
    copy = (
        "INSERT INTO awards (batch_id, line, recipient_type, recipient_value, key, target, amount, reverses, state,"
        " changed_at) SELECT batch_id, 9, recipient_type, recipient_value, key, target, ?, 1, 'planned', 1"
        " FROM awards WHERE id = 1"
    )
    with pytest.raises(sqlite3.IntegrityError, match="cannot be taken back"):
        await ledger.database.write(lambda connection: connection.execute(copy, (amount,)).rowcount)


async def test_an_undo_is_never_undone(ledger: Ledger):
    batch_id = await undone(ledger, await landed(ledger))
    draft_id = await ledger.drafts.create(new_draft(source="undo", parent_id=batch_id))
    with pytest.raises(Refused, match=f"batch {batch_id} took points back itself"):
        await ledger.drafts.stage_undo(draft_id, batch_id)


async def test_a_refused_reversal_stays_refused_and_leaves_room_for_one_more_undo(ledger: Ledger):
    batch_id = await landed(ledger)
    first = await undone(ledger, batch_id, OutcomeKind.REJECTED)
    assert await states(ledger, first) == ["rejected"] * 3
    _, found = await undo_of(ledger, batch_id)
    assert found == TakenBack(staged=3, before=0, unsure=0, never_landed=0)
    second = await undone(ledger, batch_id)
    assert await states(ledger, second) == ["applied"] * 3
    _, found = await undo_of(ledger, batch_id)
    assert found == TakenBack(staged=0, before=3, unsure=0, never_landed=0)


async def test_a_refused_reversal_cannot_be_sent_again_as_a_plain_award(ledger: Ledger):
    undo = await undone(ledger, await landed(ledger, 1), OutcomeKind.REJECTED)
    (reversal,) = await awards(ledger, undo)
    ready = await draft(ledger, [row(2, 1, -10, continues=reversal.id)])
    with pytest.raises(Refused, match="continues an award that took"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_a_batch_that_is_not_over_or_in_doubt_is_not_undone(ledger: Ledger):
    batch_id = (await record(ledger, rows(2))).batch_id
    draft_id = await ledger.drafts.create(new_draft(source="undo", parent_id=batch_id))
    with pytest.raises(Refused, match=f"batch {batch_id} is not over"):
        await ledger.drafts.stage_undo(draft_id, batch_id)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, 1)
    await call(ledger, batch_id, OutcomeKind.APPLIED, 1)
    await ledger.claims.finish_if_done(batch_id)
    with pytest.raises(Refused, match=r"1 award of batch .* is in doubt"):
        await ledger.drafts.stage_undo(draft_id, batch_id)
    await ledger.steering.resolve([1], Decision.WRITE_OFF, ADA, reason="gone")
    _, found = await undo_of(ledger, batch_id)
    assert found == TakenBack(staged=1, before=0, unsure=0, never_landed=0, written_off=1)


async def test_a_gameball_deduction_is_left_alone_since_nobody_knows_what_it_took(ledger: Ledger):
    batch_id = (await record(ledger, [row(2, 1, 10), row(3, 2, -5)], destination=GAMEBALL)).batch_id
    await call(ledger, batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(batch_id)
    _, found = await undo_of(ledger, batch_id, destination=GAMEBALL)
    assert found == TakenBack(staged=1, before=0, unsure=1, never_landed=0, may_take_less=True)


@pytest.mark.parametrize(
    ("overdraft", "balance", "given_back"),
    [
        (None, None, True),
        ("refused-whole", 0, True),
        ("allowed", -3, True),
        ("capped", None, False),
        ("capped", 0, False),
        ("capped", 7, True),
    ],
)
async def test_a_deduction_that_a_probed_service_may_have_cut_is_not_given_back(
    ledger: Ledger, overdraft: str | None, balance: int | None, given_back: bool
):
    if overdraft is not None:
        await ledger.capabilities.store(CREDENTIALS.account, CREDENTIALS.kind, "overdraft", overdraft, {})
    batch_id = (await record(ledger, [row(2, 1, -10)])).batch_id
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, each_of(claimed, [Outcome(OutcomeKind.APPLIED, None, balance)]))
    await ledger.claims.finish_if_done(batch_id)
    _, found = await undo_of(ledger, batch_id)
    assert (found.staged, found.unsure) == (int(given_back), int(not given_back))


async def test_a_reversal_in_doubt_that_was_written_off_leaves_no_room_for_another(ledger: Ledger):
    batch_id = await landed(ledger, 1)
    undo = await undone(ledger, batch_id, OutcomeKind.UNKNOWN)
    (reversal,) = await awards(ledger, undo)
    await ledger.steering.resolve([reversal.id], Decision.WRITE_OFF, ADA, reason="too old to tell")
    _, found = await undo_of(ledger, batch_id)
    assert found == TakenBack(staged=0, before=1, unsure=0, never_landed=0)
    await cannot_be_taken_back_again(ledger)
    ready = await draft(ledger, rows(1))
    assert (await ledger.drafts.matches(ready.id)).rows == 1


# --- paying twice by habit ------------------------------------------------------------------------------------------


async def test_habit_never_blocks_an_undo(ledger: Ledger):
    batch_id = await landed(ledger)
    deduction = await record(ledger, rows(3, amount=-10))
    await call(ledger, deduction.batch_id, OutcomeKind.APPLIED)
    ready, _ = await undo_of(ledger, batch_id)
    assert (await ledger.drafts.matches(ready.id)).rows == 0
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready))).awards == 3


async def test_what_was_taken_back_may_be_paid_again_without_a_question(ledger: Ledger):
    batch_id = await landed(ledger)
    ready = await draft(ledger, rows(3))
    assert (await ledger.drafts.matches(ready.id)).rows == 3
    await undone(ledger, batch_id)
    assert (await ledger.drafts.matches(ready.id)).rows == 0
    again = await ledger.recording.record_batch(ready.id, confirmation(ready))
    other = await draft(ledger, rows(3))
    with pytest.raises(StaleMatches):
        await ledger.recording.record_batch(other.id, confirmation(other))
    assert again.awards == 3


@pytest.mark.parametrize("outcome", [None, OutcomeKind.UNKNOWN, OutcomeKind.REJECTED])
async def test_until_a_reversal_landed_the_award_counts_as_paid(ledger: Ledger, outcome: OutcomeKind | None):
    batch_id = await landed(ledger)
    undo, _ = await undo_of(ledger, batch_id)
    recorded = await ledger.recording.record_batch(undo.id, confirmation(undo))
    if outcome is not None:
        await call(ledger, recorded.batch_id, outcome)
    ready = await draft(ledger, rows(3))
    assert (await ledger.drafts.matches(ready.id)).rows == 3


async def test_a_reversal_is_no_payment_that_a_later_deduction_could_repeat(ledger: Ledger, clock: HandClock):
    await undone(ledger, await landed(ledger))
    clock.at += 60
    ready = await draft(ledger, rows(3, amount=-10))
    assert (await ledger.drafts.matches(ready.id)).rows == 0
