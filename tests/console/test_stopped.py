"""The emergency stop, pressed in Discord, holds for the command line too, until it is released with a reason."""

from __future__ import annotations

from bot.domain.model import Actor
from bot.ledger.ledger import Ledger
from tests.console.conftest import Shell
from tests.console.support import payout
from tests.ledger.making import HandClock, query

MOD = Actor("22", "Bob", "900")


async def stopped(shell: Shell) -> None:
    ledger = await Ledger.open(shell.directory / "bursar.db", HandClock())
    await ledger.halts.stop("900", MOD, "wrong file")
    await ledger.close()


async def test_nothing_is_sent_from_the_command_line_until_the_stop_is_released(shell: Shell):
    await stopped(shell)
    file = payout(shell.directory / "a.csv", 2)
    refused = await shell("bulk", file, "--programme", "gameball", "--yes")
    assert refused.status == 5
    assert "Bob stopped everything on" in refused.err
    assert "`bursar resume --release REASON`" in refused.err
    probe = await shell("doctor", "--probe", "--customer", "c1", "--yes")
    assert (probe.status, "Bob stopped everything on" in probe.err) == (1, True)
    assert (await shell("resume", "--release", " ")).status == 2
    assert (await shell("resume", "--release", "looked at it")).status == 0
    path = shell.directory / "bursar.db"
    assert query(path, "SELECT released_by_id, release_reason FROM halts") == [("cli", "looked at it")]
    assert (await shell("bulk", file, "--programme", "gameball", "--yes")).status == 0
    assert (await shell("verify")).status == 0
