"""``/settings``: one card, effective at once, every change logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import discord
import simcord

from bot.services.rules import Capability, ServerRules
from bot.ui.settings_card import PROMISES_LABEL
from bot.ui.staff import UNTIL_THEN
from bot.ui.text import escape
from tests.support.discord import Shown, World, csv_of, discord_world
from tests.support.discord import rows as rows_of

GAMEBALL = {"API_KEY": "key", "SECRET_KEY": "secret", "AMOUNT_UNIT": "points"}


async def settings(world: World, who: simcord.MemberActor | None = None) -> Shown:
    """The card, as the administrator sees it."""
    return world.answer(await (who or world.admin).slash(world.general, "settings show"))


async def choose(world: World, card: Shown, menu: str, *values: Any) -> Shown:
    """Choose in one of the card's menus; the answer, or the card."""
    return world.answer(await world.admin.select(card.message, values, custom_id=f"settings:{menu}"), card)


async def fill(world: World, card: Shown, label: str, **values: str) -> Shown:
    """Press a button and fill in the form behind it."""
    form = await world.admin.click(card.message, label=label)
    return world.answer(await world.admin.submit_modal(form, values), card)


async def rules(world: World) -> ServerRules:
    """What is in force."""
    return await world.app.services.servers.rules(str(world.guild.id))


def log(world: World) -> str:
    """Everything said in the staff channel."""
    return "\n".join(message.text for message in world.staff_messages())


async def test_the_card_of_a_new_server_says_what_is_missing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for name in ("roles", "staff_channel_id", "default_programme"):
            await world.setting(name, None)
        card = await settings(world)
        assert "Settings of Lighthouse" in card.text
        assert "No staff channel" in card.text
        assert "only administrators" in card.text
        assert "**Wait before the first call**: 10 seconds" in card.text
        assert "**Sent without confirmation up to**: never" in card.text


async def test_many_accounts_leave_room_for_everything_that_can_be_set(tmp_path: Path) -> None:
    one = {"DRIP_API_KEY": "k" * 20, "DRIP_REALM_ID": "0" * 24, "DRIP_CURRENCY_ID": "a" * 24}
    accounts = {f"{name}__TEAM{number}": value for number in range(14) for name, value in one.items()}
    async with discord_world(tmp_path, practice=True, **accounts) as world:
        card = await settings(world)
        text = card.text
        assert "more programmes" in text
        await all_promises(world, card)
        for kept in ("Who may award (", "Who may award themselves", "Second person at the first use of a programme"):
            assert kept in text, kept


async def test_more_programmes_than_a_menu_holds_can_all_be_the_default(tmp_path: Path) -> None:
    """The menu shows which one it is, also where that one is the last: "None" would be untrue."""
    accounts = {f"GAMEBALL_{name}__N{number:02}": value for number in range(30) for name, value in GAMEBALL.items()}
    async with discord_world(tmp_path, **accounts) as world:
        last = "gameball-n29"
        options = {"programme": last}
        found = await world.admin.autocomplete(world.general, "settings programme", "programme", "n29")
        assert [choice["value"] for choice in found] == [last]
        card = world.answer(await world.admin.slash(world.general, "settings programme", **options))
        assert f"**Default programme**: drip-members → {last}" in card.text
        assert "`/settings programme` has those that do not fit into the menu, too." in card.text
        assert picked(card.menus[1]) == [last]
        offer = await world.bulk(world.mod)
        form = await world.mod.click(offer.message, label="Upload or paste…")
        assert form.modal is not None
        assert picked(form.modal["components"][-1]["component"]) == [last]
        wrong = world.answer(await world.admin.slash(world.general, "settings programme", programme="nothing"))
        assert "There is no programme called nothing." in wrong.text


def picked(menu: Any) -> list[str]:
    """What a menu shows as chosen, of as many options as Discord lets it have."""
    assert len(menu["options"]) <= 25
    return [option["value"] for option in menu["options"] if option.get("default")]


