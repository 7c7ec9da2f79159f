"""Daily copies: when they are made, which are kept, and that a failure is told once."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.ledger.ledger import Ledger
from bot.services.backing_up import DAY, LOOK_EVERY, DailyBackups
from tests.ledger.making import HandClock, batch_of, query


class Day:
    """A ledger, a folder for its copies, and what was alerted."""

    def __init__(self, ledger: Ledger, folder: Path, clock: HandClock) -> None:
        self.ledger, self.folder, self.clock = ledger, folder, clock
        self.alerts: list[str] = []

    async def backups(self, *command: str, keep: int = 3) -> DailyBackups:
        async def alert(message: str) -> None:
            self.alerts.append(message)

        path, ledger_id = self.ledger.database.path, await self.ledger.queries.ledger_id()
        assert path is not None
        return DailyBackups(path, ledger_id, self.clock, directory=self.folder, keep=keep, command=command, alert=alert)

    def files(self) -> list[str]:
        return sorted(one.name for one in self.folder.iterdir())


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    clock = HandClock()
    ledger = await Ledger.open(tmp_path / "bursar.db", clock)
    await batch_of(ledger, 5)
    folder = tmp_path / "copies"
    make(folder)
    yield Day(ledger, folder, clock)
    await ledger.close()


def make(folder: Path) -> None:
    folder.mkdir()


async def test_one_a_day_is_made_also_across_restarts_and_the_oldest_are_dropped(day: Day):
    for number in range(5):
        made = await (await day.backups()).look()
        assert made is not None
        assert query(made, "SELECT count(*) FROM awards") == [(5,)]
        day.clock.at += DAY - 1
        assert await (await day.backups()).look() is None
        day.clock.at += 1
        assert len(day.files()) == min(number + 1, 3)
    assert day.files()[0].endswith("-20270117T080000Z.db")


async def test_other_files_and_copies_of_other_ledgers_are_left_alone(day: Day):
    put(day.folder / "bursar-otherone-20200101T000000Z.db")
    put(day.folder / "notes.txt")
    backups = await day.backups(keep=1)
    for _ in range(3):
        assert await backups.look() is not None
        day.clock.at += DAY
    assert len(day.files()) == 3
    assert {"notes.txt", "bursar-otherone-20200101T000000Z.db"} < set(day.files())


def put(path: Path) -> None:
    path.write_text("")


async def test_the_program_gets_the_copys_path_as_it_is_without_a_shell(day: Day, tmp_path: Path):
    script = "import sys, shutil; shutil.copy(sys.argv[-1], sys.argv[1])"
    taken = tmp_path / "it's $HOME; away.db"
    made = await (await day.backups(sys.executable, "-c", script, str(taken))).look()
    assert made is not None
    assert taken.read_bytes() == made.read_bytes()
    assert day.alerts == []


async def test_a_failure_is_told_once_until_it_works_again(day: Day):
    backups = await day.backups(sys.executable, "-c", "raise SystemExit(3)")
    for _ in range(2):
        assert await backups.look() is None
        day.clock.at += DAY
    (told,) = day.alerts
    assert told.startswith("BURSAR_BACKUP_COMMAND ended with status 3; the copy itself is ")
    assert len(day.files()) == 2


async def test_a_program_that_failed_gets_the_same_copy_at_the_next_look(day: Day, tmp_path: Path):
    script = "import os, sys; sys.exit(0 if os.path.exists(sys.argv[1]) else 3)"
    there = tmp_path / "there"
    backups = await day.backups(sys.executable, "-c", script, str(there))
    assert await backups.look() is None
    put(there)
    day.clock.at += 600
    made = await backups.look()
    assert made is not None
    assert [made.name] == day.files()
    assert await backups.look() is None
    assert len(day.alerts) == 1


async def test_a_copy_from_the_future_does_not_keep_the_next_one_away(day: Day):
    backups = await day.backups()
    day.clock.at += 400 * DAY
    assert await backups.look() is not None
    day.clock.at -= 400 * DAY
    assert await backups.look() is not None
    assert await backups.look() is None
    assert len(day.files()) == 2


async def test_a_folder_that_is_gone_is_told_and_tried_again_at_every_look(day: Day):
    day.folder.rmdir()
    backups = await day.backups()
    assert await backups.look() is None
    assert await backups.look() is None
    assert len(day.alerts) == 1
    make(day.folder)
    assert await backups.look() is not None
    day.clock.at += DAY
    day.folder.joinpath(day.files()[0]).unlink()
    day.folder.rmdir()
    assert await backups.look() is None
    assert len(day.alerts) == 2


async def test_it_looks_again_and_again(day: Day):
    class Enough(Exception):
        pass

    backups = await day.backups()
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        day.clock.at += DAY
        if len(sleeps) == 2:
            raise Enough

    day.clock.sleep = sleep  # type: ignore[method-assign] # time that ends the loop
    with pytest.raises(Enough):
        await backups.run()
    assert sleeps == [LOOK_EVERY, LOOK_EVERY]
    assert len(day.files()) == 2
