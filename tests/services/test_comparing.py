"""A start that finds payments which its ledger does not know: it stops. One that finds ordinary activity goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.domain.calls import Claim, Item, OutcomeKind
from bot.domain.drafting import StagedRow
from bot.domain.judging import Judged, Judgement, Judgements, Listed
from bot.domain.model import Batch, Decision, Recipient
from bot.ledger.restorations import Why
from bot.providers.base import Foresight
from bot.services.comparing import Comparer
from tests.ledger.making import all_of, attempts_of, next_call
from tests.services.doubts import CALLS, seed
from tests.services.neighbour import Neighbour, programme_of
from tests.services.office import HURRY, MOD, Door, file_of, members, paying
from tests.services.rig import STAFF, Rig, recipient, rig
from tests.support.patience import eventually


class Listing(Neighbour):
    """A service that lists calls and tells balances."""

    tokens: dict[str, Listed]
    balances: dict[str, int | None]
    asked: int = 0
    read: int = 0
    fails: bool = False

    async def look_ahead(self, items: Sequence[Item], known: Collection[int], mark: int | None) -> Foresight:
        self.asked += 1
        if self.fails:
            raise OSError("no answer")
        return Foresight({}, (mark or 0) + 1, tokens=dict(self.tokens))

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        self.read += 1
        return self.balances.get(recipient.key)


def listing(style: str, **tells: Any) -> Callable[..., Neighbour]:
    def make(**where: Any) -> Neighbour:
        made = Listing(programme_of(style), **where)
        made.tokens, made.balances = {}, {}
        for name, value in tells.items():
            setattr(made, name, value)
        return made

    return make


async def marked(it: Rig) -> None:
    account = it.neighbour.programme.destination.account
    await it.ledger.evidence.advance_mark(account, 7)


async def test_calls_of_another_ledger_in_the_list_stop_everything(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", listing("jobs", tokens={"abcdefghjk": Listed()}), patient=True) as it:
        await marked(it)
        batch = await it.record([1, 2])
        it.start()
        await it.quiet(batch)
        assert await it.states(batch) == "PP"
        assert await it.state(batch) == "paused:restored"
        assert [one.id for one, _ in it.told.pauses] == [batch]
        restoration = await it.ledger.restorations.in_force()
        assert restoration is not None
        assert "the service has calls of Bursar that are missing here" in restoration.message


@pytest.mark.parametrize(
    ("signed_minutes_ago", "made_minutes_ago", "stops"),
    [(60, 90, False), (60, 55, False), (60, 30, True), (60, None, False)],
)
async def test_what_was_made_before_a_sign_off_was_signed_off(
    tmp_path: Path, signed_minutes_ago: int, made_minutes_ago: int | None, stops: bool
) -> None:
    async with rig(tmp_path / "a.db", listing("jobs"), patient=True) as it:
        await marked(it)
        await it.ledger.restorations.suspect(Why.STRANGER)
        assert await it.ledger.restorations.sign_off("Ada")
        await it.clock.sleep(60 * signed_minutes_ago)
        made = None if made_minutes_ago is None else round((it.clock.now() - 60 * made_minutes_ago) * 1000)
        assert isinstance(it.neighbour, Listing)
        it.neighbour.tokens = {"abcdefghjk": Listed(made)}
        batch = await it.record([1])
        it.start()
        await it.quiet(batch)
        assert (await it.state(batch) == "paused:restored") == stops


async def test_our_own_calls_are_no_strangers_and_the_list_is_asked_once(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", listing("jobs"), patient=True) as it:
        await marked(it)
        first = await it.record([1, 2])
        it.start()
        await it.quiet(first)
        assert await it.states(first) == "AA"
        neighbour = it.neighbour
        assert isinstance(neighbour, Listing)
        asked = neighbour.asked
        (attempt,) = await attempts_of(it.ledger, first)
        neighbour.tokens = {attempt.token: Listed()}
        second = await it.record([3])
        await it.quiet(second)
        assert await it.states(second) == "A"
        assert neighbour.asked == asked


async def test_without_a_mark_or_an_answer_there_is_nothing_to_compare(tmp_path: Path) -> None:
    ways: tuple[dict[str, Any], ...] = ({"tokens": {"abcdefghjk": Listed()}}, {"fails": True})
    for number, how in enumerate(ways):
        async with rig(tmp_path / f"{number}.db", listing("jobs", **how), patient=True) as it:
            if "fails" in how:
                await marked(it)
            batch = await it.record([1])
            it.start()
            await it.quiet(batch)
            assert await it.states(batch) == "A"


async def test_a_list_that_could_not_be_compared_is_not_left_behind(tmp_path: Path) -> None:
    class Failing(Listing):
        async def look_ahead(self, items: Sequence[Item], known: Collection[int], mark: int | None) -> Foresight:
            self.fails = not self.asked
            seen = await super().look_ahead(items, known, mark)
            return seen if (mark or 0) < 8 else Foresight({}, mark)

    def make(**where: Any) -> Neighbour:
        made = Failing(programme_of("jobs"), **where)
        made.tokens, made.balances = {"abcdefghjk": Listed()}, {}
        return made

    async with rig(tmp_path / "a.db", make, patient=True) as it:
        await marked(it)
        await it.clock.sleep(2 * 3600)
        batches = [await it.record([1]), await it.record([2])]
        it.start()
        await it.quiet()
        assert "paused:restored" in [await it.state(batch) for batch in batches]


BALANCES = [
    ([110, 110, 110], "paused:restored", "everybody has exactly what is planned"),
    ([110, 110, 100], "finished", "somebody has not"),
    ([115, 115, 115], "finished", "everybody earned something else"),
    ([110, 110, None], "finished", "too few can be read"),
    ([100, 100, 100], "finished", "nobody was paid"),
]


@pytest.mark.parametrize(("now", "state", "why"), BALANCES, ids=[row[2] for row in BALANCES])
async def test_a_batch_that_a_start_finds_is_compared_with_its_recipients_balances(
    tmp_path: Path, now: list[int | None], state: str, why: str
) -> None:
    path = tmp_path / "a.db"
    make = partial(listing, "items")
    async with rig(path, make(), patient=True) as it:
        batch = await it.record([1, 2, 3])
        to = it.neighbour.programme.destination
        known = {recipient(number).key: 100 for number in (1, 2, 3)}
        await it.ledger.evidence.remember_balances(to.account, str(to.currency), known, read_at=it.clock.now())
    told = {recipient(number).key: balance for number, balance in zip((1, 2, 3), now, strict=True)}
    later = it.clock
    await later.sleep(7200)
    async with rig(path, make(balances=told), clock=later, patient=True) as it:
        it.start()
        await it.quiet(batch)
        assert await it.state(batch) == state
        if state != "finished":
            assert await it.states(batch) == "PPP"
            await it.batches.resume(batch, STAFF)
            await it.quiet(batch)
            assert await it.state(batch) == "finished", "a person has looked: it is not asked again"


async def found_by_a_start(tmp_path: Path, amounts: Sequence[int], moved: int) -> str:
    """What becomes of a batch that gives these amounts, where everybody's balance moved by the same since."""
    path, keys = tmp_path / "a.db", [recipient(number).key for number in range(len(amounts))]
    async with rig(path, listing("items"), patient=True) as it:
        rows = [
            StagedRow(number + 2, None, recipient(number), recipient(number).value, amount, None)
            for number, amount in enumerate(amounts)
        ]
        batch = await it.record_rows(rows)
        to = it.neighbour.programme.destination
        known = dict.fromkeys(keys, 100)
        await it.ledger.evidence.remember_balances(to.account, str(to.currency), known, read_at=it.clock.now())
    later = it.clock
    await later.sleep(7200)
    async with rig(path, listing("items", balances=dict.fromkeys(keys, 100 + moved)), clock=later, patient=True) as it:
        it.start()
        await it.quiet(batch)
        return await it.state(batch)


