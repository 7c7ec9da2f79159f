"""Calls on rings, witnesses and twins, beside the stand-ins: what the ledger claims in the end is in their books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.app import App
from bot.clock import milliseconds
from bot.console.preview import FROM_DOUBT, end_lines
from bot.domain.judging import Judged, Judgement, Judgements
from bot.domain.lanes import LaneKind
from bot.domain.model import Decision
from bot.ledger import copying
from bot.ledger.lanes import HeldLane
from bot.providers.base import Health
from bot.providers.factory import make_providers
from bot.services.handover.summary import standing_json
from bot.services.laying import Laying, standings
from bot.services.proving import plan_of
from bot.ui.batch_text import doing
from tests.services.office import MOD, Door, Office, members, pauses, paying
from tests.support.patience import PATIENCE

OWN, OTHER, THIRD = "a" * 24, "b" * 24, "e" * 24
MEMBERS, CREDENTIALS = "drip-members", "drip-credentials"
PROVED = {
    MEMBERS: {
        "overdraft": "refused-whole",
        "overdraft-mixed": "refused-whole",
        "new-balance": "after",
        "unknown-member": "refused-whole",
    },
    CREDENTIALS: {"order": "given"},
}


def variables(kind: LaneKind, door: Door, lanes: int = 1) -> dict[str, str]:
    """The settings of a programme with such lanes."""
    gems = door.sandbox.drip["second_currency_id"]
    if not lanes:
        return {}
    if kind is LaneKind.RING:
        rings = [f"{OWN},{OTHER}", f"{OWN}:{gems},{OTHER}:{gems}"]
        return {"DRIP_RING": ";".join(rings[:lanes])}
    if kind is LaneKind.WITNESS:
        return {"DRIP_WITNESS": f"{THIRD}:{gems}"}
    return {"DRIP_TWINS": "custom:bursar:first,custom:bursar:last"}


def programme_of(kind: LaneKind) -> str:
    return CREDENTIALS if kind is LaneKind.TWINS else MEMBERS


async def people(office: Office, ids: list[str]) -> None:
    """Everybody is a member, or has a credential, and the operator's places are there."""
    await office.sandbox.seed(
        members=[
            *({"discord_id": one, "balance": 40} for one in ids),
            *({"drip_id": one, "balance": 0} for one in (OWN, OTHER, THIRD)),
        ]
    )


async def credentials(office: Office, ids: list[str]) -> None:
    known = [{"type": "discord-id", "value": one, "balance": 40} for one in ids]
    own = [{"type": "custom", "source": "bursar", "value": one, "balance": 5} for one in ("first", "last")]
    await office.sandbox.seed(credentials=[*known, *own])


async def lay(app: App, programme: str, **known: str) -> list[Health]:
    """What ``doctor --probe`` and ``doctor --evidence`` do."""
    found = app.services.programmes.get(programme)
    for name, value in (PROVED[programme] | known).items():
        await app.ledger.capabilities.store(found.destination.account, found.kind, name, value, {})
    providers = make_providers(app.settings, app.clock)
    prober = providers.prober(found, {}, job_wait=5)
    try:
        findings = await Laying(
            app.ledger, providers.make(found), prober, app.clock, app.settings.settle_after
        ).set_up()
    finally:
        await providers.close()
    return [finding.health for finding in findings]


@asynccontextmanager
async def opened(door: Door, kind: LaneKind, ids: list[str], lanes: int = 1, **more: Any) -> AsyncIterator[Office]:
    """The program with a lane in force, and its people known."""
    async with door.open(**variables(kind, door, lanes), **more) as office:
        await (credentials if kind is LaneKind.TWINS else people)(office, ids)
        assert await lay(office.app, programme_of(kind)) == [Health.OK] * lanes
        yield office


async def check(office: Office) -> None:
    """The books, without the rows of the operator's own places."""
    own = {OWN, OTHER, THIRD, "custom:bursar:first", "custom:bursar:last"}
    booked: Counter[tuple[str, int]] = Counter()
    by_key = {
        one: f"discord-id:{m['discord_id']}" for one, m in (await office.sandbox.books())["drip"]["members"].items()
    }
    for one in await office.sandbox.applied("drip"):
        if one["recipient"] not in own:
            booked[by_key.get(one["recipient"], one["recipient"]), one["amount"]] += 1
    claimed: Counter[tuple[str, int]] = Counter()
    doubted: Counter[tuple[str, int]] = Counter()
    for award in await office.awards():
        counter = claimed if award.state.value == "applied" else doubted if award.state.value == "unknown" else None
        if counter is not None:
            counter[award.recipient.key, award.amount] += 1
    assert not claimed - booked, "claimed, and not in the books"
    assert not booked - claimed - doubted, "in the books, and not claimed"


