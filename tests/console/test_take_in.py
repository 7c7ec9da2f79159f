"""The whole scenario: backup, pay on, lose the ledger, restore, take the result files in, sign off, go on. The books of
the stand-in are the judge."""

from __future__ import annotations

import csv
import io
import signal
from pathlib import Path

from tests.console.conftest import Shell
from tests.console.support import finished, members, payout, start, tell, write_csv
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox

SMALL = {"DRIP_CREDENTIALS_BATCH_SIZE": "20"}


async def paid(shell: Shell, file: Path, programme: str = "drip-credentials") -> str:
    done = await shell("bulk", file, "--programme", programme, "--yes", "--json")
    assert done.status == 0, done.err
    return str(done.json["batch"])


async def result_file(shell: Shell, batch: str, name: str) -> Path:
    """What the staff channel has of a batch, made of the ledger's export in the columns of a result file."""
    awards = await shell.awards("--batch", batch)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["discord_id", "amount", "status", "detail", "award_id", "time"])
    for one in awards:
        writer.writerow(
            [
                one["recipient_value"],
                one["amount"],
                one["state"],
                one["detail"] or "",
                one["award"],
                "2027-01-15T08:00:00Z",
            ]
        )
    (shell.directory / name).write_text(text.getvalue(), encoding="utf-8")
    return shell.directory / name


async def books(sandbox: Sandbox) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in await sandbox.applied("drip"):
        sums[entry["recipient"]] = sums.get(entry["recipient"], 0) + entry["effect"]
    return sums


async def test_after_a_lost_ledger_nobody_is_paid_twice_and_the_books_are_equal(shell: Shell, sandbox: Sandbox):
    before = payout(shell.directory / "before.csv", 40)
    await paid(shell, before)
    assert (await shell("backup", "copy.db")).status == 0
    after = payout(shell.directory / "after.csv", 500, first=100)
    batch = await paid(shell, after)
    told = await result_file(shell, batch, "batch-2-result.csv")
    (shell.directory / "bursar.db").unlink()
    assert (await shell("restore", "copy.db")).status == 0
    done = await shell("restore", "--take-in", told, "--programme", "drip-credentials", "--by", "Ada", "--json")
    assert done.status == 0, done.err
    (taken,) = done.json["taken_in"]
    assert (taken["paid"], taken["in_doubt"], taken["updated"], taken["batch"]) == (500, 0, 0, "2")
    assert f"{told.name}: batch 2 with 500 awards.\n" in done.err
    assert "then run `bursar restore --sign-off NAME`." in done.err
    signed = await shell("restore", "--sign-off", "Ada")
    assert signed.status == 0
    assert (await shell("verify")).status == 0
    again = await shell("bulk", after, "--programme", "drip-credentials", "--yes")
    assert (again.status, "paid lately" in again.err or "batch 2" in again.err) == (5, True)
    more = payout(shell.directory / "more.csv", 3, first=700)
    await paid(shell, more)
    assert (await shell("resume")).status == 0
    assert (await shell("verify")).status == 0
    ledger: dict[str, int] = {}
    for award in await shell.awards():
        assert award["state"] == "applied"
        ledger[award["recipient_value"]] = ledger.get(award["recipient_value"], 0) + int(award["amount"])
    service = await books(sandbox)
    assert len(service) == 543
    assert ledger == {key.split(":")[-1]: value for key, value in service.items()}


async def test_history_in_a_fresh_ledger_asks_for_no_sign_off(shell: Shell):
    await paid(shell, payout(shell.directory / "before.csv", 2))
    told = await result_file(shell, "1", "batch-1-result.csv")
    (shell.directory / "bursar.db").unlink()
    done = await shell("restore", "--take-in", told, "--programme", "drip-credentials")
    assert (done.status, done.out.endswith("Nothing was sent.\n")) == (0, True)