async def test_no_two_programmes_are_called_alike(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        names = {"drip-members": "Server points", "drip-credentials": "", "gameball": ""}
        await fill(world, await settings(world), "Name programmes", **names)
        for taken, whose in (("SERVER points", "drip-members"), ("drip-Members", "drip-members")):
            told = await fill(world, await settings(world), "Name programmes", **{**names, "gameball": taken})
            assert f"“{taken}” is what {whose} is called.\nGive gameball another name." in told.text
            assert "Nothing was changed." in told.text
        assert (await rules(world)).programme_titles == {"drip-members": "Server points"}
        handed_on = {**names, "drip-members": "Old points", "gameball": "Server points"}
        assert "✓ Changed" in (await fill(world, await settings(world), "Name programmes", **handed_on)).text


async def all_promises(world: World, card: Shown) -> None:
    """Leaf through what every programme can promise: nothing of it is missing."""
    page = await world.press(world.admin, card, PROMISES_LABEL)
    told = page.text
    while "Next" in page.buttons:
        page = await world.press(world.admin, page, "Next")
        told += page.text
    assert "…" not in told and "more than a card can hold" not in told
    programmes = world.app.services.programmes
    for name in programmes.names():
        promise = await world.app.services.promises.of(programmes.get(name).destination)
        assert f"**{escape(name, 60)}**: {escape(promise.text, 3000)}" in told
    back = await world.press(world.admin, page, "Back to the settings")
    assert "### Settings of" in back.text


async def test_only_who_may_manage_the_server_may_open_or_change_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await settings(world)
        member = world.members[0]
        world.guild.set_command_permissions(_command(world, "settings"), {member: True})
        refused = world.answer(await member.slash(world.general, "settings show"))
        assert "You may not change Bursar's settings here." in refused.text
        assert "Nothing was changed." in refused.text
        assert card.text
        helpers = world.guild.create_role("Helpers", permissions=discord.Permissions(manage_guild=True))
        manager = world.guild.add_member(world.env.create_user("manager"), roles=[helpers])
        assert "Settings of Lighthouse" in (await settings(world, manager)).text


def _command(world: World, name: str) -> int:
    (found,) = [one["id"] for one in world.env.backend.visible_commands(
        user_id=world.admin.id, channel_id=world.general.id
    ) if one["name"] == name]  # fmt: skip
    return int(found)


async def test_roles_are_chosen_and_count_at_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        helpers = world.guild.create_role("Helpers")
        helper = world.guild.add_member(world.env.create_user("lena"), roles=[helpers])
        world.guild.set_command_permissions(_command(world, "batch"), {helper: True})
        refused = world.answer(await helper.slash(world.general, "batch list"))
        assert "You may not look at batches" in refused.text
        card = await choose(world, await settings(world), "roles:look", helpers, world.role)
        assert f"<@&{helpers.id}>" in card.text
        allowed = world.answer(await helper.slash(world.general, "batch list"))
        assert "### Batches" in allowed.text
        assert (await rules(world)).roles[Capability.AWARD] == {str(world.role.id)}
        assert "**Who else may look at batches and results**" in log(world)
        assert f"<@{world.admin.id}>" in log(world)


async def test_everyone_is_refused_as_a_role(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        before = (await rules(world)).roles
        refused = await choose(world, await settings(world), "roles:award", world.guild.default_role)
        assert "Nothing was changed." in refused.text
        assert "Everybody in the server is in @everyone." in refused.text
        assert (await rules(world)).roles == before


async def test_nobody_may_award_themselves_until_a_role_is_chosen(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        assert (await rules(world)).self_award_roles == frozenset()
        await choose(world, await settings(world), "roles:self", world.role)
        assert (await rules(world)).self_award_roles == {str(world.role.id)}
        assert f"**Who may award themselves**: nobody → <@&{world.role.id}>" in log(world)
        await choose(world, await settings(world), "roles:self")
        assert (await rules(world)).self_award_roles == frozenset()


async def test_a_channel_that_everyone_can_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        refused = await choose(world, await settings(world), "channel", world.general)
        assert "Nothing was changed." in refused.text
        assert f"Everyone can read <#{world.general.id}>" in refused.text
        assert (await rules(world)).staff_channel_id == str(world.staff.id)


def channel_of_the_bot(world: World, name: str, *, attach_files: bool) -> simcord.ChannelHandle:
    """A new channel that members do not see."""
    bot = world.client.user
    assert bot is not None
    overwrites: Any = {
        world.guild.default_role: discord.PermissionOverwrite(view_channel=False),
        bot: discord.PermissionOverwrite(view_channel=True, send_messages=True, attach_files=attach_files),
    }
    return world.guild.create_text_channel(name, overwrites=overwrites)


async def test_a_channel_in_which_bursar_lacks_a_permission_is_refused_by_its_name(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        channel = channel_of_the_bot(world, "locked", attach_files=False)
        refused = await choose(world, await settings(world), "channel", channel)
        assert "Bursar lacks *Attach Files*" in refused.text
        assert (await rules(world)).staff_channel_id == str(world.staff.id)


async def test_a_new_staff_channel_is_told_of_in_the_old_one_and_the_new(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        channel = channel_of_the_bot(world, "finance", attach_files=True)
        await choose(world, await settings(world), "channel", channel)
        said = f"**Staff channel**: <#{world.staff.id}> → <#{channel.id}>"
        assert said in log(world)
        assert len(channel.history()) == 1
        assert (await rules(world)).staff_channel_id == str(channel.id)


async def test_a_staff_channel_that_was_opened_later_is_pointed_out(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("staff_channel_id", str(world.general.id))
        card = await settings(world)
        assert f"Everyone can read <#{world.general.id}>" in card.text
        assert "from @everyone there. Or choose another channel below. Until then nothing is posted" in card.text
        preview = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows_of(world))))
        (said,) = [line for line in preview.text.split("\n") if "No progress message" in line]
        assert "from @everyone there. Or choose another channel in /settings. Until then nothing is posted" in said
        assert len(said) <= 400, "a card is read on a phone"


async def test_limits_are_typed_into_a_form(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        values = {"max_award": "500", "max_batch": "100000", "quick_award": "25", "start_delay_seconds": "0"}
        card = await fill(world, await settings(world), "Change limits", **values)
        assert "**Largest award**: 500" in card.text
        assert "**Sent without confirmation up to**: 25" in card.text
        assert "**Wait before the first call**: none" in card.text
        assert "**Largest award**: no limit here → 500" in log(world)
        now = await rules(world)
        assert (now.max_award, now.max_batch, now.quick_award) == ("500", "100000", "25")
        assert now.start_delay_seconds == 0
        emptied = dict.fromkeys(values, "")
        await fill(world, await settings(world), "Change limits", **emptied)
        now = await rules(world)
        assert (now.max_award, now.quick_award, now.start_delay_seconds) == (None, None, 10.0)


async def test_one_wrong_limit_changes_nothing_and_is_named(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for name, text in (("max_award", "a lot"), ("max_batch", "-5"), ("quick_award", "2.5")):
            values = {"max_award": "", "max_batch": "", "quick_award": "", "start_delay_seconds": "30", name: text}
            refused = await fill(world, await settings(world), "Change limits", **values)
            assert "Nothing was changed." in refused.text, name
        values = {"max_award": "9", "max_batch": "", "quick_award": "", "start_delay_seconds": "tomorrow"}
        refused = await fill(world, await settings(world), "Change limits", **values)
        assert "no number of seconds from 0 to 3,600" in refused.text
        assert await rules(world) == await _untouched(world)


async def _untouched(world: World) -> ServerRules:
    now = await rules(world)
    assert (now.max_award, now.max_batch, now.quick_award, now.start_delay_seconds) == (None, None, None, 10.0)
    return now


async def test_the_default_programme_and_its_name(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await choose(world, await settings(world), "programme", "gameball")
        assert (await rules(world)).default_programme == "gameball"
        form = await world.admin.click(card.message, label="Name programmes")
        assert form.modal is not None
        await world.admin.submit_modal(form, {"gameball": "Shop points", "drip-members": "", "drip-credentials": ""})
        assert (await rules(world)).programme_titles == {"gameball": "Shop points"}
        assert "Shop points (gameball)" in str((await settings(world)).menus)
        assert "**Name of gameball**: gameball → Shop points" in log(world)


async def test_a_name_in_which_there_is_nothing_to_see_is_none(tmp_path: Path) -> None:
    """Discord refuses a form with an option without a label: nobody could send a file any more."""
    async with discord_world(tmp_path) as world:
        form = await world.admin.click((await settings(world)).message, label="Name programmes")
        typed = {"gameball": "\u200b\u2066", "drip-members": "", "drip-credentials": ""}
        await world.admin.submit_modal(form, typed)
        assert (await rules(world)).programme_titles == {}
        card = await world.bulk(world.mod)
        assert (await world.mod.click(card.message, label="Upload or paste…")).modal is not None


async def test_more_programmes_than_a_form_has_fields_are_chosen_from_a_card(tmp_path: Path) -> None:
    second = {f"GAMEBALL_{name}__N{number:02}": value for number in range(30) for name, value in GAMEBALL.items()}
    async with discord_world(tmp_path, **second) as world:
        form = await world.admin.click((await settings(world)).message, label="Name programmes")
        assert form.modal is None
        card = world.answer(form)
        assert "### Names of programmes" in card.text and "- gameball-n29" in card.text
        first, last = card.menus
        assert (len(first["options"]), len(last["options"]), first["max_values"]) == (25, 8, 5)
        form = await world.admin.select(card.message, ["gameball-n28", "gameball-n29"], custom_id=last["custom_id"])
        assert form.modal is not None
        done = world.answer(await world.admin.submit_modal(form, {"gameball-n28": "", "gameball-n29": "Shop"}))
        assert (await rules(world)).programme_titles == {"gameball-n29": "Shop"}
        assert "Settings of Lighthouse" in done.text and "gameball-n29 → Shop" in done.text
        card = world.answer(await world.admin.click(done.message, label="Name programmes"))
        assert "- gameball-n29: **Shop**" in card.text
        back = await world.press(world.admin, card, "Back to the settings")
        assert "Settings of Lighthouse" in back.text


async def test_the_currency_is_chosen_from_drips_own_list(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        second = world.sandbox.drip["second_currency_id"]
        offered = await world.admin.autocomplete(
            world.general, "settings currency", "currency", "", programme="drip-members"
        )
        assert {choice["value"] for choice in offered} == {world.sandbox.drip["currency_id"], second}
        programmes = await world.admin.autocomplete(world.general, "settings currency", "programme", "")
        assert [choice["value"] for choice in programmes] == ["drip-credentials", "drip-members"]
        options = {"programme": "drip-members", "currency": second}
        card = world.answer(await world.admin.slash(world.general, "settings currency", **options))
        assert f"currency {second} (chosen here)" in card.text
        assert (await rules(world)).currencies == {"drip-members": second}
        assert "**Currency of drip-members**" in log(world)
        wrong = {"programme": "drip-members", "currency": "f" * 24}
        refused = world.answer(await world.admin.slash(world.general, "settings currency", **wrong))
        assert "Nothing was changed." in refused.text
        assert "The programme drip-members has no currency" in refused.text
        none = {"programme": "gameball", "currency": second}
        refused = world.answer(await world.admin.slash(world.general, "settings currency", **none))
        assert "The programme gameball has no currency to choose." in refused.text
        back = {"programme": "drip-members", "currency": "-"}
        await world.admin.slash(world.general, "settings currency", **back)
        assert (await rules(world)).currencies == {}


async def test_currencies_that_drip_does_not_tell_are_refused_in_words(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults({"service": "drip", "path": "/currencies", "kind": "403"})
        offered = await world.admin.autocomplete(
            world.general, "settings currency", "currency", "", programme="drip-members"
        )
        assert offered == []
        options = {"programme": "drip-members", "currency": "f" * 24}
        refused = world.answer(await world.admin.slash(world.general, "settings currency", **options))
        assert (await rules(world)).currencies == {}
        assert "Nothing was" in refused.text


async def test_a_change_that_cannot_be_logged_counts_all_the_same(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("staff_channel_id", str(10**17))
        await choose(world, await settings(world), "programme", "gameball")
        assert (await rules(world)).default_programme == "gameball"


async def test_the_menus_of_an_old_card_work_after_a_restart(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await settings(world)
        await world.env.restart_bot(type(world.client)(world.app.services, world.app.settings))
        await choose(world, card, "programme", "gameball")
        assert (await rules(world)).default_programme == "gameball"


async def test_a_currency_of_no_programme_or_of_no_change_is_not_told_as_a_change(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        for programme, said in (
            ("[x](https://e.example)", "There is no programme called \\[x"),
            ("drip-members", "so already"),
        ):
            got = world.answer(
                await world.admin.slash(world.general, "settings currency", programme=programme, currency="-")
            )
            assert said in got.text
        assert world.staff_messages() == []


def texts(card: Shown) -> list[str]:
    """The card's texts, one by one."""
    return [part["content"] for part in card.parts if part["type"] == 10]


def chosen(card: Shown, menu: str) -> list[str]:
    """What one of the card's menus has chosen beforehand."""
    (found,) = [one for one in card.menus if one["custom_id"] == f"settings:{menu}"]
    return [str(one["id"]) for one in found.get("default_values") or ()]


async def test_a_role_that_was_deleted_is_named_as_gone_and_is_no_default(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        helpers = world.guild.create_role("Helpers")
        await world.env.settle()
        both, one = sorted([str(world.role.id), str(helpers.id)]), [str(helpers.id)]
        await world.setting("roles", {"award": both, "bulk": one, "manage": one})
        await world.setting("self_award_roles", one)
        world.env.backend.delete_role(world.guild.id, helpers.id)
        await world.env.settle()
        card = await settings(world)
        assert chosen(card, "roles:award") == [str(world.role.id)]
        assert chosen(card, "roles:bulk") == chosen(card, "roles:self") == []
        who_may_award, who_may_bulk = (
            next(text for text in texts(card) if name in text) for name in ("(`/award`)", "(`/bulk`)")
        )
        assert "⚠ 1 of its roles was deleted, which nobody has any more" in who_may_award
        assert "⚠ Its role was deleted: no role gives this until another is chosen" in who_may_bulk
        told = await world.bulk(world.mod, file=("week.csv", b"discord_id,amount"))
        assert "The roles that could were deleted: until others are chosen, only administrators may." in told.text
        await choose(world, card, "roles:award", world.role)
        assert (await rules(world)).roles[Capability.AWARD] == {str(world.role.id)}
        await world.setting("roles", {"award": one})
        assert (
            "Every role that could do something was deleted: only administrators may." in (await settings(world)).text
        )


async def test_a_staff_channel_that_was_deleted_is_named_as_gone_and_is_no_default(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        assert chosen(await settings(world), "channel") == [str(world.staff.id)]
        world.env.backend.delete_channel(world.staff.id)
        await world.env.settle()
        card = await settings(world)
        assert chosen(card, "channel") == []
        assert f"⚠ The staff channel is gone. Choose another one below. {UNTIL_THEN}" in card.text
        told = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows_of(world, 5))))
        assert UNTIL_THEN in told.text and "Sending works" not in told.text


async def test_a_default_programme_that_is_no_longer_set_up_is_named_as_gone(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("default_programme", "gameball-spring")
        card = await settings(world)
        assert "⚠ The default programme gameball-spring is not set up any more" in card.text
        told = await world.award(world.mod, members=world.members[0].mention, amount="5")
        assert "gameball-spring" in told.text and "Nothing was sent." in told.text
        await choose(world, card, "programme", "gameball")
        assert "not set up any more" not in (await settings(world)).text


async def test_no_default_among_several_programmes_is_counted_as_not_set_up(tmp_path: Path) -> None:
    """The first command that names none is refused otherwise."""
    async with discord_world(tmp_path) as world:
        assert "Every change counts at once" in (await settings(world)).text
        await world.setting("default_programme", None)
        card = await settings(world)
        assert "Not set up completely" in card.text
        assert "⚠ No default programme: commands have to name one of the 3." in card.text
        told = await world.award(world.mod, members=world.members[0].mention, amount="5")
        assert "No programme is chosen" in told.text


async def test_an_only_programme_is_the_default_by_itself(tmp_path: Path) -> None:
    async with discord_world(tmp_path, DRIP_API_KEY="", DRIP_REALM_ID="", DRIP_CURRENCY_ID="") as world:
        await world.setting("default_programme", None)
        card = await settings(world)
        assert "Every change counts at once" in card.text
