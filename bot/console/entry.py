"""From arguments to an exit status: chooses the command, and turns every error into sentences."""

from __future__ import annotations

import gc
import importlib
import logging
import secrets
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

from bot import log
from bot.console import exits, output
from bot.console.output import OutputLostError
from bot.console.parser import parse
from bot.errors import BursarError, UsageError

_log = logging.getLogger(__name__)

COMMANDS: Final = {
    "run": "bot.console.run",
    "demo": "bot.console.demo",
    "check": "bot.console.check",
    "bulk": "bot.console.bulk",
    "resume": "bot.console.resume",
    "export": "bot.console.export",
    "verify": "bot.console.verify",
    "backup": "bot.console.backup",
    "forget": "bot.console.forget",
    "restore": "bot.console.restore",
    "doctor": "bot.console.doctor",
}
"""The module of each command, imported only when it is asked for."""


_YES_OR_NO: Final = frozenset({"verify", "backup", "restore", "forget", "doctor"})
"""Commands that answer 0 or 1 only, also to wrong usage. ``demo`` is none of them: its 1 says that the books differ."""


class Command(Protocol):
    """What each of these modules has."""

    FAILED: str
    """First words when the command fails before it has done anything: "Nothing was sent"."""

    def run(self, options: Namespace) -> int:
        """Do it; the exit status. Raises ``BursarError`` for what a person can act on."""

    def failure(self, error: dict[str, Any], status: int) -> dict[str, Any]:
        """The command's JSON object for a failure before it has done anything."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    output.prepare_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    log.configure((), level=logging.WARNING)
    try:
        options = parse(given)
    except UsageError as error:
        return _misused(given, error)
    except OutputLostError as error:  # of --help
        return _lost(given[0], error)
    except BrokenPipeError:
        return _reader_gone()
    log.configure((), level=logging.WARNING, debug=options.debug)
    command = cast("Command", importlib.import_module(COMMANDS[options.command]))
    stay_quick()
    try:
        return _flushed(command.run(options))
    except OutputLostError as error:
        return _lost(options.command, error)
    except BursarError as error:
        return _failed(command, options, error, _status_of(error, options.command), command.FAILED)
    except BrokenPipeError:
        return _reader_gone()
    except KeyboardInterrupt:
        output.note("Stopped.")
        return 130
    except Exception as error:
        return _defect(command, options, error)


def stay_quick() -> None:
    """Keep short what the event loop has to wait for while a large file is read and recorded."""
    # The garbage collector would look through every module again and again, 15 ms at a time; they stay until the end.
    gc.freeze()
    # A call of a thousand awards makes some ten thousand objects and no cycles: the collector would go through them
    # thirteen times a call, 3 ms and more at a time. Cycles are few; they wait until there are as many objects more.
    gc.set_threshold(20_000, 5, 5)
    # A thread that works lets the others have the interpreter after a tenth of a millisecond instead of 5: while a
    # file is read, two of them stand in line before the loop, and an answer to Discord takes it some twenty times.
    sys.setswitchinterval(0.0001)


def _status_of(error: BursarError, command: str) -> int:
    return exits.Exit.BAD_ROWS if command in _YES_OR_NO else exits.of_error(error)


def _failed(command: Command, options: Namespace, error: BursarError, status: int, first: str) -> int:
    output.complain(error, first)
    if getattr(options, "json", False):
        with output.if_heard():
            output.emit(command.failure(_error_json(error), status))
    return status


def _lost(command: str, error: OutputLostError) -> int:
    """The result cannot be told. Nothing was recorded or changed: what is told of that does not end like this."""
    output.silence(sys.stdout)
    output.note(str(error))
    return exits.Exit.BAD_ROWS if command in _YES_OR_NO else exits.Exit.WRONG


def _defect(command: Command, options: Namespace, error: Exception) -> int:
    """A mistake of ours: a sentence and an id for the person, the place in the log."""
    error_id = secrets.token_hex(4)
    _log.error("error %s in %s", error_id, options.command, exc_info=error)
    message = f"an internal error ended this command (error {error_id} in the log line above)"
    hint = "What was sent so far is in the ledger: `bursar export` shows it, `bursar resume` goes on."
    told = BursarError(message, hint=f"{hint} --debug shows more.")
    return _failed(command, options, told, exits.Exit.INTERNAL, "Not finished")


def _misused(given: Sequence[str], error: UsageError) -> int:
    """Wrong usage: there are no options yet that could say whether JSON is wanted."""
    output.complain(error, "Nothing was done")
    name = given[0] if given else ""
    status = _status_of(error, name)
    if "--json" in given and name in COMMANDS:
        command = cast("Command", importlib.import_module(COMMANDS[name]))
        with output.if_heard():
            output.emit(command.failure(_error_json(error), status))
    return status


def _error_json(error: BursarError) -> dict[str, Any]:
    from bot.services.handover import kind_of

    return {"kind": kind_of(error), "message": error.message, "hint": error.hint}


def _flushed(status: int) -> int:
    output.put("", flush=True)
    return status


def _reader_gone() -> int:
    """`bursar export | head`: the reader has enough."""
    output.silence(sys.stdout)
    return 141
