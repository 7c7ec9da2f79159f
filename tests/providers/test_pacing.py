"""The limiter: full windows used, never one call too many, corrected by what the service says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest

from bot.providers.pacing import Pacer

from .support import SteppingClock

DRIP = [(24, 60.0)]
GAMEBALL = [(30, 1.0), (360, 30.0)]


async def call(
    pacer: Pacer, clock: SteppingClock, seconds: float = 0.2, headers: Mapping[str, str] | None = None
) -> float:
    async with pacer.slot() as slot:
        started = clock.elapsed
        clock.elapsed += seconds
        slot.headers = headers or {}
    return started


async def test_a_whole_window_goes_at_once_and_the_next_call_waits_for_the_first_answer_to_grow_old() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP)
    starts = [await call(pacer, clock) for _ in range(25)]
    assert starts[23] == pytest.approx(23 * 0.2)
    assert starts[24] == pytest.approx(0.2 + 60)


@pytest.mark.parametrize("windows", [DRIP, GAMEBALL, [(300, 60.0)]], ids=str)
@pytest.mark.parametrize("seed", range(3))
async def test_the_service_never_counts_one_call_too_many_whenever_requests_arrive(
    windows: list[tuple[int, float]], seed: int
) -> None:
    clock, dice = SteppingClock(), random.Random(seed)  # noqa: S311 (a repeatable test, no secret)
    pacer = Pacer(clock, windows)
    arrivals = []
    for _ in range(windows[-1][0] * 3):
        async with pacer.slot():
            under_way = dice.choice([0.01, 0.3, 2.0])
            clock.elapsed += under_way * dice.random()
            arrivals.append(clock.elapsed)
            clock.elapsed += under_way * dice.random()
    for limit, seconds in windows:
        for later, earlier in zip(arrivals[limit:], arrivals, strict=False):
            assert later - earlier >= seconds - 1e-6


async def test_how_many_further_calls_could_go_at_once_is_known() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(3, 10.0)])
    assert (pacer.admits(3), pacer.admits(4)) == (True, False)
    async with pacer.slot():
        assert (pacer.admits(2), pacer.admits(3)) == (True, False)
    await call(pacer, clock)
    await call(pacer, clock)
    assert not pacer.admits(1)
    clock.elapsed += 10
    assert pacer.admits(3)
    pacer.hold(5)
    assert not pacer.admits(1)


async def test_calls_in_flight_hold_their_places_until_they_are_answered() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(2, 10.0)])
    order: list[str] = []
    let_go = asyncio.Event()

    async def slow(name: str) -> None:
        async with pacer.slot():
            order.append(name)
            await let_go.wait()

    first = [asyncio.ensure_future(slow(name)) for name in "ab"]
    third = asyncio.ensure_future(slow("c"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert order == ["a", "b"]
    assert pacer.until() is None  # how long is not known: nothing is answered yet
    clock.elapsed = 5.0
    let_go.set()
    await asyncio.gather(*first, third)
    assert order == ["a", "b", "c"]
    assert clock.elapsed == pytest.approx(15.0)


async def test_waiters_go_in_the_order_in_which_they_came() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(1, 10.0)])
    order: list[int] = []

    async def one(number: int) -> None:
        async with pacer.slot():
            order.append(number)

    await asyncio.gather(*(one(number) for number in range(6)))
    assert order == [0, 1, 2, 3, 4, 5]


async def test_a_cancelled_waiter_takes_no_place() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(1, 10.0)])
    release = asyncio.Event()

    async def hold() -> None:
        async with pacer.slot():
            await release.wait()

    holder = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(pacer.ready())
    await asyncio.sleep(0)
    waiter.cancel()
    release.set()
    await asyncio.gather(holder, waiter, return_exceptions=True)
    await call(pacer, clock)
    assert clock.elapsed == pytest.approx(10.2)


async def test_a_call_that_never_left_gives_its_place_back() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(1, 60.0)])
    async with pacer.slot() as slot:
        slot.used = False
    await call(pacer, clock)
    assert clock.elapsed == pytest.approx(0.2)


async def test_a_failure_inside_a_call_still_counts_it() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(1, 60.0)])
    with pytest.raises(RuntimeError):
        async with pacer.slot():
            raise RuntimeError
    assert pacer.until() == clock.now() + 60


async def test_the_services_own_limit_replaces_the_plans() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    assert not pacer.announced
    await call(pacer, clock, headers={"x-ratelimit-limit": "300", "x-ratelimit-window": "30"})
    assert pacer.window == (300, 30.0)
    assert pacer.announced


@pytest.mark.parametrize("limit", ["0", "-1", "none", "", "99999999999999", "NaN"])
async def test_a_senseless_limit_is_ignored(limit: str) -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    await call(pacer, clock, headers={"x-ratelimit-limit": limit, "x-ratelimit-window": "0"})
    assert pacer.window == (24, 60.0)


@pytest.mark.parametrize(
    ("limit", "window"),
    [("24", "60000"), ("100000", "2592000"), ("5000", "86400")],
    ids=["milliseconds", "month", "day"],
)
async def test_numbers_of_another_window_are_not_taken_for_those_of_this_one(limit: str, window: str) -> None:
    """Nobody waits for a day, and no month's calls are made in a minute."""
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    told = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": "0", "x-ratelimit-window": window}
    await call(pacer, clock, headers=told)
    assert (pacer.window, pacer.until()) == ((24, 60.0), None)
    for _ in range(23):
        await call(pacer, clock, headers=told)
    wait = pacer.until()
    assert wait is not None
    assert wait - clock.now() <= 60


