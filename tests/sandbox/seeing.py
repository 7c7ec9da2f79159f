"""What a client sees of a call that meets a fault."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from tests.sandbox.conftest import Client

ITEMS = 4
IDS = [str(175_000_000_000_000_000 + number) for number in range(ITEMS)]


def _what(body: bytes, content_type: str, items: int) -> str:  # a decision table
    if not body:
        return "empty"
    if "html" in content_type:
        return "html"
    if len(body) > 1_000_000:
        return "huge"
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "text"
    if not isinstance(answer, dict):
        return "text"  # how deep a list may be is up to Python's version
    told = answer.get("results", answer.get("updates"))
    if answer.get("success") is False:
        return "unsuccessful"
    if isinstance(told, list):
        return {items: "whole", items // 2: "half"}.get(len(told), "json")
    return "json"


async def seen_by(client: Client, method: str, path: str, body: object) -> str:
    """One call with a time-out of a second, in the words of the table."""
    timeout = aiohttp.ClientTimeout(total=1.0)
    headers = {"Content-Type": "application/json"}
    try:
        async with client.session.request(
            method, client.root + path, data=json.dumps(body), headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            return f"{answer.status} {_what(await answer.read(), answer.content_type, ITEMS)}"
    except TimeoutError:
        return "timeout"
    except aiohttp.ClientPayloadError:
        return "cut body"
    except aiohttp.ClientConnectionError:
        return "gone"
    except aiohttp.ClientResponseError:
        return "bad status line"


def credentials_body() -> dict[str, Any]:
    return {"updates": [{"type": "discord-id", "value": one, "amount": 5} for one in IDS]}
