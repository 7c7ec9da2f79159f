"""A batch's result CSV as something Discord takes: as it is, compressed, or not at all."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import discord

GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's window setting for a gzip header."""

REQUEST_MAX: Final = 25 * 1024 * 1024 - 64 * 1024
"""Bytes of a file: a whole request has at most 25 MiB, however much a server's boosts allow for one file
(docs.discord.com/developers/reference#uploading-files), and the card is in it, too."""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What can be attached, and what there is to say about it."""

    file: discord.File | None
    note: str | None

    @property
    def name(self) -> str | None:
        return None if self.file is None else self.file.filename


async def result_file(pieces: AsyncIterator[bytes], batch_id: int, limit: int) -> ResultFile:
    """The CSV when it is within ``limit`` bytes, else the same compressed, else a note where to get it.

    Only one copy is held once the limit is passed: the compressed one.
    """
    limit = min(limit, REQUEST_MAX)
    name = f"batch-{batch_id}-result.csv"
    plain: io.BytesIO | None = io.BytesIO()
    packed = io.BytesIO()
    packer = zlib.compressobj(wbits=GZIP)
    size = 0
    async for piece in pieces:
        size += len(piece)
        packed.write(packer.compress(piece))
        if plain is not None and size <= limit:
            plain.write(piece)
        else:
            plain = None
    packed.write(packer.flush())
    if plain is not None:
        plain.seek(0)
        return ResultFile(discord.File(plain, name), None)
    if packed.tell() <= limit:
        packed.seek(0)
        note = f"The result has {size / 1e6:.1f} MB, more than Discord takes here, so it is compressed (gzip)."
        return ResultFile(discord.File(packed, f"{name}.gz"), note)
    return ResultFile(None, f"The result has {size / 1e6:.1f} MB, too much for Discord. {_elsewhere(batch_id)}")


def untaken(batch_id: int) -> ResultFile:
    """In the place of one that Discord refused, whatever it says of what it takes."""
    return ResultFile(None, f"Discord did not take the result file. {_elsewhere(batch_id)}")


def unattached(channel_id: int) -> ResultFile:
    """In the place of one that may not be attached for now."""
    return ResultFile(
        None,
        f"⚠ The result file is not here: Bursar lacks *Attach Files* in <#{channel_id}>. Give it that there, and the"
        " file follows within 10 minutes. Until then `/batch show` has it under *Result file*.",
    )


def _elsewhere(batch_id: int) -> str:
    return f"The operator gets it with `bursar export --batch {batch_id}`."
