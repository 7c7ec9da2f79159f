"""Drip's reads: search with its limits and traps, currencies, credentials, leaderboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Client
from tests.support.sandbox import Sandbox

IDS = [str(175_000_000_000_000_000 + number) for number in range(60)]


def logins(member: dict[str, Any], provider: str) -> list[str]:
    return [one["oauthAccountId"] for one in member["credentials"] if one["oauthProvider"] == provider]


async def test_a_search_returns_whom_it_knows_with_balances_in_an_order_of_its_own(
    drip: Client, sandbox: Sandbox
) -> None:
    await sandbox.seed(discord_ids=IDS[:5], balance=9)
    status, _, answer = await drip.get("/members/search", type="discord-id", values=",".join(IDS[:6]), limit=100)
    assert status == 200
    found = [logins(one, "discord")[0] for one in answer["data"]]
    assert sorted(found) == IDS[:5]
    assert found != IDS[:5]
    main = next(one for one in answer["data"][0]["balances"] if one["currencyId"] == sandbox.drip["currency_id"])
    assert (main["balance"], main["currencyName"]) == (9, "Gold")
    assert answer["meta"]["credentials"] == {"access": True, "approved": True, "reason": None}
    assert answer["meta"]["totalPages"] == 1


async def test_a_search_takes_fifty_values_and_shows_a_page_of_them(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS)
    assert (await drip.get("/members/search", type="discord-id", values=",".join(IDS[:51])))[0] == 400
    fifty = ",".join(IDS[:50])
    _, _, answer = await drip.get("/members/search", type="discord-id", values=fifty)
    assert (len(answer["data"]), answer["meta"]["total"], answer["meta"]["totalPages"]) == (20, 50, 3)
    _, _, rest = await drip.get("/members/search", type="discord-id", values=fifty, page=3)
    assert len(rest["data"]) == 10


@pytest.mark.parametrize(
    ("kind", "login"),
    [
        ("wallet", {"wallet": "0x" + "ab" * 20}),
        ("email", {"email": "ada@example.org"}),
        ("twitter-id", {"twitter_id": "44196397"}),
        ("discord-id", {"discord_id": IDS[0]}),
        ("username", {"username": "ada", "wallet": "0x" + "cd" * 20}),
    ],
)
async def test_a_member_is_found_by_every_documented_kind_of_login(
    drip: Client, sandbox: Sandbox, kind: str, login: dict[str, str]
) -> None:
    (drip_id,) = (await sandbox.seed(members=[login]))["members"]
    _, _, answer = await drip.get("/members/search", type=kind, values=next(iter(login.values())))
    assert [one["id"] for one in answer["data"]] == [drip_id]
    _, _, again = await drip.get("/members/search", type="drip-id", values=drip_id)
    assert again["data"] == answer["data"]


async def test_a_key_without_access_to_credentials_gets_an_empty_success(drip: Client, sandbox: Sandbox) -> None:
    (drip_id,) = (await sandbox.seed(discord_ids=IDS[:1]))["members"]
    await sandbox.switches(drip={"credentials_access": "denied"})
    status, _, answer = await drip.get("/members/search", type="discord-id", values=IDS[0])
    assert (status, answer["data"]) == (200, [])
    assert answer["meta"]["credentials"]["access"] is False
    _, _, by_id = await drip.get("/members/search", type="drip-id", values=drip_id)
    assert len(by_id["data"]) == 1


async def test_a_key_without_access_to_credentials_may_also_get_a_403(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"credentials_access": "forbidden"})
    status, _, answer = await drip.get("/members/search", type="discord-id", values=IDS[0])
    assert (status, answer["error"]) == (403, "Forbidden")


async def test_a_fuzzy_search_brings_somebody_who_was_not_asked_for(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"fuzzy_search": True})
    _, _, answer = await drip.get("/members/search", type="discord-id", values=IDS[0])
    assert [logins(one, "discord") for one in answer["data"]] == [[IDS[0][:-1]]]


async def test_a_balance_never_written_may_be_left_out(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(members=[{"discord_id": IDS[0], "balance": 3}])
    await sandbox.switches(drip={"absent_balances": True})
    _, _, answer = await drip.get("/members/search", type="discord-id", values=IDS[0])
    assert [one["currencyId"] for one in answer["data"][0]["balances"]] == [sandbox.drip["currency_id"]]


async def test_open_mode_gives_a_discord_id_the_same_drip_id_each_time(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    _, _, first = await drip.get("/members/search", type="discord-id", values=f"{IDS[0]},12")
    await sandbox.reset()
    _, _, second = await drip.get("/members/search", type="discord-id", values=IDS[0])
    assert [one["id"] for one in first["data"]] == [one["id"] for one in second["data"]]
    assert len(first["data"][0]["id"]) == 24


async def test_the_currencies_tell_the_default_one_and_hide_the_archived(drip: Client, sandbox: Sandbox) -> None:
    _, _, answer = await drip.get("/currencies")
    assert [(one["id"], one["default"]) for one in answer["data"]] == [
        (sandbox.drip["currency_id"], True),
        (sandbox.drip["second_currency_id"], False),
    ]
    _, _, everything = await drip.get("/currencies", includeArchived="true", limit=2, page=2)
    assert [one["archived"] for one in everything["data"]] == [True]
    assert everything["meta"]["totalPages"] == 2


async def test_an_archived_currency_takes_no_points(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    _, _, everything = await drip.get("/currencies", includeArchived="true", limit=100)
    archived = next(one["id"] for one in everything["data"] if one["archived"])
    item = {"type": "discord-id", "value": IDS[0], "amount": 1, "realmPointId": archived}
    assert (await drip.patch("/credentials/transaction", {"updates": [item]}))[0] == 400


async def test_one_credential_is_found_or_answered_404(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(credentials=[{"type": "custom", "value": "a/b c", "source": "bursar", "balance": 6}])
    status, _, answer = await drip.get("/credentials/find", type="custom", value="a/b c", source="bursar")
    assert (status, answer["balances"][0]["balance"]) == (200, 6)
    status, _, answer = await drip.get("/credentials/find", type="discord-id", value=IDS[0])
    assert (status, answer["error"]) == (404, "Not Found")
    assert (await drip.get("/credentials/find", type="custom", value="w"))[0] == 400


async def test_a_credential_can_be_made_once(drip: Client, sandbox: Sandbox) -> None:
    body = {"provider": "bursar", "providerId": "w1"}
    assert (await drip.post("/credentials/social", body))[0] == 200
    assert (await drip.post("/credentials/social", body))[0] == 409
    assert (await drip.post("/credentials/wallet", {"address": "0x" + "ab" * 20, "chain": "eth"}))[0] == 200
    updates = [{"type": "custom", "value": "w1", "source": "bursar", "amount": 1}]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": updates})
    assert len(answer["results"]) == 1


async def test_the_leaderboard_is_read_by_cursor(drip: Client, sandbox: Sandbox) -> None:
    members = [{"discord_id": one, "balance": place * 10} for place, one in enumerate(IDS[:5])]
    await sandbox.seed(members=members)
    _, _, first = await drip.get("/members/leaderboard", take=3)
    assert [(one["balance"], one["rank"]) for one in first["data"]] == [(40, 1), (30, 2), (20, 3)]
    assert first["meta"]["hasNextPage"]
    _, _, second = await drip.get("/members/leaderboard", take=3, after=first["meta"]["endCursor"])
    assert [(one["balance"], one["rank"]) for one in second["data"]] == [(10, 4), (0, 5)]
    assert not second["meta"]["hasNextPage"]


async def test_the_list_of_members_is_paged_and_searched(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(members=[{"discord_id": one, "username": f"user{one[-2:]}"} for one in IDS[:25]])
    _, _, answer = await drip.get("/members/", page=2)
    assert (len(answer["data"]), answer["meta"]["totalPages"]) == (5, 2)
    _, _, one = await drip.get("/members/", search="USER07")
    assert [member["username"] for member in one["data"]] == ["user07"]


async def test_the_realm_and_an_account_can_be_read(drip: Client, sandbox: Sandbox) -> None:
    (drip_id,) = (await sandbox.seed(discord_ids=IDS[:1]))["members"]
    status, _, realm = await drip.get("")
    assert (status, realm["id"]) == (200, sandbox.drip["realm_id"])
    accounts = Client(drip.session, f"{sandbox.drip_url}/api/v1")
    assert (await accounts.get("/accounts/find", type="discord-id", values=IDS[0]))[2] == {"data": drip_id}
    assert (await accounts.get("/accounts/find", type="discord-id", values=IDS[1]))[2] == {"data": None}
    linked = {"type": "wallet", "value": "0x" + "a" * 40, "linked": drip_id}
    await sandbox.seed(credentials=[linked, {"type": "wallet", "value": "0x" + "b" * 40}])
    for tells in (False, True):
        await sandbox.switches(drip={"tells_linked": tells})
        told = (await accounts.get("/accounts/find", type="wallet", values="0x" + "A" * 40))[2]
        assert told == {"data": drip_id if tells else None}
    assert (await accounts.get("/accounts/find", type="wallet", values="0x" + "b" * 40))[2] == {"data": None}


async def test_a_credential_that_holds_nothing_and_was_made_by_hand_can_be_deleted(
    drip: Client, sandbox: Sandbox
) -> None:
    wallet = "0x" + "a" * 40
    (drip_id,) = (await sandbox.seed(discord_ids=IDS[:1]))["members"]
    holding = {"type": "wallet", "value": "0x" + "b" * 40, "balance": 1}
    await sandbox.seed(credentials=[holding])
    body = {"address": wallet, "chain": "ethereum", "accountId": drip_id}
    assert (await drip.post("/credentials/wallet", body))[2]["accountId"] == drip_id

    async def delete(kind: str, value: str) -> tuple[int, Any]:
        status, _, answer = await drip.call("DELETE", "/credentials/", params={"type": kind, "value": value})
        return status, answer

    assert (await delete("wallet", wallet))[0] == 204
    assert (await delete("wallet", wallet))[0] == 404
    assert (await delete("discord-id", IDS[0]))[0] == 404
    assert await delete("wallet", holding["value"]) == (400, {"error": "CANNOT_DELETE_WITH_BALANCES"})
