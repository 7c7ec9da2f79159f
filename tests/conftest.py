"""What holds for every test: none of them judges how fast the machine is, and few of them are traced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hypothesis
import pytest

TRACED = ("domain", "ledger", "providers", "services")
"""The folders whose tests have to cover the packages of the same names. Tracing doubles a test's time, so the others,
which see the same code from farther away, do without."""

hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Tell pytest-cov which tests are not traced."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] not in TRACED:
            item.add_marker("no_cover")
