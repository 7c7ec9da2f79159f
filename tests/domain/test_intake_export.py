"""What ``export`` wrote is read back: each row says of which type its recipient is, and which award it continues."""

from __future__ import annotations

import pytest

from bot.domain.intake import read
from bot.domain.model import Problem, RecipientType, Row
from tests.domain.intake_table import DRIP, E_MAIL, WALLET, A, options

HEADER = (
    "batch,award,line,lines,programme,recipient_type,recipient_value,recipient_source,amount,state,attempts,detail,"
    "target,reason,balance,continues,changed_at,recorded_at,by,label"
)


def line(award: int, type_: str, value: str, source: str = "") -> str:
    return f"1,{award},2,2 3,drip-credentials,{type_},{value},{source},5,rejected,1,no such member,,Quest,,,t,t,mod,May"


def through(text: str, **changes: object) -> tuple[list[Row], list[Problem], list[str]]:
    reading = read(text.encode(), options(**changes))
    assert reading.refusal is None, reading.refusal
    entries = list(reading.entries())
    kinds = [warning.kind for warning in reading.finish().warnings]
    rows = [entry for entry in entries if isinstance(entry, Row)]
    return rows, [entry for entry in entries if isinstance(entry, Problem)], kinds


def test_every_type_comes_back_with_its_award() -> None:
    given = [
        ("discord-id", f"'{A}", ""), ("drip-id", DRIP, ""), ("wallet", WALLET, ""), ("email", E_MAIL, ""),
        ("twitter-id", "12345", ""), ("custom", "player 7", "steam"), ("customer-id", "C-7", ""),
    ]  # fmt: skip
    text = "\n".join([HEADER, *(line(10 + number, *one) for number, one in enumerate(given))])
    rows, problems, warnings = through(text)
    assert (problems, warnings) == ([], [])
    assert [(row.recipient.type.value, row.recipient.value, row.recipient.source or "") for row in rows] == [
        (type_, value.lstrip("'"), source) for type_, value, source in given
    ]
    assert [row.award_id for row in rows] == list(range(10, 17))
    assert {(row.amount, row.reason) for row in rows} == {(5, "Quest")}


@pytest.mark.parametrize("written", ["discord_id", " Discord-ID "])
def test_a_type_may_be_written_as_its_column_is(written: str) -> None:
    (row,), problems, _ = through(f"recipient_type,recipient_value,amount\n{written},{A},5")
    assert (row.recipient.type, problems) == (RecipientType.DISCORD_ID, [])


def test_a_type_that_is_none_and_a_value_of_another_are_problems() -> None:
    rows, problems, _ = through(f"recipient_type,recipient_value,amount\ntwitch,{A},5\n,{A},5\nwallet,{A},5\n")
    assert rows == []
    assert [(one.line, one.column, one.kind) for one in problems] == [
        (2, "recipient_type", "bad-recipient"),
        (3, "recipient_type", "bad-recipient"),
        (4, "recipient_value", "bad-recipient"),
    ]


def test_a_type_that_the_programme_does_not_take_is_a_problem_of_its_row() -> None:
    text = f"recipient_type,recipient_value,amount\nwallet,{WALLET},5\ndiscord-id,{A},5\n"
    (row,), (problem,), _ = through(text, accepts=frozenset({RecipientType.DISCORD_ID}))
    assert (row.line, problem.line, problem.kind) == (3, 2, "wrong-type")


def test_columns_with_names_of_the_export_are_told_of_in_any_other_file() -> None:
    reading = read(f"discord_id,amount,label,award\n{A},5,May,7\n".encode(), options())
    assert reading.facts is not None
    assert reading.facts.ignored == ("label", "award")
    assert [entry.award_id for entry in reading.entries() if isinstance(entry, Row)] == [None]
