"""The program as it is wired in earnest, beside the stand-ins, with what a person does as methods."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app import App, opened
from bot.domain.model import Actor, Award, Batch, Problem, ProviderKind, RecipientType
from bot.ledger.recording import Recorded
from bot.services.previewing import Preview
from bot.services.rules import Limits
from bot.services.submitting import Choice, Upload, Wish
from bot.settings import Settings
from tests.services.rig import LETTERS, Told
from tests.support.calendar import Calendar
from tests.support.sandbox import Sandbox

SERVER = "700000000000000001"
MOD = Actor("900000000000000001", "mod", SERVER)
OTHER = Actor("900000000000000002", "other mod", SERVER)
CLI = Actor("cli", "operator", None)
NO_LIMITS = Limits()


HURRY = 8.0
"""The speed at which to wait for the program where no stand-in is slow."""
IN_A_HURRY = {"BURSAR_SETTLE_AFTER": "16"}
"""At that speed longer than what a campaign lets the stand-ins carry out late."""


def speed_beside(fault: Mapping[str, Any]) -> float:
    """The speed at which what a stand-in carries out late still comes before the quarantine is over."""
    return 1.0 if "after" in fault else HURRY


def members(count: int, *, first: int = 0) -> list[str]:
    """Discord ids that look like real ones."""
    return [str(1_000_000_000_000_000_001 + 104_729_000_003 * number) for number in range(first, first + count)]


def file_of(rows: Sequence[Sequence[object]], header: str = "discord_id,amount") -> bytes:
    """A CSV file."""
    return "\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]).encode() + b"\n"


def paying(ids: Sequence[str], amount: int = 10, header: str = "discord_id,amount") -> bytes:
    """A CSV file that pays everybody the same."""
    return file_of([(one, amount) for one in ids], header)


@dataclass
class Office:
    """An opened program."""

    app: App
    sandbox: Sandbox
    told: Told

    async def problems(self, preview: Preview) -> Sequence[Problem]:
        """Every problem of a draft, row by row."""
        return await self.app.ledger.drafts.problems(preview.draft.id)

    async def draft(
        self,
        content: bytes,
        programme: str = "drip-credentials",
        *,
        name: str = "payout.csv",
        actor: Actor = MOD,
        limits: Limits = NO_LIMITS,
        **wish: Any,
    ) -> Preview:
        """Hand a file in, and look recipients up where that is needed."""
        submitting = self.app.services.submitting
        wanted = Wish(self.app.services.programmes.get(programme), **wish)
        preview = await submitting.draft_file(Upload(name, content, "file"), wanted, actor, limits)
        if preview.to_look_up:
            preview = await submitting.look_up(preview.draft.id, actor, limits)
        return preview

    async def confirm(
        self, preview: Preview, *, actor: Actor = MOD, limits: Limits = NO_LIMITS, **choice: Any
    ) -> Recorded:
        """Press the button of a preview."""
        assert preview.draft.content_hash is not None
        seen = {"matches_seen": preview.matches.mark, "left_out_seen": preview.campaign.mark}
        wanted = Choice(preview.draft.content_hash, **seen, **choice)
        return await self.app.services.submitting.confirm(preview.draft.id, wanted, actor, limits)

    async def quiet(self) -> None:
        """Wait until nothing more can be done without a person."""
        await self.app.services.dispatcher.until_quiet()

    async def send(
        self,
        content: bytes,
        programme: str = "drip-credentials",
        *,
        confirm: dict[str, Any] | None = None,
        **given: Any,
    ) -> int:
        """From the file to where nothing more can be done; the batch's id."""
        preview = await self.draft(content, programme, **given)
        recorded = await self.confirm(preview, **(confirm or {}))
        await self.quiet()
        return recorded.batch_id

    async def awards(self, batch_id: int | None = None) -> list[Award]:
        """Every award (of a batch)."""
        return [award async for part in self.app.ledger.queries.awards(batch_id) for award in part]

    async def states(self, batch_id: int) -> str:
        """The states of a batch's awards as letters."""
        return "".join(LETTERS[award.state] for award in await self.awards(batch_id))

    async def batch(self, batch_id: int) -> Batch:
        return await self.app.ledger.queries.batch(batch_id, None)

    async def state(self, batch_id: int) -> str:
        """``finished``, ``paused:key``, …"""
        batch = await self.batch(batch_id)
        return batch.state.value if batch.pause is None else f"{batch.state.value}:{batch.pause.kind.value}"

    async def result(self, batch_id: int, actor: Actor = MOD) -> list[dict[str, str]]:
        """The result file, read back."""
        pieces = [piece async for piece in self.app.services.batches.result_file(batch_id, actor)]
        return list(csv.DictReader(io.StringIO(b"".join(pieces).decode("utf-8-sig"))))

    async def result_bytes(self, batch_id: int, actor: Actor = MOD) -> bytes:
        """The result file as it is."""
        return b"".join([piece async for piece in self.app.services.batches.result_file(batch_id, actor)])

    async def writes(self) -> list[dict[str, Any]]:
        """The write calls that reached the stand-ins."""
        return [call for call in await self.sandbox.calls() if call["method"] != "GET"]

    async def check_books(self) -> None:
        """What the ledger claims is in the stand-ins' books exactly once, and nothing else but doubts is."""
        awards = await self.awards()
        programmes = {batch.id: batch for batch in await self.app.ledger.queries.batches(None, limit=1000)}
        booked: Counter[tuple[str, int]] = Counter()
        for service in ("drip", "gameball"):
            booked.update((one["recipient"], one["amount"]) for one in await self.sandbox.applied(service))
        claimed: Counter[tuple[str, int]] = Counter()
        doubted: Counter[tuple[str, int]] = Counter()
        for award in awards:
            entry = (_in_books(award, programmes[award.batch_id].destination.kind), award.amount)
            if LETTERS[award.state] == "A":
                claimed[entry] += 1
            elif LETTERS[award.state] == "U":
                doubted[entry] += 1
        assert not claimed - booked, f"claimed, and not in the books: {claimed - booked}"
        assert not booked - claimed - doubted, f"in the books, and not claimed: {booked - claimed - doubted}"


