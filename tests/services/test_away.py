"""Services that cannot be reached, and that come back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bot.domain.model import Programme
from bot.services.watching import Doing
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import rig

ITEMS = programme_of("items", per_call=2)


def neighbour(programme: Programme = ITEMS, **meets: object) -> partial[Neighbour]:
    return partial(Neighbour, programme, **meets)  # type: ignore[arg-type]  # by keyword


async def test_a_patient_dispatcher_goes_on_when_the_service_is_back(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["away"] * 20), patient=True) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "PPPP"  # quiet, but not given up
        activity = it.dispatcher.activity(batch_id)
        assert (activity.doing, activity.detail) == (Doing.AWAY, "no connection")
        await it.until(lambda: len(it.neighbour.truth.calls) > 20, every=1.0)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAAA"
        gaps = [
            later - earlier for earlier, later in zip(it.neighbour.truth.at, it.neighbour.truth.at[1:], strict=False)
        ]
        assert max(gaps) <= 301
        assert gaps[:6] == pytest.approx([1, 2, 4, 8, 16, 32], abs=0.2)


async def test_a_service_that_came_back_is_not_away_any_more(tmp_path: Path) -> None:
    script = [*(["away"] * 6), "ok"]
    async with rig(tmp_path / "a.db", neighbour(script=script, rest="slow:5"), patient=True) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 8)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAAA"


async def test_a_service_that_came_back_is_not_away_between_its_calls_either(tmp_path: Path) -> None:
    script = [*(["away"] * 6), "ok"]
    async with rig(tmp_path / "a.db", neighbour(script=script, turn_seconds=20.0), patient=True) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 7)
        await it.clock.sleep(5)  # the limiter is waited for
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "AAAA"


async def test_a_resume_tries_at_once_a_service_that_was_away(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["away"] * 12), patient=True) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 12, every=0.5)
        await it.clock.sleep(1)
        before = it.clock.now()
        it.dispatcher.wake(batch_id)
        await it.until(lambda: len(it.neighbour.truth.calls) == 13)
        assert it.clock.now() - before < 1


async def test_one_account_that_is_away_does_not_hold_the_other_up(tmp_path: Path) -> None:
    elsewhere = programme_of("items", account="b" * 24, name="drip-credentials-events")
    async with rig(tmp_path / "a.db", neighbour(rest="away"), neighbour(elsewhere)) as it:
        stuck = await it.record([1, 2], programme=ITEMS.name)
        moving = await it.record([1, 2], programme=elsewhere.name)
        it.start()
        await it.quiet()
        assert (await it.states(stuck), await it.states(moving)) == ("PP", "AA")
