"""What a service said, as something a moderator understands: bounded, without markup, without secrets."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from bot.domain.model import PauseKind
from bot.providers.reading import UNREADABLE, as_object, as_text, as_whole, parse

LONGEST: Final = 160
"""Characters of a service's own words that are repeated."""
_SHORTEST_SECRET: Final = 8
"""Anything shorter would hide ordinary words."""

_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_SPACE: Final = re.compile(r"\s+")

_ROW_WORDS: Final = re.compile(
    r"insufficient|balance|\bmember|credential|recipient|customer|account|\buser|drip ?id", re.I
)
_WRONG: Final = re.compile(
    r"not found|not exist|no such|unknown|invalid|missing|required|must|archived|deleted|disabled|inactive"
    r"|not (?:allowed|permitted|available|supported)|may not|cannot|match",
    re.I,
)
_CURRENCY: Final = re.compile(r"currenc|realm ?point|point ?type", re.I)
_REALM: Final = re.compile(r"\b(?:realm|project)(?: ?id)?\b", re.I)
_INITIATOR: Final = re.compile(r"initiator", re.I)
_ROUTE: Final = re.compile(r"\broute\b|cannot (?:patch|post|get)\b", re.I)

_NOBODY: Final = re.compile(
    r"\b(?:credential|member|user|account|customer|player)\b.*(?:not found|not exist)"
    r"|\bno (?:such )?(?:credential|member|user|account|customer|player)\b",
    re.I,
)
_TOO_LOW: Final = re.compile(r"insufficient|too few points", re.I)
_OF_BALANCE: Final = re.compile(
    r"balance|funds|too few|not enough|insufficient(?!\W*(?:permission|scope|privilege|right|access))", re.I
)
_TOO_LOW_TO_TAKE: Final = "the balance is too low for this deduction"
_TOO_LOW_TO_GIVE: Final = "there are not enough points for it"
"""What a service that takes nothing away can mean by the same words; whose points it means is not told."""
_MEANINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (_TOO_LOW, _TOO_LOW_TO_TAKE),
    (_NOBODY, "nobody is known there under this id"),
)

_TOO_FEW: Final = 9008
GAMEBALL_MEANINGS: Final = {
    # docs.gameball.co/api-reference/overview/status-error-codes
    2001: "another request for the same customer is under way",
    3000: "something is missing in the request",
    3001: "something is missing in the request",
    3003: "a value in the request is not accepted",
    3009: "the customer is not active",
    3011: "a limit of the account would be exceeded",
    3016: "the request's content is not accepted",
    4004: "there is no such customer",
    6000: "Gameball is switched off for this account",
    7000: "there is no such customer",
    8000: "the account's plan does not include this",
    _TOO_FEW: "the customer has too few points for this deduction",
}


def blame(words: str | None) -> PauseKind | None:
    """What a refusal is about when it is about no row: the currency, or something else in the settings.

    ``None``: it may be a row. Words that speak of a balance or a person are always about rows.
    """
    if words is None or not _WRONG.search(words):
        return None
    if _ROUTE.search(words) or _INITIATOR.search(words):
        return PauseKind.SETTINGS
    if _CURRENCY.search(words) and not re.search(r"insufficient|balance", words, re.I):
        return PauseKind.CURRENCY
    if _REALM.search(words) and not _ROW_WORDS.search(words):
        return PauseKind.SETTINGS
    return None


def is_nobody(words: str | None) -> bool:
    """Whether a refusal says that there is no such recipient. An address that does not exist is none, nor is a missing
    right to credentials."""
    return words is not None and _NOBODY.search(words) is not None and blame(words) is None


def is_of_balance(words: str | None) -> bool:
    """Whether a refusal speaks of what somebody has: more loosely than ``is_too_low``, and never of a right."""
    return words is not None and _OF_BALANCE.search(words) is not None and blame(words) is None


def is_too_low(words: str | None) -> bool:
    """Whether a refusal says that a balance is too low."""
    return words is not None and _TOO_LOW.search(words) is not None


@dataclass(frozen=True, slots=True)
class Wording:
    """How to speak about one account of one service."""

    service: str
    """``Drip`` or ``Gameball``."""
    suffix: str = ""
    """The account's name behind ``__`` in the settings."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def variable(self, name: str) -> str:
        """A setting of this account as it stands in ``.env``."""
        return f"{name}__{self.suffix.upper()}" if self.suffix else name

    def plain(self, text: str) -> str | None:
        """Text from outside on one line, without markup, control characters and keys; ``None`` if nothing is left."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "[hidden]")
        text = _TAG.sub(" ", text[: LONGEST * 8])
        text = "".join(" " if unicodedata.category(mark)[0] in "CZ" else mark for mark in text)
        text = _SPACE.sub(" ", text).strip().rstrip(". ")
        if len(text) > LONGEST:
            text = text[: LONGEST - 1].rstrip() + "…"
        return text or None

    def words(self, body: bytes) -> str | None:
        """The service's own words in an error's body, in any of the documented shapes; ``None`` when it has none.

        Drip: ``{error}``, ``{error, message}``, the long form with ``details`` and ``requestId``, ``{detail}``.
        Gameball: ``{code, type, message}``, ``{error: 400, message}``. A page of HTML has no words.
        """
        answer = parse(body)
        if answer is UNREADABLE:
            return self._unstructured(body)
        return self.words_of(answer)

    def words_of(self, answer: object) -> str | None:
        """The same for a part of an answer that is read already."""
        if isinstance(answer, str):
            return self.plain(answer)
        members = as_object(answer)
        inner = [as_object(members.get(name)) for name in ("error", "detail")]
        candidates = [members.get("message"), members.get("detail"), *(part.get("message") for part in inner)]
        message = next((text for text in map(as_text, candidates) if text), None)
        kind = as_text(members.get("error")) or as_text(inner[0].get("code"))
        if message is None:
            return self.plain(kind) if kind else None
        code = as_whole(members.get("code"))
        remark = f"code {code}" if code is not None else kind
        plain = self.plain(message)
        note = self.plain(remark) if remark else None
        if plain is None or note is None or note.lower() in plain.lower():
            return plain or note
        return f"{plain} ({note})"

    def _unstructured(self, body: bytes) -> str | None:
        if len(body) > LONGEST * 4 or b"<" in body[:64]:
            return None
        try:
            return self.plain(body.decode())
        except UnicodeDecodeError:
            return None

    def refusal(self, words: str | None, code: int | None = None, *, deducts: bool) -> str:
        """Why an award was refused, as one sentence. ``deducts``: points were to be taken away, if only by one of
        several awards."""
        if words is None and code not in GAMEBALL_MEANINGS:
            return f"{self.service} refused it without saying why."
        meaning = GAMEBALL_MEANINGS.get(code) if code is not None else None
        if meaning is None and words is not None:
            meaning = next((text for pattern, text in _MEANINGS if pattern.search(words)), None)
        if not deducts and (code == _TOO_FEW or meaning == _TOO_LOW_TO_TAKE):
            meaning = _TOO_LOW_TO_GIVE
        if meaning is None:
            return f"{self.service} refused it: {words}."
        return f"{self.service} refused it: {meaning}" + (f" ({words})." if words else ".")
