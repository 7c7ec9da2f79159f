"""Two hundred SIGKILLs at random moments while the services misbehave, each ledger killed again and again; the books.

The other crash tests kill at named places and a few times; here it is the number that counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.scene import Scene, killed, sandbox_for
from tests.support.sandbox import Sandbox

KILLS, PARTS = 200, 2
"""In all, and in how many tests, so that they spread over everything that runs tests."""
PROGRAMMES = ("drip-credentials", "drip-members", "gameball")
SIDE_BY_SIDE = 4
"""Ledgers at a time: most of a life is waiting for a service that misbehaves."""
PROCESSES = 10
"""One after the other on one ledger, each killed unless it is quicker."""
LEDGER = "bursar.db"
TRIES = 20
"""Of the command, while the services keep refusing to look members up."""
PEOPLE = 80
FAULTS = ["slow", "reset-after-apply", "reset-before-apply", "502", "cut-body"]


@dataclass(slots=True)
class Reach:
    """How far into its life a process gets at most. It follows the machine's speed, so that about as many processes
    end by themselves as it takes to know that the others were at work."""

    seconds: float = 1.0

    def moment(self, chance: random.Random) -> float:
        """Seconds after its start at which a process is killed."""
        return self.seconds * chance.uniform(0.1, 1.0)

    def learn(self, *, killed: bool) -> None:
        self.seconds *= 1.1 if killed else 0.8


def _is_recorded(ledger: Path) -> bool:
    """Whether somebody was promised anything; if not, the same command simply works once more."""
    if not ledger.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        try:
            return bool(connection.execute("SELECT count(*) FROM batches").fetchone()[0])
        except sqlite3.OperationalError:
            return False  # killed before the ledger was made


async def _killed_again_and_again(scene: Scene, reach: Reach, chance: random.Random) -> int:
    """Kill the command until it has recorded its batch, then every ``resume``; how many processes were killed."""
    hits = 0
    for _ in range(PROCESSES):
        recorded = _is_recorded(scene.directory / LEDGER)
        process = await scene.start("bot", *(["resume", "--json"] if recorded else scene.bulk))
        reading = asyncio.ensure_future(process.communicate())
        await asyncio.wait({reading}, timeout=reach.moment(chance))
        hit = not reading.done() and killed(process)
        hits += hit
        await reading
        reach.learn(killed=hit)
    return hits


async def _checked(scene: Scene, seed: int) -> Counter[str]:
    """The last process may end by itself; then the ledger is compared with what the services did."""
    ledger = scene.directory / LEDGER
    for _ in range(TRIES):
        status, _ = await scene.run("bot", *(["resume", "--json"] if _is_recorded(ledger) else scene.bulk))
        if _is_recorded(ledger):
            break  # else members could not be looked up, and nothing was promised
    states = await scene.check()
    assert set(states) <= {"applied", "unknown"}, f"seed {seed}: {states}"
    assert status == (4 if states["unknown"] else 0), f"seed {seed}: {status} with {states}"
    return states


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
async def test_two_hundred_kills_at_any_moment_cost_nobody_a_point(part: int, sandbox: Sandbox, tmp_path: Path) -> None:
    campaign = {"rate": 0.3, "seed": 11 + part, "kinds": FAULTS, "match": {}}
    await sandbox.faults(campaign=campaign)
    seeds = itertools.count(part, PARTS)
    kills, reach = 0, Reach()
    states: Counter[str] = Counter()

    async def worker() -> None:
        nonlocal kills
        while kills < KILLS // PARTS:
            seed = next(seeds)
            programme = PROGRAMMES[seed % len(PROGRAMMES)]
            async with sandbox_for(sandbox, programme, {**campaign, "seed": seed}) as place:
                scene = await Scene.set(place, tmp_path / str(seed), programme, first=1000 * seed, people=PEOPLE)
                hit = await _killed_again_and_again(scene, reach, random.Random(seed))  # noqa: S311 # repeatable
                kills += hit
                states.update(await _checked(scene, seed))

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDE_BY_SIDE):
            group.create_task(worker())
    assert kills >= KILLS // PARTS
    assert states["applied"] > 0
