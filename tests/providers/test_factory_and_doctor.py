"""Accounts, what they share, and what ``doctor`` finds out about them by reading only."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest

from bot.domain.model import ProviderKind
from bot.errors import ResolutionFailed, SettingsError
from bot.providers.base import Finding, Health
from bot.providers.factory import make_providers

from .support import (
    API_KEY,
    CURRENCY,
    D1,
    REALM,
    SECRET_KEY,
    Call,
    Reply,
    Service,
    SteppingClock,
    discord,
    drip_account,
    gameball_account,
    item,
    programme,
    provider_of,
    settings,
)  # fmt: skip

CREDENTIALS, MEMBERS, GAMEBALL = ProviderKind.DRIP_CREDENTIALS, ProviderKind.DRIP_MEMBERS, ProviderKind.GAMEBALL
ONE = [item(1, discord(D1))]


async def test_each_account_uses_its_own_key_and_its_own_settings(service: Service) -> None:
    accounts = [drip_account(service.url), drip_account(service.url, suffix="events", api_key="key-of-the-events")]
    gameball = [gameball_account(service.url, suffix="events", api_key="other-gameball-key")]
    providers = make_providers(settings(accounts, gameball), SteppingClock())
    service.replies(Reply(401))
    for provider in (
        providers.make(programme(CREDENTIALS, name="drip-credentials-events")),
        providers.make(programme(GAMEBALL, name="gameball-events")),
    ):
        verdict = await provider.send(provider.build(ONE, "T"), ONE)
        assert verdict.pause is not None
        assert "_KEY__EVENTS" in verdict.pause.message
    assert service.calls[0].headers["Authorization"] == "Bearer key-of-the-events"
    assert service.calls[1].headers["apikey"] == "other-gameball-key"
    await providers.close()


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_a_programme_without_an_account_is_a_settings_error(kind: ProviderKind) -> None:
    providers = make_providers(settings(), SteppingClock())
    with pytest.raises(SettingsError, match=kind.value):
        providers.make(programme(kind))


def test_keys_are_never_sent_to_an_address_without_encryption() -> None:
    providers = make_providers(settings(drip=[drip_account("http://api.drip.re")]), SteppingClock())
    with pytest.raises(SettingsError, match="https"):
        providers.make(programme(CREDENTIALS))


async def test_after_closing_nothing_leaves_the_process(service: Service) -> None:
    providers = make_providers(settings(drip=[drip_account(service.url)]), SteppingClock())
    provider = providers.make(programme(CREDENTIALS))
    await provider.send(provider.build(ONE, "T"), ONE)
    await providers.close()
    verdict = await provider.send(provider.build(ONE, "T"), ONE)
    assert verdict.outcomes[1].kind.value == "not-sent"
    assert len(service.calls) == 1


# --- currencies -------------------------------------------------------------------------------------------------------


def currency(identity: object, name: str = "Gold", **more: Any) -> dict[str, Any]:
    return {"id": identity, "name": name, "emoji": "🪙", "default": False, "archived": False, **more}


async def test_every_page_of_currencies_is_read_once(service: Service) -> None:
    pages = {
        "1": [currency(f"{number:024x}") for number in range(100)],
        "2": [currency("c" * 24, "Ξ <b>Big</b>", default=True, archived=True, emoji=None), currency(5), "x"],
    }
    service.answering = lambda call: Reply(body={"data": pages[call.query["page"]], "meta": {"totalPages": 2}})
    async with provider_of(MEMBERS, service) as provider:
        found = await provider.currencies()
    assert len(found) == 101
    assert {call.query["limit"] for call in service.calls} == {"100"}
    last = found[-1]
    assert (last.id, last.name, last.emoji, last.default, last.archived) == ("c" * 24, "Ξ Big", None, True, True)


async def test_currencies_without_a_word_about_pages_end_with_a_short_page(service: Service) -> None:
    full, rest = [currency(f"{number:024x}") for number in range(100)], [currency("d" * 24)]
    service.replies(Reply(body=full), Reply(body=rest))
    async with provider_of(CREDENTIALS, service) as provider:
        assert len(await provider.currencies()) == 101
        service.replies(Reply(body=full))  # a service that ignores ``page``
        assert len(await provider.currencies()) == 100


@pytest.mark.parametrize(
    "reply",
    [Reply(403, {"error": "Forbidden"}), Reply(body={"data": 5}), Reply(body={"data": [], "meta": {"totalPages": 99}})],
)
async def test_a_list_that_cannot_be_had_says_so(service: Service, reply: Reply) -> None:
    service.replies(reply)
    async with provider_of(CREDENTIALS, service) as provider:
        with pytest.raises(ResolutionFailed):
            await provider.currencies()


# --- doctor -----------------------------------------------------------------------------------------------------------


def drip_service(**changes: Reply) -> Any:
    """A realm where everything is well, but for the changes."""
    clock = SteppingClock()
    date = {"Date": formatdate(clock.now(), usegmt=True), "X-RateLimit-Limit": "24", "X-RateLimit-Window": "60"}
    replies = {
        "realm": Reply(body={"name": "Guild"}, headers=date),
        "currencies": Reply(body={"data": [currency(CURRENCY)]}),
        "search": Reply(body={"data": [], "meta": {"totalPages": 0, "credentials": {"access": True}}}),
        **changes,
    }

    def answering(call: Call) -> Reply:
        assert call.method == "GET", "doctor only reads"
        return replies[{REALM: "realm"}.get(path := call.path.partition("?")[0].rpartition("/")[2], path)]

    return answering


async def examined(service: Service, kind: ProviderKind = MEMBERS, **about: Any) -> dict[str, Finding]:
    async with provider_of(kind, service, **about) as provider:
        findings = await provider.examine()
    for finding in findings:
        assert API_KEY not in repr(finding)
        assert SECRET_KEY not in repr(finding)
        assert finding.action or finding.health is Health.OK
    return {finding.topic: finding for finding in findings}


async def test_a_drip_account_in_order_is_found_in_order(service: Service) -> None:
    service.answering = drip_service()
    findings = await examined(service)
    assert {finding.health for finding in findings.values()} == {Health.OK}
    assert list(findings) == ["Drip realm", "Drip currency", "Drip member search", "Drip rate plan", "Clock"]
    assert "Guild" in findings["Drip realm"].message
    assert "Gold" in findings["Drip currency"].message
    assert "Drip member search" not in await examined(service, CREDENTIALS)


DENIED = Reply(body={"data": [], "meta": {"totalPages": 0, "credentials": {"access": False, "reason": "scope"}}})
ILL: list[tuple[dict[str, Reply], str, Health]] = [
    ({"realm": Reply(401, {"error": "Unauthorized"})}, "Drip realm", Health.FAILED),
    ({"realm": Reply(404, {"error": "Not Found"})}, "Drip realm", Health.FAILED),
    ({"currencies": Reply(403, {"error": "Forbidden"})}, "Drip currency", Health.WARNING),
    ({"currencies": Reply(body={"data": [currency("d" * 24)]})}, "Drip currency", Health.FAILED),
    ({"currencies": Reply(body={"data": [currency(CURRENCY, archived=True)]})}, "Drip currency", Health.FAILED),
    ({"search": Reply(403, {"error": "Forbidden"})}, "Drip member search", Health.FAILED),
    ({"search": DENIED}, "Drip member search", Health.FAILED),
    ({"realm": Reply(body={}, headers={"X-RateLimit-Limit": "300"})}, "Drip rate plan", Health.WARNING),
    ({"realm": Reply(body={}, headers={"Date": "Fri, 15 Jan 2027 07:00:00 GMT"})}, "Clock", Health.WARNING),
    ({"realm": Reply(body={}, headers={"Date": "Fri, 15 Jan 2027 09:00:00 GMT"})}, "Clock", Health.WARNING),
]


@pytest.mark.parametrize(("changes", "topic", "health"), ILL)
async def test_what_is_wrong_with_a_drip_account_is_named(
    service: Service, changes: dict[str, Reply], topic: str, health: Health
) -> None:
    service.answering = drip_service(**changes)
    findings = await examined(service)
    assert findings[topic].health is health
    assert findings[topic].action


async def test_settings_that_cannot_be_right_are_found_without_a_call(service: Service) -> None:
    findings = await examined(service, account={"realm_id": "nope"})
    assert findings["Drip realm"].health is Health.FAILED
    assert service.calls == []
    service.answering = drip_service()
    assert (await examined(service, currency=None))["Drip currency"].health is Health.FAILED


async def test_a_service_that_says_neither_time_nor_limit_is_no_fault(service: Service) -> None:
    service.answering = drip_service(realm=Reply(body={}, headers={"Date": "tomorrow"}))
    findings = await examined(service)
    assert findings["Clock"].health is Health.OK
    assert findings["Drip rate plan"].health is Health.OK
    assert "taken from the settings" in findings["Drip rate plan"].message


def gameball_service(count: Reply, *, routes: str = "ab") -> Any:
    def answering(call: Call) -> Reply:
        assert call.method == "GET", "doctor only reads"
        if call.path.endswith("/transactions/count"):
            return count
        contract = "a" if call.path.endswith("/status") else "b"
        return Reply(404, {"code": 4004, "message": "no"} if contract in routes else b"")

    return answering


async def test_a_gameball_account_in_order_is_found_in_order(service: Service) -> None:
    service.answering = gameball_service(Reply(body={"count": 1}, headers={"Date": "Fri, 15 Jan 2027 08:00:30 GMT"}))
    findings = await examined(service, GAMEBALL)
    assert {finding.health for finding in findings.values()} == {Health.OK}
    assert list(findings) == ["Gameball keys", "Gameball job status", "Clock"]
    assert "B and A" in findings["Gameball job status"].message


@pytest.mark.parametrize(
    ("reply", "health"),
    [
        (Reply(401, {"code": 1000, "message": "Unauthorized"}), Health.FAILED),
        (Reply(403, {"code": 1002, "message": "no"}), Health.FAILED),
        (Reply(404, b""), Health.FAILED),
        (Reply(500, b""), Health.WARNING),
    ],
)
async def test_what_is_wrong_with_the_gameball_keys_is_named(service: Service, reply: Reply, health: Health) -> None:
    service.answering = gameball_service(reply)
    findings = await examined(service, GAMEBALL)
    assert findings["Gameball keys"].health is health
    assert list(findings) == ["Gameball keys"]


async def test_a_gameball_account_without_a_status_route_or_a_unit_is_warned_of(service: Service) -> None:
    from dataclasses import replace

    service.answering = gameball_service(Reply(body={"count": 0}), routes="")
    assert (await examined(service, GAMEBALL))["Gameball job status"].health is Health.WARNING
    providers = make_providers(settings(gameball=[gameball_account(service.url)]), SteppingClock())
    findings = await providers.make(replace(programme(GAMEBALL), unusable="Set the unit.")).examine()
    await providers.close()
    assert ("Gameball settings", Health.FAILED) in {(finding.topic, finding.health) for finding in findings}


async def test_a_gameball_that_is_away_is_named() -> None:
    away = Service()
    away.url = "http://127.0.0.1:1"
    findings = await examined(away, GAMEBALL)
    assert findings["Gameball keys"].health is Health.FAILED
    assert "refused the connection" in findings["Gameball keys"].message


async def test_a_drip_that_is_away_is_named_with_what_to_check() -> None:
    away = Service()
    away.url = "http://127.0.0.1:1"
    found = (await examined(away, MEMBERS))["Drip realm"]
    assert found.health is Health.FAILED
    assert found.message.startswith("Drip could not be asked to read the realm: it refused the connection.")
    assert "check the network and DRIP_BASE_URL" in found.message
