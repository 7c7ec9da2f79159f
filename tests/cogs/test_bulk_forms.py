"""``/bulk``: the forms and menus around a file, judged by what the moderator reads."""

from __future__ import annotations

from pathlib import Path

from tests.support.discord import Shown, csv_of, discord_world, rows


async def test_the_form_behind_change_edits_period_reason_and_duplicates(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("week 31.csv", csv_of(world, rows(world))))
        form = await world.mod.click(card.message, label="Change…")
        assert form.modal is not None
        values = {"label": "Week 32", "reason": "Late", "duplicates": ["sum"]}
        changed = world.answer(await world.mod.submit_modal(form, values), card)
        assert "**Period** Week 32" in changed.text and "**Reason** Late" in changed.text
        assert changed.buttons == card.buttons


async def test_a_reason_is_taken_away_by_emptying_its_field(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("week 31.csv", csv_of(world, rows(world))), reason="Lat")
        assert "**Reason** Lat" in card.text
        form = await world.mod.click(card.message, label="Change…")
        values = {"label": "", "reason": "", "duplicates": ["sum"]}
        changed = world.answer(await world.mod.submit_modal(form, values), card)
        assert "**Reason**" not in changed.text and "**Period** Week 31" in changed.text
        await world.press(world.mod, changed, changed.buttons[0])
        batch = await world.app.ledger.queries.batch(1, str(world.guild.id))
        assert (batch.reason, batch.label) == (None, "Week 31")


async def test_the_form_asks_for_permission_again_when_it_is_submitted(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("week 31.csv", csv_of(world, rows(world))))
        form = await world.mod.click(card.message, label="Change…")
        await world.setting("roles", {})
        refused = world.answer(await world.mod.submit_modal(form, {"label": "Week 32", "duplicates": ["sum"]}))
        assert "You may not send files of awards here" in refused.text
        assert "Week 31" in world.again(card).text


async def test_when_several_columns_could_be_who_the_card_asks_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        a, b = world.members[:2]
        content = f"member,user,amount\n{a.id},{b.id},5\n{b.id},{a.id},7\n"
        card = await world.bulk(world.mod, file=("a.csv", content.encode()))
        assert [label for label in card.buttons if label.startswith("Send")] == []
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        assert set(options) == {"member", "user"}
        answered = await world.pick(world.mod, card, options["user"])
        assert "who: `user`" in answered.text
        assert answered.buttons[0] == "Send 2 awards"


