"""The reference for pauses: the floor's work with the file and the ledger in one worker thread, HTTP on the loop.

Nobody who does the same work in one process can pause much less: a thread that runs Python holds the interpreter for a
switch interval at a time. Run as a process of its own: prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import aiohttp

from bench.floor import import_rows, open_ledger
from bench.measure import Measured


def claim(ledger: sqlite3.Connection, currency: str, first: int, last: int) -> tuple[int, bytes]:
    ledger.execute("BEGIN IMMEDIATE")
    call = ledger.execute("INSERT INTO calls (first, last, state) VALUES (?, ?, 'sending')", (first, last)).lastrowid
    ledger.execute("COMMIT")
    assert call is not None
    rows = ledger.execute("SELECT discord_id, amount FROM awards WHERE id BETWEEN ? AND ?", (first, last)).fetchall()
    updates = [{"type": "discord-id", "value": who, "amount": amount, "realmPointId": currency} for who, amount in rows]
    return call, json.dumps({"updates": updates}).encode()


def record(ledger: sqlite3.Connection, call: int, answer: bytes) -> None:
    results = json.loads(answer)["results"]
    ledger.execute("BEGIN IMMEDIATE")
    ledger.executemany(
        "UPDATE awards SET state = 'applied', balance = ? WHERE discord_id = ?",
        [(one["balance"], one["value"]) for one in results],
    )
    ledger.execute("UPDATE calls SET state = 'done' WHERE id = ?", (call,))
    ledger.execute("COMMIT")


async def main(job: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    per_call = int(job["per_call"])
    url = f"{job['url']}/api/v1/realms/{job['realm_id']}/credentials/transaction"
    headers = {"Authorization": f"Bearer {job['api_key']}", "Content-Type": "application/json"}
    async with Measured(job) as measured:
        with ThreadPoolExecutor(1) as thread:
            off = partial(loop.run_in_executor, thread)
            ledger = await off(open_ledger, Path(job["database"]))
            rows = await off(import_rows, ledger, Path(job["file"]))
            async with aiohttp.ClientSession(headers=headers) as session:
                for first in range(1, rows + 1, per_call):
                    last = min(rows, first + per_call - 1)
                    call, body = await off(claim, ledger, job["currency_id"], first, last)
                    async with session.patch(url, data=body) as answer:
                        assert answer.status == 200
                        told = await answer.read()
                    await off(record, ledger, call, told)
            await off(ledger.close)
    measured.tell(rows)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
