"""An export as a result file: whose lines are read, and which are not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.exported import of_programme

HEAD = (
    "batch,award,line,lines,programme,recipient_type,recipient_value,recipient_source,amount,state,attempts,detail,"
    "target,reason,balance,continues,changed_at,recorded_at,by,label"
)
LINE = "3,{award},2,2,{programme},discord-id,'123456789012345678,,10,applied,1,,t,Quiz,,,{at},{at},ada,"
AT = "2026-07-31T18:00:05.250Z"


def export(*lines: str, head: str = HEAD) -> bytes:
    return "\r\n".join([head, *lines, ""]).encode()


def test_awards_of_the_programme_are_taken_with_the_time_of_their_batch() -> None:
    lines = [LINE.format(award=n, programme=name, at=AT) for n, name in ((1, "gameball"), (2, "drip-members"))]
    found = of_programme(export(*lines), "drip-members")
    assert found is not None
    assert found.recorded == {2: 1_785_520_805_250}
    head, line = found.content.decode().splitlines()
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    kept = {name: cells[name] for name in ("discord_id", "amount", "status", "award_id", "time", "reason")}
    assert kept == {
        "discord_id": "'123456789012345678",
        "amount": "10",
        "status": "applied",
        "award_id": "2",
        "time": "2026-07-31T18:00:05Z",
        "reason": "Quiz",
    }


def test_what_each_row_of_an_award_said_is_taken_with_it() -> None:
    line = LINE.format(award=1, programme="gameball", at=AT)
    found = of_programme(export(line + ",'-5 15", line + ",", head=HEAD + ",line_amounts"), "gameball")
    assert found is not None and found.amounts == {2: ["-5", "15"]}


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheets_own_separators_are_read(mark: str) -> None:
    line = LINE.format(award=1, programme="gameball", at=AT).replace(",", mark)
    found = of_programme("\ufeff".encode() + export(line, head=HEAD.replace(",", mark)), "gameball")
    assert found is not None and len(found.recorded) == 1


NO_TIME = HEAD.replace("recorded_at,", "").encode()


@pytest.mark.parametrize("content", [b"", b"discord_id,amount,status\n1,2,applied\n", b"\xff\xfe\x00", NO_TIME])
def test_anything_else_is_no_export(content: bytes) -> None:
    assert of_programme(content, "gameball") is None


@given(st.text(max_size=300))
@example("," * 200_000)
@example('"' + "x" * 140_000)
@example("3,1,2,2,gameball,discord-id,1,,10,applied,1,,t,,,,9999-12-31T23:59:59+00:00,0001-01-01T00:00:00-14:00,,")
def test_whatever_stands_below_the_header_is_read_or_refused_by_line(text: str) -> None:
    try:
        found = of_programme(export(text), "gameball")
    except ValueError as error:
        assert str(error).startswith("line ")
    else:
        assert found is not None


@pytest.mark.parametrize(
    "line",
    [
        '"' + LINE.format(award=1, programme="gameball", at=AT) + '"',
        LINE.format(award=1, programme="", at=AT),
        LINE.format(award=1, programme="gameball", at=AT) + ",,x",
    ],
)
def test_a_line_whose_cells_are_not_where_they_belong_is_not_passed_over(line: str) -> None:
    """An award that is left out counts as unpaid: a spreadsheet may have made one cell of its line."""
    good = LINE.format(award=2, programme="gameball", at=AT)
    with pytest.raises(ValueError, match="line 3 cannot be read"):
        of_programme(export(good, line), "gameball")


def test_empty_lines_and_cells_at_the_end_mean_nothing() -> None:
    found = of_programme(export(LINE.format(award=2, programme="gameball", at=AT) + ",,", ",,,", ""), "gameball")
    assert found is not None and len(found.recorded) == 1


@pytest.mark.parametrize("spoiled", ["31.07.2026 18:00", "", "2026-07-31T18:00:05"])
def test_a_line_without_a_time_is_named(spoiled: str) -> None:
    with pytest.raises(ValueError, match="line 2 cannot be read"):
        of_programme(export(LINE.format(award=1, programme="gameball", at=spoiled)), "gameball")
