"""Who may call Drip, how often, and in which words it refuses."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from tests.sandbox.conftest import Client
from tests.support.sandbox import Sandbox

_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-window")


@pytest.mark.parametrize(("plan", "limit"), [("free", 24), ("pro", 300), ("enterprise", 500), ("unlimited", 1_000_000)])
async def test_every_answer_tells_the_limit_of_the_plan(drip: Client, sandbox: Sandbox, plan: str, limit: int) -> None:
    await sandbox.switches(drip={"plan": plan})
    before = time.time()
    for path in ("", "/nowhere", "/currencies"):
        _, headers, _ = await drip.get(path)
        told = [int(headers[name]) for name in _HEADERS]
        assert (told[0], told[3]) == (limit, 60)
        assert 0 <= told[1] <= limit
        assert before - 1 <= told[2] <= time.time() + 61


async def test_the_free_plan_admits_twenty_four_requests_a_minute_of_any_kind(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"plan": "free", "open": True})
    remaining = []
    for number in range(24):
        status, headers, _ = await drip.get("" if number % 2 else "/currencies")
        assert status == 200
        remaining.append(int(headers["x-ratelimit-remaining"]))
    assert remaining == list(range(23, -1, -1))

    update = {"type": "discord-id", "value": "175000000000000001", "amount": 1}
    status, headers, body = await drip.patch("/credentials/transaction", {"updates": [update]})

    assert status == 429
    assert 1 <= int(headers["retry-after"]) <= 60
    assert body["retryAfter"] == int(headers["retry-after"])
    assert (body["error"], headers["x-ratelimit-remaining"]) == ("Rate limit exceeded", "0")
    assert await sandbox.applied("drip") == []


async def test_the_window_slides(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"rate_limit": 2, "rate_window": 0.5})
    began = time.monotonic()
    while (await drip.get(""))[0] == 200 or time.monotonic() - began < 1.2:
        assert time.monotonic() - began < 30
    calls = await sandbox.calls("drip")
    admitted = [one["at"] for one in calls if one["status"] == 200]
    assert len(admitted) >= 5
    # the log's time is taken a moment before the admission
    assert all(later - earlier > 0.25 for earlier, later in zip(admitted, admitted[2:], strict=False))


async def test_a_refused_request_uses_no_slot_unless_switched(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"rate_limit": 1, "rate_window": 1000})
    assert [(await drip.get(""))[0] for _ in range(2)] == [200, 429]
    await sandbox.switches(drip={"rate_limit": 2})
    assert (await drip.get(""))[0] == 200
    await sandbox.switches(drip={"refused_count": True})
    assert (await drip.get(""))[0] == 429
    await sandbox.switches(drip={"rate_limit": 3})
    assert (await drip.get(""))[0] == 429


async def test_other_bots_of_the_realm_use_up_the_same_budget(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"plan": "free"})
    await sandbox.outside(service="drip", calls=20)
    _, headers, _ = await drip.get("")
    assert headers["x-ratelimit-remaining"] == "3"


async def test_both_documented_bodies_of_a_429_and_every_way_to_say_when(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"rate_limit": 0, "rate_body": "errors-page", "retry_after": "date"})
    _, headers, body = await drip.get("")
    assert body["error"] == "RateLimitExceeded"
    assert set(body["details"]) == {"limit", "window", "retryAfter"}
    wait = parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    assert 55 < wait <= 61
    await sandbox.switches(drip={"retry_after": "none"})
    _, headers, _ = await drip.get("")
    assert "retry-after" not in headers


async def test_a_spent_month_is_refused_for_days(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"quota_left": 2})
    assert [(await drip.get(""))[0] for _ in range(3)] == [200, 200, 429]
    _, headers, _ = await drip.get("")
    assert int(headers["retry-after"]) > 86_400


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sandbox-drip"}])
async def test_a_wrong_key_is_answered_401_and_nothing_happens(sandbox: Sandbox, headers: dict[str, str]) -> None:
    await sandbox.switches(drip={"open": True})
    url = f"{sandbox.drip_url}/api/v1/realms/{sandbox.drip['realm_id']}/credentials/transaction"
    update = {"type": "discord-id", "value": "175000000000000001", "amount": 1}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.patch(url, json={"updates": [update]}) as answer,
    ):
        assert answer.status == 401
        assert await answer.json() == {"error": "Unauthorized", "message": "Invalid API key provided"}
    assert await sandbox.applied("drip") == []


async def test_permissions_are_refused_per_endpoint(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"forbidden": ["currencies", "PATCH /"]})
    assert (await drip.get("/currencies"))[0] == 403
    assert (await drip.patch("/members/transaction", {}))[0] == 403
    assert (await drip.get(""))[0] == 200


@pytest.mark.parametrize(
    ("realm", "path", "status"),
    [
        ("nonsense", "members/search", 400),
        ("nonsense", "currencies", 400),
        ("nonsense", "credentials/find", 404),
        ("f" * 24, "members/search", 404),
        ("f" * 24, "", 404),
    ],
)
async def test_a_wrong_realm_is_refused_before_anything_else(
    drip: Client, sandbox: Sandbox, realm: str, path: str, status: int
) -> None:
    everywhere = Client(drip.session, f"{sandbox.drip_url}/api/v1/realms")
    assert (await everywhere.get(f"/{realm}/{path}".rstrip("/")))[0] == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/v1/realm/{realm}/members/transaction"),
        ("POST", "/api/v1/realms/{realm}/members/transaction"),
        ("PATCH", "/api/v1/realms/{realm}/members/batch-point-balance"),
        ("GET", "/api/v1/realms/{realm}/members/{realm}"),
        ("GET", "/api/v4/realms/{realm}"),
    ],
)
async def test_old_and_invented_addresses_do_not_exist(drip: Client, sandbox: Sandbox, method: str, path: str) -> None:
    anywhere = Client(drip.session, sandbox.drip_url)
    status, _, body = await anywhere.call(method, path.format(realm=sandbox.drip["realm_id"]))
    assert (status, body["error"]) == (404, "Not Found")


async def test_the_guide_shape_of_errors_has_request_id_and_time(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"error_shape": "guide"})
    status, _, body = await drip.patch("/members/transaction", {})
    assert (status, body["error"]) == (400, "ValidationError")
    assert {"message", "requestId", "timestamp"} <= set(body)
    _, _, missing = await drip.get("/credentials/find", type="discord-id", value="1")
    assert missing["error"] == "NotFound"


async def test_a_switch_that_does_not_exist_or_fit_changes_nothing(sandbox: Sandbox) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"opne": True}, "there is no switch 'opne'"),
        ({"open": "yes"}, "switch 'open' takes bool"),
        ({"open": True, "plan": "gold"}, "switch 'plan' takes one of"),
        ({"rate_limit": True}, "switch 'rate_limit' takes int or null"),
        ({"forbidden": [1]}, "switch 'forbidden' takes a list of strings"),
    ]
    for values, said in wrong:
        with pytest.raises(ValueError, match=said):
            await sandbox.switches(drip=values)
    assert (await sandbox.switches())["drip"]["open"] is False
