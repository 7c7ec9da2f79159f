"""Drip credentials against a real local server: what is sent, and what every answer is held to mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calls import OutcomeKind, Verdict
from bot.domain.model import PauseKind, ProviderKind, Recipient, RecipientType
from bot.errors import ResolutionFailed, SettingsError
from bot.providers.base import JobState
from bot.providers.drip_writing import build_credentials, encode

from .raw_server import Peer, RawServer
from .support import (
    API_KEY,
    CURRENCY,
    D1,
    D2,
    D3,
    REALM,
    Reply,
    Service,
    SteppingClock,
    check,
    discord,
    drip_account,
    item,
    kinds,
    programme,
    provider_of,
    sent,
)  # fmt: skip

KIND = ProviderKind.DRIP_CREDENTIALS
APPLIED, REJECTED, NOT_SENT, UNKNOWN = (
    OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN,
)  # fmt: skip
TWO = [item(1, discord(D1), 50), item(2, discord(D2), -20)]


def result(value: str, balance: object = 100, **more: Any) -> dict[str, Any]:
    entry = {"type": "discord-id", "value": value, "credentialId": "c", "balance": balance, "realmPointId": CURRENCY}
    return {**entry, **more}


def error(value: str, words: str = "Credential not found") -> dict[str, Any]:
    return {"type": "discord-id", "value": value, "error": words}


async def judged(service: Service, reply: Reply, items: Any = TWO, **about: Any) -> Verdict:
    return await sent(KIND, service, reply, items, **about)


async def test_a_call_names_every_type_of_credential_as_documented(service: Service) -> None:
    everybody = [
        item(1, discord(D1), 50),
        item(2, Recipient(RecipientType.TWITTER_ID, "12"), 1),
        item(3, Recipient(RecipientType.WALLET, "0xAb"), -3),
        item(4, Recipient(RecipientType.EMAIL, "A@b.c"), 4),
        item(5, Recipient(RecipientType.CUSTOM, "me", "steam"), 5),
    ]
    service.replies(Reply(body={"success": True, "results": [], "errors": []}))
    async with provider_of(KIND, service, account={"initiator_id": "boss"}) as provider:
        body = provider.build(everybody, "T")
        assert body == provider.build(everybody, "other")
        await provider.send(body, everybody)
    call = service.calls[0]
    assert (call.method, call.path) == ("PATCH", f"/api/v1/realms/{REALM}/credentials/transaction")
    assert call.headers["Authorization"] == f"Bearer {API_KEY}"
    check("drip-credentials-request", call.json)
    assert call.json["initiatorId"] == "boss"
    assert call.json["updates"] == [
        {"type": "discord-id", "value": D1, "realmPointId": CURRENCY, "amount": 50},
        {"type": "twitter-id", "value": "12", "realmPointId": CURRENCY, "amount": 1},
        {"type": "wallet", "value": "0xAb", "realmPointId": CURRENCY, "amount": -3},
        {"type": "email", "value": "A@b.c", "realmPointId": CURRENCY, "amount": 4},
        {"type": "custom", "value": "me", "source": "steam", "realmPointId": CURRENCY, "amount": 5},
    ]


@given(
    who=st.sampled_from(RecipientType),
    value=st.text(),
    source=st.none() | st.text(),
    amount=st.integers(),
    initiator=st.none() | st.text(),
)
def test_a_body_is_what_json_would_make_of_it(
    who: RecipientType, value: str, source: str | None, amount: int, initiator: str | None
) -> None:
    update = {"type": who.value, "value": value, "source": source, "realmPointId": CURRENCY, "amount": amount}
    said = {key: one for key, one in update.items() if one is not None}
    made = build_credentials([(Recipient(who, value, source), amount)] * 2, CURRENCY, initiator)
    assert made == encode([said] * 2, initiator)
    assert json.loads(made)["updates"] == [said] * 2


async def test_results_are_applied_with_their_balance_and_errors_are_rejected_with_their_words(
    service: Service,
) -> None:
    answer = {"success": True, "results": [result(D1, 150)], "errors": [error(D2, "Insufficient balance")]}
    check("drip-credentials-answer", answer)
    verdict = await judged(service, Reply(body=answer, headers={"X-Request-Id": "req-1"}))
    assert kinds(verdict) == [APPLIED, REJECTED]
    assert verdict.outcomes[1].balance == 150
    assert verdict.outcomes[2].detail == (
        "Drip refused it: the balance is too low for this deduction (Insufficient balance)."
    )
    assert verdict.status == 200
    assert verdict.request_id == "req-1"
    assert verdict.pause is None
    left = {"headers_sent": True, "body_complete": True, "exception": None}
    assert verdict.evidence == {**left, "sent_at": 1_800_000_000_000}


ANSWERS: list[tuple[str, object, list[OutcomeKind]]] = [
    ("an item in neither list", {"success": True, "results": [result(D1)], "errors": []}, [APPLIED, UNKNOWN]),
    ("an item in both lists", {"results": [result(D1), result(D2)], "errors": [error(D2)]}, [APPLIED, UNKNOWN]),
    ("one item twice, the same", {"results": [result(D1), result(D1), result(D2)]}, [APPLIED, APPLIED]),
    ("one item twice, differing", {"results": [result(D1, 5), result(D1, 6), result(D2)]}, [UNKNOWN, APPLIED]),
    ("strangers in the lists", {"results": [result(D1), result(D3), result(D2)], "errors": [error("x")]},
     [APPLIED, APPLIED]),
    ("no success said", {"results": [result(D1)], "errors": [error(D2)]}, [APPLIED, REJECTED]),
    ("no success, because of one", {"success": False, "results": [result(D1)], "errors": [error(D2)]},
     [APPLIED, REJECTED]),
    ("no success, and nobody failed", {"success": False, "results": [result(D1), result(D2)]}, [UNKNOWN, UNKNOWN]),
    ("no success, one failed, one untold", {"success": False, "results": [], "errors": [error(D2)]},
     [UNKNOWN, REJECTED]),
    ("success denied, nobody named", {"success": False}, [UNKNOWN, UNKNOWN]),
    ("success as a text", {"success": "true", "results": [result(D1), result(D2)]}, [UNKNOWN, UNKNOWN]),
    ("the wrong type", {"results": [{**result(D1), "type": "email"}, result(D2)]}, [UNKNOWN, APPLIED]),
    ("an id as a number", {"results": [{**result(D1), "value": int(D1)}, result(D2)]}, [UNKNOWN, APPLIED]),
    ("another currency", {"results": [result(D1, realmPointId="b" * 24), result(D2)]}, [UNKNOWN, APPLIED]),
    ("a result with an error", {"results": [result(D1, error="no"), result(D2)]}, [UNKNOWN, APPLIED]),
    ("a source that nobody asked for", {"results": [result(D1, source="discord"), result(D2)]}, [APPLIED, APPLIED]),
    ("no lists", {"success": True}, [UNKNOWN, UNKNOWN]),
    ("lists of nonsense", {"success": True, "results": [1, None, "x", []], "errors": {}}, [UNKNOWN, UNKNOWN]),
    ("a list in place of an object", [], [UNKNOWN, UNKNOWN]),
    ("half an answer", b'{"success":true,"results":[{"type":"disc', [UNKNOWN, UNKNOWN]),
    ("a page of HTML", b"<html>", [UNKNOWN, UNKNOWN]),
    ("nothing", b"", [UNKNOWN, UNKNOWN]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "expected"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
async def test_a_200_is_judged_item_by_item(
    service: Service, name: str, body: object, expected: list[OutcomeKind]
) -> None:
    verdict = await judged(service, Reply(body=body))
    assert kinds(verdict) == expected
    assert all(outcome.detail for outcome in verdict.outcomes.values() if outcome.kind is not APPLIED)


@pytest.mark.parametrize("balance", [None, "5", True, 1.5, 10**30])
async def test_a_senseless_balance_is_left_out(service: Service, balance: object) -> None:
    verdict = await judged(service, Reply(body={"results": [result(D1, balance), result(D2)]}))
    assert kinds(verdict) == [APPLIED, APPLIED]
    assert verdict.outcomes[1].balance is None


async def test_spellings_of_one_credential_are_matched(service: Service) -> None:
    items = [
        item(1, Recipient(RecipientType.EMAIL, "A@b.c")),
        item(2, Recipient(RecipientType.WALLET, "0xAB")),
        item(3, Recipient(RecipientType.WALLET, "SoL1")),
    ]
    results = [
        {"type": "email", "value": "a@b.c"},
        {"type": "wallet", "value": "0xab"},
        {"type": "wallet", "value": "sol1"},
    ]
    assert kinds(await judged(service, Reply(body={"results": results}), items)) == [APPLIED, APPLIED, UNKNOWN]


async def test_custom_credentials_of_one_value_are_told_apart_by_source_or_not_at_all(service: Service) -> None:
    items = [
        item(1, Recipient(RecipientType.CUSTOM, "me", "steam")),
        item(2, Recipient(RecipientType.CUSTOM, "me", "xbox")),
    ]
    named = [{"type": "custom", "value": "me", "source": "Steam", "balance": 1}]
    assert kinds(await judged(service, Reply(body={"results": named}), items)) == [APPLIED, UNKNOWN]
    service.calls.clear()
    bare = [{"type": "custom", "value": "me"}, {"type": "custom", "value": "me"}]
    assert kinds(await judged(service, Reply(body={"results": bare}), items)) == [UNKNOWN, UNKNOWN]
    service.calls.clear()
    assert kinds(await judged(service, Reply(body={"results": bare[:1]}), items[:1])) == [APPLIED]


async def test_a_missing_currency_is_no_verdict_on_a_row(service: Service) -> None:
    answer = {"success": False, "results": [], "errors": [error(D1, "Currency not found"), error(D2)]}
    verdict = await judged(service, Reply(body=answer))
    assert kinds(verdict) == [NOT_SENT, REJECTED]
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.CURRENCY
    assert "DRIP_CURRENCY_ID" in verdict.pause.message


async def test_no_setting_named_in_an_item_s_error_is_a_verdict_on_the_row(service: Service) -> None:
    answer = {"success": False, "errors": [error(D1, "Invalid initiatorId"), error(D2, "Invalid initiatorId")]}
    verdict = await judged(service, Reply(body=answer))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.SETTINGS
    assert "DRIP_INITIATOR_ID" in verdict.pause.message


SAID = {"error": "Unauthorized", "message": "Invalid API key a-long-api-key-for-tests provided"}
STATUSES: list[tuple[int, object, OutcomeKind, PauseKind | None]] = [
    (401, SAID, NOT_SENT, PauseKind.KEY),
    (403, {"error": "Forbidden", "message": "no"}, NOT_SENT, PauseKind.ACCESS),
    (403, b"<html>blocked</html>", NOT_SENT, PauseKind.ACCESS),
    (400, {"error": "updates must not have more than 50 items"}, UNKNOWN, None),
    (400, {"error": "Invalid realmPointId"}, UNKNOWN, PauseKind.CURRENCY),
    (404, {"error": "Not Found", "message": "Realm not found"}, UNKNOWN, PauseKind.SETTINGS),
    (404, {"error": "Not Found", "message": "Credential not found"}, UNKNOWN, None),
    (404, b"", UNKNOWN, None),
    (409, {"error": "ConflictError"}, UNKNOWN, None),
    (422, {"error": "InsufficientBalance", "message": "low"}, UNKNOWN, None),
    (408, {}, UNKNOWN, None),
    (418, {}, UNKNOWN, None),
    (201, {"success": True, "results": [result(D1), result(D2)]}, UNKNOWN, None),
    (202, {"success": True}, UNKNOWN, None),
    (303, {}, UNKNOWN, None),
    (500, {"error": "Currency not found"}, UNKNOWN, None),
    (502, b"<html>", UNKNOWN, None),
    (503, {}, UNKNOWN, None),
    (504, {}, UNKNOWN, None),
]


@pytest.mark.parametrize(("status", "body", "outcome", "pause"), STATUSES)
async def test_every_other_status_is_judged_as_far_as_it_proves_something(
    service: Service, status: int, body: object, outcome: OutcomeKind, pause: PauseKind | None
) -> None:
    verdict = await judged(service, Reply(status, body, {"Location": "/"} if status == 303 else {}))
    assert kinds(verdict) == [outcome, outcome]
    assert (verdict.pause.kind if verdict.pause else None) is pause
    assert not verdict.refused_whole
    assert ("refusal" in verdict.evidence) is (status in (400, 404, 409, 422) and body != b"" and pause is None)
    assert verdict.detail
    assert "<" not in verdict.detail
    if outcome is NOT_SENT:
        assert verdict.detail.startswith("Nothing was sent")


async def test_a_rate_limit_is_waited_for_and_a_spent_quota_pauses(service: Service) -> None:
    verdict = await judged(service, Reply(429, {"error": "Rate limit exceeded", "retryAfter": 30}))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.wait_seconds == 30
    assert verdict.pause is None
    for seconds, words in ((7200, "2 hours"), (10 * 86400, "10 days"), (1_800_000_030, "cannot be meant")):
        service.calls.clear()
        verdict = await judged(service, Reply(429, {}, {"Retry-After": str(seconds)}))
        assert kinds(verdict) == [NOT_SENT, NOT_SENT]
        assert verdict.wait_seconds is None
        assert verdict.pause is not None
        assert verdict.pause.kind is PauseKind.QUOTA
        assert words in verdict.pause.message


async def test_a_call_too_large_is_to_be_halved_but_one_award_alone_never_is(service: Service) -> None:
    verdict = await judged(service, Reply(413))
    assert verdict.refused_whole
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    service.calls.clear()
    verdict = await judged(service, Reply(413), TWO[:1])
    assert not verdict.refused_whole
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.SETTINGS


async def test_a_service_that_is_away_has_received_nothing() -> None:
    service = Service()
    service.url = "http://127.0.0.1:1"
    clock = SteppingClock()
    async with provider_of(KIND, service, clock=clock) as provider:
        for _ in range(30):  # more than the plan allows in a minute: calls that never left use nothing up
            verdict = await provider.send(provider.build(TWO, "T"), TWO)
    assert clock.elapsed == 0
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.status is None
    assert verdict.pause is None
    assert verdict.detail == "Nothing was sent: Drip could not be reached (it refused the connection)."
    assert verdict.evidence["headers_sent"] is False


async def test_a_lost_answer_is_a_doubt_and_an_early_one_is_a_proof() -> None:
    async def lost(peer: Peer) -> None:
        await peer.request()
        peer.close()

    async def early(peer: Peer) -> None:
        await peer.head()
        await peer.answer("503 Busy")
        await peer.stall()

    huge = [item(1, Recipient(RecipientType.EMAIL, "x" * 24_000_000))]
    for script, items, outcome, words in (
        (
            lost,
            TWO,
            UNKNOWN,
            "It is not known whether Drip acted on the call: it closed the connection without an answer.",
        ),
        (early, huge, NOT_SENT, "Nothing was sent: Drip answered 503 before the call was complete."),
    ):
        service = Service()
        async with RawServer(script) as server:
            service.url = server.url
            async with provider_of(KIND, service) as provider:
                verdict = await provider.send(provider.build(items, "T"), items)
        assert set(kinds(verdict)) == {outcome}
        assert verdict.detail == words
        assert not verdict.refused_whole


@pytest.mark.parametrize("realm", ["", "short", REALM + "0", "zzzzzzzzzzzzzzzzzzzzzzzz"])
async def test_a_realm_id_that_cannot_be_one_is_never_sent(service: Service, realm: str) -> None:
    async with provider_of(KIND, service, account={"realm_id": realm}) as provider:
        verdict = await provider.send(provider.build(TWO, "T"), TWO)
        assert await provider.balance(D1, discord(D1)) is None
        with pytest.raises(ResolutionFailed):
            await provider.currencies()
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.SETTINGS
    assert service.calls == []


async def test_settings_that_moved_to_another_realm_never_redirect_a_batch(service: Service) -> None:
    async with provider_of(KIND, service, account={"realm_id": "f" * 24}) as provider:
        verdict = await provider.send(provider.build(TWO, "T"), TWO)
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.SETTINGS
    assert service.calls == []


async def test_without_a_currency_nothing_is_built_or_sent(service: Service) -> None:
    async with provider_of(KIND, service, currency=None) as provider:
        with pytest.raises(SettingsError, match="DRIP_CURRENCY_ID"):
            provider.build(TWO, "T")
        verdict = await provider.send(b"{}", TWO)
    assert verdict.pause is not None
    assert service.calls == []


async def test_targets_are_one_spelling_of_the_credential(service: Service) -> None:
    async with provider_of(KIND, service) as provider:
        assert provider.target(discord(D1)) == D1
        assert provider.target(Recipient(RecipientType.EMAIL, "A@b.c")) == "a@b.c"
        assert provider.target(Recipient(RecipientType.CUSTOM, "Me", "steam")) == "Me"
        with pytest.raises(ValueError, match="source"):
            provider.target(Recipient(RecipientType.CUSTOM, "me"))
        for kind in (RecipientType.DRIP_ID, RecipientType.CUSTOMER_ID):
            with pytest.raises(ValueError, match="cannot be paid"):
                provider.target(Recipient(kind, "x"))


async def test_the_balance_is_the_one_in_our_currency_or_none(service: Service) -> None:
    found = {"id": "c", "balances": [{"balance": 7, "currencyId": "b" * 24}, {"balance": 42, "currencyId": CURRENCY}]}
    custom = Recipient(RecipientType.CUSTOM, "a b+c", "steam")
    service.replies(Reply(body=found), Reply(body={"balances": []}), Reply(404, {"error": "Not Found"}))
    async with provider_of(KIND, service) as provider:
        assert await provider.balance("a b+c", custom) == 42
        assert await provider.balance(D1, discord(D1)) is None
        assert await provider.balance(D1, discord(D1)) is None
    assert service.calls[0].query == {"type": "custom", "value": "a b+c", "source": "steam"}
    assert service.calls[1].query == {"type": "discord-id", "value": D1}


async def test_what_this_endpoint_does_not_have_is_said_quietly(service: Service) -> None:
    async with provider_of(KIND, service) as provider:
        assert not provider.needs_lookup
        assert provider.lookup_calls(1000) == 0
        assert provider.programme == programme(KIND)
        assert await provider.inspect(TWO) == {}
        assert (await provider.follow("1", TWO)).state is JobState.LOST
        with pytest.raises(ResolutionFailed):
            await provider.resolve([discord(D1)])
        await provider.wait_for_turn()


async def test_the_pace_is_the_plans_until_the_service_says_otherwise(service: Service) -> None:
    service.replies(Reply(body={"success": True}, headers={"X-RateLimit-Limit": "300", "X-RateLimit-Window": "60"}))
    async with provider_of(KIND, service) as provider:
        assert provider.pace.plan == "Free plan, 24 requests a minute"
        assert (provider.pace.calls_per_window, provider.pace.per_month) == (24, 100_000)
        await provider.send(provider.build(TWO, "T"), TWO)
        assert provider.pace.plan == "Pro plan, 300 requests a minute"
        assert (provider.pace.calls_per_window, provider.pace.per_month) == (300, 1_000_000)
        service.replies(Reply(headers={"X-RateLimit-Limit": "59", "X-RateLimit-Window": "30"}))
        await provider.send(provider.build(TWO, "T"), TWO)
        assert provider.pace.plan == "59 requests in 30 seconds, as Drip says"
        assert provider.pace.window_seconds == 30
        service.replies(Reply(200, {}, {"X-RateLimit-Limit": "1000000", "X-RateLimit-Window": "60"}))
        await provider.send(provider.build(TWO, "T"), TWO)
        assert provider.pace.plan == "1,000,000 requests a minute, as Drip says"


async def test_after_a_429_the_next_call_waits_as_long_as_asked(service: Service) -> None:
    clock = SteppingClock()
    service.replies(Reply(429, {}, {"Retry-After": "20"}), Reply(body={"success": True}))
    async with provider_of(KIND, service, clock=clock) as provider:
        await provider.send(provider.build(TWO, "T"), TWO)
        assert provider.waiting_until == pytest.approx(clock.now() + 20)
        await provider.wait_for_turn()
        assert clock.elapsed == pytest.approx(20)
        await provider.send(provider.build(TWO, "T"), TWO)
    assert len(service.calls) == 2


def test_no_key_shows_in_a_printed_account() -> None:
    assert API_KEY not in repr(drip_account("https://x.example"))


async def test_the_bodys_own_request_id_is_kept(service: Service) -> None:
    verdict = await judged(service, Reply(500, json.dumps({"error": "E", "requestId": "r" * 200}).encode()))
    assert verdict.request_id == "r" * 100
