"""The one error of the demo."""

from __future__ import annotations

from bot.errors import BursarError


class DemoFailed(BursarError):
    """The demo cannot go on; the message says what was expected and what came instead."""
