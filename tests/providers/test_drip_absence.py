"""Credentials that are not shown: when that proves that nobody was paid, and when it proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.judging import Doubted, Judged, Judgement
from bot.domain.model import ProviderKind, Recipient, RecipientType

from .support import D1, M1, Call, Reply, Service, discord, item, on_discord, page, provider_of

KIND = ProviderKind.DRIP_CREDENTIALS
NOT_THERE = Reply(404, {"error": "Not Found", "message": "Credential not found"})
OURS = item(1, discord(D1))
NOBODYS, SOMEBODYS = Reply(body={"data": None}), Reply(body={"data": M1})
TYPE_404 = {"error": "Not Found", "statusCode": 404}


def answering(service: Service, find: Reply, account: Reply, *members: dict[str, Any]) -> None:
    """A service that says this of the credential, and this of whose it is."""

    def answer(call: Call) -> Reply:
        if "/credentials/find" in call.path:
            return find
        return account if "/accounts/find" in call.path else Reply(body=page(*members))

    service.answering = answer


async def judged(service: Service, recipient: Recipient | None = None) -> Judged:
    """What is said of an award whose recipient was looked for before and is looked for now."""
    award = OURS if recipient is None else item(1, recipient)
    async with provider_of(KIND, service) as provider:
        seen = await provider.look_ahead([award], (), None)
        doubted = Doubted(7, 1, "7K3F9A", 0, (award,), before=seen.balances, absent=seen.absent)
        return (await provider.judge(doubted)).awards[1]


async def test_a_login_that_is_shown_nowhere_and_is_nobodys_was_not_paid(service: Service) -> None:
    answering(service, NOT_THERE, NOBODYS)
    told = await judged(service)
    assert (told.judgement, told.absent) == (Judgement.NOT_LANDED, True)


async def test_a_login_of_an_account_that_is_no_member_may_have_been_paid(service: Service) -> None:
    """What its owner has verified is perhaps not shown as a credential, and the account is not found in the realm."""
    answering(service, NOT_THERE, SOMEBODYS)
    told = await judged(service)
    assert (told.judgement, told.again) == (Judgement.CANNOT_TELL, False)


async def test_a_login_of_a_member_may_have_been_paid(service: Service) -> None:
    answering(service, NOT_THERE, NOBODYS, on_discord(M1, D1, balance=5))
    assert (await judged(service)).judgement is Judgement.CANNOT_TELL


@pytest.mark.parametrize("account", [Reply(403, {"error": "Forbidden"}), Reply(500), Reply(body={}), Reply(404)])
async def test_while_nobody_says_whose_a_login_is_nothing_is_decided(account: Reply, service: Service) -> None:
    answering(service, NOT_THERE, account)
    told = await judged(service)
    assert (told.judgement, told.again) == (Judgement.CANNOT_TELL, True)


async def test_a_custom_credential_is_no_login_and_is_not_asked_for(service: Service) -> None:
    answering(service, NOT_THERE, SOMEBODYS)
    told = await judged(service, Recipient(RecipientType.CUSTOM, "ada", "game"))
    assert told.judgement is Judgement.NOT_LANDED
    assert not any("accounts" in path for path in service.paths)


@pytest.mark.parametrize(
    "body",
    [
        {**TYPE_404, "message": "Route GET:/api/v1/realms/1/credentials/find?type=discord-id not found"},
        {**TYPE_404, "message": "Cannot GET /api/v1/realms/1/credentials/find"},
        {**TYPE_404, "message": "The key has no scope for credentials"},
        {**TYPE_404, "message": "Realm not found"},
        {"error": "NotFound"},
        {},
    ],
    ids=lambda body: body.get("message", "no words"),
)
async def test_a_404_that_does_not_speak_of_this_credential_is_no_absence(body: object, service: Service) -> None:
    answering(service, Reply(404, body), NOBODYS)
    assert (await judged(service)).judgement is Judgement.CANNOT_TELL
