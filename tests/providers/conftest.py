"""A scripted service for each test that wants one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .support import Service


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service().running() as running:
        yield running
