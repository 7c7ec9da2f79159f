"""Whether a batch may begin: asked once, and nothing that goes wrong in asking is held against another one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.domain.model import Batch, Pause, PauseKind, Programme
from tests.ledger.making import attempts_of
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig

ITEMS = programme_of("items", per_call=2)


def neighbour(programme: Programme = ITEMS, **meets: object) -> partial[Neighbour]:
    return partial(Neighbour, programme, **meets)  # type: ignore[arg-type]  # by keyword


async def test_whether_a_batch_may_start_is_asked_once_and_a_no_pauses_it(tmp_path: Path) -> None:
    asked: list[int] = []
    answers: list[Pause | None] = [Pause(PauseKind.PERSON, "the role is gone"), None]

    async def may_start(batch: Batch) -> Pause | None:
        asked.append(batch.id)
        return answers.pop(0)

    async with rig(tmp_path / "a.db", neighbour(), may_start=may_start) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("PPPP", "paused:person")
        assert [pause.message for _, pause in it.told.pauses] == ["the role is gone"]
        await it.batches.resume(batch_id, STAFF)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAAA"
        assert asked == [batch_id, batch_id]


@asynccontextmanager
async def refused_after_five_seconds(folder: Path) -> AsyncIterator[Rig]:
    async def may_start(batch: Batch) -> Pause | None:
        await it.clock.sleep(5)
        return Pause(PauseKind.PERSON, "the role is gone")

    async with rig(folder / "a.db", neighbour(), may_start=may_start) as it:
        yield it


async def test_a_batch_may_go_while_another_one_is_asked_about(tmp_path: Path) -> None:
    async with refused_after_five_seconds(tmp_path) as it:
        first = await it.record([1, 2])
        second = await it.record([3, 4])
        it.start()
        await it.clock.sleep(2)
        await it.batches.stop(second, STAFF)
        await it.quiet()
        assert (await it.state(first), await it.state(second)) == ("paused:person", "stopped")
        assert it.running is not None
        assert not it.running.done()


async def test_a_batch_that_is_stopped_while_it_is_asked_about_stays_stopped(tmp_path: Path) -> None:
    async with refused_after_five_seconds(tmp_path) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.clock.sleep(2)
        await it.batches.stop(batch_id, STAFF)
        await it.quiet()
        await it.clock.sleep(10)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("CC", "stopped")
        assert it.told.pauses == []


async def test_a_mistake_in_asking_pauses_that_batch_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def may_start(batch: Batch) -> Pause | None:
        if batch.id == 1:
            raise RuntimeError("Discord said something odd")
        return None

    async with rig(tmp_path / "a.db", neighbour(), may_start=may_start) as it:
        first = await it.record([1, 2])
        second = await it.record([3, 4])
        it.start()
        await it.quiet()
        assert (await it.states(first), await it.state(first)) == ("PP", "paused:unclear")
        assert await it.states(second) == "AA"
        ((_, pause),) = it.told.pauses
        assert "nothing was sent" in pause.message
        assert pause.message.split("id ")[1].split()[0] in caplog.text


async def test_a_mistake_of_the_limiter_pauses_the_batch(tmp_path: Path) -> None:
    class Broken(Neighbour):
        async def wait_for_turn(self) -> None:
            raise RuntimeError("a defect of the limiter")

    async with rig(tmp_path / "a.db", partial(Broken, ITEMS)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.state(batch_id)) == ("PP", "paused:unclear")


async def test_a_call_that_cannot_be_built_pauses_the_batch_with_nothing_sent(tmp_path: Path) -> None:
    class Broken(Neighbour):
        def build(self, items: object, token: str, legs: object = ()) -> bytes:
            raise ValueError("a target is no Drip id")

    async with rig(tmp_path / "a.db", partial(Broken, ITEMS)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.state(batch_id)) == ("PP", "paused:unclear")
        assert await attempts_of(it.ledger, batch_id) == []


async def test_a_batch_whose_programme_is_gone_is_paused_and_never_redirected(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2])
        clock = it.clock
    moved = programme_of("items", account="b" * 24, per_call=2)
    async with rig(tmp_path / "a.db", neighbour(moved), clock=clock) as it:
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.state(batch_id)) == ("PP", "paused:settings")
        assert it.neighbour.truth.calls == []
        ((_, pause),) = it.told.pauses
        assert "account" in pause.message
    async with rig(tmp_path / "a.db", neighbour(), clock=clock) as it:
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "PP"  # a paused batch waits for a person
        await it.batches.resume(batch_id, STAFF)
        await it.quiet()
        assert await it.states(batch_id) == "AA"
