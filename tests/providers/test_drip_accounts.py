"""Which accounts logins belong to: what counts as told, and what asking for it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bot.domain.judging import NO_ACCOUNT
from bot.domain.model import ProviderKind, Recipient, RecipientType
from bot.domain.shown import Shown
from bot.providers.drip_accounts import LASTS_SECONDS

from .support import (
    D1,
    GRANTED,
    M1,
    M2,
    M3,
    Call,
    Reply,
    Service,
    SteppingClock,
    discord,
    member,
    on_discord,
    page,
    provider_of,
)

KIND = ProviderKind.DRIP_CREDENTIALS
NOBODY = Reply(body={"data": None})
TOLD = Shown(credentials={"linked-login": "told"})


def wallet(number: int) -> Recipient:
    return Recipient(RecipientType.WALLET, f"0x{number:040x}")


W1, W2 = wallet(1), wallet(2)


def holding(drip_id: str, *logins: Recipient) -> dict[str, Any]:
    """A member with these wallets."""
    found = member(drip_id)
    found["credentials"] = [{"publicIdentifier": one.value.upper(), "format": "evm"} for one in logins]
    return found


def answering(
    found: Sequence[object], *, account: Callable[[str], Reply] = lambda _: NOBODY
) -> Callable[[Call], Reply]:
    """A service that finds these members, and tells the accounts of logins so."""
    return lambda call: Reply(body=page(*found)) if "/search" in call.path else account(call.query["values"])


async def test_logins_are_searched_for_fifty_at_a_time_and_the_rest_is_asked_for_one_by_one(service: Service) -> None:
    logins = [*map(wallet, range(1, 121)), discord(D1)]
    linked = {W2.value: Reply(body={"data": M3.upper()})}
    known = [holding(M1, W1), *(holding(f"{n:024x}", wallet(n)) for n in range(4, 121)), on_discord(M2, D1)]
    accounts = {D1: Reply(body={"data": M2}), W1.value: Reply(body={"data": M1}), **linked}
    service.answering = answering(known, account=lambda value: accounts.get(value, NOBODY))
    async with provider_of(KIND, service, shown=TOLD) as provider:
        told = await provider.accounts(logins)
        assert len(told) == 121
        assert (told[W1.key], told[W2.key], told[wallet(3).key]) == (M1, M3, NO_ACCOUNT)
        assert told[wallet(4).key] == f"{4:024x}"
        assert told[discord(D1).key] == M2
        asked = [call.query["values"] for call in service.calls if "accounts" in call.path]
        assert asked == [W1.value, W2.value, wallet(3).value]  # one who is known is asked for first
        assert len(service.calls) == 7
        assert await provider.accounts(logins) == told
        assert len(service.calls) == 7


@pytest.mark.parametrize("known", [{}, {"linked-login": "not-told"}])
@pytest.mark.parametrize("kind", [ProviderKind.DRIP_CREDENTIALS, ProviderKind.DRIP_MEMBERS])
async def test_unless_a_probe_showed_that_it_would_be_told_a_login_without_an_account_may_be_anybodys(
    known: dict[str, str], kind: ProviderKind, service: Service
) -> None:
    """What is told counts all the same. Nobody is asked for twice: that there is no account is an answer."""
    service.answering = answering([], account=lambda value: Reply(body={"data": M3 if value == W2.value else None}))
    async with provider_of(kind, service, shown=Shown(credentials=known)) as provider:
        assert await provider.accounts([W1, W2]) == {W2.key: M3}
        assert len(service.calls) == 4
        assert await provider.accounts([W1, W2]) == {W2.key: M3}
        assert len(service.calls) == 4


async def test_an_answer_counts_for_an_hour(service: Service) -> None:
    clock = SteppingClock()
    service.answering = answering([])
    async with provider_of(KIND, service, clock=clock, shown=TOLD) as provider:
        assert await provider.accounts([W1]) == {W1.key: NO_ACCOUNT}
        service.answering = answering([holding(M1, W1)])
        await clock.sleep(LASTS_SECONDS - 60)
        assert await provider.accounts([W1]) == {W1.key: NO_ACCOUNT}
        await clock.sleep(61)
        assert await provider.accounts([W1]) == {W1.key: M1}


@pytest.mark.parametrize(
    "answer",
    [
        Reply(404, {"error": "Not found"}),
        Reply(403, {"error": "Forbidden"}),
        Reply(503, b"busy"),
        Reply(body={}),
        Reply(body={"data": "somebody"}),
        Reply(body={"data": {"id": M1}}),
        Reply(body=[]),
        Reply(body=b"<html>"),
    ],
)
async def test_what_is_no_answer_tells_nothing_and_nothing_more_is_asked(answer: Reply, service: Service) -> None:
    service.answering = answering([], account=lambda _: answer)
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert await provider.accounts([W1, W2]) == {}
    assert {call.query["values"] for call in service.calls if "accounts" in call.path} == {W1.value}


async def test_a_service_that_does_not_find_whom_its_search_finds_is_not_believed(service: Service) -> None:
    service.answering = answering([holding(M1, W1)])
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert await provider.accounts([W1, W2]) == {W1.key: M1}


@pytest.mark.parametrize(
    "found",
    [
        Reply(403, {"error": "Forbidden"}),
        Reply(body=page(credentials={**GRANTED, "access": False})),
        Reply(503, b"busy"),
    ],
)
async def test_a_key_that_may_not_search_learns_nothing_of_anybody(found: Reply, service: Service) -> None:
    service.answering = lambda call: found if "/search" in call.path else NOBODY
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert await provider.accounts([W1]) == {}


async def test_a_login_of_two_members_is_nobodys_for_sure(service: Service) -> None:
    service.answering = answering([holding(M1, W1), holding(M2, W1)])
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert await provider.accounts([W1]) == {}


async def test_a_custom_credential_cannot_be_asked_for(service: Service) -> None:
    custom = Recipient(RecipientType.CUSTOM, "guest", "bot")
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert await provider.accounts([custom]) == {}
    assert not service.calls


async def test_logins_are_asked_for_one_by_one_as_long_as_there_is_time_for_all(service: Service) -> None:
    """The free plan has 120 requests in five minutes."""
    service.answering = answering([])
    logins = [wallet(number) for number in range(1, 150)]
    async with provider_of(KIND, service, account={"rate_plan": "free"}, shown=TOLD) as provider:
        assert await provider.accounts(logins) == {}
        assert len(service.calls) == 3
        assert len(await provider.accounts(logins[:100])) == 100


async def test_an_answer_that_got_lost_is_asked_for_again(service: Service) -> None:
    count = 0

    def account(_: str) -> Reply:
        nonlocal count
        count += 1
        return Reply(503, b"busy") if count % 3 else NOBODY

    service.answering = answering([], account=account)
    async with provider_of(KIND, service, shown=TOLD) as provider:
        assert len(await provider.accounts([W1, W2, wallet(3)])) == 3
