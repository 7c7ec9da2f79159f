"""The operator's own places: nobody is refused because of them, and nobody pays them."""

from __future__ import annotations

import pytest

from bot.domain.lanes import LaneKind
from bot.providers.base import Health
from tests.services.lane_office import (
    CREDENTIALS,
    MEMBERS,
    OTHER,
    OWN,
    THIRD,
    check,
    credentials,
    lay,
    opened,
    people,
    rows_of,
    variables,
)
from tests.services.office import MOD, Door, members, paying


@pytest.mark.parametrize("awards", [1, 4])
async def test_nobody_is_refused_because_a_place_of_the_operators_is_gone(awards: int, door: Door) -> None:
    ids = members(awards)
    async with opened(door, LaneKind.WITNESS, ids) as office:
        await office.sandbox.reset()
        await office.sandbox.seed(members=[{"discord_id": one, "balance": 40} for one in ids])
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "P" * awards
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert f"account {THIRD} is not a member of the realm" in pause.message
        await office.sandbox.seed(members=[{"drip_id": THIRD, "balance": 0}])
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "A" * awards
        await check(office)


@pytest.mark.parametrize("awards", [1, 4])
async def test_nobody_is_refused_because_a_place_of_the_operators_has_nothing_to_give(awards: int, door: Door) -> None:
    """It is read as it should be, and the service says that it is not so: nothing in the call but its row takes
    anything."""
    ids = members(awards)
    async with opened(door, LaneKind.RING, ids) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "every": 1}, "kind": "422"})
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "P" * awards
        assert await office.state(batch_id) == "paused:disturbed"
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert f"account {OWN} has not the point to give" in pause.message
        await office.sandbox.faults()
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "A" * awards
        await check(office)


async def test_nobody_pays_the_operators_places(door: Door) -> None:
    async with opened(door, LaneKind.RING, members(1)) as office:
        preview = await office.draft(f"drip_id,amount\n{OWN},5\n".encode(), MEMBERS)
        assert preview.totals.problems == 1


@pytest.mark.parametrize("kind", [LaneKind.RING, LaneKind.WITNESS])
async def test_a_member_who_became_a_place_since_is_not_paid_by_planned_rows_nor_by_the_next_file(
    kind: LaneKind, door: Door
) -> None:
    """Looked up, and planned, before the settings made it a place in the programme's own currency."""
    ids = members(4)
    place = ids[2]
    async with door.open(dispatching=False) as office:
        seeded = [{"discord_id": one, "balance": 40} for one in ids if one != place]
        await office.sandbox.seed(members=[*seeded, {"drip_id": THIRD, "discord_id": place, "balance": 0}])
        await office.sandbox.seed(members=[{"drip_id": one, "balance": 0} for one in (OWN, OTHER)])
        alone = (await office.confirm(await office.draft(paying([place], 5), MEMBERS))).batch_id
        among = (await office.confirm(await office.draft(paying(ids), MEMBERS), again=True)).batch_id
        open_since = await office.draft(paying([place], 7), MEMBERS)
    ring = kind is LaneKind.RING
    named = {"DRIP_RING": f"{OWN},{THIRD}"} if ring else {"DRIP_WITNESS": THIRD}
    async with door.open(dispatching=False, **named) as office:
        assert await lay(office.app, MEMBERS) == [Health.OK]
    async with door.open(settling=True, **named) as office:
        await office.quiet()
        assert await office.states(alone) == "R"
        assert await office.states(among) == "AARA"
        (refused,) = await office.awards(alone)
        assert "one of the operator's check accounts" in (refused.detail or "")
        later = (await office.confirm(open_since, again=True)).batch_id
        await office.quiet()
        assert await office.states(later) == "R"
        anew = await office.send(paying([place], 9), MEMBERS, confirm={"again": True})
        (refused,) = await office.awards(anew)
        assert (refused.state.value, refused.attempts) == ("rejected", 0)
        paid = [amount for call in await rows_of(office) for who, amount in call if who == THIRD]
        assert set(paid) <= {1, -1}  # what a lane itself moves
        await check(office)


async def test_no_account_of_the_realm_pays_a_place_that_another_account_names(door: Door) -> None:
    """The places are of the realm, whatever the settings call it; and a twin is none for a member programme either."""
    ids = members(1)
    drip = {name: value for name, value in door.sandbox.environ().items() if name.startswith("DRIP_")}
    second = {f"{name}__EVENTS": value for name, value in drip.items() if name != "DRIP_BASE_URL"}
    ring = {"DRIP_RING": f"{OWN},{OTHER}", "DRIP_TWINS": f"discord-id:{ids[0]},custom:bursar:last"}
    async with door.open(**second, **ring, DRIP_UNRESOLVED__EVENTS="credentials") as office:
        await people(office, [])
        preview = await office.draft(f"drip_id,amount\n{OWN},5\n".encode(), f"{MEMBERS}-events")
        assert preview.totals.problems == 1
        preview = await office.draft(b"custom,source,amount\nlast,bursar,5\n", f"{CREDENTIALS}-events")
        assert preview.totals.problems == 1
        batch_id = await office.send(paying(ids), f"{MEMBERS}-events")
        (refused,) = await office.awards(batch_id)
        assert (refused.state.value, refused.attempts) == ("rejected", 0)
        assert "operator's check accounts" in (refused.detail or "")


async def test_a_credential_that_became_a_twin_since_is_not_paid(door: Door) -> None:
    ids = members(2)
    content = f"discord_id,custom,source,amount\n{ids[0]},,,10\n,first,bursar,10\n{ids[1]},,,10\n".encode()
    async with door.open(dispatching=False) as office:
        await credentials(office, ids)
        planned = (await office.confirm(await office.draft(content, CREDENTIALS))).batch_id
    async with door.open(**variables(LaneKind.TWINS, door)) as office:
        await office.quiet()
        assert await office.states(planned) == "ARA"
