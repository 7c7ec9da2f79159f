"""Names of people as they are shown, where they were blanked on request, too."""

from __future__ import annotations

from typing import Final

REMOVED: Final = "somebody whose name was removed"

NO_WORDS: Final = "the words were removed"


def shown(name: str) -> str:
    """A name that stands in a row of its own person."""
    return name or REMOVED


def of_entry(actor_id: str | None, actor_name: str | None) -> str | None:
    """Who did what an entry of the history tells; ``None``: the program."""
    return actor_name or (None if actor_id is None else REMOVED)
