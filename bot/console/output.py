"""What commands print: text for people without control characters, one JSON object for scripts, errors as sentences."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

from bot.domain.model import cause_of
from bot.errors import BursarError

_DOTS: Final = "…"


class OutputLostError(Exception):
    """Standard output takes nothing (any more): the disk is full, the device is gone."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The result cannot be written to standard output ({error.strerror or error}).")


def prepare_streams() -> None:
    """UTF-8 whatever the locale, and never an error for a character that a terminal cannot show. A stream that was
    closed leads nowhere: its number must not become that of a file that is opened later."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(nowhere, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 # until the end
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str = "", *, json_mode: bool = False) -> None:
    """One line for people: on standard output, or on standard error where that belongs to the JSON."""
    if json_mode:
        note(text)
    else:
        put(f"{plain(text)}\n", flush=True)


def note(text: str) -> None:
    """One line beside the result: progress, warnings. That nobody can read it is no reason to end."""
    try:
        print(plain(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def emit(value: Mapping[str, Any]) -> None:
    """The one JSON object of a command."""
    put(f"{json.dumps(value, ensure_ascii=False)}\n", flush=True)


def put(text: str, *, flush: bool = False) -> None:
    """The result of a command, as it is. Raises ``OutputLostError``, or ``BrokenPipeError`` where its reader left."""
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLostError(error) from error


@contextmanager
def if_heard() -> Iterator[None]:
    """Around what is said at the end of a command whose exit status does not depend on somebody hearing it."""
    try:
        yield
    except (OutputLostError, BrokenPipeError) as error:
        silence(sys.stdout)
        note("Nobody reads the result." if isinstance(error, BrokenPipeError) else str(error))


def report(text: str, *, json_mode: bool) -> None:
    """Like ``say``, of what was done and stays done whether somebody hears of it or not."""
    with if_heard():
        say(text, json_mode=json_mode)


def silence(stream: TextIO) -> None:
    """Nothing more is written, not even at the interpreter's end."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def plain(text: str) -> str:
    """Without control characters: nothing in a file can move the cursor or recolour the terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def clipped(text: str, width: int) -> str:
    """At most ``width`` characters."""
    return text if len(text) <= width else text[: width - 1] + _DOTS


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ") -> Iterable[str]:
    """Lines with aligned columns; the last column is left as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield (indent + "  ".join([*cells, row[-1]])).rstrip()


def sentence(text: str) -> str:
    """With a full stop at its end."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", _DOTS)) else f"{text}."


def paused(why: str) -> str:
    """``It is paused. The key …``, from the message that was recorded."""
    return f"It is paused. {sentence(cause_of(why))}"


def complain(error: BursarError, first: str) -> None:
    """An error for people: what was (not) done, the cause, one next step."""
    note(f"{first}: {sentence(error.message)}")
    if error.hint:
        note(sentence(error.hint))


def failed(
    json_mode: bool, error: BursarError, first: str, failure: Callable[[dict[str, Any], int], Mapping[str, Any]]
) -> int:
    """For commands that answer 0 or 1 only: the error as sentences and, where wanted, as the command's JSON; 1."""
    complain(error, first)
    if json_mode:
        from bot.services.handover import kind_of

        with if_heard():
            emit(failure({"kind": kind_of(error), "message": error.message, "hint": error.hint}, 1))
    return 1


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 row``, ``1,203 rows``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def duration(seconds: float) -> str:
    """``under a second``, ``40 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
