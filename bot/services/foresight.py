"""Before a call: read what a doubt about it would be judged by. Reads only, and no reason not to send."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bot.clock import Clock
from bot.domain.judging import NEWCOMERS_READ, goes_by_credential, holder_of
from bot.domain.lanes import LaneKind, Plan
from bot.domain.model import Batch, ProviderKind
from bot.domain.planning import calls_for
from bot.ledger.ledger import Ledger
from bot.providers.base import FEW_READS, NOTHING_READ, Provider, Reads
from bot.services.work import Work

log = logging.getLogger(__name__)

LONGEST_READ_SECONDS: Final = 300.0
"""How long reading the balances of a whole list of new credentials may take, one request each, under the rate limit in
force: 120 of them on Drip's free plan, 1,500 on the next."""
LONGEST_LIST: Final = 10_000
"""Awards of a batch above which newcomers are read only where there are few of them (``NEWCOMERS_READ`` for each call):
two searches for each call would take three times as long as the calls."""
STRETCH: Final = 8
"""Calls of such a list that are looked through at once."""

Decided = Callable[[], Awaitable[None]]


async def look_ahead(
    ledger: Ledger, provider: Provider, clock: Clock, work: Work, plan: Plan, decided: Decided
) -> bool:
    """Look at what the batch's next call would carry; whether anything was asked of the service. ``decided`` returns
    when the calls before it have taken what they carry: what is planned then comes next."""
    batch = work.batch
    traits = batch.destination.kind.traits
    if traits.lists_payments:
        return await _look_at_list(ledger, provider, batch)
    # Of a long list of strangers nothing is read, and whether a call goes to one is quickly found.
    long = not traits.pays_members and batch.awards > LONGEST_LIST
    few = NEWCOMERS_READ if long else None
    if long and await _goes_to_known_or_strangers(ledger, work, plan, decided):
        return False
    await decided()
    upcoming = await ledger.evidence.upcoming(batch.id, plan.awards_per_call, few=few)
    if len(upcoming.known) == len(upcoming.items):
        return False
    by_member = traits.pays_members and not goes_by_credential(upcoming.items[0].target)
    if plan.kind in (LaneKind.RING, LaneKind.WITNESS) and by_member:
        return False  # the call's own rows will tell what became of all of it
    if not by_member and not (await ledger.capabilities.shown(batch.destination.account)).reads_back:
        return False
    reads = FEW_READS if by_member else await _reads(ledger, provider, batch.awards)
    began = clock.now()
    try:
        seen = await provider.look_ahead(upcoming.items, upcoming.known, None, reads)
    except Exception:
        log.exception("batch %d: balances could not be read before the call", batch.id)
        return True
    if seen is NOTHING_READ or batch.destination.currency is None:
        return False
    holders = {item.award_id: holder_of(batch.destination.kind, item) for item in upcoming.items}
    readings = {holders[one]: balance for one, balance in seen.balances.items()}
    account, currency = batch.destination.account, batch.destination.currency
    nobody = [holders[one] for one in seen.absent]
    await ledger.evidence.remember_balances(
        account, currency, readings, read_at=began, nobody=nobody, settle_after=plan.linger
    )
    return True


async def _goes_to_known_or_strangers(ledger: Ledger, work: Work, plan: Plan, decided: Decided) -> bool:
    """Whether nothing would be read for the call, as found for a stretch of calls at once: they go to recipients who
    are all known, or of whom more are not than would be read."""
    if work.begun >= work.surveyed:
        await decided()
        few = STRETCH * NEWCOMERS_READ
        newcomers = await ledger.evidence.newcomers_ahead(work.batch.id, STRETCH * plan.awards_per_call, few + 1)
        work.surveyed = work.begun + STRETCH
        work.goes_to_some = 0 < newcomers <= few
    return not work.goes_to_some


async def reads_ahead(ledger: Ledger, provider: Provider, draft_id: int, awards: int, plan: Plan) -> int:
    """How many requests looking ahead takes at most, if a draft of so many awards is sent as planned. Gameball's list
    is read once an hour whatever is sent."""
    traits, currency = provider.programme.kind.traits, provider.programme.destination.currency
    if traits.lists_payments or currency is None or not awards:
        return 0
    by_member = traits.pays_members
    if by_member and plan.kind in (LaneKind.RING, LaneKind.WITNESS):
        return 0
    calls = calls_for(awards, plan.awards_per_call)
    shown = await ledger.capabilities.shown(provider.programme.destination.account)
    if not by_member and not shown.reads_back:
        return 0
    if not by_member and awards > LONGEST_LIST:
        few = NEWCOMERS_READ * calls
        newcomers = await ledger.evidence.newcomers(draft_id, few + 1)
        return newcomers if newcomers <= few else 0
    newcomers = await ledger.evidence.newcomers(draft_id)
    reads = FEW_READS if by_member else await _reads(ledger, provider, awards)
    return provider.knowing(shown).reads_ahead(awards, newcomers, calls, reads)


async def reads_left(ledger: Ledger, provider: Provider, batch: Batch, planned: int, plan: Plan) -> int:
    """The same of what a recorded batch has not sent yet, where reading takes longer than the calls: of lists of
    credentials."""
    traits = batch.destination.kind.traits
    if traits.lists_payments or traits.pays_members or not 0 < planned <= LONGEST_LIST >= batch.awards:
        return 0
    shown = await ledger.capabilities.shown(batch.destination.account)
    if not shown.reads_back:
        return 0
    newcomers = await ledger.evidence.newcomers_ahead(batch.id, planned, LONGEST_LIST)
    reads = await _reads(ledger, provider, batch.awards)
    calls = calls_for(planned, plan.awards_per_call)
    return provider.knowing(shown).reads_ahead(planned, newcomers, calls, reads)


async def _reads(ledger: Ledger, provider: Provider, awards: int) -> Reads:
    if awards > LONGEST_LIST:
        return FEW_READS
    pace = provider.pace
    seconds = awards * pace.window_seconds / max(1, pace.calls_per_window)
    account = provider.programme.destination.account
    known = await ledger.capabilities.all(account, ProviderKind.DRIP_CREDENTIALS)
    probed = known.get("account-balance")
    shared = None if probed is None else probed.value == "shared"
    return Reads(by_account=shared, one_by_one=seconds <= LONGEST_READ_SECONDS)


async def _look_at_list(ledger: Ledger, provider: Provider, batch: Batch) -> bool:
    """Find its end, once. From then on whoever compares the list (``comparing``) or judges a doubt moves the mark: a
    look that heeds no call would move past one that a person has to be told of."""
    account = batch.destination.account
    if await ledger.evidence.mark(account) is not None:
        return False
    try:
        seen = await provider.look_ahead((), (), None)
    except Exception:
        log.exception("batch %d: the list of transactions could not be read before the call", batch.id)
        return True
    if seen.mark is not None:
        await ledger.evidence.advance_mark(account, seen.mark)
    return True
