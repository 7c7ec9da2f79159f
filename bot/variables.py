"""The variables of the environment as text: the table of all of them, where they come from, how they are spelt.

Only ``bot.settings`` uses this; what the values mean for the rest of the program stands there. No message of this
module repeats a value: it might be a secret that was put into the wrong variable.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from bot.errors import SettingsError

MAX_ENV_FILE: Final = 1_000_000
"""Bytes; a longer ``.env`` is some other file."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its name, what it is, and what it may be. Both texts go into error messages."""

    name: str
    meaning: str
    allowed: str

    @property
    def of_account(self) -> bool:
        """Whether a second account may have its own, as ``NAME__SUFFIX``."""
        return self.name.startswith(("DRIP_", "GAMEBALL_"))


_URL: Final = "an address that begins with https:// (http:// only for this machine), without /api/… at its end"
_SECONDS: Final = "a positive number of seconds"
_COUNT: Final = "a whole number above 0"
_KEY: Final = "printable characters without spaces, as the service shows it"
_LIMIT: Final = "a positive amount such as 500 or 12.50, or empty for no limit"

VARIABLES: Final = (
    Variable("DISCORD_TOKEN", "the token of the Discord bot", _KEY),
    Variable(
        "BURSAR_SERVER_IDS",
        "the list of Discord servers that may use your accounts",
        "ids of 17 to 20 digits with commas between them",
    ),
    Variable("DRIP_API_KEY", "the client secret of a Drip app", _KEY),
    Variable("DRIP_REALM_ID", "the id of a Drip realm", "24 hexadecimal digits"),
    Variable("DRIP_CURRENCY_ID", "the id of the Drip currency to pay in", "an id as Drip shows it, without spaces"),
    Variable("DRIP_BASE_URL", "where Drip is", _URL),
    Variable("DRIP_RATE_PLAN", "the plan that the Drip realm is on", "free, pro or enterprise"),
    Variable("DRIP_CREDENTIALS_BATCH_SIZE", "how many awards go into one credential call", f"{_COUNT}, at most 1000"),
    Variable(
        "DRIP_MEMBERS_BATCH_SIZE",
        "how many awards go into one member call",
        f"{_COUNT}, at most 100 (Drip refuses more)",
    ),
    Variable(
        "DRIP_UNRESOLVED",
        "what happens to a Discord id without a Drip member",
        "reject, or credentials (pay it by the credential path)",
    ),
    Variable("DRIP_INITIATOR_ID", "the Drip account named as initiator", "an id as Drip shows it, or empty"),
    Variable(
        "DRIP_RING",
        "the operator's places between which each member call passes one point on",
        "Drip ids with commas between them, at least two, each with its currency behind a colon if that is not "
        "DRIP_CURRENCY_ID; a semicolon before a further ring; no place twice",
    ),
    Variable(
        "DRIP_WITNESS",
        "the operator's place that each member call adds one point to",
        "a Drip id, with its currency behind a colon if that is not DRIP_CURRENCY_ID; a semicolon before a further one",
    ),
    Variable(
        "DRIP_TWINS",
        "the operator's two credentials that are the first and the last of each credential call",
        "two credentials as TYPE:VALUE or custom:SOURCE:VALUE with a comma between them; a semicolon before a further "
        "pair; DRIP_CURRENCY_ID has to be set",
    ),
    Variable("GAMEBALL_API_KEY", "the API key of a Gameball account", _KEY),
    Variable("GAMEBALL_SECRET_KEY", "the secret key of a Gameball account", _KEY),
    Variable("GAMEBALL_BASE_URL", "where Gameball is", _URL),
    Variable("GAMEBALL_AMOUNT_UNIT", "what Gameball's `amount` counts in your account", "points or money"),
    Variable(
        "GAMEBALL_CUSTOMER_ID_TEMPLATE",
        "how a Discord id becomes a Gameball customer id",
        "a text that contains {discord_id} once and no other braces or line breaks",
    ),
    Variable(
        "GAMEBALL_CUSTOMER_MAP",
        "the file that says which customer each Discord id is",
        "the path of a CSV file with the columns discord_id and customer_id",
    ),
    Variable("GAMEBALL_BATCH_SIZE", "how many awards go into one job", f"{_COUNT}, at most 1000 (Gameball's limit)"),
    Variable(
        "GAMEBALL_MANUAL_UP_TO",
        "up to how many awards a batch is paid one by one, each under an id that Gameball takes only once",
        "a whole number from 0 (never) to 1000",
    ),
    Variable("GAMEBALL_STATUS_CONTRACT", "which of Gameball's two documented job answers to expect", "auto, a or b"),
    Variable("BURSAR_DATABASE", "the ledger's file", "the path of a file, in a folder that exists"),
    Variable("BURSAR_BACKUP_DIR", "where a copy of the ledger is kept every day", "the path of a folder that exists"),
    Variable("BURSAR_BACKUP_KEEP", "how many daily copies are kept", _COUNT),
    Variable(
        "BURSAR_BACKUP_COMMAND",
        "the program that takes each new copy off the machine",
        "a program and its arguments, with quotes as in a shell; the copy's path is added as the last argument",
    ),
    Variable("BURSAR_HTTP_TIMEOUT", "how long one call may take", _SECONDS),
    Variable("BURSAR_SETTLE_AFTER", "after how long an abandoned request is held to be dead", _SECONDS),
    Variable("BURSAR_JOB_WAIT", "how long an unfinished Gameball job is waited for", _SECONDS),
    Variable("BURSAR_MAX_ROWS", "how many rows an upload may have", _COUNT),
    Variable("BURSAR_MAX_FILE_BYTES", "how large an upload may be, in bytes", _COUNT),
    Variable("BURSAR_MAX_AWARD", "the largest amount of one award", _LIMIT),
    Variable("BURSAR_MAX_BATCH", "the largest total of one batch", _LIMIT),
)
"""Every variable that the program reads, in the order of ``.env.example``."""

