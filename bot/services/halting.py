"""The emergency stop of a server, and its release."""

from __future__ import annotations

from typing import Final

from bot.domain.model import Actor
from bot.errors import NotAllowed, UsageError
from bot.ledger.halts import Halt, Halted, Released
from bot.ledger.ledger import Ledger
from bot.services.dispatching import Dispatcher

REASON_MAX: Final = 200


class Halting:
    """Who may do it is judged by who calls; a reason is always asked for."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher

    async def in_force(self, server_id: str) -> Halt | None:
        """The emergency stop of a server, if there is one."""
        return await self._ledger.halts.in_force(server_id)

    async def stop(self, actor: Actor, reason: str) -> Halted:
        """No further call for any batch of the actor's server, and no new batch, until the release.

        Calls in flight are finished and recorded. Raises ``UsageError`` without a reason.
        """
        halted = await self._ledger.halts.stop(_server(actor), actor, _reason(reason))
        for batch_id in halted.batches:
            self._dispatcher.wake(batch_id)
        return halted

    async def release(self, actor: Actor, reason: str) -> Released:
        """Allow new batches again; those that were paused stay paused. Raises ``UsageError`` without a reason."""
        released = await self._ledger.halts.release(_server(actor), actor, _reason(reason))
        if released.changed:
            self._dispatcher.wake()
        return released


def _server(actor: Actor) -> str:
    if actor.server_id is None:
        raise NotAllowed("the emergency stop is for a server's batches")
    return actor.server_id


def _reason(text: str) -> str:
    reason = " ".join(text.split())[:REASON_MAX]
    if not reason:
        raise UsageError("a reason is needed", hint="Say in a few words why.")
    return reason


__all__ = ["Halt", "Halted", "Halting", "Released"]
