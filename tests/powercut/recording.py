"""The ledger's files at every acknowledgement, and every way in which a power cut can spoil what came after one.

What is known for certain: with ``synchronous = FULL`` SQLite syncs the log before it says that a commit is done, syncs
the log before it copies it into the file, the file before the log may start over, and the new header of a log that
starts over before anything behind it is overwritten (sqlite.org/wal.html; ``walWriteOneFrame``, ``walCheckpoint`` and
``sqlite3WalFrames`` in its source). Whatever was written after the last of these syncs may be there, or not, or in
part, in any order: those are the images. Whether the disk keeps what it says it synced is beyond a program.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = 32
FRAME_HEADER = 24
SECTOR = 512


@dataclass(frozen=True)
class Shot:
    """The files when a transaction had just been acknowledged."""

    name: str
    file: bytes
    log: bytes
    content: str
    """Hash of every row of every table."""

    @property
    def frame(self) -> int:
        """Bytes of one frame of the log."""
        return FRAME_HEADER + int.from_bytes(self.log[8:12], "big")

    @property
    def synced(self) -> int:
        """Where the log ends that this acknowledgement answers for: what lies behind is older than its header."""
        end = HEADER
        while end + self.frame <= len(self.log) and self.log[end + 8 : end + 16] == self.log[16:24]:
            end += self.frame
        return end


@dataclass(frozen=True)
class Image:
    """Files as a power cut may leave them."""

    name: str
    file: bytes
    log: bytes
    allowed: frozenset[str]
    """Contents that break no promise."""


def shot(name: str, path: Path) -> Shot:
    """The files as they are now. Nobody may be writing."""
    log = path.with_name(path.name + "-wal")
    file, tail = path.read_bytes(), log.read_bytes() if log.exists() else b""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reader:
        return Shot(name, file, tail, content_of(reader))


def content_of(connection: sqlite3.Connection) -> str:
    """Hash of every row. Raises ``sqlite3.DatabaseError`` when the file is damaged."""
    digest = hashlib.sha256()
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    for (name,) in names:
        digest.update(name.encode())
        for row in connection.execute(f"SELECT * FROM {name}"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def images(before: Shot, after: Shot, chance: random.Random) -> Iterator[Image]:
    """Everything that can be found when the power goes after ``before`` was acknowledged and before ``after`` was."""
    either = frozenset({before.content, after.content})
    name = f"{before.name} > {after.name}"
    if before.log[:HEADER] == after.log[:HEADER]:
        start, end = before.synced, after.synced
        for what, tail in _tails(before.log[start:], after.log[start:end], after.frame, chance):
            yield Image(f"{name}, {what}", before.file, before.log[:start] + tail, either)
    else:
        yield from _started_over(name, before, after, either, chance)
    if before.file != after.file:
        # A checkpoint: the log is whole and synced, pages of the file are old, new or torn.
        for number in range(8):
            mixed = _mixed(before.file, after.file, SECTOR, chance)
            yield Image(f"{name}, file {number} half copied", mixed, after.log, frozenset({after.content}))


def _tails(old: bytes, new: bytes, frame: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for cut in range(0, len(new) + 1, frame):
        yield f"cut after frame {cut // frame}", new[:cut]
        yield f"zeros after frame {cut // frame}", new[:cut] + bytes(len(new) - cut)
    for begin in range(0, len(new), frame):
        for inside in (FRAME_HEADER - 1, FRAME_HEADER + SECTOR):
            yield f"frame {begin // frame} torn at {inside}", new[: begin + inside]
            yield f"frame {begin // frame} stale from {inside}", _over(old, new[: begin + inside])
        lost = new[:begin] + bytes(frame) + new[begin + frame :]
        yield f"frame {begin // frame} lost, later ones there", lost
        flipped = bytearray(new)
        flipped[begin + chance.randrange(frame)] ^= 1 << chance.randrange(8)
        yield f"frame {begin // frame} with one bit wrong", bytes(flipped)
    for number in range(4):
        yield f"sectors in any order {number}", _mixed(old.ljust(len(new), b"\0"), new, SECTOR, chance)
    yield "garbage", chance.randbytes(len(new))


def _started_over(
    name: str, before: Shot, after: Shot, either: frozenset[str], chance: random.Random
) -> Iterator[Image]:
    # Before the new header is synced nothing behind it is touched; the file holds everything that the log held.
    for cut in (1, 8, 16, 20, 24, 31):
        header = after.log[:cut] + before.log[cut:HEADER]
        yield Image(f"{name}, header torn at {cut}", before.file, header + before.log[HEADER:], either)
    old, new = before.log[HEADER:], after.log[HEADER : after.synced]
    for what, tail in _tails(old, new, after.frame, chance):
        yield Image(f"{name}, started over, {what}", before.file, after.log[:HEADER] + tail, either)


def _over(old: bytes, new: bytes) -> bytes:
    return new + old[len(new) :]


def _mixed(old: bytes, new: bytes, step: int, chance: random.Random) -> bytes:
    """Sector by sector the old bytes or the new ones."""
    parts = []
    for begin in range(0, max(len(old), len(new)), step):
        source = new if chance.random() < 0.5 else old
        parts.append(source[begin : begin + step].ljust(min(step, max(len(old), len(new)) - begin), b"\0"))
    return b"".join(parts)
