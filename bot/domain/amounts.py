"""Amounts: text to whole smallest units and back. Never a float."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from bot.domain.model import Unit
from bot.domain.quoting import quoted

LARGEST: Final = 2**53
"""Beyond this a JSON number may be rounded by whoever reads it (RFC 8259, section 6)."""

_LONGEST_TEXT: Final = 40
_MINUS_SIGNS: Final = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_SPACES: Final = "\t\u00a0\u2007\u2009\u202f"
_APOSTROPHES: Final = "\u2019\u02bc"
_PLAIN: Final = str.maketrans(dict.fromkeys(_MINUS_SIGNS, "-") | dict.fromkeys(_SPACES, " ") | {"\uff0b": "+"})
_PLAIN.update(str.maketrans(dict.fromkeys(_APOSTROPHES, "'")))

_SIGN: Final = re.compile(r"([+-]?) *")
_BODY: Final = re.compile(r"[0-9]+(?:[ ,.'][0-9]+)*", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+", re.ASCII)
_BRACKETS: Final = re.compile(r"\([^()]*[0-9][^()]*\)", re.ASCII)
_HAS_DIGIT: Final = re.compile(r"[0-9]", re.ASCII)
_HAS_WORD: Final = re.compile(r"[^\W_]|[%$€£¥₹#*]")
_NUMBERS: Final = re.compile(r"(?:(?<!\w)[.,])?[0-9]+(?:[ ,.'][0-9]+)*", re.ASCII)
"""Within other text; the mark at the beginning is that of ``.5``, not that of ``Rs.5``."""
_MOST_NUMBERS: Final = 3
_TIMES: Final = re.compile(
    r""" [ ]? (?: (?:k|t|m|b|tsd|tausend|thousand|tys|tis|mille|mil|mi|mio|mln|mill|million|millions|millionen|milyon
                   |bin|bn|billion|lakh|crore|тыс|млн)\b | [%‰千万億萬亿] )""",
    re.VERBOSE | re.IGNORECASE,
)
"""What makes another number of the one before it: ``5k``, ``12 Tsd.`` and ``5 %`` are not 5 and 12 of anything."""
_EXPONENT: Final = re.compile(r"[.,]?[eE][+-]?[0-9]", re.ASCII)
_DATE: Final = re.compile(
    r"""(?: [0-9]{1,2} ([./-]) [0-9]{1,2} \1 (?:[0-9]{4}|[0-9]{2}) | [0-9]{4} ([./-]) [0-9]{1,2} \2 [0-9]{1,2}
          | [0-9]{1,2} [ ./-]{1,2} (?:jan|feb|fev|fév|mar|mär|mrz|apr|avr|abr|may|mai|maj|jun|juin|jul|juil|aug|aoû|ago
            |sep|set|oct|okt|out|nov|dec|dez|déc|dic)(?:\b|[a-zûé]*\.?[ ./-][0-9]{2,4}\b) )
        (?:\b.*)?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_TIME: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?", re.ASCII)
_TEXT_FORMULA: Final = re.compile(r'\A="([^"]*)"\Z')


