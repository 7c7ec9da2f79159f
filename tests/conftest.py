"""What holds for every test: none of them judges how fast the machine is, and few of them are traced."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import hypothesis
import pytest

TRACED = ("domain", "ledger", "providers", "services")
"""The folders whose tests have to cover the packages of the same names."""

# No test talks to another machine, so nobody has to be trusted. Reading the system's certificates takes every process
# that a test starts a sixth of its start.
os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull

MEMORY = Path("/dev/shm")  # noqa: S108 # pytest makes a folder of its own in it, for whoever runs the tests
ENOUGH_BYTES = 2_000_000_000

# A ledger waits for the disk at every commit, which takes a test that does little else most of its time. Nothing that a
# test shows depends on that: a process that is killed leaves the same files in memory, and tests/powercut damages files
# itself.
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


LONGEST = ("crash/test_random_kills.py", "simulation/test_campaign.py")
"""The files with tests of half a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest tests begin first: whoever runs tests then has short ones left for the end, and what needs a
    processor all the time runs beside what waits for neighbours.

    Tell pytest-cov which tests are not traced, for tracing doubles a test's time: those that see the same code from
    farther away, and those that Hypothesis repeats a hundred times."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).as_posix() not in LONGEST)
    for item in items:
        is_repeated = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if is_repeated or item.path.relative_to(here).parts[0] not in TRACED:
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    """What is loaded by now stays until the end: spare the garbage collector that."""
    gc.freeze()
