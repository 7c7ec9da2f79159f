"""Paying twice by habit: every row is compared with what was paid lately."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.model import Decision, Duplicates
from bot.errors import DraftGone, LimitExceeded, MatchedEarlier, Refused
from bot.services.submitting import Choice, Wish
from tests.services.office import MOD, NO_LIMITS, OTHER, SERVER, Door, file_of, members, paying
from tests.support.sandbox import Sandbox

IDS = members(6)


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=members(60), balance=1000)


async def test_the_same_file_twice_is_refused_and_names_the_batch_the_person_and_the_rows(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS))
        preview = await office.draft(paying(IDS), actor=OTHER)
        assert (preview.matches.rows, preview.matches.total, preview.blocking_matches) == (6, 60, 6)
        ((batch_id, name, rows),) = [(one.batch_id, one.actor_name, one.rows) for one in preview.matches.batches]
        assert (batch_id, name, rows) == (first, "mod", 6)
        with pytest.raises(MatchedEarlier, match="6 awards were already paid in the last 30 days: batch 1"):
            await office.confirm(preview, actor=OTHER)
        assert len(await office.app.ledger.queries.batches(None)) == 1


async def test_again_pays_matched_rows_a_second_time(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS))
        second = await office.send(paying(IDS), confirm={"again": True})
        assert await office.states(second) == "A" * 6
        await office.check_books()
        assert (await office.app.ledger.queries.events(second))[0].detail["again"] is True


async def test_only_the_rows_not_yet_paid_are_sent_on_request(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS[:4]))
        preview = await office.draft(paying(IDS))
        assert (preview.matches.rows, preview.blocking_matches) == (4, 4)
        with pytest.raises(MatchedEarlier):
            await office.confirm(preview)
        recorded = await office.confirm(preview, skip_matched=True)
        assert (recorded.awards, recorded.skipped) == (2, 4)
        await office.quiet()
        await office.check_books()
        result = await office.result(recorded.batch_id)
        assert [row["status"] for row in result] == ["not sent"] * 4 + ["applied"] * 2
        assert result[0]["detail"] == f"not sent again: the same is in batch {first}"


async def test_a_row_that_was_paid_is_found_also_where_another_row_of_its_recipient_would_be_added_to_it(
    door: Door,
) -> None:
    """Last week's file with this week's rows below it."""
    async with door.open() as office:
        first = await office.send(paying(IDS[:2]))
        content = file_of([*((one, 10) for one in IDS[:2]), *((one, 7) for one in IDS[:3]), (IDS[2], 8)])
        preview = await office.draft(content)
        assert (preview.matches.rows, preview.blocking_matches, preview.totals.total) == (2, 2, 20 + 14 + 15)
        assert any(
            "an award of the last 30 days has" in one.message and one.lines == (2, 3) for one in preview.warnings
        )
        recorded = await office.confirm(preview, skip_matched=True)
        await office.quiet()
        await office.check_books()
        result = await office.result(recorded.batch_id)
        assert [row["status"] for row in result] == ["not sent"] * 2 + ["applied"] * 4
        assert result[0]["detail"] == f"not sent again: the same is in batch {first}"
        again = await office.draft(content)
        assert (again.matches.rows, again.totals.rows) == (5, 5)


LAST_WEEK = [(IDS[0], 10), (IDS[1], 20), (IDS[0], 20), (IDS[2], 5), (IDS[2], 5), (IDS[2], 5)]
THIS_WEEK = [(IDS[0], 25), (IDS[1], 7), (IDS[2], 4), (IDS[3], 1)]


@pytest.mark.parametrize("rows", [LAST_WEEK + THIS_WEEK, THIS_WEEK + LAST_WEEK], ids=["below", "above"])
async def test_rows_that_were_added_up_last_week_are_found_among_this_week_s(
    rows: list[tuple[str, int]], door: Door
) -> None:
    """A sheet that only grows: whoever had several rows in it last week got their sum, which no single row shows."""
    async with door.open() as office:
        await office.send(file_of(LAST_WEEK))
        preview = await office.draft(file_of(rows))
        assert (preview.matches.rows, preview.matches.total) == (3, 30 + 20 + 15)
        (told,) = [one for one in preview.warnings if "an award of the last 30 days has" in one.message]
        assert len(told.lines) == len(LAST_WEEK)
        recorded = await office.confirm(preview, skip_matched=True)
        await office.quiet()
        assert [award.amount for award in await office.awards(recorded.batch_id)] == [25, 7, 4, 1]
        await office.check_books()
        statuses = [row["status"] for row in await office.result(recorded.batch_id)]
        old, new = ["not sent"] * len(LAST_WEEK), ["applied"] * len(THIS_WEEK)
        assert statuses == (old + new if rows[:6] == LAST_WEEK else new + old)
        third = await office.draft(file_of([*rows, (IDS[0], 3), (IDS[4], 2)]))
        assert third.totals.rows - third.matches.rows == 2
        assert (await office.confirm(third, skip_matched=True)).total == 5


@pytest.mark.parametrize("days", [0, -1], ids=["", "clock set back"])
@pytest.mark.parametrize("meanwhile", [[(IDS[0], 10)], [(IDS[0], 10), (IDS[0], 20)]], ids=["row", "rows"])
async def test_a_row_that_was_paid_after_the_file_was_read_is_not_paid_again_within_a_sum(
    meanwhile: list[tuple[str, int]], days: int, door: Door
) -> None:
    """Two sheets that overlap are previewed, then both are confirmed."""
    rows = [(IDS[0], 10), (IDS[0], 20), (IDS[0], 7), (IDS[1], 5)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows))
        assert (preview.totals.rows, preview.matches.rows) == (2, 0)
        door.calendar.days = days
        await office.send(file_of(meanwhile), actor=OTHER)
        for _ in range(2):
            with pytest.raises((MatchedEarlier, DraftGone)):
                await office.confirm(preview)
        now = await office.app.services.submitting.preview(preview.draft.id, MOD, NO_LIMITS)
        assert (now.matches.rows, now.matches.total) == (1, sum(amount for _, amount in meanwhile))
        recorded = await office.confirm(now, skip_matched=True)
        assert recorded.total == sum(amount for _, amount in rows) - now.matches.total
        await office.quiet()
        await office.check_books()
        assert sum(one["effect"] for one in await door.sandbox.applied("drip")) == 42


async def test_what_others_were_paid_after_the_file_was_read_stands_in_nobodys_way(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(file_of([(IDS[0], 10), (IDS[0], 20), (IDS[1], 5)]))
        await office.send(file_of([(IDS[2], 10), (IDS[1], 4)]), actor=OTHER)
        assert (await office.confirm(preview)).total == 35


async def test_a_growing_sheet_pays_each_row_once_week_after_week(door: Door) -> None:
    weeks = [[(IDS[0], 20)], [(IDS[0], 10), (IDS[0], 25)], [(IDS[0], 5)], [(IDS[0], 7), (IDS[0], 8)]]
    sheet = [*weeks[1][:1], *weeks[0], *weeks[1][1:]]  # somebody sorted it
    async with door.open() as office:
        await office.send(file_of(weeks[0]))
        await office.send(file_of(sheet), confirm={"skip_matched": True})
        for number in (2, 3):
            sheet += weeks[number]
            batch_id = await office.send(file_of(sheet), confirm={"skip_matched": True})
            assert sum(award.amount for award in await office.awards(batch_id)) == [5, 15][number - 2]
        await office.check_books()


async def test_rows_that_were_added_up_are_known_when_they_are_kept_apart_among_others(door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of(LAST_WEEK))
        preview = await office.draft(file_of(LAST_WEEK + THIS_WEEK), duplicates=Duplicates.APART)
        assert (preview.totals.rows, preview.matches.rows) == (10, 6)
        assert (await office.confirm(preview, skip_matched=True)).total == 25 + 7 + 4 + 1


async def test_rows_that_only_add_up_to_an_award_of_other_rows_are_no_repeat(door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10), (IDS[0], 20)]))
        others = await office.draft(file_of([(IDS[0], 11), (IDS[0], 15), (IDS[0], 4), (IDS[0], 5)]))
        assert (others.totals.rows, others.matches.rows) == (1, 0)
        one = await office.draft(file_of([(IDS[0], 10), (IDS[0], 15), (IDS[0], 5)]))
        assert (one.totals.rows, one.matches.rows, one.matches.total) == (2, 1, 10)
        assert (await office.draft(file_of([(IDS[1], 10), (IDS[1], 20), (IDS[1], 5)]))).matches.rows == 0


async def test_a_list_of_sums_is_known_beside_the_list_that_it_was_made_of(door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10), (IDS[0], 20), (IDS[1], 5)]))
        assert (await office.draft(file_of([(IDS[0], 30), (IDS[1], 5)]))).matches.rows == 2
        await office.send(file_of([(IDS[2], 30)]))
        assert (await office.draft(file_of([(IDS[2], 10), (IDS[2], 20)]))).matches.rows == 1


async def test_as_many_rows_are_new_as_there_are_more_than_before(door: Door) -> None:
    """Ten points every week, in one sheet: the second ten are another week's."""
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10)]))
        for week, choice in enumerate((Duplicates.SUM, Duplicates.APART, Duplicates.SUM), start=2):
            preview = await office.draft(file_of([(IDS[0], 10)] * week), duplicates=choice)
            assert (await office.confirm(preview, skip_matched=True)).total == 10
        await office.quiet()
        assert sum(one["effect"] for one in await door.sandbox.applied("drip")) == 40


