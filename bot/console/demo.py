"""``demo``: the whole job on the stand-ins. All of it is in ``bot.demo``, which needs SimCord (`make demo`)."""

from __future__ import annotations

import importlib
import importlib.util
from argparse import Namespace
from typing import Any, Final

from bot.errors import UsageError

FAILED: Final = "The demo did not start"


def run(options: Namespace) -> int:
    """The command."""
    if importlib.util.find_spec("simcord") is None:
        target = "demo-browser" if options.browser else "demo"
        raise UsageError("the simulated Discord is not installed", hint=f"Run: make {target}.")
    status: int = importlib.import_module("bot.demo").main(["--browser"] if options.browser else [])
    return status


def failure(error: dict[str, Any], status: int) -> dict[str, Any]:
    """``demo`` has no JSON."""
    return {"error": error, "exit_status": int(status)}