BY_NAME: Final = {variable.name: variable for variable in VARIABLES}
_OWN_FAMILIES: Final = ("DRIP_", "GAMEBALL_", "BURSAR_")
_FAMILIES: Final = (*_OWN_FAMILIES, "DISCORD_")
_SUFFIX: Final = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
_LONGEST_NAME: Final = 100
"""Characters, an account's name included: more is some other text in the place of a name."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A name that begins like ours, has a value, and is none of ours: nobody reads it."""

    name: str
    nearest: str
    """Of our names the one that is spelt most alike."""


class Variables:
    """The values in force, by variable and account. An empty value counts as absent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """``values`` by full name. Raises ``SettingsError`` for a misspelt or doubled name."""
        self._values: dict[tuple[str, str], tuple[str, str]] = {}
        self.strangers: list[Stranger] = []
        for full_name, raw in values.items():
            value = raw.strip()
            if value and full_name.upper().startswith(_FAMILIES):
                self._add(full_name, value)

    def _add(self, full_name: str, value: str) -> None:
        if len(full_name) > _LONGEST_NAME:
            raise SettingsError(f"{_begin_of(full_name)}: no setting has a name of {len(full_name):,} characters.")
        base, separator, suffix = full_name.partition("__")
        variable = BY_NAME.get(base)
        if variable is None:
            _complain_if_misspelt(full_name)
            if full_name.upper().startswith(_OWN_FAMILIES):
                self.strangers.append(Stranger(full_name, _nearest(base.upper(), suffix)))
            return
        if separator and not variable.of_account:
            raise SettingsError(f"{full_name}: {base} is one for the whole program and takes no suffix.")
        if separator and not _SUFFIX.fullmatch(suffix):
            raise SettingsError(f"{full_name}: behind __ comes a name of letters, digits and single underscores.")
        key = (base, suffix.lower())
        if key in self._values:
            raise SettingsError(f"{full_name} and {self._values[key][0]} are the same setting; keep one of them.")
        self._values[key] = (full_name, value)

    def get(self, name: str, suffix: str = "") -> str | None:
        """The value without surrounding spaces; ``None`` when unset."""
        found = self._values.get((name, suffix))
        return found[1] if found else None

    def suffixes(self, family: str) -> tuple[str, ...]:
        """Accounts that have a variable of the family (``DRIP_`` or ``GAMEBALL_``), the unnamed one first."""
        return tuple(sorted({suffix for name, suffix in self._values if name.startswith(family)}))

    def first_of(self, family: str, suffix: str) -> str:
        """The full name of one variable that this account has, for messages."""
        return next(
            full for (name, mark), (full, _) in self._values.items() if name.startswith(family) and mark == suffix
        )

    def __iter__(self) -> Iterator[str]:
        return (full_name for full_name, _ in self._values.values())


def full_name(name: str, suffix: str) -> str:
    """How a person writes the variable of one account."""
    return f"{name}__{suffix.upper()}" if suffix else name


def merged(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """``directory/.env`` beaten by ``environ``, where an empty value is no value. Raises ``SettingsError``."""
    values = _env_file(directory / ".env")
    values.update({name: value for name, value in environ.items() if value.strip()})
    return values


def _env_file(path: Path) -> dict[str, str]:
    """The file's variables as written: nothing is expanded, so that a ``$`` in a secret stays a ``$``."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ENV_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        hint = "Put a file there that whoever runs Bursar may read."
        raise SettingsError(f"The file {path} cannot be read ({error.strerror}).", hint=hint) from None
    if len(content) > MAX_ENV_FILE:
        raise SettingsError(f"The file {path} is too large for a list of settings.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"The file {path} is not UTF-8 text; save it as UTF-8.") from None
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text, newline=None)):
        said = binding.original.string
        line = binding.original.line + said[: len(said) - len(said.lstrip())].count("\n")  # blank ones come before it
        name, value = binding.key or "", (binding.value or "").strip()
        ours = name.upper().startswith(_FAMILIES)
        if binding.error or (ours and binding.value is None):
            raise SettingsError(f"The file {path} cannot be understood at line {line}: write NAME=value.")
        if ours and value and values.get(name, value) != value:
            raise SettingsError(
                f"The file {path}: {_begin_of(name)} stands in line {lines[name]} and, otherwise, in line {line};"
                " keep one."
            )
        if value:
            values[name], lines[name] = value, line
    return values


