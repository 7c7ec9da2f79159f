"""Stand-ins for the services, and an environment that reaches nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.console.support import Done, bursar
from tests.support.sandbox import Sandbox, connected, standins

TIMES = {"BURSAR_HTTP_TIMEOUT": "5", "BURSAR_SETTLE_AFTER": "0.2", "BURSAR_JOB_WAIT": "20"}


@pytest.fixture(scope="package")
def process() -> Iterator[dict[str, Any]]:
    """The JSON line of stand-ins that live as long as these tests."""
    with standins() as info:
        yield info


@pytest.fixture
async def sandbox(process: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """Everybody is a member and a customer, jobs are quick, no rate limit stands in the way."""
    async with connected(process) as one:
        await one.reset(switches=True)
        await one.switches(
            drip={"plan": "unlimited", "open": True},
            gameball={"rate": "unlimited", "open": True, "job_delay": 0.0, "job_seconds": 0.0},
        )
        yield one


@dataclass(frozen=True, slots=True)
class Shell:
    """A directory in which commands are given, with settings that point to the stand-ins."""

    directory: Path
    variables: dict[str, str]

    async def __call__(self, *arguments: str | Path, **variables: str) -> Done:
        """A command to its end."""
        given = [str(argument) for argument in arguments]
        return await bursar(*given, directory=self.directory, variables={**self.variables, **variables})

    async def awards(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``export --format json`` says."""
        done = await self("export", "--format", "json", *arguments)
        assert done.status == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path) -> Shell:
    """A fresh directory, so a fresh ledger."""
    return Shell(tmp_path, {**sandbox.environ(), **TIMES})
