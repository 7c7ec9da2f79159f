"""An event loop that never waits: when nothing is left to run now, its clock jumps to whatever is next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")
START = 1_790_000_000.0
"""Unix time at which every run begins."""
MAX_TURNS = 24_000
"""Turns of the loop after which a run counts as going round in circles. Long ones take some 3,000."""


class Stalled(Exception):
    """Nothing is ready and nothing is due: whoever still waits will wait for ever."""


class Circling(Exception):
    """The run has no end."""


class Crash(KeyboardInterrupt):
    """The process ends here, whatever it was about to do. A ``KeyboardInterrupt``, because asyncio lets only that (and
    ``SystemExit``) out of the loop at once; nobody in Bursar catches either."""


class Turn(list[Any]):
    """What is to be called: the ``run`` of its context, the function, its arguments. It can what anybody asks of an
    ``asyncio.Handle``, and is a list because hardly anything is made as often."""

    def cancel(self) -> None:
        self[1:] = _nothing, ()

    @property
    def cancelled(self) -> bool:
        return self[1] is _nothing


def _nothing() -> None:
    """Called in the place of what was taken back."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own loop without sockets, threads and waiting.

    What runs when is as there: each turn calls what is ready at its beginning, then what is due; time passes where
    nothing is. It only does less about each of them, since there are some thousands in a run.
    """

    _stopping: bool  # the base class's, who has no public name for it

    def __init__(self, now: float = 0.0, most_turns: float = MAX_TURNS) -> None:
        super().__init__()
        self._now = now
        self._turns = 0
        self._most_turns = most_turns
        self._soon: deque[Turn] = deque()
        self._later: list[tuple[float, int, Turn]] = []
        self._alarms = 0
        """So many were set. They go off in this order where the moment is the same."""
        self.set_exception_handler(lambda _loop, _context: None)  # tasks that a crash cut off have nobody to tell

    def time(self) -> float:
        return self._now

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, **options)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        turn = Turn(((copy_context() if context is None else context).run, callback, args))
        self._soon.append(turn)
        return turn

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        """There is no other thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        turn = Turn(((copy_context() if context is None else context).run, callback, args))
        self._alarms += 1
        heappush(self._later, (when, self._alarms, turn))
        return turn

    def _run_once(self) -> None:
        """One turn for the base class; here, all of them until the loop is stopped."""
        soon, later = self._soon, self._later
        while not self._stopping:
            self._turns += 1
            if self._turns > self._most_turns:
                raise Circling
            if not soon:
                self._pass_time()
            while later and later[0][0] <= self._now:
                soon.append(heappop(later)[2])
            for _ in range(len(soon)):
                run, callback, arguments = soon.popleft()
                try:
                    run(callback, *arguments)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.call_exception_handler({"message": f"{callback} failed", "exception": error})

    def _pass_time(self) -> None:
        """Nothing is left to do now: it is the moment of whatever is next."""
        while self._later and self._later[0][2].cancelled:
            heappop(self._later)
        if not self._later:
            raise Stalled
        self._now = max(self._now, self._later[0][0])

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """What would go to a thread runs here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def end(self) -> None:
        """Take every task away, as the end of a process does, and close. What they still try must have no effect."""
        for _ in range(50):
            left = [task for task in asyncio.all_tasks(self) if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self._turns = 0
            with suppress(Crash):  # from a task that waited for the one that the crash went through
                self.run_until_complete(_a_few_turns())
        self.close()


async def _a_few_turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


class VirtualClock:
    """``bot.clock.Clock`` on a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._ahead = 0.0

    def now(self) -> float:
        return START + self._loop.time() + self._ahead

    def set_ahead(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self._ahead += seconds

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
