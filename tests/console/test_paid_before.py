"""``bulk`` with rows that were paid lately: which lines it names, where its advice leads, what is told before it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bot.console import preview
from tests.console.conftest import Shell
from tests.console.support import members, write_csv
from tests.support.sandbox import Sandbox

HEADER = "discord_id,amount"
CREDENTIALS = ("--programme", "drip-credentials", "--yes")
LOOKED_UP = ("--programme", "drip-members", "--yes")


async def paid(shell: Shell, *rows: str) -> None:
    """These rows, in a file of their own."""
    done = await shell("bulk", write_csv(shell.directory / "before.csv", HEADER, *rows), *CREDENTIALS)
    assert done.status == 0, done.err


def without(file: Path, lines: list[int]) -> Path:
    """The file with these lines taken out."""
    kept = [text for line, text in enumerate(file.read_text().splitlines(), start=1) if line not in lines]
    return write_csv(file.with_name("rest.csv"), *kept)


async def given(sandbox: Sandbox) -> dict[int, int]:
    """How often each amount was paid."""
    return dict(Counter(award["amount"] for award in await sandbox.applied("drip")))


async def test_the_advice_followed_to_the_letter_pays_every_row_that_is_meant(shell: Shell, sandbox: Sandbox):
    who = members(1)[0]
    await paid(shell, f"{who},60")
    file = write_csv(shell.directory / "p.csv", HEADER, *(f"{who},{amount}" for amount in (60, 60, 30)))
    first = await shell("bulk", file, *CREDENTIALS, "--json")
    assert (first.status, first.json["error"]["kind"], first.json["matched"]["lines"]) == (5, "matched", [2])
    *_, cause, advice = first.err.splitlines()
    assert cause.startswith("Nothing was sent: 1 award was already paid in the last 30 days: batch 1 (")
    assert advice == (
        "Take those rows out of the file, once, and send the rest. If rows of the rest are then said to be paid too,"
        " though they are meant besides, leave them in and say --again. With the file as it is, --again pays those rows"
        " a second time."
    )
    rest = without(file, first.json["matched"]["lines"])
    second = await shell("bulk", rest, *CREDENTIALS, "--json")
    assert (second.status, second.json["matched"]["lines"]) == (5, [2])
    assert (await shell("bulk", rest, *CREDENTIALS, "--again")).status == 0
    assert await given(sandbox) == {60: 2, 30: 1}


async def test_every_line_of_a_sum_that_was_paid_is_named(shell: Shell, sandbox: Sandbox):
    one, two, three, new = members(4)
    rows = (f"{one},10", f"{two},20", f"{three},30", f"{one},5")
    await paid(shell, *rows)
    file = write_csv(shell.directory / "p.csv", HEADER, *rows, f"{new},7")
    done = await shell("bulk", file, *CREDENTIALS, "--json")
    assert (done.status, done.json["matched"]["rows"], done.json["matched"]["lines"]) == (5, 3, [2, 3, 4, 5])
    assert "  in lines 2-5\n" in done.err
    rest = without(file, done.json["matched"]["lines"])
    assert (await shell("bulk", rest, *CREDENTIALS)).status == 0
    assert await given(sandbox) == {15: 1, 20: 1, 30: 1, 7: 1}


async def test_every_line_of_what_is_paid_once_is_named(shell: Shell):
    who = members(1)[0]
    await paid(shell, f"{who},50")
    file = write_csv(shell.directory / "p.csv", HEADER, f"{who},50", "", f"{who},50")
    done = await shell("bulk", file, *CREDENTIALS, "--duplicates", "once", "--json")
    assert (done.status, done.json["matched"]["rows"], done.json["matched"]["lines"]) == (5, 1, [2, 4])
    assert "  in lines 2, 4\n" in done.err


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([7], "in line 7"),
        ([2, 3, 5], "in lines 2-3, 5"),
        ([*range(2, 41), 50, 52, 53, 54], "in lines 2-40, 50, 52-54"),
        ([*range(2, 22, 2)], "in lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20"),
        (
            [*range(2, 22, 2), 30, 31, 32],
            "in lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 3 more; --json names all of them",
        ),
    ],
)
def test_lines_are_named_in_ranges_and_it_is_said_where_all_of_them_are(lines: list[int], words: str):
    assert preview.named_lines(lines) == words


@pytest.mark.parametrize(("policy", "bad"), [("once", [5, 6]), ("refuse", [3, 4, 5, 6])])
async def test_rows_that_are_bad_as_duplicates_come_before_rows_that_were_paid(
    shell: Shell, sandbox: Sandbox, policy: str, bad: list[int]
):
    one, two, three = members(3)
    await paid(shell, f"{one},50")
    rows = (f"{one},50", f"{two},50", f"{two},50", f"{three},7", f"{three},8")
    file = write_csv(shell.directory / "p.csv", HEADER, *rows)
    checked = await shell("check", file, "--programme", "drip-members", "--duplicates", policy, "--json")
    assert (checked.status, [one["line"] for one in checked.json["problems"]]) == (1, bad)
    for limit in ("", "100"):
        done = await shell("bulk", file, *LOOKED_UP, "--duplicates", policy, "--json", BURSAR_MAX_BATCH=limit)
        assert (done.status, done.json["problems"], done.json["batch"]) == (1, checked.json["problems"], None)
        assert done.json["matched"]["lines"] == [2]
    assert await given(sandbox) == {50: 1}
    good = await shell("bulk", file, *LOOKED_UP, "--duplicates", policy, "--json", "--good-rows")
    assert (good.status, good.json["error"]["kind"], good.json["matched"]["lines"]) == (5, "matched", [2])


async def test_a_limit_is_judged_on_what_is_paid_once(shell: Shell, sandbox: Sandbox):
    who = members(1)[0]
    file = write_csv(shell.directory / "p.csv", HEADER, f"{who},60", f"{who},60")
    over = await shell("bulk", file, *LOOKED_UP, "--duplicates", "apart", BURSAR_MAX_BATCH="100")
    assert (over.status, await sandbox.calls()) == (5, [])
    done = await shell("bulk", file, *LOOKED_UP, "--duplicates", "once", BURSAR_MAX_BATCH="100")
    assert (done.status, await given(sandbox)) == (0, {60: 1}), done.err
