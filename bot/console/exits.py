"""Exit statuses, in one place. Scripts rely on them: a number never changes its meaning."""

from __future__ import annotations

from enum import IntEnum

from bot.domain.model import Counts
from bot.errors import BursarError, LedgerLocked, Refused


class Exit(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    BAD_ROWS = 1  # also: `doctor` found something, the books of `demo` differ
    WRONG = 2  # file, settings or usage
    REJECTED = 3
    UNKNOWN = 4
    REFUSED = 5
    PLANNED = 6
    INTERNAL = 70  # a defect of ours: documented nowhere, and nothing that a script should rely on


def of_error(error: BursarError) -> int:
    """For an error that ended a command before anything was recorded."""
    return Exit.REFUSED if isinstance(error, Refused | LedgerLocked) else Exit.WRONG


def of_counts(counts: Counts, stopped_by: int | None) -> int:
    """For a recorded batch: the first that applies. ``stopped_by`` is 130 or 143 after a signal, whatever became of the
    batch: 0, 3, 4 and 6 say that the command ran to its end.

    Awards still sending (an accepted job that is not finished) and awards that a person cancelled count as not done.
    """
    if stopped_by is not None:
        return stopped_by
    if counts.unknown:
        return Exit.UNKNOWN
    if counts.rejected:
        return Exit.REJECTED
    if counts.unfinished or counts.cancelled:
        return Exit.PLANNED
    return Exit.DONE
