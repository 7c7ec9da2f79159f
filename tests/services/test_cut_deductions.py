"""Deductions that Gameball cuts down to what there is and reports as done: nothing more is claimed than was taken."""

from __future__ import annotations

import pytest

from bot.domain.model import ProviderKind
from bot.services.following import MAY_BE_LESS
from tests.services.doubts import seed
from tests.services.office import HURRY, Door, Office, file_of, members

LIST = {"method": "GET", "path": "/transactions"}
WHOLE = "It landed: the list of transactions has its token."


async def details(office: Office, batch_id: int) -> list[str | None]:
    awards = await office.awards(batch_id)
    assert {award.state.value for award in awards} == {"applied"}
    return [award.detail for award in awards]


async def test_what_was_really_taken_is_read_from_the_list(door: Door) -> None:
    ids = members(4)
    async with door.open() as office:
        await seed(office, "gameball", ids)
        rows = list(zip(ids, (-50, -40, -7, 7), strict=True))
        batch_id = await office.send(file_of(rows), "gameball")
        expected = ["It landed in part: 40 of 50 were taken.", WHOLE, WHOLE, None]
        assert await details(office, batch_id) == expected
        assert [award.balance for award in await office.awards(batch_id)] == [0, 0, 33, None]


async def test_of_money_too(door: Door) -> None:
    some, nothing, enough = members(3)
    async with door.open(GAMEBALL_AMOUNT_UNIT="money") as office:
        await office.sandbox.switches(gameball={"unit": "money", "redemption_factor": 0.1})
        customers = [{"id": some, "balance": 10}, {"id": nothing, "balance": 0}, {"id": enough, "balance": 40}]
        await office.sandbox.seed(customers=customers)
        rows = [(some, "-1.50"), (nothing, "-1.5"), (enough, "-1.5")]
        batch_id = await office.send(file_of(rows), "gameball")
        assert await details(office, batch_id) == [
            "It landed in part: 1.00 of 1.50 were taken.",
            "It landed in part: 0.00 of 1.50 were taken.",
            WHOLE,
        ]


@pytest.mark.parametrize("fault", [{"kind": "500"}, {"kind": "html-200"}])
async def test_where_the_list_cannot_be_read_it_is_said_that_less_may_have_been_taken(
    fault: dict[str, object], door: Door
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await seed(office, "gameball", [one])
        await office.send(file_of([(one, 1)]), "gameball")  # from here on the list's end is known
        await office.sandbox.faults({"match": LIST, **fault})
        door.calendar.speed = HURRY  # it is asked for again and again
        batch_id = await office.send(file_of([(one, -50)]), "gameball")
        assert await details(office, batch_id) == [MAY_BE_LESS]


async def test_a_service_that_was_seen_to_refuse_is_believed(door: Door) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await seed(office, "gameball", [one])
        account = office.app.services.programmes.get("gameball").destination.account
        await office.app.ledger.capabilities.store(account, ProviderKind.GAMEBALL, "overdraft", "refused", {})
        preview = await office.draft(file_of([(one, -10)]), "gameball")
        assert not preview.totals.may_take_less
        recorded = await office.confirm(preview)
        await office.quiet()
        assert await details(office, recorded.batch_id) == [None]


@pytest.mark.parametrize(("programme", "expected"), [("gameball", True), ("drip-credentials", False)])
async def test_who_confirms_is_told_before(programme: str, expected: bool, door: Door) -> None:
    (one,) = members(1)
    async with door.open(dispatching=False) as office:
        await seed(office, programme, [one])
        preview = await office.draft(file_of([(one, -10)]), programme)
        assert preview.totals.may_take_less is expected
