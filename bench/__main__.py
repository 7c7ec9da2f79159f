"""``python -m bench``: how fast Bursar is, as ratios to floors that are measured in the same run, in turn.

Absolute times belong to the machine. Talks to the loopback stand-in only.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from bench import lives
from bench.folder import Folder, folder
from bench.limits import print_section
from bench.table import alone, head, paired, show
from bench.world import Run, StandIn, run, stand_in

MILLION = 1_000_000
SMALL = 20_000
"""Rows where one time is enough. Of a list of strangers up to half as long, balances would be read before each call."""


WATCHED: Final = {"pauses": "yes"}


@dataclass
class Pairs:
    """Processes that did the same, in turn."""

    floor: list[Run] = field(default_factory=list)
    ours: list[Run] = field(default_factory=list)
    threaded: list[Run] = field(default_factory=list)
    """Watched for pauses, as are the next ones."""
    watched: list[Run] = field(default_factory=list)


def pairs(world: StandIn, place: Folder, rows: int, per_call: int, times: int) -> Pairs:
    found = Pairs()
    turns = (
        ("bench.floor", found.floor, {}),
        ("bench.bursar", found.ours, {}),
        ("bench.threaded", found.threaded, WATCHED),
        ("bench.bursar", found.watched, WATCHED),
    )
    for _ in range(times):
        for module, runs, more in turns:
            world.forget()
            job = {**place.job(world, rows, per_call), **more}
            runs.append(run(module, job))
            place.clear(job)
    return found


def whole_path(world: StandIn, place: Folder, rows: int, per_call: int, times: int) -> Pairs:
    head(f"{rows:,} rows, {per_call} a call, {times} times in turn")
    found = pairs(world, place, rows, per_call, times)
    floor, ours = found.floor, found.ours
    show(paired("whole path, seconds", seconds(floor), seconds(ours), "1.5, at most 2.0 times"))
    show(paired("of it processor, seconds", [r.processor for r in floor], [r.processor for r in ours], ""))
    show(paired("peak memory above the imports, MiB", mib(floor), mib(ours), "16 MiB", form=".1f"))
    aim = "1.5 times, never 50"
    show(
        paired(
            "longest pause, ms (floor: one worker thread)",
            pauses(found.threaded),
            pauses(found.watched),
            aim,
            form=".1f",
        )
    )
    size = [[r.told["bytes"] / rows for r in runs] for runs in (floor, ours)]
    show(paired("ledger, bytes an award", size[0], size[1], "", form=".0f"))
    ratios = [our.seconds / low.seconds for our, low in zip(ours, floor, strict=True)]
    print(f"whole path pair by pair: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; load {os.getloadavg()[0]:.1f}")
    return found


def million(world: StandIn, place: Folder, per_call: int, small: Pairs, rows: int) -> None:
    head(f"{MILLION:,} rows, {per_call} a call, once")
    jobs = {count: place.job(world, count, per_call) for count in (rows, MILLION)}
    world.forget()
    floor = run("bench.floor", place.job(world, MILLION, per_call))
    world.forget()
    ours = run("bench.bursar", jobs[MILLION])
    show(paired("whole path, seconds", [floor.seconds], [ours.seconds], "1.5, at most 2.0 times"))
    world.forget()
    watched = place.job(world, MILLION, per_call)
    show(alone("longest pause, ms", run("bench.bursar", {**watched, **WATCHED}).pause_ms, "never 50", form=".1f"))
    place.clear(watched)
    head(f"Memory for {MILLION:,} rows (floor: Bursar with {rows:,})")
    few = [median(mib(small.ours))]
    show(paired("peak above the imports, MiB", few, [ours.mib], "1.2 times", form=".1f"))
    world.forget()
    run("bench.bursar", jobs[rows])
    for line in lives.readings(jobs[rows], jobs[MILLION]):
        show(line)


def seconds(runs: Sequence[Run]) -> list[float]:
    return [one.seconds for one in runs]


def mib(runs: Sequence[Run]) -> list[float]:
    return [one.mib for one in runs]


def pauses(runs: Sequence[Run]) -> list[float]:
    return [one.pause_ms for one in runs]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--per-call", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="also a million rows, once: some minutes more")
    chosen = parser.parse_args()
    with folder() as place, stand_in() as world:
        first = None
        for per_call in chosen.per_call:
            found = whole_path(world, place, chosen.rows, per_call, chosen.pairs)
            first = first or found
        per_call, rows = chosen.per_call[0], min(chosen.rows, SMALL)
        head(f"{rows:,} rows, {per_call} a call")
        show(lives.syncs(world, place, rows, per_call))
        show(lives.requests(world, place, rows, per_call))
        for line in lives.starts(world, place, rows, per_call):
            show(line)
        print_section()
        if chosen.million and first is not None:
            million(world, place, per_call, first, chosen.rows)


if __name__ == "__main__":
    main()