async def test_the_rows_of_an_award_that_was_taken_back_are_owed_again(door: Door) -> None:
    rows = [(IDS[0], 10), (IDS[0], 20)]
    async with door.open() as office:
        await office.send(file_of(rows[:1]))
        second = await office.send(file_of([*rows, (IDS[0], 5)]), confirm={"skip_matched": True})
        undo = await office.confirm(await office.app.services.submitting.draft_undo(second, MOD, NO_LIMITS))
        await office.quiet()
        assert await office.states(undo.batch_id) == "A"
        again = await office.draft(file_of([*rows, (IDS[0], 5)]))
        assert (again.totals.rows, again.matches.rows) == (2, 1)
        assert (await office.confirm(again, skip_matched=True)).total == 25


async def test_a_refused_sum_of_which_a_row_was_paid_meanwhile_is_tried_again_without_it(door: Door) -> None:
    stranger = members(1, first=500)[0]
    async with door.open() as office:
        first = await office.send(file_of([(stranger, 10), (stranger, 20), (stranger, 5)]))
        assert await office.states(first) == "R"
        await door.sandbox.seed(discord_ids=[stranger])
        await office.send(file_of([(stranger, 20)]))
        programme = office.app.services.programmes.get("drip-credentials")
        preview = await office.app.services.submitting.draft_retry(first, programme, MOD, NO_LIMITS)
        assert (preview.totals.rows, preview.matches.rows, preview.matches.total) == (2, 1, 20)
        recorded = await office.confirm(preview, skip_matched=True)
        (award,) = await office.awards(recorded.batch_id)
        assert (award.amount, award.lines, award.amounts, award.continues) == (15, (2, 4), (10, 5), 1)
        await office.quiet()
        await office.check_books()


