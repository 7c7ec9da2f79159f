"""The one question a command may ask, on a terminal only."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from bot.console.output import plain


def can_ask() -> bool:
    """Whether a person can read the question and answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


async def confirmed(question: str) -> bool:
    """Ask on standard error; only ``y`` or ``yes`` is a yes, an empty answer and the end of input are a no."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    print(f"{plain(question)} [y/N] ", end="", file=sys.stderr, flush=True)

    def read() -> None:
        line = os.read(sys.stdin.fileno(), 1024).decode(errors="replace")
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(line))

    # A daemon thread, because a read from a terminal cannot be taken back: Ctrl+C must end the program all the same.
    # It reads the descriptor itself: a lock on sys.stdin, still held at the end, would abort the interpreter.
    threading.Thread(target=read, name="question", daemon=True).start()
    return (await answer).strip().lower() in ("y", "yes")
