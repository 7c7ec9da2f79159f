"""Gameball as the stand-in has it: jobs under both contracts, the transaction list, manual transactions, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.sandbox.conftest import Client
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox

BATCH = "/batch/balance-adjustment"


def row(customer: str, amount: float, reason: str | None = "why") -> dict[str, Any]:
    return {"customerId": customer, "amount": amount, **({} if reason is None else {"reason": reason})}


async def started(gameball: Client, *rows: dict[str, Any]) -> int:
    status, _, answer = await gameball.post(BATCH, {"body": list(rows)})
    assert status == 200
    assert list(answer) == ["jobId"]
    number = answer["jobId"]
    assert isinstance(number, int)
    return number


async def until(gameball: Client, path: str, done: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted."""
    _, _, answer = await eventually(lambda: gameball.get(path), lambda one: bool(one[0] == 200 and done(one[2])))
    return answer


def over(answer: Any) -> bool:
    return answer["status"].lower() in ("completed", "failed", "stopped")


async def finished(gameball: Client, number: int) -> Any:
    return await until(gameball, f"/batch/{number}", over)


async def test_a_job_reports_each_customer_once_it_is_worked_off(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a", "balance": 5}, {"id": "b"}])
    number = await started(gameball, row("a", 10), row("nobody", 1), row("b", -1, None), row("nobody2", 1))

    answer = await finished(gameball, number)

    assert set(answer) == {
        "operation", "status", "createdAt", "startedAt", "totalCount", "finishedCount", "errorCount", "response",
    }  # fmt: skip
    assert (answer["status"], answer["totalCount"], answer["finishedCount"], answer["errorCount"]) == (
        "completed",
        4,
        2,
        2,
    )
    assert [one["customerId"] for one in answer["response"]["successful"]] == ["a", "b"]
    failed = answer["response"]["failed"]
    assert [one["customerId"] for one in failed] == ["nobody", "nobody2"]
    assert [set(one) - {"customerId"} for one in failed] == [{"message"}, {"error"}]
    applied = await sandbox.applied("gameball")
    assert [(one["recipient"], one["amount"], one["effect"], one["reason"]) for one in applied] == [
        ("a", 10, 10, "why"),
        ("b", -1, 0, None),  # capped at zero
    ]
    call = (await sandbox.calls("gameball"))[0]
    assert (call["items"], call["applied"]) == (4, 2)


async def test_a_job_is_queued_then_running_then_completed(gameball: Client, sandbox: Sandbox) -> None:
    rows = [row(f"c{one}", 1) for one in range(8)]
    await sandbox.switches(gameball={"open": True, "job_delay": 1000})
    queued = (await gameball.get(f"/batch/{await started(gameball, *rows)}"))[2]
    assert (queued["status"], queued["totalCount"], queued["startedAt"], queued["response"]) == (
        "queued",
        0,
        None,
        None,
    )
    await sandbox.switches(gameball={"job_delay": 0, "job_seconds": 1000})
    path = f"/batch/{await started(gameball, *rows)}"
    running = await until(gameball, path, lambda one: one["status"] != "queued")
    assert (running["status"], running["totalCount"], running["finishedCount"]) == ("running", 8, 2)
    assert [one["customerId"] for one in running["response"]["successful"]] == ["c0", "c1"]
    await sandbox.switches(gameball={"job_seconds": 0.04})
    assert (await finished(gameball, await started(gameball, *rows)))["finishedCount"] == 8


async def test_contract_a_has_its_own_addresses_names_and_words(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a"}])
    await sandbox.switches(gameball={"contract": "a", "job_delay": 1000})
    number = await started(gameball, row("a", 3))
    status, _, answer = await gameball.get(f"/batch/{number}")
    assert (status, answer) == (404, None)
    pending = (await gameball.get(f"/batches/{number}/status"))[2]
    assert (pending["batchId"], pending["status"], pending["progress"]) == (str(number), "pending", 0)

    await sandbox.switches(gameball={"job_delay": 0})
    number = await started(gameball, row("a", 3), row("nobody", 1))
    answer = await until(gameball, f"/batches/{number}/status", over)

    assert set(answer) == {
        "batchId", "status", "progress", "totalItems", "processedItems", "failedItems", "results", "errors",
    }  # fmt: skip
    assert (answer["totalItems"], answer["processedItems"], answer["failedItems"]) == (2, 2, 1)
    assert [one["customerId"] for one in answer["results"]] == ["a"]
    assert [one["customerId"] for one in answer["errors"]] == ["nobody"]


async def test_an_absent_route_is_told_from_an_unknown_job_by_its_empty_body(
    gameball: Client, sandbox: Sandbox
) -> None:
    assert (await gameball.get("/batch/99"))[2]["code"] == 4004
    assert (await gameball.get("/batches/99/status"))[0::2] == (404, None)
    await sandbox.switches(gameball={"contract": "both"})
    assert (await gameball.get("/batches/99/status"))[2]["code"] == 4004
    old = Client(gameball.session, f"{sandbox.gameball_url}/api/v4/integrations")
    assert (await old.get("/batch/99"))[0::2] == (404, None)


async def test_a_job_whose_items_all_fail_is_failed(gameball: Client) -> None:
    answer = await finished(gameball, await started(gameball, row("nobody", 1)))
    assert (answer["status"], answer["errorCount"], answer["response"]["successful"]) == ("failed", 1, [])


async def test_a_status_may_be_capitalised(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True, "status_case": "title"})
    assert (await finished(gameball, await started(gameball, row("a", 1))))["status"] == "Completed"


async def test_a_customer_twice_is_paid_twice_and_reported_once(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True})
    answer = await finished(gameball, await started(gameball, row("a", 1), row("a", 2)))
    assert (len(answer["response"]["successful"]), answer["finishedCount"]) == (1, 2)
    assert (await sandbox.totals())["gameball"]["points"] == {"awards": 2, "sum": 3, "effect": 3}


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/batch/{}"), ("POST", "/batches/{}/stop")])
async def test_a_stopped_job_keeps_what_it_did_and_loses_its_report(
    gameball: Client, sandbox: Sandbox, method: str, path: str
) -> None:
    await sandbox.switches(gameball={"open": True, "contract": "both", "job_seconds": 1000, "job_steps": 4})
    number = await started(gameball, *(row(f"c{one}", 1) for one in range(8)))
    await until(gameball, f"/batch/{number}", lambda one: one["status"] == "running")
    assert (await gameball.call(method, path.format(number)))[0] == 200
    answer = (await gameball.get(f"/batch/{number}"))[2]
    assert (answer["status"], answer["finishedCount"], answer["response"]) == ("stopped", 0, None)
    assert len(await sandbox.applied("gameball")) == 2
    assert (await gameball.call(method, path.format(number)))[0] == 422
    await sandbox.switches(gameball={"stopped_report": "kept"})
    kept = (await gameball.get(f"/batch/{number}"))[2]
    assert len(kept["response"]["successful"]) == 2


