"""Programmes with rings, witnesses and twins beside the stand-ins: settings, places, and what the books say."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.app import App
from bot.domain.lanes import LaneKind
from bot.providers.base import Health
from bot.providers.factory import make_providers
from bot.services.laying import Laying, standings
from tests.services.office import Door, Office

OWN, OTHER, THIRD = "a" * 24, "b" * 24, "e" * 24
MEMBERS, CREDENTIALS = "drip-members", "drip-credentials"
LONG_ENOUGH = {"BURSAR_SETTLE_AFTER": "60"}
"""For the next start to look at a call before its quarantine is over, also where it was sent in a hurry."""
PROVED = {
    MEMBERS: {
        "overdraft": "refused-whole",
        "overdraft-mixed": "refused-whole",
        "new-balance": "after",
        "unknown-member": "refused-whole",
    },
    CREDENTIALS: {"order": "given"},
}


def variables(kind: LaneKind, door: Door, lanes: int = 1) -> dict[str, str]:
    """The settings of a programme with such lanes."""
    gems = door.sandbox.drip["second_currency_id"]
    if not lanes:
        return {}
    if kind is LaneKind.RING:
        rings = [f"{OWN},{OTHER}", f"{OWN}:{gems},{OTHER}:{gems}"]
        return {"DRIP_RING": ";".join(rings[:lanes])}
    if kind is LaneKind.WITNESS:
        return {"DRIP_WITNESS": f"{THIRD}:{gems}"}
    return {"DRIP_TWINS": "custom:bursar:first,custom:bursar:last"}


def programme_of(kind: LaneKind) -> str:
    return CREDENTIALS if kind is LaneKind.TWINS else MEMBERS


async def people(office: Office, ids: list[str]) -> None:
    """Everybody is a member, or has a credential, and the operator's places are there."""
    await office.sandbox.seed(
        members=[
            *({"discord_id": one, "balance": 40} for one in ids),
            *({"drip_id": one, "balance": 0} for one in (OWN, OTHER, THIRD)),
        ]
    )


async def credentials(office: Office, ids: list[str]) -> None:
    known = [{"type": "discord-id", "value": one, "balance": 40} for one in ids]
    own = [{"type": "custom", "source": "bursar", "value": one, "balance": 5} for one in ("first", "last")]
    await office.sandbox.seed(credentials=[*known, *own])


async def lay(app: App, programme: str, **known: str) -> list[Health]:
    """What ``doctor --probe`` and ``doctor --evidence`` do."""
    found = app.services.programmes.get(programme)
    for name, value in (PROVED[programme] | known).items():
        await app.ledger.capabilities.store(found.destination.account, found.kind, name, value, {})
    providers = make_providers(app.settings, app.clock)
    prober = providers.prober(found, {}, job_wait=5)
    try:
        findings = await Laying(
            app.ledger, providers.make(found), prober, app.clock, app.settings.settle_after
        ).set_up()
    finally:
        await providers.close()
    return [finding.health for finding in findings]


@asynccontextmanager
async def opened(door: Door, kind: LaneKind, ids: list[str], lanes: int = 1, **more: Any) -> AsyncIterator[Office]:
    """The program with a lane in force, and its people known."""
    async with door.open(**variables(kind, door, lanes), **more) as office:
        await (credentials if kind is LaneKind.TWINS else people)(office, ids)
        assert await lay(office.app, programme_of(kind)) == [Health.OK] * lanes
        door.calendar.let_pass(office.app.settings.settle_after)  # nothing leaves before its setting up is that old
        yield office


async def check(office: Office) -> None:
    """The books, without the rows of the operator's own places."""
    own = {OWN, OTHER, THIRD, "custom:bursar:first", "custom:bursar:last"}
    booked: Counter[tuple[str, int]] = Counter()
    by_key = {
        one: f"discord-id:{m['discord_id']}" for one, m in (await office.sandbox.books())["drip"]["members"].items()
    }
    for one in await office.sandbox.applied("drip"):
        if one["recipient"] not in own:
            booked[by_key.get(one["recipient"], one["recipient"]), one["amount"]] += 1
    claimed: Counter[tuple[str, int]] = Counter()
    doubted: Counter[tuple[str, int]] = Counter()
    for award in await office.awards():
        counter = claimed if award.state.value == "applied" else doubted if award.state.value == "unknown" else None
        if counter is not None:
            counter[award.recipient.key, award.amount] += 1
    assert not claimed - booked, "claimed, and not in the books"
    assert not booked - claimed - doubted, "in the books, and not claimed"


async def resumed(door: Door, kind: LaneKind, lanes: int = 1, *, speed: float = 1.0, **more: str) -> Counter[str]:
    """What ``resume`` leaves. ``speed`` of the clock: 1 where the quarantine may not be over at the first look."""
    door.calendar.speed = speed
    async with door.open(settling=True, **variables(kind, door, lanes), **more) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        await check(office)
        return Counter(award.state.value for award in await office.awards())


PATHS = {MEMBERS: "/members/transaction", CREDENTIALS: "/credentials/transaction"}


async def rows_of(office: Office) -> list[list[tuple[str, int]]]:
    """Every call's recipients and amounts as the books have them."""
    calls: dict[int, list[tuple[str, int]]] = {}
    for one in await office.sandbox.applied("drip"):
        calls.setdefault(one["call"], []).append((one["recipient"], one["amount"]))
    return list(calls.values())


async def looks_at_places(office: Office) -> int:
    """Searches for members by Drip id."""
    reads = [call for call in await office.sandbox.calls() if call["method"] == "GET"]
    return len([call for call in reads if "members/search" in call["path"] and "drip-id" in call["query"]])


async def moved(office: Office, *changes: tuple[str, int]) -> None:
    """Somebody else is at the operator's places."""
    for who, amount in changes:
        await office.sandbox.outside(service="drip", drip_id=who, amount=amount)


async def health(office: Office) -> Health:
    """What ``doctor`` finds."""
    programmes = office.app.services.programmes
    (finding,) = await standings(office.app.ledger, programmes.provider(programmes.get(MEMBERS)))
    return finding.health
