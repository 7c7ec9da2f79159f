"""What is left of 25 awards in three calls (10, 10, 5) after a SIGKILL at each named point and a ``resume``.

Written before the first run. Nothing was in flight at most points, so everything is applied in the end; between the
intent and its outcome one call was, and its rows are in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

DRIP = ("drip-credentials", "drip-members")
GAMEBALL = ("gameball",)


@dataclass(frozen=True, slots=True)
class Kill:
    """One point, one arrival there."""

    at: str
    arrival: int
    programmes: tuple[str, ...] = (*DRIP, *GAMEBALL)
    recorded: int = 25
    unknown: int = 0
    landed: int = 25
    """Awards in the stand-ins' books in the end."""


KILLS = [
    Kill("draft-saved", 1, recorded=0, landed=0),
    Kill("before-record", 1, recorded=0, landed=0),
    Kill("recorded", 1),
    Kill("before-claim", 1),
    Kill("before-claim", 2),
    Kill("before-claim", 4),  # the look that finds nothing left
    Kill("claimed", 1, unknown=10, landed=15),
    Kill("claimed", 2, unknown=10, landed=15),
    Kill("claimed", 3, unknown=5, landed=20),
    Kill("call-answered", 1, unknown=10),
    Kill("call-answered", 2, unknown=10),
    Kill("call-answered", 3, unknown=5),
    Kill("outcome-recorded", 1, DRIP),
    Kill("outcome-recorded", 2, DRIP),
    Kill("outcome-recorded", 3, DRIP),
    Kill("job-accepted", 1, GAMEBALL),
    Kill("job-accepted", 2, GAMEBALL),
    Kill("job-accepted", 3, GAMEBALL),
    Kill("finished", 1),
]
