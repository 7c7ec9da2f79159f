"""A real ledger in a temporary directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.ledger.ledger import Ledger
from tests.ledger.making import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bursar.db"


@pytest.fixture
async def ledger(path: Path, clock: HandClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(path, clock)
    yield opened
    await opened.close()
