"""What a probe needs of a service: its balances, and one test call at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from bot.domain.model import Recipient
from bot.domain.probing import Fate, Leg, Purse, Reply
from bot.providers.http import Exchange, Proof
from bot.providers.wording import Wording

_AT_THE_DOOR: Final = frozenset({401, 403, 413, 429})
"""Answers from in front of the handler (verdicts.refused_at_the_door)."""
_REFUSALS: Final = frozenset({400, 404, 409, 412, 422})
NO_LIMIT_HEADERS: Final = "none"


class Prober(Protocol):
    """One account through one write path. Nothing here raises for what the service answers."""

    async def balances(self, purses: Sequence[Purse]) -> Mapping[Purse, int | None]:
        """What each purse holds now; ``None`` where that cannot be read."""
        ...

    async def call(self, legs: Sequence[Leg], key: str) -> Reply:
        """One call with these rows; never repeated here. ``key`` names it where the service takes a name."""
        ...


class LoginProber(Protocol):
    """One Drip account, and the logins that its API makes. Nothing here raises for what the service answers."""

    async def account(self, login: Recipient) -> str | None:
        """The account of a login, ``judging.NO_ACCOUNT`` where it has none; ``None``: there was no answer."""
        ...

    async def tie(self, login: Recipient, account: str) -> Reply:
        """Make a wallet that is tied to an account; never repeated here. ``more``: the ``account`` that it has then."""
        ...

    async def delete(self, login: Recipient) -> Reply:
        """Delete it again; never repeated here."""
        ...


def fate_of(exchange: Exchange, done: Collection[int] = (200,)) -> Fate:
    """What became of a test call, by its status alone. A success has still to be read."""
    status = exchange.status
    if status in _AT_THE_DOOR:
        return Fate.NOT_SENT
    if status is None or exchange.error is not None:
        return Fate.NOT_SENT if exchange.proof is Proof.NOTHING_HAPPENED else Fate.UNCLEAR
    if status in _REFUSALS:
        return Fate.REFUSED
    return Fate.DONE if status in done else Fate.UNCLEAR


def words_of(exchange: Exchange, wording: Wording) -> str | None:
    """What the service said, or what went wrong on the way."""
    return wording.words(exchange.body) or exchange.trouble


def limit_headers(exchange: Exchange) -> str:
    """The names of the headers that speak of rate limits, as the answer had them."""
    names = sorted(name for name in exchange.headers if "ratelimit" in name or "rate-limit" in name)
    return ", ".join(names) or NO_LIMIT_HEADERS
