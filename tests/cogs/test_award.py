"""``/award``: whole conversations, judged by what the moderator reads and by the stand-in's own books."""

from __future__ import annotations

import time
from pathlib import Path
from unittest import mock

import pytest

from bot.clock import SystemClock
from bot.domain.model import Actor
from bot.domain.states import AwardState
from bot.ui import lookups, receipts
from tests.support.batches import LOST, batch, board_says, in_doubt, view
from tests.support.discord import Shown, World, discord_world

PRIMARY, DANGER = 1, 4


async def test_one_member_is_previewed_confirmed_and_paid_with_a_receipt(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        card = await world.award(world.mod, members=ada.mention, amount="50", reason="Helped *everyone*")
        assert "Nothing sent" in card.text.replace("nothing", "Nothing")
        assert f"<@{ada.id}> · **50 points**" in card.text
        assert "Helped \\*everyone\\*" in card.text
        assert card.buttons == ["Send 50 points to @Ada", "Cancel"]
        assert card.style("Send 50 points to @Ada") == PRIMARY
        assert await world.calls() == 0

        receipt = await world.press(world.mod, card, "Send 50 points to @Ada")
        assert f"Sent 50 points to <@{ada.id}>" in receipt.text
        assert "new balance **1,050 points**" in receipt.text
        assert "award 1 · batch 1" in receipt.text
        assert receipt.buttons == ["Details"]
        assert list((await world.paid()).values()) == [50]


async def test_amounts_behind_members_repeats_and_bots_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        text = f"{ada.mention} 50 {grace.id} 20 {ada.mention} 5 {world.helper.mention} 10"
        card = await world.award(world.mod, members=text)
        assert f"<@{ada.id}> · **55 points**" in card.text
        assert f"<@{grace.id}> · **20 points**" in card.text
        assert "Bots are skipped: @helper" in card.text
        assert "Named more than once, made one award: @Ada" in card.text
        assert card.buttons == ["Send 75 points to 2 members", "Cancel"]
        await world.press(world.mod, card, "Send 75 points to 2 members")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [20, 55]


async def test_a_deduction_is_red_shows_the_balance_before_and_after_and_says_take(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("quick_award", "1000")
        ada = world.members[0]
        card = await world.award(world.mod, members=ada.mention, amount="-50")
        assert "balance 1,000 points → 950 points" in card.text
        assert card.style("Take 50 points from @Ada") == DANGER
        receipt = await world.press(world.mod, card, "Take 50 points from @Ada")
        assert f"Took 50 points from <@{ada.id}>" in receipt.text
        assert "new balance **950 points**" in receipt.text
        assert list((await world.paid()).values()) == [-50]


async def test_the_setting_lets_one_small_award_skip_the_question_and_no_other(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("quick_award", "100")
        ada, grace = world.members[:2]
        receipt = await world.award(world.mod, members=ada.mention, amount="100")
        assert f"Sent 100 points to <@{ada.id}>" in receipt.text
        above = await world.award(world.mod, members=grace.mention, amount="101")
        assert above.buttons == ["Send 101 points to @Grace", "Cancel"]
        two = await world.award(world.mod, members=f"{ada.mention} {grace.mention}", amount="5")
        assert two.buttons == ["Send 10 points to 2 members", "Cancel"]
        again = await world.award(world.mod, members=ada.mention, amount="100")
        assert "already paid in the last 30 days" in again.text
        assert list((await world.paid()).values()) == [100]


async def test_a_small_award_whose_look_up_takes_long_is_shown_and_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at "thinking" for long, and nothing goes out behind a card that says that nothing was sent."""
    async with discord_world(tmp_path) as world:
        await world.setting("quick_award", "100")
        monkeypatch.setattr(lookups, "EDIT_EVERY_SECONDS", 0.0)  # any search takes longer
        ada = world.members[0].mention
        card = await world.award(world.mod, members=ada, amount="100", programme="drip-members")
        assert card.buttons == ["Send 100 points to @Ada", "Cancel"]
        await world.quiet()
        assert await world.paid() == {}


async def test_paying_the_same_again_takes_a_second_confirmation(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        first = await world.award(world.mod, members=ada.mention, amount="50")
        await world.press(world.mod, first, "Send 50 points to @Ada")
        card = await world.award(world.admin, members=ada.mention, amount="50")
        assert "paid lately already" in card.text and "row" not in card.text
        assert "The same was already paid in the last 30 days" in card.text
        assert "batch 1 · by mod" in card.text
        assert card.buttons == ["Pay again…", "Cancel"]
        question = await world.press(world.admin, card, "Pay again…")
        assert "this would be paid a second time" in question.text
        assert question.style("Send 50 points to @Ada again") == DANGER
        receipt = await world.press(world.admin, question, "Send 50 points to @Ada again")
        assert f"Sent 50 points to <@{ada.id}>" in receipt.text
        assert list((await world.paid()).values()) == [100]


async def test_of_several_members_only_those_not_yet_paid_are_offered(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace, linus = world.members[:3]
        first = await world.award(world.mod, members=ada.mention, amount="50")
        await world.press(world.mod, first, "Send 50 points to @Ada")
        card = await world.award(world.mod, members=f"{ada.mention} {grace.mention} {linus.mention}", amount="50")
        assert "1 member was already paid in the last 30 days" in card.text
        assert "Not yet paid: **2 members**, 100 points" in card.text
        assert card.buttons == ["Send points to 2 members not yet paid", "Pay 1 again…", "Cancel"]
        await world.press(world.mod, card, "Send points to 2 members not yet paid")
        await world.quiet()
        assert list((await world.paid()).values()) == [50, 50, 50]


async def test_the_receipt_of_deductions_says_that_points_were_taken(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        card = await world.award(world.mod, members=f"{ada.mention} {grace.mention}", amount="-50")
        receipt = await world.press(world.mod, card, "Take points from 2 members")
        assert "Took points from 2 members" in receipt.text
        assert "2 taken" in receipt.text and "paid" not in receipt.text


async def test_what_is_given_and_what_is_taken_are_told_apart(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        card = await world.award(world.mod, members=f"{ada.mention} 55 {grace.mention} -20")
        assert "**55 points** given, **20 points** taken" in card.text and "35 points" not in card.text
        receipt = await world.press(world.mod, card, "Send and take points: 2 members")
        assert "Sent to 1 member, took from 1" in receipt.text
        assert f"<@{grace.id}> · -20 points · taken" in receipt.text


async def test_a_second_press_of_ones_own_is_told_as_such(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        phone = await world.award(world.mod, members=world.members[0].mention, amount="50")
        listed = world.answer(await world.mod.slash(world.general, "batch list"))
        desk = await world.pick(world.mod, listed, "1")
        await world.press(world.mod, phone, "Send 50 points to @Ada")
        late = await world.press(world.mod, desk, "Send 50 points to @Ada")
        assert "You already sent it" in late.text and "**batch 1**" in late.text
        assert list((await world.paid()).values()) == [50]


async def told_who_was_first(world: World, late: Shown) -> None:
    """A press that came too late says by whom and in which batch, and nobody was paid twice."""
    assert "You sent nothing with this." in late.text
    assert f"<@{world.mod.id}> already sent it" in late.text
    assert "**batch 1**" in late.text
    assert list((await world.paid()).values()) == [50]


async def test_the_second_of_two_devices_reads_who_was_first_and_sends_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        phone = await world.award(world.mod, members=world.members[0].mention, amount="50")
        listed = world.answer(await world.admin.slash(world.general, "batch list"))
        desk = await world.pick(world.admin, listed, "1")
        assert desk.buttons == phone.buttons
        await world.press(world.mod, phone, "Send 50 points to @Ada")
        late = await world.press(world.admin, desk, "Send 50 points to @Ada")
        await told_who_was_first(world, late)


async def test_a_late_press_on_a_card_whose_draft_was_purged_reads_who_was_first(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="50")
        desk = world.answer(await world.admin.slash(world.general, "batch list"))
        desk = await world.pick(world.admin, desk, "1")
        await world.press(world.mod, card, "Send 50 points to @Ada")
        await world.app.ledger.database.write(lambda c: c.execute("UPDATE drafts SET expires_at = 1").rowcount)
        assert await world.app.ledger.drafts.purge() == 1
        late = await world.press(world.admin, desk, "Send 50 points to @Ada")
        await told_who_was_first(world, late)


async def test_cancelling_ends_the_draft_and_sends_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="50")
        done = await world.press(world.mod, card, "Cancel")
        assert "Cancelled" in done.text and "Nothing was sent" in done.text
        assert done.buttons == []
        assert await world.calls() == 0


async def test_a_member_without_an_account_is_reported_as_refused_and_the_others_are_paid(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        stranger = world.guild.add_member(world.env.create_user("stranger"))
        card = await world.award(world.mod, members=f"{world.members[0].mention} {stranger.mention}", amount="50")
        assert "1 recipient has no account to send to and will be reported as refused" in card.text
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert "1 of 2 awards sent" in receipt.text
        assert list((await world.paid()).values()) == [50]


async def test_where_nobody_has_an_account_nothing_is_said_to_be_sent_or_kept(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        stranger = world.guild.add_member(world.env.create_user("stranger"))
        card = await world.award(world.mod, members=stranger.mention, amount="50")
        assert "Nothing sent · there is no account to send to" in card.text
        assert f"1 recipient has no account to send to: <@{stranger.id}>. Drip has no member with this" in card.text
        assert "reopen" not in card.text and card.buttons == ["Cancel"]
        nobody = "282345678901234579"
        card = await world.bulk(world.mod, file=("a.csv", f"user,amount\n{nobody},5\n".encode()))
        assert f"**For** `{nobody}`" in card.text and "there is no account to send to" in card.text
        assert "**Plan**" not in card.text and "first call" not in card.text


async def test_a_row_the_service_refuses_is_told_with_its_reason_and_no_success(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.switches(drip={"overdraft": "400"})
        card = await world.award(world.mod, members=world.members[0].mention, amount="-5000")
        assert "below zero" in card.text
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert "Nothing was taken from" in receipt.text
        assert await world.paid() == {}


@pytest.mark.parametrize(
    ("options", "first", "next_step"),
    [
        ({"members": "bob", "amount": "5"}, "“bob” is neither a member nor an amount", "Mention the members"),
        ({"members": "<@{0}>"}, "There is no amount for", "Fill in the option"),
        ({"members": "<@{0}>", "amount": "1.5"}, "The amount 1.5 cannot be used", ""),
        ({"members": "<@{0}>", "amount": "5", "programme": "nope"}, "There is no programme called nope", ""),
        ({"members": "<@{bot}>", "amount": "5"}, "There is no member to award", "Mention members of this server"),
        ({"members": "<@{mod}>", "amount": "5"}, "you may not award yourself", ""),
    ],
)
async def test_what_cannot_be_used_says_first_that_nothing_was_sent(
    tmp_path: Path, options: dict[str, str], first: str, next_step: str
) -> None:
    async with discord_world(tmp_path) as world:
        ids = {"bot": world.helper.id, "mod": world.mod.id}
        filled = {name: text.format(*(m.id for m in world.members), **ids) for name, text in options.items()}
        card = await world.award(world.mod, **filled)
        assert card.text.startswith("### Nothing was sent.")
        assert first in card.text and next_step in card.text
        assert not [label for label in card.buttons if label.startswith("Send")]
        assert await world.calls() == 0


async def test_ids_of_strangers_are_warned_of_and_ids_of_nobody_are_left_out(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        gone = world.env.create_user("gone", global_name="Gone")
        nobody = 10**17 + 5
        card = await world.award(world.mod, members=f"{world.members[0].id} {gone.id} {nobody}", amount="5")
        assert "Not a member of this server, look at the id twice: @Gone" in card.text
        assert f"There is no such account, skipped: {nobody}" in card.text
        assert f"<@{nobody}> ·" not in card.text


async def test_above_the_limit_of_one_award_only_the_others_can_be_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("max_award", "100")
        ada, grace = world.members[:2]
        card = await world.award(world.mod, members=f"{ada.mention} 101 {grace.mention} 100")
        assert "**1 member is left out**" in card.text
        assert f"<@{ada.id}>: 101 is above the limit of 100 for one award" in card.text
        await world.press(world.mod, card, card.buttons[0])
        assert list((await world.paid()).values()) == [100]


async def test_members_who_are_left_out_for_the_same_are_named_and_not_counted(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("max_award", "100")
        ada, grace, linus = world.members[:3]
        text = f"{world.helper.mention} {grace.mention} 5 {ada.mention} 101 {linus.mention} 102"
        card = await world.award(world.mod, members=text)
        assert "**2 members are left out**" in card.text
        assert f"<@{ada.id}>: 101 is above the limit of 100 for one award" in card.text
        assert f"the same kind for <@{linus.id}>" in card.text
        reopened = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
        assert f"<@{ada.id}>: 101 is above" in reopened.text


async def test_a_bot_without_an_amount_is_skipped_like_any_other(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        card = await world.award(world.mod, members=f"{ada.mention} 50 {world.helper.mention}")
        assert "Bots are skipped: @helper" in card.text
        assert card.buttons == ["Send 50 points to @Ada", "Cancel"]
        missing = await world.award(world.mod, members=f"{ada.mention} 50 {world.helper.mention} {grace.mention}")
        assert f"There is no amount for <@{grace.id}>" in missing.text


async def test_above_the_limit_of_a_batch_nothing_can_be_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("max_batch", "150")
        text = " ".join(member.mention for member in world.members[:2])
        card = await world.award(world.mod, members=text, amount="100")
        assert "above the limit of 150 for one batch; send it in parts or have the limit raised" in card.text
        assert card.buttons == ["Cancel"]


async def test_a_command_for_many_keeps_the_window_in_which_stop_costs_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path, members=11) as world:
        await world.setting("start_delay_seconds", 300)  # more than any machine needs
        few = await world.award(world.mod, members=" ".join(m.mention for m in world.members[:10]), amount="1")
        many = await world.award(world.mod, members=" ".join(m.mention for m in world.members), amount="2")
        done = await world.press(world.mod, few, few.buttons[0])
        assert "Sent to 10 members" in done.text
        waiting = await world.press(world.mod, many, many.buttons[0])
        assert "Nothing sent yet" in waiting.text and "Stop" in waiting.buttons
        await world.press(world.mod, waiting, "Stop")
        assert set((await world.paid()).values()) == {1}


async def test_only_the_server_it_is_bound_to_and_only_the_roles_of_settings_may_award(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("roles", {"award": []})
        text = f"{world.members[0].mention}"
        refused = await world.award(world.mod, members=text, amount="5")
        assert "You may not award points here" in refused.text
        assert (await world.award(world.admin, members=text, amount="5")).buttons != []


async def test_the_permission_is_asked_again_when_the_button_is_pressed(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="5")
        await world.setting("roles", {"award": []})
        refused = await world.press(world.mod, card, card.buttons[0])
        assert "You may not award points here" in refused.text
        assert await world.calls() == 0
        assert world.again(card).buttons == card.buttons


async def test_a_lost_reply_is_told_as_a_doubt_with_the_warning_not_to_send_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="5")
        await world.sandbox.faults({"match": {"service": "drip", "method": "PATCH"}, "kind": "reset-after-apply"})
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert "in doubt" in receipt.text
        assert "Do not send it again" in receipt.text
        assert "Sent 5 points" not in receipt.text


async def test_several_awards_in_doubt_are_not_told_as_if_nothing_had_been_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await in_doubt(world)
        told = await batch(world, world.mod, "retry", batch=str(batch_id))
        assert "has no rejected award" in told.text and "settled with /batch resolve" in told.text
        text = " ".join(member.mention for member in world.members[2:4])
        await world.sandbox.faults(LOST)
        card = await world.award(world.mod, members=text, amount="5")
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert "### 0 of 2 awards sent, 2 in doubt" in receipt.text


async def test_an_award_that_waits_for_a_doubt_is_not_called_under_way(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await in_doubt(world)
        ada = world.members[0]
        card = await world.award(world.mod, members=ada.mention, amount="5")
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert f"5 points for <@{ada.id}>: not sent yet" in receipt.text
        assert "No call is under way: 1 row waits" in receipt.text
        assert "-# Waits until a doubt is settled" in receipt.text and "Under way" not in receipt.text


async def test_the_second_confirmation_says_how_many_would_be_paid_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        first = await world.award(world.mod, members=ada.mention, amount="50")
        await world.press(world.mod, first, "Send 50 points to @Ada")
        card = await world.award(world.mod, members=f"{ada.mention} {grace.mention}", amount="50")
        question = await world.press(world.mod, card, "Pay 1 again…")
        assert "Send 100 points to 2 members, 1 of them again" in question.buttons


async def test_an_award_in_doubt_is_not_called_paid_when_the_same_is_asked_for_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        card = await world.award(world.mod, members=ada.mention, amount="5")
        await world.sandbox.faults({"match": {"service": "drip", "method": "PATCH"}, "kind": "reset-after-apply"})
        await world.press(world.mod, card, card.buttons[0])
        again = await world.award(world.mod, members=ada.mention, amount="5")
        assert "**The same is already under way, in doubt or written off**" in again.text
        assert "paid" not in again.text
        assert again.buttons == ["Pay again…", "Cancel"]
        more = await world.award(world.mod, members=ada.mention, amount="6")
        assert "1 recipient has an award in doubt in batch 1: this award waits until that is settled" in more.text


async def test_a_refused_key_pauses_the_award_and_the_receipt_does_not_claim_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.award(world.mod, members=world.members[0].mention, amount="5")
        await world.sandbox.faults({"match": {"service": "drip", "method": "PATCH"}, "kind": "401"})
        receipt = await world.press(world.mod, card, card.buttons[0])
        assert "Paused" in receipt.text and "not sent yet" in receipt.text
        assert "DRIP\\_API\\_KEY, restart, and resume the batch." in receipt.text and "…" not in receipt.text
        (award,) = await world.app.services.batches.first_awards(1, _actor(world))
        assert award.state is AwardState.PLANNED
        assert await world.paid() == {}


def _actor(world: World) -> Actor:
    return Actor(str(world.mod.id), "mod", str(world.guild.id))


async def test_autocomplete_offers_programmes_by_name_and_title(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("programme_titles", {"gameball": "Shop coins"})
        offered = await world.mod.autocomplete(world.general, "award", "programme", "coin", members="x")
        assert offered == [{"name": "Shop coins (gameball)", "value": "gameball"}]
        await world.setting("roles", {})
        assert await world.mod.autocomplete(world.general, "award", "programme", "", members="x") == []


async def test_whoever_joined_since_is_not_called_a_stranger_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path) as world:
        guest = world.env.create_user("guest", global_name="Guest")
        await world.sandbox.seed(discord_ids=[str(guest.id)], balance=0)
        card = await world.award(world.mod, members=str(guest.id), amount="5")
        assert "Not a member of this server, look at the id twice: @Guest" in card.text
        world.guild.add_member(guest)
        later = time.monotonic() + 601
        monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: later)
        card = await world.award(world.mod, members=str(guest.id), amount="6")
        assert "Not a member of this server" not in card.text


async def test_a_deduction_that_took_less_than_it_says_is_not_said_to_have_taken_it(tmp_path: Path) -> None:
    """Gameball takes what there is and calls it done. What was taken stands wherever the award does."""
    async with discord_world(tmp_path, GAMEBALL_AMOUNT_UNIT="points") as world:
        ada = world.members[0]
        card = await world.award(world.mod, members=ada.mention, amount="-5000", programme="gameball")
        receipt = await world.press(world.mod, card, "Take 5,000 points from @Ada")
        await world.quiet()
        assert (await world.paid("gameball"))[str(ada.id)] == -1000
        assert "Took 5,000 points" not in receipt.text
        assert "It landed in part: 1,000 of 5,000 were taken." in receipt.text
        board = await board_says(world, 1, "**At most 5,000 of 5,000 points** taken · where there was less, only that")
        assert "It landed in part: 1,000 of 5,000 were taken." in board.text
        code = (await view(world, 1)).code
        own = world.answer(await ada.slash(world.general, "verify", code=code))
        assert "-5,000 points · taken" in own.text and "where there was less, only that" in own.text
        assert "At most 5,000 of 5,000 points" in (await batch(world, world.mod, "list")).text
        undo = await batch(world, world.admin, "undo", batch="1")
        assert "1 deducted, perhaps less than asked for" in undo.text
        assert "result file of batch 1" in undo.text and "/award" in undo.text
        assert "without the service saying" not in undo.text


async def test_whom_discord_does_not_tell_since_it_hangs_up_can_be_awarded_and_is_warned_of(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        with world.cut_off(f"/guilds/{world.guild.id}/members/{ada.id}"):
            card = await world.award(world.mod, members=str(ada.id), amount="5")
        assert "Discord could not be asked whether this is a member or a bot" in card.text
        assert len(card.buttons) == 2


async def test_points_that_were_given_are_not_counted_against_those_that_were_taken(tmp_path: Path) -> None:
    """Their difference is neither, and of a batch of which a part was refused it is not even near."""
    async with discord_world(tmp_path) as world:
        one, other, third = (member.mention for member in world.members[:3])
        card = await world.award(world.mod, members=f"{one} 20 {other} -3000 {third} -10")
        receipt = await world.press(world.mod, card, "Send and take points: 3 members")
        assert "1 paid · 1 taken · 1 refused" in receipt.text
        board = await board_says(world, 1, "Finished · 1 refused")
        shown = await batch(world, world.mod, "show", batch="1")
        for told in (board.text, shown.text):
            assert "1 paid · 1 taken · 1 refused" in told
            assert "**20 of 20 points** paid, **10 of 3,010 points** taken" in told


@pytest.mark.parametrize(
    ("first", "rest", "title"),
    [
        (-1, 5, "### Sent to 2 members, took from 10"),
        (5, -1, "### Sent to 10 members, took from 2"),
        (-1, -2, "### Took points from 12 members"),
    ],
)
async def test_a_receipt_for_more_members_than_it_names_is_headed_by_what_became_of_all(
    tmp_path: Path, first: int, rest: int, title: str
) -> None:
    async with discord_world(tmp_path, members=12) as world:
        await world.setting("start_delay_seconds", 0.5)
        named = " ".join(f"{one.mention} {first if at < 10 else rest}" for at, one in enumerate(world.members))
        card = await world.award(world.mod, members=named)
        assert f"**Progress and result** in <#{world.staff.id}>" in card.text
        assert "The first call waits 0.5 s" in card.text
        with mock.patch.multiple(receipts, STEP_SECONDS=0.2, START_SECONDS=0.2):
            receipt = await world.press(world.mod, card, card.buttons[0])
            await world.until(lambda: title in world.again(receipt).text)
