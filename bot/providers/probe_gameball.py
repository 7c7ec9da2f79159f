"""Test calls to Gameball: rows of the batch followed to their job's end, single transactions, balances.

A purse in ``amount`` is a row of the batch, one in ``points`` a single transaction or a balance in points, one in
``value`` a balance's worth in money, rounded up to whole units.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final
from urllib.parse import quote

from bot.domain.calls import Item, OutcomeKind
from bot.domain.model import Recipient, RecipientType
from bot.domain.probing import Fate, Leg, Purse, Reply
from bot.providers.base import JobReport, JobState
from bot.providers.gameball import LONGEST_REASON, tagged
from bot.providers.gameball_jobs import ROOT, Jobs
from bot.providers.gameball_list import Row, tag_of, walk
from bot.providers.gameball_reading import read_accepted
from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.probing import fate_of, limit_headers, words_of
from bot.providers.reading import as_object, as_text, as_whole, parse
from bot.providers.wording import Wording

_REASON: Final = "Test of Bursar, taken back"
_LONGEST: Final = _REASON.ljust(LONGEST_REASON, ".")
"""Cut to as much as any award's reason may have: only then does the list prove that it shows whole ones."""
_LIST_PAGES: Final = 500
_POLL_SECONDS: Final = 0.5
_LONGEST_POLL: Final = 15.0


