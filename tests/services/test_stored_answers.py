"""A gateway that gives an old answer again: what was read before a call is never taken for what is there after it."""

from __future__ import annotations

import pytest

from tests.services.doubts import CALLS, seed
from tests.services.office import HURRY, Door, members, paying
from tests.services.store import store


@pytest.mark.parametrize("obedient", [True, False])
@pytest.mark.parametrize("programme", CALLS)
@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_an_old_answer_of_a_gateway_proves_nothing_about_a_call(
    fault: str, programme: str, obedient: bool, door: Door
) -> None:
    ids = members(3)
    service = "GAMEBALL" if programme == "gameball" else "DRIP"
    behind = door.sandbox.gameball_url if programme == "gameball" else door.sandbox.drip_url
    async with store(behind, obedient=obedient) as gateway:
        given = {f"{service}_BASE_URL": gateway.url}
        async with door.open(settling=True, **given) as office:
            await seed(office, programme, ids)
            door.calendar.speed = HURRY if obedient else 10 * HURRY  # where the old answer is asked for again and again
            first = await office.send(paying(ids), programme)
            door.calendar.let_pass(office.app.settings.settle_after)  # until then a read may not show it yet
            await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, "kind": fault})
            second = await office.send(paying(ids, 7), programme)
            await office.sandbox.faults()
            await office.app.services.dispatcher.until_quiet(settled=True)
            await office.check_books()
            assert await office.states(first) == "AAA"
            assert await office.states(second) in (("AAA",) if obedient else ("AAA", "UUU"))
        assert gateway.given or obedient


@pytest.mark.parametrize("programme", CALLS)
async def test_an_old_answer_to_a_call_is_none(programme: str, door: Door) -> None:
    """The same people get the same every week: the answer of the week before would fit the call of this one."""
    ids = members(3)
    service = "GAMEBALL" if programme == "gameball" else "DRIP"
    behind = door.sandbox.gameball_url if programme == "gameball" else door.sandbox.drip_url
    async with (
        store(behind, obedient=True) as gateway,
        door.open(settling=True, **{f"{service}_BASE_URL": gateway.url}) as office,
    ):
        await seed(office, programme, ids)
        first = await office.send(paying(ids), programme)
        door.calendar.let_pass(office.app.settings.settle_after)  # until then a read may not show it yet
        gateway.answers_writes = True
        door.calendar.speed = HURRY
        second = await office.send(paying(ids), programme, confirm={"again": True})
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert gateway.given == 1
        await office.check_books()
        assert await office.states(first) == "AAA"
        assert await office.states(second) == "AAA"


async def test_the_job_of_an_earlier_call_is_not_that_of_a_later_one(door: Door) -> None:
    """A gateway that does not even say that its answer is an old one."""
    ids = members(3)
    async with (
        store(door.sandbox.gameball_url, obedient=True) as gateway,
        door.open(settling=True, GAMEBALL_BASE_URL=gateway.url) as office,
    ):
        await seed(office, "gameball", ids)
        first = await office.send(paying(ids), "gameball")
        gateway.answers_writes, gateway.says_age = True, False
        door.calendar.speed = HURRY
        second = await office.send(paying(ids), "gameball", confirm={"again": True})
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert gateway.given == 1
        await office.check_books()
        assert await office.states(first) == "AAA"
        assert await office.states(second) == "AAA"
