"""A ledger file, a dispatcher, and services in process, put together for one test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.domain.drafting import StagedRow
from bot.domain.model import Actor, Batch, Pause, Programme, Recipient, RecipientType
from bot.domain.states import AwardState
from bot.ledger.drafts import NewDraft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Confirmation
from bot.services.batches import Batches
from bot.services.dispatching import Dispatcher
from bot.services.programmes import Programmes
from tests.services.neighbour import Neighbour
from tests.services.virtual import StillDatabase, VirtualClock
from tests.support.patience import PATIENCE

STAFF = Actor("900000000000000001", "mod", "700000000000000001")
CLI = Actor("cli", "operator", None)
LETTERS = {
    AwardState.PLANNED: "P",
    AwardState.SENDING: "S",
    AwardState.APPLIED: "A",
    AwardState.REJECTED: "R",
    AwardState.UNKNOWN: "U",
    AwardState.CANCELLED: "C",
    AwardState.WRITTEN_OFF: "W",
}


def recipient(number: int) -> Recipient:
    """A Discord member by number."""
    return Recipient(RecipientType.DISCORD_ID, f"500000000000{number:06d}")


@dataclass
class Told:
    """A watcher that remembers."""

    changes: list[int] = field(default_factory=list)
    pauses: list[tuple[Batch, Pause]] = field(default_factory=list)

    def changed(self, batch_id: int) -> None:
        self.changes.append(batch_id)

    def paused(self, batch: Batch, pause: Pause) -> None:
        self.pauses.append((batch, pause))


@dataclass(slots=True)
class Rig:
    """What a test holds in its hands."""

    ledger: Ledger
    database: StillDatabase
    clock: VirtualClock
    neighbours: dict[str, Neighbour]
    programmes: Programmes
    dispatcher: Dispatcher
    batches: Batches
    told: Told
    running: asyncio.Task[None] | None = None

    @property
    def neighbour(self) -> Neighbour:
        """The only service, or the first one."""
        return next(iter(self.neighbours.values()))

    def start(self) -> None:
        """Let the dispatcher work."""
        self.running = asyncio.create_task(self.dispatcher.run())

    async def stop(self) -> None:
        """Stop the dispatcher as a signal would, and wait for its end."""
        self.dispatcher.stop()
        if self.running is not None:
            await self.running

    async def record(
        self,
        numbers: Sequence[int],
        *,
        programme: str | None = None,
        amount: int = 10,
        delay: float = 0.0,
        actor: Actor = STAFF,
        wake: bool = True,
        again: bool = True,
    ) -> int:
        """Record a batch with one award to each of these members; returns its id."""
        found = self.neighbours[programme] if programme else self.neighbour
        rows = [
            StagedRow(line, None, recipient(number), recipient(number).value, amount, None)
            for line, number in enumerate(numbers, start=2)
        ]
        return await self.record_rows(rows, programme=found.programme, delay=delay, actor=actor, wake=wake, again=again)

    async def record_rows(
        self,
        rows: Sequence[StagedRow],
        *,
        programme: Programme | None = None,
        delay: float = 0.0,
        actor: Actor = STAFF,
        wake: bool = True,
        again: bool = True,
    ) -> int:
        """Record a batch of these rows; returns its id."""
        draft_id = await self.draft(programme or self.neighbour.programme, rows, actor)
        draft = await self.ledger.drafts.get(draft_id, None)
        assert draft.content_hash is not None
        matches = await self.ledger.drafts.matches(draft_id)
        confirmation = Confirmation(
            actor, draft.content_hash, again=again, matches_seen=matches.mark, start_delay_seconds=delay
        )
        recorded = await self.ledger.recording.record_batch(draft_id, confirmation)
        if wake:
            self.dispatcher.wake(recorded.batch_id)
        return recorded.batch_id

    async def draft(self, programme: Programme, rows: Sequence[StagedRow], actor: Actor) -> int:
        """A draft with these rows, ready to be recorded."""
        new = NewDraft(
            "file", actor, programme.name, programme.destination, None, None, None, None, None, None, request={}
        )
        draft_id = await self.ledger.drafts.create(new)
        await self.ledger.drafts.stage(draft_id, rows, ())
        await self.ledger.drafts.finish(draft_id, refused=False, summary={})
        return draft_id

    async def states(self, batch_id: int) -> str:
        """The states of a batch's awards as letters, in the order of its rows."""
        letters = ""
        async for awards in self.ledger.queries.awards(batch_id):
            letters += "".join(LETTERS[award.state] for award in awards)
        return letters

    async def applied(self, batch_id: int) -> str:
        """How often each award of the batch landed, as the services know it, as digits."""
        digits = ""
        for neighbour in self.neighbours.values():
            neighbour.settle()
        async for awards in self.ledger.queries.awards(batch_id):
            for award in awards:
                digits += str(sum(one.truth.applied[award.id] for one in self.neighbours.values()))
        return digits

    async def state(self, batch_id: int) -> str:
        """The state of a batch: ``finished``, ``paused:key``, …"""
        batch = await self.ledger.queries.batch(batch_id, None)
        return batch.state.value if batch.pause is None else f"{batch.state.value}:{batch.pause.kind.value}"

    async def quiet(self, *batch_ids: int) -> None:
        """Wait until nothing more can be done; real time is bounded, virtual time is not."""
        async with asyncio.timeout(PATIENCE):
            await self.dispatcher.until_quiet(batch_ids or None)

    async def until(self, condition: Callable[[], bool], every: float = 0.01) -> None:
        """Return when something is so, looking every so many (virtual) seconds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.clock.sleep(every)


_templates: list[bytes] = []
"""An empty ledger, migrated once for all tests."""


async def _begin(path: Path, clock: VirtualClock) -> None:
    if not _templates:
        template = path.with_name("template.db")
        await (await Ledger.open(template, clock)).close()
        _templates.append(template.read_bytes())
    _write(path, _templates[0])


def _write(path: Path, ledger: bytes) -> None:
    if not path.exists():
        path.write_bytes(ledger)


@asynccontextmanager
async def rig(
    path: Path,
    *neighbours: Callable[..., Neighbour],
    clock: VirtualClock | None = None,
    patient: bool = False,
    job_wait: float = 60.0,
    **options: Any,
) -> AsyncIterator[Rig]:
    """Everything wired around a ledger at ``path``; ``neighbours`` are called with ``clock`` and ``ledger_path``.

    The dispatcher is made, not started. At the end it is stopped, and the ledger closed.
    """
    clock = clock or VirtualClock()
    await _begin(path, clock)
    opened = await Ledger.open(path, clock)
    # Nobody cuts the power in these tests, and hundreds of ledgers wait for the same disk.
    await opened.database.write_bare(lambda connection: connection.execute("PRAGMA synchronous = OFF"))
    database = StillDatabase(opened.database, clock)
    ledger = Ledger(database, clock)  # type: ignore[arg-type]  # the same seam, watched
    made = [make(clock=clock, ledger_path=path) for make in neighbours]
    by_name = {one.programme.name: one for one in made}
    programmes = Programmes([one.programme for one in made], lambda programme: by_name[programme.name])
    told = Told()
    dispatcher = Dispatcher(ledger, programmes, clock, told, job_wait_seconds=job_wait, patient=patient, **options)
    batches = Batches(ledger, programmes, dispatcher, clock)
    built = Rig(ledger, database, clock, by_name, programmes, dispatcher, batches, told)
    try:
        yield built
    finally:
        if built.running is not None and not built.running.done():
            await built.stop()
        await opened.close()
