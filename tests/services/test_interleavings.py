"""What people and the program do, at every single step that the dispatcher takes to the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.errors import LedgerError, Refused
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.no_cover

Act = Callable[[Rig, int], Awaitable[None]]


later: set[asyncio.Future[None]] = set()
"""What an act has put off."""


async def _pause_and_resume(it: Rig, batch_id: int) -> None:
    with suppress(Refused):  # finished already
        await it.batches.pause(batch_id, STAFF)
        await it.batches.resume(batch_id, STAFF)


async def _pause_and_resume_later(it: Rig, batch_id: int) -> None:
    async def resume() -> None:
        await it.clock.sleep(5.0)
        with suppress(Refused):  # its last call came back in the meantime
            await it.batches.resume(batch_id, STAFF)

    with suppress(Refused):
        await it.batches.pause(batch_id, STAFF)
        later.add(asyncio.ensure_future(resume()))


async def _wake(it: Rig, batch_id: int) -> None:
    it.dispatcher.wake()
    it.dispatcher.wake(batch_id)


async def _record_another(it: Rig, batch_id: int) -> None:
    await it.record([101, 102])


ACTS: dict[str, Act] = {
    "pause and resume": _pause_and_resume,
    "pause and resume later": _pause_and_resume_later,
    "wake": _wake,
    "record another": _record_another,
}
STYLES: dict[str, dict[str, Any]] = {
    "items": {"script": ["away"]},
    "whole": {"bad": [2], "script": ["ok", "429:2"]},
    "jobs": {"job_seconds": 0.6},
}
ENDS = {"items": ("AAA", "111"), "whole": ("ARA", "101"), "jobs": ("AAA", "111")}


async def _run(path: Path, style: str, act: Act, step: int) -> int:
    """One run with ``act`` at the dispatcher's ``step``; returns how many steps there were."""
    async with rig(path, partial(Neighbour, programme_of(style, per_call=2), **STYLES[style])) as it:
        batch_id = await it.record([1, 2, 3])
        first = it.database.steps
        acted = False

        async def at_step(number: int) -> None:
            nonlocal acted
            if number == first + step:
                acted = True
                await act(it, batch_id)

        it.database.at_step = at_step
        it.start()
        await it.quiet()
        steps, it.database.at_step = it.database.steps - first, None
        while later:
            await later.pop()
            await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ENDS[style]
        assert await it.state(batch_id) == "finished"
        if act is _record_another and acted:
            other = batch_id + 1
            assert (await it.states(other), await it.applied(other)) == ("AA", "11")
        return steps


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("act", ACTS)
async def test_whatever_happens_at_any_step_is_heard_and_everything_is_sent_once(
    style: str, act: str, tmp_path: Path
) -> None:
    step, steps = 1, 1
    while step <= steps:
        steps = await _run(tmp_path / f"{step}.db", style, ACTS[act], step)
        step += 1
    assert steps > 10


async def _stop_at(path: Path, style: str, step: int) -> bool:
    """One run that is stopped at this step, and the next one; whether there was such a step."""
    neighbour: list[Neighbour] = []

    def make(**given: Any) -> Neighbour:
        neighbour.append(Neighbour(programme_of(style, per_call=2), **STYLES[style], **given))
        return neighbour[0]

    async with rig(path, make) as it:
        batch_id = await it.record([1, 2, 3])
        first = it.database.steps

        async def at_step(number: int) -> None:
            if number == first + step:
                it.dispatcher.stop()

        it.database.at_step = at_step
        it.start()
        await it.quiet()
        stopped, it.database.at_step = it.database.steps - first >= step, None
        await it.stop()
        assert not set(await it.states(batch_id)) & set("U" if style == "jobs" else "SU")
        clock = it.clock
    async with rig(path, lambda **_: neighbour[0], clock=clock) as it:
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ENDS[style]
    return stopped


@pytest.mark.parametrize("style", STYLES)
async def test_a_stop_at_any_step_leaves_the_rest_planned_and_the_next_run_finishes(style: str, tmp_path: Path) -> None:
    step = 1
    while await _stop_at(tmp_path / f"{step}.db", style, step):
        step += 1
    assert step > 10


