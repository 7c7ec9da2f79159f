"""How long a service asks to be left alone: every documented way of saying it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Final

from bot.providers.reading import as_object, parse

SHORTEST_WAIT: Final = 1.0
QUOTA_WAIT: Final = 3600.0
"""No window is this long: whoever asks for more means the month's quota."""
LONGEST_WAIT: Final = 1e12
"""What a number of any size is cut to."""

_NUMBER: Final = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*(?:[,;]|$)")
_MANY_DIGITS: Final = re.compile(r"\s*\d{13,}\s*")
_MILLISECONDS: Final = re.compile(r"\s*\d{13}\s*")
"""A Unix time of our days."""


def number(text: str | None) -> float | None:
    """The number at the beginning of a header (``60``, ``100, 100;w=60``); ``None`` for anything else."""
    match = _NUMBER.match(text) if text is not None else None
    return float(match.group(1)) if match else None


def http_date(text: str | None) -> float | None:
    """An HTTP date, in any of its three forms, as Unix seconds; ``None`` when it is none."""
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def seconds_to_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until ``X-RateLimit-Reset``, which is in Unix seconds, or with thirteen digits in milliseconds; ``None``
    when it does not say, negative when it is past. ``now`` is Unix time."""
    text = headers.get("x-ratelimit-reset")
    reset = number(text)
    if reset is None and text is not None and _MILLISECONDS.fullmatch(text):
        reset = int(text) / 1000
    return None if reset is None else reset - now


def asked_wait(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Seconds that a 429 asks to wait, at least one: ``Retry-After`` (seconds or date), ``retryAfter`` or
    ``details.retryAfter`` of the body, ``X-RateLimit-Reset``. ``None`` when it does not say, or nothing that can be
    meant (a negative number, words).

    Sources: docs.drip.re/developer/rate-limits and /developer/errors, which show different bodies. Times are compared
    with the answer's own ``Date`` where it has one, so that a wrong clock here does no harm; ``now`` is Unix time.
    """
    now = http_date(headers.get("date")) or now
    asked = _by_header(headers.get("retry-after"), now)
    if asked is None:
        asked = _by_body(body)
    if asked is None:
        asked = seconds_to_reset(headers, now)
        if asked is not None and asked <= 0:  # meant for another window
            return None
    return None if asked is None else max(SHORTEST_WAIT, asked)


def _by_header(header: str | None, now: float) -> float | None:
    seconds = number(header)
    if seconds is not None or header is None:
        return seconds
    if _MANY_DIGITS.fullmatch(header):
        return LONGEST_WAIT
    date = http_date(header)
    return None if date is None else date - now


def _by_body(body: bytes) -> float | None:
    answer = as_object(parse(body))
    for value in (answer.get("retryAfter"), as_object(answer.get("details")).get("retryAfter")):
        seconds = number(value) if isinstance(value, str) else _seconds(value)
        if seconds is not None:
            return seconds
    return None


def _seconds(value: object) -> float | None:
    """A number of JSON that can be a time to wait."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or value < 0:
        return None
    return float(min(value, int(LONGEST_WAIT)))