@pytest.mark.parametrize(
    ("overdraft", "effect", "balance"), [("cap", -40, 0), ("allow", -100, -60), ("fail", None, 40)]
)
async def test_a_deduction_beyond_the_balance_is_capped_allowed_or_failed(
    gameball: Client, sandbox: Sandbox, overdraft: str, effect: int | None, balance: int
) -> None:
    await sandbox.seed(customers=[{"id": "a", "balance": 40}])
    await sandbox.switches(gameball={"overdraft": overdraft})
    answer = await finished(gameball, await started(gameball, row("a", -100)))
    assert [one["effect"] for one in await sandbox.applied("gameball")] == ([] if effect is None else [effect])
    assert answer["errorCount"] == (1 if effect is None else 0)
    assert (await gameball.get("/customers/a/balance"))[2]["totalPointsBalance"] == balance


async def test_amounts_may_be_money(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a"}])
    await sandbox.switches(gameball={"unit": "money", "redemption_factor": 0.1})
    await finished(gameball, await started(gameball, row("a", 12.5), row("a", 1), row("a", 1.255)))
    applied = await sandbox.applied("gameball")
    assert [(one["amount"], one["currency"], one["effect"]) for one in applied] == [
        (1250, "hundredths", 125),
        (100, "hundredths", 10),
    ]
    assert (await gameball.get("/configurations/redemption"))[2]["redemptionFactor"] == 0.1


async def test_fractions_of_a_point_fail_their_item(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True})
    answer = await finished(gameball, await started(gameball, row("a", 1.5), row("b", 2.0)))
    assert [one["customerId"] for one in answer["response"]["failed"]] == ["a"]
    assert (await sandbox.totals())["gameball"]["points"]["sum"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 3000),
        ({"body": []}, 3000),
        ({"body": [{"amount": 1}]}, 3000),
        ({"body": [{"customerId": 175000000000000000, "amount": 1}]}, 3000),
        ({"body": [row("a", 1), {"customerId": "b", "amount": "5"}]}, 3016),
        ({"body": [row("a", 1)] * 1001}, 3016),
        ([], 3016),
    ],
)
async def test_a_batch_that_breaks_the_schema_or_the_cap_is_refused_whole(
    gameball: Client, sandbox: Sandbox, body: object, code: int
) -> None:
    await sandbox.switches(gameball={"open": True})
    status, _, answer = await gameball.post(BATCH, body)
    assert (status, answer["code"]) == (400, code)
    assert set(answer) == {"code", "type", "message", "documentationUrl", "requestId"}
    assert await sandbox.applied("gameball") == []


