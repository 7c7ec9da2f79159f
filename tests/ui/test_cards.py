"""Building blocks of cards: within Discord's limits, whatever they are given."""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest

from bot.domain.model import Recipient, RecipientType, Unit
from bot.ui.cards import RULE, Tone, button, card
from bot.ui.text import count, duration, escape, listing, local_times, plain, points, who
from tests.support.specification import refusable_card


def texts(view: discord.ui.LayoutView) -> list[str]:
    assert refusable_card(view) == []
    return [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]


def container(view: discord.ui.LayoutView) -> dict[str, Any]:
    assert refusable_card(view) == []
    (only,) = view.to_components()
    return only


def test_a_card_is_one_container_with_the_colour_and_the_words_of_its_state() -> None:
    made = container(card("Title", tone=Tone.DONE, practice=False, lines=["one", "two"]))
    assert made["accent_color"] == Tone.DONE.colour
    assert [part["content"] for part in made["components"]] == ["### Title\n-# Done", "one\ntwo"]


def test_a_line_behind_a_list_is_a_text_of_its_own() -> None:
    view = card("T", tone=Tone.PLAIN, practice=False, lines=["a", "- b", "- c", "d", "e"])
    assert texts(view)[1:] == ["a\n- b\n- c", "d\ne"]


@pytest.mark.parametrize("text,shown", [
    ("batch 1 was stopped by mod (2026-11-29 06:04 UTC).", "batch 1 was stopped by mod (<t:1795932240:f>)."),
    ("on 2026-12-31 23:59 UTC: x", "on <t:1798761540:f>: x"), ("2026-99-99 06:04 UTC", "2026-99-99 06:04 UTC"),
    ("12026-11-29 06:04 UTC", "12026-11-29 06:04 UTC"), ("no time", "no time"),
])  # fmt: skip
def test_times_of_the_ledgers_sentences_are_shown_in_the_readers_zone(text: str, shown: str) -> None:
    assert local_times(text) == shown


def test_every_tone_but_the_plain_one_has_words_for_who_sees_no_colour() -> None:
    assert [tone for tone in Tone if not tone.word] == [Tone.PLAIN]


def test_the_practice_banner_is_the_first_thing_on_the_card() -> None:
    (text,) = texts(card("Title", tone=Tone.PLAIN, practice=True, lines=[]))
    assert text.startswith("-# PRACTICE")


def test_texts_beyond_the_limit_are_cut_at_a_line_and_say_so() -> None:
    view = card("Title", tone=Tone.DRAFT, practice=True, lines=[RULE, *["x" * 99] * 30, RULE, *["y" * 99] * 30])
    total = "".join(texts(view))
    assert len(total) <= 4000
    assert total.endswith("more than a card can hold")
    assert all(set(line) == {"y"} for line in texts(view)[-1].split("\n")[:-1])


def test_what_is_said_at_the_end_has_its_room_and_no_line_is_cut_in_its_middle() -> None:
    view = card("Title", tone=Tone.DRAFT, practice=True, lines=["x" * 3800], end=["y" * 90, "z" * 90])
    assert texts(view)[-1] == f"{'y' * 90}\n{'z' * 90}"
    assert texts(view)[-2] == "-# … and more than a card can hold"
    assert len("".join(texts(view))) <= 4000


def test_dividing_lines_never_stand_at_an_end_or_twice() -> None:
    made = container(card("T", tone=Tone.PLAIN, practice=False, lines=[RULE, "a", RULE, RULE, "b", RULE]))
    kinds = [component["type"] for component in made["components"]]
    assert kinds == [10, 14, 10, 14, 10]


def test_rows_of_buttons_come_last() -> None:
    made = container(card("T", tone=Tone.PLAIN, practice=False, lines=["a"], rows=[[button("Go", "x")]]))
    assert [component["type"] for component in made["components"]] == [10, 10, 1]


def test_a_button_label_never_exceeds_what_discord_takes() -> None:
    assert len(str(button("x" * 200, "id").label)) == 80


@pytest.mark.parametrize(
    "hostile",
    ["**bold**", "@everyone", "<@100000000000000001>", "[a](http://b)", "# big", "> quote", "`code`", "||spoiler||",
     "<t:1:R>", "</bulk:1>", "-# small", "a\nb", "\u202eabc", "a\x00b", "\\*a\\*"],
)  # fmt: skip
def test_user_text_is_shown_as_it_was_typed_on_one_line(hostile: str) -> None:
    shown = escape(hostile)
    assert "\n" not in shown and "\u202e" not in shown and "\x00" not in shown
    for start in ("**", "# ", "> ", "-# ", "||", "[a]", "<", "`", "@everyone"):
        assert not shown.startswith(start), shown
    assert "<@1" not in shown.replace("\\<@", "")


@pytest.mark.parametrize("name", ["\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "می\u200cخواهم", "क्\u200dष"])
def test_joiners_stay_in_names_that_are_written_with_them(name: str) -> None:
    assert escape(name) == plain(name) == name


@pytest.mark.parametrize(
    "hidden",
    [
        *("a\u200db", "\u200dم", "م\u200d", "م\u200d\u200dم", "@\u200deveryone", "\u200d"),
        *("م\u2060\u200dم", "م\u200d\u202eم", "\u200b\u200d\u200b"),  # beside what hides itself
    ],
)
def test_joiners_that_join_nothing_become_a_space(hidden: str) -> None:
    assert "\u200d" not in escape(hidden) + plain(hidden)
    assert plain(hidden).split() == re.sub("[\u200b\u200d\u202e\u2060]", " ", hidden).split()


def test_a_masked_link_lets_nothing_behind_it_through() -> None:
    typed = r"[x](y) **b** `c` ||d|| [click](https://e.example) \_ (z)"
    shown = escape(typed)
    assert re.sub(r"\\(.)", r"\1", shown) == typed
    assert not re.search(r"(?<!\\)(?:\\\\)*[*`|\[_]", shown)


def test_long_user_text_is_cut_before_it_is_escaped() -> None:
    assert escape("*" * 200, 10) == "\\*" * 9 + "…"
    assert plain("a" * 200, 10) == "a" * 9 + "…"


def test_recipients_are_named_as_mentions_or_as_escaped_values() -> None:
    assert who(Recipient(RecipientType.DISCORD_ID, "1")) == "<@1>"
    assert who(Recipient(RecipientType.EMAIL, "a_b@example.org")) == "a\\_b@example.org"
    assert who(Recipient(RecipientType.CUSTOM, "x", "shop")) == "shop x"


def test_numbers_carry_their_noun() -> None:
    assert (count(1, "award"), count(1203, "award")) == ("1 award", "1,203 awards")
    assert (points(1, Unit.POINTS), points(-1203, Unit.POINTS)) == ("1 point", "-1,203 points")
    assert points(1250, Unit.MONEY) == "12.50"


def test_durations_are_rounded_up_to_what_people_say() -> None:
    assert [duration(s) for s in (0, 4.9, 5, 39.2, 101, 5999, 7800)] == [
        "a few seconds", "a few seconds", "about 5 s", "about 40 s", "about 2 min", "about 1 h 40 min",
        "about 2 h 10 min",
    ]  # fmt: skip


def test_a_list_says_how_many_it_does_not_show() -> None:
    assert listing(["a", "b"], 1200) == ["- a", "- b", "- … and 1,198 more"]
    assert listing(["a"], 1) == ["- a"]
