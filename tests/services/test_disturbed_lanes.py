"""Lanes whose places do not stand where this ledger expects them: nothing more is paid, and nothing is guessed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.clock import milliseconds
from bot.domain.lanes import LaneKind
from bot.domain.model import Decision
from bot.ledger import copying
from bot.providers.base import Health
from bot.services.flying import REPEATED, TWICE
from tests.services.lane_office import (
    CREDENTIALS,
    LONG_ENOUGH,
    MEMBERS,
    OTHER,
    OWN,
    PATHS,
    check,
    health,
    lay,
    moved,
    opened,
    resumed,
    variables,
)
from tests.services.office import HURRY, MOD, Door, file_of, members, pauses, paying


async def test_a_ring_that_somebody_moved_stops_the_batch_instead_of_paying(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids) as office:
        await office.send(paying(ids[:1]), MEMBERS)
        await moved(office, (OTHER, -1), (OWN, 1))
        batch_id = await office.send(paying(ids[1:]), MEMBERS)
        assert await office.state(batch_id) == "paused:disturbed"
        assert pauses(office.told) == [(batch_id, "disturbed")]
        # Both places of the ring stand as if the call had landed.
        assert await office.states(batch_id) == "UU"
        await check(office)
        assert await health(office) is Health.FAILED
        destination = (await office.batch(batch_id)).destination
        assert (
            "No call is made for now: the operator's check accounts"
            in (await office.app.services.promises.of(destination)).text
        )
        doubts = [award.id for award in await office.awards(batch_id)]
        await office.app.services.batches.resolve(batch_id, doubts, Decision.SEND_AGAIN, MOD, reason="somebody took it")
        assert await lay(office.app, MEMBERS) == [Health.OK]
        assert "the same call is simply sent again" in (await office.app.services.promises.of(destination)).text
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "AA"
        await check(office)
        assert await health(office) is Health.OK


@pytest.mark.parametrize("settling", [False, True])
async def test_a_gateway_that_repeats_a_call_and_tells_the_refusal_of_the_second_makes_nobody_planned_again(
    settling: bool, door: Door
) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids, settling=settling) as office:
        await office.sandbox.faults(
            {"match": {"method": "PATCH", "path": PATHS[MEMBERS], "nth": 1}, "kind": "apply-twice"}
        )
        batch_id = await office.send(paying(ids), MEMBERS)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert (await office.states(batch_id), pauses(office.told)) == ("UUU", [(batch_id, "disturbed")])
        assert {award.detail for award in await office.awards(batch_id)} == {REPEATED}
        assert await lay(office.app, MEMBERS) == [Health.FAILED]
        awards = [award.id for award in await office.awards(batch_id)]
        await office.app.services.batches.resolve(batch_id, awards, Decision.LANDED, MOD, reason="all have it")
        assert await lay(office.app, MEMBERS) == [Health.OK]
        assert await office.states(await office.send(paying(ids, 7), MEMBERS)) == "AAA"
        await check(office)


async def test_neither_does_one_whose_places_cannot_be_read_at_that_moment(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids, **LONG_ENOUGH) as office:
        preview = await office.draft(paying(ids), MEMBERS)
        await office.sandbox.faults(
            {"match": {"method": "PATCH", "path": PATHS[MEMBERS], "nth": 1}, "kind": "apply-twice"},
            {"match": {"method": "GET", "path": "/members/search", "every": 1}, "kind": "503"},
        )
        door.calendar.speed = HURRY
        batch_id = (await office.confirm(preview)).batch_id
        await office.quiet()
        assert await office.states(batch_id) == "UUU"
        await office.sandbox.faults()
        assert await lay(office.app, MEMBERS) == [Health.FAILED]
    assert await resumed(door, LaneKind.RING, **LONG_ENOUGH) == {"unknown": 3}


async def test_a_ring_that_is_disturbed_after_a_lost_answer_leaves_the_call_to_a_person(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids) as office:
        await office.send(paying(ids[:1]), MEMBERS)
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"})
        await moved(office, (OWN, 1))
        batch_id = await office.send(paying(ids[1:]), MEMBERS)
        assert await office.state(batch_id) == "paused:disturbed"
        assert await office.states(batch_id) == "UU"
        assert await lay(office.app, MEMBERS) == [Health.FAILED]  # a call on it is in doubt
        awards = [award.id for award in await office.awards(batch_id)]
        await office.app.services.batches.resolve(batch_id, awards, Decision.LANDED, MOD, reason="looked")
        await check(office)
        assert await lay(office.app, MEMBERS) == [Health.FAILED]  # it holds two points
        await moved(office, (OWN, -1))
        assert await lay(office.app, MEMBERS) == [Health.OK]


async def test_an_old_copy_of_the_ledger_stops_at_the_start(door: Door) -> None:
    ids = members(4)
    ledger, copy = door.directory / "bursar.db", door.directory / "copy.db"
    async with opened(door, LaneKind.RING, ids) as office:
        await office.send(paying(ids[:1]), MEMBERS)
        await asyncio.to_thread(copying.copy, ledger, copy)
        await office.send(paying(ids[1:2]), MEMBERS)
    for name in ("bursar.db", "bursar.db-wal", "bursar.db-shm"):
        (door.directory / name).unlink(missing_ok=True)
    copy.rename(ledger)
    async with door.open(**variables(LaneKind.RING, door)) as office:
        batch_id = await office.send(paying(ids[2:]), MEMBERS)
        assert await office.state(batch_id) == "paused:disturbed"
        assert await office.states(batch_id) == "PP"
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert "this ledger expects" in pause.message


async def test_a_doubt_of_a_restored_ledger_is_not_settled_by_where_the_ring_stands_now(door: Door) -> None:
    """The ring may be where it was because it was moved on twice: by the call in doubt, and by another one."""
    ids = members(4)
    ledger, copy = door.directory / "bursar.db", door.directory / "copy.db"
    async with opened(door, LaneKind.RING, ids, **LONG_ENOUGH) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "every": 1}, "kind": "reset-before-apply"})
        door.calendar.speed = HURRY
        batch_id = await office.send(paying(ids[:2]), MEMBERS)
        assert await office.states(batch_id) == "UU"
        await office.sandbox.faults()
    door.calendar.speed = 1.0
    copying.copy(ledger, copy)
    assert await resumed(door, LaneKind.RING, **LONG_ENOUGH) == {"applied": 2}
    door.calendar.speed = HURRY
    async with door.open(**variables(LaneKind.RING, door)) as office:
        await office.send(paying(ids[2:]), MEMBERS)
        sent = len(await office.writes())
    copying.restore(copy, ledger, milliseconds(door.calendar.now()))
    async with door.open(settling=True, **variables(LaneKind.RING, door)) as office:
        assert await office.app.ledger.restorations.sign_off("Ada")
        office.app.services.dispatcher.wake()
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "UU"
        assert len(await office.writes()) == sent
        another = await office.send(paying(ids[2:], 7), MEMBERS)
        assert await office.state(another) == "paused:disturbed"
        awards = [award.id for award in await office.awards(batch_id)]
        await office.app.services.batches.resolve(batch_id, awards, Decision.LANDED, MOD, reason="its balance")
        assert await lay(office.app, MEMBERS) == [Health.OK]
        await office.app.services.batches.resume(another, MOD)
        await office.quiet()
        assert await office.states(another) == "AA"


@pytest.mark.parametrize(("fault", "by"), [("reset-after-apply", 1), ("reset-before-apply", -1)])
async def test_a_witness_whose_number_was_changed_in_the_ledger_proves_nothing(fault: str, by: int, door: Door) -> None:
    """With the other number the places say of a call that landed that it did not, and the other way round."""
    ids = members(3)
    async with opened(door, LaneKind.WITNESS, ids) as office:
        await office.send(paying(ids, 7), MEMBERS)
        await office.sandbox.faults({"match": {"method": "PATCH", "path": PATHS[MEMBERS], "nth": 1}, "kind": fault})
        batch_id = await office.send(paying(ids), MEMBERS, confirm={"again": True})
        assert await office.states(batch_id) == "UUU"
        await office.sandbox.faults()
        sent = len(await office.writes())
    change_held(door.directory / "bursar.db", by)
    assert await resumed(door, LaneKind.WITNESS) == {"applied": 3, "unknown": 3}
    async with door.open(**variables(LaneKind.WITNESS, door)) as office:
        assert len(await office.writes()) == sent
        awards = await office.awards(batch_id)
        assert await office.app.ledger.evidence.waiting() == []  # left to a person
        another = await office.send(paying(ids, 5), MEMBERS)
        pause = (await office.batch(another)).pause
        assert pause is not None
        assert f"ledger says of them was changed after attempt {awards[0].attempt_id} began" in pause.message


def change_held(ledger: Path, by: int) -> None:
    """What somebody does to the file who thinks to know better."""
    with closing(sqlite3.connect(ledger)) as connection:
        ((held,),) = connection.execute("SELECT held FROM lanes").fetchall()
        connection.execute("UPDATE lanes SET held = ?", (json.dumps([one + by for one in json.loads(held)]),))
        connection.commit()


async def test_refusals_of_a_call_that_moved_its_twins_twice_are_no_proof(door: Door) -> None:
    """Something on the way sent it twice: the deductions were taken by the first one, and the second was told."""
    ids = members(4)
    rows = [(one, -30 if number < 2 else 5) for number, one in enumerate(ids)]
    async with opened(door, LaneKind.TWINS, ids, settling=True) as office:
        await office.send(paying(ids, 1), CREDENTIALS)  # from here on their balances are known
        match = {"method": "PATCH", "path": PATHS[CREDENTIALS], "nth": 1}
        await office.sandbox.faults({"match": match, "kind": "apply-twice"})
        door.calendar.speed = HURRY
        batch_id = await office.send(file_of(rows), CREDENTIALS, confirm={"again": True})
        assert (await office.states(batch_id), await office.state(batch_id)) == ("UUAA", "paused:disturbed")
        assert [award.detail for award in await office.awards(batch_id)] == [TWICE, TWICE, None, None]
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "AAAA"
