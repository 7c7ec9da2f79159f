"""Whether a batch's currency exists, asked by one read before anything is sent.

Drip's credentials batch answers a currency that it does not have in a way that proves nothing about the rows
(docs/services.md), so a mistyped or archived currency would put its first call in doubt. A list that does not have it,
read before that call, costs nothing and leaves every row planned.
"""

from __future__ import annotations

from typing import Final

from bot.clock import Clock
from bot.domain.model import Pause, PauseKind, Programme
from bot.errors import ResolutionFailed
from bot.providers.base import Currency, Provider
from bot.services.tasks import first_of

TRUSTED_SECONDS: Final = 300.0
"""How long a currency that was seen counts as there."""
PATIENCE_SECONDS: Final = 5.0
"""How long a batch waits for the list; without it the call itself has to tell."""


class CurrencyCheck:
    """Remembers what was seen, so that many small batches do not read the same list again and again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[Programme, float] = {}

    async def refusal(self, provider: Provider) -> Pause | None:
        """Why nothing may be sent; ``None`` when the currency is there, or nobody can say."""
        programme = provider.programme
        wanted = programme.destination.currency
        seen = self._seen.get(programme)
        if wanted is None or (seen is not None and self._clock.monotonic() - seen < TRUSTED_SECONDS):
            return None
        listed = await self._listed(provider)
        if not listed:
            return None
        found = next((one for one in listed if one.id.lower() == wanted.lower()), None)
        if found is None:
            return _pause(f"the account of {programme.name} has no currency {wanted}")
        if found.archived:
            return _pause(f"the currency {found.name} of {programme.name} is archived")
        self._seen[programme] = self._clock.monotonic()
        return None

    async def _listed(self, provider: Provider) -> tuple[Currency, ...]:
        """The account's currencies; empty when they cannot be read (in time)."""
        listed: list[Currency] = []

        async def read() -> None:
            try:
                listed.extend(await provider.currencies())
            except ResolutionFailed:
                return  # no proof of anything

        await first_of(read(), self._clock.sleep(PATIENCE_SECONDS))
        return tuple(listed)


def _pause(cause: str) -> Pause:
    step = "Restore it there and resume the batch, or stop the batch and send its rows anew in another currency."
    return Pause(PauseKind.CURRENCY, f"Nothing was sent: {cause}. {step}")
