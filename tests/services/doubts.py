"""Lost calls beside the stand-ins, and what a resume makes of the doubts that they leave."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.services.office import HURRY, Door, Office

CALLS = {
    "drip-credentials": {"method": "PATCH", "path": "/credentials/transaction"},
    "drip-members": {"method": "PATCH", "path": "/members/transaction"},
    "gameball": {"method": "POST", "path": "/batch/balance-adjustment"},
}
FAULTS: dict[str, dict[str, Any]] = {
    "lost before it was carried out": {"kind": "reset-before-apply"},
    "lost after it was carried out": {"kind": "reset-after-apply"},
    "carried out late": {"kind": "apply-late", "after": 0.6},
    "502 after carrying it out": {"kind": "502", "applied": True},
    "502 before carrying it out": {"kind": "502", "applied": False},
    "answer cut": {"kind": "cut-body"},
    "answer cut, nothing carried out": {"kind": "cut-body", "applied": False},
    "partial answer": {"kind": "partial-answer"},
    "partial answer, as much carried out": {"kind": "partial-answer", "applied": False},
}


async def seed(office: Office, programme: str, ids: list[str]) -> None:
    """Everybody is known at the service and has something already."""
    if programme == "gameball":
        await office.sandbox.seed(customers=[{"id": one, "balance": 40} for one in ids])
    elif programme == "drip-members":
        await office.sandbox.seed(members=[{"discord_id": one, "balance": 40} for one in ids])
    else:
        credentials = [{"type": "discord-id", "value": one, "balance": 40} for one in ids]
        await office.sandbox.seed(credentials=credentials)


async def resumed(door: Door, *, speed: float = HURRY, **variables: str) -> tuple[Counter[str], list[str]]:
    """What ``resume`` does; awards by state, and the kinds of what is in the history."""
    door.calendar.speed = speed
    async with door.open(settling=True, **variables) as office:
        await office.app.services.dispatcher.until_quiet(settled=True)
        await office.check_books()
        awards = await office.awards()
        batches = {award.batch_id for award in awards}
        events = [event.kind for batch in batches for event in await office.app.ledger.queries.events(batch)]
        return Counter(award.state.value for award in awards), events
