"""SIGKILL of ``python -m bot bulk`` at every named point, then ``python -m bot resume``, then the books."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot import checkpoints
from tests.crash.kill_table import DRIP, GAMEBALL, KILLS, Kill
from tests.crash.scene import Scene, quick_sandbox, sandbox_for
from tests.support.sandbox import Sandbox

PROGRAMMES = [*DRIP, *GAMEBALL]
SIDE_BY_SIDE = 3


async def _killed_and_resumed(scene: Scene, kill: Kill) -> None:
    assert await scene.killed_at(kill.at, kill.arrival), f"{kill.at} was reached less than {kill.arrival} times"
    status = await scene.resume()
    states = await scene.check()
    # What was in flight is read back: it landed, or it did not and is sent again.
    assert states == ({"applied": kill.recorded} if kill.recorded else {}), kill
    assert (await scene.booked()).total() == kill.recorded, kill
    assert status == 0
    if not kill.recorded:
        # Nobody was promised anything: the same command simply works now.
        status, _ = await scene.run("bot", *scene.bulk)
        assert status == 0
        assert await scene.check() == {"applied": 25}


@pytest.mark.parametrize("programme", PROGRAMMES)
async def test_after_a_kill_at_any_point_nothing_is_paid_twice_lost_or_claimed(
    programme: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(number: int, kill: Kill) -> None:
        async with places, sandbox_for(sandbox, programme) as place:
            scene = await Scene.set(place, tmp_path / str(number), programme, first=100 * number)
            await _killed_and_resumed(scene, kill)

    async with asyncio.TaskGroup() as group:
        for number, kill in enumerate(KILLS):
            if programme in kill.programmes:
                group.create_task(one(number, kill))


def test_every_named_point_is_tried() -> None:
    of_settling = {"evidence-read", "evidence-recorded", "again-recorded"}  # in the chains of killed resumes below
    assert {kill.at for kill in KILLS} | of_settling == set(checkpoints.NAMES)


@pytest.mark.parametrize("programme", PROGRAMMES)
async def test_a_resume_may_be_killed_again_and_again(programme: str, sandbox: Sandbox, tmp_path: Path) -> None:
    scene = await Scene.set(sandbox, tmp_path / "a", programme, first=0, people=45)
    resume = ("resume", "--json")
    assert await scene.killed_at("claimed", 1)
    assert await scene.killed_at("before-claim", 2, *resume)
    assert await scene.killed_at("call-answered", 1, *resume)
    after = "job-accepted" if programme == "gameball" else "outcome-recorded"
    assert await scene.killed_at(after, 1, *resume)
    # The first call never left, the third (after one that was whole) landed unseen.
    assert await scene.killed_at("evidence-read", 1, *resume)
    assert await scene.killed_at("evidence-recorded", 1, *resume)
    assert await scene.resume() == 0
    assert await scene.check() == {"applied": 45}
    assert (await scene.booked()).total() == 45


async def _ring(scene: Scene, number: int) -> Scene:
    """The scene with a ring of its own, probed and set up as an operator does it."""
    gems, own = scene.sandbox.drip["second_currency_id"], f"{0xB0_0000 + number:024x}"
    other = f"{0xC0_0000 + number:024x}"
    balances = {gems: 0}
    await scene.sandbox.seed(members=[{"drip_id": one, "balance": 3, "balances": balances} for one in (own, other)])
    ringed = replace(scene, more={"DRIP_RING": f"{own}:{gems},{other}:{gems}"})
    probe = ("--probe", "--drip-member", own, "--second-currency", gems, "--yes")
    assert (await ringed.run("bot", "doctor", *probe))[0] == 0
    assert (await ringed.run("bot", "doctor", "--evidence"))[0] == 0
    return ringed


RING_KILLS = [
    ("claimed", 1, "reset-after-apply"),
    ("claimed", 2, "reset-after-apply"),
    ("again-recorded", 1, "reset-before-apply"),  # recorded, not sent again yet
    ("again-recorded", 1, "reset-after-apply"),
    ("call-answered", 2, "reset-after-apply"),
    ("call-answered", 2, "reset-before-apply"),
    ("outcome-recorded", 2, "reset-after-apply"),
]
"""The second call's first answer is lost, with what the call did or before it did anything."""


async def test_a_call_on_a_ring_is_settled_after_a_kill_at_any_point(tmp_path: Path) -> None:
    """All at once, each at stand-ins of its own: what a kill leaves on a ring is waited for in real time."""

    async def one(number: int, at: str, arrival: int, kind: str) -> None:
        async with quick_sandbox() as own:
            scene = await _ring(await Scene.set(own, tmp_path / f"{number}", "drip-members", first=0), number)
            await own.faults({"match": {"path": "/members/transaction", "nth": 2}, "kind": kind})
            assert await scene.killed_at(at, arrival), f"{at} was reached less than {arrival} times"
            assert await scene.resume() == 0, (at, arrival, kind)
            assert await scene.check() == {"applied": 25}, (at, arrival, kind)
            assert (await scene.booked()).total() == 25

    async with asyncio.TaskGroup() as group:
        for number, kill in enumerate(RING_KILLS):
            group.create_task(one(number, *kill))


async def test_a_doubt_that_is_sent_again_may_be_killed_there_too(sandbox: Sandbox, tmp_path: Path) -> None:
    scene = await _ring(await Scene.set(sandbox, tmp_path / "a", "drip-members", first=0), 0)
    scene = replace(scene, anew=True)  # here, from the start of the interpreter
    resume = ("resume", "--json")
    assert await scene.killed_at("claimed", 1)  # never left: the point has not moved, so the resume sends it again
    assert await scene.killed_at("again-recorded", 1, *resume)
    assert await scene.killed_at("evidence-recorded", 1, *resume)
    assert await scene.resume() == 0
    assert await scene.check() == {"applied": 25}
    assert (await scene.booked()).total() == 25
