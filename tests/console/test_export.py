"""``export``: what it says, in which shape, and that it leaves the ledger alone."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys

import pytest

from bot.console.export import COLUMNS
from bot.domain.intake.names import EXPORTED
from tests.console.conftest import Shell
from tests.console.support import environment, members, payout, write_csv
from tests.support.sandbox import Sandbox


async def test_csv_is_safe_for_a_spreadsheet_and_json_is_verbatim(shell: Shell):
    rows = (f"{members(1)[0]},10,=1+1",)
    file = write_csv(shell.directory / "p.csv", "discord_id,amount,reason", *rows)
    assert (await shell("bulk", file, "--programme", "gameball", "--yes")).status == 0
    done = await shell("export")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert (row["recipient_value"], row["reason"]) == (f"'{members(1)[0]}", "'=1+1")
    assert (row["amount"], row["state"], row["lines"], row["batch"]) == ("10", "applied", "2", "1")
    (award,) = await shell.awards()
    assert (award["recipient_value"], award["reason"], award["lines"]) == (members(1)[0], "=1+1", [2])
    assert (await shell("export", "--json")).out == (await shell("export", "--format", "json")).out


async def test_an_export_is_read_back_with_its_awards(shell: Shell, sandbox: Sandbox):
    file = write_csv(
        shell.directory / "p.csv",
        "discord_id,wallet,custom,source,amount,reason",
        f"{members(1)[0]},,,,10,Quest",
        f",0x{'a1' * 20},,,20,=1+1",
        ",,player 7,steam,30,",
    )
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "401"})
    assert (await shell("bulk", file, "--programme", "drip-credentials", "--yes")).status == 6
    exported = shell.directory / "export.csv"
    exported.write_text((await shell("export", "--format", "csv")).out)
    done = await shell("check", exported, "--programme", "drip-credentials", "--json")
    assert (done.status, done.json["problems"], done.json["warnings"]) == (0, [], [])
    assert [(row["award"], row["amount"], row["reason"]) for row in done.json["rows"]] == [
        ("1", "10", "Quest"),
        ("2", "20", "=1+1"),
        ("3", "30", None),
    ]
    read = [tuple(row["recipient"].values()) for row in done.json["rows"]]
    assert read == [
        tuple(award[f"recipient_{part}"] for part in ("type", "value", "source")) for award in await shell.awards()
    ]
    bulk = await shell("bulk", exported, "--programme", "drip-credentials", "--yes", "--json")
    assert bulk.json["rows"] == 0, "every award is under way, so none is sent a second time"
    assert [one["kind"] for one in bulk.json["warnings"]] == ["already-awarded"]


def test_every_column_of_an_export_is_known_to_the_reader():
    assert set(COLUMNS) == EXPORTED


@pytest.mark.parametrize("batch", ["7", "x", "-1", "9" * 30])
async def test_a_batch_that_does_not_exist_is_2(shell: Shell, batch: str):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "gameball", "--yes")).status == 0
    done = await shell("export", "--batch", batch)
    assert (done.status, done.out) == (2, "")


async def test_an_export_changes_nothing(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 1), "--programme", "gameball", "--yes")).status == 0
    before = (shell.directory / "bursar.db").read_bytes()
    await shell("export")
    assert (shell.directory / "bursar.db").read_bytes() == before


async def test_a_reader_that_leaves_early_ends_the_export_quietly(shell: Shell):
    assert (
        await shell("bulk", payout(shell.directory / "p.csv", 2000), "--programme", "gameball", "--yes")
    ).status == 0
    script = f"{sys.executable} -m bot export --format json | head -n 1"
    process = await asyncio.create_subprocess_shell(
        script,
        cwd=shell.directory,
        env=environment(shell.variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (json.loads(out)["award"], err) == ("1", b"")
