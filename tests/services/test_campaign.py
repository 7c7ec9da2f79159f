"""Many seeds: random batches, faults, interventions and crashes; then the ledger beside the service's own truth.

A failing seed is printed by its number; ``-k`` with the style and that number in ``SEEDS`` repeats it exactly.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from bot import checkpoints
from bot.domain.model import Decision
from bot.errors import Refused
from tests.services.neighbour import KINDS, Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig
from tests.services.virtual import VirtualClock

pytestmark = pytest.mark.no_cover

SEEDS = range(40)
FAULTS = ("ok", "ok", "ok", "lost-after", "lost-before", "missing", "short", "away", "429:3", "busy:5", "key", "slow:4")
BREAKS = ("raise-before", "raise-after")


class Crash(BaseException):
    """Nothing of ours catches it, as nothing catches a SIGKILL."""


@pytest.fixture(autouse=True)
def no_checkpoint_is_left() -> Iterator[None]:
    yield
    checkpoints.handler = None


def service(style: str, chance: random.Random) -> Neighbour:
    """A service that behaves as the seed says."""
    faults = [*FAULTS, *BREAKS] if chance.random() < 0.3 else FAULTS
    if style == "jobs":
        faults = [fault for fault in faults if fault not in ("missing", "short")]
    return Neighbour(
        programme_of(style, per_call=chance.randint(1, 4)),
        VirtualClock(),
        script=chance.choices(faults, k=chance.randint(0, 12)),
        bad=chance.sample(range(1, 13), chance.randint(0, 3)),
        shows_bad=chance.random() < 0.5,
        follows=chance.choices(["ok", "running", "raise", "429", "key"], k=6),
        job_seconds=chance.choice([0.1, 3.0, 90.0]),
        job_ending=chance.choice(["done", "done", "partial", "lost"]),
        turn_seconds=chance.choice([0.0, 2.0]),
    )


async def meddle(it: Rig, batches: list[int], chance: random.Random) -> None:
    """What a person does in the middle of it."""
    batch_id = chance.choice(batches)
    with suppress(Refused):
        match chance.randrange(5):
            case 0:
                await it.batches.pause(batch_id, STAFF)
            case 1:
                await it.batches.resume(batch_id, STAFF)
            case 2:
                it.dispatcher.wake()
            case 3 if chance.random() < 0.3:
                await it.batches.stop(batch_id, STAFF)
            case _:
                it.dispatcher.wake(batch_id)


async def check(it: Rig, batches: list[int]) -> None:
    """Nothing twice, nothing lost, nothing claimed that did not happen."""
    for batch_id in batches:
        for state, landed in zip(await it.states(batch_id), await it.applied(batch_id), strict=True):
            assert landed in {"A": "1", "P": "0", "R": "0", "C": "0", "S": "01", "U": "01", "W": "0"}[state]


async def round_of(path: Path, found: Neighbour, batches: list[int], chance: random.Random) -> None:
    """One life of the program: it ends by itself, or by a crash at some step."""
    crash_at = chance.randint(1, 40) if chance.random() < 0.5 else None
    meddle_at = {chance.randint(1, 60) for _ in range(chance.randint(0, 4))}
    arrivals = 0

    def arrived(_: str) -> None:
        nonlocal arrivals
        arrivals += 1
        if arrivals == crash_at:
            raise Crash

    clock = found._clock
    assert isinstance(clock, VirtualClock)
    async with rig(path, lambda **_: found, clock=clock, job_wait=30.0) as it:
        found._ledger_path = path
        if not batches:
            people = list(range(1, 13))
            chance.shuffle(people)
            batches.append(await it.record(people[:8]))
            batches.append(await it.record(people[4 : chance.randint(5, 12)], delay=chance.choice([0.0, 5.0])))
        first = it.database.steps

        async def at_step(number: int) -> None:
            if number - first in meddle_at:
                await meddle(it, batches, chance)

        it.database.at_step = at_step
        checkpoints.handler = arrived
        it.start()
        await it.quiet()
        checkpoints.handler, it.database.at_step = None, None
        try:
            await it.stop()
        except Crash:
            found.flying = 0
        await check(it, batches)


async def settle(it: Rig, batches: list[int]) -> None:
    """Every doubt decided by what the service knows, every pause lifted, until nothing is left to do."""
    await it.clock.sleep(1000)  # no job of an earlier life is still on its way
    for _ in range(20):
        for batch_id in batches:
            with suppress(Refused):
                await it.batches.resume(batch_id, STAFF)
        await it.quiet()
        doubts = [(batch_id, one) for batch_id in batches for one in await it.batches.doubts(batch_id, STAFF)]
        if not doubts and not set("".join([await it.states(batch_id) for batch_id in batches])) & set("PS"):
            return
        it.neighbour.settle()
        for batch_id, doubt in doubts:
            ids = [award.id for award in doubt.awards]
            landed = {it.neighbour.truth.applied[award_id] for award_id in ids}
            assert len(landed) == 1, "one answer for awards that differ"
            decision = Decision.LANDED if landed == {1} else Decision.SEND_AGAIN
            try:
                await it.batches.resolve(batch_id, ids, decision, STAFF, reason="looked it up")
            except Refused:
                await it.batches.resolve(batch_id, ids, Decision.WRITE_OFF, STAFF, reason="the batch was stopped")
    raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("style", KINDS)
async def test_whatever_happens_every_award_ends_once_and_known(style: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        chance = random.Random(f"{style} {seed}")  # noqa: S311 - repeatable on purpose
        path, found, batches = tmp_path / f"{seed}.db", service(style, chance), list[int]()
        try:
            for _ in range(3):
                await round_of(path, found, batches, chance)
            found.script, found.follows, found.job_ending = [], [], "done"
            clock = found._clock
            assert isinstance(clock, VirtualClock)
            async with rig(path, lambda **_: found, clock=clock, job_wait=200.0) as it:  # noqa: B023 - used at once
                it.start()
                await settle(it, batches)
                await check(it, batches)
                for batch_id in batches:
                    assert set(await it.states(batch_id)) <= set("ARCW")
        except BaseException as error:
            error.add_note(f"style {style}, seed {seed}")
            raise


async def test_the_campaign_would_notice_a_second_payment(tmp_path: Path) -> None:
    programme = programme_of("items", per_call=2)
    async with rig(tmp_path / "a.db", partial(Neighbour, programme)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        await check(it, [batch_id])
        it.neighbour.truth.applied[1] += 1
        with pytest.raises(AssertionError):
            await check(it, [batch_id])
