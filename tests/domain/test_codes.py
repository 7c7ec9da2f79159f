"""Receipt codes: what is read is what was written, however it was typed, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.codes import code_of, read_code

HASHES = st.binary(min_size=32, max_size=32)


@given(HASHES, st.none() | st.integers(1, 999_999_999))
def test_a_code_is_read_back_as_it_was_written(entry_hash: bytes, line: int | None):
    code = code_of(entry_hash, line)
    assert read_code(str(code)) == code
    assert code.lowest <= entry_hash <= code.highest


@given(HASHES, HASHES)
def test_hashes_of_another_code_are_outside_its_range(one: bytes, other: bytes):
    code = code_of(one)
    assert (code.lowest <= other <= code.highest) == (code_of(other) == code)


@pytest.mark.parametrize("typed", ["5d1gp-66pb0", "5D1GP66PB0", " 5D1GP 66PB0\n", "5DIGP-66PBO", "5dlgp66pbo"])
def test_case_dashes_spaces_and_misread_letters_do_not_matter(typed: str):
    code = code_of(bytes.fromhex("2b42e8326c5a0000"))
    assert str(code) == "5D1EG-CKCB8"
    assert str(read_code(typed)) == "5D1GP-66PB0"


def test_a_line_behind_the_code_names_one_award():
    assert read_code("5D1GP-66PB0.12").line == read_code("5D1GP66PB0 #12").line == 12


@pytest.mark.parametrize(
    "typed", ["", "batch 12", "5D1GP-66PB", "5D1GP-66PB00", "5D1GU-66PB0", "5D1GP-66PB0.", "5D1GP-66PB0.x", "é" * 10]
)
def test_what_is_no_code_is_said_to_be_none(typed: str):
    with pytest.raises(ValueError, match="no receipt code"):
        read_code(typed)
