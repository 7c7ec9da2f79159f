"""Leave by a second person, as far as it is not part of confirming a draft."""

from __future__ import annotations

from bot.domain.approving import Approval, ApprovalState
from bot.domain.model import Actor
from bot.ledger.approvals import Decided
from bot.ledger.ledger import Ledger


class Approving:
    """Giving and refusing leave. Whether somebody may at all is judged by who calls."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def decide(self, approval_id: int, actor: Actor, *, approve: bool) -> Decided:
        """Raises as ``Approvals.decide`` does."""
        return await self._ledger.approvals.decide(approval_id, actor, approve=approve)

    async def request(self, approval_id: int, actor: Actor) -> Approval:
        """One request of the actor's server. Raises ``NotFound``."""
        return await self._ledger.approvals.get(approval_id, actor.server_id)

    async def of_batch(self, batch_id: int) -> Approval | None:
        """The leave that a batch was recorded with."""
        return await self._ledger.approvals.of_batch(batch_id)


__all__ = ["Approval", "ApprovalState", "Approving", "Decided"]
