"""Where nobody can hear a command: the disk behind standard output is full, or a stream is closed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.console.conftest import Shell
from tests.console.support import Done, environment, payout, start, write_csv
from tests.support.sandbox import Sandbox

LOST = "The result cannot be written to standard output (No space left on device).\n"
BULK = ("bulk", "p.csv", "--programme", "gameball", "--yes", "--json")
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


async def unheard(shell: Shell, command: str, redirected: str, **variables: str) -> Done:
    """A command whose streams a shell redirects."""
    process = await asyncio.create_subprocess_shell(
        f"exec {sys.executable} -m bot {command} {redirected}",
        cwd=shell.directory,
        env=environment({**shell.variables, **variables}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err
    return Done(process.returncode, out.decode(), err.decode())


STREAMS = ["> /dev/full", ">&-", "2> /dev/full", "2>&-", "> /dev/full 2> /dev/full"]


@pytest.mark.parametrize("redirected", STREAMS)
async def test_a_recorded_batch_has_the_status_of_its_counts(redirected: str, shell: Shell):
    payout(shell.directory / "p.csv", 3)
    done = await unheard(shell, "bulk p.csv --programme gameball --yes --json", redirected)
    assert done.status == 0
    assert [award["state"] for award in await shell.awards()] == ["applied"] * 3
    assert done.err.endswith(LOST) is (redirected == "> /dev/full")
    assert not done.out or done.json["exit_status"] == 0


async def test_so_it_has_where_the_reader_has_left(shell: Shell):
    payout(shell.directory / "p.csv", 3)
    process = await start(*BULK, directory=shell.directory, variables=shell.variables)
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined] # what a reader does that leaves
    assert process.stderr is not None
    err = await process.stderr.read()
    assert (await process.wait(), err.endswith(b"Nobody reads the result.\n")) == (0, True)


async def test_awards_in_doubt_are_told_by_the_status_alone(shell: Shell, sandbox: Sandbox):
    payout(shell.directory / "p.csv", 3)
    await sandbox.faults({"match": {"method": "POST", "nth": 1}, "kind": "reset-after-apply"})
    assert (await unheard(shell, "bulk p.csv --programme gameball --yes --json", "> /dev/full")).status == 4
    await sandbox.faults()
    assert (await unheard(shell, "resume --json --no-wait", "> /dev/full")).status == 4
    assert (await unheard(shell, "resume", "> /dev/full")).status == 0


async def test_a_preview_that_cannot_be_shown_sends_nothing(shell: Shell):
    payout(shell.directory / "p.csv", 3)
    done = await unheard(shell, "bulk p.csv --programme gameball --yes", "> /dev/full")
    assert (done.status, done.err.endswith(LOST)) == (2, True)
    assert await shell.awards() == []


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("check p.csv", 2),
        ("check p.csv --json", 2),
        ("export --json", 2),
        ("export", 2),
        ("verify", 1),
        ("verify --json", 1),
        ("doctor --json", 1),
    ],
)
async def test_others_say_so_and_end(command: str, status: int, shell: Shell):
    payout(shell.directory / "p.csv", 1)
    assert (await shell("bulk", "p.csv", "--programme", "gameball", "--yes")).status == 0
    done = await unheard(shell, command, "> /dev/full")
    assert done.status == status
    assert done.err.endswith(LOST)


@pytest.mark.parametrize("json_mode", ["", "--json"])
async def test_what_was_done_to_the_ledger_has_the_status_of_what_was_done(json_mode: str, shell: Shell):
    """A copy that was made but called a failure would be made again, and a restore that was done, done again."""
    payout(shell.directory / "p.csv", 1)
    assert (await shell("bulk", "p.csv", "--programme", "gameball", "--yes")).status == 0
    exported = shell.directory / "export.csv"
    await asyncio.to_thread(exported.write_text, (await shell("export", "--format", "csv")).out)
    for command in (
        "backup b.db",
        "restore b.db",
        "restore --take-in export.csv export.csv --programme gameball",
        "restore --sign-off Ada",
        "forget 100000000000000001 --yes",
    ):
        done = await unheard(shell, f"{command} {json_mode}", "> /dev/full")
        assert done.status == 0, f"{command}: {done.err}"
        assert done.err.endswith(LOST)
    assert (await shell("verify")).status == 0
    assert (await shell("resume", "--json")).json["restored"] is None


@pytest.mark.parametrize(("command", "status"), [("", 2), ("bulk", 2), ("doctor", 1)])
async def test_help_that_cannot_be_shown_is_one_sentence(command: str, status: int, shell: Shell):
    done = await unheard(shell, f"{command} --help", "> /dev/full")
    assert (done.status, done.err) == (status, LOST)


async def test_help_ends_quietly_where_the_reader_has_left(shell: Shell):
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "bulk", "--help"),
        cwd=shell.directory,
        env=environment({}),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize(
    "command", ["check bad.csv --json", "check missing.csv --json", "check --json", "verify --json"]
)
async def test_a_failure_that_cannot_be_told_keeps_its_status(command: str, shell: Shell):
    write_csv(shell.directory / "bad.csv", "discord_id,amonut", "1,2")
    told = await unheard(shell, command, "")
    assert (await unheard(shell, command, "> /dev/full")).status in (told.status, 2)
    assert (await unheard(shell, command, ">&-")).status == told.status
