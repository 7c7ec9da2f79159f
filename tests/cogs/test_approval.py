"""Two-person approval as people see it: asked on the card, given in the staff channel, used once."""

from __future__ import annotations

import time
from pathlib import Path

import discord
import pytest
import simcord

from bot.clock import SystemClock
from tests.support.batches import batch, view
from tests.support.discord import Shown, World, csv_of, discord_world, rows


async def with_threshold(world: World, above: int = 2) -> simcord.MemberActor:
    """More rows than this need a second person. A second moderator."""
    await world.setting("approve_rows", above)
    await world.setting("start_delay_seconds", 0)
    return world.guild.add_member(world.env.create_user("mia"), roles=[world.role])


def request(world: World) -> Shown:
    """The newest request in the staff channel."""
    return [one for one in world.staff_messages() if "Approve" in one.buttons][-1]


async def ask(world: World, amount: int = 50) -> Shown:
    """The moderator's draft, with approval asked for."""
    card = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, amount))))
    return await world.press(world.mod, card, "Ask for approval")


def decided(world: World) -> Shown:
    """The newest request that was approved."""
    return [one for one in world.staff_messages() if "Draft 1 is approved" in one.text][-1]


def over(world: World) -> None:
    """The request stands there as one that nobody can decide any more."""
    (closed,) = [one for one in world.staff_messages() if "Draft 1 can be approved no more" in one.text]
    assert closed.buttons == []
    assert "**mod** asked for approval" in closed.text


async def test_a_large_batch_is_sent_after_somebody_else_approved_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50))))
        assert "**Needs a second person**: it has 8 awards, more than the 2 that one person may send" in card.text
        assert not [label for label in card.buttons if label.startswith("Send")]
        card = await world.press(world.mod, card, "Ask for approval")
        assert "Asked by mod" in card.text
        asked = request(world)
        assert "**mod** asks for approval: it has 8 awards, more than the 2 that one person may send" in asked.text
        assert "**400 points** in total" in asked.text
        assert f"<@{world.members[0].id}>" in asked.text
        assert "content `" in asked.text
        own = await world.press(world.mod, asked, "Approve")
        assert "You prepared this or asked for its approval yourself" in own.text
        assert await world.calls() == 0
        given = await world.press(mia, asked, "Approve")
        assert "### Approved" in given.text
        assert "**mia** approved what **mod** asked for" in decided(world).text
        assert await world.calls() == 0
        opened = await world.press(world.mod, decided(world), "Open the draft")
        assert "✓ Approved by **mia**" in opened.text
        await world.press(world.mod, opened, "Send 8 awards")
        await world.quiet()
        assert set((await world.paid()).values()) == {50}
        shown = await batch(world, world.mod, "show", batch="1")
        assert "recorded by mod: approved by mia" in shown.text


