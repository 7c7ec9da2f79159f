"""Difference mode: only who was not yet paid for this campaign, decided where the batch is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import Recipient, RecipientType
from bot.errors import DraftGone, Refused
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Confirmation, Recorded, StaleMatches
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    MEMBERS,
    HandClock,
    awards,
    call,
    confirmation,
    draft,
    member,
    record,
    row,
    rows,
)

LABEL = "Week 31"
MONTHS = 90 * 24 * 3600


async def pay_rest(ledger: Ledger, staged: list, label: str | None = LABEL, **more: object) -> Recorded:  # type: ignore[type-arg]  # staged rows
    ready = await draft(ledger, staged, label=label, **more)
    return await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))


async def only_the_rest(ledger: Ledger, ready: Draft) -> Confirmation:
    """A confirmation in difference mode by who sees how it is."""
    seen = (await ledger.drafts.campaign_paid(ready.id, "900")).mark
    return confirmation(ready, difference=True, left_out_seen=seen)


async def test_whoever_was_paid_under_the_label_is_left_out_whatever_the_amount(ledger: Ledger, clock: HandClock):
    await record(ledger, [row(2, 1, 10), row(3, 2, 99)], label=LABEL)
    clock.at += MONTHS
    ready = await draft(ledger, rows(4), label="week-31")
    paid = await ledger.drafts.campaign_paid(ready.id, "900")
    assert (paid.rows, paid.left_out) == (2, 2)
    recorded = await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))
    assert (recorded.awards, recorded.skipped) == (2, 2)
    assert [one.recipient for one in await awards(ledger, recorded.batch_id)] == [member(3), member(4)]
    told = await ledger.queries.line_statuses(recorded.batch_id)
    assert (told[2].status, told[2].detail) == ("not sent", "not sent: batch 1 has an award for this campaign already")
    assert (await ledger.queries.events(recorded.batch_id))[0].detail["difference"] is True


async def test_of_two_at_once_nobody_is_paid_twice(ledger: Ledger):
    drafts = [
        await draft(ledger, rows(5, amount=amount), label=LABEL, actor=who) for amount, who in ((10, ADA), (20, BOB))
    ]
    results = await asyncio.gather(
        *(ledger.recording.record_batch(one.id, confirmation(one, one.actor, difference=True)) for one in drafts),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Recorded) for one in results) == 1
    assert sum(isinstance(one, StaleMatches) for one in results) == 1
    assert len(await awards(ledger)) == 5


async def test_what_was_paid_lately_under_another_label_is_no_question_but_without_a_label_it_is_left_out(
    ledger: Ledger,
):
    await record(ledger, [row(2, 1)], label="Week 30")
    await record(ledger, [row(2, 2)])
    ready = await draft(ledger, rows(3), label=LABEL)
    paid = await ledger.drafts.campaign_paid(ready.id, "900")
    assert (paid.rows, paid.left_out) == (0, 1)
    recorded = await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))
    assert [one.recipient for one in await awards(ledger, recorded.batch_id)] == [member(1), member(3)]


@pytest.mark.parametrize("outcome", [OutcomeKind.REJECTED, OutcomeKind.UNKNOWN])
async def test_only_what_counts_as_paid_leaves_somebody_out(ledger: Ledger, outcome: OutcomeKind):
    first = await record(ledger, rows(1), label=LABEL)
    await call(ledger, first.batch_id, outcome)
    recorded = await pay_rest(ledger, rows(2))
    assert recorded.awards == (2 if outcome is OutcomeKind.REJECTED else 1)


async def test_another_currency_is_another_campaign_and_another_endpoint_is_not(ledger: Ledger):
    await record(ledger, rows(1), label=LABEL)
    other = replace(CREDENTIALS, currency="other")
    assert (await pay_rest(ledger, rows(2), destination=other)).awards == 2
    assert (await pay_rest(ledger, rows(2), destination=MEMBERS)).awards == 1


@pytest.mark.parametrize("swapped", [False, True], ids=["first by Discord id", "first by Drip id"])
async def test_one_person_under_two_names_is_paid_once(ledger: Ledger, swapped: bool):
    by_discord = row(2, 1, 10, target="d1")
    by_drip = row(2, Recipient(RecipientType.DRIP_ID, "d1"), 25)
    first, second = (by_drip, by_discord) if swapped else (by_discord, by_drip)
    await record(ledger, [first], label=LABEL, destination=MEMBERS)
    staged = [second, row(3, 2, 25, target="d2")]
    ready = await draft(ledger, staged, label=LABEL, destination=MEMBERS)
    assert (await ledger.drafts.campaign_paid(ready.id, "900")).rows == 1
    recorded = await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))
    assert [one.recipient for one in await awards(ledger, recorded.batch_id)] == [member(2)]


async def test_a_deduction_is_no_payment(ledger: Ledger):
    await record(ledger, [row(2, 1, -5)], label=LABEL)
    assert (await pay_rest(ledger, rows(1))).awards == 1
    with pytest.raises(Refused, match="leaves nothing to send"):
        await pay_rest(ledger, [row(2, 1, -7)])


async def test_without_a_label_there_is_no_campaign(ledger: Ledger):
    with pytest.raises(Refused, match="no period or campaign"):
        await pay_rest(ledger, rows(1), label=None)


async def test_whoever_saw_another_label_confirms_nothing(ledger: Ledger):
    """A colleague gives the draft another period while the card still tells who was not yet paid for this one."""
    await record(ledger, rows(3, amount=7), label=LABEL)
    shown = await draft(ledger, rows(4), label=LABEL)
    await ledger.drafts.update(shown.id, label="Week 32")
    with pytest.raises(DraftGone, match="was changed after it was shown"):
        await ledger.recording.record_batch(shown.id, confirmation(shown, difference=True))
    assert len(await awards(ledger)) == 3


async def test_a_row_without_anybody_to_send_to_was_not_paid_for_the_campaign(ledger: Ledger):
    await record(ledger, rows(2), label=LABEL)
    gone = row(2, 1, 30, target=None, unresolved="no member has this id")
    ready = await draft(ledger, [gone, row(3, 2, 40), row(4, 3)], label=LABEL)
    paid = await ledger.drafts.campaign_paid(ready.id, "900")
    assert (paid.rows, paid.left_out) == (1, 1)
    recorded = await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))
    assert (recorded.awards, recorded.rejected, recorded.skipped) == (2, 1, 1)


@pytest.mark.parametrize("change", ["stopped", "paid"])
async def test_others_left_out_than_were_shown_are_looked_at_first(ledger: Ledger, change: str):
    """In the transaction that records, whatever was read before it: neither more nor fewer than the card told of."""
    first = await record(ledger, rows(2, amount=7), label=LABEL)
    ready = await draft(ledger, rows(4), label=LABEL)
    seen = await only_the_rest(ledger, ready)
    if change == "stopped":
        await ledger.steering.stop(first.batch_id, ADA)
    else:
        await record(ledger, [row(2, 4, 8)], label=LABEL)
    before = len(await awards(ledger))
    with pytest.raises(StaleMatches):
        await ledger.recording.record_batch(ready.id, seen)
    assert len(await awards(ledger)) == before
    recorded = await ledger.recording.record_batch(ready.id, await only_the_rest(ledger, ready))
    assert recorded.awards == (4 if change == "stopped" else 1)
