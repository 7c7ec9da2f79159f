"""``bulk`` from the file to the exit status, against the stand-ins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.console.conftest import Shell
from tests.console.support import members, payout, write_csv
from tests.support.sandbox import Sandbox

NOTHING = dict.fromkeys(("planned", "sending", "applied", "rejected", "unknown", "cancelled", "written_off"), 0)


async def drip_books(sandbox: Sandbox) -> tuple[int, int]:
    """Awards and their sum, in the currency of the tests."""
    totals = (await sandbox.totals())["drip"].get(sandbox.drip["currency_id"], {"awards": 0, "sum": 0})
    return totals["awards"], totals["sum"]


async def writes(sandbox: Sandbox) -> list[str]:
    """Every call that could have changed a balance."""
    return [call["path"] for call in await sandbox.calls() if call["method"] in ("PATCH", "POST")]


@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members", "gameball"])
async def test_a_clean_file_is_paid_once_and_says_0(shell: Shell, sandbox: Sandbox, programme: str):
    file = payout(shell.directory / "Week 31.csv", 5)
    done = await shell("bulk", file, "--programme", programme, "--yes", "--json", "--reason", "thanks")
    assert done.status == 0, done.err
    result = done.json
    assert result["batch"] == "1"
    assert result["counts"] == {**NOTHING, "applied": 5}
    assert (result["programme"], result["total"], result["exit_status"]) == (programme, "50", 0)
    assert (result["problems"], result["matched"]["rows"], result["state"]) == ([], 0, "finished")
    assert result["label"] == "Week 31"
    awards = await shell.awards("--batch", "1")
    assert [award["recipient_value"] for award in awards] == members(5)
    assert {(award["state"], award["amount"], award["attempts"], award["reason"]) for award in awards} == {
        ("applied", "10", 1, "thanks")
    }
    assert [award["line"] for award in awards] == [2, 3, 4, 5, 6]
    if programme == "gameball":
        assert (await sandbox.totals())["gameball"]["points"]["sum"] == 50
    else:
        assert await drip_books(sandbox) == (5, 50)


async def test_people_read_a_preview_and_an_end(shell: Shell):
    file = write_csv(
        shell.directory / "p.csv",
        "discord_id,amount,team",
        *(f"{who},1200,red" for who in members(2)),
        f"{members(3)[2]},-5,x",
    )
    done = await shell("bulk", file, "--programme", "gameball", "--yes")
    assert done.status == 0, done.err
    assert "To send     3 awards to 3 recipients, 2,400 points given, 5 points taken\n" in done.out
    less = "(no more than there is: the result says where it was less)"
    assert f"Deductions  1 of them takes points away {less}\n" in done.out
    assert "who: discord_id; how much: amount; ignored: team\n" in done.out
    assert "Calls       1 call, a few seconds" in done.out
    assert done.out.endswith("Batch 1: 3 applied.\n")
    assert "Recorded as batch 1." in done.err


async def test_a_reason_is_shown_on_one_line_and_never_cut_unseen(shell: Shell):
    file = payout(shell.directory / "p.csv", 1)
    long = await shell("bulk", file, "--programme", "gameball", "--yes", "--reason", "x" * 201)
    assert long.status == 2
    assert "Nothing was sent: --reason has 201 characters, and 200 are kept." in long.err
    done = await shell("bulk", file, "--programme", "gameball", "--yes", "--reason", " Summer\n cup ")
    assert "Reason     Summer cup\n" in done.out
    assert [award["reason"] for award in await shell.awards()] == ["Summer cup"]


async def test_several_programmes_of_one_kind(shell: Shell, sandbox: Sandbox):
    file = payout(shell.directory / "p.csv", 2)
    second = {f"{name}__EVENTS": value for name, value in sandbox.environ().items() if name.startswith("DRIP")}
    second["DRIP_CURRENCY_ID__EVENTS"] = sandbox.drip["second_currency_id"]
    done = await shell("bulk", file, "--programme", "drip-members-events", "--yes", "--json", **second)
    assert done.status == 0, done.err
    assert (await sandbox.totals())["drip"][sandbox.drip["second_currency_id"]]["sum"] == 20


class TestWrong:
    async def test_a_file_that_is_not_there_is_2(self, shell: Shell):
        done = await shell("bulk", "none.csv", "--programme", "gameball", "--yes", "--json")
        assert (done.status, done.json["batch"], done.json["counts"]) == (2, None, NOTHING)
        assert "none.csv" in done.err
        assert not (shell.directory / "bursar.db").exists()

    async def test_a_programme_that_does_not_exist_is_2_and_makes_no_ledger(self, shell: Shell):
        file = payout(shell.directory / "p.csv", 1)
        done = await shell("bulk", file, "--programme", "stripe", "--yes", "--json")
        assert done.status == 2
        assert "drip-members" in done.json["error"]["message"]
        assert not (shell.directory / "bursar.db").exists()

    async def test_a_programme_without_its_unit_is_2(self, shell: Shell):
        file = payout(shell.directory / "p.csv", 1)
        done = await shell("bulk", file, "--programme", "gameball", "--yes", GAMEBALL_AMOUNT_UNIT="")
        assert done.status == 2
        assert "GAMEBALL_AMOUNT_UNIT" in done.err

    @pytest.mark.parametrize(
        ("content", "kind"), [(b"PK\x03\x04 not a CSV", None), (b"discord_id,amonut\n1,1\n", None), (b"", None)]
    )
    async def test_a_refused_file_is_2(self, shell: Shell, sandbox: Sandbox, content: bytes, kind: str | None):
        file = shell.directory / "p.csv"
        file.write_bytes(content)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", "--good-rows", "--again")
        assert done.status == 2
        assert done.json["batch"] is None
        assert done.json["refused"]["kind"]
        assert await sandbox.calls() == []

    async def test_an_amount_that_is_none_is_2(self, shell: Shell):
        file = write_csv(shell.directory / "p.csv", "discord_id", *members(1))
        done = await shell("bulk", file, "--programme", "gameball", "--amount", "1e3", "--yes")
        assert done.status == 2


class TestBadRows:
    def file(self, directory: Path) -> Path:
        return write_csv(directory / "p.csv", "discord_id,amount", f"{members(1)[0]},10", "12,10", f"{members(2)[1]},x")

    async def test_bad_rows_are_1_and_nothing_is_sent(self, shell: Shell, sandbox: Sandbox):
        done = await shell("bulk", self.file(shell.directory), "--programme", "drip-members", "--yes", "--json")
        assert done.status == 1
        assert (done.json["batch"], done.json["problem_rows"]) == (None, 2)
        assert [problem["line"] for problem in done.json["problems"]] == [3, 4]
        assert "--good-rows" in done.err
        assert await sandbox.calls() == []

    async def test_bad_rows_come_before_a_service_that_cannot_be_asked(self, shell: Shell):
        dead = {"DRIP_BASE_URL": "http://127.0.0.1:9"}
        file = self.file(shell.directory)
        assert (await shell("bulk", file, "--programme", "drip-members", "--yes", **dead)).status == 1

    async def test_the_good_rows_are_sent_when_asked_for_and_the_others_do_not_change_the_status(
        self, shell: Shell, sandbox: Sandbox
    ):
        file = self.file(shell.directory)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", "--good-rows")
        assert done.status == 0, done.err
        assert done.json["counts"]["applied"] == 1
        assert await drip_books(sandbox) == (1, 10)

    async def test_without_one_good_row_nothing_is_recorded(self, shell: Shell):
        file = write_csv(shell.directory / "p.csv", "discord_id,amount", "12,10")
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", "--good-rows")
        assert (done.status, done.json["batch"]) == (5, None)


class TestRefused:
    async def test_without_a_terminal_yes_has_to_be_said(self, shell: Shell, sandbox: Sandbox):
        done = await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "gameball", "--json")
        assert (done.status, done.json["batch"]) == (5, None)
        assert "--yes" in done.err
        assert await writes(sandbox) == []

    async def test_the_same_file_again_is_5_until_again_is_said(self, shell: Shell, sandbox: Sandbox):
        file = payout(shell.directory / "p.csv", 3)
        assert (await shell("bulk", file, "--programme", "drip-credentials", "--yes")).status == 0
        done = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--json")
        assert (done.status, done.json["batch"]) == (5, None)
        assert (done.json["matched"]["rows"], done.json["matched"]["batches"][0]["batch"]) == (3, "1")
        (award, *_) = await shell.awards()
        assert done.json["matched"]["batches"][0]["at"] == award["recorded_at"]
        assert f"batch 1  {award['recorded_at'][:16].replace('T', ' ')} UTC" in done.err
        assert "batch 1" in done.err
        again = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--again", "--json")
        assert (again.status, again.json["batch"]) == (0, "2")
        assert await drip_books(sandbox) == (6, 60)

    async def test_one_row_of_another_file_that_was_paid_is_found(self, shell: Shell):
        assert (
            await shell("bulk", payout(shell.directory / "a.csv", 2), "--programme", "gameball", "--yes")
        ).status == 0
        other = payout(shell.directory / "b.csv", 3, first=1)
        done = await shell("bulk", other, "--programme", "gameball", "--yes", "--json")
        assert (done.status, done.json["matched"]["rows"], done.json["matched"]["lines"]) == (5, 1, [2])
        assert "  in line 2\n" in done.err

    async def test_a_batch_above_the_limit_is_5(self, shell: Shell, sandbox: Sandbox):
        file = payout(shell.directory / "p.csv", 3)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", BURSAR_MAX_BATCH="29")
        assert (done.status, done.json["batch"]) == (5, None)
        assert await sandbox.calls() == []

    async def test_an_award_above_the_limit_is_a_bad_row(self, shell: Shell):
        file = payout(shell.directory / "p.csv", 3)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", BURSAR_MAX_AWARD="9")
        assert (done.status, done.json["problem_rows"]) == (1, 3)

    async def test_members_that_cannot_be_looked_up_are_5(self, shell: Shell, sandbox: Sandbox):
        await sandbox.switches(drip={"credentials_access": "denied"})
        file = payout(shell.directory / "p.csv", 3)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json")
        assert (done.status, done.json["batch"]) == (5, None)
        assert await writes(sandbox) == []
        await sandbox.switches(drip={"credentials_access": "granted"})
        assert (await shell("bulk", file, "--programme", "drip-members", "--yes")).status == 0

    async def test_a_refused_command_leaves_no_draft_behind(self, shell: Shell):
        file = payout(shell.directory / "p.csv", 1)
        await shell("bulk", file, "--programme", "gameball")
        assert await shell.awards() == []


class TestOutcomes:
    async def test_a_member_that_does_not_exist_is_rejected_and_the_others_are_paid(
        self, shell: Shell, sandbox: Sandbox
    ):
        await sandbox.switches(drip={"open": False})
        one, two = members(2)
        await sandbox.seed(members=[{"discord_id": one}])
        file = payout(shell.directory / "p.csv", 2)
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json")
        assert done.status == 3, done.err
        assert done.json["counts"] == {**NOTHING, "applied": 1, "rejected": 1}
        assert done.json["unresolved_rows"] == 1
        rejected = [award for award in await shell.awards() if award["state"] == "rejected"]
        assert [(award["recipient_value"], award["attempts"]) for award in rejected] == [(two, 0)]
        assert rejected[0]["detail"]

    async def test_a_lost_answer_is_unknown_and_4(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH", "nth": [1]}, "kind": "reset-after-apply"})
        file = payout(shell.directory / "p.csv", 3)
        done = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--json")
        assert (done.status, done.json["counts"]["unknown"]) == (4, 3)
        assert "in doubt" in done.err
        assert "`bursar resume`, or the running bot, settles what can be found out" in done.err

    async def test_rows_that_wait_for_a_doubt_are_told_with_the_doubt(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH", "nth": [1]}, "kind": "reset-after-apply"})
        await shell("bulk", payout(shell.directory / "a.csv", 2), "--programme", "drip-credentials", "--yes")
        file = payout(shell.directory / "b.csv", 3, amount=7)
        done = await shell("bulk", file, "--programme", "drip-credentials", "--yes")
        told = "2 awards wait because their recipients have an award in doubt (awards 1, 2)."
        assert (done.status, told in done.out) == (6, True), done.out
        assert "`bursar resume`, or the running bot, settles what can be found out" in done.out
        rest = await shell("resume", "--no-wait", "--json")
        assert (rest.status, told in rest.err) == (4, True), rest.err
        assert [one["held_back"]["doubts"] for one in rest.json["batches"]] == [[], ["1", "2"]]

    async def test_a_refused_key_pauses_and_is_6(self, shell: Shell, sandbox: Sandbox):
        await sandbox.faults({"match": {"method": "PATCH"}, "kind": "401"})
        file = payout(shell.directory / "p.csv", 3)
        done = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--json")
        assert (done.status, done.json["counts"]) == (6, {**NOTHING, "planned": 3})
        assert (done.json["state"], done.json["pause"]["kind"]) == ("paused", "key")

    async def test_duplicates_are_summed_or_kept_apart_as_asked(self, shell: Shell, sandbox: Sandbox):
        who = members(1)[0]
        file = write_csv(shell.directory / "p.csv", "discord_id,amount", f"{who},10", f"<@{who}>,5")
        done = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--json")
        assert (done.status, done.json["total"]) == (0, "15")
        assert [(award["line"], award["lines"]) for award in await shell.awards()] == [(2, [2, 3])]
        options = ("--yes", "--json", "--again", "--duplicates", "apart")
        done = await shell("bulk", file, "--programme", "drip-credentials", *options)
        assert (done.status, done.json["counts"]["applied"]) == (0, 2)
        assert len([path for path in await writes(sandbox) if path.endswith("/credentials/transaction")]) == 3


async def test_a_name_and_a_reason_that_are_no_utf_8_are_recorded_readably(shell: Shell):
    name = os.fsdecode(b"we\xffird.csv")
    (shell.directory / name).write_bytes(payout(shell.directory / "p.csv", 2).read_bytes())
    reason = os.fsdecode(b"caf\xe9")
    done = await shell("bulk", name, "--programme", "gameball", "--yes", "--json", "--reason", reason)
    assert (done.status, done.json["file"]["name"]) == (0, "we\N{REPLACEMENT CHARACTER}ird.csv"), done.err
    assert {award["reason"] for award in await shell.awards()} == {"caf\N{REPLACEMENT CHARACTER}"}
    assert (await shell("verify")).status == 0
