"""Look-ups that run on while somebody reads a preview: one for each draft, however many cards show it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bot.clock import Clock
from bot.services.submitting import Preview
from bot.ui.waiting import wait_at_most

EDIT_EVERY_SECONDS: Final = 3.0
"""A card under way is edited no more often than this."""

Progress = Callable[[int, int], None]
Search = Callable[[Progress], Awaitable[Preview]]
Step = Callable[[int, int], Awaitable[None]]


class LookUps:
    """Runs look-ups and tells the cards how far they are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[int, asyncio.Task[Preview]] = {}
        self._far: dict[int, tuple[int, int]] = {}

    async def follow(self, draft_id: int, search: Search, step: Step) -> Preview:
        """Start the look-up of a draft, or join the one that runs; ``step`` is told (done, of) every few seconds.

        Returns the preview afterwards. Raises what the search raises (``ResolutionFailed``). When the caller is
        cancelled the search goes on for the others.
        """
        task = self._running.get(draft_id)
        if task is None:
            task = asyncio.create_task(self._run(draft_id, search), name=f"look-up of draft {draft_id}")
            self._running[draft_id] = task
        while not await wait_at_most(self._clock, task, EDIT_EVERY_SECONDS):
            if (far := self._far.get(draft_id)) is not None:
                await step(*far)
        return await asyncio.shield(task)

    async def _run(self, draft_id: int, search: Search) -> Preview:
        try:
            return await search(lambda done, of: self._far.__setitem__(draft_id, (done, of)))
        finally:
            self._running.pop(draft_id, None)
            self._far.pop(draft_id, None)
