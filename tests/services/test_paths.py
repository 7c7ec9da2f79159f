"""The three write paths from a file to a finished batch, with the stand-ins' books beside the ledger."""

from __future__ import annotations

import pytest

from bot.domain.model import PauseKind
from bot.errors import ResolutionFailed
from bot.services.rules import Limits
from tests.ledger.making import attempts_of
from tests.services.office import MOD, NO_LIMITS, Door, file_of, members, pauses, paying

PROGRAMMES = ["drip-credentials", "drip-members", "gameball"]


@pytest.mark.parametrize("programme", PROGRAMMES)
async def test_a_file_becomes_a_finished_batch_and_the_books_agree(programme: str, door: Door) -> None:
    ids = members(25)
    await door.sandbox.seed(discord_ids=ids, balance=100)
    rows = [(one, number if number % 7 else -number, f"Quest {number}") for number, one in enumerate(ids, start=1)]
    async with door.open() as office:
        batch_id = await office.send(file_of(rows, "discord_id,amount,reason"), programme)
        assert (await office.states(batch_id), await office.state(batch_id)) == ("A" * 25, "finished")
        assert len(await office.writes()) == 3
        await office.check_books()
        result = await office.result(batch_id)
        assert [(row["discord_id"], row["amount"]) for row in result] == [(f"'{one}", str(n)) for one, n, _ in rows]
        assert {row["status"] for row in result} == {"applied"}
        view = await office.app.services.batches.view(batch_id, MOD)
        assert (view.counts.applied, view.calls_left, view.retryable) == (25, 0, 0)


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("twitter_id,amount", [str(44_196_397 + number) for number in range(12)], "twitter-id"),
        ("wallet,amount", [f"0x{number:040x}" for number in range(1, 13)], "wallet"),
        ("email,amount", [f"somebody{number}@example.org" for number in range(12)], "email"),
    ],
)
async def test_credentials_of_every_type_are_paid(header: str, values: list[str], kind: str, door: Door) -> None:
    await door.sandbox.seed(credentials=[{"type": kind, "value": value} for value in values])
    async with door.open() as office:
        batch_id = await office.send(paying(values, header=header))
        assert await office.states(batch_id) == "A" * 12
        await office.check_books()


async def test_custom_credentials_are_paid_with_their_source(door: Door) -> None:
    guests = [f"guest-{number}" for number in range(12)]
    await door.sandbox.seed(credentials=[{"type": "custom", "value": one, "source": "shop"} for one in guests])
    async with door.open() as office:
        batch_id = await office.send(file_of([(one, "shop", 10) for one in guests], "custom,source,amount"))
        assert await office.states(batch_id) == "A" * 12
        await office.check_books()


@pytest.mark.parametrize(("column", "field"), [("wallet", "wallet"), ("email", "email"), ("drip_id", None)])
async def test_members_are_paid_however_they_are_named(column: str, field: str | None, door: Door) -> None:
    people = [
        {"discord_id": one, "wallet": f"0x{number:040x}", "email": f"Somebody{number}@example.org"}
        for number, one in enumerate(members(60), start=1)
    ]
    seeded = await door.sandbox.seed(members=people)
    values = seeded["members"] if field is None else [one[field] for one in people]
    async with door.open() as office:
        batch_id = await office.send(paying(values, header=f"{column},amount"), "drip-members")
        assert await office.states(batch_id) == "A" * 60
        await office.check_books()


async def test_customers_are_paid_by_id_and_by_template(door: Door) -> None:
    await door.sandbox.seed(customers=[{"id": "shop-7"}, {"id": "discord-1000000000000000001"}])
    async with door.open(GAMEBALL_CUSTOMER_ID_TEMPLATE="discord-{discord_id}") as office:
        by_id = await office.send(file_of([("shop-7", 10)], "customer_id,amount"), "gameball")
        by_template = await office.send(paying(members(1)), "gameball")
        assert (await office.states(by_id), await office.states(by_template)) == ("A", "A")
        await office.check_books()


async def test_money_is_sent_to_the_hundredth(door: Door) -> None:
    await door.sandbox.seed(customers=[{"id": "shop-7"}, {"id": "shop-8"}])
    await door.sandbox.switches(gameball={"unit": "money"})
    async with door.open(GAMEBALL_AMOUNT_UNIT="money") as office:
        rows = [("shop-7", "12.50"), ("shop-8", "0.29")]
        batch_id = await office.send(file_of(rows, "customer_id,amount"), "gameball")
        assert [award.amount for award in await office.awards(batch_id)] == [1250, 29]
        await office.check_books()


