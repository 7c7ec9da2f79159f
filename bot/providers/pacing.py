"""How fast an account may be called.

The limiter keeps its own log: a slot is taken when a call starts and stays busy until one whole window after its
*answer*. However long a request takes to reach the service, it then never meets a full window there. What the service
itself counts (``X-RateLimit-*``) corrects the log, so that calls of other programs on the same account are seen too.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bot.clock import Clock
from bot.providers.waiting import QUOTA_WAIT, number, seconds_to_reset

_SMALLEST_SLEEP = 0.001


@dataclass(slots=True)
class _Window:
    """So many calls in so many seconds."""

    limit: int
    seconds: float
    answered: deque[float] = field(default_factory=deque)
    """When calls of ours were answered, oldest first."""
    foreign: int = 0
    """Calls that the service counts and we did not make."""
    foreign_until: float = 0.0

    def prune(self, now: float) -> None:
        while self.answered and self.answered[0] + self.seconds <= now:
            self.answered.popleft()
        if self.foreign_until <= now:
            self.foreign = 0

    def share(self, now: float, flying: int) -> float:
        """How full it is, 0 to 1, as far as is known."""
        self.prune(now)
        return (flying + len(self.answered) + self.foreign) / self.limit

    def fill(self, now: float, flying: int) -> None:
        """It is full: what is missing are calls of others, about which nothing better is known for one window."""
        self.prune(now)
        self.foreign = max(0, self.limit - flying - len(self.answered))
        self.foreign_until = now + self.seconds

    def wait(self, now: float, flying: int) -> float:
        """Seconds until one more call fits; ``inf`` when that takes an answer first."""
        self.prune(now)
        too_many = flying + len(self.answered) + self.foreign - self.limit + 1
        if too_many <= 0:
            return 0.0
        ends = sorted([*(at + self.seconds for at in self.answered), *([self.foreign_until] * self.foreign)])
        return ends[too_many - 1] - now if too_many <= len(ends) else math.inf


class Slot:
    """One call's place in the log."""

    def __init__(self, began: float) -> None:
        self.began = began
        """Monotonic seconds."""
        self.headers: Mapping[str, str] = {}
        """The answer's headers, lower-case names; empty when there was no answer."""
        self.used = True
        """False: nothing left the process, so nothing was counted anywhere."""
        self.turned_away = False
        """The service refused it for its limit without saying for how long."""


class Pacer:
    """The limiter of one account, shared by everything that calls it. First come, first served."""

    def __init__(self, clock: Clock, windows: Sequence[tuple[int, float]], *, follow_headers: bool = False) -> None:
        """``windows``: (calls, seconds), every one of which has to hold. With ``follow_headers`` there is exactly one,
        and the service's ``X-RateLimit-*`` headers replace its numbers."""
        self._clock = clock
        self._windows = [_Window(limit, seconds) for limit, seconds in windows]
        self._follow = follow_headers
        self._flying = 0
        self._held_until = 0.0
        self._turned_away_at = -math.inf
        self._turned_away = 0
        """Calls in a row, each of which began after the one before was refused."""
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self.announced = False
        """Whether the service has told its own limit."""

    @property
    def window(self) -> tuple[int, float]:
        """The widest window in force: calls and seconds."""
        widest = max(self._windows, key=lambda window: window.seconds)
        return widest.limit, widest.seconds

    def until(self) -> float | None:
        """Unix time before which the next call would have to wait; ``None`` when it could go now."""
        wait = self._wait()
        return self._clock.now() + wait if 0 < wait < math.inf else None

    def admits(self, calls: int) -> bool:
        """Whether so many further calls could go now."""
        return self._wait(calls - 1) <= 0

    def hold(self, seconds: float) -> None:
        """The service asked not to be called before so many seconds."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)
        self._changed.set()

    def turned_away(self, slot: Slot) -> float:
        """The service refused this call, which is still under way, for its limit, and did not say how long that holds.
        Seconds until the next one, as far as can be told.

        What the log lacks to a full window are calls of others then, as many as in the next window: in the fullest
        window first, in another one if the next call is refused too, and after that a whole window is waited for.
        """
        slot.turned_away = True
        now = self._clock.monotonic()
        if slot.began > self._turned_away_at:  # else it left before that was known
            self._turned_away_at = now
            fullest = sorted(self._windows, key=lambda window: window.share(now, self._flying), reverse=True)
            if self._turned_away < len(fullest):
                fullest[self._turned_away].fill(now, self._flying - 1)  # this call will be in the log of answers
            else:
                self.hold(self.window[1])
            self._turned_away += 1
        wait = self._wait()
        return wait if wait < math.inf else self.window[1]

    async def ready(self) -> None:
        """Return when a call could go at once. Nothing is reserved."""
        async with self._turn:
            await self._place()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Wait for a place, hold it during the call, and count it from the answer on."""
        async with self._turn:
            await self._place()
            self._flying += 1
        slot = Slot(self._clock.monotonic())
        try:
            yield slot
        finally:
            self._finish(slot)

    def _finish(self, slot: Slot) -> None:
        self._flying -= 1
        now = self._clock.monotonic()
        if slot.used:
            for window in self._windows:
                window.answered.append(now)
            if not slot.turned_away and slot.began > self._turned_away_at:
                self._turned_away = 0
        if self._follow and slot.headers:
            self._correct(self._windows[0], slot.headers, now)
        self._changed.set()

    def _correct(self, window: _Window, headers: Mapping[str, str], now: float) -> None:
        """Take over what the service counts (docs.drip.re/developer/rate-limits). Numbers of a window that is none of
        minutes are not of the one that calls are held to: a day's or a month's, or told in another unit."""
        limit = number(headers.get("x-ratelimit-limit"))
        seconds = number(headers.get("x-ratelimit-window"))
        remaining = number(headers.get("x-ratelimit-remaining"))
        if seconds is not None and seconds > QUOTA_WAIT:
            return
        if limit is not None and 1 <= limit <= 1_000_000:
            window.limit = int(limit)
            self.announced = True
        if seconds is not None and seconds > 0:
            window.seconds = seconds
        window.prune(now)
        if remaining is None:
            return
        window.foreign = max(0, window.limit - int(min(remaining, window.limit)) - len(window.answered))
        left = seconds_to_reset(headers, self._clock.now())
        window.foreign_until = now + (left if left is not None and 0 < left <= window.seconds else window.seconds)

    async def _place(self) -> None:
        while (wait := self._wait()) > 0:
            await self._rest(wait)

    def _wait(self, before: int = 0) -> float:
        """``before``: calls that go first."""
        now, flying = self._clock.monotonic(), self._flying + before
        return max(self._held_until - now, *(window.wait(now, flying) for window in self._windows))

    async def _rest(self, seconds: float) -> None:
        """Until ``seconds`` have passed or something changed that may let a call through earlier."""
        self._changed.clear()
        waiting: set[asyncio.Task[Any]] = {asyncio.ensure_future(self._changed.wait())}
        if seconds < math.inf:
            waiting.add(asyncio.ensure_future(self._clock.sleep(max(seconds, _SMALLEST_SLEEP))))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
