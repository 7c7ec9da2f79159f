"""``python -m tests.simulation --runs N --seed S``: as many runs, and every seed at which something was wrong.

Each run stands for its seed alone: ``--seed S --runs 1`` repeats it exactly. Exit status 1 when a run was wrong.
``--without DEVICE`` switches a safety device off instead and looks for the first run that shows it; exit status 1 when
none of so many does.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from tests.simulation.mutations import DEVICES
from tests.simulation.run import Run, simulate
from tests.simulation.storage import Storage

SEEDS = Path(__file__).with_name("seeds.txt")
PART = 100
"""Runs handed to a process at a time."""


@dataclass
class Total:
    """What a number of runs came to."""

    runs: int = 0
    lives: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)
    digest: str = ""

    def add(self, other: Total) -> None:
        """Together with these."""
        self.runs += other.runs
        self.lives += other.lives
        self.wrong |= other.wrong
        self.states += other.states
        self.faults += other.faults
        self.cuts += other.cuts
        self.digest = hashlib.sha256(f"{self.digest}{other.digest}".encode()).hexdigest()


def run_part(seeds: list[int]) -> Total:
    """A part of the campaign."""
    total = Total()
    gc.disable()  # the runs are made of cycles; they are collected all at once,
    gc.freeze()  # without a look at the program
    for seed in seeds:
        result = simulate(seed)
        total.runs += 1
        total.lives += result.lives
        total.states += result.states
        total.faults += result.faults
        total.cuts.update(result.cuts)
        if result.findings:
            total.wrong[seed] = result.findings
        total.digest = hashlib.sha256(f"{total.digest}{result}".encode()).hexdigest()
        if total.runs % 50 == 0:
            gc.collect()
    gc.unfreeze()
    gc.enable()
    return total


def parts(seeds: Iterable[int]) -> Iterator[list[int]]:
    part: list[int] = []
    for seed in seeds:
        part.append(seed)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


def campaign(seeds: Iterable[int], jobs: int) -> Total:
    """All of these runs, in so many processes; wrong ones are printed as they are found."""
    total = Total()
    with ProcessPoolExecutor(jobs) as pool:
        pieces = map(run_part, parts(seeds)) if jobs == 1 else pool.map(run_part, parts(seeds))
        for piece in pieces:
            total.add(piece)
            for seed, findings in piece.wrong.items():
                say(f"seed {seed}: {'; '.join(findings)}")
    return total


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def known_seeds() -> list[int]:
    """Seeds at which something was wrong once."""
    lines = (line.partition("#")[0].strip() for line in SEEDS.read_text(encoding="utf-8").splitlines())
    return [int(line) for line in lines if line]


def first_shown(device: str, runs: int) -> int:
    """Without this device: print the first run that shows it; the exit status."""
    switched = DEVICES[device]
    with switched.off():
        those = (run for seed in count(1) if switched.matters(run := Run(seed, storage=Storage())))
        for run in islice(those, runs):
            for finding in run.go().findings:
                if re.search(switched.shows, finding):
                    say(f"seed {run.result.seed}: {finding}")
                    return 0
    say(f"none of {runs} runs shows that this is missing: {device}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; the next ones count up")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--known", action="store_true", help="the seeds of seeds.txt instead")
    parser.add_argument("--without", choices=DEVICES, metavar="DEVICE", help="a safety device of mutations.py")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Some sets of strings decide an order; with this a seed means the same run everywhere.
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(again[0], again, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 # our own command, once more
    if options.without is not None:
        return first_shown(options.without, options.runs)
    seeds = known_seeds() if options.known else range(options.seed, options.seed + options.runs)
    began = time.monotonic()
    total = campaign(seeds, options.jobs)
    seconds = time.monotonic() - began
    say(
        f"{total.runs} runs, {total.lives} lives of the program, {total.faults.total()} faults in {seconds:.1f} s:"
        f" {total.runs / seconds:.0f} runs a second"
    )
    say("awards: " + ", ".join(f"{count} {state}" for state, count in sorted(total.states.items())))
    say(f"digest: {total.digest[:16]}")
    if total.wrong:
        say(f"WRONG: {len(total.wrong)} runs; first: python -m tests.simulation --runs 1 --seed {min(total.wrong)}")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
