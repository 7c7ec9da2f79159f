"""Who may send: one row for every way in which signs of life can stand to each other, written before the code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.lead import STALE_SECONDS, Self, Sign, State, Verdict, is_fresh, judge, may_open, next_term, read_sign

NOW = 1_800_000_000.0
HASH = "0123456789abcdef"
OLD, YOUNG = NOW - STALE_SECONDS - 1, NOW - STALE_SECONDS + 1


def sign(
    home: str = "there", term: int = 1, state: State = State.LEADS, *, at: float = YOUNG, seq: int = 10,
    ledger: str = "mine", message_id: int = 100,
) -> Sign:  # fmt: skip
    return Sign(ledger, home, term, seq, HASH, state, message_id, at)


def me(leads: Sign | None = None, *, entries: int = 10, agreed: float = 0.0) -> Self:
    return Self("mine", "here", leads, lambda seq, entry_hash: seq <= entries and entry_hash == HASH, agreed)


MINE = sign("here", 3, at=NOW)
TABLE = [
    ("nobody else", me(), [], Verdict.LEAD),
    ("our own earlier run on this machine", me(), [sign("here")], Verdict.LEAD),
    ("our own earlier run, with entries that we do not have", me(entries=9), [sign("here")], Verdict.OLDER),
    ("the same with other entries", me(), [replace(sign("here"), hash="f" * 16)], Verdict.OLDER),
    ("signed off since", me(entries=9, agreed=NOW), [sign("here")], Verdict.LEAD),
    ("another machine with our ledger, alive", me(), [sign()], Verdict.ALIVE),
    ("another machine with our ledger, silent", me(), [sign(at=OLD)], Verdict.LEAD),
    ("another machine with our ledger, stopped in order", me(), [sign(state=State.ENDED)], Verdict.LEAD),
    ("another machine with more of our ledger, alive", me(entries=9), [sign()], Verdict.OLDER),
    ("another machine with more of our ledger, silent", me(entries=9), [sign(at=OLD)], Verdict.OLDER),
    ("another machine with more, signed off, but alive", me(entries=9, agreed=NOW), [sign()], Verdict.ALIVE),
    ("another ledger, alive", me(), [sign(ledger="other")], Verdict.ALIVE),
    ("another ledger, silent", me(), [sign(ledger="other", at=OLD)], Verdict.OTHER),
    ("another ledger, stopped in order", me(), [sign(ledger="other", state=State.ENDED)], Verdict.OTHER),
    ("another ledger in the same place on this machine", me(), [sign("here", ledger="other")], Verdict.OTHER),
    ("another ledger, signed off since", me(agreed=NOW), [sign(ledger="other", at=OLD)], Verdict.LEAD),
    ("somebody who only stands by", me(), [sign(state=State.STANDS_BY, term=9)], Verdict.LEAD),
    ("a loser behind our earlier run", me(), [sign("here", 2), sign(term=1, seq=99)], Verdict.LEAD),
    ("a loser behind another leader", me(), [sign(term=2, at=OLD), sign("third", 1, seq=99)], Verdict.LEAD),
    ("we lead, alone", me(MINE), [MINE], Verdict.LEAD),
    ("we lead, a loser still shows", me(MINE), [MINE, sign(term=2)], Verdict.LEAD),
    ("we lead, somebody took over", me(MINE), [MINE, sign(term=4)], Verdict.LOST),
    ("we lead, somebody took over and stopped", me(MINE), [MINE, sign(term=4, state=State.ENDED)], Verdict.LOST),
    ("we lead, somebody asks to", me(MINE), [MINE, sign(term=9, state=State.STANDS_BY)], Verdict.LEAD),
    ("both began at once, ours is older", me(MINE), [MINE, sign(term=3, message_id=101)], Verdict.LEAD),
    ("both began at once, theirs is older", me(MINE), [MINE, sign(term=3, message_id=99)], Verdict.LOST),
    ("our sign was deleted", me(MINE), [], Verdict.LEAD),
]


@pytest.mark.parametrize(("case", "who", "signs", "verdict"), TABLE, ids=[row[0] for row in TABLE])
def test_the_signs_tell_who_may_send(case: str, who: Self, signs: list[Sign], verdict: Verdict) -> None:
    assert judge(who, signs, NOW).verdict is verdict
    assert judge(who, signs[::-1], NOW).verdict is verdict


def test_before_discord_s_time_is_known_every_sign_is_fresh() -> None:
    assert judge(me(), [sign(at=OLD)], None).verdict is Verdict.ALIVE
    assert is_fresh(sign(at=0.0), None)


def test_a_new_leader_waits_until_nobody_else_can_be_sending() -> None:
    loser = sign(term=1)
    assert not may_open("here", [MINE, loser], NOW)
    assert may_open("here", [MINE, replace(loser, at=OLD)], NOW)
    assert may_open("here", [MINE, replace(loser, state=State.STANDS_BY)], NOW)
    assert next_term([MINE, loser]) == 4
    assert next_term([]) == 1


SIGNS = st.builds(
    Sign,
    st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=8, max_size=8),
    st.text("0123456789abcdef", min_size=8, max_size=8),
    st.integers(0, 10**9),
    st.integers(1, 10**12),
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.sampled_from(State),
    st.integers(1, 2**63),
    st.floats(0, 4e9),
)


@given(SIGNS, st.text(max_size=40), st.text(max_size=40))
def test_a_sign_is_read_back_from_whatever_stands_around_it(one: Sign, before: str, after: str) -> None:
    assert read_sign(f"{before}\n{one.line}\n{after}", one.message_id, one.at) == one


@given(
    st.lists(
        SIGNS.map(lambda one: replace(one, state=State.LEADS)),
        min_size=2,
        max_size=5,
        unique_by=lambda s: (s.home, s.rank),
    )
)
def test_of_several_that_lead_exactly_one_goes_on(signs: list[Sign]) -> None:
    """Each judges what all can see; every one but the highest gives way."""
    homes = {one.home: one for one in sorted(signs, key=lambda one: one.rank)}
    going_on = [
        one
        for home, one in homes.items()
        if judge(Self(one.ledger, home, one, lambda seq, entry_hash: True), signs, 0.0).verdict is Verdict.LEAD
    ]
    assert len(going_on) == 1


def test_other_text_is_no_sign() -> None:
    assert read_sign("-# ledger `x` · machine", 1, 1.0) is None
