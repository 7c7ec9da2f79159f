"""Answers of probes, and their test calls."""

from __future__ import annotations

import sqlite3

import pytest

from bot.domain.model import ProviderKind
from bot.domain.probing import Fate, Leg, Purse
from bot.domain.promises import Known
from bot.ledger.ledger import Ledger
from tests.ledger.making import CURRENCY, REALM, HandClock

MEMBERS, CREDENTIALS = ProviderKind.DRIP_MEMBERS, ProviderKind.DRIP_CREDENTIALS
A = Purse("a" * 24, CURRENCY)


async def test_an_answer_is_kept_with_its_day_by_account_and_kind(ledger: Ledger, clock: HandClock):
    stored = await ledger.capabilities.store(REALM, MEMBERS, "overdraft", "refused-whole", {"moved": [1]})
    assert stored == Known("overdraft", "refused-whole", {"moved": [1]}, round(clock.now() * 1000))
    assert await ledger.capabilities.all(REALM, MEMBERS) == {"overdraft": stored}
    assert await ledger.capabilities.all(REALM, CREDENTIALS) == {}
    assert await ledger.capabilities.all("elsewhere", MEMBERS) == {}


async def test_a_later_answer_replaces_the_earlier_one(ledger: Ledger, clock: HandClock):
    await ledger.capabilities.store(REALM, MEMBERS, "overdraft", "refused-whole", {})
    clock.at += 60
    later = await ledger.capabilities.store(REALM, MEMBERS, "overdraft", "allowed", {})
    assert await ledger.capabilities.all(REALM, MEMBERS) == {"overdraft": later}


async def test_only_the_named_answer_is_forgotten(ledger: Ledger):
    await ledger.capabilities.store(REALM, MEMBERS, "overdraft", "allowed", {})
    await ledger.capabilities.store(REALM, MEMBERS, "order", "given", {})
    await ledger.capabilities.store(REALM, CREDENTIALS, "overdraft", "allowed", {})
    await ledger.capabilities.forget(REALM, MEMBERS, "overdraft")
    await ledger.capabilities.forget(REALM, MEMBERS, "never-stored")
    assert set(await ledger.capabilities.all(REALM, MEMBERS)) == {"order"}
    assert set(await ledger.capabilities.all(REALM, CREDENTIALS)) == {"overdraft"}


# --- test calls -----------------------------------------------------------------------------------------------------


async def test_a_call_without_an_end_is_a_loose_end_and_one_with_an_end_is_none(ledger: Ledger):
    first = await ledger.probes.begin(REALM, MEMBERS, "overdraft", [Leg(A, -4)])
    (loose,) = await ledger.probes.loose_ends(REALM, MEMBERS)
    assert (loose.id, loose.name, loose.legs, loose.answered) == (first, "overdraft", (Leg(A, -4),), False)
    assert await ledger.probes.loose_ends(REALM, CREDENTIALS) == []
    assert await ledger.probes.loose_ends("elsewhere", MEMBERS) == []
    await ledger.probes.end(first, Fate.REFUSED, {"status": 400})
    assert await ledger.probes.loose_ends(REALM, MEMBERS) == []


@pytest.mark.parametrize(
    ("name", "fate", "loose"),
    [
        ("overdraft", Fate.DONE, True),
        ("overdraft", Fate.UNCLEAR, True),
        ("overdraft", Fate.NOT_SENT, False),
        ("overdraft:back", Fate.DONE, False),
        ("overdraft:back", Fate.REFUSED, True),
        ("overdraft:back", Fate.UNCLEAR, True),
    ],
)
async def test_the_newest_call_is_one_while_it_may_have_left_something(
    ledger: Ledger, name: str, fate: Fate, loose: bool
):
    await ledger.probes.end(await ledger.probes.begin(REALM, MEMBERS, name, [Leg(A, 1)]), fate, {})
    assert bool(await ledger.probes.loose_ends(REALM, MEMBERS)) is loose
    await ledger.capabilities.store(REALM, MEMBERS, name, "x", {})  # the question is answered: so it was taken back
    assert bool(await ledger.probes.loose_ends(REALM, MEMBERS)) is (loose and name.endswith(":back"))


async def test_what_was_recorded_of_a_call_is_not_changed(ledger: Ledger):
    number = await ledger.probes.begin(REALM, MEMBERS, "overdraft", [Leg(A, 1)])
    await ledger.probes.end(number, Fate.DONE, {})
    with pytest.raises(sqlite3.IntegrityError, match="test calls are kept"):
        await ledger.probes.end(number, Fate.REFUSED, {})
    for sql in ("DELETE FROM probes", "UPDATE probes SET rows = '[]'"):
        with pytest.raises(sqlite3.IntegrityError, match="test calls are kept"):
            await ledger.database.write(lambda connection, sql=sql: connection.execute(sql).rowcount)  # type: ignore[misc]  # bound at once


async def test_a_call_makes_known_balances_unknown_under_both_names(ledger: Ledger):
    await ledger.members.remember(REALM, {"discord-id:1": A.holder, "discord-id:2": "b" * 24})
    readings = {A.holder: 5, "discord-id:1": 5, "discord-id:2": 7, "b" * 24: 7}

    def remember(connection):
        connection.execute("INSERT INTO purses VALUES (1, ?, ?)", (REALM, CURRENCY))
        connection.executemany(
            "INSERT INTO balances (purse_id, holder, balance, at) VALUES (1, ?, ?, 1)", readings.items()
        )

    def read(connection):
        return dict(connection.execute("SELECT holder, balance FROM balances").fetchall())

    await ledger.database.write(remember)
    await ledger.probes.begin(REALM, MEMBERS, "overdraft", [Leg(A, 1)])
    assert await ledger.database.read(read) == {**readings, A.holder: None, "discord-id:1": None}
    await ledger.probes.begin(REALM, CREDENTIALS, "overdraft", [Leg(Purse("discord-id:2", CURRENCY), 1)])
    assert set((await ledger.database.read(read)).values()) == {None}