class AmountError(ValueError):
    """A text that is no amount. The message is a cause and a next step, for the person who wrote it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        """``bad-amount``, ``ambiguous-amount``, ``fraction`` or ``over-limit``: kinds of a ``Problem``."""


class _Number(NamedTuple):
    """A number taken apart without deciding what an ambiguous mark means."""

    negative: bool
    whole: str
    fraction: str
    decimal_mark: str | None
    """The mark that certainly separates the fraction, or that the grouping marks leave for it."""
    doubtful_mark: str | None
    """A single ``.`` or ``,`` before three digits: grouping or fraction."""


def parse_amount(text: str, unit: Unit, decimal_mark: str | None = None) -> int:
    """The amount in the smallest unit.

    Takes a sign (also the typographic minus), spaces and apostrophes between groups of three, and ``,`` or ``.`` as
    grouping or decimal mark where only one reading is possible. ``decimal_mark`` (``","`` or ``"."``) is what the rest
    of a file proved (``decimal_mark_of``) and settles ``1.000`` and ``1,000``. A fraction of zeros is whole.

    Raises ``AmountError`` (a ``ValueError``) with one sentence: ``1e3``, fractions where whole points are needed, more
    than two decimals of money, ambiguous ``1.000``/``1,000``, anything beyond 2**53.
    """
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit()):
        return _value(_settled(_taken_apart(plain), decimal_mark, plain), unit, plain)
    return _value(_Number(False, plain, "", None, None), unit, plain)


def decimal_mark_of(text: str, unit: Unit) -> str | None:
    """The decimal mark that this text proves, ``","`` or ``"."``; ``None`` when it proves none.

    ``12.00`` and ``1,234,567`` prove a point, ``1.250,50`` a comma; ``1,000`` proves nothing. ``12.5`` does for money
    only: among whole points it is a slip, or a date, and no word about how the others are written.
    """
    try:
        number = _taken_apart(text.strip())
    except AmountError:
        return None
    is_slip = unit is Unit.POINTS and number.fraction.strip("0") and text.count(",") + text.count(".") == 1
    return None if is_slip else number.decimal_mark


def possible_amounts(text: str, unit: Unit) -> tuple[int, ...] | None:
    """Everything that a text may mean as an amount, in the smallest unit, whatever stands around its number;
    ``None`` when there is no number in it, or one in words, as in ``5k``.

    For comparing with what is known, never for paying: ``1.100 Punkte`` may be 1100 or, of money, 1.10. Empty when
    the number is no amount in any reading, such as 12.5 among whole points.
    """
    plain = _TEXT_FORMULA.sub(r"\1", text.strip()).translate(_PLAIN)
    if not plain.isascii():
        plain = "".join(str(int(one)) if one.isdecimal() else one for one in plain)
    numbers = () if plain.startswith("=") else tuple(islice(_NUMBERS.finditer(plain), _MOST_NUMBERS + 1))
    if not numbers:
        return None
    if any(_TIMES.match(plain, number.end()) for number in numbers):
        return None
    if len(numbers) > _MOST_NUMBERS or any(_EXPONENT.match(plain, number.end()) for number in numbers):
        return ()  # digits that say something else together
    return tuple(
        dict.fromkeys(
            sign * amount
            for number in numbers
            for amount in _in_every_reading(number.group(), unit)
            for sign in _signs(plain, number.start())
        )
    )


def canonical(amount: int, unit: Unit) -> str:
    """The one spelling for JSON and CSV: ``-5``; money without trailing zeros: ``12.5``."""
    if unit is Unit.POINTS:
        return str(amount)
    whole, hundredths = divmod(abs(amount), 100)
    fraction = f".{hundredths:02}".rstrip("0").rstrip(".")
    return f"{'-' if amount < 0 else ''}{whole}{fraction}"


def display(amount: int, unit: Unit) -> str:
    """For people: ``1,203`` or ``12.50``."""
    if unit is Unit.POINTS:
        return f"{amount:,}"
    whole, hundredths = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{hundredths:02}"


def _taken_apart(text: str) -> _Number:
    plain = text.translate(_PLAIN)
    sign = _SIGN.match(plain)
    assert sign is not None
    body = plain[sign.end() :]
    if body[:1] in (".", ","):
        body = f"0{body}"  # ".5"
    if len(body) > _LONGEST_TEXT or not _BODY.fullmatch(body):
        raise _no_number(plain)
    marks = [one for one in body if one in " ,.'"]
    parts = re.split(r"[ ,.']", body)
    return _number(sign.group(1) == "-", marks, parts, plain)


def _number(negative: bool, marks: list[str], parts: list[str], plain: str) -> _Number:
    if not marks:
        return _Number(negative, parts[0], "", None, None)
    last, before = marks[-1], marks[:-1]
    may_be_fraction = last in ",." and last not in before
    if may_be_fraction and not before:
        if _are_groups(parts):
            return _Number(negative, parts[0], parts[1], None, last)
        return _Number(negative, parts[0], parts[1], last, None)
    groups, fraction = (parts[:-1], parts[-1]) if may_be_fraction else (parts, "")
    grouping = set(before if may_be_fraction else marks)
    if len(grouping) != 1 or not _are_groups(groups):
        if _DATE.fullmatch(plain):
            raise _a_date(plain)
        raise AmountError("bad-amount", f"{quoted(plain)} has unusual groups of digits; write it without separators")
    if may_be_fraction:
        return _Number(negative, "".join(groups), fraction, last, None)
    other = {",": ".", ".": ","}.get(last)
    return _Number(negative, "".join(groups), "", other, None)


def _are_groups(parts: list[str]) -> bool:
    """Whether these runs of digits look like one number in groups of three."""
    return 1 <= len(parts[0]) <= 3 and parts[0][0] != "0" and all(len(part) == 3 for part in parts[1:])


def _settled(number: _Number, decimal_mark: str | None, plain: str) -> _Number:
    """The number once the mark in doubt is known to be a grouping or a decimal mark."""
    if number.doubtful_mark is None:
        return number
    if decimal_mark is None:
        together = number.whole + number.fraction
        raise AmountError(
            "ambiguous-amount",
            f"{quoted(plain)} may mean {together} or {number.whole} with decimals; write {together} if that is meant",
        )
    if decimal_mark == number.doubtful_mark:
        return number._replace(decimal_mark=decimal_mark, doubtful_mark=None)
    return number._replace(whole=number.whole + number.fraction, fraction="", doubtful_mark=None)


def _value(number: _Number, unit: Unit, plain: str) -> int:
    if len(number.whole) > _LONGEST_TEXT:
        raise _too_large(plain)
    if unit is Unit.POINTS:
        if number.fraction.strip("0"):
            raise AmountError("fraction", f"{quoted(plain)} has a fraction, points are whole; write a whole number")
        amount = int(number.whole)
    else:
        if len(number.fraction) > 2:
            raise AmountError("fraction", f"{quoted(plain)} has more than two decimals; round it to two decimals")
        amount = int(number.whole) * 100 + int(number.fraction.ljust(2, "0"))
    if amount > LARGEST:
        raise _too_large(plain)
    return -amount if number.negative else amount


def _in_every_reading(text: str, unit: Unit) -> Iterator[int]:
    """Without a limit: it may be a sum."""
    try:
        number = _taken_apart(text)
    except AmountError:
        return
    decimals = 0 if unit is Unit.POINTS else 2
    for mark in ",." if number.doubtful_mark else (number.decimal_mark,):
        settled = _settled(number, mark, text)
        fraction = settled.fraction.rstrip("0")
        if len(fraction) <= decimals:
            yield int(settled.whole + fraction.ljust(decimals, "0"))


def _signs(plain: str, start: int) -> tuple[int, ...]:
    """A minus right before the number, or before everything, is one; elsewhere it may be a dash, and brackets too may
    or may not mean it."""
    if plain.startswith("-") or plain[:start].endswith("-"):
        return (-1,)
    return (1, -1) if "-" in plain or "(" in plain else (1,)


def _too_large(plain: str) -> AmountError:
    return AmountError("over-limit", f"{quoted(plain)} is too large to be an amount; check where it comes from")


def _no_number(plain: str) -> AmountError:
    shown = quoted(plain)
    if not plain:
        return AmountError("bad-amount", "the amount is empty; write a number")
    body = plain.lstrip("+-").strip()
    if body.isascii() and body.isdigit():
        return _too_large(plain) if len(plain) - len(body) <= 1 else _not_a_number(shown)
    if _SCIENTIFIC.fullmatch(body):
        return AmountError("bad-amount", f"{shown} is in scientific notation; write the number out in full")
    if _BRACKETS.fullmatch(plain):
        return AmountError("bad-amount", f"{shown} is in brackets; write a minus before the number instead")
    if plain.startswith("="):
        return AmountError("bad-amount", f"{shown} is a formula; put its value into the cell")
    if _DATE.fullmatch(plain) or _TIME.fullmatch(plain):
        return _a_date(plain)
    if _HAS_DIGIT.search(plain) and _HAS_WORD.search(re.sub(r"[0-9]", "", plain)):
        return AmountError("bad-amount", f"{shown} has more than a number in it; write only the number")
    return _not_a_number(shown)


def _a_date(plain: str) -> AmountError:
    """Its digits without the marks would be an amount, and not a small one."""
    what = "time" if _TIME.fullmatch(plain) else "date"
    message = f"{quoted(plain)} is a {what}, which a spreadsheet may have made of a number; write the amount"
    return AmountError("bad-amount", message)


def _not_a_number(shown: str) -> AmountError:
    return AmountError("bad-amount", f"{shown} is not a number; write it with the digits 0 to 9")
