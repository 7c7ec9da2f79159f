"""Errors across the socket: a class and its words become a message and the same class again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot.errors import (
    BursarError,
    DestinationChanged,
    DraftGone,
    LedgerError,
    LimitExceeded,
    MatchedEarlier,
    NoRoom,
    NotAllowed,
    NotFound,
    Refused,
    ResolutionFailed,
    SettingsError,
    UsageError,
)

_CLASSES: Final[Mapping[str, type[BursarError]]] = {
    "settings": SettingsError,
    "usage": UsageError,
    "not-allowed": NotAllowed,
    "limit": LimitExceeded,
    "matched": MatchedEarlier,
    "draft-gone": DraftGone,
    "resolution": ResolutionFailed,
    "destination": DestinationChanged,
    "refused": Refused,
    "no-room": NoRoom,
    "ledger": LedgerError,
    "not-found": NotFound,
    "internal": BursarError,
}
"""The first class that fits names an error, so subclasses stand before their bases."""


def kind_of(error: BursarError) -> str:
    """The word for an error's class, on the socket and in JSON."""
    return next(kind for kind, known in _CLASSES.items() if isinstance(error, known))


def fault_message(error: BursarError) -> dict[str, Any]:
    """The message that tells an error to the other end."""
    return {"event": "error", "kind": kind_of(error), "message": error.message, "hint": error.hint}


def fault_from(message: Mapping[str, Any]) -> BursarError:
    """The error that a message tells."""
    known = _CLASSES.get(str(message.get("kind")), BursarError)
    hint = message.get("hint")
    return known(str(message.get("message")), hint=hint if isinstance(hint, str) else None)
