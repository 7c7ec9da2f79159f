"""Findings of ``doctor`` that are the same for every service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.providers.base import Finding, Health
from bot.providers.waiting import http_date

_TOLERATED: Final = 60.0
"""Seconds that a clock may be off before it matters: dates of waits and of what is recorded."""


def clock_finding(service: str, headers: Mapping[str, str], now: float) -> Finding:
    """This machine's clock against the ``Date`` of an answer."""
    topic = "Clock"
    date = http_date(headers.get("date"))
    if date is None:
        return Finding(topic, Health.OK, f"{service} does not tell the time, so the clock was not compared.")
    off = now - date
    if abs(off) <= _TOLERATED:
        return Finding(topic, Health.OK, f"The clock agrees with {service}'s to within a minute.")
    direction = "fast" if off > 0 else "slow"
    text = f"The clock is {abs(off):.0f} s {direction} compared with {service}'s."
    return Finding(topic, Health.WARNING, text, "Set the machine's clock, best by NTP.")
