"""Receipts: what stands behind a code, for somebody who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.codes import Code, read_code
from bot.domain.model import Award, Batch, Recipient, RecipientType
from bot.errors import NotFound, UsageError
from bot.ledger.ledger import Ledger
from bot.ledger.receipts import Place

UNKNOWN: Final = "no batch of this server has that code"
UNKNOWN_HINT: Final = "Compare it with the receipt, letter by letter. Codes of another server do not count here."


@dataclass(frozen=True, slots=True)
class Receipt:
    """A batch that a code stands for."""

    batch: Batch
    code: Code


class Receipts:
    """One look at a time: recomputing reads every entry behind the batch."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._one_at_a_time = asyncio.Lock()

    async def find(self, text: str, server_id: str | None) -> Receipt:
        """The batch behind a code. Raises ``UsageError`` for what is no code, ``NotFound`` for one that is of no batch
        of this server (``None``: of no server at all, the command line)."""
        try:
            code = read_code(text)
        except ValueError as error:
            raise UsageError(str(error)) from error
        batch_id = await self._ledger.receipts.find(code)
        if batch_id is None:
            raise unknown()
        try:
            batch = await self._ledger.queries.batch(batch_id, server_id)
        except NotFound:
            raise unknown() from None
        return Receipt(batch, code)

    async def awards(self, receipt: Receipt, *, member: str | None) -> list[Award]:
        """The award that the code names; with ``member`` those of the batch that are this Discord member's own."""
        key = None if member is None else Recipient(RecipientType.DISCORD_ID, member).key
        if key is None and receipt.code.line is None:
            return []
        return await self._ledger.receipts.awards_of(receipt.batch.id, line=receipt.code.line, key=key)

    async def taken_back(self, awards: Sequence[Award]) -> Mapping[int, int]:
        """Of these, by id, those that were taken back since, with the batch that did it."""
        return await self._ledger.queries.taken_back([award.id for award in awards])

    async def place(self, receipt: Receipt) -> Place:
        """Where the batch stands in the history, recomputed now."""
        async with self._one_at_a_time:
            return await self._ledger.receipts.place(receipt.batch.id)


def no_such_row(receipt: Receipt) -> NotFound:
    """For who may look at the batch: the code is right up to the row behind it."""
    return NotFound(
        f"batch {receipt.batch.id} has this receipt, but no award from row {receipt.code.line}",
        hint="The number behind the dot is a row of the file; without it the receipt shows the whole batch.",
    )


def unknown() -> NotFound:
    """The one answer for a code that is wrong, of another server, or not for who asks."""
    return NotFound(UNKNOWN, hint=UNKNOWN_HINT)
