"""No acknowledged commit is missing, and nothing is damaged, after any power cut that the syncs in force allow."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import Decision, Pause, PauseKind
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import verify
from tests.ledger.making import ADA, HandClock, agreed, all_of, claim, in_doubt, new_draft, rows
from tests.powercut.recording import HEADER, Image, Shot, content_of, images, shot

SEED = 20_260_101


async def story(path: Path, *, checkpoints: bool) -> list[Shot]:
    """The way of a batch of awards, one SQL transaction after the other, with the files after each of them."""
    ledger = await Ledger.open(path, HandClock())
    shots = []

    async def said(name: str) -> None:
        assert (await verify(ledger.database)).bad is None  # so every content that is allowed is one that verifies
        shots.append(shot(name, path))
        if checkpoints:
            # What SQLite does by itself once the log has 1,000 pages.
            await ledger.database.write_bare(lambda c: c.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())
            shots.append(shot(f"{name}, checkpoint", path))

    try:
        await ledger.settings.change("900", "staff_channel_id", "77", ADA)
        await said("setting")
        draft_id = await ledger.drafts.create(new_draft(reason="Week 31"))
        await said("draft")
        await ledger.drafts.stage(draft_id, rows(36), ())
        await said("staged")
        ready = await ledger.drafts.finish(draft_id, refused=False, summary={})
        await said("ready")
        batch = (await ledger.recording.record_batch(draft_id, await agreed(ledger, ready))).batch_id
        await said("recorded")
        for kind in (OutcomeKind.APPLIED, OutcomeKind.UNKNOWN, OutcomeKind.REJECTED):
            claimed = await claim(ledger, batch, 6)
            await said(f"claim for {kind.value}")
            await ledger.claims.record_outcome(claimed, all_of(claimed, kind, "why"))
            await said(f"outcome {kind.value}")
        first = await claim(ledger, batch, 6)
        await said("claim beside another")
        _, second = await asyncio.gather(
            ledger.claims.record_outcome(first, all_of(first, OutcomeKind.APPLIED)), claim(ledger, batch, 6)
        )
        await said("outcome and claim under one commit")
        await ledger.claims.record_outcome(second, all_of(second, OutcomeKind.APPLIED))
        await said("outcome beside another")
        await ledger.steering.resolve(await in_doubt(ledger, batch), Decision.LANDED, ADA, reason="seen")
        await said("resolved")
        await ledger.steering.pause(batch, ADA, Pause(PauseKind.PERSON, "lunch"))
        await said("paused")
        await ledger.steering.stop(batch, ADA)
        await said("stopped")
    finally:
        await ledger.close()
    return shots


def found(image: Image, folder: Path) -> str:
    """What stock SQLite finds in an image; fails on any damage."""
    path = folder / "image.db"
    path.with_name("image.db-shm").unlink(missing_ok=True)
    path.write_bytes(image.file)
    path.with_name("image.db-wal").write_bytes(image.log)
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)], image.name
        return content_of(connection)
    finally:
        connection.close()


@pytest.mark.parametrize("checkpoints", [False, True], ids=["one long log", "the log starts over"])
async def test_no_acknowledged_commit_is_missing_after_any_power_cut(tmp_path: Path, checkpoints: bool):
    shots = await story(tmp_path / "bursar.db", checkpoints=checkpoints)
    chance = random.Random(SEED)  # noqa: S311 # repeatable damage
    tried = 0
    for before, after in itertools.pairwise(shots):
        for image in images(before, after, chance):
            assert found(image, tmp_path) in image.allowed, image.name
            tried += 1
    assert tried > 500
    if checkpoints:
        assert len({one.log[:HEADER] for one in shots}) > 5


async def test_the_whole_log_of_an_acknowledgement_is_its_content(tmp_path: Path):
    """The images would prove nothing if what counts as synced were more than what the commit needs."""
    shots = await story(tmp_path / "bursar.db", checkpoints=False)
    for before, after in itertools.pairwise(shots):
        whole = Image("whole", before.file, after.log[: after.synced], frozenset())
        assert found(whole, tmp_path) == after.content
        short = Image("short", before.file, after.log[: after.synced - after.frame], frozenset())
        assert found(short, tmp_path) == before.content


async def test_the_writer_runs_with_what_the_promise_rests_on(tmp_path: Path):
    ledger = await Ledger.open(tmp_path / "bursar.db", HandClock())
    names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")

    def read(connection: sqlite3.Connection) -> list[object]:
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await ledger.database.write_bare(read) == ["wal", 2, 1, 1000]
    await ledger.close()
