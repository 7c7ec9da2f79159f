"""Small Gameball batches, paid one by one under ids that the service takes once: what is lost is sent again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.clock import milliseconds
from bot.domain.model import Decision, Duplicates, ProviderKind
from bot.domain.promises import TAKEN_ONCE
from bot.ledger import copying
from tests.ledger.making import attempts_of
from tests.providers.support import Call, Reply, Service
from tests.services.doubts import FAULTS, resumed, seed
from tests.services.office import HURRY, IN_A_HURRY, MOD, Door, Office, members, paying, speed_beside
from tests.support.patience import until

ONE_BY_ONE = {"GAMEBALL_MANUAL_UP_TO": "5"}
MANUAL = {"method": "POST", "path": "/transactions/manual"}


async def proved(office: Office) -> None:
    """A probe has shown that an id is taken once."""
    account = office.app.services.programmes.get("gameball").destination.account
    await office.app.ledger.capabilities.store(
        account, ProviderKind.GAMEBALL, TAKEN_ONCE.name, TAKEN_ONCE.value, {"by": "this test"}
    )


async def paths(office: Office) -> list[str]:
    return [call["path"].rpartition("integrations/")[2] for call in await office.writes()]


@pytest.mark.parametrize(
    ("count", "up_to", "probed", "expected"),
    [
        (5, "5", True, ["transactions/manual"] * 5),
        (6, "5", True, ["batch/balance-adjustment"]),
        (5, "5", False, ["batch/balance-adjustment"]),
        (5, "", True, ["batch/balance-adjustment"]),
        (5, "0", True, ["batch/balance-adjustment"]),
    ],
)
async def test_only_small_batches_of_a_proved_service_go_one_by_one(
    count: int, up_to: str, probed: bool, expected: list[str], door: Door
) -> None:
    ids = members(count)
    async with door.open(GAMEBALL_MANUAL_UP_TO=up_to) as office:
        await seed(office, "gameball", ids)
        if probed:
            await proved(office)
        batch_id = await office.send(paying(ids), "gameball")
        assert await office.states(batch_id) == "A" * count
        assert await paths(office) == expected
        await office.check_books()


@pytest.mark.parametrize("name", FAULTS)
async def test_a_lost_answer_is_sent_again_and_nobody_is_paid_twice(name: str, door: Door) -> None:
    ids = members(4)
    async with door.open(**ONE_BY_ONE) as office:
        await seed(office, "gameball", ids)
        await proved(office)
        await office.sandbox.faults({"match": {**MANUAL, "nth": 2}, **FAULTS[name]})
        batch_id = await office.send(paying(ids), "gameball")
        await office.sandbox.faults()
        doubted = (await office.states(batch_id)).count("U")
    # Whatever the settings say by now: what went under its id goes under its id again.
    states, events = await resumed(door, speed=speed_beside(FAULTS[name]))
    assert states == {"applied": 4}
    async with door.open(dispatching=False) as office:
        assert set(await paths(office)) == {"transactions/manual"}
        assert len(await office.writes()) == 4 + doubted
        assert "evidence-not-landed" not in events
        attempts = await attempts_of(office.app.ledger, batch_id)
        assert len(attempts) == 4 + doubted


async def restored(door: Door, batch_id: int, before: Path, behind: float = 0.0) -> str:
    """What becomes of a batch in a ledger that is put back from a copy, signed off, and resumed. ``behind``: seconds by
    which the clock of the machine on which it is put back is slow."""
    ledger = door.directory / "bursar.db"
    copying.restore(before, ledger, milliseconds(door.calendar.now() - behind))
    async with door.open(settling=True, BURSAR_JOB_WAIT="16") as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        in_force = await office.states(batch_id)
        assert set(in_force) <= {"U", "S"}, "nothing is decided before somebody has signed off"
        assert await office.app.ledger.restorations.sign_off("Ada")
        office.app.services.dispatcher.wake()
        await office.app.services.dispatcher.until_quiet(settled=True)
        return await office.states(batch_id)


@pytest.mark.parametrize("up_to", ["5", "0"])
async def test_a_doubt_of_a_restored_ledger_is_settled_where_the_list_shows_that_it_landed(
    up_to: str, door: Door
) -> None:
    """One by one, by the award's id; in a job, by the call's token."""
    (one,) = members(1)
    copy = door.directory / "copy.db"
    async with door.open(GAMEBALL_MANUAL_UP_TO=up_to) as office:
        await seed(office, "gameball", [one])
        await proved(office)
        await office.sandbox.faults({"match": {"method": "POST", "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await office.send(paying([one]), "gameball")
        assert await office.states(batch_id) == "U"
        sent = len(await office.writes())
    copying.copy(door.directory / "bursar.db", copy)
    assert await restored(door, batch_id, copy) == "A"
    async with door.open(dispatching=False) as office:
        assert len(await office.writes()) == sent
        await office.check_books()


@pytest.mark.parametrize("behind", [0.0, 3600.0])
@pytest.mark.parametrize("up_to", ["5", "0"])
async def test_a_doubt_of_a_restored_ledger_that_did_not_land_is_not_sent_again_by_itself(
    up_to: str, behind: float, door: Door
) -> None:
    """The lost ledger saw it refused, and paid the retry: an award with an id and a call of its own. Whatever the time
    is on the machine on which it is put back."""
    (one,) = members(1)
    copy = door.directory / "copy.db"
    async with door.open(GAMEBALL_MANUAL_UP_TO=up_to) as office:
        await seed(office, "gameball", [one])
        await proved(office)
        await office.sandbox.faults({"match": {"method": "POST", "nth": 1}, "kind": "reset-before-apply"})
        batch_id = await office.send(paying([one]), "gameball")
        assert await office.states(batch_id) == "U"
    copying.copy(door.directory / "bursar.db", copy)
    async with door.open(GAMEBALL_MANUAL_UP_TO=up_to) as office:
        (award,) = await office.awards(batch_id)
        await office.app.services.batches.resolve(batch_id, [award.id], Decision.WRITE_OFF, MOD, reason="x")
        await office.send(paying([one], 11), "gameball")
        sent = len(await office.writes())
    assert await restored(door, batch_id, copy, behind) == "U"
    async with door.open(dispatching=False) as office:
        assert len(await office.writes()) == sent
        assert await office.app.ledger.evidence.waiting() == [], "a person decides"


async def test_a_job_of_a_restored_ledger_that_did_nothing_is_not_sent_again_by_itself(door: Door) -> None:
    """Its report is lost, and its token is not in the list. The lost ledger saw that, too, and sent the award anew."""
    (one,) = members(1)
    copy = door.directory / "copy.db"
    door.calendar.speed = HURRY
    async with door.open(settling=True, BURSAR_JOB_WAIT="16") as office:
        await seed(office, "gameball", [one])
        await office.sandbox.switches(gameball={"job_delay": 1.0})
        fault = {"match": {"method": "POST", "nth": 1}, "kind": "job-lost", "applied": False}
        await office.sandbox.faults(fault)
        batch_id = (await office.confirm(await office.draft(paying([one]), "gameball"))).batch_id

        async def accepted() -> bool:
            return bool(await office.app.ledger.claims.jobs())

        await until(accepted)
        copying.copy(door.directory / "bursar.db", copy)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "A"
        sent = len(await office.writes())
        assert sent == 2
    assert await restored(door, batch_id, copy) == "U"
    async with door.open(dispatching=False) as office:
        assert len(await office.writes()) == sent


async def test_a_campaign_of_faults_and_one_resume_leave_no_doubt(door: Door) -> None:
    ids = members(40)
    async with door.open(GAMEBALL_MANUAL_UP_TO="40", **IN_A_HURRY) as office:
        await seed(office, "gameball", ids)
        await proved(office)
        await office.sandbox.faults(campaign={"rate": 0.3})
        door.calendar.speed = HURRY
        await office.send(paying(ids), "gameball")
        await office.sandbox.faults()
    assert (await resumed(door, **IN_A_HURRY))[0] == {"applied": 40}


async def test_what_is_definitely_refused_is_rejected_and_a_capped_deduction_says_so(door: Door) -> None:
    there, missing = members(2)
    async with door.open(**ONE_BY_ONE) as office:
        await seed(office, "gameball", [there])
        await proved(office)
        batch_id = await office.send(paying([there, missing], -100), "gameball")
        one, other = await office.awards(batch_id)
        assert (one.state.value, one.detail) == ("applied", "It landed in part: 40 of 100 were taken.")
        assert other.state.value == "rejected"
        await office.check_books()


@pytest.mark.parametrize("fault", ["reset-after-apply", "reset-before-apply"])
async def test_nothing_of_a_stopped_batch_is_sent_again(fault: str, door: Door) -> None:
    (one,) = members(1)
    async with door.open(**ONE_BY_ONE) as office:
        await seed(office, "gameball", [one])
        await proved(office)
        await office.sandbox.faults({"match": {**MANUAL, "nth": 1}, "kind": fault})
        batch_id = await office.send(paying([one, one]), "gameball", duplicates=Duplicates.APART)
        assert await office.states(batch_id) == "UP"  # nothing is sent to a recipient in doubt
        await office.app.services.batches.stop(batch_id, MOD)
        calls = len(await office.writes())
    states, _ = await resumed(door)
    assert states == ({"applied": 1, "cancelled": 1} if fault == "reset-after-apply" else {"cancelled": 2})
    async with door.open(dispatching=False) as office:
        assert len(await office.writes()) == calls


@pytest.mark.parametrize("landed", [True, False])
async def test_without_the_proof_the_list_decides_by_the_id(landed: bool, door: Door) -> None:
    (one,) = members(1)
    async with door.open(**ONE_BY_ONE) as office:
        await office.sandbox.switches(gameball={"reason_cut": 0})  # only the id tells
        await seed(office, "gameball", [one])
        await proved(office)
        await office.sandbox.faults(
            {"match": {**MANUAL, "nth": 1}, "kind": "reset-after-apply" if landed else "reset-before-apply"}
        )
        await office.send(paying([one]), "gameball")
        account = office.app.services.programmes.get("gameball").destination.account
        await office.app.ledger.capabilities.forget(account, ProviderKind.GAMEBALL, TAKEN_ONCE.name)
    states, events = await resumed(door)
    assert states == {"applied": 1}
    assert ("evidence-applied" if landed else "evidence-not-landed") in events


async def test_rows_that_a_job_did_not_carry_out_go_on_one_by_one(door: Door) -> None:
    ids = members(8)
    fault: dict[str, Any] = {"kind": "job-partial", "applied": False}
    async with door.open(**ONE_BY_ONE) as office:
        await seed(office, "gameball", ids)
        await proved(office)
        await office.sandbox.faults(
            {"match": {"method": "POST", "path": "/batch/balance-adjustment", "nth": 1}, **fault}
        )
        await office.send(paying(ids), "gameball")
        await office.sandbox.faults()
    assert (await resumed(door, **ONE_BY_ONE))[0] == {"applied": 8}
    async with door.open(dispatching=False) as office:
        assert await paths(office) == ["batch/balance-adjustment", *["transactions/manual"] * 4]


async def test_a_person_may_still_decide_while_an_award_waits_to_be_sent_again(door: Door) -> None:
    (one,) = members(1)
    async with door.open(**ONE_BY_ONE, BURSAR_SETTLE_AFTER="60") as office:
        await seed(office, "gameball", [one])
        await proved(office)
        await office.sandbox.faults({"match": {**MANUAL, "nth": 1}, "kind": "reset-after-apply"})
        batch_id = await office.send(paying([one]), "gameball")
        (award,) = await office.awards(batch_id)
        batches = office.app.services.batches
        await batches.resolve(batch_id, [award.id], Decision.SEND_AGAIN, MOD, reason="the list is empty, I think")
        await office.quiet()
        (award,) = await office.awards(batch_id)
        assert award.detail == "Gameball had this award's transaction already, so an earlier call landed."
        await office.check_books()


@pytest.mark.parametrize("points", [0, -10])
async def test_a_transaction_that_gave_nothing_by_its_own_answer_is_not_made_a_payment_by_its_id(
    points: int, door: Door
) -> None:
    """Sent once more it would be told that its id is taken, which says nothing of what it gave."""
    made: list[dict[str, Any]] = []

    def answering(call: Call) -> Reply:
        if call.method != "POST":
            return Reply(body={"transactions": made if "startAfter=0" in call.path else [], "hasMore": False})
        if made:
            return Reply(422, {"code": 9004, "type": "INVALID_OPERATION", "message": "The transaction id exists"})
        told = {name: call.json[name] for name in ("customerId", "transactionId", "reason")}
        made.append({**told, "gameballTransactionId": 7, "points": points, "direction": "+", "status": "Active"})
        return Reply(body=made[0])

    service = Service()
    service.answering = answering
    async with service.running(), door.open(GAMEBALL_BASE_URL=service.url, settling=True, **ONE_BY_ONE) as office:
        await proved(office)
        batch_id = await office.send(paying(members(1)), "gameball")
        door.calendar.speed = HURRY
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert await office.states(batch_id) == "U"
    assert sum(call.method == "POST" for call in service.calls) == 1
