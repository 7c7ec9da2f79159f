"""How well the limiter uses a rate limit, against a model of the service and on virtual time: the same numbers always.

The service's window slides: a request is admitted when fewer than the limit were admitted in the window before it.
Requests and answers take time to travel, never the same time. ``alone`` nobody else calls; ``beside`` others use a
fifth of the limit, at moments of their own. Both run for eleven windows from an empty one.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.pacing import Pacer, Slot
from tests.simulation.loop import VirtualClock, VirtualLoop

Windows = Sequence[tuple[int, float]]
PLANS: Mapping[str, tuple[Windows, bool]] = {
    "Drip Free, 24 a minute": ([(24, 60.0)], True),
    "Drip Pro, 300 a minute": ([(300, 60.0)], True),
    "Drip Enterprise, 500 a minute": ([(500, 60.0)], True),
    "Gameball, 360 in 30 s and 30 a second": ([(30, 1.0), (360, 30.0)], False),
}
"""Windows, and whether the service's headers tell what remains."""
IN_FLIGHT = 4
WINDOWS_LONG = 11
FOREIGN_SHARE = 0.2
SEED = 20


class Service:
    """Counts as the documentation says: each of its windows slides, and refused requests do not count."""

    def __init__(self, clock: VirtualClock, windows: Windows, *, tells: bool) -> None:
        self._clock = clock
        self._windows = [(limit, seconds, deque[float]()) for limit, seconds in windows]
        self._tells = tells

    def call(self) -> tuple[int, dict[str, str]]:
        """One request that arrives now: status and headers."""
        now = self._clock.monotonic()
        for _, seconds, admitted in self._windows:
            while admitted and admitted[0] + seconds <= now:
                admitted.popleft()
        full = [admitted[0] + seconds - now for limit, seconds, admitted in self._windows if len(admitted) >= limit]
        if not full:
            for _, _, admitted in self._windows:
                admitted.append(now)
        if not self._tells:
            return (429 if full else 200), {}
        limit, seconds, admitted = self._windows[-1]
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - len(admitted)),
            "x-ratelimit-reset": str(math.ceil(self._clock.now() + (admitted[0] + seconds - now if admitted else 0))),
            "x-ratelimit-window": f"{seconds:g}",
        }
        return (429, {**headers, "retry-after": str(math.ceil(max(full)))}) if full else (200, headers)


class Wire:
    """Stands where the HTTP client stands: a request travels, is counted, and its answer travels back."""

    def __init__(self, clock: VirtualClock, service: Service, chance: random.Random) -> None:
        self._clock = clock
        self._service = service
        self._chance = chance
        self.admitted = 0
        self.refused = 0

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> Exchange:
        """As ``bot.providers.http.Client.exchange``."""
        await self._clock.sleep(self._chance.uniform(0.03, 0.15))
        status, headers = self._service.call()
        if status == 200:
            self.admitted += 1
        else:
            self.refused += 1
        await self._clock.sleep(self._chance.uniform(0.03, 0.25))
        return Exchange(status, headers, b"{}", None, None, headers_sent=True, body_complete=True)


class Pausing:
    """No limiter but the service's own word: after a 429 it waits as long as asked."""

    def __init__(self, clock: VirtualClock, windows: Windows) -> None:
        self.clock = clock
        self.windows = windows
        self._held_until = 0.0

    def hold(self, seconds: float) -> None:
        """The service asked to be left alone."""
        self._held_until = max(self._held_until, self.clock.monotonic() + seconds)

    def turned_away(self, slot: Slot) -> float:
        """The service refused a call and did not say for how long."""
        seconds = self.windows[-1][1]
        self.hold(seconds)
        return seconds

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """One call."""
        await self.admit()
        while (left := self._held_until - self.clock.monotonic()) > 0:
            await self.clock.sleep(left)
        yield Slot(self.clock.monotonic())

    async def admit(self) -> None:
        """Wait for a place."""


class Spaced(Pausing):
    """Calls at even distances."""

    _next = 0.0

    async def admit(self) -> None:
        """Wait for a place."""
        now = self.clock.monotonic()
        at = self._next = max(now, self._next)
        self._next += max(seconds / limit for limit, seconds in self.windows)
        await self.clock.sleep(at - now)


class Bucket(Pausing):
    """A leaky bucket, as most libraries have it: a full burst, then as it leaks."""

    _level = 0.0
    _seen = 0.0

    async def admit(self) -> None:
        """Wait for a place."""
        limit, seconds = self.windows[-1]
        while True:
            now = self.clock.monotonic()
            self._level, self._seen = max(0.0, self._level - (now - self._seen) * limit / seconds), now
            if self._level + 1 <= limit:
                self._level += 1
                return
            await self.clock.sleep(max(0.001, (self._level + 1 - limit) * seconds / limit))


