"""Drafts: stored in parts, changed, hashed, expired, purged."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import Any

import pytest

from bot.domain.drafting import Alike, DraftTotals, StagedRow
from bot.domain.model import Problem, Recipient, RecipientType
from bot.errors import LimitExceeded
from bot.ledger import _staging
from bot.ledger.drafts import DraftState
from bot.ledger.ledger import Ledger
from tests.ledger.making import (
    BOB,
    GAMEBALL,
    MEMBERS,
    HandClock,
    draft,
    member,
    new_draft,
    record,
    row,
    rows,
)


def _problem(line: int, message: str = "no such member", column: str | None = "discord_id") -> Problem:
    return Problem(line, column, "unknown", message)


async def _all(ledger: Ledger, draft_id: int) -> list[StagedRow]:
    return list(await ledger.drafts.sample(draft_id, 1000))


async def test_a_draft_comes_back_as_it_was_stored(ledger: Ledger, clock: HandClock):
    new = new_draft(
        BOB, GAMEBALL, reason="raid", label="Week 31", request={"delimiter": ";", "rows": 3}, parent_id=None
    )
    draft_id = await ledger.drafts.create(new, lifetime_seconds=60)
    stored = await ledger.drafts.get(draft_id, BOB.server_id)
    assert (stored.actor, stored.destination, stored.programme) == (BOB, GAMEBALL, "gameball")
    assert (stored.reason, stored.label, stored.file_name) == ("raid", "Week 31", "week-31.csv")
    assert stored.request == {"delimiter": ";", "rows": 3}
    assert (stored.created_at, stored.expires_at) == (clock.ms, clock.ms + 60_000)
    assert (stored.state, stored.content_hash, stored.batch_id, stored.summary) == (DraftState.READING, None, None, {})


async def test_rows_come_back_as_they_were_staged(ledger: Ledger):
    earlier = await record(ledger, [row(2, 1, unresolved="nobody", target=None)])
    assert earlier.rejected == 1
    custom = Recipient(RecipientType.CUSTOM, "néô\x00\"'", "my app")
    staged = [
        row(9, custom, -5, reason="späti ✓"),
        row(3, 1, lines=(3, 5, 8), continues=1),
        row(4, 2, target=None),
        row(6, 3, target=None, unresolved="no member has this id"),
    ]
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, staged, ())
    assert await _all(ledger, draft_id) == sorted(staged, key=lambda one: one.line)
    assert await ledger.drafts.sample(draft_id, 2) == [staged[1], staged[2]]
    assert await ledger.drafts.largest(draft_id, 2) == [staged[1], staged[2]]
    assert await ledger.drafts.unresolved(draft_id, 5) == [staged[3]]
    assert await ledger.drafts.pending_recipients(draft_id, 0, 5) == [(4, member(2))]
    assert await ledger.drafts.pending_recipients(draft_id, 4, 5) == []
    assert await ledger.drafts.of_recipient(draft_id, custom.key, None) == [staged[0]]
    assert await ledger.drafts.of_recipient(draft_id, "nobody", member(1).value) == [staged[1]]


async def test_one_line_stands_for_itself_even_if_it_is_told_as_a_list(ledger: Ledger):
    ready = await draft(ledger, [row(2, 1, lines=(2,))])
    assert (await ledger.drafts.sample(ready.id, 1))[0].lines is None


async def test_totals_count_everything_that_a_card_shows(ledger: Ledger):
    staged = [
        row(2, 1, 10),
        row(3, 1, -4),
        row(4, 2, 6, lines=(4, 9, 10)),
        row(5, 3, 100, target=None, unresolved="nobody"),
        row(6, 4, 7, target=None),
    ]
    ready = await draft(ledger, staged, [_problem(7), _problem(7, "twice wrong"), _problem(8)])
    assert await ledger.drafts.totals(ready.id) == DraftTotals(
        rows=5,
        recipients=4,
        total=119,
        total_absolute=127,
        unresolved=1,
        pending=1,
        problems=2,
        deductions=1,
        lines=7,
    )


async def test_totals_of_nothing_are_zero(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    assert await ledger.drafts.totals(draft_id) == DraftTotals(0, 0, 0, 0, 0, 0, 0, 0, 0)


async def test_sums_beyond_64_bits_are_exact(ledger: Ledger):
    huge = 2**62 + 7
    ready = await draft(ledger, [row(line, line, huge if line % 2 else -huge + 1) for line in range(2, 9)])
    totals = await ledger.drafts.totals(ready.id)
    assert (totals.total, totals.total_absolute) == (3 * huge + 4 * (1 - huge), 3 * huge + 4 * (huge - 1))


async def test_an_amount_that_no_ledger_can_hold_is_refused(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    with pytest.raises(LimitExceeded):
        await ledger.drafts.stage(draft_id, [row(2, 1), row(3, 2, 2**63)], ())
    assert await _all(ledger, draft_id) == []


async def test_problems_keep_the_order_of_the_file(ledger: Ledger):
    told = [_problem(5, "a"), _problem(3, "b", None), _problem(5, "c")]
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, (), told[:2])
    await ledger.drafts.stage(draft_id, (), told[2:])
    assert await ledger.drafts.problems(draft_id) == [told[1], told[0], told[2]]
    assert await ledger.drafts.problems(draft_id, 2) == [told[1], told[0]]


async def test_problems_of_one_kind_are_told_with_their_lines(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    assert await ledger.drafts.problems_alike(draft_id, 5) == ([], 0)
    fractions = [Problem(line, "points", "fraction", f"{line}.5 is a fraction") for line in range(20, 3, -1)]
    others = [
        Problem(5, None, "two-recipients", "two"),
        Problem(3, "who", "fraction", "odd"),
        Problem(30, None, "x", "y"),
    ]
    await ledger.drafts.stage(draft_id, (), [*fractions, *others, Problem(5, "points", "fraction", "once more")])
    alike, kinds = await ledger.drafts.problems_alike(draft_id, 3)
    assert kinds == 4
    assert alike == [
        Alike(others[1], 1, ()),
        Alike(Problem(4, "points", "fraction", "4.5 is a fraction"), 17, (5, 6, 7, 8, 9)),
        Alike(others[0], 1, ()),
    ]


async def test_rows_of_one_recipient_are_grouped_by_their_lines(ledger: Ledger):
    upper = Recipient(RecipientType.EMAIL, "A@x.org")
    lower = Recipient(RecipientType.EMAIL, "a@X.org")
    staged = [row(2, 7), row(3, upper), row(4, 8), row(5, 7, 3), row(6, lower), row(7, 7)]
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, staged, ())
    groups = [[one.line for one in group] for group in await ledger.drafts.duplicate_groups(draft_id)]
    assert groups == [[2, 5, 7], [3, 6]]


async def test_merged_rows_take_the_place_of_those_they_stand_for(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, [row(2, 7), row(3, 8), row(4, 7)], ())
    merged = row(2, 7, 20, lines=(2, 4))
    await ledger.drafts.replace(draft_id, [2, 4], [merged], [_problem(4, "merged away")])
    assert await _all(ledger, draft_id) == [merged, row(3, 8)]
    assert [one.message for one in await ledger.drafts.problems(draft_id)] == ["merged away"]


# --- the content hash -----------------------------------------------------------------------------------------------


async def test_the_same_rows_have_the_same_hash_however_they_came(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_staging, "HASH_ROWS", 3)
    staged = rows(10)
    one = await draft(ledger, staged, label="Week 1")
    other_id = await ledger.drafts.create(new_draft(BOB, label="Week 1"))
    for single in reversed(staged):
        await ledger.drafts.stage(other_id, [single], ())
    monkeypatch.setattr(_staging, "HASH_ROWS", 100)
    other = await ledger.drafts.finish(other_id, refused=False, summary={"n": 10})
    assert one.content_hash == other.content_hash
    assert (other.state, other.summary) == (DraftState.READY, {"n": 10})


@pytest.mark.parametrize(
    "changed",
    [
        {"staged": rows(3, amount=11)},
        {"staged": rows(2)},
        {"staged": [*rows(2), row(4, 3, reason="x")]},
        {"staged": [*rows(2), row(4, 3, lines=(4, 5))]},
        {"staged": [*rows(2), row(4, 3, target="other")]},
        {"staged": [*rows(2), row(4, 3, target=None, unresolved="nobody")]},
        {"staged": [*rows(2), row(5, 3)]},
        {"destination": GAMEBALL},
        {"reason": "raid"},
    ],
)
async def test_whatever_would_be_recorded_differently_has_another_hash(ledger: Ledger, changed: dict[str, object]):
    one = await draft(ledger, rows(3))
    other = await draft(ledger, **{"staged": rows(3), **changed})  # type: ignore[arg-type] # test shorthand
    assert one.content_hash != other.content_hash


async def test_rows_that_come_in_while_the_hash_is_made_are_in_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, rows(6)[1:], ())
    hashing, go_on, real = threading.Event(), threading.Event(), _staging.hash_part

    def slow(*given: Any) -> Any:
        part = real(*given)
        hashing.set()
        assert go_on.wait(10)
        return part

    monkeypatch.setattr(_staging, "hash_part", slow)
    finishing = asyncio.create_task(ledger.drafts.finish(draft_id, refused=False, summary={}))
    await asyncio.to_thread(hashing.wait, 10)
    await ledger.drafts.stage(draft_id, rows(1), ())  # a line before those that were read already
    go_on.set()
    finished = await finishing
    assert finished.content_hash == (await draft(ledger, rows(6))).content_hash


async def test_a_row_that_makes_no_sense_is_a_slip_of_ours(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    with pytest.raises(sqlite3.IntegrityError, match="amount"):
        await ledger.drafts.stage(draft_id, [row(2, 1, 0)], ())


async def test_what_a_lookup_finds_later_changes_the_hash(ledger: Ledger):
    ready = await draft(ledger, [row(2, 1, target=None), row(3, 2, target=None)])
    await ledger.drafts.set_targets(ready.id, {2: "drip-1"}, {3: "nobody"})
    found = await _all(ledger, ready.id)
    assert [(one.target, one.unresolved) for one in found] == [("drip-1", None), (None, "nobody")]
    after = await ledger.drafts.get(ready.id, None)
    assert after.content_hash not in (None, ready.content_hash)
    await ledger.drafts.set_targets(ready.id, {3: "drip-2"}, {})
    assert (await _all(ledger, ready.id))[1].unresolved is None
    assert (await ledger.drafts.get(ready.id, None)).content_hash != after.content_hash


async def test_what_is_merged_after_a_lookup_changes_the_hash(ledger: Ledger):
    ready = await draft(
        ledger, [row(2, 1, target="x"), row(3, 2, target="x"), row(4, 2, target="y")], destination=MEMBERS
    )
    (group,) = await ledger.drafts.duplicate_groups(ready.id)
    assert [one.line for one in group] == [2, 3]
    assert (await ledger.drafts.totals(ready.id)).recipients == 2
    await ledger.drafts.replace(ready.id, [2, 3], [row(2, 1, 20, lines=(2, 3), target="x")], ())
    assert (await ledger.drafts.get(ready.id, None)).content_hash not in (None, ready.content_hash)


async def test_looking_up_before_the_end_leaves_the_hash_to_the_end(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, [row(2, 1, target=None)], ())
    await ledger.drafts.set_targets(draft_id, {2: "drip-1"}, {})
    assert (await ledger.drafts.get(draft_id, None)).content_hash is None
    finished = await ledger.drafts.finish(draft_id, refused=False, summary={})
    assert finished.content_hash == (await draft(ledger, [row(2, 1, target="drip-1")])).content_hash


async def test_another_reason_or_label_changes_the_hash_and_another_request_does_not(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    await ledger.drafts.update(ready.id, label="", request={"x": 1})
    asked = await ledger.drafts.get(ready.id, None)
    assert (asked.request, asked.content_hash) == ({"x": 1}, ready.content_hash)
    await ledger.drafts.update(ready.id, label="Week 32")
    relabelled = await ledger.drafts.get(ready.id, None)
    await ledger.drafts.update(ready.id, reason="raid")
    changed = await ledger.drafts.get(ready.id, None)
    assert (relabelled.label, changed.label, changed.reason) == ("Week 32", "Week 32", "raid")
    other = await draft(ledger, rows(1), label="Week 32")
    hashes = {one.content_hash for one in (ready, relabelled, changed, other)}
    assert len(hashes) == 4
    await ledger.drafts.update(ready.id, label="", reason="")
    cleared = await ledger.drafts.get(ready.id, None)
    assert (cleared.label, cleared.reason) == (None, None)
