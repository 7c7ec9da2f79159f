"""Gameball's error envelope (docs.gameball.co/api-reference/overview/status-error-codes)."""

from __future__ import annotations

import uuid
from typing import Any, Final

from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Reply

_TYPES: Final = {
    1000: "AUTHENTICATION_ERROR",
    1001: "AUTHENTICATION_ERROR",
    1002: "AUTHENTICATION_ERROR",
    3000: "PAYLOAD_ERROR",
    3016: "PAYLOAD_ERROR",
    8000: "PLAN_ERROR",
    9004: "TRANSACTION_ERROR",
    9008: "TRANSACTION_ERROR",
}
_CANNED: Final[dict[int, tuple[int, str]]] = {
    400: (3016, "Invalid payload"),
    401: (1000, "Unauthorized access. Please authenticate to proceed."),
    403: (8000, "This feature is not available in your plan"),
    404: (4004, "Not found"),
    409: (4000, "Failed"),
    413: (3016, "Invalid payload"),
    422: (3003, "Invalid value"),
    503: (5003, "Service unavailable"),
}


def failure(status: int, code: int, message: str) -> Reply:
    """An error answer. A 401 was seen live with code, type and message only."""
    body: dict[str, Any] = {"code": code, "type": _TYPES.get(code, "API_ERROR"), "message": message}
    if status != 401:
        body["documentationUrl"] = f"https://docs.gameball.co/api-reference/overview/status-error-codes#{code}"
        body["requestId"] = uuid.uuid4().hex
    return Reply(status, body)


def unrouted() -> Reply:
    """What an address that does not exist answers: 404 without a body, unlike anything an endpoint says."""
    return Reply(404)


def too_many() -> Reply:
    """429: no body, no Retry-After, no rate headers are documented."""
    return Reply(429)


def canned(fault: Fault) -> Reply:
    """The answer of a fault that is a status."""
    if fault.kind == "429":
        return too_many()
    if fault.kind == "quota":
        return Reply(429, headers={"Retry-After": str(fault["retry_after"])})
    if fault.kind == "400-currency":
        return failure(400, 3016, "Invalid payload")
    status = int(fault["status"]) if fault.kind == "status" else int(fault.kind)
    if status < 400:
        return Reply(status, {} if status != 204 else None)
    reply = failure(status, *_CANNED.get(status, (5000, "Something went wrong")))
    if fault.params.get("retry_after") is not None:
        reply.headers["Retry-After"] = str(fault["retry_after"])
    return reply