def _begin_of(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _complain_if_misspelt(name: str) -> None:
    written, separator, suffix = name.partition("__")
    base = written.upper()
    near = min(BY_NAME, key=lambda known: _distance(base, known))
    if _distance(base, near) <= 2:
        raise SettingsError(f"{name}: did you mean {near}{separator}{suffix}?")
    for variable in VARIABLES:
        if variable.of_account and name.startswith(f"{variable.name}_"):
            meant = full_name(variable.name, name.removeprefix(f"{variable.name}_").strip("_"))
            raise SettingsError(f"{name}: did you mean {meant}? Two underscores stand before an account's name.")


def _nearest(base: str, suffix: str) -> str:
    """By the letters that both have in the same order: words are left out or added more often than mistyped."""
    if "_" not in base:  # the two underscores stand too early
        base, suffix = f"{base}_{suffix.upper()}", ""
    family = base[: base.index("_") + 1]
    known = [name for name in BY_NAME if name.startswith(family)]
    near = max(known, key=lambda name: difflib.SequenceMatcher(None, base, name).ratio())
    return full_name(near, suffix if BY_NAME[near].of_account else "")


def _distance(left: str, right: str) -> int:
    """Letters to insert, drop or exchange to turn one text into the other."""
    row = list(range(len(right) + 1))
    for index, letter in enumerate(left, start=1):
        previous, row[0] = row[0], index
        for column, other in enumerate(right, start=1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (letter != other))
    return row[-1]
