"""``doctor --evidence``: sets up the operator's places for evidence; and what ``doctor`` says of them, by reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from bot.console import output
from bot.console.session import CLOCK
from bot.domain.model import Programme
from bot.errors import BursarError
from bot.ledger.ledger import Ledger
from bot.providers.base import Finding, Health
from bot.providers.factory import Providers, make_providers
from bot.services.laying import Laying, named, standings
from bot.settings import Settings

_NONE: Final = "DRIP_RING, DRIP_WITNESS and DRIP_TWINS name no place"


async def set_up(settings: Settings) -> Sequence[Finding]:
    """Set up every lane of the settings. Raises ``BursarError``, ``LedgerLocked`` while a bot holds the ledger."""
    programmes = _with_lanes(settings)
    if not programmes:
        action = "See docs/evidence.md, set one of them, then run this again."
        return [Finding("Evidence", Health.FAILED, f"nothing to set up: {_NONE}", action)]
    ledger = await Ledger.open(settings.database, CLOCK)
    providers = make_providers(settings, CLOCK)
    findings: list[Finding] = []
    try:
        for programme in programmes:
            output.note(f"Setting up the evidence of {programme.name} …")
            prober = providers.prober(programme, {}, job_wait=settings.job_wait)
            laying = Laying(ledger, providers.make(programme), prober, CLOCK, settings.settle_after)
            findings += await laying.set_up()
    finally:
        await providers.close()
        await ledger.close()
    return findings


async def findings(settings: Settings, providers: Providers) -> Sequence[Finding]:
    """How every lane of the settings stands. Nothing where there is none; a ledger that cannot be read has a finding of
    its own."""
    programmes = _with_lanes(settings)
    if not programmes:
        return ()
    if not await asyncio.to_thread(settings.database.exists):
        return [
            Finding(named(programme, course), Health.WARNING, "never set up", "Run `bursar doctor --evidence`.")
            for programme in programmes
            for course in programme.courses
        ]
    try:
        ledger = await Ledger.read(settings.database, CLOCK)
    except BursarError:
        return ()
    try:
        return [finding for programme in programmes for finding in await standings(ledger, providers.make(programme))]
    finally:
        await ledger.close()


def _with_lanes(settings: Settings) -> list[Programme]:
    return [programme for programme in settings.programmes() if programme.courses and programme.unusable is None]
