"""Look-ups behind a preview: one for each draft, told to every card that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.errors import ResolutionFailed
from bot.services.submitting import Preview
from bot.ui.lookups import LookUps, Searched
from tests.support.previews import preview

PREVIEW = preview()


class Ticks:
    """A clock whose sleeps end when the test says so."""

    def __init__(self) -> None:
        self._ticks: asyncio.Queue[None] = asyncio.Queue()

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await self._ticks.get()

    def tick(self) -> None:
        self._ticks.put_nowait(None)


class Search:
    """A search that moves on when the test says so."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = 0
        self.tell: Callable[[int, int], None] = lambda done, of: None
        self.finish = asyncio.Event()
        self.failure = failure

    async def __call__(self, progress: Callable[[int, int], None]) -> Preview:
        self.begun += 1
        self.tell = progress
        await self.finish.wait()
        if self.failure is not None:
            raise self.failure
        return PREVIEW


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_card_is_told_how_far_it_is_at_every_step_of_the_clock() -> None:
    clock, search, told = Ticks(), Search(), list[Searched]()

    async def step(far: Searched) -> None:
        told.append(far)

    following = asyncio.create_task(LookUps(clock).follow(7, 120, search, step))
    await settle()
    search.tell(50, 120)
    search.tell(100, 120)
    clock.tick()
    await settle()
    assert told == [Searched(100, 120)]
    search.finish.set()
    assert await following is PREVIEW
    assert told == [Searched(100, 120)]


async def test_a_card_is_told_at_the_first_step_of_the_clock_that_nothing_was_heard_and_only_once() -> None:
    clock, search, told = Ticks(), Search(), list[Searched]()

    async def step(far: Searched) -> None:
        told.append(far)

    following = asyncio.create_task(LookUps(clock).follow(7, 120, search, step))
    await settle()
    for _ in range(2):
        clock.tick()
        await settle()
    assert told == [Searched(0, 120, is_silent=True)]
    search.tell(50, 120)
    for _ in range(3):
        clock.tick()
        await settle()
    assert told[1:] == [Searched(50, 120), Searched(50, 120, is_silent=True)]
    search.finish.set()
    assert await following is PREVIEW


async def test_who_sees_nothing_waits_only_for_a_moment_and_a_card_follows_the_same_search() -> None:
    clock, search = Ticks(), Search()
    running = LookUps(clock)

    async def step(far: Searched) -> None:
        raise AssertionError("the clock stands still")

    waiting = asyncio.create_task(running.soon(7, search))
    await settle()
    clock.tick()
    assert await waiting is None
    following = asyncio.create_task(running.follow(7, 1, search, step))
    await settle()
    search.finish.set()
    assert await following is PREVIEW
    assert search.begun == 1
    assert await running.soon(7, search) is PREVIEW


async def test_two_cards_of_one_draft_share_one_search_and_one_that_goes_away_does_not_end_it() -> None:
    clock, search, told = Ticks(), Search(), list[str]()
    running = LookUps(clock)

    async def step(far: Searched) -> None:
        told.append(f"{far.done} of {far.of}")

    first = asyncio.create_task(running.follow(7, 1, search, step))
    second = asyncio.create_task(running.follow(7, 1, search, step))
    await settle()
    first.cancel()
    await settle()
    search.finish.set()
    assert await second is PREVIEW
    assert search.begun == 1
    assert await running.follow(7, 1, search, step) is PREVIEW
    assert search.begun == 2  # the first one is over


async def test_a_failure_reaches_every_card_and_the_next_one_starts_anew() -> None:
    running, search = LookUps(Ticks()), Search(ResolutionFailed("Drip refuses access"))
    search.finish.set()

    async def step(far: Searched) -> None:
        raise AssertionError("there was no progress")

    for _ in range(2):
        with pytest.raises(ResolutionFailed):
            await running.follow(7, 1, search, step)
    assert search.begun == 2
