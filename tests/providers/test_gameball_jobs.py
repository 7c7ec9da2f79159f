"""Following a Gameball job to its end, under both documented contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import PauseKind, ProviderKind
from bot.providers.base import JobReport, JobState

from .support import (
    D1,
    D2,
    Call,
    Reply,
    Service,
    discord,
    item,
    provider_of,
)

KIND = ProviderKind.GAMEBALL
APPLIED, REJECTED, UNKNOWN = OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN
TWO = [item(1, discord(D1), 50, reason="Weekly quiz"), item(2, discord(D2), -20)]
ROOT = "/api/v4.0/integrations"


def envelope(code: int, message: str = "no") -> dict[str, Any]:
    return {"code": code, "type": "PAYLOAD_ERROR", "message": message, "documentationUrl": "u", "requestId": "r-1"}


def job_b(status: str, successful: object = None, failed: object = None, **more: object) -> dict[str, Any]:
    response = None if successful is None and failed is None else {"successful": successful, "failed": failed}
    return {"operation": "x", "status": status, "totalCount": 2, "finishedCount": 1, "errorCount": 1,
            "createdAt": "t", "startedAt": None, "response": response, **more}  # fmt: skip


def good(customer: str, **more: object) -> dict[str, Any]:
    return {"customerId": customer, "message": "done", **more}


async def followed(service: Service, *replies: Reply, contract: str = "b", polls: int = 1) -> JobReport:
    service.replies(*replies)
    async with provider_of(KIND, service, account={"status_contract": contract}) as provider:
        for _ in range(polls):
            report = await provider.follow("5003", TWO)
    return report


JOBS: list[tuple[str, object, JobState, dict[int, OutcomeKind]]] = [
    ("b: queued", job_b("queued"), JobState.RUNNING, {}),
    ("b: running, one done", job_b("Running", [good(D1)], [good(D2)]), JobState.RUNNING, {1: APPLIED}),
    ("b: in progress", job_b("in progress"), JobState.RUNNING, {}),
    ("b: a word nobody knows", job_b("levitating", [good(D1)]), JobState.RUNNING, {1: APPLIED}),
    ("b: completed", job_b("completed", [good(D1)], [{"customerId": D2, "message": "No customer"}]),
     JobState.FINISHED, {1: APPLIED, 2: REJECTED}),
    ("b: one not named", job_b("COMPLETED", [good(D1)], []), JobState.FINISHED, {1: APPLIED, 2: UNKNOWN}),
    ("b: counts say all, nobody is named", job_b("completed", [], [], totalCount=2, finishedCount=2, errorCount=0),
     JobState.FINISHED, {1: UNKNOWN, 2: UNKNOWN}),
    ("b: one in both", job_b("completed", [good(D1), good(D2)], [good(D2)]), JobState.FINISHED,
     {1: APPLIED, 2: UNKNOWN}),
    ("b: all failed", job_b("failed", [], [{"customerId": D1, "error": "boom"}, good(D2)]), JobState.FINISHED,
     {1: REJECTED, 2: REJECTED}),
    ("b: a success with an error", job_b("completed", [good(D1, error="no"), good(D2)], []), JobState.FINISHED,
     {1: UNKNOWN, 2: APPLIED}),
    ("b: a failure that says success", job_b("completed", [], [good(D1, success=True), good(D2)]), JobState.FINISHED,
     {1: UNKNOWN, 2: REJECTED}),
    ("b: stopped", job_b("stopped"), JobState.LOST, {1: UNKNOWN, 2: UNKNOWN}),
    ("b: stopped with a report", job_b("Stopped", [good(D1)], []), JobState.LOST, {1: APPLIED, 2: UNKNOWN}),
    ("b: stopped, one failed", job_b("stopped", [good(D1)], [{"customerId": D2, "message": "No customer"}]),
     JobState.LOST, {1: APPLIED, 2: UNKNOWN}),
    ("a: pending", {"batchId": "5003", "status": "pending", "results": [], "errors": []}, JobState.RUNNING, {}),
    ("a: completed", {"status": "completed", "results": [good(D1)], "errors": [{"customerId": D2, "error": "x"}]},
     JobState.FINISHED, {1: APPLIED, 2: REJECTED}),
    ("a: its own errors", {"status": "completed", "results": [{"customerId": D1, "status": "failed"},
                                                              {"customerId": D2, "success": True}]},
     JobState.FINISHED, {1: REJECTED, 2: APPLIED}),
    ("a: of two minds", {"status": "completed", "results": [{"customerId": D1, "status": "success", "error": "x"},
                                                            good(D2)], "errors": [good(D2)]},
     JobState.FINISHED, {1: UNKNOWN, 2: UNKNOWN}),
    ("a: states that are no success", {"status": "processing", "results": [{"customerId": D1, "status": "pending"},
                                                                          {"customerId": D2, "status": "queued"}]},
     JobState.RUNNING, {}),
    ("a: skipped, and a number", {"status": "completed", "results": [{"customerId": D1, "status": "skipped"},
                                                                      {"customerId": D2, "status": 404}]},
     JobState.FINISHED, {1: UNKNOWN, 2: UNKNOWN}),
    ("a: failures among the results", {"status": "completed", "processedItems": 2, "failedItems": 1, "errors": [],
                                       "results": [{"customerId": D1, "code": 7000}, good(D2, status="success")]},
     JobState.FINISHED, {1: UNKNOWN, 2: APPLIED}),
    ("a: results before anything was processed", {"status": "processing", "processedItems": 0,
                                                  "results": [{"customerId": D1}, {"customerId": D2}]},
     JobState.RUNNING, {}),
    ("a: results of a job that has not begun, without counts", {"status": "pending", "results": [good(D1), good(D2)]},
     JobState.RUNNING, {}),
    ("a: results of a job that was stopped, without counts", {"status": "stopped", "results": [good(D1), good(D2)]},
     JobState.LOST, {1: UNKNOWN, 2: UNKNOWN}),
    ("a: results so far, as counted", {"status": "processing", "processedItems": 1, "results": [good(D1)]},
     JobState.RUNNING, {1: APPLIED}),
    ("a: results of a job that failed", {"status": "failed", "results": [{"customerId": D1}, {"customerId": D2}]},
     JobState.FINISHED, {1: UNKNOWN, 2: UNKNOWN}),
    ("a: counts that agree", {"status": "completed", "processedItems": 2, "failedItems": 1, "results": [good(D1)],
                              "errors": [{"customerId": D2, "error": "x"}]},
     JobState.FINISHED, {1: APPLIED, 2: REJECTED}),
    ("b: a success that is not over", job_b("completed", [good(D1, status="pending"), good(D2)], []),
     JobState.FINISHED, {1: UNKNOWN, 2: APPLIED}),
    ("nonsense inside", job_b("completed", [1, None, {"customerId": 5}], "x"), JobState.FINISHED,
     {1: UNKNOWN, 2: UNKNOWN}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "state", "expected"), JOBS, ids=[job[0] for job in JOBS])
async def test_a_job_is_judged_by_what_names_each_customer(
    service: Service, name: str, body: object, state: JobState, expected: dict[int, OutcomeKind]
) -> None:
    report = await followed(service, Reply(body=body), contract=name[0] if name[1] == ":" else "b")
    assert report.state is state
    assert {award: outcome.kind for award, outcome in report.outcomes.items()} == expected
    assert all(outcome.detail for outcome in report.outcomes.values() if outcome.kind is not APPLIED)


async def test_the_reason_of_a_failure_is_repeated(service: Service) -> None:
    failed = [{"customerId": D2, "message": "No Player with this External ID"}]
    report = await followed(service, Reply(body=job_b("completed", [good(D1)], failed)))
    assert report.outcomes[2].detail == (
        "Gameball refused it: nobody is known there under this id (No Player with this External ID)."
    )


async def test_two_awards_of_one_customer_cannot_be_told_apart(service: Service) -> None:
    service.replies(Reply(body=job_b("completed", [good(D1)])))
    async with provider_of(KIND, service) as provider:
        report = await provider.follow("1", [*TWO[:1], item(3, discord(D1))])
    assert {outcome.kind for outcome in report.outcomes.values()} == {UNKNOWN}


def only(contract: str, reply: Reply) -> Any:
    def answering(call: Call) -> Reply:
        route = "a" if call.path.endswith("/status") else "b"
        return reply if route == contract else Reply(404, b"")

    return answering


@pytest.mark.parametrize("contract", ["a", "b"])
async def test_the_contract_that_works_is_found_and_remembered(service: Service, contract: str) -> None:
    service.answering = only(contract, Reply(body=job_b("completed", [good(D1), good(D2)])))
    async with provider_of(KIND, service) as provider:
        assert (await provider.follow("a/b", TWO)).state is JobState.FINISHED
        tried = len(service.calls)
        assert (await provider.follow("7", TWO)).state is JobState.FINISHED
    assert tried == (1 if contract == "b" else 2)
    assert len(service.calls) == tried + 1
    first, last = service.calls[tried - 1].path, service.calls[-1].path
    if contract == "b":
        assert (first, last) == (f"{ROOT}/batch/a%2Fb", f"{ROOT}/batch/7")
    else:
        assert (first, last) == (f"{ROOT}/batches/a%2Fb/status", f"{ROOT}/batches/7/status")


NOT_MEANT = [
    Reply(405, b""),
    Reply(405, {"message": "The requested resource does not support http method 'GET'."}),
    Reply(400, envelope(3003)),
    Reply(500, envelope(5000)),
    Reply(501, b""),
    Reply(302, b""),
    Reply(200, b"<html>the documentation</html>"),
    Reply(200, {"message": "welcome"}),
]


@pytest.mark.parametrize("reply", NOT_MEANT, ids=lambda reply: f"{reply.status} {str(reply.body)[:12]}")
async def test_what_stands_at_the_other_contracts_address_does_not_hide_the_one_that_works(
    service: Service, reply: Reply
) -> None:
    failed = [{"customerId": D2, "message": "no"}]
    ended = Reply(body={"status": "completed", "results": [good(D1)], "errors": failed})
    service.answering = lambda call: ended if call.path.endswith("/status") else reply
    async with provider_of(KIND, service, account={"status_contract": "auto"}) as provider:
        report = await provider.follow("7", TWO)
        assert {one: told.kind for one, told in report.outcomes.items()} == {1: APPLIED, 2: REJECTED}
        await provider.follow("8", TWO)
    assert service.paths[-1] == f"{ROOT}/batches/8/status"
    assert len(service.calls) == 3


@pytest.mark.parametrize("reply", NOT_MEANT[2:], ids=lambda reply: f"{reply.status} {str(reply.body)[:12]}")
async def test_beside_an_answer_that_tells_nothing_the_other_contract_denies_no_job(
    service: Service, reply: Reply
) -> None:
    service.answering = lambda call: Reply(404, envelope(4004)) if call.path.endswith("/status") else reply
    async with provider_of(KIND, service, account={"status_contract": "auto"}) as provider:
        assert {(await provider.follow("7", TWO)).state for _ in range(5)} == {JobState.RUNNING}


@pytest.mark.parametrize(
    ("named", "kinds"),
    [
        (lambda one: {"customerId": int(one)}, {1: APPLIED, 2: REJECTED}),
        (lambda one: {"playerUniqueId": one}, {1: APPLIED, 2: REJECTED}),
        (lambda one: {"customerId": float(one)}, {1: UNKNOWN, 2: UNKNOWN}),
        (lambda one: {"customerId": int(float(one))}, {1: UNKNOWN, 2: UNKNOWN}),
        (lambda one: {"customerId": True}, {1: UNKNOWN, 2: UNKNOWN}),
    ],
    ids=["a number", "the older name", "a fraction", "a number that was rounded", "a word"],
)
async def test_a_customer_is_known_by_number_too_unless_that_may_have_been_rounded(
    service: Service, named: Callable[[str], dict[str, object]], kinds: dict[int, OutcomeKind]
) -> None:
    report = await followed(service, Reply(body=job_b("completed", [named(D1)], [{**named(D2), "message": "no"}])))
    assert {one: told.kind for one, told in report.outcomes.items()} == kinds


async def test_a_number_that_rounding_makes_is_nobodys(service: Service) -> None:
    """The row may be that of anybody whose id is rounded to it."""
    rounded = item(3, discord("100000000000000000"))
    service.replies(Reply(body=job_b("completed", [{"customerId": 100000000000000000}], [])))
    async with provider_of(KIND, service) as provider:
        assert (await provider.follow("7", [rounded])).outcomes[3].kind is UNKNOWN


def counted(word: str, **counts: object) -> dict[str, object]:
    return {"status": word, "results": [], "errors": [], "response": None, **counts}


@pytest.mark.parametrize(
    ("body", "undone"),
    [
        (counted("completed"), False),
        (counted("completed", totalCount=2, finishedCount=1, errorCount=1), False),
        (counted("completed", totalCount=2, finishedCount=1, errorCount=0), True),
        (counted("Completed", totalCount=2, finishedCount=0), True),
        (counted("completed", totalCount=0, finishedCount=0, errorCount=0), False),
        (counted("completed", totalCount=2), False),
        (counted("completed", totalItems=2, processedItems=1, failedItems=0), True),
        (counted("completed", totalItems=2, processedItems=2, failedItems=1), False),
        (counted("failed", totalCount=2, finishedCount=0, errorCount=0), False),
        (counted("stopped", totalCount=2, finishedCount=0, errorCount=0), False),
        (counted("running", totalCount=2, finishedCount=0, errorCount=0), False),
    ],
)
async def test_a_job_that_is_complete_and_whose_counts_leave_some_says_so(
    service: Service, body: dict[str, object], undone: bool
) -> None:
    assert (await followed(service, Reply(body=body))).undone is undone


async def test_a_job_that_is_denied_again_and_again_is_lost(service: Service) -> None:
    denied = Reply(404, envelope(4004))
    for polls, state in ((1, JobState.RUNNING), (2, JobState.RUNNING), (3, JobState.LOST)):
        report = await followed(service, denied, contract="auto", polls=polls)
        assert report.state is state
    assert {outcome.kind for outcome in report.outcomes.values()} == {UNKNOWN}


async def test_a_denial_is_forgotten_once_the_job_is_known(service: Service) -> None:
    denied, running = Reply(404, envelope(4004)), Reply(body=job_b("running"))
    service.replies(denied, denied, running, denied, denied, denied)
    async with provider_of(KIND, service, account={"status_contract": "b"}) as provider:
        states = [(await provider.follow("5003", TWO)).state for _ in range(6)]
    assert states == [JobState.RUNNING] * 5 + [JobState.LOST]


@pytest.mark.parametrize("page", [b"<html>404 page not found</html>", b"default backend - 404", b'{"status":404}'])
@pytest.mark.parametrize("other", [None, b"", envelope(4004)], ids=["the same", "no route", "denied"])
async def test_a_page_from_in_front_of_the_service_does_not_deny_a_job(
    service: Service, page: bytes, other: object
) -> None:
    """It may be queued all the same, and would be made a second time."""
    answers = {"b": Reply(404, page), "a": Reply(404, page if other is None else other)}
    service.answering = lambda call: answers["a" if call.path.endswith("/status") else "b"]
    async with provider_of(KIND, service, account={"status_contract": "auto"}) as provider:
        reports = [await provider.follow("5003", TWO) for _ in range(5)]
    assert {report.state for report in reports} == {JobState.RUNNING}
    assert not any(report.told or report.outcomes for report in reports)


async def test_without_any_route_the_job_is_not_given_up(service: Service) -> None:
    report = await followed(service, Reply(404, b""), contract="auto", polls=4)
    assert report.state is JobState.RUNNING
    assert report.detail is not None
    assert "GAMEBALL_STATUS_CONTRACT" in report.detail


@pytest.mark.parametrize(
    ("reply", "pause", "wait"),
    [
        (Reply(401, envelope(1000)), PauseKind.KEY, None),
        (Reply(403, envelope(1002)), PauseKind.ACCESS, None),
        (Reply(429, b""), None, 1),
        (Reply(500, b"<html>"), None, None),
        (Reply(400, envelope(3000)), None, None),
        (Reply(200, b"<html>"), None, None),
        (Reply(200, {"status": 5}), None, None),
        (Reply(200, []), None, None),
    ],
)
async def test_a_question_that_fails_leaves_the_job_running(
    service: Service, reply: Reply, pause: PauseKind | None, wait: float | None
) -> None:
    report = await followed(service, reply)
    assert report.state is JobState.RUNNING
    assert report.outcomes == {}
    assert (report.pause.kind if report.pause else None) is pause
    assert report.wait_seconds == wait
    assert report.detail
    assert len(service.calls) == 1, "follow asks once"


async def test_a_service_that_is_away_leaves_the_job_running() -> None:
    service = Service()
    service.url = "http://127.0.0.1:1"
    async with provider_of(KIND, service) as provider:
        report = await provider.follow("1", TWO)
    assert report.state is JobState.RUNNING
    assert report.detail == "Gameball could not be asked: it refused the connection."
