"""A currency that the account lacks: found out by a read, before anything is claimed or sent."""

from __future__ import annotations

from typing import Any

import pytest

from bot.services import currency_check
from tests.ledger.making import attempts_of
from tests.services.office import HURRY, MOD, Door, members, pauses, paying
from tests.support.sandbox import Sandbox

IDS = members(3)
NOWHERE = "f" * 24
DRIP = ("drip-credentials", "drip-members")


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS, balance=1000)


async def lists(sandbox: Sandbox) -> int:
    """How often the list of currencies was read."""
    return sum(1 for call in await sandbox.calls("drip") if _reads(call))


def _reads(call: dict[str, Any]) -> bool:
    return call["method"] == "GET" and "/currencies" in call["path"]


@pytest.mark.parametrize("programme", DRIP)
async def test_a_currency_that_the_account_lacks_pauses_with_nothing_claimed(door: Door, programme: str) -> None:
    async with door.open(DRIP_CURRENCY_ID=NOWHERE) as office:
        batch_id = await office.send(paying(IDS), programme)
        assert await office.state(batch_id) == "paused:currency"
        assert await office.states(batch_id) == "PPP"
        assert await office.writes() == []
        assert await attempts_of(office.app.ledger, batch_id) == []
        assert pauses(office.told) == [(batch_id, "currency")]
        pause = (await office.batch(batch_id)).pause
        assert pause is not None
        assert pause.message.startswith(f"Nothing was sent: the account of {programme} has no currency {NOWHERE}.")


@pytest.mark.parametrize("programme", DRIP)
async def test_an_archived_currency_pauses_too(door: Door, sandbox: Sandbox, programme: str) -> None:
    (archived,) = (await sandbox.seed(currencies=[{"name": "Old gems", "archived": True}]))["currencies"]
    async with door.open(DRIP_CURRENCY_ID=archived) as office:
        batch_id = await office.send(paying(IDS), programme)
        assert (await office.state(batch_id), await office.states(batch_id)) == ("paused:currency", "PPP")
        assert await office.writes() == []


async def test_a_list_that_cannot_be_read_proves_nothing(door: Door, sandbox: Sandbox) -> None:
    await sandbox.faults({"service": "drip", "path": "/currencies", "kind": "500"})
    door.calendar.speed = HURRY  # it is asked for again and again
    async with door.open() as office:
        batch_id = await office.send(paying(IDS))
        assert (await office.state(batch_id), await office.states(batch_id)) == ("finished", "AAA")
    assert await lists(sandbox) > 0


async def test_a_list_that_does_not_come_is_not_waited_for(
    door: Door, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(currency_check, "PATIENCE_SECONDS", 0.05)
    await sandbox.faults({"service": "drip", "path": "/currencies", "kind": "slow", "ms": 4000})
    async with door.open() as office:
        batch_id = await office.send(paying(IDS))
        assert (await office.state(batch_id), await office.states(batch_id)) == ("finished", "AAA")


async def test_the_list_is_read_once_for_batches_in_a_row(door: Door, sandbox: Sandbox) -> None:
    async with door.open() as office:
        for amount in (10, 20, 30):
            await office.send(paying(IDS, amount))
        assert await lists(sandbox) == 1


async def test_a_pause_is_over_once_the_currency_is_there(door: Door, sandbox: Sandbox) -> None:
    (missing,) = (await sandbox.seed(currencies=[{"name": "Gems"}]))["currencies"]
    await sandbox.reset()
    await sandbox.seed(discord_ids=IDS, balance=1000)
    async with door.open(DRIP_CURRENCY_ID=missing) as office:
        batch_id = await office.send(paying(IDS))
        assert await office.state(batch_id) == "paused:currency"
        await sandbox.seed(currencies=[{"name": "Gems"}])
        batch = await office.batch(batch_id)
        await office.app.services.batches.resume(batch_id, batch.actor)
        await office.quiet()
        assert (await office.state(batch_id), await office.states(batch_id)) == ("finished", "AAA")


@pytest.mark.parametrize("programme", DRIP)
async def test_what_was_paid_in_another_currency_is_not_paid_again_because_its_own_did_not_move(
    door: Door, sandbox: Sandbox, programme: str
) -> None:
    gems = {"DRIP_CURRENCY_ID": sandbox.drip["second_currency_id"]}
    ids = members(12)
    await sandbox.seed(discord_ids=ids, balance=1000)
    async with door.open(**gems) as office:
        await office.send(paying(ids, 7), programme)
        door.calendar.let_pass(office.app.settings.settle_after)  # until then a read may not show it yet
        await sandbox.switches(drip={"pays": "default"})
        batch_id = await office.send(paying(ids), programme, confirm={"again": True})
        assert (await office.states(batch_id), await office.state(batch_id)) == ("U" * 10 + "PP", "paused:currency")
        assert pauses(office.told) == [(batch_id, "currency")]
    door.calendar.speed = HURRY
    async with door.open(settling=True, **gems) as office:
        await office.app.services.batches.stop(batch_id, MOD)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "U" * 10 + "CC"
        assert len(await office.writes()) == 3
        attempt = (await office.awards(batch_id))[0].attempt_id
        assert attempt is not None
        numbers = await office.app.ledger.evidence.numbers(attempt)
        assert {"another currency" in (one.said or "") for one in numbers.values()} == {True}
