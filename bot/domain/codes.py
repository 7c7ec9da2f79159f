"""Receipt codes: short enough to be typed, long enough not to be met by chance. Pure.

A batch's code is the first 50 bits of the hash of the entry that recorded it, so it commits to who gets how much: an
entry that was changed has another code. ``.3`` behind it means the award of line 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_MISREAD: Final = str.maketrans("ILO", "110")
_LENGTH: Final = 10
_BITS: Final = 5 * _LENGTH
_SPARE: Final = 56 - _BITS
_TYPED: Final = re.compile(r"\s*([0-9A-Za-z][0-9A-Za-z\s-]{8,18}[0-9A-Za-z])\s*(?:[.,#]\s*([0-9]{1,9}))?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody typed, understood."""

    value: int
    line: int | None = None
    """Of one award; ``None``: the whole batch."""

    @property
    def lowest(self) -> bytes:
        """No hash with this code is below it."""
        return (self.value << _SPARE).to_bytes(7, "big")

    @property
    def highest(self) -> bytes:
        """No hash with this code is above it."""
        return ((self.value << _SPARE) | (1 << _SPARE) - 1).to_bytes(7, "big") + b"\xff" * 25

    def __str__(self) -> str:
        digits = "".join(_ALPHABET[self.value >> shift & 31] for shift in range(_BITS - 5, -1, -5))
        text = f"{digits[:5]}-{digits[5:]}"
        return text if self.line is None else f"{text}.{self.line}"


def code_of(entry_hash: bytes, line: int | None = None) -> Code:
    """The code of the batch that this entry recorded, or of its award of a line."""
    return Code(int.from_bytes(entry_hash[:7], "big") >> _SPARE, line)


def read_code(text: str) -> Code:
    """A code as people type it: any case, with or without dash and spaces. Raises ``ValueError``."""
    match = _TYPED.fullmatch(text)
    letters = re.sub(r"[\s-]", "", match[1]).upper().translate(_MISREAD) if match else ""
    if match is None or len(letters) != _LENGTH or any(letter not in _ALPHABET for letter in letters):
        raise ValueError("this is no receipt code; one looks like 7Q2K9-M4TZA, or 7Q2K9-M4TZA.3 for a row")
    value = 0
    for letter in letters:
        value = value << 5 | _ALPHABET.index(letter)
    return Code(value, None if match[2] is None else int(match[2]))
