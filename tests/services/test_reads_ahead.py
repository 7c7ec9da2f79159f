"""What the preview says of the reads before the calls is what is then read, or a little more."""

from __future__ import annotations

from typing import Final

import pytest

from bot.domain.planning import Schedule
from bot.services import foresight
from tests.services.doubts import CALLS, resumed, seed
from tests.services.office import Door, Office, members, paying
from tests.support.sandbox import Sandbox

FREE, PRO = "free", "pro"
ROWS: Final[list[tuple[str, str | None, int, bool, int, int]]] = [
    # plan, what the probe said of balances and accounts, rows, whether they are members; reads told, reads made
    (FREE, "shared", 5, False, 5, 5),
    (FREE, "shared", 6, False, 1 + 6, 1 + 6),
    (FREE, "shared", 6, True, 1 + 6, 1),
    (FREE, "apart", 6, True, 6, 6),
    (PRO, None, 18, False, 3 + 18, 2 + 18),
    (FREE, None, 0, False, 0, 0),
]


async def sent(office: Office, content: bytes, programme: str) -> tuple[Schedule, int]:
    """The plan of the preview, and how many balances were asked for before the calls."""
    preview = await office.draft(content, programme)
    before = len(await office.sandbox.calls("drip"))
    recorded = await office.confirm(preview)
    await office.quiet()
    assert set(await office.states(recorded.batch_id)) == {"A"}
    made = (await office.sandbox.calls("drip"))[before:]
    return preview.schedule, sum(call["path"].endswith(("/credentials/find", "/members/search")) for call in made)


@pytest.mark.parametrize(("plan", "probed", "rows", "are_members", "told", "made"), ROWS)
async def test_credentials_that_were_never_paid_are_counted_as_they_are_read(
    door: Door, sandbox: Sandbox, plan: str, probed: str | None, rows: int, are_members: bool, told: int, made: int
) -> None:
    paid, new = members(3), members(rows, first=3)
    await sandbox.seed(credentials=[{"type": "discord-id", "value": one, "balance": 5} for one in paid])
    if are_members:
        await sandbox.seed(discord_ids=new)
    else:
        await sandbox.seed(credentials=[{"type": "discord-id", "value": one, "balance": 5} for one in new])
    async with door.open(DRIP_RATE_PLAN=plan) as office:
        destination = office.app.services.programmes.get("drip-credentials").destination
        if probed is not None:
            capabilities = office.app.ledger.capabilities
            await capabilities.store(destination.account, destination.kind, "account-balance", probed, {})
        await office.send(paying(paid))
        schedule, reads = await sent(office, paying([*paid, *new], 20), "drip-credentials")
    assert (schedule.reads, reads) == (told, made)
    assert schedule.requests == schedule.calls + told


@pytest.mark.parametrize(("shows", "made"), [(None, 1 + 3), (7, 1 + 6)])
async def test_who_is_compared_with_their_account_is_not_read_once_more(
    door: Door, sandbox: Sandbox, shows: int | None, made: int
) -> None:
    new = members(6)
    await sandbox.seed(discord_ids=new, balance=5)
    await sandbox.switches(drip={"find_shows": shows})
    async with door.open(DRIP_RATE_PLAN=PRO) as office:
        schedule, reads = await sent(office, paying(new), "drip-credentials")
        assert (schedule.reads, reads) == (1 + 6, made)
        again = await office.draft(paying(members(6, first=6), 20), "drip-credentials")
        # Whether accounts and credentials hold the same is known by now.
        assert again.schedule.reads == (1 + 6 if shows is None else 6)


async def test_a_list_of_new_credentials_that_takes_longer_than_five_minutes_is_not_read(
    door: Door, sandbox: Sandbox
) -> None:
    async with door.open(DRIP_RATE_PLAN=FREE, dispatching=False) as office:
        short, long = [(await office.draft(paying(members(rows)))).schedule for rows in (120, 121)]
        assert short.reads == 12 + 120  # a search for each call, and everybody
        assert long.reads == 13 + 3  # three are compared with their accounts
        assert (short.seconds, long.seconds) == (300, 60)


async def test_members_are_read_once_a_call_unless_their_look_up_told_their_balances(
    door: Door, sandbox: Sandbox
) -> None:
    ids = members(12)
    known = await sandbox.seed(discord_ids=ids)
    async with door.open() as office:
        schedule, reads = await sent(office, paying(ids), "drip-members")
        assert (schedule.reads, reads) == (0, 0)
        door.calendar.days = 1 / 12  # what a member had two hours ago is no evidence
        drip_ids = known["members"]
        schedule, reads = await sent(office, paying(drip_ids, 20, "drip_id,amount"), "drip-members")
        assert (schedule.calls, schedule.reads, reads) == (2, 2, 2)


async def test_gameball_reads_no_balances(door: Door, sandbox: Sandbox) -> None:
    async with door.open(dispatching=False) as office:
        preview = await office.draft(paying(members(12)), "gameball")
        assert preview.schedule.reads == 0


@pytest.mark.parametrize(("new", "told", "made"), [(0, 0, 0), (4, 4, 4), (10 + 2, 10 + 2, 2), (120, 0, 0)])
async def test_in_a_long_list_a_few_new_credentials_are_read_and_many_are_not(
    door: Door, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, new: int, told: int, made: int
) -> None:
    monkeypatch.setattr(foresight, "LONGEST_LIST", 50)
    paid, others = members(100), members(new, first=100)
    credentials = [{"type": "discord-id", "value": one, "balance": 5} for one in (*paid, *others)]
    await sandbox.seed(credentials=credentials)
    async with door.open(DRIP_RATE_PLAN=PRO) as office:
        first, read = await sent(office, paying(paid), "drip-credentials")
        assert (first.reads, read) == (0, 0)  # a long list of strangers
        # Ten a call: the known ones first, then some in the calls behind them.
        schedule, read = await sent(office, paying([*paid, *others], 20), "drip-credentials")
    assert (schedule.reads, read) == (told, made)


@pytest.mark.parametrize(("amount", "fault"), [(10, "reset-before-apply"), (-10, "reset-after-apply")])
async def test_a_read_that_may_not_show_the_last_award_yet_proves_nothing_of_the_next(
    door: Door, amount: int, fault: str
) -> None:
    """It would show the award before as the one in doubt, or hide one that landed, which would then be sent again."""
    ids = members(5)
    async with door.open() as office:
        await seed(office, "drip-members", ids)
        await office.sandbox.switches(drip={"stale_reads": True})
        await office.send(paying(ids), "drip-members")
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": fault})
        await office.send(paying(ids, amount), "drip-members", confirm={"again": True})
        await office.sandbox.faults()
        await office.sandbox.switches(drip={"stale_reads": False})
    assert (await resumed(door))[0] == {"applied": 5, "unknown": 5}


async def test_once_it_must_show_it_the_next_is_settled_by_it(door: Door) -> None:
    ids = members(5)
    async with door.open() as office:
        await seed(office, "drip-members", ids)
        await office.send(paying(ids), "drip-members")
        door.calendar.let_pass(office.app.settings.settle_after)
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": "reset-before-apply"})
        await office.send(paying(ids), "drip-members", confirm={"again": True})
        await office.sandbox.faults()
    assert (await resumed(door))[0] == {"applied": 10}
