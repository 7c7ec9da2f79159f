"""The line to one account: its connection and its limiter, and how often a read may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from bot.clock import Clock
from bot.providers.http import Client, Exchange
from bot.providers.pacing import Pacer, Slot
from bot.providers.reading import UNREADABLE, parse
from bot.providers.waiting import QUOTA_WAIT, asked_wait, number

T = TypeVar("T")

READ_TRIES: Final = 4
UNREADABLE_ANSWER: Final = "UnreadableAnswer"
"""What stands for the exception of an answer that came whole and tells nothing."""
KEPT_ANSWER: Final = "KeptAnswer"
"""The same of an answer that something on the way had kept (its ``Age`` tells so): it is of another moment, or even of
another call, so it tells nothing of this one."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 4.0
_LONGEST_READ_WAIT: Final = 120.0
"""A read that would have to wait longer says so instead: somebody looks at a screen."""
_LONG_ANSWER: Final = 50_000
"""Bytes, of some 400 awards: to find out what they mean takes the event loop more than a millisecond."""

_JUDGE: Final = ThreadPoolExecutor(1, "judge")
"""Not the event loop's own: look-ups of names can block all of its threads for as long as they like."""


def is_json(body: bytes) -> bool:
    """Whether an answer can be read at all."""
    return parse(body) is not UNREADABLE


class Line:
    """Every call of every provider of an account goes through here."""

    def __init__(self, client: Client, pacer: Pacer, clock: Clock) -> None:
        self._client = client
        self._pacer = pacer
        self._clock = clock
        self._has_answered = False
        """In this round of the event loop."""

    @property
    def pacer(self) -> Pacer:
        return self._pacer

    @property
    def clock(self) -> Clock:
        return self._clock

    async def write(self, method: str, path: str, body: bytes, *, begin_by: float | None = None) -> Exchange:
        """One write when the limiter admits it, unless that is after ``begin_by`` (Unix seconds). Never repeated,
        whatever comes back."""
        exchange = await self._once(method, path, body, begin_by)
        # What an answer means takes a while, so that the loop comes round between any two that came together.
        while self._has_answered:  # noqa: ASYNC110 # the next round of the loop is what is waited for
            await asyncio.sleep(0)
        self._has_answered = True
        asyncio.get_running_loop().call_soon(self._next_round)
        return exchange

    def _next_round(self) -> None:
        self._has_answered = False

    async def ask(self, method: str, path: str) -> Exchange:
        """One request without a body that moves no points: it does no harm twice. Not repeated."""
        return await self._once(method, path, None)

    async def read(
        self, path: str, *, tries: int = READ_TRIES, readable: Callable[[bytes], bool] = is_json
    ) -> Exchange:
        """One GET, repeated (``tries`` calls in all, ever slower) after transport errors, 408, 429, 5xx, and a 200
        whose body is not ``readable``: that one tells nothing either, and comes back as an answer that is not whole."""
        pause = _FIRST_PAUSE
        while True:
            exchange = await self._once("GET", path, None)
            body = exchange.body
            if exchange.status == 200 and exchange.whole and not await self.judged(body, partial(readable, body)):
                exchange = replace(exchange, error=UNREADABLE_ANSWER, trouble="its answer cannot be read")
            tries -= 1
            if tries <= 0 or not _worth_repeating(exchange):
                return exchange
            if exchange.status == 429:
                if exchange.wait is not None and exchange.wait > _LONGEST_READ_WAIT:
                    return exchange
                continue  # the limiter holds the next one back
            await self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def judged(self, body: bytes, judge: Callable[[], T]) -> T:
        """What ``judge``, which is pure, makes of an answer; of a long one in a thread, so that nobody waits for it.

        One after the other: two threads that want the interpreter take as long together, and twice the memory.
        """
        if len(body) <= _LONG_ANSWER:
            return judge()
        try:
            judging = asyncio.get_running_loop().run_in_executor(_JUDGE, judge)
        except RuntimeError:  # the system gives no thread: the answer came all the same
            return judge()
        return await judging

    async def _once(self, method: str, path: str, body: bytes | None, begin_by: float | None = None) -> Exchange:
        if begin_by is not None and (self._pacer.until() or 0.0) > begin_by:
            return _TOO_LATE  # said at once: to wait first would only keep it from being known
        async with self._pacer.slot() as slot:
            began = self._clock.now()
            if begin_by is not None and began > begin_by:
                slot.used = False
                return _TOO_LATE
            exchange = replace(_fresh(await self._client.exchange(method, path, body)), began=began)
            slot.headers = exchange.headers
            slot.used = exchange.headers_sent
            if exchange.status == 429:
                exchange = replace(exchange, wait=self._turned_away(exchange, slot))
        return exchange

    def _turned_away(self, exchange: Exchange, slot: Slot) -> float:
        asked = asked_wait(exchange.headers, exchange.body, self._clock.now())
        if asked is None:
            return self._pacer.turned_away(slot)
        if asked <= QUOTA_WAIT:  # beyond it a person decides when to go on
            self._pacer.hold(asked)
        return asked


_TOO_LATE: Final = Exchange(
    None, {}, b"", None, "the rate limit kept it back for too long", headers_sent=False, body_complete=False
)


def _fresh(exchange: Exchange) -> Exchange:
    """The exchange, without an answer where that was kept by something on the way."""
    if (number(exchange.headers.get("age")) or 0.0) <= 0.0:
        return exchange
    trouble = "something on the way gave an old answer instead of the service's"
    return replace(exchange, status=None, headers={}, body=b"", error=KEPT_ANSWER, trouble=trouble)


def _worth_repeating(exchange: Exchange) -> bool:
    status = exchange.status
    return status is None or exchange.error is not None or status in (408, 429) or status >= 500