async def test_the_csv_of_an_export_closes_the_gap_like_result_files(shell: Shell, sandbox: Sandbox):
    """Of all programmes and batches: those of the named programme are taken in, and known ones are left as they are."""
    await paid(shell, payout(shell.directory / "before.csv", 5))
    assert (await shell("backup", "copy.db")).status == 0
    after = write_csv(
        shell.directory / "after.csv",
        "wallet,email,custom,source,discord_id,amount,reason",
        f"0x{'a' * 40},,,,,7,=1+1",
        ',a@example.org,,,,8,"two\nlines"',
        ",,seven,shop,,9,",
        f",,,,{members(1, first=50)[0]},10,",
    )
    await paid(shell, after)
    await paid(shell, payout(shell.directory / "other.csv", 2, first=80), "gameball")
    export = await shell("export", "--format", "csv")
    (shell.directory / "all.csv").write_text(export.out, encoding="utf-8")
    before = {(one["recipient_type"], one["recipient_value"], one["amount"]) for one in await shell.awards()}
    (shell.directory / "bursar.db").unlink()
    assert (await shell("restore", "copy.db")).status == 0
    told = {}
    for programme in ("drip-credentials", "gameball", "drip-credentials"):
        done = await shell("restore", "--take-in", "all.csv", "--programme", programme, "--json")
        assert done.status == 0, done.err
        (taken,) = done.json["taken_in"]
        told.setdefault(programme, []).append((taken["paid"], taken["in_doubt"], taken["updated"], taken["unchanged"]))
    assert told == {"drip-credentials": [(4, 0, 0, 5), (0, 0, 0, 9)], "gameball": [(2, 0, 0, 0)]}
    assert (await shell("restore", "--sign-off", "Ada")).status == 0
    assert {(one["recipient_type"], one["recipient_value"], one["amount"]) for one in await shell.awards()} == before
    again = await shell("bulk", after, "--programme", "drip-credentials", "--yes")
    assert again.status == 5, "paid lately"
    assert (await shell("verify")).status == 0
    none = await shell("restore", "--take-in", "all.csv", "--programme", "drip-members")
    assert (none.status, "without awards of drip-members" in none.err) == (1, True)


async def test_rows_that_were_added_up_are_known_one_by_one_by_an_export_too(shell: Shell):
    one, other = members(2)
    await paid(shell, write_csv(shell.directory / "p.csv", "discord_id,amount", f"{one},15", f"{one},-5", f"{other},7"))
    export = shell.directory / "all.csv"
    export.write_text((await shell("export")).out, encoding="utf-8")
    (shell.directory / "bursar.db").unlink()
    spoiled = shell.directory / "spoiled.csv"
    spoiled.write_text(export.read_text(encoding="utf-8").replace("15 -5", "15 five"), encoding="utf-8")
    refused = await shell("restore", "--take-in", spoiled, "--programme", "drip-credentials")
    assert (refused.status, "what it says of rows cannot be read" in refused.err) == (1, True)
    assert (await shell("restore", "--take-in", export, "--programme", "drip-credentials")).status == 0
    assert [award["line_amounts"] for award in await shell.awards()] == [["15", "-5"], None]
    grown = write_csv(
        shell.directory / "q.csv", "discord_id,amount", f"{one},15", f"{one},3", f"{one},-5", f"{other},7"
    )
    again = await shell("bulk", grown, "--programme", "drip-credentials", "--yes", "--json")
    assert (again.status, again.json["matched"]["rows"], again.json["rows"]) == (5, 2, 3)


