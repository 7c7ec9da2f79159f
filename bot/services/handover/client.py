"""The side of the handover without the ledger: `bulk` beside a running bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.domain.intake import pieces
from bot.domain.jsonable import Json
from bot.errors import LedgerError, LedgerLocked
from bot.services.handover import frames
from bot.services.handover.desk import Answer, Order, Progress
from bot.services.handover.faults import fault_from


class DriverGoneError(LedgerError):
    """The running bot ended before the batch did. What is recorded is in the ledger."""


class RemoteDesk:
    """A desk in the process that holds the ledger."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, actor_name: str) -> None:
        self._reader = reader
        self._writer = writer
        self._actor_name = actor_name

    async def submit(self, order: Order, progress: Progress) -> Json:
        await self._send(
            {
                "op": "submit",
                "version": frames.VERSION,
                "actor": self._actor_name,
                "programme": order.programme,
                "file_name": order.file_name,
                "reason": order.reason,
                "amount": order.amount,
                "duplicates": order.duplicates,
                "recipient_column": order.recipient_column,
                "amount_column": order.amount_column,
                "good_rows": order.good_rows,
                "again": order.again,
            },
            b"".join(pieces(order.content)),
        )
        while (message := await self._receive())["event"] == "looking-up":
            progress(int(message["done"]), int(message["of"]))
        summary: Json = message["summary"]
        return summary

    async def confirm(self, answer: Answer) -> str:
        await self._send(
            {
                "op": "confirm",
                "content_hash": answer.content_hash,
                "good_rows": answer.good_rows,
                "again": answer.again,
                "matches_seen": answer.matches_seen,
            }
        )
        return str((await self._receive())["batch"])

    async def withdraw(self) -> None:
        with suppress(DriverGoneError):
            await self._send({"op": "withdraw"})

    async def follow(self) -> AsyncIterator[Json]:
        while (message := await self._receive())["event"] != "end":
            yield message["standing"]

    async def halt(self) -> None:
        await self._send({"op": "halt"})

    async def _send(self, message: Json, content: bytes | None = None) -> None:
        try:
            await frames.send(self._writer, message)
            if content is not None:
                await frames.send_bytes(self._writer, content)
        except ConnectionError:
            raise DriverGoneError("the running bot ended") from None

    async def _receive(self) -> Json:
        message = await frames.receive(self._reader)
        if message is None:
            raise DriverGoneError("the running bot ended")
        if message.get("event") == "error":
            raise fault_from(message)
        return message


@asynccontextmanager
async def connected(path: Path, actor_name: str, locked: LedgerLocked) -> AsyncIterator[RemoteDesk]:
    """A desk at the process behind ``path``; raises ``locked`` when nobody answers there."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        raise locked from None
    try:
        yield RemoteDesk(reader, writer, actor_name)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
