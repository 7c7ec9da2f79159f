"""Probes against the stand-ins under each of their switches: they report the truth, and leave nothing behind."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Programme, ProviderKind, Recipient, RecipientType
from bot.domain.probing import Fate, Leg, Purse
from bot.ledger.ledger import Ledger
from bot.providers.factory import Providers, make_providers
from bot.providers.gameball import LONGEST_REASON
from bot.services.probing import Probing, Report
from bot.services.probing_logins import LoginProbing
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
        report = await probing.run(subject.questions)
        if subject.linked is not None and report.trouble is None:
            logins = LoginProbing(self.ledger, self.clock, programme, self.providers.login_prober(programme))
            await logins.ask(subject.linked, report)
        return report

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


OTHER_REASONS = [
    {"kind": "409"},
    {"kind": "400-currency"},
    {"kind": "404", "body": "html"},
    {"kind": "422", "body": "html"},
    {"kind": "404", "body": "empty"},
]


@pytest.mark.parametrize("fault", OTHER_REASONS, ids=lambda fault: " ".join(fault.values()))
@pytest.mark.parametrize(
    ("question", "nth", "switches"),
    [("overdraft", 3, {"overdraft": "allow"}), ("unknown-member", 6, {"unknown_member": "skip"})],
)
async def test_what_is_refused_for_another_reason_shows_nothing(
    bench: Bench, question: str, nth: int, switches: Mapping[str, object], fault: dict[str, str]
):
    """Else a ring would be taken to be safe at a service that lets a balance be overdrawn, and pay twice."""
    await bench.sandbox.switches(drip=switches)
    await bench.sandbox.faults({"match": {"method": "PATCH", "nth": nth}, **fault})
    report = await bench.members(gems=False)
    assert (answers(report)[question], report.trouble, report.remains) == ("refused-otherwise", None, [])
    assert (await bench.stored(ProviderKind.DRIP_MEMBERS))[question] == "refused-otherwise"
    assert await bench.balances() == {}


async def test_a_second_currency_that_is_not_taken_shows_nothing_of_overdrafts(bench: Bench):
    await bench.sandbox.switches(drip={"overdraft": "allow"})
    await bench.sandbox.faults({"match": {"method": "PATCH", "nth": 5}, "kind": "400-currency"})
    found = answers(await bench.members())
    assert (found["overdraft"], found["overdraft-mixed"]) == ("allowed", "refused-otherwise")


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
    "linked-login": None,
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


# --- logins that the API ties to an account -------------------------------------------------------------------------


@pytest.fixture
async def tied(bench: Bench) -> Bench:
    """The login that is probed belongs to an account."""
    await bench.sandbox.reset()
    await bench.sandbox.seed(members=[{"drip_id": OWN, "discord_id": LOGIN, "balance": 0}])
    return bench


def linked(report: Report) -> tuple[str | None, str | None]:
    (answer,) = [answer for answer in report.answers if answer.name == "linked-login"]
    return answer.value, answer.why


async def logins_made(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    calls = await sandbox.calls("drip")
    return [(call["method"], call["status"]) for call in calls if call["method"] in ("POST", "DELETE")]


@pytest.mark.parametrize(("tells", "truth"), [(True, "told"), (False, "not-told")])
async def test_whether_the_account_of_a_tied_login_is_told_is_seen_by_one_that_is_deleted_again(
    tied: Bench, tells: bool, truth: str
):
    await tied.sandbox.switches(drip={"tells_linked": tells})
    report = await tied.credentials()
    assert (linked(report), report.remains, report.trouble) == ((truth, None), [], None)
    assert (await tied.stored(ProviderKind.DRIP_CREDENTIALS))["linked-login"] == truth
    assert await logins_made(tied.sandbox) == [("POST", 200), ("DELETE", 204)]
    rows = await tied.ledger.database.read(
        lambda c: c.execute("SELECT name, rows, fate FROM probes WHERE name LIKE 'linked%' ORDER BY id").fetchall()
    )
    assert [(name, fate) for name, _, fate in rows] == [("linked-login", "done"), ("linked-login:back", "done")]
    (made,) = json.loads(rows[0][1])
    wallet = made[0].removeprefix("wallet:")
    assert (len(wallet), made[1], made[2]) == (42, f"logins of account {OWN}", 1)
    prober = tied.providers.login_prober(tied.programme(ProviderKind.DRIP_CREDENTIALS))
    assert (await prober.delete(Recipient(RecipientType.WALLET, wallet))).status == 404
    assert (await tied.credentials()).well


@pytest.mark.parametrize("login", [f"discord-id:{LOGIN}", "custom:us:me"])
async def test_without_an_account_no_login_is_made(bench: Bench, login: str):
    await bench.sandbox.seed(credentials=[{"type": "custom", "source": "us", "value": "me", "balance": 0}])
    report = await bench.credentials(login)
    assert linked(report) == (None, "it takes a person with an account at Drip")
    assert report.well
    assert await logins_made(bench.sandbox) == []


async def test_a_login_that_could_not_be_deleted_is_named_and_the_answer_is_kept(tied: Bench):
    await tied.sandbox.switches(drip={"forbidden": ["DELETE"], "tells_linked": True})
    report = await tied.credentials()
    assert linked(report)[0] == "told"
    (remains,) = report.remains
    assert "made the login wallet:0x" in remains and f"tied to the account {OWN}" in remains
    assert "deleting it did not work (403" in remains and "DELETE …/credentials/?type=wallet&value=0x" in remains
    assert (await tied.stored(ProviderKind.DRIP_CREDENTIALS))["linked-login"] == "told"
    await tied.sandbox.switches(drip={"forbidden": []})
    (again,) = (await tied.credentials()).remains
    assert f"(logins of account {OWN}) by -1 is still to be done" in again


@pytest.mark.parametrize(
    ("fault", "left"), [("reset-after-apply", None), ("reset-before-apply", "may have made the login wallet:0x")]
)
async def test_a_login_that_was_perhaps_made_is_deleted_and_nothing_is_learnt(
    tied: Bench, fault: str, left: str | None
):
    await tied.sandbox.faults({"method": "POST", "service": "drip", "nth": 1, "kind": fault})
    report = await tied.credentials()
    value, why = linked(report)
    assert value is None
    assert (why or "").startswith("it is not known whether the login was made (")
    assert [left in one for one in report.remains if left is not None] == ([] if left is None else [True])
    assert len(report.remains) == (left is not None)
    assert "linked-login" not in await tied.stored(ProviderKind.DRIP_CREDENTIALS)
    assert len(await logins_made(tied.sandbox)) == 2


async def test_a_key_that_may_not_make_logins_leaves_the_question_open(tied: Bench):
    await tied.sandbox.switches(drip={"tells_linked": True})
    assert linked(await tied.credentials())[0] == "told"
    await tied.sandbox.switches(drip={"forbidden": ["POST"]})
    report = await tied.credentials()
    value, why = linked(report)
    assert value is None
    assert (why or "").startswith("no login could be made (403")
    assert report.well
    assert "linked-login" not in await tied.stored(ProviderKind.DRIP_CREDENTIALS)


async def test_accounts_that_cannot_be_read_leave_the_question_open_and_the_login_deleted(tied: Bench):
    find = {"method": "GET", "path": "/accounts/find", "service": "drip"}
    await tied.sandbox.faults({**find, "nth": list(range(2, 40)), "kind": "503"})
    report = await tied.credentials()
    assert linked(report) == (None, "the account of the login could not be read")
    assert report.well
    assert await logins_made(tied.sandbox) == [("POST", 200), ("DELETE", 204)]


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
