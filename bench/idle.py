"""The floor of a start: Python, the two libraries that any such program needs, an open database.

Run as a process of its own: prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys

import aiohttp


async def main(job: dict[str, str]) -> None:
    async with aiohttp.ClientSession():
        ledger = sqlite3.connect(job["database"], isolation_level=None)
        (tables,) = ledger.execute("SELECT count(*) FROM sqlite_master").fetchone()
        ledger.close()
    print(json.dumps({"tables": tables}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
