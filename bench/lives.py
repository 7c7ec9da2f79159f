"""What does not vary or is short: syncs, requests, starts, a restart after a kill."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from statistics import median

from bench.folder import Folder
from bench.table import Line, alone, paired
from bench.world import StandIn, peak_of_command, run, start
from bot.domain.lanes import START_WITHIN

QUARANTINE = 1.0
"""Seconds after which an abandoned request is held to be dead: short, because waiting for it is not measured."""


def syncs(world: StandIn, folder: Folder, rows: int, per_call: int) -> Line:
    """In processes that count instead of being timed."""
    found = []
    for module in ("bench.floor", "bench.bursar"):
        world.forget()
        told = run(module, {**folder.job(world, rows, per_call), "syncs": "1"}).told
        found.append(told["syncs"] / rows)
    return paired("syncs an award", [found[0]], [found[1]], f"{2.5 / per_call:.4f} at most", form=".4f")


def requests(world: StandIn, folder: Folder, rows: int, per_call: int) -> Line:
    """Everything that the stand-in was asked, against the calls that the awards need: of strangers, and again of people
    whose balances the ledger knows."""
    world.forget()
    job = folder.job(world, rows, per_call)
    least = math.ceil(rows / per_call)
    run("bench.bursar", job)
    first = world.requests()
    run("bench.bursar", job)
    again = world.requests() - first
    name = "requests of a batch, the first and again"
    return Line(name, f"{least}", f"{first}, {again}", f"{first / least:.2f}, {again / least:.2f}", "1.00, 1.05")


def starts(world: StandIn, folder: Folder, rows: int, per_call: int, times: int = 5) -> Iterator[Line]:
    """To the first moment at which a call could be made; and after a kill, until every award is settled."""
    world.forget()
    job = {**folder.job(world, rows, per_call), "settle_after": str(QUARANTINE)}
    run("bench.bursar", job)
    pairs = [(run("bench.idle", job).whole, run("bench.restart", job).whole) for _ in range(times)]
    ready = median(our for _, our in pairs)
    yield paired("start to ready and stop, seconds", [low for low, _ in pairs], [our for _, our in pairs], "")
    kill_in_a_call(world, job, rows // per_call - 5)
    time.sleep(QUARANTINE + START_WITHIN)  # it may have left so long after its claim
    after = run("bench.restart", job)
    if after.told["applied"] != after.told["awards"]:
        raise SystemExit(f"not everything was settled after the kill: {after.told}")
    yield alone("the same after a kill, until all is settled", after.whole, f"{ready + 1:.2f} at most")


READINGS = (("verify",), ("export", "--format", "csv"), ("export", "--format", "json"))


def readings(small: dict[str, str], large: dict[str, str]) -> Iterator[Line]:
    """What reads a whole ledger needs the same memory for any."""
    for arguments in READINGS:
        few, many = (peak_of_command(job, *arguments) for job in (small, large))
        yield paired(f"peak memory of {' '.join(arguments)}, MiB", [few], [many], "1.2 times", form=".1f")


def kill_in_a_call(world: StandIn, job: dict[str, str], number: int) -> None:
    """Send the same file once more, and kill the process while that call is carried out and not answered. One of the
    last, because sending the rest is not what is measured."""
    match = {"method": "PATCH", "nth": [number]}
    world.ask("/faults", {"script": [{"kind": "stall", "applied": True, **match}], "campaign": None})
    process = start("bench.bursar", job)
    while not any(rule["played"] for rule in world.ask("/faults")["script"]):
        if process.poll() is not None:
            raise SystemExit("bench.bursar ended before it could be killed")
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    world.ask("/faults", {"script": [], "campaign": None})
