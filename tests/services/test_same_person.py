"""One person under several names: found in a file, in what was paid lately, and when it is oneself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.drafting import StagedRow
from bot.domain.model import Duplicates, Recipient, RecipientType
from bot.errors import DraftGone, MatchedEarlier, NotAllowed, Refused
from bot.services.oneself import FAILED_FOR_SECONDS, NOBODY_FOR_SECONDS
from bot.services.rules import Limits
from tests.services.office import MOD, OTHER, Door, file_of, members
from tests.support.calendar import Calendar
from tests.support.sandbox import Sandbox

IDS = members(3)
BOTH = "discord_id,drip_id,amount"
STRICT = Limits(may_award_self=False)


@pytest.fixture
async def drip_ids(sandbox: Sandbox) -> list[str]:
    """Three members, who are customers too."""
    seeded = await sandbox.seed(discord_ids=IDS, balance=1000)
    return list(seeded["members"])


# --- in one file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "amounts", "problems"),
    [
        (Duplicates.SUM, [60, 7], 0),
        (Duplicates.APART, [10, 7, 10, 40], 0),
        (Duplicates.ONCE, [10, 7], 1),
        (Duplicates.REFUSE, [7], 3),
    ],
)
@pytest.mark.parametrize("known", [False, True])
async def test_rows_that_name_one_member_in_two_ways_are_duplicates(
    policy: Duplicates, amounts: list[int], problems: int, known: bool, drip_ids: list[str], door: Door
) -> None:
    rows = [(IDS[0], "", 10), (IDS[1], "", 7), ("", drip_ids[0], 10), ("", drip_ids[0].upper(), 40)]
    async with door.open() as office:
        if known:
            await office.draft(file_of([(IDS[0], 1), (IDS[1], 1)]), "drip-members")
        preview = await office.draft(file_of(rows, BOTH), "drip-members", duplicates=policy)
        assert (preview.totals.recipients, preview.totals.problems) == (
            2 if policy is not Duplicates.REFUSE else 1,
            problems,
        )
        notices = [one for one in preview.warnings if one.kind == "duplicate"]
        assert [one.lines for one in notices] == ([] if policy is Duplicates.REFUSE else [(2, 4, 5)])
        recorded = await office.confirm(preview, good_rows=True)
        assert [award.amount for award in await office.awards(recorded.batch_id)] == amounts
        await office.quiet()
        await office.check_books()
        result = await office.result(recorded.batch_id)
        assert [row["status"] for row in result].count("not sent") == problems


async def test_rows_that_name_one_customer_in_two_ways_are_duplicates(drip_ids: list[str], door: Door) -> None:
    rows = [(IDS[0], "", 10), ("", IDS[0], 5), ("", IDS[1], 1)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows, "discord_id,customer_id,amount"), "gameball")
        assert (preview.totals.rows, preview.totals.recipients, preview.totals.total) == (2, 2, 16)


async def test_credentials_of_different_types_are_different_people_whatever_they_spell(door: Door) -> None:
    rows = [(IDS[0], "", 10), ("", IDS[0], 5)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows, "discord_id,twitter_id,amount"))
        assert (preview.totals.rows, preview.totals.recipients) == (2, 2)


async def test_a_crash_between_looking_up_and_merging_pays_nobody_in_two_rows(drip_ids: list[str], door: Door) -> None:
    content = file_of([(IDS[0], "", 10), ("", drip_ids[0], 10)], BOTH)
    async with door.open() as office:
        wanted = await office.draft(content, "drip-members")
        await office.app.ledger.drafts.clear(wanted.draft.id)
        submitting, drafts = office.app.services.submitting, office.app.ledger.drafts
        named = [Recipient(RecipientType.DISCORD_ID, IDS[0]), Recipient(RecipientType.DRIP_ID, drip_ids[0])]
        staged = [StagedRow(2 + n, None, who, drip_ids[0], 10, None) for n, who in enumerate(named)]
        await drafts.stage(wanted.draft.id, staged, ())
        await drafts.finish(wanted.draft.id, refused=False, summary={})
        shown = await submitting.preview(wanted.draft.id, MOD, Limits())
        with pytest.raises(DraftGone, match="changed after it was shown"):
            await office.confirm(shown)
        merged = await submitting.preview(wanted.draft.id, MOD, Limits())
        assert (merged.totals.rows, merged.totals.total) == (1, 20)


async def test_a_refused_award_of_two_names_becomes_that_award_again(drip_ids: list[str], door: Door) -> None:
    rows = [(IDS[0], "", -600), ("", drip_ids[0], -600)]
    async with door.open() as office:
        first = await office.send(file_of(rows, BOTH), "drip-members")
        assert await office.states(first) == "R"
        content = await office.result_bytes(first)
        await door.sandbox.outside(service="drip", drip_id=drip_ids[0], amount=1000)
        second = await office.send(content, "drip-members")
        (award,) = await office.awards(second)
        assert (award.amount, award.lines, award.continues, award.state.value) == (-1200, (2, 3), 1, "applied")
        again = await office.draft(content, "drip-members")
        assert (again.totals.rows, again.totals.problems) == (0, 0)
        await office.check_books()


async def test_a_corrected_name_that_is_another_person_does_not_continue_the_award(
    drip_ids: list[str], door: Door
) -> None:
    rows = [("", drip_ids[0], -600, ""), (IDS[0], "", -600, "")]
    known = "discord_id,drip_id,amount,award_id"
    async with door.open() as office:
        first = await office.send(file_of(rows, known), "drip-members")
        assert await office.states(first) == "R"
        corrected = [("", drip_ids[0], -600, 1), (IDS[1], "", -600, 1)]
        preview = await office.draft(file_of(corrected, known), "drip-members")
        assert [(one.line, one.kind) for one in await office.problems(preview)] == [(3, "repeated-award")]
        assert preview.totals.rows == 1
        await office.confirm(preview, good_rows=True)


async def test_an_undo_takes_each_award_of_a_member_back_by_itself(drip_ids: list[str], door: Door) -> None:
    async with door.open() as office:
        first = await office.send(file_of([(IDS[0], 10), (IDS[0], 20)]), "drip-members", duplicates=Duplicates.APART)
        undo = await office.app.services.submitting.draft_undo(first, MOD, Limits())
        looked = await office.app.services.submitting.look_up(undo.draft.id, MOD, Limits())
        recorded = await office.confirm(looked)
        await office.quiet()
        assert await office.states(recorded.batch_id) == "AA"
        assert [award.reverses for award in await office.awards(recorded.batch_id)] == [1, 2]
        await office.check_books()


# --- lately -----------------------------------------------------------------------------------------------------------


async def test_a_member_who_was_paid_under_another_name_was_paid(drip_ids: list[str], door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of([(one, 10) for one in IDS]), "drip-members")
        again = await office.draft(file_of([(one, 10) for one in drip_ids], "drip_id,amount"), "drip-members")
        assert (again.matches.rows, again.blocking_matches) == (3, 3)


async def test_a_customer_who_was_paid_under_another_name_was_paid(drip_ids: list[str], door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of([(one, 10) for one in IDS]), "gameball")
        again = await office.draft(file_of([(one, 10) for one in IDS], "customer_id,amount"), "gameball")
        assert again.blocking_matches == 3


async def test_rows_of_one_member_by_two_names_are_found_in_a_sum_that_was_paid_by_one_of_them_elsewhere(
    drip_ids: list[str], door: Door
) -> None:
    """Paid by credentials, which know only that name; now in a members programme. Whatever is put together there, the
    name that tells of the earlier award stays."""
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10), (IDS[0], 20)]))
        rows = [("", drip_ids[0], 5), ("", drip_ids[0], 20), (IDS[0], "", 10), (IDS[0], "", 7)]
        preview = await office.draft(file_of(rows, BOTH), "drip-members")
        assert (preview.totals.rows, preview.matches.rows, preview.matches.total) == (4, 2, 30)
        recorded = await office.confirm(preview, skip_matched=True)
        assert (recorded.awards, recorded.total) == (2, 12)
        again = await office.draft(file_of(rows, BOTH), "drip-members")
        with pytest.raises(Refused, match="an earlier batch has every row"):
            await office.confirm(again, skip_matched=True)


async def test_rows_that_add_up_to_nothing_are_judged_when_it_is_known_who_got_one_of_them(
    drip_ids: list[str], door: Door
) -> None:
    async with door.open() as office:
        await office.send(file_of([(drip_ids[0], -10)], "drip_id,amount"), "drip-members")
        preview = await office.draft(file_of([(IDS[0], 10), (IDS[0], -10)]), "drip-members")
        assert (preview.totals.rows, preview.matches.rows, preview.matches.total) == (2, 1, -10)
        assert (await office.confirm(preview, skip_matched=True)).total == 10
        nothing = await office.draft(file_of([(IDS[1], 10), (IDS[1], -10), (IDS[2], 1)]), "drip-members")
        assert (nothing.totals.rows, nothing.totals.total) == (1, 1)
        assert [one.lines for one in nothing.warnings if one.kind == "nothing-to-pay"] == [(2, 3)]


# --- oneself ----------------------------------------------------------------------------------------------------------


async def test_nobody_confirms_an_award_to_themselves_under_a_name_never_seen_before(door: Door) -> None:
    mod = {"discord_id": MOD.id, "wallet": f"0x{7:040x}", "email": "mod@example.org"}
    seeded = await door.sandbox.seed(members=[mod])
    names = {"drip_id": seeded["members"][0], "wallet": mod["wallet"], "email": mod["email"]}
    async with door.open() as office:
        for column, value in names.items():
            preview = await office.draft(file_of([(value, 10)], f"{column},amount"), "drip-members", limits=STRICT)
            with pytest.raises(NotAllowed, match="award for yourself"):
                await office.confirm(preview, limits=STRICT)
            await office.app.ledger.members.forget(door.sandbox.drip["realm_id"], [f"discord-id:{MOD.id}"])
        assert await office.app.ledger.queries.batches(None) == []


async def test_who_cannot_be_told_from_oneself_is_not_paid(drip_ids: list[str], door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(file_of([(drip_ids[0], 10)], "drip_id,amount"), "drip-members", limits=STRICT)
        await door.sandbox.faults({"match": {"path": "/members/search"}, "kind": "401"})
        with pytest.raises(Refused, match="nothing was sent: it cannot be checked whether a row pays yourself"):
            await office.confirm(preview, limits=STRICT)
        await door.sandbox.faults()
        await office.confirm(preview, limits=STRICT)  # Drip has no member with this Discord id, and the card says so


async def test_one_search_is_made_for_oneself_and_only_where_it_tells_something(
    drip_ids: list[str], door: Door
) -> None:
    await door.sandbox.seed(discord_ids=[MOD.id])
    later = replace(STRICT, start_delay_seconds=3600.0)  # nothing is sent, so no search is made for that

    async def searches() -> int:
        return sum(call["path"].endswith("/members/search") for call in await door.sandbox.calls())

    async with door.open() as office:
        by_id = await office.draft(file_of([(IDS[0], 1)]), "drip-members", limits=STRICT)
        before = await searches()
        by_name = await office.draft(file_of([(drip_ids[1], 1)], "drip_id,amount"), "drip-members", limits=STRICT)
        loss = await office.draft(file_of([(drip_ids[2], -1)], "drip_id,amount"), "drip-members", limits=STRICT)
        once = await office.draft(file_of([(drip_ids[2], 5)], "drip_id,amount"), "drip-members", limits=STRICT)
        for preview in (by_id, loss, by_name, once):
            assert [one.kind for one in preview.warnings] == []
            await office.confirm(preview, limits=later)
        assert await searches() == before + 1


@pytest.mark.parametrize(
    ("header", "rows", "limits", "warned"),
    [
        ("wallet,amount", [(f"0x{7:040x}", 10)], STRICT, True),
        ("email,amount", [("a@example.org", 10)], STRICT, True),
        ("email,amount", [("a@example.org", -10)], STRICT, False),
        ("email,amount", [("a@example.org", 10)], Limits(), False),
        ("discord_id,amount", [(IDS[0], 10)], STRICT, False),
    ],
)
async def test_the_card_says_which_names_cannot_be_compared_with_oneself(
    header: str, rows: list[tuple[object, ...]], limits: Limits, warned: bool, door: Door
) -> None:
    async with door.open() as office:
        preview = await office.draft(file_of(rows, header), actor=OTHER, limits=limits)
        assert [one.kind for one in preview.warnings] == (["self-award"] if warned else [])


@pytest.mark.parametrize("header", ["drip_id", "wallet"])
async def test_the_card_says_that_it_cannot_be_told_where_drip_has_no_member_for_oneself(
    header: str, drip_ids: list[str], door: Door
) -> None:
    named = {"drip_id": drip_ids[0], "wallet": f"0x{7:040x}"}
    await door.sandbox.seed(members=[{"discord_id": "800000000000000077", "wallet": named["wallet"]}])
    content = file_of([(named[header], 10)], f"{header},amount")
    async with door.open() as office:
        preview = await office.draft(content, "drip-members", limits=STRICT)
        (warning,) = preview.warnings
        assert (warning.kind, warning.message) == (
            "self-award",
            f"nobody may award themselves, and Drip has no member for the Discord account of {MOD.name}: it cannot be"
            " told whether a row pays that person",
        )
        free = await office.draft(content, "drip-members", limits=Limits())
        assert free.warnings == ()
        by_id = await office.draft(file_of([(IDS[0], 5)]), "drip-members", limits=STRICT)
        assert by_id.warnings == ()
        await door.sandbox.seed(discord_ids=[MOD.id])
        again = await office.app.services.submitting.preview(preview.draft.id, OTHER, STRICT)
        assert (again.asks_who, again.to_look_up) == (True, 1), "another person is asked about anew"


async def test_the_card_says_so_where_drip_gives_no_answer_about_oneself(drip_ids: list[str], door: Door) -> None:
    await door.sandbox.seed(discord_ids=[MOD.id])
    content = file_of([(drip_ids[0], 10)], "drip_id,amount")
    async with door.open() as office:
        await door.sandbox.faults({"match": {"path": "/members/search"}, "kind": "401"})
        preview = await office.draft(content, "drip-members", limits=STRICT)
        (warning,) = preview.warnings
        assert f"Drip could not be asked now which member {MOD.name} is" in warning.message
        assert not preview.asks_who
        with pytest.raises(Refused, match="it cannot be checked whether a row pays yourself"):
            await office.confirm(preview, limits=STRICT)
        await door.sandbox.faults()
        await office.confirm(preview, limits=STRICT)
        told = await office.draft(file_of([(drip_ids[1], 10)], "drip_id,amount"), "drip-members", limits=STRICT)
        assert told.warnings == ()


class _Later(Calendar):
    """Goes on by this much, whatever is done to the clock on the wall."""

    passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


@pytest.mark.parametrize(("fault", "seconds"), [("401", FAILED_FOR_SECONDS), (None, NOBODY_FOR_SECONDS)])
async def test_who_oneself_is_gets_asked_anew_after_its_time_also_where_the_clock_was_set_back(
    fault: str | None, seconds: float, tmp_path: Path, drip_ids: list[str], door: Door
) -> None:
    content, calendar = file_of([(drip_ids[0], 10)], "drip_id,amount"), _Later()
    async with Door(door.sandbox, tmp_path, calendar).open() as office:
        if fault is not None:
            await door.sandbox.faults({"match": {"path": "/members/search"}, "kind": fault})
        preview = await office.draft(content, "drip-members", limits=STRICT)
        assert len(preview.warnings) == 1
        calendar.days = -1
        for passed, asked in ((seconds / 2, False), (seconds + 1, True)):
            calendar.passed = passed
            again = await office.app.services.submitting.preview(preview.draft.id, MOD, STRICT)
            assert again.asks_who is asked


@pytest.mark.parametrize("mapped", [True, False])
async def test_the_card_says_that_it_cannot_be_told_where_oneself_is_not_in_the_customer_map(
    mapped: bool, tmp_path: Path, drip_ids: list[str], door: Door
) -> None:
    who = MOD.id if mapped else "800000000000000078"
    customers = tmp_path / "customers.csv"
    customers.write_text(f"discord_id,customer_id\n{who},customer-1\n{IDS[0]},{IDS[0]}\n", encoding="utf-8")
    async with door.open(GAMEBALL_CUSTOMER_MAP=str(customers)) as office:
        preview = await office.draft(file_of([(IDS[1], 10)], "customer_id,amount"), "gameball", limits=STRICT)
        said = [one.message for one in preview.warnings if one.kind == "self-award"]
        assert bool(said) is not mapped
        if said:
            assert f"the customer map has no customer for the Discord account of {MOD.name}" in said[0]
        own = await office.draft(file_of([("customer-1", 10)], "customer_id,amount"), "gameball", limits=STRICT)
        if mapped:
            with pytest.raises(NotAllowed, match="award for yourself"):
                await office.confirm(own, limits=STRICT)
        by_id = await office.draft(file_of([(IDS[0], 10)]), "gameball", limits=STRICT)
        assert [one.kind for one in by_id.warnings] == []


@pytest.mark.parametrize("policy", [Duplicates.SUM, Duplicates.APART])
@pytest.mark.parametrize("paid_first", [True, False])
async def test_a_row_that_was_paid_by_a_login_is_asked_about_whichever_row_of_the_member_it_is(
    policy: Duplicates, paid_first: bool, drip_ids: list[str], door: Door
) -> None:
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10)]), "drip-credentials")
        rows = [("", drip_ids[0], 10 if paid_first else 20), (IDS[0], "", 20 if paid_first else 10)]
        preview = await office.draft(file_of(rows, BOTH), "drip-members", duplicates=policy)
        assert (preview.matches.rows, preview.matches.total) == (1, 10)
        with pytest.raises(MatchedEarlier):
            await office.confirm(preview)
        recorded = await office.confirm(preview, skip_matched=True)
        assert [award.amount for award in await office.awards(recorded.batch_id)] == [20]
        await office.quiet()
        await office.check_books()


async def test_who_was_paid_for_a_campaign_by_another_name_in_the_list_is_left_out(
    drip_ids: list[str], door: Door
) -> None:
    """Only the deduction names somebody as the award of that week did, and that what is given goes to the same one is
    told by the look-up."""
    rows = [(IDS[0], "", -5), ("", drip_ids[0], 10), ("", drip_ids[0], 20), (IDS[1], "", 10), (IDS[2], "", 10)]
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10), (IDS[1], 10)]), label="Week 31")
        preview = await office.draft(file_of(rows, BOTH), "drip-members", label="Week 31", duplicates=Duplicates.APART)
        assert (preview.matches.rows, preview.campaign.rows, preview.campaign.left_out) == (2, 3, 3)
        recorded = await office.confirm(preview, difference=True)
        paid = [(award.recipient.value, award.amount) for award in await office.awards(recorded.batch_id)]
        assert paid == [(IDS[0], -5), (IDS[2], 10)]
