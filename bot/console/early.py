"""A signal before a command can act on it: while its modules are imported and its settings read."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from types import FrameType
from typing import Final

STOPPED_BY: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}
TOGETHER: Final = 0.1
"""Seconds in which signals are one request: ``timeout`` of coreutils, for one, sends its signal twice."""
OWES_AN_OBJECT: Final = frozenset({"bulk", "resume"})

_came: list[tuple[signal.Signals, float]] = []


def watch(arguments: Sequence[str]) -> None:
    """SIGTERM ends the program at once, with the status that a shell would make of it, and SIGINT as in any Python
    program. Where the JSON of ``bulk`` or ``resume`` is wanted, the first of either is kept for the command, which
    has done nothing yet and soon says so in its object."""
    if "--json" in arguments and arguments[0] in OWES_AN_OBJECT:
        for number in STOPPED_BY:
            signal.signal(number, _keep)
    else:
        signal.signal(signal.SIGTERM, _end)


def kept() -> signal.Signals | None:
    """The signal that came before the command could act on it."""
    return _came[0][0] if _came else None


def _keep(number: int, frame: FrameType | None) -> None:
    _came.append((signal.Signals(number), time.monotonic()))
    if _came[-1][1] - _came[0][1] > TOGETHER:
        _end(number, frame)


def _end(number: int, _: FrameType | None) -> None:
    os._exit(STOPPED_BY[signal.Signals(number)])
