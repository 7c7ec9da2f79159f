"""One balance under several names: what was paid to one is no proof of what a lost call to another did."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import ProviderKind
from tests.services.doubts import CALLS, resumed
from tests.services.office import MOD, Door, Office, file_of, members, paying

WALLET, SECOND = "0x" + "a" * 40, "0x" + "b" * 40
BOTH = "discord_id,wallet,amount"
BEFORE, AFTER = "reset-before-apply", "reset-after-apply"
ACCOUNTS = "GET /api/v1/accounts/find"
DRIP = ("drip-credentials", "drip-members")
UNRESOLVED = {"DRIP_UNRESOLVED": "credentials"}


async def one_account(door: Door, balance: int = 100) -> str:
    """Somebody with a Discord id and two wallets, which are one account; the Discord id."""
    (one,) = members(1)
    seeded = await door.sandbox.seed(members=[{"discord_id": one, "wallet": WALLET, "balance": balance}])
    other = {"type": "wallet", "value": SECOND, "linked": seeded["members"][0]}
    await door.sandbox.seed(credentials=[other])
    return one


async def told(office: Office, answer: str | None) -> None:
    """What a probe found of logins that the API tied to an account. Drip is so; without a probe, it tells nothing."""
    await office.sandbox.switches(drip={"tells_linked": answer == "told"})
    if answer is not None:
        destination = office.app.services.programmes.get("drip-credentials").destination
        kind = ProviderKind.DRIP_CREDENTIALS
        await office.app.ledger.capabilities.store(destination.account, kind, "linked-login", answer, {})


async def send(
    office: Office, who: str, amount: int, programme: str = "drip-credentials", fault: str | None = None
) -> str:
    """Pay somebody; the state of the award."""
    if fault is not None:
        await office.sandbox.faults({"match": {**CALLS[programme], "nth": 1}, "kind": fault})
    header = "wallet,amount" if who.startswith("0x") else "discord_id,amount"
    preview = await office.draft(paying([who], amount, header=header), programme)
    recorded = await office.confirm(preview, again=True)
    await office.quiet()
    if fault is not None:
        await office.sandbox.faults()
    return await office.states(recorded.batch_id)


async def said(door: Door) -> list[str]:
    """What is said of every award in doubt."""
    async with door.open(dispatching=False) as office:
        batches = await office.app.ledger.queries.batches(None)
        doubts = [doubt for batch in batches for doubt in await office.app.services.batches.doubts(batch.id, MOD)]
        return [numbers.said or "" for doubt in doubts for numbers in doubt.numbers.values()]


# --- two logins of one account ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "amount"), [(BEFORE, 7), (AFTER, -7)])
@pytest.mark.parametrize("first", [True, False])
async def test_an_award_to_another_login_of_the_account_proves_no_lost_one(
    fault: str, amount: int, first: bool, door: Door
) -> None:
    one = await one_account(door)
    async with door.open() as office:
        assert await send(office, one, 1) == "A"
        if first:  # the balance that is remembered of the Discord id is an old one then
            assert await send(office, WALLET, amount) == "A"
        assert await send(office, one, 7, fault=fault) == "U"
        if not first:
            assert await send(office, WALLET, amount) == "A"
    states, _ = await resumed(door)
    assert states == {"applied": 2, "unknown": 1}
    assert all("another name" in one or "was expected" in one for one in await said(door))


@pytest.mark.parametrize(
    ("linked", "probed", "programme"),
    [
        (True, None, "drip-credentials"),
        (True, "not-told", "drip-members"),
        (True, "told", "drip-credentials"),
        (False, None, "drip-members"),
        (False, "not-told", "drip-credentials"),
        (False, "told", "drip-members"),
    ],
)
async def test_a_login_that_seems_to_be_nobodys_is_somebody_else_only_where_a_probe_showed_it(
    linked: bool, probed: str | None, programme: str, door: Door
) -> None:
    """Whether the second wallet is the member's is not told by a service that does not know what its API has tied."""
    if linked:
        await one_account(door)
    else:
        await door.sandbox.seed(members=[{"wallet": WALLET, "balance": 100}], credentials=alone(SECOND))
    async with door.open() as office:
        await told(office, probed)
        await office.sandbox.faults(
            {"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": BEFORE if linked else AFTER}
        )
        lost = await office.send(paying([SECOND], 7, header="wallet,amount"))
        await office.sandbox.faults()
        assert await office.states(lost) == "U"
        assert await send(office, WALLET, 7, programme) == "A"
    final = not linked and probed == "told"
    assert (await resumed(door))[0] == ({"applied": 2} if final else {"applied": 1, "unknown": 1})


