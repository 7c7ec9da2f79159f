"""``doctor``: what it finds, in which words, with which status; it changes and sends nothing."""

from __future__ import annotations

import base64
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.client import PERMISSIONS, invite_url
from bot.clock import SystemClock
from bot.console import surroundings
from bot.ledger.ledger import Ledger
from bot.providers.base import Health
from tests.console.conftest import Shell
from tests.console.support import ROOT, bursar, payout
from tests.support.sandbox import Sandbox


def topics(findings: list[dict[str, str]], health: str) -> set[str]:
    return {finding["topic"] for finding in findings if finding["health"] == health}


async def test_with_working_accounts_all_is_well(shell: Shell, sandbox: Sandbox):
    done = await shell("doctor", "--json")
    assert done.status == 0, done.out
    assert done.json["ok"] is True
    assert topics(done.json["findings"], "failed") == set()
    expected = {"Settings", "Clock", "Disk", "Temporary files", "Ledger"}
    assert expected <= {finding["topic"] for finding in done.json["findings"]}
    assert {call["method"] for call in await sandbox.calls()} <= {"GET"}
    assert not (shell.directory / "bursar.db").exists()


async def test_people_get_a_table_and_one_action_for_each_fault(tmp_path: Path):
    done = await bursar("doctor", directory=tmp_path)
    assert done.status == 1
    assert "FAILED  Settings" in done.out
    assert "What to do:" in done.out
    assert ".env.example" in done.out


async def test_a_wrong_setting_is_a_finding(tmp_path: Path):
    done = await bursar("doctor", "--json", directory=tmp_path, variables={"BURSAR_JOB_WAIT": "soon"})
    assert done.status == 1
    assert "BURSAR_JOB_WAIT" in done.json["findings"][0]["message"]


async def test_keys_that_others_on_the_machine_may_read_are_told(shell: Shell):
    file = shell.directory / ".env"
    for mode, told in ((0o600, 0), (0o640, 1), (0o604, 1)):
        file.write_text("BURSAR_JOB_WAIT=900\n")
        file.chmod(mode)
        done = await shell("doctor", "--json")
        found = [one for one in done.json["findings"] if "others on this machine may read" in one["message"]]
        assert (done.status, [one["health"] for one in found]) == (0, ["warning"] * told)


async def test_a_refused_key_is_a_finding_with_an_action_and_is_not_shown(shell: Shell):
    done = await shell("doctor", "--json", DRIP_API_KEY="not-the-right-secret")
    assert done.status == 1
    failed = [finding for finding in done.json["findings"] if finding["health"] == "failed"]
    assert failed
    assert all(finding["action"] for finding in failed)
    assert "not-the-right-secret" not in done.out + done.err


async def test_an_unusable_programme_is_a_finding(shell: Shell):
    done = await shell("doctor", "--json", GAMEBALL_AMOUNT_UNIT="")
    assert done.status == 1
    assert any("GAMEBALL_AMOUNT_UNIT" in (finding["action"] or "") for finding in done.json["findings"])


async def test_a_service_that_is_away_is_a_finding(shell: Shell):
    done = await shell("doctor", "--json", GAMEBALL_BASE_URL="http://127.0.0.1:9")
    assert done.status == 1


async def test_the_ledger_is_looked_through(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 500), "--programme", "gameball", "--yes")).status == 0
    done = await shell("doctor", "--json")
    (ledger,) = [finding for finding in done.json["findings"] if finding["topic"] == "Ledger"]
    assert (ledger["health"], "newest batch 1" in ledger["message"]) == ("ok", True)
    path = shell.directory / "bursar.db"
    content = bytearray(path.read_bytes())
    content[8192:-4096] = os.urandom(len(content) - 8192 - 4096)
    path.write_bytes(content)
    done = await shell("doctor", "--json")
    assert done.status == 1
    assert "Ledger" in topics(done.json["findings"], "failed")


