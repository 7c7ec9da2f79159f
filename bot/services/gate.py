"""Whether a batch may make calls: the settings still point to its destination, its person still may, and the currency
is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.domain.model import Batch, Pause, PauseKind
from bot.errors import BursarError, LedgerError
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.currency_check import CurrencyCheck
from bot.services.programmes import Programmes
from bot.services.proving import LaneCheck, plan_of
from bot.services.rules import rules_of
from bot.services.work import Work


class Gate:
    """Asked before every first call, and again after anything changed."""

    def __init__(
        self,
        ledger: Ledger,
        programmes: Programmes,
        clock: Clock,
        may_start: Callable[[Batch], Awaitable[Pause | None]],
        linger: float,
    ) -> None:
        """``linger``: seconds that a request can live after it was given up."""
        self._ledger = ledger
        self._programmes = programmes
        self._may_start = may_start
        self._linger = linger
        self._currencies = CurrencyCheck(clock)
        self._lanes = LaneCheck(ledger)

    async def refusal(self, work: Work) -> Pause | None:
        """Why no call may be made; ``None``: it may, and ``work.provider`` and ``work.plan`` are set."""
        try:
            provider = await self._find_provider(work)
        except LedgerError:
            raise
        except BursarError as changed:
            return Pause(PauseKind.SETTINGS, changed.message)
        plan = work.plan
        if plan is None:
            heard = work.news
            plan = await plan_of(self._ledger, provider.programme, self._linger)
            if work.news == heard:
                work.plan = plan
        if not work.started:
            refused = await self._may_start(work.batch) or await self._currencies.refusal(provider)
            if refused is not None:
                return refused
            work.started = True
        return await self._lanes.refusal(provider, plan)

    async def provider(self, work: Work) -> Provider | None:
        """For following a batch's jobs; ``None`` while the settings point elsewhere."""
        try:
            return await self._find_provider(work)
        except LedgerError:
            raise
        except BursarError:
            return None

    async def _find_provider(self, work: Work) -> Provider:
        if work.provider is None:
            batch = work.batch
            rules = await rules_of(self._ledger, batch.actor.server_id)
            provider = self._programmes.for_batch(batch, currency=rules.currencies.get(batch.programme))
            work.provider = provider.knowing(await self._ledger.capabilities.shown(batch.destination.account))
        return work.provider
