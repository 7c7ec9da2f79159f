"""The three files of the demo: 1,000 rows each, as moderators' spreadsheets export them, with what goes wrong there."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.demo.people import SEED, Person, future_id, strangers

ROWS: Final = 1000
_FIRST: Final = 12
"""Rows at the top that stay as they are, so that the first look shows an ordinary file."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file, ready to upload."""

    name: str
    content: bytes
    about: str
    """How it was written, in a few words."""
    text: str
    """The content decoded, to show lines of it."""

    def sample(self, lines: int) -> list[str]:
        """The first lines."""
        return self.text.splitlines()[:lines]


@dataclass(slots=True)
class _Line:
    who: str
    name: str
    amount: str
    note: str


Change = Callable[[_Line], None]


def _who(text: str) -> Change:
    """The recipient cell; ``{id}`` is what stood there."""

    def change(line: _Line) -> None:
        line.who = text.replace("{id}", line.who)

    return change


def _amount(text: str) -> Change:
    def change(line: _Line) -> None:
        line.amount = text

    return change


def _rounded(line: _Line) -> None:
    """Fifteen digits are left, as Excel leaves them."""
    line.who = line.who[:15] + "0" * (len(line.who) - 15)


_HARMLESS: Final[Sequence[Change]] = (
    *[_who("<@{id}>")] * 5,
    *[_who("<@!{id}>")] * 2,
    *[_who("https://discord.com/users/{id}")] * 3,
    *[_who("'{id}")] * 2,
)
"""Odd ways to write a recipient that mean what they say."""

_NOTHING: Final[Sequence[Change]] = (_amount(""), _amount(""), _amount("0"), _amount("0"))


def _lines(
    chance: random.Random, members: Sequence[Person], amounts: Sequence[int], notes: Sequence[str]
) -> list[_Line]:
    order = list(members[:ROWS])
    chance.shuffle(order)
    return [_Line(one.id, one.name, str(chance.choice(amounts)), chance.choice(notes)) for one in order]


def _spoil(chance: random.Random, lines: list[_Line], faults: Sequence[Change], unknown: Sequence[str]) -> None:
    """Put each fault into a line of its own; three lines name somebody a second time, the last ones name strangers."""
    end = len(lines) - len(unknown)
    places = chance.sample(range(_FIRST, end), len(faults) + 6)
    for place, fault in zip(places, faults, strict=False):
        fault(lines[place])
    pairs = places[len(faults) :]
    for first, second in zip(pairs[:3], pairs[3:], strict=True):
        lines[second].who, lines[second].name = lines[first].who, lines[first].name
    for line, stranger in zip(lines[end:], unknown, strict=True):
        line.who, line.name = stranger, "left-long-ago"


def _written(lines: Sequence[_Line], header: Sequence[str], delimiter: str, above: Sequence[str] = ()) -> str:
    text = io.StringIO(newline="")
    text.writelines(f"{one}\r\n" for one in above)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow((line.name, line.who, line.amount, line.note))
    return text.getvalue()


def weekly_quest(members: Sequence[Person]) -> Sheet:
    """For Drip by credential: a spreadsheet of the kind that Excel writes in much of Europe."""
    chance = random.Random(SEED + 10)  # noqa: S311 - repeatable on purpose
    lines = _lines(chance, members, (25, 50, 75, 100, 150), ("Weekly quest", "Weekly quest", "Weekly quest, bonus"))
    faults: list[Change] = [
        *_HARMLESS,
        *_NOTHING,
        *[_rounded] * 8,
        _who("1,21357E+18"),
        _who(future_id()),
        _who("velvet-otter"),
        _who(f"{{id}} {members[0].id}"),
        _who("<@&1130000000000000001>"),
        _amount("1e3"),
        _amount("12,5"),
        _amount("1.250"),
        _amount("2.500"),
        _amount("1.234.567"),
        _amount("fifty"),
    ]
    _spoil(chance, lines, faults, strangers(9)[:3])
    title = ["Lighthouse: weekly quest, week 31;;;", ";;;"]
    text = _written(lines, ("Name", "Discord ID", "Points", "Note"), ";", title)
    about = "semicolons, UTF-8 with a byte order mark, a title above the header"
    return Sheet("rewards_week-31.csv", text.encode("utf-8-sig"), about, text)


def summer_cup(members: Sequence[Person]) -> Sheet:
    """For Drip by member: Excel's "Unicode Text"."""
    chance = random.Random(SEED + 20)  # noqa: S311 - repeatable on purpose
    lines = _lines(chance, members, (15, 30, 45, 60, 90), ("Summer cup", "Summer cup, finalist"))
    faults: list[Change] = [
        *_HARMLESS,
        *_NOTHING,
        *[_rounded] * 8,
        _who("8.83120E+17"),
        _who("{id}.0"),
        _who(future_id()),
        _who("quiet heron"),
        _who(f"<@{{id}}><@{members[1].id}>"),
        _amount("1e3"),
        _amount("7.5"),
        _amount("1 125"),
        _amount("12000"),
        _amount("thirty"),
    ]
    _spoil(chance, lines, faults, strangers(9)[3:6])
    text = _written(lines, ("player", "user_id", "amount", "reason"), "\t")
    return Sheet("summer-cup.txt", text.encode("utf-16"), "tabs, UTF-16, as Excel saves “Unicode Text”", text)


def referrals(members: Sequence[Person]) -> Sheet:
    """For Gameball: an older program's export."""
    chance = random.Random(SEED + 30)  # noqa: S311 - repeatable on purpose
    lines = _lines(chance, members, (10, 20, 35, 70), ("Café meet-up", "Referral – danke!", "Invité par un ami"))
    faults: list[Change] = [
        *_HARMLESS,
        *_NOTHING,
        *[_rounded] * 8,
        _who("1.09871E+18"),
        _who(future_id()),
        _who("@lilac-wren"),
        _who(f"{{id}}, {members[2].id}"),
        _who("<#1130000000000000002>"),
        _amount("1e3"),
        _amount("19.99"),
        _amount("1,350"),
        _amount("1,234,567"),
        _amount("ten"),
    ]
    _spoil(chance, lines, faults, strangers(9)[6:9])
    text = _written(lines, ("Username", "Member", "Points", "Reason"), ",")
    return Sheet("referrals.csv", text.encode("cp1252"), "commas, Windows-1252", text)
