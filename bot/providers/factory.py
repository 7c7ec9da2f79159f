"""From settings to providers. A connection for each of the settings' accounts; one limiter for each account of the
service, however many of the settings' accounts name it."""

from __future__ import annotations

from collections.abc import Mapping

from bot.clock import Clock
from bot.domain.model import Programme, ProviderKind, Recipient
from bot.errors import SettingsError
from bot.providers.base import Provider
from bot.providers.drip import RATE_PLANS, WINDOW_SECONDS, DripAccess
from bot.providers.drip_credentials import DripCredentials
from bot.providers.drip_members import DripMembers
from bot.providers.gameball import WINDOWS, Gameball
from bot.providers.gameball_jobs import Jobs
from bot.providers.http import Client
from bot.providers.line import Line
from bot.providers.pacing import Pacer
from bot.providers.probe_drip import CredentialsProber, LoginsProber, MembersProber
from bot.providers.probe_gameball import GameballProber
from bot.providers.probing import LoginProber, Prober
from bot.providers.wording import Wording
from bot.settings import DripAccount, GameballAccount, Settings


class Providers:
    """Makes providers and owns what they share."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._timeout = settings.http_timeout
        self._drip_accounts = {account.suffix: account for account in settings.drip}
        self._gameball_accounts = {account.suffix: account for account in settings.gameball}
        self._clients: list[Client] = []
        self._pacers: dict[str, Pacer] = {}
        self._drip: dict[str, DripAccess] = {}
        self._gameball: dict[str, tuple[Line, Jobs, Wording]] = {}

    def make(self, programme: Programme) -> Provider:
        """The provider of a programme, in whatever currency the programme names.

        Raises ``SettingsError`` when the settings have no account of the programme's name.
        """
        kind = programme.kind
        suffix = programme.name.removeprefix(kind.value).removeprefix("-")
        if kind is ProviderKind.GAMEBALL:
            account = self._gameball_accounts.get(suffix)
            if account is None:
                raise _no_account(programme)
            return Gameball(programme, account, *self._gameball_parts(account))
        drip = self._drip_accounts.get(suffix)
        if drip is None:
            raise _no_account(programme)
        access = self._drip_access(drip)
        if kind is ProviderKind.DRIP_CREDENTIALS:
            return DripCredentials(programme, access)
        return DripMembers(programme, access)

    def prober(self, programme: Programme, recipients: Mapping[str, Recipient], *, job_wait: float) -> Prober:
        """What makes test calls with the account of a programme. ``recipients``: who a credential's key stands for.
        ``job_wait``: seconds that a Gameball job may take.

        Raises ``SettingsError`` when the settings have no account of the programme's name.
        """
        self.make(programme)
        suffix = programme.name.removeprefix(programme.kind.value).removeprefix("-")
        if programme.kind is ProviderKind.GAMEBALL:
            line, _, wording = self._gameball[suffix]
            return GameballProber(line, wording, job_wait=job_wait)
        if programme.kind is ProviderKind.DRIP_CREDENTIALS:
            return CredentialsProber(self._drip[suffix], recipients)
        return MembersProber(self._drip[suffix])

    def login_prober(self, programme: Programme) -> LoginProber:
        """What makes and deletes logins with the Drip account of a programme. Raises like ``prober``."""
        self.make(programme)
        return LoginsProber(self._drip[programme.name.removeprefix(programme.kind.value).removeprefix("-")])

    async def close(self) -> None:
        """Close every connection. Calls made afterwards fail without leaving the process."""
        for client in self._clients:
            await client.close()

    def _drip_access(self, account: DripAccount) -> DripAccess:
        if account.suffix not in self._drip:
            wording = Wording("Drip", account.suffix, (account.api_key,))
            client = self._client(account.base_url, {"Authorization": f"Bearer {account.api_key}"})
            line = self._line(client, self._realm_pacer(account))
            realm = [one for one in self._drip_accounts.values() if one.realm_id.lower() == account.realm_id.lower()]
            courses = [course for one in realm for course in (*one.member_courses, *one.credential_courses)]
            self._drip[account.suffix] = DripAccess(account, line, wording, courses)
        return self._drip[account.suffix]

    def _realm_pacer(self, account: DripAccount) -> Pacer:
        """Limits are counted by realm: not by key, nor by the address or spelling under which it is reached. Where the
        settings name two plans for one realm, the smaller one holds until the service says."""
        realm = account.realm_id.lower()
        if realm not in self._pacers:
            plans = [one.rate_plan for one in self._drip_accounts.values() if one.realm_id.lower() == realm]
            windows = [(min(RATE_PLANS[plan][1] for plan in plans), WINDOW_SECONDS)]
            self._pacers[realm] = Pacer(self._clock, windows, follow_headers=True)
        return self._pacers[realm]

    def _gameball_parts(self, account: GameballAccount) -> tuple[Line, Jobs, Wording]:
        if account.suffix not in self._gameball:
            wording = Wording("Gameball", account.suffix, (account.api_key, account.secret_key))
            headers = {"apikey": account.api_key, "secretkey": account.secret_key}
            line = self._line(self._client(account.base_url, headers), self._gameball_pacer(account))
            self._gameball[account.suffix] = line, Jobs(line, wording, account.status_contract), wording
        return self._gameball[account.suffix]

    def _gameball_pacer(self, account: GameballAccount) -> Pacer:
        """What the limit is counted by is not documented. An account's test and live keys have one secret key, so
        whatever has a key in common is held to be one account."""
        keys = account.api_key, account.secret_key
        known = [self._pacers[key] for key in keys if key in self._pacers]
        pacer = known[0] if known else Pacer(self._clock, WINDOWS)
        self._pacers.update(dict.fromkeys(keys, pacer))
        return pacer

    def _line(self, client: Client, pacer: Pacer) -> Line:
        return Line(client, pacer, self._clock)

    def _client(self, base_url: str, secrets: dict[str, str]) -> Client:
        client = Client(base_url, secrets, timeout=self._timeout)
        self._clients.append(client)
        return client


def make_providers(settings: Settings, clock: Clock) -> Providers:
    """The maker of all providers. Nothing is connected before the first call."""
    return Providers(settings, clock)


def _no_account(programme: Programme) -> SettingsError:
    return SettingsError(f"The settings have no account for the programme {programme.name}.")
