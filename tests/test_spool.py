"""Bytes in memory or on disk: the same to whoever reads them."""

from __future__ import annotations

import gc
import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import spool
from bot.console.session import read_upload
from bot.domain.intake.options import ReadingOptions
from bot.domain.intake.reading import read
from bot.errors import NoRoom
from bot.spool import MEMORY_MAX, Spool


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@given(st.lists(st.binary(max_size=MEMORY_MAX // 2), max_size=6), st.integers(0, 3 * MEMORY_MAX))
def test_what_went_in_comes_out_for_every_reader_by_itself(pieces: list[bytes], at: int) -> None:
    whole, held = b"".join(pieces), Spool(pieces)
    with held.open() as one, held.open() as other:
        assert one.read() == whole
        other.seek(at)
        assert other.read() == whole[at:]
    assert held.size == len(whole)


def test_lines_are_read_from_disk_as_from_memory() -> None:
    whole = b"first\r\nsecond\n" * MEMORY_MAX
    with io.TextIOWrapper(Spool([whole]).open(), "utf-8", newline=None) as lines:
        assert sum(len(line) for line in lines) == len("first\nsecond\n") * MEMORY_MAX


def test_a_reader_keeps_the_file_open_and_nothing_else_does(tmp_path: object) -> None:
    before = open_files()
    reader = Spool([b"x" * (MEMORY_MAX + 1)]).open()
    gc.collect()
    assert reader.read(1) == b"x"
    assert open_files() == before + 1
    reader.close()
    del reader
    gc.collect()
    assert open_files() == before


@pytest.mark.parametrize("amount", [b"5", b'"5"', b'"5'], ids=["plain", "quoted", "broken"])
def test_a_file_that_was_read_is_given_back_without_the_garbage_collector(amount: bytes) -> None:
    content = b"discord_id,amount\n" + b"175928847299117063,%s\n" % amount + b"," * MEMORY_MAX
    before = open_files()
    gc.disable()  # it comes seldom, and an upload is 10 MB
    try:
        reading = read(Spool([content]), ReadingOptions())
        list(reading.entries())
        del reading
        assert open_files() == before
    finally:
        gc.enable()


def test_nothing_is_left_in_the_folder_of_temporary_files(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = Spool([b"x" * (MEMORY_MAX + 1)])
    assert os.listdir(str(tmp_path)) == []
    assert kept.size == MEMORY_MAX + 1


def test_what_cannot_be_kept_is_told_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _bytes: object) -> int:
        raise OSError(28, "No space left on device")

    before = open_files()
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoRoom, match=r"no temporary copy of the file can be kept \(No space left on device\)"):
        Spool([b"x" * (MEMORY_MAX + 1)])
    gc.collect()
    assert open_files() == before


def test_a_full_disk_is_not_told_as_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "payouts.csv"
    file.write_bytes(b"x" * (MEMORY_MAX + 1))

    def nowhere(prefix: str) -> tuple[int, str]:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "mkstemp", nowhere)
    with pytest.raises(NoRoom, match="No usable temporary directory") as raised:
        read_upload(file, 2 * MEMORY_MAX)
    assert raised.value.hint is not None
    assert "TMPDIR" in raised.value.hint


def test_a_line_by_line_reader_goes_to_the_file_for_large_pieces_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes there oftener keeps every other thread from the interpreter, the event loop among them."""
    reads: list[int] = []
    real = os.pread

    def counted(file: int, size: int, at: int) -> bytes:
        reads.append(size)
        return real(file, size, at)

    held = Spool([b"first,second\n" * MEMORY_MAX])
    monkeypatch.setattr(os, "pread", counted)
    with io.TextIOWrapper(held.open(), "utf-8", newline=None) as lines:
        assert sum(1 for _ in lines) == MEMORY_MAX
    assert len(reads) <= held.size / spool.PIECE + 2
