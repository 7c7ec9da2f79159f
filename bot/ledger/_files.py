"""Uploads as they came, packed, in SQL. They go in and out in pieces: a million rows are 40 MB."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from typing import Final

from bot.domain.intake import Content, pieces
from bot.errors import LedgerError
from bot.spool import Spool

_EFFORT: Final = 1
"""How hard zlib tries: a third of the time of its default, for an eighth more of a file's size."""
_PIECE: Final = 64 * 1024


def is_stored(connection: sqlite3.Connection, sha256: str | None) -> bool:
    """Whether this content is there."""
    return connection.execute("SELECT 1 FROM files WHERE sha256 = ?", (sha256,)).fetchone() is not None


def packed(content: Content) -> Spool:
    """As it is stored."""
    return Spool(_packed(content))


def store(connection: sqlite3.Connection, sha256: str | None, size: int, content: Content) -> None:
    """Insert what ``packed`` made of a file of ``size`` bytes."""
    rowid = connection.execute("INSERT INTO files VALUES (?, ?, zeroblob(?))", (sha256, size, content.size)).lastrowid
    assert rowid is not None  # a row was inserted
    with connection.blobopen("files", "content", rowid) as blob:
        for piece in pieces(content):
            blob.write(piece)


def unpacked(connection: sqlite3.Connection, sha256: str) -> Spool | None:
    """The file as it came; ``None`` when it is not there. Raises ``LedgerError`` for one that is damaged."""
    row = connection.execute("SELECT rowid FROM files WHERE sha256 = ?", (sha256,)).fetchone()
    if row is None:
        return None
    with connection.blobopen("files", "content", row[0], readonly=True) as blob:
        try:
            return Spool(_unpacked(blob))
        except zlib.error:
            raise LedgerError(
                "a file that the ledger keeps is damaged", hint="Run `bursar verify`, which names the first bad record."
            ) from None


def _packed(content: Content) -> Iterator[bytes]:
    packer = zlib.compressobj(_EFFORT)
    for piece in pieces(content):
        yield packer.compress(piece)
    yield packer.flush()


def _unpacked(blob: sqlite3.Blob) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    while piece := blob.read(_PIECE):
        while piece:
            yield unpacker.decompress(piece, _PIECE)
            piece = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof:
        raise zlib.error("the end is missing")