async def test_a_request_about_members_is_headed_by_what_it_asks_for(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_threshold(world)
        named = " ".join(f"<@{member.id}>" for member in world.members[:3])
        card = await world.award(world.mod, members=named, amount="50")
        await world.press(world.mod, card, "Ask for approval")
        assert request(world).text.startswith("### Award 3 members\n")


async def test_leave_for_an_award_to_oneself_is_no_leave(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_threshold(world)
        winner = world.guild.add_member(world.env.create_user("winner"), roles=[world.role])
        await world.sandbox.seed(discord_ids=[str(winner.id)], balance=0)
        content = csv_of(world, [*rows(world, 50), (winner.id, 500)])
        card = await world.bulk(world.mod, file=("week.csv", content))
        await world.press(world.mod, card, "Ask for approval")
        own = await world.press(winner, request(world), "Approve")
        assert "an award for yourself" in own.text
        assert "Approve" in request(world).buttons
        await world.setting("self_award_roles", [str(world.role.id)])
        given = await world.press(winner, request(world), "Approve")
        assert "### Approved" in given.text


async def test_of_many_presses_one_counts(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        answers = await world.press_at_once(mia, request(world), "Approve", 4)
        assert sum("### Approved" in one.text for one in answers) == 1
        assert sum("This is decided already" in one.text for one in answers) == 3


def requests(world: World) -> list[Shown]:
    """Every message about the first draft that can still be pressed to decide, oldest first."""
    return [one for one in world.staff_messages() if {"Approve", "Refuse"} & {*one.buttons}]


async def ask_twice(world: World) -> list[Shown]:
    """The same request posted twice, as when the first is far up."""
    await ask(world)
    opened = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
    await world.press(world.mod, opened, "Ask again")
    return requests(world)


async def test_every_copy_of_a_request_says_what_was_decided(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        first, second = await ask_twice(world)
        await world.press(mia, first, "Refuse")
        assert requests(world) == []
        told = [one.text for one in world.staff_messages() if "**mia** refused what **mod** asked for" in one.text]
        assert len(told) == 2
        assert second.message.id in {one.message.id for one in world.staff_messages()}


async def test_a_copy_from_before_a_restart_says_what_was_decided_once_it_is_pressed(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        first, second = await ask_twice(world)
        await world.restart()
        await world.press(mia, second, "Approve")
        opened = await world.press(world.mod, decided(world), "Open the draft")
        await world.press(world.mod, opened, "Send 8 awards")
        await world.quiet()
        (old,) = requests(world)
        assert old.message.id == first.message.id
        late = await world.press(mia, old, "Refuse")
        assert "It was approved by **mia**" in late.text and "Your press changed nothing." in late.text
        assert requests(world) == []
        told = [one.text for one in world.staff_messages() if "**mia** approved what **mod** asked for" in one.text]
        assert len(told) == 2


async def test_a_request_that_a_newer_one_replaced_says_so_once_it_is_pressed(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        form = await world.mod.click(card.message, label="Change…")
        values = {"label": "", "reason": "something else", "duplicates": ["sum"]}
        changed = world.answer(await world.mod.submit_modal(form, values), card)
        await world.press(world.mod, changed, "Ask for approval")
        old, new = requests(world)
        late = await world.press(mia, old, "Approve")
        assert "It was replaced by a newer request." in late.text
        (left,) = requests(world)
        assert left.message.id == new.message.id
        told = next(one for one in world.staff_messages() if one.message.id == old.message.id)
        assert "### Draft 1 has a newer request" in told.text and told.buttons == []
        assert "### Approved" in (await world.press(mia, left, "Approve")).text


async def test_a_request_about_what_was_sent_without_it_offers_nothing_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        await world.setting("approve_rows", None)
        opened = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
        await world.press(world.mod, opened, "Send 8 awards")
        await world.quiet()
        late = await world.press(mia, request(world), "Approve")
        assert "as **batch 1**" in late.text
        over(world)
        assert "It was sent as batch 1 without this approval." in world.staff_messages()[0].text


async def test_what_is_refused_is_not_sent_and_can_be_asked_again(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        told = await world.press(mia, request(world), "Refuse")
        assert "can change it, and ask for approval again" in told.text
        assert "is refused" in world.staff_messages()[-1].text
        listed = await batch(world, world.mod, "list")
        card = await world.pick(world.mod, listed, "1")
        assert "⛔ **mia** refused it." in card.text
        card = await world.press(world.mod, card, "Ask for approval")
        await world.restart()
        await world.press(mia, request(world), "Approve")
        card = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
        assert "Send 8 awards" in card.buttons


async def test_a_change_after_the_request_voids_it(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        form = await world.mod.click(card.message, label="Change…")
        values = {"label": "", "reason": "something else", "amount": "", "duplicates": ["sum"]}
        values.pop("amount")
        changed = world.answer(await world.mod.submit_modal(form, values), card)
        assert "Ask for approval" in changed.buttons
        late = await world.press(mia, request(world), "Approve")
        assert "changed after its approval was asked for" in late.text
        over(world)
        assert await world.calls() == 0


async def test_what_was_paid_after_the_approval_is_decided_about_and_asked_for_anew(tmp_path: Path) -> None:
    """The button that sends what was approved would bring the same card back, again and again."""
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        await world.press(mia, request(world), "Approve")
        few = await world.bulk(mia, file=("few.csv", csv_of(world, rows(world, 50, 2))))
        await world.press(mia, few, "Send 2 awards")
        await world.quiet()
        opened = await world.press(world.mod, decided(world), "Open the draft")
        assert "**2 rows were already paid in the last 30 days**" in opened.text
        assert not [label for label in opened.buttons if label.startswith("Send")]
        await world.press(world.mod, opened, "Ask for approval")
        await world.press(mia, request(world), "Approve")
        opened = await world.press(world.mod, decided(world), "Open the draft")
        await world.press(world.mod, opened, "Send only the 6 rows not yet paid")
        await world.quiet()
        paid = await world.paid()
        assert (len(paid), set(paid.values())) == (8, {50})


@pytest.mark.parametrize("label", ["Approve", "Refuse"])
async def test_a_request_whose_time_is_over_says_so_and_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        asked = request(world)
        assert "a second person can approve it until <t:" in asked.text
        a_day_later = time.time() + 24 * 3600 + 5
        monkeypatch.setattr(SystemClock, "now", lambda _clock: a_day_later)
        gone = await world.press(world.mod, asked, "Open the draft")
        assert "This draft's time is over, since drafts are kept for a day; nothing of it was sent." in gone.text
        assert "Upload the file, or give the command, once more." in gone.text
        late = await world.press(mia, asked, label)
        assert "### This can be approved no more" in late.text
        assert "Nobody approved or refused it by <t:" in late.text
        assert "somebody prepares it anew and asks for approval again" in late.text
        over(world)


async def test_a_request_whose_draft_was_cancelled_offers_nothing_any_more(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        await world.press(world.mod, card, "Cancel")
        late = await world.press(mia, request(world), "Approve")
        assert "This draft was cancelled; nothing of it was sent." in late.text
        over(world)


async def test_an_approver_who_may_no_longer_approve_holds_the_batch_back(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_threshold(world)
        approvers = world.guild.create_role("Approvers")
        lena = world.guild.add_member(world.env.create_user("lena"), roles=[approvers, world.role])
        senders = {"bulk": [str(world.role.id)], "look": [str(world.role.id)]}
        await world.setting("roles", {**senders, "approve": [str(approvers.id)]})
        await ask(world)
        await world.press(lena, request(world), "Approve")
        card = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
        await world.setting("roles", senders)
        await world.press(world.mod, card, "Send 8 awards")
        await world.quiet()
        paused = (await view(world, 1)).batch.pause
        assert paused is not None
        assert "lena, who approved this batch, may not approve what others prepared any more" in paused.message
        assert await world.calls() == 0


async def test_a_small_award_that_needs_no_confirmation_still_needs_a_second_person(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_threshold(world)
        await world.setting("quick_award", "100")
        await world.setting("approve_first_use", True)
        card = await world.award(world.mod, members=f"<@{world.members[0].id}>", amount="50")
        assert "it is the first batch of this server for this programme" in card.text
        assert "Ask for approval" in card.buttons
        assert await world.calls() == 0


async def test_thresholds_are_set_on_the_settings_card_and_need_a_staff_channel_to_ask_in(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = world.answer(await world.admin.slash(world.general, "settings show"))
        form = await world.admin.click(card.message, label="Second person")
        typed = {"approve_amount": "1000", "approve_rows": "lots", "approve_first_use": ""}
        refused = world.answer(await world.admin.submit_modal(form, typed), card)
        assert "“lots” is no number of rows" in refused.text
        form = await world.admin.click(card.message, label="Second person")
        typed = {"approve_amount": "399", "approve_rows": "500", "approve_first_use": "no"}
        card = world.answer(await world.admin.submit_modal(form, typed), card)
        assert "**Second person above a sum of**: 399" in card.text
        assert "**Second person above so many rows**: 500" in card.text
        await world.setting("staff_channel_id", None)
        draft = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50))))
        assert "it moves 400, more than the 399 that one person may send" in draft.text
        refused = await world.press(world.mod, draft, "Ask for approval")
        assert "there is no staff channel to ask in" in refused.text


async def test_who_lacks_the_role_does_not_approve(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        helpers = world.guild.create_role("Helpers", permissions=discord.Permissions.none())
        await world.setting("roles", {"approve": [str(helpers.id)], "bulk": [str(world.role.id)]})
        refused = await world.press(mia, request(world), "Approve")
        assert "You may not approve what others prepared here." in refused.text


async def test_a_request_that_did_not_reach_the_staff_channel_is_not_said_to_and_is_posted_by_asking_again(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await world.bulk(world.mod, file=("week.csv", csv_of(world, rows(world, 50))))
        world.env.inject_error("POST", f"/channels/{world.staff.id}/messages", status=403)
        told = await world.press(world.mod, card, "Ask for approval")
        assert "Discord did not take the request for the staff channel, so nobody may have seen it." in told.text
        assert "Press *Ask again*." in told.text
        await world.press(world.mod, world.again(card), "Ask again")
        assert "### Approved" in (await world.press(mia, request(world), "Approve")).text


async def test_a_request_that_somebody_deleted_can_be_posted_again_from_the_reopened_draft(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        await world.admin.delete(request(world).message)
        opened = await world.pick(world.mod, await batch(world, world.mod, "list"), "1")
        assert "Asked by mod" in opened.text
        await world.press(world.mod, opened, "Ask again")
        assert "### Approved" in (await world.press(mia, request(world), "Approve")).text


async def test_asking_again_for_what_was_approved_meanwhile_shows_that_and_asks_nobody(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        assert "Once somebody approved it, *Look again* offers to send it." in card.text
        await world.press(mia, request(world), "Approve")
        again = await world.press(world.mod, card, "Ask again")
        assert "✓ Approved by **mia**" in again.text
        assert requests(world) == []
        await world.press(world.mod, again, "Send 8 awards")
        await world.quiet()
        assert sum((await world.paid()).values()) == 400


async def test_the_card_that_waits_looks_again_and_goes_on_in_its_place(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        card = await ask(world)
        assert card.buttons[:2] == ["Look again", "Ask again"]
        waits = await world.press(world.mod, card, "Look again")
        assert "Asked by mod" in waits.text and len(requests(world)) == 1, "nobody is asked once more"
        await world.press(mia, request(world), "Approve")
        now = await world.press(world.mod, card, "Look again")
        assert now.message.id == card.message.id
        assert "✓ Approved by **mia**" in now.text
        await world.press(world.mod, now, "Send 8 awards")
        await world.quiet()
        assert sum((await world.paid()).values()) == 400


async def test_what_is_said_of_an_approval_stays_true_when_the_batch_is_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        await world.press(mia, request(world), "Approve")
        opened = await world.press(world.mod, decided(world), "Open the draft")
        await world.press(world.mod, opened, "Send 8 awards")
        await world.quiet()
        assert "-# Nothing sent by this" in decided(world).text and "Nothing sent yet" not in decided(world).text


async def test_who_lost_every_role_is_told_nothing_of_a_draft_that_is_gone(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await with_threshold(world)
        card = await ask(world)
        asked = request(world)
        await world.press(world.mod, card, "Cancel")
        await world.setting("roles", {})
        told = await world.press(world.mod, asked, "Open the draft")
        assert "You may not send files of awards here." in told.text
        assert "cancelled" not in told.text


async def test_nobody_approves_by_a_card_of_a_ledger_that_was_replaced_what_the_card_does_not_show(
    tmp_path: Path,
) -> None:
    async with discord_world(tmp_path) as world:
        mia = await with_threshold(world)
        await ask(world)
        old = request(world)
        await ask(world, 7000)
        told = await world.press(mia, world.renumber(old, 1, 2), "Approve")
        assert "This card is about another request, of a ledger that was replaced." in told.text
        opened = await world.pick(world.mod, await batch(world, world.mod, "list"), "2")
        assert "Asked by mod" in opened.text
