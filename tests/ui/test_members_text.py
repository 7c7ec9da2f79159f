"""What ``/award`` understands in its ``members`` option."""

from __future__ import annotations

import pytest

from bot.domain.model import Unit
from bot.errors import UsageError
from bot.ui.members_text import MEMBERS_MAX, read_members

A, B, C = "100000000000000001", "100000000000000002", "100000000000000003"
WIDE = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
"""Full-width digits."""


def _read_whole(text: str, amount: str | None) -> list[tuple[str, int]]:
    """What everybody gets who is named."""
    named = read_members(text, amount, Unit.POINTS)
    return named.amounts([member for member, _ in named.members])


@pytest.mark.parametrize(
    ("text", "amount", "members"),
    [
        (f"<@{A}>", "50", [(A, 50)]),
        (f"<@!{A}> <@{B}>", "50", [(A, 50), (B, 50)]),
        (f"{A}, {B};{C}", "-5", [(A, -5), (B, -5), (C, -5)]),
        (f"<@{A}><@{B}>", "1", [(A, 1), (B, 1)]),
        (f"<@{A}> 50 <@{B}> 20", None, [(A, 50), (B, 20)]),
        (f"<@{A}> 50, <@{B}>", "20", [(A, 50), (B, 20)]),
        (f"<@{A}>: 50 points and <@{B}> = -20 pts", None, [(A, 50), (B, -20)]),
        (f"<@{A}> +1250", None, [(A, 1250)]),
        (f"https://discord.com/users/{A} {B}", "3", [(A, 3), (B, 3)]),
        (f"<@{A}>\n<@{B}>", "3", [(A, 3), (B, 3)]),
        (f"<@{A}> & <@{B}> + <@{C}>", "3", [(A, 3), (B, 3), (C, 3)]),
        (f"<@{A}>, <@{B}> et <@{C}>", "3", [(A, 3), (B, 3), (C, 3)]),
        (f"<@{A}> + 50", None, [(A, 50)]),
        (f"<@{A}> and <@{B}> 50 each", None, [(A, 50), (B, 50)]),
        (f"<@{A}> <@{B}> 50 points each", None, [(A, 50), (B, 50)]),
        (f"<@{A}> <@{B}> each", "50", [(A, 50), (B, 50)]),
        (f"<@{A}> 50 each", None, [(A, 50)]),
    ],
)
def test_members_and_amounts_are_read(text: str, amount: str | None, members: list[tuple[str, int]]) -> None:
    assert list(read_members(text, amount, Unit.POINTS).members) == members


def test_money_keeps_its_hundredths() -> None:
    assert read_members(f"<@{A}> 12.5", None, Unit.MONEY).members == ((A, 1250),)


def test_a_member_mentioned_twice_without_own_amounts_counts_once() -> None:
    named = read_members(f"<@{A}> <@{B}> {A}", "50", Unit.POINTS)
    assert named.members == ((A, 50), (B, 50))
    assert named.repeated == (A,)


def test_own_amounts_of_a_member_named_twice_are_added_up() -> None:
    named = read_members(f"<@{A}> 50 <@{B}> 5 <@{A}> 20", "7", Unit.POINTS)
    assert named.members == ((A, 70), (B, 5))
    assert named.repeated == (A,)


@pytest.mark.parametrize(
    ("text", "amount", "cause"),
    [
        ("", "50", "no member is named"),
        ("somebody", "50", "“somebody” is neither a member nor an amount"),
        (f"<@{A}> bob", "50", "“bob” is neither a member nor an amount"),
        (f"bob <@{A}>", "50", "“bob” is neither a member nor an amount"),
        (f"50 <@{A}>", None, "“50” stands in front of the members"),
        (f"50 points to <@{A}> 20 <@{B}>", None, "“50” stands in front of the members"),
        (f"<@{A}> <@{B}> 50 each", "20", "“each” says one amount for all, and there are several"),
        (f"<@{A}> 20 <@{B}> 50 each", None, "“each” says one amount for all, and there are several"),
        (f"1) <@{A}> 2) <@{B}>", "50", "“1” stands in front of the members"),
        ("<@&100000000000000009>", "50", "a role is not a list of members"),
        (f"@everyone <@{A}>", "50", "a role is not a list of members"),
        (f"<@{A}>", None, f"there is no amount for <@{A}>"),
        (f"<@{A}> 50 <@{B}>", None, f"there is no amount for <@{B}>"),
        (f"<@{A}>", "0", "the amount for"),
        (f"<@{A}> 5 <@{A}> -5", None, "the amount for"),
        (f"<@{A}> 1.5", None, "the amount 1.5 cannot be used"),
        (f"<@{A}>", "lots", "the amount lots cannot be used"),
        (f"<@{A}>", "1e3", "the amount 1e3 cannot be used"),
        (f"<@{A}> - 50, <@{B}> - 20", None, "“- 50” may be 50 behind a dash, or a minus"),
        (f"<@{A}> – 50", "5", "“– 50” may be 50 behind a dash, or a minus"),
        ("1234567", "50", "“1234567” is neither a member nor an amount"),
        # Discord and int() read these as an id that somebody has; the services and the rules about oneself do not.
        (f"00{A}", "50", f"“00{A}” begins with 0, which no Discord id does"),
        (f"<@0{A}> <@{B}>", "50", f"“0{A}” begins with 0, which no Discord id does"),
        (A.translate(WIDE), "50", f"“{A.translate(WIDE)}” is neither a member nor an amount"),
        (f"<@{A.translate(WIDE)}>", "50", f"“<@{A.translate(WIDE)}>” is neither a member nor an amount"),
    ],
)
def test_what_cannot_be_used_says_why(text: str, amount: str | None, cause: str) -> None:
    with pytest.raises(UsageError) as refused:
        _read_whole(text, amount)
    assert refused.value.message.startswith(cause)


def test_who_is_skipped_needs_no_amount() -> None:
    named = read_members(f"<@{A}> 50 <@{B}> <@{C}> 0", None, Unit.POINTS)
    assert named.amounts({A}) == [(A, 50)]


def test_more_members_than_a_command_takes_are_sent_to_bulk() -> None:
    text = " ".join(f"<@{10**17 + number}>" for number in range(MEMBERS_MAX + 1))
    with pytest.raises(UsageError) as refused:
        read_members(text, "1", Unit.POINTS)
    assert refused.value.hint == "Use /bulk with a file."
    assert len(read_members(text.rsplit(" ", 1)[0], "1", Unit.POINTS).members) == MEMBERS_MAX
