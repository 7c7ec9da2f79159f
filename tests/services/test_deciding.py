"""Doubts that a person decides: one answer for what shares one, with a reason, and nothing sent for a stopped batch."""

from __future__ import annotations

import pytest

from bot.domain.model import Decision
from bot.errors import Refused, UsageError
from tests.services.office import MOD, OTHER, Door, Office, members, paying
from tests.support.sandbox import Sandbox

IDS = members(6)


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=[*IDS, MOD.id, OTHER.id], balance=1000)


async def doubtful(office: Office, programme: str) -> int:
    path = "/balance-adjustment" if programme == "gameball" else "/transaction"
    await office.sandbox.faults({"match": {"path": path, "nth": 1}, "kind": "reset-before-apply"})
    return await office.send(paying(IDS), programme)


async def test_half_of_an_all_or_nothing_call_cannot_be_decided(door: Door) -> None:
    async with door.open() as office:
        batch_id = await doubtful(office, "drip-members")
        batches = office.app.services.batches
        (doubt,) = await batches.doubts(batch_id, MOD)
        ids = [award.id for award in doubt.awards]
        assert (doubt.whole_call, len(ids), doubt.attempt.verdict) == (True, 6, "unknown")
        with pytest.raises(UsageError, match="were one call"):
            await batches.resolve(batch_id, ids[:3], Decision.LANDED, MOD, reason="looked it up")
        with pytest.raises(UsageError, match="a reason is needed"):
            await batches.resolve(batch_id, ids, Decision.LANDED, MOD, reason="  ")
        with pytest.raises(UsageError, match="not all of these"):
            await batches.resolve(batch_id, [*ids, 999], Decision.LANDED, MOD, reason="looked it up")
        with pytest.raises(UsageError, match="not all of these"):
            await batches.resolve(batch_id, [], Decision.LANDED, MOD, reason="looked it up")
        assert await office.states(batch_id) == "U" * 6
        steered = await batches.resolve(batch_id, ids, Decision.SEND_AGAIN, MOD, reason="not in the dashboard")
        assert (steered.changed, steered.awards) == (True, 6)
        await office.quiet()
        assert await office.states(batch_id) == "A" * 6
        await office.check_books()
        with pytest.raises(UsageError):
            await batches.resolve(batch_id, ids, Decision.LANDED, OTHER, reason="too late")
        events = await batches.history(batch_id, MOD)
        decided = [event for event in events if event.detail.get("reason") == "not in the dashboard"]
        assert {event.actor_name for event in decided} == {"mod"}
        assert (await batches.calls(batch_id, MOD, 6)).total == 2


@pytest.mark.parametrize("programme", ["drip-credentials", "gameball"])
async def test_awards_of_an_item_by_item_call_are_decided_one_by_one(programme: str, door: Door) -> None:
    async with door.open() as office:
        batch_id = await doubtful(office, programme)
        batches = office.app.services.batches
        doubts = await batches.doubts(batch_id, MOD)
        assert [len(doubt.awards) for doubt in doubts] == [1] * 6
        ids = [doubt.awards[0].id for doubt in doubts]
        await batches.resolve(batch_id, ids[:2], Decision.SEND_AGAIN, MOD, reason="not there")
        await batches.resolve(batch_id, ids[2:4], Decision.WRITE_OFF, MOD, reason="not worth it")
        await office.quiet()
        assert await office.states(batch_id) == "AAWWUU"
        await office.check_books()


async def test_credentials_of_a_member_batch_are_decided_one_by_one(door: Door) -> None:
    alone = members(3, first=200)
    await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in alone])
    await door.sandbox.faults({"match": {"path": "/credentials/transaction", "nth": 1}, "kind": "reset-before-apply"})
    async with door.open(DRIP_UNRESOLVED="credentials") as office:
        batch_id = await office.send(paying([*IDS, *alone]), "drip-members")
        assert await office.states(batch_id) == "A" * 6 + "UUU"
        doubts = await office.app.services.batches.doubts(batch_id, MOD)
        assert [(len(doubt.awards), doubt.whole_call) for doubt in doubts] == [(1, False)] * 3


async def test_a_stopped_batch_sends_nothing_again(door: Door) -> None:
    await door.sandbox.faults(
        {"match": {"path": "/transaction", "nth": 1}, "kind": "reset-before-apply"},
        {"match": {"path": "/transaction", "nth": 2}, "kind": "401"},
    )
    async with door.open(DRIP_CREDENTIALS_BATCH_SIZE="3") as office:
        batch_id = await office.send(paying(IDS))
        batches = office.app.services.batches
        assert (await batches.stop(batch_id, MOD)).awards == 3
        assert not (await batches.stop(batch_id, OTHER)).changed
        assert await office.states(batch_id) == "UUUCCC"
        with pytest.raises(Refused, match="was stopped"):
            await batches.resolve(batch_id, [1], Decision.SEND_AGAIN, MOD, reason="not there")
        await batches.resolve(batch_id, [1], Decision.LANDED, MOD, reason="seen in the dashboard")
        assert await office.states(batch_id) == "AUUCCC"
        assert len(await office.writes()) == 2
