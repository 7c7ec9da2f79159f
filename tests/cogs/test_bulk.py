"""``/bulk``: whole conversations, judged by what the moderator reads and by the stand-in's own books."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.ui import receipts
from tests.support.batches import pay_five
from tests.support.discord import DELAY, Shown, World, csv_of, discord_world, rows

DANGER = 4


async def about_to_start(world: World, delay: float = DELAY) -> Shown:
    """The card of eight awards whose first call waits for so long after they are sent."""
    await world.setting("start_delay_seconds", delay)
    return await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))


async def test_a_file_is_previewed_confirmed_sent_and_reported_in_the_staff_channel(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        content = csv_of(world, rows(world, 50))
        card = await world.bulk(world.mod, file=("rewards_week-31.csv", content), reason="Weekly quest")
        for said in (
            "Draft · nothing sent",
            "**8 awards** to 8 recipients · **400 points** in total",
            "**Period** Week 31",
            "**Reason** Weekly quest",
            f"<@{world.members[0].id}>",
            "and 3 more",
            "header in row 1",
            "`discord_id` (Discord ids)",
            "how much: `amount`",
            "UTF-8, separated by commas",
            "1 call",
            f"**Progress and result** in <#{world.staff.id}>",
        ):
            assert said in card.text, said
        assert card.buttons == ["Send 8 awards", "Cancel", "Change…", "Show to staff"]
        assert await world.calls() == 0

        receipt = await world.press(world.mod, card, "Send 8 awards")
        assert "**8 awards** recorded" in receipt.text
        assert f"**Progress and result** in <#{world.staff.id}>" in receipt.text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8
        await world.until(lambda: any("400 points" in card.text for card in world.staff_messages()))


async def test_before_the_first_call_nothing_is_sent_and_stop_costs_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        assert "The first call waits 10 s" in card.text
        receipt = await world.press(world.mod, card, "Send 8 awards")
        assert "Nothing sent yet" in receipt.text
        assert receipt.buttons == ["Stop", "Details"]
        stopped = await world.press(world.mod, receipt, "Stop")
        assert "Nothing was sent." in stopped.text
        await world.quiet()
        assert await world.calls() == 0


async def test_who_has_no_account_is_mentioned_only_where_the_server_knows_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        without = world.guild.add_member(world.env.create_user("newcomer"))
        elsewhere = world.env.create_user("elsewhere")
        nobody = 10**17 + 5
        content = csv_of(world, [*rows(world, 50, 2), (without.id, 20), (elsewhere.id, 20), (nobody, 20)])
        card = await world.bulk(world.mod, file=("a.csv", content))
        said = f"reported as refused: <@{without.id}>, `{elsewhere.id}`, `{nobody}`"
        assert said in world.again(card).text


async def test_bad_rows_stop_the_send_until_the_good_ones_alone_are_chosen(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        content = csv_of(world, [*rows(world, 50), ("nobody", 50), (world.members[0].id, "1e3")])
        card = await world.bulk(world.mod, file=("a.csv", content))
        assert "there are bad rows" in card.text
        assert "**2 rows are bad and stop the send**" in card.text
        assert "Row 10, `discord_id`:" in card.text
        assert "Row 11, `amount`:" in card.text
        assert card.buttons[0] == "Send the 8 good rows only"
        assert card.files == ["draft-1-bad-rows.csv"]
        bad = world.file(card, "draft-1-bad-rows.csv").splitlines()
        assert bad[0] == "discord_id,amount,problem"
        assert len(bad) == 3 and bad[1].startswith("nobody,50,")
        receipt = await world.press(world.mod, card, "Send the 8 good rows only")
        assert "2 bad rows were left out." in receipt.text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_a_sum_that_hides_a_row_paid_meanwhile_brings_the_card_back(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        one = world.members[0].id
        both = await world.bulk(world.mod, file=("both.csv", csv_of(world, [(one, 50), (one, 20)])))
        first = await world.bulk(world.mod, file=("first.csv", csv_of(world, [(one, 50)])))
        await world.press(world.mod, first, "Send 1 award")
        await world.quiet()
        back = await world.press(world.mod, both, "Send 1 award")
        assert "**1 row was already paid in the last 30 days**" in back.text
        await world.press(world.mod, back, "Send only the 1 row not yet paid")
        await world.quiet()
        assert list((await world.paid()).values()) == [70]


async def test_a_sum_of_which_nothing_was_paid_meanwhile_is_sent_whatever_its_recipient_got(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        one = world.members[0].id
        both = await world.bulk(world.mod, file=("both.csv", csv_of(world, [(one, 50), (one, 20)])))
        other = await world.bulk(world.mod, file=("other.csv", csv_of(world, [(one, 7)])))
        for card in (other, both):
            await world.press(world.mod, card, "Send 1 award")
            await world.quiet()
        assert list((await world.paid()).values()) == [77]


async def test_rows_that_were_paid_lately_are_left_out_and_paying_them_again_asks_twice(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        await pay_five(world, "w31.csv")
        card = await world.bulk(world.admin, file=("w31-new.csv", csv_of(world, rows(world, 50))))
        assert "**5 rows were already paid in the last 30 days**" in card.text
        assert "batch 1" in card.text and "by mod" in card.text
        assert "Not yet paid: **3 rows**, 150 points" in card.text
        assert card.buttons[:2] == ["Send only the 3 rows not yet paid", "Pay 5 again…"]
        question = await world.press(world.admin, card, "Pay 5 again…")
        assert "get the points a second time" in question.text
        assert question.style("Send all 8, 5 of them again") == DANGER
        back = await world.press(world.admin, question, "Back")
        assert back.buttons == card.buttons
        receipt = await world.press(world.admin, back, "Send only the 3 rows not yet paid")
        assert "5 rows were left out: an earlier batch has the same." in receipt.text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_the_question_whether_to_pay_again_says_that_bad_rows_are_left_out(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:  # which looks at the end whether Discord would take what was sent
        await world.setting("start_delay_seconds", 0)
        first = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world, 50, 3))))
        await world.press(world.mod, first, "Send 3 awards")
        await world.quiet()
        content = csv_of(world, [*rows(world, 50, 5), ("nobody", 50)])
        card = await world.bulk(world.mod, file=("b.csv", content))
        question = await world.press(world.mod, card, "Pay 3 again…")
        assert "**1 bad row is left out.**" in question.text
        assert question.files == []
        back = await world.press(world.mod, question, "Back")
        assert back.files == ["draft-2-bad-rows.csv"]
        question = await world.press(world.mod, back, "Pay 3 again…")
        await world.press(world.mod, question, "Send all 5 good rows, 3 of them again")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50, 50, 100, 100, 100]


async def test_the_same_file_again_can_be_paid_twice_only_by_saying_so_twice(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        content = csv_of(world, rows(world, 50, 2))
        first = await world.bulk(world.mod, file=("a.csv", content))
        await world.press(world.mod, first, "Send 2 awards")
        await world.quiet()
        card = await world.bulk(world.mod, file=("a.csv", content))
        assert not [label for label in card.buttons if label.startswith("Send ")]
        question = await world.press(world.mod, card, "Pay 2 again…")
        await world.press(world.mod, question, "Pay 2 rows a second time")
        await world.quiet()
        assert sorted((await world.paid()).values()) == [100, 100]


async def test_a_card_says_what_is_waited_for_while_the_service_does_not_say_who_presses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a Drip id nobody can tell whose it is before Drip was asked for the account of whoever confirms."""
    monkeypatch.setattr("bot.ui.deciding.EDIT_EVERY_SECONDS", 0.0)  # SimCord holds timers back while it answers
    somebody, search = "66deda49738dd61989126601", {"path": "/members/search"}
    async with discord_world(tmp_path) as world:
        await world.sandbox.seed(members=[{"drip_id": somebody, "balance": 0}])
        content = f"drip_id,amount\n{somebody},50\n".encode()
        card = await world.bulk(world.mod, file=("a.csv", content), programme="drip-members")
        await world.sandbox.faults({"match": search, "kind": "401"})
        refused = await world.press(world.mod, card, "Send 1 award")
        assert "### Nothing was sent." in refused.text
        assert "it cannot be checked whether a row pays yourself" in refused.text
        assert "Send 1 award" in world.again(card).buttons, "it can be pressed again"
        await world.sandbox.faults({"match": search, "kind": "held"})
        pressed = asyncio.create_task(world.press(world.mod, card, "Send 1 award"))
        await world.until(lambda: "Nothing sent yet · being checked" in world.again(card).text)
        assert world.again(card).buttons == []
        assert "Drip may be asked first who you are there" in world.again(card).text
        await world.sandbox.faults()
        assert "### Batch 1" in (await pressed).text


