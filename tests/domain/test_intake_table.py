"""Every file of the table becomes what the table says."""

from __future__ import annotations

import pytest

from bot.domain.intake import PROBLEM_KINDS, REFUSAL_KINDS, original_records, read
from bot.domain.kinds import NOTICE_KINDS
from bot.domain.model import Problem, RecipientType, Row
from tests.domain import intake_table as table


def through(content, options):
    """Everything that reading a file tells."""
    reading = read(content, options)
    entries = list(reading.entries())
    rows = [entry for entry in entries if isinstance(entry, Row)]
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    return reading, rows, problems, reading.finish()


def judged(row):
    return (row.line, row.recipient.type.value, row.recipient.value, row.amount)


def by_id(cases):
    return [pytest.param(one, id=one.name) for one in cases]


@pytest.mark.parametrize("case", by_id(table.ALL_CASES))
def test_a_file_becomes_exactly_the_rows_problems_and_warnings_of_the_table(case):
    reading, rows, problems, ending = through(case.content, case.options)
    refusal = reading.refusal or ending.refusal
    assert (refusal.kind if refusal else None) == case.refused, refusal
    assert [judged(row) for row in rows] == case.rows
    assert [(problem.line, problem.column, problem.kind) for problem in problems] == case.problems
    warnings = {warning.kind: warning.lines for warning in ending.warnings}
    assert warnings == case.warnings
    offered = reading.facts.recipient_choices if reading.facts else ()
    assert (refusal.choices if refusal else offered) == case.choices
    assert (ending.rows, ending.total, ending.problems) == (len(rows), sum(row.amount for row in rows), len(problems))
    assert (reading.facts is None) == (reading.refusal is not None)


@pytest.mark.parametrize("column,cell,expected", table.RECIPIENTS)
def test_a_cell_names_a_recipient_or_tells_what_is_wrong_with_it(column, cell, expected):
    _, rows, problems, ending = through(f"{column},amount\n{cell},5\n".encode(), table.DEFAULT)
    if isinstance(expected, tuple):
        assert [(row.recipient.type.value, row.recipient.value) for row in rows] == [expected]
        assert not problems and not ending.warnings
    else:
        assert [(problem.column, problem.kind) for problem in problems] == [(column, expected)]
        assert not rows


@pytest.mark.parametrize("name,content,kind,words", [pytest.param(*one, id=one[0]) for one in table.REFUSED])
def test_what_is_no_table_is_named_for_what_it_is(name, content, kind, words):
    reading, rows, problems, ending = through(content, table.DEFAULT)
    refusal = reading.refusal or ending.refusal
    assert refusal is not None and refusal.kind == kind
    assert all(word in refusal.message for word in words), refusal.message
    assert not rows and not problems


def test_a_name_where_an_id_belongs_is_told_to_be_a_name():
    for name in ("ada", "ada#1234", "@ada.b", "Zoë"):
        _, _, (problem,), _ = through(f"user,amount\n{name},5\n".encode(), table.DEFAULT)
        assert "is a name, not an id" in problem.message
        assert "Copy User ID" in problem.message


DIGITS = "0x" + "1234567890" * 4
"""A wallet that is all digits: to a careless eye, two Discord ids."""


@pytest.mark.parametrize("cell,words", [
    (table.WALLET, "is a wallet, not a Discord id; put it into a column named wallet"),
    (DIGITS, "is a wallet, not a Discord id; put it into a column named wallet"),
    (f"{table.A}.{table.B}@example.org", "is an e-mail address, not a Discord id; put it into a column named email"),
    (table.E_MAIL, "is an e-mail address, not a Discord id; put it into a column named email"),
])  # fmt: skip
@pytest.mark.parametrize("column", ["user", "discord_id"])
def test_who_is_named_otherwise_in_a_column_of_members_reads_which_column_it_belongs_to(column, cell, words):
    _, rows, (problem,), _ = through(f"{column},amount\n{cell},5\n".encode(), table.DEFAULT)
    assert (rows, problem.kind, problem.column) == ([], "bad-recipient", column)
    assert problem.message.endswith(words)


@pytest.mark.parametrize("most,words", [
    (10, "10 bytes"), (1, "1 byte"), (9_999, "9,999 bytes"), (12_000, "12 kB"),
    (10_000_000, "10 MB"), (2_500_000, "2.5 MB"), (999_999, "999,999 bytes"),
])  # fmt: skip
def test_a_file_that_is_too_big_reads_the_limit_and_no_size_that_nobody_measured(most, words):
    refusal = read(b"x" * (most + 1), table.options(max_bytes=most)).refusal
    assert refusal is not None and refusal.kind == "too-big"
    assert refusal.message == f"The file has more than {words}, the most that is allowed. Split it into smaller files."


