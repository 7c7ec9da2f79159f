"""Look-ups that run on while somebody reads a preview: one for each draft, however many cards show it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from bot.clock import Clock
from bot.services.submitting import Preview
from bot.ui.waiting import wait_at_most

EDIT_EVERY_SECONDS: Final = 3.0
"""A card under way is edited no more often than this."""

Progress = Callable[[int, int], None]
Search = Callable[[Progress], Awaitable[Preview]]


class Searched(NamedTuple):
    """How far a look-up is."""

    done: int
    of: int
    is_silent: bool = False
    """Nothing was heard for as long as a card waits between two edits."""


Step = Callable[[Searched], Awaitable[None]]


class LookUps:
    """Runs look-ups and tells the cards how far they are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[int, asyncio.Task[Preview]] = {}
        self._far: dict[int, tuple[int, int]] = {}

    async def follow(self, draft_id: int, pending: int, search: Search, step: Step) -> Preview:
        """Start the look-up of the ``pending`` recipients of a draft, or join the one that runs; ``step`` is told every
        few seconds how far it is, or that nothing was heard.

        Returns the preview afterwards. Raises what the search raises (``ResolutionFailed``). When the caller is
        cancelled the search goes on for the others.
        """
        task = self._begin(draft_id, search)
        told = Searched(0, pending)
        while not await wait_at_most(self._clock, task, EDIT_EVERY_SECONDS):
            now = Searched(*self._far.get(draft_id, told[:2]))
            now = now._replace(is_silent=now[:2] == told[:2])
            if now != told:
                await step(now)
            told = now
        return await asyncio.shield(task)

    async def soon(self, draft_id: int, search: Search) -> Preview | None:
        """The same for somebody who sees nothing meanwhile: ``None`` where it takes longer. It then goes on, for a card
        to ``follow``."""
        task = self._begin(draft_id, search)
        return await asyncio.shield(task) if await wait_at_most(self._clock, task, EDIT_EVERY_SECONDS) else None

    def _begin(self, draft_id: int, search: Search) -> asyncio.Task[Preview]:
        task = self._running.get(draft_id)
        if task is None:
            task = asyncio.create_task(self._run(draft_id, search), name=f"look-up of draft {draft_id}")
            self._running[draft_id] = task
        return task

    async def _run(self, draft_id: int, search: Search) -> Preview:
        try:
            return await search(lambda done, of: self._far.__setitem__(draft_id, (done, of)))
        finally:
            self._running.pop(draft_id, None)
            self._far.pop(draft_id, None)
