"""One process's part among several: the lease, what its loss means for the ledger, and that no two send at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.domain.lead import LEASE_SECONDS, STALE_SECONDS, Sign, State, Verdict
from bot.domain.model import Actor
from bot.errors import Refused
from bot.ledger import copying
from bot.ledger.ledger import Ledger
from bot.services.leading import LAPSED, LOOKING, PATIENCE_SECONDS, UNSEEN, Leading
from bot.services.standing import Standing
from tests.ledger.making import ADA, HandClock, batch_of, build, next_call
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import rig

BOSS = Actor("1", "Boss", "900")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: HandClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "bursar.db", clock)
    yield opened
    await opened.close()


def other(sign: Sign, **changes: object) -> Sign:
    """Another machine's sign, a little after ours."""
    return replace(sign, home="elsewhr1", **changes)  # type: ignore[arg-type] # test shorthand


async def test_a_leader_that_cannot_give_signs_any_more_stops_when_its_lease_is_over(ledger: Ledger, clock: HandClock):
    await ledger.settings.change("900", "staff_channel_id", "77", ADA)
    standing = Standing(clock)
    leading = Leading(ledger, clock, standing)
    await leading.begin()
    assert standing.refusal() is not None
    told = []
    standing.when_reopened(lambda: told.append(clock.at))
    own = await leading.judge([], None)
    assert own.state is State.LEADS
    assert standing.refusal() is not None, "written, but nobody looked again"
    assert leading.written([own], clock.monotonic(), clock.now())
    assert standing.refusal() is None
    clock.at += LEASE_SECONDS - 1
    assert standing.refusal() is None
    clock.at += 1
    assert standing.refusal() == LAPSED
    began = clock.monotonic()
    assert leading.written([await leading.judge([own], clock.now())], began, clock.now())
    assert standing.refusal() is None
    assert len(told) == 2


async def test_a_machine_that_was_suspended_does_not_go_on_with_a_lease_that_ran_out_meanwhile():
    class Suspended(HandClock):
        slept_through = 0.0

        def now(self) -> float:
            return self.at + self.slept_through

    clock = Suspended()
    standing = Standing(clock)
    standing.open(until=clock.monotonic() + LEASE_SECONDS, lapsed=LAPSED)
    assert standing.refusal() is None
    clock.slept_through = STALE_SECONDS
    assert standing.refusal() == LAPSED
    standing.open(until=clock.monotonic() + LEASE_SECONDS, lapsed=LAPSED)
    assert standing.refusal() is None


async def test_who_is_superseded_pauses_everything_and_refuses_to_record(ledger: Ledger, clock: HandClock):
    class Asked(Standing):
        def __init__(self) -> None:
            super().__init__(clock)
            self.waited_for = asyncio.Event()

        async def until_idle(self) -> None:
            self.waited_for.set()
            await super().until_idle()

    batch = await batch_of(ledger, 2)
    standing = Asked()
    leading = Leading(ledger, clock, standing)
    own = replace(await leading.judge([], None), message_id=5, at=clock.now())
    leading.written([own], clock.monotonic(), clock.now())
    with standing.calling():
        losing = asyncio.create_task(leading.judge([own, other(own, term=2, message_id=9)], clock.now()))
        asked = asyncio.create_task(standing.waited_for.wait())
        await asyncio.wait({losing, asked}, return_when=asyncio.FIRST_COMPLETED)
        assert not losing.done(), "the other one reads in our sign that we have let go"
    assert (await losing).state is State.STANDS_BY
    assert await next_call(ledger, batch, 10, build) is None
    with pytest.raises(Refused, match="another machine took over"):
        await ledger.steering.resume(batch, ADA)
    assert leading.stand.verdict is Verdict.LOST
    assert leading.stand.is_second
    await leading.take_over(BOSS)
    signs = [own, other(own, term=2, message_id=9, at=clock.now())]
    assert (await leading.judge(signs, clock.now())).term == 3
    assert not leading.written(signs, clock.monotonic(), clock.now()), "the other one may have a call under way"
    clock.at += STALE_SECONDS + 1
    assert leading.written(signs, clock.monotonic(), clock.now())
    await ledger.steering.resume(batch, ADA)
    assert await next_call(ledger, batch, 10, build) is not None


async def test_a_press_that_comes_when_we_lead_already_is_not_kept_for_later(ledger: Ledger, clock: HandClock):
    leading = Leading(ledger, clock, Standing(clock))
    own = replace(await leading.judge([], None), message_id=5, at=clock.now())
    leading.written([own], clock.monotonic(), clock.now())
    await leading.take_over(BOSS)
    lost = await leading.judge([own, other(own, term=2, message_id=9)], clock.now())
    again = await leading.judge([own, other(own, term=2, message_id=9)], clock.now())
    assert (lost.state, again.state) == (State.STANDS_BY, State.STANDS_BY)


