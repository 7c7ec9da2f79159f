"""Stand-ins that outlive every process of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.crash.scene import quick_sandbox
from tests.support.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Quick jobs, no rate limit in the way."""
    async with quick_sandbox() as one:
        yield one
