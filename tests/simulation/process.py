"""One life of the program: opened on what survived, wired by the real composition root, ended or cut off."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

from bot import checkpoints
from bot.app import App, _wired
from bot.domain import promises
from bot.domain.lanes import Course, LaneKind
from bot.domain.model import ProviderKind
from bot.errors import LedgerError
from bot.ledger.ledger import Ledger
from bot.services.dispatching import Dispatcher
from bot.services.programmes import Programmes
from bot.settings import Settings
from tests.simulation.loop import Crash, VirtualClock, VirtualLoop
from tests.simulation.storage import InlineConnection, InlineReader, Storage, database_of
from tests.simulation.transport import SimulatedProviders
from tests.simulation.world import CURRENCY, REALM, World

Cut = int | tuple[str, int]
"""Where a process is cut off: at its n-th step, or when it comes to a step of this name for the n-th time."""
_IN_DOUBT = (
    "SELECT count(*) FROM awards a JOIN attempts t ON t.id = a.attempt_id JOIN batches b ON b.id = a.batch_id"
    " JOIN awards u ON u.state = 'unknown' AND (u.key = a.key OR u.target = a.target)"
    " JOIN batches v ON v.id = u.batch_id AND v.account = b.account WHERE a.attempt_id = ? AND a.state = 'sending'"
    # A job beside it may end between its claim and its first byte, and leave a doubt.
    " AND NOT EXISTS (SELECT 1 FROM events begun JOIN events later ON later.batch_id = u.batch_id"
    " AND later.seq > begun.seq AND later.kind IN ('call-ended', 'job-given-up')"
    " WHERE begun.attempt_id = t.id AND begun.kind = 'call-begun')"
)
_IN_ANOTHER_CALL = (
    "SELECT count(*) FROM awards a JOIN attempts t ON t.id = a.attempt_id JOIN batches b ON b.id = a.batch_id"
    " JOIN awards o ON o.state = 'sending' AND o.attempt_id <> t.id AND (o.key = a.key OR o.target = a.target)"
    " JOIN attempts s ON s.id = o.attempt_id AND s.state = 'open' JOIN batches v ON v.id = o.batch_id"
    " AND v.account = b.account WHERE a.attempt_id = ? AND a.state = 'sending'"
)
_TOGETHER = (
    "SELECT count(*) FROM attempts t JOIN batches b ON b.id = t.batch_id WHERE t.state = 'open' GROUP BY b.account"
)


def settings_of(per_call: int, lanes: Mapping[str, str] | None = None, once_up_to: int = 0) -> Settings:
    """One account at each service, calls of so many awards, the operator's places, and Gameball batches of up to so
    many one by one."""
    url, size = "https://service.test", str(per_call)
    environ = {
        "DRIP_API_KEY": "a-long-api-key-for-tests",
        "DRIP_REALM_ID": REALM,
        "DRIP_CURRENCY_ID": CURRENCY,
        "DRIP_BASE_URL": url,
        "DRIP_RATE_PLAN": "enterprise",
        "DRIP_CREDENTIALS_BATCH_SIZE": size,
        "DRIP_MEMBERS_BATCH_SIZE": size,
        "GAMEBALL_API_KEY": "a-long-api-key-for-tests",
        "GAMEBALL_SECRET_KEY": "a-long-secret-key-for-tests",
        "GAMEBALL_BASE_URL": url,
        "GAMEBALL_AMOUNT_UNIT": "points",
        "GAMEBALL_BATCH_SIZE": size,
        "GAMEBALL_MANUAL_UP_TO": str(once_up_to),
        "GAMEBALL_STATUS_CONTRACT": "b",
        "BURSAR_HTTP_TIMEOUT": "5",
        "BURSAR_JOB_WAIT": "60",
        "BURSAR_DATABASE": "in-memory.db",
        **(lanes or {}),
    }
    return Settings.load(environ, Path(__file__).parent)


class Process:
    """A running Bursar. Steps are counted, so that it can be cut off at any of them."""

    def __init__(
        self, loop: VirtualLoop, storage: Storage, world: World, chance: random.Random, cut: Cut | None
    ) -> None:
        self.clock = VirtualClock(loop)
        self.alive = True
        self.steps = 0
        self.cut_at: str | None = None
        """The step at which the process was cut off."""
        self.findings: list[str] = []
        """What must never be."""
        self.most_together = 0
        """The most calls of one account that were under way at the same time."""
        self.disk_full = 0
        """So many transactions to come fail."""
        self._storage = storage
        self._connection = storage.mount()
        self._world = world
        self._chance = chance
        self._cut = cut
        self._came_to: Counter[str] = Counter()
        world.now = loop.time

    def at(self, step: str) -> None:
        """The process is at a step. Nothing that comes after the crash has any effect."""
        if not self.alive:
            raise asyncio.CancelledError
        self.steps += 1
        self._came_to[step] += 1
        if self._cut in (self.steps, (step, self._came_to[step])):
            self.alive = False
            self.cut_at = step
            raise Crash(step)

    @asynccontextmanager
    async def running(self, settings: Settings, *, patient: bool, settling: bool) -> AsyncIterator[App]:
        """The whole program, wired as the command line wires it, sending what is planned and, if it is ``settling``,
        judging doubts by evidence."""
        ledger = Ledger(self._database(), self.clock, randomness=self._chance.randbytes)
        providers = SimulatedProviders(settings, self.clock, self._world, self.at, self._check_intent)
        programmes = Programmes(settings.programmes(), providers.make)
        after = settings.settle_after if settling else None
        dispatcher = partial(Dispatcher, patient=patient, only_woken=False, settle_after_seconds=after)
        app = _wired(settings, self.clock, ledger, programmes, dispatcher, practice=False)
        await ledger.drafts.purge()
        await self._lay(ledger, settings)
        for programme in settings.programmes():
            if programme.kind is ProviderKind.DRIP_CREDENTIALS and self._world.tells_linked:
                account = programme.destination.account
                await ledger.capabilities.store(account, programme.kind, "linked-login", "told", {})
            if programme.once_up_to:
                account, proved = programme.destination.account, promises.TAKEN_ONCE
                await ledger.capabilities.store(account, programme.kind, proved.name, proved.value, {})
        async with app.dispatching():
            yield app
        await providers.close()
        await ledger.close()

    async def _lay(self, ledger: Ledger, settings: Settings) -> None:
        """What ``doctor --probe`` and ``doctor --evidence`` leave, once in the life of a ledger."""
        for programme in settings.programmes():
            account = programme.destination.account
            for course, standing in zip(
                programme.courses, await ledger.lanes.standing(account, programme.courses), strict=True
            ):
                if standing is not None:
                    continue
                for name, value in PROBED[programme.kind].items():
                    await ledger.capabilities.store(account, programme.kind, name, value, {})
                if course.kind is LaneKind.RING and not any(self._world.places[one] for one in _keys(course)):
                    self._world.places[_keys(course)[0]] = 1
                held = [self._world.places[one] for one in _keys(course)]
                await ledger.lanes.set_up(account, course, held, 0.0)

    def end(self) -> None:
        """Whatever way it ended: what was acknowledged survives."""
        self.alive = False
        self._storage.unmount(cut=self.cut_at is not None)

    def _database(self):
        writer = InlineConnection(self._connection, self._before_write, self._after_write, lambda: self.alive)
        return database_of(writer, InlineReader(self._connection, self._reading_takes, lambda: self.alive))

    def _reading_takes(self) -> float | None:
        return self._chance.choice((None, None, None, None, None, None, 0.0, 0.02))

    async def _before_write(self) -> None:
        await asyncio.sleep(self._chance.choice((0, 0, 0, 0, 0.003, 0.2)))
        self.at("before a commit")
        if self.disk_full > 0:
            self.disk_full -= 1
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full

    def _after_write(self) -> None:
        self._storage.committed(self._connection)
        self.at("after a commit")

    def _check_intent(self, body: str) -> None:
        """Before the first byte leaves: exactly this call is in the ledger, and nobody in it is in doubt or in
        another call that is under way."""
        digest = sha256(body.encode()).hexdigest()
        found = self._connection.execute(
            "SELECT id, json_array_length(awards), (SELECT count(*) FROM awards a WHERE a.attempt_id = t.id"
            " AND a.state = iif(t.state = 'open', 'sending', 'unknown')) FROM attempts t WHERE body_sha256 = ?"
            " AND (state = 'open' OR EXISTS (SELECT 1 FROM lanes l WHERE l.attempt_id = t.id AND l.again))",
            (digest,),
        ).fetchall()
        if len(found) != 1 or found[0][1] != found[0][2]:
            self.findings.append(f"a call without its intent: {found}")
        for attempt_id, _, _ in found:
            (doubts,) = self._connection.execute(_IN_DOUBT, (attempt_id,)).fetchone()
            if doubts:
                self.findings.append(f"attempt {attempt_id} pays {doubts} recipients who are in doubt")
            (others,) = self._connection.execute(_IN_ANOTHER_CALL, (attempt_id,)).fetchone()
            if others:
                self.findings.append(f"attempt {attempt_id} pays {others} recipients of another call under way")
        together = [count for (count,) in self._connection.execute(_TOGETHER)]
        self.most_together = max(self.most_together, *together)


PROBED = {
    ProviderKind.DRIP_MEMBERS: {
        "overdraft": "refused-whole",
        "overdraft-mixed": "refused-whole",
        "unknown-member": "refused-whole",
    },
    ProviderKind.DRIP_CREDENTIALS: {"order": "given"},
}
"""What a probe of these services finds."""


def _keys(course: Course) -> list[tuple[str, str]]:
    return [(place.holder.rpartition(":")[2], place.currency) for place in course.places]


class Listening(logging.Handler):
    """Whatever the program itself calls an error, but what the simulation did to its disk."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.process: Process | None = None

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if self.process is not None and self.process.alive and not isinstance(error, LedgerError | sqlite3.Error):
            self.process.findings.append(f"logged: {record.getMessage()} {error!r}")


def install(process: Process, listening: Listening) -> None:
    """The process is the one that runs now."""
    checkpoints.handler = process.at
    listening.process = process
