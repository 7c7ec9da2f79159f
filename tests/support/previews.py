"""Made-up previews of drafts, for cards that are looked at without a ledger."""

from __future__ import annotations

from typing import Any

from bot.domain.drafting import NO_MATCHES, Alike, DraftTotals, EarlierBatch, Matches, StagedRow
from bot.domain.intake import FileFacts
from bot.domain.model import (
    Actor,
    Destination,
    Notice,
    Problem,
    Programme,
    ProviderKind,
    Recipient,
    RecipientType,
    Unit,
)
from bot.domain.planning import Schedule
from bot.ledger.drafts import Draft, DraftState
from bot.providers.base import Pace
from bot.services.submitting import Preview
from bot.ui.preview_card import Frame

NOW_MS = 1_785_000_000_000
HASH = "1a2b3c4d5e6f7081"
DESTINATION = Destination(ProviderKind.DRIP_MEMBERS, "0" * 24, "1" * 24, Unit.POINTS, None)
FRAME = Frame(title="Server points", staff_channel="<#900000000000000001>", no_staff_channel="", practice=False)


def member(number: int, amount: int = 50) -> StagedRow:
    """One good row."""
    recipient = Recipient(RecipientType.DISCORD_ID, str(10**17 + number))
    return StagedRow(number + 1, None, recipient, f"{number:024x}", amount, None)


def facts(**changes: Any) -> FileFacts:
    """What was found in a usual file."""
    found: dict[str, Any] = {
        "encoding": "UTF-8",
        "delimiter": ";",
        "header_line": 1,
        "columns": ("discord_id", "points", "note", "joined"),
        "recipient_column": "discord_id",
        "recipient_type": RecipientType.DISCORD_ID,
        "amount_column": "points",
        "reason_column": "note",
        "source_column": None,
        "award_id_column": None,
        "ignored": ("joined",),
    }
    return FileFacts(**{**found, **changes})


def draft(**changes: Any) -> Draft:
    """A draft that can be confirmed."""
    values: dict[str, Any] = {
        "id": 7,
        "state": DraftState.READY,
        "created_at": NOW_MS,
        "expires_at": NOW_MS + 86_400_000,
        "source": "file",
        "actor": Actor("200000000000000001", "mod", "300000000000000001"),
        "programme": "drip-members",
        "destination": DESTINATION,
        "reason": "Weekly quest",
        "label": "Week 31",
        "file_name": "rewards_week-31.csv",
        "file_sha256": "ab" * 32,
        "parent_id": None,
        "request": {"duplicates": "sum"},
        "summary": {},
        "content_hash": HASH,
        "batch_id": None,
    }
    return Draft(**{**values, **changes})


def totals(rows: int = 1203, **changes: Any) -> DraftTotals:
    """Sums of so many rows of 50 points."""
    values: dict[str, Any] = {
        "rows": rows,
        "recipients": rows,
        "total": rows * 50,
        "total_absolute": rows * 50,
        "unresolved": 0,
        "pending": 0,
        "problems": 0,
        "deductions": 0,
        "lines": rows,
    }
    return DraftTotals(**{**values, **changes})


def preview(**changes: Any) -> Preview:
    """A preview of 1,203 rows; everything can be changed."""
    values: dict[str, Any] = {
        "draft": draft(),
        "programme": Programme("drip-members", DESTINATION, 100),
        "pace": Pace("Free plan, 24 requests a minute", 24, 60.0, 1_000_000),
        "facts": facts(),
        "refused": None,
        "totals": totals(),
        "warnings": (),
        "largest": (member(1, 500), member(2, 250), member(3, 250)),
        "sample": tuple(member(number) for number in range(1, 6)),
        "problems": (),
        "kinds_of_problems": len(changes.get("problems", ())),
        "unresolved": (),
        "matches": NO_MATCHES,
        "matches_harmless": False,
        "schedule": Schedule(13, 0, 31.0, 0.000013),
        "over_limit": None,
        "start_delay_seconds": 10.0,
    }
    return Preview(**{**values, **changes})


BAD_ROWS = tuple(Alike(problem, 1, ()) for problem in (
    Problem(17, "discord_id", "damaged-id", "1.23457E+17 was rounded by a spreadsheet; format the column as text"),
    Problem(40, "points", "bad-amount", "12.5 is a fraction, and this programme counts whole points"),
    Problem(41, "discord_id", "bad-id", "@everyone is no Discord id"),
    Problem(212, None, "two-recipients", "the row names two recipients"),
    Problem(980, "points", "over-limit", "50,000 is above the limit of 10,000 for one award"),
))  # fmt: skip

DUPLICATES = Notice("duplicate", "3 recipients are in the file more than once; their rows are added up", (12, 80, 411))

EARLIER = Matches(
    1198, 59_900, (EarlierBatch(41, "Ada", NOW_MS - 3_600_000, "Week 31", 1198),)
)  # fmt: skip