async def test_a_file_that_is_no_ledger_is_a_finding_and_left_alone(shell: Shell):
    (shell.directory / "bursar.db").write_text("my notes")
    done = await shell("doctor", "--json")
    assert "Ledger" in topics(done.json["findings"], "failed")
    assert (shell.directory / "bursar.db").read_text() == "my notes"


async def test_a_clock_that_went_back_behind_the_ledger_is_a_finding(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "gameball", "--yes")).status == 0

    class Yesterday(SystemClock):
        def now(self) -> float:
            return super().now() - 86_400

    findings = await surroundings.ledger_findings(shell.directory / "bursar.db", Yesterday())
    assert [(one.topic, one.health) for one in findings if one.health is Health.FAILED] == [("Clock", Health.FAILED)]


def test_a_clock_before_this_program_existed_is_wrong():
    (finding,) = surroundings.clock_findings(datetime(1970, 1, 2, tzinfo=UTC).timestamp())
    assert finding.health is Health.FAILED


def test_a_folder_for_temporary_files_is_worth_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert Health.WARNING in {finding.health for finding in surroundings.disk_findings(tmp_path / "bursar.db")}


def test_a_file_system_is_known_by_the_deepest_mount_however_it_is_spelt(tmp_path: Path):
    mounts = tmp_path / "mounts"
    mounts.write_bytes(
        b"/dev/a / ext4 rw 0 0\nb:/c /mnt/Gr\xc3\xb6\xc3\x9fe\\040\\134x nfs4 rw 0 0\nd /mnt tmpfs rw 0 0\n"
    )
    folders = ["/mnt/Größe \\x/ledger", "/mnt/other", "/home"]
    assert [surroundings.file_system(Path(folder), mounts) for folder in folders] == ["nfs4", "tmpfs", "ext4"]


async def test_a_ledger_that_was_copied_while_in_use_is_not_said_to_be_whole(shell: Shell):
    await shell("bulk", str(payout(shell.directory / "payouts.csv", 2)), "--programme", "gameball", "--yes")
    path = shell.directory / "bursar.db"
    driver = await Ledger.open(path, SystemClock())
    assert "is not beside it" not in (await shell("doctor", "--json")).out
    shutil.copyfile(path, shell.directory / "copied.db")
    await driver.close()
    done = await shell("doctor", "--json", BURSAR_DATABASE="copied.db")
    assert done.status == 1
    (told,) = [one for one in done.json["findings"] if one["topic"] == "Ledger"]
    assert told["health"] == "failed" and "is not beside it" in told["message"] and "bursar restore" in told["action"]


async def test_a_ledger_that_was_just_restored_is_not_said_to_be_changed_by_others(shell: Shell):
    await shell("bulk", str(payout(shell.directory / "payouts.csv", 2)), "--programme", "gameball", "--yes")
    await shell("backup", "copy.db")
    assert (await shell("restore", "copy.db")).status == 0
    done = await shell("doctor", "--json")
    told = [one["message"] for one in done.json["findings"] if one["topic"] == "Ledger" and one["health"] != "ok"]
    assert len(told) == 1 and "restored from a copy" in told[0]