async def test_rows_that_fill_two_kinds_of_columns_are_bad_until_one_column_is_chosen(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        lines = [f"{member.id},m{number}@example.com,5" for number, member in enumerate(world.members[:3])]
        card = await world.bulk(world.mod, file=("a.csv", "\n".join(["user,email,amount", *lines]).encode()))
        assert "3 rows are bad" in card.text and "could each say who gets the points" in card.text
        assert [label for label in card.buttons if label.startswith("Send")] == []
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        assert set(options) == {"user", "email"}
        answered = await world.pick(world.mod, card, options["user"])
        assert "are bad" not in answered.text and "could each say" not in answered.text
        assert answered.buttons[0] == "Send 3 awards"


async def test_a_wrong_choice_of_a_column_is_put_right_on_the_same_card(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        a, b = world.members[:2]
        content = f"#,id,level,prize\n1,{a.id},30,5\n2,{b.id},40,7\n"
        card = await world.bulk(world.mod, file=("a.csv", f"{content.replace('prize', 'amount')}".encode()))
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        wrong = await world.pick(world.mod, card, options["#"])
        assert "2 rows are bad" in wrong.text
        (menu,) = wrong.menus
        assert [option["label"] for option in menu["options"] if option.get("default")] == ["Who: #"]
        options = {option["label"]: option["value"] for option in menu["options"]}
        right = await world.pick(world.mod, wrong, options["Who: id"])
        assert right.buttons[0] == "Send 2 awards" and "**12 points** in total" in right.text

        card = await world.bulk(world.mod, file=("b.csv", content.replace(",id,", ",user,").encode()))
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        wrong = await world.pick(world.mod, card, options["level"])
        assert "**70 points** in total" in wrong.text
        options = {option["label"]: option["value"] for option in wrong.menus[0]["options"]}
        right = await world.pick(world.mod, wrong, options["How much: prize"])
        assert "**12 points** in total" in right.text
        assert "The column “user” says who" in (await world.pick(world.mod, right, options["How much: user"])).text


async def test_when_several_columns_could_be_how_much_the_card_asks_once(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = f"user,points,amount\n{world.members[0].id},5,7\n"
        card = await world.bulk(world.mod, file=("a.csv", content.encode()))
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        assert set(options) == {"points", "amount"}
        answered = await world.pick(world.mod, card, options["amount"])
        assert "**7 points** in total" in answered.text
        assert answered.buttons[0] == "Send 1 award"


async def test_of_columns_that_bursar_knows_none_of_the_card_asks_who_and_then_how_much(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        a, b = world.members[:2]
        content = f"Gewinner Juli;;\nPlatz;Benutzer;Anzahl\n1;{a.id};5\n2;{b.id};7\n"
        card = await world.bulk(world.mod, file=("juli.csv", content.encode()))
        assert "knows none of the column names in row 2" in card.text
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        assert list(options) == ["Benutzer", "Platz", "Anzahl"]
        card = await world.pick(world.mod, card, options["Benutzer"])
        options = {option["label"]: option["value"] for option in card.menus[0]["options"]}
        card = await world.pick(world.mod, card, options["Anzahl"])
        assert "who: `Benutzer`" in card.text and "**12 points** in total" in card.text
        assert card.buttons[0] == "Send 2 awards"


async def test_a_file_without_amounts_can_be_given_one_afterwards(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = "\n".join(["user", *(str(member.id) for member in world.members)])
        card = await world.bulk(world.mod, file=("a.csv", content.encode()))
        assert card.buttons == ["Give one amount…", "Cancel"]
        form = await world.mod.click(card.message, label="Give one amount…")
        answered = world.answer(await world.mod.submit_modal(form, {"amount": "25", "duplicates": ["sum"]}), card)
        assert "**200 points** in total" in answered.text
        assert answered.buttons[0] == "Send 8 awards"


async def test_the_preview_warns_that_nobody_reads_a_column_of_decisions(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        content = f"discord_id,amount,Status\n{world.members[0].id},5,approved\n{world.members[1].id},7,denied\n"
        card = await world.bulk(world.mod, file=("a.csv", content.encode()))
        assert "⚠ Rows are sent whatever the column “Status” says" in card.text


async def test_without_a_file_the_template_and_a_form_are_offered(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, reason="Quest")
        assert card.files == ["bursar-template.csv"]
        assert f"**Progress and result** in <#{world.staff.id}>" in card.text
        assert world.file(card, "bursar-template.csv").startswith("discord_id,amount,reason")
        form = await world.mod.click(card.message, label="Upload or paste…")
        assert form.modal is not None and len(form.modal["components"]) == 5
        cells = "discord_id\tamount\n" + "\n".join(f"{who}\t{amount}" for who, amount in rows(world, 5))
        draft = world.answer(await world.mod.submit_modal(form, {"cells": cells, "reason": "Quest"}))
        assert "Preview · pasted rows" in draft.text
        assert "**8 awards** to 8 recipients · **40 points**" in draft.text
        assert "separated by tabs" in draft.text


async def test_a_mistake_in_the_form_keeps_what_was_typed(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod)
        form = await world.mod.click(card.message, label="Upload or paste…")
        cells = f"discord_id\n{world.members[0].id}"
        values = {"cells": cells, "amount": "1e3", "reason": "Quest", "programme": ["gameball"]}
        refused = world.answer(await world.mod.submit_modal(form, values))
        assert refused.text.startswith("### Nothing was sent.")
        assert "1e3" in refused.text
        second = await world.mod.click(refused.message, label="Edit and try again")
        assert second.modal is not None
        fields = {part["component"]["custom_id"]: part["component"] for part in second.modal["components"]}
        assert fields["cells"]["value"] == cells
        assert fields["reason"]["value"] == "Quest"
        assert [option["value"] for option in fields["programme"]["options"] if option.get("default")] == ["gameball"]
        values["amount"] = "5"
        draft = world.answer(await world.mod.submit_modal(second, values))
        assert draft.buttons[0] == "Send 1 award"


async def test_pasted_cells_that_cannot_be_used_are_edited_in_the_form(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod)
        form = await world.mod.click(card.message, label="Upload or paste…")
        cells = f"{world.members[0].id}\t5\n{world.members[1].id}\t7"
        refused = world.answer(await world.mod.submit_modal(form, {"cells": cells}))
        assert refused.text.startswith("### Nothing was sent.")
        assert "there is no header above it." in refused.text and ".." not in refused.text
        second = await world.mod.click(refused.message, label="Edit and try again")
        assert second.modal is not None
        fields = {part["component"]["custom_id"]: part["component"] for part in second.modal["components"]}
        assert fields["cells"]["value"] == cells
        draft = world.answer(await world.mod.submit_modal(second, {"cells": f"Wer\tWieviel\n{cells}"}))
        assert "Nothing sent · one question" in draft.text
        third = await world.mod.click(refused.message, label="Edit and try again")
        draft = world.answer(await world.mod.submit_modal(third, {"cells": f"user\tamount\n{cells}"}))
        assert draft.buttons[0] == "Send 2 awards"


async def test_cells_that_fill_the_field_are_not_taken_since_their_last_amount_may_be_cut_off(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod)
        form = await world.mod.click(card.message, label="Upload or paste…")
        member = world.members[0].id
        cells = f"discord_id\tamount\treason\n{member}\t5\t"
        last = f"\n{world.members[1].id}\t1250\tQuest"
        cut = f"{cells}{'x' * (4000 - len(cells) - len(last) + 8)}{last}"[:4000]
        assert cut.endswith("\t12")
        refused = world.answer(await world.mod.submit_modal(form, {"cells": cut}))
        assert refused.text.startswith("### Nothing was sent.")
        assert "The pasted cells fill the field of 4,000 characters, so their end may be cut off." in refused.text
        again = await world.mod.click(refused.message, label="Edit and try again")
        draft = world.answer(await world.mod.submit_modal(again, {"cells": cut[:-1]}))
        assert "**2 awards** to 2 recipients" in draft.text


async def test_a_file_can_come_through_the_form(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod)
        form = await world.mod.click(card.message, label="Upload or paste…")
        values = {"file": ("week 31.csv", csv_of(world, rows(world, 5)))}
        draft = world.answer(await world.mod.submit_modal(form, values))
        assert "Preview · week 31.csv" in draft.text and draft.buttons[0] == "Send 8 awards"


async def test_a_form_opened_before_a_restart_is_answered_and_changes_nothing(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("a.csv", csv_of(world, rows(world))))
        form = await world.mod.click(card.message, label="Change…")
        await world.restart()
        answer = world.answer(await world.mod.submit_modal(form, {"label": "New", "duplicates": ["sum"]}))
        assert "Bursar was restarted while this form was open" in answer.text


async def test_a_form_that_was_open_for_too_long_is_answered(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        card = await world.bulk(world.mod, file=("week 31.csv", csv_of(world, rows(world))))
        form = await world.mod.click(card.message, label="Change…")
        await world.env.advance_time(3700)
        answer = world.answer(await world.mod.submit_modal(form, {"label": "Week 32", "duplicates": ["sum"]}))
        assert "Nothing was sent, nothing was changed." in answer.text
        assert "This form was open for more than an hour" in answer.text


async def test_what_was_typed_before_a_restart_is_not_silently_replaced_by_an_empty_form(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        typed = await world.bulk(world.mod, programme="gameball", reason="Movie night", amount="25")
        bare = await world.bulk(world.mod)
        await world.restart()
        told = await world.press(world.mod, typed, "Upload or paste…")
        assert "What was typed for this form is not known any more" in told.text
        assert "Give the command once more." in told.text
        assert (await world.mod.click(bare.message, label="Upload or paste…")).modal is not None


async def test_any_column_of_a_wide_file_can_be_chosen(tmp_path: Path) -> None:
    """An export has more columns than a menu holds, and the amounts may stand in the last one."""
    async with discord_world(tmp_path) as world:
        lines = [[f"c{number}" for number in range(60)]]
        for member in world.members:
            lines.append(["x"] * 58 + [str(member.id), "7"])
        content = "\n".join(map(",".join, lines)).encode()
        card = await world.bulk(world.mod, file=("export.csv", content))
        card = await world.pick(world.mod, card, value_of(card, "c58")[1], value_of(card, "c58")[0])
        assert "No column says how much." in card.text
        card = await world.pick(world.mod, card, value_of(card, "c59")[1], value_of(card, "c59")[0])
        assert "**8 awards** to 8 recipients · **56 points** in total" in card.text
        assert all(menu["placeholder"].endswith("another column") for menu in card.menus)
        wrong = await world.pick(world.mod, card, value_of(card, "How much: c1")[1], value_of(card, "How much: c1")[0])
        assert "**8 rows are bad" in wrong.text


async def test_of_more_columns_than_the_menus_hold_the_card_says_what_to_do(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        lines = [[f"c{number}" for number in range(80)]]
        for member in world.members:
            lines.append([str(member.id), *["x"] * 78, "7"])
        card = await world.bulk(world.mod, file=("export.csv", "\n".join(map(",".join, lines)).encode()))
        more = "{} more columns do not fit into the menus. If it is one of those, give it the name `{}` in the file"
        assert more.format(5, "discord_id") in card.text
        card = await world.pick(world.mod, card, value_of(card, "c0")[1], value_of(card, "c0")[0])
        assert "No column says how much." in card.text
        assert more.format(4, "amount") in card.text
        offered = [option["label"] for menu in card.menus for option in menu["options"]]
        wrong = next(label for label in offered if label not in ("c79", "How much: c79"))
        card = await world.pick(world.mod, card, value_of(card, wrong)[1], value_of(card, wrong)[0])
        assert "**8 rows are bad" in card.text
        assert more.format(5, "amount") in card.text, "a wrong choice is put right here"


def value_of(card: Shown, label: str) -> tuple[int, str]:
    """In which of the card's menus an option is, and what choosing it says."""
    found = [(at, option) for at, menu in enumerate(card.menus) for option in menu["options"]]
    return next((at, str(option["value"])) for at, option in found if option["label"] == label)