@pytest.mark.parametrize("contract", ["a", "b", "both"])
@pytest.mark.parametrize("setting", ["auto", ""])
async def test_jobs_are_followed_under_both_contracts(contract: str, setting: str, door: Door) -> None:
    ids = members(25)
    await door.sandbox.seed(discord_ids=ids[:-1])
    await door.sandbox.switches(gameball={"contract": contract, "job_seconds": 0.3})
    chosen = setting or ("a" if contract == "a" else "b")
    async with door.open(GAMEBALL_STATUS_CONTRACT=chosen) as office:
        batch_id = await office.send(paying(ids), "gameball")
        assert await office.states(batch_id) == "A" * 24 + "R"
        await office.check_books()


# --- all or nothing ---------------------------------------------------------------------------------------------------


async def test_a_bad_row_of_a_refused_call_is_found_by_a_read_and_the_rest_is_paid(door: Door) -> None:
    seeded = await door.sandbox.seed(discord_ids=members(20), balance=5)
    ids = seeded["members"]
    rows = [(one, -50 if number == 3 else 10) for number, one in enumerate(ids)]
    rows[14] = ("f" * 24, 10)
    async with door.open() as office:
        batch_id = await office.send(file_of(rows, "drip_id,amount"), "drip-members")
        assert await office.states(batch_id) == "AAARAAAAAAAAAARAAAAA"
        assert len(await office.writes()) == 4  # two refused, two for the rest
        awards = await office.awards(batch_id)
        assert "cannot be taken" in (awards[3].detail or "")
        assert "not a member" in (awards[14].detail or "")
        await office.check_books()


async def test_a_bad_row_that_no_read_shows_is_found_by_halving(door: Door) -> None:
    seeded = await door.sandbox.seed(discord_ids=members(10), balance=5)
    rows = [(one, -50 if number == 3 else 10) for number, one in enumerate(seeded["members"])]
    await door.sandbox.switches(drip={"forbidden": ["/members/search"]})
    async with door.open() as office:
        batch_id = await office.send(file_of(rows, "drip_id,amount"), "drip-members")
        assert await office.states(batch_id) == "AAARAAAAAA"
        await office.check_books()
        attempts = await attempts_of(office.app.ledger, batch_id)
        assert [attempt.verdict for attempt in attempts].count("refused-whole") >= 3


# --- looking up -------------------------------------------------------------------------------------------------------


async def test_a_discord_id_without_a_member_is_rejected_before_any_write_and_the_rest_is_paid(door: Door) -> None:
    ids = members(60)
    await door.sandbox.seed(discord_ids=ids[:57], **{"as": ["member"]})
    async with door.open() as office:
        preview = await office.draft(paying(ids), "drip-members")
        assert (preview.totals.rows, preview.totals.unresolved, preview.good_rows) == (60, 3, 57)
        assert [row.line for row in preview.unresolved] == [59, 60, 61]
        assert await office.writes() == []
        recorded = await office.confirm(preview)
        assert (recorded.awards, recorded.rejected) == (60, 3)
        await office.quiet()
        assert await office.states(recorded.batch_id) == "A" * 57 + "RRR"
        await office.check_books()
        assert (await office.app.services.batches.view(recorded.batch_id, MOD)).retryable == 3


async def test_an_id_without_a_member_goes_by_credential_where_the_settings_say_so(door: Door) -> None:
    ids = members(13)
    await door.sandbox.seed(discord_ids=ids[:11], **{"as": ["member"]})
    await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in ids[11:]])
    async with door.open(DRIP_UNRESOLVED="credentials") as office:
        batch_id = await office.send(paying(ids), "drip-members")
        assert await office.states(batch_id) == "A" * 13
        await office.check_books()
        paths = {call["path"].rsplit("/", 2)[1] for call in await office.writes()}
        assert paths == {"members", "credentials"}
        known = await office.app.ledger.members.known(
            door.sandbox.drip["realm_id"], [f"discord-id:{one}" for one in ids], max_age_seconds=60
        )
        assert len(known) == 11  # whoever is paid by credential may be a member tomorrow


@pytest.mark.parametrize("access", ["denied", "forbidden"])
async def test_members_that_may_not_be_looked_up_are_no_missing_members(access: str, door: Door) -> None:
    ids = members(10)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.switches(drip={"credentials_access": access})
    async with door.open() as office:
        with pytest.raises(ResolutionFailed):
            await office.draft(paying(ids), "drip-members")
        assert await office.app.ledger.queries.batches(None) == []
        assert await office.writes() == []


async def test_a_failed_look_up_goes_on_where_it_stopped(door: Door) -> None:
    ids = members(120)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.faults({"match": {"path": "/members/search", "nth": [2]}, "kind": "401"})
    async with door.open() as office:
        with pytest.raises(ResolutionFailed):
            await office.draft(paying(ids), "drip-members")
        (draft,) = await office.app.services.submitting.open_drafts(MOD)
        seen: list[tuple[int, int]] = []
        submitting = office.app.services.submitting
        preview = await submitting.look_up(draft.id, MOD, NO_LIMITS, lambda done, of: seen.append((done, of)))
        assert seen == [(50, 70), (70, 70)]
        assert (preview.totals.pending, preview.totals.unresolved) == (0, 0)


