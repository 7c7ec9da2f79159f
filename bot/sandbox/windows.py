"""Sliding windows: how many requests were admitted in the last so many seconds."""

from __future__ import annotations

from collections import deque


class Window:
    """A log of admissions. Times are of any monotonic clock, in seconds."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._taken: deque[float] = deque()

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()

    def wait(self, now: float) -> float:
        """Seconds until there is room; 0 when there is room now."""
        self._forget(now)
        if self.limit <= 0:
            return self.seconds
        if len(self._taken) < self.limit:
            return 0.0
        return self._taken[len(self._taken) - self.limit] + self.seconds - now

    def take(self, now: float) -> None:
        """Count one request."""
        self._taken.append(now)

    def remaining(self, now: float) -> int:
        """How many more would be admitted now."""
        self._forget(now)
        return max(0, self.limit - len(self._taken))

    def opens(self, now: float) -> float:
        """Seconds until the oldest admission leaves the window; 0 when it is empty."""
        self._forget(now)
        return self._taken[0] + self.seconds - now if self._taken else 0.0
