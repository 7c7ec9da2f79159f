"""Batch jobs: accepted at once, worked off later, reported under either documented contract."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from bot.sandbox.gameball.accounts import Accounts, ItemFailed
from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Logged

_FIRST_JOB: Final = 123_456
_WORDS_A: Final = {"queued": "pending", "running": "processing", "stopped": "failed"}
_OVER: Final = ("completed", "failed", "stopped")
Item = tuple[str, int | Decimal, str | None]
"""Customer, amount, reason."""


@dataclass(slots=True)
class Job:
    """One balance-adjustment job."""

    number: int
    log: Logged
    items: list[Item]
    created: float
    fault: Fault | None
    status: str = "queued"
    started: float | None = None
    cursor: int = 0
    successful: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.status in _OVER

    def hit_by(self, kind: str) -> bool:
        """Whether this fault came with the call that made the job."""
        return self.fault is not None and self.fault.kind == kind

    @property
    def last(self) -> int:
        """How many items are worked off before the job comes to a halt."""
        if self.fault is not None and self.fault.kind in ("stopped", "job-never-finishes"):
            return round(len(self.items) * float(self.fault["share"]))
        return len(self.items)


class Jobs:
    """All jobs of the account. ``later`` runs something after so many seconds."""

    def __init__(self, accounts: Accounts, later: Callable[[float, Callable[[], object]], None]) -> None:
        self._accounts = accounts
        self._later = later
        self.jobs: dict[int, Job] = {}
        self._next = _FIRST_JOB

    def clear(self) -> None:
        """Forget every job; numbers go on."""
        self.jobs = {}

    def create(self, items: list[Item], log: Logged, fault: Fault | None) -> int:
        """Accept a job; its number."""
        job = Job(self._next, log, items, time.time(), fault)
        self._next += 1
        self.jobs[job.number] = job
        self._later(self._accounts.switches.job_delay, lambda: self._start(job))
        return job.number

    def find(self, number: str) -> Job | None:
        """The job that a path names; a lost one is not found."""
        job = self.jobs.get(int(number)) if number.isascii() and number.isdigit() else None
        return None if job is None or job.hit_by("job-lost") else job

    def stop(self, job: Job) -> None:
        """Nothing more of it is carried out; what was carried out stays."""
        if not job.over:
            self._end(job, "stopped")

    def _start(self, job: Job) -> None:
        if not job.over:
            job.status, job.started = "running", time.time()
            self._step(job)

    def _step(self, job: Job) -> None:
        """Work one part off, then the next after a while."""
        if job.over:
            return
        steps = max(1, self._accounts.switches.job_steps) if self._accounts.switches.job_seconds > 0 else 1
        part = -(-len(job.items) // steps)
        for _ in range(part):
            if job.cursor >= job.last:
                break
            self._carry_out(job, job.cursor)
            job.cursor += 1
        if job.cursor < job.last:
            self._later(self._accounts.switches.job_seconds / steps, lambda: self._step(job))
        elif job.hit_by("stopped"):
            self._end(job, "stopped")
        elif not job.hit_by("job-never-finishes"):
            self._end(job, "completed" if job.successful or not job.failed else "failed")

    def _end(self, job: Job, status: str) -> None:
        job.status = status
        job.items = []

    def _carry_out(self, job: Job, place: int) -> None:
        customer, amount, reason = job.items[place]
        fault = job.fault
        unsaid = job.hit_by("job-partial") and fault is not None and place >= round(len(job.items) * fault["share"])
        if fault is not None and (
            (unsaid and not fault["applied"]) or (job.hit_by("job-lost") and not fault["applied"])
        ):
            return
        try:
            if job.hit_by("job-fails-all"):
                raise ItemFailed("Failed to adjust balance")
            change = self._accounts.from_amount(customer, amount)
            self._accounts.adjust(change, reason, call=job.log.id, endpoint="batch")
        except ItemFailed as failure:
            if not unsaid:
                job.failed.append((customer, str(failure)))
            return
        job.log.applied += 1
        if not unsaid:
            job.successful.append(customer)

    def dump(self) -> list[dict[str, Any]]:
        """Unfinished and finished jobs for the snapshot of practice mode (faults are not kept)."""
        return [
            {
                "number": job.number,
                "call": job.log.id,
                "items": [[who, str(amount), why] for who, amount, why in job.items],
                "created": job.created,
                "status": job.status,
                "started": job.started,
                "cursor": job.cursor,
                "successful": job.successful,
                "failed": job.failed,
            }
            for job in self.jobs.values()
        ]

    def load(self, dumped: list[dict[str, Any]]) -> None:
        """The reverse of ``dump``; what was unfinished goes on."""
        for one in dumped:
            items: list[Item] = [(who, Decimal(amount), why) for who, amount, why in one["items"]]
            log = Logged(one["call"], "gameball", "POST", "", "", one["created"])
            job = Job(one["number"], log, items, one["created"], None, one["status"], one["started"])
            job.cursor, job.successful = one["cursor"], one["successful"]
            job.failed = [(who, why) for who, why in one["failed"]]
            self.jobs[job.number] = job
            self._next = max(self._next, job.number + 1)
            if not job.over:
                self._later(self._accounts.switches.job_delay, partial(self._start, job))


def _once(customers: list[str]) -> list[str]:
    """Each customer once: results know customers, not rows."""
    return list(dict.fromkeys(customers))


def _stamp(at: float | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _failures(accounts: Accounts, job: Job) -> list[dict[str, str]]:
    words = accounts.switches.failure_key
    said = dict(job.failed)
    return [
        {"customerId": who, (("message", "error")[place % 2] if words == "mixed" else words): why}
        for place, (who, why) in enumerate(said.items())
    ]


def report_b(accounts: Accounts, job: Job) -> dict[str, Any]:
    """The status as the tutorials, the older reference and the SDKs have it."""
    successful = [{"customerId": who, "message": "Balance adjusted successfully"} for who in _once(job.successful)]
    silent = job.status == "queued" or (job.status == "stopped" and accounts.switches.stopped_report == "lost")
    status = job.status if accounts.switches.status_case == "lower" else job.status.title()
    return {
        "operation": "Balance Adjustment Batch Job",
        "errorCount": 0 if silent else len(job.failed),
        "totalCount": 0 if silent else max(len(job.items), len(job.successful) + len(job.failed)),
        "finishedCount": 0 if silent else len(job.successful),
        "startedAt": None if silent else _stamp(job.started),
        "createdAt": _stamp(job.created),
        "status": status,
        "response": None if silent else {"successful": successful, "failed": _failures(accounts, job)},
    }


def report_a(accounts: Accounts, job: Job) -> dict[str, Any]:
    """The status as the OpenAPI file has it; its lists have no item schema."""
    total = max(len(job.items), len(job.successful) + len(job.failed))
    done = len(job.successful) + len(job.failed)
    status = _WORDS_A.get(job.status, job.status)
    return {
        "batchId": str(job.number),
        "status": status if accounts.switches.status_case == "lower" else status.title(),
        "progress": 100 if job.over else (100 * done // total if total else 0),
        "totalItems": total,
        "processedItems": done,
        "failedItems": len(job.failed),
        "results": [{"customerId": who, "status": "success"} for who in _once(job.successful)],
        "errors": _failures(accounts, job),
    }