class CountedWhenSent(Pausing):
    """A log of the window, in which a call counts from when it is sent."""

    def __init__(self, clock: VirtualClock, windows: Windows) -> None:
        super().__init__(clock, windows)
        self._sent = [deque[float]() for _ in windows]

    async def admit(self) -> None:
        """Wait for a place."""
        while True:
            now, wait = self.clock.monotonic(), 0.0
            for sent, (limit, seconds) in zip(self._sent, self.windows, strict=True):
                while sent and sent[0] + seconds <= now:
                    sent.popleft()
                if len(sent) >= limit:
                    wait = max(wait, sent[0] + seconds - now)
            if wait <= 0:
                for sent in self._sent:
                    sent.append(now)
                return
            await self.clock.sleep(max(0.001, wait))


Make = Callable[[VirtualClock, Windows, bool], Any]
LIMITERS: Mapping[str, Make] = {
    "no limiter, waits when refused": lambda clock, windows, tells: Pausing(clock, windows),
    "even spacing": lambda clock, windows, tells: Spaced(clock, windows),
    "leaky bucket": lambda clock, windows, tells: Bucket(clock, windows),
    "log, counted when sent": lambda clock, windows, tells: CountedWhenSent(clock, windows),
    "Bursar without the headers": lambda clock, windows, tells: Pacer(clock, windows),
    "Bursar": lambda clock, windows, tells: Pacer(clock, windows, follow_headers=tells),
}


@dataclass(frozen=True, slots=True)
class Use:
    """What became of a limit."""

    admitted: int
    refused: int
    most: int
    """What the window could have admitted in that time."""

    @property
    def share(self) -> float:
        """Admitted of what could have been."""
        return self.admitted / self.most

    @property
    def refused_share(self) -> float:
        """Refused of all that were sent."""
        return self.refused / max(self.admitted + self.refused, 1)


def measure(make: Make, windows: Windows, *, tells: bool, foreign: float = 0.0, seed: int = SEED) -> Use:
    """Call as often as the limiter lets us, beside others who use so much of the limit."""
    loop = VirtualLoop(most_turns=math.inf)  # it is long because it is
    clock = VirtualClock(loop)
    service = Service(clock, windows, tells=tells)
    wire = Wire(clock, service, _chance("ours", seed))
    line = Line(wire, make(clock, windows, tells), clock)  # type: ignore[arg-type]  # the parts that a line uses
    limit, seconds = windows[-1]
    end = WINDOWS_LONG * seconds

    async def ours() -> None:
        while True:
            await line.write("PATCH", "/", b"{}")

    async def others() -> None:
        chance = _chance("others", seed)
        while foreign:
            await clock.sleep(chance.expovariate(limit * foreign / seconds))
            service.call()

    async def run() -> None:
        tasks = [asyncio.ensure_future(work()) for work in [*[ours] * IN_FLIGHT, others]]
        await clock.sleep(end)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        loop.run_until_complete(run())
    finally:
        loop.end()
    return Use(wire.admitted, wire.refused, limit * math.ceil(WINDOWS_LONG))


def _chance(name: str, seed: int) -> random.Random:
    return random.Random(f"{name} {seed}")  # noqa: S311 # repeatable on purpose


def print_section() -> None:
    """The part of ``python -m bench`` about rate limits."""
    began = time.perf_counter()
    title = f"rate limits, {IN_FLIGHT} calls in flight, {WINDOWS_LONG:g} windows of virtual time"
    print(f"\n{title}\n{'-' * len(title)}")
    print(f"{'':34}{'alone':>18}{f'beside {FOREIGN_SHARE:.0%} of others':>24}")
    print(f"{'':34}{'used':>9}{'refused':>9}{'used':>12}{'refused':>12}")
    for plan, (windows, tells) in PLANS.items():
        print(plan)
        for name, make in LIMITERS.items():
            if not tells and name == "Bursar without the headers":
                continue
            alone = measure(make, windows, tells=tells)
            beside = measure(make, windows, tells=tells, foreign=FOREIGN_SHARE)
            print(
                f"  {name:32}{alone.share:9.1%}{alone.refused:9,}{beside.share:12.1%}{beside.refused:6,}"
                f"{beside.refused_share:6.1%}"
            )
    print(f"aim, Bursar: 98% used and none refused alone, at most 3% refused beside others ({_took(began)})")


def _took(began: float) -> str:
    return f"{time.perf_counter() - began:.0f} s"


if __name__ == "__main__":
    print_section()
