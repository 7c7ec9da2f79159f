"""When doubts are looked at, how often, and what becomes of batches whose doubts are settled. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot import checkpoints
from bot.domain.calls import Item, Verdict
from bot.domain.judging import Doubted, Judgements
from bot.domain.lanes import START_WITHIN
from bot.domain.model import Decision
from bot.domain.probing import Leg
from bot.services.watching import Doing
from tests.services.neighbour import Neighbour, Truth, programme_of
from tests.services.rig import STAFF, Rig, rig
from tests.services.virtual import VirtualClock
from tests.support.patience import PATIENCE

SETTLE_AFTER = 120.0


def neighbour(style: str = "items", **options: Any) -> Callable[..., Neighbour]:
    return partial(Neighbour, programme_of(style), **options)


async def settled(it: Rig, *batch_ids: int) -> None:
    async with asyncio.timeout(PATIENCE):
        await it.dispatcher.until_quiet(batch_ids or None, settled=True)


async def kinds(it: Rig, batch_id: int) -> list[str]:
    return [event.kind for event in await it.ledger.queries.events(batch_id)]


async def test_a_doubt_is_looked_at_when_its_call_is_old_enough_and_not_before(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-after"]), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        began = it.neighbour.truth.at[0]
        assert await it.states(batch_id) == "UUU"
        assert it.dispatcher.activity(batch_id).doing is Doing.SETTLING
        assert it.dispatcher.activity(batch_id).until == pytest.approx(began + SETTLE_AFTER, abs=1)
        await it.clock.sleep(SETTLE_AFTER - 5)
        assert it.neighbour.truth.judged == []
        await settled(it, batch_id)
        assert it.clock.now() - began < SETTLE_AFTER + 5
        assert await it.states(batch_id) == "AAA"
        assert await it.applied(batch_id) == "111"
        assert "evidence-applied" in await kinds(it, batch_id)


async def test_what_did_not_land_is_sent_again_and_its_finished_batch_opened_for_it(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-before"]), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        assert await it.state(batch_id) == "finished"
        await settled(it, batch_id)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        assert await it.state(batch_id) == "finished"
        told = await kinds(it, batch_id)
        assert told.index("evidence-not-landed") < told.index("batch-reopened")


async def test_planned_rows_go_first_and_a_recipient_in_doubt_waits_for_the_evidence(tmp_path: Path) -> None:
    script = ["ok", "lost-before", "ok", "ok"]
    async with rig(tmp_path / "a.db", neighbour(script=script), settle_after_seconds=1.0) as it:
        first = await it.record(range(1, 13))
        again = await it.record([4, 20])
        it.start()
        await settled(it)
        assert await it.applied(first) == "1" * 12
        assert await it.applied(again) == "11"
        calls = it.neighbour.truth.calls
        # The three in doubt come after everything else, the one who waited for them last.
        assert set(calls[1]) <= set(calls[-2]) | set(calls[-1])
        assert (await it.states(first), await it.states(again)) == ("A" * 12, "AA")


async def test_in_a_stopped_batch_what_did_not_land_ends_cancelled(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-before"]), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 1)
        await it.batches.stop(batch_id, STAFF)
        await it.until(lambda: bool(it.neighbour.truth.judged), every=1.0)
        await settled(it, batch_id)
        assert set(await it.states(batch_id)) <= {"C", "A"}
        assert (await it.states(batch_id))[:3] == "CCC"
        assert await it.applied(batch_id) == (await it.states(batch_id)).replace("C", "0").replace("A", "1")
        assert await it.state(batch_id) == "stopped"


async def test_a_batch_that_is_stopped_after_it_is_finished_does_not_send_its_doubts_again(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-before"]), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("UUU", "finished")
        assert (await it.batches.stop(batch_id, STAFF)).changed
        await settled(it, batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("CCC", "stopped")
        assert await it.applied(batch_id) == "000"
        assert len(it.neighbour.truth.calls) == 1


async def test_evidence_that_cannot_be_read_is_asked_for_more_and_more_slowly_and_then_left(tmp_path: Path) -> None:
    options = {"script": ["lost-after"], "judges": ["unread", "raise", *["unread"] * 50]}
    async with rig(tmp_path / "a.db", neighbour(**options), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it, batch_id)
        assert await it.states(batch_id) == "UUU"
        assert len(it.neighbour.truth.judged) == 6
        assert await it.ledger.evidence.waiting() == []
        await it.clock.sleep(10_000)
        assert len(it.neighbour.truth.judged) == 6


async def test_a_new_start_asks_again_for_what_could_not_be_read(tmp_path: Path) -> None:
    clock, truth = VirtualClock(), Truth()
    for judges, states in ((["unread"] * 6, "UUU"), ([], "AAA")):
        made = neighbour(script=["lost-after"], judges=judges, truth=truth)
        async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
            if states == "UUU":
                await it.record([1, 2, 3])
            it.start()
            await settled(it)
            assert await it.states(1) == states
    assert sum(truth.applied.values()) == 3


async def test_evidence_that_is_not_unique_is_left_to_a_person_at_once(tmp_path: Path) -> None:
    options = {"script": ["lost-after"], "judges": ["somebody else moved it"]}
    async with rig(tmp_path / "a.db", neighbour(**options), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it, batch_id)
        assert (await it.states(batch_id), len(it.neighbour.truth.judged)) == ("UUU", 1)
        await it.dispatcher.until_quiet(settled=True)
        await it.batches.resolve(batch_id, [1], Decision.LANDED, STAFF, reason="saw it")
        assert await it.states(batch_id) == "AUU"


async def test_a_person_who_decides_while_evidence_is_read_is_not_overruled(tmp_path: Path) -> None:
    options = {"script": ["lost-before"]}
    async with rig(tmp_path / "a.db", neighbour(**options), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.quiet(batch_id)
        (waiting,) = await it.ledger.evidence.waiting()
        doubted = await it.ledger.evidence.doubt(waiting.attempt_id)
        assert doubted is not None
        found = await it.neighbour.judge(doubted)
        await it.batches.resolve(batch_id, [2], Decision.WRITE_OFF, STAFF, reason="given up")
        await it.stop()
        await it.ledger.evidence.record(doubted, found, most_looks=6, read_at=it.clock.now())
        assert await it.states(batch_id) == "PWP"
        # The same evidence once more decides nothing twice.
        again = await it.ledger.evidence.record(doubted, found, most_looks=6, read_at=it.clock.now())
        assert (again.applied, again.not_landed) == (0, 0)
        assert (await kinds(it, batch_id)).count("evidence-not-landed") == 1


async def test_without_settling_doubts_are_left_alone(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-after"])) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await settled(it, batch_id)
        await it.clock.sleep(10_000)
        assert (await it.states(batch_id), it.neighbour.truth.judged) == ("UUU", [])


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("place", ["evidence-read", "evidence-recorded"])
@pytest.mark.parametrize("script", ["lost-before", "lost-after", "missing"])
async def test_a_crash_while_settling_decides_nothing_twice(
    place: str, script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, truth = VirtualClock(), Truth()
    made = neighbour(script=[script], truth=truth)

    def kill(name: str) -> None:
        if name == place:
            raise Killed

    monkeypatch.setattr(checkpoints, "handler", kill)
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        assert it.running is not None
        with pytest.raises(Killed):
            await it.running
    monkeypatch.setattr(checkpoints, "handler", None)
    made = neighbour(truth=truth)
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        it.start()
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")


class Late(Neighbour):
    """Whose limiter holds the first call back as long as a call may be held, and who carries it out as late as it can
    be; the process ends while it waits for the answer."""

    carried_out_at = 0.0
    first: Sequence[Item] = ()

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        if self.truth.calls:
            return await super().send(body, items, legs, begin_by=begin_by)
        self.truth.calls.append(tuple(item.award_id for item in items))
        await self._clock.sleep(START_WITHIN - 0.1)
        Late.first, Late.carried_out_at = items, self._clock.now() + SETTLE_AFTER - 0.1
        raise Killed

    async def judge(self, doubted: Doubted) -> Judgements:
        if self._clock.now() >= Late.carried_out_at and Late.first:
            self._apply(Late.first)
            Late.first = ()
        return await super().judge(doubted)


async def test_a_call_that_a_crash_cut_off_is_judged_when_it_can_have_been_carried_out_at_the_latest(
    tmp_path: Path,
) -> None:
    clock, truth = VirtualClock(), Truth()
    made = partial(Late, programme_of("items"), truth=truth)
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        assert it.running is not None
        with pytest.raises(Killed):
            await it.running
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        it.start()
        await settled(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAA", "111")
        assert len(truth.calls) == 1


class Slow(Neighbour):
    """Whose evidence takes ten seconds to read."""

    reading = 0
    most_reading = 0

    async def judge(self, doubted: Doubted) -> Judgements:
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        await self._clock.sleep(10.0)
        self.reading -= 1
        return await super().judge(doubted)


@pytest.mark.parametrize("judges", [[], ["raise"]])
async def test_four_doubts_are_read_back_side_by_side_and_a_stop_waits_for_all_of_them(
    judges: list[str], tmp_path: Path
) -> None:
    clock, truth = VirtualClock(), Truth()
    made = partial(Slow, programme_of("items"), rest="lost-after", truth=truth, judges=judges)
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        for number in range(1, 7):
            await it.record([number])
        it.start()
        await it.quiet()
    await clock.sleep(SETTLE_AFTER)
    async with rig(tmp_path / "a.db", made, clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        slow = it.neighbour
        assert isinstance(slow, Slow)
        it.start()
        await it.until(lambda: slow.reading == 4)
        began = clock.now()
        await it.stop()
        assert clock.now() - began < 15
        ended = [await it.states(batch_id) for batch_id in range(1, 7)]
        assert (ended.count("A"), ended.count("U")) == (4 - len(judges), 2 + len(judges))
        assert slow.most_reading == 4
        assert sum(truth.applied.values()) == 6


async def test_a_clock_that_is_set_ahead_makes_no_call_older_than_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-before"]), settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 1)
        await it.clock.sleep(SETTLE_AFTER / 4)
        it.clock.set_ahead(10 * SETTLE_AFTER)
        await it.record([4])  # so that the account looks at its doubts
        sent = it.clock.monotonic() - SETTLE_AFTER / 4
        await it.until(lambda: bool(it.neighbour.truth.judged), every=1.0)
        assert it.clock.monotonic() - sent >= SETTLE_AFTER
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAA"


async def test_a_clock_that_is_set_ahead_between_a_start_and_the_first_look_at_an_account_makes_none_older_either(
    tmp_path: Path,
) -> None:
    """A machine without a clock of its own gets the time from the network when the program has begun already."""
    path, clock = tmp_path / "a.db", VirtualClock()
    async with rig(path, neighbour(script=["lost-before"]), clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        batch_id = await it.record([1])
        it.start()
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "U"
    began = clock.monotonic()
    async with rig(path, neighbour(), clock=clock, settle_after_seconds=SETTLE_AFTER) as it:
        clock.set_ahead(10 * SETTLE_AFTER)
        it.start()
        await it.until(lambda: bool(it.neighbour.truth.judged), every=1.0)
        assert clock.monotonic() - began >= SETTLE_AFTER
