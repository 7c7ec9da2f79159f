"""The real client with the wire taken out: its gate, its flags and its judging stay, its socket is the world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp

from bot.clock import Clock
from bot.providers.factory import Providers
from bot.providers.http import Client, _Gate
from bot.settings import Settings
from tests.simulation import services
from tests.simulation.world import Reply, World

AtStep = Callable[[str], None]
_NO_ANSWER = ("lost-before", "reset-before", "reset-after", "late-reset", "dies-at-last-byte")
_FOR_EVER = 100_000.0


class Wire:
    """What ``_Gate`` writes to; the other end is the service's."""

    def __init__(self, size: int, fault: str | None) -> None:
        self._size = size
        self._fault = fault
        self._received = 0
        self._closing = False

    @property
    def whole(self) -> bool:
        """Whether the service has every byte of the body."""
        return self._received >= self._size

    @property
    def transport(self) -> Wire:
        return self

    def is_closing(self) -> bool:
        return self._closing

    async def write(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._fault == "dies-in-body" or (self._fault == "dies-at-last-byte" and self.whole):
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        self._closing = self._fault == "dies-before-last-byte"


class SimulatedClient(Client):
    """``bot.providers.http.Client`` whose one exchange with a socket is one with the world."""

    def __init__(
        self, base_url: str, secrets: Mapping[str, str], *, timeout: float, world: World, at: AtStep, intent: AtStep
    ) -> None:
        super().__init__(base_url, secrets, timeout=timeout)
        self._world = world
        self._at = at
        self._intent = intent

    async def _run(self, method: str, path: str, gate: _Gate | None, flags: SimpleNamespace, answer: Any) -> None:
        if self._closed:
            raise RuntimeError("closed")
        async with asyncio.timeout(self._timeout):
            await self._exchange(method, path, gate, flags, answer)

    async def _exchange(self, method: str, path: str, gate: _Gate | None, flags: SimpleNamespace, answer: Any) -> None:
        fault = self._world.fault(method, path)
        self._at("before the first byte")
        await asyncio.sleep(self._world.chance.choice((0.01, 0.1)))
        if fault == "no-connection":
            raise aiohttp.ClientConnectionError("no connection")
        if gate is not None:
            self._intent(gate.decode())
        flags.headers_sent = True
        self._at("the headers are sent")
        if fault == "early-503":
            answer.status, answer.body = 503, b""
            return
        reply = await self._deliver(method, path, gate, fault)
        self._at("the service has acted")
        await asyncio.sleep(self._world.chance.choice((0.02, 0.2)) if fault != "slow" else 4.0)
        if fault in ("hang-before", "hang-after", "late"):
            await asyncio.sleep(_FOR_EVER)
        if fault in _NO_ANSWER:
            raise aiohttp.ServerDisconnectedError
        self._at("before the answer is read")
        answer.status, answer.headers = reply.status, reply.headers
        if fault == "cut":
            raise aiohttp.ClientPayloadError("the answer broke off")
        answer.body = reply.body

    async def _deliver(self, method: str, path: str, gate: _Gate | None, fault: str | None) -> Reply:
        if method == "DELETE":
            return services.stop(self._world, path, fault)
        if gate is None:
            if (kept := self._world.kept_answer(path)) is not None:
                return kept
            reply = services.read(self._world, path, fault)
            if fault is None:
                self._world.keep(path, reply)
            return reply
        body = gate.decode().encode()
        wire = Wire(len(body), fault)
        try:
            await gate.write(wire)  # type: ignore[arg-type]  # the part of a writer that the gate uses
        finally:
            if wire.whole:  # whatever the client comes to believe
                reply = services.write(self._world, path, body, fault)
        return reply


class SimulatedProviders(Providers):
    """The real factory; only the clients it makes are other ones."""

    def __init__(self, settings: Settings, clock: Clock, world: World, at: AtStep, intent: AtStep) -> None:
        super().__init__(settings, clock)
        self._world = world
        self._at = at
        self._intent = intent

    def _client(self, base_url: str, secrets: dict[str, str]) -> Client:
        return SimulatedClient(
            base_url, secrets, timeout=self._timeout, world=self._world, at=self._at, intent=self._intent
        )