async def resumed(door: Door, kind: LaneKind, lanes: int = 1, **more: str) -> Counter[str]:
    """What ``resume`` leaves."""
    async with door.open(settling=True, **variables(kind, door, lanes), **more) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        await check(office)
        return Counter(award.state.value for award in await office.awards())


PATHS = {MEMBERS: "/members/transaction", CREDENTIALS: "/credentials/transaction"}
FAULTS: dict[str, dict[str, Any]] = {
    "lost before it was carried out": {"kind": "reset-before-apply"},
    "lost after it was carried out": {"kind": "reset-after-apply"},
    "carried out late": {"kind": "apply-late", "after": 0.6},
    "502 after carrying it out": {"kind": "502", "applied": True},
    "502 before carrying it out": {"kind": "502", "applied": False},
    "503 before carrying it out": {"kind": "503", "applied": False, "retry_after": 1},
    "answer cut": {"kind": "cut-body"},
    "answer cut, nothing carried out": {"kind": "cut-body", "applied": False},
    "cut in its head": {"kind": "cut-headers"},
    "no status line": {"kind": "garbage-status"},
    "no JSON": {"kind": "broken-json"},
    "a web page": {"kind": "html-200"},
    "nothing in it": {"kind": "empty-200"},
    "other types": {"kind": "wrong-types"},
    "no success": {"kind": "success-false", "applied": True},
    "no success, and nothing done": {"kind": "success-false", "applied": False},
    "partial answer": {"kind": "partial-answer"},
    "redirected": {"kind": "redirect"},
    "rate limit": {"kind": "429"},
    "408": {"kind": "408", "applied": True},
    "504": {"kind": "504", "applied": False},
    "500": {"kind": "500", "applied": True},
}


@pytest.mark.parametrize("name", FAULTS)
async def test_on_a_ring_no_fault_leaves_a_doubt_and_nobody_waits_for_a_resume(name: str, door: Door) -> None:
    ids = members(14)
    async with opened(door, LaneKind.RING, ids) as office:
        rule = {"match": {"method": "PATCH", "path": PATHS[MEMBERS], "nth": 1}, **FAULTS[name]}
        await office.sandbox.faults(rule)
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "A" * 14
        await check(office)


@pytest.mark.parametrize("kind", [LaneKind.WITNESS, LaneKind.TWINS])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_witness_settles_a_call_after_the_quarantine(kind: LaneKind, name: str, door: Door) -> None:
    ids, programme = members(14), programme_of(kind)
    async with opened(door, kind, ids) as office:
        if kind is LaneKind.TWINS:
            await office.send(paying(ids, 7), programme)  # from here on their balances are known
        await office.sandbox.faults({"match": {"method": "PATCH", "path": PATHS[programme], "nth": 1}, **FAULTS[name]})
        await office.send(paying(ids), programme, confirm={"again": True})
        await office.sandbox.faults()
    assert await resumed(door, kind) == {"applied": 14 * (1 if kind is LaneKind.WITNESS else 2)}


async def rows_of(office: Office) -> list[list[tuple[str, int]]]:
    """Every call's recipients and amounts as the books have them."""
    calls: dict[int, list[tuple[str, int]]] = {}
    for one in await office.sandbox.applied("drip"):
        calls.setdefault(one["call"], []).append((one["recipient"], one["amount"]))
    return list(calls.values())


async def looks_at_places(office: Office) -> int:
    """Searches for members by Drip id."""
    reads = [call for call in await office.sandbox.calls() if call["method"] == "GET"]
    return len([call for call in reads if "members/search" in call["path"] and "drip-id" in call["query"]])


async def test_a_call_carries_98_awards_and_passes_the_point_on(door: Door) -> None:
    ids = members(200)
    async with opened(door, LaneKind.RING, ids, DRIP_MEMBERS_BATCH_SIZE="100") as office:
        preview = await office.draft(paying(ids), MEMBERS)
        assert preview.schedule.calls == 3
        recorded = await office.confirm(preview)
        await office.quiet()
        seed, *calls = await rows_of(office)
        assert seed == [(OWN, 1)]
        assert [len(call) for call in calls] == [100, 100, 6]
        assert [(call[0], call[-1]) for call in calls] == [
            ((OWN, -1), (OTHER, 1)),
            ((OTHER, -1), (OWN, 1)),
            ((OWN, -1), (OTHER, 1)),
        ]
        assert await office.states(recorded.batch_id) == "A" * 200
        assert await looks_at_places(office) == 3  # two when it was set up, one before the first call: none for a call


