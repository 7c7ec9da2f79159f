"""Judging Drip's doubts by balances before and after. Each balance is read twice: one that moves proves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.domain.amounts import display
from bot.domain.calls import Item
from bot.domain.judging import (
    NEWCOMERS_READ,
    NO_ACCOUNT,
    Change,
    Doubted,
    Judged,
    Judgement,
    Judgements,
    judge_alone,
    judge_whole,
)
from bot.domain.model import RecipientType, Unit
from bot.domain.shown import Shown
from bot.errors import ResolutionFailed
from bot.providers.base import NOTHING_READ, Foresight, Reads
from bot.providers.drip import DripAccess
from bot.providers.drip_accounts import accounts_one_by_one, is_login
from bot.providers.drip_search import SEARCH_VALUES, balance_in, slices

SECOND_LOOK_SECONDS: Final = 0.5
"""Between the two readings of a balance."""
FINDS_AT_ONCE: Final = 4
"""Credentials are found one by one; so many requests for them run side by side."""
FIND_ROUNDS: Final = 3
"""How often those are looked for of whom no answer came, as long as there are answers."""
WITNESSES: Final = 3
"""Members whose balance before a call should be known. One quiet recipient decides about a whole call, but not
everybody is quiet."""
SAMPLES: Final = 3
"""Credentials that are compared with their accounts. Two stores of balances would not agree about three people."""

Readings = Mapping[int, int | None]
"""Balances by award id; ``None``: there was an answer without a usable balance. A missing id: nothing could be read."""


async def foresee_members(
    access: DripAccess, items: Sequence[Item], known: Collection[int], currency: str | None, shown: Shown
) -> Foresight:
    """One search, when too few balances are known to count on a quiet recipient among them; everybody's balance where
    no row is a witness of another."""
    if shown.one_by_one(deducts=_deducts(items)):
        enough, most = len(items), len(items)
    else:
        enough, most = min(WITNESSES, len(items)), SEARCH_VALUES
    if len(known) >= enough:
        return NOTHING_READ
    unknown = [item for item in items if item.award_id not in known][:most]
    return _foresight(await member_balances(access, unknown, currency))


def _deducts(items: Sequence[Item]) -> bool:
    return any(item.amount < 0 for item in items)


def reads_of_members(awards: int, newcomers: int, calls: int, shown: Shown) -> int:
    """How many requests ``foresee_members`` makes at most before so many calls."""
    if shown.one_by_one(deducts=True):
        return min(newcomers, calls * -(-awards // (max(calls, 1) * SEARCH_VALUES)))
    return calls if awards - newcomers < WITNESSES * calls and newcomers else 0


def reads_of_credentials(access: DripAccess, newcomers: int, calls: int, reads: Reads) -> int:
    """How many requests ``foresee_credentials`` makes at most before so many calls: who turns out to have an account,
    or was compared with it, is not looked up once more."""
    in_call = -(-newcomers // max(calls, 1))
    if in_call <= NEWCOMERS_READ:
        return newcomers
    searches = calls * -(-in_call // SEARCH_VALUES) if _may_search(access, reads) else 0
    if reads.one_by_one:
        return searches + newcomers
    return searches + (SAMPLES if searches and not (reads.by_account or access.shares) else 0)


def _may_search(access: DripAccess, reads: Reads) -> bool:
    """Whether what accounts hold may be what their credentials hold."""
    return reads.by_account is not False and access.shares is not False


async def foresee_credentials(
    access: DripAccess, items: Sequence[Item], known: Collection[int], currency: str | None, reads: Reads
) -> Foresight:
    """Newcomers by search, 50 a request, where accounts and credentials share a balance; then a find each, for
    a few of them or where there is time for all. Who does not exist yet has nothing."""
    unknown = [item for item in items if item.award_id not in known]
    found: dict[int, int | None] = {}
    absent: frozenset[int] = frozenset()
    asked = False
    if len(unknown) > NEWCOMERS_READ and _may_search(access, reads):
        asked = True
        accounts = await _accounts(access, unknown, currency)
        if accounts is None:
            if not (reads.by_account or access.shares):
                access.shares = False  # the key may not search: not asked again in this process
        else:
            if not reads.by_account and access.shares is None:
                found, absent = await _compared(access, unknown, accounts, currency)
            if reads.by_account or access.shares:
                told = ((item.award_id, accounts.get(item.recipient.key)) for item in unknown)
                found |= {one: balance for one, balance in told if balance is not None}
    rest = [item for item in unknown if item.award_id not in found]
    if rest and (len(rest) <= NEWCOMERS_READ or reads.one_by_one):
        asked = True
        read, nobody = await credential_balances(access, rest, currency)
        found, absent = {**found, **read}, absent | nobody
    balances = {one: balance for one, balance in found.items() if balance is not None}
    return Foresight(balances | dict.fromkeys(absent, 0), absent=absent) if asked else NOTHING_READ


async def _compared(
    access: DripAccess, items: Sequence[Item], accounts: Mapping[str, int | None], currency: str | None
) -> tuple[dict[int, int | None], frozenset[int]]:
    """What a few credentials hold whose accounts hold something, and whom the service does not know among them: they
    show whether the two are the same."""
    some = [item for item in items if accounts.get(item.recipient.key)][:SAMPLES]
    if len(some) < SAMPLES:
        return {}, frozenset()
    read, absent = await credential_balances(access, some, currency)
    if len(read) == SAMPLES:
        access.shares = all(read[item.award_id] == accounts[item.recipient.key] for item in some)
    return dict(read), absent


async def _accounts(access: DripAccess, items: Sequence[Item], currency: str | None) -> dict[str, int | None] | None:
    """What the accounts behind these credentials hold, by key; ``None`` when nobody can say."""
    try:
        return await access.account_balances([item.recipient for item in items], currency)
    except ResolutionFailed:
        return None


def _foresight(readings: Readings) -> Foresight:
    return Foresight({one: balance for one, balance in readings.items() if balance is not None})


async def member_balances(access: DripAccess, items: Sequence[Item], currency: str | None) -> Readings:
    """Balances of members by search, 50 a request; empty when a request fails."""
    found: dict[str, int | None] = {}
    try:
        for values in slices(sorted({item.target.lower() for item in items})):
            for member in await access.search(RecipientType.DRIP_ID, values):
                drip_id = str(member.get("id", "")).lower()
                # Two members with one id are nobody.
                found[drip_id] = None if drip_id in found else balance_in(member, currency)
    except ResolutionFailed:
        return {}
    return {item.award_id: found.get(item.target.lower()) for item in items}


async def credential_balances(
    access: DripAccess, items: Sequence[Item], currency: str | None
) -> tuple[Readings, frozenset[int]]:
    """Balances of credentials, one find each, without those for which the request fails; and whom the service does not
    know. Of a service that answers for others whoever is missing is asked for again."""
    gate = asyncio.Semaphore(FINDS_AT_ONCE)
    found: dict[int, int | None] = {}
    absent: set[int] = set()

    async def find(item: Item) -> None:
        async with gate:
            read = await access.find_credential(item.recipient, currency)
        if read.answered:
            found[item.award_id] = read.balance
        if read.absent:
            absent.add(item.award_id)

    for _ in range(FIND_ROUNDS):
        before = len(found)
        async with asyncio.TaskGroup() as group:
            for item in items:
                if item.award_id not in found:
                    group.create_task(find(item))
        if len(found) in (before, len(items)):
            break
    return found, frozenset(absent)


async def judge_members(
    access: DripAccess, doubted: Doubted, currency: str | None, unit: Unit, shown: Shown
) -> Judgements:
    """An all-or-nothing call: every recipient whose balance before is known is a witness. Where something else can have
    become of an award than of the rest, it is judged by its own balance alone."""
    alone = is_alone(doubted, shown)
    witnesses = [item for item in doubted.items if item.award_id in doubted.before]
    if not witnesses and (alone or not doubted.told_applied):
        return _same(doubted, "No balance from before the call is known, so balances cannot prove anything.")
    first = await member_balances(access, witnesses, currency) if witnesses else {}
    await access.line.clock.sleep(SECOND_LOOK_SECONDS)
    second = await member_balances(access, witnesses, currency) if witnesses else {}
    if witnesses and not (first and second):
        return _same(doubted, "Drip could not be asked for the balances.", again=True)
    if alone:
        each = {
            item.award_id: _judge_alone(doubted, item, first, second, unit, MEMBER_GONE, cuts=shown.cuts_members)
            for item in doubted.items
        }
        return Judgements(each, alone=True)
    changes = {item.award_id: _change(doubted, item, first, second) for item in witnesses}
    judgement = judge_whole(changes.values(), told_applied=doubted.told_applied)
    moving = any(change.first != change.second for change in changes.values())
    said = {one: judge_alone(change) for one, change in changes.items()}
    votes = list(said.values())
    evidence = {
        "landed_by": votes.count(Judgement.LANDED) + int(doubted.told_applied),
        "not_landed_by": votes.count(Judgement.NOT_LANDED),
        "read": len(votes),
    }
    detail = _WHOLE[judgement].format(**evidence)
    return Judgements(
        {
            item.award_id: Judged(
                judgement,
                detail,
                {**_numbers(doubted, item, second.get(item.award_id)), **evidence},
                balance=second.get(item.award_id),
                again=judgement is Judgement.CANNOT_TELL and moving,
                own=said.get(item.award_id) is judgement,
            )
            for item in doubted.items
        }
    )


def is_alone(doubted: Doubted, shown: Shown) -> bool:
    """Whether the rest of a members call proves nothing about an award in doubt: the service carries calls out by half,
    passes members over, or cuts deductions; or it did not name this one in an answer that names others, and no probe
    has shown that it passes nobody over."""
    apart = shown.one_by_one(deducts=_deducts(doubted.items))
    return apart or not (doubted.whole or shown.skips_nobody)


_WHOLE: Final = {
    Judgement.LANDED: "It landed: {landed_by} signs in the call say so ({read} balances read), none denies it.",
    Judgement.NOT_LANDED: "It did not land: {not_landed_by} of {read} balances of the call stayed, none moved so.",
    Judgement.CANNOT_TELL: "Balances prove nothing: {landed_by} signs for, {not_landed_by} against, {read} read.",
}


async def judge_credentials(
    access: DripAccess, doubted: Doubted, currency: str | None, unit: Unit, shown: Shown
) -> Judgements:
    """Every award by its own balance."""
    if not shown.reads_back:
        return _same(doubted, "The probe found that balances do not show what was paid, so they cannot prove anything.")
    known = [item for item in doubted.items if item.award_id in doubted.before]
    first, absent = await credential_balances(access, known, currency)
    if known:
        await access.line.clock.sleep(SECOND_LOOK_SECONDS)
    second, still = await credential_balances(access, [item for item in known if item.award_id in first], currency)
    gone = absent & still & doubted.absent
    hidden = gone if gone and not await access.finds_credentials(shown, doubted.paid) else frozenset[int]()
    gone -= hidden
    nobody, untold = await _nobodies(access, [item for item in known if item.award_id in gone], currency)
    # Two readings that differ in this are none, and without knowing who has an account absence proves nothing.
    unread = (absent ^ still) | untold | hidden
    second = {one: balance for one, balance in second.items() if one not in unread}
    if nobody:
        first, second = {**first, **dict.fromkeys(nobody, 0)}, {**second, **dict.fromkeys(nobody, 0)}
    judged = {
        item.award_id: _judge_alone(doubted, item, first, second, unit, CREDENTIAL_GONE, cuts=shown.cuts_credentials)
        for item in doubted.items
    }
    judged |= {one: replace(judged[one], detail=HIDDEN) for one in hidden}
    return Judgements({one: replace(told, absent=one in nobody) for one, told in judged.items()})


HIDDEN: Final = "Drip says that there is no such credential, but has shown none at all yet: the key may not read them."
CREDENTIAL_GONE: Final = "Drip shows no balance of this credential (it may belong to an account by now)."
MEMBER_GONE: Final = "Drip shows no balance of this member."


async def _nobodies(
    access: DripAccess, items: Sequence[Item], currency: str | None
) -> tuple[frozenset[int], frozenset[int]]:
    """Of awards to credentials that the service knew neither before nor after: those whose recipient has no account
    either, so that the award is nowhere; and those of whom nobody can say. A login that its owner has verified may be
    paid all the same, not be shown as a credential, and belong to an account that is no member of the realm."""
    everybody = frozenset(item.award_id for item in items)
    accounts = await _accounts(access, items, currency) if items else {}
    if accounts is None:
        return frozenset(), everybody
    rest = [item for item in items if item.recipient.key not in accounts]
    told = await accounts_one_by_one(access, [item.recipient for item in rest if is_login(item.recipient)])
    told |= {item.recipient.key: NO_ACCOUNT for item in rest if item.recipient.type is RecipientType.CUSTOM}
    nobody = (item.award_id for item in rest if told.get(item.recipient.key) == NO_ACCOUNT)
    return frozenset(nobody), frozenset(item.award_id for item in rest if item.recipient.key not in told)


def _judge_alone(
    doubted: Doubted, item: Item, first: Readings, second: Readings, unit: Unit, gone: str, *, cuts: bool
) -> Judged:
    one = item.award_id
    now = second.get(one)
    evidence = _numbers(doubted, item, now)
    if one not in doubted.before:
        detail = "No balance from before the call is known, so the balance cannot prove anything."
        return Judged(Judgement.CANNOT_TELL, detail, evidence)
    if one not in second:
        return Judged(Judgement.CANNOT_TELL, "Drip could not be asked for the balance.", evidence, again=True)
    if now is None:
        return Judged(Judgement.CANNOT_TELL, gone, evidence, again=first.get(one) is not None)
    change = _change(doubted, item, first, second)
    judgement = judge_alone(change)
    if cuts and item.amount < 0 and doubted.before[one] + change.between <= 0:
        judgement = Judgement.CANNOT_TELL  # there was nothing to take, so that it stayed says nothing
    before, expected = (display(value, unit) for value in (doubted.before[one], doubted.before[one] + item.amount))
    words = {
        Judgement.LANDED: f"It landed: the balance was {before} and is {display(now, unit)}.",
        Judgement.NOT_LANDED: f"It did not land: the balance was {before} and still is.",
        Judgement.CANNOT_TELL: f"The balance was {before}, {expected} was expected, and {display(now, unit)} is there.",
    }
    moving = change.first != change.second
    return Judged(judgement, words[judgement], evidence, balance=now, again=moving)


def _change(doubted: Doubted, item: Item, first: Readings, second: Readings) -> Change:
    one = item.award_id
    between = doubted.between.get(one, 0)
    return Change(item.amount, doubted.before.get(one), first.get(one), second.get(one), between)


def _numbers(doubted: Doubted, item: Item, now: int | None) -> dict[str, object]:
    """What a person wants to see of one award."""
    before = doubted.before.get(item.award_id)
    between = doubted.between.get(item.award_id, 0)
    expected = None if before is None else before + between + item.amount
    return {"before": before, "expected": expected, "now": now, "between": between}


def _same(doubted: Doubted, detail: str, *, again: bool = False) -> Judgements:
    return Judgements(
        {
            item.award_id: Judged(Judgement.CANNOT_TELL, detail, _numbers(doubted, item, None), again=again)
            for item in doubted.items
        }
    )