async def _fail_once(path: Path, style: str, step: int) -> bool:
    """One run of a patient dispatcher whose ledger fails at this step; whether there was such a step."""
    async with rig(path, partial(Neighbour, programme_of(style, per_call=2), **STYLES[style]), patient=True) as it:
        batch_id = await it.record([1, 2, 3])
        it.start()
        await it.until(lambda: it.dispatcher._looked > 0)  # what fails at the start itself, ends the start
        first, asking, failed = it.database.steps, asyncio.current_task(), False

        async def at_step(number: int) -> None:
            nonlocal failed
            if not failed and number >= first + step and asyncio.current_task() is not asking:
                failed = True
                raise LedgerError("the disk reports an error")

        it.database.at_step = at_step
        await it.quiet(batch_id)
        it.database.at_step = None
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ENDS[style]
        return failed


@pytest.mark.parametrize("style", STYLES)
async def test_a_ledger_that_fails_once_at_any_step_costs_a_patient_dispatcher_nothing(
    style: str, tmp_path: Path
) -> None:
    step = 1
    while await _fail_once(tmp_path / f"{step}.db", style, step):
        step += 1
    assert step > 5


UNSETTLED: dict[str, tuple[str, dict[str, Any]]] = {
    "lost before": ("items", {"script": ["lost-before", "ok", "lost-before"]}),
    "lost after": ("whole", {"script": ["lost-after", "lost-before"]}),
    "read late": ("items", {"script": ["lost-before"], "judges": ["unread", "unread"]}),
    "left to a person": ("items", {"script": ["lost-before"], "judges": ["contradiction"]}),
    "job lost": ("jobs", {"job_ending": "lost"}),
    "job's report incomplete": ("jobs", {"job_ending": "partial"}),
}


@pytest.mark.parametrize("case", UNSETTLED)
async def test_nobody_is_told_that_all_is_quiet_between_a_commit_and_its_news(case: str, tmp_path: Path) -> None:
    """Others can read a commit before the worker that made it knows of it. Asked right then, after every single one,
    the dispatcher must not say that it has nothing more to do when it goes on."""
    style, options = UNSETTLED[case]
    neighbour = partial(Neighbour, programme_of(style, per_call=2), **options)
    async with rig(tmp_path / "a.db", neighbour, settle_after_seconds=5.0, job_wait=30.0) as it:
        for numbers in ([1, 2, 3, 4, 5], [1, 9]):  # the second waits for a recipient of the first
            await it.record(numbers)
        commits, called_quiet = 0, []

        async def ask() -> None:
            nonlocal commits
            commits += 1
            if await it.dispatcher._is_quiet(None, settled=True):
                called_quiet.append(commits)

        it.database.after_write = ask
        it.start()
        async with asyncio.timeout(PATIENCE):
            await it.clock.sleep(
                1000.0
            )  # nobody else asks meanwhile, so nothing was looked up for the one who asks here
            await it.dispatcher.until_quiet(settled=True)
        assert commits > 5
        assert set(called_quiet) <= {commits}


async def test_what_was_read_before_something_moved_does_not_make_it_quiet(tmp_path: Path) -> None:
    """While the asker's read is under way, a batch is recorded and sent, and its end is unclear."""
    neighbour = partial(Neighbour, programme_of("items", per_call=2), script=["lost-after"])
    async with rig(tmp_path / "a.db", neighbour, settle_after_seconds=5.0) as it:
        it.start()
        await it.quiet()
        first, batches = it.database.steps, []

        async def meanwhile() -> None:
            batches.append(await it.record([1, 2]))
            await it.clock.sleep(1.0)
            assert await it.states(batches[0]) == "UU"

        async def hold_back(number: int) -> None:
            if number == first + 1:
                it.database.after_read = meanwhile

        it.database.at_step = hold_back
        assert not await it.dispatcher._is_quiet(None, settled=True)
        await it.dispatcher.until_quiet(settled=True)
        assert await it.states(batches[0]) == "AA"
