"""Gameball: ``POST /api/v4.0/integrations/batch/balance-adjustment``. A job is accepted now and reported later.

Awards with a transaction id go one by one to another address, which takes each id once (``gameball_once``).

Source: docs.gameball.co/api-reference/batches/batch-creation/adjustments
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from bot.domain.calls import Item, OutcomeKind, Verdict
from bot.domain.judging import NAMED, Doubted, Judgements
from bot.domain.model import ACCEPTED_TYPES, Pause, PauseKind, Programme, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.probing import Leg, Purse
from bot.domain.trials import ID_TAKEN
from bot.errors import ResolutionFailed
from bot.providers import gameball_list, gameball_once, gameball_transactions
from bot.providers.base import FEW_READS, Currency, Finding, Foresight, JobReport, Pace, Reads, Resolution
from bot.providers.common import OnLine
from bot.providers.gameball_checks import examine_account
from bot.providers.gameball_jobs import ROOT, Jobs
from bot.providers.gameball_reading import is_own_error, read_accepted, read_balance
from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.reading import as_object, as_whole, parse
from bot.providers.verdicts import not_sent, refused_at_the_door, same, unknown, unsent, verdict
from bot.providers.wording import Wording
from bot.settings import GameballAccount

WINDOWS: Final = ((30, 1.0), (360, 30.0))
"""Calls and seconds (docs.gameball.co/api-reference/overview/rate-limiting, "others"); no headers tell more."""
LONGEST_REASON: Final = 254
"""Bytes of a reason with its tag, in UTF-8. A sibling field is capped at 255 (docs/services.md, Reasons), of what is
not said: what a probe saw whole in bytes is whole in any measure, and in any letters."""
_SAME_CUSTOMER_PAUSE: Final = 15.0
_REFUSALS: Final = frozenset({400, 404, 409, 412, 422})
_VAGUE: Final = frozenset({4000, 4500})
"""Codes for "failed" and "something wrong": at which point is not said."""
_BATCH: Final = f"{ROOT}/batch/balance-adjustment"


class Gameball(OnLine):
    """The balance adjustments of one account."""

    def __init__(
        self, programme: Programme, account: GameballAccount, line: Line, jobs: Jobs, wording: Wording
    ) -> None:
        super().__init__(programme, line)
        self._account = account
        self._jobs = jobs
        self._wording = wording

    @property
    def pace(self) -> Pace:
        calls, seconds = self._line.pacer.window
        return Pace(f"Gameball, {calls:,} requests in {seconds:g} seconds", calls, seconds, None)

    def target(self, recipient: Recipient) -> str | None:
        if recipient.type not in ACCEPTED_TYPES[ProviderKind.GAMEBALL]:
            raise ValueError(f"{recipient.type.value} cannot be paid by this programme; it pays Gameball customers.")
        if recipient.type is RecipientType.CUSTOMER_ID:
            return recipient.value
        if self._account.customer_map is None:
            return self._account.customer_id_template.replace("{discord_id}", recipient.value)
        customer = self._account.customer_map.get(recipient.value)
        if customer is None:
            name = self._wording.variable("GAMEBALL_CUSTOMER_MAP")
            raise ValueError(f"The customer map has no customer for this Discord id; add it to the file in {name}.")
        return customer

    # --- the call --------------------------------------------------------------------------------------------------

    def build(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
        first = items[0]
        if first.transaction_id is not None:
            reason = tagged(first.reason, token)
            return gameball_once.body_of(first.target, first.transaction_id, first.amount, self._programme.unit, reason)
        rows = []
        for item in items:
            amount = number_text(item.amount, self._programme.unit)
            reason = json.dumps(tagged(item.reason, token))
            rows.append(f'{{"customerId":{json.dumps(item.target)},"amount":{amount},"reason":{reason}}}')
        return f'{{"body":[{",".join(rows)}]}}'.encode()

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        if self._programme.unusable is not None:
            pause = Pause(PauseKind.SETTINGS, f"Nothing was sent: {self._programme.unusable}")
            return unsent(items, pause.message, pause)
        once = items[0].transaction_id is not None
        path = gameball_once.PATH if once else _BATCH
        exchange = await self._line.write("POST", path, body, begin_by=begin_by)
        keys = " and ".join(map(self._wording.variable, ("GAMEBALL_API_KEY", "GAMEBALL_SECRET_KEY")))
        needs = "the API" if once else "the API and batches"
        refused = refused_at_the_door(
            exchange,
            items,
            self._wording,
            key=f"Correct {keys}, restart, and resume the batch.",
            access=f"Check that the account's plan includes {needs}, and {keys}; then resume the batch.",
        )
        if refused is not None:
            return refused
        status = exchange.status
        if status is not None and 200 <= status < 300 and exchange.whole:
            return self._taken(exchange, items) if once else self._accepted(exchange, items)
        if status == 415:
            return self._pause(exchange, items, PauseKind.SETTINGS, "GAMEBALL_BASE_URL")
        if status in _REFUSALS and exchange.error is None:
            return self._refused(exchange, items)
        return unknown(exchange, items, self._unclear(exchange))

    def _accepted(self, exchange: Exchange, items: Sequence[Item]) -> Verdict:
        accepted = read_accepted(exchange.body, self._wording)
        if accepted.job_id is not None:
            detail = f"Gameball accepted the call as job {self._wording.plain(accepted.job_id)}."
            return verdict(exchange, same(items, OutcomeKind.ACCEPTED, None), detail, job_id=accepted.job_id)
        if accepted.switched_off is not None:
            return self._switched_off(exchange, items, accepted.switched_off)
        return unknown(exchange, items, "Gameball answered without naming a job, so it is not known what happened.")

    def _taken(self, exchange: Exchange, items: Sequence[Item]) -> Verdict:
        (item,) = items
        outcome = gameball_once.read_answer(exchange.body, item, self._programme.unit)
        if outcome is not None:
            return verdict(exchange, {item.award_id: outcome}, outcome.detail or "Gameball made the transaction.")
        accepted = read_accepted(exchange.body, self._wording)
        if accepted.switched_off is not None and gameball_once.tells_nothing_done(exchange.body):
            return self._switched_off(exchange, items, accepted.switched_off)
        if gameball_once.names(exchange.body, item):
            detail = "Gameball's answer names the transaction, but not as one that gave or took what was asked for."
            return unknown(exchange, items, detail, evidence={NAMED: True})
        detail = "Gameball's answer does not name the transaction, so it is not known what it did."
        return unknown(exchange, items, detail)

    def _switched_off(self, exchange: Exchange, items: Sequence[Item], words: str) -> Verdict:
        message = (
            f"Nothing was paid: Gameball is switched off for this account ({words}). "
            "Switch it on in Gameball's dashboard, then resume the batch."
        )
        return not_sent(exchange, items, message, pause=Pause(PauseKind.ACCESS, message))

    def _refused(self, exchange: Exchange, items: Sequence[Item]) -> Verdict:
        """A 4xx: definite when it carries the service's own error envelope and is not one of its vague codes."""
        code = as_whole(as_object(parse(exchange.body)).get("code"))
        words = self._wording.words(exchange.body)
        if exchange.status == 404 and not exchange.body.strip():
            return self._pause(exchange, items, PauseKind.SETTINGS, "GAMEBALL_BASE_URL")
        if not is_own_error(exchange.body, self._wording) or code in _VAGUE:
            return unknown(exchange, items, self._unclear(exchange))
        if code == 6000:
            return self._pause(exchange, items, PauseKind.ACCESS, None)
        once = items[0].transaction_id is not None
        if once and code == ID_TAKEN:
            told = gameball_once.NOT_TOLD if items[0].amount < 0 else gameball_once.TAKEN_BEFORE
            return verdict(exchange, same(items, OutcomeKind.APPLIED, told), gameball_once.TAKEN_BEFORE)
        detail = self._wording.refusal(words, code, deducts=any(item.amount < 0 for item in items))
        if code == 2001 or (once and code in gameball_once.SAME_MOMENT):  # about the moment, not about the row
            return not_sent(exchange, items, f"Nothing was sent: {detail}", wait=_SAME_CUSTOMER_PAUSE)
        return not_sent(exchange, items, detail, refused_whole=True)

    def _pause(self, exchange: Exchange, items: Sequence[Item], kind: PauseKind, variable: str | None) -> Verdict:
        words = self._wording.words(exchange.body)
        said = f"{exchange.status}: {words}" if words else str(exchange.status)
        if variable is None:
            action = "Switch it on in Gameball's dashboard, then resume the batch."
            message = f"Nothing was sent: Gameball is switched off for this account ({said}). {action}"
        else:
            action = f"Check {self._wording.variable(variable)}, then resume the batch."
            message = f"Nothing was sent: Gameball does not take calls at that address ({said}). {action}"
        return not_sent(exchange, items, message, pause=Pause(kind, message))

    def _unclear(self, exchange: Exchange) -> str:
        if exchange.error is not None:
            return f"It is not known whether Gameball acted on the call: {exchange.trouble}."
        words = self._wording.words(exchange.body)
        said = f"{exchange.status}: {words}" if words else str(exchange.status)
        return f"It is not known whether Gameball acted on the call, it answered {said}."

    # --- afterwards, and reads -------------------------------------------------------------------------------------

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        return await self._jobs.follow(job_id, items)

    async def stop(self, job_id: str) -> None:
        await self._jobs.stop(job_id)

    async def places(self, places: Sequence[Purse]) -> Sequence[int | None]:
        return [None] * len(places)

    async def resolve(self, recipients: Sequence[Recipient], *, patient: bool = True) -> Resolution:
        raise ResolutionFailed("Gameball customers are named by template or map; there is nothing to look up.")

    async def inspect(self, items: Sequence[Item]) -> Mapping[int, str]:
        return {}

    async def look_ahead(
        self, items: Sequence[Item], known: Collection[int], mark: int | None, reads: Reads = FEW_READS
    ) -> Foresight:
        return await gameball_list.look_ahead(self._line, mark)

    async def judge(self, doubted: Doubted) -> Judgements:
        if doubted.items[0].transaction_id is not None:
            return await gameball_transactions.judge_once(self._line, doubted, self._programme.unit)
        sent = {item.award_id: tagged(item.reason, doubted.token) for item in doubted.items}
        return await gameball_transactions.judge(self._line, doubted, sent, self._programme.unit)

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        if target in (".", ".."):
            return None  # would be another path
        path = f"{ROOT}/customers/{quote(target, safe='')}/balance"
        answer = await self._line.read(path, tries=2)
        if answer.status != 200 or not answer.whole:
            return None
        return read_balance(answer.body, self._programme.unit)

    async def currencies(self) -> Sequence[Currency]:
        return ()

    async def examine(self) -> Sequence[Finding]:
        return await examine_account(self._programme, self._line, self._jobs, self._wording)


def number_text(amount: int, unit: Unit) -> str:
    """An amount as a JSON number, exact: ``-5``, or hundredths as ``12.5``."""
    if unit is Unit.POINTS:
        return str(amount)
    return gameball_once.money_text(amount)


def tagged(reason: str | None, token: str) -> str:
    """The reason with the call's token behind it and no other, one line, never cut inside a character."""
    tag = gameball_list.tag_of(token)
    words = " ".join(gameball_list.untagged(reason or "Adjustment").split()).encode("utf-8", "replace")
    text = words[: LONGEST_REASON - len(tag) - 1].decode("utf-8", "ignore").rstrip()
    return f"{text} {tag}" if text else tag
