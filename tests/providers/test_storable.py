"""Text of an answer that is no text: what the ledger could not store would cost the verdict, and leave a doubt."""

from __future__ import annotations

import json

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import ProviderKind

from .raw_server import Peer, RawServer
from .support import CURRENCY, D1, M1, Reply, Service, discord, item, kinds, provider_of, sent

ONE = [item(1, discord(D1), target=M1)]
HALF = "r\\ud800"
"""In JSON, half of a letter."""
DONE = {"success": True, "updates": [{"dripId": M1, "currencyId": CURRENCY}]}


async def test_a_header_that_is_no_utf_8_costs_no_success() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        body = json.dumps(DONE).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Request-Id: r".encode()
        await peer.say(head + b"\xff\r\n\r\n" + body)

    async with RawServer(script) as server:
        service = Service()
        service.url = server.url
        async with provider_of(ProviderKind.DRIP_MEMBERS, service) as provider:
            verdict = await provider.send(provider.build(ONE, "7K3F9A"), ONE)
    assert (kinds(verdict), verdict.request_id) == ([OutcomeKind.APPLIED], "r?")


@pytest.mark.parametrize("kind", [ProviderKind.DRIP_MEMBERS, ProviderKind.GAMEBALL])
async def test_a_request_id_that_is_no_text_costs_no_refusal(kind: ProviderKind, service: Service) -> None:
    body = f'{{"code":3003,"error":"no","message":"no","requestId":"{HALF}"}}'.encode()
    verdict = await sent(kind, service, Reply(422, body), ONE)
    assert verdict.refused_whole
    assert verdict.request_id == "r?"


@pytest.mark.parametrize("job", [HALF, "a\\u0000b", "a\\nb"])
async def test_a_job_whose_number_is_no_text_is_no_job(job: str, service: Service) -> None:
    verdict = await sent(ProviderKind.GAMEBALL, service, Reply(200, f'{{"jobId":"{job}"}}'.encode()), ONE)
    assert (kinds(verdict), verdict.job_id) == ([OutcomeKind.UNKNOWN], None)