async def test_two_cards_made_before_the_first_send_cannot_pay_a_row_twice(tmp_path: Path) -> None:
    """The second card does not know of the first batch; the transaction does, and the card comes back."""
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        content = csv_of(world, rows(world, 50, 2))
        one = await world.bulk(world.mod, file=("a.csv", content))
        two = await world.bulk(world.admin, file=("b.csv", content))
        await world.press(world.mod, one, "Send 2 awards")
        await world.quiet()
        back = await world.press(world.admin, two, "Send 2 awards")
        assert "**2 rows were already paid in the last 30 days**" in back.text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50, 50]


async def test_twenty_presses_at_once_send_once_and_the_others_read_who_was_first(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        answers = await world.press_at_once(world.mod, card, "Send 8 awards", 20)
        late = [answer for answer in answers if "You sent nothing with this." in answer.text]
        assert len(late) == 19
        assert all("**batch 1**" in answer.text for answer in late)
        assert "**8 awards** recorded" in world.again(card).text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_a_press_too_many_does_not_bring_back_the_card_over_the_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ui.deciding.EDIT_EVERY_SECONDS", 0.0)  # every press takes long enough to be told of
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        answers = await world.press_at_once(world.mod, card, "Send 8 awards", 20)
        assert len([answer for answer in answers if "You sent nothing with this." in answer.text]) == 19
        assert "**8 awards** recorded" in world.again(card).text
        await world.quiet()
        assert sorted((await world.paid()).values()) == [50] * 8


async def test_duplicates_are_summed_unless_the_menu_says_otherwise(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada, grace = world.members[:2]
        content = csv_of(world, [(ada.id, 50), (grace.id, 10), (ada.id, 50)])
        card = await world.bulk(world.mod, file=("a.csv", content))
        assert "**2 awards** to 2 recipients · **110 points** in total · from 3 rows" in card.text
        apart = await world.pick(world.mod, card, "apart")
        assert "**3 awards** to 2 recipients" in apart.text
        once = await world.pick(world.mod, apart, "once")
        assert "**2 awards** to 2 recipients · **60 points**" in once.text
        refuse = await world.pick(world.mod, once, "refuse")
        assert refuse.buttons[0] == "Send the 1 good row only"


async def test_the_receipt_says_that_nothing_is_sent_no_longer_than_that_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path) as world:
        monkeypatch.setattr(receipts, "START_SECONDS", 0.5)
        card = await about_to_start(world, 1)
        receipt = await world.press(world.mod, card, "Send 8 awards")  # SimCord waits for the look after the start
        assert "Nothing sent yet" not in receipt.text


async def test_the_receipt_is_brought_up_to_date_when_the_batch_is_over(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await about_to_start(world)
        receipt = await world.press(world.mod, card, "Send 8 awards")
        assert "Nothing sent yet" in receipt.text
        world.begin(1)
        await world.quiet()
        await world.env.advance_time(receipts.STEP_SECONDS + 1)
        assert "Done" in world.again(receipt).text
        assert "**400 of 400 points** paid" in world.again(receipt).text
        assert world.again(receipt).buttons == ["Details"]


async def test_a_receipt_that_discord_failed_to_edit_is_edited_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path) as world:
        monkeypatch.setattr(receipts, "STEP_SECONDS", 300.0)  # two of them while the token lives
        card = await about_to_start(world)
        receipt = await world.press(world.mod, card, "Send 8 awards")
        world.begin(1)
        await world.quiet()
        world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=503)
        await world.env.advance_time(receipts.STEP_SECONDS + 1)
        assert "Nothing sent yet" in world.again(receipt).text
        await world.env.advance_time(receipts.STEP_SECONDS + 1)
        assert "Done" in world.again(receipt).text


