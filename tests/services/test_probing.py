"""Probes against the stand-ins under each of their switches: they report the truth, and leave nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Programme, ProviderKind
from bot.domain.probing import Fate, Leg, Purse
from bot.ledger.ledger import Ledger
from bot.providers.factory import Providers, make_providers
from bot.providers.gameball import LONGEST_REASON
from bot.services.probing import Probing, Report
from bot.services.subjects import Subject, credential_subject, customer_subject, member_subject
from bot.settings import Settings
from tests.providers.support import SteppingClock
from tests.support.sandbox import Sandbox

OWN, OTHER = "a" * 24, "b" * 24
LOGIN = "175000000000000001"


@dataclass
class Bench:
    """A ledger, an account at the stand-ins, and the probing of it."""

    sandbox: Sandbox
    ledger: Ledger
    providers: Providers
    settings: Settings
    clock: SteppingClock

    def programme(self, kind: ProviderKind) -> Programme:
        return next(one for one in self.settings.programmes() if one.kind is kind)

    @property
    def currency(self) -> str:
        return self.sandbox.drip["currency_id"]

    async def probe(self, subject: Subject) -> Report:
        programme = self.programme(subject.kind)
        prober = self.providers.prober(programme, subject.recipients, job_wait=30)
        probing = Probing(self.ledger, self.clock, programme, prober, lambda: secrets.token_hex(6))
        return await probing.run(subject.questions)

    async def members(self, *, second: str | None = OTHER, gems: bool = True) -> Report:
        other = self.sandbox.drip["second_currency_id"] if gems else None
        return await self.probe(member_subject(OWN, second, self.currency, other, secrets.token_bytes))

    async def credentials(self, text: str = f"discord-id:{LOGIN}") -> Report:
        return await self.probe(credential_subject(text, self.currency, secrets.token_bytes))

    async def customer(self) -> Report:
        return await self.probe(customer_subject("ada", secrets.token_bytes))

    async def stored(self, kind: ProviderKind) -> dict[str, str]:
        account = self.programme(kind).destination.account
        return {name: one.value for name, one in (await self.ledger.capabilities.all(account, kind)).items()}

    async def balances(self) -> dict[str, Any]:
        """Everybody's effects over the whole probe, without those that are 0."""
        moved: dict[str, Any] = {}
        for service in ("drip", "gameball"):
            for change in await self.sandbox.applied(service):
                key = f"{change['recipient']} {change['currency']}"
                moved[key] = moved.get(key, 0) + change["effect"]
        return {key: amount for key, amount in moved.items() if amount}


@asynccontextmanager
async def opened(sandbox: Sandbox, folder: Path, **environ: str) -> AsyncIterator[Bench]:
    settings = replace(Settings.load({**sandbox.environ(), **environ}, folder), http_timeout=1.0)
    clock = SteppingClock()
    ledger = await Ledger.open(folder / "bursar.db", clock)
    providers = make_providers(settings, clock)
    try:
        yield Bench(sandbox, ledger, providers, settings, clock)
    finally:
        await providers.close()
        await ledger.close()


