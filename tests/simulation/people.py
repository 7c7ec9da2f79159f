"""Moderators: they send, confirm twice, pause, stop, resolve and retry, at any moment and at the same time.

What they do survives the program's crashes: whoever got no answer tries again. They are well informed: nobody decides
about a doubt before its truth is known to them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.app import App
from bot.domain.model import Actor, Decision
from bot.errors import BursarError, DraftGone, LedgerError, ResolutionFailed
from bot.services.batches import Doubt
from bot.services.previewing import Preview
from bot.services.rules import Limits
from bot.services.wishes import Choice, Upload, Wish
from tests.simulation.world import World

MODERATORS = (Actor("900000000000000001", "first", "700"), Actor("900000000000000002", "second", "700"))
LOOKS = 12
"""How often a look-up that fails is tried again."""


@dataclass(slots=True)
class Told:
    """What the program has promised to people: every batch that it said was recorded, with its amounts."""

    batches: dict[int, frozenset[int]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Errand:
    """Something that somebody wants, from some moment on."""

    at: float
    chance: random.Random
    told: Told
    world: World
    done: bool = False

    async def begin(self, app: App) -> None:
        """Do it, once its time has come."""
        await asyncio.sleep(max(0.0, self.at - app.clock.monotonic()))
        try:
            await self.run(app)
        except LedgerError:
            return  # the disk: tried again in the next life
        except BursarError:
            pass  # refused with a reason
        self.done = True

    async def run(self, app: App) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class Submit(Errand):
    """Send points to some people, and press the button once, twice, or three times."""

    programme: str = ""
    rows: Sequence[tuple[str, int]] = ()
    presses: int = 1
    delay: float = 0.0
    draft_id: int | None = None

    async def run(self, app: App) -> None:
        preview = await self._looked_at(app)
        self.draft_id = preview.draft.id
        await self._confirm(app, preview, frozenset(amount for _, amount in self.rows))

    async def _looked_at(self, app: App) -> Preview:
        """The card: of a new draft, or of the one that an earlier life of the program has kept."""
        limits = Limits(start_delay_seconds=self.delay)
        if self.draft_id is not None:
            return await app.services.submitting.preview(self.draft_id, MODERATORS[0], limits)
        return await self._draft(app, Wish(app.services.programmes.get(self.programme)), limits)

    async def _draft(self, app: App, wish: Wish, limits: Limits) -> Preview:
        return await app.services.submitting.draft_members(self.rows, wish, MODERATORS[0], limits)

    async def _confirm(self, app: App, preview: Preview, amounts: frozenset[int]) -> None:
        submitting, limits = app.services.submitting, Limits(start_delay_seconds=self.delay)
        draft_id = preview.draft.id
        for _ in range(LOOKS):
            if not preview.totals.pending:
                break
            try:
                preview = await submitting.look_up(draft_id, MODERATORS[0], limits)
            except ResolutionFailed:
                await asyncio.sleep(15)
        content_hash = preview.draft.content_hash or ""
        pressed = [
            submitting.confirm(draft_id, Choice(content_hash, good_rows=True), MODERATORS[number % 2], limits)
            for number in range(self.presses)
        ]
        answers = await asyncio.gather(*pressed, return_exceptions=True)
        recorded = [one for one in answers if not isinstance(one, BaseException)]
        if len(recorded) > 1:
            self.told.findings.append(f"draft {draft_id} was recorded {len(recorded)} times")
        for one in recorded:
            self.told.batches[one.batch_id] = amounts
        for answer in answers:
            if isinstance(answer, DraftGone) and answer.batch_id is not None:
                self.told.batches[answer.batch_id] = amounts
            elif isinstance(answer, LedgerError):
                raise answer
            elif isinstance(answer, BaseException) and not isinstance(answer, BursarError):
                self.told.findings.append(f"confirming failed: {answer!r}")


@dataclass(slots=True)
class SubmitFile(Submit):
    """The same with a file, which may name people in other ways than by Discord id."""

    async def _draft(self, app: App, wish: Wish, limits: Limits) -> Preview:
        lines = [f",{who},{amount}\n" if who[:2] == "0x" else f"{who},,{amount}\n" for who, amount in self.rows]
        content = "".join(["discord_id,wallet,amount\n", *lines]).encode()
        upload = Upload("names.csv", content, "file")
        return await app.services.submitting.draft_file(upload, wish, MODERATORS[0], limits)


@dataclass(slots=True)
class Steer(Errand):
    """Pause, resume or stop some batch, perhaps twice at the same time."""

    what: str = "pause"

    async def run(self, app: App) -> None:
        batch_id = _some_batch(self)
        if batch_id is not None:
            act = getattr(app.services.batches, self.what)
            await asyncio.gather(*(act(batch_id, MODERATORS[number]) for number in range(self.chance.randint(1, 2))))


@dataclass(slots=True)
class Resolve(Errand):
    """Decide about what is in doubt in some batch."""

    async def run(self, app: App) -> None:
        batch_id = _some_batch(self)
        if batch_id is not None:
            await resolve(app, self.world, batch_id, self.chance)


@dataclass(slots=True)
class Retry(Submit):
    """Send what was refused again."""

    async def run(self, app: App) -> None:
        batch_id = _some_batch(self)
        if batch_id is None:
            return
        limits = Limits(start_delay_seconds=self.delay)
        batch = (await app.services.batches.view(batch_id, MODERATORS[1])).batch
        programme = app.services.programmes.get(batch.programme)
        preview = await app.services.submitting.draft_retry(batch_id, programme, MODERATORS[1], limits)
        await self._confirm(app, preview, frozenset(row.amount for row in preview.sample))


def _some_batch(errand: Errand) -> int | None:
    return errand.chance.choice(sorted(errand.told.batches)) if errand.told.batches else None


async def resolve(app: App, world: World, batch_id: int, chance: random.Random) -> int:
    """Decide every doubt of a batch whose truth is certain; how many are left."""
    left = 0
    for doubt in await app.services.batches.doubts(batch_id, MODERATORS[1]):
        decision = _decision(doubt, world, chance)
        if decision is None:
            left += 1
            continue
        if not await _decided(app, batch_id, doubt, decision):
            # A stopped batch sends nothing again.
            again = decision is Decision.SEND_AGAIN
            left += not (again and await _decided(app, batch_id, doubt, Decision.WRITE_OFF))
    return left


async def _decided(app: App, batch_id: int, doubt: Doubt, decision: Decision) -> bool:
    ids = [award.id for award in doubt.awards]
    try:
        await app.services.batches.resolve(batch_id, ids, decision, MODERATORS[1], reason="looked at the account")
    except LedgerError:
        raise
    except BursarError:
        return False
    return True


def _decision(doubt: Doubt, world: World, chance: random.Random) -> Decision | None:
    """What is true; ``None`` while that is not certain."""
    amounts = [award.amount for award in doubt.awards]
    if any(world.under_way(amount) for amount in amounts):
        return None
    landed = {world.landed(amount) > 0 for amount in amounts}
    if landed == {True}:
        return Decision.LANDED
    if landed == {False}:
        return chance.choice((Decision.SEND_AGAIN, Decision.SEND_AGAIN, Decision.WRITE_OFF))
    return None


class People:
    """Everybody's errands."""

    def __init__(self, errands: Sequence[Errand]) -> None:
        self.errands = list(errands)

    async def act(self, app: App) -> None:
        """Whatever is left to do, everything at its time."""
        async with asyncio.TaskGroup() as group:
            for errand in self.errands:
                if not errand.done:
                    group.create_task(errand.begin(app))
