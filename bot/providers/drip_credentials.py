"""Drip by credential: ``PATCH /api/v1/realms/{realm}/credentials/transaction``. Partial success is the normal case.

Recipients are named by type and value, so nothing has to be looked up. Source:
docs.drip.re/api-reference/credentials-balances/batch-update-point-balances-for-multiple-credentials-by-their-identifiers
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.domain.calls import Item, Verdict
from bot.domain.judging import Doubted, Judgements
from bot.domain.model import ACCEPTED_TYPES, Programme, ProviderKind, Recipient, RecipientType
from bot.domain.probing import Leg, Purse
from bot.errors import ResolutionFailed, SettingsError
from bot.providers.base import FEW_READS, Currency, Finding, Foresight, JobReport, JobState, Pace, Reads, Resolution
from bot.providers.common import OnLine
from bot.providers.drip import OWN_TWIN, DripAccess
from bot.providers.drip_accounts import accounts_of
from bot.providers.drip_checks import examine_realm
from bot.providers.drip_ids import spelled
from bot.providers.drip_judging import foresee_credentials, judge_credentials, reads_of_credentials
from bot.providers.drip_writing import build_credentials
from bot.providers.verdicts import unsent


class DripCredentials(OnLine):
    """The credentials batch of one realm in one currency."""

    def __init__(self, programme: Programme, access: DripAccess) -> None:
        super().__init__(programme, access.line)
        self._access = access
        self._own = access.own_credentials()

    @property
    def pace(self) -> Pace:
        return self._access.pace()

    def target(self, recipient: Recipient) -> str | None:
        if recipient.type not in ACCEPTED_TYPES[ProviderKind.DRIP_CREDENTIALS]:
            raise ValueError(f"{recipient.type.value} cannot be paid by this programme; it pays credentials.")
        if recipient.type is RecipientType.CUSTOM and not recipient.source:
            raise ValueError("A custom credential needs its source as well.")
        if self._own and recipient.key in self._own:
            raise ValueError(OWN_TWIN)
        return spelled(recipient)

    def build(self, items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
        currency = self._programme.destination.currency
        if not currency:
            raise SettingsError(f"Set {self._access.wording.variable('DRIP_CURRENCY_ID')}: no currency is chosen.")
        entries = [(item.recipient, item.amount) for item in items]
        return build_credentials(entries, currency, self._access.account.initiator_id, legs)

    async def send(
        self, body: bytes, items: Sequence[Item], legs: Sequence[Leg] = (), *, begin_by: float | None = None
    ) -> Verdict:
        if self._own and any(item.recipient.key in self._own for item in items):
            return replace(unsent(items, OWN_TWIN), refused_whole=True)
        return await self._access.pay_credentials(self._programme, body, items, self._shown, legs, begin_by=begin_by)

    async def places(self, places: Sequence[Purse]) -> Sequence[int | None]:
        return await self._access.credential_places(places)

    async def resolve(self, recipients: Sequence[Recipient], *, patient: bool = True) -> Resolution:
        raise ResolutionFailed("Credentials are paid as they are named; there is nothing to look up.")

    async def inspect(self, items: Sequence[Item]) -> Mapping[int, str]:
        return {item.award_id: OWN_TWIN for item in items if item.recipient.key in self._own}

    async def follow(self, job_id: str, items: Sequence[Item]) -> JobReport:
        return JobReport(JobState.LOST, {}, "Drip has no jobs.")

    async def stop(self, job_id: str) -> None:
        """Drip has no jobs."""

    def reads_ahead(self, awards: int, newcomers: int, calls: int, reads: Reads = FEW_READS) -> int:
        return reads_of_credentials(self._access, newcomers, calls, reads)

    async def look_ahead(
        self, items: Sequence[Item], known: Collection[int], mark: int | None, reads: Reads = FEW_READS
    ) -> Foresight:
        return await foresee_credentials(self._access, items, known, self._programme.destination.currency, reads)

    async def judge(self, doubted: Doubted) -> Judgements:
        destination = self._programme.destination
        return await judge_credentials(self._access, doubted, destination.currency, destination.unit, self._shown)

    async def accounts(self, recipients: Sequence[Recipient]) -> Mapping[str, str]:
        return await accounts_of(self._access, recipients, self._shown)

    async def balance(self, target: str, recipient: Recipient) -> int | None:
        return await self._access.credential_balance(recipient, self._programme.destination.currency)

    async def currencies(self) -> Sequence[Currency]:
        return await self._access.currencies()

    async def examine(self) -> Sequence[Finding]:
        return await examine_realm(self._access, self._programme, searches=False)
