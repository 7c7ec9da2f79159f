"""Gameball against a real local server: what is sent, what an answer means, and following the job to its end."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.calls import OutcomeKind, Verdict
from bot.domain.model import PauseKind, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.probing import Purse
from bot.errors import ResolutionFailed
from bot.providers.factory import make_providers
from bot.providers.gameball import LONGEST_REASON, number_text, tagged
from bot.providers.gameball_once import NOT_TOLD, in_part

from .support import (
    API_KEY,
    D1,
    D2,
    SECRET_KEY,
    Reply,
    Service,
    SteppingClock,
    check,
    discord,
    gameball_account,
    item,
    kinds,
    programme,
    provider_of,
    sent,
    settings,
)

KIND = ProviderKind.GAMEBALL
APPLIED, REJECTED, NOT_SENT, UNKNOWN, ACCEPTED = (
    OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED,
)  # fmt: skip
TWO = [item(1, discord(D1), 50, reason="Weekly quiz"), item(2, discord(D2), -20)]
ROOT = "/api/v4.0/integrations"


def envelope(code: int, message: str = "no") -> dict[str, Any]:
    return {"code": code, "type": "PAYLOAD_ERROR", "message": message, "documentationUrl": "u", "requestId": "r-1"}


async def judged(service: Service, reply: Reply, items: Any = TWO, **about: Any) -> Verdict:
    return await sent(KIND, service, reply, items, **about)


# --- the call ---------------------------------------------------------------------------------------------------------


async def test_a_call_carries_both_keys_and_the_token_in_every_reason(service: Service) -> None:
    check("gameball-answer", {"jobId": 5003})
    verdict = await judged(service, Reply(body={"jobId": 5003}))
    call = service.calls[0]
    assert (call.method, call.path) == ("POST", f"{ROOT}/batch/balance-adjustment")
    assert (call.headers["apikey"], call.headers["secretkey"]) == (API_KEY, SECRET_KEY)
    check("gameball-request", call.json)
    assert call.json == {
        "body": [
            {"customerId": D1, "amount": 50, "reason": "Weekly quiz [bursar 7K3F9A]"},
            {"customerId": D2, "amount": -20, "reason": "Adjustment [bursar 7K3F9A]"},
        ]
    }
    assert kinds(verdict) == [ACCEPTED, ACCEPTED]
    assert verdict.job_id == "5003"


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (5, Unit.POINTS, "5"), (-5, Unit.POINTS, "-5"), (2**53, Unit.POINTS, "9007199254740992"),
        (1250, Unit.MONEY, "12.5"), (1200, Unit.MONEY, "12"), (1205, Unit.MONEY, "12.05"), (-1, Unit.MONEY, "-0.01"),
        (100000000, Unit.MONEY, "1000000"), (901, Unit.MONEY, "9.01"), (29, Unit.MONEY, "0.29"),
    ],
)  # fmt: skip
def test_an_amount_is_an_exact_json_number(amount: int, unit: Unit, text: str) -> None:
    assert number_text(amount, unit) == text


@given(st.integers(-(2**53), 2**53))
def test_money_keeps_every_hundredth(amount: int) -> None:
    text = number_text(amount, Unit.MONEY)
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) * 100 == amount


async def test_money_is_sent_as_a_number(service: Service) -> None:
    async with provider_of(KIND, service, unit=Unit.MONEY) as provider:
        body = provider.build([item(1, discord(D1), 1250, reason='"quoted"\n')], "T")
    assert body == b'{"body":[{"customerId":"' + D1.encode() + b'","amount":12.5,"reason":"\\"quoted\\" [bursar T]"}]}'


@given(st.text(max_size=600) | st.none())
def test_a_reason_keeps_its_tag_and_stays_short_whatever_it_says(reason: str | None) -> None:
    text = tagged(reason, "7K3F9A")
    assert text.endswith("[bursar 7K3F9A]")
    assert "\n" not in text
    assert len(text.encode()) <= LONGEST_REASON


def test_a_reason_carries_the_token_of_no_other_call() -> None:
    assert tagged("Week 31 [bursar abcdefghjk], again", "T") == "Week 31 , again [bursar T]"
    assert tagged("[bursar abcdefghjk]", "T") == "[bursar T]"


def test_a_long_reason_is_cut_between_characters() -> None:
    text = tagged("x" + "🎉" * 300, "T")
    assert len(text.encode()) <= LONGEST_REASON
    assert "�" not in text


ACCEPTED_ANSWERS: list[tuple[object, str]] = [
    ({"jobId": 1}, "1"),
    ({"jobId": 1.0}, "1"),
    ({"jobId": " j-1 "}, "j-1"),
    ({"jobId": 7, "gameballStatus": "disabled"}, "7"),
]


@pytest.mark.parametrize(("body", "job"), ACCEPTED_ANSWERS)
async def test_a_job_is_accepted_when_it_has_an_id(service: Service, body: object, job: str) -> None:
    verdict = await judged(service, Reply(body=body))
    assert kinds(verdict) == [ACCEPTED, ACCEPTED]
    assert verdict.job_id == job


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"jobId": None}, {"jobId": 0}, {"jobId": -1}, {"jobId": True}, {"jobId": ""}, {"jobId": "0"},
        {"jobId": [1]}, {"jobId": 1.5}, {"jobId": "x" * 200}, b"", b"5003", b"<html>", b'{"jobId":',
        {"gameballStatus": "active"}, {"gameballStatus": 5}, {"gameballStatus": False},
        {"gameballStatus": "active", "message": "2 paused campaigns, 1 inactive customer"},
        {"gameballStatus": "partially disabled"}, {"gameballStatus": "inactive"}, {"message": "disabled"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_200_without_a_job_proves_nothing(service: Service, body: object) -> None:
    verdict = await judged(service, Reply(body=body))
    assert kinds(verdict) == [UNKNOWN, UNKNOWN]
    assert verdict.job_id is None


@pytest.mark.parametrize(
    "body", [{"gameballStatus": "disabled", "message": "Program off"}, {"jobId": 0, "gameballStatus": "Disabled"}]
)
async def test_a_programme_that_is_switched_off_pauses(service: Service, body: object) -> None:
    verdict = await judged(service, Reply(body=body))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.pause is not None
    assert verdict.pause.kind is PauseKind.ACCESS


TAKEN = {"customerId": D1, "gameballTransactionId": 9, "transactionId": "bursar-1-x", "points": 50, "amount": 5}
OFF = {"gameballStatus": "disabled", "message": "The program is disabled", "learnMore": "https://help"}
ONCE: list[tuple[object, OutcomeKind, PauseKind | None]] = [
    (TAKEN, APPLIED, None),
    (TAKEN | {"gameballStatus": "active"}, APPLIED, None),
    ({**TAKEN, "transactionId": "bursar-2-x"}, UNKNOWN, None),
    (OFF, NOT_SENT, PauseKind.ACCESS),
    (TAKEN | OFF | {"points": None, "amount": None}, NOT_SENT, PauseKind.ACCESS),
    (TAKEN | OFF | {"points": 0, "amount": 0}, NOT_SENT, PauseKind.ACCESS),
    ({"transactionId": "bursar-1-x"} | OFF, NOT_SENT, PauseKind.ACCESS),
    (TAKEN | OFF, UNKNOWN, None),
    (TAKEN | {"gameballStatus": "partially disabled", "points": 0, "amount": 0}, UNKNOWN, None),
    (TAKEN | {"points": 0}, UNKNOWN, None),
    (TAKEN | {"points": 0.0, "amount": 0}, UNKNOWN, None),
    (TAKEN | {"points": -50}, UNKNOWN, None),
    (TAKEN | {"points": 49}, APPLIED, None),
    (TAKEN | {"points": None}, APPLIED, None),
    ({"transactionId": "bursar-1-x", "gameballStatus": "inactive"}, UNKNOWN, None),
]


@pytest.mark.parametrize(("body", "outcome", "pause"), ONCE)
async def test_a_transaction_is_made_unless_the_answer_says_that_the_programme_is_switched_off(
    service: Service, body: object, outcome: OutcomeKind, pause: PauseKind | None
) -> None:
    """Such an answer names the call as any other does, with the points it gave left empty or 0."""
    verdict = await judged(service, Reply(body=body), [TWO[0]._replace(transaction_id="bursar-1-x")])
    assert kinds(verdict) == [outcome]
    assert (None if verdict.pause is None else verdict.pause.kind) is pause


@pytest.mark.parametrize(
    ("answer", "amount", "unit", "outcome"),
    [
        ({"points": 0}, -20, Unit.POINTS, APPLIED),  # there was nothing to take
        ({"points": 20}, -20, Unit.POINTS, APPLIED),  # it counts what was deducted
        ({"points": 5, "amount": 0}, 150, Unit.MONEY, APPLIED),
        ({"points": 0, "amount": 0.5}, 50, Unit.MONEY, APPLIED),  # no whole point
        ({"points": 0, "amount": 0}, 150, Unit.MONEY, UNKNOWN),
        ({"points": None, "amount": 0}, 150, Unit.MONEY, UNKNOWN),
        ({"points": -5, "amount": -1.5}, 150, Unit.MONEY, UNKNOWN),
    ],
)
async def test_an_answer_by_whose_own_number_nothing_was_given_proves_nothing(
    service: Service, answer: dict[str, object], amount: int, unit: Unit, outcome: OutcomeKind
) -> None:
    (one,) = TWO[:1]
    items = [one._replace(transaction_id="bursar-1-x", amount=amount)]
    verdict = await judged(service, Reply(body=TAKEN | answer), items, unit=unit)
    assert kinds(verdict) == [outcome]


STATUSES: list[tuple[int, object, OutcomeKind, PauseKind | None, bool]] = [
    # status, body, outcome, pause, to be halved
    (401, envelope(1000), NOT_SENT, PauseKind.KEY, False),
    (401, b"", NOT_SENT, PauseKind.KEY, False),
    (403, envelope(1002), NOT_SENT, PauseKind.ACCESS, False),
    (403, envelope(8000), NOT_SENT, PauseKind.ACCESS, False),
    (422, envelope(6000), NOT_SENT, PauseKind.ACCESS, False),
    (404, b"", NOT_SENT, PauseKind.SETTINGS, False),
    (415, envelope(3013), NOT_SENT, PauseKind.SETTINGS, False),
    (400, envelope(3000), NOT_SENT, None, True),
    (400, envelope(3016), NOT_SENT, None, True),
    (404, envelope(7000), NOT_SENT, None, True),
    (409, envelope(9999), NOT_SENT, None, True),
    (412, envelope(2000), NOT_SENT, None, True),
    (413, b"", NOT_SENT, None, True),
    (422, envelope(9008), NOT_SENT, None, True),
    (422, envelope(3009), NOT_SENT, None, True),
    (400, {"error": 400, "message": "A rewarding criteria is required"}, NOT_SENT, None, True),
    (422, envelope(2001), NOT_SENT, None, False),
    (400, envelope(4000), UNKNOWN, None, False),
    (400, envelope(4500), UNKNOWN, None, False),
    (400, b"<html>bad gateway</html>", UNKNOWN, None, False),
    (404, b"<html>not here</html>", UNKNOWN, None, False),
    (422, {}, UNKNOWN, None, False),
    (405, b"", UNKNOWN, None, False),
    (408, envelope(3000), UNKNOWN, None, False),
    (303, {}, UNKNOWN, None, False),
    (500, envelope(5000), UNKNOWN, None, False),
    (502, b"<html>", UNKNOWN, None, False),
    (503, envelope(5003), UNKNOWN, None, False),
    (504, b"", UNKNOWN, None, False),
]


@pytest.mark.parametrize(("status", "body", "outcome", "pause", "halved"), STATUSES)
async def test_a_refusal_is_definite_only_with_the_services_own_words(
    service: Service, status: int, body: object, outcome: OutcomeKind, pause: PauseKind | None, halved: bool
) -> None:
    verdict = await judged(service, Reply(status, body))
    assert kinds(verdict) == [outcome, outcome]
    assert (verdict.pause.kind if verdict.pause else None) is pause
    assert verdict.refused_whole is halved
    assert verdict.detail
    assert "<" not in verdict.detail
    if isinstance(body, dict) and "requestId" in body:
        assert verdict.request_id == "r-1"


async def test_a_busy_customer_is_waited_for(service: Service) -> None:
    verdict = await judged(service, Reply(422, envelope(2001)))
    assert verdict.wait_seconds is not None
    assert verdict.wait_seconds > 0


async def test_a_rate_limit_without_any_word_means_the_window_that_may_be_full(service: Service) -> None:
    verdict = await judged(service, Reply(429, b""))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.wait_seconds == pytest.approx(1)


async def test_a_programme_without_a_unit_sends_nothing(service: Service) -> None:
    from dataclasses import replace

    from .support import gameball_account, make_providers, programme, settings

    providers = make_providers(settings(gameball=[gameball_account(service.url)]), SteppingClock())
    provider = providers.make(replace(programme(KIND), unusable="Set GAMEBALL_AMOUNT_UNIT."))
    verdict = await provider.send(provider.build(TWO, "T"), TWO)
    await providers.close()
    assert verdict.pause is not None
    assert "GAMEBALL_AMOUNT_UNIT" in verdict.pause.message
    assert service.calls == []


@pytest.mark.parametrize("status", [404, 422])
async def test_a_cut_refusal_proves_nothing_by_itself(status: int) -> None:
    from .raw_server import Peer, RawServer

    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.say(b'HTTP/1.1 %d No\r\nContent-Length: 100\r\n\r\n{"code":3000,' % status)
        peer.close()

    async with RawServer(cut) as server:
        service = Service()
        service.url = server.url
        async with provider_of(KIND, service) as provider:
            verdict = await provider.send(provider.build(TWO, "T"), TWO)
    assert kinds(verdict) == [UNKNOWN, UNKNOWN]
    assert verdict.status == status
    assert verdict.pause is None


async def test_customers_are_named_by_id_template_or_map(service: Service) -> None:
    async with provider_of(KIND, service, account={"customer_id_template": "discord_{discord_id}"}) as provider:
        assert provider.target(discord(D1)) == f"discord_{D1}"
        assert provider.target(Recipient(RecipientType.CUSTOMER_ID, "c/1")) == "c/1"
        with pytest.raises(ValueError, match="cannot be paid"):
            provider.target(Recipient(RecipientType.EMAIL, "a@b.c"))
    async with provider_of(KIND, service, account={"customer_map": {D1: "me"}}) as provider:
        assert provider.target(discord(D1)) == "me"
        with pytest.raises(ValueError, match="GAMEBALL_CUSTOMER_MAP"):
            provider.target(discord(D2))


# --- reads ------------------------------------------------------------------------------------------------------------


BALANCES: list[tuple[Unit, object, int | None]] = [
    (Unit.POINTS, {"availablePointsBalance": 120, "totalPointsBalance": 200}, 120),
    (Unit.POINTS, {"avaliablePointsBalance": 120}, 120),
    (Unit.POINTS, {"avaliablePointsBalance": 120.0, "availablePointsBalance": 120}, 120),
    (Unit.POINTS, {"avaliablePointsBalance": 120, "availablePointsBalance": 5}, None),
    (Unit.POINTS, {"totalPointsBalance": 200}, None),
    (Unit.POINTS, {"availablePointsBalance": 0, "gameballStatus": "Disabled"}, None),
    (Unit.POINTS, {"availablePointsBalance": "120"}, None),
    (Unit.POINTS, {"availablePointsBalance": 1.5}, None),
    (Unit.POINTS, {"availablePointsBalance": None}, None),
    (Unit.MONEY, {"avaliablePointsValue": 12.5, "avaliablePointsBalance": 125}, 1250),
    (Unit.MONEY, {"availablePointsValue": 12}, 1200),
    (Unit.POINTS, [], None),
]


@pytest.mark.parametrize(("unit", "body", "balance"), BALANCES)
async def test_the_balance_is_read_in_both_spellings_and_never_guessed(
    service: Service, unit: Unit, body: object, balance: int | None
) -> None:
    service.replies(Reply(body=body))
    async with provider_of(KIND, service, unit=unit) as provider:
        assert await provider.balance("me@x/y", discord(D1)) == balance
    assert service.calls[0].path == f"{ROOT}/customers/me%40x%2Fy/balance"


async def test_a_probe_reads_no_balance_out_of_a_number_of_any_size(service: Service) -> None:
    service.replies(Reply(body=b'{"availablePointsValue": 1e999999999, "availablePointsBalance": 1e999999999}'))
    providers = make_providers(settings([], [gameball_account(service.url)]), SteppingClock())
    prober = providers.prober(programme(KIND), {}, job_wait=1)
    purses = [Purse("C1", currency) for currency in ("points", "value")]
    assert await prober.balances(purses) == dict.fromkeys(purses)
    await providers.close()


async def test_an_unknown_customer_has_no_balance(service: Service) -> None:
    service.replies(Reply(404, envelope(7000)))
    async with provider_of(KIND, service) as provider:
        assert await provider.balance("me", discord(D1)) is None
        assert await provider.balance("..", discord(D1)) is None
    assert len(service.calls) == 1


async def test_what_gameball_does_not_have_is_said_quietly(service: Service) -> None:
    async with provider_of(KIND, service) as provider:
        assert not provider.needs_lookup
        assert provider.lookup_calls(5000) == 0
        assert await provider.inspect(TWO) == {}
        assert await provider.currencies() == ()
        with pytest.raises(ResolutionFailed):
            await provider.resolve([discord(D1)])
        pace = provider.pace
        assert (pace.plan, pace.calls_per_window, pace.window_seconds, pace.per_month) == (
            "Gameball, 360 requests in 30 seconds", 360, 30.0, None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("moved", "amount", "unit", "said"),
    [
        (50, 50, Unit.POINTS, None),
        (-50, -50, Unit.POINTS, None),
        (40, 50, Unit.POINTS, "It landed in part: 40 of 50 were given."),
        (-40, -50, Unit.POINTS, "It landed in part: 40 of 50 were taken."),
        (0, -50, Unit.POINTS, "It landed in part: 0 of 50 were taken."),
        (-100, -150, Unit.MONEY, "It landed in part: 1.00 of 1.50 were taken."),
        # What is no whole point is lost, which is no news.
        (100, 150, Unit.MONEY, None),
        (None, 50, Unit.POINTS, None),
        (None, -50, Unit.POINTS, NOT_TOLD),
    ],
)
def test_what_moved_is_told_only_where_it_is_not_what_was_asked_for(
    moved: int | None, amount: int, unit: Unit, said: str | None
) -> None:
    assert in_part(moved, amount, unit) == said
