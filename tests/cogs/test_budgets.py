"""Budgets: set on the settings card, shown on the preview, kept when somebody presses."""

from __future__ import annotations

from pathlib import Path

from bot.domain.budgets import Period
from tests.support.discord import Shown, World, csv_of, discord_world, rows


async def open_budgets(world: World) -> Shown:
    """The card behind the settings."""
    card = world.answer(await world.admin.slash(world.general, "settings show"))
    return await world.press(world.admin, card, "Budgets…")


async def set_budget(world: World, holder: object, **typed: str) -> Shown:
    """Choose somebody in the menu and fill in the form."""
    card = await open_budgets(world)
    form = await world.admin.select(card.message, [holder], custom_id="settings:budget")
    return world.answer(await world.admin.submit_modal(form, {"day": "", "week": "", "month": "", **typed}), card)


def send(card: Shown) -> str:
    (label,) = [one for one in card.buttons if one.startswith("Send") and "staff" not in one]
    return label


async def test_a_role_gets_a_weekly_budget_and_the_preview_tells_what_is_left(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        assert "nobody is limited by one" in (await open_budgets(world)).text
        card = await set_budget(world, world.role, week="500")
        assert f"<@&{world.role.id}>: 500 a week" in card.text
        assert any("none → 500 a week" in one.text for one in world.staff_messages())
        assert "Settings of Lighthouse" in (await world.press(world.admin, card, "Back to the settings")).text
        preview = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world, 50))))
        assert "**Budget** this uses 400 points of the 500 points that you have left this week" in preview.text
        await world.press(world.mod, preview, send(preview))
        more = await world.bulk(world.mod, file=("b.csv", csv_of(world, rows(world, 20))))
        assert "This gives 160, and 100 of your budget of 500 are left this week." in more.text
        assert "Send less, or let somebody with a larger budget send it." in more.text
        assert not [label for label in more.buttons if label.startswith("Send 8")]
        theirs = await world.bulk(world.admin, file=("b.csv", csv_of(world, rows(world, 21))))
        assert "Budget" not in theirs.text
        card = await set_budget(world, world.role)
        assert "nobody is limited by one" in card.text


async def test_two_previews_that_fit_alone_do_not_both_fit(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await set_budget(world, world.mod, week="500")
        await world.setting("start_delay_seconds", 0)
        one = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world, 50))))
        two = await world.bulk(world.mod, file=("b.csv", csv_of(world, rows(world, 40))))
        await world.press(world.mod, one, send(one))
        refused = await world.press(world.mod, two, send(two))
        assert "Nothing was sent." in refused.text
        assert "This gives 320, and 100 of your budget of 500 are left this week" in refused.text
        await world.quiet()


async def test_an_amount_that_is_none_changes_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        refused = await set_budget(world, world.mod, week="lots")
        assert "Nothing was changed." in refused.text
        assert await world.app.services.budgeting.all(str(world.guild.id)) == []


async def test_only_who_may_change_settings_sets_budgets(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await set_budget(world, world.mod, day="10", month="2000")
        held = await world.app.services.budgeting.all(str(world.guild.id))
        assert [(one.period, one.amount) for one in held] == [(Period.DAY, "10"), (Period.MONTH, "2000")]
        assert f"<@{world.mod.id}>: 10 a day, 2,000 a month" in card.text
