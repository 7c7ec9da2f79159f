"""Practice mode's memory: the whole world in one JSON file, replaced at most once a second."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bot.sandbox.drip.realm import Currency, Member
from bot.sandbox.world import World

_VERSION: Final = 1


class StateFileError(Exception):
    """The state file cannot be used."""


def _state(world: World) -> dict[str, Any]:
    realm, accounts = world.realm, world.accounts
    return {
        "version": _VERSION,
        "seed": world.seed,
        "currencies": [asdict(one) for one in realm.currencies.values()],
        "members": [asdict(one) for one in realm.members.values()],
        "credentials": realm.credentials,
        "balances": realm.balances,
        "drip_book": realm.book.dump(),
        "customers": accounts.balances,
        "client_ids": {str(position): one for position, one in accounts.client_ids.items()},
        "gameball_book": accounts.book.dump(),
        "jobs": world.jobs.dump(),
        "calls": world.calls.last_id,
    }


def restore(world: World, path: Path) -> bool:
    """Load the file, if there is one. Raises ``StateFileError`` when it is not one of ours or of another seed."""
    if not path.exists():
        return False
    try:
        state = json.loads(path.read_bytes())
        if state["version"] != _VERSION:
            raise StateFileError(f"{path} was written by another version; move it away to start afresh")
        if state["seed"] != world.seed:
            raise StateFileError(f"{path} belongs to --seed {state['seed']}; use that seed or another file")
        _fill(world, state)
    except (ValueError, KeyError, TypeError) as error:
        raise StateFileError(f"{path} is damaged ({error}); move it away to start afresh") from None
    return True


def _fill(world: World, state: dict[str, Any]) -> None:
    realm, accounts = world.realm, world.accounts
    for one in state["currencies"]:
        realm.add_currency(Currency(**one))
    for one in state["members"]:
        realm.add_member(Member(**one))
    realm.credentials.update(state["credentials"])
    for currency, held in state["balances"].items():
        realm.balances[currency].update(held)
    realm.book.load(state["drip_book"])
    accounts.balances.update(state["customers"])
    accounts.book.load(state["gameball_book"])
    for position, one in state["client_ids"].items():
        accounts.client_ids[int(position)] = one
        accounts.taken[one] = int(position)
    world.calls.last_id = state["calls"]
    world.jobs.load(state["jobs"])


def save(world: World, path: Path) -> None:
    """Replace the file at once or not at all."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(_state(world), file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


async def keep(world: World, path: Path) -> None:
    """Save whenever a call has been made since the last time, at most every second; for ever."""
    seen: tuple[int, int, int] | None = None
    while True:
        now = (world.calls.last_id, len(world.realm.book), len(world.accounts.book))
        if now != seen:
            save(world, path)
            seen = now
        await asyncio.sleep(1.0)
