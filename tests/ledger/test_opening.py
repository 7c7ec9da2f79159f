"""Taking a ledger, sharing it, and refusing what is none."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.clock import Gain
from bot.errors import LedgerError, LedgerLocked
from bot.ledger import _connection, _lock, copying, migrations, verifying
from bot.ledger._lock import DriverLock, lock_path
from bot.ledger.ledger import Ledger
from bot.ledger.restorations import Why
from tests.ledger.making import ADA, HandClock, batch_of, content, names, next_call, put, query, states
from tests.support.patience import PATIENCE

DRIVER = """
import asyncio, sys
from pathlib import Path
from bot.clock import SystemClock
from bot.ledger.ledger import Ledger
from bot.ledger.restorations import Why

async def main():
    ledger = await Ledger.open(Path(sys.argv[1]), SystemClock())
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await ledger.close()

asyncio.run(main())
"""


async def _driver(path: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRIVER, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    return process


async def test_a_new_ledger_gets_an_id_and_keeps_it(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock, randomness=lambda length: bytes(range(length)))
    assert await ledger.queries.ledger_id() == "01234567"
    assert not await ledger.queries.is_practice()
    await ledger.close()
    again = await Ledger.open(path, clock)
    assert await again.queries.ledger_id() == "01234567"
    await again.close()


async def test_two_new_ledgers_have_different_ids(tmp_path: Path, clock: HandClock):
    ids = set()
    for name in ("a.db", "b.db"):
        ledger = await Ledger.open(tmp_path / name, clock)
        ids.add(await ledger.queries.ledger_id())
        await ledger.close()
    assert len(ids) == 2


@pytest.mark.parametrize(("first", "then", "words"), [(False, True, "real awards"), (True, False, "practice")])
async def test_a_ledger_of_the_other_kind_is_refused(path: Path, clock: HandClock, first: bool, then: bool, words: str):
    ledger = await Ledger.open(path, clock, practice=first)
    assert await ledger.queries.is_practice() is first
    await ledger.close()
    with pytest.raises(LedgerError, match=words):
        await Ledger.open(path, clock, practice=then)
    again = await Ledger.open(path, clock, practice=first)  # the refusal has let go of the lock
    await again.close()


async def test_only_the_owner_may_read_the_ledger_and_what_lies_beside_it(ledger: Ledger, path: Path):
    await batch_of(ledger, 1)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["bursar.db", "bursar.db-shm", "bursar.db-wal", "bursar.db.lock"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_second_driver_in_the_same_process_is_refused(ledger: Ledger, path: Path, clock: HandClock):
    with pytest.raises(LedgerLocked, match=f"process {os.getpid()} drives"):
        await Ledger.open(path, clock)
    await batch_of(ledger, 1)


async def test_a_second_driver_through_a_link_is_refused(ledger: Ledger, path: Path, clock: HandClock):
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(LedgerLocked):
        await Ledger.open(link, clock)


async def test_a_file_with_a_second_name_is_driven_by_neither(ledger: Ledger, path: Path, clock: HandClock):
    second = path.with_name("second name.db")
    os.link(path, second)
    with pytest.raises(LedgerError, match=r"has a second name \(a hard link\)") as caught:
        await Ledger.open(second, clock)
    assert caught.value.hint is not None and f"-samefile '{second}'" in caught.value.hint
    await ledger.close()
    copying.copy(path, path.with_name("copy.db"))  # reading does no harm
    for name in (path, second):
        with pytest.raises(LedgerError, match="second name"):
            copying.restore(path.with_name("copy.db"), name, clock.ms)
    second.unlink()
    copying.restore(path.with_name("copy.db"), path, clock.ms)
    await (await Ledger.open(path, clock)).close()


async def test_another_process_that_drives_the_ledger_is_named_and_its_end_frees_the_ledger(
    path: Path, clock: HandClock
):
    driver = await _driver(path)
    with pytest.raises(LedgerLocked, match=f"process {driver.pid} drives"):
        await Ledger.open(path, clock)
    reader = await Ledger.read(path, clock)
    assert len(await reader.queries.ledger_id()) == 8
    await reader.close()
    await driver.communicate(b"\n")
    assert driver.returncode == 0
    assert lock_path(path).read_text() == ""
    ledger = await Ledger.open(path, clock)
    await ledger.close()


async def test_a_killed_driver_holds_nothing(path: Path, clock: HandClock):
    driver = await _driver(path)
    driver.send_signal(signal.SIGKILL)
    await driver.communicate()
    assert lock_path(path).read_text() == f"{driver.pid}\n"
    ledger = await Ledger.open(path, clock)
    assert lock_path(path).read_text() == f"{os.getpid()}\n"
    await ledger.close()


KILLED_WHILE_MAKING = """
import os, signal, sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end of the transaction
connection.execute("VACUUM")  # the file has its header
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE ledger (words TEXT)")
connection.executemany("INSERT INTO ledger VALUES (?)", [("x" * 1000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_process_that_was_killed_while_it_made_the_ledger_is_no_hindrance(path: Path, clock: HandClock):
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED_WHILE_MAKING, str(path))
    assert await killed.wait() == -signal.SIGKILL
    assert path.with_name(f"{path.name}-journal").exists()
    with pytest.raises(LedgerError, match="the process that made it was killed"):
        await Ledger.read(path, clock)
    ledger = await Ledger.open(path, clock)
    assert await ledger.queries.ledger_id()
    await ledger.close()


def test_a_lock_without_a_readable_pid_is_told_without_a_number(path: Path):
    lock = DriverLock.take(path)
    lock_path(path).write_text("?")
    with pytest.raises(LedgerLocked, match="another process drives"):
        DriverLock.take(path)
    lock.release()
    lock.release()
    DriverLock.take(path).release()


def test_what_the_clocks_gained_is_remembered_with_the_lock_until_the_machine_is_started_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    boot = path.with_name("boot")
    put(boot, b"first\n")
    monkeypatch.setattr(_lock, "_BOOT_ID", boot)
    lock = DriverLock.take(path)
    assert lock.recall() is None
    lock.keep(Gain(86_400.25, 0.0, 7.5))
    with pytest.raises(LedgerLocked, match=f"process {os.getpid()} drives"):
        DriverLock.take(path)
    lock.release()
    lock = DriverLock.take(path)
    assert lock.recall() == Gain(86_400.25, 0.0, 7.5)
    lock.release()
    for strange in (
        b"12\nfirst 1.0 nan 2.0\n",
        b"12\nfirst 1.0\n",
        b"12\nfirst a b c\n",
        b"\n\xff\xfe 1 2 3\n",
        b"\n" * 400,
    ):
        put(lock_path(path), strange)
        lock = DriverLock.take(path)
        assert lock.recall() is None
        lock.release()
    lock = DriverLock.take(path)
    lock.keep(Gain(1.0, 2.0, 3.0))
    put(boot, b"second\n")
    assert lock.recall() is None
    lock.release()


def test_a_full_disk_keeps_nobody_from_going_on_who_notes_what_the_clocks_gained(path: Path):
    lock = DriverLock.take(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        lock.keep(Gain(1.0, 2.0, 3.0))
        lock.release()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    DriverLock.take(path).release()


async def test_a_disk_that_is_too_full_for_the_lock_is_told(path: Path, clock: HandClock):
    await (await Ledger.open(path, clock)).close()
    copying.copy(path, path.with_name("copy.db"))
    lock_path(path).unlink()
    before = content(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(LedgerError, match=r"bursar\.db\.lock cannot be used: the disk .* is full") as opened:
            await Ledger.open(path, clock)
        with pytest.raises(LedgerError, match="is full"):
            copying.restore(path.with_name("copy.db"), path, clock.ms)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert opened.value.hint == "Free some space, then start Bursar again."
    assert content(path) == before
    await (await Ledger.open(path, clock)).close()  # nobody has kept the lock


def test_a_disk_that_reports_errors_is_told_as_such(path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    lock = DriverLock.take(path)
    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(LedgerLocked, match="another process drives"):
        DriverLock.take(path)
    lock.release()
    with pytest.raises(LedgerError, match="cannot be used: Input/output error"):
        DriverLock.take(path)
    monkeypatch.undo()
    DriverLock.take(path).release()


async def test_reading_beside_the_driver_sees_every_commit_and_never_writes(
    ledger: Ledger, path: Path, clock: HandClock
):
    reader = await Ledger.read(path, clock)
    batch_id = await batch_of(ledger, 3)
    assert await states(reader, batch_id) == ["planned"] * 3
    for attempt in (
        reader.steering.stop(batch_id, ADA),
        next_call(reader, batch_id, 10, lambda items, token, legs: b""),
        reader.boards.open(batch_id, "1"),
        reader.drafts.purge(),
    ):
        with pytest.raises(LedgerError, match="for reading only"):
            await attempt
    await reader.close()
    assert await states(ledger, batch_id) == ["planned"] * 3


async def test_a_reader_that_leaves_last_leaves_every_commit_where_it_is(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    reader = await Ledger.read(path, clock)
    await reader.queries.ledger_id()
    batch_id = await batch_of(ledger, 5)
    await ledger.close()
    await reader.close()
    before = content(path)
    late = await Ledger.read(path, clock)
    assert await states(late, batch_id) == ["planned"] * 5
    await late.close()
    assert content(path) == before


@pytest.mark.parametrize("read_first", [False, True])
async def test_a_ledger_without_the_log_of_a_program_that_was_cut_off_is_not_opened(
    read_first: bool, tmp_path: Path, clock: HandClock
):
    """What its driver did last stands in the log, until that ends in order."""
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    ledger = await Ledger.open(here, clock)
    batch_id = await batch_of(ledger, 2)
    shutil.copy(here, there)
    log = content(tmp_path / "here.db-wal")
    await ledger.close()
    if read_first:  # which makes an empty log
        await (await Ledger.read(there, clock)).close()
    before = content(there)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"there\.db-wal, which has what was done last, is not beside it"):
            await Ledger.open(there, clock)
    assert content(there) == before
    put(tmp_path / "there.db-wal", log)
    moved = await Ledger.open(there, clock)
    assert await states(moved, batch_id) == ["planned"] * 2
    await moved.close()


async def test_a_ledger_whose_log_is_lost_is_taken_back_as_a_copy(tmp_path: Path, clock: HandClock):
    ledger = await Ledger.open(tmp_path / "here.db", clock)
    shutil.copy(tmp_path / "here.db", tmp_path / "there.db")
    await ledger.close()
    copying.restore(tmp_path / "there.db", tmp_path / "back.db", clock.ms)
    back = await Ledger.open(tmp_path / "back.db", clock)
    restoration = await back.restorations.in_force()
    assert restoration is not None and restoration.why is Why.RESTORED
    await back.close()


@pytest.mark.parametrize("companions", [("",), ("", "-wal")])
async def test_a_ledger_that_was_ended_in_order_or_moved_with_its_log_is_opened(
    companions: tuple[str, ...], tmp_path: Path, clock: HandClock
):
    ledger = await Ledger.open(tmp_path / "here.db", clock)
    batch_id = await batch_of(ledger, 2)
    if "-wal" not in companions:
        await ledger.close()
    for companion in companions:
        shutil.copy(tmp_path / f"here.db{companion}", tmp_path / f"there.db{companion}")
    await ledger.close()
    for _ in range(2):
        moved = await Ledger.open(tmp_path / "there.db", clock)
        assert await states(moved, batch_id) == ["planned"] * 2
        await moved.close()


async def test_an_orderly_end_is_told_by_the_file_only_when_it_has_everything(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    reader = await Ledger.read(path, clock)
    await reader.queries.ledger_id()
    await batch_of(ledger, 5)
    await ledger.close()  # the reader keeps SQLite from emptying the log by itself
    shutil.copy(path, path.with_name("alone.db"))
    await reader.close()
    with closing(sqlite3.connect(path.with_name("alone.db"))) as alone:
        assert alone.execute("PRAGMA user_version").fetchone() == (1,)
        assert alone.execute("SELECT count(*) FROM awards").fetchone() == (5,)


async def test_reading_needs_a_ledger(path: Path, clock: HandClock):
    with pytest.raises(LedgerError, match="there is no ledger at"):
        await Ledger.read(path, clock)
    assert names(path) == []


async def test_reading_an_empty_file_asks_for_a_first_start(path: Path, clock: HandClock):
    put(path, b"")
    with pytest.raises(LedgerError, match="is empty") as refused:
        await Ledger.read(path, clock)
    assert "resume" in (refused.value.hint or "")


@pytest.mark.parametrize("beside", [".lock", "-wal", ".before-0003", ".replaced-20261201T120000"])
async def test_an_emptied_ledger_is_not_taken_for_a_new_one(beside: str, path: Path, clock: HandClock):
    """Nobody would be known to have been paid. What lies beside it tells that there was one."""
    ledger = await Ledger.open(path, clock)
    await batch_of(ledger, 2)
    copying.copy(path, path.with_name("copy.db"))
    log = content(path.with_name("bursar.db-wal"))
    await ledger.close()
    if beside != ".lock":
        lock_path(path).unlink()
        put(path.with_name(f"bursar.db{beside}"), log)
    put(path, b"")
    before = names(path)
    for opened in (Ledger.open, Ledger.read, Ledger.open):
        with pytest.raises(LedgerError, match="is empty, though") as refused:
            await opened(path, clock)
        assert f"bursar.db{beside}" in str(refused.value)
        assert "restore" in (refused.value.hint or "")
    assert (names(path), content(path)) == (before, b"")
    copying.restore(path.with_name("copy.db"), path, clock.ms)
    back = await Ledger.open(path, clock)
    assert await states(back, 1) == ["planned"] * 2
    await back.close()


async def test_an_empty_ledger_file_that_is_removed_makes_room_for_a_new_one(path: Path, clock: HandClock):
    await (await Ledger.open(path, clock)).close()
    put(path, b"")
    with pytest.raises(LedgerError, match="is empty, though"):
        await Ledger.open(path, clock)
    await asyncio.to_thread(path.unlink)
    await (await Ledger.open(path, clock)).close()


async def test_a_ledger_that_another_process_is_just_making_is_not_called_emptied(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
):
    """What lies beside it appears between two looks."""
    put(path, b"")
    loop, look, makers = asyncio.get_running_loop(), Path.glob, list[asyncio.subprocess.Process]()

    def look_while_it_is_made(of: Path, pattern: str) -> Iterator[Path]:
        if not makers:
            makers.append(asyncio.run_coroutine_threadsafe(_driver(path), loop).result(PATIENCE))
        return look(of, pattern)

    monkeypatch.setattr(Path, "glob", look_while_it_is_made)
    reader = await Ledger.read(path, clock)
    assert not await reader.queries.is_practice()
    await reader.close()
    await makers[0].communicate(b"\n")


@pytest.mark.parametrize("there", [False, True])
async def test_a_making_that_failed_or_was_cut_off_can_be_begun_again(there: bool, path: Path, clock: HandClock):
    """It leaves an empty file, too."""
    if there:
        put(path, b"")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    failed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DRIVER, str(path)), preexec_fn=limit, stderr=asyncio.subprocess.PIPE
    )
    _, told = await failed.communicate()
    assert (failed.returncode, b"bursar.db cannot be used: the disk" in told) == (1, True), told
    assert (content(path), lock_path(path).exists()) == (b"", True)
    with pytest.raises(LedgerError, match="did not finish"):
        await Ledger.read(path, clock)
    ledger = await Ledger.open(path, clock)
    assert lock_path(path).read_text() == f"{os.getpid()}\n"
    await ledger.close()


async def test_a_ledger_whose_making_was_cut_off_is_not_called_altered(path: Path, clock: HandClock):
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        migrations.apply(maker, migrations.packaged(), 1)
    with pytest.raises(LedgerError, match="is empty"):
        await Ledger.read(path, clock)

    ledger = await Ledger.open(path, clock)
    await ledger.close()
    again = await Ledger.read(path, clock)
    assert not await again.queries.is_practice()
    await again.close()


async def test_a_ledger_that_lost_only_its_own_row_is_still_read(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    await ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as forger:
        for trigger in forger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            forger.execute(f"DROP TRIGGER {trigger[0]}")
        forger.execute("PRAGMA foreign_keys = OFF")
        forger.execute("DELETE FROM ledger")
    reader = await Ledger.read(path, clock)
    found = await reader.database.read(verifying.examine)
    await reader.close()
    assert found.bad is not None


async def test_a_directory_that_does_not_exist_is_named(tmp_path: Path, clock: HandClock):
    with pytest.raises(LedgerError, match=r"no directory .*nowhere"):
        await Ledger.open(tmp_path / "nowhere" / "bursar.db", clock)


async def test_a_directory_is_no_ledger(tmp_path: Path, clock: HandClock):
    for way in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerError, match="is a directory"):
            await way(tmp_path, clock)


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, clock: HandClock):
    put(path, b"discord_id,amount\n123,5\n")
    for way in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerError, match="not a ledger of Bursar; it was left as it is"):
            await way(path, clock)
    assert content(path) == b"discord_id,amount\n123,5\n"
    assert names(path) == ["bursar.db"]


async def test_somebody_elses_database_is_refused_and_left_alone(path: Path, clock: HandClock):
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE songs (title TEXT)")
    theirs.close()
    before = content(path)
    for way in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerError, match="but not a ledger of Bursar; it was left as it is"):
            await way(path, clock)
    assert content(path) == before


async def test_a_damaged_database_is_told(path: Path, clock: HandClock):
    put(path, b"SQLite format 3\0" + b"\x07" * 4096)
    with pytest.raises(LedgerError, match=r"damaged|no SQLite database"):
        await Ledger.open(path, clock)


async def test_a_ledger_that_may_not_be_read_is_told(path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch):
    put(path, b"")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # root may read everything, so the refusal has to be played
    with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
        await Ledger.open(path, clock)


async def test_a_directory_that_may_not_be_written_is_told(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
):
    real = os.open
    refused = [""]

    def forbidden(name: object, *more: object) -> int:
        if str(name).endswith(refused[0]):
            raise PermissionError(13, "Permission denied")
        return real(name, *more)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(os, "open", forbidden)
    for refused[0], words in ((".lock", "lock file"), (".db", "cannot be opened for writing")):
        with pytest.raises(LedgerError, match=words):
            await Ledger.open(path, clock)
    monkeypatch.undo()
    ledger = await Ledger.open(path, clock)
    await ledger.close()


async def test_who_may_not_write_beside_a_ledger_is_told_how_to_read_it_all_the_same(path: Path, clock: HandClock):
    """SQLite wants its log and its index of it there, which a folder that is mounted to be read has no place for."""
    await (await Ledger.open(path, clock)).close()
    path.with_name(f"{path.name}-wal").mkdir()  # whoever runs the tests, nobody can open that
    with pytest.raises(LedgerError, match="even to read it") as refused:
        await Ledger.read(path, clock)
    assert "set BURSAR_DATABASE to the copy" in (refused.value.hint or "")


def test_a_file_system_without_locks_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with pytest.raises(LedgerError, match="cannot be locked: Operation not supported"):
        DriverLock.take(path)


def test_a_lock_file_that_cannot_be_looked_at_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch):
    def stale(_: int) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "fstat", stale)
    with pytest.raises(LedgerError, match="cannot be used: Stale file handle") as told:
        DriverLock.take(path)
    assert told.value.hint is not None
    monkeypatch.undo()
    lock = DriverLock.take(path)  # the one before was let go
    monkeypatch.setattr(os, "fstat", stale)
    assert len(lock.home) == 8
    monkeypatch.undo()
    lock.release()


async def test_an_sqlite_that_is_too_old_is_told(path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_connection, "MINIMUM_SQLITE", (99, 0, 0))
    with pytest.raises(LedgerError, match=r"needs 3\.38 or newer"):
        await Ledger.open(path, clock)


async def test_a_file_system_without_the_write_ahead_log_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    pragmas = tuple(pragma.replace("WAL", "MEMORY") for pragma in _connection._WRITER)
    monkeypatch.setattr(_connection, "_WRITER", pragmas)
    with pytest.raises(LedgerError, match="write-ahead log"):
        await _connection.Connection.writer(path)


async def test_a_ledger_can_be_closed_twice(path: Path, clock: HandClock):
    ledger = await Ledger.open(path, clock)
    await ledger.close()
    await ledger.close()
    assert query(path, "SELECT count(*) FROM ledger") == [(1,)]
