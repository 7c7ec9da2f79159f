"""Which calls a fault meets: rules, their order, random campaigns, and scripts with mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Client
from tests.sandbox.seeing import IDS, ITEMS, credentials_body, seen_by
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox


async def statuses(drip: Client, count: int) -> list[int]:
    return [(await drip.get(""))[0] for _ in range(count)]


@pytest.mark.parametrize(
    ("match", "met"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"nth": [1, 3]}, [1, 3]),
        ({"every": 3}, [3, 6]),
        ({"count": 2}, [1, 2]),
        ({"every": 2, "count": 1}, [2]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
        ({"service": "gameball"}, []),
        ({"method": "PATCH"}, []),
        ({"path": "members"}, []),
        ({"path": "realms", "method": "GET", "service": "drip", "nth": 6}, [6]),
    ],
)
async def test_a_rule_meets_the_calls_that_it_matches(
    drip: Client, sandbox: Sandbox, match: dict[str, Any], met: list[int]
) -> None:
    for rule in ({"match": match, "kind": "503"}, {**match, "kind": "503"}):
        await sandbox.faults(rule)
        got = await statuses(drip, 6)
        assert [place for place, status in enumerate(got, 1) if status == 503] == met


async def test_the_first_rule_that_fires_wins_and_all_of_them_count(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.faults({"match": {"nth": [1, 2]}, "kind": "503"}, {"match": {"nth": [2, 3]}, "kind": "500"})
    assert await statuses(drip, 4) == [503, 503, 500, 200]


async def test_calls_that_the_service_refuses_meet_no_fault(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"rate_limit": 1, "rate_window": 1000})
    await sandbox.faults({"match": {"nth": 2}, "kind": "503"})
    assert await statuses(drip, 3) == [200, 429, 429]
    await sandbox.switches(drip={"rate_limit": None})
    assert await statuses(drip, 1) == [503]


async def test_a_campaign_is_the_same_for_the_same_seed(drip: Client, sandbox: Sandbox) -> None:
    campaign = {"rate": 0.3, "seed": 7, "kinds": ["500", "502", {"kind": "429", "retry_after": 3}]}
    await sandbox.faults(campaign=campaign)
    first = await statuses(drip, 200)
    await sandbox.faults(campaign=campaign)
    assert await statuses(drip, 200) == first
    assert set(first) == {200, 500, 502, 429}
    assert 35 < len([one for one in first if one != 200]) < 85
    assert (await sandbox.played())["campaign"]["played"] == len([one for one in first if one != 200])
    await sandbox.faults(campaign={**campaign, "seed": 8})
    assert await statuses(drip, 200) != first


def nothing_to_come(calls: list[dict[str, Any]]) -> bool:
    """Every late call, and every job, has happened."""
    expected = {"502": 0, "stopped": ITEMS // 2}
    return all(one["applied"] == expected.get(one["fault"], ITEMS) for one in calls)


async def test_under_a_campaign_of_everything_the_books_know_what_each_call_did(
    drip: Client, gameball: Client, sandbox: Sandbox
) -> None:
    await sandbox.switches(drip={"open": True}, gameball={"open": True})
    kinds = [
        {"kind": "apply-late", "after": 0.05},
        "reset-after-apply",
        {"kind": "cut-body", "applied": True},
        {"kind": "502", "applied": False},
        {"kind": "partial-answer", "applied": True},
        "stopped",
    ]
    await sandbox.faults(campaign={"rate": 0.6, "seed": 3, "kinds": kinds})
    rows = {"body": [{"customerId": one, "amount": 5} for one in IDS]}
    for _ in range(25):
        await seen_by(drip, "PATCH", "/credentials/transaction", credentials_body())
        await seen_by(gameball, "POST", "/batch/balance-adjustment", rows)
    await sandbox.faults()
    await eventually(sandbox.calls, nothing_to_come)
    totals = await sandbox.totals()
    for service in ("drip", "gameball"):
        by_call: dict[int, int] = {}
        for change in await sandbox.applied(service):
            by_call[change["call"]] = by_call.get(change["call"], 0) + 1
        assert by_call == {one["id"]: one["applied"] for one in await sandbox.calls(service) if one["applied"]}
        assert sum(by_call.values()) == sum(entry["awards"] for entry in totals[service].values())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"script": [{"kind": "explode"}]}, "there is no fault kind 'explode'"),
        ({"script": [{"kind": "503", "aplied": True}]}, "has no parameter 'aplied'"),
        ({"script": [{"kind": "503", "applied": "yes"}]}, "is like False"),
        ({"script": [{"kind": "apply-late", "after": "soon"}]}, "is like 0.5"),
        ({"script": [{"match": {"pth": "x"}, "kind": "503"}]}, "match takes"),
        ({"script": [{"match": {"service": "dripp"}, "kind": "503"}]}, "service is drip or gameball"),
        ({"script": [{"match": {"every": 0}, "kind": "503"}]}, "every is a whole number"),
        ({"script": [{"path": 5, "kind": "503"}]}, "path of a match cannot be 5"),
        ({"script": [{"nth": "2", "kind": "503"}]}, "nth of a match cannot be '2'"),
        ({"script": [{"nth": [1, "2"], "kind": "503"}]}, "nth of a match cannot be [1, '2']"),
        ({"script": [{"match": {"path": "x"}, "kind": "refuse-before"}]}, "meets connections"),
        ({"script": ["503"]}, "a rule is an object"),
        ({"campaign": {"kinds": ["503"]}}, "a campaign is an object with rate"),
        ({"campaign": {"rate": 0.1, "kinds": ["refuse-before"]}}, "put it into the script"),
        ({"campain": {}}, "faults take script, campaign and seed"),
        ("503", "faults are a list"),
    ],
)
async def test_a_script_with_a_mistake_is_refused_and_the_old_one_stays(
    drip: Client, sandbox: Sandbox, document: object, said: str
) -> None:
    await sandbox.faults({"kind": "503"})
    async with sandbox.session.post(sandbox.control_url + "/faults", json=document) as answer:
        assert answer.status == 400
        assert said in (await answer.json())["error"]
    assert await statuses(drip, 1) == [503]
