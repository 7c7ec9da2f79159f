"""A second person where only some ways to send a draft need one: paying again what was paid, or only the rest."""

from __future__ import annotations

from pathlib import Path

import simcord

from tests.support.batches import batch, pay_five
from tests.support.discord import Shown, World, csv_of, discord_world, rows

ASK_AGAIN = "Ask for approval to pay a second time"


async def with_five_paid(world: World) -> simcord.MemberActor:
    """Five were paid by the moderator; from now on more than five need a second person. Another moderator."""
    await world.setting("start_delay_seconds", 0)
    await pay_five(world, "first.csv")
    await world.setting("approve_rows", 5)
    return world.guild.add_member(world.env.create_user("mia"), roles=[world.role])


async def all_eight(world: World) -> Shown:
    """The administrator's draft for those five and three more."""
    return await world.bulk(world.admin, file=("all.csv", csv_of(world, rows(world, 50))))


def request(world: World) -> Shown:
    """The only request in the staff channel that is open."""
    (one,) = [one for one in world.staff_messages() if "Approve" in one.buttons]
    return one


async def reopened(world: World) -> Shown:
    """The administrator's draft, from the list."""
    return await world.pick(world.admin, await batch(world, world.admin, "list"), "2")


async def test_paying_again_is_asked_for_where_the_rest_needs_no_second_person(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_five_paid(world)
        card = await all_eight(world)
        assert "second person" not in card.text
        assert "Send only the 3 rows not yet paid" in card.buttons
        card = await world.press(world.admin, card, "Pay 5 again…")
        assert "**Needs a second person**: it has 8 awards, more than the 5 that one person may send" in card.text
        assert not [label for label in card.buttons if label.startswith("Send")]
        card = await world.press(world.admin, card, ASK_AGAIN)
        assert "**Needs a second person**: it has 8 awards" in card.text and "Asked by admin" in card.text
        assert "Ask again" in card.buttons
        assert "**Rows that an earlier batch has are paid a second time.**" in request(world).text
        await world.press(mia, request(world), "Approve")
        card = await reopened(world)
        assert "✓ Approved by **mia**" in card.text
        await world.press(world.admin, card, "Send as approved, some a second time")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 3 + [100] * 5


async def test_who_was_refused_to_pay_again_may_send_the_rest(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_five_paid(world)
        card = await world.press(world.admin, await all_eight(world), "Pay 5 again…")
        await world.press(world.admin, card, ASK_AGAIN)
        await world.press(mia, request(world), "Refuse")
        card = await reopened(world)
        assert "⛔ **mia** refused to have anybody paid a second time." in card.text
        assert "Needs a second person" not in card.text
        await world.press(world.admin, card, "Send only the 3 rows not yet paid")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_paying_members_again_is_asked_for_as_well(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_five_paid(world)
        named = " ".join(f"<@{member.id}>" for member in world.members[:6])
        card = await world.award(world.admin, members=named, amount="50")
        assert "second person" not in card.text
        card = await world.press(world.admin, card, "Pay 5 again…")
        assert "**Needs a second person**: it has 6 awards" in card.text
        card = await world.press(world.admin, card, ASK_AGAIN)
        assert "Ask again" in card.buttons
        await world.press(mia, request(world), "Approve")
        await world.press(world.admin, await reopened(world), "Send as approved, some a second time")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] + [100] * 5


async def test_a_need_that_arose_while_the_question_was_open_is_told(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_five_paid(world)
        await world.setting("approve_rows", None)
        card = await world.press(world.admin, await all_eight(world), "Pay 5 again…")
        await world.setting("approve_rows", 5)
        told = await world.press(world.admin, card, "Send all 8, 5 of them again")
        assert "needs the approval of a second person, since it has 8 awards" in told.text
        assert sorted((await world.paid()).values()) == [50] * 5


async def test_a_rest_that_needs_a_second_person_is_asked_for_beside_a_part_that_does_not(tmp_path: Path) -> None:
    """Two were paid for the week, with another amount; five have the same amount from another week."""
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        mia = world.guild.add_member(world.env.create_user("mia"), roles=[world.role])
        everybody = rows(world, 50)
        few = csv_of(world, rows(world, 70, 2))
        for name, content in (("week-31.csv", few), ("week-30.csv", csv_of(world, everybody[2:7]))):
            card = await world.bulk(world.mod, file=(name, content))
            await world.press(world.mod, card, card.buttons[0])
            await world.quiet()
        await world.setting("approve_rows", 5)
        card = await world.bulk(world.admin, file=("week-31.csv", csv_of(world, everybody)))
        assert "Send only the 3 rows not yet paid" in card.buttons
        assert "**Sending only to the others needs a second person**: it has 6 awards" in card.text
        card = await world.press(world.admin, card, "Ask for approval: only 6 not yet paid")
        assert "Ask again" in card.buttons
        await world.press(mia, request(world), "Approve")
        card = await world.pick(world.admin, await batch(world, world.admin, "list"), "3")
        await world.press(world.admin, card, "Send as approved, only 6 not yet paid")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] + [70] * 2 + [100] * 5