@contextlib.asynccontextmanager
async def older_copy(tmp_path: Path, clock: HandClock, skew: float = 0.0) -> AsyncIterator[tuple[Ledger, Sign, float]]:
    """A copy whose own sign of life, ended a minute ago, tells of more than it has; and Discord's time. The machine's
    clock is off by ``skew`` seconds."""
    ledger = await Ledger.open(tmp_path / "bursar.db", clock)
    copying.copy(tmp_path / "bursar.db", tmp_path / "copy.db")
    await batch_of(ledger, 1)
    sign = replace(await Leading(ledger, clock, Standing(clock)).judge([], None), at=clock.now(), state=State.ENDED)
    await ledger.close()
    discord, clock.at = clock.at + 60, clock.at + 60 + skew
    copying.restore(tmp_path / "copy.db", tmp_path / "bursar.db", clock.ms)
    ledger = await Ledger.open(tmp_path / "bursar.db", clock)
    yield ledger, sign, discord
    await ledger.close()


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0], ids=["behind", "right", "ahead"])
async def test_a_sign_off_counts_whatever_the_machine_s_clock_says(tmp_path: Path, clock: HandClock, skew: float):
    async with older_copy(tmp_path, clock, skew) as (ledger, sign, discord):
        leading = Leading(ledger, clock, Standing(clock))
        await leading.judge([sign], discord)
        assert leading.stand.verdict is Verdict.OLDER
        await ledger.restorations.sign_off("Ada")
        clock.at += 5
        assert (await leading.judge([sign], discord + 5)).state is State.LEADS
        newer = replace(sign, at=discord + 6, seq=99, term=9)
        assert (await Leading(ledger, clock, Standing(clock)).judge([newer], discord + 7)).state is State.STANDS_BY


async def test_a_sign_off_counts_however_long_the_ledger_is_waited_for_at_the_next_look(
    tmp_path: Path, clock: HandClock
):
    async with older_copy(tmp_path, clock) as (ledger, sign, discord):
        leading = Leading(ledger, clock, Standing(clock))
        await leading.judge([sign], discord)
        await ledger.restorations.sign_off("Ada")
        look = asyncio.create_task(leading.judge([replace(sign, at=discord - 1)], discord))
        await asyncio.sleep(0)
        clock.at += 30  # the ledger is busy
        assert (await look).state is State.LEADS
        assert await ledger.restorations.in_force() is None


async def test_the_dispatcher_calls_nobody_while_it_stands_by_and_goes_on_by_itself(tmp_path: Path):
    async with rig(tmp_path / "bursar.db", partial(Neighbour, programme_of("items")), patient=True) as made:
        standing = Standing(made.clock)
        made.dispatcher._standing = standing
        standing.when_reopened(made.dispatcher.wake)
        standing.close("Another machine is at work.")
        batch = await made.record([1, 2])
        made.start()
        await made.quiet(batch)
        assert made.dispatcher.activity(batch).doing.value == "standing-by"
        assert await made.states(batch) == "PP"
        standing.open()
        await made.quiet(batch)
        assert await made.states(batch) == "AA"
        assert await made.applied(batch) == "11"


async def test_who_stands_by_judges_no_doubt_by_what_another_ledger_moves(tmp_path: Path):
    neighbour = partial(Neighbour, programme_of("items"), script=["lost-before"])
    async with rig(tmp_path / "bursar.db", neighbour, patient=True, settle_after_seconds=120.0) as made:
        standing = Standing(made.clock)
        made.dispatcher._standing = standing
        standing.when_reopened(made.dispatcher.wake)
        batch = await made.record([1, 2])
        made.start()
        await made.quiet(batch)
        standing.close("Another machine is at work.")
        await made.clock.sleep(1000)
        assert await made.states(batch) == "UU"
        assert not made.neighbour.truth.judged
        standing.open()
        await made.clock.sleep(1000)
        assert (await made.states(batch), await made.applied(batch)) == ("AA", "11")


async def test_without_a_place_for_signs_nothing_is_waited_for(ledger: Ledger, clock: HandClock):
    standing = Standing(clock)
    leading = Leading(ledger, clock, standing)
    await leading.begin()
    assert standing.refusal() is None
    leading.unseen()
    assert standing.refusal() is None


async def test_who_waits_for_discord_is_told_after_a_while(ledger: Ledger, clock: HandClock):
    await ledger.settings.change("900", "staff_channel_id", "77", ADA)
    standing = Standing(clock)
    leading = Leading(ledger, clock, standing)
    await leading.begin()
    leading.unseen()
    assert (standing.refusal(), standing.is_settled) == (LOOKING, False)
    clock.at += PATIENCE_SECONDS
    leading.unseen()
    assert (standing.refusal(), standing.is_settled) == (UNSEEN, True)
    leading.alone()
    assert standing.refusal() is None
