"""JSON from outside, read without trust: nothing in here raises for what a service may answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

UNREADABLE: Final = object()
"""What ``parse`` gives for a body that is no JSON, or JSON that says two things at once."""

_NO_MEMBERS: Final[Mapping[str, Any]] = MappingProxyType({})
_LARGEST: Final = 2**63
"""Nothing beyond it is a balance or an id; the ledger's integers end there."""


def parse(body: bytes) -> Any:
    """The value of a JSON body, fractions as ``Decimal``; ``UNREADABLE`` for anything that is not strictly JSON.

    An object that names a member twice is unreadable too: which of the two counts would be a guess.
    """
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        if body.count(b":") == _members(found):
            return found
        return json.loads(body, object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError):
        return UNREADABLE


def _members(found: Any) -> int:
    """How many members a value has, in itself and in the entries of its lists; whatever is deeper is not counted.

    Each was written with a colon. So with no more colons in the text than that, none was written twice and none is
    deeper, and nothing has to be asked for every object: that takes half as long again as reading a long answer.
    """
    if type(found) is not dict:
        return 0
    entries = chain.from_iterable(value for value in found.values() if type(value) is list)
    return len(found) + sum(len(entry) for entry in entries if type(entry) is dict)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def as_object(value: Any) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else _NO_MEMBERS


def as_list(value: Any) -> Sequence[Any]:
    """The value when it is an array, else an empty one."""
    return value if isinstance(value, list) else ()


def as_text(value: Any) -> str | None:
    """The value when it is a string that holds anything but space."""
    return value if isinstance(value, str) and value.strip() else None


def as_whole(value: Any) -> int | None:
    """The value when it is a whole number of a sane size (``150`` and ``150.0``, not ``true`` and not ``"150"``)."""
    if type(value) is int:  # nearly always; ``true`` is a bool
        return value if -_LARGEST <= value < _LARGEST else None
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 18 or value != value.to_integral_value():
            return None
        return as_whole(int(value))
    return None


def as_hundredths(value: Any) -> int | None:
    """Money as a whole number of hundredths; ``None`` when it is none or has more than two decimals."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > 16:
        return None
    return as_whole(value.scaleb(2))
