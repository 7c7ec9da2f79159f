"""The preview card of a draft, looked at without a ledger: what it says, and what can be pressed."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest

from bot.domain.approving import Approval, ApprovalState
from bot.domain.drafting import Alike, CampaignPaid, EarlierBatch, Matches, StagedRow
from bot.domain.model import Actor, Notice, Problem, Recipient, RecipientType, Refusal
from bot.services.rules import Limits, ServerRules
from bot.services.submitting import Preview
from bot.ui.approvals import request_card
from bot.ui.award_card import Faces, award_card
from bot.ui.drafts import DraftButton, DraftMenu
from bot.ui.looking import Look
from bot.ui.lookups import Searched
from bot.ui.preview_buttons import HASH_PREFIX
from bot.ui.preview_card import PARTED_WORD, Frame, Step, preview_card
from bot.ui.preview_facts import warning_lines
from bot.ui.staff_note import staff_note
from tests.support.previews import (
    BAD_ROWS,
    DUPLICATES,
    EARLIER,
    FRAME,
    HASH,
    NOW_MS,
    draft,
    facts,
    member,
    preview,
    totals,
)
from tests.support.specification import refusable_card


def text_of(view: discord.ui.LayoutView) -> str:
    assert refusable_card(view) == []
    return "\n".join(item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay))


def buttons(view: discord.ui.LayoutView) -> dict[str, discord.ui.Button]:
    assert refusable_card(view) == []
    return {str(item.label): item for item in view.walk_children() if isinstance(item, discord.ui.Button)}


def labels(shown: Preview, frame: Frame = FRAME, step: Step = Step.MAIN) -> list[str]:
    return list(buttons(preview_card(shown, frame, step)))


def test_a_clean_draft_has_one_main_button_that_counts_its_awards() -> None:
    view = preview_card(preview(), FRAME)
    assert list(buttons(view)) == ["Send 1,203 awards", "Cancel", "Change…", "Show to staff"]
    assert buttons(view)["Send 1,203 awards"].style is discord.ButtonStyle.primary
    assert str(buttons(view)["Send 1,203 awards"].custom_id).startswith("draft:send:7:1a2b3c4d5e.")


@pytest.mark.parametrize(
    ("changes", "first", "identity"),
    [
        ({}, "Send 1,203 awards", "send"),
        ({"totals": totals(1)}, "Send 1 award", "send"),
        ({"totals": totals(1198, problems=5), "problems": BAD_ROWS}, "Send the 1,198 good rows only", "send-g"),
        ({"totals": totals(1203), "matches": EARLIER}, "Send only the 5 rows not yet paid", "send-s"),
        (
            {"totals": totals(1203, problems=2), "problems": BAD_ROWS[:2], "matches": EARLIER},
            "Send only the 5 good rows not yet paid",
            "send-gs",
        ),
        (
            {"totals": totals(1203, lines=1204, problems=2), "problems": BAD_ROWS[:2], "matches": EARLIER},
            "Send only what is good and not yet paid: 5 awards",
            "send-gs",
        ),
        (
            {"totals": totals(1203, lines=1204), "matches": EARLIER},
            "Send only the 5 awards not yet paid",
            "send-s",
        ),
        (
            {"totals": totals(976, lines=979, problems=17), "problems": BAD_ROWS},
            "Send the good rows only: 976 awards",
            "send-g",
        ),
        ({"totals": totals(1203, unresolved=3)}, "Send 1,200 awards", "send"),
        ({"totals": totals(10, deductions=10, total=-500)}, "Take points: 10 deductions", "send"),
        ({"totals": totals(10, deductions=3)}, "Send 7 awards, 3 deductions", "send"),
    ],
)
def test_the_main_button_says_exactly_what_it_does(changes: dict[str, object], first: str, identity: str) -> None:
    made = buttons(preview_card(preview(**changes), FRAME))
    assert next(iter(made)) == first
    assert str(made[first].custom_id).split(":")[1] == identity


def test_no_number_of_an_undo_is_cut_off_on_its_button() -> None:
    most = 9_007_199_254_740_991
    moved = totals(2, deductions=1, total=0, total_absolute=2 * most)
    made = buttons(preview_card(preview(draft=draft(source="undo", parent_id=5), totals=moved), FRAME))
    assert next(iter(made)) == "Take back 2 awards"


def test_deductions_make_the_main_button_red() -> None:
    made = buttons(preview_card(preview(totals=totals(10, deductions=1)), FRAME))
    assert next(iter(made.values())).style is discord.ButtonStyle.danger


@pytest.mark.parametrize(
    "changes",
    [
        {"over_limit": "the batch moves 60,150 in total, above the limit of 10,000 for one batch"},
        {"totals": totals(1203, pending=10)},
        {"totals": totals(0)},
        {"totals": totals(3, unresolved=3)},
        {"refused": Refusal("binary", "This is an Excel workbook, not a CSV.")},
    ],
)
def test_what_cannot_be_sent_has_no_button_that_sends(changes: dict[str, object]) -> None:
    assert not [label for label in labels(preview(**changes)) if label.startswith(("Send", "Pay", "Take"))]


def test_a_limit_is_said_on_the_card() -> None:
    over = "the batch moves 60,150 in total, above the limit of 10,000 for one batch"
    assert over in text_of(preview_card(preview(over_limit=over), FRAME)).replace("The batch", "the batch")


def test_paying_again_is_a_step_of_its_own_with_a_red_button() -> None:
    shown = preview(matches=EARLIER)
    assert "Pay 1,198 again…" in labels(shown)
    view = preview_card(shown, FRAME, Step.AGAIN)
    assert list(buttons(view)) == ["Send all 1,203, 1,198 of them again", "Back", "Cancel"]
    assert buttons(view)["Send all 1,203, 1,198 of them again"].style is discord.ButtonStyle.danger
    assert "The recipients of these 1,198 rows get the points a second time" in text_of(view)


@pytest.mark.parametrize(
    ("deductions", "matched", "label", "said"),
    [
        (3, 3, "Take points: 3 rows a second time", "The recipients of these 3 rows lose the points a second time"),
        (3, 1, "Take points: all 3, 1 of them a second time", "The recipient of this row loses the points"),
        (1, 2, "Send all 3 (1 takes points), 2 of them again", "of these 2 rows get or lose the points"),
        (0, 3, "Pay 3 rows a second time", "of these 3 rows get the points"),
    ],
)
def test_nobody_takes_points_a_second_time_by_a_button_that_says_pay(
    deductions: int, matched: int, label: str, said: str
) -> None:
    earlier = Matches(matched, 50 * matched, (EarlierBatch(41, "Ada", NOW_MS, None, matched),))
    view = preview_card(preview(totals=totals(3, deductions=deductions), matches=earlier), FRAME, Step.AGAIN)
    assert next(iter(buttons(view))) == label
    assert said in text_of(view)


@pytest.mark.parametrize(
    ("deductions", "unpaid", "label"),
    [
        (0, 100, "Send only the 2 rows not yet paid"),
        (3, -100, "Take points: only the 2 rows not yet paid"),
        (1, 100, "Send only the 2 rows not yet paid (some may take points)"),
        (1, -50, "Take points: only the 1 row not yet paid"),
        (1, 50, "Send only the 1 row not yet paid"),
    ],
)
def test_nobody_takes_points_from_those_not_yet_paid_by_a_button_that_says_send(
    deductions: int, unpaid: int, label: str
) -> None:
    matched = 1 if abs(unpaid) == 100 else 2
    earlier = Matches(matched, -unpaid, (EarlierBatch(41, "Ada", NOW_MS, None, matched),))
    made = buttons(preview_card(preview(totals=totals(3, deductions=deductions, total=0), matches=earlier), FRAME))
    assert next(iter(made)) == label
    assert made[label].style is (discord.ButtonStyle.danger if deductions else discord.ButtonStyle.primary)


@pytest.mark.parametrize(
    ("deductions", "label"),
    [
        (0, "Send only 2 not yet paid for “Week 31”"),
        (3, "Take points: only 2 not yet paid for “Week 31”"),
        (1, "Send only 2 not yet paid for “Week 31” (some may take points)"),
    ],
)
def test_nor_by_the_one_for_the_rest_of_a_campaign(deductions: int, label: str) -> None:
    made = buttons(
        preview_card(preview(totals=totals(3, deductions=deductions), campaign=CampaignPaid(1, left_out=1)), FRAME)
    )
    assert label in made


@pytest.mark.parametrize(
    ("deductions", "matched", "label"),
    [
        (0, 2, "Send all 3 good rows, 2 of them again"),
        (0, 3, "Pay 3 good rows a second time"),
        (1, 2, "Send all 3 good rows (1 takes points), 2 of them again"),
        (3, 1, "Take points: all 3 good rows, 1 of them a second time"),
    ],
)
def test_bad_rows_are_not_left_out_unsaid_where_others_are_paid_again(
    deductions: int, matched: int, label: str
) -> None:
    earlier = Matches(matched, 50 * matched, (EarlierBatch(41, "Ada", NOW_MS, None, matched),))
    some = preview(totals=totals(3, problems=2, deductions=deductions), matches=earlier)
    view = preview_card(some, FRAME, Step.AGAIN)
    assert next(iter(buttons(view))) == label
    assert "**2 bad rows are left out.**" in text_of(view)


def test_rows_that_may_never_be_paid_are_not_called_paid() -> None:
    some = Matches(5, 250, (EarlierBatch(41, "Ada", NOW_MS, None, 4, 1), EarlierBatch(40, "Ada", NOW_MS, None, 1)))
    text = text_of(preview_card(preview(matches=some), FRAME))
    assert "**5 rows were already paid in the last 30 days, or are under way, in doubt or written off**" in text
    assert "batch 41 · 4 rows (1 under way, in doubt or written off)" in text
    none = Matches(1203, 60_150, (EarlierBatch(41, "Ada", NOW_MS, None, 1203, 1203),))
    text = text_of(preview_card(preview(matches=none), FRAME))
    assert "**1,203 rows are already under way, in doubt or written off**" in text
    assert "paid" not in text.replace("not yet paid", "")
    assert "may get the points a second time" in text_of(preview_card(preview(matches=none), FRAME, Step.AGAIN))


def test_a_file_with_nothing_left_to_send_says_so() -> None:
    text = text_of(preview_card(preview(totals=totals(0), sample=(), largest=()), FRAME))
    assert "Nothing sent · there is nothing left to send" in text


def test_a_file_of_bad_rows_only_says_what_to_do_next() -> None:
    none = preview(problems=BAD_ROWS, totals=totals(0, problems=7), sample=(), largest=())
    assert "**No row can be sent**: correct them in the file, then send it with `/bulk` again." in text_of(
        preview_card(none, FRAME)
    )
    assert not [label for label in labels(none) if label.startswith("Send")]
    some = preview(problems=BAD_ROWS, totals=totals(1198, problems=7))
    assert "No row can be sent" not in text_of(preview_card(some, FRAME))


def test_a_repeat_under_another_period_is_one_line_and_no_question() -> None:
    matches = Matches(1203, 60_150, (EarlierBatch(41, "Ada", NOW_MS - 7 * 86_400_000, "Week 30", 1203),))
    shown = preview(matches=matches, matches_harmless=True)
    assert labels(shown)[0] == "Send 1,203 awards"
    assert "The same people and amounts as batch 41 (Week 30), for another period." in text_of(
        preview_card(shown, FRAME)
    )


def test_problems_name_the_spreadsheet_row_the_column_and_the_reason() -> None:
    shown = preview(problems=BAD_ROWS, kinds_of_problems=7, totals=totals(1198, problems=7))
    text = text_of(preview_card(shown, FRAME))
    assert "**7 rows are bad and stop the send**" in text
    assert "- Row 17, `discord_id`: 1.23457E+17 was rounded by a spreadsheet; format the column as text" in text
    assert "- Row 212: the row names two recipients" in text
    assert "- … and 2 other kinds of problems" in text


@pytest.mark.parametrize(
    ("rows", "lines", "said"),
    [
        (7, 8, "7 rows are for recipients already paid for “Week 31”, whatever the amount."),
        (7, 15, "7 awards are for recipients already paid for “Week 31”, whatever the amount."),
        (1, 8, "1 row is for a recipient already paid for “Week 31”, whatever the amount."),
    ],
)
def test_who_was_paid_for_the_period_is_counted_in_rows(rows: int, lines: int, said: str) -> None:
    shown = preview(campaign=CampaignPaid(rows), totals=totals(8, recipients=6, lines=lines))
    assert said in text_of(preview_card(shown, FRAME)).splitlines()


def test_the_button_for_the_rest_counts_what_it_sends() -> None:
    """What a batch without a period paid is left out by it, too."""
    shown = preview(campaign=CampaignPaid(5, left_out=6), totals=totals(8))
    assert "Send only 2 not yet paid for “Week 31”" in labels(shown)


@pytest.mark.parametrize(
    ("rows", "deductions", "said"),
    [
        (3, 1, "**1 of them takes points away**"),
        (3, 2, "**2 of them take points away**"),
        (3, 3, "**All of them take points away**"),
        (1, 1, "**It takes points away**"),
    ],
)
def test_what_takes_points_away_is_said_apart(rows: int, deductions: int, said: str) -> None:
    shown = preview(totals=totals(rows, deductions=deductions, total=-50 * deductions))
    assert said in text_of(preview_card(shown, FRAME)).splitlines()


def test_rows_with_one_kind_of_problem_are_one_line() -> None:
    first = Problem(2, "amount", "bad-amount", "“7,5” is a fraction, and this programme counts whole points")
    two, many = replace(first, line=4, column=None), replace(first, line=9, column="who")
    alike = (Alike(first, 1, ()), Alike(two, 2, (1005,)), Alike(many, 1207, (10, 11, 12, 13, 14)))
    text = text_of(preview_card(preview(problems=alike, totals=totals(0, problems=1210)), FRAME))
    said = "“7,5” is a fraction, and this programme counts whole points"
    assert f"- Row 2, `amount`: {said}\n- Row 4: {said} · the same kind in row 1,005\n" in text
    assert f"- Row 9, `who`: {said} · the same kind in rows 10, 11, 12, 13, 14 and 1,201 more" in text
    assert "other kind" not in text
    text = text_of(preview_card(preview(problems=alike, kinds_of_problems=4, totals=totals(0, problems=1210)), FRAME))
    assert "- … and 1 other kind of problem\n" in text


def test_an_ambiguous_file_asks_with_a_menu() -> None:
    refused = Refusal("choose-amount", "Several columns could be how much", ("points", "amount"))
    view = preview_card(preview(refused=refused, facts=None, totals=totals(0), sample=(), largest=()), FRAME)
    (menu,) = [item for item in view.walk_children() if isinstance(item, discord.ui.Select)]
    assert [option.label for option in menu.options] == ["points", "amount"]
    assert str(menu.custom_id).startswith("draft:amount-column:7:")


def test_without_a_staff_channel_the_card_says_so_and_offers_no_way_to_show_it() -> None:
    frame = replace(FRAME, staff_channel=None, no_staff_channel="No staff channel is set.")
    view = preview_card(preview(), frame)
    assert "⚠ **No progress message.** No staff channel is set." in text_of(view)
    assert "Show to staff" not in buttons(view)


def test_a_look_up_shows_how_far_it_is_and_holds_the_send_back() -> None:
    view = preview_card(preview(totals=totals(1203, pending=753)), replace(FRAME, looking_up=Searched(450, 1200)))
    assert "Nothing sent · looking up 450 of 1,200 members" in text_of(view)
    assert buttons(view)["Looking up…"].disabled
    assert list(buttons(view)) == ["Looking up…", "Cancel"]


@pytest.mark.parametrize(
    ("waits_for_limit", "why"), [(False, "no answer yet, it is asked again"), (True, "waiting for the rate limit")]
)
def test_a_look_up_that_hears_nothing_says_so_and_that_nothing_was_sent(waits_for_limit: bool, why: str) -> None:
    silent = replace(FRAME, looking_up=Searched(0, 2, is_silent=True), waits_for_limit=waits_for_limit)
    view = preview_card(preview(totals=totals(2, pending=2)), silent)
    assert f"Nothing sent · looking up 0 of 2 members · {why}" in text_of(view)
    assert list(buttons(view)) == ["Looking up…", "Cancel"]


def worst() -> Preview:
    """The longest of everything, in characters that escaping doubles."""
    long = "*_" * 400
    people = tuple(member(n)._replace(recipient=Recipient(RecipientType.CUSTOM, long, long)) for n in range(10))
    return preview(
        draft=draft(
            label=long,
            reason=long,
            file_name=long,
            request={"duplicates": "once", "recipient_column": "c 198", "amount_column": "c 199"},
        ),
        facts=facts(columns=tuple(f"c {number}" for number in range(200)), ignored=(long,) * 198),
        approval_why=long,
        campaign=CampaignPaid(500, left_out=500),
        totals=totals(100_000, problems=999, unresolved=99, deductions=5, lines=200_000),
        sample=people[:5],
        largest=people[:3],
        unresolved=people,
        problems=tuple(
            Alike(Problem(10**5 + n, long, "kind", long), 10**6, tuple(range(10**6, 10**6 + 5))) for n in range(5)
        ),
        kinds_of_problems=99,
        warnings=tuple(Notice("kind", long, tuple(range(50))) for _ in range(20)),
        matches=Matches(500, 5, tuple(EarlierBatch(10**6 + n, long, NOW_MS, long, 5) for n in range(10))),
    )


@pytest.mark.parametrize("step", list(Step))
def test_the_longest_card_is_within_discords_limits(step: Step) -> None:
    frame = replace(FRAME, title="*" * 200, no_staff_channel="*" * 500, staff_channel=None, practice=True)
    for view in (preview_card(worst(), frame, step), award_card(worst(), frame, Faces({}, {}), step)):
        assert refusable_card(view) == []
    with_file = replace(frame, problems_file="bad.csv")
    assert refusable_card(preview_card(worst(), with_file), "bad.csv") == []


def test_the_longest_card_still_says_where_the_result_is_told_and_until_when_a_stop_costs_nothing() -> None:
    text = text_of(preview_card(worst(), FRAME))
    assert "more than a card can hold" in text
    for promised in ("**Plan**", f"**Progress and result** in {FRAME.staff_channel}", "The first call waits 10 s"):
        assert promised in text


@pytest.mark.parametrize(
    "shown",
    [
        preview(warnings=(DUPLICATES,)),
        preview(matches=EARLIER, totals=totals(1203, problems=2)),
        preview(refused=Refusal("choose-recipient", "?", ("a", "b")), facts=None),
    ],
)
def test_every_button_and_menu_is_one_that_survives_a_restart(shown: Preview) -> None:
    patterns = [DraftButton.__discord_ui_compiled_template__, DraftMenu.__discord_ui_compiled_template__]
    for step in Step:
        for item in preview_card(shown, FRAME, step).walk_children():
            if isinstance(item, discord.ui.Button | discord.ui.Select):
                assert any(pattern.fullmatch(str(item.custom_id)) for pattern in patterns), item.custom_id


@pytest.mark.parametrize(("number", "more"), [(6, []), (7, ["⚠ … and 1 more"]), (9, ["⚠ … and 3 more"])])
def test_warnings_beyond_six_are_counted(number: int, more: list[str]) -> None:
    told = warning_lines(preview(warnings=tuple(Notice(f"kind-{one}", f"warning {one}") for one in range(number))))
    assert told == [*(f"⚠ Warning {one}" for one in range(6)), *more]


@pytest.mark.parametrize(
    ("bad", "nobody", "said"),
    [
        (0, 0, []),
        (1, 0, ["⚠ 1 bad row"]),
        (17, 3, ["⚠ 17 bad rows", "⚠ 3 recipients without an account to send to"]),
    ],
)
def test_the_staff_reads_how_many_rows_of_a_draft_are_bad_and_who_they_are_nowhere(
    bad: int, nobody: int, said: list[str]
) -> None:
    shown = preview(totals=totals(1203, problems=bad, unresolved=nobody))
    text = text_of(staff_note(Look(shown, ServerRules(), Actor("1", "Ada", "2"), Limits()), practice=False))
    assert [line for line in text.splitlines() if line.startswith("⚠")] == said
    assert all(row.recipient.value not in text for row in (*shown.sample, *shown.largest))


PARTED = Notice("parted-amount", "the reasons are numbers that may be parts of the amounts, as 250 behind 1", (2, 3))


def test_amounts_that_a_comma_may_have_parted_are_seen_before_they_are_sent() -> None:
    shown = preview(warnings=(PARTED, *(Notice(f"other-{number}", "another warning") for number in range(9))))
    view = preview_card(shown, FRAME)
    assert "### Preview" in text_of(view) and PARTED_WORD in text_of(view)
    assert "⚠ The reasons are numbers that may be parts of the amounts" in text_of(view)
    assert buttons(view)["Send 1,203 awards"].style is discord.ButtonStyle.danger


def test_who_approves_reads_that_amounts_may_be_parted() -> None:
    shown = preview(warnings=(PARTED,), approval_why="it has many awards")
    seen = Look(shown, ServerRules(), Actor("1", "Ada", "2"), Limits())
    approval = Approval(
        1, 7, ApprovalState.ASKED, "0" * 64, "", "it has many awards", 0, 1, "Ada", None, None, None, None
    )
    assert "parts of the amounts" in text_of(request_card(seen, shown, approval, practice=False))


def test_a_request_names_the_content_that_is_approved_however_much_it_says() -> None:
    """Without it no press on the card would be taken for one about this request."""
    long = Recipient(RecipientType.CUSTOM, "_" * 200, "_" * 200)
    rows = tuple(StagedRow(line, None, long, "1", 50, None) for line in range(2, 10))
    earlier = tuple(EarlierBatch(number, "_" * 32, NOW_MS, "_" * 80, 1198, 5) for number in range(41, 44))
    shown = preview(
        draft=draft(reason="_" * 200, label="_" * 80, file_name="_" * 100, actor=Actor("1", "_" * 32, "2")),
        sample=rows[:5],
        largest=rows[5:],
        matches=Matches(1198, 59_900, earlier),
        warnings=(Notice("parted-amount", "_" * 240, (2, 3)),),
        approval_why="_" * 200,
    )
    seen = Look(shown, ServerRules(), Actor("1", "_" * 32, "2"), Limits())
    approval = Approval(1, 7, ApprovalState.ASKED, HASH, "gsad", "_" * 200, 0, 1, "_" * 32, None, None, None, None)
    view = request_card(seen, shown, approval, practice=True)
    assert refusable_card(view) == []
    assert f"content `{HASH[:HASH_PREFIX]}`" in text_of(view)