async def test_headers_are_not_followed_where_they_are_not_documented() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    await call(pacer, clock, headers={"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"})
    assert pacer.until() is None


async def test_calls_of_others_on_the_same_account_are_seen_in_what_remains() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    headers = {"x-ratelimit-limit": "24", "x-ratelimit-remaining": "2", "x-ratelimit-window": "60"}
    await call(pacer, clock, headers=headers)
    for _ in range(2):
        await call(pacer, clock)
    before = clock.elapsed
    await call(pacer, clock)
    assert clock.elapsed - before > 50


async def test_an_exhausted_window_waits_for_the_announced_reset() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    reset = str(int(clock.now()) + 7)
    await call(pacer, clock, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    assert pacer.until() == pytest.approx(clock._start + 7, abs=0.5)


@pytest.mark.parametrize("reset", ["0", "99999999999", "soon"])
async def test_a_reset_outside_the_window_is_not_believed(reset: str) -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    await call(pacer, clock, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    assert pacer.until() == pytest.approx(clock.now() + 60)


async def test_a_larger_plan_lets_waiting_calls_through_at_once() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, [(2, 60.0)], follow_headers=True)
    answered = asyncio.Event()

    async def open_call() -> None:
        async with pacer.slot() as slot:
            await answered.wait()
            slot.headers = {"x-ratelimit-limit": "300"}

    under_way = [asyncio.ensure_future(open_call()) for _ in range(2)]
    waiter = asyncio.ensure_future(pacer.ready())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiter.done()
    answered.set()
    await asyncio.gather(*under_way, waiter)
    assert clock.elapsed == 0


async def test_a_hold_stops_everybody_and_can_be_read() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP)
    pacer.hold(30)
    pacer.hold(10)
    assert pacer.until() == clock.now() + 30
    await pacer.ready()
    assert clock.elapsed == pytest.approx(30)
    assert pacer.until() is None


# --- refused, and not told for how long -------------------------------------------------------------------------------


async def refused(pacer: Pacer, clock: SteppingClock) -> float:
    """One call that is refused without a word; the seconds that the limiter makes of it."""
    async with pacer.slot() as slot:
        clock.elapsed += 0.1
        return pacer.turned_away(slot)


async def test_refused_without_a_word_a_full_second_is_over_in_a_second() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    for _ in range(25):
        await call(pacer, clock, 0.01)
    wait = await refused(pacer, clock)
    assert 0 < wait <= 1


async def test_refused_in_a_full_half_minute_only_what_others_took_is_left_to_them() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    for _ in range(290):  # evenly, so the seconds are half empty and the half minute is nearly full
        await call(pacer, clock, 0.1)
    assert await refused(pacer, clock) <= 30
    await pacer.ready()
    before = clock.elapsed
    for _ in range(200):
        await call(pacer, clock, 0.01)
    assert clock.elapsed - before == pytest.approx(20, rel=0.15)  # as fast as our own calls grow old, and no slower


async def test_refused_once_more_the_other_window_is_held_to_be_full_and_then_all_of_it_is_waited_for() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    waits = [await refused(pacer, clock)]
    waits += [await refused(pacer, clock) for _ in range(2)]
    assert waits[0] <= 1
    assert waits[1] > 25
    assert waits[2] == pytest.approx(30)


async def test_a_refusal_of_calls_that_were_under_way_together_counts_once() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    async with pacer.slot() as first, pacer.slot() as second, pacer.slot() as third:
        clock.elapsed += 0.1
        assert [pacer.turned_away(slot) for slot in (first, second, third)] == [pytest.approx(1)] * 3
    assert pacer.until() == pytest.approx(clock.now() + 1)


async def test_after_a_call_that_was_taken_a_refusal_is_a_first_one_again() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, GAMEBALL)
    for _ in range(2):
        assert await refused(pacer, clock) <= 1
        await call(pacer, clock)
        clock.elapsed += 60


async def test_a_service_that_always_says_how_long_and_once_does_not_is_given_its_window() -> None:
    clock = SteppingClock()
    pacer = Pacer(clock, DRIP, follow_headers=True)
    assert await refused(pacer, clock) == pytest.approx(60)
