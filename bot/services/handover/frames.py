"""Messages on the local socket: four bytes of length, then JSON (or the bytes of a file). Every length is bounded."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from bot.errors import UsageError

Message = dict[str, Any]

VERSION: Final = 1
"""Both ends have to speak the same; they are normally the same installation."""

MAX_MESSAGE: Final = 32 * 1024 * 1024
"""Bytes of one JSON message: a preview with thousands of problems fits well."""

_LENGTH: Final = struct.Struct(">I")


async def send(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    """Send one message. Raises ``ConnectionError`` when the other end has gone."""
    await send_bytes(writer, json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass"))


async def send_bytes(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Send the content of a file as one frame."""
    writer.write(_LENGTH.pack(len(content)) + content)
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """The next message; ``None`` when the other end has closed. Raises ``UsageError`` for what is none."""
    content = await receive_bytes(reader, MAX_MESSAGE)
    if content is None:
        return None
    try:
        message = json.loads(content.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise UsageError("the other process does not speak Bursar's handover protocol") from error
    if not isinstance(message, dict):
        raise UsageError("the other process does not speak Bursar's handover protocol")
    return message


async def receive_bytes(reader: asyncio.StreamReader, limit: int) -> bytes | None:
    """The next frame as bytes; ``None`` at the end. Raises ``UsageError`` above ``limit``, before reading it."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > limit:
            raise UsageError(f"a message of {length} bytes is more than the other process takes ({limit})")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
