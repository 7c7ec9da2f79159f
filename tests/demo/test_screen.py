"""Discord's markdown and components as lines of a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.demo.screen import Screen, moment
from bot.demo.shown import Shown

NAMES = {("user", 1): "ada", ("role", 2): "Moderators", ("channel", 3): "staff"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def screen(out: io.StringIO) -> Screen:
    return Screen(out, lambda kind, id_: NAMES.get((kind, id_)))


def plain(line: str, width: int = 80) -> list[str]:
    return ["".join(text for text, _ in runs) for runs in screen(io.StringIO()).markdown(line, width)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("### Batch 1", "Batch 1"),
        ("-# small", "small"),
        ("**50 points** to <@1> and <@!9>", "50 points to @ada and @9"),
        ("<@&2> in <#3>", "@Moderators in #staff"),
        (r"a\_file\*name.csv \<@1>", "a_file*name.csv <@1>"),
        ("see `/batch list`", "see `/batch list`"),
        ("until *Stop* is pressed", "until Stop is pressed"),
        ("- one of many", "• one of many"),
        ("2 * 3", "2  3"),
    ],
)
def test_markdown_becomes_what_a_person_reads(line: str, said: str):
    assert plain(line) == [said]


def test_long_lines_break_between_words_and_lists_hang():
    assert plain("- one two three four", 10) == ["• one two ", "  three ", "  four"]


def test_wide_characters_count_as_two_columns():
    assert plain("日本 日本 日本", 10) == ["日本 日本 ", "日本"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (1, "in 1 second"), (-5, "5 seconds ago"), (119, "in 2 minutes"), (-7200, "2 hours ago")],
)
def test_relative_times_are_words(seconds: int, said: str):
    assert moment(1_000_000 + seconds, "R", now=1_000_000) == said


def test_other_times_are_in_the_readers_time_zone():
    at = datetime(2026, 7, 31, 18, 0, 5, tzinfo=UTC)
    assert moment(int(at.timestamp()), "T") == at.astimezone().strftime("%H:%M:%S")
    assert moment(int(at.timestamp()), "f") == at.astimezone().strftime("%d %B %Y %H:%M")


def card() -> Shown:
    row: dict[str, Any] = {
        "type": 1,
        "components": [
            {"type": 2, "style": 1, "label": "Send 8 awards", "custom_id": "a"},
            {"type": 2, "style": 2, "label": "Wait", "custom_id": "b", "disabled": True},
        ],
    }
    menu = {
        "type": 1,
        "components": [{"type": 3, "custom_id": "m", "options": [{"label": "x"}, {"label": "y", "default": True}]}],
    }
    roles = {
        "type": 1,
        "components": [{"type": 6, "custom_id": "r", "default_values": [{"type": "role", "id": "2"}]}],
    }
    text = {"type": 10, "content": "### Preview\n**8 awards**\nmore\nand more"}
    file = {"type": 13, "name": "bad.csv", "file": {"url": "attachment://bad.csv"}}
    parts = [text, {"type": 14}, file, menu, roles, row]
    message: Any = None
    return Shown(message, [{"type": 17, "accent_color": 0x5865F2, "components": parts}])


def test_a_card_is_its_texts_its_files_and_what_can_be_pressed():
    out = io.StringIO()
    screen(out).card(card(), "#staff")
    lines = out.getvalue().splitlines()
    assert lines[0] == "  ┌ Bursar · #staff"
    assert lines[1:5] == ["  │ Preview", "  │ 8 awards", "  │ more", "  │ and more"]
    assert lines[6:] == ["  │ ▤ bad.csv", "  │ [y ▾]", "  │ [@Moderators ▾]", "  │ [Send 8 awards]  [Wait]", "  └"]
    assert card().buttons == ["Send 8 awards"]


def test_a_shortened_card_says_so_and_keeps_its_buttons():
    out = io.StringIO()
    screen(out).card(card(), "#staff", lines=2)
    lines = out.getvalue().splitlines()
    assert lines[1:4] == ["  │ Preview", "  │ 8 awards", "  │ …"]
    assert "  │ [Send 8 awards]  [Wait]" in lines


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, terminal, declined = io.StringIO(), Terminal(), Terminal()
    screen(out).card(card(), "#staff")
    screen(terminal).card(card(), "#staff")
    monkeypatch.setenv("NO_COLOR", "1")
    screen(declined).card(card(), "#staff")
    assert "\x1b" not in out.getvalue() and "\x1b" not in declined.getvalue()
    assert "\x1b[38;2;88;101;242m" in terminal.getvalue()


def test_a_table_aligns_its_columns():
    out = io.StringIO()
    screen(out).table([("", "", "sum"), ("a", "b", "c"), ("gameball", "points", "1,203")])
    assert out.getvalue().splitlines() == [
        "                      sum",
        "  a         b           c",
        "  gameball  points  1,203",
    ]
