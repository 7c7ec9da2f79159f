"""The ledger for a command that changes it and sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.console.session import CLOCK
from bot.ledger.ledger import Ledger, is_there
from bot.settings import Settings


@asynccontextmanager
async def driven(settings: Settings, *, begins: bool = False) -> AsyncIterator[Ledger]:
    """The ledger, open for writing, be it for practice or in earnest. Raises ``LedgerLocked`` while a bot holds it.

    ``begins``: a new one is made where there is none; else that is a ``LedgerError``, and nothing is left behind.
    """
    practice = False
    if not begins or is_there(settings.database):
        reader = await Ledger.read(settings.database, CLOCK)
        try:
            practice = await reader.queries.is_practice()
        finally:
            await reader.close()
    ledger = await Ledger.open(settings.database, CLOCK, practice=practice)
    try:
        yield ledger
    finally:
        await ledger.close()
