"""The command: start everything, play, compare, clean up. Every failure is one sentence and status 1."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bot import log
from bot.demo.failures import DemoFailed
from bot.errors import BursarError

FAILED: Final = 1
INTERRUPTED: Final = 130
TERMINATED: Final = 143
_SHOWN_RECORDS: Final = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; the exit status: 0, or 1 when something failed or the books differ. Prints to standard output.

    Nothing is left behind: the stand-ins end with this process, the ledger lies in a folder that is removed.
    """
    options = _parser().parse_args(arguments)
    if options.browser and not _has_preview():
        _fail("the page with the real buttons is not installed. Run: make demo-browser.")
        return FAILED
    kept = _Kept()
    logging.getLogger().handlers = [kept]
    from bot.demo import runs, screen  # they import SimCord, which logs at once

    with tempfile.TemporaryDirectory(prefix="bursar-demo-", ignore_cleanup_errors=True) as folder:
        terminal = screen.Screen(sys.stdout)
        if options.browser:
            demo = runs.in_browser(Path(folder), terminal)
        else:
            demo = runs.played(Path(folder), terminal, apply_twice=options.apply_twice)
        status = _run(demo, kept)
    if status == 0 and kept.errors:
        _fail("the bot logged an error", kept)
        status = FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bursar demo", description="The whole job on stand-ins; no account needed.")
    parser.add_argument("--browser", action="store_true", help="a page with the real buttons instead of the story")
    parser.add_argument(
        "--apply-twice",
        action="store_true",
        help="let the stand-in pay one award twice, behind the ledger's back: the comparison must find it",
    )
    return parser


def _run(demo: Coroutine[Any, Any, int], kept: _Kept) -> int:
    """Run to the end, to a failure in one sentence, or to a signal. The demo itself has cleaned up in every case."""
    try:
        return asyncio.run(_until_told(demo))
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except BrokenPipeError:
        raise
    except BursarError as error:
        _fail(error.message, kept if isinstance(error, DemoFailed) else None, hint=error.hint)
    except Exception as error:  # SimCord's and Discord's own errors among them: each is a sentence here
        _fail(log.summary(error), kept)
    return FAILED


class _Terminated(Exception):
    """SIGTERM."""


async def _until_told(demo: Coroutine[Any, Any, int]) -> int:
    """SIGTERM ends the demo as Ctrl+C does: by cancelling it, so that it cleans up."""
    own, told = asyncio.current_task(), False
    assert own is not None  # it runs in one

    def terminate() -> None:
        nonlocal told
        told = True
        own.cancel()

    with suppress(NotImplementedError):  # a loop without signals (Windows): there only Ctrl+C ends it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await demo
    except asyncio.CancelledError:
        if told:
            raise _Terminated from None
        raise


class _Kept(logging.Handler):
    """Keeps what Bursar logs instead of writing it between the lines; shown when something fails."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(log.LineFormatter(log.Redactor(), debug=False))
        self.lines: list[str] = []
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record of ours; libraries' warnings about what is not installed are no news."""
        if record.name.startswith(("bot.", "cogs.")) or record.levelno >= logging.ERROR:
            self.lines.append(self.format(record))
            self.errors += record.levelno >= logging.ERROR


def _fail(cause: str, kept: _Kept | None = None, *, hint: str | None = None) -> None:
    ended = cause if cause.endswith((".", "!", "?")) else f"{cause}."
    sys.stdout.flush()
    sys.stderr.write(f"\nThe demo failed: {ended}{f' {hint}' if hint else ''}\n")
    for line in (kept.lines if kept else [])[-_SHOWN_RECORDS:]:
        sys.stderr.write(f"  {line}\n")


def _has_preview() -> bool:
    """Whether SimCord can serve pages: what its extra ``preview`` adds is there."""
    return all(find_spec(module) for module in ("markdown_it", "linkify_it", "PIL", "regex"))
