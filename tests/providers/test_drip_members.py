"""Drip members against a real local server: the look-up, the all-or-nothing call, and finding the bad rows."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.calls import OutcomeKind, Verdict
from bot.domain.model import PauseKind, ProviderKind, Recipient, RecipientType
from bot.domain.shown import Shown
from bot.errors import SettingsError
from bot.providers.base import JobState

from .support import (
    CURRENCY,
    D1,
    D2,
    D3,
    M1,
    M2,
    REALM,
    Reply,
    Service,
    check,
    discord,
    item,
    kinds,
    provider_of,
    sent,
)  # fmt: skip

KIND = ProviderKind.DRIP_MEMBERS
APPLIED, NOT_SENT, UNKNOWN = OutcomeKind.APPLIED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN
TWO = [item(1, discord(D1), 50, target=M1), item(2, discord(D2), -20, target=M2)]


def update(drip_id: str, balance: object = 5, new: object = 10, **more: Any) -> dict[str, Any]:
    return {"dripId": drip_id, "balance": balance, "newBalance": new, "currencyId": CURRENCY, **more}


async def judged(service: Service, reply: Reply, items: Any = TWO, **about: Any) -> Verdict:
    return await sent(KIND, service, reply, items, **about)


# --- the call -------------------------------------------------------------------------------------------------------


async def test_a_call_names_members_and_the_currency_as_documented(service: Service) -> None:
    answer = {"success": True, "updates": [update(M1, 5, 55), update(M2.upper(), 40, None)]}
    check("drip-members-answer", {"success": True, "updates": [update(M1)]})
    verdict = await judged(service, Reply(body=answer), account={"initiator_id": "boss"})
    call = service.calls[0]
    assert (call.method, call.path) == ("PATCH", f"/api/v1/realms/{REALM}/members/transaction")
    check("drip-members-request", call.json)
    assert call.json == {
        "updates": [
            {"dripId": M1, "amount": 50, "currencyId": CURRENCY},
            {"dripId": M2, "amount": -20, "currencyId": CURRENCY},
        ],
        "initiatorId": "boss",
    }
    assert kinds(verdict) == [APPLIED, APPLIED]
    # No probe has shown what either number means.
    assert [verdict.outcomes[award].balance for award in (1, 2)] == [None, None]
    assert verdict.evidence["balances"] == {"1": [5, 55], "2": [40, None]}


ANSWERS: list[tuple[str, object, list[OutcomeKind]]] = [
    ("all named", {"success": True, "updates": [update(M2), update(M1)]}, [APPLIED, APPLIED]),
    ("one not named", {"success": True, "updates": [update(M1)]}, [APPLIED, UNKNOWN]),
    ("nobody named", {"success": True}, [UNKNOWN, UNKNOWN]),
    ("success denied", {"success": False, "updates": [update(M1), update(M2)]}, [UNKNOWN, UNKNOWN]),
    ("success not said", {"updates": [update(M1), update(M2)]}, [UNKNOWN, UNKNOWN]),
    ("success as a number", {"success": 1, "updates": [update(M1), update(M2)]}, [UNKNOWN, UNKNOWN]),
    ("another currency", {"success": True, "updates": [update(M1, currencyId="b" * 24), update(M2)]},
     [UNKNOWN, APPLIED]),
    ("an error inside", {"success": True, "updates": [update(M1, error="no"), update(M2)]}, [UNKNOWN, APPLIED]),
    ("nonsense", {"success": True, "updates": [None, 5, {"dripId": 5}]}, [UNKNOWN, UNKNOWN]),
    ("cut", b'{"success":true,"updates":[{"dripId":"111', [UNKNOWN, UNKNOWN]),
    ("empty", b"", [UNKNOWN, UNKNOWN]),
    ("two minds", b'{"success":true,"success":false}', [UNKNOWN, UNKNOWN]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "expected"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
async def test_a_200_pays_those_that_it_confirms(
    service: Service, name: str, body: object, expected: list[OutcomeKind]
) -> None:
    verdict = await judged(service, Reply(body=body))
    assert kinds(verdict) == expected
    assert not verdict.refused_whole


@pytest.mark.parametrize(
    ("found", "balances"), [("after", [55, None]), ("before", [None, None]), ("absent", [None, None])]
)
async def test_a_balance_is_taken_from_an_answer_only_where_a_probe_has_shown_what_it_is(
    service: Service, found: str, balances: list[int | None]
) -> None:
    service.replies(Reply(body={"success": True, "updates": [update(M1, 5, 55), update(M2, 40, None)]}))
    async with provider_of(KIND, service) as provider:
        verdict = await provider.knowing(Shown({"new-balance": found})).send(provider.build(TWO, "T"), TWO)
    assert [verdict.outcomes[award].balance for award in (1, 2)] == balances


async def test_a_member_that_is_named_twice_with_different_balances_is_not_known_to_be_paid(service: Service) -> None:
    service.replies(Reply(body={"success": True, "updates": [update(M1, 1, 2), update(M1, 1, 3), update(M2)]}))
    async with provider_of(KIND, service) as provider:
        verdict = await provider.knowing(Shown({"new-balance": "after"})).send(provider.build(TWO, "T"), TWO)
    assert kinds(verdict) == [UNKNOWN, APPLIED]


REFUSED: list[tuple[int, object]] = [
    (400, {"error": "Member not found"}),
    (400, {"error": "INSUFFICIENT_BALANCE"}),
    (400, b""),
    (404, {"error": "Not Found", "message": "Member 111 not found in realm"}),
    (409, {"error": "ConflictError", "message": "conflict"}),
    (413, {}),
    (
        422,
        {"error": "InsufficientBalance", "message": "Insufficient currency balance", "details": {"currentBalance": 1}},
    ),
]


@pytest.mark.parametrize(("status", "body"), REFUSED)
async def test_a_refusal_of_the_whole_call_is_definite(service: Service, status: int, body: object) -> None:
    if status == 400 and isinstance(body, dict):
        check("drip-members-refusal", body)
    verdict = await judged(service, Reply(status, body))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert verdict.refused_whole
    assert verdict.pause is None


NO_ROWS_FAULT: list[tuple[int, object, PauseKind]] = [
    (401, {"error": "Unauthorized"}, PauseKind.KEY),
    (403, {"error": "Forbidden"}, PauseKind.ACCESS),
    (400, {"error": "Currency not found"}, PauseKind.CURRENCY),
    (404, {"error": "Not Found", "message": "Currency does not exist"}, PauseKind.CURRENCY),
    (422, {"error": "ValidationError", "message": "currencyId is invalid"}, PauseKind.CURRENCY),
    (404, {"error": "Not Found", "message": "Realm not found"}, PauseKind.SETTINGS),
    (400, {"error": "initiatorId must match pattern"}, PauseKind.SETTINGS),
    (404, {"message": "Route PATCH:/api/v1/x not found", "error": "Not Found", "statusCode": 404}, PauseKind.SETTINGS),
    (404, b"", PauseKind.SETTINGS),
    (404, b"<html>nginx</html>", PauseKind.SETTINGS),
    (400, b"\r\n<html>The plain HTTP request was sent to HTTPS port</html>", PauseKind.SETTINGS),
    (422, b"<!doctype html>", PauseKind.SETTINGS),
    (429, {"retryAfter": 86400}, PauseKind.QUOTA),
]


@pytest.mark.parametrize(("status", "body", "pause"), NO_ROWS_FAULT)
async def test_what_is_no_rows_fault_pauses_and_keeps_the_rows(
    service: Service, status: int, body: object, pause: PauseKind
) -> None:
    verdict = await judged(service, Reply(status, body))
    assert kinds(verdict) == [NOT_SENT, NOT_SENT]
    assert not verdict.refused_whole
    assert verdict.pause is not None
    assert verdict.pause.kind is pause
    assert verdict.pause.message.startswith("Nothing was sent")


@pytest.mark.parametrize("status", [201, 202, 204, 303, 405, 408, 410, 500, 502, 503, 504])
async def test_every_other_status_proves_nothing(service: Service, status: int) -> None:
    verdict = await judged(service, Reply(status, b"" if status == 204 else {"error": "Currency not found"}))
    assert kinds(verdict) == [UNKNOWN, UNKNOWN]
    assert verdict.pause is None


async def test_awards_for_credentials_go_through_the_other_endpoint(service: Service) -> None:
    one = [item(1, discord(D1), 5, target=f"credential:discord-id:{D1}")]
    answer = {"success": True, "results": [{"type": "discord-id", "value": D1, "balance": 5}]}
    verdict = await judged(service, Reply(body=answer), one)
    assert service.paths == [f"/api/v1/realms/{REALM}/credentials/transaction"]
    check("drip-credentials-request", service.calls[0].json)
    assert kinds(verdict) == [APPLIED]


async def test_a_call_never_mixes_endpoints_or_holds_what_is_no_drip_id(service: Service) -> None:
    mixed = [TWO[0], item(3, discord(D3), target=f"credential:discord-id:{D3}")]
    async with provider_of(KIND, service) as provider:
        with pytest.raises(ValueError, match="share a call"):
            provider.build(mixed, "T")
        with pytest.raises(ValueError, match="Drip id"):
            provider.build([item(1, discord(D1))], "T")
    async with provider_of(KIND, service, currency=None) as provider:
        with pytest.raises(SettingsError):
            provider.build(TWO, "T")
        verdict = await provider.send(b"{}", TWO)
        assert verdict.pause is not None
    assert service.calls == []


async def test_only_drip_ids_need_no_look_up(service: Service) -> None:
    async with provider_of(KIND, service) as provider:
        assert provider.needs_lookup
        assert [provider.lookup_calls(count) for count in (0, 1, 50, 51)] == [0, 1, 1, 2]
        assert provider.target(Recipient(RecipientType.DRIP_ID, "A" * 24)) == "a" * 24
        assert provider.target(discord(D1)) is None
        for wrong in ("a" * 23, "g" * 24, "a" * 24 + "\n"):
            with pytest.raises(ValueError, match="24"):
                provider.target(Recipient(RecipientType.DRIP_ID, wrong))
        with pytest.raises(ValueError, match="members"):
            provider.target(Recipient(RecipientType.CUSTOM, "a", "b"))
        assert (await provider.follow("1", [])).state is JobState.LOST
