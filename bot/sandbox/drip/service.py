"""Routes, keys, permissions and rate limits of the Drip stand-in."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from bot.sandbox.drip import failures, reads, writes
from bot.sandbox.drip.failures import Refused
from bot.sandbox.drip.realm import Realm
from bot.sandbox.kinds import Fault
from bot.sandbox.messages import Call, Reply
from bot.sandbox.windows import Window

_ROOT: Final = "/api/v1/"
_HEX24: Final = re.compile(r"[0-9a-fA-F]{24}")
_PER_MINUTE: Final = {"free": 24, "pro": 300, "enterprise": 500, "unlimited": 1_000_000}
_MONTH_SECONDS: Final = 1_209_600
Handler = Callable[[Realm, Call], Reply]
_IN_REALM: Final[dict[tuple[str, str], Handler]] = {
    ("PATCH", "credentials/transaction"): writes.credentials_transaction,
    ("PATCH", "members/transaction"): writes.members_transaction,
    ("PATCH", "credentials/balance"): writes.credential_balance,
    ("POST", "credentials/social"): reads.create_social,
    ("POST", "credentials/wallet"): reads.create_wallet,
    ("DELETE", "credentials/"): reads.delete_credential,
    ("GET", "credentials/find"): reads.find_credential,
    ("GET", "members/search"): reads.search_members,
    ("GET", "members/leaderboard"): reads.leaderboard,
    ("GET", "members/"): reads.list_members,
    ("GET", "currencies"): reads.list_currencies,
    ("GET", ""): reads.show_realm,
}


class Drip:
    """Drip as ``front.Front`` serves it."""

    name = "drip"

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self._window = Window(0, 0)

    @property
    def limit(self) -> int:
        """Requests that the window takes under the plan in force."""
        switches = self.realm.switches
        return switches.rate_limit if switches.rate_limit is not None else _PER_MINUTE[switches.plan]

    def clear(self) -> None:
        """Forget which requests were made."""
        self._window = Window(0, 0)

    def spend(self, calls: int) -> None:
        """Other bots of the same realm use up some of the budget: it is per realm, not per key."""
        for _ in range(calls):
            self._window.take(time.monotonic())

    def admit(self, call: Call) -> Reply | None:
        """The limiter stands in front: what it, the key check or the router refuses has surely not been carried out."""
        now = time.monotonic()
        self._window.limit, self._window.seconds = self.limit, self.realm.switches.rate_window
        try:
            self._check(call)
            refused = self._rate(now)
        except Refused as refusal:
            refused = failures.failure(self.realm.switches, refusal.status, refusal.message, refusal.details)
        call.limits = self._headers(now)
        return refused

    def _check(self, call: Call) -> None:
        if self._route(call) is None:
            raise Refused(404, f"Route {call.method}:{call.path} not found")
        if call.headers.get("Authorization") != f"Bearer {self.realm.api_key}":
            raise Refused(401, "Invalid API key provided")
        asked = f"{call.method} {call.path}"
        if any(part in asked for part in self.realm.switches.forbidden):
            raise Refused(403, "Insufficient permissions to access this resource")
        parts = call.path[len(_ROOT) :].split("/")
        if parts[0] == "realms" and parts[1] != self.realm.id:
            # only the credential endpoints take any string for a realm id (OpenAPI)
            if not _HEX24.fullmatch(parts[1]) and not (len(parts) > 2 and parts[2] == "credentials"):
                raise Refused(400, 'params/realmId must match pattern "^[0-9a-fA-F]{24}$"')
            raise Refused(404, "Realm not found")

    def _rate(self, now: float) -> Reply | None:
        switches = self.realm.switches
        if switches.quota_left is not None:
            if switches.quota_left <= 0:
                return failures.too_many(switches, self.limit, _MONTH_SECONDS)
            switches.quota_left -= 1
        if self._unlimited:
            return None
        wait = self._window.wait(now)
        if wait <= 0 or switches.refused_count:
            self._window.take(now)
        return None if wait <= 0 else failures.too_many(switches, self.limit, wait)

    @property
    def _unlimited(self) -> bool:
        return self.realm.switches.rate_limit is None and self.realm.switches.plan == "unlimited"

    def _headers(self, now: float) -> dict[str, str]:
        """The four headers of every answer (docs.drip.re/developer/rate-limits)."""
        opens = self._window.opens(now) if not self._unlimited else 0.0
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - 1 if self._unlimited else self._window.remaining(now)),
            "X-RateLimit-Reset": str(math.ceil(time.time() + opens)),
            "X-RateLimit-Window": str(math.ceil(self.realm.switches.rate_window)),
        }

    def _route(self, call: Call) -> Handler | None:
        if not call.path.startswith(_ROOT):
            return None
        kind, _, rest = call.path[len(_ROOT) :].partition("/")
        if kind == "accounts" and rest == "find" and call.method == "GET":
            return reads.find_account
        if kind != "realms" or not rest:
            return None
        tail = rest.partition("/")[2]
        handler = _IN_REALM.get((call.method, tail))
        parts = tail.split("/")
        if handler is None and call.method == "PATCH" and parts[0::2] == ["members", "balance"]:
            return lambda realm, one: writes.member_balance(realm, one, unquote(parts[1]))
        return handler

    def perform(self, call: Call) -> Reply:
        """Carry an admitted call out."""
        handler = self._route(call)
        assert handler is not None
        try:
            return handler(self.realm, call)
        except Refused as refusal:
            return failures.failure(self.realm.switches, refusal.status, refusal.message, refusal.details)

    def canned(self, fault: Fault) -> Reply:
        """The answer of a fault that is a status."""
        return failures.canned(self.realm.switches, self.limit, fault)