@pytest.mark.parametrize("amounts", [(9, 9), (9, -9)])
async def test_neither_does_another_login_in_the_same_call(amounts: tuple[int, int], door: Door) -> None:
    one = await one_account(door)
    fault: dict[str, Any] = {"kind": "apply-some", "share": 0.5} if amounts[1] > 0 else {"kind": AFTER}
    async with door.open() as office:
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, **fault})
        doubted = await office.send(file_of([(one, "", amounts[0]), ("", WALLET, amounts[1])], BOTH))
        await office.sandbox.faults()
        assert await office.states(doubted) == "UU"
    assert (await resumed(door))[0] == {"unknown": 2}


@pytest.mark.parametrize(("amount", "tells", "final"), [(6, False, True), (7, False, False), (7, True, True)])
async def test_an_award_to_another_login_of_another_size_or_account_leaves_the_proof_as_it_is(
    amount: int, tells: bool, final: bool, door: Door
) -> None:
    one, two = members(2)
    async with door.open() as office:
        await told(office, "told")
        await office.sandbox.switches(drip={"forbidden": [] if tells else [ACCOUNTS]})
        known = [{"type": "discord-id", "value": who, "balance": 40} for who in (one, two)]
        await office.sandbox.seed(credentials=[*known, {"type": "wallet", "value": WALLET, "balance": 5}])
        assert await send(office, one, 7, fault=AFTER) == "U"
        assert await send(office, two, 7) == "A"  # an account has one Discord id, so this is somebody else
        assert await send(office, WALLET, amount) == "A"
    assert (await resumed(door))[0] == ({"applied": 3} if final else {"applied": 2, "unknown": 1})


@pytest.mark.parametrize("by_credential", [True, False])
@pytest.mark.parametrize(("fault", "sign"), [(BEFORE, 1), (AFTER, -1)])
async def test_a_members_programme_that_pays_credentials_proves_nothing_to_itself(
    fault: str, sign: int, by_credential: bool, door: Door
) -> None:
    """A Discord id that the search does not know pays into the account of a member with a wallet."""
    (one,) = members(1)
    seeded = await door.sandbox.seed(members=[{"wallet": WALLET, "balance": 100}])
    await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one, "linked": seeded["members"][0]}])
    lost, other = (one, WALLET) if by_credential else (WALLET, one)
    call = CALLS["drip-credentials" if by_credential else "drip-members"]
    async with door.open(**UNRESOLVED) as office:
        await office.sandbox.faults({"match": {**call, "nth": 1}, "kind": fault})
        assert await send(office, lost, 7, "drip-members") == "U"
        await office.sandbox.faults()
        assert await send(office, other, 7 * sign, "drip-members") == "A"
        targets = {award.target for award in await office.awards()}
        assert targets == {f"credential:discord-id:{one}", seeded["members"][0]}
    assert (await resumed(door, **UNRESOLVED))[0] == {"applied": 1, "unknown": 1}


@pytest.mark.parametrize("by_wallet", [True, False])
@pytest.mark.parametrize(("fault", "sign"), [(BEFORE, 1), (AFTER, -1)])
async def test_an_award_to_the_same_name_in_another_way_proves_no_lost_one(
    fault: str, sign: int, by_wallet: bool, door: Door
) -> None:
    """Nothing tells any more that the login which is paid is the member's: a refused call has made that forgotten."""
    one, other = members(2)
    who, header = (WALLET, "wallet,amount") if by_wallet else (one, "discord_id,amount")
    people = [{"discord_id": one, "wallet": WALLET, "balance": 40}, {"discord_id": other, "balance": 40}]
    await door.sandbox.seed(members=people)
    async with door.open() as office:
        wanted = await office.draft(paying([who], 7, header=header), "drip-members")
        too_much = ("", who, -600) if by_wallet else (who, "", -600)
        refused = await office.send(file_of([too_much, (other, "", 1)], BOTH), "drip-members")
        assert await office.states(refused) == "RA"
        assert [await send(office, who, sign * part) for part in (3, 4)] == ["A", "A"]
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": fault})
        lost = await office.confirm(wanted, again=True)
        await office.quiet()
        assert await office.states(lost.batch_id) == "U"
        await office.sandbox.faults()
    assert (await resumed(door))[0] == {"applied": 3, "rejected": 1, "unknown": 1}


