"""What a programme can promise, from what probes have found out about its service."""

from __future__ import annotations

from bot.domain.model import Destination
from bot.domain.promises import Promise, promise
from bot.ledger.ledger import Ledger
from bot.services.programmes import Programmes
from bot.services.proving import is_disturbed, plan_of


class Promises:
    """Of every programme, by where its points go."""

    def __init__(self, ledger: Ledger, programmes: Programmes) -> None:
        self._ledger = ledger
        self._programmes = programmes

    async def of(self, destination: Destination) -> Promise:
        """What is known of the account, and what follows; the worst where nothing is."""
        known = await self._ledger.capabilities.all(destination.account, destination.kind)
        programme = self._programmes.of_destination(destination)
        lane = None if programme is None else (await plan_of(self._ledger, programme)).kind
        disturbed = programme is not None and await is_disturbed(self._ledger, programme, lane)
        once_up_to = 0 if programme is None else programme.once_up_to
        return promise(destination.kind, known, destination.unit, lane, once_up_to, disturbed=disturbed)