async def test_the_words_of_the_card_and_of_doctor_follow_the_evidence(door: Door) -> None:
    ids = members(1)
    async with opened(door, LaneKind.RING, ids) as office:
        programme = office.app.services.programmes.get(MEMBERS)
        promise = office.app.services.promises
        assert "token ring" in (await promise.of(programme.destination)).text
        account = programme.destination.account
        await office.app.ledger.capabilities.store(account, programme.kind, "overdraft", "allowed", {})
        assert (await plan_of(office.app.ledger, programme)).kind is None
        assert "settled by balances" in (await promise.of(programme.destination)).text
        (finding,) = await standings(office.app.ledger, office.app.services.programmes.provider(programme))
        assert finding.health is Health.WARNING
        assert "not in force: no probe has shown that an overdraft refuses a whole call" in finding.message


async def test_without_a_proved_ring_the_witness_is_in_force(door: Door) -> None:
    both = {**variables(LaneKind.RING, door), **variables(LaneKind.WITNESS, door)}
    async with door.open(**both) as office:
        await people(office, [])
        assert await lay(office.app, MEMBERS, overdraft="allowed") == [Health.WARNING, Health.OK]
        plan = await plan_of(office.app.ledger, office.app.services.programmes.get(MEMBERS))
        assert (plan.kind, plan.calls_at_once) == (LaneKind.WITNESS, 1)


async def test_a_ring_that_was_never_set_up_in_this_ledger_is_not_in_force(door: Door) -> None:
    async with door.open(**variables(LaneKind.RING, door)) as office:
        await people(office, members(3))
        programme = office.app.services.programmes.get(MEMBERS)
        for name, value in PROVED[MEMBERS].items():
            account = programme.destination.account
            await office.app.ledger.capabilities.store(account, programme.kind, name, value, {})
        assert (await plan_of(office.app.ledger, programme)).kind is None
        await office.send(paying(members(3)), MEMBERS)
        assert [len(call) for call in await rows_of(office)] == [3]


async def moved(office: Office, *changes: tuple[str, int]) -> None:
    """Somebody else is at the operator's places."""
    for who, amount in changes:
        await office.sandbox.outside(service="drip", drip_id=who, amount=amount)


async def health(office: Office) -> Health:
    """What ``doctor`` finds."""
    programmes = office.app.services.programmes
    (finding,) = await standings(office.app.ledger, programmes.provider(programmes.get(MEMBERS)))
    return finding.health


async def test_a_ring_that_somebody_moved_stops_the_batch_instead_of_paying(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids) as office:
        await office.send(paying(ids[:1]), MEMBERS)
        await moved(office, (OTHER, -1), (OWN, 1))
        batch_id = await office.send(paying(ids[1:]), MEMBERS)
        assert await office.state(batch_id) == "paused:disturbed"
        assert pauses(office.told) == [(batch_id, "disturbed")]
        assert await office.states(batch_id) == "PP"
        await check(office)
        assert await health(office) is Health.FAILED
        destination = (await office.batch(batch_id)).destination
        assert "the ring is disturbed" in (await office.app.services.promises.of(destination)).text
        assert await lay(office.app, MEMBERS) == [Health.OK]
        assert "sent again on a token ring" in (await office.app.services.promises.of(destination)).text
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "AA"
        await check(office)
        assert await health(office) is Health.OK


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
        await office.app.ledger.database.write_bare(lambda c: c.execute("VACUUM INTO ?", (str(copy),)))
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
    async with opened(door, LaneKind.RING, ids) as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "every": 1}, "kind": "reset-before-apply"})
        door.calendar.speed = 20.0
        batch_id = await office.send(paying(ids[:2]), MEMBERS)
        assert await office.states(batch_id) == "UU"
        await office.sandbox.faults()
    door.calendar.speed = 1.0
    copying.copy(ledger, copy)
    assert await resumed(door, LaneKind.RING) == {"applied": 2}
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


