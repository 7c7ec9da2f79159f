"""Every kind of fault: what the client sees of it, and what the books say of it. The table stands first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest

from bot.sandbox.kinds import KINDS
from tests.sandbox.conftest import Client
from tests.sandbox.seeing import (
    IDS,
    credentials_body,
    seen_by,
)
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox


@dataclass(frozen=True)
class Case:
    """One fault. ``seen`` is what a client with a time-out of a second gets; ``applied`` how many awards happen."""

    kind: str
    seen: str
    applied: int
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join((self.kind, *(f"{name}={value}" for name, value in self.params.items())))


def cases(kind: str, seen: str, applied: int, /, **params: Any) -> Case:
    return Case(kind, seen, applied, params)


# seen: "gone" no answer line at all · "timeout" · "bad status line" · "cut body" · or the status, then what the body is
DRIP = [
    cases("reset-mid-upload", "gone", 0),
    cases("reset-mid-upload", "gone", 0, how="close"),
    cases("stall-mid-upload", "timeout", 0),
    cases("reset-before-apply", "gone", 0),
    cases("reset-before-apply", "gone", 0, how="close"),
    cases("reset-after-apply", "gone", 4),
    cases("reset-after-apply", "gone", 4, how="close"),
    cases("apply-late", "gone", 4, after=0.3),
    cases("apply-late", "gone", 4, after=0.3, answer="close"),
    cases("apply-late", "timeout", 4, after=0.3, answer="never"),
    cases("apply-late", "504 json", 4, after=0.3, answer="504"),
    cases("apply-twice", "200 whole", 8),
    cases("apply-some", "gone", 2),
    cases("apply-some", "500 json", 1, share=0.25, answer="500"),
    cases("stall", "timeout", 0),
    cases("stall", "timeout", 4, applied=True),
    cases("slow", "200 whole", 4, ms=50),
    cases("slow", "timeout", 4, ms=60_000),
    cases("held", "timeout", 4),
    cases("close-after-answer", "200 whole", 4),
    cases("cut-headers", "gone", 4),
    cases("cut-headers", "gone", 0, applied=False, bytes=40),
    cases("garbage-status", "bad status line", 4),
    cases("garbage-status", "bad status line", 0, applied=False),
    cases("cut-body", "cut body", 4),
    cases("cut-body", "cut body", 4, how="reset"),
    cases("cut-body", "cut body", 4, how="chunked"),
    cases("cut-body", "cut body", 0, applied=False),
    cases("broken-json", "200 text", 4),
    cases("html-200", "200 html", 4),
    cases("html-200", "200 html", 0, applied=False),
    cases("empty-200", "200 empty", 4),
    cases("wrong-types", "200 json", 4),
    cases("success-false", "200 unsuccessful", 0),
    cases("success-false", "200 unsuccessful", 4, applied=True),
    cases("huge-200", "200 huge", 4, bytes=3_000_000),
    cases("deep-200", "200 text", 4, depth=5000),
    cases("partial-answer", "200 half", 4),
    cases("partial-answer", "200 half", 2, applied=False),
    cases("redirect", "307 empty", 0),
    cases("redirect", "303 empty", 4, status=303, applied=True),
    cases("401", "401 json", 0),
    cases("403", "403 json", 0),
    cases("404", "404 json", 0),
    cases("409", "409 json", 0),
    cases("413", "413 json", 0),
    cases("422", "422 json", 0),
    cases("400-currency", "400 json", 0),
    cases("429", "429 json", 0),
    cases("quota", "429 json", 0),
    *(
        cases(status, f"{status} {body}", 4 * applied, applied=applied, body=body)
        for status in ("408", "500", "502", "503", "504")
        for applied in (False, True)
        for body in ("json", "html")
    ),
    cases("status", "202 json", 4, status=202, applied=True),
    cases("status", "500 empty", 0, status=500, body="empty"),
]


def test_the_table_has_every_kind_that_meets_a_call() -> None:
    met = {one.kind for one in DRIP}
    others = {kind for kind, spec in KINDS.items() if spec.gameball_job or spec.effect == "none"}
    assert met | others == set(KINDS)
    assert not met & others


async def settled(sandbox: Sandbox, service: str, count: int) -> list[dict[str, Any]]:
    """The book once it has so many entries; late changes are waited for."""
    applied: list[dict[str, Any]] = await eventually(lambda: sandbox.applied(service), lambda one: len(one) >= count)
    return applied


@pytest.mark.parametrize("case", DRIP, ids=str)
async def test_a_fault_on_the_credentials_call(drip: Client, sandbox: Sandbox, case: Case) -> None:
    await sandbox.seed(discord_ids=IDS)
    await sandbox.faults({"match": {"path": "credentials/transaction"}, "kind": case.kind, **case.params})

    seen = await seen_by(drip, "PATCH", "/credentials/transaction", credentials_body())

    assert seen == case.seen
    await sandbox.faults()
    assert (await drip.get(""))[0] == 200  # the service is well after it
    applied = await settled(sandbox, "drip", case.applied)
    assert len(applied) == case.applied
    (call,) = [one for one in await sandbox.calls("drip") if one["method"] == "PATCH"]
    assert (call["fault"], call["applied"]) == (case.kind, case.applied)
    if case.kind == "apply-late":
        assert all(one["at"] - call["at"] >= 0.28 for one in applied)


@pytest.mark.parametrize(
    "case",
    [
        cases("reset-after-apply", "gone", 4),
        cases("apply-twice", "200 whole", 8),
        cases("apply-some", "gone", 0),  # a single transaction: what dies midway is undone
        cases("partial-answer", "200 half", 4),
        cases("success-false", "200 unsuccessful", 0),
        cases("502", "502 json", 4, applied=True),
        cases("cut-body", "cut body", 4),
    ],
    ids=str,
)
async def test_a_fault_on_the_members_call(drip: Client, sandbox: Sandbox, case: Case) -> None:
    ids = (await sandbox.seed(discord_ids=IDS))["members"]
    await sandbox.faults({"match": {"service": "drip", "method": "PATCH"}, "kind": case.kind, **case.params})
    body = {"updates": [{"dripId": one, "amount": 5} for one in ids]}
    assert await seen_by(drip, "PATCH", "/members/transaction", body) == case.seen
    assert len(await sandbox.applied("drip")) == case.applied


@pytest.mark.parametrize(
    "case",
    [
        cases("reset-before-apply", "gone", 0),
        cases("reset-after-apply", "gone", 4),
        cases("apply-late", "gone", 4, after=0.2),
        cases("apply-twice", "200 json", 8),
        cases("partial-answer", "200 json", 4),
        cases("wrong-types", "200 json", 4),
        cases("html-200", "200 html", 4),
        cases("429", "429 empty", 0),
        cases("401", "401 json", 0),
        cases("403", "403 json", 0),
        cases("503", "503 json", 4, applied=True),
        cases("job-never-finishes", "200 json", 2),
        cases("job-lost", "200 json", 4),
        cases("job-lost", "200 json", 0, applied=False),
        cases("job-fails-all", "200 json", 0),
        cases("job-partial", "200 json", 4),
        cases("job-partial", "200 json", 2, applied=False),
        cases("stopped", "200 json", 2),
    ],
    ids=str,
)
async def test_a_fault_on_the_gameball_batch(gameball: Client, sandbox: Sandbox, case: Case) -> None:
    await sandbox.seed(customers=[{"id": one} for one in IDS])
    await sandbox.faults({"match": {"service": "gameball"}, "kind": case.kind, **case.params})
    body = {"body": [{"customerId": one, "amount": 5, "reason": "why"} for one in IDS]}

    assert await seen_by(gameball, "POST", "/batch/balance-adjustment", body) == case.seen

    await sandbox.faults()
    assert len(await settled(sandbox, "gameball", case.applied)) == case.applied


@pytest.mark.parametrize(
    ("kind", "params", "status", "named"),
    [
        ("job-never-finishes", {}, "running", 2),
        ("job-fails-all", {}, "failed", 4),
        ("job-partial", {}, "completed", 2),
        ("job-partial", {"share": 0.25, "applied": False}, "completed", 1),
        ("stopped", {}, "stopped", 0),
    ],
)
async def test_a_faulty_job_tells_of_itself_what_its_kind_says(
    gameball: Client, sandbox: Sandbox, kind: str, params: dict[str, Any], status: str, named: int
) -> None:
    await sandbox.seed(customers=[{"id": one} for one in IDS])
    await sandbox.faults({"kind": kind, **params})
    body = {"body": [{"customerId": one, "amount": 5} for one in IDS]}
    number = (await gameball.post("/batch/balance-adjustment", body))[2]["jobId"]
    _, _, answer = await eventually(lambda: gameball.get(f"/batch/{number}"), lambda one: one[2]["status"] == status)
    report = answer["response"] or {"successful": [], "failed": []}
    assert len(report["successful"]) + len(report["failed"]) == named


async def test_a_lost_job_is_not_found(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True})
    await sandbox.faults({"kind": "job-lost"})
    number = (await gameball.post("/batch/balance-adjustment", {"body": [{"customerId": "a", "amount": 1}]}))[2]
    status, _, answer = await gameball.get(f"/batch/{number['jobId']}")
    assert (status, answer["code"]) == (404, 4004)


async def test_a_batch_answer_can_lose_its_job_id(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True})
    await sandbox.faults({"kind": "partial-answer"})
    assert (await gameball.post("/batch/balance-adjustment", {"body": [{"customerId": "a", "amount": 1}]}))[2] == {}


async def test_a_429_says_when_to_come_back_as_asked(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.faults({"kind": "429", "retry_after": 7})
    _, headers, body = await drip.get("")
    assert (headers["retry-after"], body["retryAfter"]) == ("7", 7)
    await sandbox.faults({"kind": "503", "retry_after": 9})
    assert (await drip.get(""))[1]["retry-after"] == "9"


async def test_a_held_call_is_answered_once_the_faults_are_others(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS)
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "held"})
    held = asyncio.create_task(drip.patch("/credentials/transaction", credentials_body()))
    await eventually(partial(sandbox.applied, "drip"), lambda applied: len(applied) == 4)
    assert not held.done()
    await sandbox.faults()
    assert (await held)[0] == 200


async def test_a_followed_303_looks_like_success_and_nothing_happened(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS)
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "redirect", "status": 303})
    async with drip.session.patch(drip.root + "/credentials/transaction", json=credentials_body()) as answer:
        assert (answer.status, answer.method, (await answer.json())["success"]) == (200, "GET", True)
    assert await sandbox.applied("drip") == []


async def test_a_followed_307_is_sent_again(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS)
    await sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "redirect", "applied": True})
    async with drip.session.patch(drip.root + "/credentials/transaction", json=credentials_body()) as answer:
        assert answer.status == 200
    assert len(await sandbox.applied("drip")) == 8


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_refused_connection_is_dropped_before_anything_is_read(
    drip: Client, sandbox: Sandbox, how: str
) -> None:
    await sandbox.seed(discord_ids=IDS)
    assert (await drip.get(""))[0] == 200  # leaves a connection behind, which must not be used
    await sandbox.faults({"match": {"service": "drip", "nth": 1}, "kind": "refuse-before", "how": how})
    assert await seen_by(drip, "PATCH", "/credentials/transaction", credentials_body()) == "gone"
    assert [one["method"] for one in await sandbox.calls("drip")] == ["GET"]
    assert await seen_by(drip, "PATCH", "/credentials/transaction", credentials_body()) == "200 whole"
    assert len(await sandbox.applied("drip")) == 4


async def test_refused_connections_of_one_service_leave_the_other_alone(
    drip: Client, gameball: Client, sandbox: Sandbox
) -> None:
    await sandbox.faults({"match": {"service": "drip"}, "kind": "refuse-before"})
    assert (await gameball.get("/transactions/count"))[0] == 200
    with pytest.raises(aiohttp.ClientConnectionError):
        await drip.get("")
