"""Whom the operator lets a probe use, and which questions that allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.domain.model import ProviderKind, Recipient, RecipientType
from bot.domain.places import credential
from bot.domain.probing import Purse, Question
from bot.domain.trials import credentials_questions, gameball_questions, members_questions
from bot.errors import UsageError
from bot.providers.drip_ids import is_object_id

_DISCORD_EPOCH: Final = datetime(2015, 1, 1, tzinfo=UTC).timestamp()  # docs.discord.com/developers/reference
_NOBODY_BEFORE: Final = datetime(2070, 1, 1, tzinfo=UTC).timestamp()
"""A Discord id says when it was made: one of that year is nobody's."""


Chance = Callable[[int], bytes]
"""Where new names come from: so many random bytes."""


@dataclass(frozen=True, slots=True)
class Linked:
    """A login that is tied to an account, and deleted again."""

    person: Recipient
    """Whose account."""
    login: Recipient
    """Nobody's so far."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One programme's share of a probe."""

    kind: ProviderKind
    named: str
    """Whom the calls go to, in words for the question."""
    keys: tuple[str, ...]
    targets: tuple[str, ...]
    """Under both, awards in doubt are looked for first."""
    recipients: Mapping[str, Recipient]
    """Whom a credential's key stands for."""
    questions: Sequence[Question]
    linked: Linked | None = None
    """For the question that is asked by a login (``services.probing_logins``)."""


def member_subject(
    member: str, second: str | None, currency: str, second_currency: str | None, chance: Chance
) -> Subject:
    """Drip members. Raises ``UsageError`` for what cannot be a Drip id or a currency."""
    ids = [_drip_id(one) for one in (member, second) if one is not None]
    if len(set(ids)) < len(ids):
        raise UsageError("--second-drip-member has to be another member than --drip-member")
    if second_currency is not None and (not is_object_id(second_currency) or second_currency == currency):
        raise UsageError("--second-currency is the id of another currency of the realm (24 characters 0-9 a-f)")
    own = Purse(ids[0], currency)
    other = None if second_currency is None else Purse(ids[0], second_currency)
    questions = members_questions(
        own, Purse(ids[1], currency) if len(ids) > 1 else None, other, Purse(chance(12).hex(), currency)
    )
    keys = tuple(Recipient(RecipientType.DRIP_ID, one).key for one in ids)
    return Subject(
        ProviderKind.DRIP_MEMBERS, " and ".join(f"member {one}" for one in ids), keys, tuple(ids), {}, questions
    )


def credential_subject(text: str, currency: str, chance: Chance) -> Subject:
    """Drip credentials: ``TYPE:VALUE``, or ``custom:SOURCE:VALUE``. Raises ``UsageError``."""
    try:
        own = credential(text)
    except ValueError as error:
        raise UsageError(f"--credential is {error}") from None
    nobody = stranger(own, chance)
    return Subject(
        ProviderKind.DRIP_CREDENTIALS,
        f"credential {own.key}",
        (own.key,),
        (),
        {own.key: own, nobody.key: nobody},
        credentials_questions(Purse(own.key, currency), Purse(nobody.key, currency)),
        Linked(own, Recipient(RecipientType.WALLET, f"0x{chance(20).hex()}")),
    )


def customer_subject(customer: str, chance: Chance) -> Subject:
    """Gameball. Raises ``UsageError``."""
    customer = customer.strip()
    if not customer or customer in (".", ".."):
        raise UsageError("--customer is the id of a Gameball customer")
    recipient = Recipient(RecipientType.CUSTOMER_ID, customer)
    questions = gameball_questions(customer, f"probe-{chance(8).hex()}")
    return Subject(ProviderKind.GAMEBALL, f"customer {customer}", (recipient.key,), (customer,), {}, questions)


def stranger(like: Recipient, chance: Chance) -> Recipient:
    """Somebody of the same type who does not exist: a point that is paid to them all the same is nobody's."""
    number = int.from_bytes(chance(12))
    kind, source = like.type, like.source
    if kind is RecipientType.DISCORD_ID:
        made = int((_NOBODY_BEFORE - _DISCORD_EPOCH) * 1000) + number % 10**9
        value = str((made << 22) + (number >> 40) % (1 << 22))
    elif kind is RecipientType.EMAIL:
        value = f"bursar-probe-{number:x}@nobody.invalid"  # RFC 2606, section 2
    elif kind is RecipientType.WALLET:
        value = f"0x{chance(20).hex()}"
    elif kind is RecipientType.TWITTER_ID:
        value = str(9 * 10**18 + number % 10**17)
    else:
        value = f"bursar-probe-{number:x}"
    return Recipient(kind, value, source)


def _drip_id(text: str) -> str:
    if not is_object_id(text):
        raise UsageError(f"{text} is no Drip id (24 characters 0-9 a-f)")
    return text.lower()
