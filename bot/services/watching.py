"""What the dispatcher tells the outside, and what it is doing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.model import Batch, Pause

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who wants to know. Called on the loop, must return at once; what it does with it is its own affair."""

    def changed(self, batch_id: int) -> None:
        """Awards of the batch changed, or its state did."""

    def paused(self, batch: Batch, pause: Pause) -> None:
        """The dispatcher paused a batch: somebody has to act."""


class Sheltered:
    """A watcher whose mistakes are logged and go no further: no card is worth a call."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def changed(self, batch_id: int) -> None:
        """As ``Watcher.changed``."""
        try:
            self._watcher.changed(batch_id)
        except Exception:
            log.exception("batch %d: its change could not be told", batch_id)

    def paused(self, batch: Batch, pause: Pause) -> None:
        """As ``Watcher.paused``."""
        try:
            self._watcher.paused(batch, pause)
        except Exception:
            log.exception("batch %d: its pause could not be told", batch.id)


class Doing(StrEnum):
    """What the dispatcher does about a batch right now."""

    NOTHING = "nothing"
    WAITING_TO_START = "waiting-to-start"  # inside the window in which Stop costs nothing
    SENDING = "sending"  # a call is under way, or waits for other batches of the account
    SENDING_AGAIN = "sending-again"  # an answer was lost, and the same call is sent until one comes, which is safe
    WAITING_FOR_LIMIT = "waiting-for-limit"
    AWAY = "away"  # the service cannot be reached; will be tried again at ``until``
    FOLLOWING = "following"  # all calls made, a job is not finished; or the next call waits for such jobs
    STANDING_BY = "standing-by"  # another machine may be sending, or everything is stopped: no call is made from here
    WAITING_FOR_LANE = "waiting-for-lane"  # a call that was given up could still use the lane until then
    SETTLING = "settling"  # awards are in doubt; what became of them is read back at ``until``


@dataclass(frozen=True, slots=True)
class Activity:
    """What is going on with a batch, and until when."""

    doing: Doing
    until: float | None = None
    """Unix seconds, where it is known."""
    detail: str | None = None


IDLE = Activity(Doing.NOTHING)
"""Nothing more can be done for the batch without a person."""
