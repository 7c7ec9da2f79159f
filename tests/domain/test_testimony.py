"""What a result file of a lost ledger means for the restored one: the table was written before the code."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from bot.domain.model import Duplicates, Recipient, RecipientType, Row
from bot.domain.states import AWARD_MOVES, FINAL, AwardState
from bot.domain.testimony import is_elsewhere, state_of, steps, told_of

# Rows: what the award is here. Columns: what the file tells of it. P planned, S sending, A applied, R rejected,
# U unknown, C cancelled, W written-off; "-" nothing to do, "!" both cannot be true.
LETTERS = dict(zip("PSARUCW", AwardState, strict=True))
TABLE = """
here  P   S   A   R   U   C   W
P     SU  SU  SA  SR  SU  C   SUW
S     -   -   A   R   -   PC  UW
A     -   -   -   !   -   !   !
R     -   -   !   -   -   !   !
U     -   -   A   R   -   PC  W
C     -   -   !   !   -   -   !
W     -   -   !   !   -   !   -
"""


def cells() -> list[tuple[AwardState, AwardState, str]]:
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (LETTERS[row[0]], LETTERS[told], cell) for row in rows for told, cell in zip(head[1:], row[1:], strict=True)
    ]


def test_the_table_has_every_pair() -> None:
    assert {(here, told) for here, told, _ in cells()} == set(product(AwardState, AwardState))


@pytest.mark.parametrize(("here", "told", "cell"), cells())
def test_what_is_told_is_taken_over_in_legal_steps(here: AwardState, told: AwardState, cell: str) -> None:
    found = steps(here, told)
    assert found == (None if cell == "!" else () if cell == "-" else tuple(LETTERS[letter] for letter in cell))
    path = (here, *(found or ()))
    assert all(new in AWARD_MOVES[old] for old, new in pairwise(path))
    assert AwardState.PLANNED not in path[-1:] or here is AwardState.PLANNED, "nothing is sent because of a file"
    if found:
        assert path[-1] is told or path[-1] is AwardState.UNKNOWN
        assert told in FINAL or path[-1] is AwardState.UNKNOWN


def row(line: int, who: str, amount: int, award_id: int | None) -> Row:
    return Row(line, Recipient(RecipientType.DISCORD_ID, who), amount, None, award_id)


PAID = AwardState.APPLIED


def test_rows_of_one_award_are_one_award() -> None:
    rows = [(row(2, "7", 10, 5), PAID, ""), (row(3, "8", 1, 6), PAID, ""), (row(4, "7", 10, 5), PAID, "")]
    added, other = told_of(rows, {"discord-id:7": "member-7"}, Duplicates.SUM)
    assert (added.lines, added.amount, added.target, added.amounts) == ((2, 4), 20, "member-7", {20, 10})
    assert (other.lines, other.amount, other.target) == ((3,), 1, "8")
    once, _ = told_of(rows, {}, Duplicates.ONCE)
    assert once.amount == 10


def test_rows_without_an_award_id_are_awards_of_their_own() -> None:
    rows = [(row(2, "7", 10, None), PAID, ""), (row(3, "7", 10, None), PAID, "")]
    assert [one.amount for one in told_of(rows, {}, Duplicates.SUM)] == [10, 10]


def test_a_row_that_stands_for_another_batch_s_award_says_so() -> None:
    said = "paid as award 12 in batch 3"
    assert is_elsewhere(said, 12)
    assert not is_elsewhere(said, 13)
    assert not is_elsewhere("", 12)
    (one,) = told_of([(row(2, "7", 10, 12), PAID, said)], {}, Duplicates.SUM)
    assert one.elsewhere


@pytest.mark.parametrize(
    ("status", "state"),
    [("applied", PAID), (" Written-Off ", AwardState.WRITTEN_OFF), ("not sent", None), ("no award", None)],
)
def test_statuses_are_those_of_our_result_files(status: str, state: AwardState | None) -> None:
    assert state_of(status) is state


@pytest.mark.parametrize("status", ["paid", "written off", "ok", ""])
def test_another_word_is_not_taken_for_unpaid(status: str) -> None:
    with pytest.raises(ValueError, match="AwardState"):
        state_of(status)
