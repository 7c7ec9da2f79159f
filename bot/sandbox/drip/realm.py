"""What Drip knows: members, credentials, currencies, balances, and the book of changes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from bot.sandbox.books import Book
from bot.sandbox.switches import DripSwitches

_WELL_FORMED: Final = {
    "discord-id": re.compile(r"[1-9][0-9]{14,19}"),
    "twitter-id": re.compile(r"[1-9][0-9]{0,19}"),
    "wallet": re.compile(r"\w{20,80}"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "drip-id": re.compile(r"[0-9a-fA-F]{24}"),
    "custom": re.compile(r".+"),
}
TYPES: Final = ("twitter-id", "discord-id", "wallet", "email", "custom")
_PROVIDERS: Final = {"discord-id": "discord", "twitter-id": "twitter"}


def derived_id(*parts: str) -> str:
    """24 hexadecimal digits that belong to these words."""
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogatepass")).hexdigest()[:24]


def credential_key(kind: str, value: str, source: str | None) -> str:
    """One spelling for a credential. E-mail addresses and 0x wallets are the same in any case of letters."""
    if kind == "custom":
        return f"custom:{source}:{value}"
    if kind == "email" or (kind == "wallet" and value[:2] in ("0x", "0X")):
        return f"{kind}:{value.lower()}"
    return f"{kind}:{value}"


def well_formed(kind: str, value: str) -> bool:
    """Whether open mode takes it for somebody's."""
    return _WELL_FORMED[kind].fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Currency:
    """One currency ("realm point") of the realm."""

    id: str
    name: str
    emoji: str | None
    default: bool = False
    archived: bool = False


@dataclass(slots=True)
class Member:
    """One account that has joined the realm."""

    drip_id: str
    username: str
    discord_id: str | None = None
    wallet: str | None = None
    email: str | None = None
    twitter_id: str | None = None

    def credentials(self) -> list[tuple[str, str]]:
        """Type and value of each login."""
        named = (
            ("discord-id", self.discord_id),
            ("twitter-id", self.twitter_id),
            ("wallet", self.wallet),
            ("email", self.email),
        )
        return [(kind, value) for kind, value in named if value is not None]


