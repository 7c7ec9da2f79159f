"""Thousands of runs, each from a seed; and what makes a seed worth keeping."""

from __future__ import annotations

import os
import re

import pytest

from tests.simulation import command
from tests.simulation.run import AROUND_A_CALL, REMOUNTED, Result, simulate
from tests.simulation.storage import QuickStorage, Storage

pytestmark = pytest.mark.no_cover

RUNS = int(os.environ.get("SIMULATION_RUNS", "20000"))
PART = 1000
"""Runs of one test, so that the campaign spreads over everything that runs tests."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(0, RUNS, PART))
def test_thousands_of_runs_end_with_nothing_doubled_lost_claimed_or_stuck(first: int) -> None:
    runs = min(PART, RUNS - first)
    done = command.run("--seed", str(first), "--runs", str(runs), "--jobs", "1")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{runs} runs" in done.stdout


def test_every_seed_that_was_wrong_once_is_right() -> None:
    done = command.run("--known", "--jobs", "1")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_a_seed_is_the_same_run_in_every_process() -> None:
    digests = {re.findall(r"digest: (\w+)", command.run("--runs", "25", "--seed", "300", "--jobs", "1").stdout)[0]
               for _ in range(2)}  # fmt: skip
    assert len(digests) == 1


def _until_it_is_not_cut(seed: int) -> list[Result]:
    """The seed again and again, its first life cut off at every step that it has."""
    results: list[Result] = []
    while not results or results[-1].cuts:
        step = len(results) + 1
        results.append(simulate(seed, cuts=[step], storage=Storage() if step % REMOUNTED == 0 else QuickStorage()))
    return results


CUT_EVERYWHERE = (5, 11, 34, 61)  # 61: calls on a ring, sent again


@pytest.mark.parametrize("seed", CUT_EVERYWHERE)
def test_a_crash_at_any_step_of_a_life_costs_nobody_a_point(seed: int) -> None:
    results = _until_it_is_not_cut(seed)
    assert len(results) > 30
    assert not {f"step {number}": found for number, one in enumerate(results, 1) if (found := one.findings)}


def test_several_calls_of_one_account_are_under_way_when_some_of_those_crashes_happen() -> None:
    together = [simulate(seed, cuts=[], storage=Storage()).together[0] for seed in CUT_EVERYWHERE]
    assert sorted(together)[-2] >= 2  # in two of them: a change of pace may part the calls of one


@pytest.mark.parametrize("place", AROUND_A_CALL)
def test_runs_come_to_every_place_that_the_program_names_and_survive_a_crash_there(place: str) -> None:
    """The campaign crashes at each of them; a place that no run comes to would be tried in vain."""
    for seed in range(200):
        result = simulate(seed, cuts=[(place, 1)])
        assert result.findings == []
        if result.cuts:
            return
    raise AssertionError("no run came there")
