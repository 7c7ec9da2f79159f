"""Bytes that may be too many for memory: read again and again, by several readers, and nobody else's to change."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterable
from typing import Any, BinaryIO, Final, cast

from bot.errors import NoRoom

MEMORY_MAX: Final = 256 * 1024
"""Bytes that are kept in memory; more go to a temporary file that has no name and ends with the process."""
PIECE: Final = 256 * 1024
"""Bytes that are read from the file at a time. Each read lets go of the interpreter and takes it back at once. Where
that happens oftener than every few milliseconds of work, threads that wait for it are woken in vain and never get their
turn: the event loop stood still for as long as a file was read, when readers went to the file for 8 KiB at a time."""


class Spool:
    """``bot.domain.intake.Content`` that was copied from somewhere."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Raises what ``pieces`` raises, and ``NoRoom``."""
        self._held = bytearray()
        self._file: int | None = None
        self.size = 0
        """Bytes."""
        for piece in pieces:
            self.size += len(piece)
            self._held += piece
            if len(self._held) > MEMORY_MAX:
                self._keep()
        if self._file is not None:
            self._keep()

    def _keep(self) -> None:
        try:
            self._put_away()
        except OSError as error:
            raise NoRoom(
                f"no temporary copy of the file can be kept ({error.strerror})",
                hint="Free some space in the folder for temporary files, or let TMPDIR name another one.",
            ) from error

    def _put_away(self) -> None:
        if self._file is None:
            self._file, name = tempfile.mkstemp(prefix="bursar-")
            os.unlink(name)  # whatever happens to the process, nothing of it stays behind
            weakref.finalize(self, os.close, self._file)
        rest = memoryview(self._held)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        rest.release()
        self._held = bytearray()

    def open(self) -> BinaryIO:
        """A reader at the beginning, with a position of its own."""
        if self._file is None:
            return io.BytesIO(self._held)
        return cast(BinaryIO, io.BufferedReader(_Reader(self, self._file)))


class _Reader(io.RawIOBase):
    def __init__(self, spool: Spool, file: int) -> None:
        super().__init__()
        self._spool = spool  # its file is open as long as somebody reads
        self._file = file
        self._at = 0
        self._piece, self._from = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._spool.size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        if not self._from <= self._at < self._from + len(self._piece):
            self._piece, self._from = os.pread(self._file, PIECE, self._at), self._at
        begin = self._at - self._from
        part = self._piece[begin : begin + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
