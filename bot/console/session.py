"""What every command begins with: the settings, the log without their secrets, who is asking."""

from __future__ import annotations

import getpass
import logging
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from bot import log
from bot.clock import SystemClock
from bot.console import output
from bot.domain.model import Actor
from bot.errors import SettingsError, UsageError
from bot.settings import Settings
from bot.spool import PIECE, Spool

CLOCK: Final = SystemClock()


def load_settings(options: Namespace, *, level: int = logging.WARNING) -> Settings:
    """The settings of the current directory; from here on the log hides their secrets. Raises ``SettingsError``."""
    try:
        directory = Path.cwd()
    except OSError:
        raise SettingsError("the current directory is not there any more", hint="Change to one that is.") from None
    settings = Settings.load(os.environ, directory)
    log.configure(settings.secrets(), level=level, debug=options.debug)
    return settings


def tell_dangers(settings: Settings) -> None:
    """What the settings void together, beside the result."""
    for danger in settings.dangers():
        output.note(danger)


def command_line_actor() -> Actor:
    """The person at the shell, who sees every server's batches."""
    return Actor(id="cli", name=_login_name(), server_id=None)


def _login_name() -> str:
    try:
        return of_login(getpass.getuser())
    except (KeyError, OSError):
        # A container may run under a number without a name.
        return "command line"


def of_login(login: str) -> str:
    """The name under which a login acts at the command line."""
    return f"{login} (command line)"


def read_upload(path: Path, limit: int) -> Spool:
    """A copy of the file, so that all reads of it read the same; one byte more than ``limit`` at most: intake then
    refuses it. Raises ``UsageError``."""
    try:
        if not path.is_file():
            raise UsageError(f"{path} is not there, or is no file", hint="Give the path of a CSV file.")
        with path.open("rb") as file:
            return Spool(_at_most(file, limit + 1))
    except OSError as error:
        hint = "Give whoever runs Bursar the right to read it."
        raise UsageError(f"{path} cannot be read ({error.strerror})", hint=hint) from None


def _at_most(file: BinaryIO, left: int) -> Iterator[bytes]:
    while piece := file.read(min(PIECE, left)):
        left -= len(piece)
        yield piece
