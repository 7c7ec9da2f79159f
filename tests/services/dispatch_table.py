"""What the dispatcher makes of everything that a service can do to a call. Written before its first run.

``states`` has one letter an award: P planned, S sending, A applied, R rejected, U unknown. ``landed`` says how often
the award is in the service's own books. Whatever the row: nothing lands twice, A has landed, P and R have not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One batch and what its calls meet."""

    name: str
    style: str
    awards: int
    per_call: int
    meets: dict[str, Any] = field(default_factory=dict)
    """For ``Neighbour``: script, rest, bad, shows_bad, follows, job_seconds, job_ending."""
    states: str = ""
    landed: str = ""
    calls: int = 0
    batch: str = "finished"
    told: int = 0
    """How often somebody was called to act."""
    inspected: int = 0


def _paused(kind: str) -> Case:
    return Case(
        f"{kind} is no verdict on any row", "items", 4, 2, {"script": [kind]}, "PPPP", "0000", 1, f"paused:{kind}", 1
    )


LOST = "lost-before"

CASES = [
    # item by item
    Case("every call is answered", "items", 5, 2, {}, "AAAAA", "11111", 3),
    Case("one item is refused", "items", 5, 2, {"bad": [2]}, "ARAAA", "10111", 3),
    Case("an item is in neither list", "items", 4, 2, {"script": ["missing"]}, "UAAA", "1111", 2),
    Case("a verdict forgets an item", "items", 4, 2, {"script": ["short"]}, "UAAA", "1111", 2),
    Case("an answer is lost", "items", 4, 2, {"script": ["lost-after"]}, "UUAA", "1111", 2),
    Case("a call is lost", "items", 4, 2, {"script": [LOST]}, "UUAA", "0011", 2),
    Case("a gateway is busy", "items", 4, 2, {"script": ["busy:30"]}, "UUAA", "0011", 2),
    Case("the code breaks before the call lands", "items", 4, 2, {"script": ["raise-before"]}, "UUAA", "0011", 2),
    Case("the code breaks after the call landed", "items", 4, 2, {"script": ["raise-after"]}, "UUAA", "1111", 2),
    Case("nobody answers once", "items", 4, 2, {"script": ["away"]}, "AAAA", "1111", 3),
    Case("nobody answers five times", "items", 4, 2, {"script": ["away"] * 5}, "AAAA", "1111", 7),
    Case("nobody answers", "items", 4, 2, {"rest": "away"}, "PPPP", "0000", 6, "open"),
    Case("away after a doubt", "items", 4, 2, {"script": ["lost-after"], "rest": "away"}, "UUPP", "1100", 7, "open"),
    Case("too fast", "items", 4, 2, {"script": ["429:5"] * 3}, "AAAA", "1111", 5),
    Case("too fast is not away", "items", 4, 2, {"script": ["429:60"] * 9}, "AAAA", "1111", 11),
    _paused("key"),
    _paused("access"),
    _paused("currency"),
    _paused("quota"),
    Case("spent on the way", "items", 4, 2, {"script": ["ok", "quota"]}, "AAPP", "1100", 2, "paused:quota", 1),
    Case(
        "eight doubts in a row",
        "items",
        20,
        2,
        {"rest": LOST},
        "U" * 16 + "P" * 4,
        "0" * 20,
        8,
        "paused:unclear",
        1,
    ),
    Case("seven doubts in a row", "items", 16, 2, {"script": [LOST] * 7}, "U" * 14 + "AA", "0" * 14 + "11", 8),
    Case(
        "doubts are counted in a row",
        "items",
        32,
        2,
        {"script": [*([LOST] * 7), "ok", *([LOST] * 7)]},
        "U" * 14 + "AA" + "U" * 14 + "AA",
        "0" * 14 + "11" + "0" * 14 + "11",
        16,
    ),
    # all or nothing
    Case("a bad row that a read shows", "whole", 4, 4, {"bad": [2]}, "ARAA", "1011", 2, inspected=1),
    Case("two bad rows that a read shows", "whole", 4, 4, {"bad": [2, 4]}, "ARAR", "1010", 2, inspected=1),
    Case(
        "a bad row that no read shows",
        "whole",
        4,
        4,
        {"bad": [2], "shows_bad": False},
        "ARAA",
        "1011",
        5,
        inspected=2,
    ),
    Case(
        "only bad rows that no read shows",
        "whole",
        4,
        4,
        {"bad": [1, 2, 3, 4], "shows_bad": False},
        "RRRR",
        "0000",
        7,
        inspected=3,
    ),
    Case("a single bad row", "whole", 1, 4, {"bad": [1]}, "R", "0", 1),
    Case("a lost call is never halved", "whole", 4, 4, {"bad": [2], "script": [LOST]}, "UUUU", "0000", 1),
    Case(
        "the rest of a refused call is lost",
        "whole",
        4,
        4,
        {"bad": [2], "script": ["ok", "lost-after"]},
        "URUU",
        "1011",
        2,
        inspected=1,
    ),
    # by a job
    Case("jobs end", "jobs", 4, 2, {}, "AAAA", "1111", 2),
    Case("a job refuses one", "jobs", 4, 2, {"bad": [3]}, "AARA", "1101", 2),
    Case("a job is slow", "jobs", 4, 2, {"job_seconds": 40.0}, "AAAA", "1111", 2),
    Case("a job is too slow", "jobs", 4, 2, {"job_seconds": 200.0}, "UUUU", "0000", 2),
    Case("a job never ends", "jobs", 4, 2, {"job_ending": "never"}, "UUUU", "0000", 2),
    Case("a job's report is lost", "jobs", 2, 2, {"job_ending": "lost"}, "UU", "11", 1),
    Case("a report forgets one", "jobs", 2, 2, {"job_ending": "partial"}, "UA", "11", 1),
    Case("a job is lost on its way", "jobs", 4, 2, {"script": ["lost-after"]}, "UUAA", "1111", 2),
    Case("following breaks", "jobs", 4, 2, {"follows": ["raise"] * 3}, "AAAA", "1111", 2),
    Case("asked too fast", "jobs", 2, 2, {"follows": ["429"]}, "AA", "11", 1),
    Case("the key is refused while following", "jobs", 2, 2, {"follows": ["key"]}, "UU", "00", 1, "paused:key", 1),
]
