"""Leave by a second person: never one's own, only for what was shown, once, and checked where batches are recorded."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from bot.domain.approving import Approval, ApprovalState
from bot.domain.calls import OutcomeKind
from bot.domain.model import Actor
from bot.errors import ApprovalNeeded, DraftGone, NotAllowed, NotFound, Refused
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded, StaleMatches
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    GAMEBALL,
    MEMBERS,
    SHELL,
    STRANGER,
    HandClock,
    agreed,
    call,
    confirmation,
    draft,
    new_draft,
    record,
    row,
    rows,
)

SERVER = "900"
CAROL = Actor("44", "Carol", SERVER)
DAY = 24 * 3600


async def threshold(ledger: Ledger, **values: object) -> None:
    for name, value in values.items():
        await ledger.settings.change(SERVER, f"approve_{name}", value, BOB)


async def asked(ledger: Ledger, ready: Draft, actor: Actor = ADA, **more: object) -> Approval:
    return await ledger.approvals.ask(ready.id, confirmation(ready, actor, **more))


async def approved(ledger: Ledger, ready: Draft, **more: object) -> Approval:
    """Leave by Bob."""
    request = await asked(ledger, ready, **more)
    return (await ledger.approvals.decide(request.id, BOB, approve=True)).approval


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"amount": "29"}, "it moves 30, more than the 29 that one person may send"),
        ({"rows": 2}, "it has 3 awards, more than the 2 that one person may send"),
        ({"first_use": True}, "it is the first batch of this server for this programme"),
        ({"amount": "0.50"}, "it moves 30, more than the 0 that one person may send"),
    ],
)
async def test_above_a_threshold_nothing_is_recorded_without_leave(ledger: Ledger, rule: dict[str, object], why: str):
    await threshold(ledger, **rule)
    ready = await draft(ledger, rows(3))
    with pytest.raises(ApprovalNeeded, match=f"approval of a second person, since {why}"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    leave = await approved(ledger, ready)
    assert leave.why == why
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready))
    used = await ledger.approvals.of_batch(recorded.batch_id)
    assert used is not None
    assert (used.state, used.decided_by, used.asked_by) == (ApprovalState.USED, "Bob", "Ada")
    assert (await ledger.queries.events(recorded.batch_id))[0].detail["approved_by"] == "Bob"


@pytest.mark.parametrize("rule", [{"amount": "30"}, {"rows": 3}, {"first_use": False}])
async def test_at_the_threshold_nobody_is_needed(ledger: Ledger, rule: dict[str, object]):
    await threshold(ledger, **rule)
    ready = await draft(ledger, rows(3))
    with pytest.raises(Refused, match="needs no approval"):
        await asked(ledger, ready)
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready))).awards == 3


async def test_thresholds_are_the_servers_own_and_judged_on_what_would_be_sent(ledger: Ledger, clock: HandClock):
    await threshold(ledger, rows=2)
    for free in (STRANGER, SHELL):
        assert (await record(ledger, rows(3), actor=free)).awards == 3
    mixed = await draft(ledger, [row(2, 11), row(3, 12), row(4, 13, target=None, unresolved="gone")])
    assert (await ledger.recording.record_batch(mixed.id, confirmation(mixed))).rejected == 1
    clock.at += 3600
    overlap = await draft(ledger, [*rows(2), row(9, 50)])
    without = replace(await agreed(ledger, overlap), again=False, skip_matched=True)
    assert (await ledger.recording.record_batch(overlap.id, without)).awards == 1
    again = await draft(ledger, [*rows(2), row(9, 51)])
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(again.id, await agreed(ledger, again))


# --- one file in several pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (
            {"amount": "50"},
            "it moves 60 together with what the same person sent alone in the hour before, more than the 50 that one"
            " person may send",
        ),
        (
            {"rows": 5},
            "it has 6 awards together with what the same person sent alone in the hour before, more than the 5 that one"
            " person may send",
        ),
    ],
)
async def test_pieces_of_a_batch_that_one_person_sends_within_an_hour_are_judged_together(
    ledger: Ledger, clock: HandClock, rule: dict[str, object], why: str
):
    await threshold(ledger, **rule)
    await record(ledger, rows(3))
    clock.at += 3599
    piece = await draft(ledger, rows(3, first=4))
    assert (await ledger.approvals.standing(piece.id, ADA, skip_matched=False)).why == why
    with pytest.raises(ApprovalNeeded, match=why):
        await ledger.recording.record_batch(piece.id, confirmation(piece))
    assert (await approved(ledger, piece)).why == why
    await ledger.recording.record_batch(piece.id, confirmation(piece))


async def test_pieces_at_once_are_judged_one_after_the_other(ledger: Ledger):
    await threshold(ledger, rows=5)
    pieces = [await draft(ledger, rows(2, first=first)) for first in (1, 3, 5, 7)]
    tries = [ledger.recording.record_batch(piece.id, confirmation(piece)) for piece in pieces]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(one) for one in done].count(Recorded) == 2
    assert [type(one) for one in done].count(ApprovalNeeded) == 2


async def test_pieces_by_both_ways_to_a_realm_are_judged_together(ledger: Ledger):
    await threshold(ledger, rows=5)
    await record(ledger, rows(3), destination=CREDENTIALS)
    with pytest.raises(ApprovalNeeded):
        await record(ledger, rows(3, first=4), destination=MEMBERS)


async def test_a_new_key_of_a_gameball_account_does_not_part_what_one_person_sent(ledger: Ledger):
    await threshold(ledger, amount="50")
    await record(ledger, rows(3), destination=GAMEBALL)
    renewed = replace(GAMEBALL, account="another fingerprint")
    with pytest.raises(ApprovalNeeded, match="it moves 60 together"):
        await record(ledger, rows(3, first=20), destination=renewed)
    await record(ledger, rows(3, first=20), destination=renewed, programme="gameball-shop")


async def test_what_is_over_of_others_or_elsewhere_is_no_piece(ledger: Ledger, clock: HandClock):
    await threshold(ledger, rows=5)
    await record(ledger, rows(5))
    await record(ledger, rows(5, first=11), destination=GAMEBALL)
    await record(ledger, rows(5, first=21), actor=BOB)
    with pytest.raises(ApprovalNeeded):
        await record(ledger, rows(1, first=31))
    clock.at += 3600
    await record(ledger, rows(5, first=41))


async def test_what_a_second_person_approved_or_was_never_sent_is_no_piece(ledger: Ledger):
    await threshold(ledger, rows=5)
    large = await draft(ledger, rows(20))
    await approved(ledger, large)
    await ledger.recording.record_batch(large.id, confirmation(large))
    stopped = await record(ledger, rows(5, first=31))
    await ledger.steering.stop(stopped.batch_id, ADA)
    await record(ledger, rows(5, first=41))


async def test_taking_a_batch_back_is_judged_by_itself(ledger: Ledger):
    await threshold(ledger, rows=5)
    paid = await record(ledger, rows(3))
    await call(ledger, paid.batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(paid.batch_id)
    await record(ledger, rows(2, first=11))
    undo_id = await ledger.drafts.create(new_draft(ADA, source="undo", parent_id=paid.batch_id))
    await ledger.drafts.stage_undo(undo_id, paid.batch_id)
    ready = await ledger.drafts.finish(undo_id, refused=False, summary={})
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready))).awards == 3


async def test_the_first_use_is_of_an_account_and_currency(ledger: Ledger):
    await threshold(ledger, first_use=True)
    ready = await draft(ledger, rows(1))
    await approved(ledger, ready)
    await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert (await record(ledger, rows(1, first=7), destination=CREDENTIALS)).awards == 1
    other = await draft(ledger, rows(1), destination=GAMEBALL)
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(other.id, confirmation(other))


async def test_who_prepared_or_asked_never_approves_but_may_refuse(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    request = await asked(ledger, ready, BOB)
    for own in (ADA, BOB):
        with pytest.raises(NotAllowed, match="nothing was approved"):
            await ledger.approvals.decide(request.id, own, approve=True)
    assert (await ledger.approvals.decide(request.id, CAROL, approve=True)).changed
    sql = (
        "INSERT INTO approvals (server_id, draft_id, content_hash, flags, matches, why, state, asked_at, expires_at,"
        " prepared_by_id, asked_by_id, asked_by_name, decided_by_id) VALUES"
        " ('900', 99, 'h', '', '', 'w', 'approved', 1, 2, '11', '22', 'Bob', '11')"
    )
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        await ledger.database.write(lambda connection: connection.execute(sql).rowcount)


async def test_of_two_decisions_at_once_one_counts_and_the_other_reads_who(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    request = await asked(ledger, ready)
    results = await asyncio.gather(
        ledger.approvals.decide(request.id, BOB, approve=True),
        ledger.approvals.decide(request.id, CAROL, approve=False),
        ledger.approvals.decide(request.id, BOB, approve=True),
    )
    assert sum(one.changed for one in results) == 1
    assert len({(one.approval.state, one.approval.decided_by) for one in results}) == 1


async def test_two_requests_for_the_same_are_one(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    requests = await asyncio.gather(*(asked(ledger, ready, who) for who in (ADA, BOB, ADA)))
    assert len({one.id for one in requests}) == 1


async def test_a_leave_is_used_once_whoever_presses_at_the_same_time(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    await approved(ledger, ready)
    results = await asyncio.gather(
        *(ledger.recording.record_batch(ready.id, confirmation(ready, who)) for who in [ADA, BOB] * 10),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Recorded) for one in results) == 1
    assert sum(isinstance(one, DraftGone) for one in results) == 19


async def test_a_change_of_the_draft_voids_the_leave_and_the_request(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    await approved(ledger, ready)
    await ledger.drafts.update(ready.id, reason="another one")
    changed = await ledger.drafts.get(ready.id, SERVER)
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(ready.id, confirmation(changed))
    assert (await ledger.approvals.standing(ready.id, ADA, skip_matched=False)).approval is None
    request = await asked(ledger, changed)
    await ledger.drafts.update(ready.id, label="Week 32")
    with pytest.raises(DraftGone, match="changed after its approval was asked for"):
        await ledger.approvals.decide(request.id, BOB, approve=True)


async def test_a_leave_is_for_the_decisions_that_it_was_asked_with(ledger: Ledger):
    await threshold(ledger, rows=1)
    await threshold(ledger, rows=None)
    await record(ledger, rows(2))
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(4))
    again = await agreed(ledger, ready)
    await approved(ledger, ready, skip_matched=True, matches_seen=again.matches_seen)
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(ready.id, again)
    without = replace(again, again=False, skip_matched=True)
    assert (await ledger.recording.record_batch(ready.id, without)).awards == 2


@pytest.mark.parametrize("choice", [{"skip_matched": True}, {"difference": True}])
async def test_a_leave_to_pay_the_rest_is_for_the_rest_that_was_shown(
    ledger: Ledger, clock: HandClock, choice: dict[str, bool]
):
    """What was left out as paid is not sent with that leave once it was stopped."""
    await threshold(ledger, amount="25")
    first = await record(ledger, rows(2), label="Week 31")
    clock.at += 2 * 3600
    ready = await draft(ledger, [*rows(2), row(9, 50, 30)], label="Week 31")
    then = await seen(ledger, ready)
    assert (await approved(ledger, ready, **choice, **then)).why.startswith("it moves 30,")
    assert (await ledger.approvals.standing(ready.id, ADA, skip_matched=True)).approval is not None
    await ledger.steering.stop(first.batch_id, ADA)
    now = await seen(ledger, ready)
    with pytest.raises(StaleMatches):
        await ledger.recording.record_batch(ready.id, confirmation(ready, **choice, **then))
    with pytest.raises(ApprovalNeeded, match="it moves 50,"):
        await ledger.recording.record_batch(ready.id, confirmation(ready, **choice, **now))
    assert (await ledger.approvals.standing(ready.id, ADA, skip_matched=True)).approval is None
    await approved(ledger, ready, **choice, **now)
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready, **choice, **now))).total == 50


async def seen(ledger: Ledger, ready: Draft) -> dict[str, str]:
    """Which rows count as paid before, as the card of the draft tells."""
    campaign = await ledger.drafts.campaign_paid(ready.id, "900")
    return {"matches_seen": (await ledger.drafts.matches(ready.id)).mark, "left_out_seen": campaign.mark}


async def test_a_leave_to_pay_again_is_for_the_matches_that_were_shown(ledger: Ledger):
    await record(ledger, rows(2))
    await threshold(ledger, rows=2)
    ready = await draft(ledger, rows(3))
    agreed_then = await agreed(ledger, ready)
    await approved(ledger, ready, again=True, matches_seen=agreed_then.matches_seen)
    await record(ledger, rows(1), actor=CAROL)
    with pytest.raises(StaleMatches):
        await ledger.recording.record_batch(ready.id, agreed_then)
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(ready.id, await agreed(ledger, ready))
    assert (await ledger.approvals.standing(ready.id, ADA, skip_matched=False)).approval is None
    agreed_now = await agreed(ledger, ready)
    leave = await approved(ledger, ready, again=True, matches_seen=agreed_now.matches_seen)
    assert (await ledger.approvals.standing(ready.id, ADA, skip_matched=False)).approval == leave
    assert (await ledger.recording.record_batch(ready.id, agreed_now)).awards == 3


async def test_a_leave_and_a_request_run_out(ledger: Ledger, clock: HandClock):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    request = await asked(ledger, ready)
    assert request.expires_at == clock.ms + DAY * 1000
    clock.at += DAY - 1
    assert (await ledger.approvals.decide(request.id, BOB, approve=True)).changed
    clock.at += 1
    await ledger.database.write(
        lambda connection: connection.execute("UPDATE drafts SET expires_at = expires_at + 10000").rowcount
    )
    with pytest.raises(ApprovalNeeded):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    again = await asked(ledger, ready)
    assert (again.id != request.id, again.state) == (True, ApprovalState.ASKED)


async def test_another_servers_request_is_not_found(ledger: Ledger):
    await threshold(ledger, rows=1)
    request = await asked(ledger, await draft(ledger, rows(2)))
    with pytest.raises(NotFound):
        await ledger.approvals.decide(request.id, STRANGER, approve=True)


async def test_what_could_not_be_sent_is_not_asked_for(ledger: Ledger):
    await threshold(ledger, rows=1)
    ready = await draft(ledger, rows(2))
    await ledger.halts.stop(SERVER, BOB, "wrong file")
    with pytest.raises(Refused, match="stopped everything"):
        await asked(ledger, ready)
