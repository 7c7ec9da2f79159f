"""Intent before the call, outcome after it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.calls import Beside, Item, OutcomeKind
from bot.domain.lanes import Plan
from bot.domain.model import Decision, Pause, PauseKind, Recipient, RecipientType
from bot.errors import LedgerError
from bot.ledger.claims import Interrupted
from bot.ledger.ledger import Ledger
from tests.ledger.making import (
    ADA,
    CREDENTIALS,
    GAMEBALL,
    MEMBERS,
    HandClock,
    all_of,
    attempts_of,
    awards,
    batch_of,
    build,
    call,
    claim,
    counts,
    member,
    next_call,
    query,
    record,
    row,
    rows,
    states,
)

# --- claiming -------------------------------------------------------------------------------------------------------


async def test_a_claim_is_an_intent_in_the_file_before_anything_is_sent(ledger: Ledger, path: Path, clock: HandClock):
    await record(ledger, [row(2, 1, 5, reason="raid"), row(3, 2, -7)])
    claimed = await next_call(ledger, 1, 100, build)
    assert claimed is not None
    assert claimed.items == (
        Item(1, member(1), member(1).value, 5, "raid"),
        Item(2, member(2), member(2).value, -7, None),
    )
    assert claimed.body == f"{claimed.token}:1,2".encode()
    stored = query(path, "SELECT id, batch_id, state, claimed_at, token, awards, body_sha256, verdict FROM attempts")
    sha256 = hashlib.sha256(claimed.body).hexdigest()
    assert stored == [(claimed.attempt_id, 1, "open", clock.ms, claimed.token, "[1, 2]", sha256, None)]
    assert query(path, "SELECT state, attempts, attempt_id FROM awards") == [("sending", 1, claimed.attempt_id)] * 2


async def test_tokens_are_short_and_their_own(ledger: Ledger):
    batch_id = await batch_of(ledger, 20)
    tokens = {(await claim(ledger, batch_id, 1)).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(len(token) == 10 and token.isalnum() and token == token.lower() for token in tokens)


async def test_awards_are_claimed_in_order_and_never_twice(ledger: Ledger):
    batch_id = await batch_of(ledger, 7)
    sizes = []
    while (claimed := await next_call(ledger, batch_id, 3, build)) is not None:
        sizes.append([item.award_id for item in claimed.items])
    assert sizes == [[1, 2, 3], [4, 5, 6], [7]]


async def test_simultaneous_claims_share_the_awards_out(ledger: Ledger):
    batch_id = await batch_of(ledger, 50)
    claims = await asyncio.gather(*(next_call(ledger, batch_id, 7, build) for _ in range(12)))
    claimed = [item.award_id for one in claims if one is not None for item in one.items]
    assert sorted(claimed) == list(range(1, 51))
    assert [one is None for one in claims].count(True) == 4


async def test_a_call_holds_awards_of_one_lot_lowest_first(ledger: Ledger):
    staged = [row(2, 1, target="a"), row(3, 2, target="a"), row(4, 3, target="credential:b"), row(5, 4, target="c")]
    batch_id = (await record(ledger, staged, destination=MEMBERS)).batch_id
    calls = [await call(ledger, batch_id, OutcomeKind.APPLIED) for _ in range(3)]
    assert [[item.award_id for item in one.items] for one in calls] == [[1, 4], [3], [2]]
    assert await next_call(ledger, batch_id, 100, build) is None


async def test_nothing_is_claimed_before_its_start(ledger: Ledger, clock: HandClock):
    recorded = await record(ledger, rows(1), decided={"start_delay_seconds": 10.0})
    clock.at += 9.999
    assert await next_call(ledger, recorded.batch_id, 100, build) is None
    clock.at += 0.001
    assert await next_call(ledger, recorded.batch_id, 100, build) is not None


async def test_nothing_is_claimed_from_a_batch_that_is_not_open(ledger: Ledger):
    batch_id = await batch_of(ledger, 3)
    await ledger.steering.pause(batch_id, ADA, Pause(PauseKind.PERSON, "wait"))
    assert await next_call(ledger, batch_id, 1, build) is None
    await ledger.steering.resume(batch_id, ADA)
    await call(ledger, batch_id, OutcomeKind.APPLIED, limit=1)
    await ledger.steering.stop(batch_id, ADA)
    assert await next_call(ledger, batch_id, 1, build) is None
    assert await next_call(ledger, 99, 1, build) is None
    assert await states(ledger, batch_id) == ["applied", "cancelled", "cancelled"]


async def test_a_body_that_cannot_be_built_leaves_everything_planned(ledger: Ledger, path: Path):
    batch_id = await batch_of(ledger, 2)

    def broken(items: object, token: str, legs: object) -> bytes:
        raise ValueError("odd reason")

    with pytest.raises(ValueError, match="odd reason"):
        await next_call(ledger, batch_id, 100, broken)
    assert await states(ledger, batch_id) == ["planned"] * 2
    assert query(path, "SELECT count(*) FROM attempts") == [(0,)]


DRIP_ELSEWHERE = replace(CREDENTIALS, account="f" * 24)
WALLET = Recipient(RecipientType.WALLET, "0x01")


@pytest.mark.parametrize(
    ("doubt", "later", "held"),
    [
        ({"staged": rows(1)}, {"staged": rows(1)}, True),
        ({"staged": rows(1)}, {"staged": [row(2, 1, 999)]}, True),
        ({"staged": rows(1)}, {"staged": rows(1), "destination": MEMBERS}, True),
        ({"staged": rows(1)}, {"staged": rows(1), "destination": DRIP_ELSEWHERE}, False),
        ({"staged": rows(1)}, {"staged": rows(1, first=2)}, False),
        (
            {"staged": [row(2, 1, target="drip-1")], "destination": MEMBERS},
            {"staged": [row(2, WALLET, target="drip-1")], "destination": MEMBERS},
            True,
        ),
    ],
)
async def test_a_recipient_with_a_doubt_gets_nothing_more_at_that_account(
    ledger: Ledger, doubt: dict[str, object], later: dict[str, object], held: bool
):
    first = await record(ledger, **doubt)  # type: ignore[arg-type] # test shorthand
    await call(ledger, first.batch_id, OutcomeKind.UNKNOWN)
    second = await record(ledger, **later)  # type: ignore[arg-type] # test shorthand
    claimed = await next_call(ledger, second.batch_id, 100, build)
    assert (claimed is None) is held
    await ledger.steering.resolve([1], Decision.WRITE_OFF, ADA, reason="old")
    if held:
        assert len((await claim(ledger, second.batch_id)).items) == 1


async def test_others_go_on_while_one_recipient_is_in_doubt(ledger: Ledger):
    await call(ledger, await batch_of(ledger, 1), OutcomeKind.UNKNOWN)
    batch_id = await batch_of(ledger, 3)
    assert [item.award_id for item in (await claim(ledger, batch_id)).items] == [3, 4]
    assert await states(ledger, batch_id) == ["planned", "sending", "sending"]


async def test_a_held_lot_does_not_hold_the_next_one(ledger: Ledger):
    await call(ledger, await batch_of(ledger, 1), OutcomeKind.UNKNOWN)
    staged = [row(2, 1, target="a"), row(3, 2, target="a")]
    batch_id = (await record(ledger, staged)).batch_id
    assert [item.award_id for item in (await claim(ledger, batch_id)).items] == [3]


async def test_one_target_is_never_twice_in_a_call_even_if_lots_were_wrong(ledger: Ledger):
    batch_id = (await record(ledger, [row(2, 1, target="a"), row(3, 2, target="a"), row(4, 3)])).batch_id
    await ledger.database.write(lambda c: c.execute("UPDATE awards SET lot = 0").rowcount)
    for carried in ([1, 3], [2]):
        claimed = await call(ledger, batch_id, OutcomeKind.APPLIED)
        assert [item.award_id for item in claimed.items] == carried


# --- calls under way together ---------------------------------------------------------------------------------------


async def test_calls_under_way_together_have_no_recipient_in_common(ledger: Ledger):
    first = await batch_of(ledger, 3)
    second = (await record(ledger, [row(2, 2), row(3, 9)])).batch_id
    claimed = await claim(ledger, first)
    assert [item.target for item in (await claim(ledger, second)).items] == [row(2, 9).target]
    assert isinstance(await ledger.claims.claim(second, Plan(100), build), Beside)
    assert await ledger.claims.claim(first, Plan(100), build) is None  # all of it is under way
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
    assert [item.target for item in (await claim(ledger, second)).items] == [row(2, 2).target]


async def test_a_recipient_of_a_call_under_way_waits_whatever_name_it_goes_by(ledger: Ledger):
    first = (await record(ledger, [row(2, 1, target="a")], destination=MEMBERS)).batch_id
    second = (await record(ledger, [row(2, 7, target="a"), row(3, 8, target="b")], destination=MEMBERS)).batch_id
    await claim(ledger, first)
    assert [item.target for item in (await claim(ledger, second)).items] == ["b"]


async def test_a_call_under_way_at_another_account_keeps_nobody_waiting(ledger: Ledger):
    elsewhere = replace(CREDENTIALS, account="f" * 24)
    first, second = await batch_of(ledger, 1), await batch_of(ledger, 1, destination=elsewhere)
    await claim(ledger, first)
    assert len((await claim(ledger, second)).items) == 1


async def test_a_job_that_was_accepted_keeps_nobody_waiting(ledger: Ledger):
    first, second = await batch_of(ledger, 1, destination=GAMEBALL), await batch_of(ledger, 1, destination=GAMEBALL)
    await call(ledger, first, OutcomeKind.ACCEPTED, job_id="1")
    assert len((await claim(ledger, second)).items) == 1


# --- after a crash --------------------------------------------------------------------------------------------------


async def test_what_was_in_flight_is_in_doubt_after_a_restart_and_the_rest_goes_on(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    first, second = await batch_of(ledger, 3), await batch_of(ledger, 2, destination=GAMEBALL)
    await claim(ledger, first, 1)
    await claim(ledger, first, 1)
    await claim(ledger, second)
    await ledger.close()

    clock.at += 60
    ledger = await Ledger.open(path, clock)
    assert await ledger.claims.mark_interrupted() == Interrupted(attempts=3, awards=4)
    assert await states(ledger) == ["unknown", "unknown", "planned", "unknown", "unknown"]
    assert {(one.verdict, one.state, one.closed_at) for one in await attempts_of(ledger, first)} == {
        ("interrupted", "closed", clock.ms)
    }
    told = [event.detail for event in await ledger.queries.events(first) if event.kind == "calls-interrupted"]
    assert told == [{"attempts": 2, "awards": 2}]
    assert "may or may not have landed" in ((await awards(ledger, first))[0].detail or "")
    assert await ledger.claims.mark_interrupted() == Interrupted(0, 0)
    assert (await counts(ledger, first)).planned == 1
    await ledger.close()


async def test_the_outcome_of_a_call_from_before_the_restart_is_not_taken(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    claimed = await claim(ledger, batch_id)
    await ledger.claims.mark_interrupted()
    with pytest.raises(LedgerError):
        await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
    assert await states(ledger, batch_id) == ["unknown"]
