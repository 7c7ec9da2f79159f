"""Stand-ins that outlive every process of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.sandbox import Sandbox, running_sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Quick jobs, no rate limit in the way."""
    async with running_sandbox() as one:
        await one.switches(
            drip={"plan": "unlimited"}, gameball={"rate": "unlimited", "job_delay": 0.05, "job_seconds": 0.1}
        )
        yield one
