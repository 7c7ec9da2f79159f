"""An older ledger put back by hand, past ``restore``: its first call finds what it does not know, and it stops."""

from __future__ import annotations

import shutil

from tests.console.conftest import Shell
from tests.console.support import payout
from tests.support.sandbox import Sandbox


async def test_an_older_gameball_ledger_stops_at_its_first_call(shell: Shell, sandbox: Sandbox):
    for name, first in (("a", 0), ("b", 10), ("c", 20), ("d", 30)):
        payout(shell.directory / f"{name}.csv", 2, first=first)
    send = ("--programme", "gameball", "--yes")
    assert (await shell("bulk", "a.csv", *send)).status == 0
    assert (await shell("backup", "copy.db")).status == 0
    assert (await shell("bulk", "b.csv", *send)).status == 0
    shutil.copy(shell.directory / "copy.db", shell.directory / "bursar.db")
    stopped = await shell("bulk", "c.csv", *send)
    assert stopped.status == 6
    assert "the service has calls of Bursar that are missing here, so nothing is sent" in stopped.out
    assert len(await sandbox.applied("gameball")) == 4
    refused = await shell("bulk", "d.csv", *send)
    assert (refused.status, "older copy, or not the only ledger" in refused.err) == (5, True)
    looked = await shell("doctor", "--json")
    assert any("calls of Bursar that are missing here" in one["message"] for one in looked.json["findings"])
    assert (await shell("verify")).status == 0
    assert (await shell("restore", "--sign-off", "Ada")).status == 0
    assert (await shell("bulk", "d.csv", *send)).status == 0
    assert len(await sandbox.applied("gameball")) == 6