async def test_members_of_a_command_are_compared_row_by_row_too(door: Door) -> None:
    async with door.open() as office:
        submitting = office.app.services.submitting
        wish = Wish(office.app.services.programmes.get("drip-credentials"))
        given = [(IDS[0], 10), (IDS[0], 20), (IDS[1], 5)]
        card = await submitting.draft_members(given, wish, MOD, NO_LIMITS)
        await office.send(file_of([(IDS[0], 20)]), actor=OTHER)
        with pytest.raises(MatchedEarlier, match="were paid after that"):
            await office.confirm(card)
        now = await submitting.preview(card.draft.id, MOD, NO_LIMITS)
        assert (now.totals.rows, now.matches.rows, now.matches.total) == (3, 1, 20)
        await office.confirm(now, skip_matched=True)
        assert (await office.draft(file_of([(IDS[0], 10), (IDS[1], 5)]))).matches.rows == 2


async def test_a_sum_is_no_part_of_what_its_recipient_got_for_other_rows_meanwhile(door: Door) -> None:
    """Nothing of it was paid, so nothing is read again, and what was shown and approved stands."""
    async with door.open() as office:
        for programme, who in (("drip-credentials", IDS[0]), ("drip-members", IDS[1])):
            preview = await office.draft(file_of([(who, 10), (who, 20)]), programme)
            await office.send(file_of([(who, 7), (who, 8)]), programme, actor=OTHER)
            assert (await office.confirm(preview)).total == 30