@pytest.fixture
async def bench(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    await sandbox.seed(
        members=[{"drip_id": OWN, "balance": 3, "discord_id": "175000000000000009"}, {"drip_id": OTHER, "balance": 0}],
        credentials=[{"type": "discord-id", "value": LOGIN, "balance": 0}],
        customers=[{"id": "ada", "balance": 30}],
    )
    async with opened(sandbox, tmp_path) as one:
        yield one


def answers(report: Report) -> dict[str, str | None]:
    return {answer.name: answer.value for answer in report.answers}


LIMITS = "x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-window"
MEMBERS = {
    "new-balance": "after",
    "overdraft": "refused-whole",
    "overdraft-mixed": "refused-whole",
    "same-id-twice": "summed",
    "unknown-member": "refused-whole",
}


@pytest.mark.parametrize(
    ("switches", "truth"),
    [
        ({}, {}),
        ({"overdraft": "422", "balance_field": "after", "unknown_member": "404"}, {}),
        ({"overdraft": "allow"}, {"overdraft": "allowed", "overdraft-mixed": "allowed"}),
        ({"overdraft": "cap"}, {"overdraft": "capped", "overdraft-mixed": "capped"}),
        ({"duplicates": "refuse"}, {"same-id-twice": "refused"}),
        ({"unknown_member": "skip"}, {"unknown-member": "skipped"}),
        ({"new_balance": "before"}, {"new-balance": "before"}),
        ({"new_balance": "absent"}, {"new-balance": "absent"}),
        ({"open": True}, {"unknown-member": "created"}),
        ({"members_atomic": False}, {"overdraft": "refused-row", "overdraft-mixed": "refused-row"}),
    ],
)
async def test_members_are_reported_as_the_service_is_and_nothing_is_left(
    bench: Bench, switches: Mapping[str, object], truth: Mapping[str, str]
):
    await bench.sandbox.switches(drip=switches)
    report = await bench.members()
    found = answers(report)
    found.pop("limit-headers")
    assert (found, report.trouble, report.remains) == ({**MEMBERS, **truth}, None, [])
    assert await bench.balances() == {}
    stored = await bench.stored(ProviderKind.DRIP_MEMBERS)
    stored.pop("limit-headers")
    assert stored == {**MEMBERS, **truth}
    calls = [call for call in await bench.sandbox.calls("drip") if call["method"] == "PATCH"]
    assert len(calls) == report.calls


async def test_without_a_second_member_a_refusal_is_not_called_whole(bench: Bench):
    report = await bench.members(second=None, gems=False)
    assert answers(report)["overdraft"] == "refused"
    assert "overdraft-mixed" not in answers(report)


CREDENTIALS = {
    "read-back": "seen",
    "account-balance": "apart",
    "overdraft": "refused",
    "unknown-credential": "refused-row",
    "order": "given",
}


@pytest.mark.parametrize(
    ("switches", "truth"),
    [
        ({}, {}),
        ({"order": "shuffled"}, {"order": "not-given"}),
        ({"auto_create": True}, {"unknown-credential": "created"}),
        ({"overdraft": "allow"}, {"overdraft": "allowed", "order": None}),
        ({"credentials_cap": 10}, {"order": "refused"}),
    ],
)
async def test_credentials_are_reported_as_the_service_is_and_nothing_is_left(
    bench: Bench, switches: Mapping[str, object], truth: Mapping[str, str | None]
):
    await bench.sandbox.switches(drip=switches)
    report = await bench.credentials()
    found = answers(report)
    found.pop("limit-headers")
    assert (found, report.trouble, report.remains) == ({**CREDENTIALS, **truth}, None, [])
    assert await bench.balances() == {}


async def test_a_credential_of_an_account_shows_that_they_share_a_balance(bench: Bench):
    await bench.sandbox.reset()
    await bench.sandbox.seed(members=[{"discord_id": LOGIN, "balance": 0}])
    assert answers(await bench.credentials())["account-balance"] == "shared"
    assert await bench.balances() == {}


async def test_order_is_not_asked_of_a_credential_that_holds_something(bench: Bench):
    await bench.sandbox.seed(credentials=[{"type": "custom", "source": "us", "value": "me", "balance": 4}])
    report = await bench.credentials("custom:us:me")
    (order,) = [answer for answer in report.answers if answer.name == "order"]
    assert (order.value, order.why) == (None, "it takes a credential with a balance of 0; this one has 4")
    assert answers(report)["overdraft"] == "refused"
    assert await bench.balances() == {}


async def test_a_full_purse_is_not_overdrawn(bench: Bench):
    await bench.sandbox.seed(members=[{"drip_id": OWN, "balance": 5000}])
    report = await bench.members()
    (open_,) = [answer for answer in report.answers if answer.name == "overdraft"]
    assert open_.value is None
    assert "5000" in (open_.why or "")
    assert max(abs(change["amount"]) for change in await bench.sandbox.applied("drip")) <= 2


GAMEBALL = {
    "unit": "points",
    "overdraft": "capped",
    "duplicate-transaction": "refused",
    "status-contract": "b",
    "reason-tag": "whole",
    "limit-headers": "none",
}


@pytest.mark.parametrize(
    ("switches", "truth"),
    [
        ({}, {}),
        ({"contract": "a", "overdraft": "fail"}, {"status-contract": "a", "overdraft": "refused"}),
        ({"contract": "both", "overdraft": "allow"}, {"status-contract": "a b", "overdraft": "allowed"}),
        ({"unit": "money"}, {"unit": "money"}),
        (
            {"unit": "money", "overdraft": "fail", "balance_fields": "documented"},
            {"unit": "money", "overdraft": "refused"},
        ),
        ({"redemption_factor": 1.0}, {"unit": "same"}),
        ({"reason_cut": 10}, {"reason-tag": "cut"}),
        ({"reason_cut": LONGEST_REASON - 1}, {"reason-tag": "cut"}),
        ({"reason_cut": LONGEST_REASON}, {"reason-tag": "whole"}),
        ({"duplicate_transaction": "accept"}, {"duplicate-transaction": "paid-twice"}),
    ],
)
async def test_gameball_is_reported_as_it_is_and_nothing_is_left(
    bench: Bench, switches: Mapping[str, object], truth: Mapping[str, str]
):
    await bench.sandbox.switches(gameball=switches)
    report = await bench.customer()
    assert (answers(report), report.trouble, report.remains) == ({**GAMEBALL, **truth}, None, [])
    assert await bench.balances() == {}


WRITE = {"method": "PATCH", "service": "drip"}

# --- trouble --------------------------------------------------------------------------------------------------------


async def test_an_unclear_answer_ends_the_probe_and_says_what_may_still_happen(bench: Bench):
    await bench.sandbox.faults({**WRITE, "nth": 1, "kind": "reset-after-apply"})
    report = await bench.members()
    assert report.trouble is not None
    assert len(report.remains) == 1
    assert f"{OWN} ({bench.currency}) by +1" in report.remains[0]
    assert report.calls == 1
    assert "was perhaps not taken back" in (await bench.members()).remains[0]


async def test_a_reversal_that_is_refused_is_told(bench: Bench):
    await bench.sandbox.faults({**WRITE, "nth": 2, "kind": "422"})
    report = await bench.members()
    assert len(report.remains) == 1
    assert "taking it back did not work (422" in report.remains[0]
    assert await bench.balances() == {f"{OWN} {bench.currency}": 1}
    again = await bench.members()
    assert f"{OWN} ({bench.currency}) by -1 is still to be done" in again.remains[0]
    assert (await bench.members()).well


async def test_calls_that_nobody_acted_on_are_made_again(bench: Bench):
    await bench.sandbox.faults({**WRITE, "nth": [1, 2], "kind": "429"})
    report = await bench.members()
    assert (report.trouble, report.remains) == (None, [])
    assert await bench.balances() == {}


async def test_a_refused_key_ends_it_at_once(bench: Bench):
    await bench.sandbox.faults({**WRITE, "nth": 1, "kind": "403"})
    report = await bench.credentials()
    assert (report.calls, report.remains) == (1, [])
    assert "403" in (report.trouble or "")


async def test_a_call_that_died_with_the_process_is_told_once(bench: Bench):
    programme = bench.programme(ProviderKind.DRIP_MEMBERS)
    account = programme.destination.account
    await bench.ledger.probes.begin(account, programme.kind, "overdraft", [Leg(Purse(OWN, bench.currency), -4)])
    first, second = await bench.members(), await bench.members()
    assert len(first.remains) == 1
    assert "has no recorded end" in first.remains[0]
    assert not first.well
    assert second.well


async def test_an_answer_that_is_open_now_is_forgotten(bench: Bench):
    await bench.members()
    assert (await bench.stored(ProviderKind.DRIP_MEMBERS))["overdraft"] == "refused-whole"
    await bench.sandbox.seed(members=[{"drip_id": OWN, "balance": 5000}])
    await bench.members()
    assert "overdraft" not in await bench.stored(ProviderKind.DRIP_MEMBERS)


async def test_a_stop_ends_it_between_two_questions(bench: Bench):
    subject = member_subject(OWN, OTHER, bench.currency, None, secrets.token_bytes)
    programme = bench.programme(subject.kind)
    prober = bench.providers.prober(programme, {}, job_wait=30)
    probing = Probing(bench.ledger, bench.clock, programme, prober, lambda: "k")
    asked = iter([False, True])
    report = await probing.run(subject.questions, lambda: next(asked))
    assert list(answers(report)) == ["new-balance", "limit-headers"]
    assert "stopped by a signal" in (report.trouble or "")
    assert await bench.balances() == {}
    assert await bench.ledger.probes.loose_ends(programme.destination.account, programme.kind) == []


async def test_every_call_was_recorded_before_it_left(bench: Bench):
    report = await bench.members()
    rows = await bench.ledger.database.read(
        lambda connection: connection.execute("SELECT name, fate, ended_at FROM probes ORDER BY id").fetchall()
    )
    assert len(rows) == report.calls
    assert {fate for _, fate, _ in rows} == {Fate.DONE.value, Fate.REFUSED.value}
    assert [name for name, _, _ in rows][:2] == ["new-balance", "new-balance:back"]
