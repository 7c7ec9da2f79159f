"""Whether this process may send at all, as far as other machines are concerned. Asked before every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.clock import Clock
from bot.services.news import News


class Standing:
    """Open for good, open until a moment, or closed with a reason. Free as long as nobody closes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed: str | None = None
        self._until: float | None = None
        self._until_wall = 0.0
        self._lapsed = ""
        self._calls = 0
        self._moved = News()
        self._reopened: Callable[[], None] = lambda: None
        self.is_settled = True
        """False while it is only closed until the others were looked for: that takes seconds."""

    def when_reopened(self, tell: Callable[[], None]) -> None:
        """``tell`` is called when sending may go on."""
        self._reopened = tell

    def close(self, why: str, *, settled: bool = True) -> None:
        """No further call. ``why`` is shown to people."""
        self._closed, self.is_settled = why, settled

    def open(self, *, until: float | None = None, lapsed: str = "") -> None:
        """Calls may be made, ``until`` (monotonic seconds) where that is given; ``lapsed``: why not any longer."""
        was_closed = self.refusal() is not None
        self._closed, self._until, self._lapsed, self.is_settled = None, until, lapsed, True
        # By the wall clock, too: the other one stands still while the machine is suspended.
        self._until_wall = self._clock.now() + (0.0 if until is None else until - self._clock.monotonic())
        if was_closed:
            self._reopened()

    def refusal(self) -> str | None:
        """Why no call may be made now; ``None``: it may."""
        if self._closed is not None:
            return self._closed
        over = self._until is not None and self._clock.monotonic() >= self._until
        if over or (self._until is not None and self._clock.now() >= self._until_wall):
            return self._lapsed
        return None

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A call is under way while inside."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._moved.tell()

    async def until_idle(self) -> None:
        """Return when no call is under way."""
        while self._calls:
            await self._moved.after(self._moved.count)