@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members"])
async def test_leave_that_a_second_person_gave_holds_whatever_else_the_recipients_got(
    programme: str, door: Door
) -> None:
    async with door.open() as office:
        await office.app.ledger.settings.change(SERVER, "approve_rows", 1, OTHER)
        submitting, approving = office.app.services.submitting, office.app.services.approving
        preview = await office.draft(file_of([(IDS[0], 10), (IDS[0], 20), (IDS[1], 5)]), programme)
        assert preview.draft.content_hash is not None
        asked = await submitting.ask_approval(preview.draft.id, Choice(preview.draft.content_hash), MOD, NO_LIMITS)
        await approving.decide(asked.id, OTHER, approve=True)
        await office.send(file_of([(IDS[0], 7)]), programme)
        recorded = await office.confirm(preview)
        assert (recorded.awards, recorded.total) == (2, 35)


@pytest.mark.parametrize("choice", [Duplicates.SUM, Duplicates.APART])
async def test_last_period_s_rows_are_one_line_on_the_card_also_where_they_are_added_up(
    choice: Duplicates, door: Door
) -> None:
    rows = [(IDS[0], 10), (IDS[0], 20), (IDS[1], 5)]
    async with door.open() as office:
        for week in range(3):
            door.calendar.days = 7 * week
            preview = await office.draft(file_of(rows), label=f"Week {31 + week}", duplicates=choice)
            assert (preview.matches.rows > 0, preview.blocking_matches) == (week > 0, 0)
            assert (await office.confirm(preview)).awards == (2 if choice is Duplicates.SUM else 3)
        door.calendar.days += 1
        twice = await office.draft(file_of(rows), label="Week 31", duplicates=choice)
        assert twice.blocking_matches == twice.totals.rows


async def test_rows_that_were_paid_and_are_sent_again_are_awards_of_their_own(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS[:1]))
        second = await office.send(file_of([(IDS[0], 10), (IDS[0], 7), (IDS[0], 1)]), confirm={"again": True})
        assert await office.states(second) == "AA"
        await office.check_books()


async def test_skipping_when_everything_was_paid_leaves_nothing_to_record(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS))
        preview = await office.draft(paying(IDS))
        with pytest.raises(Refused, match="an earlier batch has every row of it"):
            await office.confirm(preview, skip_matched=True)


async def test_another_amount_or_another_currency_is_no_match_and_another_programme_is(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS))
        assert (await office.draft(paying(IDS, 11))).matches.rows == 0
        assert (await office.draft(paying(IDS), "drip-members")).matches.rows == 6
        assert (await office.draft(paying(IDS), "gameball")).matches.rows == 0
    async with door.open(DRIP_CURRENCY_ID=door.sandbox.drip["second_currency_id"]) as office:
        assert (await office.draft(paying(IDS))).matches.rows == 0


async def test_what_was_refused_or_stopped_is_no_match_and_what_is_in_doubt_is(door: Door) -> None:
    await door.sandbox.faults({"match": {"path": "/transaction", "nth": 1}, "kind": "reset-before-apply"})
    async with door.open() as office:
        doubt = await office.send(paying(IDS))
        assert await office.states(doubt) == "U" * 6
        assert (await office.draft(paying(IDS))).matches.rows == 6
        refused = await office.send(paying(members(3, first=500)))
        assert await office.states(refused) == "RRR"
        assert (await office.draft(paying(members(3, first=500)))).matches.rows == 0


@pytest.mark.parametrize(
    ("days", "first", "second", "harmless"),
    [
        (6, "Week 31", "Week 32", True),
        (4, "Week 31", "Week 32", False),
        (6, "Week 31", "Week 31", False),
        (6, "Week 31", "Week 31 2026", False),
        (6, "Week 31 2025", "Week 31 2026", True),
        (6, "July 2026", "2026-07", False),
        (6, None, "Week 32", False),
        (6, "Week 31", None, False),
    ],
)
async def test_the_same_rows_under_another_label_after_five_days_are_one_line_on_the_card(
    days: int, first: str | None, second: str | None, harmless: bool, door: Door
) -> None:
    async with door.open() as office:
        await office.send(paying(IDS), label=first)
        door.calendar.days = days
        preview = await office.draft(paying(IDS), label=second)
        assert preview.matches.rows == 6
        assert (preview.matches_harmless, preview.blocking_matches) == (harmless, 0 if harmless else 6)
        if harmless:
            await office.confirm(preview)
            await office.quiet()
            await office.check_books()
        else:
            with pytest.raises(MatchedEarlier):
                await office.confirm(preview)


async def test_a_partial_overlap_under_another_label_is_not_harmless(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS[:3]), label="Week 31")
        door.calendar.days = 6
        preview = await office.draft(paying(IDS), label="Week 32")
        assert (preview.matches.rows, preview.blocking_matches) == (3, 3)


