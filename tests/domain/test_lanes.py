"""Lanes: what an answer or a look at their places says, as tables written before the code; and how they are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain import places
from bot.domain.lanes import Course, Lane, LaneKind, Passage, compare
from bot.domain.model import Destination, Programme, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.probing import Leg, Purse
from bot.domain.proving import awards_per_call, objection
from bot.domain.ring import Step
from bot.domain.shown import NOTHING_SHOWN, Shown

A, B, C = (Purse(letter * 24, "e" * 24) for letter in "abc")
RING = Lane(1, LaneKind.RING, (A, B, C), (1, 0, 0), (0.0, 0.0, 0.0))
WITNESS = Lane(2, LaneKind.WITNESS, (A,), (7,), (0.0,))
TWINS = Lane(3, LaneKind.TWINS, (A, B), (7, 3), (0.0, 0.0))
LOST, REFUSED = {"lost": 1, "dead_at": 100.0}, {"lost": 1, "dead_at": 100.0, "refused": True}
EARLY, LATE = 50.0, 150.0

LOOKS = [
    # lane, sends so far, places as read, when -> what follows
    (RING, LOST, (0, 1, 0), EARLY, Step.AGAIN),  # as it may have been some calls ago: a read can lag
    (RING, LOST, (0, 1, 0), LATE, Step.APPLIED),
    (RING, LOST, (1, 0, 0), EARLY, Step.AGAIN),
    (RING, LOST, (1, 0, 0), LATE, Step.GONE),
    (RING, REFUSED, (1, 0, 0), EARLY, Step.WAIT),
    (RING, REFUSED, (1, 0, 0), LATE, Step.REFUSED),
    (RING, REFUSED, (0, 1, 0), EARLY, Step.WAIT),
    (RING, REFUSED, (0, 1, 0), LATE, Step.APPLIED),
    (RING, LOST, (0, 0, 1), EARLY, Step.DISTURBED),
    (RING, LOST, (1, 0, 1), EARLY, Step.DISTURBED),
    (RING, LOST, (0, 2, 0), EARLY, Step.DISTURBED),
    (RING, LOST, (None, 1, 0), EARLY, Step.LOOK),
    (RING, {"refused": True}, (1, 0, 0), EARLY, Step.REFUSED),
    (RING, {"refused": True}, (0, 1, 0), EARLY, Step.DISTURBED),  # nothing was lost: somebody else moved it
    (WITNESS, LOST, (8,), EARLY, Step.APPLIED),
    (WITNESS, LOST, (7,), EARLY, Step.WAIT),
    (WITNESS, LOST, (7,), LATE, Step.GONE),
    (WITNESS, REFUSED, (7,), LATE, Step.REFUSED),
    (WITNESS, LOST, (9,), LATE, Step.DISTURBED),
    (WITNESS, LOST, (6,), LATE, Step.DISTURBED),
    (WITNESS, LOST, (None,), LATE, Step.LOOK),
    (WITNESS, {}, (8,), LATE, Step.DISTURBED),
    (TWINS, LOST, (8, 4), EARLY, Step.APPLIED),
    (TWINS, LOST, (7, 3), EARLY, Step.WAIT),
    (TWINS, LOST, (7, 3), LATE, Step.GONE),
    (TWINS, LOST, (8, 3), EARLY, Step.WAIT),
    (TWINS, LOST, (8, 3), LATE, Step.PARTLY),
    (TWINS, LOST, (7, 4), LATE, Step.DISTURBED),  # the last row without the first
    (TWINS, LOST, (9, 5), LATE, Step.DISTURBED),
]


@pytest.mark.parametrize(("lane", "sends", "seen", "began", "step"), LOOKS)
def test_what_a_look_says(lane: Lane, sends: dict[str, float], seen: tuple[int | None, ...], began: float, step: Step):
    assert Passage(lane, **sends).looked(seen, began) is step  # type: ignore[arg-type] # a table of the test


@pytest.mark.parametrize(
    ("seen", "began", "step"),
    [
        ((7, 3), EARLY, Step.WAIT),
        ((7, 3), LATE, Step.PARTLY),
        ((8, 3), LATE, Step.PARTLY),
        ((7, 4), LATE, Step.PARTLY),
        ((8, 4), EARLY, Step.WAIT),  # others of its rows may be worked off after both
        ((8, 4), LATE, Step.PARTLY),
        ((9, 4), EARLY, Step.DISTURBED),
    ],
)
def test_what_a_look_at_twins_says_where_rows_have_no_order(seen: tuple[int, ...], began: float, step: Step):
    assert Passage(TWINS, lost=1, dead_at=100.0).looked(seen, began, in_order=False) is step


@pytest.mark.parametrize(
    ("sends", "seen", "step"),
    [
        (REFUSED, (0, 1, 0), Step.APPLIED),  # the service says so itself
        (REFUSED, (1, 0, 0), Step.WAIT),  # it says so, and the read lags
        ({"refused": True}, (0, 1, 0), Step.DISTURBED),
    ],
)
def test_a_point_that_the_answer_calls_spent_may_be_believed_to_have_moved_on(
    sends: dict[str, float], seen: tuple[int, ...], step: Step
):
    assert Passage(RING, **sends).looked(seen, EARLY, spent=True) is step  # type: ignore[arg-type] # as above


def test_order_says_nothing_about_other_lanes():
    assert Passage(WITNESS, lost=1, dead_at=100.0).looked((8,), EARLY, in_order=False) is Step.APPLIED


@pytest.mark.parametrize(
    ("lane", "told", "step"),
    [
        (RING, (0, 1), Step.APPLIED),
        (RING, (0, 2), Step.DISTURBED),
        (RING, (-1, 1), Step.DISTURBED),
        (RING, (None, 1), Step.LOOK),
        (RING, (), Step.LOOK),
        (WITNESS, (8,), Step.APPLIED),
        (WITNESS, (9,), Step.DISTURBED),
        (TWINS, (8, 4), Step.APPLIED),
        (TWINS, (8, None), Step.LOOK),
    ],
)
def test_what_an_answer_says(lane: Lane, told: tuple[int | None, ...], step: Step):
    assert Passage(lane).told(told) is step


def test_the_rows_of_a_call_and_what_they_leave():
    assert RING.legs == (Leg(A, -1), Leg(B, 1))
    assert Passage(RING, **LOST).end(Step.APPLIED) == replace(RING, held=(0, 1, 0), dead_at=(100.0, 0.0, 0.0))
    assert Passage(RING, **LOST).end(Step.GONE) == replace(RING, dead_at=(100.0, 0.0, 0.0))
    assert WITNESS.legs == (Leg(A, 1),)
    assert Passage(WITNESS).end(Step.APPLIED).held == (8,)
    assert Passage(TWINS).end(Step.APPLIED).held == (8, 4)
    assert Passage(TWINS).end(Step.PARTLY, (8, None)).held == (8, 3)
    with pytest.raises(ValueError, match="does not end a call"):
        Passage(RING).end(Step.WAIT)


def test_a_ring_waits_for_the_place_that_gets_the_point():
    waiting = replace(RING, dead_at=(50.0, 100.0, 0.0))
    assert waiting.starts_at == 100.0
    assert WITNESS.starts_at == 0.0


@pytest.mark.parametrize("held", [(0, 0, 0), (1, 1, 0), (2, 0, 0)])
def test_a_ring_has_exactly_one_point(held: tuple[int, ...]):
    with pytest.raises(ValueError, match="exactly one point"):
        _ = replace(RING, held=held).ring


@pytest.mark.parametrize(
    ("lane", "on_it", "seen", "well"),
    [
        (RING, False, (1, 0, 0), True),
        (RING, False, (0, 1, 0), False),
        (RING, True, (0, 1, 0), True),
        (RING, True, (0, 0, 1), False),
        (RING, False, (None, 1, 0), True),  # nothing is proved by what cannot be read
        (TWINS, True, (8, 3), True),
        (TWINS, True, (7, 4), False),
    ],
)
def test_whether_a_lane_is_where_the_ledger_expects_it(
    lane: Lane, on_it: bool, seen: tuple[int | None, ...], well: bool
):
    assert (compare(lane, lane.legs if on_it else (), seen) is None) is well


GOLD, GEMS = "1" * 24, "2" * 24
NOBODY_SKIPPED = {"unknown-member": "refused-whole"}
WHOLE = {"overdraft": "refused-whole", "overdraft-mixed": "refused-whole", **NOBODY_SKIPPED}


def course(kind: LaneKind, *currencies: str) -> Course:
    return Course(kind, tuple(Purse(f"{number:024x}", one) for number, one in enumerate(currencies)))


@pytest.mark.parametrize(
    ("named", "known", "may"),
    [
        (course(LaneKind.RING, GOLD, GOLD), {}, False),
        (course(LaneKind.RING, GOLD, GOLD), {"overdraft": "refused-whole", **NOBODY_SKIPPED}, True),
        (course(LaneKind.RING, GOLD, GOLD), {"overdraft": "refused-whole"}, False),
        (course(LaneKind.RING, GOLD, GOLD), {**WHOLE, "unknown-member": "created"}, True),
        (course(LaneKind.RING, GOLD, GOLD), {**WHOLE, "unknown-member": "skipped"}, False),
        (course(LaneKind.RING, GOLD, GOLD), {**WHOLE, "unknown-member": "refused-otherwise"}, False),
        (course(LaneKind.RING, GOLD, GOLD), {**WHOLE, "overdraft": "refused-otherwise"}, False),
        (course(LaneKind.RING, GEMS, GEMS), {"overdraft": "refused-whole", **NOBODY_SKIPPED}, False),
        (course(LaneKind.RING, GEMS, GEMS), {"overdraft-mixed": "refused-whole", **NOBODY_SKIPPED}, True),
        (course(LaneKind.RING, GOLD, GEMS), {"overdraft-mixed": "refused-whole", **NOBODY_SKIPPED}, False),
        (course(LaneKind.RING, GOLD, GEMS), WHOLE, True),
        (course(LaneKind.RING, GOLD, GEMS), {**WHOLE, "new-balance": "absent"}, True),
        (course(LaneKind.RING, GOLD, GEMS), {**WHOLE, "new-balance": "before"}, False),
        (course(LaneKind.RING, GOLD, GOLD), {"overdraft": "allowed"}, False),
        (course(LaneKind.WITNESS, GEMS), {}, True),
        (course(LaneKind.WITNESS, GEMS), {"overdraft": "allowed"}, True),
        (course(LaneKind.WITNESS, GEMS), {"overdraft-mixed": "refused-row"}, False),
        (course(LaneKind.WITNESS, GEMS), {"overdraft": "capped"}, False),
        (course(LaneKind.WITNESS, GEMS), {"unknown-member": "skipped"}, False),
        (course(LaneKind.WITNESS, GEMS), {"new-balance": "before"}, False),
        (course(LaneKind.TWINS, GOLD, GOLD), {}, False),
        (course(LaneKind.TWINS, GOLD, GOLD), {"order": "not-given"}, False),
        (course(LaneKind.TWINS, GOLD, GOLD), {"order": "given"}, True),
    ],
)
def test_what_the_probe_has_to_have_shown(named: Course, known: dict[str, str], may: bool):
    assert (objection(named, GOLD, known) is None) is may


@pytest.mark.parametrize(
    ("kind", "size", "lane", "awards"),
    [
        (ProviderKind.DRIP_MEMBERS, 100, None, 100),
        (ProviderKind.DRIP_MEMBERS, 100, LaneKind.RING, 98),
        (ProviderKind.DRIP_MEMBERS, 100, LaneKind.WITNESS, 99),
        (ProviderKind.DRIP_MEMBERS, 40, LaneKind.RING, 40),
        (ProviderKind.DRIP_CREDENTIALS, 100, LaneKind.TWINS, 98),
        (ProviderKind.DRIP_CREDENTIALS, 2, LaneKind.TWINS, 1),
    ],
)
def test_how_many_awards_fit_beside_the_rows(kind: ProviderKind, size: int, lane: LaneKind | None, awards: int):
    programme = Programme("x", Destination(kind, "r", GOLD, Unit.POINTS, None), size)
    assert awards_per_call(programme, lane, NOTHING_SHOWN) == awards
    halves = Shown({"overdraft-mixed": "refused-row"})
    assert awards_per_call(programme, lane, halves) == (1 if kind is ProviderKind.DRIP_MEMBERS else awards)


X, Y = "a" * 24, "B" * 24


def test_places_as_they_are_written():
    assert places.rings(f"{X},{Y}:{GEMS} ; {X}:{GEMS},{Y}", GOLD) == (
        Course(LaneKind.RING, (Purse(X, GOLD), Purse(Y.lower(), GEMS))),
        Course(LaneKind.RING, (Purse(X, GEMS), Purse(Y.lower(), GOLD))),
    )
    assert places.witnesses(f"{X}", GOLD) == (Course(LaneKind.WITNESS, (Purse(X, GOLD),)),)
    (pair,) = places.twins("custom:bursar:a,email:a@example.org", GOLD)
    assert [place.holder for place in pair.places] == ["custom:bursar:a", "email:a@example.org"]
    assert places.credential("custom:us:a:b") == Recipient(RecipientType.CUSTOM, "a:b", "us")


@pytest.mark.parametrize(
    "text", [X, f"{X},{X}", f"{X},{X.upper()}", "", ";", f"{X},nobody", f"{X},{Y}:gems", f"{X},{Y}:"]
)
def test_what_is_no_ring(text: str):
    with pytest.raises(ValueError, match=r"ring|place"):
        places.rings(text, GOLD)


def test_a_place_without_a_currency_needs_the_programmes():
    with pytest.raises(ValueError, match="currency"):
        places.rings(f"{X},{Y}", None)
    assert places.rings(f"{X}:{GOLD},{Y}:{GEMS}", None)
    with pytest.raises(ValueError, match="currency"):
        places.twins("email:a@x.org,email:b@x.org", None)


@pytest.mark.parametrize("text", ["email:a@x.org", "email:a@x.org,drip-id:1", "custom::a,custom:b:c", "a,b"])
def test_what_are_no_twins(text: str):
    with pytest.raises(ValueError, match=r"twins|TYPE"):
        places.twins(text, GOLD)
