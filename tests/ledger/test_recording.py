"""A confirmed draft becomes a batch: once, whole, and only as it was shown."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain.model import Problem
from bot.domain.states import BatchState
from bot.errors import DraftGone, LimitExceeded, NotFound, Refused
from bot.ledger import _recording
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    MEMBERS,
    SHELL,
    STRANGER,
    HandClock,
    awards,
    confirmation,
    draft,
    member,
    new_draft,
    query,
    record,
    row,
    rows,
)


async def test_a_confirmed_draft_becomes_a_batch_with_every_award_planned(ledger: Ledger, clock: HandClock, path: Path):
    parent = await record(ledger, rows(1))
    ready = await draft(
        ledger,
        rows(3),
        label="Week 31",
        reason="raid",
        parent_id=parent.batch_id,
        request={"delimiter": ","},
        source="retry",
    )
    clock.at += 60
    told = confirmation(
        ready,
        BOB,
        again=True,
        matches_seen=(await ledger.drafts.matches(ready.id)).mark,
        start_delay_seconds=10.0,
    )
    recorded = await ledger.recording.record_batch(ready.id, told)
    assert recorded == Recorded(batch_id=2, awards=3, total=30, skipped=0, rejected=0)
    batch = await ledger.queries.batch(2, ADA.server_id)
    assert (batch.actor, batch.destination, batch.programme) == (BOB, CREDENTIALS, "drip-credentials")
    assert (batch.recorded_at, batch.starts_at, batch.finished_at) == (clock.ms, clock.ms + 10_000, None)
    assert (batch.state, batch.pause, batch.source) == (BatchState.OPEN, None, "retry")
    assert (batch.label, batch.reason, batch.file_name, batch.parent_id) == ("Week 31", "raid", "week-31.csv", 1)
    assert (batch.awards, batch.total) == (3, 30)
    assert await ledger.queries.request(2) == {"delimiter": ","}
    assert [one.id for one in await ledger.queries.children(1)] == [2]
    made = await awards(ledger, 2)
    assert [one.id for one in made] == [2, 3, 4]
    assert [one.recipient for one in made] == [member(1), member(2), member(3)]
    assert {(one.state, one.attempts, one.attempt_id, one.changed_at) for one in made} == {
        ("planned", 0, None, clock.ms)
    }
    assert query(path, "SELECT content_hash FROM batches WHERE id = 2") == [(ready.content_hash,)]


async def test_the_choice_of_the_person_who_confirmed_is_kept_with_the_name_of_who_prepared(ledger: Ledger):
    ready = await draft(ledger, rows(2), [Problem(9, None, "bad", "no")])
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready, BOB, good_rows=True))
    choice = {
        "good_rows": True,
        "skip_matched": False,
        "again": False,
        "matches_are_harmless": False,
        "skipped": 0,
        "prepared_by": "Ada",
        "prepared_by_id": "11",
    }
    (event,) = await ledger.queries.events(recorded.batch_id)
    assert (event.kind, event.actor_name, event.detail) == ("batch-recorded", "Bob", choice)


async def test_rows_with_nobody_to_send_to_become_rejected_awards(ledger: Ledger):
    recorded = await record(ledger, [row(2, 1), row(3, 2, 99, target=None, unresolved="no member has this id")])
    assert recorded == Recorded(1, awards=2, total=109, skipped=0, rejected=1)
    sent, refused = await awards(ledger, 1)
    assert (sent.state, refused.state, refused.detail) == ("planned", "rejected", "no member has this id")
    assert (refused.attempts, refused.target) == (0, None)


async def test_ids_of_awards_follow_on_without_a_gap(ledger: Ledger, path: Path):
    for number in (3, 1, 5):
        await record(ledger, rows(number))
    ranges = query(path, "SELECT first_award, last_award, awards FROM batches ORDER BY id")
    assert ranges == [(1, 3, 3), (4, 4, 1), (5, 9, 5)]
    assert query(path, "SELECT batch_id, min(id), max(id) FROM awards GROUP BY batch_id") == [
        (1, 1, 3),
        (2, 4, 4),
        (3, 5, 9),
    ]


async def test_rows_for_one_target_never_share_a_lot(ledger: Ledger, path: Path):
    staged = [
        row(2, 1, target="a"),
        row(3, 2, target="b"),
        row(4, 3, target="a"),
        row(5, 4, target="credential:x"),
        row(6, 5, target="a"),
        row(7, 6, target="credential:x"),
        row(8, 7, target=None, unresolved="nobody"),
        row(9, 8, target=None, unresolved="nobody"),
    ]
    await record(ledger, staged, destination=MEMBERS)
    lots = query(path, "SELECT line, lot FROM awards ORDER BY id")
    assert lots == [(2, 0), (3, 0), (4, 2), (5, 1), (6, 4), (7, 3), (8, 0), (9, 0)]
    assert query(path, "SELECT last_lot FROM batches") == [(4,)]


async def test_every_original_line_is_accounted_for(ledger: Ledger):
    await record(ledger, [row(2, 1), row(5, 3)])
    staged = [row(2, 1, lines=(2, 4)), row(3, 2), row(6, 3), row(8, 4, lines=(8, 10), target=None, unresolved="gone")]
    told = [
        Problem(7, "amount", "bad", "not a number"),
        Problem(7, None, "bad", "no recipient"),
        Problem(9, None, "x", "y"),
    ]
    recorded = await record(ledger, staged, told, decided={"again": False, "skip_matched": True})
    assert (recorded.awards, recorded.skipped, recorded.rejected) == (2, 2, 1)
    lines = await ledger.queries.line_statuses(recorded.batch_id)
    assert {line: (one.status, one.detail, one.award_id) for line, one in lines.items()} == {
        2: ("not sent", "not sent again: the same is in batch 1", None),
        3: ("planned", "", 3),
        4: ("not sent", "not sent again: the same is in batch 1", None),
        6: ("not sent", "not sent again: the same is in batch 1", None),
        7: ("not sent", "not a number; no recipient", None),
        8: ("rejected", "gone", 4),
        9: ("not sent", "y", None),
        10: ("rejected", "gone", 4),
    }


# --- only as it was shown, and once ---------------------------------------------------------------------------------


async def test_a_second_confirmation_reads_who_was_first_and_when(ledger: Ledger, path: Path):
    ready = await draft(ledger, rows(2))
    first = await ledger.recording.record_batch(ready.id, confirmation(ready, BOB))
    with pytest.raises(DraftGone, match=r"Bob confirmed .* on 2027-01-15 08:00 UTC: it is batch 1") as gone:
        await ledger.recording.record_batch(ready.id, confirmation(ready, ADA))
    assert gone.value.batch_id == first.batch_id
    assert query(path, "SELECT count(*) FROM awards") == [(2,)]


async def test_of_many_simultaneous_confirmations_exactly_one_wins(ledger: Ledger, path: Path):
    ready = await draft(ledger, rows(20))
    results = await asyncio.gather(
        *(ledger.recording.record_batch(ready.id, confirmation(ready, who)) for who in [ADA, BOB] * 100),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Recorded) for one in results) == 1
    assert {one.batch_id for one in results if isinstance(one, Recorded | DraftGone)} == {1}
    assert len(results) == 200
    assert not [one for one in results if not isinstance(one, Recorded | DraftGone)]
    assert query(path, "SELECT count(*), (SELECT count(*) FROM awards) FROM batches") == [(1, 20)]


async def test_what_was_changed_after_it_was_shown_is_not_recorded(ledger: Ledger):
    ready = await draft(ledger, [row(2, 1, target=None)])
    await ledger.drafts.set_targets(ready.id, {2: "drip-1"}, {})
    with pytest.raises(DraftGone, match="changed after it was shown"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    shown = await ledger.drafts.get(ready.id, None)
    assert (await ledger.recording.record_batch(ready.id, confirmation(shown))).awards == 1


async def test_a_draft_that_is_not_ready_is_not_recorded(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, rows(1), ())
    reading = await ledger.drafts.get(draft_id, None)
    with pytest.raises(DraftGone):
        await ledger.recording.record_batch(draft_id, confirmation(reading))
    refused = await ledger.drafts.finish(draft_id, refused=True, summary={})
    with pytest.raises(DraftGone):
        await ledger.recording.record_batch(draft_id, confirmation(refused))


async def test_a_draft_of_another_server_is_not_found(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    with pytest.raises(NotFound):
        await ledger.recording.record_batch(ready.id, confirmation(ready, STRANGER))
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready, SHELL))).batch_id == 1
    assert (await ledger.queries.batch(1, ADA.server_id)).actor.server_id == ADA.server_id


async def test_bad_rows_stop_the_send_until_somebody_chooses_the_good_ones(ledger: Ledger):
    ready = await draft(ledger, rows(2), [Problem(9, None, "bad", "no"), Problem(9, None, "bad", "no")])
    with pytest.raises(Refused, match="1 row of this draft has problems"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready, good_rows=True))).awards == 2


async def test_recipients_that_are_not_looked_up_stop_the_send(ledger: Ledger):
    ready = await draft(ledger, [row(2, 1), row(3, 2, target=None)])
    with pytest.raises(Refused, match="1 recipient of this draft is not looked up"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_an_empty_draft_is_refused(ledger: Ledger):
    ready = await draft(ledger, [])
    with pytest.raises(Refused, match="it has no rows"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_the_limit_is_judged_on_what_would_be_sent(ledger: Ledger, path: Path):
    staged = [row(2, 1, 60), row(3, 2, -40), row(4, 3, 500, target=None, unresolved="nobody")]
    ready = await draft(ledger, staged)
    with pytest.raises(LimitExceeded, match="above the limit"):
        await ledger.recording.record_batch(ready.id, confirmation(ready, max_total=99))
    assert query(path, "SELECT count(*) FROM batches") == [(0,)]
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready, max_total=100))).total == 520


async def test_a_total_beyond_64_bits_is_refused(ledger: Ledger):
    ready = await draft(ledger, [row(2, 1, 2**62), row(3, 2, 2**62)])
    with pytest.raises(LimitExceeded, match="more than any ledger can hold"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    just = await draft(ledger, [row(2, 1, 2**62), row(3, 2, 2**62 - 1)])
    assert (await ledger.recording.record_batch(just.id, confirmation(just))).total == 2**63 - 1


async def test_a_failure_midway_records_nothing(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("midway")

    ready = await draft(ledger, rows(3))
    with monkeypatch.context() as patch:
        patch.setattr(_recording, "insert_left_out", broken)
        with pytest.raises(RuntimeError, match="midway"):
            await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert query(path, "SELECT (SELECT count(*) FROM awards), (SELECT count(*) FROM batches)") == [(0, 0)]
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready))).batch_id == 1
