"""The floor: a straight line from CSV to settled ledger, with nothing that is not needed to move the same rows.

It reads the file with ``csv.reader``, checks that ids are digits and amounts whole, keeps an intent and an outcome of
every call with ``synchronous=FULL``, and sends the same body in calls of the same size to the same loopback service.
It has no drafts, no duplicates, no history, no states but one column, and survives nothing but a clean run.

Run as a process of its own, so that its peak memory is its own: prints one JSON object.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.measure import Measured

CHUNK = 1000


def checked_rows(path: Path) -> Iterator[tuple[str, int]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        next(reader)
        for discord_id, amount, _reason in reader:
            if not discord_id.isdigit():
                raise ValueError(discord_id)
            yield discord_id, int(amount)


def open_ledger(path: Path) -> sqlite3.Connection:
    ledger = sqlite3.connect(path, isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=FULL")
    ledger.execute(
        "CREATE TABLE awards (id INTEGER PRIMARY KEY, discord_id TEXT NOT NULL UNIQUE, amount INTEGER NOT NULL, "
        "state TEXT NOT NULL DEFAULT 'planned', balance INTEGER) STRICT"
    )
    ledger.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, first INTEGER, last INTEGER, state TEXT) STRICT")
    return ledger


def import_rows(ledger: sqlite3.Connection, path: Path) -> int:
    count = 0
    chunk: list[tuple[str, int]] = []
    for row in checked_rows(path):
        chunk.append(row)
        if len(chunk) == CHUNK:
            count += store(ledger, chunk)
            chunk.clear()
    return count + store(ledger, chunk)


def store(ledger: sqlite3.Connection, rows: list[tuple[str, int]]) -> int:
    ledger.execute("BEGIN IMMEDIATE")
    ledger.executemany("INSERT INTO awards (discord_id, amount) VALUES (?, ?)", rows)
    ledger.execute("COMMIT")
    return len(rows)


async def send_all(ledger: sqlite3.Connection, job: dict[str, str], rows: int, per_call: int) -> None:
    headers = {"Authorization": f"Bearer {job['api_key']}"}
    url = f"{job['url']}/api/v1/realms/{job['realm_id']}/credentials/transaction"
    async with aiohttp.ClientSession(headers=headers) as session:
        for first in range(1, rows + 1, per_call):
            last = min(rows, first + per_call - 1)
            await send_one(ledger, session, url, job["currency_id"], first, last)


async def send_one(
    ledger: sqlite3.Connection, session: aiohttp.ClientSession, url: str, currency: str, first: int, last: int
) -> None:
    ledger.execute("BEGIN IMMEDIATE")
    call = ledger.execute("INSERT INTO calls (first, last, state) VALUES (?, ?, 'sending')", (first, last)).lastrowid
    ledger.execute("COMMIT")
    rows = ledger.execute("SELECT discord_id, amount FROM awards WHERE id BETWEEN ? AND ?", (first, last)).fetchall()
    updates = [{"type": "discord-id", "value": who, "amount": amount, "realmPointId": currency} for who, amount in rows]
    async with session.patch(url, json={"updates": updates}) as answer:
        body = await answer.json()
    if answer.status != 200 or len(body["results"]) != len(rows):
        raise RuntimeError(f"{answer.status}: {body}")
    ledger.execute("BEGIN IMMEDIATE")
    ledger.executemany(
        "UPDATE awards SET state = 'applied', balance = ? WHERE discord_id = ?",
        [(one["balance"], one["value"]) for one in body["results"]],
    )
    ledger.execute("UPDATE calls SET state = 'done' WHERE id = ?", (call,))
    ledger.execute("COMMIT")


async def main(job: dict[str, str]) -> None:
    async with Measured(job) as measured:
        ledger = open_ledger(Path(job["database"]))
        rows = import_rows(ledger, Path(job["file"]))
        await send_all(ledger, job, rows, int(job["per_call"]))
        ledger.close()
    measured.tell(rows)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
