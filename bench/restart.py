"""A start on a ledger that is there, until nothing more can be done: with or without something that a crash left.

Run as a process of its own: prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys

from bench.bursar import settings_of
from bot.app import opened
from bot.clock import SystemClock


async def main(job: dict[str, str]) -> None:
    async with opened(settings_of(job), SystemClock(), patient=False, settling=True) as app, app.dispatching():
        await app.services.dispatcher.until_quiet(settled=True)
        batches = await app.ledger.queries.batches(None)
        counts = await app.ledger.queries.counts_many([batch.id for batch in batches])
        total = sum(one.total for one in counts.values())
        applied = sum(one.applied for one in counts.values())
    print(json.dumps({"awards": total, "applied": applied}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