async def test_members_once_found_are_not_looked_up_again_for_a_week(door: Door) -> None:
    ids = members(10)
    await door.sandbox.seed(discord_ids=ids)

    async def searches() -> int:
        return sum("/members/search" in call["path"] for call in await door.sandbox.calls())

    async with door.open() as office:
        await office.draft(paying(ids), "drip-members")
        assert await searches() == 1
        await office.draft(paying(ids), "drip-members")
        assert await searches() == 1
        door.calendar.days = 8
        await office.draft(paying(ids), "drip-members")
        assert await searches() == 2


# --- what is no verdict on any row ----------------------------------------------------------------------------------


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize(
    ("kind", "pause"), [("401", PauseKind.KEY), ("403", PauseKind.ACCESS), ("quota", PauseKind.QUOTA)]
)
async def test_a_refused_key_or_a_spent_quota_pauses_with_the_rows_planned(
    programme: str, kind: str, pause: PauseKind, door: Door
) -> None:
    ids = members(20)
    await door.sandbox.seed(discord_ids=ids)
    writes = {"path": "/transaction" if programme != "gameball" else "/balance-adjustment"}
    await door.sandbox.faults({"match": {**writes, "nth": 2}, "kind": kind})
    async with door.open() as office:
        batch_id = await office.send(paying(ids), programme)
        assert await office.states(batch_id) == "A" * 10 + "P" * 10
        assert await office.state(batch_id) == f"paused:{pause.value}"
        assert pauses(office.told) == [(batch_id, pause.value)]
        await office.check_books()
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "A" * 20
        await office.check_books()


@pytest.mark.parametrize("programme", PROGRAMMES[:2])
@pytest.mark.parametrize("status", ["400", "404"])
async def test_a_missing_currency_pauses_and_rejects_nobody(programme: str, status: str, door: Door) -> None:
    ids = members(15)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.switches(drip={"unknown_currency": status})
    async with door.open(DRIP_CURRENCY_ID="0123456789abcdef01234567") as office:
        batch_id = await office.send(paying(ids), programme)
        assert (await office.states(batch_id), await office.state(batch_id)) == ("P" * 15, "paused:currency")
        assert pauses(office.told) == [(batch_id, "currency")]


# --- doubts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("programme", PROGRAMMES)
@pytest.mark.parametrize("kind", ["reset-after-apply", "reset-before-apply", "502", "broken-json"])
async def test_a_lost_answer_leaves_doubts_and_the_rest_is_paid(programme: str, kind: str, door: Door) -> None:
    ids = members(25)
    await door.sandbox.seed(discord_ids=ids)
    writes = {"path": "/transaction" if programme != "gameball" else "/balance-adjustment"}
    await door.sandbox.faults({"match": {**writes, "nth": 2}, "kind": kind})
    async with door.open() as office:
        batch_id = await office.send(paying(ids), programme)
        second_and_third = (
            "U" * 10 + "A" * 5,
            "A" * 10 + "U" * 5,
        )  # beside each other: either can be the one that is lost
        assert await office.states(batch_id) in ["A" * 10 + rest for rest in second_and_third]
        assert await office.state(batch_id) == "finished"
        await office.check_books()


async def test_items_that_an_answer_does_not_name_are_in_doubt(door: Door) -> None:
    ids = members(10)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.faults({"match": {"path": "/credentials/transaction"}, "kind": "partial-answer", "share": 0.6})
    async with door.open() as office:
        batch_id = await office.send(paying(ids))
        assert await office.states(batch_id) == "A" * 6 + "U" * 4
        await office.check_books()


async def test_an_unreachable_service_leaves_everything_planned(door: Door) -> None:
    ids = members(5)
    door.calendar.speed = 50.0
    async with door.open(DRIP_BASE_URL="http://127.0.0.1:9") as office:
        began = office.app.clock.monotonic()
        batch_id = await office.send(paying(ids))
        assert (await office.states(batch_id), await office.state(batch_id)) == ("PPPPP", "open")
        assert office.app.clock.monotonic() - began > 25


async def test_the_time_left_counts_the_reads_before_the_calls_as_the_preview_did(door: Door) -> None:
    ids = members(60)
    await door.sandbox.seed(discord_ids=ids)
    async with door.open(DRIP_RATE_PLAN="free") as office:
        preview = await office.draft(paying(ids))
        assert preview.schedule.reads > 2 * 24, "two windows at least"
        batch_id = (await office.confirm(preview, limits=Limits(start_delay_seconds=600))).batch_id
        view = await office.app.services.batches.view(batch_id, MOD)
        assert view.seconds_left is not None
        assert 0 <= view.seconds_left - preview.schedule.seconds <= 600
