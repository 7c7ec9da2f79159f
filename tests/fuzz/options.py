"""Whatever somebody types: into /award, a form, a shell, or .env. An amount is never another one than stands there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bot.console.parser import parse
from bot.customer_map import read_customer_map
from bot.domain.amounts import LARGEST, canonical, parse_amount
from bot.domain.model import Unit
from bot.errors import SettingsError, UsageError
from bot.settings import Settings
from bot.ui.members_text import MEMBERS_MAX, read_members
from bot.ui.text import escape, plain

_FOLDER: Final = Path(tempfile.mkdtemp(prefix="bursar-fuzz-"))


def _said(data: bytes) -> str:
    """As Discord hands it on: any text, but no half characters."""
    return data.decode("utf-8", "replace")


def award(data: bytes) -> None:
    """The ``members`` and ``amount`` of /award, with a line between them."""
    members, line, amount = _said(data).partition("\n")
    for unit in Unit:
        try:
            named = read_members(members, amount if line else None, unit)
        except UsageError as error:
            _told(error)
            continue
        ids = [member for member, _ in named.members]
        assert 0 < len(ids) <= MEMBERS_MAX and len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"\d{17,20}", one) and one in members for one in ids)
        said = sum(map(int, re.findall(r"[0-9]+", members + " " + amount)))
        for _, value in named.members:
            assert value != 0
            assert abs(value) <= said * 100 or unit is Unit.MONEY, "more than all the numbers that stand there"


def amount(data: bytes) -> None:
    """One amount: what is understood is written as it was meant, and understood again."""
    text = _said(data)
    for unit in Unit:
        for mark in (None, ",", "."):
            try:
                value = parse_amount(text, unit, mark)
            except ValueError as error:
                _sentence(str(error))
                continue
            assert abs(value) <= LARGEST
            assert re.sub(r"\D", "", text).strip("0") == str(abs(value)).strip("0") or value == 0
            assert parse_amount(canonical(value, unit), unit, ".") == value


def words(data: bytes) -> None:
    """Reasons and labels on cards: nothing in them formats, pings or breaks a line."""
    shown = escape(_said(data), 200)
    assert len(shown) <= 1000
    assert "@everyone" not in shown and "@here" not in shown
    assert all(len(before) % 2 for before in re.findall(r"(\\*)<", shown)), "a bracket that Discord would read"
    assert "\n" not in plain(_said(data), 100) and len(plain(_said(data), 100)) <= 100


def command_line(data: bytes) -> None:
    """Arguments, one a line."""
    arguments = _said(data).replace("\0", " ").split("\n")
    if any(one in ("-h", "--help") or one.startswith("--h") for one in arguments):
        return  # prints and leaves, as it should
    try:
        options = parse(arguments)
    except UsageError as error:
        _told(error)
        return
    assert options.command in arguments


def env_file(data: bytes) -> None:
    """A ``.env``: understood, or refused with the name of what is wrong, and never with a secret in it."""
    (_FOLDER / ".env").write_bytes(data)
    try:
        settings = Settings.load({}, _FOLDER)
        programmes = settings.programmes()
    except SettingsError as error:
        _told(error)
        return
    assert len({one.name for one in programmes}) == len(programmes)
    assert settings.http_timeout > 0 and settings.settle_after > 0 and settings.job_wait > 0
    assert settings.max_rows > 0 and settings.max_file_bytes > 0
    for secret in settings.secrets():
        assert secret not in repr(settings) or len(secret) < 8
        assert secret.encode() in data


def customer_map(data: bytes) -> None:
    """A customer map: ids and customers as they stand there, each once."""
    path = _FOLDER / "map.csv"
    path.write_bytes(data)
    try:
        found = read_customer_map(path, "GAMEBALL_CUSTOMER_MAP").customers
    except SettingsError as error:
        _told(error)
        return
    text = data.decode("utf-8-sig")
    for one, customer in found.items():
        assert one in text and customer.replace('"', "") in text.replace('"', "")
        assert re.fullmatch(r"[0-9]{17,20}", one) and customer == customer.strip() != ""


def _told(error: UsageError | SettingsError) -> None:
    _sentence(error.message)
    assert error.hint is None or error.hint


def _sentence(text: str) -> None:
    assert text and len(text) <= 1000
    text.encode()


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "award": award,
    "amount": amount,
    "words": words,
    "command-line": command_line,
    "env-file": env_file,
    "customer-map": customer_map,
}
