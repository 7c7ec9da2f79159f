"""How well the limiter uses a limit: the numbers of ``python -m bench``, which are the same on every machine."""

from __future__ import annotations

import pytest

from bench.limits import FOREIGN_SHARE, LIMITERS, PLANS, measure

pytestmark = pytest.mark.no_cover

BURSAR = LIMITERS["Bursar"]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("seed", range(2))
def test_alone_the_limit_is_used_up_and_no_request_is_refused(plan: str, seed: int) -> None:
    windows, tells = PLANS[plan]
    use = measure(BURSAR, windows, tells=tells, seed=seed)
    assert use.share >= 0.98
    assert use.refused == 0


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("seed", range(3))
def test_beside_others_few_requests_are_refused(plan: str, seed: int) -> None:
    windows, tells = PLANS[plan]
    use = measure(BURSAR, windows, tells=tells, foreign=FOREIGN_SHARE, seed=seed)
    assert use.refused_share <= 0.03


@pytest.mark.parametrize("foreign", [0.2, 0.5])
def test_beside_others_what_they_leave_is_used_although_no_header_tells_how_much(foreign: float) -> None:
    windows, tells = PLANS["Gameball, 360 in 30 s and 30 a second"]
    use = measure(BURSAR, windows, tells=tells, foreign=foreign)
    assert use.share >= 0.95 * (1 - foreign)
    assert use.refused_share <= 0.03


def test_the_model_of_the_service_refuses_whoever_does_not_pace_themselves() -> None:
    windows, tells = PLANS["Drip Free, 24 a minute"]
    for name in ("no limiter, waits when refused", "even spacing", "leaky bucket", "log, counted when sent"):
        assert measure(LIMITERS[name], windows, tells=tells).refused > 0
