"""Whatever a service answers: no crash, no hang, and nothing said of an award that the answer does not literally say.

An input is an answer as text: ``200``, then letters for what went wrong with the request (``h`` its headers never left,
``b`` its last byte never left, ``e`` the answer broke off), headers, an empty line, the body. The real provider reads
it behind a connection that answers with it; what may be called paid is decided here, from the same bytes, differently.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bot.domain.calls import Item, OutcomeKind, Verdict
from bot.domain.judging import NO_ACCOUNT, Doubted, Judgement
from bot.domain.model import PauseKind, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.shown import Shown
from bot.errors import ResolutionFailed
from bot.providers.base import JobState, Provider
from bot.providers.drip import DripAccess
from bot.providers.drip_credentials import DripCredentials
from bot.providers.drip_members import DripMembers
from bot.providers.gameball import WINDOWS, Gameball
from bot.providers.gameball_jobs import Jobs
from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.pacing import Pacer
from bot.providers.waiting import QUOTA_WAIT, asked_wait
from bot.providers.wording import Wording
from tests.providers.support import (
    CURRENCY,
    D1,
    D2,
    M1,
    M2,
    SteppingClock,
    drip_account,
    gameball_account,
    programme,
)

BASE: Final = "http://127.0.0.1:1"
TOKEN: Final = "0123456789"  # an attempt's name
MAIL: Final = Recipient(RecipientType.EMAIL, "Ada@Example.org")
_TELLS: Final = Shown(credentials={"linked-login": "told"})
STEAM: Final = Recipient(RecipientType.CUSTOM, "7656", "steam")
LONGEST_DETAIL: Final = 1000
MOST_ASKED: Final = 2000
"""Requests that one question may make. A service that always says "more" must not keep us asking."""


def _discord(value: str) -> Recipient:
    return Recipient(RecipientType.DISCORD_ID, value)


BY_NAME: Final = (
    Item(1, _discord(D1), D1, 10, None),
    Item(2, MAIL, MAIL.value, -5, None),
    Item(3, STEAM, STEAM.value, 7, None),
)
BY_MEMBER: Final = (Item(1, _discord(D1), M1, 10, None), Item(2, _discord(D2), M2, -5, None))
BY_CUSTOMER: Final = (Item(1, _discord(D1), D1, 10, "thanks"), Item(2, _discord(D2), D2, -5, None))


@dataclass(frozen=True)
class Answer:
    """An input, taken apart."""

    exchange: Exchange

    @property
    def status(self) -> int | None:
        return self.exchange.status

    @property
    def content(self) -> Any:
        """The body as the standard library reads it; ``None`` when that cannot."""
        try:
            return json.loads(self.exchange.body)
        except (ValueError, RecursionError):
            return None

    @property
    def may_have_arrived(self) -> bool:
        """Whether the request was held whole by somebody, as far as this process can know."""
        return self.exchange.headers_sent and self.exchange.body_complete


def answer_from(data: bytes) -> Answer:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    digits, flags = first[:3], first[3:]
    status = int(digits) if digits.isascii() and digits.isdigit() and digits != "000" else None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    broken = "e" in flags or status is None
    sent = "h" not in flags
    exchange = Exchange(
        status=status,
        headers=headers,
        body=b"" if status is None else body,
        error="ClientPayloadError" if broken else None,
        trouble="the connection broke off" if broken else None,
        headers_sent=sent,
        body_complete=sent and "b" not in flags,
        began=1.0,
    )
    return Answer(exchange)


NOBODY: Final = answer_from(b'200\n\n{"data":[],"meta":{"credentials":{"access":true}}}').exchange


class _Connection:
    """Answers everything with one answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked = 0

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> Exchange:
        self.asked += 1
        assert self.asked <= MOST_ASKED, "it asks without end"
        return self._answer.exchange


class _NobodyFound(_Connection):
    """The same, but no member search finds anybody."""

    async def exchange(self, method: str, path: str, body: bytes | None = None) -> Exchange:
        exchange = await super().exchange(method, path, body)
        return NOBODY if "/members/search" in path else exchange


