"""What is said of every kind of failure, held against what the service really did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import ProviderKind
from bot.providers.http import Exchange, Proof

from .failure_kinds import (
    DONE,
    DOUBT,
    FURTHER,
    HELD,
    NOTHING,
    REFUSED,
    THE_52,
    Call,
    Kind,
    Says,
    Truth,
    WatchedProviders,
)
from .raw_server import Scene
from .support import D1, M1, SteppingClock, discord, drip_account, gameball_account, item, programme, settings

PATHS = (ProviderKind.DRIP_MEMBERS, ProviderKind.DRIP_CREDENTIALS, ProviderKind.GAMEBALL)
"""The three endpoints that writes go to."""
NUMBERS = {
    # proved by what left the process, proved by the answer, in doubt, and of these never carried out
    ProviderKind.DRIP_MEMBERS: (16, 8, 28, 4),
    ProviderKind.DRIP_CREDENTIALS: (16, 4, 32, 8),  # 400, 404, 409 and 422 have to be looked into by reading
    ProviderKind.GAMEBALL: (16, 8, 28, 4),
}
"""Of the 52."""
OUTCOMES = {HELD: OutcomeKind.NOT_SENT, REFUSED: OutcomeKind.NOT_SENT, DOUBT: OutcomeKind.UNKNOWN}


@dataclass(frozen=True)
class Seen:
    """One call along one path, and what it left behind."""

    outcome: OutcomeKind
    exchange: Exchange | None
    """``None``: the call was cancelled."""
    scene: Scene


async def play(kind: Kind, path: ProviderKind) -> Seen:
    async with kind.where() as scene:
        gameball = path is ProviderKind.GAMEBALL
        accounts = settings(
            [] if gameball else [drip_account(scene.url)],
            [gameball_account(scene.url)] if gameball else [],
            timeout=kind.gives_up,
        )
        providers = WatchedProviders(accounts, SteppingClock())
        provider = providers.make(programme(path))
        award = item(1, discord(D1), 10, target=M1 if path is ProviderKind.DRIP_MEMBERS else None)
        verdict = await kind.way(Call(provider, providers.client, [award], kind.body), scene)
        await providers.close()
    outcome = OutcomeKind.UNKNOWN if verdict is None else verdict.outcomes[1].kind
    return Seen(outcome, providers.client.written, scene)


@pytest.mark.parametrize("kind", [*THE_52, *FURTHER], ids=lambda kind: kind.name)
async def test_what_a_failure_proves(kind: Kind) -> None:
    seen = dict(zip(PATHS, await asyncio.gather(*(play(kind, path) for path in PATHS)), strict=True))
    for path, one in seen.items():
        truth = DONE if one.scene.applied else NOTHING
        assert not judged_wrong(one.outcome, truth), f"{path}: judged wrong"
        assert truth is kind.truth, "the scene is not the one that is described"
        assert one.outcome is OUTCOMES[kind.said_by(path)], path
        assert len(one.scene.heads) <= 1, "a write was sent again, or a redirect followed"
        if one.exchange is not None:
            check_exchange(kind, one.exchange, one.scene)


def judged_wrong(outcome: OutcomeKind, truth: Truth) -> bool:
    """Whether the opposite of the truth was said."""
    if truth is DONE:
        return outcome in (OutcomeKind.NOT_SENT, OutcomeKind.REJECTED)
    return outcome in (OutcomeKind.APPLIED, OutcomeKind.ACCEPTED)


def check_exchange(kind: Kind, exchange: Exchange, scene: Scene) -> None:
    """What left the process is the same along every path, and decides alone where no answer can be read."""
    assert exchange.proof is (Proof.NOTHING_HAPPENED if kind.verdict is HELD else Proof.MAY_HAVE)
    assert not (exchange.proof is Proof.NOTHING_HAPPENED and scene.bodies), "the request had arrived whole"
    assert kind.status in ("any", exchange.status)
    broken = kind.status is None or kind.cut
    assert (exchange.error is not None) is broken
    assert (exchange.trouble is not None) is broken


@pytest.mark.parametrize("path", PATHS)
def test_of_52_kinds_this_many_stay_in_doubt(path: ProviderKind) -> None:
    """Counted in the table, every line of which the test above has played along every path."""
    said = {verdict: [kind for kind in THE_52 if kind.said_by(path) is verdict] for verdict in Says}
    in_vain = [kind.name for kind in said[DOUBT] if kind.truth is NOTHING]
    numbers = (len(said[HELD]), len(said[REFUSED]), len(said[DOUBT]), len(in_vain))
    print(f"{path}: held {numbers[0]}, refused {numbers[1]}, in doubt {numbers[2]}, of these in vain {in_vain}")  # noqa: T201 # shown by pytest -rP
    assert numbers == NUMBERS[path]
    assert [kind.name for kind in (*said[HELD], *said[REFUSED]) if kind.truth is DONE] == [], "judged wrong"


def test_a_write_that_is_all_or_nothing_leaves_at_most_28_kinds_in_doubt() -> None:
    assert max(NUMBERS[path][2] for path in (ProviderKind.DRIP_MEMBERS, ProviderKind.GAMEBALL)) <= 28


def test_the_kinds_are_52_and_each_has_a_name_of_its_own() -> None:
    assert len(THE_52) == 52
    names = [kind.name for kind in (*THE_52, *FURTHER)]
    assert len(set(names)) == len(names)
