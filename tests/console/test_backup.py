"""``backup`` and ``restore`` as commands: 0 or 1, beside a running bot, and what an operator reads."""

from __future__ import annotations

import asyncio
import signal
from itertools import count
from pathlib import Path

import pytest

from bot.ledger._marker import marker_path
from bot.ledger.ledger import Ledger
from tests.console.conftest import Shell
from tests.console.support import finished, payout, start
from tests.ledger.making import HandClock
from tests.support.nursery import AnyProcess


async def paid(shell: Shell, name: str, first: int) -> None:
    file = payout(shell.directory / f"{name}.csv", 2, first=first)
    assert (await shell("bulk", file, "--programme", "gameball", "--yes")).status == 0


async def test_a_backup_is_made_beside_a_driver_and_never_over_a_file(shell: Shell):
    await paid(shell, "a", 0)
    driver = await Ledger.open(shell.directory / "bursar.db", HandClock())
    done = await shell("backup", "copy.db")
    await driver.close()
    assert (done.status, "verified copy of the ledger" in done.out) == (0, True)
    before = content(shell.directory / "copy.db")
    again = await shell("backup", "copy.db", "--json")
    assert (again.status, again.json["ok"], again.json["exit_status"]) == (1, False, 1)
    assert "No copy was made: copy.db exists already and was left as it is." in again.err
    assert content(shell.directory / "copy.db") == before


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_restored_ledger_stops_instead_of_paying_again_until_it_is_signed_off(shell: Shell):
    await paid(shell, "a", 0)
    assert (await shell("backup", "copy.db")).status == 0
    await paid(shell, "b", 2)
    done = await shell("restore", "copy.db")
    assert done.status == 0, done.err
    assert "The ledger that it replaces is kept as " in done.out
    assert "awards recorded after it are missing here, so nothing is sent" in done.out
    refused = await shell("bulk", shell.directory / "b.csv", "--programme", "gameball", "--yes")
    assert refused.status == 5
    assert "restored from a copy of" in refused.err
    resumed = await shell("resume")
    assert resumed.status == 0
    assert resumed.out.startswith("This ledger was restored from a copy of ")
    assert "`bursar restore --sign-off NAME`.\n" in resumed.out
    assert "restored from a copy of " in (await shell("resume", "--json")).json["restored"]
    assert (await shell("verify")).status == 0
    signed = await shell("restore", "--sign-off", "Ada", "--json")
    assert (signed.status, signed.json["signed_off"]) == (0, True)
    assert "nothing to sign off" in (await shell("restore", "--sign-off", "Ada")).out
    assert (await shell("resume", "--json")).json["restored"] is None
    await paid(shell, "c", 4)
    assert (await shell("verify")).status == 0


async def test_what_cannot_be_restored_is_1_and_leaves_the_ledger_alone(shell: Shell):
    await paid(shell, "a", 0)
    assert (await shell("backup", "copy.db")).status == 0
    driver = await Ledger.open(shell.directory / "bursar.db", HandClock())
    locked = await shell("restore", "copy.db", "--json")
    await driver.close()
    assert (locked.status, "drives the ledger" in locked.json["error"]["message"]) == (1, True)
    for arguments in (["nothing.db"], ["a.csv"], [], ["copy.db", "--sign-off", "Ada"], ["--sign-off", " "]):
        done = await shell("restore", *arguments)
        assert done.status == 1, arguments
        assert done.err.startswith("Nothing was ")
        assert ("Name another copy" in done.err) == (arguments in (["nothing.db"], ["a.csv"])), arguments
    assert len(await shell.awards()) == 2


async def test_nothing_is_signed_off_where_there_is_no_ledger(shell: Shell):
    done = await shell("restore", "--sign-off", "Ada", "--json")
    assert (done.status, done.json["signed_off"], done.json["error"]["kind"]) == (1, False, "ledger")
    assert "Nothing was signed off: there is no ledger at " in done.err
    assert list(shell.directory.iterdir()) == []


async def test_a_ledger_that_is_missing_in_the_middle_of_a_restore_is_not_taken_for_none(shell: Shell):
    marker_path(shell.directory / "bursar.db").touch()
    resumed = await shell("resume", "--json")
    assert (resumed.status, resumed.json["error"]["kind"]) == (2, "ledger")
    assert "Nothing was resumed: a restore of " in resumed.err
    found = {one["topic"]: one for one in (await shell("doctor", "--json")).json["findings"]}
    assert found["Ledger"]["health"] == "failed"
    assert found["Ledger"]["action"] == "Run the same `bursar restore FILE` again."


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["backup", "restore"])
async def test_a_copy_that_is_stopped_leaves_nothing(shell: Shell, command: str, number: signal.Signals, status: int):
    """A timer that ends slow backups must not fill the disk with halves, nor is a copy made that nobody tells of."""
    file = payout(shell.directory / "p.csv", 2000)
    assert (await shell("bulk", file, "--programme", "gameball", "--yes", "--json")).status == 0
    assert (await shell("backup", "first.db")).status == 0
    before = names(shell.directory)
    for attempt in count():
        copy = "first.db" if command == "restore" else f"copy{attempt}.db"
        process = await start(command, copy, directory=shell.directory, variables=shell.variables)
        if await begun(process, shell.directory):
            break
        await finished(process)
        before = names(shell.directory)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    done = await finished(process)
    assert (done.status, done.out) == (status, ""), done.err
    assert names(shell.directory) == before


MARKER = marker_path(Path("bursar.db")).name


async def begun(process: AnyProcess, directory: Path) -> bool:
    """Whether it was stopped in the middle of the copy, or was too quick for that."""
    while process.returncode is None:
        if has_part(directory):
            process.send_signal(signal.SIGSTOP)
            if has_part(directory) and MARKER not in names(directory):
                return True
            process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0)
    return False


def has_part(directory: Path) -> bool:
    return any(name.endswith(".part") for name in names(directory))


def names(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir() if not one.name.endswith(("-wal", "-shm")))
