"""Copies of a ledger, and a copy in a ledger's place: proved before use, never over a file, and nothing sent unseen."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.errors import LedgerError, LedgerLocked, NotFound, Refused
from bot.ledger import copying
from bot.ledger._marker import marker_path
from bot.ledger.ledger import Ledger
from bot.ledger.verifying import verify
from tests.ledger.making import (
    ADA,
    HandClock,
    batch_of,
    build,
    call,
    content,
    draft,
    names,
    next_call,
    put,
    query,
    rows,
    states,
)
from tests.ledger.making import confirmation as confirmed


async def test_a_copy_made_while_the_driver_writes_is_one_consistent_state(ledger: Ledger, path: Path, tmp_path: Path):
    batch = await batch_of(ledger, 60)
    for number in range(6):
        made = asyncio.create_task(asyncio.to_thread(copying.copy, path, tmp_path / f"copy-{number}.db"))
        for _ in range(5):
            await call(ledger, batch, OutcomeKind.APPLIED, 2)
        assert (await made).bad is None
    copied = [tuple(query(tmp_path / f"copy-{number}.db", "SELECT state FROM awards")) for number in range(6)]
    assert all(len(one) == 60 for one in copied)
    assert names(path, "*.part") == []
    assert names(path, "copy-0*") == ["copy-0.db"]


async def test_a_file_that_exists_is_never_overwritten(ledger: Ledger, path: Path, tmp_path: Path):
    put(tmp_path / "mine.db", b"mine")
    with pytest.raises(LedgerError, match="exists already and was left as it is"):
        copying.copy(path, tmp_path / "mine.db")
    with pytest.raises(LedgerError, match="no directory"):
        copying.copy(path, tmp_path / "no" / "such.db")
    assert content(tmp_path / "mine.db") == b"mine"


async def test_a_copy_that_its_disk_does_not_take_is_told_of_the_copy(ledger: Ledger, path: Path, tmp_path: Path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(LedgerError, match=r"copy\.db cannot be written") as told:
            copying.copy(path, tmp_path / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.hint is not None
    assert names(path, "*copy.db*") == []


@pytest.mark.parametrize(("folder", "name"), [("/proc", "copy.db"), (".", "x" * 300)])
async def test_a_place_that_takes_no_file_is_told_with_what_to_do(ledger: Ledger, path: Path, folder: str, name: str):
    with pytest.raises(LedgerError, match="cannot be written") as told:
        copying.copy(path, Path(folder, name))
    assert told.value.hint is not None


def test_a_name_that_no_file_can_have_is_no_copy(path: Path):
    with pytest.raises(LedgerError, match="there is no file"):
        copying.restore(Path("x" * 300), path, 0)


async def test_of_a_ledger_that_does_not_verify_no_copy_is_kept(ledger: Ledger, path: Path, tmp_path: Path):
    await batch_of(ledger, 3)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE awards SET balance = 5 WHERE id = 2")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="does not verify: award 2"):
        copying.copy(path, tmp_path / "copy.db")
    assert names(path, "*copy*") == []


@pytest.fixture
async def old_copy(path: Path, clock: HandClock, tmp_path: Path) -> Path:
    """A copy of a ledger that has paid two awards of four, and went on to pay the rest."""
    ledger = await Ledger.open(path, clock)
    batch = await batch_of(ledger, 4)
    await call(ledger, batch, OutcomeKind.APPLIED, 2)
    copying.copy(path, tmp_path / "copy.db")
    clock.at += 3600
    await call(ledger, batch, OutcomeKind.APPLIED, 2)
    await ledger.close()
    return tmp_path / "copy.db"


async def test_a_restored_ledger_sends_records_and_resumes_nothing_until_it_is_signed_off(
    old_copy: Path, path: Path, clock: HandClock
):
    restored = copying.restore(old_copy, path, clock.ms)
    ledger = await Ledger.open(path, clock)
    try:
        (batch,) = await ledger.queries.batches(None)
        assert batch.pause is not None
        assert batch.pause.message.startswith("restored from a copy of 2027-01-15 08:00 UTC: awards recorded after it")
        assert restored.restoration.message == batch.pause.message
        assert await states(ledger) == ["applied", "applied", "planned", "planned"]
        with pytest.raises(Refused, match="restored from a copy"):
            await ledger.steering.resume(batch.id, ADA)
        ready = await draft(ledger, rows(2, first=50))
        with pytest.raises(Refused, match="restored from a copy"):
            await ledger.recording.record_batch(ready.id, confirmed(ready))
        assert await next_call(ledger, batch.id, 100, build) is None
        assert (await verify(ledger.database)).bad is None
        assert await ledger.restorations.sign_off("Ada") is True
        assert await ledger.restorations.sign_off("Ada") is False
        assert await next_call(ledger, batch.id, 100, build) is None
        await ledger.steering.resume(batch.id, ADA)
        assert await next_call(ledger, batch.id, 100, build) is not None
        assert (await verify(ledger.database)).bad is None
    finally:
        await ledger.close()


async def test_a_draft_that_was_sent_after_the_copy_is_not_sent_from_it_again(
    path: Path, clock: HandClock, tmp_path: Path
):
    ledger = await Ledger.open(path, clock)
    ready = await draft(ledger, rows(2))
    copying.copy(path, tmp_path / "copy.db")
    await ledger.recording.record_batch(ready.id, confirmed(ready))
    await ledger.close()
    copying.restore(tmp_path / "copy.db", path, clock.ms)
    ledger = await Ledger.open(path, clock)
    try:
        await ledger.restorations.sign_off("Ada")
        with pytest.raises(NotFound, match="there is no draft 1 here"):
            await ledger.recording.record_batch(ready.id, confirmed(ready))
        assert await ledger.drafts.open_drafts(None) == []
        assert query(path, "SELECT count(*) FROM draft_rows") == [(0,)]
        assert (await draft(ledger, rows(2))).id > ready.id
        assert (await verify(ledger.database)).bad is None
    finally:
        await ledger.close()


async def test_a_sign_off_that_nobody_gave_is_found(old_copy: Path, path: Path, clock: HandClock):
    copying.restore(old_copy, path, clock.ms)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE restorations SET signed_at = 1, signed_by = 'nobody'")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="the list of restorations: it is not what the history says"):
        copying.prove(path)


async def test_even_an_open_batch_is_not_claimed_before_the_sign_off(old_copy: Path, path: Path, clock: HandClock):
    copying.restore(old_copy, path, clock.ms)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE batches SET state = 'open', pause_kind = NULL, pause_detail = NULL")
    connection.commit()
    connection.close()
    ledger = await Ledger.open(path, clock)
    assert await next_call(ledger, 1, 100, build) is None
    await ledger.close()


async def test_the_replaced_ledger_is_kept_whole(old_copy: Path, path: Path, clock: HandClock):
    before = query(path, "SELECT id, state FROM awards ORDER BY id")
    kept = copying.restore(old_copy, path, clock.ms).kept
    assert kept is not None
    assert query(kept, "SELECT id, state FROM awards ORDER BY id") == before
    assert copying.restore(old_copy, path, clock.ms).kept != kept


async def test_what_is_in_the_log_of_the_replaced_ledger_is_kept_with_it(old_copy: Path, path: Path, clock: HandClock):
    """A ledger that was killed has its last commits in the log, beside the file."""
    killed = sqlite3.connect(path, isolation_level=None)
    killed.execute("PRAGMA wal_autocheckpoint = 0")
    killed.execute("INSERT INTO members VALUES ('a', 'k', 'd', 1)")
    log = content(path.with_name(path.name + "-wal"))
    file = content(path)
    killed.close()
    put(path, file)
    put(path.with_name(path.name + "-wal"), log)
    kept = copying.restore(old_copy, path, clock.ms).kept
    assert kept is not None
    assert query(kept, "SELECT drip_id FROM members") == [("d",)]
    assert query(path, "SELECT drip_id FROM members") == []


async def test_nothing_is_restored_while_somebody_drives_the_ledger(old_copy: Path, path: Path, clock: HandClock):
    driver = await Ledger.open(path, clock)
    with pytest.raises(LedgerLocked):
        copying.restore(old_copy, path, clock.ms)
    assert await states(driver) == ["applied"] * 4
    await driver.close()


async def test_a_copy_that_does_not_verify_changes_nothing(old_copy: Path, path: Path, clock: HandClock):
    before = content(path)
    torn = bytearray(content(old_copy))
    torn[8192:12288] = bytes(4096)
    put(old_copy, bytes(torn))
    with pytest.raises(LedgerError, match=r"does not verify|damaged"):
        copying.restore(old_copy, path, clock.ms)
    put(old_copy, b"no database at all, whatever its name says")
    with pytest.raises(LedgerError, match="cannot be used"):
        copying.restore(old_copy, path, clock.ms)
    with pytest.raises(LedgerError, match="the ledger itself"):
        copying.restore(path, path, clock.ms)
    with pytest.raises(LedgerError, match="there is no file"):
        copying.restore(path.with_name("nothing"), path, clock.ms)
    assert content(path) == before
    assert names(path) == ["bursar.db", "bursar.db.lock", "copy.db"]


async def test_a_copy_with_a_damaged_schema_is_refused_in_words(old_copy: Path, path: Path, clock: HandClock):
    torn = bytearray(content(old_copy))
    torn[torn.find(b"awards_one_successor") + 2] = 0xCC
    put(old_copy, bytes(torn))
    before = content(path)
    with pytest.raises(LedgerError, match="the file is damaged"):
        copying.restore(old_copy, path, clock.ms)
    with pytest.raises(LedgerError, match="the file is damaged"):
        await Ledger.read(old_copy, clock)
    assert content(path) == before


@pytest.mark.parametrize("practice", [False, True])
async def test_another_ledgers_copy_does_not_take_a_ledgers_place(
    old_copy: Path, path: Path, clock: HandClock, practice: bool
):
    other = path.with_name("other.db")
    await (await Ledger.open(other, clock, practice=practice)).close()
    before = content(path)
    with pytest.raises(
        LedgerError, match="is a copy of another ledger .*, for practice" if practice else "another ledger"
    ):
        copying.restore(other, path, clock.ms)
    assert (content(path), names(path, "*replaced*")) == (before, [])
    put(path, b"damaged beyond reading" * 400)
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    copying.restore(old_copy, path, clock.ms)
    assert (await states_of(path, clock)) == ["applied", "applied", "planned", "planned"]


async def states_of(path: Path, clock: HandClock) -> list[str]:
    ledger = await Ledger.open(path, clock)
    try:
        return await states(ledger)
    finally:
        await ledger.close()


async def test_a_lost_ledger_is_restored_from_a_copy(old_copy: Path, path: Path, clock: HandClock):
    drop(path)
    assert copying.restore(old_copy, path, clock.ms).kept is None
    assert query(path, "SELECT count(*) FROM awards") == [(4,)]


async def test_a_disk_that_is_full_once_the_copy_is_on_it_restores_nothing(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    for number in range(20):  # each is paused when the copy is marked, which takes room
        await batch_of(ledger, 1, label=f"batch {number}")
    await ledger.close()
    copy = path.with_name("copy.db")
    copying.copy(path, copy)
    before, limits = content(path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (copy.stat().st_size, limits[1]))
    try:
        with pytest.raises(LedgerError, match=r"bursar\.db cannot be used: the disk"):
            copying.restore(copy, path, clock.ms)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content(path) == before
    assert names(path, "*.part*") == []
    await (await Ledger.open(path, clock)).close()


STEPS = ["rename", "unlink"]


@pytest.mark.parametrize("steps", range(1, 6))
async def test_a_restore_cut_off_anywhere_is_seen_and_can_be_done_again(
    old_copy: Path, path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch, steps: int
):
    left = steps

    class Cut(BaseException):
        pass

    def counted(real):
        def step(*arguments, **options):  # noqa: ANN002, ANN003 # whatever the real one takes
            nonlocal left
            if marker_path(path).exists():
                left -= 1
                if left == 0:
                    raise Cut
            return real(*arguments, **options)

        return step

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(Path, name, counted(getattr(Path, name)))
        try:
            copying.restore(old_copy, path, clock.ms)
            finished = True
        except Cut:
            finished = False
    if not finished:
        for opening in (Ledger.open(path, clock), Ledger.read(path, clock)):
            with pytest.raises(LedgerError, match="cut off before its end"):
                await opening
        copying.restore(old_copy, path, clock.ms)
    ledger = await Ledger.open(path, clock)
    assert await states(ledger) == ["applied", "applied", "planned", "planned"]
    assert await ledger.restorations.in_force() is not None
    await ledger.close()


def drop(path: Path) -> None:
    path.unlink()