async def test_another_bot_that_gives_everybody_the_same_stops_no_batch_that_gives_different_amounts(
    tmp_path: Path,
) -> None:
    assert await found_by_a_start(tmp_path, [10] * 8 + [20], moved=10) == "finished"


async def test_another_bot_that_gives_everybody_what_the_batch_gives_them_leaves_it_to_a_person(tmp_path: Path) -> None:
    assert await found_by_a_start(tmp_path, [10] * 9, moved=10) == "paused:restored"


async def test_what_another_batch_of_this_ledger_pays_meanwhile_is_no_sign_of_another_ledger(tmp_path: Path) -> None:
    class Slow(Listing):
        """What it tells of a balance is what it has become by the time that the answer comes."""

        async def balance(self, target: str, recipient: Recipient) -> int | None:
            self.read += 1
            if self.read > 1:
                await self._clock.sleep(60)
            return 100 + 10 * len(self.truth.calls)

    path, of = tmp_path / "a.db", [1, 2, 3]
    async with rig(path, listing("items"), patient=True) as it:
        batches = [await it.record(of), await it.record(of)]
        to = it.neighbour.programme.destination
        known = {recipient(number).key: 100 for number in of}
        await it.ledger.evidence.remember_balances(to.account, str(to.currency), known, read_at=it.clock.now())
    later = it.clock
    await later.sleep(7200)
    async with rig(path, partial(Slow, programme_of("items"), calls_at_once=2), clock=later, patient=True) as it:
        it.database.until_write = partial(later.sleep, 1)
        it.start()
        await it.quiet()
        assert [await it.state(batch) for batch in batches] == ["finished", "finished"]


