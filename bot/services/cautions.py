"""What a preview warns of beside the file itself: whom Bursar cannot tell, what is stopped, in doubt or used up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.domain.model import Actor, Batch, Notice, PauseKind, Programme, RecipientType
from bot.domain.planning import Schedule, calls_for, month_begins
from bot.ledger.drafts import Draft
from bot.ledger.events import EventKind
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.oneself import Likeness
from bot.services.rules import Limits

_SPOKEN: Final[Mapping[RecipientType, str]] = {
    RecipientType.WALLET: "wallets",
    RecipientType.EMAIL: "e-mail addresses",
    RecipientType.TWITTER_ID: "Twitter ids",
    RecipientType.CUSTOM: "custom credentials",
}


async def of_oneself(ledger: Ledger, draft: Draft, limits: Limits) -> tuple[Notice, ...]:
    """Credentials are paid without being looked up: nobody can say that a wallet is not one's own."""
    if limits.may_award_self or draft.destination.kind.traits.names_people:
        return ()
    others = await ledger.drafts.types_paid(draft.id) - {RecipientType.DISCORD_ID}
    if not others:
        return ()
    named = " and ".join(sorted(_SPOKEN[one] for one in others))
    message = (
        f"nobody may award themselves, and of {named} Bursar cannot tell whose they are: make sure that none of those"
        " rows is for whoever sends this"
    )
    return (Notice("self-award", message),)


def of_likeness(likeness: Likeness, provider: Provider, actor: Actor) -> tuple[Notice, ...]:
    """Where rows name people in another way than by Discord ids, and who looks at it is not known by theirs."""
    unknown = "Drip has no member" if provider.needs_lookup else "the customer map has no customer"
    whys = {
        Likeness.FAILED: f"Drip could not be asked now which member {actor.name} is",
        Likeness.NOBODY: f"{unknown} for the Discord account of {actor.name}",
    }
    if likeness not in whys:
        return ()
    message = f"nobody may award themselves, and {whys[likeness]}: it cannot be told whether a row pays that person"
    return (Notice("self-award", message),)


async def of_a_halt(ledger: Ledger, actor: Actor) -> tuple[Notice, ...]:
    """Everybody may go on preparing; that nothing can be sent is better known before the last press."""
    halt = await ledger.halts.in_force(actor.server_id)
    if halt is None:
        return ()
    # What follows before why: a long reason is cut off.
    message = f"this can be sent once an administrator releases the stop of everything by {halt.by.name}: {halt.reason}"
    return (Notice("halted", message),)


async def of_doubts(ledger: Ledger, draft: Draft, actor: Actor) -> tuple[Notice, ...]:
    """Nothing is sent to a recipient of whom an earlier award is in doubt."""
    held = await ledger.queries.held_back_ahead(draft.id, draft.destination.account, actor.server_id)
    if not held.awards:
        return ()
    who, wait = (
        ("1 recipient has", "this award waits")
        if held.awards == 1
        else (f"{held.awards:,} recipients have", "these awards wait")
    )
    named = f" in batch{'' if len(held.batches) == 1 else 'es'} {', '.join(map(str, held.batches))}"
    where = named if held.batches else ""
    return (Notice("in-doubt", f"{who} an award in doubt{where}: {wait} until that is settled"),)


async def of_the_month(ledger: Ledger, programme: Programme, plan: Schedule, now_ms: int) -> tuple[Notice, ...]:
    """No header tells what is left of the month, so the calls that the ledger knows of are counted, also those that
    recorded batches still need. Reads of before, and what others use, come on top; but where the service itself has
    said that the month is spent, that is known."""
    if not plan.per_month or not plan.calls:
        return ()
    account = programme.destination.account
    others = [batch for batch in await ledger.queries.batches_at_work() if batch.destination.account == account]
    begins = month_begins(now_ms)
    spent = await _spent(ledger, others, begins)
    if spent is not None:
        message = (
            f"batch {spent.id} is paused because the account's requests were used up: until they are renewed, this one"
            " will be paused as well"
        )
        return (Notice("month-quota", message),)
    planned = [counts.planned for counts in (await ledger.queries.counts_many([one.id for one in others])).values()]
    used = await ledger.queries.calls_since(account, begins)
    used += sum(calls_for(awards, programme.awards_per_call) for awards in planned)
    lacking = plan.short_of(used)
    if not lacking:
        return ()
    requests = "1 request is" if plan.requests == 1 else f"{plan.requests:,} requests are"
    message = (
        f"{requests} needed, and at most {max(0, plan.per_month - used):,} of this month's {plan.per_month:,} are left:"
        " the batch will stop part way until the month is over or the plan is changed"
    )
    return (Notice("month-quota", message),)


async def _spent(ledger: Ledger, batches: Sequence[Batch], since: int) -> Batch | None:
    """One that was paused since then because the requests were used up."""
    for batch in batches:
        if batch.pause is not None and batch.pause.kind is PauseKind.QUOTA:
            events = await ledger.queries.events(batch.id)
            if any(event.kind == EventKind.BATCH_PAUSED and event.at >= since for event in events):
                return batch
    return None