# --- lists that pay everybody the same ----------------------------------------------------------------------------


OTHERS = [f"0x{number:040x}" for number in range(1, 7)]


def alone(*wallets: str) -> list[dict[str, Any]]:
    """Wallets without an account."""
    return [{"type": "wallet", "value": wallet, "balance": 5} for wallet in wallets]


@pytest.mark.parametrize(
    ("logins", "probed", "final"),
    [
        (0, "told", True),
        (3, "told", True),
        (6, "told", True),
        (6, None, True),
        (3, None, False),
        (0, "not-told", False),
    ],
)
async def test_a_list_of_wallets_of_different_accounts_or_of_none_settles(
    logins: int, probed: str | None, final: bool, door: Door
) -> None:
    async with door.open() as office:
        await told(office, probed)
        with_account = [{"wallet": wallet, "balance": 5} for wallet in OTHERS[:logins]]
        await office.sandbox.seed(members=with_account, credentials=alone(*OTHERS[logins:]))
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": AFTER})
        assert await office.states(await office.send(paying(OTHERS, header="wallet,amount"))) == "UUUUUU"
        await office.sandbox.faults()
    assert (await resumed(door))[0] == ({"applied": 6} if final else {"unknown": 6})


@pytest.mark.parametrize("tells", [True, False])
async def test_of_such_a_list_only_those_go_to_a_person_who_are_one_account_or_may_be(tells: bool, door: Door) -> None:
    """No search finds the second wallet of the account."""
    async with door.open() as office:
        await one_account(door)
        await told(office, "told")
        await office.sandbox.seed(credentials=alone(*OTHERS))
        await office.sandbox.switches(drip={"forbidden": [] if tells else [ACCOUNTS]})
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": "apply-some"})
        doubted = await office.send(paying([WALLET, *OTHERS, SECOND], header="wallet,amount"))
        assert await office.states(doubted) == "UUUUUUUU"
        await office.sandbox.faults()
    # The first half was carried out, the rest is sent again: but the second wallet, whose balance the first one moved.
    assert (await resumed(door))[0] == ({"applied": 6, "unknown": 2} if tells else {"applied": 3, "unknown": 5})


async def test_members_and_credentials_of_one_list_settle_beside_each_other(door: Door) -> None:
    ids = members(4)
    async with door.open(**UNRESOLVED) as office:
        known = [{"type": "discord-id", "value": who, "balance": 5} for who in ids[2:]]
        await told(office, "told")
        await office.sandbox.seed(members=[{"wallet": one, "balance": 5} for one in OTHERS[:2]], credentials=known)
        await office.sandbox.faults(*({"match": {**CALLS[name], "nth": 1}, "kind": AFTER} for name in DRIP))
        rows = [*(("", one, 9) for one in OTHERS[:2]), *((who, "", 9) for who in ids[2:])]
        doubted = await office.send(file_of(rows, BOTH), "drip-members")
        assert await office.states(doubted) == "UUUU"
        await office.sandbox.faults()
    assert (await resumed(door, **UNRESOLVED))[0] == {"applied": 4}


# --- several awards -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [(WALLET, WALLET), (WALLET, SECOND)])
@pytest.mark.parametrize(("fault", "sign"), [(BEFORE, 1), (AFTER, -1)])
async def test_awards_under_other_names_that_add_up_to_it_prove_no_lost_one(
    others: tuple[str, str], fault: str, sign: int, door: Door
) -> None:
    one = await one_account(door)
    async with door.open() as office:
        assert await send(office, one, 7, "drip-members", fault) == "U"
        for who, amount in zip(others, (3, 4), strict=True):
            assert await send(office, who, amount * sign) == "A"
    assert (await resumed(door))[0] == {"applied": 2, "unknown": 1}
    assert "another name" in (await said(door))[0]