async def test_a_batch_of_this_run_is_not_compared(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", listing("items"), patient=True) as it:
        it.start()
        await it.clock.sleep(1)
        batch = await it.record([1, 2, 3])
        await it.quiet(batch)
        assert await it.states(batch) == "AAA"
        assert isinstance(it.neighbour, Listing)
        assert it.neighbour.read == 0


async def test_the_token_of_an_earlier_call_in_a_reason_is_no_sign_of_another_ledger(door: Door) -> None:
    """Somebody copies the reason of an award out of Gameball's list, from before this ledger began."""
    ids = members(2)
    rows = [(one, 10, "as last time [bursar 0123456789]") for one in ids]
    async with door.open() as office:
        await office.sandbox.seed(customers=[{"id": one, "balance": 40} for one in ids])
        copied = await office.send(file_of(rows, "discord_id,amount,reason"), "gameball")
        assert (await office.state(copied), await office.states(copied)) == ("finished", "AA")
    async with door.open() as office:
        batch_id = await office.send(paying(ids, 12), "gameball")
        assert (await office.state(batch_id), await office.states(batch_id)) == ("finished", "AA")


async def test_a_call_that_is_listed_after_it_was_sent_again_is_told_once(door: Door) -> None:
    """A job may be queued for longer than anybody waits. Nobody pays anything because of it; a person has to look."""
    ids = members(3)
    door.calendar.speed = HURRY
    async with door.open() as office:
        await seed(office, "gameball", ids)
        await office.sandbox.faults({"match": {**CALLS["gameball"], "nth": 1}, "kind": "apply-late", "after": 3.0})
        await office.send(paying(ids), "gameball")
        await office.sandbox.faults()
    assert (await resumed_unchecked(door)) == {"applied": 3}
    await eventually(lambda: door.sandbox.applied("gameball"), lambda booked: len(booked) == 6)
    async with door.open() as office:
        batch_id = await office.send(paying(ids, 7), "gameball")
        assert await office.state(batch_id) == "paused:unclear"
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert "batch #1 now (attempt 1, awards: 3)" in pause.message
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "AAA"


async def test_a_call_that_came_late_is_told_although_another_doubt_has_read_past_it(door: Door) -> None:
    ids = members(2)
    nth = {**CALLS["gameball"], "nth": 1}
    async with door.open(settling=True, BURSAR_SETTLE_AFTER="16") as office:
        await seed(office, "gameball", ids)
        for amount in (3, 4):  # from here on the list is looked at again in an hour only
            await office.send(paying(ids, amount), "gameball")
        door.calendar.speed = HURRY
        faults: list[dict[str, Any]] = [{"kind": "apply-late", "after": 4.0}, {"kind": "reset-after-apply"}]
        for number, fault in enumerate(faults):
            await office.sandbox.faults({"match": nth, **fault})
            await office.send(paying(ids, 10 + number), "gameball")
            await office.sandbox.faults()
            await office.app.services.dispatcher.until_quiet(settled=True)
            # 2 calls, the late one, and what was sent again for it
            await eventually(lambda: door.sandbox.applied("gameball"), lambda booked: len(booked) >= 8)
        assert Counter(award.state.value for award in await office.awards()) == {"applied": 8}
        assert len(await door.sandbox.applied("gameball")) == 10
    door.calendar.speed = 1.0
    async with door.open() as office:
        batch_id = await office.send(paying(ids, 7), "gameball")
        assert await office.state(batch_id) == "paused:unclear"
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert "batch #3 now (attempt 3, awards: 2)" in pause.message


class Behind(Listing):
    """Lists its calls only to whoever has not seen them."""

    async def look_ahead(self, items: Sequence[Item], known: Collection[int], mark: int | None) -> Foresight:
        return Foresight({}, 9, tokens=dict(self.tokens) if (mark or 0) < 9 else {})


async def lost_call(it: Rig) -> tuple[Behind, Batch, Claim]:
    """Two awards in doubt."""
    await marked(it)
    neighbour = it.neighbour
    assert isinstance(neighbour, Behind)
    batch_id = await it.record([1, 2])
    claim = await next_call(it.ledger, batch_id, 2, neighbour.build)
    assert claim is not None
    await it.ledger.claims.record_outcome(claim, all_of(claim, OutcomeKind.UNKNOWN, "lost"))
    return neighbour, await it.ledger.queries.batch(batch_id, None), claim


async def test_a_call_that_came_late_is_found_again_until_it_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", lambda **where: Behind(programme_of("jobs"), **where)) as it:
        neighbour, batch, claim = await lost_call(it)
        doubted = await it.ledger.evidence.doubt(claim.attempt_id)
        assert doubted is not None
        gone = {item.award_id: Judged(Judgement.NOT_LANDED, "not there", {}) for item in claim.items}
        await it.ledger.evidence.record(doubted, Judgements(gone), most_looks=6, read_at=it.clock.now())
        neighbour.tokens = {claim.token: Listed()}
        cut_off = Comparer(it.ledger, it.clock, 0)
        assert not await cut_off.strangers(neighbour, batch) and cut_off.came_late() is not None
        again = Comparer(it.ledger, it.clock, 0)
        assert not await again.strangers(neighbour, batch) and again.came_late() is not None
        assert again.is_due(batch)
        await again.told()
        later = Comparer(it.ledger, it.clock, 0)
        assert not await later.strangers(neighbour, batch) and later.came_late() is None
        assert not later.is_due(batch)


async def test_of_what_a_person_said_did_not_land_nobody_claims_that_it_was_looked_for(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", lambda **where: Behind(programme_of("jobs"), **where)) as it:
        neighbour, batch, claim = await lost_call(it)
        ids = [item.award_id for item in claim.items]
        await it.batches.resolve(batch.id, ids, Decision.SEND_AGAIN, STAFF, reason="not there")
        neighbour.tokens = {claim.token: Listed()}
        comparer = Comparer(it.ledger, it.clock, 0)
        assert not await comparer.strangers(neighbour, batch)
        pause = comparer.came_late()
        assert pause is not None
        assert "counted as not landed" in pause.message
        assert "looked for" not in pause.message


async def resumed_unchecked(door: Door) -> dict[str, int]:
    """What ``resume`` leaves, whatever the books say."""
    async with door.open(settling=True) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        return Counter(award.state.value for award in await office.awards())
