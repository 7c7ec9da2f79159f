"""Short random names for ledgers and calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Randomness = Callable[[int], bytes]
"""Gives so many random bytes: ``secrets.token_bytes``, or something repeatable in a simulation."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nothing to misread, no words


def short_name(randomness: Randomness, length: int) -> str:
    """``length`` characters of 5 random bits each."""
    return "".join(_ALPHABET[byte & 31] for byte in randomness(length))
