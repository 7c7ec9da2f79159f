"""Drip's balance updates as the stand-in carries them out: caps, refusals, traps, and the books after each."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.sandbox.conftest import Client
from tests.support.sandbox import Sandbox

ADA, BEN, CAT, DAN = (str(175_000_000_000_000_000 + number) for number in range(4))

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}


def _exactly(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


# the 200 answers of the two seed pages, with every property made required
CREDENTIALS_ANSWER = _exactly(
    success={"type": "boolean"},
    results={
        "type": "array",
        "items": _exactly(type=_STRING, value=_STRING, credentialId=_STRING, balance=_INTEGER, realmPointId=_STRING),
    },
    errors={"type": "array", "items": _exactly(type=_STRING, value=_STRING, error=_STRING)},
)
MEMBERS_ANSWER = _exactly(
    success={"type": "boolean"},
    updates={
        "type": "array",
        "items": _exactly(dripId=_STRING, balance=_INTEGER, currencyId=_STRING, newBalance=_INTEGER),
    },
)


def discord(value: str, amount: int, **more: Any) -> dict[str, Any]:
    return {"type": "discord-id", "value": value, "amount": amount, **more}


async def sums(sandbox: Sandbox) -> dict[str, list[int]]:
    """Awards and sum by recipient, over all currencies of Drip."""
    totals = await sandbox.totals(recipients=True)
    return {who: pair for entry in totals["drip"].values() for who, pair in entry["recipients"].items()}


async def test_a_credentials_batch_says_of_each_item_what_became_of_it(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(credentials=[{"type": "discord-id", "value": ADA, "balance": 5}])
    body = {"updates": [discord(ADA, 7), discord(BEN, 1), discord(ADA, -100)], "initiatorId": "mod"}

    status, _, answer = await drip.patch("/credentials/transaction", body)

    assert status == 200
    jsonschema.validate(answer, CREDENTIALS_ANSWER)
    assert [(one["value"], one["balance"]) for one in answer["results"]] == [(ADA, 12)]
    assert [(one["value"], one["error"]) for one in answer["errors"]] == [
        (BEN, "Credential not found"),
        (ADA, "INSUFFICIENT_BALANCE"),
    ]
    assert await sums(sandbox) == {f"discord-id:{ADA}": [1, 7]}
    (call,) = await sandbox.calls("drip")
    assert (call["items"], call["applied"], call["initiator"], call["status"]) == (3, 1, "mod", 200)


async def test_an_unknown_credential_is_made_where_the_switch_says_so(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"auto_create": True})
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [discord(BEN, 1)]})
    assert (len(answer["results"]), answer["errors"]) == (1, [])
    assert (await drip.get("/credentials/find", type="discord-id", value=BEN))[0] == 200


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"type": "discord-id", "value": 175_000_000_000_000_000, "amount": 1}, "value must be string"),
        ({"type": "discord-id", "value": ADA, "amount": 1.5}, "amount must be integer"),
        ({"type": "discord-id", "value": ADA, "amount": "1"}, "amount must be integer"),
        ({"type": "discord-id", "value": ADA, "amount": True}, "amount must be integer"),
        ({"type": "discord-id", "value": ADA, "amount": 2**53}, "amount must be integer"),
        ({"type": "discord", "value": ADA, "amount": 1}, "one of the allowed values"),
        ({"type": "discord-id", "value": ADA}, "amount must be integer"),
        ({"type": "discord-id", "value": ADA, "amount": 1, "realmPointId": "0" * 24}, "Currency not found"),
    ],
)
async def test_one_item_that_breaks_the_schema_refuses_the_whole_credentials_call(
    drip: Client, sandbox: Sandbox, item: dict[str, Any], said: str
) -> None:
    await sandbox.seed(discord_ids=[ADA, BEN])
    status, _, answer = await drip.patch("/credentials/transaction", {"updates": [discord(BEN, 1), item]})
    assert (status, list(answer)) == (400, ["error"])
    assert said in answer["error"]
    assert await sandbox.applied("drip") == []


async def test_an_unknown_currency_may_be_an_error_of_its_item(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=[ADA, BEN])
    await sandbox.switches(drip={"unknown_currency": "item"})
    updates = [discord(ADA, 1), discord(BEN, 1, realmPointId="0" * 24)]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": updates})
    assert [one["error"] for one in answer["errors"]] == ["Currency not found"]
    assert [one["value"] for one in answer["results"]] == [ADA]


async def test_a_custom_credential_needs_its_source(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(credentials=[{"type": "custom", "value": "w1", "source": "bursar"}])
    item = {"type": "custom", "value": "w1", "amount": 1}
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [item, {**item, "source": "bursar"}]})
    assert [one["error"] for one in answer["errors"]] == ["Source is required for custom credential type"]
    assert await sums(sandbox) == {"custom:bursar:w1": [1, 1]}


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("/credentials/transaction", {"type": "discord-id", "value": ADA, "amount": 3, "currencyId": "second"}),
        ("/members/transaction", {"dripId": "ada", "amount": 3, "realmPointId": "second"}),
    ],
)
async def test_a_currency_under_the_wrong_name_silently_means_the_default_one(
    drip: Client, sandbox: Sandbox, path: str, item: dict[str, Any]
) -> None:
    (drip_id,) = (await sandbox.seed(discord_ids=[ADA]))["members"]
    places = {"second": sandbox.drip["second_currency_id"], "ada": drip_id}
    named = {name: places.get(value, value) for name, value in item.items()}
    status, _, _ = await drip.patch(path, {"updates": [named]})
    assert status == 200
    assert list((await sandbox.totals())["drip"]) == [sandbox.drip["currency_id"]]


async def test_a_members_batch_is_carried_out_whole(drip: Client, sandbox: Sandbox) -> None:
    ada, ben = (await sandbox.seed(discord_ids=[ADA, BEN], balance=10))["members"]
    second = sandbox.drip["second_currency_id"]
    updates = [{"dripId": ada, "amount": -10}, {"dripId": ben, "amount": 4, "currencyId": second}]

    status, _, answer = await drip.patch("/members/transaction", {"updates": updates})

    assert status == 200
    jsonschema.validate(answer, MEMBERS_ANSWER)
    assert [(one["balance"], one["newBalance"]) for one in answer["updates"]] == [(10, 0), (0, 4)]
    books = (await sandbox.books())["drip"]["members"]
    assert books[ada]["balances"][sandbox.drip["currency_id"]] == 0
    assert books[ben]["balances"][second] == 4
    assert [one["effect"] for one in books[ada]["applied"]] == [-10]


async def test_both_balances_may_be_the_new_one(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA], balance=10))["members"]
    await sandbox.switches(drip={"balance_field": "after"})
    _, _, answer = await drip.patch("/members/transaction", {"updates": [{"dripId": ada, "amount": 1}]})
    assert (answer["updates"][0]["balance"], answer["updates"][0]["newBalance"]) == (11, 11)


@pytest.mark.parametrize(
    ("bad", "switches", "status", "said"),
    [
        ({"dripId": "f" * 24, "amount": 1}, {}, 400, "Member not found"),
        ({"dripId": "f" * 24, "amount": 1}, {"unknown_member": "404"}, 404, "Member not found"),
        ({"dripId": "short", "amount": 1}, {}, 400, "Invalid dripId"),
        ({"dripId": "ada", "amount": -11}, {}, 400, "INSUFFICIENT_BALANCE"),
        ({"dripId": "ada", "amount": -11}, {"overdraft": "422"}, 422, "Insufficient balance for this operation"),
        ({"dripId": "ada", "amount": 1, "currencyId": "0" * 24}, {}, 400, "Currency not found"),
        ({"dripId": "ada", "amount": 1, "currencyId": "0" * 24}, {"unknown_currency": "404"}, 404, "Currency not"),
        ({"dripId": "ada", "amount": 2_000_000}, {"max_amount": 1_000_000}, 400, "amount must be between"),
    ],
)
async def test_one_bad_item_refuses_the_whole_members_call_and_names_nobody(
    drip: Client, sandbox: Sandbox, bad: dict[str, Any], switches: dict[str, Any], status: int, said: str
) -> None:
    ada, ben = (await sandbox.seed(discord_ids=[ADA, BEN], balance=10))["members"]
    await sandbox.switches(drip=switches)
    item = {**bad, "dripId": ada} if bad["dripId"] == "ada" else bad

    got, _, answer = await drip.patch("/members/transaction", {"updates": [{"dripId": ben, "amount": 1}, item]})

    assert got == status
    assert said in (answer["error"] if status == 400 else answer["message"])
    if status == 422:
        assert answer["details"] == {"currentBalance": 10, "requestedAmount": 11, "memberId": ada}
    assert await sandbox.applied("drip") == []


async def test_an_overdraft_is_allowed_where_the_switch_says_so(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA]))["members"]
    await sandbox.switches(drip={"overdraft": "allow"})
    _, _, answer = await drip.patch("/members/transaction", {"updates": [{"dripId": ada, "amount": -3}]})
    assert answer["updates"][0]["newBalance"] == -3


async def test_the_same_member_twice_is_summed_or_refused(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA]))["members"]
    body = {"updates": [{"dripId": ada, "amount": 3}, {"dripId": ada, "amount": -3}]}
    _, _, answer = await drip.patch("/members/transaction", body)
    assert [one["newBalance"] for one in answer["updates"]] == [3, 0]
    await sandbox.switches(drip={"duplicates": "refuse"})
    assert (await drip.patch("/members/transaction", body))[0] == 400
    assert await sums(sandbox) == {ada: [2, 0]}


async def test_a_members_call_takes_a_hundred_items(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    item = [{"dripId": f"{number:024x}", "amount": 1} for number in range(101)]
    assert (await drip.patch("/members/transaction", {"updates": item}))[0] == 400
    assert (await drip.patch("/members/transaction", {"updates": item[:100]}))[0] == 200
    assert len(await sandbox.applied("drip")) == 100


async def test_a_credentials_call_has_the_cap_that_the_switch_gives_it(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    body = {"updates": [discord(str(int(ADA) + number), 1) for number in range(101)]}
    assert (await drip.patch("/credentials/transaction", body))[0] == 200
    await sandbox.switches(drip={"credentials_cap": 100})
    assert (await drip.patch("/credentials/transaction", body))[0] == 400


@pytest.mark.parametrize("path", ["/credentials/transaction", "/members/transaction"])
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"[" * 50_000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": []}, 400),
        ({"json": {}}, 400),
        ({"json": {"updates": []}}, 400),
        ({"json": {"updates": ["x"]}}, 400),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"json": {"updates": [], "padding": "x" * 600_000}}, 413),
    ],
)
async def test_a_body_that_is_no_batch_is_refused(
    drip: Client, sandbox: Sandbox, path: str, options: dict[str, Any], status: int
) -> None:
    await sandbox.switches(drip={"max_body": 500_000})
    assert (await drip.call("PATCH", path, **options))[0] == status


async def test_a_credential_call_reaches_a_member_by_the_members_own_login(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA], balance=10))["members"]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [discord(ADA, 5)]})
    assert answer["results"][0]["balance"] == 15
    assert (await sandbox.books())["drip"]["members"][ada]["balances"][sandbox.drip["currency_id"]] == 15
    await sandbox.switches(drip={"verified_credentials": False})
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [discord(ADA, 5)]})
    assert answer["errors"][0]["error"] == "Credential not found"


async def test_points_of_a_credential_move_to_the_member_who_links_it(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.seed(credentials=[{"type": "discord-id", "value": ADA, "balance": 8}])
    (ada,) = (await sandbox.seed(members=[{"discord_id": ADA}]))["members"]
    books = (await sandbox.books())["drip"]
    assert books["members"][ada]["balances"][sandbox.drip["currency_id"]] == 8
    assert books["credentials"][f"discord-id:{ADA}"]["linked"] == ada


async def test_addresses_are_the_same_in_any_case_of_letters(drip: Client, sandbox: Sandbox) -> None:
    wallet = "0x" + "aB" * 20
    await sandbox.seed(credentials=[{"type": "email", "value": "Ada@Example.org"}, {"type": "wallet", "value": wallet}])
    updates = [
        {"type": "email", "value": "ada@example.ORG", "amount": 1},
        {"type": "wallet", "value": wallet.lower(), "amount": 1},
    ]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": updates})
    assert (len(answer["results"]), answer["results"][0]["value"]) == (2, "ada@example.ORG")


async def test_a_shuffled_call_is_not_worked_off_in_the_order_given(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True, "order": "shuffled"})
    values = [str(int(ADA) + number) for number in range(50)]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": [discord(one, 1) for one in values]})
    got = [one["value"] for one in answer["results"]]
    assert got != values
    assert sorted(got) == values


async def test_single_updates_are_carried_out_and_written_down(drip: Client, sandbox: Sandbox) -> None:
    (ada,) = (await sandbox.seed(discord_ids=[ADA]))["members"]
    _, _, member = await drip.patch(f"/members/{ada}/balance", {"amount": 4})
    assert (member["dripId"], member["balance"]) == (ada, 4)
    _, _, one = await drip.patch("/credentials/balance", {"amount": 2}, type="discord-id", value=ADA)
    assert (one["balance"], one["linked"]) == (6, True)
    status, _, _ = await drip.patch("/credentials/balance", {"amount": 2}, type="discord-id", value=BEN)
    assert status == 404
    assert await sums(sandbox) == {ada: [1, 4], f"discord-id:{ADA}": [1, 2]}


async def test_text_that_no_alphabet_has_is_carried_like_any_other(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    item = {"type": "custom", "value": "\ud800 \u0000 ✓", "source": "s", "amount": 1}
    status, _, answer = await drip.patch("/credentials/transaction", {"updates": [item]})
    assert (status, answer["results"][0]["value"]) == (200, item["value"])
    assert (await sandbox.applied("drip"))[0]["recipient"] == f"custom:s:{item['value']}"


async def test_in_open_mode_every_well_formed_recipient_exists_and_no_other(drip: Client, sandbox: Sandbox) -> None:
    await sandbox.switches(drip={"open": True})
    updates = [discord(ADA, 1), discord("12", 1), {"type": "email", "value": "nobody", "amount": 1}]
    _, _, answer = await drip.patch("/credentials/transaction", {"updates": updates})
    assert [one["value"] for one in answer["results"]] == [ADA]
    assert len(answer["errors"]) == 2