class Realm:
    """The one realm of the stand-in. A *holder* is a drip id, or the key of a credential without an account."""

    def __init__(self, seed: int, switches: DripSwitches) -> None:
        word = str(seed)
        self.switches = switches
        self.id = derived_id("realm", word)
        self.api_key = f"sandbox-drip-{derived_id('drip-key', word)}"
        self.main = Currency(derived_id("currency", word, "1"), "Gold", "\U0001fa99", default=True)
        self.second = Currency(derived_id("currency", word, "2"), "Gems", "\U0001f48e")
        retired = Currency(derived_id("currency", word, "3"), "Old Gold", None, archived=True)
        self._first_currencies = (self.main, self.second, retired)
        self.clear()

    def clear(self) -> None:
        """No members, no credentials, no balances, the first three currencies, an empty book."""
        self.currencies = {one.id: one for one in self._first_currencies}
        self.members: dict[str, Member] = {}
        self.credentials: dict[str, str | None] = {}
        """Credentials made by hand: key to the drip id they are linked to."""
        self.balances: dict[str, dict[str, int]] = {one: {} for one in self.currencies}
        self.book = Book()
        self._before: dict[tuple[str, str], int] = {}
        """By currency and holder, while reads are stale."""
        self._by_login: dict[str, str] = {}

    def add_currency(self, currency: Currency) -> Currency:
        """A further currency of the realm."""
        self.currencies[currency.id] = currency
        self.balances.setdefault(currency.id, {})
        return currency

    def add_member(self, member: Member) -> Member:
        """A new member. A credential of the same login without an account is linked: its balances move over."""
        self.members[member.drip_id] = member
        self._index(member)
        return member

    def _index(self, member: Member) -> None:
        for kind, value in member.credentials():
            key = credential_key(kind, value, None)
            self._by_login[key] = member.drip_id
            self.link(key, member.drip_id)

    def link(self, key: str, drip_id: str) -> None:
        """Tie a credential to an account; all its balances move at once (docs.drip.re/developer/credentials)."""
        if key in self.credentials:
            self.credentials[key] = drip_id
        for balances in self.balances.values():
            if key in balances:
                balances[drip_id] = balances.get(drip_id, 0) + balances.pop(key)

    def connected(self, key: str) -> bool:
        """Whether it is a login of a member, and not only tied to an account by the API."""
        return key in self._by_login

    def find_member(self, kind: str, value: str) -> Member | None:
        """By drip id, by a login, or by user name. In open mode whoever is well-formed is found."""
        if kind == "drip-id":
            return self.by_drip_id(value)
        if kind == "username":
            return next((one for one in self.members.values() if one.username == value), None)
        drip_id = self._by_login.get(credential_key(kind, value, None))
        if drip_id is not None:
            return self.members[drip_id]
        if not self.switches.open or not well_formed(kind, value):
            return None
        return self._open_member(kind, value)

    def _open_member(self, kind: str, value: str) -> Member:
        drip_id = derived_id(kind, value)
        member = self.members.get(drip_id) or Member(drip_id, f"member-{drip_id[:6]}")
        setattr(member, kind.replace("-", "_"), value)
        return self.add_member(member)

    def by_drip_id(self, drip_id: str) -> Member | None:
        """By drip id; in open mode an unknown one becomes a member."""
        member = self.members.get(drip_id)
        if member is None and self.switches.open and well_formed("drip-id", drip_id):
            member = self.add_member(Member(drip_id, f"member-{drip_id[:6]}"))
        return member

    def holder(self, key: str, *, write: bool = False) -> str | None:
        """Whose balance a credential call is about; ``None`` = there is no such credential."""
        if key in self.credentials:
            return self.credentials[key] or key
        if self.switches.verified_credentials and key in self._by_login:
            return self._by_login[key]
        kind, _, value = key.partition(":")
        if (self.switches.open and well_formed(kind, value)) or (write and self.switches.auto_create):
            return key
        return key if any(key in balances for balances in self.balances.values()) else None

    def balance(self, holder: str, currency: str) -> int:
        """0 where nothing was ever written."""
        return self.balances[currency].get(holder, 0)

    def apply(
        self,
        recipient: str,
        holder: str,
        currency: str,
        amount: int,
        *,
        call: int,
        endpoint: str,
        outside: bool = False,
    ) -> int:
        """Change a balance and write it down; returns the new one."""
        balances = self.balances[currency]
        before = balances.get(holder, 0)
        effect = amount
        if self.switches.overdraft == "cap" and not outside:
            effect = max(amount, min(0, -before))
        after = balances[holder] = before + effect
        if self.switches.stale_reads:
            self._before[currency, holder] = before
        self.book.add(recipient, currency, amount, effect, before, call=call, endpoint=endpoint, outside=outside)
        return after

    def balances_json(self, holder: str) -> list[dict[str, Any]]:
        """The ``balances`` of a member or credential as the reads return them."""
        before = self._before if self.switches.stale_reads else {}
        return [
            {"balance": before.get((one, holder), balances.get(holder, 0)), "currencyId": one,
             "currencyName": known.name, "currencyEmoji": known.emoji}
            for one, known in self.currencies.items()
            if not known.archived
            for balances in (self.balances[one],)
            if holder in balances or not self.switches.absent_balances
        ]  # fmt: skip

    def member_json(self, member: Member) -> dict[str, Any]:
        """A ``RealmMember`` (list-realm-members in the reference)."""
        return {
            "id": member.drip_id,
            "realmMemberId": derived_id("realm-member", member.drip_id),
            "dynamicId": None,
            "username": member.username,
            "displayName": member.username.title(),
            "imageUrl": None,
            "email": member.email,
            "joinedAt": "2025-01-15T12:00:00.000Z",
            "hasRealmActivity": True,
            "credentials": [_credential_json(kind, value) for kind, value in member.credentials()],
            "balances": self.balances_json(member.drip_id),
            "teamMembership": None,
            "notes": None,
            "metadata": None,
        }


def _credential_json(kind: str, value: str) -> dict[str, Any]:
    provider = _PROVIDERS.get(kind)
    return {
        "format": "OAUTH" if provider else kind.upper(),
        "publicIdentifier": value if not provider else f"user-{value[-4:]}",
        "oauthProvider": provider,
        "oauthAccountId": value if provider else None,
        "oauthUsername": f"user-{value[-4:]}" if provider else None,
        "oauthAccountPhotos": [],
        "walletName": "metamask" if kind == "wallet" else None,
        "chain": "eth" if kind == "wallet" else None,
    }
