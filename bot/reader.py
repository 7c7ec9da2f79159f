"""Checked values of one account's variables: what is none names the variable and what it may be, never its value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from bot.domain.amounts import parse_amount
from bot.domain.lanes import Course
from bot.domain.loopback import is_loopback
from bot.domain.model import Unit
from bot.errors import SettingsError
from bot.variables import BY_NAME, Variables, full_name

ID: Final = re.compile(r"[!-~]{1,128}")
"""What any service could mean by an id."""
_WHOLE: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Checked values of one account's variables (of the program's own with the suffix ``""``). Everything raises
    ``SettingsError``."""

    variables: Variables
    suffix: str = ""

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str | None:
        """The value as written; ``None`` when it is not set."""
        value = self.variables.get(name, self.suffix)
        if value is not None and pattern is not None and not pattern.fullmatch(value):
            self.wrong(name)
        return value

    def needed(self, name: str, pattern: re.Pattern[str], because: str) -> str:
        """A value that has to be set ``because`` another variable is."""
        value = self.text(name, pattern)
        if value is None:
            variable = BY_NAME[name]
            raise SettingsError(
                f"{full_name(name, self.suffix)} is not set, but {because} is. "
                f"It is {variable.meaning}: {variable.allowed}. Set it, or unset the other."
            )
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of some words, in any case."""
        value = (self.text(name) or default).lower()
        return value if value in choices else self.wrong(name)

    def whole(self, name: str, default: int, most: int | None = None, *, least: int = 1) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self.text(name, _WHOLE)
        number = default if value is None else int(value)
        return number if number >= least and (most is None or number <= most) else self.wrong(name)

    def seconds(self, name: str, default: float) -> float:
        """Any positive number."""
        value = self.text(name)
        try:
            number = default if value is None else float(value)
        except ValueError:
            self.wrong(name)
        return number if math.isfinite(number) and number > 0 else self.wrong(name)

    def limit(self, name: str) -> str | None:
        """An amount as written; the programme's unit decides later what it means."""
        value = self.text(name)
        if value is not None and not any(is_amount(value, unit) for unit in Unit):
            self.wrong(name)
        return value

    def courses(
        self, name: str, read: Callable[[str, str | None], tuple[Course, ...]], currency: str | None
    ) -> tuple[Course, ...]:
        """Places of the operator."""
        value = self.text(name)
        try:
            return read(value, currency) if value is not None else ()
        except ValueError:
            self.wrong(name)

    def url(self, name: str, inherited: str) -> str:
        """The address of a service, without a slash at its end."""
        value = self.text(name)
        if value is None:
            return inherited
        return value.rstrip("/") if _is_acceptable_url(value) else self.wrong(name)

    def path(self, name: str, directory: Path) -> Path | None:
        """Seen from ``directory``, with ``~`` for somebody's home."""
        value = self.text(name)
        if value is not None and "\0" in value:
            self.wrong(name)
        try:
            return None if value is None else directory / Path(value).expanduser()
        except RuntimeError:  # nobody of that name has a home here
            self.wrong(name)

    def wrong(self, name: str) -> NoReturn:
        """Complain without repeating the value: it might be a secret in the wrong place."""
        variable = BY_NAME[name]
        raise SettingsError(f"{full_name(name, self.suffix)} is {variable.meaning}. It must be {variable.allowed}.")


def is_amount(text: str, unit: Unit) -> bool:
    """Whether it is a positive amount in this unit."""
    try:
        return parse_amount(text, unit) > 0
    except ValueError:
        return False


def _is_acceptable_url(text: str) -> bool:
    """https anywhere, http on this machine only; nothing but host, port and a path in front of the service's own."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.password or parts.query or parts.fragment or not ID.fullmatch(text):
        return False
    if "/api/v" in f"{parts.path}/":
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
