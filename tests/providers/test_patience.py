"""How long a service asks to be left alone: every documented way of saying it, and what cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from bot.domain.model import PauseKind, ProviderKind
from bot.providers.gameball import WINDOWS
from bot.providers.waiting import LONGEST_WAIT, QUOTA_WAIT, asked_wait

from .support import D1, M1, Reply, Service, SteppingClock, discord, item, provider_of

NOW = 1_800_000_000.0
IN_20_S = str(int(NOW) + 20)
Headers = Mapping[str, str]

SAYS: Final[list[tuple[Headers, bytes, float]]] = [
    # Retry-After in seconds
    ({"retry-after": "30"}, b"", 30),
    ({"retry-after": " 30 "}, b"", 30),
    ({"retry-after": "30, 31"}, b"", 30),
    ({"retry-after": "0"}, b"", 1),
    ({"retry-after": "0.2"}, b"", 1),
    ({"retry-after": "1.5"}, b"", 1.5),
    ({"retry-after": "3600"}, b"", 3600),
    ({"retry-after": "86400"}, b"", 86_400),
    ({"retry-after": "999999999999"}, b"", 999_999_999_999),
    ({"retry-after": "9" * 5000}, b"", LONGEST_WAIT),
    # Retry-After as an HTTP date: today's form, the two old ones, and the answer's own clock
    ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, b"", 60),
    ({"retry-after": "Friday, 15-Jan-27 08:01:00 GMT"}, b"", 60),
    ({"retry-after": "Fri Jan 15 08:01:00 2027"}, b"", 60),
    ({"retry-after": "Fri, 15 Jan 2027 09:01:00 GMT", "date": "Fri, 15 Jan 2027 09:00:30 GMT"}, b"", 30),
    ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT", "date": "yesterday"}, b"", 60),
    ({"retry-after": "Fri, 15 Jan 2027 07:59:00 GMT"}, b"", 1),
    ({"retry-after": "Mon, 15 Feb 2027 08:00:00 GMT"}, b"", 31 * 86_400),
    # in the body, as both pages have it
    ({}, b'{"error":"Rate limit exceeded","message":"...","retryAfter":30}', 30),
    ({}, b'{"error":"RateLimitExceeded","details":{"limit":100,"window":60,"retryAfter":61}}', 61),
    ({}, b'{"retryAfter":"45"}', 45),
    ({}, b'{"retryAfter":12.5}', 12.5),
    ({}, b'{"retryAfter":0}', 1),
    ({}, b'{"retryAfter":' + b"9" * 4000 + b"}", LONGEST_WAIT),
    ({}, b'{"retryAfter":1e999}', LONGEST_WAIT),
    ({}, b'{"retryAfter":-5,"details":{"retryAfter":7}}', 7),
    ({"retry-after": "soon"}, b'{"retryAfter":12}', 12),
    ({"retry-after": "-1"}, b'{"retryAfter":12}', 12),
    # X-RateLimit-Reset: Unix seconds, or milliseconds
    ({"x-ratelimit-reset": IN_20_S}, b"<html>", 20),
    ({"x-ratelimit-reset": f"{IN_20_S}.5"}, b"", 20.5),
    ({"x-ratelimit-reset": f"{IN_20_S}500"}, b"", 20.5),
    ({"x-ratelimit-reset": str(int(NOW) + 14 * 86_400)}, b"", 14 * 86_400),
    # which counts first
    ({"retry-after": "5", "x-ratelimit-reset": IN_20_S}, b'{"retryAfter":30}', 5),
    ({"x-ratelimit-reset": IN_20_S}, b'{"retryAfter":30}', 30),
]
SAYS_NOTHING: Final[list[tuple[Headers, bytes]]] = [
    ({}, b""),
    ({}, b"<html>429</html>"),
    ({"retry-after": ""}, b""),
    ({"retry-after": "-30"}, b""),
    ({"retry-after": "NaN"}, b""),
    ({"retry-after": "inf"}, b""),
    ({"retry-after": "1e3"}, b""),
    ({"retry-after": "30 minutes"}, b""),
    ({"retry-after": "Sat, 99 Foo 2027"}, b"[]"),
    ({"retry-after": "Fri, 15 Jan 99999 08:01:00 GMT"}, b""),
    ({}, b'{"retryAfter":true}'),
    ({}, b'{"retryAfter":-5}'),
    ({}, b'{"retryAfter":"-5"}'),
    ({}, b'{"retryAfter":null,"details":{"retryAfter":[]}}'),
    ({}, b'{"retryAfter":NaN}'),
    ({}, b'{"retryAfter":1,"retryAfter":2}'),
    ({}, b'{"details":5}'),
    ({"x-ratelimit-reset": "1"}, b""),
    ({"x-ratelimit-reset": str(int(NOW))}, b""),
    ({"x-ratelimit-reset": "9" * 30}, b""),
    ({"x-ratelimit-reset": "soon"}, b""),
]


@pytest.mark.parametrize(("headers", "body", "seconds"), SAYS)
def test_every_way_of_asking_for_patience_is_understood(headers: Headers, body: bytes, seconds: float) -> None:
    assert asked_wait(headers, body, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(("headers", "body"), SAYS_NOTHING)
def test_what_cannot_be_meant_is_no_answer(headers: Headers, body: bytes) -> None:
    assert asked_wait(headers, body, NOW) is None


@pytest.mark.parametrize("kind", list(ProviderKind))
@pytest.mark.parametrize(("headers", "body", "seconds"), SAYS)
async def test_a_write_that_is_refused_so_waits_so_long_or_pauses_as_for_a_spent_quota(
    service: Service, kind: ProviderKind, headers: Headers, body: bytes, seconds: float
) -> None:
    clock = SteppingClock(NOW)
    awards = [item(1, discord(D1), target=M1)]
    service.replies(Reply(429, body, {"date": "-", **headers}))  # the server would add its own, of today
    async with provider_of(kind, service, clock=clock) as provider:
        verdict = await provider.send(provider.build(awards, "T"), awards)
        if seconds > QUOTA_WAIT:
            assert verdict.pause is not None
            assert verdict.pause.kind is PauseKind.QUOTA
            assert verdict.wait_seconds is None
            assert provider.waiting_until is None, "a person decides when to go on"
        else:
            assert verdict.pause is None
            assert verdict.wait_seconds == pytest.approx(seconds)
            assert provider.waiting_until == pytest.approx(NOW + seconds)


@pytest.mark.parametrize(("headers", "body"), SAYS_NOTHING)
async def test_where_the_service_does_not_say_the_wait_comes_from_its_window(
    service: Service, headers: Headers, body: bytes
) -> None:
    awards = [item(1, discord(D1), target=M1)]
    service.replies(Reply(429, body, {"date": "-", **headers}))
    for kind, longest in ((ProviderKind.DRIP_CREDENTIALS, 60.0), (ProviderKind.GAMEBALL, WINDOWS[0][1])):
        async with provider_of(kind, service, clock=SteppingClock(NOW)) as provider:
            verdict = await provider.send(provider.build(awards, "T"), awards)
            assert verdict.pause is None
            assert verdict.wait_seconds is not None
            assert 0 < verdict.wait_seconds <= longest
