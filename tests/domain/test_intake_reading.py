"""What a reading tells besides rows: facts, limits, order of calls, memory."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.domain.discord_ids import EPOCH_MS
from bot.domain.intake import NOTICE_KINDS, PROBLEM_KINDS, REFUSAL_KINDS, FileFacts, original_records, read
from bot.domain.intake.names import distance, known, nearly, normalised
from bot.domain.model import RecipientType, Row
from tests.domain import intake_table as table

A, B = table.A, table.B


def finished(text, **changes: object):
    content = text if isinstance(text, bytes) else text.encode()
    reading = read(content, table.options(**changes))
    entries = list(reading.entries())
    return reading, entries, reading.finish()


def test_the_facts_are_what_the_card_shows():
    text = f"Winners\n\n Name ;User ID;Points;Note;award id;status;Rank\nAda;{A};5;x;3;rejected;1\n"
    reading, _, _ = finished(b"\xef\xbb\xbf" + text.encode())
    assert reading.facts == FileFacts(
        encoding="utf-8-sig",
        delimiter=";",
        header_line=3,
        columns=("Name", "User ID", "Points", "Note", "award id", "status", "Rank"),
        recipient_column="User ID",
        recipient_type=RecipientType.DISCORD_ID,
        amount_column="Points",
        reason_column="Note",
        source_column=None,
        award_id_column="award id",
        ignored=("Name", "Rank"),
    )


def test_the_facts_survive_json():
    reading, _, _ = finished(f"custom,source,email,amount\np1,steam,,5\n,,{table.E_MAIL},6\n")
    facts = reading.facts
    assert (facts.recipient_column, facts.other_recipient_columns, facts.source_column) == (
        "custom",
        ("email",),
        "source",
    )
    stored = json.loads(json.dumps(asdict(facts)))
    stored["columns"], stored["ignored"] = tuple(stored["columns"]), tuple(stored["ignored"])
    stored["other_recipient_columns"] = tuple(stored["other_recipient_columns"])
    stored["recipient_type"] = RecipientType(stored["recipient_type"])
    assert FileFacts(**stored) == facts


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "ü".encode()),
        ("utf-8-sig", "\ufeffü".encode()),
        ("utf-16-le", "\ufeffü".encode("utf-16-le")),
        ("utf-16-be", "\ufeffü".encode("utf-16-be")),
        ("windows-1252", "ü".encode("cp1252")),
    ],
)
def test_the_encoding_is_told_and_decides_what_is_read(encoding, content):
    codec = encoding.removesuffix("-sig")
    content = content.replace("ü".encode(codec), f"discord_id,amount,note\n{A},5,Zoë\n".encode(codec))
    reading, entries, _ = finished(content)
    assert reading.facts.encoding == encoding
    assert entries[0].reason == "Zoë"
    assert list(original_records(content, reading.facts)) == [(2, [A, "5", "Zoë"])]


def test_reasons_are_one_clean_line():
    text = f'discord_id,amount,reason\n{A},5,"  two\n\tlines\u202e\u200b "\n{A},5,\'=x\n{A},5,\'tis\n{A},5,"  "\n'
    _, entries, _ = finished(text)
    assert [row.reason for row in entries] == ["two lines", "=x", "'tis", None]


def test_award_ids_are_read_from_our_own_file():
    _, entries, _ = finished(f"discord_id,amount,award_id\n{A},5,17\n<@{B}>,6,'18\n{B},6\n")
    assert [row.award_id for row in entries] == [17, 18, None]


def test_the_hash_is_of_the_content_as_it_came():
    for content in (b"", table.PLAIN.encode(), b"PK\x03\x04"):
        assert read(content, table.DEFAULT).sha256 == hashlib.sha256(content).hexdigest()


def test_entries_come_once_and_the_ending_after_them():
    reading = read(table.PLAIN.encode(), table.DEFAULT)
    with pytest.raises(RuntimeError):
        reading.finish()
    entries = reading.entries()
    next(entries)
    with pytest.raises(RuntimeError):
        reading.finish()
    assert len(list(entries)) == 1
    assert reading.finish().rows == 2
    with pytest.raises(RuntimeError):
        reading.entries()


def test_a_refused_file_has_no_entries_and_its_refusal_for_an_ending():
    reading = read(b"%PDF-1.7", table.DEFAULT)
    assert list(reading.entries()) == [] == list(reading.entries())
    ending = reading.finish()
    assert (ending.refusal, ending.warnings, ending.rows, ending.total, ending.problems) == (
        reading.refusal,
        (),
        0,
        0,
        0,
    )


def test_a_file_at_the_limits_is_taken_and_one_above_is_not():
    rows = "".join(f"{int(A) + 2 * number},5\n" for number in range(10))
    text = f"discord_id,amount\n{rows}\n,,\nTotal,50\n"
    assert finished(text, max_rows=10)[2].rows == 10
    refusal = finished(text, max_rows=9)[0].refusal
    assert refusal.kind == "too-many-rows"
    assert "9 rows" in refusal.message and "Split" in refusal.message
    assert finished(text, max_bytes=len(text))[2].rows == 10
    refusal = finished(text, max_bytes=len(text) - 1)[0].refusal
    assert refusal.kind == "too-big" and "Split" in refusal.message


def test_an_id_from_the_future_is_a_problem_of_its_row():
    future = (table.NOW_MS + 3_600_000 - EPOCH_MS) << 22
    _, entries, _ = finished(f"discord_id,amount\n{future},5\n{A},5\n")
    assert [entry.kind if not isinstance(entry, Row) else "row" for entry in entries] == ["damaged-id", "row"]
    _, entries, _ = finished(f"discord_id,amount\n{future},5\n", now_ms=0)
    assert isinstance(entries[0], Row)


def test_a_control_total_that_is_wrong_tells_both_numbers_and_the_row():
    _, _, ending = finished(f"discord_id,amount\n{A},5000\n{B},7\n,5008\n")
    assert ending.refusal.kind == "control-total"
    assert all(word in ending.refusal.message for word in ("Row 4", "5,008", "5,007"))


def test_a_control_total_that_fits_in_no_reading_is_shown_as_written():
    _, _, ending = finished(f"discord_id;amount\n{A};600\n{B};410\nSumme;1.100 Punkte\n")
    assert "the file's total: “1.100 Punkte”, but the rows add up to 1,010." in ending.refusal.message


def test_totals_that_cannot_be_read_say_so_and_not_that_the_amounts_of_others_cannot():
    _, _, one = finished(f"discord_id;amount\n{A};5\nSumme;5\nSumme;=B2\n")
    assert [(warning.lines, warning.message) for warning in one.warnings] == [
        (
            (4,),
            "row 4 was taken for the file's total, its amount “=B2” cannot be read, so it was not compared;"
            " write it as a plain number or remove the row",
        ),
        ((3,), "the file's own total of 5 matches its rows and is not sent; add a recipient if it is an award"),
    ]
    _, _, two = finished(f"discord_id;amount\n{A};5\nSumme;=B2\nSumme;?\n")
    assert [(warning.lines, warning.message) for warning in two.warnings] == [
        (
            (3, 4),
            "2 rows were taken for the file's totals, their amounts, such as “=B2”, cannot be read, so they were not"
            " compared; write them as plain numbers or remove the rows",
        )
    ]


@pytest.mark.parametrize(("content", "chosen", "message"), [
    (table.PLAIN, {"amount_column": "discord_id"},
     "The column “discord_id” says who and cannot also say how much."
     " Choose “amount”, or give one amount for all rows."),
    ("discord_id\n", {"amount_column": "discord_id"}, "The column “discord_id” says who and cannot also say how much."
     " Add a column with the amounts, or give one amount for all rows."),
    ("who,amount,x\n1,5,\n", {"recipient_column": "amount"},
     "The column “amount” says how much and cannot also say who. Choose one of “who” and “x”."),
    ("amount\n5\n", {"recipient_column": "amount"},
     "The column “amount” says how much and cannot also say who. Add a column with the recipients."),
])  # fmt: skip
def test_a_column_chosen_for_what_it_cannot_say_is_told_for_what_it_says(content, chosen, message):
    refusal = read(content.encode(), table.options(**chosen)).refusal
    assert refusal is not None and refusal.message == message


def test_a_list_of_ids_alone_is_not_told_to_rename_one_of_its_columns():
    alone = read(f"user_id\n{A}\n".encode(), table.DEFAULT).refusal
    more = read(f"user_id,XP\n{A},5\n".encode(), table.DEFAULT).refusal
    assert alone.message == "No column says how much. Add one called amount or give one amount for all rows."
    assert more.message.endswith("Name one of them amount, choose it or give one amount for all rows.")


def test_a_name_that_is_taken_is_not_advised_for_the_column_that_has_the_ids():
    taken = read(f"discord_id,member id,amount\nada,{A},5\n".encode(), table.DEFAULT).refusal
    free = read(f"user,member id,amount\nada,{A},5\n".encode(), table.DEFAULT).refusal
    assert taken.message.endswith("the ids (“member id”), or let the two change names.")
    assert free.message.endswith("the ids (“member id”), or rename it to discord_id.")


def test_rows_that_may_be_totals_or_awards_say_that_they_are_not_sent():
    _, entries, ending = finished(f"name,discord_id,amount\nAda,{A},50\nBob,,75\nCy,{B},x\nDi,,5\n")
    (warning,) = (one for one in ending.warnings if one.kind == "control-total")
    assert (warning.lines, len(entries)) == ((3, 5), 2)
    assert warning.message.startswith("2 rows without a recipient will not be sent, taken for the file's own total,")


def test_an_amount_that_a_comma_may_have_parted_says_what_to_do_if_it_did_not():
    reading = read(f"discord_id,amount,level\n{table.A},1,250,\n".encode(), table.DEFAULT)
    (problem,) = reading.entries()
    assert problem.message == (
        "the row has 4 cells, the header 3; write 1250 if that is the amount, else take the empty cells at its end away"
    )


@pytest.mark.no_cover
def test_reading_keeps_no_rows_in_memory():
    rows = "".join(f"{int(A) + 977 * number},{number % 90 + 1},thanks\n" for number in range(30_000))
    content = f"discord_id,amount,reason\n{rows}".encode()
    tracemalloc.start()
    try:
        reading = read(content, table.DEFAULT)
        for _ in reading.entries():
            pass
        reading.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000, "30,000 rows would be 10 MB as objects"


NEARLY = [
    ("amonut", "amount"),
    ("Amout", "amount"),
    ("ammounts", "amount"),
    ("pionts", "points"),
    ("discrod_id", "discord_id"),
    ("discrodid", "discord_id"),
    ("user_ids", "user_id"),
    ("awrad id", "award_id"),
    ("walet", "wallet"),
    ("e-mial", "email"),
    ("usr", "user"),
    ("notes", "note"),
    ("customer", "custom"),
    ("name", None),
    ("username", None),
    ("display name", None),
    ("date", None),
    ("role", None),
    ("rank", None),
    ("details", None),
    ("state", None),
    ("discord", None),
    ("award", None),
    ("amount", None),
    ("", None),
    ("   ", None),
    ("🎉", None),
]


@pytest.mark.parametrize(("name", "meant"), NEARLY)
def test_a_name_within_two_letters_of_a_known_one_is_a_misspelling(name, meant):
    assert nearly(name) == meant


def test_names_are_the_same_in_every_spelling():
    assert {normalised(one) for one in ("Discord ID", "discord-id", " DISCORD__ID ", "discord\u2011id")} == {
        "discord_id"
    }
    assert known("DiscordId") == "discord_id"
    assert known("Discord ID:") == known("Discord ID *") == known("**discord_id**") == "discord_id"
    assert known("Comment") is None


def test_letters_are_counted():
    assert distance("amonut", "amount", 2) == 1, "neighbours swapped"
    assert distance("abc", "abc", 2) == 0
    assert distance("abc", "axyz", 2) == 3
    assert distance("a", "abcdef", 2) == 3


def test_every_kind_has_a_name_for_programs_and_a_meaning_for_people():
    for kinds in (PROBLEM_KINDS, NOTICE_KINDS, REFUSAL_KINDS):
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in kinds)
        assert all(meaning and meaning[-1] != "." for meaning in kinds.values())


def test_no_kind_is_used_that_is_not_in_the_list():
    used = set()
    for path in (Path(__file__).parents[2] / "bot" / "domain").rglob("*.py"):
        source = path.read_text("utf-8")
        used |= set(re.findall(r'(?:Refusal|Notice|Error)\(\s*"([a-z-]+)"', source))
        used |= set(re.findall(r'Problem\([^"]*?"([a-z]+-[a-z-]+)"', source))
    assert {"control-total", "bad-recipient", "no-recipient"} <= used
    assert used <= {*PROBLEM_KINDS, *NOTICE_KINDS, *REFUSAL_KINDS}