async def test_labels_are_proposed_from_the_file_name(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS), name="rewards_week-31.csv")
        door.calendar.days = 6
        preview = await office.draft(paying(IDS), name="rewards_week-32.csv")
        assert (preview.draft.label, preview.matches_harmless) == ("Week 32", True)


async def test_after_thirty_days_nothing_matches(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS))
        door.calendar.days = 31
        assert (await office.draft(paying(IDS))).matches.rows == 0


async def test_two_people_with_the_same_file_at_the_same_moment_pay_once(door: Door) -> None:
    async with door.open() as office:
        previews = [await office.draft(paying(IDS)), await office.draft(paying(IDS), actor=OTHER)]
        answers = await asyncio.gather(
            office.confirm(previews[0]), office.confirm(previews[1], actor=OTHER), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["MatchedEarlier", "Recorded"]
        await office.quiet()
        await office.check_books()


async def test_two_people_at_the_same_moment_cannot_both_repeat_last_week(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS), label="Week 31")
        door.calendar.days = 6
        drafts = [await office.draft(paying(IDS), label="Week 32") for _ in range(5)]
        assert all(one.matches_harmless for one in drafts)
        answers = await asyncio.gather(*(office.confirm(one) for one in drafts), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["MatchedEarlier"] * 4 + ["Recorded"]


async def test_a_double_click_records_once_and_the_loser_learns_the_batch(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(paying(IDS))
        answers = await asyncio.gather(*(office.confirm(preview) for _ in range(4)), return_exceptions=True)
        (recorded,) = [answer for answer in answers if not isinstance(answer, BaseException)]
        gone = [answer for answer in answers if isinstance(answer, DraftGone)]
        assert [one.batch_id for one in gone] == [recorded.batch_id] * 3
        await office.quiet()
        await office.check_books()


@pytest.mark.parametrize(
    ("policy", "amounts", "problems"),
    [
        (Duplicates.SUM, [60, 7], 0),
        (Duplicates.APART, [10, 7, 10, 40], 0),
        (Duplicates.ONCE, [10, 7], 1),
        (Duplicates.REFUSE, [7], 3),
    ],
)
async def test_several_rows_for_one_recipient_are_treated_as_asked(
    policy: Duplicates, amounts: list[int], problems: int, door: Door
) -> None:
    rows = [(IDS[0], 10), (IDS[1], 7), (IDS[0], 10), (IDS[0], 40)]
    async with door.open() as office:
        batch_id = await office.send(file_of(rows), duplicates=policy, confirm={"good_rows": True})
        awards = await office.awards(batch_id)
        assert [award.amount for award in awards] == amounts
        assert {award.batch_id for award in awards} == {batch_id}
        await office.check_books()
        assert len(await office.writes()) == (3 if policy is Duplicates.APART else 1)
        result = await office.result(batch_id)
        assert len(result) == 4
        assert [row["status"] for row in result].count("not sent") == problems
        # Whatever was done with them, the same file is known again.
        again = await office.draft(file_of(rows), duplicates=policy)
        assert again.matches.rows == len(amounts)


async def test_a_repeat_in_another_server_of_the_same_account_is_caught_too(door: Door) -> None:
    from dataclasses import replace

    async with door.open() as office:
        await office.send(paying(IDS))
        elsewhere = replace(OTHER, server_id="700000000000000002")
        assert elsewhere.server_id != SERVER
        preview = await office.draft(paying(IDS), actor=elsewhere)
        assert preview.blocking_matches == 6


async def test_who_agrees_to_pay_one_again_has_not_agreed_to_what_somebody_paid_meanwhile(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS[:1]))
        seen_early = await office.draft(paying(IDS))
        assert seen_early.blocking_matches == 1
        await office.send(paying(IDS), actor=OTHER, confirm={"skip_matched": True})
        with pytest.raises(MatchedEarlier, match="6 awards were already paid"):
            await office.confirm(seen_early, again=True)
        await office.quiet()
        await office.check_books()
        paid = [award for award in await office.awards() if award.state.value == "applied"]
        assert len(paid) == 6


@pytest.mark.parametrize("variable", ["DRIP_REALM_ID", "DRIP_CURRENCY_ID"])
async def test_the_same_account_and_currency_are_known_however_their_ids_are_spelled(variable: str, door: Door) -> None:
    spelled = door.sandbox.environ()[variable]
    async with door.open() as office:
        await office.send(paying(IDS))
    async with door.open(**{variable: spelled.upper()}, dispatching=False) as office:
        preview = await office.draft(paying(IDS))
        assert preview.blocking_matches == 6


async def test_what_was_paid_at_gameball_is_known_by_a_new_key_too(door: Door) -> None:
    """A new key is another account to the ledger, and replaces one that Gameball no longer takes."""
    async with door.open() as office:
        await office.send(paying(IDS[:2]), "gameball", label="Week 31")
    async with door.open(GAMEBALL_API_KEY="the-new-key-of-that-account", dispatching=False) as office:
        assert (await office.draft(paying(IDS), "gameball")).blocking_matches == 2
        campaign = await office.draft(paying(IDS, 25), "gameball", label="Week 31")
        assert (campaign.blocking_matches, campaign.campaign.rows) == (0, 2)
        assert (await office.confirm(campaign, difference=True)).awards == 4
    other = {f"{name}__SHOP": value for name, value in door.sandbox.environ().items() if name.startswith("GAMEBALL_")}
    async with door.open(**other | {"GAMEBALL_API_KEY__SHOP": "the-key-of-a-shop"}, dispatching=False) as office:
        assert (await office.draft(paying(IDS), "gameball-shop")).blocking_matches == 0


@pytest.mark.parametrize("choice", ["difference", "skip_matched"])
async def test_what_was_left_out_on_the_card_is_not_paid_once_the_first_batch_was_stopped(
    choice: str, door: Door
) -> None:
    async with door.open(dispatching=False) as office:
        first = await office.confirm(await office.draft(paying(IDS[:2]), label="Week 31"))
        shown = await office.draft(paying(IDS), label="Week 31")
        assert (shown.blocking_matches, shown.campaign.left_out) == (2, 2)
        await office.app.services.batches.stop(first.batch_id, MOD)
        with pytest.raises(MatchedEarlier, match="other rows than were shown count as paid before"):
            await office.confirm(shown, **{choice: True})
        assert len(await office.awards()) == 2


@pytest.mark.parametrize(
    ("policy", "amounts", "matched"),
    [
        (Duplicates.SUM, (10, 20), (3, 3)),
        (Duplicates.APART, (10, 20), (4, 4)),
        (Duplicates.ONCE, (10, 10), (3, 3)),
        (Duplicates.APART, (10, 25), (4, 3)),
        (Duplicates.APART, (11, 25), (4, 2)),
    ],
)
async def test_rows_that_were_one_award_are_known_when_they_are_not_added_up(
    policy: Duplicates, amounts: tuple[int, int], matched: tuple[int, int], door: Door
) -> None:
    """The same file, read in another way: "send only the rows not yet paid" pays none of them again."""
    first = sum(amounts) if 25 not in amounts else 30
    others = [(IDS[1], 10), (IDS[2], 5)]
    async with door.open() as office:
        await office.send(file_of([(IDS[0], 10), (IDS[0], first - 10), *others]))
        preview = await office.draft(file_of([*((IDS[0], one) for one in amounts), *others]), duplicates=policy)
        assert (preview.totals.rows, preview.blocking_matches) == matched
        if matched[0] == matched[1]:
            with pytest.raises(Refused, match="an earlier batch has every row of it"):
                await office.confirm(preview, skip_matched=True)


@pytest.mark.parametrize("most", [149, 150])
async def test_paying_again_is_held_to_the_limit_of_what_would_be_one_award(most: int, door: Door) -> None:
    limits = replace(NO_LIMITS, max_award=most)
    rows = [(IDS[0], 60), (IDS[0], 60), (IDS[0], 30)]
    async with door.open(dispatching=False) as office:
        await office.confirm(await office.draft(paying(IDS[:1], 60)))
        preview = await office.draft(file_of(rows), limits=limits)
        assert (preview.totals.rows, preview.blocking_matches) == (2, 1)
        if most < 150:
            with pytest.raises(LimitExceeded, match="in line 2 add up to 150, above the limit of 149 for one award"):
                await office.confirm(preview, limits=limits, again=True)
            recorded = await office.confirm(preview, limits=limits, skip_matched=True)
            assert (recorded.awards, recorded.total) == (1, 90)
        else:
            assert (await office.confirm(preview, limits=limits, again=True)).total == 150


async def test_who_is_left_out_of_a_campaign_is_not_held_to_the_limit_of_an_award(door: Door) -> None:
    """Of everybody who was paid the same last week, one has had something for this week already."""
    limits = replace(NO_LIMITS, max_award=100)
    rows = file_of([(IDS[0], 60), (IDS[0], 90), (IDS[1], 10)])
    async with door.open(dispatching=False) as office:
        await office.confirm(await office.draft(rows, label="Week 30", duplicates=Duplicates.APART))
        door.calendar.days = 7
        await office.confirm(await office.draft(paying(IDS[:1], 5), label="Week 31"))
        preview = await office.draft(rows, label="Week 31", limits=limits)
        assert (preview.matches_harmless, preview.campaign.left_out) == (True, 2)
        with pytest.raises(LimitExceeded, match="add up to 150"):
            await office.confirm(preview, limits=limits)
        recorded = await office.confirm(preview, limits=limits, difference=True)
        assert (recorded.awards, recorded.total) == (1, 10)


async def test_who_was_not_yet_paid_for_a_campaign_is_held_to_the_limit_of_an_award(door: Door) -> None:
    """What was paid for last week is paid again for this one, row by row where the sum would be refused."""
    limits = replace(NO_LIMITS, max_award=100)
    rows = file_of([(IDS[0], 60), (IDS[0], 90), (IDS[1], 10)])
    async with door.open(dispatching=False) as office:
        await office.confirm(await office.draft(rows, label="Week 30", duplicates=Duplicates.APART))
        door.calendar.days = 7
        await office.confirm(await office.draft(paying(IDS[1:2], 5), label="Week 31"))
        preview = await office.draft(rows, label="Week 31", limits=limits)
        assert (preview.totals.rows, preview.campaign.left_out) == (3, 1)
        with pytest.raises(LimitExceeded, match="in line 2 add up to 150, above the limit of 100 for one award"):
            await office.confirm(preview, limits=limits, difference=True)


@pytest.mark.parametrize("choice", [{}, {"again": True}, {"skip_matched": True}], ids=["plain", "again", "rest"])
async def test_rows_that_were_parted_are_held_to_the_limit_of_an_award_once_nothing_of_them_counts_as_paid(
    choice: dict[str, bool], door: Door
) -> None:
    limits = replace(NO_LIMITS, max_award=100)
    async with door.open(dispatching=False) as office:
        first = await office.confirm(await office.draft(paying(IDS[:1], 60)))
        if choice:
            await office.confirm(await office.draft(paying(IDS[1:2], 5)))
        drafted = await office.draft(file_of([(IDS[0], 60), (IDS[0], 90), (IDS[1], 5)]), limits=limits)
        await office.app.services.batches.stop(first.batch_id, MOD)
        preview = await office.app.services.submitting.preview(drafted.draft.id, MOD, limits)
        assert (preview.totals.rows, preview.matches.rows) == (3, len(choice))
        with pytest.raises(LimitExceeded, match="in line 2 add up to 150, above the limit of 100 for one award"):
            await office.confirm(preview, limits=limits, **choice)
        rest = await office.draft(file_of([(IDS[0], 60), (IDS[0], 40), (IDS[1], 5)]), limits=limits)
        assert (await office.confirm(rest, limits=limits, **choice)).total == (
            105 if "skip_matched" not in choice else 100
        )


async def test_what_was_given_up_in_doubt_may_have_been_paid_and_is_asked_about(door: Door, sandbox: Sandbox) -> None:
    await sandbox.faults({"match": {"path": "/transaction", "nth": 1}, "kind": "reset-after-apply"})
    async with door.open() as office:
        first = await office.send(paying(IDS[:2]))
        batches = office.app.services.batches
        ids = [award.id for doubt in await batches.doubts(first, OTHER) for award in doubt.awards]
        await batches.resolve(first, ids, Decision.WRITE_OFF, OTHER, reason="cannot tell")
        preview = await office.draft(paying(IDS[:3]))
        assert (preview.matches.rows, preview.blocking_matches) == (2, 2)
        with pytest.raises(MatchedEarlier, match="2 awards are already under way, in doubt or written off: batch 1"):
            await office.confirm(preview)
        await office.confirm(preview, skip_matched=True)
        await office.quiet()
        booked = [one["recipient"] for one in await sandbox.applied("drip")]
        assert sorted(booked) == sorted(set(booked)) and len(booked) == 3