class _Drip:
    def __init__(self, answer: Answer, connection: type[_Connection] = _Connection) -> None:
        self.clock = SteppingClock()
        self.pacer = Pacer(self.clock, [(24, 60.0)], follow_headers=True)
        line = Line(connection(answer), self.pacer, self.clock)  # type: ignore[arg-type] # as much of it as is used
        self.access = DripAccess(drip_account(BASE), line, Wording("Drip", "", ("a-secret-of-the-tests",)))
        self.credentials = DripCredentials(programme(ProviderKind.DRIP_CREDENTIALS), self.access)
        self.members = DripMembers(programme(ProviderKind.DRIP_MEMBERS), self.access)


def _gameball(answer: Answer, unit: Unit = Unit.POINTS) -> Gameball:
    clock = SteppingClock()
    line = Line(_Connection(answer), Pacer(clock, WINDOWS), clock)  # type: ignore[arg-type] # as much of it as is used
    wording = Wording("Gameball")
    of = programme(ProviderKind.GAMEBALL, unit=unit)
    return Gameball(of, gameball_account(BASE, unit=unit), line, Jobs(line, wording, "auto"), wording)


T = TypeVar("T")
_runner: Final = asyncio.Runner()


def _now(work: Coroutine[Any, Any, T]) -> T:
    return _runner.run(work)


# --- writes -----------------------------------------------------------------------------------------------------------


def _send(provider: Provider, answer: Answer, items: Sequence[Item]) -> Verdict:
    verdict = _now(provider.send(provider.build(items, TOKEN), items))
    assert set(verdict.outcomes) == {item.award_id for item in items}, "an award without an outcome, or one too many"
    assert verdict.wait_seconds is None or 0 <= verdict.wait_seconds <= QUOTA_WAIT
    assert verdict.detail is not None and _printable(verdict.detail)
    json.dumps(verdict.evidence)
    for outcome in verdict.outcomes.values():
        assert outcome.balance is None or -(2**63) <= outcome.balance < 2**63
        assert outcome.detail is None or _printable(outcome.detail)
        if outcome.kind is OutcomeKind.NOT_SENT and answer.may_have_arrived:
            assert answer.exchange.status is not None, "nobody said that it was not sent"
        if outcome.kind not in (OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN):
            assert answer.exchange.whole, "an answer that broke off decides about nothing"
    if verdict.refused_whole:
        assert all(outcome.kind is OutcomeKind.NOT_SENT for outcome in verdict.outcomes.values())
        assert answer.status is not None and 400 <= answer.status < 500
    if verdict.pause is not None:
        assert verdict.pause.kind is not PauseKind.PERSON and _printable(verdict.pause.message)
    return verdict


def credentials(data: bytes) -> None:
    """The answer to a credentials batch."""
    answer = answer_from(data)
    verdict = _send(_Drip(answer).credentials, answer, BY_NAME)
    for item in BY_NAME:
        kind = verdict.outcomes[item.award_id].kind
        done = [one for one in _entries(answer, "results") if _names(one, item.recipient)]
        failed = [one for one in _entries(answer, "errors") if _names(one, item.recipient)]
        assert kind is not OutcomeKind.ACCEPTED
        if kind is OutcomeKind.APPLIED:
            assert answer.status == 200 and done and not failed
            assert answer.content.get("success", True) is True or _entries(answer, "errors")
            assert all(_unless_other(one, "realmPointId") for one in done)
        if kind is OutcomeKind.REJECTED:
            assert answer.status == 200 and failed and not done
        if kind is OutcomeKind.NOT_SENT and answer.may_have_arrived:
            assert answer.status in (401, 403, 413, 429) or (answer.status == 200 and failed and not done)


def members(data: bytes) -> None:
    """The answer to a members batch: all or nothing, and only a refusal is nothing."""
    answer = answer_from(data)
    verdict = _send(_Drip(answer).members, answer, BY_MEMBER)
    for item in BY_MEMBER:
        kind = verdict.outcomes[item.award_id].kind
        assert kind in (OutcomeKind.APPLIED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN)
        if kind is OutcomeKind.APPLIED:
            own = [one for one in _entries(answer, "updates") if str(one.get("dripId")).lower() == item.target]
            assert answer.status == 200 and answer.content["success"] is True and own
            assert all(_unless_other(one, "currencyId") for one in own)
        if kind is OutcomeKind.NOT_SENT and answer.may_have_arrived:
            assert answer.status in (400, 401, 403, 404, 409, 413, 422, 429)


