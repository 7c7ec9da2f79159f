"""Every stored input, and the same bytes damaged at random; ``make fuzz`` goes on from there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS, corpus_of

pytestmark = pytest.mark.no_cover

STORED = [(target, path) for target in TARGETS for path in corpus_of(target)]


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(("target", "path"), STORED, ids=[f"{target}/{path.name}" for target, path in STORED])
def test_a_stored_input_does_no_harm(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@cache
def damaged(target: str) -> st.SearchStrategy[bytes]:
    """Stored inputs cut, joined, and with bytes changed; and any bytes at all."""
    stored = st.sampled_from([path.read_bytes() for path in corpus_of(target)])
    pieces = st.lists(st.binary(max_size=6) | st.sampled_from(JUNK), min_size=1, max_size=3)
    places = st.lists(st.integers(0, 2000), min_size=3, max_size=3)
    changed = st.builds(_changed, stored, places, pieces)
    spliced = st.builds(lambda one, two, at: one[: at % (len(one) + 1)] + two[at % (len(two) + 1) :], stored, stored,
                        st.integers(0, 2000))  # fmt: skip
    return changed | changed | spliced | st.binary(max_size=300)


JUNK = [
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 30, b"-1", b"0.5", b'"5"', b"[]", b"{}", b"[" * 3000,
    b'"\\ud800"', b"\\u0000", b"\xff\xfe", b"\0", b'"', b"'", b"\r", b"\n\n", b",", b";", b"\xe2\x80\xae", b"--",
    b'{"a":1,"a":2}', b"\xef\xbb\xbf", b"=", b"@everyone", b"<@", b"1" * 5000,
]  # fmt: skip


def _changed(content: bytes, places: list[int], pieces: list[bytes]) -> bytes:
    for place, piece in zip(places, pieces, strict=False):
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + place % 5 :]
    return content


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_input_does_no_harm(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(damaged(target)))
