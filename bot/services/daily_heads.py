"""The head of the history, once a day for a server that wants it: kept there, it proves later that nothing up to it was
cut off or rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from bot.ledger.heads import DayCounts
from bot.ledger.ledger import Ledger
from bot.ledger.receipts import Entry


@dataclass(frozen=True, slots=True)
class HeadNote:
    """What is to be posted."""

    ledger_id: str
    day: str
    """The day that begins; the counts are of the one before."""
    day_before: str
    head: Entry
    counts: DayCounts


class DailyHeads:
    """Days are UTC, so that two machines and every reader mean the same."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def due(self, server_id: str) -> HeadNote | None:
        """What a server's staff channel lacks of today."""
        midnight = datetime.fromtimestamp(self._clock.now(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        day = midnight.strftime("%Y-%m-%d")
        last = await self._ledger.heads.last_day(server_id)
        if last is not None and last >= day:
            return None  # also after the clock was set back
        before = midnight - timedelta(days=1)
        counts = await self._ledger.heads.counts(
            server_id, round(before.timestamp() * 1000), round(midnight.timestamp() * 1000)
        )
        ledger_id, head = await self._ledger.queries.ledger_id(), await self._ledger.receipts.head()
        return HeadNote(ledger_id, day, before.strftime("%Y-%m-%d"), head, counts)

    async def posted(self, server_id: str, note: HeadNote, message_id: str, head: str) -> None:
        """It stands there. ``head``: the hash that does, which is an older one where an earlier run had posted it."""
        entry = await self._ledger.receipts.entry_of(head)
        await self._ledger.heads.posted(server_id, note.day, entry or note.head, message_id)
