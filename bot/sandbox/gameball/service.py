"""Routes, keys and rate limits of the Gameball stand-in."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from bot.sandbox.gameball import failures, transactions
from bot.sandbox.gameball.accounts import Accounts
from bot.sandbox.gameball.jobs import Item, Jobs, report_a, report_b
from bot.sandbox.gameball.transactions import Malformed, read_body
from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Call, Reply
from bot.sandbox.windows import Window

_ROOTS: Final = ("/api/v4.0/integrations/", "/api/v4.1/integrations/")
_BUCKETS: Final = {"transactions": (30, 360), "customers": (100, 1200), "other": (30, 360)}
"""Requests in one second and in 30 (docs.gameball.co/api-reference/overview/rate-limiting)."""
Handler = Callable[[Call], Reply]


class Gameball:
    """Gameball as ``front.Front`` serves it."""

    name = "gameball"

    def __init__(self, accounts: Accounts, jobs: Jobs) -> None:
        self.accounts = accounts
        self.jobs = jobs
        self.clear()

    def clear(self) -> None:
        """Forget which requests were made."""
        self._windows = {name: (Window(one, 1.0), Window(many, 30.0)) for name, (one, many) in _BUCKETS.items()}

    def admit(self, call: Call) -> Reply | None:
        """Keys first: without them even an address that does not exist answers 401."""
        if call.headers.get("apikey") != self.accounts.api_key:
            return failures.failure(401, 1000, "Unauthorized access. Please authenticate to proceed.")
        if call.headers.get("secretkey") != self.accounts.secret_key:
            return failures.failure(401, 1001, "Secret key is required")
        if self._route(call) is None:
            return failures.unrouted()
        if not self._has_room(call):
            return failures.too_many()
        if self.accounts.switches.plan_refused:
            return failures.failure(403, 8000, "This feature is not available in your plan")
        return None

    def _has_room(self, call: Call) -> bool:
        switches = self.accounts.switches
        if switches.rate == "unlimited":
            return True
        _, _, tail = call.path.partition("/integrations/")
        name = tail.split("/")[0]
        bucket = name if name in _BUCKETS else "other"
        windows = self._windows[bucket]
        limits = (switches.per_second or _BUCKETS[bucket][0], switches.per_30_seconds or _BUCKETS[bucket][1])
        now = time.monotonic()
        for window, limit in zip(windows, limits, strict=True):
            window.limit = limit
        if any(window.wait(now) > 0 for window in windows):
            return False
        for window in windows:
            window.take(now)
        return True

    def _route(self, call: Call) -> Handler | None:
        root = next((one for one in _ROOTS if call.path.startswith(one)), None)
        if root is None:
            return None
        parts = [unquote(one) for one in call.path[len(root) :].split("/")]
        method = call.method
        if method == "POST" and parts == ["batch", "balance-adjustment"]:
            return self._create_job
        if parts[0] in ("batch", "batches"):
            return self._job_route(method, parts)
        if parts[0] == "transactions":
            return self._transaction_route(method, parts[1:])
        if method == "GET" and parts[0] == "customers" and parts[2:] == ["balance"]:
            return lambda one: transactions.show_balance(self.accounts, one, parts[1])
        if method == "GET" and parts == ["configurations", "redemption"]:
            return lambda one: transactions.redemption(self.accounts, one)
        return None

    def _job_route(self, method: str, parts: list[str]) -> Handler | None:
        contract = self.accounts.switches.contract
        if contract != "a" and parts[0] == "batch" and len(parts) == 2 and method in ("GET", "DELETE"):
            return self._status_b(parts[1]) if method == "GET" else self._stop(parts[1], named=False)
        if contract != "b" and parts[0] == "batches" and len(parts) == 3:
            if (method, parts[2]) == ("GET", "status"):
                return self._status_a(parts[1])
            if (method, parts[2]) == ("POST", "stop"):
                return self._stop(parts[1], named=True)
        return None

    def _transaction_route(self, method: str, rest: list[str]) -> Handler | None:
        ways: dict[tuple[str, tuple[str, ...]], Callable[[Accounts, Call], Reply]] = {
            ("GET", ()): transactions.list_transactions,
            ("GET", ("count",)): transactions.count_transactions,
            ("POST", ("manual",)): transactions.manual,
        }
        handler = ways.get((method, tuple(rest)))
        return None if handler is None else lambda one: handler(self.accounts, one)

    def perform(self, call: Call) -> Reply:
        """Carry an admitted call out."""
        handler = self._route(call)
        if handler is None:  # the contract was switched between admission and a late application
            return failures.unrouted()
        try:
            return handler(call)
        except Malformed as malformed:
            return malformed.reply

    def canned(self, fault: Fault) -> Reply:
        """The answer of a fault that is a status."""
        return failures.canned(fault)

    def _create_job(self, call: Call) -> Reply:
        body = read_body(call)
        items = _items(body, self.accounts.switches.batch_cap)
        call.log.items = len(items)
        if self.accounts.switches.disabled:
            return Reply(200, dict(transactions.DISABLED))
        fault = call.fault if call.fault is not None and call.fault.spec.gameball_job else None
        kept = items[: round(len(items) * call.share)]
        return Reply(200, {"jobId": self.jobs.create(kept, call.log, fault)})

    def _status_b(self, number: str) -> Handler:
        def show(_: Call) -> Reply:
            job = self.jobs.find(number)
            return _no_job() if job is None else Reply(200, report_b(self.accounts, job))

        return show

    def _status_a(self, number: str) -> Handler:
        def show(_: Call) -> Reply:
            job = self.jobs.find(number)
            return _no_job() if job is None else Reply(200, report_a(self.accounts, job))

        return show

    def _stop(self, number: str, *, named: bool) -> Handler:
        def stop(_: Call) -> Reply:
            job = self.jobs.find(number)
            if job is None:
                return _no_job()
            if job.over:
                return failures.failure(422, 4000, "The job has already ended")
            if self.accounts.switches.job_stop == "stops":
                self.jobs.stop(job)
            if named:
                return Reply(200, {"batchId": number, "status": "stopped", "message": "Job stopped successfully"})
            return Reply(200, raw=b"job stopped successfully", content_type="text/plain")

        return stop


def _no_job() -> Reply:
    return failures.failure(404, 4004, "Job not found")


def _items(body: dict[str, Any], cap: int) -> list[Item]:
    """The rows of a batch. A row that breaks the schema refuses the whole call."""
    rows = body.get("body")
    if not isinstance(rows, list) or not rows:
        raise Malformed(failures.failure(400, 3000, "body is required"))
    if len(rows) > cap:
        raise Malformed(failures.failure(400, 3016, f"The maximum number of objects in a batch is {cap}"))
    items: list[Item] = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("customerId"), str) or not row["customerId"]:
            raise Malformed(failures.failure(400, 3000, "customerId is required"))
        amount, reason = row.get("amount"), row.get("reason")
        if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
            raise Malformed(failures.failure(400, 3016, "amount must be a number"))
        items.append((row["customerId"], amount, reason if isinstance(reason, str) else None))
    return items