class GameballProber:
    """One account."""

    def __init__(self, line: Line, wording: Wording, *, job_wait: float) -> None:
        """``job_wait``: seconds after which a job that has not ended leaves its rows unclear."""
        self._line = line
        self._wording = wording
        self._job_wait = job_wait
        self._mark: int | None = None
        """Where the transaction list ended before the call."""
        self._from_end = False
        """The list was read to its end: whatever of a customer comes behind the mark is new."""

    async def balances(self, purses: Sequence[Purse]) -> Mapping[Purse, int | None]:
        found: dict[Purse, int | None] = {}
        for customer in dict.fromkeys(purse.holder for purse in purses):
            answer = await self._balance(customer)
            value = _number(answer, "PointsValue")
            worth = None if value is None else as_whole(value.to_integral_value(ROUND_CEILING))
            read = {"points": as_whole(_number(answer, "PointsBalance")), "value": worth}
            found.update({purse: read[purse.currency] for purse in purses if purse.holder == customer})
        return found

    async def call(self, legs: Sequence[Leg], key: str) -> Reply:
        (leg,) = legs
        if leg.purse.currency == "points":
            return await self._single(leg, key)
        return await self._batch(leg, key)

    async def _balance(self, customer: str) -> Mapping[str, Any]:
        answer = await self._line.read(f"{ROOT}/customers/{quote(customer, safe='')}/balance")
        return as_object(parse(answer.body)) if answer.status == 200 and answer.whole else {}

    async def _single(self, leg: Leg, key: str) -> Reply:
        """One transaction under an id (manual-transaction in docs.gameball.co/api-reference/transactions)."""
        body = {
            "customerId": leg.purse.holder,
            "transactionId": f"bursar-{key}",
            "username": "bursar",
            "reason": _REASON,
            "points": leg.amount,
        }
        exchange = await self._line.write("POST", f"{ROOT}/transactions/manual", json.dumps(body).encode())
        code = as_whole(as_object(parse(exchange.body)).get("code"))
        return self._reply(exchange, fate_of(exchange), more={} if code is None else {"code": code})

    async def _batch(self, leg: Leg, key: str) -> Reply:
        if self._mark is None:
            search = await walk(self._line, 0, _LIST_PAGES, lambda row: False, lambda: False)
            self._mark, self._from_end = search.last, search.ended
        reason = tagged(_LONGEST, key)
        row = {"customerId": leg.purse.holder, "amount": leg.amount, "reason": reason}
        body = json.dumps({"body": [row]}).encode()
        exchange = await self._line.write("POST", f"{ROOT}/batch/balance-adjustment", body)
        fate = fate_of(exchange)
        accepted = read_accepted(exchange.body, self._wording)
        if fate is Fate.DONE and accepted.switched_off is not None:
            return self._reply(exchange, Fate.REFUSED)
        if fate is not Fate.DONE or accepted.job_id is None:
            return self._reply(exchange, Fate.UNCLEAR if fate is Fate.DONE else fate)
        return await self._followed(exchange, leg, key, accepted.job_id)

    async def _followed(self, exchange: Exchange, leg: Leg, key: str, job_id: str) -> Reply:
        recipient = Recipient(RecipientType.CUSTOMER_ID, leg.purse.holder)
        item = Item(1, recipient, leg.purse.holder, leg.amount, None)
        reports = {name: await self._end_of(job_id, item, name) for name in ("b", "a")}
        ended = {name: report for name, report in reports.items() if report is not None}
        outcome = next((report.outcomes.get(1) for report in ended.values() if report.outcomes), None)
        refused = outcome is not None and outcome.kind is OutcomeKind.REJECTED
        rows = await self._rows(leg.purse.holder, key, wait=outcome is None)
        answered = refused or bool(rows) or (outcome is not None and outcome.kind is OutcomeKind.APPLIED)
        more: dict[str, object] = {"job": job_id, "said": outcome.detail if outcome else None}
        also = {"status-contract": " ".join(sorted(ended)) or "none"}
        if rows:
            also["reason-tag"] = _tag_seen(rows[-1], tagged(_LONGEST, key))
            more |= {"row": {name: str(rows[-1].get(name)) for name in ("points", "amount", "type", "reason")}}
        if (factor := await self._factor(leg.purse.holder)) is not None:
            more["factor"] = str(factor)
        fate = Fate.DONE if answered else Fate.UNCLEAR
        return self._reply(exchange, fate, refused=(leg.purse,) if refused else (), also=also, more=more)

    async def _end_of(self, job_id: str, item: Item, contract: str) -> JobReport | None:
        """The job's last report by one of the documented contracts; ``None`` where that contract does not work."""
        jobs = Jobs(self._line, self._wording, contract)
        if not await jobs.routes():
            return None
        deadline, pause = self._line.clock.monotonic() + self._job_wait, _POLL_SECONDS
        while True:
            report = await jobs.follow(job_id, [item])
            if report.state is JobState.FINISHED:
                return report
            if report.state is JobState.LOST or self._line.clock.monotonic() >= deadline:
                return None
            await self._line.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_POLL)

    async def _rows(self, customer: str, key: str, *, wait: bool) -> list[Row]:
        """This call's entries in the transaction list: those with its tag, else the customer's own since the last.
        ``wait``: nobody says when the job has ended, so the list is looked at until it shows something."""
        deadline, pause = self._line.clock.monotonic() + self._job_wait, _POLL_SECONDS
        while True:
            own: list[Row] = []
            search = await walk(self._line, self._mark or 0, _LIST_PAGES, _into(own, customer), lambda: False)
            if own or not wait or self._line.clock.monotonic() >= deadline:
                break
            await self._line.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_POLL)
        self._mark = search.last
        tagged_rows = [row for row in own if tag_of(key) in (as_text(row.get("reason")) or "")]
        return tagged_rows or (own if self._from_end else [])

    async def _factor(self, customer: str) -> Decimal | None:
        """What one point is worth, from the balance."""
        answer = await self._balance(customer)
        points, value = _number(answer, "PointsBalance"), _number(answer, "PointsValue")
        return value / points if points and value else None

    def _reply(
        self,
        exchange: Exchange,
        fate: Fate,
        *,
        refused: tuple[Purse, ...] = (),
        also: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> Reply:
        headers = {"limit-headers": limit_headers(exchange)} if exchange.status is not None else {}
        words = None if fate is Fate.DONE else words_of(exchange, self._wording)
        return Reply(fate, exchange.status, words, (), refused, {**headers, **(also or {})}, more or {})


def _number(answer: Mapping[str, Any], name: str) -> Decimal | None:
    """A number of the balance in either spelling (docs/services.md, Balances); ``None`` unless they agree."""
    found = {answer[key] for key in (f"available{name}", f"avaliable{name}") if _is_number(answer.get(key))}
    return Decimal(found.pop()) if len(found) == 1 else None


def _into(own: list[Row], customer: str) -> Callable[[Row], bool]:
    def take(row: Row) -> bool:
        if row.get("customerId") == customer:
            own.append(row)
        return False

    return take


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _tag_seen(row: Row, sent: str) -> str:
    """How much of a reason reached the list."""
    seen = as_text(row.get("reason"))
    if seen is None:
        return "absent"
    return "whole" if seen == sent else "cut"
