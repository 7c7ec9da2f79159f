"""The question of ``doctor --probe`` that moves no point: is the account told of a login that the API tied to it?

A login that nobody has is tied to the account of the operator, asked for, and deleted again.
"""

from __future__ import annotations

from typing import Final

from bot.clock import Clock
from bot.domain.judging import NO_ACCOUNT
from bot.domain.model import Programme, Recipient
from bot.domain.probing import Fate, Leg, Purse, Reply
from bot.ledger.ledger import Ledger
from bot.providers.probing import LoginProber
from bot.services.probing import BACK, LOOKS, Answer, Recorded, Report, answered
from bot.services.subjects import Linked

QUESTION: Final = "linked-login"
_ASKS: Final = "is the account told of a login that the API tied to it"
_NO_ACCOUNT: Final = "it takes a person with an account at Drip"
Found = tuple[str | None, str | None]
"""``Answer.value`` and ``Answer.why``."""


class LoginProbing:
    """That question to one account."""

    def __init__(self, ledger: Ledger, clock: Clock, programme: Programme, prober: LoginProber) -> None:
        self._ledger = ledger
        self._clock = clock
        self._programme = programme
        self._prober = prober

    async def ask(self, linked: Linked, report: Report) -> None:
        """Add the answer to the report, and store it: also where the login could not be deleted, since what was seen of
        it is true, and asking again would leave another one."""
        destination, kind = self._programme.destination.account, self._programme.kind
        await self._ledger.capabilities.forget(destination, kind, QUESTION)
        account = await self._prober.account(linked.person)
        value, why = await self._tried(linked.login, account, report) if account else (None, _NO_ACCOUNT)
        report.answers.append(Answer(QUESTION, _ASKS, value, why))
        if value is not None:
            evidence = {"login": linked.login.key, "account": account}
            await self._ledger.capabilities.store(destination, kind, QUESTION, value, evidence)

    async def _tried(self, login: Recipient, account: str, report: Report) -> Found:
        recorded = Recorded(self._ledger, self._clock, self._programme, report)
        # Recorded as what it is: one login more, and then one less, of this account.
        logins = Purse(login.key, f"logins of account {account}")
        made = await recorded.make(QUESTION, [Leg(logins, 1)], lambda: self._prober.tie(login, account))
        if made.fate in (Fate.REFUSED, Fate.NOT_SENT):
            return None, f"no login could be made ({answered(made)})"
        found = await self._seen(login, account, made)
        gone = await recorded.make(QUESTION + BACK, [Leg(logins, -1)], lambda: self._prober.delete(login))
        if gone.fate is not Fate.DONE:
            report.remains.append(
                f"The test call for {QUESTION} {'made' if made.fate is Fate.DONE else 'may have made'} the login "
                f"{login.key}, tied to the account {account}, and deleting it did not work ({answered(gone)}). Nothing "
                f"was paid to it: delete it (DELETE …/credentials/?type={login.type.value}&value={login.value})."
            )
        return found

    async def _seen(self, login: Recipient, account: str, made: Reply) -> Found:
        if made.fate is not Fate.DONE:
            return None, f"it is not known whether the login was made ({answered(made)})"
        if made.more.get("account") != account:
            return None, "the login was made, but not tied to the account"
        told: str | None = None
        for pause in LOOKS:
            if pause:
                await self._clock.sleep(pause)
            told = await self._prober.account(login)
            if told == account:
                return "told", None
        if told == NO_ACCOUNT:
            return "not-told", None
        return None, "another account was told" if told else "the account of the login could not be read"
