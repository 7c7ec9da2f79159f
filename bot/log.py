"""Logging: one line an event, with time, level, logger and the ids at work; secrets never.

The lines go to standard error. An exception becomes the end of its line (type, message, where it came from), so that
no traceback reaches a person; ``--debug`` puts the whole traceback below it. Whatever is written passes ``Redactor``.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Final, TextIO

HIDDEN: Final = "[hidden]"
_SHORTEST_SECRET: Final = 4
"""A shorter configured value would blank half of every line."""

_FRAMES_SHOWN: Final = 6

_TOKENS: Final = (
    # Discord bot tokens: user id in base64, time, signature (discord.com/developers/docs/reference, "Authentication").
    re.compile(r"[\w-]{23,30}\.[\w-]{6,8}\.[\w-]{27,}"),
    # Interaction and webhook addresses end in a token that can post for 15 minutes or for ever.
    re.compile(r"(?<=/webhooks/)\d+/[\w-]{20,}"),
    re.compile(r"(?<=/interactions/)\d+/[\w-]{20,}"),
    # Headers, query strings and JSON that carry a key under its name.
    re.compile(r"(?i)\b(?:bearer|bot)\s+[\w.~+/=-]{16,}"),
    re.compile(
        r"""(?i)(?<![a-z])(?:authorization|api[-_]?key|secret[-_]?key|client[-_]?secret|password|token)"""
        r"""["']?\s*[:=]\s*["']?(?!\[hidden\])[^\s"',;&}]{8,}"""
    ),
)

_ids: ContextVar[tuple[tuple[str, object], ...]] = ContextVar("log_ids", default=())


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Put ids on every line that is logged inside, also by tasks started inside: ``with about(batch=3, attempt=9):``"""
    now = dict(_ids.get())
    token = _ids.set(tuple({**now, **ids}.items()))
    try:
        yield
    finally:
        _ids.reset(token)


class Redactor:
    """Takes configured secrets, and anything that looks like one, out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def clean(self, text: str) -> str:
        """The text with each secret replaced by ``[hidden]``."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern in _TOKENS:
            text = pattern.sub(HIDDEN, text)
        return text


class LineFormatter(logging.Formatter):
    """``2026-07-31T12:00:00.123Z WARNING bot.services.sending batch=3 attempt=9 | the message``."""

    def __init__(self, redactor: Redactor, *, debug: bool) -> None:
        super().__init__()
        self._redactor = redactor
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        ids = "".join(f" {name}={value}" for name, value in _ids.get())
        message = _one_line(_message(record))
        text = f"{seconds}.{int(record.msecs):03d}Z {record.levelname} {record.name}{_one_line(ids)} | {message}"
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text} | {_one_line(summary(record.exc_info[1]))}"
            if self._debug:
                text = f"{text}\n{self.formatException(record.exc_info).rstrip()}"
        return self._redactor.clean(text)


def configure(secrets: Iterable[str], *, level: int, debug: bool = False, stream: TextIO | None = None) -> Redactor:
    """Send every logger's lines from ``level`` up to ``stream`` (standard error), in the place of earlier handlers.

    ``debug`` lowers the level of Bursar's own loggers to DEBUG and shows tracebacks. Returns the redactor, for what a
    command prints by itself.
    """
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(redactor, debug=debug))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for own in ("bot", "cogs"):
        logging.getLogger(own).setLevel(logging.DEBUG if debug else logging.NOTSET)
    logging.captureWarnings(True)
    return redactor


def summary(error: BaseException) -> str:
    """An exception in one line: type, message, and the last few places it came through, innermost first."""
    places = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in _frames(error.__traceback__)]
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{said} (at {' < '.join(reversed(places))})" if places else said


def _message(record: logging.LogRecord) -> str:
    """A line whose arguments do not fit its text is written as it stands rather than lost."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    return traceback.extract_tb(trace)[-_FRAMES_SHOWN:]


def _short(file_name: str) -> str:
    return "/".join(file_name.replace("\\", "/").split("/")[-2:])


def _one_line(text: str) -> str:
    """Line breaks and other control characters as escapes: nothing from outside can start a line of its own."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
