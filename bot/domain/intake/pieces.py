"""Content: a file's bytes, read in pieces and never held as a whole in here."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol

HEAD: Final = 4096
_PIECE: Final = 64 * 1024


class Content(Protocol):
    """A file's bytes, which do not change."""

    @property
    def size(self) -> int:
        """How many."""

    def open(self) -> BinaryIO:
        """A reader at the beginning that can be sought in, with a position of its own."""


@dataclass(frozen=True, slots=True)
class Held:
    """Content in memory."""

    held: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.held)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.held)  # shares the bytes


def as_content(content: Content | bytes) -> Content:
    """Bytes are content, too."""
    return Held(content) if isinstance(content, bytes) else content


def pieces(content: Content) -> Iterator[bytes]:
    """All of it, in order."""
    with content.open() as stream:
        while piece := stream.read(_PIECE):
            yield piece


def head(content: Content, size: int = HEAD) -> bytes:
    """How it begins."""
    with content.open() as stream:
        return stream.read(size)


def holds(content: Content, *wanted: bytes) -> bool:
    """Whether one of these, all of one length, stands anywhere in it."""
    overlap = len(wanted[0]) - 1
    before = b""
    for piece in pieces(content):
        searched = before + piece
        if any(one in searched for one in wanted):
            return True
        before = searched[len(searched) - overlap :]
    return False


def sha256_of(content: Content) -> str:
    """In hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces(content):
        digest.update(piece)
    return digest.hexdigest()
