"""Looks the recipients of a draft up: which drip ids they are, and what they have. Each part is kept as it is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bot.clock import Clock
from bot.domain.judging import goes_by_credential
from bot.domain.model import Recipient
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider

LOOKUP_ROWS: Final = 50
"""Recipients a look-up: what one member search takes (docs.drip.re/developer/rate-limits)."""


async def resolve_pending(
    ledger: Ledger,
    provider: Provider,
    clock: Clock,
    draft_id: int,
    progress: Callable[[int, int], None] | None,
    *,
    settle_after: float,
) -> None:
    """Look up whoever has no target yet, told to ``progress`` as (done, of). ``settle_after``: seconds after a call
    until when what is read may be from before it. Raises ``ResolutionFailed``."""
    of = (await ledger.drafts.totals(draft_id)).pending
    done, line = 0, 0
    while part := await ledger.drafts.pending_recipients(draft_id, line, LOOKUP_ROWS):
        await _resolve(ledger, provider, clock, draft_id, part, settle_after)
        done, line = done + len(part), part[-1][0]
        if progress is not None:
            progress(done, of)


async def _resolve(
    ledger: Ledger,
    provider: Provider,
    clock: Clock,
    draft_id: int,
    part: Sequence[tuple[int, Recipient]],
    settle_after: float,
) -> None:
    began = clock.now()
    resolution = await provider.resolve([recipient for _, recipient in part])
    found = {key: one.target for key, one in resolution.found.items()}
    targets = {row: found[who.key] for row, who in part if who.key in found}
    missing = {row: resolution.missing[who.key] for row, who in part if who.key in resolution.missing}
    await ledger.drafts.set_targets(draft_id, targets, missing)
    # A credential that is paid because there is no member is no finding: the next look-up may find one.
    members = {key: target for key, target in found.items() if not goes_by_credential(target)}
    destination = provider.programme.destination
    await ledger.members.remember(destination.account, members)
    if destination.currency is not None:
        # Free evidence, should a call end in doubt: what they had before it.
        balances = {one.target: one.balance for one in resolution.found.values() if one.balance is not None}
        await ledger.evidence.remember_balances(
            destination.account, destination.currency, balances, read_at=began, settle_after=settle_after
        )
