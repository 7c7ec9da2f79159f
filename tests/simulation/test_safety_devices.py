"""Each safety device switched off by itself: the campaign that protects it has to fail, and soon."""

from __future__ import annotations

import pytest

from tests.simulation import command
from tests.simulation.mutations import DEVICES
from tests.simulation.run import simulate
from tests.simulation.storage import Storage

pytestmark = pytest.mark.no_cover

RUNS = 200
"""About ten seconds of a quiet processor. Runs are counted, since a seed is the same run on every machine."""


@pytest.mark.parametrize("device", DEVICES)
def test_the_campaign_fails_within_ten_seconds_without(device: str) -> None:
    done = command.run("--without", device, "--runs", str(RUNS))
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_the_same_runs_are_right_with_all_of_them() -> None:
    assert [found for seed in range(60) if (found := simulate(seed, storage=Storage()).findings)] == []