async def test_a_thousand_rows_are_taken(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True})
    answer = await finished(gameball, await started(gameball, *(row(str(one), 1) for one in range(1000))))
    assert (answer["finishedCount"], len(answer["response"]["successful"])) == (1000, 1000)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({}, 1000),
        ({"apikey": "wrong"}, 1000),
        ({"apikey": "right"}, 1001),
        ({"apikey": "right", "secretkey": "x"}, 1001),
    ],
)
@pytest.mark.parametrize("path", ["/transactions/count", "/nowhere"])
async def test_missing_or_wrong_keys_are_answered_401_wherever_one_knocks(
    sandbox: Sandbox, keys: dict[str, str], code: int, path: str
) -> None:
    headers = {name: sandbox.gameball["api_key"] if value == "right" else value for name, value in keys.items()}
    url = f"{sandbox.gameball_url}/api/v4.0/integrations{path}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, code)


async def test_a_plan_without_the_feature_is_answered_403(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"plan_refused": True})
    status, _, answer = await gameball.post(BATCH, {"body": [row("a", 1)]})
    assert (status, answer["code"]) == (403, 8000)


async def test_a_program_switched_off_answers_200_without_a_job(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True, "disabled": True})
    status, _, answer = await gameball.post(BATCH, {"body": [row("a", 1)]})
    assert status == 200
    assert "jobId" not in answer
    assert "gameballStatus" in answer


async def test_the_transaction_list_shows_every_change_and_pages_by_number(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a", "balance": 10}, {"id": "b+1"}])
    await finished(
        gameball, await started(gameball, row("a", 5, "tag-1"), row("b+1", 1, "tag-2"), row("a", -2, "tag-3"))
    )
    _, _, page = await gameball.get("/transactions", limit=2)
    assert (page["count"], page["hasMore"]) == (2, True)
    last = page["transactions"][-1]["gameballTransactionId"]
    assert isinstance(last, str)
    _, _, rest = await gameball.get("/transactions", startAfter=last, limit=200)
    assert (rest["count"], rest["hasMore"]) == (1, False)
    assert [one["reason"] for one in (*page["transactions"], *rest["transactions"])] == ["tag-1", "tag-2", "tag-3"]
    _, _, mine = await gameball.get("/transactions", customerId="a")
    assert [
        (one["direction"], one["points"], one["pointsBalanceBefore"], one["pointsBalanceAfter"], one["type"])
        for one in mine["transactions"]
    ] == [("+", 5, 10, 15, "ManualAccumulation"), ("-", 2, 15, 13, "ManualDeduction")]
    assert (await gameball.get("/transactions/count", customerId="b+1"))[2] == {"count": 1}
    assert (await gameball.get("/transactions", direction="-"))[2]["count"] == 1
    assert (await gameball.get("/transactions", startAfter="x"))[0] == 400


async def test_a_page_of_transactions_has_fifty_rows_and_never_more_than_two_hundred(
    gameball: Client, sandbox: Sandbox
) -> None:
    await sandbox.switches(gameball={"open": True})
    await finished(gameball, await started(gameball, *(row(str(one), 1) for one in range(250))))
    assert (await gameball.get("/transactions"))[2]["count"] == 50
    _, _, most = await gameball.get("/transactions", limit=1000)
    assert (most["count"], most["hasMore"]) == (200, True)


async def test_changes_by_others_stand_in_the_list_but_not_in_the_calls_own_totals(
    gameball: Client, sandbox: Sandbox
) -> None:
    await sandbox.seed(customers=[{"id": "a"}])
    assert await sandbox.outside(service="gameball", customer="a", amount=9, reason="tip") == {"balance": 9}
    assert (await gameball.get("/transactions"))[2]["transactions"][0]["reason"] == "tip"
    assert (await sandbox.totals())["gameball"] == {}
    assert (await sandbox.totals(outside=True))["gameball"]["points"]["sum"] == 9


async def test_a_reason_may_reach_the_list_shortened(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True, "reason_cut": 4})
    await finished(gameball, await started(gameball, row("a", 1, "abcdefgh")))
    assert (await gameball.get("/transactions"))[2]["transactions"][0]["reason"] == "abcd"


