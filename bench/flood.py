"""``python -m bench.flood``: how fast Discord is answered while much is sent and many people work at once.

The real client in a process of its own, a Discord on loopback, 50 moderators who read for two seconds before each
press, and 100,000 rows under way at the speed of the machine. The floor is the same client answering an old form (from
memory, nothing of the ledger) with nothing else going on.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.gateway.loopback import FORM, Asked
from tests.gateway.moderators import Staff, all_at_work, send_large
from tests.gateway.process import Bot, bot_world

FLOORS = 200
AIM_P99, AIM_WORST = 0.25, 3.0


async def floor(bot: Bot) -> list[float]:
    """First answers to something that takes no look at the ledger, one after the other."""
    found = []
    for _ in range(FLOORS):
        asked = await bot.discord.ask(
            FORM, bot.moderators[0], "old form", {"custom_id": "form:old:x", "components": []}
        )
        found.append((await asked.card()).seconds)
    return found


async def measure(rows: int, moderators: int, reading: float, most: float, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with bot_world(Path(folder), moderators=moderators, members=40) as bot:
            low = await floor(bot)
            already = len(bot.discord.asked)
            staff = Staff(bot, reading)
            working = asyncio.create_task(all_at_work(staff, seed))
            began = time.perf_counter()
            await send_large(staff, rows)
            recorded = time.perf_counter()
            (large,) = staff.batches
            while (left := (await bot.counts(large)).unfinished) and not working.done():
                await asyncio.sleep(0.5)
                if time.perf_counter() - began > most:
                    break
            over = time.perf_counter()
            staff.done.set()
            await working
            asked = bot.discord.asked[already:]
            done = (
                f"done after {over - began:.1f} s" if not left else f"{rows - left:,} done after {over - began:.1f} s"
            )
            print(f"\n{rows:,} rows: on the way after {recorded - began:.1f} s, {done}")
            show(low, asked, recorded)
            print(f"unanswered: {len(bot.discord.unanswered())}, refused by Discord: {len(bot.discord.refused)}")


def show(low: Sequence[float], asked: Sequence[Asked], recorded: float) -> None:
    title = f"{len(asked):,} interactions, first answers in ms"
    print(f"{title}\n{'-' * len(title)}")
    print(f"{'':34}{'number':>8}{'p50':>9}{'p99':>9}{'worst':>9}{'p99 : floor p50':>17}")
    base = statistics.median(low)
    row("floor: an old form, nothing else", low, base)
    row("all", [one.seconds for one in asked], base)
    row("while the file is read, recorded", [one.seconds for one in asked if one.sent < recorded], base)
    row("while its rows are sent", [one.seconds for one in asked if one.sent >= recorded], base)
    for about in sorted({one.about.split(" ")[0] if one.kind != 2 else one.about for one in asked}):
        own = [one.seconds for one in asked if (one.about.split(" ")[0] if one.kind != 2 else one.about) == about]
        row(f"  {about}", own, base)
    row("until there is a card to read", [one.filled - one.sent for one in asked if one.filled is not None], base)
    print(f"aim: p99 below {AIM_P99 * 1000:.0f} ms, every one below {AIM_WORST * 1000:.0f} ms")


def row(name: str, seconds: Sequence[float], base: float) -> None:
    ranked = sorted(seconds)
    p50, p99, worst = (ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000 for part in (0.5, 0.99, 1))
    print(f"{name:34}{len(ranked):8}{p50:9.1f}{p99:9.1f}{worst:9.1f}{p99 / base / 1000:17.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--moderators", type=int, default=50)
    parser.add_argument("--reading", type=float, default=2.0, help="seconds that somebody reads before a press")
    parser.add_argument("--most", type=float, default=600.0, help="seconds after which it ends although rows are left")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.rows, chosen.moderators, chosen.reading, chosen.most, chosen.seed))


if __name__ == "__main__":
    main()
