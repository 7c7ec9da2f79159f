"""Drafts as values. ``bot.ledger.drafts`` shows them to the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.intake import Content
from bot.domain.model import Actor, Destination


class DraftState(StrEnum):
    """How far a draft is. Only a ready one can be confirmed."""

    READING = "reading"  # rows are still being stored
    READY = "ready"  # may be confirmed
    REFUSED = "refused"  # the file as a whole was not taken
    RECORDED = "recorded"  # became a batch
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewDraft:
    """What is known of a draft before its rows."""

    source: str
    actor: Actor
    programme: str
    destination: Destination
    reason: str | None
    label: str | None
    file_name: str | None
    file_content: Content | None
    file_sha256: str | None
    parent_id: int | None
    request: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Draft:
    """A stored draft without its rows."""

    id: int
    state: DraftState
    created_at: int
    expires_at: int
    source: str
    actor: Actor
    programme: str
    destination: Destination
    reason: str | None
    label: str | None
    file_name: str | None
    file_sha256: str | None
    parent_id: int | None
    request: Mapping[str, object]
    summary: Mapping[str, object]
    content_hash: str | None
    """Of what would be recorded. It changes with every change of that; ``None`` while READING."""
    batch_id: int | None
