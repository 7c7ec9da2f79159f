"""What a person hands in, asks for and decides, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.intake import Content
from bot.domain.model import Duplicates, Programme


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came."""

    name: str
    content: Content | bytes = field(repr=False)
    source: str
    """``file``, ``paste`` or ``cli``."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for besides the rows. Everything but the programme can be changed while it is a draft."""

    programme: Programme
    reason: str | None = None
    label: str | None = None
    """``None``: proposed from the file name."""
    amount: str | None = None
    """For a file without an amount column, as typed."""
    duplicates: Duplicates = Duplicates.SUM
    recipient_column: str | None = None
    amount_column: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The decisions that go with a confirmation."""

    content_hash: str
    """``Preview.draft.content_hash``: what was shown is what is recorded."""
    good_rows: bool = False
    """Send although some rows are bad."""
    skip_matched: bool = False
    """Leave out the rows that were paid lately, namely those of ``matches_seen``."""
    again: bool = False
    """Pay rows again that were paid lately, namely those of ``matches_seen``."""
    matches_seen: str = ""
    """``Preview.matches.mark`` of the card on which that was decided."""
    difference: bool = False
    """Pay only who was not yet paid for this campaign: nobody with an award under the same label."""
    left_out_seen: str = ""
    """``Preview.campaign.mark`` of the card on which that was decided."""
