"""Places of the operator as they are written: rings, witnesses and twins of a Drip account. Pure.

Every function raises ``ValueError`` for what it cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.domain.lanes import Course, LaneKind
from bot.domain.model import ACCEPTED_TYPES, ProviderKind, Recipient, RecipientType
from bot.domain.probing import Purse
from bot.domain.ring import FEWEST

_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{24}")


def rings(text: str, currency: str | None) -> tuple[Course, ...]:
    """``MEMBER:CURRENCY,MEMBER:CURRENCY;…``: at least two places a ring."""
    found = [[_member(place, currency) for place in _parts(ring, ",")] for ring in _parts(text, ";")]
    if any(len(places) < FEWEST for places in found):
        raise ValueError("a ring has at least two places")
    return _courses(LaneKind.RING, found)


def witnesses(text: str, currency: str | None) -> tuple[Course, ...]:
    """``MEMBER:CURRENCY;…``: each a witness of its own."""
    return _courses(LaneKind.WITNESS, [[_member(place, currency)] for place in _parts(text, ";")])


def twins(text: str, currency: str | None) -> tuple[Course, ...]:
    """``TYPE:VALUE,TYPE:VALUE;…``, a custom credential as ``custom:SOURCE:VALUE``: pairs of credentials."""
    if currency is None:
        raise ValueError("twins are paid in the programme's currency, and none is chosen")
    found = [[Purse(_spelled(credential(one)), currency) for one in _parts(pair, ",")] for pair in _parts(text, ";")]
    if any(len(pair) != 2 for pair in found):
        raise ValueError("twins are two credentials")
    return _courses(LaneKind.TWINS, found)


def credential(text: str) -> Recipient:
    """``TYPE:VALUE``, or ``custom:SOURCE:VALUE``."""
    kind, _, value = text.partition(":")
    source: str | None = None
    if kind == RecipientType.CUSTOM:
        source, _, value = value.partition(":")
    accepted = {one.value for one in ACCEPTED_TYPES[ProviderKind.DRIP_CREDENTIALS]}
    if kind not in accepted or not value or source == "":
        raise ValueError(f"TYPE:VALUE with a type of {', '.join(sorted(accepted))}, or custom:SOURCE:VALUE")
    return Recipient(RecipientType(kind), value, source)


def _spelled(one: Recipient) -> str:
    return ":".join(part for part in (one.type.value, one.source, one.value) if part is not None)


def _member(text: str, currency: str | None) -> Purse:
    holder, separator, named = text.partition(":")
    wanted = named if separator else currency
    if not _OBJECT_ID.fullmatch(holder) or wanted is None or (separator and not _OBJECT_ID.fullmatch(named)):
        raise ValueError("a place is a Drip id, and behind a colon the id of its currency")
    return Purse(holder.lower(), wanted)


def _parts(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def _courses(kind: LaneKind, found: Sequence[Sequence[Purse]]) -> tuple[Course, ...]:
    every = [(place.holder, place.currency.lower()) for places in found for place in places]
    if not every or len(set(every)) < len(every):
        raise ValueError("every place belongs to one lane")
    return tuple(Course(kind, tuple(places)) for places in found)
