"""The stand-ins as a process of their own, and a program that is wired to them as in earnest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.office import Door
from tests.support.sandbox import Sandbox, quick, standins


@pytest.fixture(scope="package")
def process() -> Iterator[dict[str, Any]]:
    """The JSON line of stand-ins that live as long as these tests."""
    with standins() as info:
        yield info


@pytest.fixture
async def sandbox(process: dict[str, Any]) -> AsyncIterator[Sandbox]:
    """Nobody is a member or customer yet; jobs are quick, no rate limit stands in the way."""
    async with quick(process) as one:
        yield one


@pytest.fixture
def door(sandbox: Sandbox, tmp_path: Path) -> Door:
    """Opens the program on a fresh ledger, as often as one likes."""
    return Door(sandbox, tmp_path)
