"""A driver killed with SIGKILL: what it was told is committed is there, and nothing is there by half."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.domain.states import AwardState
from bot.ledger.ledger import Ledger
from tests.ledger.making import awards, query
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]

# Says what it is about to do and what is done, so that it can be killed at either.
DRIVER = """
import asyncio, sys
from pathlib import Path
from bot.clock import SystemClock
from bot.domain.calls import OutcomeKind
from bot.ledger.ledger import Ledger
from tests.ledger.making import agreed, all_of, build, draft, next_call, rows

def say(*words):
    print(*words, flush=True)

async def main():
    ledger = await Ledger.open(Path(sys.argv[1]), SystemClock())
    while True:
        ready = await draft(ledger, rows(40))
        say("recording")
        recorded = await ledger.recording.record_batch(ready.id, await agreed(ledger, ready))
        say("recorded", recorded.batch_id)
        while (claimed := await next_call(ledger, recorded.batch_id, 20, build)) is not None:
            say("claimed", claimed.attempt_id)
            say("answering")
            await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
            say("answered", claimed.attempt_id)
        await ledger.claims.finish_if_done(recorded.batch_id)
        say("finished", recorded.batch_id)

asyncio.run(main())
"""


async def _killed_after(path: Path, lines: int) -> dict[str, list[int]]:
    """What the driver said before it was killed, by word."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DRIVER,
        str(path),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    said: dict[str, list[int]] = {}

    def take(line: bytes) -> None:
        word, *number = line.decode().split()
        said.setdefault(word, []).extend(int(one) for one in number)

    for _ in range(lines):
        take(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    for line in rest.splitlines():
        take(line)
    assert process.returncode == -signal.SIGKILL
    return said


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 8, 9, 23])
async def test_what_was_acknowledged_is_there_and_nothing_is_there_by_half(path: Path, lines: int):
    said = await _killed_after(path, lines)
    ledger = await Ledger.open(path, SystemClock())
    interrupted = await ledger.claims.mark_interrupted()
    made = await awards(ledger)
    await ledger.close()

    batches = {number for (number,) in query(path, "SELECT id FROM batches")}
    assert set(said.get("recorded", [])) <= batches
    assert len(made) == 40 * len(batches)
    drafts = query(path, "SELECT count(*) FROM drafts WHERE state = 'recorded'")
    assert drafts == [(len(batches),)]

    attempts = dict(query(path, "SELECT id, verdict FROM attempts"))
    assert set(said.get("claimed", [])) <= set(attempts)
    assert all(attempts[number] == "applied" for number in said.get("answered", []))
    assert list(attempts.values()).count("interrupted") == interrupted.attempts <= 1
    for award in made:
        told = attempts.get(award.attempt_id)
        expected = {None: AwardState.PLANNED, "applied": AwardState.APPLIED, "interrupted": AwardState.UNKNOWN}[told]
        assert award.state is expected
    assert interrupted.awards == 20 * interrupted.attempts


async def test_a_ledger_survives_one_kill_after_another(path: Path):
    for lines in (3, 7, 2, 11, 5):
        await _killed_after(path, lines)
    ledger = await Ledger.open(path, SystemClock())
    await ledger.claims.mark_interrupted()
    by_state = {award.state for award in await awards(ledger)}
    assert AwardState.SENDING not in by_state
    await ledger.close()
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "PRAGMA foreign_key_check") == []


async def test_a_program_that_fails_without_closing_its_ledger_ends(path: Path):
    program = DRIVER.replace('say("recording")', "raise SystemExit(7)")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 7
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    ledger = await Ledger.open(path, SystemClock())
    await ledger.close()
