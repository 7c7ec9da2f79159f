"""A clock under the test's control, accounts, programmes, and a scripted service on a real local server."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.clock import Clock
from bot.domain.calls import Item, OutcomeKind, Verdict
from bot.domain.model import Destination, Programme, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.shown import NOTHING_SHOWN, Shown
from bot.providers.base import Provider
from bot.providers.factory import Providers, make_providers
from bot.settings import DripAccount, GameballAccount, Settings

REALM = "0123456789abcdef01234567"
CURRENCY = "aaaaaaaaaaaaaaaaaaaaaaaa"
API_KEY = "a-long-api-key-for-tests"
SECRET_KEY = "a-long-secret-key-for-tests"
CONTRACTS = Path(__file__).parent / "contracts"
D1, D2, D3 = ("100000000000000001", "100000000000000002", "100000000000000003")
M1, M2, M3 = ("1" * 24, "2" * 24, "3" * 24)


class SteppingClock:
    """Time that passes only when somebody sleeps, and then at once."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self.elapsed = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self._start + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        wake = self.elapsed + seconds
        await asyncio.sleep(0)  # whoever can go on without time passing goes first
        self.elapsed = max(self.elapsed, wake)


def check(name: str, value: object) -> None:
    """Validate against one of our fixtures of the documented contracts."""
    jsonschema.validate(value, json.loads((CONTRACTS / f"{name}.json").read_text()))


@dataclass
class Reply:
    status: int = 200
    body: object = field(default_factory=dict)
    """JSON, unless it is bytes."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    method: str
    path: str
    """Raw, as it came."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answering = Callable[[Call], Reply]


class Service:
    """A real local server that answers as the test says and remembers every call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answering: Answering = lambda _call: Reply()
        self.url = ""

    def replies(self, *replies: Reply) -> None:
        """Answer with these in turn; the last one again and again."""
        waiting = list(replies)
        self.answering = lambda _call: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    @property
    def paths(self) -> list[str]:
        return [call.path.partition("?")[0] for call in self.calls]

    async def _handle(self, request: web.Request) -> web.Response:
        call = Call(request.method, request.raw_path, dict(request.query), dict(request.headers), await request.read())
        self.calls.append(call)
        reply = self.answering(call)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        return web.Response(status=reply.status, body=content, headers=reply.headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        async with TestServer(application) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield self


def drip_account(url: str, **changes: Any) -> DripAccount:
    account = DripAccount(
        suffix="",
        api_key=API_KEY,
        realm_id=REALM,
        currency_id=CURRENCY,
        base_url=url,
        rate_plan="free",
        credentials_batch_size=100,
        members_batch_size=100,
        unresolved="reject",
        initiator_id=None,
    )
    return replace(account, **changes)


def gameball_account(url: str, **changes: Any) -> GameballAccount:
    account = GameballAccount(
        suffix="",
        api_key=API_KEY,
        secret_key=SECRET_KEY,
        base_url=url,
        unit=Unit.POINTS,
        customer_id_template="{discord_id}",
        customer_map=None,
        customer_map_sha256=None,
        batch_size=1000,
        status_contract="auto",
    )
    return replace(account, **changes)


def settings(
    drip: Sequence[DripAccount] = (), gameball: Sequence[GameballAccount] = (), timeout: float = 5.0
) -> Settings:
    return Settings(
        discord_token=None,
        server_ids=None,
        drip=tuple(drip),
        gameball=tuple(gameball),
        database=Path("unused.db"),
        http_timeout=timeout,
        settle_after=120,
        job_wait=900,
        max_rows=100_000,
        max_file_bytes=10_000_000,
        max_award=None,
        max_batch=None,
        backup_dir=None,
        backup_keep=7,
        backup_command=(),
    )


def programme(
    kind: ProviderKind, *, name: str | None = None, currency: str | None = CURRENCY, unit: Unit = Unit.POINTS
) -> Programme:
    drip = kind is not ProviderKind.GAMEBALL
    account = REALM if drip else hashlib.sha256(API_KEY.encode()).hexdigest()[:16]
    destination = Destination(kind, account, currency if drip else None, unit, None if drip else "{discord_id}")
    return Programme(name or kind.value, destination, 100)


@asynccontextmanager
async def provider_of(
    kind: ProviderKind,
    service: Service,
    *,
    clock: Clock | None = None,
    account: Mapping[str, Any] | None = None,
    shown: Shown = NOTHING_SHOWN,
    **about: Any,
) -> AsyncIterator[Provider]:
    """One provider against one service."""
    drip = [drip_account(service.url, **(account or {}))] if kind is not ProviderKind.GAMEBALL else []
    gameball = [gameball_account(service.url, **(account or {}))] if kind is ProviderKind.GAMEBALL else []
    providers: Providers = make_providers(settings(drip, gameball), clock or SteppingClock())
    try:
        yield providers.make(programme(kind, **about)).knowing(shown)
    finally:
        await providers.close()


def discord(value: str) -> Recipient:
    return Recipient(RecipientType.DISCORD_ID, value)


def item(
    award: int, recipient: Recipient, amount: int = 10, *, target: str | None = None, reason: str | None = None
) -> Item:
    return Item(award, recipient, target if target is not None else recipient.value, amount, reason)


# --- answers of the member search ---------------------------------------------------------------------------------

GRANTED = {"access": True, "approved": True, "reason": None}


def member(drip_id: str, *, balance: int | None = None, **credential: str) -> dict[str, Any]:
    balances = [{"balance": 999, "currencyId": "b" * 24}]
    if balance is not None:
        balances.append({"balance": balance, "currencyId": CURRENCY})
    return {"id": drip_id, "joinedAt": "2026-01-01", "credentials": [credential] if credential else [],
            "balances": balances}  # fmt: skip


def on_discord(drip_id: str, discord_id: str, balance: int | None = None) -> dict[str, Any]:
    return member(drip_id, balance=balance, oauthProvider="discord", oauthAccountId=discord_id, format="oauth")


def page(*members: object, pages: int = 1, credentials: object = GRANTED) -> dict[str, Any]:
    meta = {"total": len(members), "page": 1, "limit": 100, "totalPages": pages, "credentials": credentials}
    return {"data": list(members), "meta": meta}


async def sent(kind: ProviderKind, service: Service, reply: Reply, items: Sequence[Item], **about: Any) -> Verdict:
    """What a provider makes of this answer to a call with these items."""
    service.replies(reply)
    async with provider_of(kind, service, **about) as provider:
        verdict = await provider.send(provider.build(items, "7K3F9A"), items)
    assert len(service.calls) == 1, "a write is sent once, whatever comes back"
    assert set(verdict.outcomes) == {one.award_id for one in items}
    assert API_KEY not in repr(verdict) and SECRET_KEY not in repr(verdict)
    return verdict


def kinds(verdict: Verdict) -> list[OutcomeKind]:
    """What became of the awards, in their order."""
    return [verdict.outcomes[award].kind for award in sorted(verdict.outcomes)]
