"""What a server may set, what a wrong value does, and where the operator's limits stand above it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.domain.model import Programme, Unit
from bot.errors import SettingsError, UsageError
from bot.ledger.ledger import Ledger
from bot.services.programmes import Programmes
from bot.services.rules import Capability, ServerRules, Servers
from tests.services.neighbour import programme_of
from tests.services.rig import STAFF
from tests.services.virtual import VirtualClock

SERVER = "700000000000000001"

GOOD: list[tuple[str, object, object]] = [
    ("default_programme", " drip-members ", "drip-members"),
    ("programme_titles", {"drip-members": "Gems"}, {"drip-members": "Gems"}),
    ("roles", {"bulk": ["1", "2"]}, {Capability.BULK: frozenset({"1", "2"})}),
    ("staff_channel_id", "123", "123"),
    ("max_award", "1250", "1250"),
    ("max_batch", "12.5", "12.5"),
    ("self_award_roles", ["7"], frozenset({"7"})),
    ("quick_award", "5", "5"),
    ("start_delay_seconds", 0, 0.0),
    ("start_delay_seconds", 3600, 3600.0),
    ("currencies", {"drip-members": "c" * 24}, {"drip-members": "c" * 24}),
]
BAD: list[tuple[str, object]] = [
    ("default_programme", 7),
    ("default_programme", "  "),
    ("default_programme", "x" * 201),
    ("programme_titles", ["Gems"]),
    ("roles", ["1"]),
    ("roles", {"owner": ["1"]}),
    ("roles", {"bulk": "1"}),
    ("roles", {"bulk": ["everyone"]}),
    ("staff_channel_id", "#staff"),
    ("staff_channel_id", "²"),
    ("max_award", "lots"),
    ("max_award", "0"),
    ("max_award", "-5"),
    ("max_award", 5),
    ("start_delay_seconds", -1),
    ("start_delay_seconds", 3601),
    ("start_delay_seconds", True),
    ("start_delay_seconds", float("nan")),
    ("start_delay_seconds", "10"),
]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "a.db", VirtualClock())
    yield opened
    await opened.close()


def servers(
    ledger: Ledger,
    *,
    server_ids: frozenset[str] | None = None,
    max_award: str | None = None,
    max_batch: str | None = None,
    changed: Callable[[], None] = lambda: None,
) -> Servers:
    return Servers(ledger, server_ids=server_ids, max_award=max_award, max_batch=max_batch, changed=changed)


@pytest.mark.parametrize(("name", "value", "read"), GOOD)
async def test_a_setting_is_stored_told_and_in_force_at_once(
    name: str, value: object, read: object, ledger: Ledger
) -> None:
    told: list[bool] = []
    found = servers(ledger, changed=lambda: told.append(True))
    assert await found.change(SERVER, name, value, STAFF) is None
    assert getattr(await found.rules(SERVER), name) == read
    assert await found.change(SERVER, name, None, STAFF) == value
    assert getattr(await found.rules(SERVER), name) == getattr(ServerRules(), name)
    assert told == [True, True]
    assert await found.rules("700000000000000002") == ServerRules()


@pytest.mark.parametrize(("name", "value"), BAD)
async def test_a_value_of_the_wrong_shape_is_refused_and_a_stored_one_counts_as_unset(
    name: str, value: object, ledger: Ledger
) -> None:
    with pytest.raises(UsageError):
        await servers(ledger).change(SERVER, name, value, STAFF)
    assert await ledger.settings.all(SERVER) == {}
    assert ServerRules.from_stored({name: value, "unheard_of": 1}) == ServerRules()


async def test_a_setting_that_does_not_exist_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="no setting called owner"):
        await servers(ledger).change(SERVER, "owner", "1", STAFF)


async def test_the_accounts_are_used_only_where_the_operator_said(ledger: Ledger) -> None:
    bound = servers(ledger, server_ids=frozenset({"1"}))
    assert bound.serves("1", frozenset({"1", "2"}))
    assert not bound.serves("2", frozenset({"2"}))
    unbound = servers(ledger)
    assert unbound.serves("1", frozenset({"1"}))
    assert not unbound.serves("1", frozenset({"1", "2"}))
    assert not unbound.serves("1", frozenset({"2"}))
    assert not unbound.serves("1", frozenset())


@pytest.mark.parametrize(
    ("operator", "server", "unit", "limit"),
    [
        (None, None, Unit.POINTS, None),
        ("100", None, Unit.POINTS, 100),
        (None, "50", Unit.POINTS, 50),
        ("100", "50", Unit.POINTS, 50),
        ("100", "500", Unit.POINTS, 100),
        ("100", "12.5", Unit.MONEY, 1250),
    ],
)
async def test_the_stricter_limit_holds_in_the_programmes_unit(
    operator: str | None, server: str | None, unit: Unit, limit: int | None, ledger: Ledger
) -> None:
    programme = _in(programme_of("jobs"), unit)
    rules = ServerRules(max_award=server, max_batch=server, start_delay_seconds=7.0)
    found = servers(ledger, max_award=operator, max_batch=operator)
    limits = found.limits(programme, rules, may_award_self=False)
    assert (limits.max_award, limits.max_batch, limits.may_award_self) == (limit, limit, False)
    assert limits.start_delay_seconds == 7.0
    on_the_command_line = found.limits(programme, None, may_award_self=True)
    assert on_the_command_line.start_delay_seconds == 0.0
    assert on_the_command_line.max_award == (None if operator is None else 100 * (100 if unit is Unit.MONEY else 1))


@pytest.mark.parametrize(
    ("operator", "server", "named"),
    [("12.5", None, "BURSAR_MAX_AWARD"), (None, "12.5", "/settings")],
)
async def test_a_limit_that_the_unit_does_not_allow_is_named(
    operator: str | None, server: str | None, named: str, ledger: Ledger
) -> None:
    found = servers(ledger, max_award=operator)
    with pytest.raises(SettingsError, match=named):
        found.limits(programme_of("items"), ServerRules(max_award=server), may_award_self=True)


def _in(programme: Programme, unit: Unit) -> Programme:
    from dataclasses import replace

    return replace(programme, destination=replace(programme.destination, unit=unit))


def test_programmes_are_found_by_name_and_say_why_they_cannot_be_used() -> None:
    from dataclasses import replace

    items, jobs = programme_of("items"), replace(programme_of("jobs"), unusable="no unit is chosen")
    without = replace(
        items, name="bare", destination=replace(items.destination, currency=None), unusable="no currency is chosen"
    )
    made: list[Programme] = []
    found = Programmes([items, jobs, without], lambda programme: made.append(programme) or object())  # type: ignore[arg-type, func-returns-value, return-value]  # anything will do
    assert found.names() == ("drip-credentials", "gameball", "bare")
    with pytest.raises(UsageError, match=r"no programme called drip \(known: drip-credentials, gameball, bare\)"):
        found.get("drip")
    with pytest.raises(UsageError, match="none: no keys are set"):
        Programmes([], lambda programme: object()).get("drip")  # type: ignore[arg-type, return-value]  # as above
    with pytest.raises(SettingsError, match="no unit is chosen"):
        found.get("gameball", currency="e" * 24)
    with pytest.raises(SettingsError, match="no currency is chosen"):
        found.get("bare")
    chosen = found.get("bare", currency="e" * 24)
    assert (chosen.destination.currency, chosen.unusable) == ("e" * 24, None)
    assert found.get("drip-credentials", currency="c" * 24) is items
    assert found.provider(chosen) is found.provider(found.get("bare", currency="e" * 24))
    assert found.provider(items) is not found.provider(chosen)
    assert made == [chosen, items]
