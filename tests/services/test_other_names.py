"""One balance under two names: what one programme paid is no proof of what another one's lost call did."""

from __future__ import annotations

import pytest

from tests.services.office import MOD, Door, members, paying
from tests.services.test_settling import CALLS, resumed

WALLET = "0x" + "a" * 40


@pytest.mark.parametrize("lost", ["drip-credentials", "drip-members"])
@pytest.mark.parametrize("amount", [10, 11])
async def test_an_award_to_the_same_person_under_another_name_proves_no_lost_call(
    lost: str, amount: int, door: Door
) -> None:
    (one,) = members(1)
    files = {"drip-credentials": (WALLET, "wallet,amount"), "drip-members": (one, "discord_id,amount")}
    other = next(name for name in files if name != lost)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": one, "wallet": WALLET, "balance": 40}])
        await office.sandbox.faults({"match": {**CALLS[lost], "nth": 1}, "kind": "reset-before-apply"})
        who, header = files[lost]
        doubted = await office.send(paying([who], header=header), lost)
        await office.sandbox.faults()
        assert await office.states(doubted) == "U"
        who, header = files[other]
        sent = await office.send(paying([who], amount, header=header), other)
        assert await office.states(sent) == "A"
    assert (await resumed(door))[0] == {"applied": 1, "unknown": 1}
    async with door.open(dispatching=False) as office:
        (doubt,) = await office.app.services.batches.doubts(doubted, MOD)
        (numbers,) = doubt.numbers.values()
        assert ("under another name" in (numbers.said or "")) is (amount == 10)


@pytest.mark.parametrize("amount", [10, 11])
async def test_neither_does_one_that_came_before_the_call_and_after_the_balance_that_it_is_judged_by(
    amount: int, door: Door
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": one, "wallet": WALLET, "balance": 40}])
        known = await office.send(paying([WALLET], 25, header="wallet,amount"), "drip-credentials")
        between = await office.send(paying([one], amount), "drip-members")
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": "reset-before-apply"})
        again = {"again": True}
        doubted = await office.send(paying([WALLET], header="wallet,amount"), "drip-credentials", confirm=again)
        await office.sandbox.faults()
        assert [await office.states(batch) for batch in (known, between, doubted)] == ["A", "A", "U"]
    assert (await resumed(door))[0] == {"applied": 2, "unknown": 1}
    async with door.open(dispatching=False) as office:
        (doubt,) = await office.app.services.batches.doubts(doubted, MOD)
        (numbers,) = doubt.numbers.values()
        assert ("under another name" in (numbers.said or "")) is (amount == 10)


async def test_an_award_of_the_same_size_to_the_same_name_is_counted_and_hides_nothing(door: Door) -> None:
    one, two = members(2)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": who, "balance": 40} for who in (one, two)])
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": "reset-before-apply"})
        doubted = await office.send(paying([one]), "drip-credentials")
        await office.sandbox.faults()
        assert await office.states(doubted) == "U"
        assert await office.states(await office.send(paying([two], 25), "drip-members")) == "A"
    assert (await resumed(door))[0] == {"applied": 2}
