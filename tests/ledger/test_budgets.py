"""Budgets hold in the transaction that records, whoever comes at the same moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.budgets import Period
from bot.domain.calls import OutcomeKind
from bot.domain.model import Actor, Decision
from bot.errors import LimitExceeded
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded
from tests.ledger.making import (
    ADA,
    BOB,
    CREDENTIALS,
    GAMEBALL,
    SHELL,
    STRANGER,
    HandClock,
    call,
    claim,
    confirmation,
    draft,
    new_draft,
    record,
    row,
    rows,
)

SERVER = "900"
WEEK = 7 * 24 * 3600


async def budget(
    ledger: Ledger, amount: str | None = "100", holder: str = "user:11", period: Period = Period.WEEK
) -> None:
    await ledger.budgets.change(SERVER, holder, {period: amount}, BOB)


async def left(ledger: Ledger, actor: Actor = ADA, roles: frozenset[str] = frozenset(), **more: object) -> int:
    """What is left of the first budget."""
    ready = await draft(ledger, rows(1), actor=actor, **more)  # type: ignore[arg-type]  # test shorthand
    return (await ledger.drafts.budget_uses(ready.id, actor, roles))[0].left


async def test_what_exceeds_the_budget_is_refused_in_plain_words(ledger: Ledger):
    await budget(ledger)
    await record(ledger, rows(6))
    ready = await draft(ledger, rows(5, first=20))
    words = "this gives 50, and 40 of your budget of 100 are left this week; nothing was sent"
    with pytest.raises(LimitExceeded, match=words):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert (await record(ledger, rows(4, first=30))).awards == 4
    assert await left(ledger) == 0


async def test_of_many_batches_at_once_only_what_fits_is_recorded(ledger: Ledger):
    await budget(ledger)
    drafts = [await draft(ledger, rows(4, first=10 * number + 1)) for number in range(5)]
    results = await asyncio.gather(
        *(ledger.recording.record_batch(one.id, confirmation(one)) for one in drafts), return_exceptions=True
    )
    assert sum(isinstance(one, Recorded) for one in results) == 2
    assert sum(isinstance(one, LimitExceeded) for one in results) == 3
    assert await left(ledger) == 20


async def test_refused_and_cancelled_awards_give_it_back_and_doubts_do_not_even_given_up(ledger: Ledger):
    await budget(ledger)
    first = await record(ledger, rows(4))
    assert await left(ledger) == 60
    await call(ledger, first.batch_id, OutcomeKind.REJECTED, 1)
    assert await left(ledger) == 70
    await call(ledger, first.batch_id, OutcomeKind.UNKNOWN, 1)
    await claim(ledger, first.batch_id, 1)
    assert await left(ledger) == 70
    await ledger.steering.stop(first.batch_id, ADA)
    assert await left(ledger) == 80
    await ledger.steering.resolve([2], Decision.WRITE_OFF, ADA, reason="gone")
    assert await left(ledger) == 80


async def test_what_was_taken_back_gives_it_back_and_an_undo_costs_nothing(ledger: Ledger):
    await budget(ledger)
    batch_id = (await record(ledger, [row(2, 1, 80), row(3, 2, -500)])).batch_id
    await call(ledger, batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(batch_id)
    draft_id = await ledger.drafts.create(new_draft(source="undo", parent_id=batch_id))
    await ledger.drafts.stage_undo(draft_id, batch_id)
    ready = await ledger.drafts.finish(draft_id, refused=False, summary={})
    undo = await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert await left(ledger) == 20
    await call(ledger, undo.batch_id, OutcomeKind.APPLIED)
    assert await left(ledger) == 100


async def test_an_undo_that_may_not_have_taken_everything_frees_no_budget(ledger: Ledger):
    await budget(ledger)
    batch_id = (await record(ledger, [row(2, 1, 80)], destination=GAMEBALL)).batch_id
    await call(ledger, batch_id, OutcomeKind.APPLIED)
    await ledger.claims.finish_if_done(batch_id)
    draft_id = await ledger.drafts.create(new_draft(source="undo", parent_id=batch_id, destination=GAMEBALL))
    assert (await ledger.drafts.stage_undo(draft_id, batch_id)).may_take_less
    ready = await ledger.drafts.finish(draft_id, refused=False, summary={})
    undo = await ledger.recording.record_batch(ready.id, confirmation(ready))
    await call(ledger, undo.batch_id, OutcomeKind.APPLIED)
    assert await left(ledger, destination=GAMEBALL) == 20


async def test_deductions_and_recipients_without_an_account_cost_nothing(ledger: Ledger):
    await budget(ledger)
    await record(ledger, [row(2, 1, -500), row(3, 2, 900, target=None, unresolved="gone"), row(4, 3, 30)])
    assert await left(ledger) == 70


async def test_a_new_week_begins_anew(ledger: Ledger, clock: HandClock):
    await budget(ledger)
    await record(ledger, rows(10))
    clock.at += WEEK
    assert await left(ledger) == 100


async def test_each_person_each_currency_and_each_server_counts_apart(ledger: Ledger):
    await budget(ledger, holder="role:7")
    held = frozenset({"7"})
    await record(ledger, rows(10), decided={"roles": held})
    assert await left(ledger, ADA, held) == 0
    assert await left(ledger, BOB, held) == 100
    assert await left(ledger, ADA, held, destination=replace(CREDENTIALS, currency="other")) == 100
    for free in (STRANGER, SHELL):
        assert (await record(ledger, rows(50), actor=free, decided={"roles": held})).awards == 50
    assert (await record(ledger, rows(50), decided={"roles": frozenset({"8"})})).awards == 50


async def test_a_budget_is_taken_away_again_and_its_changes_are_kept(ledger: Ledger):
    await budget(ledger, "5")
    assert [one.amount for one in await ledger.budgets.all(SERVER)] == ["5"]
    assert await ledger.budgets.change(SERVER, "user:11", {Period.WEEK: None}, BOB) == {Period.WEEK: "5"}
    assert (await record(ledger, rows(50))).awards == 50


async def test_a_budget_that_the_unit_cannot_express_refuses_instead_of_guessing(ledger: Ledger):
    await budget(ledger, "12.50")
    ready = await draft(ledger, rows(1))
    with pytest.raises(LimitExceeded, match="cannot be read in this programme's unit"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_a_new_key_of_a_gameball_account_is_no_new_budget(ledger: Ledger):
    await budget(ledger)
    await record(ledger, rows(6), destination=GAMEBALL)
    renewed = replace(GAMEBALL, account="another fingerprint")
    assert await left(ledger, destination=renewed) == 40
    with pytest.raises(LimitExceeded):
        await record(ledger, rows(5, first=20), destination=renewed)
    assert await left(ledger, destination=renewed, programme="gameball-shop") == 100
