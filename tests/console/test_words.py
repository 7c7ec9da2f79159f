"""What people read: numbers, durations, progress, previews; and nothing that could take over their terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from bot.console import output, preview
from bot.console.progress import Progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under a second"), (40, "40 s"), (89.6, "90 s"), (90, "2 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, words: str):
    assert output.duration(seconds) == words


@pytest.mark.parametrize(
    ("canonical", "unit", "words"),
    [
        ("1203", "points", "1,203 points"),
        ("1", "points", "1 point"),
        ("-1", "points", "-1 point"),
        ("-1203", "points", "-1,203 points"),
        ("12.5", "money", "12.50"),
        ("-1250", "money", "-1,250.00"),
        ("0", "points", "0 points"),
    ],
)
def test_amounts(canonical: str, unit: str, words: str):
    assert preview.amount_words(canonical, unit) == words


def test_text_from_a_file_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]):
    output.say("line 3: \x1b[2J\x07\u202eabc\nnext")
    assert capsys.readouterr().out == "line 3: \ufffd[2J\ufffd\ufffdabc\ufffdnext\n"


def test_columns_are_aligned():
    assert list(output.table([("a", "bb", "c"), ("aaa", "b", "")])) == ["  a    bb  c", "  aaa  b"]
    assert list(output.table([])) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HELD_BACK = {"awards": 0, "doubts": [], "in_doubt": 0}


def standing(**counts: int) -> dict[str, Any]:
    names = ("planned", "sending", "applied", "rejected", "unknown", "cancelled", "written_off")
    return {
        "counts": {name: counts.get(name, 0) for name in names},
        "doing": "sending",
        "seconds_left": 40.0,
        "held_back": HELD_BACK,
    }


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_gets_a_bar_in_place():
    stream = Terminal()
    progress = Progress(Time(), stream)
    progress.standing(standing(planned=3, applied=1))
    progress.standing(standing(applied=3, rejected=1))
    progress.close()
    text = stream.getvalue()
    assert text.count("\r\x1b[K") == 2
    assert "[######..................] 1 of 4, about 40 s left" in text
    assert text.endswith("[########################] 4 of 4, 1 rejected\n")


def test_anything_else_gets_plain_lines_now_and_then_and_the_last_one_always():
    stream, time = io.StringIO(), Time()
    progress = Progress(time, stream)
    progress.standing(standing(planned=3, applied=1))
    progress.standing(standing(planned=2, applied=2))
    time.now = 6.0
    progress.standing(standing(planned=1, applied=3))
    progress.standing(standing(applied=3, unknown=1))
    progress.close()
    assert stream.getvalue().splitlines() == [
        "1 of 4, about 40 s left",
        "3 of 4, about 40 s left",
        "3 of 4, 1 unknown",
    ]


def test_what_is_left_is_said_in_words_that_go_together():
    stream = io.StringIO()
    Progress(Time(), stream).standing({**standing(planned=1, applied=1), "seconds_left": 0.3})
    Progress(Time(), stream).standing({**standing(unknown=2), "doing": "reading-back", "settled_at": None})
    Progress(Time(), stream).standing({**standing(planned=2), "seconds_left": None, "doing": "waiting-for-lane"})
    assert stream.getvalue().splitlines() == [
        "1 of 2, under a second left",
        "0 of 2, 2 unknown, reading back what is in doubt",
        "0 of 2, waiting until no earlier call can arrive any more",
    ]


def test_what_was_found_in_a_file_is_told_as_people_say_it():
    facts = {"encoding": "utf-8-sig", "delimiter": ";", "header_line": 3, "recipient_column": "Discord ID"}
    rest = {"amount_column": "Points", "reason_column": "Note", "ignored": ["Name"]}
    assert preview.file_words({**facts, **rest}) == (
        ": UTF-8, semicolons, header in line 3; who: Discord ID; how much: Points; why: Note; ignored: Name"
    )


def test_an_end_names_one_next_step_for_whatever_is_not_done():
    state = {**standing(planned=1, applied=1, rejected=1, unknown=1), "batch": "7", "pause": None}
    text = "\n".join(preview.end_lines(state, stopped=True))
    assert "Batch 7: 1 planned, 1 applied, 1 rejected, 1 unknown." in text
    assert "`bursar resume`" in text
    assert "`/batch resolve`" in text
    assert "`bursar export --batch 7`" in text


def test_rows_behind_doubts_name_the_first_of_them():
    held_back = {"awards": 1200, "doubts": ["4", "5", "6", "7", "8"], "in_doubt": 1007}
    state = {**standing(planned=1200), "batch": "7", "pause": None, "held_back": held_back}
    text = "\n".join(preview.end_lines(state, stopped=False))
    assert "1,200 awards wait because" in text
    assert "(awards 4, 5, 6, 7, 8 and 1,002 more)" in text


def test_a_paused_batch_says_why_and_who_can_go_on():
    state = {**standing(planned=1), "batch": "7", "pause": {"kind": "key", "message": "the key is refused"}}
    text = "\n".join(preview.end_lines(state, stopped=False))
    assert "It is paused. The key is refused." in text
    assert "`bursar resume --paused 7`, or `/batch resume` in Discord, goes on with it." in text


def test_problems_beyond_the_first_are_counted():
    problems = [{"line": n, "column": "amount", "kind": "x", "message": "too large"} for n in range(2, 32)]
    lines = list(preview.problem_lines(problems, 30, limit=20))
    assert lines[0] == "30 rows cannot be sent:"
    assert lines[1] == "  line 2   amount  too large"
    assert lines[-1].startswith("  … and 10 more")