async def test_a_bad_row_of_a_call_on_a_ring_is_found_and_the_others_are_paid(door: Door) -> None:
    ids = members(6)
    async with opened(door, LaneKind.RING, ids) as office:
        rows = [(one, -1000 if one == ids[2] else 10) for one in ids]
        batch_id = await office.send("\n".join(["discord_id,amount", *(f"{a},{b}" for a, b in rows)]).encode(), MEMBERS)
        assert await office.states(batch_id) == "AARAAA"
        await check(office)


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
        assert f"its place {THIRD} is not a member of the realm" in pause.message
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
        assert f"the place {OWN} has not the point to give" in pause.message
        await office.sandbox.faults()
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "A" * awards
        await check(office)


async def test_a_deduction_that_is_refused_alone_on_a_ring_is_the_awards_own_fault(door: Door) -> None:
    ids = members(1)
    async with opened(door, LaneKind.RING, ids) as office:
        batch_id = await office.send(paying(ids, -1000), MEMBERS)
        assert await office.states(batch_id) == "R"


async def test_when_no_answer_comes_at_all_the_next_start_looks_at_once_and_sends_again(door: Door) -> None:
    ids = members(3)
    async with opened(door, LaneKind.RING, ids) as office:
        every = {"match": {"method": "PATCH", "every": 1}, "kind": "reset-before-apply"}
        await office.sandbox.faults(every)
        door.calendar.speed = 20.0
        batch_id = await office.send(paying(ids), MEMBERS, confirm={})
        assert await office.states(batch_id) == "UUU"
        assert len(await office.writes()) == 6 + 1  # and the one that set the ring up
        await office.sandbox.faults()
    door.calendar.speed = 1.0
    assert await resumed(door, LaneKind.RING) == {"applied": 3}
    async with door.open(dispatching=False, **variables(LaneKind.RING, door)) as office:
        kinds = [event.kind for event in await office.app.ledger.queries.events(batch_id)]
        assert "evidence-applied" in kinds  # not planned again, but sent again as it was
        assert len(await office.writes()) == 8


async def test_two_rings_are_two_lanes(door: Door) -> None:
    ids = members(30)
    async with opened(door, LaneKind.RING, ids, lanes=2) as office:
        plan = await plan_of(office.app.ledger, office.app.services.programmes.get(MEMBERS))
        assert plan.calls_at_once == 2
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await office.send(paying(ids), MEMBERS)
        assert await office.states(batch_id) == "A" * 30


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
        assert "place of the operator's" in (refused.detail or "")
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
        assert "operator's twins" in (refused.detail or "")


async def test_a_credential_that_became_a_twin_since_is_not_paid(door: Door) -> None:
    ids = members(2)
    content = f"discord_id,custom,source,amount\n{ids[0]},,,10\n,first,bursar,10\n{ids[1]},,,10\n".encode()
    async with door.open(dispatching=False) as office:
        await credentials(office, ids)
        planned = (await office.confirm(await office.draft(content, CREDENTIALS))).batch_id
    async with door.open(**variables(LaneKind.TWINS, door)) as office:
        await office.quiet()
        assert await office.states(planned) == "ARA"


async def test_a_call_that_waits_for_its_answer_is_never_judged_however_short_the_quarantine(door: Door) -> None:
    """Its lane could be looked at while the answer takes a second."""
    ids = members(3)
    async with opened(door, LaneKind.WITNESS, ids, settling=True, BURSAR_SETTLE_AFTER="0.01") as office:
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "slow", "ms": 1000})
        batch_id = (await office.confirm(await office.draft(paying(ids), MEMBERS))).batch_id
        async with asyncio.timeout(PATIENCE):
            while await office.states(batch_id) != "SSS":
                office.app.services.dispatcher.wake()
            reads = await looks_at_places(office)
            while await office.states(batch_id) == "SSS":
                office.app.services.dispatcher.wake()  # look at everything afresh
                await asyncio.sleep(0.05)
        await office.quiet()
        assert await office.states(batch_id) == "AAA"
        assert await looks_at_places(office) == reads
        assert len([call for call in await office.writes() if "transaction" in call["path"]]) == 2  # and its setting up
        await check(office)


