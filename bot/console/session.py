"""What every command begins with: the settings, the log without their secrets, who is asking."""

from __future__ import annotations

import getpass
import logging
import os
from argparse import Namespace
from pathlib import Path
from typing import Final

from bot import log
from bot.clock import SystemClock
from bot.domain.model import Actor
from bot.errors import UsageError
from bot.settings import Settings

CLOCK: Final = SystemClock()


def load_settings(options: Namespace, *, level: int = logging.WARNING) -> Settings:
    """The settings of the current directory; from here on the log hides their secrets. Raises ``SettingsError``."""
    settings = Settings.load(os.environ, Path.cwd())
    log.configure(settings.secrets(), level=level, debug=options.debug)
    return settings


def command_line_actor() -> Actor:
    """The person at the shell, who sees every server's batches."""
    return Actor(id="cli", name=_login_name(), server_id=None)


def _login_name() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        # A container may run under a number without a name.
        return "command line"


def read_upload(path: Path, limit: int) -> bytes:
    """The file's content, one byte more than ``limit`` at most: intake then refuses it. Raises ``UsageError``."""
    try:
        if not path.is_file():
            raise UsageError(f"{path} is not there, or is no file")
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
