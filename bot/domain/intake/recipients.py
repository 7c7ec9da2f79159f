"""Cells to recipients, one reader for each type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from bot.domain.discord_ids import DiscordIdError, read_discord_id
from bot.domain.intake.labels import sums_up
from bot.domain.intake.names import visible
from bot.domain.model import RecipientType
from bot.domain.quoting import quoted
from bot.domain.reporting import plain_cell

CUSTOMER_ID_MAX: Final = 100
"""Characters (github.com/gameballers/gameball-docs, openapi.json: maxLength of customerId)."""
CUSTOM_MAX: Final = 200
_EMAIL_MAX: Final = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets

_DRIP_ID: Final = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_EVM_WALLET: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII | re.IGNORECASE)
_OTHER_WALLET: Final = re.compile(r"(?!0x)[!-~]{25,64}", re.ASCII | re.IGNORECASE)
_EMAIL: Final = re.compile(
    r"""[^\s@,;:<>()\[\]"\\]+ @ (?:[^\s@,;:<>()\[\]"\\.]+ \.)+ [^\s@,;:<>()\[\]"\\.]{2,}""", re.VERBOSE
)
_TWITTER_ID: Final = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
"""A count, so with zeros in front it would be somebody else's name for the service, and another recipient here."""
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
_LONG_WITH_FRACTION: Final = re.compile(r"[0-9]{11,}[.,]0+", re.ASCII)
_SHORT_WITH_FRACTION: Final = re.compile(r"[0-9]{1,10}\.0", re.ASCII)
"""As programs write a column of numbers in which a cell was empty."""
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:[ ,.'\u00a0\u202f\u2019][0-9]{3}){4,}(?:[.,]0+)?", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s,;]+")

_NOTHING: Final = frozenset(
    ("NULL", "null", "None", "nan", "NaN", "undefined", "#N/A", "#NV", "#N/D", "#REF!", "#BEZUG!", "#VALUE!", "#WERT!",
     "#VALEUR!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#ERROR!", "n/a", "N/A", "(blank)", "(Leer)", "(vide)",
     "none", "NONE", "n.a.", "N.A.", "unknown", "Unknown", "UNKNOWN", "tbd", "TBD")
)  # fmt: skip
"""What programs, spreadsheets and people write where there is nothing, or where a formula failed. Gameball may well
make a customer of it, who then has the points. Not ``Null``, which is a surname."""
_STROKES: Final = re.compile(r"[-\u2010-\u2015_.?*/ ]*")
_AS_FORMULA: Final = re.compile(r'="([^"]*)"')
"""How a spreadsheet is kept from taking a text for a number."""
_MENTION: Final = re.compile(r"<@!?[0-9]+>", re.ASCII)

_FREE_TEXT: Final = frozenset({RecipientType.CUSTOM, RecipientType.CUSTOMER_ID})

AS_TEXT: Final = "format the column as text before pasting, or take the ids from the source again"


class RecipientError(ValueError):
    """A cell that names no recipient of its type. The message is a cause and a next step."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_recipient(type_: RecipientType, cell: str, now_ms: int) -> str:
    """The value as it would be sent. ``now_ms`` bounds Discord ids (0: unbounded). Raises ``RecipientError``."""
    # In free text an apostrophe at the start may be its own.
    text = plain_cell(cell).strip() if type_ in _FREE_TEXT else visible(cell)
    if (formula := _AS_FORMULA.fullmatch(text)) is not None:
        text = formula.group(1).strip()
    damage = damage_of(text)
    if damage is not None and type_ is not RecipientType.CUSTOM:
        raise RecipientError("damaged-id", damage)
    if "\ufffd" in text:
        message = (
            f"{quoted(text)} has characters that could not be read; write it out again, and save the file as UTF-8"
        )
        raise RecipientError("bad-recipient", message)
    return _READERS[type_](text, now_ms)


def damage_of(text: str) -> str | None:
    """What a spreadsheet visibly did to a long number; ``None`` for everything that does not look like it."""
    if _SCIENTIFIC.fullmatch(text):
        return f"{quoted(text)} is an id that a spreadsheet rounded; {AS_TEXT}"
    if _LONG_WITH_FRACTION.fullmatch(text) or _GROUPED.fullmatch(text):
        return f"{quoted(text)} is an id that a spreadsheet took for a number; {AS_TEXT}"
    return None


def looks_like_recipient(cell: str) -> bool:
    """Whether a cell is surely a recipient of some type: data, not the name of a column."""
    text = visible(cell)
    if _EVM_WALLET.fullmatch(text) or _DRIP_ID.fullmatch(text) or _is_email(text) or damage_of(text):
        return True
    return _is_discord_id(text)


def is_surely(type_: RecipientType, text: str) -> bool:
    """Whether a cell is a recipient of this very type. Free text could be anything, so it never is."""
    if type_ in _FREE_TEXT:
        return False
    try:
        read_recipient(type_, text, 0)
    except RecipientError:
        return False
    return True


def guess_type(cells: list[str], accepts: frozenset[RecipientType]) -> RecipientType:
    """The type of a column that was chosen by hand and whose name says nothing, from its first cells.

    It is that of half of them: one cell of another kind is a problem of its row, and must not make customer ids of the
    others, who would then be paid as somebody else.
    """
    texts = [visible(cell) for cell in cells if visible(cell)]
    looks = [type_ for type_, is_one in _LOOKS if 2 * sum(bool(is_one(text)) for text in texts) >= len(texts)]
    return next((one for one in (*looks[:1], RecipientType.CUSTOMER_ID) if one in accepts), RecipientType.DISCORD_ID)


def _is_discord_id(text: str) -> bool:
    try:
        read_discord_id(text)
    except DiscordIdError:
        return False
    return True


def _is_email(text: str) -> bool:
    return len(text) <= _EMAIL_MAX and text.isprintable() and _EMAIL.fullmatch(text) is not None


# --- one reader a type ---------------------------------------------------------------------------------------------


def _discord_id(text: str, now_ms: int) -> str:
    try:
        return read_discord_id(text, now_ms)
    except DiscordIdError as error:
        for is_one, what, column in (
            (_EVM_WALLET.fullmatch, "a wallet", RecipientType.WALLET),
            (_is_email, "an e-mail address", RecipientType.EMAIL),
        ):
            if is_one(text):
                message = f"{quoted(text)} is {what}, not a Discord id; put it into a column named {column}"
                raise RecipientError("bad-recipient", message) from error
        raise RecipientError(error.kind, str(error)) from error


def _drip_id(text: str, _now_ms: int) -> str:
    if _DRIP_ID.fullmatch(text):
        return text
    raise _none(text, _DRIP_ID.fullmatch, "a Drip id", "put the 24 characters 0-9 a-f of the member's Drip id here")


def _wallet(text: str, _now_ms: int) -> str:
    if _is_wallet(text):
        return text
    raise _none(text, _is_wallet, "a wallet address", "put the whole address here (0x and 40 characters on EVM chains)")


def _is_wallet(text: str) -> bool:
    return bool(_EVM_WALLET.fullmatch(text) or _OTHER_WALLET.fullmatch(text))


def _email(text: str, _now_ms: int) -> str:
    address = text[7:] if text[:7].lower() == "mailto:" else text
    if _is_email(address):
        return address
    raise _none(text, _is_email, "an e-mail address", "put the bare address here, such as name@example.org")


def _twitter_id(text: str, _now_ms: int) -> str:
    if _TWITTER_ID.fullmatch(text):
        return text
    raise _none(text, _TWITTER_ID.fullmatch, "a Twitter id", "put the number of the account here, not its @handle")


def _custom(text: str, _now_ms: int) -> str:
    return _bounded(text, CUSTOM_MAX, "a custom credential")


def _customer_id(text: str, _now_ms: int) -> str:
    if _MENTION.fullmatch(text):
        message = f"{quoted(text)} is a member, not a customer id; put it into a column named discord_id"
        raise RecipientError("bad-recipient", message)
    if _SHORT_WITH_FRACTION.fullmatch(text):
        message = f"{quoted(text)} is an id that a program took for a number; write it without .0 if that is meant"
        raise RecipientError("damaged-id", message)
    return _bounded(text, CUSTOMER_ID_MAX, "a customer id")


def _bounded(text: str, longest: int, what: str) -> str:
    if text in _NOTHING or _STROKES.fullmatch(text):
        raise RecipientError(
            "bad-recipient", f"{quoted(text)} stands where there is no value; write {what} or remove the row"
        )
    if sums_up(text):
        raise RecipientError("bad-recipient", f"{quoted(text)} sums up other rows and is not {what}; remove the row")
    if len(text) > longest:
        raise RecipientError(
            "bad-recipient", f"{quoted(text)} has {len(text)} characters, {what} has at most {longest}; check the cell"
        )
    if not text.isprintable():
        raise RecipientError(
            "bad-recipient", f"{quoted(text)} has line breaks or control characters in it; write {what} on one line"
        )
    return text


def _none(text: str, reads: Callable[[str], object], what: str, step: str) -> RecipientError:
    parts = [part for part in _BETWEEN.split(text) if part]
    if len(parts) > 1 and all(reads(part) for part in parts):
        return RecipientError(
            "two-recipients", f"{quoted(text)} names two recipients; put each of them in a row of its own"
        )
    return RecipientError("bad-recipient", f"{quoted(text)} is not {what}; {step}")


_READERS: Final[Mapping[RecipientType, Callable[[str, int], str]]] = {
    RecipientType.DISCORD_ID: _discord_id,
    RecipientType.DRIP_ID: _drip_id,
    RecipientType.WALLET: _wallet,
    RecipientType.EMAIL: _email,
    RecipientType.TWITTER_ID: _twitter_id,
    RecipientType.CUSTOM: _custom,
    RecipientType.CUSTOMER_ID: _customer_id,
}

_LOOKS: Final[tuple[tuple[RecipientType, Callable[[str], object]], ...]] = (
    (RecipientType.DISCORD_ID, lambda text: _is_discord_id(text) or damage_of(text)),
    (RecipientType.DRIP_ID, _DRIP_ID.fullmatch),
    (RecipientType.EMAIL, _is_email),
    (RecipientType.WALLET, _is_wallet),
)
"""How a cell looks that is of a type; the first that fits counts."""
