"""Credentials that are not shown: when that proves that nobody was paid, and when it proves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.judging import Doubted, Judged, Judgement
from bot.domain.model import ProviderKind, Recipient, RecipientType
from bot.domain.shown import NOTHING_SHOWN, Shown

from .support import D1, D2, M1, Call, Reply, Service, discord, item, on_discord, page, provider_of

KIND = ProviderKind.DRIP_CREDENTIALS
NOT_THERE = Reply(404, {"error": "Not Found", "message": "Credential not found"})
THERE = Reply(body={"balances": []})
OURS = item(1, discord(D1))
PAID = discord(D2)
NOBODYS, SOMEBODYS = Reply(body={"data": None}), Reply(body={"data": M1})
TYPE_404 = {"error": "Not Found", "statusCode": 404}


def answering(service: Service, find: Reply, account: Reply, *members: dict[str, Any], of_paid: Reply = THERE) -> None:
    """A service that says this of the credential, and this of whose it is; ``of_paid``: of one that was paid before."""

    def answer(call: Call) -> Reply:
        if "/credentials/find" in call.path:
            return of_paid if call.query["value"] == D2 else find
        return account if "/accounts/find" in call.path else Reply(body=page(*members))

    service.answering = answer


async def judged(
    service: Service,
    recipient: Recipient | None = None,
    *,
    paid: Recipient | None = PAID,
    shown: Shown = NOTHING_SHOWN,
) -> Judged:
    """What is said of an award whose recipient was looked for before and is looked for now."""
    award = OURS if recipient is None else item(1, recipient)
    async with provider_of(KIND, service, shown=shown) as provider:
        seen = await provider.look_ahead([award], (), None)
        doubted = Doubted(7, 1, "7K3F9A", 0, (award,), before=seen.balances, absent=seen.absent, paid=paid)
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


@pytest.mark.parametrize(("paid", "of_paid"), [(None, THERE), (PAID, NOT_THERE), (PAID, Reply(500))])
async def test_a_key_that_was_never_seen_to_find_anybody_proves_no_absence(
    paid: Recipient | None, of_paid: Reply, service: Service
) -> None:
    """It may be one that may pay and not read, which is told the same of everybody."""
    answering(service, NOT_THERE, NOBODYS, of_paid=of_paid)
    told = await judged(service, paid=paid)
    assert (told.judgement, told.again) == (Judgement.CANNOT_TELL, True)


async def test_a_key_that_the_probe_saw_reading_proves_it(service: Service) -> None:
    answering(service, NOT_THERE, NOBODYS)
    told = await judged(service, paid=None, shown=Shown(credentials={"read-back": "seen"}))
    assert told.judgement is Judgement.NOT_LANDED


async def test_so_does_one_that_found_somebody_else_of_the_call(service: Service) -> None:
    answering(service, NOT_THERE, NOBODYS)
    others = item(1, discord(D1)), item(2, PAID)
    async with provider_of(KIND, service) as provider:
        seen = await provider.look_ahead(others, (), None)
        doubted = Doubted(7, 1, "7K3F9A", 0, others, before=seen.balances, absent=seen.absent)
        told = (await provider.judge(doubted)).awards
    assert told[1].judgement is Judgement.NOT_LANDED
