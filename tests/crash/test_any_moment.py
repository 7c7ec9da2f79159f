"""SIGKILL at any moment, of whatever was running, while the services misbehave; then the books."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.crash.scene import Scene, killed, sandbox_for
from tests.support.sandbox import Sandbox

RUNS = 24
SIDE_BY_SIDE = 3
STARTING_SECONDS = 0.03
"""What a process takes before it can do anything worth interrupting."""


async def _killed_somewhere(scene: Scene, chance: random.Random) -> int:
    """Kill ``bulk``, then up to two ``resume``s, at random moments; the exit status of the last one."""
    commands = [scene.bulk, ["resume", "--json"], ["resume", "--json"]]
    for command in commands[: chance.randint(1, 3)]:
        process = await scene.start("bot", *command)
        reading = asyncio.ensure_future(process.communicate())
        await asyncio.wait({reading}, timeout=STARTING_SECONDS + chance.random() * 0.6)
        if not reading.done():
            killed(process)
        await reading
    return await scene.resume()


@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members", "gameball"])
async def test_a_kill_at_any_moment_costs_nobody_a_point(programme: str, sandbox: Sandbox, tmp_path: Path) -> None:
    kinds = ["slow", "reset-after-apply", "reset-before-apply", "502", "cut-body"]
    path = "/balance-adjustment" if programme == "gameball" else "/transaction"
    campaign = {"rate": 0.3, "seed": 7, "kinds": kinds, "match": {"path": path}}
    await sandbox.faults(campaign=campaign)
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(seed: int) -> None:
        async with places, sandbox_for(sandbox, programme, {**campaign, "seed": seed}) as place:
            scene = await Scene.set(place, tmp_path / str(seed), programme, first=1000 * seed, people=60)
            status = await _killed_somewhere(scene, random.Random(f"{programme} {seed}"))  # noqa: S311 - repeatable on purpose
            states = await scene.check()
            assert set(states) <= {"applied", "unknown"}, f"seed {seed}: {states}"
            assert status == (4 if states["unknown"] else 0), f"seed {seed}: {status} with {states}"

    async with asyncio.TaskGroup() as group:
        for seed in range(RUNS // 3):
            group.create_task(one(seed))
