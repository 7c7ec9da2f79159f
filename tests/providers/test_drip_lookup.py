"""Finding members, and the bad rows of a refused call, by reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.model import ProviderKind, Recipient, RecipientType
from bot.errors import ResolutionFailed
from bot.providers.drip_members import LOOKUP_TRIES

from .support import (
    D1,
    D2,
    D3,
    GRANTED,
    M1,
    M2,
    M3,
    Call,
    Reply,
    Service,
    SteppingClock,
    discord,
    item,
    member,
    on_discord,
    page,
    provider_of,
)  # fmt: skip

KIND = ProviderKind.DRIP_MEMBERS
TWO = [item(1, discord(D1), 50, target=M1), item(2, discord(D2), -20, target=M2)]


# --- the look-up ----------------------------------------------------------------------------------------------------


async def test_discord_ids_are_found_by_their_exact_credential_fifty_at_a_time(service: Service) -> None:
    wanted = [str(10**17 + number) for number in range(120)]

    def answer(call: Call) -> Reply:
        values = call.query["values"].split(",")
        found = [on_discord(f"{int(value) - 10**17:024x}", value, balance=7) for value in reversed(values)]
        return Reply(body=page(*found[:-1]))  # the first of each call has no member

    service.answering = answer
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([discord(value) for value in wanted])
    assert len(service.calls) == 3
    assert {call.query["limit"] for call in service.calls} == {"100"}
    assert {call.query["type"] for call in service.calls} == {"discord-id"}
    assert max(len(call.query["values"].split(",")) for call in service.calls) == 50
    assert len(resolution.found) == 117
    assert resolution.found[f"discord-id:{wanted[1]}"].target == f"{1:024x}"
    assert resolution.found[f"discord-id:{wanted[1]}"].balance == 7
    assert set(resolution.missing) == {f"discord-id:{wanted[place]}" for place in (0, 50, 100)}


async def test_each_type_is_searched_and_matched_in_its_own_way(service: Service) -> None:
    members = {
        "discord-id": on_discord(M1, D1),
        "twitter-id": member(M2, oauthProvider="X", oauthAccountId="77"),
        "wallet": member(M3, publicIdentifier="0xABCD", format="evm"),
        "email": {**member("4" * 24), "email": "Me@Example.com"},
        "drip-id": member("5" * 24),
    }
    service.answering = lambda call: Reply(body=page(members[call.query["type"]]))
    recipients = [
        discord(D1),
        Recipient(RecipientType.TWITTER_ID, "77"),
        Recipient(RecipientType.WALLET, "0xabcd"),
        Recipient(RecipientType.EMAIL, "me@example.COM"),
        Recipient(RecipientType.DRIP_ID, "5" * 24),
    ]
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve(recipients)
    assert [resolution.found[one.key].target for one in recipients] == [M1, M2, M3, "4" * 24, "5" * 24]
    assert all(found.balance is None for found in resolution.found.values()), "an absent balance is not 0"


STRANGERS = [
    on_discord(M1, D1 + "0"),
    member(M1, oauthProvider="google", oauthAccountId=D1),
    member(M1, publicIdentifier=D1, format="evm"),
    {**on_discord(M1, D1), "id": "short"},
    {**on_discord(M1, D1), "id": 5},
    {"credentials": [{"oauthProvider": "discord", "oauthAccountId": int(D1)}], "id": M1},
    {"id": M1, "credentials": "none"},
    {"id": M1, "username": D1},
]


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_a_member_who_only_looks_alike_is_nobody(service: Service, stranger: dict[str, Any]) -> None:
    service.replies(Reply(body=page(stranger)))
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([discord(D1)])
    assert resolution.found == {}
    assert list(resolution.missing) == [f"discord-id:{D1}"]


async def test_an_address_is_not_taken_for_an_email_nor_the_other_way_round(service: Service) -> None:
    service.replies(
        Reply(body=page(member(M1, publicIdentifier="a@b.c", format="email"))),
        Reply(body=page(member(M1, publicIdentifier="a@b.c", format="email"))),
    )
    async with provider_of(KIND, service) as provider:
        mail = await provider.resolve([Recipient(RecipientType.EMAIL, "A@B.C")])
        wallet = await provider.resolve([Recipient(RecipientType.WALLET, "a@b.c")])
    assert mail.found["email:a@b.c"].target == M1
    assert wallet.found == {}


async def test_two_members_with_one_credential_are_reported_instead_of_guessed(service: Service) -> None:
    service.replies(Reply(body=page(on_discord(M1, D1), on_discord(M2, D1), on_discord(M3, D2), on_discord(M3, D2))))
    async with provider_of(KIND, service, account={"unresolved": "credentials"}) as provider:
        resolution = await provider.resolve([discord(D1), discord(D2)])
    assert resolution.missing == {
        f"discord-id:{D1}": "Drip has 2 members with this Discord id; pay by Drip id instead."
    }
    assert resolution.found[f"discord-id:{D2}"].target == M3


async def test_unresolved_discord_ids_may_go_to_their_credential(service: Service) -> None:
    service.replies(Reply(body=page()))
    mail = Recipient(RecipientType.EMAIL, "a@b.c")
    async with provider_of(KIND, service, account={"unresolved": "credentials"}) as provider:
        resolution = await provider.resolve([discord(D1), mail])
    assert resolution.found[f"discord-id:{D1}"].target == f"credential:discord-id:{D1}"
    assert list(resolution.missing) == [mail.key]


async def test_a_value_with_a_comma_is_never_put_into_a_search(service: Service) -> None:
    service.replies(Reply(body=page()))
    odd = Recipient(RecipientType.EMAIL, '"a,b"@c.d')
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([odd])
    assert "comma" in resolution.missing[odd.key]
    assert service.calls == []


async def test_long_values_are_searched_in_shorter_pieces(service: Service) -> None:
    service.replies(Reply(body=page()))
    mails = [Recipient(RecipientType.EMAIL, f"{'x' * 200}{number}@example.com") for number in range(40)]
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve(mails)
    assert len(resolution.missing) == 40
    assert all(len(call.path) < 8000 for call in service.calls)
    assert len(service.calls) > 1


async def test_every_page_of_an_answer_is_read(service: Service) -> None:
    pages = {"1": page(on_discord(M1, D1), pages=2), "2": page(on_discord(M2, D2), pages=2)}
    service.answering = lambda call: Reply(body=pages[call.query["page"]])
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([discord(D1), discord(D2)])
    assert {found.target for found in resolution.found.values()} == {M1, M2}


CANNOT_SAY = [
    Reply(body=page(credentials={"access": False, "approved": False, "reason": "insufficient permission"})),
    Reply(body=page(credentials={"access": "true"})),
    Reply(body=page(credentials=None)),
    Reply(body=page(pages=51)),
    Reply(body={"data": "none"}),
    Reply(body={"data": [1]}),
    Reply(body={"data": [], "meta": {"totalPages": "many"}}),
    Reply(body={"data": [on_discord(M1, D1)] * 100}),
    Reply(body=b"<html>"),
    Reply(401, {"error": "Unauthorized"}),
    Reply(403, {"error": "Forbidden"}),
    Reply(404, {"error": "Not Found"}),
    Reply(400, {"error": "bad"}),
    Reply(500, {"error": "boom"}),
    Reply(429, {}, {"Retry-After": "1000"}),
]


@pytest.mark.parametrize("reply", CANNOT_SAY, ids=str)
async def test_a_search_that_cannot_say_is_never_taken_for_nobody(service: Service, reply: Reply) -> None:
    service.replies(reply)
    async with provider_of(KIND, service, account={"unresolved": "credentials"}) as provider:
        with pytest.raises(ResolutionFailed) as caught:
            await provider.resolve([discord(D1)])
    assert caught.value.message
    assert "<" not in caught.value.message


async def test_a_search_without_a_word_about_access_is_believed(service: Service) -> None:
    service.replies(Reply(body={"data": [on_discord(M1, D1)], "meta": {"totalPages": 1}}))
    async with provider_of(KIND, service) as provider:
        assert (await provider.resolve([discord(D1)])).found


async def test_reads_are_repeated_a_few_times_ever_slower(service: Service) -> None:
    clock = SteppingClock()
    service.replies(Reply(500), Reply(502), Reply(429, {}, {"Retry-After": "3"}), Reply(body=page(on_discord(M1, D1))))
    async with provider_of(KIND, service, clock=clock) as provider:
        assert (await provider.resolve([discord(D1)])).found
    assert len(service.calls) == 4
    assert clock.elapsed == pytest.approx(0.5 + 1 + 3)
    service.calls.clear()
    service.replies(Reply(503))
    async with provider_of(KIND, service) as provider:
        with pytest.raises(ResolutionFailed, match="503"):
            await provider.resolve([discord(D1)])
    assert len(service.calls) == LOOKUP_TRIES


async def test_somebody_who_waits_for_a_look_up_hears_of_its_failure_within_two_seconds(service: Service) -> None:
    clock = SteppingClock()
    service.replies(Reply(503))
    async with provider_of(KIND, service, clock=clock) as provider:
        with pytest.raises(ResolutionFailed, match="503"):
            await provider.resolve([discord(D1)], patient=False)
    assert clock.elapsed <= 2


CUT = {**page(on_discord(M1, D1)), "data": []}
NO_PAGE: list[object] = [b"<html>", b"", b'{"data": [', {"data": "none"}, CUT, b"[" * 100_000]


@pytest.mark.parametrize("body", NO_PAGE, ids=lambda body: str(body)[:20])
async def test_an_answer_that_is_no_page_or_half_of_one_is_asked_for_again(service: Service, body: object) -> None:
    service.replies(Reply(body=body), Reply(body=page(on_discord(M1, D1))))
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([discord(D1)])
    assert (len(service.calls), list(resolution.found)) == (2, [f"discord-id:{D1}"])
    service.replies(Reply(body=body))
    async with provider_of(KIND, service) as provider:
        with pytest.raises(ResolutionFailed, match=r"its answer cannot be read\. Try again"):
            await provider.resolve([discord(D1)])


async def test_an_unreachable_service_or_a_wrong_realm_cannot_say_either() -> None:
    away = Service()
    away.url = "http://127.0.0.1:1"
    async with provider_of(KIND, away) as provider:
        with pytest.raises(ResolutionFailed, match="refused the connection"):
            await provider.resolve([discord(D1)])
        assert await provider.balance(M1, discord(D1)) is None
        assert await provider.inspect(TWO) == {}
    async with provider_of(KIND, away, account={"realm_id": "x"}) as provider:
        with pytest.raises(ResolutionFailed, match="DRIP_REALM_ID"):
            await provider.resolve([discord(D1)])


# --- after a refusal --------------------------------------------------------------------------------------------------


async def test_the_bad_rows_of_a_refused_call_are_found_by_a_read(service: Service) -> None:
    service.replies(Reply(body=page(member(M1, balance=5), member(M2, balance=19))))
    items = [*TWO, item(3, discord(D3), 5, target=M3), item(4, discord(D3), -1, target=f"credential:discord-id:{D3}")]
    async with provider_of(KIND, service) as provider:
        faults = await provider.inspect(items)
    assert service.calls[0].query["type"] == "drip-id"
    assert faults == {
        2: "The balance is 19, 20 cannot be taken from it.",
        3: "This Drip id is not a member of the realm (any more).",
    }


async def test_nothing_is_said_about_rows_that_the_read_does_not_show_to_be_bad(service: Service) -> None:
    service.replies(Reply(body=page(member(M1), member(M2, balance=20))))
    async with provider_of(KIND, service) as provider:
        assert await provider.inspect([*TWO, item(3, discord(D1), -1, target=M1)]) == {}


async def test_a_search_that_finds_nobody_at_all_blames_nobody_but_a_single_one(service: Service) -> None:
    service.replies(Reply(body=page()))
    async with provider_of(KIND, service) as provider:
        assert await provider.inspect(TWO) == {}
        assert list(await provider.inspect(TWO[:1])) == [1]


async def test_the_balance_of_a_member_or_of_a_credential_can_be_read(service: Service) -> None:
    service.replies(Reply(body=page(member(M1, balance=12))), Reply(body=page()), Reply(body=member(M1, balance=3)))
    async with provider_of(KIND, service) as provider:
        assert await provider.balance(M1, discord(D1)) == 12
        assert await provider.balance(M1, discord(D1)) is None
        assert await provider.balance(f"credential:discord-id:{D1}", discord(D1)) == 3
    assert service.paths[2].endswith("/credentials/find")


def shifting(*listed: tuple[str, ...]) -> Callable[[Call], Reply]:
    """A search in pages of one: what is on them each time that they are read."""
    readings = iter(listed)
    now: list[str] = []

    def answer(call: Call) -> Reply:
        number = int(call.query["page"])
        if number == 1:
            now[:] = next(readings)
        members = {M1: on_discord(M1, D1), M2: on_discord(M2, D2)}
        meta = {"total": 2, "page": number, "limit": 1, "totalPages": 2, "credentials": GRANTED}
        return Reply(body={"data": [members[now[number - 1]]], "meta": meta})

    return answer


async def test_pages_that_shift_while_they_are_read_are_read_again(service: Service) -> None:
    """The second one shows whom the first one had shown, and somebody is on neither."""
    service.answering = shifting((M1, M1), (M1, M2))
    async with provider_of(KIND, service) as provider:
        resolution = await provider.resolve([discord(D1), discord(D2)])
    assert {found.target for found in resolution.found.values()} == {M1, M2}


async def test_nobody_is_missing_in_pages_that_go_on_shifting(service: Service) -> None:
    service.answering = shifting(*[(M1, M1)] * 9)
    async with provider_of(KIND, service) as provider:
        with pytest.raises(ResolutionFailed):
            await provider.resolve([discord(D1), discord(D2)])
