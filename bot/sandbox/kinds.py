"""Everything that can go wrong with a call on request, and the parameters of each.

Two questions make up a kind: is the call carried out (never, now, later, twice, in part), and what does the client see.
Kinds that are refused before anything happens, and kinds whose whole point is that something happened, fix the first;
the others take ``"applied": true`` or ``false``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    does: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters with their defaults. ``applied`` among them means that it can be chosen."""
    effect: str = "choose"
    """``never``, ``now``, ``later``, ``twice``, ``part``, ``choose`` (by ``applied``) or ``none`` (of no call)."""
    answer: str = "real"
    """How it is played; a name known to ``plays.py``."""
    gameball_job: bool = False
    """Only for the call that creates a Gameball job."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind with its parameters, about to be played."""

    kind: str
    params: Mapping[str, Any]

    @property
    def spec(self) -> Kind:
        return KINDS[self.kind]

    def __getitem__(self, name: str) -> Any:
        return self.params[name]


def _refusal(status: str, **params: Any) -> Kind:
    return Kind(f"answers {status}; nothing is carried out", {"body": "json", **params}, "never", "canned")


def _gateway(status: int) -> Kind:
    return Kind(
        f"answers {status}, before or after carrying the call out",
        {"applied": False, "body": "json", "retry_after": None},
        answer="canned",
    )


def _spoiled(does: str, **params: Any) -> Kind:
    return Kind(does, {"applied": True, **params}, answer="spoiled")


KINDS: Final[Mapping[str, Kind]] = {
    # what happens to the connection
    "refuse-before": Kind("drops the connection right after accepting it", {"how": "reset"}, "none", "connection"),
    "reset-mid-upload": Kind("drops the connection with the body unread", {"how": "reset"}, "never", "unread"),
    "stall-mid-upload": Kind("stops reading before the body is complete", {"seconds": 3600.0}, "never", "unread"),
    "reset-before-apply": Kind("reads the whole call, drops the connection", {"how": "reset"}, "never", "drop"),
    "reset-after-apply": Kind("carries the call out, drops the connection", {"how": "reset"}, "now", "drop"),
    "apply-late": Kind(
        "carries the call out after so many seconds; the answer is never, reset, close or 504, now",
        {"after": 0.5, "answer": "reset", "seconds": 3600.0},
        "later",
        "late",
    ),
    "apply-twice": Kind("carries the call out twice (a gateway that repeats), answers the second", {}, "twice"),
    "apply-some": Kind(
        "carries only the first part out, then reset, close, 500 or never",
        {"share": 0.5, "answer": "reset", "seconds": 3600.0},
        "part",
        "late",
    ),
    "stall": Kind("never answers", {"applied": False, "seconds": 3600.0}, answer="stall"),
    "slow": Kind("carries the call out, answers late", {"ms": 200}, "now", "slow"),
    "held": Kind("carries the call out, answers once other faults are in force, or none", {}, "now", "held"),
    "close-after-answer": Kind("answers well, drops the idle connection unannounced", {"how": "close"}, "now", "idle"),
    # what comes back over a good connection
    "cut-headers": Kind("answer cut in its head", {"applied": True, "bytes": 12}, answer="cut-headers"),
    "garbage-status": Kind("status line that is none", {"applied": True}, answer="garbage"),
    "cut-body": Kind("answer body cut: close, reset or chunked", {"applied": True, "how": "close"}, answer="cut-body"),
    "broken-json": _spoiled("200 whose JSON ends early"),
    "html-200": _spoiled("200 with a web page"),
    "empty-200": _spoiled("200 with an empty body"),
    "wrong-types": _spoiled("200 with numbers and lists as objects, texts as numbers"),
    "success-false": _spoiled("200 with success false", applied=False),
    "huge-200": _spoiled("200 with so many bytes of JSON", bytes=33_554_432),
    "deep-200": _spoiled("200 with JSON nested so deep", depth=100_000),
    "partial-answer": _spoiled("200 that tells of the first part only", share=0.5),
    "redirect": Kind(
        "answers 301, 302, 303, 307 or 308",
        {"applied": False, "status": 307, "location": None},
        answer="redirect",
    ),
    # refusals
    "401": _refusal("401"),
    "403": _refusal("403"),
    "404": _refusal("404"),
    "409": _refusal("409"),
    "413": _refusal("413"),
    "422": _refusal("422"),
    "400-currency": _refusal("400: no such currency"),
    "429": _refusal("429 with Retry-After", retry_after=1),
    "quota": _refusal("429 as of a spent month", retry_after=1_209_600),
    # no verdict
    "408": _gateway(408),
    "500": _gateway(500),
    "502": _gateway(502),
    "503": _gateway(503),
    "504": _gateway(504),
    "status": Kind("answers any status", {"status": 202, "applied": False, "body": "json", "retry_after": None},
                   answer="canned"),
    # after a Gameball job was accepted
    "job-never-finishes": Kind("the job runs for ever; its first part is carried out", {"share": 0.5}, "now",
                               gameball_job=True),
    "job-lost": Kind("the job is carried out, asking for it answers 404", {"applied": True}, gameball_job=True),
    "job-fails-all": Kind("every item of the job fails", {}, "now", gameball_job=True),
    "job-partial": Kind(
        "the report leaves the last part out, which is carried out or not",
        {"applied": True, "share": 0.5},
        gameball_job=True,
    ),
    "stopped": Kind("the job is stopped after its first part", {"share": 0.5}, "now", gameball_job=True),
}  # fmt: skip

CAMPAIGN: Final = (
    "reset-before-apply",
    "reset-after-apply",
    "apply-late",
    "slow",
    "cut-headers",
    "garbage-status",
    "cut-body",
    "broken-json",
    "html-200",
    "empty-200",
    "partial-answer",
    "429",
    "408",
    "500",
    "502",
    "503",
    "504",
    "job-lost",
    "job-partial",
    "stopped",
)
"""What a random campaign draws from when it names nothing: what a working client gets over without a person's help in
the account (so no refused key, no spent quota) and without waiting for its time-out."""


def fault(kind: object, given: Mapping[str, Any]) -> Fault:
    """A fault with its parameters completed. Raises ``ValueError`` naming what is wrong."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"there is no fault kind {kind!r}; known are {', '.join(KINDS)}")
    known = KINDS[kind].params
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"kind {kind!r} has no parameter {name!r}; it takes {', '.join(known) or 'none'}")
        default = known[name]
        if default is not None and isinstance(default, bool) != isinstance(value, bool):
            raise ValueError(f"parameter {name!r} of kind {kind!r} is like {default!r}, not {value!r}")
        if isinstance(default, int | float) != isinstance(value, int | float) and default is not None:
            raise ValueError(f"parameter {name!r} of kind {kind!r} is like {default!r}, not {value!r}")
    return Fault(kind, {**known, **given})
