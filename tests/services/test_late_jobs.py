"""Gameball jobs at the stand-in that are late, lost, partial or for ever, across the program's own restarts."""

from __future__ import annotations

import pytest

from tests.services.office import HURRY, Door, members, paying
from tests.services.rig import LETTERS
from tests.support.patience import until

GAMEBALL = "gameball"


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        ({"kind": "job-fails-all"}, "RRRRRRRRRR"),
        ({"kind": "job-partial", "share": 0.6}, "AAAAAAUUUU"),
        ({"kind": "job-partial", "share": 0.6, "applied": False}, "AAAAAAUUUU"),
        ({"kind": "stopped"}, "UUUUUUUUUU"),
        ({"kind": "job-lost"}, "UUUUUUUUUU"),
        ({"kind": "job-lost", "applied": False}, "UUUUUUUUUU"),
        ({"kind": "job-never-finishes"}, "AAAAAUUUUU"),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_what_a_job_does_not_tell_is_in_doubt(fault: dict[str, object], states: str, door: Door) -> None:
    ids = members(10)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.faults({"match": {"path": "/balance-adjustment"}, **fault})
    door.calendar.speed = HURRY
    async with door.open(BURSAR_JOB_WAIT="8") as office:
        batch_id = await office.send(paying(ids), GAMEBALL)
        assert (await office.states(batch_id), await office.state(batch_id)) == (states, "finished")
        await office.check_books()


async def test_a_job_that_ends_after_it_was_given_up_is_settled_at_the_next_start(door: Door) -> None:
    ids = members(10)
    await door.sandbox.seed(discord_ids=ids[:9])
    await door.sandbox.switches(gameball={"job_seconds": 2.0})
    async with door.open(BURSAR_JOB_WAIT="0.5") as office:
        batch_id = await office.send(paying(ids), GAMEBALL)
        assert "U" in await office.states(batch_id)
        assert "P" not in await office.states(batch_id)

    async def carried_out() -> bool:
        return len(await door.sandbox.applied("gameball")) == 9

    await until(carried_out)
    async with door.open() as office:
        await office.quiet()
        assert await office.states(batch_id) == "A" * 9 + "R"
        await office.check_books()
        assert len(await office.writes()) == 1


async def test_a_restart_in_the_middle_of_jobs_sends_nothing_again(door: Door) -> None:
    ids = members(30)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.switches(gameball={"job_delay": 0.5, "job_seconds": 0.5})
    async with door.open() as office:
        preview = await office.draft(paying(ids), GAMEBALL)
        batch_id = (await office.confirm(preview)).batch_id

        async def posted() -> bool:
            return len(await office.writes()) >= 2

        await until(posted)
    async with door.open(dispatching=False) as office:
        left = {LETTERS[award.state] for award in await office.awards(batch_id)}
        assert left & {"S", "A"}
        assert "U" not in left
    async with door.open() as office:
        await office.quiet()
        assert await office.states(batch_id) == "A" * 30
        await office.check_books()
        assert len(await office.writes()) == 3
