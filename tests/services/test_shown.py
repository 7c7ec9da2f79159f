"""What a probe has shown is acted upon: what the ledger claims is in the stand-ins' books, however the service is."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.domain.lanes import LaneKind
from bot.errors import SettingsError
from bot.providers.base import Health
from bot.services.proving import plan_of
from tests.services.lane_office import LONG_ENOUGH, OTHER, OWN, THIRD, check, lay, opened, rows_of, variables
from tests.services.lane_office import resumed as resumed_on_a_lane
from tests.services.office import HURRY, Door, Office, file_of, members, paying

MEMBERS, CREDENTIALS, GAMEBALL = "drip-members", "drip-credentials", "gameball"
MEMBERS_CALL = {"method": "PATCH", "path": "/members/transaction"}
CREDENTIALS_CALL = {"method": "PATCH", "path": "/credentials/transaction"}
ADA, BEN, CAT, NOBODY = "1" * 24, "2" * 24, "3" * 24, "f" * 24


async def show(office: Office, programme: str, **known: str) -> None:
    """What ``doctor --probe`` leaves."""
    found = office.app.services.programmes.get(programme)
    for name, value in known.items():
        account = found.destination.account
        await office.app.ledger.capabilities.store(account, found.kind, name.replace("_", "-"), value, {})


async def there_are(office: Office, *drip_ids: str, having: int = 40) -> None:
    """Members who have so much each."""
    await office.sandbox.seed(members=[{"drip_id": one, "balance": having} for one in drip_ids])


async def resumed(door: Door, **variables: str) -> Counter[str]:
    """What ``resume`` leaves, by state; the books agree."""
    door.calendar.speed = HURRY
    async with door.open(settling=True, **variables) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        await office.check_books()
        return Counter(award.state.value for award in await office.awards())


# --- members whom the service passes over ---------------------------------------------------------------------------


async def two_members(office: Office) -> None:
    await there_are(office, ADA, BEN)
    await office.sandbox.switches(drip={"unknown_member": "skip"})


@pytest.mark.parametrize(
    ("known", "fault"),
    [
        # With a lost answer, that a call is one transaction is documented.
        ({}, None),
        ({"unknown_member": "skipped"}, None),
        ({"unknown_member": "skipped"}, "reset-after-apply"),
    ],
)
async def test_a_member_who_is_passed_over_is_never_recorded_as_paid(
    door: Door, known: dict[str, str], fault: str | None
) -> None:
    async with door.open() as office:
        await two_members(office)
        await show(office, MEMBERS, **known)
        if fault:
            await office.sandbox.faults({"match": {**MEMBERS_CALL, "nth": 1}, "kind": fault})
        batch = await office.send(paying([ADA, NOBODY, BEN], header="drip_id,amount"), MEMBERS)
        await office.check_books()
        assert await office.states(batch) == ("UUU" if fault else "AUA")
    assert await resumed(door) == {"applied": 2, "unknown": 1}


async def test_where_members_are_passed_over_everybodys_balance_is_read_before_a_call(door: Door) -> None:
    ids = [f"{number:024x}" for number in range(60)]
    async with door.open(DRIP_MEMBERS_BATCH_SIZE="100") as office:
        await there_are(office, *ids)
        await office.sandbox.switches(drip={"unknown_member": "skip"})
        await show(office, MEMBERS, unknown_member="skipped")
        preview = await office.draft(paying([*ids, NOBODY], header="drip_id,amount"), MEMBERS)
        assert (preview.schedule.calls, preview.schedule.reads) == (1, 2)
        await office.sandbox.faults({"match": {**MEMBERS_CALL, "nth": 1}, "kind": "reset-after-apply"})
        await office.confirm(preview)
        await office.quiet()
        assert len([call for call in await office.sandbox.calls() if "members/search" in call["path"]]) == 2
    assert await resumed(door) == {"applied": 60, "unknown": 1}


@pytest.mark.parametrize("known", [{"unknown-member": "skipped"}, {"new-balance": "before"}])
@pytest.mark.parametrize("kind", [LaneKind.RING, LaneKind.WITNESS])
async def test_rows_that_tell_nothing_of_others_make_no_lane(door: Door, kind: LaneKind, known: dict[str, str]) -> None:
    async with door.open(**variables(kind, door)) as office:
        await there_are(office, OWN, OTHER, THIRD, having=0)
        assert await lay(office.app, MEMBERS, **known) == [Health.WARNING]
        assert (await plan_of(office.app.ledger, office.app.services.programmes.get(MEMBERS))).kind is None


async def test_a_ring_needs_to_know_what_becomes_of_an_unknown_member(door: Door) -> None:
    async with door.open(**variables(LaneKind.RING, door)) as office:
        await there_are(office, OWN, OTHER, having=0)
        assert await lay(office.app, MEMBERS) == [Health.OK]
        programme = office.app.services.programmes.get(MEMBERS)
        await office.app.ledger.capabilities.forget(programme.destination.account, programme.kind, "unknown-member")
        assert (await plan_of(office.app.ledger, programme)).kind is None


@pytest.mark.parametrize(
    ("kind", "found", "states"),
    [
        (LaneKind.RING, "refused-whole", "AAA"),
        (LaneKind.RING, "created", "AUU"),
        (LaneKind.WITNESS, "refused-whole", "AAA"),
        (LaneKind.WITNESS, "created", "AUU"),
    ],
)
async def test_on_a_lane_an_award_that_is_not_named_is_paid_only_where_nobody_can_be_passed_over(
    door: Door, kind: LaneKind, found: str, states: str
) -> None:
    async with door.open(**variables(kind, door)) as office:
        await there_are(office, OWN, OTHER, THIRD, having=0)
        await there_are(office, ADA, BEN, CAT)
        assert await lay(office.app, MEMBERS, **{"unknown-member": found}) == [Health.OK]
        await office.sandbox.faults({"match": {**MEMBERS_CALL, "nth": 1}, "kind": "partial-answer"})
        batch = await office.send(paying([ADA, BEN, CAT], header="drip_id,amount"), MEMBERS)
        assert await office.states(batch) == states


@pytest.mark.parametrize("kind", [LaneKind.RING, LaneKind.WITNESS])
@pytest.mark.parametrize("read", [True, False], ids=["read", "not read at first"])
async def test_a_call_on_a_lane_from_before_the_probe_that_found_members_skipped_is_judged_row_by_row(
    door: Door, kind: LaneKind, read: bool
) -> None:
    """That its lane moved on tells that the call was carried out, and not for whom."""
    ids = members(2)
    rows = [(ids[0], "", 10), ("", NOBODY, 10), (ids[1], "", 10)]
    async with opened(door, kind, ids, **LONG_ENOUGH) as office:
        await office.sandbox.switches(drip={"unknown_member": "skip"})
        await office.sandbox.faults(
            {"match": {**MEMBERS_CALL, "nth": 1}, "kind": "reset-after-apply"},
            {"match": {**MEMBERS_CALL, "every": 1}, "kind": "reset-before-apply"},
        )
        door.calendar.speed = HURRY
        batch = await office.send(file_of(rows, "discord_id,drip_id,amount"), MEMBERS)
        assert await office.states(batch) == "UUU"
        await show(office, MEMBERS, unknown_member="skipped")
        reads = {"match": {"path": "/members/search", "nth": [2, 3, 4, 5]}, "kind": "503", "applied": False}
        await office.sandbox.faults(*([] if read else [reads]))
    assert await resumed_on_a_lane(door, kind, speed=20.0, **LONG_ENOUGH) == {"applied": 2, "unknown": 1}


@pytest.mark.parametrize("found", [{"unknown_member": "skipped"}, {"overdraft": "allowed"}], ids=str)
async def test_a_call_is_not_sent_again_on_a_ring_that_the_probe_contradicts(door: Door, found: dict[str, str]) -> None:
    """It is sent anew, off the ring, once what was sent before can arrive no more."""
    ids = members(2)
    async with opened(door, LaneKind.RING, ids, **LONG_ENOUGH) as office:
        await office.sandbox.faults({"match": {**MEMBERS_CALL, "every": 1}, "kind": "reset-before-apply"})
        door.calendar.speed = HURRY
        batch = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch) == "UU"
        await office.sandbox.faults()
        sent = len(await office.writes())
        await show(office, MEMBERS, **found)
    door.calendar.speed = 20.0
    async with door.open(settling=True, **variables(LaneKind.RING, door), **LONG_ENOUGH) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch) == "AA"
        assert len(await office.writes()) == sent + 1
        assert [len(call) for call in await rows_of(office)] == [1, 2]  # its setting up, and the awards alone
        await check(office)


@pytest.mark.parametrize("calls_before", range(4))
async def test_twins_from_before_the_probe_that_found_no_order_tell_nothing_of_the_rows_between(
    door: Door, calls_before: int
) -> None:
    """Which rows a call that broke off had worked off differs with the number of calls before it: in some neither twin
    is among them, in some both, in some the last one alone."""
    ids = members(8)
    async with opened(door, LaneKind.TWINS, ids) as office:
        await office.send(paying(ids, 7), CREDENTIALS)  # from here on their balances are known
        await office.sandbox.switches(drip={"order": "shuffled"})
        await office.sandbox.faults({"match": {**CREDENTIALS_CALL, "nth": 1}, "kind": "apply-some", "share": 0.3})
        for _ in range(calls_before):
            await office.app.services.programmes.currencies(CREDENTIALS)
        batch = await office.send(paying(ids), CREDENTIALS, confirm={"again": True})
        assert await office.states(batch) == "U" * 8
        await show(office, CREDENTIALS, order="not-given")
    assert await resumed_on_a_lane(door, LaneKind.TWINS, speed=HURRY) == {"applied": 16}


# --- calls that can be half carried out -----------------------------------------------------------------------------

BAD_ROW = [(ADA, 10), (BEN, -50), (CAT, 10)]


@pytest.mark.parametrize("question", ["overdraft", "overdraft_mixed"])
async def test_where_a_call_can_be_half_paid_each_award_goes_alone(door: Door, question: str) -> None:
    async with door.open() as office:
        await half_paying(office)
        await show(office, MEMBERS, **{question: "refused-row"})
        batch = await office.send(file_of(BAD_ROW, "drip_id,amount"), MEMBERS)
        assert await office.states(batch) == "ARA"
        await office.check_books()


async def test_a_call_from_before_the_probe_is_judged_row_by_row(door: Door) -> None:
    async with door.open() as office:
        await half_paying(office)
        await office.sandbox.faults({"match": {**MEMBERS_CALL, "nth": 1}, "kind": "502", "applied": True})
        batch = await office.send(file_of(BAD_ROW, "drip_id,amount"), MEMBERS)
        assert await office.states(batch) == "UUU"
        await show(office, MEMBERS, overdraft="refused-row")
    assert await resumed(door) == {"applied": 2, "rejected": 1}


async def half_paying(office: Office) -> None:
    await office.sandbox.seed(
        members=[{"drip_id": one, "balance": had} for one, had in ((ADA, 40), (BEN, 2), (CAT, 40))]
    )
    await office.sandbox.switches(drip={"members_atomic": False})


# --- balances that answers tell -------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_balance", ["before", "absent"])
@pytest.mark.parametrize("probed", [True, False], ids=["probed", "unprobed"])
async def test_a_balance_from_before_a_call_is_not_taken_for_the_one_after_it(
    door: Door, new_balance: str, probed: bool
) -> None:
    async with door.open() as office:
        await there_are(office, ADA, BEN, CAT)
        await office.sandbox.switches(drip={"new_balance": new_balance, "balance_field": "before"})
        await show(office, MEMBERS, **({"new_balance": new_balance} if probed else {}))
        everybody = paying([ADA, BEN, CAT], header="drip_id,amount")
        await office.send(everybody, MEMBERS)
        door.calendar.let_pass(office.app.settings.settle_after)  # until then a read may not show it yet
        await office.sandbox.faults({"match": {**MEMBERS_CALL, "nth": 1}, "kind": "reset-before-apply"})
        batch = await office.send(everybody, MEMBERS, confirm={"again": True})
        assert await office.states(batch) == "UUU"
    assert await resumed(door) == {"applied": 6}


# --- credentials that cannot be read back ---------------------------------------------------------------------------


@pytest.mark.parametrize("programme", [CREDENTIALS, MEMBERS])
async def test_a_read_that_does_not_show_what_was_paid_decides_nothing(door: Door, programme: str) -> None:
    (one,) = members(1)
    async with door.open(DRIP_UNRESOLVED="credentials") as office:
        await office.sandbox.seed(credentials=[{"type": "discord-id", "value": one, "balance": 100}])
        await office.sandbox.switches(drip={"find_shows": 100})
        await show(office, CREDENTIALS, read_back="not-seen")
        preview = await office.draft(paying([one]), programme)
        assert preview.schedule.reads == (1 if programme == MEMBERS else 0)  # at most
        await office.sandbox.faults({"match": CREDENTIALS_CALL, "kind": "reset-after-apply"})
        await office.confirm(preview)
        await office.quiet()
        await office.sandbox.faults()
    assert await resumed(door, DRIP_UNRESOLVED="credentials") == {"unknown": 1}
    finds = [call for call in await door.sandbox.calls("drip") if "credentials/find" in call["path"]]
    assert finds == []


# --- settings that a probe contradicts ------------------------------------------------------------------------------


async def test_a_batch_in_a_unit_that_the_probe_contradicts_is_paused(door: Door) -> None:
    (one,) = members(1)
    async with door.open(dispatching=False) as office:
        await office.sandbox.seed(customers=[{"id": one, "balance": 40}])
        batch = (await office.confirm(await office.draft(paying([one]), GAMEBALL))).batch_id
        await show(office, GAMEBALL, unit="money")
    async with door.open() as office:
        await office.quiet()
        assert await office.state(batch) == "paused:settings"
        pause = (await office.batch(batch)).pause
        assert pause is not None and "found money: correct GAMEBALL_AMOUNT_UNIT" in pause.message
        with pytest.raises(SettingsError, match="found money"):
            await office.draft(paying([one]), GAMEBALL)
        assert await office.writes() == []


# --- deductions that are cut down -----------------------------------------------------------------------------------

LEFT_SOME, LEFT_NONE, HAD_LESS, HAD_NONE = ((60, -50), (50, -50), (30, -50), (0, -50))


@pytest.mark.parametrize("programme", [CREDENTIALS, MEMBERS])
@pytest.mark.parametrize("fault", [None, "reset-after-apply"])
async def test_a_deduction_that_may_have_been_cut_is_claimed_only_by_its_own_balance(
    door: Door, programme: str, fault: str | None
) -> None:
    ids = members(4)
    had = [LEFT_SOME, LEFT_NONE, HAD_LESS, HAD_NONE]
    async with door.open() as office:
        people = [(one, {"balance": balance}) for one, (balance, _) in zip(ids, had, strict=True)]
        if programme == MEMBERS:
            await office.sandbox.seed(members=[{"discord_id": one, **balance} for one, balance in people])
        else:
            await office.sandbox.seed(credentials=[{"type": "discord-id", "value": one, **b} for one, b in people])
        await office.sandbox.switches(drip={"overdraft": "cap"})
        await show(office, programme, overdraft="capped", new_balance="after")
        if fault:
            await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": fault})
        content = file_of([(one, amount) for one, (_, amount) in zip(ids, had, strict=True)])
        batch = await office.send(content, programme)
        assert await office.states(batch) == ("UUUU" if fault else "AUUU")
    assert await resumed(door) == {"applied": 2, "unknown": 2}
    assert [one["effect"] for one in await door.sandbox.applied("drip")] == [-50, -50, -30, 0]


async def test_a_witness_of_a_service_that_cuts_deductions_is_not_in_force(door: Door) -> None:
    async with door.open(**variables(LaneKind.WITNESS, door)) as office:
        await there_are(office, THIRD, having=0)
        assert await lay(office.app, MEMBERS, overdraft="capped") == [Health.WARNING]


# --- Gameball -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "states"), [("whole", {"applied": 1}), ("cut", {"unknown": 1}), ("absent", {"unknown": 1})]
)
async def test_a_list_proves_an_absence_only_where_it_shows_reasons_whole(
    door: Door, tag: str, states: dict[str, int]
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await office.sandbox.seed(customers=[{"id": one, "balance": 40}])
        await show(office, GAMEBALL, reason_tag=tag)
        rule = {"match": {"path": "/batch/balance-adjustment"}, "kind": "reset-before-apply"}
        await office.sandbox.faults(rule)
        await office.send(paying([one]), GAMEBALL)
        await office.sandbox.faults()
        # Of the same size, and without a word of whose it is.
        await office.sandbox.outside(service="gameball", customer=one, amount=10, reason="Order 7")
    assert await resumed(door) == states


async def test_where_an_id_is_taken_twice_no_award_goes_by_an_id(door: Door) -> None:
    (one,) = members(1)
    async with door.open(GAMEBALL_MANUAL_UP_TO="5") as office:
        await office.sandbox.seed(customers=[{"id": one, "balance": 40}])
        await show(office, GAMEBALL, duplicate_transaction="paid-twice")
        await office.send(paying([one]), GAMEBALL)
        (call,) = await office.writes()
        assert call["path"].endswith("/batch/balance-adjustment")
