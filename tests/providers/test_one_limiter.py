"""One limiter for each account of the service, whatever the settings call it and whoever calls it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.judging import Doubted
from bot.domain.model import ProviderKind
from bot.domain.probing import Leg, Purse
from bot.errors import ResolutionFailed
from bot.providers.base import Provider
from bot.providers.factory import make_providers

from .support import (
    CURRENCY,
    D1,
    M1,
    REALM,
    Call,
    Reply,
    Service,
    SteppingClock,
    discord,
    drip_account,
    gameball_account,
    item,
    programme,
    settings,
)  # fmt: skip

CREDENTIALS, MEMBERS, GAMEBALL = ProviderKind.DRIP_CREDENTIALS, ProviderKind.DRIP_MEMBERS, ProviderKind.GAMEBALL
ONE = [item(1, discord(D1), target=M1)]
PLACES: Final = {
    CREDENTIALS: Purse(f"discord-id:{D1}", CURRENCY),
    MEMBERS: Purse(M1, CURRENCY),
    GAMEBALL: Purse(M1, "points"),
}


async def test_both_drip_programmes_of_a_realm_and_all_its_currencies_share_one_limiter(service: Service) -> None:
    service.replies(Reply(429, {}, {"Retry-After": "40"}))
    clock = SteppingClock()
    accounts = [
        drip_account(service.url),
        drip_account(service.url, suffix="again", api_key="another-key-of-it"),
        drip_account(service.url, suffix="other", realm_id="f" * 24),
    ]
    providers = make_providers(settings(drip=accounts), clock)
    first = providers.make(programme(CREDENTIALS))
    sharing = [
        providers.make(programme(MEMBERS)),
        providers.make(programme(CREDENTIALS, currency="b" * 24)),
        providers.make(programme(MEMBERS, name="drip-members-again")),
    ]
    apart = providers.make(programme(CREDENTIALS, name="drip-credentials-other"))
    await first.send(first.build(ONE, "T"), ONE)
    assert [provider.waiting_until for provider in sharing] == [clock.now() + 40] * 3
    assert apart.waiting_until is None
    await providers.close()


async def test_a_realm_is_one_account_however_the_settings_write_its_id_or_its_address(service: Service) -> None:
    service.replies(Reply(429, {}, {"Retry-After": "40"}))
    clock = SteppingClock()
    accounts = [
        drip_account(service.url),
        drip_account(service.url, suffix="shouted", realm_id=REALM.upper()),
        drip_account(f"{service.url}/proxy", suffix="proxied"),
    ]
    providers = make_providers(settings(drip=accounts), clock)
    first = providers.make(programme(CREDENTIALS))
    await first.send(first.build(ONE, "T"), ONE)
    for suffix in ("shouted", "proxied"):
        other = providers.make(programme(MEMBERS, name=f"drip-members-{suffix}"))
        assert other.waiting_until == clock.now() + 40, suffix
    await providers.close()


@pytest.mark.parametrize("plans", [("pro", "free"), ("free", "pro")])
async def test_of_two_plans_for_one_realm_the_smaller_one_holds_and_is_told(plans: tuple[str, str]) -> None:
    accounts = [
        drip_account("https://api.drip.re", rate_plan=plans[0]),
        drip_account("https://api.drip.re", suffix="again", rate_plan=plans[1]),
    ]
    providers = make_providers(settings(drip=accounts), SteppingClock())
    for name in ("drip-members", "drip-members-again"):
        pace = providers.make(programme(MEMBERS, name=name)).pace
        assert (pace.plan, pace.per_month) == ("Free plan, 24 requests a minute", 100_000)
    await providers.close()


async def test_programmes_of_one_gameball_account_share_what_they_learned(service: Service) -> None:
    providers = make_providers(settings(gameball=[gameball_account(service.url)]), SteppingClock())
    service.replies(Reply(429))
    first, second = providers.make(programme(GAMEBALL)), providers.make(programme(GAMEBALL))
    await first.send(first.build(ONE, "T"), ONE)
    assert second.waiting_until is not None
    await providers.close()


async def test_the_test_and_the_live_key_of_one_gameball_account_share_one_limiter(service: Service) -> None:
    accounts = [
        gameball_account(service.url),
        gameball_account(service.url, suffix="test", api_key="its-key-for-tests"),
        gameball_account(service.url, suffix="other", api_key="another-accounts-key", secret_key="another-accounts-2"),
    ]
    providers = make_providers(settings(gameball=accounts), SteppingClock())
    service.replies(Reply(429))
    first = providers.make(programme(GAMEBALL))
    await first.send(first.build(ONE, "T"), ONE)
    assert providers.make(programme(GAMEBALL, name="gameball-test")).waiting_until is not None
    assert providers.make(programme(GAMEBALL, name="gameball-other")).waiting_until is None
    await providers.close()


ASKS: Final[dict[str, Callable[[Provider], Awaitable[object]]]] = {
    "send": lambda one: one.send(one.build(ONE, "T"), ONE),
    "balance": lambda one: one.balance(M1, discord(D1)),
    "places": lambda one: one.places([PLACES[one.programme.kind]]),
    "resolve": lambda one: one.resolve([discord(D1)]),
    "inspect": lambda one: one.inspect(ONE),
    "follow": lambda one: one.follow("7", ONE),
    "stop": lambda one: one.stop("7"),
    "look_ahead": lambda one: one.look_ahead(ONE, (), None),
    "judge": lambda one: one.judge(Doubted(1, 1, "0123456789", 0, tuple(ONE), before={1: 5})),
    "currencies": lambda one: one.currencies(),
    "examine": lambda one: one.examine(),
}
SILENT: Final = {
    # Needs no call: nothing of the kind is asked of this service.
    CREDENTIALS: {"resolve", "inspect", "follow", "stop"},
    MEMBERS: {"follow", "stop"},
    GAMEBALL: {"places", "resolve", "inspect", "currencies"},
}


@pytest.mark.parametrize("kind", list(ProviderKind))
@pytest.mark.parametrize("name", [*ASKS, "probe balances", "probe call"])
async def test_whatever_asks_an_account_for_anything_waits_for_its_limiter(
    service: Service, kind: ProviderKind, name: str
) -> None:
    clock = SteppingClock()
    arrived: list[float] = []

    def refuse(_call: Call) -> Reply:
        arrived.append(clock.elapsed)
        return Reply(429, {}, {"Retry-After": "300"})

    service.answering = refuse
    providers = make_providers(settings([drip_account(service.url)], [gameball_account(service.url)]), clock)
    first, second = providers.make(programme(kind)), providers.make(programme(kind))
    await first.send(first.build(ONE, "T"), ONE)
    with contextlib.suppress(ResolutionFailed):
        if name in ASKS:
            await ASKS[name](second)
        else:
            place = PLACES[kind]
            prober = providers.prober(programme(kind), {place.holder: discord(D1)}, job_wait=1)
            await (prober.balances([place]) if name == "probe balances" else prober.call([Leg(place, 1)], "key"))
    await providers.close()
    assert arrived[0] == 0
    if name in SILENT[kind]:
        assert len(arrived) == 1
    else:
        assert len(arrived) > 1
        assert arrived[1] >= 300


async def test_a_write_that_the_limiter_would_hold_back_beyond_its_time_does_not_wait_for_that(
    service: Service,
) -> None:
    """Its awards are known not to have been sent, whatever ends the program meanwhile."""
    service.replies(Reply(429, {}, {"Retry-After": "3000"}))
    clock = SteppingClock()
    providers = make_providers(settings(drip=[drip_account(service.url)]), clock)
    for kind in (CREDENTIALS, MEMBERS):
        provider = providers.make(programme(kind))
        began = clock.now()
        verdict = await provider.send(provider.build(ONE, "T"), ONE, begin_by=began + 5.0)
        assert [outcome.kind for outcome in verdict.outcomes.values()] == [OutcomeKind.NOT_SENT]
        assert clock.now() - began < 5.0
    assert len(service.calls) == 1
    await providers.close()
