"""Made-up batches as cards show them."""

from __future__ import annotations

from typing import Any

from bot.domain.model import Actor, Batch, Counts, Destination, ProviderKind, Unit
from bot.domain.states import AwardState, BatchState
from bot.services.batches import BatchView
from bot.services.watching import IDLE, Activity

NOW_MS = 1_785_000_000_000
DESTINATION = Destination(ProviderKind.DRIP_MEMBERS, "0" * 24, "1" * 24, Unit.POINTS, None)


def batch(**changes: Any) -> Batch:
    values: dict[str, Any] = {
        "id": 41,
        "source": "file",
        "state": BatchState.OPEN,
        "pause": None,
        "recorded_at": NOW_MS,
        "starts_at": NOW_MS + 10_000,
        "finished_at": None,
        "actor": Actor("200000000000000001", "mod", "300000000000000001"),
        "programme": "drip-members",
        "destination": DESTINATION,
        "reason": "Weekly quest",
        "label": "Week 31",
        "file_name": "week-31.csv",
        "file_sha256": "ab" * 32,
        "parent_id": None,
        "awards": 1203,
        "total": 60_150,
    }
    return Batch(**{**values, **changes})


def view(counts: Counts, activity: Activity = IDLE, *, calls_left: int = 0, **changes: Any) -> BatchView:
    sums = {AwardState.APPLIED: counts.applied * 50}
    return BatchView(batch(**changes), counts, sums, activity, calls_left, None, (), 0)
