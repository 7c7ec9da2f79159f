"""How Drip names things, checked before any call."""

from __future__ import annotations

import re
from typing import Final

from bot.domain.judging import CREDENTIAL_TARGET
from bot.domain.model import SPELLED_ALIKE, Recipient, RecipientType

_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{24}")
_WORD: Final = re.compile(r"[!-~]{1,128}")


def is_object_id(text: str) -> bool:
    """Whether ``text`` can be a realm, currency or drip id (``^[0-9a-fA-F]{24}$`` in Drip's OpenAPI)."""
    return _OBJECT_ID.fullmatch(text) is not None


def can_be_currency(text: str) -> bool:
    """Whether ``text`` could stand in ``DRIP_CURRENCY_ID``, and on a card."""
    return _WORD.fullmatch(text) is not None


def credential_target(recipient: Recipient) -> str:
    """The target of an award that goes to a credential although its programme pays members."""
    return f"{CREDENTIAL_TARGET}{recipient.type.value}:{recipient.value}"


def spelled(recipient: Recipient) -> str:
    """The recipient's value as its key spells it: one spelling for one credential."""
    if recipient.type not in SPELLED_ALIKE:
        return recipient.value
    return Recipient(recipient.type, recipient.value).key.partition(":")[2]


def looks_up_by(kind: RecipientType) -> str:
    """What a recipient of this type is called in a sentence."""
    return {
        RecipientType.DISCORD_ID: "Discord id",
        RecipientType.TWITTER_ID: "Twitter id",
        RecipientType.WALLET: "wallet",
        RecipientType.EMAIL: "e-mail address",
        RecipientType.DRIP_ID: "Drip id",
    }.get(kind, kind.value)
