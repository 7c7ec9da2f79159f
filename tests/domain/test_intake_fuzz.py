"""Whatever the bytes: no crash, no hang, nothing paid that is not in the file, every row accounted for."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.intake import Held, ReadingOptions
from bot.domain.intake.records import Broken, Spanning, records
from bot.domain.model import RecipientType, Unit
from tests.fuzz.intake import NOW_MS, check

pytestmark = pytest.mark.no_cover

OPTIONS = st.builds(
    ReadingOptions,
    unit=st.sampled_from(Unit),
    now_ms=st.sampled_from([0, NOW_MS]),
    max_rows=st.sampled_from([3, 100_000]),
    max_award=st.sampled_from([None, 50]),
    accepts=st.sampled_from([None, frozenset({RecipientType.DISCORD_ID, RecipientType.EMAIL})]),
    amount=st.sampled_from([None, None, 7]),
    recipient_column=st.sampled_from([None, None, None, "user", "who"]),
    amount_column=st.sampled_from([None, None, None, "points", "name"]),
)


@settings(max_examples=300)
@given(st.binary(max_size=300), OPTIONS)
def test_any_bytes_are_read_or_refused(content, options):
    check(content, options)


IDS = ["201234567890123457", "318427659021348871", "<@1103345678901234567>", "ada@example.org", "0x" + "ab" * 20]
CELLS = st.one_of(
    st.sampled_from([
        *IDS, "", "5", "-5", "12.5", "1.000", "1,000", "0", "1e3", "nobody", "Total", "sum", "x" * 201, "'5", '"', '""',
        '"a\nb"', '"a,b"', f'"oh\n{IDS[0]},5\n"', "=1+1", "\u200b", "\ufffd", "2.01E+17", "17", "steam", "é", "\0",
    ]),
    st.text(max_size=6),
)  # fmt: skip
NAMES = st.sampled_from(
    ["discord_id", "user", "User ID", "wallet", "email", "custom", "source", "amount", "points", "reason", "note",
     "award_id", "status", "name", "", "amonut", "customer_id", "twitter_id", "drip_id"]
)  # fmt: skip


@st.composite
def tables(draw):
    """Nearly a CSV: a header of known names, cells of every sort, and some damage."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    header = draw(st.one_of(st.just(["discord_id", "amount", "reason"]), st.lists(NAMES, min_size=1, max_size=5)))
    rows = draw(st.lists(st.lists(CELLS, max_size=5), max_size=6))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = newline.join(delimiter.join(cells) for cells in [header, *rows])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
    content = draw(st.sampled_from(["", "sep=;\n", "hello\n\n"])).encode(encoding, "replace")
    return content + text.encode(encoding, "replace")


@settings(max_examples=600)
@given(tables(), OPTIONS)
def test_anything_like_a_table_is_read_or_refused_and_every_row_is_heard_of(content, options):
    check(content, options)


@settings(max_examples=200)
@given(tables(), st.integers(0, 400), st.binary(max_size=4))
def test_a_table_with_bytes_changed_is_read_or_refused(content, place, junk):
    check(content[:place] + junk + content[place + 1 :], ReadingOptions(now_ms=NOW_MS))


# --- the same table in every dress ---------------------------------------------------------------------------------


@st.composite
def dressed(draw):
    """(content, rows as (line, id, amount)) of a clean file in some encoding, delimiter, line end and quoting."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = ["sep=" + delimiter] if draw(st.booleans()) else []
    lines += draw(st.lists(st.sampled_from(["", "Winners of July", "for: the team"]), max_size=3))
    lines.append(
        delimiter.join(draw(st.sampled_from([("discord_id", "Amount", "Reason"), ('"User ID"', "points", "note")])))
    )
    expected = []
    numbers = st.integers(10**17 // 2, 6 * 10**17).map(lambda number: 2 * number + 1)
    reasons = st.sampled_from(["", "thanks", '"a ""quoted"" one"', '"two\nlines"', "für dich", '"a, b; c|d\te"'])
    for who, amount, reason in draw(
        st.lists(st.tuples(numbers, st.integers(-999, 999).filter(bool), reasons), max_size=9)
    ):
        lines += [""] * draw(st.integers(0, 1))
        line = sum(1 + one.count("\n") for one in lines) + 1
        quote = draw(st.sampled_from(["", '"']))
        expected.append((line, str(who), amount))
        lines.append(delimiter.join([f"{quote}{who}{quote}", f"{quote}{amount}{quote}", reason]))
    text = newline.join(one.replace("\n", newline) for one in lines) + draw(st.sampled_from(["", newline]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]))
    return text.encode(encoding), expected


@settings(max_examples=300)
@given(dressed())
def test_a_clean_table_means_the_same_in_every_dress(dressed_table):
    content, expected = dressed_table
    rows, problems = check(content, ReadingOptions(now_ms=NOW_MS))
    assert problems == []
    assert [(row.line, row.recipient.value, row.amount) for row in rows] == expected


@given(st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", 'b"c', " "]), max_size=40))
def test_records_start_on_the_physical_lines_that_they_come_from(parts):
    text = "".join(parts)
    physical = io.StringIO(text, newline=None).read().split("\n")
    covered = 0
    for line, cells in records(Held(text.encode()), "utf-8", ","):
        assert line == covered + 1, "no line is skipped and none is read twice"
        covered += cells.lines if isinstance(cells, Spanning) else 1
        if isinstance(cells, Broken):
            assert cells == [physical[line - 1]]
        elif not isinstance(cells, Spanning) and '"' not in physical[line - 1]:
            assert cells == physical[line - 1].split(",")
    assert covered == len(physical) - (physical[-1] == "")


# --- bounds --------------------------------------------------------------------------------------------------------

HOSTILE = {
    "one endless line": b"discord_id,amount\n" + b"x" * 3_000_000,
    "one endless quoted cell": b'discord_id,amount\n"' + b"x" * 3_000_000,
    "a million delimiters": b"discord_id,amount\n" + b"," * 1_000_000,
    "a header of a million cells": b"," * 1_000_000 + b"\n1,2\n",
    "quotes that open and never close": b'discord_id,amount\nx","\n' + b'x","\n' * 99_000,
    "an opening quote on every line": b"discord_id,amount\n" + b'"a\n' * 99_000,
    "escaped quotes": b'discord_id,amount\n"' + b'""' * 500_000,
    "a million line ends": b"discord_id,amount\n" + b"\n" * 1_000_000,
    "lone surrogates": b"\xff\xfe" + "discord_id,amount\n".encode("utf-16-le") + b"\x00\xd8,\x00" * 1000,
    "nul in utf-16": "discord_id,amount\n\0\0\0,5\n".encode("utf-16"),
    "long digits": b"discord_id,amount\n" + b"9" * 50_000 + b"," + b"9" * 5_000 + b"\n",
    "half a character": b"\xef\xbb\xbfdiscord_id,amount\n1,5,\xe2\x82",
    "500 odd names": (",".join(f"discordid{i}x" for i in range(500)) + "\n1,2\n").encode(),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_done_with(content):
    check(content, ReadingOptions(now_ms=NOW_MS))  # what hangs meets the time-out that every test has