def test_uploads_need_a_folder_for_temporary_files_with_room_for_the_largest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    free = shutil.disk_usage(tmp_path).free
    (well,) = surroundings.temporary_findings(1000)
    assert (well.health, well.action) == (Health.OK, None)
    assert f"GB free in {tmp_path}" in well.message
    (low,) = surroundings.temporary_findings(free * 3 // 4)
    assert low.health is Health.WARNING
    (small,) = surroundings.temporary_findings(2 * free)
    assert small.health is Health.FAILED
    assert "and a file may have" in small.message
    assert small.action is not None and "BURSAR_MAX_FILE_BYTES" in small.action


async def test_without_any_folder_for_temporary_files_the_rest_is_examined(shell: Shell):
    hidden = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/nowhere']"
    (shell.directory / "sitecustomize.py").write_text(hidden)
    variables = {**shell.variables, "PYTHONPATH": f"{shell.directory}{os.pathsep}{ROOT}"}
    done = await bursar("doctor", "--json", directory=shell.directory, variables=variables, anew=True)
    assert done.status == 1
    (finding,) = [one for one in done.json["findings"] if one["health"] == "failed"]
    assert finding["topic"] == "Temporary files"
    assert "no folder can be written" in finding["message"] and "/nowhere" in finding["message"]
    assert "TMPDIR" in finding["action"]


def test_the_application_is_read_from_the_token():
    token = base64.urlsafe_b64encode(b"123456789012345678").decode().rstrip("=")
    assert surroundings.application_of(f"{token}.abcdef.rest") == 123456789012345678
    assert surroundings.application_of("no token at all") is None
    assert surroundings.application_of("") is None
    assert surroundings.application_of("ÄÖ") is None


def test_the_invite_asks_for_no_more_than_is_needed():
    url = invite_url(123456789012345678)
    assert "scope=bot+applications.commands" in url
    assert f"permissions={PERMISSIONS.value}" in url
    assert not PERMISSIONS.administrator
    assert not PERMISSIONS.mention_everyone


HASTY = {"BURSAR_HTTP_TIMEOUT": "30", "BURSAR_SETTLE_AFTER": "10"}


async def test_a_quarantine_that_ends_before_a_call_does_is_warned_of_and_is_no_failure(shell: Shell):
    done = await shell("doctor", "--json", **HASTY)
    assert done.status == 0
    (warned,) = [one for one in done.json["findings"] if one["topic"] == "Settings" and one["health"] == "warning"]
    assert "BURSAR_SETTLE_AFTER (10 s) is below BURSAR_HTTP_TIMEOUT (30 s)" in warned["message"]
    assert "paid twice" in warned["message"]
    assert warned["action"] == "Set BURSAR_SETTLE_AFTER to 30 or more."
    well = await shell("doctor", "--json", BURSAR_HTTP_TIMEOUT="30", BURSAR_SETTLE_AFTER="30")
    assert "warning" not in {one["health"] for one in well.json["findings"] if one["topic"] == "Settings"}


STRANGERS = {"BURSAR_DB": "x.db", "DRIP_KEY__EVENTS": "secret-1"}


async def test_names_that_are_no_settings_are_warned_of_one_by_one(shell: Shell):
    done = await shell("doctor", "--json", **STRANGERS)
    assert done.status == 0
    warned = [one for one in done.json["findings"] if "is no setting" in one["message"]]
    assert {one["health"] for one in warned} == {"warning"}
    assert [(one["message"], one["action"]) for one in warned] == [
        (
            "BURSAR_DB is no setting of Bursar: it changes nothing",
            "Write BURSAR_DATABASE if that is meant, or take it out.",
        ),
        (
            "DRIP_KEY__EVENTS is no setting of Bursar: it changes nothing",
            "Write DRIP_API_KEY__EVENTS if that is meant, or take it out.",
        ),
    ]
    assert "secret-1" not in done.out + done.err


async def test_the_bots_log_names_them_in_one_line(tmp_path: Path):
    done = await bursar("run", directory=tmp_path, variables={"DISCORD_TOKEN": "x.y.z", **STRANGERS})
    (line,) = [one for one in done.err.splitlines() if "no settings of Bursar" in one]
    assert "BURSAR_DB (BURSAR_DATABASE?), DRIP_KEY__EVENTS (DRIP_API_KEY__EVENTS?)" in line
    assert "WARNING" in line and "secret-1" not in done.err


async def test_the_bots_log_warns_of_it_too(tmp_path: Path):
    done = await bursar("run", directory=tmp_path, variables={"DISCORD_TOKEN": "x.y.z", **HASTY})
    assert done.status == 2  # no keys: it does not start
    assert "BURSAR_SETTLE_AFTER (10 s) is below BURSAR_HTTP_TIMEOUT (30 s)" in done.err


async def test_where_no_place_for_evidence_is_named_no_ledger_is_made_for_it(shell: Shell):
    done = await shell("doctor", "--evidence", "--json")
    assert (done.status, done.json["findings"][0]["message"][:17]) == (1, "nothing to set up")
    assert list(shell.directory.iterdir()) == []