async def test_one_who_was_not_moved_at_all_by_a_lost_call_says_nothing_for_it(door: Door) -> None:
    """The one member whose balance moved as it should was paid under another name; the other one's moved otherwise."""
    one, two = members(2)
    async with door.open() as office:
        seeded = await office.sandbox.seed(
            members=[{"discord_id": one, "wallet": WALLET, "balance": 40}, {"discord_id": two, "balance": 40}]
        )
        await office.sandbox.faults({"match": {**CALLS["drip-members"], "nth": 1}, "kind": BEFORE})
        doubted = await office.send(file_of([(one, 10), (two, 20)]), "drip-members")
        await office.sandbox.faults()
        assert await office.states(doubted) == "UU"
        assert await send(office, WALLET, 10) == "A"
        await office.sandbox.outside(service="drip", drip_id=seeded["members"][1], amount=3)
    assert (await resumed(door))[0] == {"applied": 1, "unknown": 2}


# --- another programme -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["drip-credentials", "drip-members"])
@pytest.mark.parametrize("amount", [10, 11])
async def test_an_award_to_the_same_person_under_another_name_proves_no_lost_call(
    lost: str, amount: int, door: Door
) -> None:
    (one,) = members(1)
    files = {"drip-credentials": (WALLET, "wallet,amount"), "drip-members": (one, "discord_id,amount")}
    other = next(name for name in files if name != lost)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": one, "wallet": WALLET, "balance": 40}])
        await office.sandbox.faults({"match": {**CALLS[lost], "nth": 1}, "kind": "reset-before-apply"})
        who, header = files[lost]
        doubted = await office.send(paying([who], header=header), lost)
        await office.sandbox.faults()
        assert await office.states(doubted) == "U"
        who, header = files[other]
        sent = await office.send(paying([who], amount, header=header), other)
        assert await office.states(sent) == "A"
    assert (await resumed(door))[0] == {"applied": 1, "unknown": 1}
    async with door.open(dispatching=False) as office:
        (doubt,) = await office.app.services.batches.doubts(doubted, MOD)
        (numbers,) = doubt.numbers.values()
        assert ("under another name" in (numbers.said or "")) is (amount == 10)


@pytest.mark.parametrize("amount", [10, 11])
async def test_neither_does_one_that_came_before_the_call_and_after_the_balance_that_it_is_judged_by(
    amount: int, door: Door
) -> None:
    (one,) = members(1)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": one, "wallet": WALLET, "balance": 40}])
        known = await office.send(paying([WALLET], 25, header="wallet,amount"), "drip-credentials")
        between = await office.send(paying([one], amount), "drip-members")
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": "reset-before-apply"})
        again = {"again": True}
        doubted = await office.send(paying([WALLET], header="wallet,amount"), "drip-credentials", confirm=again)
        await office.sandbox.faults()
        assert [await office.states(batch) for batch in (known, between, doubted)] == ["A", "A", "U"]
    assert (await resumed(door))[0] == {"applied": 2, "unknown": 1}
    async with door.open(dispatching=False) as office:
        (doubt,) = await office.app.services.batches.doubts(doubted, MOD)
        (numbers,) = doubt.numbers.values()
        assert ("under another name" in (numbers.said or "")) is (amount == 10)


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
async def test_a_list_beside_it_of_other_discord_ids_with_the_same_amounts_hides_nothing(
    fault: str, door: Door
) -> None:
    ids = members(6)
    async with door.open() as office:
        await office.sandbox.seed(members=[{"discord_id": who, "balance": 40} for who in ids])
        await office.sandbox.faults({"match": {**CALLS["drip-credentials"], "nth": 1}, "kind": fault})
        doubted = await office.send(paying(ids[:3]), "drip-credentials")
        await office.sandbox.faults()
        assert await office.states(doubted) == "UUU"
        assert await office.states(await office.send(paying(ids[3:]), "drip-members")) == "AAA"
    assert (await resumed(door))[0] == {"applied": 6}