def manual(**more: Any) -> dict[str, Any]:
    return {"customerId": "a", "transactionId": "t1", "username": "mod", "reason": "why", **more}


async def test_a_manual_transaction_happens_once_per_transaction_id(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a"}])
    status, _, first = await gameball.post("/transactions/manual", manual(points=50))
    assert (status, first["points"], first["amount"], first["transactionId"]) == (200, 50, 5.0, "t1")
    status, _, again = await gameball.post("/transactions/manual", manual(points=50))
    assert (status, again["code"]) == (422, 9004)
    assert (await sandbox.totals())["gameball"]["points"]["awards"] == 1
    listed = (await gameball.get("/transactions"))[2]["transactions"][0]
    assert (listed["transactionId"], int(listed["gameballTransactionId"])) == ("t1", first["gameballTransactionId"])
    await sandbox.switches(gameball={"duplicate_transaction": "accept"})
    assert (await gameball.post("/transactions/manual", manual(points=50)))[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (manual(points=1, amount=1), 400, {"error": 400, "message": "Only one rewarding method may be specified"}),
        (manual(), 400, {"error": 400, "message": "A rewarding criteria is required"}),
        (manual(points=1, customerId="nobody"), 404, {"code": 7000}),
        (manual(points=1.5), 400, {"code": 3016}),
        ({"customerId": "a", "points": 1}, 400, {"code": 3000}),
        (manual(points=-11), 422, {"code": 9008}),
    ],
)
async def test_a_manual_transaction_that_cannot_be_is_refused(
    gameball: Client, sandbox: Sandbox, body: dict[str, Any], status: int, said: dict[str, Any]
) -> None:
    await sandbox.seed(customers=[{"id": "a", "balance": 10}])
    await sandbox.switches(gameball={"overdraft": "fail"})
    got, _, answer = await gameball.post("/transactions/manual", body)
    assert got == status
    assert said.items() <= answer.items()
    assert await sandbox.applied("gameball") == []


async def test_the_balance_has_the_live_misspelling_or_the_documented_names(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(customers=[{"id": "a@b.c/d", "balance": 20}])
    _, _, answer = await gameball.call("GET", "/customers/a%40b.c%2Fd/balance")
    assert (answer["avaliablePointsBalance"], answer["avaliablePointsValue"]) == (20, 2.0)
    assert "availablePointsBalance" not in answer
    await sandbox.switches(gameball={"balance_fields": "documented"})
    _, _, answer = await gameball.call("GET", "/customers/a%40b.c%2Fd/balance")
    assert answer["availablePointsBalance"] == 20
    status, _, missing = await gameball.get("/customers/nobody/balance")
    assert (status, missing["code"]) == (404, 7000)


async def test_thirty_requests_a_second_are_admitted_and_a_429_says_nothing(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"rate": "documented", "per_second": 3})
    answers = [await gameball.get("/transactions/count") for _ in range(4)]
    assert [one[0] for one in answers] == [200, 200, 200, 429]
    _, headers, body = answers[-1]
    assert body is None
    assert not [name for name in headers if "rate" in name or "retry" in name]
    assert (await gameball.get("/customers/a/balance"))[0] == 404  # another bucket


async def test_the_window_of_thirty_seconds_binds_too(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"rate": "documented", "per_second": 100, "per_30_seconds": 5})
    assert [(await gameball.get("/transactions/count"))[0] for _ in range(6)] == [200] * 5 + [429]


async def test_the_documented_numbers_are_the_default(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"rate": "documented"})
    statuses = await asyncio.gather(*(gameball.get("/transactions/count") for _ in range(90)))
    refused = sum(one[0] == 429 for one in statuses)
    assert 0 < refused <= 60
