"""What a result file says of rows that became no award, however often it is sent again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.model import Decision, Duplicates
from bot.services.taking_in import HistoryFile, TakingIn
from tests.services.office import CLI, MOD, NO_LIMITS, Door, file_of, members, paying
from tests.support.sandbox import Sandbox

IDS = members(6)
STRANGERS = members(3, first=100)
KNOWN = "discord_id,amount,award_id"


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS, balance=1000)


# --- award ids are never forgotten ------------------------------------------------------------------------------------


async def test_a_paid_row_keeps_its_award_through_every_result_file(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS[:2]))
        more = await office.result_bytes(first) + f"{IDS[2]},10,,,,\n".encode()
        for number in (2, 3):
            batch_id = await office.send(more, confirm={"again": True})
            assert batch_id == number
            result = await office.result(batch_id)
            paid = [(row["status"], row["detail"], row["award_id"]) for row in result[:2]]
            assert paid == [("applied", f"paid as award {n} in batch 1", str(n)) for n in (1, 2)]
            assert all(row["time"] for row in result)
            more = await office.result_bytes(batch_id) + f"{IDS[2 + number]},10,,,,\n".encode()
        door.calendar.days = 31
        preview = await office.draft(await office.result_bytes(3))
        assert (preview.totals.rows, preview.blocking_matches, preview.totals.problems) == (0, 0, 0)
        await office.check_books()


async def test_what_was_left_out_in_doubt_is_told_as_it_stands_now(door: Door) -> None:
    await door.sandbox.faults({"match": {"path": "/transaction", "nth": 1}, "kind": "reset-before-apply"})
    async with door.open() as office:
        first = await office.send(paying(IDS[:1]))
        content = await office.result_bytes(first) + f"{IDS[1]},10,,,,\n".encode()
        second = await office.send(content)
        (row, _) = await office.result(second)
        assert (row["status"], row["detail"], row["award_id"]) == ("unknown", "in doubt as award 1 in batch 1", "1")
        await office.app.services.batches.resolve(first, [1], Decision.WRITE_OFF, MOD, reason="looked")
        (row, _) = await office.result(second)
        assert (row["status"], row["detail"]) == ("written-off", "written off as award 1 in batch 1")
        preview = await office.draft(await office.result_bytes(second))
        assert [one.kind for one in await office.problems(preview)] == ["written-off"]


async def test_left_out_rows_are_told_after_the_draft_is_gone(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS[:1]))
        content = await office.result_bytes(first) + f"{IDS[1]},10,,,,\n{IDS[2]},0,,,,\n".encode()
        second = await office.send(content)
        door.calendar.days = 3
        assert await office.app.ledger.drafts.purge() == 2
        assert [row["detail"] for row in await office.result(second)] == [
            "paid as award 1 in batch 1",
            "",
            "nothing to pay: the amount is blank or zero",
        ]


# --- every row has its reason -----------------------------------------------------------------------------------------


async def test_rows_without_an_award_say_why(door: Door) -> None:
    rows = [
        (IDS[0], 10),
        (IDS[1], 5),
        (IDS[2], 0),
        (IDS[3], ""),
        (IDS[1], -5),
        (IDS[4], 4),
        (IDS[4], -9),
        (IDS[4], 5),
        ("", 10),
    ]
    async with door.open() as office:
        batch_id = await office.send(file_of(rows))
        result = [(row["status"], row["detail"], row["award_id"]) for row in await office.result(batch_id)]
        assert result[1:] == [
            ("no award", "adds up to 0 with row 6", ""),
            ("no award", "nothing to pay: the amount is blank or zero", ""),
            ("no award", "nothing to pay: the amount is blank or zero", ""),
            ("no award", "adds up to 0 with row 3", ""),
            ("no award", "adds up to 0 with rows 8 and 9", ""),
            ("no award", "adds up to 0 with rows 7 and 9", ""),
            ("no award", "adds up to 0 with rows 7 and 8", ""),
            ("no award", "read as the file's own total", ""),
        ]


async def test_reading_a_file_again_another_way_forgets_the_reasons_of_before(door: Door) -> None:
    rows = [(IDS[0], 10), (IDS[1], 5), (IDS[1], -5)]
    async with door.open() as office:
        submitting = office.app.services.submitting
        preview = await office.draft(file_of(rows))
        wish = replace(await submitting.wish_of(preview.draft), duplicates=Duplicates.APART)
        again = await submitting.reread(preview.draft.id, wish, MOD, NO_LIMITS)
        recorded = await office.confirm(again)
        await office.quiet()
        assert [row["status"] for row in await office.result(recorded.batch_id)] == ["applied"] * 3


# --- an award id in the wrong row -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "amount"), [(IDS[1], 10), (IDS[0], 11)])
async def test_a_row_with_an_award_id_that_is_not_its_own_is_a_problem(who: str, amount: int, door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS[:1]))
        preview = await office.draft(file_of([(who, amount, 1)], KNOWN))
        (problem,) = await office.problems(preview)
        assert (problem.line, problem.column, problem.kind) == (2, "award_id", "other-award")
        assert "clear the award_id cell to send this row as a new award" in problem.message
        assert (await office.draft(file_of([(IDS[0], 10, 1)], KNOWN))).totals.problems == 0


async def test_a_row_whose_award_was_taken_back_is_not_called_paid(door: Door) -> None:
    """The way to correct a batch: undo it, correct its result file, send that again. Rows that were right from the
    start would be told to be paid, and nobody would get anything."""
    async with door.open() as office:
        first = await office.send(paying(IDS[:2]))
        content = await office.result_bytes(first)
        undo = await office.app.services.submitting.draft_undo(first, MOD, NO_LIMITS)
        assert (await office.draft(content)).totals.problems == 0
        recorded = await office.confirm(undo)
        await office.quiet()
        preview = await office.draft(content)
        assert [(one.line, one.column, one.kind) for one in await office.problems(preview)] == [
            (line, "award_id", "taken-back") for line in (2, 3)
        ]
        assert f"award 1 was taken back in batch {recorded.batch_id}" in (await office.problems(preview))[0].message
        assert not any(one.kind == "already-awarded" for one in preview.warnings)
        again = await office.send(paying(IDS[:2]))
        assert await office.states(again) == "AA"
        await office.check_books()


async def test_an_undo_that_was_refused_leaves_its_awards_paid(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS[:1], 2000))
        await office.send(file_of([(IDS[0], -2500)]))
        undo = await office.app.services.submitting.draft_undo(first, MOD, NO_LIMITS)
        recorded = await office.confirm(undo)
        await office.quiet()
        assert await office.states(recorded.batch_id) == "R"
        preview = await office.draft(await office.result_bytes(first))
        assert (preview.totals.problems, [one.kind for one in preview.warnings]) == (0, ["already-awarded"])


async def test_a_customer_named_in_another_way_is_the_same_customer(door: Door) -> None:
    async with door.open() as office:
        await office.send(paying(IDS[:1]), "gameball")
        preview = await office.draft(file_of([(IDS[0], 10, 1)], "customer_id,amount,award_id"), "gameball")
        assert (preview.totals.rows, preview.totals.problems) == (0, 0)


async def test_rows_that_were_paid_once_are_no_more_than_that_as_history(door: Door, tmp_path: Path):
    """Refused at first, and sent again as rows are by default, added up: an award is what it was."""
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:1] * 2), duplicates=Duplicates.ONCE)
        assert await office.states(first) == "R"
        await door.sandbox.seed(discord_ids=STRANGERS[:1], balance=0)
        again = await office.send(await office.result_bytes(first))
        told = [row["detail"] for row in await office.result(again)]
        content = await office.result_bytes(again)
        await office.check_books()
    (tmp_path / "new").mkdir()
    async with Door(door.sandbox, tmp_path / "new").open() as office:
        programmes = office.app.services.programmes
        taking_in = TakingIn(office.app.ledger, programmes.provider(programmes.get("drip-credentials")), door.calendar)
        await taking_in.take_in(HistoryFile("batch-2-result.csv", content), CLI)
        await office.check_books()
        assert [award.amount for award in await office.awards()] == [10]
    assert told == ["its rows count once"] * 2


async def test_lines_of_a_summed_award_are_known_by_it(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(file_of([(IDS[0], 10), (IDS[0], 20)]))
        preview = await office.draft(await office.result_bytes(first))
        assert (preview.totals.rows, preview.totals.problems) == (0, 0)


async def test_a_row_that_was_corrected_and_paid_is_not_called_paid_as_it_was_before(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:1], 500))
        before = await office.result_bytes(first)
        second = await office.send(file_of([(IDS[0], 50, 1)], KNOWN))
        assert await office.states(second) == "A"
        preview = await office.draft(before)
        (problem,) = await office.problems(preview)
        assert (preview.totals.rows, problem.line, problem.kind) == (0, 2, "other-award")
        assert "award 1 was sent again as award 2, which does not have this row; clear" in problem.message


@pytest.mark.parametrize("amounts", [(30, 40), (40, 40), (40, 30)])
async def test_a_row_of_a_sum_is_not_paid_because_another_one_was(amounts: tuple[int, int], door: Door) -> None:
    async with door.open() as office:
        first = await office.send(file_of([(STRANGERS[0], one) for one in amounts]))
        result = await office.result_bytes(first)
        await door.sandbox.seed(discord_ids=STRANGERS[:1])
        second = await office.send(file_of([(STRANGERS[0], 40, 1)], KNOWN))
        assert await office.states(second) == "A"
        preview = await office.draft(result)
        (problem,) = await office.problems(preview)
        assert (preview.totals.rows, problem.kind) == (0, "other-award")
        assert amounts[problem.line - 2] in ({30} & set(amounts) or {40})
        assert [one.lines for one in preview.warnings if one.kind == "already-awarded"] == [(5 - problem.line,)]
        rest = file_of([(STRANGERS[0], amounts[problem.line - 2])])
        await office.confirm(await office.draft(rest), again=True)
        await office.quiet()
        await office.check_books()


async def test_an_export_of_a_sum_that_was_sent_again_whole_is_paid(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(file_of([(STRANGERS[0], 30), (STRANGERS[0], 40)]))
        result = await office.result_bytes(first)
        await door.sandbox.seed(discord_ids=STRANGERS[:1])
        await office.send(result)
        for content in (result, file_of([(STRANGERS[0], 70, 1)], KNOWN)):
            preview = await office.draft(content)
            assert (preview.totals.rows, preview.totals.problems) == (0, 0)


async def test_rows_of_a_refused_sum_that_were_corrected_apart_are_not_all_paid(door: Door) -> None:
    async with door.open() as office:
        await office.send(file_of([(STRANGERS[0], 30), (STRANGERS[0], 40)]), "drip-members")
        corrected = file_of([(IDS[0], 30, 1), (IDS[1], 40, 1)], KNOWN)
        second = await office.send(corrected, "drip-members", confirm={"good_rows": True})
        assert await office.states(second) == "A"
        (problem,) = await office.problems(await office.draft(corrected, "drip-members"))
        assert (problem.line, problem.kind) == (3, "other-award")


async def test_nobody_is_called_paid_by_a_sum_who_was_never_looked_up_for_it(door: Door) -> None:
    async with door.open() as office:
        rows = [(IDS[0], 10), (IDS[1], 20), (IDS[0], 30)]
        first = await office.send(file_of(rows), "drip-members")
        assert await office.states(first) == "AA"
        changed = file_of([(IDS[0], 10, 1), (IDS[1], 20, 2), (IDS[2], 30, 1)], KNOWN)
        preview = await office.draft(changed, "drip-members")
        (problem,) = await office.problems(preview)
        assert (preview.totals.rows, problem.line, problem.kind) == (0, 4, "other-award")


@pytest.mark.parametrize("owed", [1, 2])
async def test_a_row_that_is_owed_is_not_called_paid_by_one_beside_it_that_was(owed: int, door: Door) -> None:
    """Rows that are kept apart are awards of their own: there were as many of them then."""
    (who,) = members(1, first=300)
    await door.sandbox.seed(discord_ids=[who], balance=15)
    async with door.open() as office:
        first = await office.send(file_of([(who, -10)] * (1 + owed)), duplicates=Duplicates.APART)
        assert await office.states(first) == "A" + "R" * owed
        submitting, programme = office.app.services.submitting, office.app.services.programmes.get("drip-credentials")
        retried = await submitting.draft_retry(first, programme, MOD, NO_LIMITS)
        assert (retried.totals.rows, retried.matches.rows) == (owed, 0)
        for _ in range(2):
            preview = await office.draft(await office.result_bytes(first), duplicates=Duplicates.APART)
            assert (preview.totals.rows, preview.matches.rows) == (owed, 0)
            await office.confirm(preview)  # refused once more
            await office.quiet()
        await door.sandbox.seed(discord_ids=[who], balance=15)
        await office.send(file_of([(who, -10)]), confirm={"again": True})
        preview = await office.draft(await office.result_bytes(first), duplicates=Duplicates.APART)
        assert preview.matches.rows == 1  # somebody may have sent it by hand
        await office.check_books()
