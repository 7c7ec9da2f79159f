"""The machine's clock, with what a test cannot wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from bot.clock import SystemClock

P = ParamSpec("P")
T = TypeVar("T")


class Calendar(SystemClock):
    """The machine's clock, some days ahead, and faster from whenever ``speed`` is set: what the program waits for is
    over sooner, and what the stand-ins do takes as long as ever."""

    days = 0.0
    """What the clock on the wall is set ahead by."""

    def __init__(self) -> None:
        self._speed = 1.0
        self._since = super().monotonic()
        self._gained = 0.0
        self._unhurried = 0

    @property
    def speed(self) -> float:
        """Seconds that pass in one of the machine's. Neither clock jumps when it changes."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._settle()
        self._speed = speed

    def unhurried(self, work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The same, and while it is under way no more time passes than it takes: of what a slow disk takes the program
        holds as much as it does in earnest, where it has seconds for an intent."""

        async def done(*args: P.args, **kwargs: P.kwargs) -> T:
            self._settle()
            self._unhurried += 1
            try:
                return await work(*args, **kwargs)
            finally:
                self._settle()
                self._unhurried -= 1

        return done

    def let_pass(self, seconds: float) -> None:
        """So many seconds are over. Whoever sleeps already sleeps on."""
        self._gained += seconds

    def _settle(self) -> None:
        self._gained, self._since = self._ahead(), super().monotonic()

    def _ahead(self) -> float:
        hurry = 0.0 if self._unhurried else self._speed - 1.0
        return self._gained + (super().monotonic() - self._since) * hurry

    def now(self) -> float:
        return super().now() + self._ahead() + self.days * 24 * 3600

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / self.speed)
