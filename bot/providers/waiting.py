"""How long a service asks to be left alone: every documented way of saying it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from bot.providers.reading import as_object, as_whole, parse

DEFAULT_WAIT: Final = 60.0
"""Seconds after a 429 that does not say how long (the window of Drip's sample headers)."""
SHORTEST_WAIT: Final = 1.0
QUOTA_WAIT: Final = 3600.0
"""No window is this long: whoever asks for more means the month's quota."""

_NUMBER: Final = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*(?:[,;]|$)")


def number(text: str | None) -> float | None:
    """The number at the beginning of a header (``60``, ``100, 100;w=60``); ``None`` for anything else."""
    match = _NUMBER.match(text) if text is not None else None
    return float(match.group(1)) if match else None


def http_date(text: str | None) -> float | None:
    """An HTTP date as Unix seconds; ``None`` when it is none."""
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def wait_seconds(headers: Mapping[str, str], body: bytes, now: float) -> float:
    """Seconds to wait after a 429: ``Retry-After`` (seconds or date), ``retryAfter`` or ``details.retryAfter`` of the
    body, ``X-RateLimit-Reset``, else a minute.

    Sources: docs.drip.re/developer/rate-limits and /developer/errors, which show different bodies. Dates are compared
    with the answer's own ``Date`` where it has one, so that a wrong clock here does no harm; ``now`` is Unix time.
    """
    asked = _asked(headers, body, http_date(headers.get("date")) or now)
    return DEFAULT_WAIT if asked is None else max(SHORTEST_WAIT, asked)


def _asked(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    header = headers.get("retry-after")
    seconds = number(header)
    if seconds is None and (date := http_date(header)) is not None:
        seconds = date - now
    if seconds is not None:
        return seconds
    answer = as_object(parse(body))
    for value in (answer.get("retryAfter"), as_object(answer.get("details")).get("retryAfter")):
        whole = as_whole(value)
        if whole is None and isinstance(value, str):
            seconds = number(value)
        elif whole is not None:
            seconds = float(whole)
        if seconds is not None and 0 <= seconds < math.inf:
            return seconds
    reset = number(headers.get("x-ratelimit-reset"))
    return reset - now if reset is not None and reset > now else None
