"""What answers mean is found out without holding up the event loop, which Discord waits for, too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import ProviderKind
from bot.providers.gameball import WINDOWS
from bot.providers.http import Client
from bot.providers.line import Line
from bot.providers.pacing import Pacer

from .raw_server import Peer, RawServer
from .support import D1, D2, Service, SteppingClock, discord, item, kinds, provider_of

KIND = ProviderKind.DRIP_CREDENTIALS


class Rounds:
    """Counts how often the event loop comes round."""

    count = 0

    def _next(self) -> None:
        self.count += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    @classmethod
    @asynccontextmanager
    async def counted(cls) -> AsyncIterator[Rounds]:
        rounds = cls()
        rounds._next()
        yield rounds
        rounds._handle.cancel()


async def test_the_loop_comes_round_between_two_answers_that_come_together() -> None:
    waiting: list[Peer] = []
    both = asyncio.Event()

    async def together(peer: Peer) -> None:
        await peer.request()
        waiting.append(peer)
        if len(waiting) == 2:
            both.set()
        await peer.stall()

    service = Service()
    async with RawServer(together) as server, Rounds.counted() as rounds:
        service.url = server.url
        async with provider_of(KIND, service) as provider:
            ended: list[int] = []

            async def send(who: str) -> list[OutcomeKind]:
                one = [item(1, discord(who))]
                verdict = await provider.send(provider.build(one, "T"), one)
                ended.append(rounds.count)
                return kinds(verdict)

            sending = [asyncio.create_task(send(who)) for who in (D1, D2)]
            await both.wait()
            for peer in waiting:  # both before the loop comes round
                peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            assert await asyncio.gather(*sending) == [[OutcomeKind.UNKNOWN]] * 2
    first, second = ended
    assert second > first


async def test_long_answers_are_judged_in_a_thread_one_after_the_other_and_short_ones_at_once() -> None:
    clock = SteppingClock()
    line = Line(Client("http://127.0.0.1:1", {}, timeout=1.0), Pacer(clock, WINDOWS), clock)
    here = threading.current_thread()
    assert await line.judged(b"x" * 1_000, threading.current_thread) is here
    loop, under_way = asyncio.get_running_loop(), threading.Lock()

    def alone() -> threading.Thread:
        assert under_way.acquire(blocking=False)
        # Long enough for another one to begin, if it may: the loop is free meanwhile.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
        under_way.release()
        return threading.current_thread()

    threads = await asyncio.gather(*(line.judged(b"x" * 100_000, alone) for _ in range(4)))
    assert here not in threads


async def test_a_long_answer_is_judged_where_no_thread_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("bot.providers.line._JUDGE", ThreadPoolExecutor(1))
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    clock = SteppingClock()
    line = Line(Client("http://127.0.0.1:1", {}, timeout=1.0), Pacer(clock, WINDOWS), clock)
    assert await line.judged(b"x" * 100_000, lambda: "judged") == "judged"
