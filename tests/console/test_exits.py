"""The table of exit statuses, row by row."""

from __future__ import annotations

import pytest

from bot.console.exits import Exit, of_counts, of_error
from bot.domain.model import Counts
from bot.errors import (
    BursarError,
    DestinationChanged,
    DraftGone,
    LedgerError,
    LedgerLocked,
    LedgerTooNew,
    LimitExceeded,
    MatchedEarlier,
    NotFound,
    Refused,
    ResolutionFailed,
    SettingsError,
    UsageError,
)


@pytest.mark.parametrize(
    ("counts", "stopped_by", "status"),
    [
        (Counts(applied=5), None, 0),
        (Counts(applied=5), 130, 130),  # a script that was stopped reads that it was, whatever became of the batch
        (Counts(applied=4, rejected=1), 143, 143),
        (Counts(applied=4, cancelled=1), 143, 143),
        (Counts(applied=4, planned=1), 130, 130),
        (Counts(applied=4, planned=1), 143, 143),
        (Counts(sending=1), 130, 130),
        (Counts(unknown=1, rejected=1), 143, 143),
        (Counts(unknown=1, rejected=1, planned=1), None, 4),
        (Counts(applied=1, rejected=1, planned=1), None, 3),
        (Counts(applied=1, planned=1), None, 6),
        (Counts(applied=1, sending=1), None, 6),
        (Counts(applied=1, cancelled=1), None, 6),
        (Counts(applied=1, written_off=1), None, 0),
        (Counts(), None, 0),
    ],
)
def test_a_recorded_batch_has_the_first_status_that_applies(counts: Counts, stopped_by: int | None, status: int):
    assert of_counts(counts, stopped_by) == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("x"), Exit.WRONG),
        (UsageError("x"), Exit.WRONG),
        (NotFound("x"), Exit.WRONG),
        (LedgerTooNew("x"), Exit.WRONG),
        (LedgerError("x"), Exit.WRONG),
        (BursarError("x"), Exit.WRONG),
        (Refused("x"), Exit.REFUSED),
        (LimitExceeded("x"), Exit.REFUSED),
        (MatchedEarlier("x"), Exit.REFUSED),
        (DraftGone("x"), Exit.REFUSED),
        (ResolutionFailed("x"), Exit.REFUSED),
        (DestinationChanged("x"), Exit.REFUSED),
        (LedgerLocked("x"), Exit.REFUSED),
    ],
)
def test_an_error_before_anything_was_recorded_is_2_or_5(error: BursarError, status: Exit):
    assert of_error(error) == status
