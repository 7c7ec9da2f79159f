"""What can still be said when the process that sends is lost: the ledger's file is read beside everything else."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

from bot.console.session import CLOCK
from bot.errors import BursarError
from bot.ledger.ledger import Ledger
from bot.services.batches import BatchView
from bot.services.handover.summary import standing_json
from bot.services.watching import IDLE
from bot.settings import Settings

_log = logging.getLogger(__name__)


async def recorded_batch(settings: Settings, draft_id: str) -> str | None:
    """The batch that a draft became although confirming it failed: the driver ended between recording and answering.

    ``None``: nothing was recorded, as far as the file can be read.
    """
    try:
        ledger = await Ledger.read(settings.database, CLOCK)
        try:
            batch_id = (await ledger.drafts.get(int(draft_id), None)).batch_id
        finally:
            await ledger.close()
    except BursarError:
        return None
    return None if batch_id is None else str(batch_id)


async def standing_from_file(settings: Settings, batch_id: str) -> dict[str, Any]:
    """How a batch stands as far as the file says."""
    ledger = await Ledger.read(settings.database, CLOCK)
    try:
        number = int(batch_id)
        batch = await ledger.queries.batch(number, None)
        counts, sums = await ledger.queries.counts(number), await ledger.queries.sums(number)
        code = str(await ledger.receipts.code(number))
        return standing_json(BatchView(batch, counts, sums, IDLE, 0, None, (), 0, code=code))
    finally:
        await ledger.close()


def trouble_after_recording(error: Exception) -> BursarError:
    """What went wrong, for a person; what is a defect of ours gets an id in the log."""
    if isinstance(error, BursarError):
        return error
    if isinstance(error, asyncio.TimeoutError | OSError):
        return BursarError(f"the ledger or the connection failed: {error}")
    error_id = secrets.token_hex(4)
    _log.error("error %s while a batch was sent", error_id, exc_info=error)
    return BursarError(f"an internal error (id {error_id} in the log line above)")