async def test_a_batch_that_was_open_in_the_copy_is_brought_up_to_date(shell: Shell, sandbox: Sandbox):
    """The copy was made while a batch was under way: some were paid by then, and the lost ledger paid the rest."""
    file = payout(shell.directory / "p.csv", 200)
    stopped = await stopped_under_way(shell, sandbox, file)
    assert 0 < stopped < 200
    assert (await shell("backup", "copy.db")).status == 0
    assert (await shell("resume", **SMALL)).status == 0
    told = await result_file(shell, "1", "batch-1-result.csv")
    assert (await shell("restore", "copy.db")).status == 0
    done = await shell("restore", "--take-in", told, "--programme", "drip-credentials", "--sign-off", "Ada", "--json")
    assert (done.status, done.json["signed_off"]) == (0, True), done.err
    (taken,) = done.json["taken_in"]
    assert (taken["updated"], taken["unchanged"], taken["batch"]) == (200 - stopped, stopped, None)
    finished = await shell("resume", "--json", **SMALL)
    assert finished.status == 0
    assert (await shell("verify")).status == 0
    assert {award["state"] for award in await shell.awards()} == {"applied"}
    assert set((await books(sandbox)).values()) == {10}


async def stopped_under_way(shell: Shell, sandbox: Sandbox, file: Path) -> int:
    """Send a file and stop while calls are made; how many awards are paid then."""
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 500})
    variables = {**shell.variables, **SMALL}
    arguments = ("bulk", str(file), "--programme", "drip-credentials", "--yes", "--json")
    process = await start(*arguments, directory=shell.directory, variables=variables)
    await eventually(lambda: sandbox.applied("drip"), bool)
    tell(process, signal.SIGTERM)
    done = await finished(process)
    assert done.status == 143, done.err
    await sandbox.faults()
    assert done.json["counts"]["unknown"] == 0
    return int(done.json["counts"]["applied"])


async def test_a_file_that_contradicts_the_ledger_or_is_none_changes_nothing(shell: Shell):
    await paid(shell, payout(shell.directory / "a.csv", 3))
    assert (await shell("backup", "copy.db")).status == 0
    take_in = ("--programme", "drip-credentials", "--take-in")
    not_waiting = await shell("restore", *take_in, await result_file(shell, "1", "r.csv"))
    assert (not_waiting.status, "is not waiting for result files" in not_waiting.err) == (1, True)
    assert (await shell("restore", "copy.db")).status == 0
    one, two, three = members(3)
    head = "discord_id,amount,status,detail,award_id,time"
    wrong = {
        "somebody else's here": [f"{two},10,applied,,1,"],
        "of another amount here": [f"{one},11,applied,,1,"],
        "is applied here and rejected there": [f"{one},10,rejected,no,1,"],
        "cannot be read": ["nonsense,10,applied,,9,"],
        "was paid or may be, and has no recipient or no amount": [f"{one},,applied,,9,"],
        "has the status “paid”, which no result file has": [f"{one},10,paid,,9,"],
        "row 2 of wrong.csv has no status in its column": [f'"{one},10,applied,""Drip, at noon"",9,"'],
        "rows 2 and 3 of wrong.csv are of award 9, and one says cancelled, the other applied": [
            f"{one},10,cancelled,,9,",
            f"{one},10,applied,,9,",
        ],
        "row 3 of wrong.csv has no status in its column": [f"{two},10,applied,,2,", f"{one},10"],
    }
    for why, rows in wrong.items():
        file = write_csv(shell.directory / "wrong.csv", head, *rows, f"{three},5,applied,,44,")
        done = await shell("restore", *take_in, file)
        assert (done.status, why in done.err) == (1, True), done.err
        assert done.err.startswith("Nothing was taken in: ")
    above = write_csv(shell.directory / "above.csv", f"{three},5,applied,,44,", head, f"{two},10,applied,,2,")
    done = await shell("restore", *take_in, above)
    assert (done.status, "row 1 of above.csv was paid or may be, and cannot be read" in done.err) == (1, True), done.err
    plain = await shell("restore", *take_in, shell.directory / "a.csv")
    assert "it is no result file" in plain.err
    assert (await shell("restore", "--take-in", "a.csv")).status == 1
    assert len(await shell.awards()) == 3
    assert (await shell("verify")).status == 0
