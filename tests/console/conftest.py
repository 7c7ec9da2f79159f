"""Stand-ins for the services, and an environment that reaches nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.console.support import Done, bursar, environment
from tests.support import nursery
from tests.support.patience import PATIENCE
from tests.support.sandbox import Sandbox, quick, standins

TIMES = {"BURSAR_HTTP_TIMEOUT": "5", "BURSAR_SETTLE_AFTER": "0.2", "BURSAR_JOB_WAIT": "20"}


@pytest.fixture(scope="package")
def process() -> Iterator[dict[str, Any]]:
    """The JSON line of stand-ins that live as long as these tests."""
    with standins() as info:
        yield info


@pytest.fixture
async def sandbox(process: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """Everybody is a member and a customer, jobs are quick, no rate limit stands in the way."""
    async with quick(process, everybody=True) as one:
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


@asynccontextmanager
async def driver(shell: Shell, **variables: str) -> AsyncIterator[nursery.Process]:
    """A running bot without its Discord side."""
    given = environment({**shell.variables, **variables})
    process = await nursery.start("tests.console.driver", cwd=shell.directory, env=given)
    try:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        with suppress(ProcessLookupError):  # a test may have ended it
            process.terminate()
        _, err = await process.communicate()
        assert b"error" not in err.lower(), err.decode()


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path) -> Shell:
    """A fresh directory, so a fresh ledger."""
    return Shell(tmp_path, {**sandbox.environ(), **TIMES})