def _in_books(award: Award, kind: ProviderKind) -> str:
    who, target = award.recipient, award.target or ""
    if target.startswith("credential:"):
        return target.removeprefix("credential:")
    if kind is not ProviderKind.DRIP_CREDENTIALS:
        return target
    if who.type is RecipientType.CUSTOM:
        return f"custom:{who.source}:{who.value}"
    return f"{who.type.value}:{target}"


@dataclass(frozen=True)
class Door:
    """Where the program is opened."""

    sandbox: Sandbox
    directory: Path
    calendar: Calendar = field(default_factory=Calendar)

    @asynccontextmanager
    async def open(
        self, *, patient: bool = False, settling: bool = False, dispatching: bool = True, **variables: str
    ) -> AsyncIterator[Office]:
        """The program with these settings on top of the stand-ins' own; on the same ledger each time."""
        environ = {
            **self.sandbox.environ(),
            "DRIP_CREDENTIALS_BATCH_SIZE": "10",
            "DRIP_MEMBERS_BATCH_SIZE": "10",
            "GAMEBALL_BATCH_SIZE": "10",
            "BURSAR_HTTP_TIMEOUT": "5",
            "BURSAR_JOB_WAIT": "20",
            "BURSAR_SETTLE_AFTER": "1",
            **variables,
        }
        settings = Settings.load({name: value for name, value in environ.items() if value}, self.directory)
        async with opened(settings, self.calendar, patient=patient, settling=settling) as app:
            for write in (app.ledger.database.write_bare, app.ledger.database.write_shared):
                setattr(app.ledger.database, write.__name__, self.calendar.unhurried(write))
            told = Told()
            app.watchers.add(told)
            office = Office(app, self.sandbox, told)
            if not dispatching:
                yield office
                return
            async with app.dispatching():
                yield office


def pauses(told: Told) -> list[tuple[int, str]]:
    """Batch and kind of every pause that was told."""
    return [(batch.id, pause.kind.value) for batch, pause in told.pauses]