def accepted(data: bytes) -> None:
    """The answer to a Gameball batch: a job, a refusal, or nobody knows."""
    answer = answer_from(data)
    verdict = _send(_gameball(answer), answer, BY_CUSTOMER)
    kinds = {outcome.kind for outcome in verdict.outcomes.values()}
    assert len(kinds) == 1 and kinds <= {OutcomeKind.ACCEPTED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN}
    assert (verdict.job_id is not None) == (OutcomeKind.ACCEPTED in kinds)
    if verdict.job_id is not None:
        named = answer.content["jobId"]
        assert answer.status is not None and 200 <= answer.status < 300 and not isinstance(named, bool)
        assert verdict.job_id == (named.strip() if isinstance(named, str) else str(int(named)))
    if OutcomeKind.NOT_SENT in kinds and answer.may_have_arrived and answer.status in range(200, 300):
        assert str(answer.content["gameballStatus"]).strip().lower() == "disabled" and not answer.content.get("jobId")
    if OutcomeKind.NOT_SENT in kinds:
        assert answer.status is None or answer.status < 500 or not answer.may_have_arrived


# --- afterwards -------------------------------------------------------------------------------------------------------


def job(data: bytes) -> None:
    """The answer to "how is the job?", in either contract."""
    answer = answer_from(data)
    report = _now(_gameball(answer).follow("17", BY_CUSTOMER))
    if report.state is not JobState.RUNNING:
        assert set(report.outcomes) == {1, 2}
    assert report.detail is not None and _printable(report.detail)
    for item in BY_CUSTOMER:
        outcome = report.outcomes.get(item.award_id)
        if outcome is None:
            continue
        good, bad = (_named(answer, names, item.target) for names in (("successful", "results"), ("failed", "errors")))
        assert outcome.kind in (OutcomeKind.APPLIED, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN)
        if outcome.kind is OutcomeKind.APPLIED:
            assert answer.status == 200 and good and not bad
            assert not any(one.get("error") or one.get("success") is False for one in good)
        if outcome.kind is OutcomeKind.REJECTED:
            assert answer.status == 200 and report.state is JobState.FINISHED
            assert bad or any(one.get("error") or one.get("success") is False or one.get("status") for one in good)


def transactions(data: bytes) -> None:
    """A page of Gameball's list, searched for a call in doubt."""
    answer = answer_from(data)
    doubted = Doubted(5, 1, TOKEN, 0, BY_CUSTOMER, mark=3)
    judged = _now(_gameball(answer).judge(doubted)).awards
    tag = f"[bursar {TOKEN}]"
    for item in BY_CUSTOMER:
        own = [one for one in _entries(answer, "transactions") if one.get("customerId") == item.target]
        tagged = [one for one in own if tag in str(one.get("reason"))]
        said = judged[item.award_id]
        assert _printable(said.detail)
        json.dumps(said.evidence)
        if said.judgement is Judgement.LANDED:
            assert tagged
        if said.judgement is Judgement.NOT_LANDED:
            assert answer.status == 200 and not tagged and isinstance(answer.content["transactions"], list)
            assert answer.content.get("hasMore") is not True


def balances(data: bytes) -> None:
    """Balances at both services: a number that stands in the answer, or none."""
    answer = answer_from(data)
    drip = _Drip(answer)
    numbers = {float(one) for one in _numbers(answer.content)}
    for found in (
        _now(_gameball(answer).balance(D1, _discord(D1))),
        _now(drip.credentials.balance(D1, _discord(D1))),
        _now(drip.members.balance(M1, _discord(D1))),
    ):
        assert found is None or (answer.status == 200 and float(found) in numbers)
    money = _now(_gameball(answer, Unit.MONEY).balance(D1, _discord(D1)))
    assert money is None or any(math.isclose(money / 100, one, rel_tol=1e-9) for one in numbers)


def search(data: bytes) -> None:
    """A page of members: somebody is found only by what stands in their own entry."""
    answer = answer_from(data)
    wanted = [_discord(D1), MAIL, Recipient(RecipientType.WALLET, "0x" + "ab" * 20)]
    try:
        resolution = _now(_Drip(answer).members.resolve(wanted))
    except ResolutionFailed as failed:
        assert _printable(failed.message)
        return
    assert set(resolution.found) | set(resolution.missing) == {one.key for one in wanted}
    assert not set(resolution.found) & set(resolution.missing)
    assert answer.status == 200
    for one in wanted:
        if (found := resolution.found.get(one.key)) is None:
            continue
        meant = [entry for entry in _entries(answer, "data") if str(entry.get("id")).lower() == found.target]
        assert any(one.value.lower() in _text(entry).lower() for entry in meant), "somebody else is paid"


