"""What Bursar writes for spreadsheets: safe to open, and read back exactly."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.intake import ReadingOptions, original_records, read
from bot.domain.model import Row
from bot.domain.reporting import NO_AWARD, Report, iso_time, plain_cell, problems_csv, result_csv, safe_cell

A, B, C = "201234567890123457", "318427659021348871", "1103345678901234567"
NOW_MS = 1_785_000_000_000

CELLS = [
    # text, as it is written
    ("", ""),
    ("hello", "hello"),
    ("5", "5"),
    ("-5", "-5"),
    ("+5", "+5"),
    ("-12.5", "-12.5"),
    ("-12,5", "-12,5"),
    ("-.5", "-.5"),
    ("+491234", "+491234"),
    ("123456789012345", "123456789012345"),
    ("1234567890123456", "'1234567890123456"),
    (A, f"'{A}"),
    ("-1234567890123456", "'-1234567890123456"),
    ("=1+1", "'=1+1"),
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
    ("+1+1", "'+1+1"),
    ("-1+1", "'-1+1"),
    ("-", "'-"),
    ("--5", "'--5"),
    ("-5\n=1", "'-5\n=1"),
    ("-1,250.50", "'-1,250.50"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("@ada", "'@ada"),
    ("\t=1", "'\t=1"),
    ("\r=1", "'\r=1"),
    ("'tis the season", "'tis the season"),
    ("'=1", "''=1"),
    ("'5", "'5"),
    ("٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩", "٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩"),
    ("a=1", "a=1"),
    (f"<@{A}>", f"<@{A}>"),
]


@pytest.mark.parametrize(("text", "written"), CELLS)
def test_a_cell_is_neither_run_nor_rounded_and_can_be_read_back(text, written):
    assert safe_cell(text) == written
    assert plain_cell(written) == text


@given(st.text(alphabet="'=+-@\t\r\n0123456789.,aé", max_size=24))
def test_every_cell_is_read_back_as_it_was(text):
    written = safe_cell(text)
    assert plain_cell(written) == text
    assert not written.startswith(("=", "@", "\t", "\r"))


def table(pieces):
    content = b"".join(pieces)
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    return [[plain_cell(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]


@dataclass(frozen=True)
class Status:
    status: str
    detail: str
    award_id: int | None
    time: int | None


DONE = Status("applied", "", 17, 1_785_000_005_999)
LEFT = Status("not sent", "=evil()", None, None)


def test_a_result_file_has_every_original_row_and_what_became_of_it():
    pieces = list(
        result_csv(["discord_id", "amount"], [(2, [A, "5"]), (3, [B, "x"]), (5, [C, "0"])], {2: DONE, 3: LEFT})
    )
    assert all(pieces)
    assert table(pieces) == [
        ["discord_id", "amount", "status", "detail", "award_id", "time"],
        [A, "5", "applied", "", "17", "2026-07-25T17:20:05Z"],
        [B, "x", "not sent", "=evil()", "", ""],
        [C, "0", NO_AWARD, "", "", ""],
    ]
    assert b"'=evil()" in b"".join(pieces)
    assert b"\r\n" in pieces[0]


def test_our_own_columns_are_replaced_not_doubled():
    header = ["Status", "discord_id", "award id", "amount", "problem"]
    rows = table(result_csv(header, [(2, ["rejected", A, "3", "5", "p"])], {2: DONE}))
    assert rows[0] == ["discord_id", "amount", "problem", "status", "detail", "award_id", "time"]
    assert rows[1][:5] == [A, "5", "p", "applied", ""]


def test_short_and_long_rows_never_shift_a_column():
    rows = table(result_csv(["a", "b"], [(2, ["1"]), (3, ["1", "2", "3", "4"])], {2: DONE, 3: DONE}))
    assert [row[2] for row in rows[1:]] == ["applied", "applied"]
    assert rows[2][-2:] == ["3", "4"]


def test_a_problem_file_has_the_bad_rows_alone_with_the_reason():
    records = [(2, [A, "5"]), (3, [B, "x"]), (4, [C, "y"])]
    rows = table(problems_csv(["discord_id", "amount", "Problem"], records, {3: "bad", 4: "worse", 1: "above"}))
    assert rows == [
        ["discord_id", "amount", "problem"],
        [B, "x", "bad"],
        [C, "y", "worse"],
        ["", "", "row 1: above"],
    ]


def test_a_large_file_is_written_in_pieces_and_read_lazily():
    taken = []

    def records():
        for line in range(2, 5002):
            taken.append(line)
            yield line, [A, "5"]

    pieces = result_csv(["discord_id", "amount"], records(), {})
    assert next(pieces)
    assert next(pieces) and len(taken) <= 1000
    rest = list(pieces)
    assert all(rest) and len(taken) == 5000


def test_characters_that_are_no_text_do_not_stop_a_report():
    assert b"?" in Report(["a"], ["b"]).rows([(["\ud800"], ["x"])])


def test_times_are_told_in_utc_to_the_second():
    assert iso_time(0) == "1970-01-01T00:00:00Z"
    assert iso_time(1_785_000_005_999) == "2026-07-25T17:20:05Z"


def test_a_result_file_sent_again_continues_its_awards():
    content = f"discord_id;amount;reason\n{A};5;=thanks\n{B};-7;'tis\n".encode()
    options = ReadingOptions(now_ms=NOW_MS)
    facts = read(content, options).facts
    result = b"".join(
        result_csv(facts.columns, original_records(content, facts), {2: DONE, 3: Status("rejected", "no", 18, 0)})
    )
    again = read(result, options)
    rows = [entry for entry in again.entries() if isinstance(entry, Row)]
    assert [(row.recipient.value, row.amount, row.reason, row.award_id) for row in rows] == [
        (A, 5, "=thanks", 17),
        (B, -7, "'tis", 18),
    ]
    assert again.finish().warnings == ()
    assert again.facts.encoding == "utf-8-sig"
    twice = b"".join(result_csv(again.facts.columns, original_records(result, again.facts), {2: DONE, 3: DONE}))
    assert twice.split(b"\r\n")[0] == result.split(b"\r\n")[0]
    assert [one for _, one in original_records(twice, again.facts)] == [
        [A, "5", "=thanks", "applied", "", "17", "2026-07-25T17:20:05Z"],
        [B, "-7", "'tis", "applied", "", "17", "2026-07-25T17:20:05Z"],
    ]


WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Zs"]), min_size=1, max_size=12)


ODD_IDS = st.integers(10**17 // 2, 6 * 10**17).map(lambda number: 2 * number + 1)  # odd: never looks rounded
AMOUNTS = st.integers(-999, 999).filter(bool)


@given(st.lists(st.tuples(ODD_IDS, AMOUNTS, WORDS), min_size=1, max_size=8))
def test_whatever_was_exported_is_read_back_the_same(rows):
    records = ((line, [str(who), str(amount), why]) for line, (who, amount, why) in enumerate(rows, start=2))
    content = b"".join(result_csv(["discord_id", "amount", "reason"], records, {}))
    found = list(read(content, ReadingOptions()).entries())
    assert [(int(row.recipient.value), row.amount, row.reason) for row in found] == rows