async def test_a_batch_that_waits_for_the_lane_of_another_says_whose_it_is_and_what_to_do(door: Door) -> None:
    """A lost call has the ring, and its batch was paused by the key before anybody could look."""
    ids = members(14)
    async with opened(door, LaneKind.RING, ids, settling=True) as office:
        batches = office.app.services.batches
        await office.sandbox.faults(
            {"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"},
            {"match": {"method": "PATCH", "nth": 2}, "kind": "401"},
        )
        first = await office.send(paying(ids[:12]), MEMBERS)
        assert (await office.state(first), await office.states(first)) == ("paused:key", "U" * 10 + "P" * 2)
        second = await office.send(paying(ids[12:]), MEMBERS)
        assert (await office.state(second), await office.states(second)) == ("open", "PP")
        view = await batches.view(second, MOD)
        assert view.held_lane == HeldLane(LaneKind.RING, first, MOD.server_id, is_paused=True, is_left=False)
        told = doing(view) or ""
        assert f"ring is kept by a call of batch {first} that is in doubt" in told
        assert "put right why, then `/batch resume` it" in told
        standing = standing_json(view)
        assert standing["held_lane"] == {"kind": "ring", "batch": str(first), "paused": True, "left": False}
        lines = "\n".join(end_lines(standing, stopped=False))
        assert f"`bursar resume --paused {first}`" in lines
        await office.sandbox.faults()
        await batches.resume(first, MOD)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert (await office.states(first), await office.states(second)) == ("A" * 12, "AA")
        assert (await batches.view(second, MOD)).held_lane is None
        await check(office)


async def test_a_batch_that_waits_for_a_lane_whose_places_cannot_be_read_says_so(door: Door) -> None:
    ids = members(4)
    async with opened(door, LaneKind.WITNESS, ids) as office:
        ledger = office.app.ledger
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"})
        first = await office.send(paying(ids[:2]), MEMBERS)
        second = await office.send(paying(ids[2:]), MEMBERS)
        assert (await office.states(first), await office.states(second)) == ("UU", "PP")
        view = await office.app.services.batches.view(second, MOD)
        kept = HeldLane(LaneKind.WITNESS, first, MOD.server_id, is_paused=False, is_left=False)
        assert view.held_lane == kept
        assert "nothing has to be done" in (doing(view) or "")
        assert FROM_DOUBT in list(end_lines(standing_json(view), stopped=False))
        (waiting,) = await ledger.evidence.waiting()
        doubted = await ledger.evidence.doubt(waiting.attempt_id)
        assert doubted is not None
        unread = Judged(Judgement.CANNOT_TELL, "its places cannot be read", {}, again=True)
        found = Judgements({item.award_id: unread for item in doubted.items})
        await ledger.evidence.record(doubted, found, most_looks=1, read_at=office.app.clock.now())
        view = await office.app.services.batches.view(second, MOD)
        assert view.held_lane == replace(kept, is_left=True)
        assert "could not be read: the operator asks `bursar doctor` why" in (doing(view) or "")
        assert "then `bursar resume` looks again" in "\n".join(end_lines(standing_json(view), stopped=False))


IN_A_HURRY = {"BURSAR_SETTLE_AFTER": "16"}
"""At eight times the speed: longer than what the stand-ins carry out late."""


@pytest.mark.parametrize("kind", [LaneKind.RING, LaneKind.WITNESS])
async def test_with_30_percent_faults_one_resume_ends_every_member_row(kind: LaneKind, door: Door) -> None:
    """The faults stay while it is resumed."""
    ids = members(150)
    door.calendar.speed = 8.0
    async with opened(door, kind, ids, **IN_A_HURRY) as office:
        await office.sandbox.faults(campaign={"rate": 0.3, "match": {"path": "/transaction"}})
        batch_id = await office.send(paying(ids), MEMBERS)
        await check(office)
        if kind is LaneKind.RING:
            assert (await office.states(batch_id)).count("A") >= 140  # nearly nothing is left for the resume
    assert await resumed(door, kind, **IN_A_HURRY) == {"applied": 150}


async def test_with_30_percent_faults_one_resume_ends_the_rows_of_credentials_nobody_knew(door: Door) -> None:
    """Half of them belong to accounts, a few exist nowhere, and no balance is in the ledger. The faults stay."""
    ids = members(200)
    door.calendar.speed = 8.0
    async with door.open(**IN_A_HURRY) as office:
        await office.sandbox.seed(
            members=[{"discord_id": one, "balance": 40} for one in ids[:100]],
            credentials=[{"type": "discord-id", "value": one, "balance": 40} for one in ids[100:190]],
        )
        await office.sandbox.switches(drip={"plan": "enterprise"})
        await office.sandbox.faults(campaign={"rate": 0.3, "match": {"path": "/transaction"}})
        await office.send(paying(ids), CREDENTIALS)
    states = await resumed(door, LaneKind.TWINS, lanes=0, **IN_A_HURRY)
    assert states["unknown"] <= 2, states
    assert (states["applied"] + states["rejected"], states["rejected"]) == (200 - states["unknown"], 10)
