"""Asking how a Gameball job is. Two contradictory contracts are documented; both are spoken here (docs/services.md).

B, ``GET …/batch/{jobId}``: tutorials, older pages, the vendor's own SDKs. A, ``GET …/batches/{jobId}/status``: the
OpenAPI file. A route that does not exist answers 404 with an empty body, a job that does not exist 404 with the error
envelope (measured by the vendor's Flutter team); that tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

from bot.domain.calls import Item, Outcome, OutcomeKind
from bot.domain.model import Pause, PauseKind
from bot.providers.base import JobReport, JobState
from bot.providers.gameball_reading import REPORT_LOST, is_own_error, outcomes_of, read_status
from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.wording import Wording

ROOT: Final = "/api/v4.0/integrations"
_ROUTES: Final[dict[str, Callable[[str], str]]] = {
    "b": lambda job: f"{ROOT}/batch/{quote(job, safe='')}",
    "a": lambda job: f"{ROOT}/batches/{quote(job, safe='')}/status",
}
_STOPS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "b": ("DELETE", lambda job: f"{ROOT}/batch/{quote(job, safe='')}"),
    "a": ("POST", lambda job: f"{ROOT}/batches/{quote(job, safe='')}/stop"),
}
_OF_BOTH: Final = frozenset({401, 403, 429})
"""Answers that the other contract's address would give, too. All else at an address that may not be meant for it proves
nothing: what is not a route may be another one's, or a page."""
_DENIALS: Final = 3
"""How often in a row a job has to be unknown before it counts as lost: not every machine of the service may know it at
the same moment."""


class Jobs:
    """Job status of one account. Remembers which contract works."""

    def __init__(self, line: Line, wording: Wording, contract: str) -> None:
        """``contract``: ``a``, ``b``, or ``auto`` (B first)."""
        self._line = line
        self._wording = wording
        self._contracts = ["b", "a"] if contract == "auto" else [contract]
        self._denied: dict[str, int] = {}

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        """Ask once. An answer that cannot be used leaves the job running: it is asked again later."""
        missing: list[Exchange] = []
        troubles: list[JobReport] = []
        for contract in tuple(self._contracts):
            exchange = await self._line.read(_ROUTES[contract](job_id), tries=1)
            if exchange.status is None or exchange.status in _OF_BOTH:
                return self._trouble(exchange)
            if exchange.status == 200 and exchange.whole:
                told = await self._line.judged(exchange.body, partial(self._told, exchange.body, items))
                if told is not None:
                    self._contracts = [contract]
                    self._denied.pop(job_id, None)
                    return told
                troubles.append(_running("Gameball's answer about the job cannot be read."))
            elif exchange.whole and (exchange.status == 404 or _no_route(exchange)):
                missing.append(exchange)
            else:
                troubles.append(self._trouble(exchange))
        return troubles[0] if troubles else self._not_found(job_id, items, missing)

    def _told(self, body: bytes, items: Sequence[Item]) -> JobReport | None:
        status = read_status(body, self._wording)
        if status is None:
            return None
        outcomes = outcomes_of(status, items, self._wording)
        said = f"Gameball says that the job is {status.word}."
        return JobReport(status.state, outcomes, said, told=True, undone=status.undone)

    async def stop(self, job_id: str) -> None:
        """Ask once. What becomes of what was carried out by then neither contract says (docs/services.md, Stopping a
        job): afterwards only the list of transactions tells."""
        for contract in tuple(self._contracts):
            method, route = _STOPS[contract]
            exchange = await self._line.ask(method, route(job_id))
            if not _no_route(exchange):
                return

    async def routes(self) -> Sequence[str]:
        """Which contracts' routes exist, by asking for a job that does not; for ``doctor``."""
        found = []
        for contract in self._contracts:
            exchange = await self._line.read(_ROUTES[contract]("0"), tries=2)
            if exchange.status is not None and exchange.status < 500 and not _no_route(exchange):
                found.append(contract.upper())
        return found

    def _not_found(self, job_id: str, items: Sequence[Item], missing: Sequence[Exchange]) -> JobReport:
        answered = [exchange for exchange in missing if not _no_route(exchange)]
        if not answered:
            name = self._wording.variable("GAMEBALL_STATUS_CONTRACT")
            return _running(f"Gameball does not answer at the documented addresses for job status; see {name}.")
        for exchange in answered:
            if not is_own_error(exchange.body, self._wording):
                return self._trouble(exchange)  # a proxy's page says nothing of any job
        denied = self._denied.get(job_id, 0) + 1
        self._denied[job_id] = denied
        if denied < _DENIALS:
            return _running("Gameball does not know the job yet.")
        outcomes = {item.award_id: Outcome(OutcomeKind.UNKNOWN, REPORT_LOST) for item in items}
        return JobReport(JobState.LOST, outcomes, "Gameball does not know the job (any more).")

    def _trouble(self, exchange: Exchange) -> JobReport:
        if exchange.status is None or exchange.error is not None:
            return _running(f"Gameball could not be asked: {exchange.trouble}.")
        words = self._wording.words(exchange.body)
        said = f"{exchange.status}: {words}" if words else str(exchange.status)
        detail = f"Gameball did not say how the job is ({said})."
        if exchange.status in (401, 403):
            names = " and ".join(map(self._wording.variable, ("GAMEBALL_API_KEY", "GAMEBALL_SECRET_KEY")))
            kind = PauseKind.KEY if exchange.status == 401 else PauseKind.ACCESS
            text = f"{detail} The job itself goes on. Correct {names}, restart, then resume the batch."
            return JobReport(JobState.RUNNING, {}, detail, pause=Pause(kind, text))
        if exchange.status == 429:
            return JobReport(JobState.RUNNING, {}, detail, wait_seconds=exchange.wait)
        return _running(detail)


def _no_route(exchange: Exchange) -> bool:
    """Nothing is there, or nothing that can be asked in this way."""
    return exchange.status == 405 or (exchange.status == 404 and not exchange.body.strip())


def _running(detail: str) -> JobReport:
    return JobReport(JobState.RUNNING, {}, detail)
