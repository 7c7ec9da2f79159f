"""The operator's CSV that says which Gameball customer each Discord id is. Read once, at start."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.errors import SettingsError

MAX_BYTES: Final = 100_000_000
_PATH_SHOWN: Final = 200
"""Characters of a path that is not there: whatever it is, it makes no sentence longer than a card."""
_DISCORD_ID: Final = re.compile(r"[0-9]{17,20}")
_MAX_CUSTOMER_ID: Final = 255


@dataclass(frozen=True, slots=True)
class CustomerMap:
    """Customers by Discord id."""

    customers: dict[str, str] = field(repr=False)
    sha256: str
    """Over the content in order of the ids: the same map in another order or spelling of CSV has the same one."""


def read_customer_map(path: Path, variable: str) -> CustomerMap:
    """Read and check the whole file. Raises ``SettingsError`` that names ``variable`` and the line."""
    customers: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, discord_id, customer_id in _records(path, variable):
        where = f"{variable}: line {line} of {path}"
        if not _DISCORD_ID.fullmatch(discord_id):
            raise SettingsError(f"{where} has no Discord id of 17 to 20 digits.")
        if discord_id in lines:
            raise SettingsError(f"{where} names the Discord id of line {lines[discord_id]} again; keep one of the two.")
        if not customer_id or len(customer_id) > _MAX_CUSTOMER_ID or not customer_id.isprintable():
            raise SettingsError(f"{where} has no usable customer id (1 to {_MAX_CUSTOMER_ID} printable characters).")
        customers[discord_id] = customer_id
        lines[discord_id] = line
    if not customers:
        raise SettingsError(f"{variable}: {path} has no rows below its header.")
    return CustomerMap(customers, _fingerprint(customers))


def _records(path: Path, variable: str) -> Iterator[tuple[int, str, str]]:
    """Physical line, Discord id and customer id of every record that is not empty."""
    reader = csv.reader(io.StringIO(_text(path, variable), newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if header.count("discord_id") != 1 or header.count("customer_id") != 1:
            raise SettingsError(f"{variable}: the first line of {path} must be discord_id,customer_id.")
        who, customer = header.index("discord_id"), header.index("customer_id")
        line = reader.line_num + 1
        for record in reader:
            if any(cell.strip() for cell in record):
                if len(record) != len(header):
                    raise SettingsError(f"{variable}: line {line} of {path} does not have {len(header)} columns.")
                yield line, record[who].strip(), record[customer].strip()
            line = reader.line_num + 1
    except csv.Error as error:
        raise SettingsError(f"{variable}: line {reader.line_num} of {path} is not CSV ({error}).") from None


def _text(path: Path, variable: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        shown = str(path)[:_PATH_SHOWN]
        hint = "Put a file there that whoever runs Bursar may read."
        raise SettingsError(f"{variable}: {shown} cannot be read ({error.strerror}).", hint=hint) from None
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{variable}: {path} is larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {path} is not UTF-8 text; save it as CSV UTF-8.") from None


def _fingerprint(customers: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for discord_id in sorted(customers):
        digest.update(f"{discord_id}\0{customers[discord_id]}\n".encode())
    return digest.hexdigest()