@pytest.mark.parametrize("content,words", [
    (f"Benutzer;Betrag\n{table.A};5\n", "Bursar knows none of the column names in row 1, “Benutzer;Betrag”."),
    (f"{table.A},5\n", f"Row 1 begins with data (“{table.A}”), there is no header above it."),
    ("\nwinners of July\n", "None of the first 20 rows has a column name that Bursar knows; row 2 says “winners"),
    (f"\nuser_id amount\n{table.A} 5\n", "Row 2 has the names of the columns in one cell, “user_id amount”. Put a"),
    (f"Member Points\nName;Kennung\nAda;{table.A}\n", "Bursar knows none of the column names in row 2, “Name;Kennung”"),
    (f'"User ID,Points"\n"{table.A},5"\n', "Row 1 has the names of the columns in one cell, “User ID,Points”. Put a"),
    (f"User ID    Points\n{table.A}    5\n", "Row 1 has the names of the columns in one cell, “User ID    Points”."),
    (f"sep=,\nuser;amount\n{table.A};5\n", "Row 2 has the names of the columns in one cell, “user;amount”, since the"),
    (",,\n,,\n", "The first 20 rows are empty."),
])  # fmt: skip
def test_a_file_without_a_known_header_reads_what_stands_in_its_place(content, words):
    refusal = read(content.encode(), table.DEFAULT).refusal
    assert refusal is not None and refusal.kind == ("no-recipient-column" if refusal.choices else "no-header")
    assert refusal.message.startswith(words)


GUESSES = [
    # cells of a column chosen by hand, accepted types, the type it is read as
    ([table.A, "<@1103345678901234567>"], None, "discord-id"),
    ([table.A, "2.01E+17"], None, "discord-id"),
    ([table.DRIP], None, "drip-id"),
    ([table.E_MAIL], None, "email"),
    ([table.WALLET, "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"], None, "wallet"),
    (["C1", "C2"], None, "customer-id"),
    ([table.E_MAIL, "none", "ada@example.org"], None, "email"),
    ([f"<@{table.A}>", f"<@{table.B}>", "n/a"], {RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}, "discord-id"),
    (["n/a", table.A], {RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}, "discord-id"),
    (["C1", "C2", table.A], {RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}, "customer-id"),
    (["C1"], {RecipientType.DISCORD_ID}, "discord-id"),
    ([table.E_MAIL], {RecipientType.CUSTOMER_ID, RecipientType.DISCORD_ID}, "customer-id"),
]


@pytest.mark.parametrize(("cells", "accepts", "type_"), GUESSES)
def test_a_column_chosen_by_hand_is_read_as_what_its_cells_are(cells, accepts, type_):
    content = "Who,amount\n" + "".join(f"{cell},5\n" for cell in cells)
    accepted = None if accepts is None else frozenset(accepts)
    reading = read(content.encode(), table.options(recipient_column="who", accepts=accepted))
    assert reading.facts.recipient_type == type_


def every_message():
    cases = [*table.ALL_CASES]
    cases += [table.case(name, content) for name, content, *_ in table.REFUSED]
    cases += [table.case(cell, f"{column},amount\n{cell},5\n") for column, cell, _ in table.RECIPIENTS]
    for case in cases:
        reading, _, problems, ending = through(case.content, case.options)
        for refusal in (reading.refusal, ending.refusal):
            if refusal:
                yield "refusal", refusal.kind, refusal.message
        for problem in problems:
            yield "problem", problem.kind, problem.message
        for warning in ending.warnings:
            yield "notice", warning.kind, warning.message


STEPS = (
    "Add", "Choose", "Correct", "Export", "Fill", "Name", "Open", "Rename", "Send", "Split", "Unpack",
    "add", "check", "choose", "clear", "close", "compare", "copy", "correct", "fill", "format", "leave", "lower",
    "make", "move", "put", "remove", "rename", "round", "shorten", "use", "write",
)  # fmt: skip


def test_every_message_is_a_cause_and_a_next_step_and_fits_its_card():
    seen = set()
    for sort, kind, message in every_message():
        seen.add((sort, kind))
        first, mark, rest = message.partition(". ") if sort == "refusal" else message.rpartition("; ")
        assert first and mark, message
        assert any(sentence.strip().startswith(STEPS) for sentence in rest.split(". ")), message
        assert len(message) <= {"refusal": 600, "problem": 160, "notice": 240}[sort], message
        assert message.endswith(".") == (sort == "refusal"), message
        assert message.isprintable(), message
    # The others are told by the services, or by ``planning`` and the tests of rounding and limits.
    assert kinds(seen, "problem") == {*PROBLEM_KINDS} - {
        "duplicate", "unknown-award", "repeated-award", "other-award", "reversal", "taken-back", "written-off",
        "self-award", "nothing-to-pay",
    }  # fmt: skip
    assert kinds(seen, "notice") == {*NOTICE_KINDS} - {
        "duplicate",
        "already-awarded",
        "self-award",
        "suspected-rounding",
        "halted",
        "in-doubt",
        "month-quota",
    }
    assert kinds(seen, "refusal") == {*REFUSAL_KINDS} - {"too-big", "too-many-rows", "unusable"}


def kinds(seen, wanted):
    return {kind for sort, kind in seen if sort == wanted}


@pytest.mark.parametrize("case", by_id(table.ALL_CASES))
def test_the_original_records_are_those_that_were_judged(case):
    reading, rows, problems, ending = through(case.content, case.options)
    if reading.facts is None:
        return
    lines = [line for line, _ in original_records(case.content, reading.facts)]
    assert lines == sorted(set(lines))
    told = {row.line for row in rows} | {one.line for one in problems if one.kind != "above-header"}
    for warning in ending.warnings:
        if warning.kind in ("nothing-to-pay", "control-total"):
            told |= set(warning.lines)
    assert told <= set(lines)
    assert len(set(lines) - told) <= (2 if case.refused == "control-total" or "label" in case.name else 0)
