"""Discord's ids and Discord's clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.discord_ids import EPOCH_MS, DiscordIdError, made_at_ms, read_discord_id, youngest

NOW_MS = 1_785_000_000_000


def test_an_id_tells_when_it_was_made():
    assert made_at_ms(175928847299117063) == 1462015105796  # the example of Discord's own reference


def test_an_id_of_this_moment_is_taken_and_one_of_the_next_hour_is_not():
    def made_after(seconds):
        return str((NOW_MS + seconds * 1000 - EPOCH_MS) << 22)

    assert read_discord_id(made_after(0), NOW_MS) == made_after(0)
    assert read_discord_id(made_after(599), NOW_MS) == made_after(599), "our clock may be a little behind"
    with pytest.raises(DiscordIdError, match="2026") as caught:
        read_discord_id(made_after(3600), NOW_MS)
    assert caught.value.kind == "damaged-id"


def test_without_a_clock_any_id_that_fits_64_bits_may_exist():
    assert read_discord_id(str(2**64 - 1)) == str(2**64 - 1)
    with pytest.raises(DiscordIdError):
        read_discord_id(str(2**64))
    assert youngest(0) == 2**64 - 1


def test_a_clock_before_discord_takes_no_id():
    with pytest.raises(DiscordIdError):
        read_discord_id("100000000000000000", 1)


@given(
    st.integers(10**16, 2**64 - 1),
    st.sampled_from(
        ["{}", "<@{}>", "<@!{}>", "@{}", '="{}"', " {}\n", "discord://-/users/{}", "https://ptb.discord.com/users/{}"]
    ),
)
def test_every_way_of_writing_an_id_gives_the_id(number, form):
    assert read_discord_id(form.format(number)) == str(number)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_a_refusal(text):
    try:
        digits = read_discord_id(text, NOW_MS)
    except DiscordIdError as error:
        assert error.kind in {"bad-recipient", "damaged-id", "two-recipients"}
        assert len(str(error)) <= 160
    else:
        assert digits.isascii() and digits.isdigit() and digits in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ada (175928847299117063)", "more than an id in it"),
        ("🥈 175928847299117063", "more than an id in it"),
        ("“175928847299117063”", "more than an id in it"),
        ("https://cdn.discordapp.com/avatars/175928847299117063/a.png", "more than an id in it"),
        ("https://discord.com/channels/175928847299117063/275928847299117063/375928847299117063", "link to a message"),
        ("https://ptb.discord.com/channels/@me/275928847299117063", "link to a message"),
        ("0175928847299117063", "begins with 0"),
        ("17592884729911706", None),
        ("1759288472991170", "has 16 digits"),
        ("1", "has 1 digit, a"),
    ],
)
def test_what_is_told_of_a_text_that_is_no_id_is_true(text, told):
    if told is None:
        assert read_discord_id(text) == text
        return
    with pytest.raises(DiscordIdError, match=told) as caught:
        read_discord_id(text, NOW_MS)
    assert caught.value.kind == "bad-recipient"
    assert "; " in str(caught.value) and len(str(caught.value)) <= 160
