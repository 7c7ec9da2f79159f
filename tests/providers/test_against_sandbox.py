"""Every fault of the stand-ins against every provider, judged by the stand-ins' own books, which share no code with us.

What may never be: APPLIED without an entry in the books, or NOT_SENT or REJECTED with one. UNKNOWN is always allowed,
and listed for the kinds of which more than that can be known.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.clock import SystemClock
from bot.domain.calls import Item, OutcomeKind, Verdict
from bot.domain.model import Recipient, RecipientType
from bot.providers.base import JobState, Provider
from bot.providers.factory import Providers, make_providers
from bot.sandbox.kinds import KINDS
from bot.settings import Settings
from tests.support.patience import eventually
from tests.support.sandbox import Sandbox, running_sandbox

APPLIED, UNKNOWN, ACCEPTED = OutcomeKind.APPLIED, OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED
NOTHING = {OutcomeKind.REJECTED, OutcomeKind.NOT_SENT}
NAMES = ("drip-credentials", "drip-members", "gameball")
ROWS = 6
TIMEOUT = "1.5"

ENDLESS = "job-never-finishes"
CERTAIN = {"slow", "close-after-answer", "401", "403", "413", "429", "quota"}
"""Kinds whose answer leaves nothing in doubt, at any endpoint."""


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Each kind, and where it can be chosen both with and without effect."""
    found: list[tuple[str, dict[str, Any]]] = []
    for kind, spec in KINDS.items():
        short = {"seconds": 3.0} if "seconds" in spec.params else {}
        if "applied" in spec.params:
            found += [(kind, {**short, "applied": applied}) for applied in (True, False)]
        else:
            found.append((kind, short))
    return found


class World:
    """The stand-ins with all three providers."""

    def __init__(self, sandbox: Sandbox, settings: Settings) -> None:
        self.sandbox = sandbox
        self._settings = settings
        self._programmes = {programme.name: programme for programme in settings.programmes()}
        self._made: list[Providers] = []
        self._usual = self.fresh_providers()
        self._next = 0

    def fresh_providers(self) -> Providers:
        self._made.append(make_providers(self._settings, SystemClock()))
        return self._made[-1]

    def provider(self, name: str) -> Provider:
        """The provider that everything but the call under test uses."""
        return self._usual.make(self._programmes[name])

    def fresh(self, name: str) -> Provider:
        """A provider without a connection yet."""
        return self.fresh_providers().make(self._programmes[name])

    async def close(self) -> None:
        for providers in self._made:
            await providers.close()

    async def items(self, name: str) -> list[Item]:
        """Rows to people whom nothing was ever paid to."""
        self._next += 1
        ids = [str(200_000_000_000_000_000 + self._next * 1000 + row) for row in range(ROWS)]
        roles = {"drip-credentials": ["credential"], "drip-members": ["member"], "gameball": ["customer"]}
        await self.sandbox.seed(**{"discord_ids": ids, "as": roles[name], "balance": 100})
        people = [Recipient(RecipientType.DISCORD_ID, value) for value in ids]
        provider = self.provider(name)
        targets = {one.key: provider.target(one) for one in people}
        if provider.needs_lookup:
            found = (await provider.resolve(people)).found
            targets = {key: found[key].target for key in targets}
        return [Item(row + 1, one, targets[one.key] or "", 10 + row, None) for row, one in enumerate(people)]

    async def paid(self, name: str, items: Sequence[Item]) -> set[int]:
        """The awards that stand in the books."""
        service = "gameball" if name == "gameball" else "drip"
        booked = {json.dumps(entry["recipient"]) for entry in await self.sandbox.applied(service)}
        return {
            item.award_id
            for item in items
            if any(item.target in entry or item.recipient.value in entry for entry in booked)
        }


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_sandbox("--drip-plan", "unlimited", "--gameball-rate", "unlimited") as sandbox:
        made = World(sandbox, Settings.load({**sandbox.environ(), "BURSAR_HTTP_TIMEOUT": TIMEOUT}, tmp_path))
        try:
            yield made
        finally:
            await made.close()


async def settled(
    provider: Provider, verdict: Verdict, items: Sequence[Item], *, ends: bool = True
) -> dict[int, OutcomeKind]:
    """The verdict, with an accepted job followed to its end, or asked about once where it has none."""
    kinds = {award: outcome.kind for award, outcome in verdict.outcomes.items()}
    job_id = verdict.job_id
    if job_id is None:
        return kinds

    async def follow() -> JobState:
        report = await provider.follow(job_id, items)
        kinds.update({award: outcome.kind for award, outcome in report.outcomes.items()})
        return report.state

    await eventually(follow, lambda state: state is not JobState.RUNNING or not ends)
    return {award: UNKNOWN if kind is ACCEPTED else kind for award, kind in kinds.items()}


def rule(name: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """The fault for the one call that ``name`` makes next."""
    service = "gameball" if name == "gameball" else "drip"
    if KINDS[kind].effect == "none":
        return {"kind": kind, "match": {"service": service, "nth": 1}, **given}
    method, path = ("POST", "balance-adjustment") if name == "gameball" else ("PATCH", "transaction")
    return {"kind": kind, "match": {"service": service, "method": method, "path": path, "count": 1}, **given}


@pytest.mark.parametrize("name", NAMES)
async def test_no_fault_makes_a_provider_claim_what_the_books_deny(world: World, name: str) -> None:
    wrong: list[str] = []
    met: set[str] = set()
    for kind, given in cases():
        if KINDS[kind].gameball_job and name != "gameball":
            continue
        items, provider = await world.items(name), world.fresh(name)
        await world.sandbox.faults(rule(name, kind, given))
        verdict = await provider.send(provider.build(items, "T3ST"), items)
        if sum(one["played"] for one in (await world.sandbox.played())["script"]) == 1:
            met.add(kind)
        books = partial(world.paid, name, items)
        if kind == ENDLESS:
            await eventually(books, len)  # its first part
        kinds = await settled(provider, verdict, items, ends=kind != ENDLESS)
        if KINDS[kind].effect == "later":
            await eventually(books, lambda paid: len(paid) == ROWS)
        await world.sandbox.faults()
        paid = await books()
        wrong += [f"{kind} {given}: {award} {outcome.value}" for award, outcome in kinds.items()
                  if (outcome is APPLIED and award not in paid) or (outcome in NOTHING and award in paid)]  # fmt: skip
        if kind in CERTAIN and UNKNOWN in kinds.values():
            wrong.append(f"{kind} {given}: in doubt, which it need not be")
    assert wrong == []
    assert met == {kind for kind, _ in cases() if name == "gameball" or not KINDS[kind].gameball_job}


@pytest.mark.parametrize("name", NAMES)
async def test_an_undisturbed_call_pays_everybody_once_with_what_was_asked(world: World, name: str) -> None:
    provider = world.provider(name)
    items = await world.items(name)
    verdict = await provider.send(provider.build(items, "T3ST"), items)
    kinds = await settled(provider, verdict, items)
    assert set(kinds.values()) == {APPLIED}
    assert await world.paid(name, items) == {item.award_id for item in items}
    balances = [await provider.balance(item.target, item.recipient) for item in items]
    assert balances == [100 + item.amount for item in items]


async def test_doctor_finds_the_stand_ins_in_order(world: World) -> None:
    for name in NAMES:
        findings = await world.provider(name).examine()
        assert findings
        assert [finding for finding in findings if finding.health.value == "failed"] == []
