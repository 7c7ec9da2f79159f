"""Difference mode on the preview card: a list that grew is sent once more, to the new ones only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.domain.budgets import Period
from bot.domain.model import Actor
from tests.support.batches import batch, pay_five
from tests.support.discord import World, csv_of, discord_world, rows


async def test_a_corrected_list_pays_only_who_was_not_yet_paid_for_the_week(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        name = "rewards_week-31.csv"
        first = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 50, 5))))
        assert "already paid for" not in first.text
        await world.press(world.mod, first, "Send 5 awards")
        await world.quiet()
        second = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 70))))
        assert "5 rows are for recipients already paid for “Week 31”, whatever the amount." in second.text
        assert "Send 8 awards" in second.buttons
        (label,) = [one for one in second.buttons if "not yet paid for" in one]
        assert label == "Send only 3 not yet paid for “Week 31”"
        await world.press(world.mod, second, label)
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3
        shown = await batch(world, world.mod, "show", batch="2")
        result = await world.press(world.mod, shown, "Result file")
        lines = world.file(result, "batch-2-result.csv").splitlines()
        assert sum("not sent: batch 1 has an award for this campaign already" in line for line in lines) == 5
        third = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 90))))
        assert "8 rows are for recipients already paid" in third.text
        assert not [one for one in third.buttons if "not yet paid for" in one]


async def test_a_double_click_pays_the_difference_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        first = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        second = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 70))))
        (label,) = [one for one in second.buttons if "not yet paid for" in one]
        await world.press_at_once(world.mod, second, label, 3)
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3


async def recorded(world: World) -> int:
    """How many batches there are."""
    return await world.app.ledger.queries.how_many(str(world.guild.id), most=9)


async def take_first_back(world: World) -> None:
    """The administrator undoes batch 1."""
    undo = await batch(world, world.admin, "undo", batch="1")
    await world.press(world.admin, undo, undo.buttons[0])
    await world.quiet()


async def stop_first(world: World) -> None:
    """The moderator stops batch 1 before its first call."""
    shown = await batch(world, world.mod, "show", batch="1")
    await world.press(world.mod, shown, "Stop")


async def pay_two_more(world: World) -> None:
    """Two of those who were not yet paid get something for the same week."""
    card = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 20)[6:])))
    await world.press(world.mod, card, "Send 2 awards")


@pytest.mark.parametrize(
    ("change", "delay", "said", "then"),
    [
        (take_first_back, 0, None, "Send 8 awards"),
        (stop_first, 300, None, "Send 8 awards"),
        (pay_two_more, 300, "7 rows are for recipients already paid", "Send only 1 not yet paid for “Week 31”"),
    ],
)
async def test_others_left_out_than_the_button_said_bring_the_card_back(
    tmp_path: Path, change: Callable[[World], Awaitable[None]], delay: int, said: str | None, then: str
) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", delay)
        name = "rewards_week-31.csv"
        first = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        if not delay:
            await world.quiet()
        second = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 70))))
        await change(world)
        before = await recorded(world)
        now = await world.press(world.mod, world.again(second), "Send only 3 not yet paid for “Week 31”")
        assert "nothing sent" in now.text
        assert (said in now.text) if said else ("already paid for" not in now.text)
        assert then in now.buttons
        assert await recorded(world) == before


async def test_who_approves_the_rest_reads_what_the_rest_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        name = "rewards_week-31.csv"
        await pay_five(world, name)
        await world.setting("approve_rows", 2)
        card = await world.bulk(world.mod, file=(name, csv_of(world, [*rows(world, 900, 5), *rows(world, 70)[5:]])))
        card = await world.press(world.mod, card, "Ask for approval: only 3 not yet paid")
        assert "**Needs a second person**: it has 3 awards" in card.text
        (request,) = [one for one in world.staff_messages() if "Approve" in one.buttons]
        assert "**mod** asks for approval: it has 3 awards" in request.text
        assert "**3 awards** to 3 recipients · **210 points** in total" in request.text
        assert "Who was paid for this campaign already is left out: 5 awards, 4,500 points." in request.text
        assert "900" not in request.text
        paid, unpaid = (f"<@{world.members[index].id}>" for index in (0, 7))
        assert paid not in request.text and unpaid in request.text
        await world.press(mia, request, "Approve")
        card = await world.pick(world.mod, await batch(world, world.mod, "list"), "2")
        assert "**Needs a second person**: it has 3 awards" in card.text
        await world.press(world.mod, card, "Send as approved, only 3 not yet paid")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3


async def test_who_approves_the_unpaid_rows_reads_how_much_these_are(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        first = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        await world.setting("approve_rows", 2)
        content = csv_of(world, [*rows(world, 50), (17, 50)])
        card = await world.bulk(world.mod, file=("week.csv", content))
        await world.press(world.mod, card, "Ask for approval")
        (request,) = [one for one in world.staff_messages() if "Approve" in one.buttons]
        assert "**3 awards** to 3 recipients · **150 points** in total" in request.text
        assert "Rows that an earlier batch has are left out: 5 awards, 250 points." in request.text
        assert "Bad rows are left out." in request.text
        assert f"<@{world.members[0].id}>" not in request.text


async def test_a_rest_that_one_person_may_send_needs_no_second_one(tmp_path: Path) -> None:
    """However large the whole list is."""
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        await pay_five(world, "week-31.csv")
        await world.setting("approve_amount", "300")
        card = await world.bulk(world.admin, file=("week-31.csv", csv_of(world, rows(world, 70))))
        assert "**Needs a second person**: it moves 560" in card.text
        assert "Ask for approval" in card.buttons
        await world.press(world.admin, card, "Send only 3 not yet paid for “Week 31”")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3


@pytest.mark.parametrize("limit", ["max_batch", "budget"])
async def test_a_rest_that_is_within_a_limit_is_sent_however_large_the_whole_list_is(
    tmp_path: Path, limit: str
) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        first = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        await world.quiet()
        if limit == "budget":
            await within_a_day(world, 500)
        else:
            await world.setting("max_batch", "300")
        card = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 70))))
        assert "⛔" in card.text and "above a limit" in card.text
        assert "Send 8 awards" not in card.buttons
        await world.press(world.mod, card, "Send only 3 not yet paid for “Week 31”")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3
        more = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, [*rows(world, 90, 7), (7, 400)])))
        assert not [one for one in more.buttons if one.startswith("Send")]


async def within_a_day(world: World, amount: int) -> None:
    """So much may the moderator give in a day."""
    holder, amounts = f"user:{world.mod.id}", {Period.DAY: str(amount)}
    admin = Actor(str(world.admin.id), "admin", str(world.guild.id))
    await world.app.services.budgeting.change(str(world.guild.id), holder, amounts, admin)


async def test_a_sheet_that_grows_beyond_the_limit_of_a_batch_pays_its_new_rows(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        await world.setting("max_batch", "300")
        first = await world.bulk(world.mod, file=("sheet.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        await world.quiet()
        card = await world.bulk(world.mod, file=("sheet.csv", csv_of(world, rows(world, 50))))
        await world.press(world.mod, card, "Send only the 3 rows not yet paid")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_leave_for_a_rest_that_is_within_a_limit_can_be_used(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        first = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 50, 5))))
        await world.press(world.mod, first, "Send 5 awards")
        await world.quiet()
        await world.setting("max_batch", "300")
        await world.setting("approve_rows", 2)
        card = await world.bulk(world.mod, file=("week-31.csv", csv_of(world, rows(world, 70))))
        await world.press(world.mod, card, "Ask for approval: only 3 not yet paid")
        (request,) = [one for one in world.staff_messages() if "Approve" in one.buttons]
        await world.press(mia, request, "Approve")
        card = await world.pick(world.mod, await batch(world, world.mod, "list"), "2")
        await world.press(world.mod, card, "Send as approved, only 3 not yet paid")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 5 + [70] * 3