async def test_a_receipt_that_cannot_be_edited_once_its_batch_has_started_is_not_edited_without_a_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with discord_world(tmp_path) as world:
        monkeypatch.setattr(receipts, "START_SECONDS", 0.5)
        card = await about_to_start(world)
        edits = _NthEdit(world.env.backend, 2, and_later=True)
        world.env.backend.faults.append(edits)
        await world.press(world.mod, card, "Send 8 awards")
        world.begin(1)
        await world.quiet()
        await world.env.advance_time(DELAY + 10)
        assert edits.seen == 2


async def test_a_file_without_amounts_takes_the_amount_of_the_command(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = "member\n" + "\n".join(f"<@{member.id}>" for member in world.members)
        card = await world.bulk(world.mod, file=("a.csv", content.encode()), amount="25")
        assert "**8 awards** to 8 recipients · **200 points**" in card.text
        assert "the same amount for every row" in card.text


async def test_a_file_that_is_no_csv_is_named_for_what_it_is(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.xlsx", b"PK\x03\x04" + b"\x00" * 100))
        assert "this file cannot be used" in card.text
        assert "CSV" in card.text
        assert card.buttons == ["Cancel"]
        assert "Cancelled" in (await world.press(world.mod, card, "Cancel")).text


async def test_a_file_above_the_limit_is_refused_before_it_is_downloaded(tmp_path: Path) -> None:
    async with discord_world(tmp_path, BURSAR_MAX_FILE_BYTES="1000") as world:
        card = await world.bulk(world.mod, file=("a.csv", b"x" * 1001))
        assert card.text.startswith("### Nothing was sent.")
        assert "The file has 0.1 MB, more than the limit of 0.001 MB" in card.text
        assert not [entry for entry in world.env.http_requests if "attachments" in entry.path]


async def test_without_a_staff_channel_the_card_says_what_still_works_and_how_to_set_one(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("staff_channel_id", None)
        await world.setting("start_delay_seconds", 0)
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        assert "No staff channel is set" in card.text and "`/settings`" in card.text
        assert card.buttons == ["Send 8 awards", "Cancel", "Change…"]
        await world.press(world.mod, card, "Send 8 awards")
        await world.quiet()
        assert len(await world.paid()) == 8
        assert world.staff_messages() == []


async def test_show_to_staff_posts_numbers_and_lets_another_person_open_the_draft(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        said = await world.press(world.mod, card, "Show to staff")
        assert "Shown to the staff" in said.text
        (note,) = world.staff_messages()
        assert "**8 awards** to 8 recipients · **400 points** in total" in note.text
        assert not any(str(member.id) in note.text for member in world.members)
        opened = world.answer(await world.admin.click(note.message, label="Open the draft"))
        assert opened.buttons == card.buttons
        receipt = await world.press(world.admin, opened, "Send 8 awards")
        assert "recorded" in receipt.text


async def test_buttons_of_a_draft_work_after_a_restart(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        await world.restart()
        receipt = await world.press(world.mod, card, "Send 8 awards")
        assert "**8 awards** recorded" in receipt.text


async def test_a_card_that_shows_something_older_sends_nothing_and_is_brought_up_to_date(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        ada = world.members[0]
        content = csv_of(world, [(ada.id, 50), (ada.id, 50)])
        old = await world.bulk(world.mod, file=("a.csv", content))
        listed = world.answer(await world.admin.slash(world.general, "batch list"))
        other = await world.pick(world.admin, listed, "1")
        await world.pick(world.admin, other, "once")
        refused = await world.press(world.mod, old, "Send 1 award")
        assert "The draft changed after this card was shown" in refused.text
        assert "**50 points** in total" in world.again(old).text
        assert await world.calls() == 0


async def test_an_overdue_answer_of_discord_is_no_error(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        world.env.inject_error("*", "/interactions/*/callback", status=404, code=10062, message="Unknown interaction")
        result = await world.mod.slash(world.general, "bulk")
        assert not result.acknowledged


async def test_a_failed_look_up_keeps_the_draft_and_can_be_repeated(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults({"match": {"service": "drip", "count": 1}, "kind": "403"})
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        assert card.text.startswith("### Nothing was sent.")
        assert card.buttons == ["Look up again", "Cancel"]
        again = await world.press(world.mod, card, "Look up again")
        assert again.buttons[0] == "Send 8 awards"


async def test_a_failed_edit_on_the_way_does_not_leave_a_card_that_looks_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ui.lookups.EDIT_EVERY_SECONDS", 0.0)  # SimCord holds timers back while it answers
    async with discord_world(tmp_path) as world:
        await world.sandbox.faults({"match": {"path": "/members/search"}, "kind": "slow", "ms": 1000})
        edits = _NthEdit(world.env.backend, 2)
        world.env.backend.faults.append(edits)
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        assert edits.seen > 2, "the card was edited after the edit that failed"
        assert card.buttons[0] == "Send 8 awards"


class _NthEdit(dict[str, Any]):
    """A fault of SimCord's that only the nth edit of a private answer meets, or every one from there on."""

    def __init__(self, backend: Any, nth: int, *, and_later: bool = False) -> None:
        super().__init__(method="PATCH", status=503, code=0, message="503: Service Unavailable", times=None)
        self._backend, self._nth, self._and_later, self.seen = backend, nth, and_later, 0

    def __getitem__(self, key: str) -> Any:
        if key != "path":
            return super().__getitem__(key)
        path = self._backend.http_requests[-1].path
        if not path.endswith("/messages/@original"):
            return "nothing"
        self.seen += 1
        return path if self.seen == self._nth or (self._and_later and self.seen > self._nth) else "nothing"


@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members", "gameball"])
async def test_every_programme_pays_a_file(tmp_path: Path, programme: str) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world, 7))), programme=programme)
        await world.press(world.mod, card, "Send 8 awards")
        await world.quiet()
        paid = await world.paid("gameball" if programme == "gameball" else "drip")
        assert sorted(paid.values()) == [7] * 8


async def test_commands_are_for_servers_only_and_hidden_from_members(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        assert "bulk" not in world.members[0].available_commands(world.general)
        assert {"award", "bulk"} <= set(world.mod.available_commands(world.general))
        for command in world.client.tree.get_commands():
            payload = command.to_dict(world.client.tree)
            assert payload["contexts"] == [0] and payload["integration_types"] == [0], command.name


async def test_another_server_reads_only_that_it_is_not_set_up(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        other = world.env.create_guild("Elsewhere")
        channel = other.create_text_channel("general")
        boss = other.create_role("Boss", permissions=discord.Permissions(administrator=True))
        stranger = other.add_member(world.env.create_user("stranger"), roles=[boss])
        for name, options in (("award", {"members": "x"}), ("bulk", {})):
            text = world.answer(await stranger.slash(channel, name, **options)).text
            assert "Bursar is not set up here" in text


async def test_ids_of_nobody_are_written_out_wherever_the_preview_names_them(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        nobody = "999999999999999999"
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, [*rows(world, 5, 2), (nobody, 90)])))
        await world.until(lambda: "no account to send to" in world.again(card).text)
        text = world.again(card).text
        assert f"**Largest** `{nobody}` · 90 points" in text
        assert f"<@{nobody}>" not in text


async def test_named_ids_of_nobody_here_are_pointed_out_where_nobody_is_looked_up(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = csv_of(world, [*rows(world, 5, 2), ("999999999999999999", 90)])
        card = await world.bulk(world.mod, file=("a.csv", content), programme="drip-credentials")
        assert "**Largest** `999999999999999999` · 90 points" in card.text
        assert "⚠ 1 of these is no member of this server, written out as its id; look twice" in card.text
        assert card.buttons[0] == "Send 3 awards"
        everybody = await world.bulk(world.mod, file=("b.csv", csv_of(world, rows(world, 6))), programme="gameball")
        assert "no member of this server" not in everybody.text


async def test_whom_drip_does_not_know_reads_that_it_cannot_be_told_whether_a_row_is_theirs(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        await world.setting("start_delay_seconds", 0)
        seeded = await world.sandbox.seed(discord_ids=["800000000000000077"], balance=0)
        content = f"drip_id,amount\n{seeded['members'][0]},50\n".encode()
        card = world.again(await world.bulk(world.mod, file=("a.csv", content)))
        line = "Nobody may award themselves, and Drip has no member for the Discord account of mod"
        assert card.text.count(line) == 1
        assert "Send 1 award" in card.buttons
        await world.sandbox.seed(discord_ids=[str(world.admin.id)], balance=0)
        theirs = world.answer(await world.admin.slash(world.general, "batch list"))
        opened = world.again(await world.pick(world.admin, theirs, "1"))
        assert "Nobody may award themselves" not in opened.text
        receipt = await world.press(world.mod, card, "Send 1 award")
        assert "**1 award** recorded" in receipt.text


async def test_a_file_whose_amounts_a_comma_has_parted_says_so_before_anything_is_sent(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = "discord_id,amount,reason\n" + "".join(f"{member.id},1,250\n" for member in world.members[:3])
        card = world.again(await world.bulk(world.mod, file=("a.csv", content.encode())))
        assert "Nothing sent · look at the amounts" in card.text
        assert "if 1,250 is meant, only 1 would be paid; write such amounts without the comma, 1250" in card.text
        assert "(rows 2, 3, 4)" in card.text
