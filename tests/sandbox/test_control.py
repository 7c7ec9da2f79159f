"""The control port: seeds, books, outside changes, the log, emptying the world."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Client
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox

ADA, BEN = "175000000000000001", "175000000000000002"


async def pay(drip: Client, value: str, amount: int) -> None:
    item = {"type": "discord-id", "value": value, "amount": amount}
    assert (await drip.patch("/credentials/transaction", {"updates": [item]}))[0] == 200


async def test_the_books_hold_balances_and_every_change(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(credentials=[{"type": "discord-id", "value": ADA, "balance": 10}])
    await pay(drip, ADA, 5)
    await pay(drip, ADA, -2)
    one = (await sandbox.books())["drip"]["credentials"][f"discord-id:{ADA}"]
    assert one["balances"][sandbox.drip["currency_id"]] == 13
    assert [(change["amount"], change["before"], change["by"]) for change in one["applied"]] == [
        (5, 10, "api"),
        (-2, 15, "api"),
    ]
    assert [change["call"] for change in one["applied"]] == [call["id"] for call in await sandbox.calls("drip")]


async def test_an_outside_change_is_in_the_balance_and_apart_in_the_books(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA], balance=1))["members"]
    assert await sandbox.outside(service="drip", drip_id=ada, amount=4) == {"balance": 5}
    assert await sandbox.outside(service="drip", type="discord-id", value=ADA, amount=1) == {"balance": 6}
    await pay(drip, ADA, 1)
    assert len(await sandbox.applied("drip")) == 1
    assert [one["by"] for one in await sandbox.applied("drip", outside=True)] == ["outside", "outside", "api"]
    assert (await sandbox.totals())["drip"][sandbox.drip["currency_id"]]["sum"] == 1
    assert (await sandbox.totals(outside=True))["drip"][sandbox.drip["currency_id"]]["sum"] == 6


@pytest.mark.parametrize(
    "document",
    [
        {"service": "drip", "drip_id": "f" * 24, "amount": 1},
        {"service": "gameball", "customer": "nobody", "amount": 1},
        {"service": "drip", "drip_id": "f" * 24},
        {"service": "bank", "amount": 1},
    ],
)
async def test_an_outside_change_of_nobody_is_refused(sandbox: Sandbox, document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"there is no|whole number|service"):
        await sandbox.outside(**document)


@pytest.mark.parametrize(
    "document",
    [
        {"membres": []},
        {"members": [{}]},
        {"members": [{"discord_id": ADA, "balances": {"0" * 24: 1}}]},
        {"credentials": [{"type": "discord", "value": ADA}]},
        {"customers": [{"balance": 1}]},
        {"discord_ids": [ADA], "as": ["boss"]},
    ],
)
async def test_a_seed_with_a_mistake_is_refused(sandbox: Sandbox, document: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"a seed takes|a member needs|no currency|a credential needs|missing|as takes"
    ):
        await sandbox.seed(**document)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/switches", b"{"),
        ("POST", "/switches", b'{"bank": {}}'),
        ("POST", "/faults", b"{"),
        ("POST", "/seed", b"{"),
        ("POST", "/outside", b""),
        ("POST", "/reset", b"{"),
        ("POST", "/reset", b"[1]"),
        ("GET", "/calls?after=x", None),
        ("GET", "/books/applied", None),
    ],
)
async def test_what_makes_no_sense_is_answered_with_what_is_wrong(
    sandbox: Sandbox, method: str, path: str, body: bytes | None
) -> None:
    async with sandbox.session.request(method, sandbox.control_url + path, data=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


async def test_further_currencies_can_be_made_and_are_gone_after_a_reset(drip: Client, sandbox: Sandbox) -> None:
    (token,) = (await sandbox.seed(discord_ids=[ADA], currencies=[{"name": "Token"}]))["currencies"]
    item = {"type": "discord-id", "value": ADA, "amount": 1, "realmPointId": token}
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [item]})
    assert answer["results"][0]["realmPointId"] == token
    assert len((await drip.get("/currencies"))[2]["data"]) == 3
    await sandbox.reset()
    assert len((await drip.get("/currencies"))[2]["data"]) == 2


async def test_a_hundred_thousand_recipients_are_seeded_at_once(drip: Client, sandbox: Sandbox) -> None:
    ids = [str(200_000_000_000_000_000 + number) for number in range(100_000)]
    answer = await sandbox.seed(discord_ids=ids, balance=3)
    assert answer["counts"] == {"members": 100_000, "credentials": 0, "customers": 100_000}
    assert len(set(answer["members"])) == 100_000
    _, _, found = await drip.get("/members/search", type="discord-id", values=ids[-1])
    assert found["data"][0]["id"] == answer["members"][-1]


async def test_the_log_tells_of_every_request_and_can_be_read_from_a_number_on(
    drip: Client, gameball: Client, sandbox: Sandbox
) -> None:
    await drip.get("/members/search", type="drip-id", values="a" * 24)
    await gameball.get("/nowhere")
    first, second = await sandbox.calls()
    assert (first["service"], first["method"], first["status"]) == ("drip", "GET", 200)
    assert first["path"].endswith("/members/search")
    assert first["query"] == "type=drip-id&values=" + "a" * 24
    assert (second["service"], second["status"]) == ("gameball", 404)
    assert await sandbox.calls(after=first["id"]) == [second]
    assert await sandbox.calls("drip") == [first]


async def test_a_reset_empties_the_world_and_drops_what_was_still_to_come(gameball: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(gameball={"open": True, "job_delay": 0.2})
    number = (await gameball.post("/batch/balance-adjustment", {"body": [{"customerId": "a", "amount": 1}]}))[2]
    await sandbox.reset()
    assert (await gameball.get(f"/batch/{number['jobId']}"))[0] == 404
    # a job that is created later with the same delay has run: so the earlier one would have, too
    later = (await gameball.post("/batch/balance-adjustment", {"body": [{"customerId": "b", "amount": 1}]}))[2]
    path = f"/batch/{later['jobId']}"
    await eventually(lambda: gameball.get(path), lambda one: one[2]["status"] == "completed")
    assert [one["recipient"] for one in await sandbox.applied("gameball")] == ["b"]
    assert later["jobId"] > number["jobId"]
