"""Named places on the way of an award, where a test may stop the process.

In production ``reached`` does nothing but look up one attribute. The crash tests put a handler here that kills the
process with SIGKILL at the n-th arrival at one of the names below, and then compare the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NAMES: Final = (
    "draft-saved",  # the checked rows are stored, nobody confirmed yet
    "before-record",  # confirmed, the transaction that records the batch has not begun
    "recorded",  # the batch is in the ledger, nothing was claimed
    "before-claim",
    "claimed",  # intent committed, not a byte sent
    "call-answered",  # the service has acted, its answer is in memory only
    "again-recorded",  # a call on a ring is about to be sent once more
    "job-accepted",  # a Gameball job is known and recorded, not finished
    "outcome-recorded",  # the attempt is closed
    "evidence-read",  # what became of a doubt was read back, nothing of it is recorded
    "evidence-recorded",  # a doubt is settled, or left with what was found
    "finished",  # every award of the batch has its state, the report is not yet written
)

handler: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """Tell the handler, if a test installed one, that the program is at ``name``."""
    if handler is not None:
        handler(name)
