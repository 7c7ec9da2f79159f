"""Drip's error bodies, in both documented shapes (docs.drip.re/developer/errors and the OpenAPI reference)."""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from typing import Any, Final

from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Reply
from bot.sandbox.switches import DripSwitches

_NAMES: Final = {
    400: ("Bad Request", "ValidationError"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "Forbidden"),
    404: ("Not Found", "NotFound"),
    409: ("Conflict", "ConflictError"),
    413: ("Payload Too Large", "PayloadTooLarge"),
    415: ("Unsupported Media Type", "UnsupportedMediaType"),
    422: ("InsufficientBalance", "InsufficientBalance"),
    500: ("Internal Server Error", "InternalServerError"),
}
_CANNED: Final = {
    401: "Invalid API key provided",
    403: "Insufficient permissions to access this resource",
    404: "Resource not found",
    409: "The resource already exists",
    413: "Request body is too large",
    422: "Insufficient balance for this operation",
}


class Refused(Exception):
    """A call that is answered with an error instead of being carried out."""

    def __init__(self, status: int, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details


def failure(switches: DripSwitches, status: int, message: str, details: dict[str, Any] | None = None) -> Reply:
    """An error answer. In the reference a 400 has ``error`` alone and nothing names an item."""
    reference, guide = _NAMES.get(status, ("Error", "Error"))
    # 422 occurs in the guide only, so it has the guide's shape always
    if switches.error_shape == "reference" and status != 422:
        return Reply(status, {"error": message} if status == 400 else {"error": reference, "message": message})
    body: dict[str, Any] = {"error": guide, "message": message}
    if details:
        body["details"] = details
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return Reply(status, {**body, "requestId": f"req_{uuid.uuid4().hex[:16]}", "timestamp": stamp})


def too_many(switches: DripSwitches, limit: int, seconds: float) -> Reply:
    """429. ``seconds`` is the wait, rounded up."""
    wait = max(1, int(-(-seconds // 1)))
    if switches.rate_body == "limits-page":
        message = f"Too many requests. Please try again in {wait} seconds."
        body: dict[str, Any] = {"error": "Rate limit exceeded", "message": message, "retryAfter": wait}
    else:
        details = {"limit": limit, "window": int(switches.rate_window), "retryAfter": wait}
        body = {"error": "RateLimitExceeded", "message": "Too many requests", "details": details}
    headers = {}
    if switches.retry_after == "seconds":
        headers["Retry-After"] = str(wait)
    elif switches.retry_after == "date":
        headers["Retry-After"] = formatdate(time.time() + wait, usegmt=True)
    return Reply(429, body, headers)


def canned(switches: DripSwitches, limit: int, fault: Fault) -> Reply:
    """The answer of a fault that is a status."""
    if fault.kind in ("429", "quota"):
        return too_many(switches, limit, fault["retry_after"])
    if fault.kind == "400-currency":
        return failure(switches, 400, "Currency not found")
    status = int(fault["status"]) if fault.kind == "status" else int(fault.kind)
    if status < 400:
        return Reply(status, {"message": "Accepted"} if status != 204 else None)
    reply = failure(switches, status, _CANNED.get(status, "Something went wrong"))
    if fault.params.get("retry_after") is not None:
        reply.headers["Retry-After"] = str(fault["retry_after"])
    return reply