def account(data: bytes) -> None:
    """The account of a login: nothing is told but what stands there."""
    answer = answer_from(data)
    found = _Drip(answer, _NobodyFound).credentials
    told = _now(found.knowing(_TELLS).accounts([MAIL, STEAM]))
    assert _now(found.accounts([MAIL, STEAM])) == {key: one for key, one in told.items() if one != NO_ACCOUNT}
    if told:
        named = answer.content["data"]
        assert answer.status == 200 and answer.exchange.whole
        assert told == {MAIL.key: NO_ACCOUNT if named is None else named.lower()}


def currencies(data: bytes) -> None:
    """The list of currencies: names for people, ids as they stand there."""
    answer = answer_from(data)
    try:
        listed = _now(_Drip(answer).access.currencies())
    except ResolutionFailed as failed:
        assert _printable(failed.message)
        return
    text = _text(answer.content)
    assert answer.status == 200 and len({one.id for one in listed}) == len(listed)
    assert all(json.dumps(one.id)[1:-1] in text and _printable(one.name) for one in listed)


def limits(data: bytes) -> None:
    """Headers and bodies that speak of limits: the next call comes, and in bounded time."""
    answer = answer_from(data)
    drip = _Drip(answer)
    seconds = asked_wait(answer.exchange.headers, answer.exchange.body, drip.clock.now())
    assert seconds is None or 1 <= seconds < math.inf
    _now(drip.access.line.read("/x", tries=1))
    until = drip.pacer.until()
    assert until is None or until - drip.clock.now() <= max(QUOTA_WAIT, 86_400)
    calls, window = drip.pacer.window
    assert 1 <= calls <= 1_000_000 and 0 < window <= 86_400
    _now(drip.pacer.ready())
    assert _printable(drip.access.pace().plan)


# --- reading the same bytes by other rules ---------------------------------------------------------------------------


def _entries(answer: Answer, name: str) -> list[Mapping[str, Any]]:
    content = answer.content
    found = content.get(name) if isinstance(content, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _names(entry: Mapping[str, Any], recipient: Recipient) -> bool:
    value = entry.get("value")
    alike = isinstance(value, str) and value.strip().lower() == recipient.value.lower()
    return alike and entry.get("type") == recipient.type.value and (
        not recipient.source or not str(entry.get("source") or "").strip()
        or str(entry["source"]).lower() == recipient.source
    )  # fmt: skip


def _unless_other(entry: Mapping[str, Any], name: str) -> bool:
    """Our currency, or none that can be read."""
    named = entry.get(name)
    return not (isinstance(named, str) and named.strip()) or named.lower() == CURRENCY


def _named(answer: Answer, names: Iterable[str], customer: str) -> list[Mapping[str, Any]]:
    inner = answer.content.get("response") if isinstance(answer.content, dict) else None
    lists = [inner.get(name) if isinstance(inner, dict) else None for name in names]
    lists += [answer.content.get(name) if isinstance(answer.content, dict) else None for name in names]
    flat = [one for found in lists if isinstance(found, list) for one in found if isinstance(one, dict)]
    return [one for one in flat if one.get("customerId") == customer]


def _numbers(content: Any) -> Iterable[float]:
    """Every number that a float can hold, wherever it stands."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for one in content:
            yield from _numbers(one)
    elif isinstance(content, (int, float)) and not isinstance(content, bool) and abs(content) < 2**64:
        yield content


def _text(content: Any) -> str:
    return json.dumps(content)


def _printable(text: str) -> bool:
    """Fit to be shown: one line, no control characters, not endless, sayable in UTF-8."""
    text.encode()
    return 0 < len(text) <= LONGEST_DETAIL and not any(ord(mark) < 32 or ord(mark) == 127 for mark in text)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "credentials": credentials,
    "members": members,
    "accepted": accepted,
    "job": job,
    "transactions": transactions,
    "balances": balances,
    "search": search,
    "account": account,
    "currencies": currencies,
    "limits": limits,
}
