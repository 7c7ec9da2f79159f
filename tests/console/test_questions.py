"""The one question, on a real terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from dataclasses import dataclass, field

import pytest

from tests.console.conftest import Shell
from tests.console.support import environment, payout
from tests.support.patience import PATIENCE


@dataclass
class Terminal:
    """A process on a terminal of its own, and everything that it has shown."""

    process: asyncio.subprocess.Process
    descriptor: int
    shown: bytearray = field(default_factory=bytearray)

    async def until(self, part: str) -> str:
        """Read until something was shown."""
        async with asyncio.timeout(PATIENCE):
            while part not in self.shown.decode(errors="replace"):
                self.shown += await asyncio.to_thread(os.read, self.descriptor, 4096)
        return self.shown.decode()

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


async def on_terminal(shell: Shell, *arguments: str) -> Terminal:
    mine, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=shell.directory,
        env=environment(shell.variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return Terminal(process, mine)


@pytest.mark.parametrize(
    ("answer", "status"), [("y\n", 0), ("YES\n", 0), ("n\n", 5), ("\n", 5), ("yep\n", 5), ("\x04", 5)]
)
async def test_only_a_yes_sends(shell: Shell, answer: str, status: int):
    payout(shell.directory / "p.csv", 2)
    terminal = await on_terminal(shell, "bulk", "p.csv", "--programme", "gameball")
    await terminal.until("Send 2 awards with gameball? [y/N] ")
    assert await shell.awards() == []
    terminal.type(answer)
    await terminal.until("2 applied" if status == 0 else "Nothing was sent: declined")
    assert await terminal.ended() == status
    assert len(await shell.awards()) == (2 if status == 0 else 0)
    os.close(terminal.descriptor)


async def test_the_question_tells_of_rows_that_would_be_paid_a_second_time(shell: Shell):
    payout(shell.directory / "p.csv", 2)
    assert (await shell("bulk", "p.csv", "--programme", "gameball", "--yes")).status == 0
    terminal = await on_terminal(shell, "bulk", "p.csv", "--programme", "gameball", "--again")
    await terminal.until("Send 2 awards, 2 of them a second time, with gameball? [y/N] ")
    terminal.type("n\n")
    assert await terminal.ended() == 5
    os.close(terminal.descriptor)


async def test_ctrl_c_at_the_question_sends_nothing_and_ends_at_once(shell: Shell):
    payout(shell.directory / "p.csv", 2)
    terminal = await on_terminal(shell, "bulk", "p.csv", "--programme", "gameball")
    await terminal.until("[y/N] ")
    terminal.process.send_signal(signal.SIGINT)
    await terminal.until("Nothing was sent: stopped")
    assert await terminal.ended() == 130
    assert await shell.awards() == []
    os.close(terminal.descriptor)


async def test_a_terminal_shows_a_bar(shell: Shell):
    payout(shell.directory / "p.csv", 2)
    terminal = await on_terminal(shell, "bulk", "p.csv", "--programme", "gameball", "--yes")
    shown = await terminal.until("Batch 1: 2 applied.")
    assert "[########################] 2 of 2" in shown
    assert await terminal.ended() == 0
    os.close(terminal.descriptor)
