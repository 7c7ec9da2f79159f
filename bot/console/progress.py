"""Progress on standard error: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TextIO

from bot.console.output import clipped, duration, plain, plural, silence

BAR_WIDTH: Final = 24
LINE_EVERY: Final = 5.0
"""Seconds between two plain lines."""

_DOING: Final = {
    "waiting-to-start": "waiting to start",
    "sending-again": "an answer was lost, sending the same call again",
    "waiting-for-limit": "waiting for the rate limit",
    "waiting-for-lane": "waiting until no earlier call can arrive any more",
    "away": "the service is away",
    "following": "waiting for the job to finish",
    "reading-back": "reading back what is in doubt",
}


class Progress:
    """Shows where a batch stands. ``close`` before anything else is printed."""

    def __init__(self, monotonic: Callable[[], float], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar = self._stream.isatty()
        self._monotonic = monotonic
        self._last: str | None = None
        self._last_at = float("-inf")

    def looking_up(self, done: int, of: int) -> None:
        """Recipients are being found before anything is sent."""
        self._show(done, of, f"{done:,} of {of:,} recipients looked up", final=done >= of)

    def standing(self, standing: Mapping[str, Any]) -> None:
        """Awards of a recorded batch (``summary.standing_json``)."""
        counts: Mapping[str, int] = standing["counts"]
        total = sum(counts.values())
        unfinished = counts["planned"] + counts["sending"]
        done = total - unfinished - counts["unknown"]
        parts = [f"{done:,} of {total:,}"]
        parts += [f"{counts[name]:,} {name}" for name in ("rejected", "unknown", "cancelled") if counts[name]]
        doing = _DOING.get(str(standing.get("doing")))
        left = standing.get("seconds_left")
        if doing:
            parts.append(doing)
        if standing.get("settled_at") is not None:
            at = datetime.fromtimestamp(standing["settled_at"]).astimezone()
            parts.append(f"what is in doubt is read back at {at:%H:%M:%S}")
        if left and unfinished:
            parts.append(f"{'about ' if left >= 1 else ''}{duration(left)} left")
        self._show(done, total, ", ".join(parts), final=not unfinished)

    def close(self) -> None:
        """Leave the last state standing and begin a new line."""
        if self._bar and self._last is not None:
            self._write("\n")
        self._last = None

    def _show(self, done: int, of: int, text: str, *, final: bool) -> None:
        text = plain(text)
        if text == self._last:
            return
        if self._bar:
            filled = BAR_WIDTH * done // of if of else 0
            bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] " if of else ""
            self._write(f"\r\x1b[K{clipped(bar + text, 110)}")
        elif final or self._monotonic() - self._last_at >= LINE_EVERY:
            self._write(f"{text}\n")
            self._last_at = self._monotonic()
        else:
            return
        self._last = text

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            silence(self._stream)  # that nobody sees it keeps nothing from being sent


def counts_line(counts: Mapping[str, int]) -> str:
    """``1,198 applied, 5 rejected``; every state that has awards."""
    named = [f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number]
    return ", ".join(named) or plural(0, "award")
