"""Questions to the ledger, from its own server and from others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.drafting import LeftOut
from bot.domain.model import Counts, Decision, Pause, PauseKind, Problem, Recipient, RecipientType
from bot.domain.states import AwardState
from bot.errors import LedgerError, NotFound
from bot.ledger import _queries
from bot.ledger.database import Database
from bot.ledger.ledger import Ledger
from bot.ledger.queries import NOTHING_HELD_BACK, Calls, HeldBack, LineStatus, Queries
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    SHELL,
    STRANGER,
    HandClock,
    attempts_of,
    awards,
    batch_of,
    call,
    claim,
    confirmation,
    draft,
    member,
    new_draft,
    record,
    row,
    rows,
)


async def test_a_batch_of_another_server_is_not_found(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    for number, server_id in ((batch_id, STRANGER.server_id), (99, ADA.server_id), (99, None)):
        with pytest.raises(NotFound):
            await ledger.queries.batch(number, server_id)
    assert (await ledger.queries.batch(batch_id, None)).id == batch_id
    for ask in (ledger.queries.request(99), ledger.queries.attempt(99)):
        with pytest.raises(NotFound):
            await ask


async def test_a_batch_of_the_command_line_is_found_in_every_server(ledger: Ledger):
    batch_id = await batch_of(ledger, 1, actor=SHELL)
    for server_id in (ADA.server_id, STRANGER.server_id, None):
        assert (await ledger.queries.batch(batch_id, server_id)).id == batch_id
        assert [one.id for one in await ledger.queries.batches(server_id)] == [batch_id]
        assert list(await ledger.queries.continued([1], server_id)) == [1]


async def test_batches_are_listed_newest_first_page_by_page(ledger: Ledger):
    for actor in (ADA, STRANGER, BOB, SHELL, ADA):
        await batch_of(ledger, 1, actor=actor)
    assert [one.id for one in await ledger.queries.batches("900")] == [5, 4, 3, 1]
    assert [one.id for one in await ledger.queries.batches("900", limit=2)] == [5, 4]
    assert [one.id for one in await ledger.queries.batches("900", before=3)] == [1]
    assert [one.id for one in await ledger.queries.batches("901")] == [4, 2]
    assert [one.id for one in await ledger.queries.batches("900", only_of=ADA.id)] == [5, 1]
    assert [one.id for one in await ledger.queries.batches(None)] == [5, 4, 3, 2, 1]


async def test_work_is_listed_oldest_first(ledger: Ledger):
    open_, paused, stopped, done, doubtful, stopped_in_doubt = [
        await batch_of(ledger, 2, actor=actor) for actor in (ADA, STRANGER, ADA, ADA, SHELL, ADA)
    ]
    await ledger.steering.pause(paused, STRANGER, Pause(PauseKind.PERSON, ""))
    await ledger.steering.stop(stopped, ADA)
    await call(ledger, done, OutcomeKind.APPLIED)
    await call(ledger, stopped_in_doubt, OutcomeKind.UNKNOWN, limit=1)
    await ledger.steering.stop(stopped_in_doubt, ADA)
    await ledger.steering.resolve([stopped_in_doubt * 2 - 1], Decision.LANDED, ADA, reason="")
    await call(ledger, doubtful, OutcomeKind.UNKNOWN)
    for finished in (done, doubtful):
        assert await ledger.claims.finish_if_done(finished)
    assert [one.id for one in await ledger.queries.batches_at_work()] == [open_, paused]
    assert [one.id for one in await ledger.queries.unfinished()] == [open_, doubtful]
    assert [one.id for one in await ledger.queries.batches_to_see_to(doubts=False)] == [open_, paused]
    assert [one.id for one in await ledger.queries.batches_to_see_to(doubts=True)] == [open_, paused, doubtful]


async def test_a_stopped_batch_is_unfinished_until_its_doubts_are_settled(ledger: Ledger):
    batch_id = await batch_of(ledger, 2)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN, limit=1)
    assert [one.id for one in await ledger.queries.unfinished()] == [batch_id]
    await ledger.steering.stop(batch_id, ADA)
    assert [one.id for one in await ledger.queries.unfinished()] == [batch_id]
    await ledger.steering.resolve([1], Decision.LANDED, ADA, reason="")
    assert await ledger.queries.unfinished() == []


async def _every_state(ledger: Ledger) -> int:
    """A batch with awards of every state but sending."""
    staged = [row(2 + n, 1 + n, 10**n) for n in range(6)]
    staged.append(row(20, 30, -7, target=None, unresolved="nobody"))
    batch_id = (await record(ledger, staged)).batch_id
    for kind in (OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN, OutcomeKind.UNKNOWN):
        await call(ledger, batch_id, kind, limit=1)
    await ledger.steering.resolve([4], Decision.WRITE_OFF, ADA, reason="")
    await claim(ledger, batch_id, 1)
    return batch_id


async def test_counts_and_sums_by_state(ledger: Ledger):
    other = await batch_of(ledger, 2)
    await ledger.steering.stop(other, ADA)
    batch_id = (await record(ledger, rows(1))).batch_id
    await ledger.steering.stop(batch_id, ADA)
    assert await ledger.queries.counts(other) == Counts(cancelled=2)
    assert await ledger.queries.counts(99) == Counts()
    assert await ledger.queries.sums(99) == {}
    assert await ledger.queries.counts_many([other, batch_id, 99]) == {
        other: Counts(cancelled=2),
        batch_id: Counts(cancelled=1),
    }


async def test_every_state_is_counted_under_its_name(ledger: Ledger):
    batch_id = await _every_state(ledger)
    expected = Counts(planned=1, sending=1, applied=1, rejected=2, unknown=1, written_off=1)
    assert await ledger.queries.counts(batch_id) == expected
    assert await ledger.queries.sums(batch_id) == {
        AwardState.APPLIED: 1,
        AwardState.REJECTED: 3,
        AwardState.UNKNOWN: 100,
        AwardState.WRITTEN_OFF: 1000,
        AwardState.SENDING: 10_000,
        AwardState.PLANNED: 100_000,
    }


@pytest.mark.parametrize("chunk", [1, 2, 1000])
async def test_awards_come_by_id_in_chunks_and_by_state(ledger: Ledger, chunk: int):
    first, second = await batch_of(ledger, 3), await batch_of(ledger, 4)
    await call(ledger, first, OutcomeKind.APPLIED, limit=2)

    async def ids(batch_id: int | None, states: list[AwardState] | None = None) -> list[int]:
        parts = [part async for part in ledger.queries.awards(batch_id, states=states, chunk=chunk)]
        assert all(0 < len(part) <= chunk for part in parts)
        return [award.id for part in parts for award in part]

    assert await ids(None) == [1, 2, 3, 4, 5, 6, 7]
    assert await ids(first) == [1, 2, 3]
    assert await ids(second) == [4, 5, 6, 7]
    assert await ids(99) == []
    assert await ids(None, [AwardState.PLANNED]) == [3, 4, 5, 6, 7]
    assert await ids(first, [AwardState.PLANNED, AwardState.APPLIED]) == [1, 2, 3]
    assert await ids(first, []) == []


async def test_an_award_tells_everything(ledger: Ledger, clock: HandClock):
    await call(ledger, await batch_of(ledger, 1), OutcomeKind.REJECTED)
    staged = [row(5, 1, -3, lines=(5, 9), reason="raid", continues=1)]
    batch_id = (await record(ledger, staged)).batch_id
    claimed = await claim(ledger, batch_id)
    (award,) = await awards(ledger, batch_id)
    assert (award.line, award.lines, award.amount, award.reason, award.continues) == (5, (5, 9), -3, "raid", 1)
    assert (award.state, award.attempts, award.attempt_id) == (AwardState.SENDING, 1, claimed.attempt_id)
    assert (award.detail, award.balance, award.changed_at) == (None, None, clock.ms)
    assert (award.recipient, award.target) == (staged[0].recipient, staged[0].target)


async def test_attempts_come_oldest_first(ledger: Ledger):
    batch_id = await batch_of(ledger, 3)
    calls = [await call(ledger, batch_id, OutcomeKind.NOT_SENT), await claim(ledger, batch_id, 2)]
    found = await attempts_of(ledger, batch_id)
    assert [one.id for one in found] == [one.attempt_id for one in calls]
    assert [(one.state, one.token, one.award_ids) for one in found] == [
        ("closed", calls[0].token, (1, 2, 3)),
        ("open", calls[1].token, (1, 2)),
    ]


async def test_calls_are_counted_and_only_the_last_that_went_wrong_are_told(ledger: Ledger):
    batch_id = await batch_of(ledger, 5)
    assert await ledger.queries.calls(batch_id, 2) == Calls(0, 0, ())
    await call(ledger, batch_id, OutcomeKind.APPLIED, 1)
    lost = [await call(ledger, batch_id, OutcomeKind.UNKNOWN, 1) for _ in range(3)]
    under_way = await claim(ledger, batch_id, 1)
    found = await ledger.queries.calls(batch_id, 3)
    assert (found.total, found.clean) == (5, 1)
    assert [one.id for one in found.others] == [lost[1].attempt_id, lost[2].attempt_id, under_way.attempt_id]


async def test_every_line_of_the_file_has_a_status(ledger: Ledger, clock: HandClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_queries, "LINES_CHUNK", 2)
    staged = [row(2, 1, lines=(2, 11)), row(3, 2), row(5, 3), row(6, 4), row(7, 5)]
    batch_id = (await record(ledger, staged, [Problem(4, "amount", "bad", "not a number")])).batch_id
    clock.at += 9
    await call(ledger, batch_id, OutcomeKind.APPLIED, limit=3, detail="fine")
    lines = await ledger.queries.line_statuses(batch_id)
    start = clock.ms - 9000
    expected = {
        2: LineStatus("applied", "fine", 1, clock.ms),
        3: LineStatus("applied", "fine", 2, clock.ms),
        4: LineStatus("not sent", "not a number", None, None),
        5: LineStatus("applied", "fine", 3, clock.ms),
        6: LineStatus("planned", "", 4, start),
        7: LineStatus("planned", "", 5, start),
        11: LineStatus("applied", "fine", 1, clock.ms),
    }
    assert dict(lines) == expected
    assert list(lines) == sorted(expected)
    assert len(lines) == 7
    for missing in (1, 8, 99):
        assert missing not in lines
        assert lines.get(missing) is None
    assert dict(await ledger.queries.line_statuses(99)) == {}


async def test_a_line_that_was_paid_before_is_told_by_the_award_it_was_paid_with(ledger: Ledger, clock: HandClock):
    await call(ledger, await batch_of(ledger, 1), OutcomeKind.APPLIED)
    paid_at = clock.ms
    clock.at += 60
    draft_id = await ledger.drafts.create(new_draft())
    left_out = [LeftOut(2, "", 1), LeftOut(3, "nothing to pay"), LeftOut(4, "adds up to 0"), LeftOut(5, "no")]
    await ledger.drafts.stage(draft_id, [row(6, 6)], [Problem(5, "amount", "bad", "not a number")], left_out)
    ready = await ledger.drafts.finish(draft_id, refused=False, summary={})
    recorded = await ledger.recording.record_batch(draft_id, confirmation(ready, good_rows=True))
    lines = dict(await ledger.queries.line_statuses(recorded.batch_id))
    assert lines == {
        2: LineStatus("applied", "paid as award 1 in batch 1", 1, paid_at),
        3: LineStatus("no award", "nothing to pay", None, None),
        4: LineStatus("no award", "adds up to 0", None, None),
        5: LineStatus("not sent", "not a number", None, None),
        6: LineStatus("planned", "", 2, clock.ms),
    }
    await ledger.drafts.purge()
    assert dict(await ledger.queries.line_statuses(recorded.batch_id)) == lines


async def retryable(ledger: Ledger, batch_id: int) -> int:
    return await ledger.queries.retryable(await ledger.queries.batch(batch_id, None))


async def test_retryable_are_the_rejected_that_nobody_took_up(ledger: Ledger):
    batch_id = await batch_of(ledger, 4)
    await call(ledger, batch_id, OutcomeKind.REJECTED, limit=3)
    assert await retryable(ledger, batch_id) == 3
    retry = await record(ledger, [row(2, 1, continues=1)], parent_id=batch_id, source="retry")
    assert await retryable(ledger, batch_id) == 2
    await call(ledger, retry.batch_id, OutcomeKind.REJECTED)
    assert await retryable(ledger, batch_id) == 2
    assert await retryable(ledger, retry.batch_id) == 1
    assert [one.id for one in await ledger.queries.children(batch_id)] == [retry.batch_id]


async def test_of_a_retry_also_what_was_stopped_is_retryable_and_of_no_other_batch(ledger: Ledger):
    batch_id = await batch_of(ledger, 3)
    await call(ledger, batch_id, OutcomeKind.REJECTED, limit=2)
    await ledger.steering.stop(batch_id, ADA)
    assert await retryable(ledger, batch_id) == 2
    retry = await record(ledger, [row(2, 1, continues=1), row(3, 2, continues=2)], parent_id=batch_id, source="retry")
    assert await retryable(ledger, retry.batch_id) == 0
    await ledger.steering.stop(retry.batch_id, ADA)
    assert (await retryable(ledger, batch_id), await retryable(ledger, retry.batch_id)) == (0, 2)


async def test_rows_that_wait_for_a_doubt_are_counted_and_the_doubts_named(ledger: Ledger):
    doubtful = (await record(ledger, rows(3))).batch_id
    await call(ledger, doubtful, OutcomeKind.UNKNOWN)
    wallet = Recipient(RecipientType.WALLET, "0x" + "a" * 40)
    by_other_name = row(5, wallet, 7, target=member(3).value)
    waiting = (await record(ledger, [row(2, 1, 7), row(3, 2, 7), row(4, 9, 7), by_other_name])).batch_id
    assert await ledger.queries.held_back(waiting) == HeldBack(3, (1, 2, 3), 3, (doubtful,))
    assert await ledger.queries.held_back(waiting, limit=2) == HeldBack(3, (1, 2), 3, (doubtful,))
    assert await ledger.queries.held_back(doubtful) == NOTHING_HELD_BACK
    await ledger.steering.resolve([1, 2], Decision.LANDED, ADA, reason="")
    assert await ledger.queries.held_back(waiting) == HeldBack(1, (3,), 1, (doubtful,))


async def test_a_doubt_at_another_account_holds_nobody_back(ledger: Ledger):
    elsewhere = replace(CREDENTIALS, account="f" * 24)
    doubtful = (await record(ledger, rows(1), destination=elsewhere)).batch_id
    await call(ledger, doubtful, OutcomeKind.UNKNOWN)
    waiting = (await record(ledger, rows(1, amount=7))).batch_id
    assert await ledger.queries.held_back(waiting) == NOTHING_HELD_BACK


async def test_rows_of_a_draft_that_would_wait_for_a_doubt_are_told_before(ledger: Ledger):
    doubtful = (await record(ledger, rows(3))).batch_id
    await call(ledger, doubtful, OutcomeKind.UNKNOWN)
    ready = await draft(ledger, [row(2, 1, 7), row(3, 9, 7)])
    account, ahead = CREDENTIALS.account, ledger.queries.held_back_ahead
    assert await ahead(ready.id, account, ADA.server_id) == HeldBack(1, (1,), 1, (doubtful,))
    assert await ahead(ready.id, account, STRANGER.server_id) == HeldBack(1, (1,), 1, ())
    assert await ahead(ready.id, "f" * 24, ADA.server_id) == NOTHING_HELD_BACK


async def test_a_draft_counts_nowhere(ledger: Ledger):
    await draft(ledger, rows(5))
    assert await ledger.queries.batches(None) == []
    assert await awards(ledger) == []
    assert await ledger.queries.unfinished() == []


async def test_a_ledger_without_an_identity_says_so(ledger: Ledger):
    assert ledger.database.path is not None
    bare = await Database.open(ledger.database.path.with_name("bare.db"), writable=True)
    await bare.write(lambda c: c.execute("CREATE TABLE ledger (id TEXT, practice INTEGER)").rowcount)
    with pytest.raises(LedgerError, match="not set up yet"):
        await Queries(bare).ledger_id()
    await bare.close()
