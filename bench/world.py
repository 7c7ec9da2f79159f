"""What is measured against: the file, the stand-in, and one process for each measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def write_file(path: Path, rows: int) -> None:
    """A clean file of so many distinct recipients: ids of the right age, whole amounts, a reason.

    People stand in it as in a list of names: their ids come in no order that an index could profit from.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("discord_id,amount,reason\r\n")
        for number in range(rows):
            age_ms = 10_000_000_000 + number * 2_654_435_761 % 2**28 * 1000  # each number once, far from the one before
            stream.write(f"{age_ms << 22 | number & 0xFFF | 1},{number % 500 + 1},Week 31\r\n")


@dataclass(frozen=True)
class StandIn:
    """The loopback Drip. Its own work counts on both sides of every ratio."""

    settings: Mapping[str, str]
    control_url: str

    def ask(self, path: str, document: object = None) -> Any:
        """The control port: a question, or with ``document`` a command."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(  # noqa: S310 # http, to the loopback
            self.control_url + path, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 # the same
            return json.load(answer)

    def forget(self) -> None:
        """Nobody was ever paid: every measurement begins with the same stand-in."""
        self.ask("/reset", {})

    def requests(self) -> int:
        """How many it had since it was made to forget."""
        return len(self.ask("/calls?service=drip"))


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Started, and stopped at the end."""
    command = ("-m", "bot.sandbox", "--open", "--drip-plan", "unlimited", "--die-with-parent")
    with subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        drip = {name: ready["drip"][name] for name in ("api_key", "realm_id", "currency_id")}
        yield StandIn({"url": ready["drip_url"], **drip}, ready["control_url"])
        process.communicate()  # the end of its input is its sign to leave


@dataclass(frozen=True)
class Run:
    """One measured process."""

    told: Mapping[str, Any]
    """What it printed."""
    processor: float
    """Seconds of processor time, imports included."""
    whole: float
    """Seconds from its start to its end."""

    @property
    def seconds(self) -> float:
        return float(self.told["seconds"])

    @property
    def mib(self) -> float:
        """Peak memory above the imports."""
        return float(self.told["kib"]) / 1024

    @property
    def pause_ms(self) -> float:
        """The longest pause of the loop, of a run in which it was watched."""
        return float(self.told["pause"]) * 1000


def run(module: str, job: Mapping[str, str]) -> Run:
    """One process to its end."""
    began = time.perf_counter()
    process = start(module, job)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    whole = time.perf_counter() - began
    if process.returncode != 0:
        raise SystemExit(f"{module} ended with {process.returncode}")
    return Run(json.loads(printed), used.ru_utime + used.ru_stime, whole)


def peak_of_command(job: Mapping[str, str], *arguments: str) -> float:
    """MiB at most in use by one command of ``python -m bot`` on the job's ledger, all in all."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", *arguments],
        env={**os.environ, "BURSAR_DATABASE": job["database"]},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return used.ru_maxrss / 1024


def start(module: str, job: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """One process; who started it ends it."""
    return subprocess.Popen([sys.executable, "-m", module, json.dumps(dict(job))], stdout=subprocess.PIPE)
