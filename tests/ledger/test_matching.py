"""Paying twice by habit, and continuing what was not paid."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.drafting import StagedRow
from bot.domain.model import Decision, Destination, Pause, PauseKind, Recipient, RecipientType
from bot.errors import Refused
from bot.ledger import _recording, matching
from bot.ledger.comparing import Comparison
from bot.ledger.ledger import Ledger
from bot.ledger.recording import StaleMatches
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    GAMEBALL,
    MEMBERS,
    STRANGER,
    HandClock,
    agreed,
    awards,
    call,
    claim,
    confirmation,
    draft,
    member,
    query,
    record,
    row,
    rows,
    states,
)


async def test_rows_that_were_paid_lately_stop_the_send_and_are_told(ledger: Ledger, clock: HandClock):
    await record(ledger, rows(3), label="Week 30")
    clock.at += 3600
    await record(ledger, [row(2, 3), row(3, 3), row(4, 4)], actor=BOB)
    ready = await draft(ledger, [*rows(6), row(20, 1, 11)])
    with pytest.raises(StaleMatches) as stale:
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    matches = stale.value.matches
    assert matches == await ledger.drafts.matches(ready.id)
    assert (matches.rows, matches.total) == (4, 40)
    told = [(one.batch_id, one.actor_name, one.recorded_at, one.label, one.rows) for one in matches.batches]
    assert told == [(2, "Bob", clock.ms, None, 2), (1, "Ada", clock.ms - 3_600_000, "Week 30", 3)]


@pytest.mark.parametrize(
    ("decided", "recorded", "skipped"),
    [({"again": True}, 5, 0), ({"matches_are_harmless": True}, 5, 0), ({"skip_matched": True}, 2, 3)],
)
async def test_the_person_decides_what_becomes_of_matched_rows(
    ledger: Ledger, decided: dict[str, object], recorded: int, skipped: int
):
    await record(ledger, rows(3))
    ready = await draft(ledger, rows(5))
    seen = (await ledger.drafts.matches(ready.id)).mark
    result = await ledger.recording.record_batch(ready.id, confirmation(ready, matches_seen=seen, **decided))
    assert (result.awards, result.total, result.skipped) == (recorded, 10 * recorded, skipped)


async def test_nothing_is_recorded_when_every_row_was_paid_lately(ledger: Ledger):
    await record(ledger, rows(3))
    ready = await draft(ledger, rows(3))
    seen = (await ledger.drafts.matches(ready.id)).mark
    with pytest.raises(Refused, match="an earlier batch has every row of it"):
        await ledger.recording.record_batch(ready.id, confirmation(ready, skip_matched=True, matches_seen=seen))


@pytest.mark.parametrize("change", ["stopped", "paid"])
async def test_other_rows_left_out_than_were_shown_are_looked_at_first(ledger: Ledger, change: str):
    first = await record(ledger, rows(2))
    ready = await draft(ledger, rows(4))
    seen = (await ledger.drafts.matches(ready.id)).mark
    if change == "stopped":
        await ledger.steering.stop(first.batch_id, ADA)
    else:
        await record(ledger, [row(2, 4)])
    with pytest.raises(StaleMatches) as stale:
        await ledger.recording.record_batch(ready.id, confirmation(ready, skip_matched=True, matches_seen=seen))
    assert stale.value.matches.rows == (0 if change == "stopped" else 3)


async def test_leaving_matched_rows_out_of_a_first_batch_leaves_out_nothing(ledger: Ledger):
    ready = await draft(ledger, rows(3))
    result = await ledger.recording.record_batch(ready.id, confirmation(ready, skip_matched=True))
    assert (result.awards, result.skipped) == (3, 0)


MATCHING = [
    ("the same", {}, True),
    ("through the other endpoint of the account", {"destination": MEMBERS}, True),
    ("at another account", {"destination": GAMEBALL}, False),
    ("in another currency", {"destination": replace(CREDENTIALS, currency="x")}, False),
    ("in no currency", {"destination": replace(CREDENTIALS, currency=None)}, False),
    ("another amount", {"staged": [row(2, 1, 11)]}, False),
    ("the opposite amount", {"staged": [row(2, 1, -10)]}, False),
    ("another recipient", {"staged": [row(2, 9)]}, False),
    ("of another server", {"actor": STRANGER}, True),
]


@pytest.mark.parametrize(("changed", "matched"), [case[1:] for case in MATCHING], ids=[case[0] for case in MATCHING])
async def test_a_row_matches_by_recipient_amount_account_and_currency(
    ledger: Ledger, changed: dict[str, object], matched: bool
):
    await record(ledger, rows(1))
    ready = await draft(ledger, **{"staged": rows(1), **changed})  # type: ignore[arg-type] # test shorthand
    assert (await ledger.drafts.matches(ready.id)).rows == int(matched)


async def test_no_currency_matches_no_currency(ledger: Ledger):
    await record(ledger, rows(1), destination=GAMEBALL)
    ready = await draft(ledger, rows(1), destination=GAMEBALL)
    assert (await ledger.drafts.matches(ready.id)).rows == 1


async def test_two_spellings_of_one_recipient_match(ledger: Ledger):
    await record(ledger, [row(2, Recipient(RecipientType.WALLET, "0xABcd"))])
    ready = await draft(ledger, [row(2, Recipient(RecipientType.WALLET, "0xabCD"))])
    assert (await ledger.drafts.matches(ready.id)).rows == 1


async def test_only_the_last_thirty_days_count(ledger: Ledger, clock: HandClock):
    await record(ledger, rows(2))
    clock.at += 15 * 24 * 3600
    await record(ledger, rows(1))
    clock.at += 15 * 24 * 3600
    ready = await draft(ledger, rows(2))
    assert (await ledger.drafts.matches(ready.id)).rows == 2
    clock.at += 0.001
    later = await draft(ledger, rows(2))
    assert (await ledger.drafts.matches(later.id)).rows == 1
    assert (await ledger.drafts.matches(later.id, days=31)).rows == 2
    assert (await ledger.drafts.matches(later.id, days=1)).rows == 0


async def test_a_batch_that_was_recorded_by_a_clock_gone_wrong_is_judged_by_its_own_time(
    ledger: Ledger, clock: HandClock
):
    await record(ledger, rows(1))
    clock.at -= 40 * 24 * 3600
    await record(ledger, rows(2))
    clock.at += 40 * 24 * 3600
    matches = await ledger.drafts.matches((await draft(ledger, rows(2))).id)
    assert [(one.batch_id, one.rows) for one in matches.batches] == [(1, 1)]


async def test_at_most_ten_batches_are_named_and_every_row_is_counted_once(ledger: Ledger):
    for _ in range(12):
        await record(ledger, rows(2))
    matches = await ledger.drafts.matches((await draft(ledger, rows(2))).id)
    assert (matches.rows, matches.total) == (2, 20)
    assert [one.batch_id for one in matches.batches] == list(range(12, 2, -1))


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("planned", True),
        ("sending", True),
        ("applied", True),
        ("unknown", True),
        ("rejected", False),
        ("cancelled", False),
        ("written-off", True),
    ],
)
async def test_only_what_was_or_may_be_paid_matches(ledger: Ledger, state: str, counts: bool):
    await _award_in(ledger, state)
    ready = await draft(ledger, rows(1))
    assert (await ledger.drafts.matches(ready.id)).rows == int(counts)


@pytest.mark.parametrize(
    ("state", "unsettled"), [("applied", 0), ("planned", 1), ("sending", 1), ("unknown", 1), ("written-off", 1)]
)
async def test_a_match_tells_what_is_not_known_to_be_paid(ledger: Ledger, state: str, unsettled: int):
    await _award_in(ledger, state)
    (earlier,) = (await ledger.drafts.matches((await draft(ledger, rows(1))).id)).batches
    assert (earlier.rows, earlier.unsettled) == (1, unsettled)


async def _award_in(ledger: Ledger, state: str) -> int:
    """One award of member 1, brought into a state; the id of its batch."""
    batch_id = (await record(ledger, rows(1))).batch_id
    if state == "cancelled":
        await ledger.steering.stop(batch_id, ADA)
    elif state == "sending":
        await claim(ledger, batch_id)
    elif state in ("applied", "rejected"):
        await call(ledger, batch_id, OutcomeKind(state))
    elif state in ("unknown", "written-off"):
        await call(ledger, batch_id, OutcomeKind.UNKNOWN)
        if state == "written-off":
            award_id = (await awards(ledger, batch_id))[0].id
            await ledger.steering.resolve([award_id], Decision.WRITE_OFF, ADA, reason="old")
    assert await states(ledger, batch_id) == [state]
    return batch_id


# --- continuing earlier awards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["planned", "sending", "applied", "unknown", "written-off"])
async def test_a_row_never_continues_an_award_that_is_paid_or_may_be(ledger: Ledger, state: str):
    await _award_in(ledger, state)
    ready = await draft(ledger, [row(2, 1, continues=1)])
    with pytest.raises(Refused, match="continues an award that is paid, under way, in doubt"):
        await ledger.recording.record_batch(ready.id, await agreed(ledger, ready))


@pytest.mark.parametrize("state", ["rejected", "cancelled"])
async def test_a_row_continues_an_award_that_was_not_paid_once_only(ledger: Ledger, state: str, path: Path):
    await _award_in(ledger, state)
    one = await draft(ledger, [row(2, 1, continues=1)])
    other = await draft(ledger, [row(2, 1, continues=1)])
    await ledger.recording.record_batch(one.id, confirmation(one))
    with pytest.raises(Refused, match="continued by another row"):
        await ledger.recording.record_batch(other.id, await agreed(ledger, other))
    assert query(path, "SELECT id, continues FROM awards") == [(1, None), (2, 1)]


async def test_two_rows_never_continue_one_award(ledger: Ledger):
    await _award_in(ledger, "rejected")
    ready = await draft(ledger, [row(2, 1, continues=1), row(3, 2, continues=1)])
    with pytest.raises(Refused, match="continued by another row"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_a_row_that_continues_the_first_of_a_chain_is_put_at_its_end(ledger: Ledger, path: Path):
    await _award_in(ledger, "rejected")
    for _ in range(3):
        again = await record(ledger, [row(2, 1, continues=1)])
        await call(ledger, again.batch_id, OutcomeKind.REJECTED)
    assert query(path, "SELECT id, continues FROM awards") == [(1, None), (2, 1), (3, 2), (4, 3)]
    newest = await ledger.queries.continued([1, 2, 4, 99], ADA.server_id)
    assert {asked: award.id for asked, award in newest.items()} == {1: 4, 2: 4, 4: 4}
    assert await ledger.queries.continued([1], STRANGER.server_id) == {}


async def test_other_errors_of_the_schema_are_not_dressed_up_as_a_refusal(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    odd = "CREATE TRIGGER odd BEFORE INSERT ON awards BEGIN SELECT RAISE(ABORT, 'odd'); END"
    await ledger.database.write(lambda connection: connection.execute(odd).rowcount)
    with pytest.raises(sqlite3.IntegrityError, match="odd"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_a_gap_in_the_ids_of_awards_is_noticed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    ready = await draft(ledger, rows(2))
    real = _recording.sums
    monkeypatch.setattr(_recording, "sums", lambda *given: _more(real(*given)))
    with pytest.raises(AssertionError, match="end at 2 and not at 3"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


def _more(sums: _recording.Sums) -> _recording.Sums:
    return _recording.Sums(sums.awards + 1, sums.rejected, sums.total, sums.absolute)


async def test_a_paused_batch_stays_what_it_is_when_another_is_recorded(ledger: Ledger):
    first = await record(ledger, rows(1))
    await ledger.steering.pause(first.batch_id, ADA, Pause(PauseKind.PERSON, "wait"))
    await record(ledger, rows(1))
    paused = await ledger.queries.batch(first.batch_id, None)
    assert paused.pause == Pause(PauseKind.PERSON, "wait")
    assert (await ledger.queries.events(first.batch_id))[-1].detail == {"kind": "person", "message": "wait"}


# --- one person under several names ---------------------------------------------------------------------------------

DRIP_ID = "0123456789abcdef76543210"
BY_ID = Recipient(RecipientType.DRIP_ID, DRIP_ID)
SHOUTED = Recipient(RecipientType.DRIP_ID, DRIP_ID.upper())
WALLET = Recipient(RecipientType.WALLET, "0xab")
CUSTOMER = Recipient(RecipientType.CUSTOMER_ID, member(1).value)
OF_TWITTER = Recipient(RecipientType.TWITTER_ID, member(1).value)


@pytest.mark.parametrize(
    ("destination", "paid", "asked", "matched"),
    [
        (MEMBERS, row(2, 1, target=DRIP_ID), row(2, BY_ID), True),
        (MEMBERS, row(2, BY_ID), row(2, 1, target=DRIP_ID), True),
        (MEMBERS, row(2, WALLET, target=DRIP_ID), row(2, 1, target=DRIP_ID), True),
        (MEMBERS, row(2, SHOUTED, target=DRIP_ID), row(2, BY_ID), True),
        (MEMBERS, row(2, BY_ID), row(2, SHOUTED, target=DRIP_ID), True),
        (MEMBERS, row(2, BY_ID), row(2, 1, 11, target=DRIP_ID), False),
        (MEMBERS, row(2, 1, target="credential:discord-id:1"), row(2, 2, target="credential:discord-id:2"), False),
        (GAMEBALL, row(2, 1), row(2, CUSTOMER), True),
        (GAMEBALL, row(2, CUSTOMER), row(2, 1), True),
        (GAMEBALL, row(2, 1, target="d_1"), row(2, CUSTOMER), False),
        (GAMEBALL, row(2, 1, target="d_1"), row(2, Recipient(RecipientType.CUSTOMER_ID, "d_1")), True),
        (CREDENTIALS, row(2, 1), row(2, OF_TWITTER), False),
    ],
)
async def test_a_row_matches_whoever_was_paid_however_they_were_named(
    ledger: Ledger, destination: Destination, paid: StagedRow, asked: StagedRow, matched: bool
):
    await record(ledger, [paid], destination=destination)
    ready = await draft(ledger, [asked], destination=destination)
    assert (await ledger.drafts.matches(ready.id)).rows == int(matched)


async def test_a_target_is_no_person_of_another_endpoint(ledger: Ledger):
    spelled_so = Recipient(RecipientType.CUSTOM, DRIP_ID.upper(), "app")
    await record(ledger, [row(2, spelled_so, target=DRIP_ID)])
    ready = await draft(ledger, [row(2, BY_ID)], destination=MEMBERS)
    assert (await ledger.drafts.matches(ready.id)).rows == 0


async def test_matching_needs_no_walk_through_the_awards(ledger: Ledger):
    await record(ledger, [row(2, BY_ID)], destination=MEMBERS)
    ready = await draft(ledger, [row(2, BY_ID)], destination=MEMBERS)

    def plan(connection: sqlite3.Connection) -> str:
        where = matching.scope(connection, ready.id, 1_800_000_000_000, matching.DAYS)
        assert where is not None
        sql = f"EXPLAIN QUERY PLAN SELECT count(*) FROM draft_rows d CROSS JOIN {where.paid}"
        return "; ".join(row[3] for row in connection.execute(sql, where.values))

    steps = await ledger.database.read(plan)
    assert "USING INDEX awards_by_key (key=? AND rowid>?)" in steps
    assert "USING INDEX awards_by_target (target=? AND rowid>?)" in steps


async def test_looking_for_rows_that_were_added_up_costs_no_more_a_row_where_there_are_more_of_them(ledger: Ledger):
    """Points by the event, hundreds of the same for one person: half of them were sent as one sum."""

    async def steps(number: int) -> int:
        half = number // 2
        await record(ledger, [row(2, number, half, lines=tuple(range(2, 2 + half)), amounts=(1,) * half)])
        ready = await draft(ledger, [row(line, number, 1) for line in range(2, 2 + number)])

        def work(connection: sqlite3.Connection) -> int:
            where = matching.scope(connection, ready.id, 1_800_000_000_000, matching.DAYS)
            done: list[None] = []
            connection.set_progress_handler(lambda: done.append(None), 100)
            try:
                assert Comparison(connection, where).matches().rows == half
            finally:
                connection.set_progress_handler(None, 0)
            return len(done)

        return await ledger.database.read(work)

    assert await steps(800) < 3 * await steps(400)


# --- rows that would pay nobody -------------------------------------------------------------------------------------


async def test_a_row_without_anybody_to_send_to_is_no_second_payment(ledger: Ledger):
    await record(ledger, rows(2))
    gone = row(2, 1, target=None, unresolved="no member has this id")
    ready = await draft(ledger, [gone, row(3, 3)])
    assert (await ledger.drafts.matches(ready.id)).rows == 0
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert (recorded.awards, recorded.rejected, recorded.skipped) == (2, 1, 0)
    some = await draft(ledger, [gone, row(3, 2), row(4, 4)])
    assert (await ledger.drafts.matches(some.id)).rows == 1
    seen = (await ledger.drafts.matches(some.id)).mark
    recorded = await ledger.recording.record_batch(some.id, confirmation(some, skip_matched=True, matches_seen=seen))
    assert (recorded.awards, recorded.rejected, recorded.skipped) == (2, 1, 1)
